"""The real `mfakit status`, on terminals and in pipes."""

from __future__ import annotations

import re
import signal
import sys
import termios
import time
from datetime import UTC, datetime, timedelta

import pytest
from tests.exchange.conftest import TerminalProcess

from mfakit import SessionCredentials, remove_session, write_session

SECTION = "[{}]\naws_access_key_id = ASIA{}\naws_secret_access_key = s\naws_session_token = t\n"
COLOUR = re.compile(r"\x1b\[(?:\d+;)*[349][0-7](?=[;m])")
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
OTHER_SCREEN, MAIN_SCREEN = "\x1b[?1049h", "\x1b[?1049l"


def keep(home, profile: str, minutes: float) -> None:
    end = datetime.now(UTC) + timedelta(minutes=minutes, seconds=30)
    session = SessionCredentials(f"ASIA{profile.upper()}", "s", "t", end)
    write_session(profile, session, environ=home.environ)


@pytest.fixture
def on_screen(home):
    """Start the command on a terminal of 80 columns."""
    started = []

    def start(*arguments: str, **environ: str) -> TerminalProcess:
        kept = {k: v for k, v in home.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
        command = [sys.executable, "-m", "mfakit", "status", *arguments]
        process = TerminalProcess(command, kept | {"TERM": "xterm-256color"} | environ)
        termios.tcsetwinsize(process._slave, (24, 80))
        started.append(process)
        return process

    yield start
    for process in started:
        process.close()


def shown(process: TerminalProcess, until: str) -> str:
    """Wait for a text and the end of the process, and return the screen."""
    process.read_until(until)
    assert process.wait() == 0
    return process.screen


def test_on_a_terminal_status_is_a_table_in_colour(home, on_screen) -> None:
    """It fits into 80 columns, and names each state in words."""
    keep(home, "mfa", 192)
    keep(home, "admin", 12)
    screen = shown(on_screen(), "ends in 12m")
    assert COLOUR.search(screen)
    lines = re.sub(r"\x1b\[[\d;]*m", "", screen).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines if line.endswith(("valid   ", "due     "))] == [
        "mfa",
        "admin",
    ]


def test_no_color_removes_the_colours_and_keeps_the_table(home, on_screen) -> None:
    keep(home, "mfa", 192)
    screen = shown(on_screen(NO_COLOR="1"), "ends in 3h12m")
    assert "━" in screen or "┄" in screen
    assert not COLOUR.search(screen)


@pytest.mark.parametrize(("arguments", "environ"), [(["--plain"], {}), ([], {"TERM": "dumb"})])
def test_plain_is_sentences_even_on_a_terminal(
    home, on_screen, arguments: list[str], environ: dict[str, str]
) -> None:
    """No box or bar is in the way of a screen reader or a simple terminal."""
    keep(home, "mfa", 192)
    screen = shown(on_screen(*arguments, **environ), "credentials file.")
    assert re.fullmatch(
        r"mfa: valid, it ends in 3 hours 12 minutes, (today|tomorrow) at \d\d:\d\d\."
        r" It is kept in the credentials file\.\r\n",
        screen,
    )


