"""Asking for a code in a dialog: shell scripts stand in for the dialog programs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mfakit.errors import ExchangeError
from mfakit.exchange import TypedCode
from mfakit.exchange.dialog import Dialog
from mfakit.exchange.dialog_programs import DeclinedError, NotAnsweredError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts")

QUESTION = "MFA code for arn:aws:iam::123456789012:mfa/alice: "
# The scripts: pinentry answers command by command, the others answer once and exit.
PINENTRY = """
echo OK Pleased to meet you
while read -r line; do
    printf '%s\\n' "$line" >> "$SHOWN"
    case $line in
        GETPIN) answer ;;
        OPTION*) echo ERR 83886254 Unknown option '<Pinentry>' ;;
        BYE) echo OK; exit ;;
        *) echo OK ;;
    esac
done
"""
OTHERS = """
for word; do printf '%s\\n' "$word" >> "$SHOWN"; done
printf '%s\\n' "$MFAKIT_DIALOG_TEXT" "$MFAKIT_DIALOG_OK" "$MFAKIT_DIALOG_CANCEL" >> "$SHOWN"
answer
"""
TYPED = {
    "pinentry": "echo S PASSWORD; [ -z {0} ] || echo D {0}; echo OK",
    "osascript": "echo typed {0}",
    "powershell": "printf %s {0}",
    "zenity": "echo {0}",
}
NO = {
    "pinentry": "echo S ERROR curses.cancel 83886179; echo 'ERR 83886179 cancelled <Pinentry>'",
    "osascript": "echo no",
    "powershell": "exit 10",
    "zenity": "exit $ZENITY_ESC",
}
NOBODY = {
    "pinentry": "echo 'ERR 83886142 Timeout <Pinentry>'",
    "osascript": "echo nobody",
    "powershell": "exit 5",
    "zenity": "exit 5",
}
FAILING = {
    "pinentry": "echo 'ERR 83918950 Inappropriate ioctl for device <Pinentry>'",
    "osascript": "echo execution error >&2; exit 1",
    "powershell": "exit 1",
    "zenity": "echo cannot open display >&2; exit 1",
}
KINDS = list(TYPED)


class Desktop:
    """A desktop whose dialog programs record what they show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shown = folder / "shown"
        self.environ = {"PATH": str(folder), "DISPLAY": ":9", "SHOWN": str(self._shown)}
        self.environ["GNUPGHOME"] = str(folder)

    def install(self, name: str, answer: str) -> None:
        script = PINENTRY if name == "pinentry" else OTHERS
        path = self._folder / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\nanswer() {{ {answer}; }}\n{script}")
        path.chmod(0o755)

    def dialog(self, seconds: float = 20) -> Dialog:
        return Dialog("AWS session mfa ends in 12m", seconds, self.environ)

    @property
    def shown(self) -> str:
        return self._shown.read_text()


@pytest.fixture
def desktop(tmp_path: Path) -> Desktop:
    return Desktop(tmp_path)


def refused(desktop: Desktop, seconds: float = 20) -> ExchangeError:
    with pytest.raises(ExchangeError) as caught:
        desktop.dialog(seconds).ask_code(QUESTION)
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
def test_the_typed_text_becomes_the_code(desktop, kind: str) -> None:
    """The dialog names the session and the device."""
    desktop.install(kind, TYPED[kind].format("'123 456'"))
    dialog = desktop.dialog()
    asked = []
    dialog.when_asked = lambda: asked.append(True)
    assert dialog.ask_code(QUESTION) == "123456"
    assert asked == [True]
    assert "AWS session mfa ends in 12m" in desktop.shown
    assert "MFA code for arn:aws:iam::123456789012:mfa/alice" in desktop.shown


@pytest.mark.parametrize("kind", KINDS)
def test_a_dialog_is_in_chinese_where_the_locale_is(desktop, monkeypatch, kind: str) -> None:
    """The word that is asked for is there in English too."""
    for name in ("LC_ALL", "LC_CTYPE", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    desktop.install(kind, TYPED[kind].format("123456"))
    code = TypedCode(desktop.dialog()).get("GAHT12345678")
    assert code == "123456"
    for text in ("请输入 GAHT12345678 的 MFA 代码 (code):", "登录", "暂不登录"):
        assert text in desktop.shown


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answers", "error"),
    [(NO, DeclinedError), (NOBODY, NotAnsweredError)],
    ids=["no", "nobody"],
)
def test_a_declined_dialog_is_distinguished_from_an_unanswered_one(
    desktop, kind: str, answers: dict[str, str], error
) -> None:
    """An unanswered dialog is shown once more, a declined one is not."""
    desktop.install(kind, answers[kind])
    assert type(refused(desktop)) is error


