"""What the command does for an engineer, at an AWS that checks every code."""

from __future__ import annotations

import json
import shlex
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
    """Ask AWS who a session is."""
    arn: str = session.client("sts").get_caller_identity()["Arn"]
    return arn


def acts_as(role: Role) -> str:
    """Give what is in the ARN of who acts as a role."""
    return f":assumed-role/{role.arn.rpartition('/')[2]}/"


def test_each_role_has_a_profile_of_its_own() -> None:
    """Beside the session's."""
    assert len(TEAM.profiles()) == 1 + len(TEAM.roles)


@pytest.mark.parametrize("role", EACH_ROLE)
def test_one_code_serves_every_role(engineer: Engineer, role: Role) -> None:
    """Each profile assumes its role with the session, and asks for nothing."""
    engineer.logs_in()
    assert acts_as(role) in caller_of(boto3.Session(profile_name=role.profile))


def test_without_a_code_no_role_is_to_be_had(engineer: Engineer) -> None:
    """The roles ask for MFA; so the tests above prove something."""
    keys = boto3.Session(profile_name="default", region_name=TEAM.region)
    with pytest.raises(Exception, match="AccessDenied"):
        keys.client("sts").assume_role(RoleArn=ROLE.arn, RoleSessionName="without")


def test_configure_keeps_what_else_is_in_the_config(engineer: Engineer) -> None:
    """Comments too; and to configure again changes nothing."""
    engineer.config.write_text("# mine\n[profile other]\nregion = us-west-2\n")
    assert engineer.types("configure", "--source-profile", "default") == 0
    written = engineer.config.read_text()
    assert written.startswith("# mine\n[profile other]\nregion = us-west-2\n")
    assert mfakit.read_settings(TEAM.session_profile)["mfakit_source_profile"] == "default"
    assert engineer.types("configure") == 0
    assert engineer.config.read_text() == written


def test_configure_takes_out_what_would_ask_for_more_codes(engineer: Engineer) -> None:
    """Every AWS tool asks for a code of its own where a role's profile names a device."""
    engineer.logs_in()
    mfakit.write_settings({ROLE.profile: {"mfa_serial": engineer.device.serial_number}})
    assert engineer.types("use", ROLE.name, "--shell", "sh") == 1
    assert engineer.types("configure") == 0
    assert engineer.types("use", ROLE.name, "--shell", "sh") == 0
    assert acts_as(ROLE) in caller_of(boto3.Session(profile_name=ROLE.profile))


