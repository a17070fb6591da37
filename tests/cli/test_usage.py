"""Help, wrong usage and broken output."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from mfakit.cli.commands import COMMANDS
from mfakit.cli.status import standing
from mfakit.profiles.aws_files import AWSFiles

pytestmark = pytest.mark.pythons


def test_mfakit_alone_says_what_to_do_next(home) -> None:
    done = home.mfakit()
    assert done.returncode == 0
    assert "\nnext: " in done.stdout
    assert "mfakit --help" in done.stdout


NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_TERM = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n"
SESSION = (
    "[{}]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
    "expiration = {}\n"
)
EXPIRING = SESSION.format("mfa", "2026-11-22T12:05:00Z")
EXPIRED = SESSION.format("mfa", "2026-11-22T11:00:00Z")


@pytest.mark.parametrize(
    ("credentials", "profile", "stands", "step"),
    [
        ("", None, "no session yet, and no access key", "aws configure"),
        (LONG_TERM, None, "mfa: no session yet", "mfakit login"),
        (LONG_TERM, "work", "work: no session yet", "mfakit login --profile work"),
        (
            SESSION.format("mfa", "2026-11-22T18:00:00Z"),
            None,
            "mfa: valid, ends in 6h",
            "aws s3 ls",
        ),
        (LONG_TERM + EXPIRING, None, "mfa: expiring", "mfakit login"),
        (LONG_TERM + EXPIRED, None, "mfa: expired", "mfakit login"),
        (LONG_TERM + SESSION.format("mfa", "soon"), None, "mfa: unknown", "mfakit login"),
        (EXPIRED, None, "mfa: expired", "renew it with the program that made it"),
        (
            SESSION.format("default", "soon"),
            None,
            "the keys in the profile 'default' make none",
            "aws configure --profile long-term",
        ),
        ("nonsense\n", None, "there is no section above this line", "mend that line"),
    ],
)
def test_mfakit_alone_shows_the_state_and_the_next_step(
    home, credentials, profile, stands, step
) -> None:
    """The step is on a line without a comment, since zsh's prompt takes none."""
    home.write_credentials(credentials)
    (home.folder / "aws").symlink_to("/bin/true")
    environ = home.environ | {"PATH": str(home.folder)}
    environ |= {"MFAKIT_PROFILE": profile} if profile else {}
    first, second, *_ = standing(AWSFiles(environ), NOW)
    assert stands in first
    assert second.startswith(f"next: {step}")
    assert "#" not in second


def test_mfakit_alone_takes_the_keys_that_a_login_would_take(home) -> None:
    """They may be those that AWS_PROFILE leads to, or a program's."""
    home.write_credentials(LONG_TERM.replace("default", "work"))
    home.write_config("[profile prod]\nrole_arn = r\nsource_profile = work\n")
    first, second, *_ = standing(AWSFiles(home.environ | {"AWS_PROFILE": "prod"}), NOW)
    assert (first, second) == ("work-mfa: no session yet", "next: mfakit login --profile work-mfa")
    home.write_config("[default]\ncredential_process = true\n")
    assert standing(AWSFiles(home.environ), NOW)[1] == "next: mfakit login"


@pytest.mark.parametrize("default", ["", SESSION.format("default", "soon")])
def test_mfakit_alone_names_another_profile_with_keys(home, default: str) -> None:
    """`aws configure` would add a second key, or put it beside a session's token."""
    home.write_credentials(default + LONG_TERM.replace("default", "work"))
    step = standing(AWSFiles(home.environ), NOW)[1]
    assert step == "next: mfakit login --source-profile work"


@pytest.mark.parametrize(
    ("ends", "kept", "step"),
    [
        ("11:00", EXPIRED, "mfakit login"),
        ("11:00", SESSION.format("mfa", "2026-11-22T18:00:00Z"), "eval "),
        ("18:00", EXPIRED, "aws s3 ls"),
    ],
)
def test_mfakit_alone_leads_a_shell_with_a_session_to_one_that_has_not_ended(
    home, ends: str, kept: str, step: str
) -> None:
    home.write_credentials(LONG_TERM + kept)
    (home.folder / "aws").symlink_to("/bin/true")
    shell = {
        "PATH": str(home.folder),
        "AWS_ACCESS_KEY_ID": "ASIA2",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
        "AWS_CREDENTIAL_EXPIRATION": f"2026-11-22T{ends}:00Z",
    }
    second = standing(AWSFiles(home.environ | shell), NOW)[1]
    assert second.startswith(f"next: {step}")
    assert step == "eval " or second == f"next: {step}"


def test_mfakit_alone_leads_to_explain_where_the_source_of_a_role_makes_no_session(home) -> None:
    home.write_credentials(SESSION.format("saml", "soon"))
    home.write_config("[profile prod]\nrole_arn = r\nsource_profile = missing\n")
    second = standing(AWSFiles(home.environ | {"AWS_PROFILE": "prod"}), NOW)[1]
    assert second == "next: mfakit explain --profile prod"


