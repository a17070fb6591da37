"""The command of a scheduled job, and the log of its output."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

from mfakit.errors import MFAKitError, UsageError
from mfakit.schedule import RUNNER, carried_environment, log_path, make_job

PYTHON = [sys.executable, "-P", "-m", RUNNER]


def test_a_job_carries_the_environment_that_a_scheduler_lacks_and_no_secret(
    tmp_path, monkeypatch
) -> None:
    """Files are named by their whole path, and PATH keeps the folders that exist."""
    monkeypatch.chdir(tmp_path)
    environ = {
        "PATH": "/usr/bin:/nowhere:.:/usr/bin:/bin",
        "HOME": "/home/me",
        "AWS_CONFIG_FILE": "config",
        "AWS_SHARED_CREDENTIALS_FILE": "~/keys",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
        "AWS_PROFILE": "x",
        "AWS_ACCESS_KEY_ID": "AKIA1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "MFAKIT_NOTIFY": "slack://token",
        "LANG": "zh_CN.UTF-8",
        "LANGUAGE": "zh_CN:zh",
        "HTTPS_PROXY": "http://me:password@proxy",
    }
    assert carried_environment(environ) == {
        "PATH": "/usr/bin:/bin",
        "HOME": "/home/me",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": "/home/me/keys",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:5000",
        "LANG": "zh_CN.UTF-8",
        "LANGUAGE": "zh_CN:zh",
    }


def test_an_endpoint_with_a_password_is_refused() -> None:
    """It would be in a file, and in the process list."""
    with pytest.raises(MFAKitError, match="must not be") as caught:
        carried_environment({"AWS_ENDPOINT_URL": "https://me:hunter2@example.com/x"})
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "\x1b[2J", "\udcff", "a\u2028b"])
def test_control_characters_in_a_job_are_refused(word: str) -> None:
    """The rest of a crontab line would become a line of its own."""
    with pytest.raises(UsageError) as caught:
        make_job(["check", f"--on-expiring={word}"], 300, {})
    assert word not in caught.value.message


@pytest.mark.parametrize(
    ("environ", "platform", "path"),
    [
        ({"HOME": "/h"}, "linux", "/h/.local/state/mfakit/check.log"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/s"}, "linux", "/s/mfakit/check.log"),
        ({"HOME": "/h", "XDG_STATE_HOME": "s"}, "linux", "/h/.local/state/mfakit/check.log"),
        ({"HOME": "/h"}, "darwin", "/h/Library/Logs/mfakit/check.log"),
        ({"LOCALAPPDATA": "/l"}, "win32", "/l/mfakit/check.log"),
    ],
)
def test_the_log_is_where_each_system_keeps_logs(environ, platform, path) -> None:
    """The places follow the XDG Base Directory rules, and the habits of macOS and Windows."""
    assert log_path(environ, platform) == path


def run_job(home, log, *words: str):
    """Run a job as cron does, with hardly an environment."""
    return home.run("env", "-i", *PYTHON, str(log), f"HOME={home.folder}", *words)


def test_a_job_for_other_machines_holds_nothing_of_this_one(home) -> None:
    """Its log is where the system of its user keeps such files."""
    with pytest.raises(UsageError, match="not the whole path"):
        make_job(["check"], 300, home.environ, "python3")
    job = make_job(["check", "--all"], 300, home.environ, sys.executable)
    assert (job.words, job.log) == ([*PYTHON, "check", "--all"], None)
    done = home.run("env", "-i", f"HOME={home.folder}", *job.words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    log = home.folder / (".local/state" if sys.platform == "linux" else "Library/Logs")
    assert "mfakit check --all\n" in (log / "mfakit" / "check.log").read_text()


def test_the_output_of_a_job_goes_to_a_private_log(home) -> None:
    """The job itself succeeds, whatever the check has found."""
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s3cret\n"
        "aws_session_token = t0ken\nexpiration = 2020-01-01T00:00:00Z\n"
    )
    log = home.folder / "new" / "check.log"
    for _ in range(2):
        done = run_job(home, log, "check", "--all")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log.stat().st_mode & 0o777 == 0o600
    lines = log.read_text().splitlines()
    assert len(lines) == 4
    assert lines[0].endswith("Z mfakit check --all")
    assert lines[1].startswith("mfa: expired")
    assert "s3cret" not in log.read_text()


def test_errors_and_the_output_of_programs_go_to_the_log(home) -> None:
    """Cron would mail them every five minutes."""
    log = home.folder / "check.log"
    assert run_job(home, log, "check", "--frobnicate").stderr == ""
    assert "unrecognized arguments: --frobnicate" in log.read_text()


def test_a_full_log_replaces_the_old_one(home) -> None:
    log = home.folder / "check.log"
    log.with_suffix(".log.old").write_text("older")
    log.write_bytes(b"x" * 300_000)
    run_job(home, log, "--version")
    assert log.read_text().splitlines()[-1].startswith("mfakit 0.")
    assert len(log.read_text()) < 200
    assert log.with_suffix(".log.old").stat().st_size == 300_000


@pytest.fixture
def told(home):
    """The file that a notification creates; the session has just ended."""
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
        f"expiration = {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}\n"
    )
    return home.folder / "told"


def test_without_a_log_the_job_fails_but_still_notifies(home, told) -> None:
    """The scheduler mails the error, or keeps it in a journal."""
    (home.folder / "file").write_text("")
    log = home.folder / "file" / "check.log"
    done = run_job(home, log, "check", "--on-expiring", f"touch {told}")
    assert done.returncode == 1
    assert done.stderr.startswith("mfakit: cannot write ")
    assert "\nmfa: expired" in done.stdout
    assert told.exists()


def test_a_full_disk_stops_no_notification(home, told) -> None:
    """The log cannot take a single byte."""
    log = home.folder / "check.log"
    job = [*PYTHON, str(log), f"HOME={home.folder}", "check", f"--on-expiring=touch {told}"]
    home.run("sh", "-c", 'ulimit -f 0 && exec env -i "$@"', "sh", *job)
    assert told.exists()
    assert log.read_bytes() == b""
