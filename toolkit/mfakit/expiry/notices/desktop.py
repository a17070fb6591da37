"""Telling the person at the desktop, by what the platform has for it.

What is told gets to these programs as arguments or in the environment, never as part of a script:
a profile's name may hold quotes.
"""

from __future__ import annotations

import sys

from mfakit.desktop_session import desktop_environment
from mfakit.errors import MFAKitError
from mfakit.expiry.notices.news import News
from mfakit.expiry.notices.programs import run_program
from mfakit.expiry.notices.way import Way
from mfakit.expiry.rule import EXPIRED, EXPIRING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PATIENCE_SECONDS = 10
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

    def __init__(self, platform: str = sys.platform, patience: float = _PATIENCE_SECONDS) -> None:
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
    """Give notify-send's arguments; the text, but not the title, is read as markup."""
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
