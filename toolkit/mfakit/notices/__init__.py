"""Notices: what people are told of a session that is due or has ended, or of unreadable ones."""

from __future__ import annotations

import os
import shlex

from mfakit.language import translate, translate_duration
from mfakit.moments import format_age, format_duration, format_timestamp
from mfakit.profiles.own_files import ROLE_SESSION_NAME, ROLE_TEXTS
from mfakit.profiles.stores import STORE_KINDS
from mfakit.session import EXPIRED, UNKNOWN
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from mfakit.errors import MFAKitError
    from mfakit.expiry import SessionStatus
    from mfakit.keys import KeyAge
    from mfakit.profiles.own_files import SessionRecord

# What renews a session that mfakit cannot renew.
_OTHER_TOOLS = {"sso-cache": "aws sso login", "login-cache": "aws login"}
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
    variables = {
        "MFAKIT_PROFILE": status.profile,
        "MFAKIT_STATE": status.state,
        "MFAKIT_EXPIRATION": format_timestamp(status.expiration),
    }
    return News(title_of(status), _visible(_text(status)), status.state, variables)


def title_of(status: SessionStatus) -> str:
    """Return a line with when a session ends or ended, which has to be known."""
    time = translate_duration(format_duration(status.seconds_left or 0))
    if status.state == EXPIRED:
        title = translate(
            "AWS session {profile} ended {time} ago", profile=status.profile, time=time
        )
    else:
        title = translate("AWS session {profile} ends in {time}", profile=status.profile, time=time)
    return _visible(title)


def _text(status: SessionStatus) -> str:
    assert status.expiration is not None
    account = status.record.account if status.record else None
    values = {
        "profile": status.profile,
        "owner": _owner(account) if account else _who(),
        "time": _local(status.expiration),
        "renewal": _renewal(status),
    }
    if status.state == EXPIRED:
        return translate("The session {profile} of {owner} ended at {time}. {renewal}", **values)
    return translate("The session {profile} of {owner} ends at {time}. {renewal}", **values)


def news_of_key(age: KeyAge, now: datetime) -> News:
    """Return the news of a long-term key that is old, or whose predecessor should be deleted."""
    cure = f"mfakit keys rotate --source-profile {shlex.quote(age.profile)}"
    return News(
        _visible(_age(age, now)),
        _visible(
            translate(
                "It is a key of {owner}. To replace it, or delete the one before: {command}",
                owner=_who(),
                command=cure,
            )
        ),
        UNKNOWN,
        {},
    )


def news_of_trouble(error: MFAKitError) -> News:
    """Return the news that sessions are unreadable, and what would help."""
    message = f"{error.message[:1].upper()}{error.message[1:]}"
    text = translate("{message}. Try: {hint}.", message=message, hint=error.hint)
    title = translate("mfakit cannot look at the AWS sessions of {owner}", owner=_who())
    return News(_visible(title), _visible(text), UNKNOWN, {})


def _renewal(status: SessionStatus) -> str:
    if status.source == "cli-cache":
        return translate("The AWS CLI renews it when it is used.")  # it is of a role
    return translate("To renew it: {command}", command=_renewing_command(status))


def _renewing_command(status: SessionStatus) -> str:
    if status.source in _OTHER_TOOLS:
        return _OTHER_TOOLS[status.source]
    words = ["mfakit", "login"]
    if status.source in STORE_KINDS:
        words += ["--profile", status.profile]
    if status.record:
        words += _role_words(status.record)
    return shlex.join(words)


def _role_words(record: SessionRecord) -> list[str]:
    """Return the options of `login` for the role of a session; none if it is of no role."""
    if record.role_arn is None:
        return []
    words, options = ["--role-arn", record.role_arn], record.options_of_role()
    if record.role_session_name not in (None, ROLE_SESSION_NAME):
        words += ["--role-session-name", record.role_session_name]
    for name, option in ROLE_TEXTS.items():
        words += [f"--{option.replace('_', '-')}", options[name]] if name in options else []
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
    return translate("{user} on {host}", user=user, host=platform.node() or translate("this host"))


def _owner(account: str) -> str:
    return translate("{who}, AWS account {account},", who=_who(), account=account)


def _age(age: KeyAge, now: datetime) -> str:
    since = age.created_at or age.known_since
    if since is None:
        return translate("The AWS access key of {profile} is of unknown age", profile=age.profile)
    values = {"profile": age.profile, "time": translate_duration(format_age(since, now))}
    if age.created_at:
        return translate("The AWS access key of {profile} is {time} old", **values)
    return translate("The AWS access key of {profile} is at least {time} old", **values)


def _local(moment: datetime) -> str:
    """Return a time in the local time zone, and unambiguously in UTC."""
    return f"{moment.astimezone():%H:%M} ({format_timestamp(moment)})"


def _visible(text: str) -> str:
    """Replace unprintable characters: a profile's name may hold any, and control a display."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
