"""Where things stand: the file and the line, or the variables."""

from __future__ import annotations

from mfakit.profiles.section import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.explain.chain import Link
    from mfakit.explain.situation import Situation

_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_VARIABLES = {
    "env": ("AWS_ACCESS_KEY_ID",),
    "fromEnv": ("AWS_ACCESS_KEY_ID",),
    "assume-role-with-web-identity": ("AWS_WEB_IDENTITY_TOKEN_FILE",),
    "fromTokenFile": ("AWS_WEB_IDENTITY_TOKEN_FILE",),
    "remoteProvider": _CONTAINER,
    "container-role": _CONTAINER,
    "ec2-credentials-file": ("AWS_CREDENTIAL_FILE",),
    "boto-config": ("BOTO_CONFIG",),
}
_SETTINGS = {
    "assume-role": ("role_arn",),
    "assume-role-with-web-identity": ("web_identity_token_file",),
    "sso": ("sso_session", "sso_start_url", "sso_account_id", "sso_role_name"),
    "login": ("login_session",),
    "custom-process": ("credential_process",),
    "fromProcess": ("credential_process",),
    "shared-credentials-file": KEYS,
    "config-file": KEYS,
    "fromIni": ("role_arn", *KEYS, "credential_process", "sso_session", "login_session"),
}


def place_of(link: Link, situation: Situation) -> str:
    """Name where a link's credentials stand: ``~/.aws/credentials, line 3``, or a variable.

    Returns:
        "" if they stand nowhere on this machine.
    """
    for key in _SETTINGS.get(link.provider, ()):
        if found := setting_place(situation, situation.profile, key):
            return found
    names = [name for name in _VARIABLES.get(link.provider, ()) if situation.environ.get(name)]
    return " ".join(names)


def is_metadata(link: Link, situation: Situation) -> bool:
    """Tell whether it is the metadata service that every machine at AWS has, and no other one."""
    return link.provider in ("iam-role", "remoteProvider") and not place_of(link, situation)


def setting_place(situation: Situation, profile: str, key: str) -> str:
    """Name the line that a profile's setting stands in; "" if it has none."""
    return situation.files.place(profile, key)
