"""What every way to notify people has in common: the news, and how its program is run."""

from __future__ import annotations

import shlex
import sys

from mfakit.errors import MFAKitError
from mfakit.moments import format_duration, format_timestamp
from mfakit.profiles.stores import CREDENTIALS_FILE, SESSION_CACHE
from mfakit.state import EXPIRED, EXPIRING, UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from mfakit.expiry.status import SessionStatus


class Way:
    """A way to tell people.

    Args:
        mark: what tells it from other ways, where it is kept who was told what. No secret, and in
            one line.
    """

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """Return the receivers of this way: functions that send, or raise MFAKitError.

        Args:
            environ: the environment.

        Raises:
            MFAKitError: nobody can be told by this way here.
        """
        raise NotImplementedError

    def check(self, environ: Mapping[str, str]) -> None:
        """Make sure, as far as can be done without telling anybody else, that this way works.

        Args:
            environ: the environment.

        Raises:
            MFAKitError: it does not; the hint says what would help.
        """
        self.receivers(environ)


# What renews a session that mfakit cannot renew; the AWS CLI renews those of roles by itself.
_OTHER_TOOLS = {
    "sso-cache": "To renew it: aws sso login",
    "login-cache": "To renew it: aws login",
    "cli-cache": "The AWS CLI renews it when it is used.",
}


# Who has not renewed a session for a week does without it; a first check must not tell of each.
_STALE_SECONDS = 7 * 24 * 3600


class News:
    """That a session is due, or has ended, or that nobody can tell.

    Args:
        title: that in a few words.
        text: its state, when it ends, and what renews it.
        state: ``expiring`` or ``expired``, else ``unknown``.
        variables: the same for a program, as environment variables.
    """

    __slots__ = ("state", "text", "title", "variables")

    def __init__(self, title: str, text: str, state: str, variables: dict[str, str]) -> None:
        self.title = title
        self.text = text
        self.state = state
        self.variables = variables


def news_of(status: SessionStatus) -> News | None:
    """Return the news of a session; None if it lasts, ended long ago, or its end is not known."""
    if status.state not in (EXPIRING, EXPIRED):
        return None
    assert status.expiration is not None
    assert status.seconds_left is not None
    if status.seconds_left < -_STALE_SECONDS:
        return None
    duration = format_duration(status.seconds_left)
    has_ended = status.state == EXPIRED
    when = f"ended {duration} ago" if has_ended else f"ends in {duration}"
    moment = f"{'ended' if has_ended else 'ends'} at {_local(status.expiration)}"
    variables = {
        "MFAKIT_PROFILE": status.profile,
        "MFAKIT_STATE": status.state,
        "MFAKIT_EXPIRATION": format_timestamp(status.expiration),
    }
    return News(
        _visible(f"AWS session {status.profile} {when}"),
        _visible(f"It is {status.state}: it {moment}. {_renewal(status)}"),
        status.state,
        variables,
    )


def news_of_trouble(error: MFAKitError) -> News:
    """Return the news that sessions are unreadable, and what would help."""
    text = f"{error.message[:1].upper()}{error.message[1:]}. Try: {error.hint}."
    return News("mfakit cannot look at your AWS sessions", _visible(text), UNKNOWN, {})


def _renewal(status: SessionStatus) -> str:
    if status.source in _OTHER_TOOLS:
        return _OTHER_TOOLS[status.source]
    words = ["mfakit", "login"]
    if status.source in (CREDENTIALS_FILE, SESSION_CACHE):
        words += ["--profile", status.profile]
    if status.record and status.record.role_arn:
        words += _role_words(status.record.role_arn, status.record.options_of_role())
    return f"To renew it: {shlex.join(words)}"


def _role_words(role_arn: str, options: dict[str, Any]) -> list[str]:
    """Write a role as `login` takes it."""
    words = ["--role-arn", role_arn]
    for name, flag in ("ExternalId", "--external-id"), ("SourceIdentity", "--source-identity"):
        words += [flag, options[name]] if name in options else []
    for tag in options.get("Tags", ()):
        words += ["--tag", f"{tag['Key']}={tag['Value']}"]
    return words


def _local(moment: datetime) -> str:
    """Return a time in the local time zone, and unambiguously in UTC."""
    return f"{moment.astimezone():%H:%M} ({format_timestamp(moment)})"


def _visible(text: str) -> str:
    """Take out what could steer a display: a profile's name may hold anything."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


_SECRET_WORDS = {"KEY", "SECRET", "TOKEN", "PASSWORD", "PASSPHRASE"}


def run_program(
    words: list[str], environ: Mapping[str, str], *, name: str, hint: str, patience: float
) -> None:
    """Run a program. What it prints goes to standard error: standard output is the report's.

    Args:
        words: the program and its arguments.
        environ: its environment, of which it gets no AWS secret.
        name: what errors call it.
        hint: what to do if it fails.
        patience: seconds that it may take.

    Raises:
        MFAKitError: it cannot be run, failed, or took too long.
    """
    import subprocess

    try:
        code = subprocess.run(
            words,
            check=False,
            env=without_secrets(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if sys.stderr is None else 2,
            timeout=patience,
        ).returncode
    except subprocess.TimeoutExpired:
        raise MFAKitError(f"{name} took more than {patience:g} s", hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a NUL character among its words"
        raise MFAKitError(f"{name} cannot be run: {reason}", hint) from None
    if code:
        raise MFAKitError(f"{name} failed ({code})", hint)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without AWS credentials, other AWS tools' passwords, and URLs.

    Which names hold such things: the AWS SDKs and Tools Reference Guide (environment variables),
    and the manuals of aws-vault and saml2aws.
    """
    return {name: value for name, value in environ.items() if not _is_secret(name.upper())}


def _is_secret(name: str) -> bool:
    if name == "MFAKIT_NOTIFY":
        return True
    return "AWS" in name and not (
        name.endswith("_FILE") or _SECRET_WORDS.isdisjoint(name.split("_"))
    )
