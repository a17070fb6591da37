"""The chain of places where boto3 and the AWS CLI look for credentials, walked by botocore itself.

Every place is searched, not only those before the first with credentials, since people stumble over
shadowed ones.

Each provider runs its own code, so it reads the files exactly as botocore does. Only the part that
would run a program, use the network or ask a person is replaced, by one that returns a stand-in, or
fails as botocore will for lack of a program, a file or a valid address. So that settings are found
with which no call can be made, a client is made, too.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass  # noqa: TID253 - whatever explains loads botocore, too
from datetime import UTC, datetime

from mfakit.moments import parse_timestamp

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
        session = Session(profile=profile)
        gave: list[tuple[str, Any]] = []
        name = profile
        try:
            named = session.get_config_variable("profile")
            name = "default" if named is None else named
            session.full_config["profiles"].get(name, {}).pop(without, None)
            region = session.get_config_variable("region")
            if sdk == "cli":
                region = environ.get("AWS_REGION") or region
            providers = _Inert(session, gave, now or datetime.now(UTC)).providers(
                signs_in=sdk == "cli"
            )
        except Exception as error:  # a number that is none is a plain ValueError
            return Chain("default" if name is None else name, [], described(error))
        chain = Chain(name, judged(_look(provider, gave) for provider in providers), region=region)
        if chain.failure is None:
            chain.error = _client_error(session, region)
        return chain


def culprit(
    environ: Mapping[str, str], profile: str | None, sdk: str, chain: Chain
) -> tuple[str, bool] | None:
    """Find the setting of the profile, or the variable, without which botocore does not fail so.

    Returns:
        Its name, and whether there are credentials without it; None if it is not just one.
    """
    from botocore.session import Session

    with in_environment(as_seen_by(sdk, environ)):
        try:
            values = Session().full_config["profiles"].get(chain.profile, {})
        except Exception:
            return None  # the files themselves cannot be read
    tries = {key: walk(environ, profile, sdk, without=key) for key in values}
    for name in environ:
        if name.startswith("AWS_") and name not in _LEADING:
            rest = {other: value for other, value in environ.items() if other != name}
            tries[name] = walk(rest, profile, sdk)
    found = [
        (name, without.failure is None and without.winner is not None)
        for name, without in tries.items()
        if without.failure != chain.failure
    ]
    return max(found, key=lambda pair: pair[1], default=None)


# Without these, the result is another one because other files or another profile are read.
_LEADING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


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


class _Checked:
    """A provider whose credentials are checked for what they need later.

    Args:
        provider: botocore's.
        check: called with the provider and its credentials; raises what botocore will raise.
    """

    def __init__(self, provider: Any, check: Callable[[Any, Any], object]) -> None:
        self.METHOD = provider.METHOD
        self.CANONICAL_NAME = provider.CANONICAL_NAME
        self._provider = provider
        self._check = check

    def load(self) -> Any:
        """Return the credentials that the provider returns, if they can be used."""
        credentials = self._provider.load()
        if credentials is not None:
            self._check(self._provider, credentials)
        return credentials


class _Inert:
    """Makes the providers of a botocore session as ones that only read.

    Args:
        session: a ``botocore.session.Session``.
        gave: where the providers of a role's source profile record what they return.
        now: the time to judge by.
    """

    def __init__(self, session: Any, gave: list[tuple[str, Any]], now: datetime) -> None:
        self._session = session
        self._gave = gave
        self._now = now

    def providers(self, *, signs_in: bool) -> list[Any]:
        """Return the providers in their order.

        Args:
            signs_in: whether the SDK supports `aws login` without a library of its own.

        Raises:
            Exception: the chain cannot be made, for example because the profile is in no file.
        """
        from botocore.credentials import create_credential_resolver

        session = self._session
        profile = session.get_config_variable("profile") or "default"
        resolver: Any = create_credential_resolver(session)
        return [
            SignedIn(provider, session, profile)
            if signs_in and provider.METHOD == "login"
            else self._put_to_rest(provider, profile)
            for provider in resolver.providers
        ]

    def _put_to_rest(self, provider: Any, profile: str) -> Any:
        makers: dict[str, Callable[[], Any]] = {
            "env": lambda: _Checked(provider, _check_end),
            "assume-role-with-web-identity": lambda: _Checked(provider, _check_token_file),
            "sso": lambda: _Checked(provider, self._check_signed_in),
            "custom-process": lambda: self._process_provider(profile),
            "container-role": _container_provider,
            "iam-role": _machine_provider,
            "assume-role": lambda: self._role_provider(profile),
        }
        return makers.get(provider.METHOD, lambda: provider)()

    def _process_provider(self, profile: str) -> Any:
        from botocore.credentials import ProcessProvider

        return ProcessProvider(profile, lambda: self._session.full_config, popen=_NoProcess)

    def _role_provider(self, profile: str) -> Any:
        """Make the provider of roles, which finds its sources with providers that only read."""
        from botocore.credentials import (
            AssumeRoleProvider,
            CanonicalNameCredentialSourcer,
            EnvProvider,
        )

        env = _Checked(EnvProvider(), _check_end)
        sources = [env, _container_provider(), _machine_provider()]
        return AssumeRoleProvider(
            load_config=lambda: self._session.full_config,
            client_creator=self._session.create_client,
            cache={},
            profile_name=profile,
            credential_sourcer=CanonicalNameCredentialSourcer(
                [Witness(source, self._gave) for source in sources]
            ),
            profile_provider_builder=_Builder(self._of_source),
        )

    def _of_source(self, profile: str, disable_env_vars: bool) -> list[Any]:
        """Return the providers for a role's source profile, as botocore's builder does."""
        from botocore.credentials import ProfileProviderBuilder

        builder: Any = ProfileProviderBuilder(self._session)
        return [
            Witness(self._put_to_rest(provider, profile), self._gave)
            for provider in builder.providers(profile, disable_env_vars)
        ]

    def _check_signed_in(self, provider: Any, _: Any) -> None:
        config = provider._load_sso_config()
        check_sso_token(
            os.path.expanduser("~"), config["sso_start_url"], config.get("sso_session"), self._now
        )


class _Builder:
    """Makes the providers for a role's source profile by a function."""

    def __init__(self, make: Callable[[str, bool], list[Any]]) -> None:
        self._make = make

    def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[Any]:
        """Return the providers in their order."""
        return self._make(profile_name, disable_env_vars)


