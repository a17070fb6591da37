"""`mfakit login`: exchange a code for a session and keep it; `mfakit logout`: remove it."""

from __future__ import annotations

import os
import shlex
import sys

from mfakit.cli.output import note, read_input, write
from mfakit.errors import SessionNotFoundError, UsageError
from mfakit.exchange.login import login
from mfakit.exchange.recipe import LoginRequest, Role
from mfakit.expiry import ENVIRONMENT, check_shell
from mfakit.moments import format_duration, format_timestamp, timedelta, utc_now
from mfakit.profiles.own_files import ROLE_TEXTS
from mfakit.profiles.profile import Profile
from mfakit.profiles.selection import (
    aws_profile_of,
    likely_region,
    may_be_source,
    session_profile,
    shadowed_by,
    variables_hold_keys,
)
from mfakit.programs import find_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

    from mfakit.exchange import Asker
    from mfakit.exchange.login import Login
    from mfakit.profiles.aws_files import AWSFiles

_EXCHANGE_OPTIONS = (
    "source_profile",
    "serial_number",
    "token_code",
    "token_command",
    "duration",
    "min_remaining",
    "prompt",
    "role_arn",
    "role_session_name",
    *ROLE_TEXTS.values(),
    "tag",
    "policy",
    "policy_arn",
)


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    if options.from_json is None:
        if options.online:
            raise UsageError(
                "--online has no meaning without --from-json",
                "leave it out: mfakit knows of its own sessions that they carry MFA",
            )
        request = _request(options)
        profile = session_profile(options.profile, files, options.source_profile)
        result = login(profile, request)
    else:
        _refuse_beside_from_json(options)
        from mfakit.exchange.library import store_session

        text = read_input(options.from_json)
        profile = session_profile(options.profile, files)
        result = store_session(profile, text, note, online=options.online)
    if options.json:
        write(_as_json(result))
    else:
        note(as_text(result))
    files = files.read_again()
    _note_of_aws_profile(result, files)
    if not result.reused:
        note_of_region(Profile(result.profile, files))
        _note_of_other_programs(result)
    _note_of_variables(result, files)
    return 0


def note_of_region(profile: Profile, who: str = "it") -> None:
    """Note that AWS tools will find no region, in neither the profile nor the variables."""
    named = os.environ.get("AWS_REGION")
    if os.environ.get("AWS_DEFAULT_REGION") or profile.setting("region"):
        return
    missing = f"boto3 finds no region for {who}, as it does not read AWS_REGION"
    if not named:
        missing = f"no region is set for {who}, which most AWS tools need"
    name, region = shlex.quote(profile.name), shlex.quote(named or likely_region(profile))
    note(f"{missing}: aws configure set region {region} --profile {name}")


def _note_of_other_programs(result: Login) -> None:
    """Note what works without the AWS CLI, of which the documentation speaks, if it is missing."""
    if sys.stderr is None or not sys.stderr.isatty() or find_program("aws", os.environ):
        return
    name = shlex.quote(result.profile)
    note(
        f"the AWS CLI is not installed; every SDK has the session as the profile {name}, and"
        f" any other program in: mfakit exec --profile {name} -- PROGRAM"
    )


def _note_of_variables(result: Login, files: AWSFiles) -> None:
    """Print the line that brings the session into a shell whose variables hold something older."""
    if variables_hold_keys(os.environ):
        what = "a long-term key, which AWS tools use unless --profile names this session"
    elif _holds_older_session(result, files):
        what = "an older session, which AWS tools use first"
    elif (shadow := shadowed_by(os.environ)) and check_shell(files, utc_now()) is None:
        what = f"{shadow}, which AWS tools use unless --profile names this session"
    else:
        return
    from mfakit.environment.render import line_into_shell

    note(f"the variables of this shell hold {what}: {line_into_shell(result.profile)}")


def _note_of_aws_profile(result: Login, files: AWSFiles) -> None:
    """Note that ``AWS_PROFILE`` leads AWS tools to the long-term key, and not to the session."""
    variable, name = aws_profile_of(files.environ)
    if not name or name == result.profile or shadowed_by(files.environ):
        return
    *roles, end = Profile(name, files).source_chain()
    if not may_be_source(end):
        return
    what, step = "use", f"export {variable}={shlex.quote(result.profile)}"
    if roles or end.setting("role_arn"):
        what, held = "assume its role with", Profile(result.profile, files).held()
        if not held or not held.role_arn:  # a role is assumed with the user's own session
            step = f"mfakit configure --role-profile {shlex.quote(name)}"
    note(f"{variable} is {name!r}: AWS tools {what} the long-term key, not this session: {step}")


