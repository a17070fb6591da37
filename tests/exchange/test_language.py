"""What mfakit asks is in the user's language; what it prints, and its errors, are in English."""

from __future__ import annotations

import ast
import string
import sys
from pathlib import Path

import polib
import pyte
import pytest
from tests.exchange.conftest import TerminalProcess

import mfakit
from mfakit.language import catalogue_of

PACKAGE = Path(mfakit.__file__).parent
CATALOGUE = PACKAGE / "translations" / "zh_CN.po"
ASKED = " 的 MFA 代码 (code): "


@pytest.fixture
def chinese(home):
    """Let the home's user read Chinese."""
    for name in ("LC_CTYPE", "LC_MESSAGES", "LANGUAGE"):
        home.environ.pop(name, None)
    home.environ["LANG"] = "zh_CN.UTF-8"
    return home


def messages() -> set[str]:
    """Return the messages that the source has translated."""
    nodes = (
        node for path in PACKAGE.rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))
    )
    return {
        ast.literal_eval(node.args[0])
        for node in nodes
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "translate"
    }


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_every_message_has_a_chinese_one_with_the_same_placeholders() -> None:
    """A message that the program no longer has is in no catalogue."""
    entries = polib.pofile(str(CATALOGUE))
    assert {entry.msgid for entry in entries} == messages()
    assert len(messages()) > 30
    for entry in entries:
        assert entry.msgstr, entry.msgid
        assert placeholders(entry.msgstr) == placeholders(entry.msgid)


def test_the_compiled_catalogue_is_that_of_its_source() -> None:
    """No installation compiles anything; python -m docs.translations names the command."""
    binary = polib.pofile(str(CATALOGUE)).to_binary()
    assert CATALOGUE.with_suffix(".mo").read_bytes() == binary, (
        "python -m docs.translations toolkit/mfakit/translations/zh_CN.po"
    )


def test_the_chinese_question_for_six_digits_has_the_word_that_programs_wait_for() -> None:
    asking = [one for one in polib.pofile(str(CATALOGUE)) if one.msgid.lower().endswith("code:")]
    asking += [one for one in polib.pofile(str(CATALOGUE)) if "MFA code for" in one.msgid]
    assert len(asking) == 3
    assert [one.msgid for one in asking if "code" not in one.msgstr] == []


@pytest.mark.parametrize(
    ("environ", "catalogue"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh_CN"}, "zh_CN"),
        ({"LANG": "zh_SG.utf8"}, "zh_CN"),
        ({"LANG": "zh-Hans-CN"}, "zh_CN"),
        ({"LANG": "zh_Hans"}, "zh_CN"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:zh"}, "zh_CN"),
        ({"LANG": "fr_FR.UTF-8", "LANGUAGE": "fr:zh_CN:en"}, "zh_CN"),
        ({}, None),
        ({"LANG": "en_US.UTF-8"}, None),
        ({"LANG": "zh_TW.UTF-8"}, None),
        ({"LANG": "zh-Hant-HK"}, None),
        ({"LANG": "zh_CN.GB18030"}, None),
        ({"LANG": "zh_CN.UTF-8", "LC_CTYPE": "en_US.ISO-8859-1"}, None),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_US.UTF-8"}, None),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}, None),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en_GB:en:zh_CN"}, None),
        ({"LANG": "C.UTF-8", "LANGUAGE": "zh_CN"}, None),
        ({"LANGUAGE": "zh_CN"}, None),
    ],
    ids=str,
)
def test_the_language_is_that_of_the_locale(environ: dict[str, str], catalogue) -> None:
    """So programs that type the code, with LC_ALL=C, are always asked in English."""
    assert catalogue_of(environ) == catalogue


def test_a_login_asks_in_chinese_and_reports_in_english(chinese, alice, on_terminal) -> None:
    terminal = on_terminal("login")
    shown = terminal.read_until(ASKED)
    assert shown == f"请输入 {alice.device.serial_number}{ASKED}"
    terminal.type("12345\n")
    terminal.read_until(ASKED)
    assert "a token code is six digits" in terminal.screen
    terminal.type(f"{alice.device.code()}\n")
    assert terminal.wait() == 0
    assert "mfakit: logged in to profile mfa with the keys of profile" in terminal.screen


