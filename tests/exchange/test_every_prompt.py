"""Whatever waits for six digits says that it wants a code.

Each command runs, and what stands before the cursor when it waits is its prompt. So a prompt that
is added anywhere is seen here.
"""

from __future__ import annotations

import re
import shutil
import sys
import time

import pytest
from tests.docs.shell import COUNTDOWN, QUESTION, visible
from tests.exchange.conftest import TerminalProcess
from tests.exchange.test_dialogs import KINDS, TYPED, Desktop
from tests.roles import make_role

from mfakit.cli.commands import COMMANDS
from mfakit.testing import REQUIRE_MFA_POLICY
from mfakit.testing.account import Device

pytestmark = pytest.mark.long

LIFE_SECONDS = 12 * 3600
# How often each command asks a user whose policy requires MFA, and who has no session.
ASKING = {
    "login": 1,
    "exec -- true": 1,
    "exec --serve -- true": 1,
    "credential-process": 1,
    "serve": 1,
    "console --role-arn ROLE": 1,
    "devices --user bob": 1,
    "devices add alice-phone --show-seed": 4,
    "devices resync": 2,
    "devices remove --last": 1,
    "keys --online": 1,
    "keys rotate --yes --delete-after 0": 1,
}
SILENT = (
    *("check --renew", "completion bash", "configure", "devices", "env", "explain", "keys"),
    *("logout", "policy", "schedule show", "status"),
)
ELSEWHERE = {"demo", "simulate"}  # which have a user of their own, and ask nobody


@pytest.fixture
def person(aws, home, endpoint):
    """Return a user with a device, where the policy requires MFA."""
    user = aws.create_user("alice", policy=REQUIRE_MFA_POLICY)
    aws.create_user("bob").enable_virtual_mfa()
    home.write_credentials(
        f"[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    user.device = user.enable_virtual_mfa()
    return user


def log_in_before(aws, home, user) -> None:
    """Let the user have a session that has just ended."""
    aws.clock.advance(seconds=-LIFE_SECONDS)
    assert home.mfakit("login", "--token-code", user.device.code()).returncode == 0
    aws.clock.advance(seconds=LIFE_SECONDS)


def prompts(aws, terminal: TerminalProcess, expected: int) -> list[str]:
    """Answer whatever a command asks, with a code of the device that is named; return all prompts.

    A command that goes on without end is left once it has asked as often as expected.
    """
    found: list[str] = []
    quiet_since = time.monotonic()
    while terminal.process.poll() is None:
        before = terminal.screen
        terminal.read(0.2)
        if terminal.screen != before:
            quiet_since = time.monotonic()
        last = visible(terminal.screen).rpartition("\n")[2]
        if last.endswith((COUNTDOWN, "]: ")):  # the latter has a default, which no code has
            terminal.type("\n")
        elif QUESTION.search(last):
            found.append(last)
            devices = aws._devices.all()
            named = [one for one in devices if f"{one.serial_number}:" in last]
            terminal.type(f"{Device(aws, (named or devices)[0]).code()}\n")
        elif len(found) >= expected > 0 and time.monotonic() - quiet_since > 3:
            break
        assert time.monotonic() - quiet_since < 60, terminal.screen
    return found


@pytest.mark.parametrize("line", [*ASKING, *SILENT])
def test_every_prompt_on_the_terminal_says_that_it_wants_a_code(
    aws, home, person, on_terminal, line: str
) -> None:
    make_role(aws, "admin", person.arn)
    role = person.arn.replace("user/alice", "role/admin")
    if line == "devices resync":
        aws.clock.advance(hours=1)  # AWS wants newer codes than those that enabled the device
    expected = ASKING.get(line, 0)
    terminal = on_terminal(*line.replace("ROLE", role).split())
    asked = prompts(aws, terminal, expected)
    assert len(asked) == expected, (asked, terminal.screen)
    assert [prompt for prompt in asked if "code" not in prompt.split()] == []


def test_each_command_was_tried_for_its_prompts() -> None:
    assert {line.split()[0] for line in (*ASKING, *SILENT)} | ELSEWHERE == set(COMMANDS)


@pytest.mark.parametrize("command", ["login --prompt --force", "check --prompt"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_window_says_that_it_wants_a_code(
    aws, home, person, tmp_path, kind: str, command: str
) -> None:
    log_in_before(aws, home, person)
    programs = tmp_path / "programs"
    programs.mkdir()
    desktop = Desktop(programs)
    desktop.install(kind, TYPED[kind].format(person.device.code()))
    done = home.run(sys.executable, "-m", "mfakit", *command.split(), **desktop.environ)
    assert done.returncode == 0, done.stderr
    (question,) = re.findall(r"MFA.*mfa/alice\S*", desktop.shown)
    assert "code" in question.split()


@pytest.mark.skipif(not shutil.which("pinentry-curses"), reason="pinentry-curses is not installed")
@pytest.mark.parametrize("command", ["login --prompt --force", "check --prompt"])
def test_pinentry_says_that_it_wants_a_code(
    aws, home, person, tmp_path, on_terminal, command: str
) -> None:
    """The words are on the screen, whatever stands around them."""
    log_in_before(aws, home, person)
    (tmp_path / "pinentry").symlink_to(shutil.which("pinentry-curses"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "GNUPGHOME"):
        home.environ.pop(name, None)
    home.environ |= {"PATH": str(tmp_path), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    terminal = on_terminal(*command.split())
    terminal.read_until("Not this time")
    assert "MFA code for" in terminal.screen
    terminal.type(f"{person.device.code()}\r")
    assert terminal.wait() == 0
