"""The ways to notify people: the desktop, a command of the user's own, and apprise.

apprise's URLs hold secrets: none is ever an argument, and neither apprise's log nor an error of it,
which would show one, is let out.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress

from mfakit.errors import MFAKitError, UsageError
from mfakit.language import translate
from mfakit.notices import News
from mfakit.programs import (
    desktop_environment,
    find_program,
    require_extra,
    run_program,
    split_command,
    without_secrets,
)
from mfakit.session import EXPIRED, EXPIRING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

_COMMAND_SECONDS = 60
_DESKTOP_SECONDS = 10
# Every service has shorter time-outs of its own; this is for the one that keeps none.
_PATIENCE_SECONDS = 30
_ANOTHER_WAY = "or choose another way: --notify TAG, --on-expiring COMMAND"
_VARIABLE = "MFAKIT_NOTIFY"
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def read_standard_input() -> str:
    """Read all of standard input."""
    return sys.stdin.buffer.read().decode("utf-8", "replace") if sys.stdin else ""


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
        return AppriseWay(
            _VARIABLE, lambda environ: _services(environ.get(_VARIABLE, ""), _VARIABLE)
        )
    if text == "-":
        urls = read_input()
        return AppriseWay("standard input", lambda _: _services(urls, "standard input"))
    if not _TAG.fullmatch(text):
        raise UsageError(
            "what --notify names is neither desktop, env, - nor a tag of apprise's config file",
            "let no URL be an argument, which others can see: write it into ~/.config/apprise.conf"
            " with a tag, or into MFAKIT_NOTIFY (--notify env)",
        )
    return AppriseWay(f"tag {text}", lambda environ: _tagged_services(text, environ))


class Way:
    """A way to notify people.

    Args:
        mark: what records of sent notifications call this way: one line, and no secret.
    """

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """Return the receivers of this way: functions that send, or raise MFAKitError.

        Raises:
            MFAKitError: nobody can be notified by this way here.
        """
        raise NotImplementedError

    def check(self, environ: Mapping[str, str]) -> None:
        """Make sure, as far as possible without notifying anybody else, that this way works.

        Raises:
            MFAKitError: it does not; the hint says what would help.
        """
        self.receivers(environ)


class CommandWay(Way):
    """A command that is run with ``MFAKIT_PROFILE``, ``MFAKIT_STATE`` and ``MFAKIT_EXPIRATION``.

    Raises:
        UsageError: its quotes do not match, or it is empty.
    """

    def __init__(self, command: str, patience: float = _COMMAND_SECONDS) -> None:
        from hashlib import sha256

        # by its hash: it may hold anything, secrets too
        super().__init__(f"command {sha256(command.encode(errors='replace')).hexdigest()[:16]}")
        self._words = split_command(command)
        self._patience = patience

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """See `Way`."""
        program = find_program(self._words[0], environ)
        if program is None:
            raise MFAKitError(
                f"there is no program {self._words[0]!r} for --on-expiring",
                "install it, or name it by its whole path",
            )

        def run(news: News) -> None:
            _run(
                [program, *self._words[1:]],
                {**environ, **news.variables},
                f"{os.path.basename(program)} of --on-expiring",
                "run it by hand; it is tried again at the next check",
                self._patience,
            )

        return [run]


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


class DesktopWay(Way):
    """A notification on the desktop of the user who runs mfakit.

    Those of macOS and Windows are experimental: not tried there.
    """

    def __init__(self, platform: str = sys.platform, patience: float = _DESKTOP_SECONDS) -> None:
        super().__init__("desktop")
        self._platform = platform
        self._patience = patience

    def check(self, environ: Mapping[str, str]) -> None:
        """Show a notification that says what it is for: no exit code shows whether one appears."""
        text = translate("You are notified here before an AWS session ends.")
        for show in self.receivers(environ):
            show(News("mfakit", text, EXPIRING, {}))

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """See `Way`."""
        name = _PROGRAMS.get(self._platform, "notify-send")
        program = find_program(name, environ)
        if program is None:
            raise MFAKitError(
                f"there is no program {name!r} to show notifications with",
                f"{'install libnotify' if name == 'notify-send' else 'see PATH'}, {_ANOTHER_WAY}",
            )
        environ = {**environ, **desktop_environment(environ)}
        if name == "notify-send" and not environ.get("DBUS_SESSION_BUS_ADDRESS"):
            raise MFAKitError(
                "this user has no desktop session here: there is no session bus",
                f"log in to the desktop, {_ANOTHER_WAY}",
            )

        def show(news: News) -> None:
            _run(
                [program, *_ARGUMENTS[name](news)],
                {**environ, "MFAKIT_TITLE": news.title, "MFAKIT_TEXT": news.text},
                f"{name}, which shows notifications,",
                f"see that a desktop with notifications runs, {_ANOTHER_WAY}",
                self._patience,
            )

        return [show]


def _run(
    words: list[str], environ: Mapping[str, str], name: str, hint: str, seconds: float
) -> None:
    """Run a program that has to succeed, without secrets in its environment."""
    answer = run_program(words, without_secrets(environ), name=name, hint=hint, seconds=seconds)
    if answer.code:
        raise MFAKitError(f"{name} failed ({answer.code})", hint)


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


_ARGUMENTS = {"notify-send": _notify_send, "osascript": _osascript, "powershell.exe": _powershell}


class AppriseWay(Way):
    """A way through the services that apprise knows.

    Args:
        mark: see `Way`; errors call it that, too.
        servers: finds the services in an environment, with None for each that apprise does not
            know; raises MFAKitError if there are none.
    """

    def __init__(self, mark: str, servers: Callable[[Mapping[str, str]], list[Any]]) -> None:
        super().__init__(mark)
        self._servers = servers

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """See `Way`."""
        require_extra("notify", "apprise")
        _silence()
        return [self._receiver(server) for server in self._servers(environ)]

    def _receiver(self, server: Any) -> Callable[[News], object]:
        return lambda news: self._send(server, news)

    def _send(self, server: Any, news: News) -> None:
        """Send in a thread, which is left behind if it takes too long."""
        from threading import Thread

        if server is None:
            raise _not_known(self.mark)
        outcome: list[bool] = []
        hint = "send something by hand: apprise --help; it is tried again at the next check"
        thread = Thread(target=lambda: outcome.append(_notify(server, news)), daemon=True)
        thread.start()
        thread.join(_PATIENCE_SECONDS)
        if thread.is_alive():
            raise MFAKitError(f"{self.mark}: no answer in {_PATIENCE_SECONDS} s", hint)
        if outcome != [True]:
            raise MFAKitError(f"{self.mark}: the service did not take the message", hint)


def _services(urls: str, place: str) -> list[Any]:
    """Make services of URLs that are separated by spaces or line breaks."""
    from apprise import Apprise

    if not urls.strip():
        raise MFAKitError(f"{place} holds no URL", "put apprise URLs there, a space between two")
    asset = _manager().asset
    found = [Apprise.instantiate(url, asset=asset) for url in urls.split()]
    if all(server is None for server in found):
        raise _not_known(place)
    return found


def _not_known(place: str) -> MFAKitError:
    return MFAKitError(
        f"{place} holds a URL of no service that apprise knows",
        "see how such a URL is written: apprise --details",
    )


def _tagged_services(tag: str, environ: Mapping[str, str]) -> list[Any]:
    """Find the services with a tag in the files that apprise's own command reads.

    Raises:
        MFAKitError: there are none, or others can read the secrets in their file.
    """
    from apprise import AppriseConfig

    found: list[Any] = []
    for path in _config_files(environ):
        servers: list[Any] = []
        manager = _manager()
        with suppress(Exception):  # an error may show the text of the file
            manager.add(AppriseConfig(paths=[path], asset=manager.asset))
            servers = list(manager.find(tag=tag))
        if servers:
            _refuse_public(path)
        found += servers
    if not found:
        raise MFAKitError(
            f"no service in apprise's config file has the tag {tag}",
            "see what each has: apprise --dry-run --tag all --body test",
        )
    return found


def _config_files(environ: Mapping[str, str]) -> Iterator[str]:
    from apprise.cli import DEFAULT_CONFIG_PATHS

    own = environ.get("APPRISE_CONFIG_PATH")
    for path in re.split(r"[\r\n;]+", own) if own else DEFAULT_CONFIG_PATHS:
        expanded = os.path.expanduser(os.path.expandvars(path.strip()))
        if os.path.isfile(expanded):
            yield expanded


def _refuse_public(path: str) -> None:
    if os.name == "posix" and os.stat(path).st_mode & 0o077:
        raise MFAKitError(f"others can read the secrets in {path}", f"chmod 600 {path}")


def _manager() -> Any:
    from apprise import Apprise, AppriseAsset

    return Apprise(asset=AppriseAsset(app_id="mfakit", async_mode=False))


def _notify(server: Any, news: News) -> bool:
    from apprise import NotifyFormat, NotifyType

    manager = _manager()
    manager.add(server)
    kind = NotifyType.FAILURE if news.state == EXPIRED else NotifyType.WARNING
    with suppress(Exception):  # an error of a service may show its URL
        plain = NotifyFormat.TEXT
        return bool(manager.notify(news.text, news.title, notify_type=kind, body_format=plain))
    return False


def _silence() -> None:
    """Turn logging off for good: apprise, and what it sends with, log URLs."""
    import logging
    import warnings

    logging.disable()
    warnings.simplefilter("ignore")
