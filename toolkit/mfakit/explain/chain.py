"""The chain of places where boto3 and the AWS CLI look for credentials, walked by botocore itself.

Every place is searched, not only those before the first with credentials, since people stumble over
shadowed ones.

A client is made, too, to find the settings that would make every call fail.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass  # noqa: TID253 - whatever explains loads botocore, too
from datetime import UTC, datetime

from mfakit.explain.inert import STAND_IN, InertProviders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any


USED = "used"
SHADOWED = "shadowed"
ABSENT = "not there"
FAILED = "failed"

# Providers that call a program or the network.
_ACTING = {
    "assume-role",
    "assume-role-with-web-identity",
    "sso",
    "login",
    "custom-process",
    "container-role",
    "iam-role",
}


@dataclass
class Link:
    """A place where an SDK looks for credentials.

    Attributes:
        provider: its name, as botocore has it in ``credentials.method``.
        state: ``used``, ``shadowed``, ``not there`` or ``failed``.
        access_key_id: the id of its key, if that can be read.
        has_token: whether there is a session token beside the key.
        asks: whether it would ask a program, AWS or a person for the credentials.
        error: why it failed: the name of botocore's error, and its message.
        source: of a role, the link with the credentials that assume it.
    """

    provider: str
    state: str
    access_key_id: str | None = None
    has_token: bool = False
    asks: bool = False
    error: tuple[str, str] | None = None
    source: Link | None = None


@dataclass
class Chain:
    """The result of a walk through the chain.

    Attributes:
        profile: the profile that botocore resolved.
        links: the places in their order; empty if they cannot be searched.
        error: why no call can be made, whatever the links hold: the name of botocore's error, and
            its message.
        region: the region of the calls; None if nothing names one.
    """

    profile: str
    links: list[Link]
    error: tuple[str, str] | None = None
    region: str | None = None

    @property
    def failure(self) -> tuple[str, str] | None:
        """Why no call can be made: the error of the chain, or of the link that ends the search."""
        winner = self.winner
        if self.error is None and winner is not None and winner.state == FAILED:
            return winner.error
        return self.error

    @property
    def winner(self) -> Link | None:
        """The link with the credentials that are used, or with the failure that ends the search."""
        return next((link for link in self.links if link.state in (USED, FAILED)), None)


def as_seen_by(sdk: str, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Return the environment without the variables that the SDK ignores and botocore reads.

    Of the two that name a profile, botocore takes the older, AWS CLI v2 the newer.
    """
    unseen: set[str] = set()
    if sdk == "js":
        unseen = {"AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN"}
    elif sdk == "cli" and "AWS_PROFILE" in environ:
        unseen = {"AWS_DEFAULT_PROFILE"}
    return {name: value for name, value in environ.items() if name not in unseen}


def walk(
    environ: Mapping[str, str],
    profile: str | None = None,
    sdk: str = "boto3",
    now: datetime | None = None,
    without: str = "",
) -> Chain:
    """Walk the chain in an environment, as boto3 and the AWS CLI would.

    Args:
        environ: the environment.
        profile: the value of ``aws --profile``; None leaves it to the environment.
        sdk: ``boto3`` or ``cli``.
        now: the time to judge by; the present by default.
        without: a setting of the profile to leave out.
    """
    from botocore.session import Session

    with in_environment(as_seen_by(sdk, environ)):
        session = Session(profile=profile, include_builtin_handlers=False)  # they are for calls
        gave: list[tuple[str, Any]] = []
        name = profile
        try:
            named = session.get_config_variable("profile")
            name = "default" if named is None else named
            session.full_config["profiles"].get(name, {}).pop(without, None)
            region = session.get_config_variable("region")
            if sdk == "cli":
                region = environ.get("AWS_REGION") or region
            providers = InertProviders(session, gave, now or datetime.now(UTC)).providers(
                signs_in=sdk == "cli"
            )
        except Exception as error:  # a number that is none is a plain ValueError
            return Chain("default" if name is None else name, [], described(error))
        chain = Chain(name, judged(_look(provider, gave) for provider in providers), region=region)
        if chain.failure is None:
            chain.error = _client_error(session, region)
        return chain


def _client_error(session: Any, region: str | None) -> tuple[str, str] | None:
    """Return why no client can be made, for example because of a malformed region."""
    try:
        session.create_client(
            "sts",
            region_name=region or "us-east-1",
            aws_access_key_id=STAND_IN,
            aws_secret_access_key=STAND_IN,
        )
    except Exception as error:
        return described(error)
    return None


def _look(provider: Any, gave: list[tuple[str, Any]]) -> Link:
    """Ask one provider."""
    method = str(provider.METHOD)
    gave.clear()
    try:
        credentials = provider.load()
    except Exception as error:
        return Link(method, FAILED, error=described(error))
    if credentials is None:
        return Link(method, ABSENT)
    source = _link(*gave[-1]) if gave else None
    return _link(method, credentials, source)


def _link(method: str, credentials: Any, source: Link | None = None) -> Link:
    if method in _ACTING:
        return Link(method, USED, asks=True, source=source)
    return Link(
        method,
        USED,
        access_key_id=_key_id(method, credentials),
        has_token=_has_token(method, credentials),
    )


def _key_id(method: str, credentials: Any) -> str | None:
    """Return a key's id; None for credentials that would be renewed by reading it."""
    from botocore.credentials import RefreshableCredentials

    if method == "env":
        return os.environ.get("AWS_ACCESS_KEY_ID")
    if isinstance(credentials, RefreshableCredentials):
        return None
    return str(credentials.access_key)


def _has_token(method: str, credentials: Any) -> bool:
    from botocore.credentials import RefreshableCredentials

    if method == "env":
        return any(os.environ.get(name) for name in ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"))
    return isinstance(credentials, RefreshableCredentials) or bool(credentials.token)


def judged(links: Iterable[Link]) -> list[Link]:
    """Return links of which all are shadowed after the first that has credentials or fails."""
    found: list[Link] = []
    for link in links:
        if link.state in (USED, FAILED) and any(k.state in (USED, FAILED) for k in found):
            link.state = SHADOWED
        found.append(link)
    return found


def described(error: Exception) -> tuple[str, str]:
    """Return an error's name and message; configparser's message quotes lines, maybe secrets."""
    from botocore.exceptions import ConfigParseError

    text = _unreadable(error) if isinstance(error, ConfigParseError) else str(error)
    return type(error).__name__, re.sub(r"//[^/@\s]*@", "//", text)  # a URL may hold a password


def _unreadable(error: Any) -> str:
    """Return the place at which a file cannot be read."""
    cause = error.kwargs.get("error")
    line = getattr(cause, "lineno", None) or next(iter(getattr(cause, "errors", ())), (None,))[0]
    return f"{error.kwargs['path']}, line {line}" if line else str(error.kwargs["path"])


@contextmanager
def in_environment(environ: Mapping[str, str]) -> Iterator[None]:
    """Replace this process's environment: botocore reads that in many places."""
    before, wanted = dict(os.environ), dict(environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
