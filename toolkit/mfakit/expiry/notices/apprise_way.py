"""Telling people through apprise, by URLs that hold secrets.

So a URL is never an argument, and nothing that is said of one shows it: neither apprise's log nor
an error of it is let out.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress

from mfakit.errors import MFAKitError, UsageError
from mfakit.expiry.notices.way import Way
from mfakit.extras import require_extra
from mfakit.state import EXPIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from mfakit.expiry.notices.way import News

# Every service has shorter time-outs of its own; this is for the one that keeps none.
_PATIENCE_SECONDS = 30
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class AppriseWay(Way):
    """What apprise can tell.

    Args:
        mark: see `Way`; what errors call it, too.
        servers: finds the services, given the environment, with None for each that apprise does
            not know; raises MFAKitError if there are none.
        patience: seconds that each may take.
    """

    def __init__(
        self,
        mark: str,
        servers: Callable[[Mapping[str, str]], list[Any]],
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        super().__init__(mark)
        self._servers = servers
        self._patience = patience

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
        thread.join(self._patience)
        if thread.is_alive():
            raise MFAKitError(f"{self.mark}: no answer in {self._patience:g} s", hint)
        if outcome != [True]:
            raise MFAKitError(f"{self.mark}: the service did not take the message", hint)


def tag_way(tag: str) -> AppriseWay:
    """Return the way to those who have a tag in apprise's own config file.

    Raises:
        UsageError: it is no tag. What was given is not repeated, since it may be a URL.
    """
    if not _TAG.fullmatch(tag):
        raise UsageError(
            "what --notify names is neither desktop, env, - nor a tag of apprise's config file",
            "let no URL be an argument, which others can see: write it into ~/.config/apprise.conf"
            " with a tag, or into MFAKIT_NOTIFY (--notify env)",
        )
    return AppriseWay(f"tag {tag}", lambda environ: _tagged(tag, environ))


def environment_way() -> AppriseWay:
    """Return the way to those whose URLs are in ``MFAKIT_NOTIFY``."""
    name = "MFAKIT_NOTIFY"
    return AppriseWay(name, lambda environ: _of_urls(environ.get(name, ""), name))


def input_way(read: Callable[[], str]) -> AppriseWay:
    """Return the way to those whose URLs are read, at once, from standard input."""
    urls = read()
    return AppriseWay("standard input", lambda _: _of_urls(urls, "standard input"))


def read_standard_input() -> str:
    """Read all of standard input."""
    return sys.stdin.buffer.read().decode("utf-8", "replace") if sys.stdin else ""


def _of_urls(urls: str, place: str) -> list[Any]:
    """Make services of URLs that stand between spaces or line breaks."""
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
        f"{place} holds what is no URL of a service that apprise knows",
        "see how such a URL is written: apprise --details",
    )


def _tagged(tag: str, environ: Mapping[str, str]) -> list[Any]:
    """Find the services with a tag in the files that apprise's own command reads.

    Raises:
        MFAKitError: there are none, or others can read the secrets in their file.
    """
    from apprise import AppriseConfig

    found: list[Any] = []
    for path in _config_files(environ):
        servers: list[Any] = []
        manager = _manager()
        with suppress(Exception):  # whatever a file may cause, its text is not to be shown
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
