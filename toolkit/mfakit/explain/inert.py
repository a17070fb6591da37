"""botocore's own providers of credentials, with whatever acts in them put to rest.

A provider is asked by its own code, so that what it makes of the files is what botocore makes of
them. Only its part that would run a program, go to the network or ask a person is replaced, by
one that gives a stand-in for what would come of it.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STAND_IN = "stand-in"
_FAR_AHEAD = "9999-01-01T00:00:00Z"


class Witness:
    """A provider that remembers what it gave.

    Args:
        provider: botocore's.
        gave: what it, and others, gave: pairs of the provider's name and the credentials.
    """

    def __init__(self, provider: Any, gave: list[tuple[str, Any]]) -> None:
        self.METHOD = provider.METHOD
        self.CANONICAL_NAME = provider.CANONICAL_NAME
        self._provider = provider
        self._gave = gave

    def load(self) -> Any:
        """Give what the provider gives."""
        credentials = self._provider.load()
        if credentials is not None:
            self._gave.append((self.METHOD, credentials))
        return credentials


class SignedIn:
    """Stands for botocore's provider of `aws login`, which needs a library that may be missing.

    Args:
        provider: botocore's.
        session: a ``botocore.session.Session``.
        profile: whose `login_session` is looked for.
    """

    def __init__(self, provider: Any, session: Any, profile: str) -> None:
        self.METHOD = provider.METHOD
        self.CANONICAL_NAME = provider.CANONICAL_NAME
        self._session = session
        self._profile = profile

    def load(self) -> str | None:
        """Give something if the profile names a session of `aws login`."""
        profiles = self._session.full_config.get("profiles", {})
        found: str | None = profiles.get(self._profile, {}).get("login_session")
        return found


def inert_providers(session: Any, gave: list[tuple[str, Any]], *, signs_in: bool) -> list[Any]:
    """List the providers of a botocore session, in their order, as ones that only read.

    Args:
        session: a ``botocore.session.Session``.
        gave: where the providers of a role's source profile put what they gave.
        signs_in: whether the SDK knows `aws login` without a library of its own.

    Raises:
        botocore.exceptions.BotoCoreError: the chain cannot even be made, such as for a profile
            that is in no file.
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
    """Make the provider of roles, whose sources are looked up by providers that only read."""
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
        """List them in their order."""
        from botocore.credentials import ProfileProviderBuilder

        builder: Any = ProfileProviderBuilder(self._session)
        found = builder.providers(profile_name, disable_env_vars)
        return [
            Witness(_put_to_rest(provider, self._session, profile_name, self._gave), self._gave)
            for provider in found
        ]


class _NoProcess:
    """Stands where a program would be started."""

    returncode = 0

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def communicate(self) -> tuple[bytes, bytes]:
        """Give what a program might print."""
        import json

        given = {"Version": 1, "AccessKeyId": STAND_IN, "SecretAccessKey": STAND_IN}
        return json.dumps(given).encode(), b""


class _NoContainer:
    """Stands where the metadata service of a container would be asked."""

    def full_url(self, relative_uri: str) -> str:
        """Give the address that a container's variable means."""
        return relative_uri

    def retrieve_full_uri(self, *_: object, **__: object) -> dict[str, str]:
        """Give what it might answer."""
        return {
            "AccessKeyId": STAND_IN,
            "SecretAccessKey": STAND_IN,
            "Token": STAND_IN,
            "Expiration": _FAR_AHEAD,
        }


class _NoMachine:
    """Stands where the metadata service of a machine at AWS would be asked."""

    def retrieve_iam_role_credentials(self) -> dict[str, str]:
        """Give what it might answer; nothing, if asking it is switched off."""
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "false").lower() == "true":
            return {}
        return {
            "role_name": STAND_IN,
            "access_key": STAND_IN,
            "secret_key": STAND_IN,
            "token": STAND_IN,
            "expiry_time": _FAR_AHEAD,
        }
