"""The table of commands."""

from __future__ import annotations

from mfakit.cli.options import (
    Command,
    Option,
    Verb,
    command_line,
    duration,
    flag,
    interval,
    notify_target,
    port,
    user_name,
    value,
    verb_option,
)


def _profile(text: str) -> Option:
    return Option("-p", "--profile", metavar="NAME", help=text)


_PROFILE = _profile(
    "the session profile; else MFAKIT_PROFILE, else what AWS_PROFILE leads to, else mfa"
)

_SOURCE_PROFILE = value(
    "--source-profile", "NAME", "the profile with the long-term credentials; by default `default`"
)
_SERIAL_NUMBER = value(
    "--serial-number",
    "ARN",
    "the MFA device; else mfa_serial of the AWS config, else your only device",
)
_TOKEN_COMMAND = value(
    "--token-command",
    "COMMAND",
    "a command that prints the six digits, run without a shell; else mfakit_token_command"
    " of the AWS config",
)


def _shell(*more: str) -> Option:
    from mfakit.environment import FORMATS, SHELLS, shell_kind

    return Option(
        "--shell",
        type=shell_kind,
        choices=("auto", *SHELLS, "bash", "zsh", "ksh", "dash", "pwsh", *FORMATS, *more),
        default="auto",
        help="the shell to write for, or a format for programs; by default the shell that"
        " runs mfakit",
    )


_POLICIES = (
    value(
        "--policy",
        "FILE",
        "a session policy, as JSON: the role's session may do no more than it allows",
    ),
    value(
        "--policy-arn",
        "ARN",
        "a managed policy that limits it likewise, such as"
        " arn:aws:iam::aws:policy/ReadOnlyAccess (several times)",
        action="append",
    ),
)
_ROLE = (
    value(
        "--role-arn",
        "ARN",
        "hand on a session of this role, assumed from the profile's session without a code,"
        " each time for an hour",
    ),
    *_POLICIES,
)
_WARN = value(
    "--warn",
    "TIME",
    "call a session due when less than this is left; by default 30m, or a quarter of a"
    " shorter session",
    type=duration,
)
_ON_EXPIRING = value(
    "--on-expiring",
    "COMMAND",
    "run this, without a shell, once when a session is due and once when it has ended, with"
    " MFAKIT_PROFILE, MFAKIT_STATE and MFAKIT_EXPIRATION",
    type=command_line,
)


def _checking(*targets: str) -> tuple[Option, ...]:
    """Return the options of `check` that `schedule install` takes, too, and passes on."""
    desktop = "desktop (experimental on macOS and Windows)"
    return (
        flag(
            "--include-caches",
            "where all sessions are checked, count the caches of the AWS CLI and SDKs, too",
        ),
        _WARN,
        Option(
            "--format",
            choices=("text", "json", "openmetrics", "nagios"),
            default="text",
            help="by default text; openmetrics has only the sessions that count; nagios is one"
            " line with performance data",
        ),
        value(
            "--key-age",
            "TIME",
            "look at the age of the long-term key, too, or of all with --all: exit code 1 if"
            " one is older than this, such as 90d, or the key before it should be deleted",
            type=duration,
        ),
        value(
            "--output",
            "FILE",
            "write the report to this file, whole or not at all, readable by all users, such"
            " as node_exporter",
        ),
        value(
            "--notify",
            "TARGET",
            "notify when a session is due and when it has ended, once each: "
            + ", or ".join((desktop, "a tag of apprise's own config file", *targets))
            + " (several times)",
            action="append",
            type=notify_target,
        ),
        _ON_EXPIRING,
        flag(
            "--renew",
            "renew what is due by the profile's token command, without a person; of all"
            " sessions only those that mfakit has made",
        ),
        flag(
            "--prompt",
            "renew what is still due by asking for the code in a dialog: pinentry, else the"
            " platform's own, which is experimental on macOS and Windows; after a no the same"
            " session is not asked for again",
        ),
        value(
            "--prompt-timeout",
            "TIME",
            "how long a dialog waits for an answer, by default 2m",
            type=duration,
        ),
    )


