"""Which profile is the session's, and which holds the long-term credentials it is made from."""

from __future__ import annotations

from mfakit import debug
from mfakit.errors import ProfileError
from mfakit.profiles.section import is_long_term, is_protected
from mfakit.profiles.session_cache import is_own_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.profiles.aws_files import AWSFiles

DEFAULT_SESSION_PROFILE = "mfa"
_LONG_TERM = "-long-term"  # aws-mfa keeps the keys of [NAME] in [NAME-long-term]


def session_profile(flag: str | None, environ: Mapping[str, str], files: AWSFiles) -> str:
    """Name the profile that a session is kept in.

    Args:
        flag: what ``--profile`` says, if anything.
        environ: ``MFAKIT_PROFILE`` comes next, then what ``AWS_PROFILE`` leads to.
        files: the AWS files.

    Raises:
        ProfileError: ``AWS_PROFILE`` names a profile that another way of signing in owns.
    """
    # botocore takes the older spelling first
    aws_profile = environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE")
    if flag is not None:
        profile, reason = flag, "by --profile"
    elif named := environ.get("MFAKIT_PROFILE"):
        profile, reason = named, "by MFAKIT_PROFILE"
    elif aws_profile:
        profile, reason = _led_to(aws_profile, files), f"as AWS_PROFILE {aws_profile!r} leads to it"
    else:
        profile, reason = DEFAULT_SESSION_PROFILE, "since nothing names another"
    debug.event("session profile: {!r}, {}", profile, reason)
    return profile


def named_source_profile(flag: str | None, session: str, files: AWSFiles) -> str | None:
    """Name the profile with the long-term credentials for a session profile, if one is meant.

    Args:
        flag: what ``--source-profile`` says, if anything.
        session: the session profile.
        files: the AWS files.

    Returns:
        The flag, else ``mfakit_source_profile``, else for ``X-mfa`` the profile ``X`` or for any
        ``X`` aws-mfa's ``X-long-term``, if that holds long-term credentials; else None.
    """
    if flag is not None:
        debug.event("source profile: {!r}, as asked for", flag)
        return flag
    if configured := files.setting("mfakit_source_profile", session):
        return configured
    candidates = [session + _LONG_TERM]
    if session.endswith("-mfa"):
        candidates.insert(0, session.removesuffix("-mfa"))
    return _first_long_term(candidates, files)


def default_source_profile(files: AWSFiles) -> str:
    """Name the profile that serves where none is meant: ``default``, or as aws-mfa spells it."""
    return _first_long_term(["default", "default" + _LONG_TERM], files) or "default"


def refuse_foreign(profile: str, files: AWSFiles, named_by: str) -> None:
    """Refuse a profile in which AWS tools would not look at a session's keys.

    Args:
        profile: the profile.
        files: the AWS files.
        named_by: what the error says named the profile, such as ``--profile``.

    Raises:
        ProfileError: a role, SSO, a web identity, a console login or another program wins there.
    """
    values = files.merged(profile)
    if any(key.startswith("sso_") for key in values):
        why = "signs in through IAM Identity Center: aws sso login"
    elif "web_identity_token_file" in values:
        why = "signs in with a web identity"
    elif "login_session" in values:
        why = "signs in through the console: aws login"
    elif "role_arn" in values:
        why = f"assumes the role {values['role_arn']}"
    elif "credential_process" in values and not is_own_process(values["credential_process"]):
        why = "gets its credentials from a program: credential_process"
    else:
        return
    raise ProfileError(
        f"{named_by} is {profile!r}, which {why}; a session there would not be used",
        "name another profile for the session: --profile mfa",
    )


def _first_long_term(profiles: list[str], files: AWSFiles) -> str | None:
    return next((name for name in profiles if is_long_term(files.keys(name))), None)


def _led_to(profile: str, files: AWSFiles) -> str:
    """Follow ``AWS_PROFILE``: through roles to their source, from long-term keys to the session."""
    seen = [profile]
    while files.merged(profile).get("role_arn"):
        source = files.merged(profile).get("source_profile")
        if not source:
            refuse_foreign(profile, files, "AWS_PROFILE")
        if not source or source == profile:
            return _session_for(profile)  # the section itself holds the keys that are used
        if source in seen:
            raise ProfileError(
                f"the source profiles go round in a circle: {' -> '.join([*seen, source])}",
                f"mend source_profile in {files.config_path}",
            )
        seen.append(profile := source)
    if is_protected(files.keys(profile)):
        return _session_for(profile)
    refuse_foreign(profile, files, "AWS_PROFILE")
    return profile


def _session_for(source: str) -> str:
    return DEFAULT_SESSION_PROFILE if source == "default" else f"{source}-mfa"
