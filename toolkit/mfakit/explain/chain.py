"""The chain of places where boto3 and the AWS CLI look for credentials, walked by botocore itself.

Every place is searched, not only those before the first with credentials, since people stumble over
shadowed ones.

Each provider runs its own code, so it reads the files exactly as botocore does. Only the part that
would run a program, use the network or ask a person is replaced, by one that returns a stand-in.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass  # noqa: TID253 - whatever explains loads botocore, too

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
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
        links: the places in their order; empty if there is an ``error``.
        error: the name of botocore's error, and its message.
    """

    profile: str
    links: list[Link]
    error: tuple[str, str] | None = None

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


def walk(environ: Mapping[str, str], profile: str | None = None, sdk: str = "boto3") -> Chain:
    """Walk the chain in an environment, as boto3 and the AWS CLI would.

    Args:
        environ: the environment.
        profile: the value of ``aws --profile``; None leaves it to the environment.
        sdk: ``boto3`` or ``cli``.
    """
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    with in_environment(as_seen_by(sdk, environ)):
        session = Session(profile=profile, include_builtin_handlers=False)  # they are for calls
        gave: list[tuple[str, Any]] = []
        name = profile
        try:
            named = session.get_config_variable("profile")
            name = "default" if named is None else named
            providers = inert_providers(session, gave, signs_in=sdk == "cli")
        except BotoCoreError as error:
            return Chain("default" if name is None else name, [], _described(error))
        return Chain(name, judged(_look(provider, gave) for provider in providers))


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


def _described(error: Exception) -> tuple[str, str]:
    """Return an error's name and message; configparser's message quotes lines, maybe secrets."""
    from botocore.exceptions import ConfigParseError

    text = _unreadable(error) if isinstance(error, ConfigParseError) else str(error)
    return type(error).__name__, text


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


STAND_IN = "stand-in"
_FAR_AHEAD = "9999-01-01T00:00:00Z"


class Witness:
    """A provider that records the credentials it returns.

    Args:
        provider: botocore's.
        gave: the list of pairs of a provider's name and its credentials.
    """

    def __init__(self, provider: Any, gave: list[tuple[str, Any]]) -> None:
        self.METHOD = provider.METHOD
        self.CANONICAL_NAME = provider.CANONICAL_NAME
        self._provider = provider
        self._gave = gave

    def load(self) -> Any:
        """Return the credentials that the provider returns."""
        credentials = self._provider.load()
        if credentials is not None:
            self._gave.append((self.METHOD, credentials))
        return credentials


class SignedIn:
    """A stand-in for botocore's provider of `aws login`, whose library may be missing."""

    def __init__(self, provider: Any, session: Any, profile: str) -> None:
        self.METHOD = provider.METHOD
        self.CANONICAL_NAME = provider.CANONICAL_NAME
        self._session = session
        self._profile = profile

    def load(self) -> str | None:
        """Return a stand-in if the profile names a session of `aws login`."""
        profiles = self._session.full_config.get("profiles", {})
        found: str | None = profiles.get(self._profile, {}).get("login_session")
        return found


def inert_providers(session: Any, gave: list[tuple[str, Any]], *, signs_in: bool) -> list[Any]:
    """Return the providers of a botocore session, in their order, as ones that only read.

    Args:
        session: a ``botocore.session.Session``.
        gave: where the providers of a role's source profile record what they return.
        signs_in: whether the SDK supports `aws login` without a library of its own.

    Raises:
        botocore.exceptions.BotoCoreError: the chain cannot be made, for example because the
            profile is in no file.
    """
    from botocore.credentials import create_credential_resolver

    profile = session.get_config_variable("profile") or "default"
    resolver: Any = create_credential_resolver(session)
    providers = [_put_to_rest(provider, session, profile, gave) for provider in resolver.providers]
    if not signs_in:
        return providers
    return [SignedIn(p, session, profile) if p.METHOD == "login" else p for p in providers]


def _put_to_rest(provider: Any, session: Any, profile: str, gave: list[tuple[str, Any]]) -> Any:
    makers: dict[str, Callable[[], Any]] = {
        "custom-process": lambda: _process_provider(session, profile),
        "container-role": _container_provider,
        "iam-role": _machine_provider,
        "assume-role": lambda: _role_provider(session, profile, gave),
    }
    return makers.get(provider.METHOD, lambda: provider)()


def _process_provider(session: Any, profile: str) -> Any:
    from botocore.credentials import ProcessProvider

    return ProcessProvider(profile, lambda: session.full_config, popen=_NoProcess)


def _container_provider() -> Any:
    from botocore.credentials import ContainerProvider

    return ContainerProvider(fetcher=_NoContainer())


def _machine_provider() -> Any:
    from botocore.credentials import InstanceMetadataProvider

    return InstanceMetadataProvider(iam_role_fetcher=_NoMachine())


def _role_provider(session: Any, profile: str, gave: list[tuple[str, Any]]) -> Any:
    """Make the provider of roles, which finds its sources with providers that only read."""
    from botocore.credentials import (
        AssumeRoleProvider,
        CanonicalNameCredentialSourcer,
        EnvProvider,
    )

    sources = [EnvProvider(), _container_provider(), _machine_provider()]
    return AssumeRoleProvider(
        load_config=lambda: session.full_config,
        client_creator=session.create_client,
        cache={},
        profile_name=profile,
        credential_sourcer=CanonicalNameCredentialSourcer([Witness(s, gave) for s in sources]),
        profile_provider_builder=_Builder(session, gave),
    )


class _Builder:
    """Makes the providers for a role's source profile, as botocore's builder does."""

    def __init__(self, session: Any, gave: list[tuple[str, Any]]) -> None:
        self._session = session
        self._gave = gave

    def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[Any]:
        """Return the providers in their order."""
        from botocore.credentials import ProfileProviderBuilder

        builder: Any = ProfileProviderBuilder(self._session)
        found = builder.providers(profile_name, disable_env_vars)
        return [
            Witness(_put_to_rest(provider, self._session, profile_name, self._gave), self._gave)
            for provider in found
        ]


class _NoProcess:
    """A stand-in for the program of a credential_process."""

    returncode = 0

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def communicate(self) -> tuple[bytes, bytes]:
        """Return what a program might print."""
        import json

        given = {"Version": 1, "AccessKeyId": STAND_IN, "SecretAccessKey": STAND_IN}
        return json.dumps(given).encode(), b""


class _NoContainer:
    """A stand-in for the metadata service of a container."""

    def full_url(self, relative_uri: str) -> str:
        """Return the address that a container's variable means."""
        return relative_uri

    def retrieve_full_uri(self, *_: object, **__: object) -> dict[str, str]:
        """Return what the endpoint might answer."""
        return {
            "AccessKeyId": STAND_IN,
            "SecretAccessKey": STAND_IN,
            "Token": STAND_IN,
            "Expiration": _FAR_AHEAD,
        }


class _NoMachine:
    """A stand-in for the metadata service of a machine at AWS."""

    def retrieve_iam_role_credentials(self) -> dict[str, str]:
        """Return what the service might answer; nothing, if it is switched off."""
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "false").lower() == "true":
            return {}
        return {
            "role_name": STAND_IN,
            "access_key": STAND_IN,
            "secret_key": STAND_IN,
            "token": STAND_IN,
            "expiry_time": _FAR_AHEAD,
        }
