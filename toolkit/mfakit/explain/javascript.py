"""The chain of the AWS SDK for JavaScript v3, which differs from botocore's.

A profile that ``AWS_PROFILE`` names beats the access key's variables, ``AWS_DEFAULT_PROFILE`` and
``aws_security_token`` are ignored, and within a profile the keys beat all but ``role_arn``.
(From the source of its packages ``credential-provider-node`` and ``credential-provider-ini``.)
"""

from __future__ import annotations

from mfakit.explain.chain import ABSENT, FAILED, SHADOWED, USED, Chain, Link, judged
from mfakit.profiles.profile import Profile
from mfakit.profiles.section import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.profiles.aws_files import AWSFiles

_KEY, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_WEB_IDENTITY = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")
SSO = ("sso_start_url", "sso_account_id", "sso_session", "sso_region", "sso_role_name")
_SOURCES = {"source_profile", "credential_source"}
_CREDENTIAL_SOURCES = ("EcsContainer", "Ec2InstanceMetadata", "Environment")


class _SkippedError(Exception):
    """A profile has no credentials; the message, if any, says why."""


class _NoMFAError(Exception):
    """A role requires a code, which ends the search."""


def walk_javascript(flag: str | None, files: AWSFiles) -> Chain:
    """Walk the chain as ``fromNodeProviderChain`` does.

    Args:
        flag: the profile that the program names, if it does.
        files: the AWS files.
    """
    named = flag or files.environ.get("AWS_PROFILE")
    profile = Profile(named or "default", files)
    links = [
        _from_env(files.environ, skipped=bool(named)),
        _from_ini(profile),
        _from_process(profile),
        _from_token_file(files.environ),
        _remote(files.environ),
    ]
    return Chain(profile.name, judged(links))


def _from_env(environ: Mapping[str, str], *, skipped: bool) -> Link:
    if not (environ.get(_KEY) and environ.get(_SECRET)):
        return Link("fromEnv", ABSENT)
    return Link(
        "fromEnv",
        SHADOWED if skipped else USED,
        access_key_id=environ[_KEY],
        has_token=bool(environ.get("AWS_SESSION_TOKEN")),
    )


def _from_ini(profile: Profile) -> Link:
    """Look at a profile as ``fromIni`` does; the search continues after all failures but one."""
    try:
        return _resolved(profile, ())
    except _NoMFAError as error:
        return Link("fromIni", FAILED, error=("CredentialsProviderError", str(error)))
    except _SkippedError as error:
        why = str(error)
        return Link("fromIni", ABSENT, error=("CredentialsProviderError", why) if why else None)


def _resolved(profile: Profile, visited: tuple[str, ...]) -> Link:
    """Resolve a profile: roles first, then keys, then providers that ask.

    Raises:
        _NoMFAError, _SkippedError: it has no credentials.
    """
    values = profile.merged
    has_keys = all(key in values for key in KEYS)
    if "role_arn" in values and len(_SOURCES & values.keys()) == 1 and not (visited and has_keys):
        return _role(profile, visited)
    if has_keys:
        token = bool(values.get("aws_session_token"))
        return Link("fromIni", USED, access_key_id=values[KEYS[0]], has_token=token)
    asks = (
        {"web_identity_token_file", "role_arn"} <= values.keys()
        or "credential_process" in values
        or any(key in values for key in SSO)
        or "login_session" in values
    )
    if asks:
        return Link("fromIni", USED, asks=True)
    raise _SkippedError


def _role(profile: Profile, visited: tuple[str, ...]) -> Link:
    values = profile.merged
    source = values.get("source_profile")
    if source in visited:
        raise _SkippedError(f"the source profiles form a loop, at {source}")
    if source is None:
        _check_credential_source(values["credential_source"], profile.files.environ)
    if values.get("mfa_serial"):
        raise _NoMFAError(
            f"the role of profile {profile.name} wants a code, and the program has no way to ask"
            " for it"
        )
    if source is None:
        return Link("fromIni", USED, asks=True)
    found = _resolved(profile.other(source), (*visited, source))
    return Link("fromIni", USED, asks=True, source=found.source or found)


def _check_credential_source(name: str, environ: Mapping[str, str]) -> None:
    if name not in _CREDENTIAL_SOURCES:
        raise _SkippedError(f"there is no credential_source {name}")
    if name == "Environment" and not (environ.get(_KEY) and environ.get(_SECRET)):
        raise _SkippedError(
            "the access key's variables, which credential_source names, are not set"
        )


def _from_process(profile: Profile) -> Link:
    """Look for a credential_process, which ``fromIni`` has run already unless a role failed."""
    there = "credential_process" in profile.merged
    return Link("fromProcess", USED if there else ABSENT, asks=there)


def _from_token_file(environ: Mapping[str, str]) -> Link:
    there = all(environ.get(name) for name in _WEB_IDENTITY)
    return Link("fromTokenFile", USED if there else ABSENT, asks=there)


def _remote(environ: Mapping[str, str]) -> Link:
    disabled = environ.get("AWS_EC2_METADATA_DISABLED", "") not in ("", "false")
    there = any(environ.get(name) for name in _CONTAINER) or not disabled
    return Link("remoteProvider", USED if there else ABSENT, asks=there)