def test_in_a_pipe_status_is_sentences(home) -> None:
    """This holds even where colour is forced."""
    keep(home, "mfa", 192)
    keep(home, "old", -90)
    done = home.mfakit("status", FORCE_COLOR="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    starts = [line.partition(",")[0] for line in done.stdout.splitlines()]
    assert starts == ["mfa: valid", "old: expired"]


def test_status_of_one_profile_shows_it_alone_or_what_is_wrong(home) -> None:
    keep(home, "mfa", 192)
    keep(home, "admin", 12)
    assert home.mfakit("status", "-p", "admin").stdout.startswith("admin: due")
    assert len(home.mfakit("status", "-p", "admin").stdout.splitlines()) == 1
    done = home.mfakit("status", "-p", "nobody")
    assert (done.returncode, done.stdout) == (3, "")
    assert "try: log in first: mfakit login --profile nobody" in done.stderr


def test_status_of_one_profile_says_that_aws_tools_use_its_role(home) -> None:
    keep(home, "prod", 192)
    home.write_config("[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/prod\n")
    done = home.mfakit("status", "-p", "prod")
    assert done.returncode == 0
    assert "AWS tools use the role of this profile" in done.stderr


@pytest.mark.parametrize(
    ("profile", "step"),
    [("default", "mfakit login"), ("work", "mfakit login --source-profile work")],
)
def test_status_without_a_session_says_what_to_do(home, profile: str, step: str) -> None:
    """A login without options would be refused where `default` has no keys."""
    home.write_credentials(f"[{profile}]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")
    done = home.mfakit("status")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines() == [
        "mfakit: there is no session on this machine",
        f"mfakit: try: {step}",
    ]


def test_warn_of_status_replaces_the_rule(home) -> None:
    keep(home, "mfa", 192)
    assert home.mfakit("status", "--warn", "4h").stdout.startswith("mfa: due")
    assert home.mfakit("status", "--short", "--warn=4h").stdout == "mfa 3h12m!\n"


def test_short_shows_the_session_of_other_commands_or_nothing(home) -> None:
    """The command exits with 3 if there is no session."""
    keep(home, "mfa", 192)
    assert home.mfakit("status", "--short").stdout == "mfa 3h12m\n"
    for environ in ({"MFAKIT_PROFILE": "none"}, {"AWS_PROFILE": "sso"}):
        home.write_config("[profile sso]\nsso_session = corp\n")
        done = home.mfakit("status", "--short", **environ)
        assert (done.returncode, done.stdout, done.stderr) == (3, "", "")


@pytest.mark.parametrize("other", ["--plain", "--watch"])
def test_short_with_another_form_is_wrong_usage(home, other: str) -> None:
    assert home.mfakit("status", "--short", other).returncode == 64


def test_control_characters_in_names_are_escaped_by_status(home, on_screen) -> None:
    """One could set the window's title otherwise."""
    home.write_credentials(SECTION.format("[red]x\x1b]0;title\x07", 1))
    screen = shown(on_screen(), "its end is not known")
    assert r"[red]x\x1b]0;title\x07"[:18] in screen
    assert "\x1b]0" not in screen
    assert "\x07" not in screen


def test_watch_shows_changes_of_the_files(home, on_screen) -> None:
    keep(home, "mfa", 192)
    process = on_screen("--watch")
    process.read_until("ends in 3h12m")
    keep(home, "mfa", 300)
    process.read_until("ends in 5h")
    home.write_credentials("junk\n")
    process.read_until("Try: ")
    home.credentials.unlink()
    process.read_until("There is no session on this machine.")


def test_watch_says_below_the_table_that_not_all_fits(home, on_screen) -> None:
    for number in range(12):
        keep(home, f"mfa{number:02}", 192)
    process = on_screen("--watch", COLUMNS="70", LINES="20")
    screen = process.read_until("there is more than fits")
    assert "mfa00" in screen
    assert "mfa11" not in screen


@pytest.mark.parametrize(("end", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_watch_leaves_the_terminal_as_it_was(
    home, on_screen, end: signal.Signals, code: int
) -> None:
    """It has a screen of its own, and prints nothing when it ends."""
    keep(home, "mfa", 192)
    process = on_screen("--watch")
    before = termios.tcgetattr(process._slave)
    process.read_until("Ctrl-C ends this")
    process.process.send_signal(end)
    process.read_until(MAIN_SCREEN)
    assert process.wait() == code
    assert process.screen.count(OTHER_SCREEN) == process.screen.count(MAIN_SCREEN) == 1
    assert process.screen.rindex(SHOW) > process.screen.rindex(HIDE)
    assert process.screen.endswith(MAIN_SCREEN)
    assert termios.tcgetattr(process._slave) == before


def await_state(home, pid: int, state: str) -> None:
    """Wait until `ps` says that of a process, such as T for one that is stopped."""
    end = time.monotonic() + 10
    while not (said := home.run("ps", "-o", "stat=", "-p", str(pid)).stdout).startswith(state):
        assert time.monotonic() < end, said
        time.sleep(0.05)


def test_watch_restores_the_terminal_while_it_is_stopped(home, on_screen) -> None:
    """It takes the screen again when it continues."""
    keep(home, "mfa", 192)
    process = on_screen("--watch")
    process.read_until("Ctrl-C ends this")
    process.process.send_signal(signal.SIGTSTP)
    process.read_until(MAIN_SCREEN)
    await_state(home, process.process.pid, "T")
    process.screen = ""
    process.process.send_signal(signal.SIGCONT)
    process.read_until(OTHER_SCREEN)
    process.read_until("Ctrl-C ends this")


def test_plain_watch_writes_a_line_for_each_change_and_no_other(home, on_screen) -> None:
    """The cursor never moves back, and no line is repeated."""
    keep(home, "mfa", 192)
    keep(home, "admin", 192)
    process = on_screen("--watch", "--plain")
    process.read_until("mfa: valid")
    process.read_until("admin: valid")
    keep(home, "admin", 12)
    process.read_until("admin: due")
    remove_session("admin", environ=home.environ)
    process.read_until("admin: there is no session in the credentials file any more.\r\n")
    process.process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    assert "\x1b" not in process.screen
    assert [line.partition(",")[0] for line in process.screen.splitlines()[:3]] == [
        "mfa: valid",
        "admin: valid",
        "admin: due for renewal",
    ]
    assert len(process.screen.splitlines()) == 4
