"""What notifications say: a session is due, has ended, or sessions are unreadable."""

from __future__ import annotations

import os
import shlex

from mfakit.expiry.report import ends_in, old_since
from mfakit.moments import format_timestamp
from mfakit.profiles.own_files import ROLE_SESSION_NAME
from mfakit.profiles.stores import STORE_KINDS
from mfakit.state import EXPIRED, UNKNOWN
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from mfakit.errors import MFAKitError
    from mfakit.expiry.status import SessionStatus
    from mfakit.keys.age import KeyAge
    from mfakit.profiles.own_files import SessionRecord

# What renews a session that mfakit cannot renew; the AWS CLI renews those of roles by itself.
_OTHER_TOOLS = {
    "sso-cache": "To renew it: aws sso login",
    "login-cache": "To renew it: aws login",
    "cli-cache": "The AWS CLI renews it when it is used.",
}
# Sessions that ended longer ago are not reported: a first check would report every old one.
_STALE_SECONDS = 7 * 24 * 3600


class News(Value):
    """The content of a notification.

    Attributes:
        title: what happened, in a few words.
        text: its state, when it ends, and what renews it.
        state: ``expiring`` or ``expired``, else ``unknown``.
        variables: the same for a program, as environment variables.
    """

    title: str
    text: str
    state: str
    variables: dict[str, str]


def news_of(status: SessionStatus) -> News | None:
    """Return the news of a session; None if it lasts, ended long ago, or its end is not known."""
    if not status.state.is_due:
        return None
    assert status.expiration is not None
    assert status.seconds_left is not None
    if status.seconds_left < -_STALE_SECONDS:
        return None
    moment = f"{'ended' if status.state == EXPIRED else 'ends'} at {_local(status.expiration)}"
    account = status.record.account if status.record else None
    whose = f"of {_who()}{f', AWS account {account},' if account else ''}"
    variables = {
        "MFAKIT_PROFILE": status.profile,
        "MFAKIT_STATE": status.state,
        "MFAKIT_EXPIRATION": format_timestamp(status.expiration),
    }
    return News(
        _visible(f"AWS session {status.profile} {ends_in(status)}"),
        _visible(f"The session {status.profile} {whose} {moment}. {_renewal(status)}"),
        status.state,
        variables,
    )


def news_of_key(age: KeyAge, now: datetime) -> News:
    """Return the news of a long-term key that is old, or whose predecessor should be deleted."""
    cure = f"mfakit keys rotate --source-profile {shlex.quote(age.profile)}"
    return News(
        _visible(f"The AWS access key of {age.profile} is {old_since(age, now)}"),
        _visible(f"It is a key of {_who()}. To replace it, or delete the one before: {cure}"),
        UNKNOWN,
        {},
    )


def news_of_trouble(error: MFAKitError) -> News:
    """Return the news that sessions are unreadable, and what would help."""
    text = f"{error.message[:1].upper()}{error.message[1:]}. Try: {error.hint}."
    title = f"mfakit cannot look at the AWS sessions of {_who()}"
    return News(_visible(title), _visible(text), UNKNOWN, {})


def _renewal(status: SessionStatus) -> str:
    if status.source in _OTHER_TOOLS:
        return _OTHER_TOOLS[status.source]
    words = ["mfakit", "login"]
    if status.source in STORE_KINDS:
        words += ["--profile", status.profile]
    if status.record:
        words += _role_words(status.record)
    return f"To renew it: {shlex.join(words)}"


def _role_words(record: SessionRecord) -> list[str]:
    """Return the options of `login` for the role of a session; none if it is of no role."""
    if record.role_arn is None:
        return []
    words, options = ["--role-arn", record.role_arn], record.options_of_role()
    if record.role_session_name not in (None, ROLE_SESSION_NAME):
        words += ["--role-session-name", record.role_session_name]
    for name, flag in ("ExternalId", "--external-id"), ("SourceIdentity", "--source-identity"):
        words += [flag, options[name]] if name in options else []
    for tag in options.get("Tags", ()):
        words += ["--tag", f"{tag['Key']}={tag['Value']}"]
    if record.policies_digest is not None:  # without them it could do more than before
        words += ["--policy", "FILE"]
    return words


def _who() -> str:
    """Return who is told, and where: one person may get the news of many hosts."""
    import getpass
    import platform

    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # no name for this user; which exception depends on the Python
        user = str(os.getuid())
    return f"{user} on {platform.node() or 'this host'}"


def _local(moment: datetime) -> str:
    """Return a time in the local time zone, and unambiguously in UTC."""
    return f"{moment.astimezone():%H:%M} ({format_timestamp(moment)})"


def _visible(text: str) -> str:
    """Replace unprintable characters: a profile's name may hold any, and control a display."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
