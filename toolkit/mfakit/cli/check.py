"""`mfakit check`: is a session valid, due for renewal, expired?"""

from __future__ import annotations

import sys

from mfakit.cli.output import complain, escape, note, show, write_utf8
from mfakit.errors import FAILED, FileError, MFAKitError, SessionNotFoundError, UsageError
from mfakit.expiry import ENVIRONMENT, check_session, check_used
from mfakit.expiry.report import as_json, as_nagios, as_openmetrics, as_text, key_lines, worst
from mfakit.moments import utc_now
from mfakit.profiles.selection import session_profile, shadowed_by, source_profile
from mfakit.session import UNKNOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from mfakit.expiry import SessionStatus
    from mfakit.keys import KeyAge
    from mfakit.notices.ways import Way
    from mfakit.profiles.aws_files import AWSFiles


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command: look, renew and tell if asked to, and report."""
    refuse_contradictions(options)
    now = utc_now()
    try:
        statuses = _look(options, files, now)
    except MFAKitError as error:
        _report_failure(options, files, now, error)
        raise
    if options.renew or options.prompt:
        from mfakit.cli.renewing import renew_due

        due = (
            statuses
            if options.all
            else [check_session(session_profile(options.profile, files), now, options.warn)]
        )
        if renew_due(options, due, files):
            now, files = utc_now(), files.read_again()
            statuses = _look(options, files, now)
    ages = _ages(options, files)
    old = [age for age in ages or () if age.is_old(now, options.key_age)]
    if options.notify or options.on_expiring is not None:
        _notify(options, files, statuses, ages or [], old)
    code = worst(statuses).exit_code or (FAILED if old else 0)
    _report(options, statuses, now, ages=ages, code=code)
    is_shell = any(status.source == ENVIRONMENT for status in statuses)
    if not is_shell:
        note_what_comes_first(options.profile, files)
    if not any(status.counts for status in statuses):
        note("none of these counts without --include-caches")
    return code


def note_what_comes_first(named: str | None, files: AWSFiles) -> None:
    """Say what AWS tools use before the session: keys in the variables, or the profile's role."""
    if named is None and (shadow := shadowed_by(files.environ)):
        note(f"the variables hold {shadow}, which AWS tools use before any profile's session")
    elif named is not None and files.setting("role_arn", named):
        place = files.place(named, "role_arn")
        note(f"AWS tools use the role of this profile ({place}), and not this session")


def _ages(options: Namespace, files: AWSFiles) -> list[KeyAge] | None:
    """Return the ages of the keys that are asked for: of one source profile, or of all."""
    if options.key_age is None:
        return None
    from mfakit.keys import ages_of, source_profiles

    if options.all:
        return ages_of(list(source_profiles(files)), complain)
    source = source_profile(session_profile(options.profile, files))
    return ages_of([source] if source else [])


def refuse_contradictions(options: Namespace) -> None:
    """Refuse options of `check` that make no sense together.

    Raises:
        UsageError: these do.
    """
    chosen = {
        "--profile": options.profile is not None,
        "--all": options.all,
        "--from-json": options.from_json is not None,
    }
    given = [name for name, is_given in chosen.items() if is_given]
    caches, reads_json = options.include_caches, options.from_json is not None
    read_twice = options.from_json == "-" and "-" in (options.notify or ())
    rules = (
        (len(given) > 1, f"{' and '.join(given)} exclude each other", "leave all but one out"),
        (
            caches and options.profile is not None,
            "--include-caches has no meaning with --profile",
            "leave one of them out",
        ),
        (caches and not options.all, "--include-caches has no meaning without --all", "add --all"),
        (
            reads_json and (options.renew or options.prompt),
            "what --from-json names cannot be renewed",
            "name a profile instead",
        ),
        (
            read_twice,
            "--from-json and --notify cannot both read standard input",
            "let --from-json name a file",
        ),
        (
            options.prompt_timeout is not None and not options.prompt,
            "--prompt-timeout has no meaning without --prompt",
            "add --prompt",
        ),
    )
    for is_broken, message, hint in rules:
        if is_broken:
            raise UsageError(message, hint)


