"""`mfakit check` renews due sessions, by a token command or by a code typed in a dialog.

Shell scripts stand in for the dialog programs; the proofs use the real ones.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from mfakit import read_session
from mfakit.moments import format_timestamp

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")

LIFE = timedelta(hours=12).total_seconds()


class Programs:
    """A folder of programs that is the whole PATH of the command."""

    def __init__(self, home) -> None:
        self._folder = home.folder / "programs"
        self._folder.mkdir()
        self._log = home.folder / "shown"
        home.environ |= {"PATH": str(self._folder), "SHOWN": str(self._log), "DISPLAY": ":9"}
        home.environ.pop("GNUPGHOME", None)

    def make(self, name: str, body: str) -> str:
        path = self._folder / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{body}\n")
        path.chmod(0o755)
        return str(path)

    def answer(self, *answers: str) -> None:
        """Make each dialog run one of these lines of shell, in this order."""
        lines = "\n".join(f"{number}) {line} ;;" for number, line in enumerate(answers, 1))
        self.make(
            "zenity",
            'for word; do printf "%s\\n" "$word"; done >> "$SHOWN"; echo "-- end" >> "$SHOWN"\n'
            f'case $(grep -c -e "-- end" "$SHOWN") in\n{lines}\nesac',
        )

    @property
    def shown(self) -> list[str]:
        """The arguments of each dialog, in order."""
        return self._log.read_text().split("-- end\n")[:-1] if self._log.exists() else []


@pytest.fixture
def programs(home) -> Programs:
    return Programs(home)


@pytest.fixture
def due(alice, aws, home):
    """Return a user whose session has just ended."""
    log_in_earlier(aws, home, alice)
    return alice


def log_in_earlier(aws, home, user, *arguments: str) -> None:
    """Log in as of twelve hours ago."""
    aws.clock.advance(seconds=-LIFE)
    done = home.mfakit("login", "--token-code", user.device.code(), *arguments)
    assert done.returncode == 0, done.stderr
    aws.clock.advance(seconds=LIFE)


def key_id(home, profile: str = "mfa") -> str:
    return read_session(profile, environ=home.environ).access_key_id


def test_check_renew_renews_a_due_session_by_the_token_command(home, due, programs) -> None:
    """The renewed session is reported as valid, and a valid one is left alone."""
    assert home.mfakit("check").returncode == 2
    command = programs.make("token", f"echo {due.device.code()}")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--renew")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mfa: valid, ends in 11h59m")
    before = key_id(home)
    assert home.mfakit("check", "--renew").returncode == 0
    assert key_id(home) == before


def test_a_session_that_is_always_due_is_renewed_only_once(home, alice, programs) -> None:
    """Where --warn is longer than sessions last, every check would use up a code."""
    home.mfakit("login", "--token-code", alice.device.code())
    first = key_id(home)
    command = programs.make("token", f"echo {alice.device.code()}")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    (record,) = (home.credentials.parent / "mfakit" / "records").iterdir()
    earlier = datetime.now(UTC) - timedelta(hours=1)
    record.write_text(
        re.sub("made_at=.*", f"made_at={format_timestamp(earlier)}", record.read_text())
    )
    warn = ["check", "--renew", "--warn", "12h30m"]
    assert home.mfakit(*warn).returncode == 1
    second = key_id(home)
    assert second != first
    done = home.mfakit(*warn)
    assert done.returncode == 1
    assert "was not renewed: it lasts no longer than --warn 12h30m" in done.stderr
    assert key_id(home) == second


def test_a_session_that_cannot_be_renewed_is_reported_as_expired(home, due, programs) -> None:
    """The reason goes to standard error."""
    before = home.credentials.read_bytes()
    done = home.mfakit("check", "--renew", "--format", "json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["worst"] == "expired"
    assert "profile mfa was not renewed: there is no token command" in done.stderr
    command = programs.make("token", "echo 000000; exit 1")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--renew")
    assert done.returncode == 2
    assert "the token command token failed (1)" in done.stderr
    assert home.credentials.read_bytes() == before


def test_a_session_that_logout_removed_is_not_renewed(home, due, programs) -> None:
    """A user who logs out wants no session."""
    home.write_config(f"[default]\nmfakit_token_command = {programs.make('token', 'echo 1')}\n")
    assert home.mfakit("logout").returncode == 0
    assert home.mfakit("check", "--renew", "--prompt").returncode == 3


def test_check_all_renews_only_the_sessions_that_mfakit_made(home, due, programs) -> None:
    """It leaves alone those of other tools and of --from-json."""
    home.write_config(f"[default]\nmfakit_token_command = {programs.make('token', 'false')}\n")
    foreign = "aws_access_key_id = ASIAFOREIGN\naws_secret_access_key = s\naws_session_token = t\n"
    ended = "expiration = 2026-01-01T00:00:00Z\n"
    with home.credentials.open("a") as file:
        file.write(f"[foreign]\n{foreign}{ended}")
    given = {"AccessKeyId": "ASIAGIVEN", "SecretAccessKey": "s", "SessionToken": "t"}
    given["Expiration"] = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    text = json.dumps({"Credentials": given})
    assert home.mfakit("login", "-p", "given", "--from-json", "-", stdin=text).returncode == 0
    done = home.mfakit("check", "--all", "--renew")
    assert done.returncode == 2
    assert done.stderr.count("was not renewed") == 1
    assert "profile mfa was not renewed" in done.stderr


def test_a_session_is_renewed_from_the_keys_that_it_was_made_from(home, due, aws, programs) -> None:
    """Only the session's record names them, and another user's keys would be wrong."""
    other = aws.create_user("other")
    device = other.enable_virtual_mfa()
    with home.credentials.open("a") as file:
        file.write(
            f"[work]\naws_access_key_id = {other.access_key_id}\n"
            f"aws_secret_access_key = {other.secret_access_key}\n"
        )
    other.device = device
    log_in_earlier(aws, home, other, "--profile", "prod", "--source-profile", "work")
    command = programs.make("token", f"echo {device.code()}")
    home.write_config(f"[profile prod]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--profile", "prod", "--renew")
    assert done.returncode == 0, done.stderr
    record = home.mfakit("env", "--profile", "prod", "--shell", "json")
    keys = json.loads(record.stdout)
    caller = aws_caller(home, keys)
    assert caller.endswith(":user/other")


def test_a_session_from_environment_keys_is_not_renewed_from_other_keys(
    home, due, aws, programs
) -> None:
    """A scheduler has no shell's variables, and the default profile is another user's."""
    other = aws.create_user("other")
    other.device = other.enable_virtual_mfa()
    keys = {
        "AWS_ACCESS_KEY_ID": other.access_key_id,
        "AWS_SECRET_ACCESS_KEY": other.secret_access_key,
    }
    shell = dict(home.environ)
    home.environ |= keys
    log_in_earlier(aws, home, other, "--profile", "mine")
    home.environ.clear()
    home.environ |= shell
    command = programs.make("token", f"echo {due.device.code()}")
    home.write_config(f"[profile mine]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--profile", "mine", "--renew")
    assert done.returncode == 2
    assert "made with keys of the environment, which are no longer set" in done.stderr


def test_a_simulators_session_is_not_renewed_by_aws(home, due, programs) -> None:
    """The variable that names the endpoint may be set in one shell only."""
    command = programs.make("token", f"echo {due.device.code()}")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--renew", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true")
    assert done.returncode == 2
    assert "and a new one would come from AWS" in done.stderr


def test_check_prompt_renews_with_a_code_that_is_typed_in_a_dialog(home, due, programs) -> None:
    """The dialog names the session and the device."""
    programs.answer(f"echo {due.device.code()}")
    done = home.mfakit("check", "--prompt")
    assert (done.returncode, done.stderr) == (0, "")
    (shown,) = programs.shown
    assert re.search("--text=AWS session mfa ended .* ago", shown)
    assert f"MFA code for {due.device.serial_number}:" in shown
    assert home.mfakit("check", "--prompt").returncode == 0
    assert len(programs.shown) == 1


def test_after_a_wrong_code_the_next_dialog_gives_the_reason(home, due, programs) -> None:
    """A malformed code is not sent to AWS."""
    right = due.device.code()
    programs.answer("echo 12345", "echo 000000", f"echo {right}")
    done = home.mfakit("check", "--prompt")
    assert done.returncode == 0, done.stderr
    _, second, third = programs.shown
    assert "--text=a token code is six digits; " in second
    assert "--text=AWS refused the code: it is wrong, or was used before elsewhere; " in third
    assert "tries are left" in third
    assert right not in done.stdout + done.stderr


def test_a_declined_dialog_is_not_shown_again_for_that_session(home, due, aws, programs) -> None:
    """The check still reports the session, and asks again when the next session ends."""
    programs.answer("exit $ZENITY_CANCEL", "exit $ZENITY_ESC")
    done = home.mfakit("check", "--prompt")
    assert done.returncode == 2
    assert "was not renewed: the dialog was answered with no" in done.stderr
    for _ in range(2):
        assert home.mfakit("check", "--prompt", "--all").returncode == 2
    assert len(programs.shown) == 1
    log_in_earlier(aws, home, due, "--force")
    assert home.mfakit("check", "--prompt").returncode == 2
    assert len(programs.shown) == 2


def test_an_unanswered_dialog_is_shown_again_by_the_next_check(home, due, aws, programs) -> None:
    """One check shows it only once, however many sessions are due."""
    log_in_earlier(aws, home, due, "--profile", "other")
    programs.answer("exit 5", "exit 5")
    for number in (1, 2):
        done = home.mfakit("check", "--all", "--prompt", "--prompt-timeout", "1m30s")
        assert done.returncode == 2
        assert "nobody answered the dialog within 90 s" in done.stderr
        assert len(programs.shown) == number
    assert "--timeout=90\n" in programs.shown[0]


def test_only_one_of_two_concurrent_checks_asks_for_a_code(home, due, programs) -> None:
    """The other reports its sessions without a question, whatever their profile."""
    programs.answer('touch "$SHOWN.up"; until [ -e "$SHOWN.go" ]; do sleep 0.05; done; exit 5')
    command = [sys.executable, "-m", "mfakit", "check", "--prompt"]
    with subprocess.Popen(command, env=home.environ, stdout=subprocess.PIPE) as first:
        end = time.monotonic() + 30
        while not (home.folder / "shown.up").exists() and time.monotonic() < end:
            time.sleep(0.02)
        done = home.mfakit("check", "--all", "--prompt")
        assert first.poll() is None
        assert done.returncode == 2
        assert f"process {first.pid} on" in done.stderr
        assert "has been asking for the code\n" in done.stderr
        (home.folder / "shown.go").touch()
        assert first.wait(timeout=30) == 2
    assert len(programs.shown) == 1


def test_with_both_flags_the_dialog_comes_after_a_failed_token_command(home, due, programs) -> None:
    home.write_config(f"[profile mfa]\nmfakit_token_command = {programs.make('token', 'false')}\n")
    programs.answer(f"echo {due.device.code()}")
    done = home.mfakit("check", "--renew", "--prompt")
    assert done.returncode == 0
    assert "the token command token failed (1)" in done.stderr
    assert len(programs.shown) == 1


def test_a_roles_session_is_renewed_from_its_source_session_without_a_code(
    home, due, aws, programs
) -> None:
    """The source session is renewed first."""
    statement = {"Effect": "Allow", "Principal": {"AWS": due.arn}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam = aws.root.session().client("iam")
    role = iam.create_role(RoleName="admin", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    aws.clock.advance(seconds=-LIFE)
    options = ("--profile", "admin", "--role-arn", role, "--source-profile", "mfa")
    done = home.mfakit("login", *options)
    aws.clock.advance(seconds=LIFE)
    assert done.returncode == 0, done.stderr
    command = programs.make("token", f"echo {due.device.code()}")
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n")
    done = home.mfakit("check", "--all", "--renew")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    caller = aws_caller(
        home, json.loads(home.mfakit("env", "-p", "admin", "--shell", "json").stdout)
    )
    assert ":assumed-role/" in caller


def test_flags_that_would_have_no_effect_are_wrong_usage(home) -> None:
    for arguments in (("--prompt-timeout", "1m"), ("--from-json", "-", "--renew")):
        assert home.mfakit("check", *arguments, stdin="{}").returncode == 3
    assert home.mfakit("schedule", "install", "--dry-run", "--prompt-timeout=1m").returncode == 64


def aws_caller(home, keys: dict[str, str]) -> str:
    """Return the ARN that the simulator knows the session by."""
    script = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    done = home.run(sys.executable, "-c", script, **{k: str(v) for k, v in keys.items()})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
