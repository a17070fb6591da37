"""Which profile is the session's, and which holds the long-term credentials it is made from."""

from __future__ import annotations

from mfakit.errors import ProfileError
from mfakit.profiles.aws_files import AWSFiles, is_long_term, is_protected, is_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

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
    named = flag or environ.get("MFAKIT_PROFILE")
    if named:
        return named
    # botocore takes the older spelling first
    aws_profile = environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE")
    return _led_to(aws_profile, files) if aws_profile else DEFAULT_SESSION_PROFILE


def source_profile(flag: str | None, session: str, files: AWSFiles) -> str:
    """Name the profile that holds the long-term credentials for a session profile.

    Args:
        flag: what ``--source-profile`` says, if anything.
        session: the session profile.
        files: the AWS files.
    """
    named = flag or files.config(session).get("mfakit_source_profile")
    if named:
        return named
    candidates = [session + _LONG_TERM]
    if session.endswith("-mfa"):
        candidates.insert(0, session.removesuffix("-mfa"))
    candidates += ["default", "default" + _LONG_TERM]
    return next((name for name in candidates if is_long_term(files.keys(name))), "default")


def _led_to(profile: str, files: AWSFiles) -> str:
    """Follow ``AWS_PROFILE``: through roles to their source, from long-term keys to the session."""
    seen = [profile]
    while role := files.merged(profile).get("role_arn"):
        source = files.merged(profile).get("source_profile")
        if not source:
            raise _refusal(seen[0], f"assumes {role} without a source profile")
        if source == profile:
            break  # a role whose own section holds the keys that it is assumed with
        if source in seen:
            raise ProfileError(
                f"the source profiles go round in a circle: {' -> '.join([*seen, source])}",
                f"mend source_profile in {files.config_path}",
            )
        seen.append(profile := source)
    return _session_for(profile, seen[0], files)


def _session_for(profile: str, asked: str, files: AWSFiles) -> str:
    values = files.merged(profile)
    if any(key.startswith("sso_") for key in values):
        raise _refusal(asked, "signs in through IAM Identity Center: aws sso login")
    if "web_identity_token_file" in values:
        raise _refusal(asked, "signs in with a web identity")
    if "login_session" in values:
        raise _refusal(asked, "signs in through the console: aws login")
    keys = files.keys(profile)
    if is_protected(keys):
        return DEFAULT_SESSION_PROFILE if profile == "default" else f"{profile}-mfa"
    process = values.get("credential_process")
    if process and not is_session(keys) and "mfakit" not in process:
        raise _refusal(asked, "gets its credentials from another program: credential_process")
    return profile


def _refusal(profile: str, why: str) -> ProfileError:
    return ProfileError(
        f"AWS_PROFILE is {profile!r}, which {why}",
        "name the session's profile: --profile mfa, or unset AWS_PROFILE",
    )