def _container_provider() -> Any:
    from botocore.credentials import ContainerProvider

    return ContainerProvider(fetcher=_NoContainer())


def _machine_provider() -> Any:
    from botocore.credentials import InstanceMetadataProvider

    return InstanceMetadataProvider(iam_role_fetcher=_NoMachine())


def _check_end(_: Any, credentials: Any) -> None:
    """Compare the end with the present, which fails for a time without a zone."""
    from botocore.credentials import RefreshableCredentials

    if isinstance(credentials, RefreshableCredentials):
        credentials.refresh_needed()


def _check_token_file(provider: Any, _: Any) -> None:
    check_file(provider._get_config("web_identity_token_file"))


def check_file(path: str) -> None:
    """Raise OSError if a file cannot be read. It is not opened, since a pipe would block."""
    os.stat(path)
    if not os.access(path, os.R_OK):
        raise PermissionError(13, os.strerror(13), path)


def check_sso_token(home: str, start_url: str, session_name: str | None, now: datetime) -> None:
    """Raise botocore's error unless `aws sso login` has kept a token that can still be used.

    Args:
        home: the folder that holds ``.aws``.
        start_url: the address to sign in at.
        session_name: the name of the ``sso-session`` section, if there is one.
        now: the time to judge by.
    """
    from botocore.exceptions import SSOTokenLoadError, UnauthorizedSSOTokenError
    from botocore.utils import JSONFileCache, SSOTokenLoader

    load: Any = SSOTokenLoader(JSONFileCache(os.path.join(home, ".aws", "sso", "cache")))
    try:
        token = load(start_url, session_name=session_name)
        end = parse_timestamp(token["expiresAt"])
    except (TypeError, ValueError, AttributeError) as error:
        raise SSOTokenLoadError(error_msg="the kept token cannot be read") from error
    if (end is None or end <= now) and not (session_name and token.get("refreshToken")):
        raise UnauthorizedSSOTokenError


def check_program(name: str) -> None:
    """Raise OSError if there is no such program, as starting it would."""
    import shutil

    if shutil.which(name) is None:
        number = 13 if os.path.dirname(name) and os.path.exists(name) else 2
        raise OSError(number, os.strerror(number), name)


class _NoProcess:
    """A stand-in for the program of a credential_process."""

    returncode = 0

    def __init__(self, words: list[str], **_: object) -> None:
        check_program(words[0])

    def communicate(self) -> tuple[bytes, bytes]:
        """Return what a program might print."""
        import json

        given = {"Version": 1, "AccessKeyId": STAND_IN, "SecretAccessKey": STAND_IN}
        return json.dumps(given).encode(), b""


class _NoContainer:
    """A stand-in for the metadata service of a container."""

    def full_url(self, relative_uri: str) -> str:
        """Return the address that a container's variable means."""
        return f"http://169.254.170.2{relative_uri}"

    def retrieve_full_uri(self, full_url: str, **_: object) -> dict[str, str]:
        """Return what the endpoint might answer, if botocore would ask it."""
        from botocore.utils import ContainerMetadataFetcher

        fetcher: Any = ContainerMetadataFetcher(session=self)
        fetcher._validate_allowed_url(full_url)
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
