"""The team's command, as an engineer uses it at an AWS that checks every code."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import mfakit
import pytest
from mfakit.testing import AWSSimulator

from {{ cookiecutter.__package }}.cli import main
from {{ cookiecutter.__package }}.team import TEAM, Role

from .conftest import ROLE, Engineer, in_account_of

PROGRAM = [sys.executable, "-m", "{{ cookiecutter.__package }}"]
EACH_ROLE = [
    pytest.param(role, marks=in_account_of(role), id=role.name) for role in TEAM.roles.values()
]


def caller_of(session: boto3.Session) -> str:
    """Return the ARN that AWS knows a session by."""
    arn: str = session.client("sts").get_caller_identity()["Arn"]
    return arn


def acts_as(role: Role) -> str:
    """Return the part of an ARN that shows a session of the role."""
    return f":assumed-role/{role.arn.rpartition('/')[2]}/"


def test_each_role_has_a_profile_besides_the_one_of_the_session() -> None:
    """No two roles may share a profile, nor a role and the session."""
    assert len(TEAM.profiles()) == 1 + len(TEAM.roles)


@pytest.mark.parametrize("role", EACH_ROLE)
def test_one_code_is_enough_for_every_role(engineer: Engineer, role: Role) -> None:
    """Each profile assumes its role with the session, and asks for no code."""
    engineer.logs_in()
    assert acts_as(role) in caller_of(boto3.Session(profile_name=role.profile))


def test_without_mfa_no_role_can_be_assumed(engineer: Engineer) -> None:
    """So the tests above show that the session has MFA."""
    keys = boto3.Session(profile_name="default", region_name=TEAM.region)
    with pytest.raises(Exception, match="AccessDenied"):
        keys.client("sts").assume_role(RoleArn=ROLE.arn, RoleSessionName="without")


def test_configure_keeps_the_rest_of_the_config(engineer: Engineer) -> None:
    """Comments stay too, and a second run changes nothing."""
    engineer.config.write_text("# mine\n[profile other]\nregion = us-west-2\n")
    assert engineer.types("configure", "--source-profile", "default") == 0
    written = engineer.config.read_text()
    assert written.startswith("# mine\n[profile other]\nregion = us-west-2\n")
    assert mfakit.read_settings(TEAM.session_profile)["mfakit_source_profile"] == "default"
    assert engineer.types("configure") == 0
    assert engineer.config.read_text() == written


def test_configure_removes_the_mfa_device_from_a_roles_profile(engineer: Engineer) -> None:
    """With a device there, every AWS tool asks for a code of its own."""
    engineer.logs_in()
    mfakit.write_settings({ROLE.profile: {"mfa_serial": engineer.device.serial_number}})
    assert engineer.types("use", ROLE.name, "--shell", "sh") == 1
    assert engineer.types("configure") == 0
    assert engineer.types("use", ROLE.name, "--shell", "sh") == 0
    assert acts_as(ROLE) in caller_of(boto3.Session(profile_name=ROLE.profile))


@pytest.mark.aws_simulator(account_id="999999999999", region=TEAM.region)
def test_a_session_of_another_account_is_reported_with_a_hint(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """AWS would deny every role to it without saying why."""
    engineer.logs_in()
    said = capsys.readouterr().err
    assert f"of account 999999999999, and the team's is {TEAM.account_id}" in said
    assert f"try: {TEAM.command} configure --source-profile NAME" in said


def test_logout_removes_the_session_from_this_machine(engineer: Engineer) -> None:
    """AWS still honours it until it ends."""
    engineer.logs_in()
    assert engineer.types("logout") == 0
    assert engineer.types("check") == 3


def test_the_session_has_the_teams_duration_and_is_reused(engineer: Engineer) -> None:
    """A login before it is due keeps it."""
    engineer.logs_in()
    session = mfakit.read_session(TEAM.session_profile)
    hours, _, minutes = TEAM.duration.removesuffix("m").rpartition("h")
    assert session.expiration is not None
    if not minutes:
        left = session.expiration - datetime.now(UTC)
        assert abs(left - timedelta(hours=int(hours))) < timedelta(minutes=1)
    assert engineer.types("login") == 0
    assert mfakit.read_session(TEAM.session_profile) == session


def test_a_wrong_code_changes_nothing(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error has two lines: what failed, and what to do."""
    assert engineer.types("configure") == 0
    before = engineer.credentials.read_text()
    wrong = f"{(int(engineer.device.code()) + 1) % 1000000:06}"
    capsys.readouterr()
    assert engineer.types("login", "--token-code", wrong) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith(f"{TEAM.command}: ") for line in said)
    assert engineer.credentials.read_text() == before


