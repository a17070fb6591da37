"""`mfakit status`: every session on this machine, for people; and what `mfakit` alone prints."""

from __future__ import annotations

import os
import sys

from mfakit.cli.output import escape, show
from mfakit.errors import NOT_FOUND, MFAKitError, ProfileError, SessionNotFoundError, UsageError
from mfakit.expiry import ENVIRONMENT, check_all, check_session, check_used
from mfakit.moments import format_duration, utc_now
from mfakit.profiles.profile import Profile
from mfakit.profiles.section import has_access_key
from mfakit.profiles.selection import (
    finds_keys,
    is_of_another_program,
    keys_to_name,
    live_elsewhere,
    next_source_profile,
    roles_before,
    session_profile,
    shadowed_by,
)
from mfakit.session import VALID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from mfakit.expiry import SessionStatus
    from mfakit.profiles.aws_files import AWSFiles


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    if options.short:
        if options.plain or options.watch:
            raise UsageError("--short goes with neither --plain nor --watch", "give only one")
        return _show_short(options, files)
    plain = options.plain or not _can_draw()
    if options.watch:
        from mfakit.cli.status_views import watch_lines, watch_table

        watch = watch_lines if plain else watch_table
        return watch(lambda now: _look(options, files.read_again(), now))
    from mfakit.cli.status_views import as_lines, draw, make_console

    now = utc_now()
    statuses = _look(options, files, now)
    if plain:
        show("".join(f"{line}\n" for line in as_lines(statuses, now)))
    else:
        console = make_console()
        console.print(draw(console, statuses, now))
    if options.profile is not None:
        from mfakit.cli.check import note_what_comes_first

        note_what_comes_first(options.profile, files)
    return 0


def _can_draw() -> bool:
    """Whether standard output is a terminal with UTF-8, colours and cursor movement."""
    if sys.stdout is None or not sys.stdout.isatty():
        return False
    if not sys.stdout.encoding.lower().startswith("utf"):
        return False
    return os.environ.get("TERM") not in ("dumb", "unknown")


def _look(options: Namespace, files: AWSFiles, now: datetime) -> list[SessionStatus]:
    """Look at every session on this machine, or at those of one profile.

    Raises:
        SessionNotFoundError: there is none.
        FileError: the credentials file cannot be read.
    """
    found = check_all(files, now, options.warn)
    if options.profile is not None:
        # check_session raises the error that says why the profile has no session
        return [status for status in found if status.profile == options.profile] or [
            check_session(Profile(options.profile, files), now, options.warn)
        ]
    if not found:
        try:
            _, step = _without_session(session_profile(None, files))
        except MFAKitError as error:
            step = error.hint
        raise SessionNotFoundError("there is no session on this machine", step)
    return found


_MINUTE = 60


def _show_short(options: Namespace, files: AWSFiles) -> int:
    """Print the session that other commands would use, if any; return the exit code."""
    try:
        status = check_used(options.profile, files, utc_now(), options.warn)
    except (SessionNotFoundError, ProfileError):
        return NOT_FOUND  # an error message would be printed at every prompt
    show(as_short(status) + "\n")
    return 0


def as_short(status: SessionStatus) -> str:
    """Return ``mfa 3h12m``, ``mfa 12m!`` when it is due, ``mfa expired``, ``mfa ?``."""
    return f"{escape(status.profile)} {_left(status)}"


def _left(status: SessionStatus) -> str:
    if status.seconds_left is None:
        return "?"
    left = status.seconds_left
    duration = format_duration(left - left % _MINUTE if left >= _MINUTE else left)
    return status.state.short.format(duration)


def standing(files: AWSFiles, now: datetime | None = None) -> list[str]:
    """Return how the session stands and what to do next, in lines.

    Args:
        files: the AWS files.
        now: the time to judge by; the present by default.
    """
    from mfakit.expiry.report import as_text
    from mfakit.programs import find_program

    now = utc_now() if now is None else now
    try:
        profile = session_profile(None, files)
        status = check_used(None, files, now)
    except SessionNotFoundError:
        missing, step = _without_session(profile)
        if shadow := shadowed_by(files.environ):
            missing = f"{missing}; the variables hold {shadow}, which AWS tools use"
        demo = [f"or see how it goes: {_demo()}"] if step in _TO_SET_UP else []
        return [missing, _next(step), *demo]
    except MFAKitError as error:
        return [error.message, _next(error.hint)]
    step = _login_line(profile)
    if status.state == VALID:
        import shlex

        named = f"--profile {shlex.quote(profile.name)}"
        step = f"mfakit exec {named} -- PROGRAM"
        if find_program("aws", files.environ):
            step = "aws s3 ls" if status.profile == ENVIRONMENT else f"aws s3 ls {named}"
    elif status.source == ENVIRONMENT and _is_valid(profile, now):
        from mfakit.environment.render import line_into_shell

        step = line_into_shell(profile.name)
    elif is_of_another_program(profile):
        instead = f", or {step}" if keys_to_name(profile) else ""
        step = f"renew it with the program that made it{instead}"
    return [as_text([status], str).rstrip(), _next(step)]


def _is_valid(profile: Profile, now: datetime) -> bool:
    held = profile.held()
    return held is not None and held.state(now) == VALID


_TO_SET_UP = ("aws configure", "mfakit keys import --from-csv FILE")


def _without_session(profile: Profile) -> tuple[str, str]:
    """Return what is missing for a first session, and the next step to it."""
    import shlex

    from mfakit.programs import find_program

    source = next_source_profile(profile)
    missing, step = f"{profile.name}: no session yet", _login_line(profile)
    if other := live_elsewhere(profile):
        missing = f"{missing} (the profile {other!r} has one: --profile {shlex.quote(other)})"
    if profile.is_long_term or finds_keys(profile):
        return missing, step
    if has_access_key(source.keys):
        missing = f"{missing}, and the keys in the profile {source.name!r} make none"
    else:
        missing = f"{missing}, and no access key in the profile {source.name!r}"
    if keys_to_name(profile):
        return missing, step
    if roles := roles_before(profile):
        return missing, f"mfakit explain --profile {shlex.quote(roles[0])}"
    if source.in_file.holds_session(source.keys):
        return missing, "aws configure --profile long-term"
    has_cli = find_program("aws", profile.files.environ) is not None
    return missing, _TO_SET_UP[0 if has_cli else 1]


def _demo() -> str:
    from importlib.util import find_spec

    from mfakit.programs import installing_line

    installed = "" if find_spec("moto") else f"{installing_line('testing')} && "
    return f"{installed}mfakit demo"


def _login_line(profile: Profile) -> str:
    if profile.is_protected:
        return profile.login_command()
    return f"{profile.login_command().removesuffix(' --profile mfa')}{keys_to_name(profile)}"


def _next(step: str) -> str:
    return f"next: {step}"