def _holds_older_session(result: Login, files: AWSFiles) -> bool:
    old = check_shell(files, utc_now())
    if old is None or old.profile not in (ENVIRONMENT, result.profile):
        return False
    ends_later = old.expiration and result.expiration and old.expiration > result.expiration
    return old.access_key_id != result.session.access_key_id and not ends_later


def _request(options: Namespace) -> LoginRequest:
    return LoginRequest(
        source_profile=options.source_profile,
        serial_number=options.serial_number,
        token_code=options.token_code,
        token_command=options.token_command,
        role=_role(options),
        duration=None if options.duration is None else timedelta(seconds=options.duration),
        min_remaining=options.min_remaining,
        force=options.force,
        asker=_asker(options),
        must_ask=options.prompt,
        note=note,
    )


def _asker(options: Namespace) -> Asker | None:
    """Return the dialog of ``--prompt``; None for the terminal."""
    if not options.prompt:
        return None
    if options.token_code is not None or options.token_command is not None:
        raise UsageError("--prompt asks for the code, which was given", "leave one of them out")
    from mfakit.cli.renewing import make_dialog

    return make_dialog("mfakit login")


def _role(options: Namespace) -> Role | None:
    texts = {name: getattr(options, option) for name, option in ROLE_TEXTS.items()}
    chosen: dict[str, Any] = {name: text for name, text in texts.items() if text is not None}
    if options.tag:
        chosen["Tags"] = [_tag(text) for text in options.tag]
    return read_role(options, options.role_session_name, chosen)


def read_role(
    options: Namespace, session_name: str | None = None, others: dict[str, Any] | None = None
) -> Role | None:
    """Return the role that the options name; None if they name none.

    Args:
        options: of a command with ``--role-arn``, ``--policy`` and ``--policy-arn``.
        session_name: the name of its session.
        others: the other parameters of AssumeRole.

    Raises:
        UsageError: there are options of a role, and no role; or AWS would refuse them.
        MFAKitError: the file of the policy cannot be read, or holds no policy.
    """
    if options.role_arn is not None:
        return Role(options.role_arn, session_name, others or {}, _read_policies(options))
    if options.policy is not None or options.policy_arn or others or session_name is not None:
        raise UsageError("options of a role have no meaning without one", "name it: --role-arn")
    return None


def _read_policies(options: Namespace) -> dict[str, Any]:
    """Return the session policies as parameters of AssumeRole, without needless blanks."""
    import json

    policies: dict[str, Any] = {}
    if options.policy is not None:
        from mfakit.policy import parse

        text = read_input(options.policy)
        parse(text, options.policy)  # raises the error that says what is wrong with it
        policies["Policy"] = json.dumps(json.loads(text), separators=(",", ":"))
    if options.policy_arn:
        policies["PolicyArns"] = [{"arn": arn} for arn in options.policy_arn]
    return policies


def _tag(text: str) -> dict[str, str]:
    key, sign, value = text.partition("=")
    if not key or not sign:
        raise UsageError(f"not a tag: {text!r}", "write it as KEY=VALUE")
    return {"Key": key, "Value": value}


def _refuse_beside_from_json(options: Namespace) -> None:
    """Refuse options of an exchange where there is none; they would do nothing."""
    for name in _EXCHANGE_OPTIONS:
        if getattr(options, name) not in (None, False):
            flag = f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag} has no meaning beside --from-json", f"leave {flag} out")


def as_text(result: Login) -> str:
    """Return the outcome of a login in words."""
    if result.expiration is None:
        return f"the session is kept in profile {result.profile}"
    left = format_duration((result.expiration - utc_now()).total_seconds())
    when = f"ends in {left} ({format_timestamp(result.expiration)})"
    if result.reused:
        return f"the session of profile {result.profile} is not due, and kept: {when}"
    if not result.origin:
        return f"the session is kept in profile {result.profile}: {when}"
    return f"logged in to profile {result.profile} with the keys of {result.origin}: {when}"


def _as_json(result: Login) -> str:
    import json

    return (
        json.dumps(
            {
                "profile": result.profile,
                "account": result.account,
                "serial_number": result.serial_number,
                "expiration": result.expiration and format_timestamp(result.expiration),
                "reused": result.reused,
            }
        )
        + "\n"
    )


def logout(options: Namespace, files: AWSFiles) -> int:
    """Run `mfakit logout`."""
    profile = session_profile(options.profile, files)
    try:
        removed = profile.remove(note)
    except SessionNotFoundError as error:  # its hint is for those who want a session
        hint = "see which sessions there are: mfakit status"
        raise SessionNotFoundError(error.message, hint) from None
    note(f"removed the session of profile {profile.name}")
    end = removed.expiration if removed else None
    if end is None or end > utc_now():
        until = f"until {format_timestamp(end)}" if end else "until it expires"
        note(f"AWS honours it {until} all the same, wherever else it was copied to")
    return 0