def test_the_error_for_missing_settings_names_the_command_that_writes_them(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """So does the error for a source profile that does not exist."""
    assert engineer.types("login") == 1
    assert f"{TEAM.command} configure" in capsys.readouterr().err
    mfakit.write_settings(
        TEAM.profiles()
        | {
            TEAM.session_profile: {
                **TEAM.profiles()[TEAM.session_profile],
                "mfakit_source_profile": "none-such",
            }
        }
    )
    assert engineer.types("login") == 1
    assert f"{TEAM.command} configure --source-profile" in capsys.readouterr().err


def test_configure_refuses_a_source_profile_that_does_not_exist(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the nearest, and writes nothing."""
    assert engineer.types("configure", "--source-profile", "defualt") == 1
    said = capsys.readouterr().err
    assert said.splitlines() == [
        f"{TEAM.command}: there is no profile 'defualt'",
        f"{TEAM.command}: try: default",
    ]
    assert not engineer.config.exists()


def test_configure_refuses_a_device_that_the_user_does_not_have(
    engineer: Engineer,
    aws_server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The user's own is accepted."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    serial = engineer.device.serial_number
    assert engineer.types("configure", "--serial-number", f"{serial}-2") == 1
    assert f"try: {TEAM.command} devices" in capsys.readouterr().err
    assert engineer.types("configure", "--serial-number", serial) == 0


def test_without_a_command_it_shows_the_next_step(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """First configure, then login, then work."""
    assert engineer.types() == 0
    assert f"next: {TEAM.command} configure\n" in capsys.readouterr().out
    assert engineer.types("configure") == 0
    assert engineer.types() == 0
    assert f"next: {TEAM.command} login\n" in capsys.readouterr().out
    engineer.logs_in()
    assert engineer.types() == 0
    assert f"{TEAM.session_profile}: valid, until" in capsys.readouterr().out


def test_commands_of_mfakit_are_about_the_teams_session(
    engineer: Engineer, aws_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their help and errors name this command: a teammate may not have mfakit on the path."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    engineer.logs_in()
    for line, told in (
        ("status", TEAM.session_profile),
        ("devices", engineer.device.serial_number),
        ("keys", "default"),
        ("explain", TEAM.session_profile),
        ("devices --help", f"usage: {TEAM.command} devices "),
    ):
        done = subprocess.run(
            [*PROGRAM, *line.split()], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert told in done.stdout
    done = subprocess.run(
        [*PROGRAM, "keys", "--frobnicate"], check=False, capture_output=True, text=True
    )
    assert done.returncode == 64
    assert done.stderr.startswith(f"{TEAM.command}: ")
    assert f"{TEAM.command} keys --help" in done.stderr


def test_every_command_is_completed(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that are passed on are, too."""
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    for name in "login", "use", "status", "devices":
        assert f"_{name}_" in script


def test_a_mistyped_command_leads_to_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """The message is two lines, without a list of all."""
    for typed, meant in ("lgoin", "login"), ("stauts", "status"):
        with pytest.raises(SystemExit) as exit_:
            main([typed])
        assert exit_.value.code == 64
        assert capsys.readouterr().err.splitlines() == [
            f"{TEAM.command}: there is no command {typed!r}",
            f"{TEAM.command}: try: {TEAM.command} {meant}",
        ]


def test_hints_name_only_the_commands_and_options_of_this_program(
    engineer: Engineer,
    aws_server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A teammate may not have mfakit, which has more options."""
    engineer.logs_in()
    capsys.readouterr()
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    assert engineer.types("login") == 1
    assert f"try: replace it: {TEAM.command} login --force\n" in capsys.readouterr().err
    mfakit.write_settings({TEAM.session_profile: {"mfakit_token_command": "no-such-program"}})
    assert engineer.types("login", "--force") == 64
    assert "or mend mfakit_token_command\n" in capsys.readouterr().err


def test_env_prints_the_users_own_session_or_a_roles(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what it prints, boto3 acts as the user or as the role."""
    engineer.logs_in()
    for arguments, owner in ([], ":user/"), (["--role", ROLE.name], acts_as(ROLE)):
        capsys.readouterr()
        assert engineer.types("env", "--shell", "json", *arguments) == 0
        given = json.loads(capsys.readouterr().out)
        session = boto3.Session(
            given["AWS_ACCESS_KEY_ID"],
            given["AWS_SECRET_ACCESS_KEY"],
            given["AWS_SESSION_TOKEN"],
            region_name=given["AWS_REGION"],
        )
        assert owner in caller_of(session)


def test_use_lets_a_shell_act_as_a_role(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """It sets the role's profile. An unknown role fails in the shell too."""
    engineer.logs_in()
    capsys.readouterr()
    assert engineer.types("use", ROLE.name, "--shell", "sh") == 0
    assert f"export AWS_PROFILE='{ROLE.profile}';" in capsys.readouterr().out
    assert engineer.types("use", "nobody", "--shell", "sh") == 1
    said = capsys.readouterr()
    assert said.out == "false\n"
    assert ROLE.name in said.err


@pytest.mark.parametrize(
    ("line", "is_for_a_shell"),
    [
        ("env --shell fish", True),
        ("env --shell nonesuch", True),
        ("use --shell auto nobody", True),
        ("env --shell json", False),
    ],
)
def test_an_error_also_fails_in_the_shell_that_evaluates_the_output(
    engineer: Engineer, capsys: pytest.CaptureFixture[str], line: str, is_for_a_shell: bool
) -> None:
    """A shell that is not named is detected; a data format gets no output."""
    assert engineer.types(*line.split()) > 0
    assert bool(capsys.readouterr().out) is is_for_a_shell


def test_an_interrupt_also_fails_in_the_shell_that_evaluates_the_output(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user pressed Ctrl-C when asked for the code."""
    assert engineer.types("configure") == 0
    interrupt = "sh -c 'kill -2 $PPID'"
    mfakit.write_settings({TEAM.session_profile: {"mfakit_token_command": interrupt}})
    assert engineer.types("env", "--shell", "sh") == 130
    assert capsys.readouterr().out == "false\n"


def test_use_fails_if_aws_denies_the_role(
    aws_simulator: AWSSimulator, engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise AWS would deny each later command in that shell."""
    engineer.logs_in()
    aws_simulator.fail_next("AssumeRole", code="AccessDenied", status=403)
    capsys.readouterr()
    assert engineer.types("use", ROLE.name, "--shell", "sh") == 1
    said = capsys.readouterr()
    assert said.out == "false\n"
    assert "AccessDenied" in said.err


@pytest.mark.parametrize("role", [None, ROLE.name])
def test_exec_runs_a_command_with_the_session(
    engineer: Engineer, aws_server: str, monkeypatch: pytest.MonkeyPatch, role: str | None
) -> None:
    """It passes the exit code on, and the environment holds no long-term key."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    engineer.logs_in()
    script = "import os; raise SystemExit(7 * os.environ['AWS_ACCESS_KEY_ID'].startswith('ASIA'))"
    options = ["--role", role] if role else []
    command = [*PROGRAM, "exec", *options, "--", sys.executable, "-c", script]
    assert subprocess.run(command, check=False).returncode == 7


def test_exec_returns_127_for_an_unknown_program_and_125_for_no_session(engineer: Engineer) -> None:
    """Shells return 127 as well."""
    engineer.logs_in()
    assert engineer.types("exec", "--", "no-such-program") == 127
    engineer.config.unlink()
    assert engineer.types("exec", "--", "true") == 125


@pytest.mark.usefixtures("engineer")
def test_check_reports_the_state_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """0 is valid, 1 is due for renewal, 2 is expired, and 3 is no session."""
    assert main(["check"]) == 3
    for minutes, code in (600, 0), (10, 1), (-1, 2):
        end = datetime.now(UTC) + timedelta(minutes=minutes)
        session = mfakit.SessionCredentials("ASIA1234", "secret", "token", end)
        mfakit.write_session(TEAM.session_profile, session)
        assert main(["check"]) == code
    said = capsys.readouterr().out
    assert "secret" not in said
    assert "expired since" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
@pytest.mark.parametrize("arguments", [["check"], ["env", "--shell", "json"]])
def test_an_unwritable_standard_output_is_an_error_without_a_traceback(
    engineer: Engineer, aws_server: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """The error has two lines."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    engineer.logs_in()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (done.returncode, len(done.stderr.splitlines())) == (3 if "check" in arguments else 1, 2)
    assert "cannot write to standard output" in done.stderr


@pytest.mark.usefixtures("engineer")
@pytest.mark.parametrize("where", ["&-", "/dev/full"])
def test_an_unwritable_standard_error_is_no_error(where: str) -> None:
    """Messages must not go to standard output, which a shell may evaluate."""
    if not where.startswith("&") and not Path(where).exists():
        pytest.skip("only Linux has a disk that is full")
    command = ["sh", "-c", f'exec "$@" 2>{where}', "sh", *PROGRAM, "configure"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize("line", ["use", "use --frobnicate", "env --frobnicate"])
def test_wrong_usage_also_fails_in_the_shell_that_evaluates_the_output(
    capsys: pytest.CaptureFixture[str], line: str
) -> None:
    """Otherwise the shell would go on with other credentials."""
    with pytest.raises(SystemExit) as exit_:
        main(line.split())
    assert exit_.value.code == 64
    assert capsys.readouterr().out


def test_wrong_usage_has_the_exit_codes_of_mfakit(capsys: pytest.CaptureFixture[str]) -> None:
    """The message names --help."""
    for words, code in (["frobnicate"], 64), (["check", "-x"], 3), (["exec", "-x"], 125):
        with pytest.raises(SystemExit) as exit_:
            main(words)
        assert exit_.value.code == code
        assert "--help" in capsys.readouterr().err
