"""Choosing the session profile, and the source profile with the long-term credentials."""

from __future__ import annotations

from mfakit import debug
from mfakit.errors import ProfileError
from mfakit.profiles.aws_files import BESIDE_ROLE
from mfakit.profiles.profile import (
    DEFAULT_SESSION_PROFILE,
    SERVED_PROFILE,
    Profile,
    may_name_profile,
)
from mfakit.profiles.section import KEYS, has_access_key, lacks_token, session_token
from mfakit.profiles.stores import is_own_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.profiles.aws_files import AWSFiles

LONG_TERM_PREFIX = "AKIA"
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
ENDPOINT = "AWS_ENDPOINT_URL"
_LONG_TERM = "-long-term"  # aws-mfa keeps the keys of [NAME] in [NAME-long-term]


def session_profile(flag: str | None, files: AWSFiles, source: str | None = None) -> Profile:
    """Return the session profile.

    Args:
        flag: the value of ``--profile``, if it was given.
        files: the AWS files; ``MFAKIT_PROFILE`` of their environment comes next, then the profile
            that ``AWS_PROFILE`` leads to, or without it a `default` that has a role.
        source: the value of ``--source-profile``, if it was given.

    Raises:
        ProfileError: the profile in ``AWS_PROFILE`` gets its credentials in another way.
    """
    variable, aws_profile = aws_profile_of(files.environ)
    if flag is not None:
        name, reason = flag, "by --profile"
    elif named := files.environ.get("MFAKIT_PROFILE"):
        name, reason = named, "by MFAKIT_PROFILE"
    elif aws_profile and aws_profile != SERVED_PROFILE:
        profile = Profile(aws_profile, files)
        name = _beside(profile, source) or led_to(profile, variable)
        reason = f"as {variable} {aws_profile!r} leads to it"
    elif not aws_profile and (led := _led_by_default(source, files)):
        name, reason = led, "as the role of the profile 'default' leads to it"
    else:
        name, reason = DEFAULT_SESSION_PROFILE, "since nothing names another"
    debug.event("session profile: {!r}, {}", name, reason)
    return Profile(name, files)


def _led_by_default(source: str | None, files: AWSFiles) -> str | None:
    """Return what a `default` with a role leads to, where AWS tools are to use that role.

    It is None if the usual session profile exists, or other keys are meant: those of `default`
    itself, of the environment, or of ``--source-profile``.
    """
    profile = Profile("default", files)
    is_role = profile.setting("role_arn") and profile.setting("source_profile")
    if not is_role or has_access_key(profile.keys) or variables_hold_keys(files.environ):
        return None
    if profile.other(DEFAULT_SESSION_PROFILE).exists:
        return None
    return led_to(profile, "the profile") if source is None else _beside(profile, source)


def _beside(profile: Profile, source: str | None) -> str | None:
    """Return the session profile for a source that ``--source-profile`` names.

    It is None if that source is neither the profile itself, nor the end of its roles.
    """
    if source is None:
        return None
    end = end_of_roles(profile)
    if end.name != source or not (end is profile or may_be_source(end)):
        return None
    return end.its_session