def test_an_english_locale_is_asked_as_ever(home, alice, on_terminal) -> None:
    home.environ |= {"LC_MESSAGES": "", "LANG": "en_US.UTF-8"}
    terminal = on_terminal("login")
    shown = terminal.read_until(": ")
    assert shown == f"MFA code for {alice.device.serial_number}: "


def test_what_programs_read_is_the_same_in_a_chinese_locale(home, alice) -> None:
    """This includes errors, since people search for them."""
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    commands = (["check"], ["check", "--format=json"], ["status", "--short"], ["env"], ["devices"])
    failing = (["check", "-p", "none"], ["login", "--token-code", "1"], ["env", "--shell", "x"])
    for command in (*commands, *failing):
        ours = home.run(sys.executable, "-m", "mfakit", *command)
        locale = {"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}
        theirs = home.run(sys.executable, "-m", "mfakit", *command, **locale)
        shown = [done.stdout + done.stderr for done in (ours, theirs)]
        assert shown[1].isascii()
        assert ours.returncode == theirs.returncode
        if "json" not in command[-1]:  # it has the present time
            assert shown[0] == shown[1]


@pytest.mark.parametrize("columns", [60, 80])
def test_the_chinese_countdown_stays_on_one_line_and_is_cleared(chinese, columns: int) -> None:
    """Each letter takes two columns of it."""
    script = (
        "from mfakit.exchange.terminal import Terminal\n"
        "from mfakit.language import translate\n"
        "moments = iter([0, 0.5, 19.5, 20, 20, 20, 20])\n"
        "print('before', flush=True)\n"
        "terminal = Terminal(clock=lambda: next(moments))\n"
        "terminal.count_down(20, translate('the next code'), may_skip=True)\n"
        "print('after', flush=True)\n"
    )
    terminal = TerminalProcess([sys.executable, "-c", script], chinese.environ)
    try:
        terminal.read_until("after")
    finally:
        terminal.close()
    screen = pyte.Screen(columns, 5)
    stream = pyte.Stream(screen)
    first, last = "距下一个代码出现还有 20 秒", "距下一个代码出现还有  1 秒"
    before, shown, rest = terminal.screen.partition(last)
    assert first in before
    hint, cleared, after = rest.partition("\r\x1b[K")
    stream.feed(before + shown + hint)
    whole = f"{last}（已出现可按 Enter）"
    assert [line.rstrip() for line in screen.display[:3]] == ["before", whole, ""]
    stream.feed(cleared + after)
    assert [line.rstrip() for line in screen.display[:3]] == ["before", "after", ""]


@pytest.mark.parametrize("answer", ["y", "是", "n"])
def test_a_chinese_question_takes_the_english_answers_too(
    chinese, alice, on_terminal, answer: str
) -> None:
    terminal = on_terminal("keys", "rotate")
    asked = terminal.read_until("[y/N] ")
    assert asked.startswith(f"轮换 profile default 的密钥 {alice.access_key_id}？")
    assert "分钟前" in asked or "秒前" in asked
    terminal.type(f"{answer}\n")
    assert terminal.wait(90) == (1 if answer == "n" else 0)
    assert "the answer was not yes" in terminal.screen or "uses the new key" in terminal.screen


def test_configure_asks_in_chinese(chinese, alice, on_terminal) -> None:
    """The settings that it writes are the same."""
    terminal = on_terminal("configure")
    for asked in ("用哪个 profile 保存会话 [mfa]: ", "[default]: ", "[12h]: ", "[无]: "):
        terminal.read_until(asked)
        terminal.type("\n")
    assert terminal.wait() == 0
    assert "mfakit: wrote profile mfa to" in terminal.screen
    assert f"mfa_serial = {alice.device.serial_number}" in chinese.config.read_text()
