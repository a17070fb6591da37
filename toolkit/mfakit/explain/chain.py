"""The chain of places where boto3 and the AWS CLI look for credentials, walked by botocore itself.

Every place is looked at, not only those before the first that has credentials: what is shadowed
is what people stumble over.
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from mfakit.explain.inert import inert_providers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

USED = "used"
SHADOWED = "shadowed"
ABSENT = "not there"
FAILED = "failed"

# What these give is not there to be read: it would be asked for, or made.
_ACTING = {
    "assume-role",
    "assume-role-with-web-identity",
    "sso",
    "login",
    "custom-process",
    "container-role",
    "iam-role",
}


class Link:
    """A place where credentials are looked for.

    Args:
        provider: its name, as botocore has it in ``credentials.method``.
        state: ``used``, ``shadowed``, ``not there`` or ``failed``.
        access_key_id: the id of the key that is there, if it can be read.
        has_token: whether a session token stands beside it.
        asks: whether it would have to ask for the credentials: a program, AWS, a person.
        error: why it failed: the name of botocore's error, and what it says.
        source: of a role, the link at which the credentials that assume it were found.
    """

    __slots__ = ("access_key_id", "asks", "error", "has_token", "provider", "source", "state")

    def __init__(
        self,
        provider: str,
        state: str,
        *,
        access_key_id: str | None = None,
        has_token: bool = False,
        asks: bool = False,
        error: tuple[str, str] | None = None,
        source: Link | None = None,
    ) -> None:
        self.provider = provider
        self.state = state
        self.access_key_id = access_key_id
        self.has_token = has_token
        self.asks = asks
        self.error = error
        self.source = source


class Chain:
    """What came of walking the chain.

    Args:
        profile: the profile that botocore resolved.
        links: the places in their order; empty if ``error`` says why there are none.
        error: the name of botocore's error, and what it says.
    """

    def __init__(
        self, profile: str, links: list[Link], error: tuple[str, str] | None = None
    ) -> None:
        self.profile = profile
        self.links = links
        self.error = error

    @property
    def winner(self) -> Link | None:
        """The link that decides: the credentials that are used, or the failure that ends it."""
        return next((link for link in self.links if link.state in (USED, FAILED)), None)


def as_seen_by(sdk: str, environ: Mapping[str, str]) -> Mapping[str, str]:
    """Leave out the variables that the SDK does not look at, where botocore would.

    Of the two that name a profile, botocore takes the older, AWS CLI v2 the newer.
    """
    unseen: set[str] = set()
    if sdk == "js":
        unseen = {"AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN"}
    elif sdk == "cli" and "AWS_PROFILE" in environ:
        unseen = {"AWS_DEFAULT_PROFILE"}
    return {name: value for name, value in environ.items() if name not in unseen}


def walk(environ: Mapping[str, str], profile: str | None = None, sdk: str = "boto3") -> Chain:
    """Walk the chain in an environment, as boto3 and the AWS CLI would.

    Args:
        environ: the environment.
        profile: what ``aws --profile`` would be given; None leaves it to the environment.
        sdk: ``boto3`` or ``cli``.
    """
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    with in_environment(as_seen_by(sdk, environ)):
        session = Session(profile=profile)
        gave: list[tuple[str, Any]] = []
        name = profile
        try:
            named = session.get_config_variable("profile")
            name = "default" if named is None else named
            providers = inert_providers(session, gave, signs_in=sdk == "cli")
        except BotoCoreError as error:
            return Chain("default" if name is None else name, [], _described(error))
        return Chain(name, _judged(_look(provider, gave) for provider in providers))


def _look(provider: Any, gave: list[tuple[str, Any]]) -> Link:
    """Ask one provider."""
    method = str(provider.METHOD)
    gave.clear()
    try:
        credentials = provider.load()
    except Exception as error:
        return Link(method, FAILED, error=_described(error))
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
    """Read a key's id; that of credentials which renew themselves would be renewed for it."""
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


def _judged(links: Iterator[Link]) -> list[Link]:
    """Let the first link that has something, or fails, stand as used; those behind are shadowed."""
    judged: list[Link] = []
    decided = False
    for link in links:
        if decided and link.state in (USED, FAILED):
            link.state = SHADOWED
        decided = decided or link.state in (USED, FAILED)
        judged.append(link)
    return judged


def _described(error: Exception) -> tuple[str, str]:
    """Name an error; what configparser says of a file quotes lines, which may hold secrets."""
    from botocore.exceptions import ConfigParseError

    text = _unreadable(error) if isinstance(error, ConfigParseError) else str(error)
    return type(error).__name__, text


def _unreadable(error: Any) -> str:
    """Tell where a file cannot be read."""
    cause = error.kwargs.get("error")
    line = getattr(cause, "lineno", None) or next(iter(getattr(cause, "errors", ())), (None,))[0]
    return f"{error.kwargs['path']}, line {line}" if line else str(error.kwargs["path"])


@contextmanager
def in_environment(environ: Mapping[str, str]) -> Iterator[None]:
    """Let this process have that environment; botocore looks into its own in many places."""
    before, wanted = dict(os.environ), dict(environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