@pytest.mark.parametrize("kind", KINDS)
def test_a_dialog_that_cannot_be_shown_is_neither_declined_nor_unanswered(
    desktop, kind: str
) -> None:
    """The next program is tried; if none works, the error says why each failed."""
    desktop.install(kind, FAILING[kind])
    assert refused(desktop).message.startswith(f"{kind} showed no dialog: ")
    desktop.install("zenity", TYPED["zenity"].format(654321))
    assert desktop.dialog().ask_code(QUESTION) == "654321"


@pytest.mark.parametrize("kind", KINDS)
def test_a_malformed_code_is_asked_for_again_with_the_reason(desktop, kind: str) -> None:
    """The question comes three times at most, and an empty answer counts as malformed."""
    desktop.install(kind, TYPED[kind].format("''"))
    assert refused(desktop).message == "no code was typed"
    assert desktop.shown.count("a token code is six digits") == 2


@pytest.mark.parametrize("kind", ["pinentry", "zenity"])
def test_a_dialog_that_hangs_is_killed_with_its_child_processes(desktop, kind: str) -> None:
    """Some programs support no timeout, or do not keep to it."""
    desktop.install(kind, 'sleep 600 & echo $! > "$SHOWN.pid"; wait')
    assert type(refused(desktop, 0.1)) is NotAnsweredError
    pid = Path(desktop.environ["SHOWN"] + ".pid").read_text().strip()
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", pid], check=False, capture_output=True, text=True
    )
    assert state.stdout[:1] in ("", "Z")


def test_pinentry_comes_first_and_gpg_agents_choice_of_it_is_used(desktop, tmp_path) -> None:
    """Users who have chosen one want it for all such questions."""
    desktop.install("zenity", NO["zenity"])
    desktop.install("pinentry", TYPED["pinentry"].format(111111))
    assert desktop.dialog().ask_code(QUESTION) == "111111"
    desktop.install("pinentry", NO["pinentry"])
    other = tmp_path / "other"
    other.mkdir()
    Desktop(other).install("pinentry", TYPED["pinentry"].format(222222))
    (tmp_path / "gpg-agent.conf").write_text(f"no-grab\npinentry-program {other}/pinentry\n")
    assert desktop.dialog().ask_code(QUESTION) == "222222"


def test_the_text_of_a_dialog_is_escaped_for_each_program(desktop) -> None:
    """Names of profiles may hold escapes, commands or mnemonic underscores."""
    name = "50%0A_\\n\"$(id)'"
    for kind, shown in [
        ("pinentry", "SETDESC 50%250A_\\n\"$(id)'%0A%0AMFA code for x:"),
        ("zenity", "--text=50%0A__\\\\n\"$(id)'\n\nMFA code for x:\n"),
        ("osascript", f"\n{name}\n\nMFA code for x:\n20\n"),
        ("powershell", f"\n{name}\n\nMFA code for x:\n"),
    ]:
        desktop.install(kind, TYPED[kind].format(123456))
        assert Dialog(name, 20, desktop.environ).ask_code("MFA code for x: ") == "123456"
        assert shown in desktop.shown
        os.unlink(Path(desktop.environ["PATH"]) / kind)


def test_dialog_check_fails_without_a_usable_program(desktop) -> None:
    """zenity exits without a display as it does when the user declines."""
    del desktop.environ["DISPLAY"]
    desktop.install("zenity", "exit 1")
    with pytest.raises(ExchangeError, match="there is no dialog"):
        desktop.dialog().check()


def test_one_of_several_devices_is_chosen_by_its_number(desktop) -> None:
    """The question lists all of them."""
    desktop.install("zenity", "echo ' 2 '")
    assert desktop.dialog().choose("Which device?", ["arn:1", "arn:2"]) == 1
    assert "1  arn:1\n2  arn:2\nWhich device? [1-2]" in desktop.shown
    with pytest.raises(ExchangeError, match="nothing was chosen"):
        desktop.dialog().choose("Which device?", ["arn:1"])


def test_login_prompt_asks_in_a_window_and_needs_no_terminal(home, alice) -> None:
    """Beside a code or a token command it has no meaning."""
    programs = home.folder / "bin"
    programs.mkdir()
    program = programs / "pinentry"
    code = alice.device.code()
    answer = f"answer() {{ echo D {code}; echo OK; }}\n"
    program.write_text(f"#!/bin/sh\nSHOWN={home.folder}/shown\n{answer}{PINENTRY}")
    program.chmod(0o755)
    path = f"{programs}{os.pathsep}{home.environ['PATH']}"
    done = home.mfakit("login", "--prompt", PATH=path, terminal=False)
    assert done.returncode == 0, done.stderr
    assert f"MFA code for {alice.device.serial_number}" in (home.folder / "shown").read_text()
    assert home.mfakit("login", "--prompt", "--token-code", "123456").returncode == 64