def _look(options: Namespace, files: AWSFiles, now: datetime) -> list[SessionStatus]:
    """Find the sessions that are asked for, and how they stand."""
    if options.from_json is not None:
        return [_check_json(options, now)]
    if not options.all:
        return [check_used(options.profile, files, now, options.warn)]
    from mfakit.expiry import check_all

    caches = options.include_caches
    statuses = check_all(files, now, options.warn, include_caches=caches)
    if not statuses:
        raise SessionNotFoundError("there is no session on this machine", "log in: mfakit login")
    return statuses


def _check_json(options: Namespace, now: datetime) -> SessionStatus:
    """Look at a session that is kept nowhere, but stands in the answer of STS."""
    from mfakit.cli.output import read_input
    from mfakit.expiry import status_of
    from mfakit.session import session_from_json

    session = session_from_json(read_input(options.from_json))
    name = "standard input" if options.from_json == "-" else options.from_json
    key = session.access_key_id
    return status_of(name, "json", session.expiration, now, options.warn, key)


def _notify(
    options: Namespace,
    files: AWSFiles,
    statuses: list[SessionStatus],
    ages: list[KeyAge],
    old: list[KeyAge],
) -> None:
    """Send notifications by the ways that were asked for; a failure is only noted."""
    from mfakit.notices.tell import forget_gone, forget_trouble, key_mark, tell, tell_keys
    from mfakit.notices.ways import CommandWay

    ways = _ways(options)
    tell_keys(old, ways, files, complain)
    if options.on_expiring is not None:
        ways.append(CommandWay(options.on_expiring))
    tell(statuses, ways, files, complain)
    if options.from_json is None:
        forget_trouble(files.credentials_path)
    if options.all:
        forget_gone(files.credentials_path, [*statuses, *map(key_mark, ages)])


def _notify_of_failure(options: Namespace, files: AWSFiles, error: MFAKitError) -> None:
    """Send the notification that sessions are unreadable, if a file has to be repaired for that.

    ``--on-expiring`` is not for this: its command may renew the session, or end what needs it.
    """
    from mfakit.notices.tell import forget_trouble, tell_trouble

    if options.from_json is not None:
        return
    if isinstance(error, FileError):
        tell_trouble(error, _ways(options), files, complain)
    else:
        forget_trouble(files.credentials_path)


def _ways(options: Namespace) -> list[Way]:
    from mfakit.notices.ways import parse_way

    return [parse_way(text) for text in dict.fromkeys(options.notify or ())]


def _report_failure(options: Namespace, files: AWSFiles, now: datetime, error: MFAKitError) -> None:
    """Report that there are no sessions to look at, and what the error line leaves out."""
    if options.notify:
        _notify_of_failure(options, files, error)
    _report(options, [], now, error)
    if isinstance(error, SessionNotFoundError) and not options.all:
        note_what_comes_first(options.profile, files)


def _report(
    options: Namespace,
    statuses: list[SessionStatus],
    now: datetime,
    error: MFAKitError | None = None,
    ages: list[KeyAge] | None = None,
    code: int = 0,
) -> None:
    """Write how the sessions stand, in the format and to the place that are asked for."""
    text = _rendered(options, statuses, now, error, ages, code)
    if options.output is not None:
        from mfakit.cli.output import write_report

        write_report(options.output, text)
    elif options.format != "openmetrics":
        show(text)
    else:
        if sys.stdout is not None and sys.stdout.isatty():
            text = "".join(f"{escape(line)}\n" for line in text.splitlines())
        write_utf8(text)


def _rendered(
    options: Namespace,
    statuses: list[SessionStatus],
    now: datetime,
    error: MFAKitError | None,
    ages: list[KeyAge] | None,
    code: int,
) -> str:
    """Return how the sessions stand, in the format that is asked for.

    Monitoring shows the first line of the text, so an error in place of sessions stands there too.
    """
    if options.format == "json":
        return as_json(statuses, now, ages, options.key_age or 0)
    if options.format == "openmetrics":
        looked = error is None or isinstance(error, SessionNotFoundError)
        named = options.profile or (statuses[0].profile if statuses else "")
        return as_openmetrics(
            statuses, ages, (now, "" if options.all else named) if looked else None
        )
    if error is not None:
        begin = "MFAKIT UNKNOWN" if options.format == "nagios" else UNKNOWN
        return f"{begin}: {escape(error.message)}\n"
    old = key_lines(ages, now, options.key_age) if ages else ""
    if options.format == "nagios":
        return as_nagios(statuses, code, options.warn, escape) + old
    return as_text(statuses, escape) + old