@pytest.mark.aws_simulator(account_id="999999999999", region=TEAM.region)
def test_a_session_of_another_account_is_told(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each role would be denied to it, and nobody would know why."""
    engineer.logs_in()
    said = capsys.readouterr().err
    assert f"of account 999999999999, and the team's is {TEAM.account_id}" in said
    assert f"try: {TEAM.command} configure --source-profile NAME" in said


def test_logout_takes_the_session_away(engineer: Engineer) -> None:
    """From this machine."""
    engineer.logs_in()
    assert engineer.types("logout") == 0
    assert engineer.types("check") == 3


def test_the_session_lasts_as_long_as_the_team_says(engineer: Engineer) -> None:
    """A login while it lasts keeps it."""
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
    """What failed, and what to do, are told in two lines."""
    assert engineer.types("configure") == 0
    before = engineer.credentials.read_text()
    wrong = f"{(int(engineer.device.code()) + 1) % 1000000:06}"
    capsys.readouterr()
    assert engineer.types("login", "--token-code", wrong) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert all(line.startswith(f"{TEAM.command}: ") for line in said)
    assert engineer.credentials.read_text() == before


def test_what_is_not_configured_is_told(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the line that does it."""
    assert engineer.types("login") == 1
    assert f"{TEAM.command} configure" in capsys.readouterr().err
    assert engineer.types("configure", "--source-profile", "none-such") == 0
    assert engineer.types("login") == 1
    assert f"{TEAM.command} configure --source-profile" in capsys.readouterr().err


def test_hints_name_only_what_there_is_here(
    engineer: Engineer,
    aws_server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A teammate has no mfakit to type, nor the options that it has beside these."""
    engineer.logs_in()
    capsys.readouterr()
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    assert engineer.types("login") == 1
    assert f"try: replace it: {TEAM.command} login --force\n" in capsys.readouterr().err
    mfakit.write_settings({TEAM.session_profile: {"mfakit_token_command": "no-such-program"}})
    assert engineer.types("login", "--force") == 64
    assert "or mend mfakit_token_command\n" in capsys.readouterr().err


def test_env_hands_the_session_on(engineer: Engineer, capsys: pytest.CaptureFixture[str]) -> None:
    """The user's own, or a role's."""
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
    """It names the role's profile; a role that is none of the team's fails in the shell too."""
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
def test_a_shell_fails_of_whatever_goes_wrong(
    engineer: Engineer, capsys: pytest.CaptureFixture[str], line: str, is_for_a_shell: bool
) -> None:
    """Which one asks is found out where none is named; where data is expected, there is none."""
    assert engineer.types(*line.split()) > 0
    assert bool(capsys.readouterr().out) is is_for_a_shell


def test_a_shell_fails_of_an_interrupt(
    engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody thought better of it while asked for the code."""
    assert engineer.types("configure") == 0
    interrupt = f"{shlex.quote(sys.executable)} -c 'import os; os.kill(os.getppid(), 2)'"
    mfakit.write_settings({TEAM.session_profile: {"mfakit_token_command": interrupt}})
    assert engineer.types("env", "--shell", "sh") == 130
    assert capsys.readouterr().out == "false\n"


def test_use_tells_of_a_role_that_cannot_be_had(
    aws_simulator: AWSSimulator, engineer: Engineer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a shell takes it, and AWS refuses each command there."""
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
    """Its exit code is passed on; no key of another kind is in its environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    engineer.logs_in()
    script = "import os; raise SystemExit(7 * os.environ['AWS_ACCESS_KEY_ID'].startswith('ASIA'))"
    options = ["--role", role] if role else []
    command = [*PROGRAM, "exec", *options, "--", sys.executable, "-c", script]
    assert subprocess.run(command, check=False).returncode == 7


def test_exec_tells_what_cannot_be_run(engineer: Engineer) -> None:
    """127, as shells have it; 125 if there is no session to run it with."""
    engineer.logs_in()
    assert engineer.types("exec", "--", "no-such-program") == 127
    engineer.config.unlink()
    assert engineer.types("exec", "--", "true") == 125


@pytest.mark.usefixtures("engineer")
def test_check_tells_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """0 valid, 1 due for renewal, 2 expired, 3 none."""
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
def test_an_output_that_cannot_be_written_is_told(
    engineer: Engineer, aws_server: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """In two lines, without a traceback."""
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
def test_what_nobody_can_read_is_no_error(where: str) -> None:
    """Nor does it go to standard output, where a shell would take it for statements."""
    if not where.startswith("&") and not Path(where).exists():
        pytest.skip("only Linux has a disk that is full")
    command = ["sh", "-c", f'exec "$@" 2>{where}', "sh", *PROGRAM, "configure"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize("line", ["use", "use --frobnicate", "env --frobnicate"])
def test_eval_fails_of_wrong_usage_too(capsys: pytest.CaptureFixture[str], line: str) -> None:
    """Or the shell would go on with other credentials."""
    with pytest.raises(SystemExit) as exit_:
        main(line.split())
    assert exit_.value.code == 64
    assert capsys.readouterr().out


def test_wrong_usage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """With the exit code that mfakit has for it."""
    for words, code in (["frobnicate"], 64), (["check", "-x"], 3), (["exec", "-x"], 125):
        with pytest.raises(SystemExit) as exit_:
            main(words)
        assert exit_.value.code == code
        assert "--help" in capsys.readouterr().err
