"""Roles, and other ways of signing in, beside keys."""

from __future__ import annotations

from mfakit.explain.findings.finding import (
    Finding,
    login,
    quoted,
    set_setting,
    without_settings,
)
from mfakit.explain.places import setting_place
from mfakit.profiles.section import KEYS, is_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.explain.situation import Situation

_CHAINED_SECONDS = 3600  # IAM User Guide: a role assumed with a session lasts one hour at most
_OTHER_WAYS = (
    "role_arn",
    "web_identity_token_file",
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "sso_role_name",
)
_WAYS = (*KEYS, *_OTHER_WAYS, "credential_process", "login_session")


def keys_beside_another_way(situation: Situation) -> Iterator[Finding]:
    """A role or IAM Identity Center in the same profile beats its keys."""
    profile, values = situation.profile, situation.values
    ways = [way for way in _OTHER_WAYS if way in values]
    link = situation.chain.winner
    if not ways or not values.get(KEYS[0]) or values.get("source_profile") == profile:
        return
    if link is None or not link.asks:
        return
    if is_session(situation.files.credentials(profile)):
        fix = f"mfakit logout --profile {quoted(profile)}"
    else:
        fix = without_settings(situation, *ways)
    yield Finding(
        "keys-beside-role" if ways[0] == "role_arn" else "keys-beside-sso",
        f"the profile {profile!r} has keys ({setting_place(situation, profile, KEYS[0])}) and"
        f" {ways[0]} ({setting_place(situation, profile, ways[0])})",
        f"the keys are not used; {ways[0]} comes first",
        fix,
    )


def role_asks_own_code(situation: Situation) -> Iterator[Finding]:
    """A role asks for a code of its own, although the session of another code could assume it."""
    values = situation.values
    if "role_arn" not in values or not values.get("mfa_serial"):
        return
    live = [
        s.profile
        for s in situation.sessions
        if s.state in ("valid", "expiring")
        and s.source in ("credentials-file", "session-cache")
        and s.record is not None
        and s.record.serial_number == values["mfa_serial"]
        and s.record.role_arn is None
    ]
    if live:
        yield Finding(
            "role-asks-own-code",
            f"the role of profile {situation.profile!r} wants a code"
            f" ({setting_place(situation, situation.profile, 'mfa_serial')}), although"
            f" {live[0]!r} is an MFA session",
            "each program asks for a code of its own, and each code serves once",
            f"mfakit configure --profile {quoted(live[0])}"
            f" --role-profile {quoted(situation.profile)}",
        )


def role_too_long(situation: Situation) -> Iterator[Finding]:
    """A role that is assumed with a session may last one hour, no longer."""
    values = situation.values
    asked = values.get("duration_seconds", "")
    if "role_arn" not in values or not asked.isdecimal():
        return
    source = _session_behind(situation)
    # a longer number, which int would not even read, is a larger one
    too_long = len(asked) > len("3600") or int(asked) > _CHAINED_SECONDS
    if too_long and source:
        yield Finding(
            "role-too-long",
            f"the role of profile {situation.profile!r} is to last {asked[:9]} s"
            f" ({setting_place(situation, situation.profile, 'duration_seconds')}), but is assumed"
            f" with {source}",
            "AWS refuses it: a role assumed with a session lasts one hour at most",
            set_setting(situation, "duration_seconds", str(_CHAINED_SECONDS)),
        )


def _session_behind(situation: Situation) -> str:
    """Name the session that the role of the profile is assumed with; "" if there is none."""
    files, values = situation.files, situation.values
    source = values.get("source_profile")
    if source is None:
        named = values.get("credential_source")
        return "a machine's role" if named in ("Ec2InstanceMetadata", "EcsContainer") else ""
    if source != situation.profile and "role_arn" in files.merged(source):
        return f"the role of profile {source!r}"
    return f"the session of profile {source!r}" if is_session(files.keys(source)) else ""


def role_without_source(situation: Situation) -> Iterator[Finding]:
    """The profile that a role is assumed from has nothing to assume it with."""
    source = situation.role_source
    if source is None or any(way in situation.files.merged(source) for way in _WAYS):
        return
    yield Finding(
        "role-without-source",
        f"the role of profile {situation.profile!r} is assumed from {source!r}, which has no"
        " credentials",
        "the role cannot be assumed",
        login(situation, source),
    )


RULES = (role_without_source, keys_beside_another_way, role_asks_own_code, role_too_long)