def test_where_the_aws_cli_is_missing_the_next_step_is_another(home) -> None:
    without = home.environ | {"PATH": "/nowhere"}
    assert standing(AWSFiles(without), NOW)[1] == "next: mfakit keys import --from-csv FILE"
    home.write_credentials(SESSION.format("mfa", "2026-11-22T18:00:00Z"))
    assert standing(AWSFiles(without), NOW)[1] == "next: mfakit exec --profile mfa -- PROGRAM"


def test_a_mistyped_profile_gets_a_suggestion(home) -> None:
    home.write_credentials(SESSION.format("payments-mfa", "2126-01-01T00:00:00Z"))
    assert "--profile payments-mfa" in home.mfakit("check", "-p", "paymets-mfa").stderr
    assert "mfakit login --profile other" in home.mfakit("check", "-p", "other").stderr
    home.write_credentials(LONG_TERM)
    done = home.mfakit("login", "--source-profile", "defualt")
    assert "mfakit: try: is it the profile 'default'? --source-profile default" in done.stderr
    home.write_credentials(SESSION.format("payments-mfa", "2126-01-01T00:00:00Z"))
    done = home.mfakit("login", "--source-profile", "payments")
    assert "aws configure --profile payments" in done.stderr


def test_a_region_for_a_login_is_sent_to_configure(home) -> None:
    done = home.mfakit("login", "--region", "eu-west-1")
    assert done.returncode == 64
    assert "mfakit: try: set it once: mfakit configure --region REGION" in done.stderr


def test_the_overview_has_each_command_once_and_fits_a_terminal(home) -> None:
    lines = home.mfakit("--help").stdout.splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    shown = [line.split()[0] for line in lines if line.startswith("  ")]
    assert sorted(shown) == sorted(COMMANDS)


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if command.verbs])
def test_the_example_of_each_verb_is_one_of_its_command(home, name: str) -> None:
    for verb in COMMANDS[name].verbs:
        assert verb.example.startswith(f"mfakit {name} {verb.name}")
    if name in ("policy", "schedule"):
        done = home.mfakit(name)
        assert done.returncode == 0
        assert all(verb.example in done.stdout for verb in COMMANDS[name].verbs)


@pytest.mark.skipif(sys.platform != "linux", reason="`script` has these options on Linux")
def test_the_verbs_of_keys_are_shown_on_a_terminal_alone(home) -> None:
    home.write_credentials(LONG_TERM)
    assert "mfakit keys rotate" not in home.mfakit("keys").stdout
    shown = home.run("script", "-qc", f"{sys.executable} -m mfakit keys", "/dev/null").stdout
    assert "mfakit keys rotate" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(home, name: str) -> None:
    """The module of each command exists, too, and its help fits a terminal of 80 columns."""
    done = home.mfakit(name, "--help")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert f"mfakit {name}" in done.stdout
    assert done.stdout.startswith("example: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lgoin"], "no such command: lgoin"),
        (["xyzzy"], "no such command: xyzzy"),
        (["login", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["login", "--duration", "5x"], "argument --duration: not a duration: '5x'"),
        (["login", "--prof", "x"], "unrecognized arguments: --prof"),
        (["env", "--shell", "korn"], "argument --shell: invalid choice: 'korn'"),
    ],
)
def test_wrong_usage_is_two_lines_and_exit_code_64(
    home, arguments: list[str], message: str
) -> None:
    done = home.mfakit(*arguments)
    assert done.returncode == 64
    first, second = done.stderr.splitlines()
    assert first.startswith(f"mfakit: {message}")
    assert second.startswith("mfakit: try: ")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("lgoin", "mfakit login"),
        ("renew", "mfakit login --force"),
        ("whoami", "mfakit explain --online"),
        ("version", "mfakit --version"),
        ("rotate", "mfakit keys rotate"),
        ("LOGIN", "mfakit login"),
        ("--profile work login", "name the command first"),
        ("login --durationn 1h", "--duration; or see mfakit login --help"),
        ("login --durationn=1h", "--duration; or see mfakit login --help"),
        ("env --shell fsh", "fish; or see mfakit env --help"),
        ("schedule instal", "install; or see mfakit schedule --help"),
        ("policy requir-mfa", "require-mfa; or see mfakit policy --help"),
        ("login --duration -1h", "give it a value, after ="),
        ("login --frobnicate", "see mfakit login --help"),
    ],
)
def test_a_mistyped_command_option_or_value_gets_a_suggestion(home, line: str, hint: str) -> None:
    done = home.mfakit(*line.split())
    assert (done.returncode, done.stderr.splitlines()[1][:13]) == (64, "mfakit: try: ")
    assert done.stderr.splitlines()[1].removeprefix("mfakit: try: ").startswith(hint)


def test_help_works_before_and_after_the_command(home) -> None:
    assert home.mfakit("help", "login").stdout == home.mfakit("login", "--help").stdout
    assert home.mfakit("help", "lgoin").returncode == 64