def aws_profile_of(environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the variable that names the profile of AWS tools, and the profile, if there is one.

    botocore prefers the older name, too.
    """
    older = environ.get("AWS_DEFAULT_PROFILE")
    return ("AWS_DEFAULT_PROFILE", older) if older else ("AWS_PROFILE", environ.get("AWS_PROFILE"))


def named_source_profile(
    flag: str | None, session: Profile, *, may_be_session: bool = False
) -> Profile | None:
    """Return the source profile of a session profile, if something but the default tells it.

    Args:
        flag: the value of ``--source-profile``, if it was given.
        session: the session profile.
        may_be_session: whether the source may be a session, as for a role.

    Returns:
        The flag, else ``mfakit_source_profile``, else ``source_profile`` if the session profile has
        no role, else the one that its session was made from, unless that is the default one; else
        for ``X-mfa`` the profile ``X`` or for any ``X`` aws-mfa's ``X-long-term``, if that holds
        long-term credentials, or such an ``X`` with a part of a key; else None.
    """
    if flag is None:
        return _source_by_files(session, may_be_session=may_be_session)
    named = session.other(flag)
    debug.event("source profile: {!r}, as asked for", flag)
    return named


def _source_by_files(session: Profile, *, may_be_session: bool) -> Profile | None:
    if configured := session.setting("mfakit_source_profile"):
        return session.other(configured)
    source = session.setting("source_profile")
    if source and source != session.name and not session.setting("role_arn"):
        return session.other(source)
    if (made_from := _remembered_source(session)) and (may_be_session or not made_from.held()):
        debug.event("source profile: {!r}, as before", made_from.name)
        return made_from
    candidates = [session.name + _LONG_TERM]
    usual = session.name.removesuffix(BESIDE_ROLE)
    if usual.endswith("-mfa"):
        candidates.insert(0, usual.removesuffix("-mfa"))
    if found := _first_long_term(candidates, session.files):
        return found
    # keys that cannot be used are an error: the default ones may be another user's
    own = session.other(candidates[0])
    return own if own.is_protected and own.its_session == session.name else None


def _remembered_source(session: Profile) -> Profile | None:
    """Return the source profile in the record of the session; None if that is the default one.

    The default one may have been taken because no other keys were there yet.
    """
    held = session.held()
    name = held.record.source_profile if held and held.record else None
    defaults = ("default", default_source_profile(session.files).name)
    return None if name is None or name in defaults else session.other(name)


def default_source_profile(files: AWSFiles) -> Profile:
    """Return the default source profile: ``default``, or aws-mfa's ``default-long-term``."""
    found = _first_long_term(["default", "default" + _LONG_TERM], files)
    return found or Profile("default", files)


def source_option(profile: Profile) -> str:
    """Return the option that names a source profile; "" for the one that is taken without it."""
    import shlex

    usual = default_source_profile(profile.files).name
    return "" if usual == profile.name else f" --source-profile {shlex.quote(profile.name)}"


def source_profile(session: Profile) -> Profile | None:
    """Return the profile with the keys of the session that a profile holds, or would be given.

    Returns:
        The profile in the session's record, else the one that a login would use; None if the
        session was made with keys of the environment.
    """
    held = session.held()
    if held and held.record and held.record.source_access_key_id:
        made_from = held.record.source_profile
        return session.other(made_from) if made_from else None
    return next_source_profile(session)


def with_long_term_keys(profile: Profile) -> str | None:
    """Return the first other profile with long-term keys; None if there is none."""
    others = (name for name in profile.files.profiles() if name != profile.name)
    profiles = map(profile.other, others)
    found = (one.name for one in profiles if one.is_long_term or one.has_key_elsewhere)
    return next(found, None)


def finds_keys(session: Profile) -> bool:
    """Whether a login to a profile finds keys: those of its source, or of the variables."""
    source = source_profile(session)
    is_found = source is None or may_be_source(source)
    return is_found or variables_hold_keys(session.files.environ)


def is_of_another_program(session: Profile) -> bool:
    """Whether a profile's session was not made by mfakit, and a login finds no keys for its own."""
    held = session.held()
    return held is not None and held.record is None and not finds_keys(session)


def keys_to_name(session: Profile) -> str:
    """Return the option that names keys for a session, where a login would find none; else ""."""
    import shlex

    other = with_long_term_keys(session)
    if other is None or finds_keys(session):
        return ""
    return f" --source-profile {shlex.quote(other)}"


def first_step(session: Profile, login: str) -> str:
    """Return the advice to log in to a profile, with the keys that it needs, or how to get some."""
    import shlex

    source, files = source_profile(session), session.files
    if " --source-profile " in login or source is None:
        return login
    if finds_keys(session) or with_long_term_keys(session) is not None:
        other = live_elsewhere(session)
        there = other and f"; or name the profile with a session: --profile {shlex.quote(other)}"
        renewed = "renew it with the program that made it; or " * is_of_another_program(session)
        return f"{renewed}{login}{keys_to_name(session)}{there or ''}"
    what, _, command = login.rpartition(": ")
    if source.in_file.holds_session(source.keys):
        configured = "aws configure --profile long-term"
        return f"{what}: {configured} && {command} --source-profile long-term"
    texts = files.credentials_file.text + files.config_file.text
    if session.name in (source.name, DEFAULT_SESSION_PROFILE) and "access_key" not in texts.lower():
        return f"{what}: aws configure && mfakit login"
    return login  # which says what is wrong with the keys that there are


def live_elsewhere(session: Profile) -> str | None:
    """Return another profile with a live session that mfakit made; None if there is none.

    It is None, too, if the session profile has not the usual name, and so is the one that is meant.
    """
    from mfakit.moments import utc_now

    if session.name != DEFAULT_SESSION_PROFILE:
        return None
    now, others = utc_now(), map(session.other, session.files.profiles())
    sessions = (held for held in (other.held() for other in others) if held and held.record)
    return next((held.profile.name for held in sessions if not held.has_ended(now)), None)


def next_source_profile(session: Profile) -> Profile:
    """Return the source profile that the next login of a session profile would use."""
    return named_source_profile(None, session) or default_source_profile(session.files)


def region_of(session: Profile) -> str | None:
    """Return the region that a session works in: that of its profile, else that of its source."""
    return _of_session_or_source(session, "region")


def endpoint_of(session: Profile) -> str | None:
    """Return the endpoint that a session works at: that of its profile, else that of its source."""
    key, files = "endpoint_url", session.files
    # first see whether any profile has the setting: to find the source takes longer
    is_set = key in files.config_file.text or key in files.credentials_file.text
    return _of_session_or_source(session, key) if is_set else None


def _of_session_or_source(session: Profile, key: str) -> str | None:
    if value := session.setting(key):
        return value
    source = source_profile(session)
    return source.setting(key) if source else None


def likely_region(profile: Profile) -> str:
    """Return the region that a profile without one may be meant to have, for a command to type."""
    found = map(region_of, (*profile.source_chain(), profile.other("default")))
    return next(filter(None, found), "REGION")


def region_to_set(session: Profile) -> str | None:
    """Return the region to hand on with a session, by both of its names.

    One that the environment sets comes first: boto3 does not read ``AWS_REGION``, others read
    nothing else. It is None if both are set.
    """
    found = [session.files.environ.get(name) for name in REGIONS]
    return None if all(found) else next(filter(None, found), None) or region_of(session)


def endpoint_to_set(session: Profile) -> str | None:
    """Return the endpoint to hand on with a session; None if the environment sets one already."""
    environ = session.files.environ
    is_ignored = environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    return None if environ.get(ENDPOINT) or is_ignored else endpoint_of(session)


def roles_before(session: Profile) -> list[str]:
    """Return the profiles with roles through which ``AWS_PROFILE`` leads to a session profile."""
    _, name = aws_profile_of(session.files.environ)
    if not name or name == session.name:
        return []
    try:
        *roles, end = session.other(name).source_chain()
        is_led = end.name == session.name or led_to(end, "AWS_PROFILE") == session.name
    except ProfileError:
        return []
    return [role.name for role in roles] if is_led else []


def role_left_out(session: Profile) -> str | None:
    """Describe the role that AWS tools would assume without mfakit; None if there is none."""
    environ = session.files.environ
    if environ.get("MFAKIT_PROFILE"):
        return None
    named = session.other(aws_profile_of(environ)[1] or "default")
    role = named.setting("role_arn")
    if not role or named.name == session.name or has_access_key(named.keys):
        return None
    if (held := session.held()) and held.role_arn == role:
        return None
    import shlex

    arn = shlex.quote(role)
    return f"not as the role of {named.name}: mfakit exec --role-arn {arn} gives that"


def variables_hold_keys(environ: Mapping[str, str]) -> bool:
    """Whether the environment holds complete long-term credentials."""
    values = _of_variables(environ)
    is_whole = all(values[key] for key in KEYS)
    return is_whole and not lacks_token(values) and not session_token(values)


def _of_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the key and the token of the variables, as a section holds them."""
    keys = (*KEYS, "aws_session_token", "aws_security_token")
    return {key: environ.get(key.upper(), "") for key in keys}


def shadowed_by(environ: Mapping[str, str]) -> str | None:
    """Describe the variables that AWS tools use before ``AWS_PROFILE``; None if there are none."""
    if variables_hold_keys(environ):
        return "long-term keys"
    values = _of_variables(environ)
    if lacks_token(values):
        return "a session's key without its token"
    if session_token(values) and values[KEYS[0]].startswith(LONG_TERM_PREFIX):
        return "a long-term key beside a session's token, which AWS refuses,"
    if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and not environ.get("AWS_ACCESS_KEY_ID"):
        return "a web identity (AWS_WEB_IDENTITY_TOKEN_FILE)"
    return None


def _first_long_term(names: list[str], files: AWSFiles) -> Profile | None:
    profiles = (Profile(name, files) for name in names)
    return next((profile for profile in profiles if may_be_source(profile)), None)


def may_be_source(profile: Profile) -> bool:
    """Whether a profile holds long-term credentials, or a program may give them."""
    process = profile.setting("credential_process")
    is_foreign = process and not is_own_process(process)
    return profile.is_long_term or profile.has_key_elsewhere or bool(is_foreign)


def led_to(profile: Profile, named_by: str) -> str:
    """Return the session profile that a profile leads to, by its roles and long-term keys.

    Args:
        profile: the profile.
        named_by: the option or variable with the profile, for the error.

    Raises:
        ProfileError: it gets its credentials in another way, its roles form a circle, or it is
            missing, and another one has its name but for case, quotes, blanks and `-` or `_`; or it
            has keys under names that no AWS tool reads.
    """
    import shlex

    _refuse_names_that_none_has(profile)
    if not profile.exists and profile.files.unread_header(profile.name):
        raise ProfileError(
            f"{named_by} is {profile.name!r}, and there is no such profile",
            f"its section has another header: mfakit explain --profile {shlex.quote(profile.name)}",
        ).about(profile.name)
    if not profile.exists and (meant := _misspelled(profile)):
        raise ProfileError(
            f"{named_by} is {profile.name!r}, and the profile is called {meant!r}: case, signs,"
            " quotes and blanks belong to the name",
            f"export {named_by}={shlex.quote(meant)}",
        )
    end = end_of_roles(profile)
    is_role = end is profile and end.setting("role_arn") and not end.setting("source_profile")
    if not is_role and end.is_protected:
        return end.its_session
    if not is_role and may_be_source(end) and end.other(end.its_session).exists:
        return end.its_session
    if end is not profile and end.held() is not None:
        return end.name  # as the source of a role, it is the session that it holds
    way = "is" if end is profile else f"{profile.name!r} leads to"
    end.refuse_foreign(f"{named_by} {way}")
    _refuse_unread_keys(end, f"{named_by} {way}")
    return end.name


def _refuse_unread_keys(profile: Profile, named_by: str) -> None:
    """Refuse a profile without keys that has them under other names, as ``access_key_id``.

    Raises:
        ProfileError: it has, and a session of other keys is not what is meant.
    """
    import shlex

    if has_access_key(profile.keys):
        return
    if key := next(
        (key for key in profile.merged if "access_key" in key and key not in KEYS), None
    ):
        session = shlex.quote(profile.its_session)
        raise ProfileError(
            f"{named_by} {profile.name!r}, whose {key} no AWS tool reads",
            f"rename it, or name a profile for the session: --profile {session}",
        ).about(profile.name)


def _misspelled(profile: Profile) -> str | None:
    """Return the profile that another name means; one of another spelling only if it is in use."""
    name = profile.files.spelled(profile.name)
    if name is None or profile.name.strip("\"' \t\r\n") != profile.name:
        return name
    meant = profile.other(name)
    return name if meant.is_protected or meant.setting("role_arn") or meant.held() else None


def _refuse_names_that_none_has(profile: Profile) -> None:
    """Refuse a role whose ``source_profile`` holds a header's text instead of a profile's name.

    Raises:
        ProfileError: no profile can have that name.
    """
    import shlex

    for role in profile.source_chain():
        source = role.setting("source_profile")
        if source and not may_name_profile(source) and not role.other(source).exists:
            meant = source.strip("[] ").removeprefix("profile ").strip("\"' ")
            place = role.place("source_profile")
            raise ProfileError(
                f"source_profile ({place}) is {source!r}, which no profile can be called",
                f"aws configure set source_profile {shlex.quote(meant)}"
                f" --profile {shlex.quote(role.name)}",
            )


def end_of_roles(profile: Profile) -> Profile:
    """Return the profile at the end of a profile's source profiles; itself, without a role.

    Raises:
        ProfileError: the source profiles form a circle.
    """
    return profile.source_chain()[-1]
