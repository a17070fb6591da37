"""The ways to tell people: a notification on the desktop, or a command of the user's own."""

from __future__ import annotations

import os
import shlex
import sys

from mfakit.desktop_session import desktop_environment
from mfakit.errors import MFAKitError, UsageError
from mfakit.expiry.notices.apprise_way import (
    environment_way,
    input_way,
    read_standard_input,
    tag_way,
)
from mfakit.expiry.notices.way import News, Way, run_program
from mfakit.state import EXPIRED, EXPIRING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


_COMMAND_SECONDS = 60


class CommandWay(Way):
    """A command that is run with ``MFAKIT_PROFILE``, ``MFAKIT_STATE`` and ``MFAKIT_EXPIRATION``.

    Args:
        command: the program and its arguments, quoted as in a shell; none is used.
        patience: seconds that it may take.

    Raises:
        UsageError: its quotes do not match, or there is nothing in it.
    """

    def __init__(self, command: str, patience: float = _COMMAND_SECONDS) -> None:
        from hashlib import sha256

        # by its hash: it may hold anything, secrets too
        super().__init__(f"command {sha256(command.encode(errors='replace')).hexdigest()[:16]}")
        self._words = split_command(command)
        self._patience = patience

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """See `Way`."""
        import shutil

        program = shutil.which(self._words[0], path=environ.get("PATH"))
        if program is None:
            raise MFAKitError(
                f"there is no program {self._words[0]!r} for --on-expiring",
                "install it, or name it by its whole path",
            )

        def run(news: News) -> None:
            run_program(
                [program, *self._words[1:]],
                {**environ, **news.variables},
                name=f"{os.path.basename(program)} of --on-expiring",
                hint="run it by hand; it is tried again at the next check",
                patience=self._patience,
            )

        return [run]


def split_command(command: str) -> list[str]:
    """Split a command into its words.

    Raises:
        UsageError: its quotes do not match, or there is nothing in it.
    """
    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"the command cannot be read: {error}", "mend its quotes") from None
    if not words:
        raise UsageError("the command is empty", "name a program, and its arguments")
    return words


_DESKTOP_SECONDS = 10
_APPLESCRIPT = (
    "on run words",
    "display notification (item 2 of words) with title (item 1 of words)",
    "end run",
)
# Only Windows PowerShell has these types (not PowerShell 7), and only an application that Windows
# knows may show a toast, so it is PowerShell's own.
_POWERSHELL = r"""
$ErrorActionPreference = 'Stop'
$manager = [Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications,
    ContentType = WindowsRuntime]
$toast = $manager::GetTemplateContent([Windows.UI.Notifications.ToastTemplateType]::ToastText02)
$texts = $toast.GetElementsByTagName('text')
[void]$texts.Item(0).AppendChild($toast.CreateTextNode($env:MFAKIT_TITLE))
[void]$texts.Item(1).AppendChild($toast.CreateTextNode($env:MFAKIT_TEXT))
$shown = [Windows.UI.Notifications.ToastNotification]::new($toast)
$application = '{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}\WindowsPowerShell\v1.0\powershell.exe'
$manager::CreateToastNotifier($application).Show($shown)
"""
_PROGRAMS = {"darwin": "osascript", "win32": "powershell.exe"}
_HELLO = News("mfakit", "You are told here before an AWS session ends.", EXPIRING, {})


class DesktopWay(Way):
    """A notification on the desktop of the user that this runs as.

    Args:
        platform: the system, as ``sys.platform`` names it.
        patience: seconds that the program which shows it may take.
    """

    def __init__(self, platform: str = sys.platform, patience: float = _DESKTOP_SECONDS) -> None:
        super().__init__("desktop")
        self._platform = platform
        self._patience = patience

    def check(self, environ: Mapping[str, str]) -> None:
        """Show a notification that says what it is for: nothing else tells whether one appears."""
        for show in self.receivers(environ):
            show(_HELLO)

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """See `Way`."""
        import shutil

        name = _PROGRAMS.get(self._platform, "notify-send")
        program = shutil.which(name, path=environ.get("PATH"))
        if program is None:
            raise MFAKitError(
                f"there is no program {name!r} to show notifications with",
                "install libnotify, or be told otherwise: --notify TAG, --on-expiring COMMAND"
                if name == "notify-send"
                else "see PATH, or be told otherwise: --notify TAG, --on-expiring COMMAND",
            )
        environ = {**environ, **desktop_environment(environ)}
        if name == "notify-send" and not environ.get("DBUS_SESSION_BUS_ADDRESS"):
            raise MFAKitError(
                "this user has no desktop session here: there is no session bus",
                "log in to the desktop, or be told otherwise: --notify TAG, --on-expiring COMMAND",
            )

        def show(news: News) -> None:
            run_program(
                [program, *_ARGUMENTS[name](news)],
                {**environ, "MFAKIT_TITLE": news.title, "MFAKIT_TEXT": news.text},
                name=f"{name}, which shows notifications,",
                hint="see that a desktop with notifications runs, or be told otherwise:"
                " --notify TAG, --on-expiring COMMAND",
                patience=self._patience,
            )

        return [show]


def _notify_send(news: News) -> list[str]:
    """Return notify-send's arguments; it reads the text, but not the title, as markup."""
    from html import escape

    urgency = "critical" if news.state == EXPIRED else "normal"
    text = escape(news.text, quote=False)
    return ["--app-name=mfakit", f"--urgency={urgency}", "--", news.title, text]


def _osascript(news: News) -> list[str]:
    lines = [word for line in _APPLESCRIPT for word in ("-e", line)]
    return [*lines, news.title, news.text]


def _powershell(_: News) -> list[str]:
    return ["-NoProfile", "-NonInteractive", "-Command", _POWERSHELL]


_ARGUMENTS = {
    "notify-send": _notify_send,
    "osascript": _osascript,
    "powershell.exe": _powershell,
}


def parse_way(text: str, read_input: Callable[[], str] = read_standard_input) -> Way:
    """Read what ``--notify`` names.

    Args:
        text: ``desktop``; ``env``, for apprise URLs in ``MFAKIT_NOTIFY``; ``-``, for apprise URLs
            on standard input; or a tag of apprise's own config file.
        read_input: reads standard input, at once if it is asked for.

    Raises:
        UsageError: it is none of these. It is not repeated, since it may be a URL.
    """
    if text == "desktop":
        return DesktopWay()
    if text == "env":
        return environment_way()
    return input_way(read_input) if text == "-" else tag_way(text)