_DEVICE_VERBS = (
    Verb("add", "enrol an authenticator app as a new device, and log in", "mfakit devices add"),
    Verb(
        "resync",
        "let AWS adopt the time of a device whose clock is off",
        "mfakit devices resync alice",
    ),
    Verb(
        "remove", "take a device from its user and delete it", "mfakit devices remove alice-phone"
    ),
)
_KEY_VERBS = (
    Verb("import", "put a key into the keychain", "mfakit keys import --from-csv FILE"),
    Verb("export", "write it back into the credentials file", "mfakit keys export"),
    Verb("rotate", "replace it by a new one", "mfakit keys rotate --source-profile work"),
    Verb("remove", "delete it from the keychain", "mfakit keys remove --source-profile work"),
)
_SCHEDULE_VERBS = (
    Verb("install", "install the check", "mfakit schedule install --every 5m --notify desktop"),
    Verb("show", "show what is installed", "mfakit schedule show"),
    Verb("remove", "remove it", "mfakit schedule remove"),
)
_POLICY_VERBS = (
    Verb(
        "require-mfa",
        "for users: nothing without MFA but what gets a session",
        "mfakit policy require-mfa --format terraform",
    ),
    Verb(
        "max-age",
        "for actions that need a fresh code",
        "mfakit policy max-age --max-age 1h --action ec2:TerminateInstances",
    ),
    Verb(
        "role-trust",
        "for a role: who may assume it, with MFA",
        "mfakit policy role-trust --principal arn:aws:iam::123456789012:root",
    ),
    Verb("bucket", "for a bucket", "mfakit policy bucket --bucket reports"),
    Verb(
        "check",
        "exit with 0 only if it is shown that no long-term key gets in",
        "mfakit policy check policy.json",
    ),
)

