"""A boto3 session that renews itself while the process lives."""

from __future__ import annotations

import os

from mfakit.exchange.login import login
from mfakit.exchange.plan import LoginRequest
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.sessions import find_session
from mfakit.timestamps import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    import boto3


def refreshing_session(profile: str = "mfa") -> boto3.Session:
    """Make a boto3 session of a session profile, which renews before its end.

    It logs in when the session is due, as ``mfakit login`` does: by the token command, or by a
    question on the terminal. A session that another process has renewed meanwhile is taken up. A
    role's is renewed as one of that role.

    Args:
        profile: the session profile.

    Raises:
        MFAKitError: there is no session, and none can be had. Later, when a renewal fails, the
            call that needed it raises the same.
    """
    import boto3
    import botocore.session
    from botocore.credentials import RefreshableCredentials

    metadata = _live_metadata(profile)
    files = AWSFiles(os.environ)
    botocore_session = botocore.session.get_session()
    # botocore has no other way to be given credentials that renew themselves
    botocore_session._credentials = RefreshableCredentials.create_from_metadata(
        metadata=metadata, refresh_using=lambda: _live_metadata(profile), method="mfakit"
    )
    named = profile if profile in botocore_session.available_profiles else None
    botocore_session.set_config_variable("profile", named or "default")
    region = files.setting("region", profile) or botocore_session.get_config_variable("region")
    return boto3.Session(botocore_session=botocore_session, region_name=region)


def _live_metadata(profile: str) -> dict[str, str | None]:
    """Log in if the session is due, and give it in botocore's words."""
    login(LoginRequest(profile=profile, as_before=True), os.environ)
    session, _ = find_session(profile, AWSFiles(os.environ))
    return {
        "access_key": session.access_key_id,
        "secret_key": session.secret_access_key,
        "token": session.session_token,
        "expiry_time": format_timestamp(session.expiration) if session.expiration else None,
    }
