"""botocore's providers of credentials as ones that only read.

Each provider runs its own code, so it reads the files exactly as botocore does. Only the part that
would run a program, use the network or ask a person is replaced, by one that returns a stand-in, or
fails as botocore will for lack of a program, a file or a valid address.
"""

from __future__ import annotations

import os

from mfakit.moments import parse_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any


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


class InertProviders:
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
