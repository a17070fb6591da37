"""The chain of the AWS SDK for JavaScript v3, which differs from botocore's.

A profile that is named by ``AWS_PROFILE`` beats the access key's variables, ``AWS_DEFAULT_PROFILE``
and ``aws_security_token`` mean nothing, and of a profile the keys beat all but ``role_arn``.
(From the source of its packages ``credential-provider-node`` and ``credential-provider-ini``.)
"""

from __future__ import annotations

from mfakit.explain.chain import ABSENT, FAILED, SHADOWED, USED, Chain, Link
from mfakit.profiles.section import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.profiles.aws_files import AWSFiles

_KEY, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_WEB_IDENTITY = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")
_SSO = ("sso_start_url", "sso_account_id", "sso_session", "sso_region", "sso_role_name")


def walk_javascript(environ: Mapping[str, str], flag: str | None, files: AWSFiles) -> Chain:
    """Walk the chain as ``fromNodeProviderChain`` does.

    Args:
        environ: the environment.
        flag: the profile that the program names, if it does.
        files: the AWS files.
    """
    named = flag or environ.get("AWS_PROFILE")
    profile = named or "default"
    links = [
        _from_env(environ, skipped=bool(named)),
        _from_ini(profile, files),
        _from_token_file(environ),
        _remote(environ),
    ]
    decided = False
    for link in links:
        if decided and link.state in (USED, FAILED):
            link.state = SHADOWED
        decided = decided or link.state in (USED, FAILED)
    return Chain(profile, links)


def _from_env(environ: Mapping[str, str], *, skipped: bool) -> Link:
    if not (environ.get(_KEY) and environ.get(_SECRET)):
        return Link("fromEnv", ABSENT)
    return Link(
        "fromEnv",
        SHADOWED if skipped else USED,
        access_key_id=environ[_KEY],
        has_token=bool(environ.get("AWS_SESSION_TOKEN")),
    )


def _from_ini(profile: str, files: AWSFiles, visited: tuple[str, ...] = ()) -> Link:
    """Look at a profile, as ``fromIni`` does: roles, then keys, then what has to be asked."""
    values = files.merged(profile)
    has_keys = all(values.get(key) for key in KEYS)
    source = values.get("source_profile")
    is_role = "role_arn" in values and bool(source or values.get("credential_source"))
    if is_role and not (visited and has_keys):
        return _role(profile, source, files, visited)
    if has_keys:
        token = bool(values.get("aws_session_token"))
        return Link("fromIni", USED, access_key_id=values[KEYS[0]], has_token=token)
    asks = (
        {"web_identity_token_file", "role_arn"} <= values.keys()
        or "credential_process" in values
        or any(key in values for key in _SSO)
        or "login_session" in values
    )
    return Link("fromIni", USED, asks=True) if asks else Link("fromIni", ABSENT)


def _role(profile: str, source: str | None, files: AWSFiles, visited: tuple[str, ...]) -> Link:
    if source is None:
        return Link("fromIni", USED, asks=True)
    if source in visited:
        why = f"the source profiles go round in a circle: {' -> '.join([*visited, source])}"
        return Link("fromIni", FAILED, error=("CredentialsProviderError", why))
    found = _from_ini(source, files, (*visited, profile))
    if found.state != USED:
        why = f"the source profile {source} has no credentials"
        return Link("fromIni", FAILED, error=found.error or ("CredentialsProviderError", why))
    return Link("fromIni", USED, asks=True, source=found.source or found)


def _from_token_file(environ: Mapping[str, str]) -> Link:
    there = all(environ.get(name) for name in _WEB_IDENTITY)
    return Link("fromTokenFile", USED if there else ABSENT, asks=there)


def _remote(environ: Mapping[str, str]) -> Link:
    disabled = environ.get("AWS_EC2_METADATA_DISABLED", "") not in ("", "false")
    there = any(environ.get(name) for name in _CONTAINER) or not disabled
    return Link("remoteProvider", USED if there else ABSENT, asks=there)
