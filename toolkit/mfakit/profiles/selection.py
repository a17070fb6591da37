"""Choosing the session profile, and the source profile with the long-term credentials."""

from __future__ import annotations

from mfakit import debug
from mfakit.errors import ProfileError
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile
from mfakit.profiles.section import is_protected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_SESSION_PROFILE = "mfa"
_LONG_TERM = "-long-term"  # aws-mfa keeps the keys of [NAME] in [NAME-long-term]


def session_profile(flag: str | None, environ: Mapping[str, str]) -> Profile:
    """Return the session profile.

    Args:
        flag: the value of ``--profile``, if it was given.
        environ: its ``MFAKIT_PROFILE`` comes next, then the profile that ``AWS_PROFILE`` leads to.

    Raises:
        ProfileError: the profile in ``AWS_PROFILE`` gets its credentials in another way.
    """
    files = AWSFiles(environ)
    # botocore prefers the older name too
    aws_profile = environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE")
    if flag is not None:
        name, reason = flag, "by --profile"
    elif named := environ.get("MFAKIT_PROFILE"):
        name, reason = named, "by MFAKIT_PROFILE"
    elif aws_profile:
        name = _led_to(Profile(aws_profile, files))
        reason = f"as AWS_PROFILE {aws_profile!r} leads to it"
    else:
        name, reason = DEFAULT_SESSION_PROFILE, "since nothing names another"
    debug.event("session profile: {!r}, {}", name, reason)
    return Profile(name, files)


def named_source_profile(flag: str | None, session: Profile) -> Profile | None:
    """Return the source profile of a session profile, if a flag, a setting or its name tells it.

    Args:
        flag: the value of ``--source-profile``, if it was given.
        session: the session profile.

    Returns:
        The flag, else ``mfakit_source_profile``, else for ``X-mfa`` the profile ``X`` or for any
        ``X`` aws-mfa's ``X-long-term``, if that holds long-term credentials; else None.
    """
    if flag is not None:
        debug.event("source profile: {!r}, as asked for", flag)
        return session.other(flag)
    if configured := session.setting("mfakit_source_profile"):
        return session.other(configured)
    candidates = [session.name + _LONG_TERM]
    if session.name.endswith("-mfa"):
        candidates.insert(0, session.name.removesuffix("-mfa"))
    return _first_long_term(candidates, session.files)


def default_source_profile(files: AWSFiles) -> Profile:
    """Return the default source profile: ``default``, or aws-mfa's ``default-long-term``."""
    found = _first_long_term(["default", "default" + _LONG_TERM], files)
    return found or Profile("default", files)


def _first_long_term(names: list[str], files: AWSFiles) -> Profile | None:
    profiles = (Profile(name, files) for name in names)
    return next((profile for profile in profiles if profile.is_long_term), None)


def _led_to(profile: Profile) -> str:
    """Return the session profile that ``AWS_PROFILE`` leads to, by roles and long-term keys."""
    seen = [profile.name]
    while profile.merged.get("role_arn"):
        source = profile.merged.get("source_profile")
        if not source:
            profile.refuse_foreign("AWS_PROFILE")
        if not source or source == profile.name:
            return _session_for(profile.name)  # the section itself holds the keys that are used
        if source in seen:
            raise ProfileError(
                f"the source profiles go round in a circle: {' -> '.join([*seen, source])}",
                f"mend source_profile in {profile.files.config_path}",
            )
        seen.append(source)
        profile = profile.other(source)
    if is_protected(profile.keys):
        return _session_for(profile.name)
    profile.refuse_foreign("AWS_PROFILE")
    return profile.name


def _session_for(source: str) -> str:
    return DEFAULT_SESSION_PROFILE if source == "default" else f"{source}-mfa"