_TABLE = (
    Command(
        "login",
        "exchange a code for a session and keep it",
        "mfakit login --duration 8h",
        lambda: (
            _PROFILE,
            _SOURCE_PROFILE,
            _SERIAL_NUMBER,
            value(
                "--token-code",
                "CODE",
                "the six digits, or - to read them from standard input; without it they are"
                " asked for on the terminal (an argument can be seen by other users of the"
                " machine while the command runs)",
            ),
            _TOKEN_COMMAND,
            value(
                "--role-arn",
                "ARN",
                "get a session of this role; without a code if the source profile holds a"
                " live MFA session, for one hour at most then",
            ),
            value("--role-session-name", "NAME", "its name; by default mfakit"),
            value("--external-id", "ID", "what the role's trust policy asks for"),
            value("--source-identity", "NAME", "the user that AWS records for it"),
            value("--tag", "KEY=VALUE", "a session tag (several times)", action="append"),
            *_POLICIES,
            value(
                "--duration",
                "TIME",
                "how long the session lasts: 15m to 36h, by default 12h; of a role 15m to"
                " 12h, by default as AWS has it",
                type=duration,
            ),
            value(
                "--min-remaining",
                "TIME",
                "keep the existing session if it lasts at least that long",
                type=duration,
            ),
            flag(
                "--prompt",
                "ask for the code in a dialog instead of the terminal: pinentry, else the"
                " platform's own, which is experimental on macOS and Windows",
            ),
            flag("--force", "renew even a session that could be kept"),
            value(
                "--from-json",
                "FILE",
                "take the session from this file, the output of `aws sts get-session-token`;"
                " - reads it from standard input",
            ),
            flag(
                "--online",
                "with --from-json: ask AWS first whose the session is, and if it carries MFA",
            ),
            flag("--json", "print the result as JSON"),
        ),
    ),
    Command(
        "devices",
        "list, enrol, resynchronise and remove MFA devices",
        "mfakit devices add",
        lambda: (
            verb_option("action", _DEVICE_VERBS, ". Without it, list the devices"),
            Option(
                "name",
                nargs="?",
                help="the device, by its name or serial number; for a new one by default the"
                " user's own name, else the only device",
            ),
            _PROFILE,
            _SOURCE_PROFILE,
            value(
                "--user",
                "NAME",
                "the list, resync, remove: another user's devices, for an administrator",
                type=user_name,
            ),
            value(
                "--png", "FILE", "add: write the QR code to this new file, which only you can read"
            ),
            flag(
                "--show-seed",
                "add: show the seed on the terminal as letters, to be typed into the app",
            ),
            value(
                "--seed-to",
                "COMMAND",
                "add: hand the otpauth URI to this command on standard input, without a"
                " shell, such as `pass otp insert -f aws/alice`",
                type=command_line,
            ),
            flag("--last", "remove: even the last device"),
        ),
        verbs=_DEVICE_VERBS,
    ),
    Command(
        "keys",
        "list, move to the keychain and rotate long-term keys",
        "mfakit keys rotate --source-profile work",
        lambda: (
            verb_option("action", _KEY_VERBS, ". Without it, list all keys"),
            value(
                "--source-profile",
                "NAME",
                "the profile with the long-term key; by default `default`, or all in the list",
            ),
            _profile("rotate: the session profile to log in to, if IAM wants MFA"),
            flag(
                "--online", "in the list: ask AWS when each key of the user was made and used last"
            ),
            value(
                "--from-csv",
                "FILE",
                "import: the key is in this file, as the AWS console hands it out; - reads"
                " standard input",
            ),
            Option(
                "--plain-use",
                choices=("none", "process"),
                default="none",
                help="import: what AWS tools find in the profile afterwards: no key, so that they"
                " work with the session profile alone (none), or the key, through mfakit (process)",
            ),
            Option(
                "--format",
                choices=("process",),
                help="export: change nothing, and print the key as credential_process of the AWS"
                " config",
            ),
            value(
                "--delete-after",
                "TIME",
                "rotate: when the old key may be deleted, which the next `mfakit keys` does;"
                " by default 7d, 0 at once",
                type=duration,
            ),
            flag("--undo", "rotate: go back to the old key"),
            flag("--yes", "rotate, remove: do not ask"),
        ),
        verbs=_KEY_VERBS,
    ),
    Command(
        "configure",
        "write the settings of every login to the AWS config",
        "mfakit configure --profile mfa",
        lambda: (
            _PROFILE,
            _SOURCE_PROFILE,
            _SERIAL_NUMBER,
            _TOKEN_COMMAND,
            value("--duration", "TIME", "how long sessions last, such as 8h"),
            value("--region", "NAME", "the region that AWS tools work in with the session"),
            flag(
                "--credential-process",
                "let SDKs ask mfakit for the session, so that it is renewed automatically",
            ),
            value(
                "--role-profile",
                "NAME",
                "only let this profile assume its role with the session, so that one login"
                " is enough for it, too (several times)",
                action="append",
            ),
            flag(
                "--undo",
                "undo the last configure of the session profile, and the region that a"
                " login wrote, where they still stand as written; again, the one before that",
            ),
        ),
    ),
    Command(
        "logout",
        "remove the session from its profile",
        "mfakit logout --profile mfa",
        lambda: (_PROFILE,),
        run_by="login.logout",
    ),
    Command(
        "env",
        "print the session as environment variables",
        'eval "$(mfakit env)"',
        lambda: (
            _PROFILE,
            _shell("github"),
            flag("--unset", "print the statements that unset them"),
            value(
                "--from-json",
                "FILE",
                "print the session in this file, the output of `aws sts get-session-token`; -"
                " reads it from standard input",
            ),
        ),
    ),
    Command(
        "exec",
        "run a command with the session in its environment",
        "mfakit exec --min-remaining 1h -- terraform apply",
        lambda: (
            _PROFILE,
            value(
                "--min-remaining",
                "TIME",
                "renew first if the session would end earlier than this",
                type=duration,
            ),
            *_ROLE,
            flag(
                "--serve",
                "give the command no keys, but the URL of an endpoint that hands the session"
                " out and renews it as long as the command runs, by a token command or a window",
            ),
            Option(
                "command",
                metavar="-- COMMAND",
                nargs="...",
                help="the command to run; its exit code is passed on (125: mfakit failed, 126: it"
                " cannot be run, 127: there is no such program)",
            ),
        ),
        error_exit_code=125,
    ),
    Command(
        "serve",
        "serve the session to programs elsewhere, and renew it",
        "mfakit serve --port 9911 --token-file ~/.mfakit-token",
        lambda: (
            _PROFILE,
            value(
                "--port", "N", "the port on loopback; by default a free one", type=port, default=0
            ),
            value(
                "--token-file",
                "FILE",
                "write the token to this file, which only you can read and which goes with"
                " the server; else it is among the lines on standard output",
            ),
            _shell(),
            *_ROLE,
        ),
    ),
    Command(
        "credential-process",
        "print the session for SDKs, as JSON",
        "credential_process = mfakit credential-process --profile mfa",
        lambda: (_PROFILE, *_ROLE),
        run_by="exec.credential_process",
    ),
    Command(
        "console",
        "sign in to the AWS console with the session of a role",
        "mfakit console --role-arn arn:aws:iam::123456789012:role/admin",
        lambda: (
            _PROFILE,
            value(
                "--role-arn",
                "ARN",
                "the role, assumed from the profile's session: the console takes no session of"
                " a user",
            ),
            *_POLICIES,
            value("--service", "NAME", "the page to open, as in its URL: s3, ec2"),
            value("--region", "NAME", "its region; by default the profile's"),
            value(
                "--duration",
                "TIME",
                "how long the role's session lasts, and the console's with it: 15m to 1h, by"
                " default 1h",
                type=duration,
            ),
            flag("--open", "open the link in a browser, and print nothing"),
        ),
        run_by="serve.console",
    ),
    Command(
        "check",
        "tell by the exit code: valid 0, due 1, expired 2, else 3",
        "mfakit check --warn 1h || mfakit login",
        lambda: (
            _PROFILE,
            flag(
                "--all",
                "every session on this machine; the exit code is of the worst, for which an"
                " unknown end is worse than a valid session, and better than one that is due",
            ),
            value(
                "--from-json",
                "FILE",
                "check the session in this file, the output of `aws sts get-session-token`;"
                " - reads it from standard input",
            ),
            *_checking("env (apprise URLs in MFAKIT_NOTIFY)", "- (URLs on standard input)"),
        ),
        error_exit_code=3,
    ),
    Command(
        "status",
        "show every session here, and how long it lasts",
        "mfakit status --watch",
        lambda: (
            _profile("this one alone; by default all, and with --short the one that `check` means"),
            _WARN,
            flag("--watch", "keep them in view, until Ctrl-C"),
            flag(
                "--plain",
                "print a sentence for each, as where there is no terminal; with --watch a new"
                " line for each change",
            ),
            flag(
                "--short",
                "for prompts and status bars: `mfa 3h12m`, `mfa 12m!` when it is due, `mfa"
                " expired`, `mfa ?`; without a session nothing, and exit code 3",
            ),
        ),
    ),
    Command(
        "schedule",
        "run the check every few minutes, and notify in time",
        "mfakit schedule install --every 5m --notify desktop",
        lambda: (
            verb_option("action", _SCHEDULE_VERBS),
            value("--every", "TIME", "how often: 1m to 1d; by default 5m", type=interval),
            Option(
                "--using",
                choices=("cron", "systemd", "launchd", "schtasks"),
                help="the scheduler; by default the first that is here of launchd, schtasks,"
                " systemd (its user manager) and cron; launchd and schtasks are experimental, not"
                " tried on macOS and Windows",
            ),
            flag("--dry-run", "change nothing; print what would be written"),
            value(
                "--python",
                "FILE",
                "with --dry-run: print it for other machines, on which mfakit is installed"
                " with this Python; the same for each of their users",
            ),
            flag(
                "--print-script",
                "print a script for cron that needs neither mfakit nor Python: sh, date and awk",
            ),
            _profile("check this session profile alone; by default every session of this machine"),
            *_checking(),
        ),
        verbs=_SCHEDULE_VERBS,
        run_by="scheduled.run",
    ),
    Command(
        "explain",
        "show which credentials AWS tools use, and what is wrong",
        "mfakit explain --profile work",
        lambda: (
            _profile("the value of `aws --profile`; by default the profile of the environment"),
            Option(
                "--sdk",
                choices=("boto3", "cli", "js"),
                default="boto3",
                help="whose order of precedence: boto3, the AWS CLI (version 2), or the SDK for"
                " JavaScript; by default boto3",
            ),
            value(
                "--env-file",
                "FILE",
                "explain the environment in this file, as `env` or `env -0` prints it, in"
                " place of your own; - reads it from standard input",
            ),
            flag(
                "--online",
                "ask AWS whose the credentials are, if a session carries MFA, and what time it"
                " is; else nothing is sent",
            ),
            flag("--json", "print it as JSON"),
        ),
    ),
    Command(
        "policy",
        "make IAM policies that require MFA, or check them",
        "mfakit policy require-mfa --format terraform",
        lambda: (
            verb_option("what", _POLICY_VERBS),
            Option(
                "file",
                nargs="*",
                default=(),
                help="check: the policy as JSON, or all policies of a user; - reads standard input",
            ),
            Option(
                "--format",
                choices=("json", "cloudformation", "terraform"),
                help="of the policy that is made; by default json",
            ),
            value(
                "--max-age",
                "TIME",
                "how old the code may be: 1m to 36h; by default as old as the session",
                type=duration,
            ),
            value(
                "--action",
                "NAME",
                "max-age: what needs a fresh code, such as ec2:TerminateInstances; check: what"
                " is asked about, by default everything (several times)",
                action="append",
            ),
            value(
                "--resource",
                "ARN",
                "what that is done to; by default anything (several times)",
                action="append",
            ),
            value(
                "--exempt-action",
                "NAME",
                "require-mfa, bucket: what is not denied without MFA; check: what may be"
                " allowed without, beside what it takes to get a session (several times)",
                action="append",
            ),
            flag(
                "--allow-service-calls",
                "require-mfa: do not deny what a service calls for a user, such as Lambda code"
                " from S3: such calls were reported to carry no MFA",
            ),
            flag(
                "--whole",
                "check: the policies are all that the user has; else those that deny have to"
                " hold beside others that allow everything",
            ),
            value(
                "--principal",
                "ARN",
                "role-trust: who may assume the role, users or accounts; bucket: the users who"
                " need MFA, by default everyone but roles and AWS services: they never carry MFA,"
                " so that a Deny with BoolIfExists for everyone would lock all of them out"
                " (several times)",
                action="append",
            ),
            value("--bucket", "NAME", "bucket: its name"),
            value("--partition", "NAME", "aws (the default), aws-cn, aws-us-gov"),
            flag("--json", "check: say it as JSON"),
        ),
        verbs=_POLICY_VERBS,
    ),
    Command(
        "simulate",
        "serve an AWS simulator that checks MFA, on loopback",
        "mfakit simulate --user alice --require-mfa",
        lambda: (
            value("--port", "N", "the port; by default a free one", type=port, default=0),
            value(
                "--user",
                "NAME",
                "make this user, with an access key and an MFA device (several times; by"
                " default alice)",
                type=user_name,
                action="append",
            ),
            value(
                "--user-without-device",
                "NAME",
                "make this user, with an access key alone: a new one, who types mfakit devices"
                " add (several times)",
                type=user_name,
                action="append",
            ),
            value(
                "--region",
                "NAME",
                "the account's region, such as us-gov-west-1 or cn-north-1 for an account of"
                " GovCloud or China; by default us-east-1",
                default="us-east-1",
            ),
            value(
                "--seed-file",
                "FILE",
                "keep the users, their keys and their devices in this file for the next start;"
                " by default all are new each time",
            ),
            value(
                "--scp",
                "FILE",
                "a service control policy, as JSON: what the account's organization allows it"
                " (several times); where all of them only deny, the rest is allowed",
                action="append",
            ),
            flag(
                "--require-mfa",
                "its users may do nothing without MFA but get a session and manage their"
                " own device",
            ),
            flag("--json", "print all of it in one line of JSON"),
        ),
    ),
    Command(
        "demo",
        "show the main job in a minute; your files stay untouched",
        "mfakit demo",
        lambda: (),
    ),
    Command(
        "completion",
        "print what a shell needs to complete command lines",
        'eval "$(mfakit completion bash)"',
        lambda: (
            Option(
                "shell",
                nargs="?",
                choices=("bash", "zsh", "fish"),
                help='the shell: eval "$(mfakit completion bash)" in .bashrc, or zsh in .zshrc'
                " behind compinit; mfakit completion fish | source in config.fish",
            ),
            Option(
                "--profiles",
                choices=("session", "long-term", "all"),
                help="print the names of profiles, a line for each: what the shell asks for",
            ),
        ),
        run_by="parser.complete",
    ),
)

COMMANDS = {command.name: command for command in _TABLE}

# As `mfakit --help` shows them: by what one wants to do.
GROUPS = {
    "Get in": ("login", "logout"),
    "Hand it on": ("env", "exec", "serve", "console"),
    "Know when it ends": ("status", "check", "schedule"),
    "Look after": ("devices", "keys"),
    "Set up and understand": ("configure", "explain", "policy"),
    "Try and test": ("demo", "simulate"),
    "Called by other programs": ("credential-process", "completion"),
}