def test_control_characters_in_names_are_shown_escaped(home) -> None:
    """Text from a file or an argument must not control the terminal."""
    done = home.mfakit("check", "--profile", "\x1b[31mred")
    assert "\x1b" not in done.stderr
    assert r"\x1b[31mred" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="there are no terminals like that")
def test_openmetrics_is_escaped_on_a_terminal_only(home) -> None:
    """Programs that read a file or a pipe get the name unchanged."""
    header = "[\x1b[31mred]".replace("[31m", "(31m")
    home.write_credentials(SESSION.replace("[{}]", header).format("2126-01-01T00:00:00Z"))
    line = [sys.executable, "-m", "mfakit", "check", "--all", "--format", "openmetrics"]
    ours, theirs = os.openpty()
    subprocess.run(line, check=False, env=home.environ, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert r'profile="\x1b(31mred"' in shown
    assert "\x1b" not in shown
    assert 'profile="\x1b(31mred"' in home.run(*line).stdout


@pytest.mark.parametrize(
    ("command", "code"), [("check", 3), ("env --shell sh", 1), ("--version", 1)]
)
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "2>&- >&-"])
def test_output_that_cannot_be_written_is_an_error(home, command, code, redirection) -> None:
    """Above all, `check` must not exit with the code of a due session."""
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
        "expiration = 2126-01-01T00:00:00Z\n"
    )
    done = home.run("sh", "-c", f"exec {sys.executable} -m mfakit {command} {redirection}")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) in (0, 2)


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full"])
def test_a_closed_standard_error_is_no_error(home, redirection: str) -> None:
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
    )
    line = f"PYTHONUNBUFFERED= exec {sys.executable} -m mfakit logout {redirection}"
    done = home.run("sh", "-c", line)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_closed_pipe_ends_the_command_quietly(home) -> None:
    done = home.run("bash", "-c", f"{sys.executable} -m mfakit --help | true")
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments",
    ["--shell nosuch", "--frobnicate", "-p nobody", "-p github", "--profile=json", "--shell", ""],
)
def test_eval_fails_for_every_failure_of_env(home, arguments: str) -> None:
    """Wrong usage counts too, since the script must not go on."""
    line = f'eval "$({sys.executable} -m mfakit env {arguments})" 2>/dev/null; echo $?'
    assert home.run("sh", "-c", line).stdout == "1\n"


@pytest.mark.parametrize("name", ["profile", "source-profile", "serial-number"])
def test_an_empty_profile_name_is_wrong_usage(home, name: str) -> None:
    """It comes from a variable that is not set."""
    home.write_credentials("[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")
    done = home.mfakit("login", f"--{name}", "", "--token-code", "123456")
    assert done.returncode in (1, 64)
    assert "''" in done.stderr


def test_without_a_home_nothing_is_written_to_the_current_folder(home, tmp_path) -> None:
    """A folder named ~ with secrets in it would be the alternative."""
    done = home.run(
        sys.executable,
        "-c",
        "import os; os.path.expanduser = lambda p: p\n"
        "from mfakit.cli.main import main; raise SystemExit(main(['check']))",
        HOME="",
    )
    assert done.returncode == 3
    assert "there is no home" in done.stderr


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["check"], r"\u4f1a: valid"),
        (["check", "--all", "--format", "json"], r'"profile": "\u4f1a"'),
        (["check", "--format", "openmetrics"], 'profile="会"'),
        (["status"], r"\u4f1a"),
        (["status", "--short"], r"\u4f1a 2"),
        (["explain", "--profile", "会"], r"\u4f1a"),
    ],
)
def test_letters_that_the_locale_lacks_are_escaped(home, command: list[str], shown: str) -> None:
    """JSON escapes them in its own way, and OpenMetrics is UTF-8 everywhere."""
    home.write_credentials(SESSION.format("会", "2099-01-01T00:00:00Z"))
    environ = {"MFAKIT_PROFILE": "会", "PYTHONIOENCODING": "latin-1"}
    done = home.mfakit(*command, **environ)
    assert shown in done.stdout, done.stderr
    assert "Traceback" not in done.stderr


def test_env_fails_for_a_name_that_the_locale_lacks(home) -> None:
    """The shell gets a statement that fails, and the person a hint."""
    home.write_credentials(SESSION.format("会", "2099-01-01T00:00:00Z"))
    environ = {"MFAKIT_PROFILE": "会", "PYTHONIOENCODING": "latin-1"}
    done = home.mfakit("env", "--shell", "sh", **environ)
    assert (done.returncode, done.stdout) == (1, "false\n")
    assert "PYTHONUTF8=1" in done.stderr


def test_ctrl_c_while_the_commands_are_loaded_is_no_traceback(home) -> None:
    code = (
        "import sys, mfakit.cli\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'mfakit.cli.main': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "mfakit.cli.run()\n"
    )
    done = home.run(sys.executable, "-c", code)
    assert (done.returncode, done.stderr) == (130, "")
