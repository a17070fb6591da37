"""`mfakit schedule`: install, show and remove the periodic check; and what a scheduler starts.

That is ``python -P -m mfakit.cli.scheduled [LOG] [NAME=VALUE ...] COMMAND [OPTION ...]``: mfakit
with an environment and a log. So a job is one plain command, the same in a crontab, a unit, a
property list and a task.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from contextlib import suppress
from functools import partial
from itertools import takewhile

from mfakit.cli.check import refuse_contradictions
from mfakit.cli.commands import COMMANDS
from mfakit.cli.main import main
from mfakit.cli.output import complain, escape, note, show, write
from mfakit.errors import FAILED, MFAKitError, UsageError
from mfakit.expiry import check_session
from mfakit.moments import format_duration, format_timestamp, utc_now
from mfakit.profiles.selection import session_profile
from mfakit.schedule import carried_environment, is_log, log_path, make_job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from mfakit.cli.options import Option
    from mfakit.notices.ways import Way
    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.schedule import Job, Scheduler

_EVERY_SECONDS = 300
_BEGINS_RUN = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z mfakit ")  # as `run_job` writes it
_FULL_BYTES = 256 * 1024


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    if options.print_script:
        _refuse_others(options, "print_script")
        write(_script())
    elif options.action == "install":
        _install(options, files)
    elif options.action in ("show", "remove"):
        _refuse_others(options, "action")
        if options.action == "show":
            _ask_all(_show, "nothing is installed; mfakit schedule install does it")
        else:
            _ask_all(_remove_from, "nothing was installed")
    else:
        COMMANDS["schedule"].refuse_others(options, {"action"}, "schedule alone")
        show(COMMANDS["schedule"].verb_lines())
    return 0


def _refuse_others(options: Namespace, meant: str) -> None:
    what = "--print-script" if options.print_script else options.action
    COMMANDS["schedule"].refuse_others(options, {meant}, what)


def _script() -> str:
    from importlib.resources import files

    return files("mfakit.schedule").joinpath("check.sh").read_text("utf-8")


def _install(options: Namespace, files: AWSFiles) -> None:
    _notify_by_default(options)
    arguments = _arguments(options)
    scheduler = _choose_scheduler(options.using, _environ_for(options))
    every = options.every or _EVERY_SECONDS
    job = make_job(arguments, every, os.environ, options.python)
    ways = _ways(options)
    if options.dry_run:
        write(scheduler.files(job))
        return
    if not scheduler.is_here():
        raise MFAKitError(
            f"{scheduler.name} does not run here",
            "leave --using out for one that does, or print what it would get: --dry-run",
        )
    _check(_checks(ways, options, {**scheduler.environment(), **carried_environment(os.environ)}))
    old = scheduler.installed()
    notes = scheduler.install(job)
    note(f"installed for {scheduler.name}: a check every {format_duration(job.every or 0)}")
    if old is not None and (old.every, old.words) != (job.every, job.words):
        note(f"it takes the place of the one before, {_every(old)}: {shlex.join(old.command)}")
    for line in notes:
        note(line)
    if scheduler.name == "cron" and (options.renew or options.prompt):
        _warn_of_keychains(files)
    if options.profile is not None:
        _check_session_exists(options, files)
    others = [other for other in _all_schedulers(os.environ) if other.name != scheduler.name]
    _, errors = _ask_each(others, _remove_from)
    for error in errors:
        complain(error)


def _all_schedulers(environ: Mapping[str, str]) -> list[Scheduler]:
    """Return all kinds of schedulers, present or not, in order of preference."""
    from mfakit.schedule.experimental import Launchd, TaskScheduler
    from mfakit.schedule.unix import Cron, Systemd

    # systemd comes before cron, since its manager answers only where it runs, and catches up on
    # what it slept through; a crontab may be there without a cron
    return [kind(environ) for kind in (Launchd, TaskScheduler, Systemd, Cron)]


def _choose_scheduler(name: str | None, environ: Mapping[str, str]) -> Scheduler:
    """Return the scheduler of that name, or else the first that is present.

    Raises:
        MFAKitError: there is none here.
    """
    for scheduler in _all_schedulers(environ):
        if scheduler.name == name or (name is None and scheduler.is_here()):
            return scheduler
    raise MFAKitError(
        "there is no scheduler here: neither launchd, Task Scheduler, systemd for users nor cron",
        "install cron, or let a program of yours run mfakit check --all --notify desktop",
    )


def _environ_for(options: Namespace) -> Mapping[str, str]:
    """Return the environment that a scheduler sees: for other machines, nothing of this user's.

    Raises:
        UsageError: a job for other machines cannot be installed here.
    """
    if options.python is None:
        return os.environ
    if not options.dry_run:
        raise UsageError(
            "--python is for other machines, whose job cannot be installed here",
            "add --dry-run, or leave --python out",
        )
    return {"PATH": os.environ.get("PATH", os.defpath)}


def _warn_of_keychains(files: AWSFiles) -> None:
    """Note which keys a job of cron cannot renew with: it has no bus to reach a keychain by."""
    from mfakit.keys import KEYRING, place_of, source_profiles

    for profile in source_profiles(files):
        place = place_of(profile)
        if place is not None and place.kind == KEYRING:
            note(
                f"the key of profile {profile.name} is in a keychain, which jobs of cron usually"
                " cannot reach, so its sessions are not renewed: use --using systemd"
            )


def _check_session_exists(options: Namespace, files: AWSFiles) -> None:
    """Note that there is no session yet: the name may be mistyped, and few people read the log."""
    try:
        check_session(session_profile(options.profile, files), utc_now())
    except MFAKitError as error:
        complain(error)


def _notify_by_default(options: Namespace) -> None:
    """Add --notify desktop to a check that would only write to the log."""
    acts = ("notify", "on_expiring", "renew", "prompt", "output")
    if not any(getattr(options, name, None) for name in acts):
        options.notify = ["desktop"]


def _arguments(options: Namespace) -> list[str]:
    """Return the command line of the check, with absolute paths.

    Raises:
        UsageError: the check would refuse it.
    """
    options.all, options.from_json = options.profile is None, None
    refuse_contradictions(options)
    if options.output is not None:
        options.output = os.path.abspath(options.output)
        folder = os.path.dirname(options.output)
        if options.python is None and not os.path.isdir(folder):
            raise UsageError(
                f"there is no folder {folder} for the report", f"mkdir -p {shlex.quote(folder)}"
            )
    words = ["check"]
    for option in COMMANDS["check"].options:
        words += _words(option, getattr(options, option.destination))
    return words


def _words(option: Option, value: object) -> list[str]:
    """Return an option as it is typed, with ``=``, so that no value is read as a name."""
    name = option.names[-1]
    if value == option.default or value is None:
        return []
    if not option.takes_value:
        return [name]
    return [f"{name}={one}" for one in (value if isinstance(value, list) else [value])]


def _ways(options: Namespace) -> list[Way]:
    """Return the ways to notify people that the check is to use.

    Raises:
        UsageError: one of them needs standard input or an exported variable.
    """
    from mfakit.notices.ways import CommandWay, parse_way

    asked = options.notify or []
    if "-" in asked or "env" in asked:
        raise UsageError(
            "a scheduler has neither standard input nor MFAKIT_NOTIFY for --notify",
            "write the URLs with a tag into apprise's config file, and name the tag: --notify TAG",
        )
    ways = [parse_way(text) for text in asked]
    return ways + ([CommandWay(options.on_expiring)] if options.on_expiring else [])


def _checks(
    ways: list[Way], options: Namespace, environ: Mapping[str, str]
) -> list[Callable[[], object]]:
    """Return the functions that try each way to reach the person; the last may ask for a code.

    Args:
        ways: those that notify.
        options: of the command line.
        environ: the environment of the job, which lacks most of this one's.
    """
    checks: list[Callable[[], object]] = [partial(way.check, environ) for way in ways]
    if options.prompt:
        from mfakit.cli.renewing import make_dialog

        checks.append(make_dialog("", environ=environ).check_without_terminal)
    return checks


def _check(checks: list[Callable[[], object]]) -> None:
    """Try the ways to reach the person now, since nobody reads the errors in a log.

    Raises:
        MFAKitError: none of them works.
    """
    errors = []
    for check in checks:
        try:
            check()
        except MFAKitError as error:
            errors.append(error)
    if len(checks) == 1 and errors:
        raise MFAKitError(f"nothing is installed: {errors[0].message}", errors[0].hint)
    for failed in errors:
        complain(failed)
    if checks and len(errors) == len(checks):
        raise MFAKitError(
            "nothing is installed, since no way to notify you works",
            "mend one of these ways, or name another: --notify TAG, --on-expiring COMMAND",
        )


def _ask_each(
    schedulers: list[Scheduler], ask: Callable[[Scheduler], bool]
) -> tuple[bool, list[MFAKitError]]:
    """Ask all schedulers; return whether any answered with yes, and the errors of the others."""
    answers, errors = [], []
    for scheduler in schedulers:
        try:
            answers.append(ask(scheduler))
        except MFAKitError as error:
            errors.append(error)
    return any(answers), errors


def _ask_all(ask: Callable[[Scheduler], bool], otherwise: str) -> None:
    """Ask every scheduler, and note it if none has a job.

    Raises:
        MFAKitError: none has, and one of them cannot be asked, such as a denied crontab.
    """
    found, errors = _ask_each(_all_schedulers(os.environ), ask)
    if errors and not found:
        raise errors[0]
    for error in errors:
        complain(error)
    if not found:
        note(otherwise)


def _show(scheduler: Scheduler) -> bool:
    job = scheduler.installed()
    if job is None:
        return False
    show("".join(f"{escape(line)}\n" for line in _description(scheduler, job)))
    return True


def _description(scheduler: Scheduler, job: Job) -> list[str]:
    lines = [f"{scheduler.name}: {_every(job)}", f"  command: {shlex.join(job.words)}"]
    if job.words and not os.path.exists(job.words[0]):
        lines.append(f"  which cannot run: {job.words[0]} is gone; install it again")
    elif trouble := scheduler.trouble():
        lines.append(f"  which does not run: {trouble}")
    return [*lines, *_last_run(job.log)] if job.log else lines


def _every(job: Job) -> str:
    return "at times of its own" if job.every is None else f"every {format_duration(job.every)}"


def _last_run(log: str) -> list[str]:
    """Return where the log is, when the last run began, and what it complained of, in lines."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError:
        return [f"  log: {log} (nothing written yet)"]
    begins = [number for number, line in enumerate(lines) if _BEGINS_RUN.match(line)]
    if not begins:
        return [f"  log: {log}"]
    began, *said = lines[begins[-1] :]
    complaints = [line for line in said if line.startswith("mfakit: ")]
    return [
        f"  log: {log}",
        f"  last run: {began.partition(' ')[0]}" + ("" if complaints else ", without complaints"),
        *(f"    {line}" for line in complaints),
    ]


def _remove_from(scheduler: Scheduler) -> bool:
    removed = scheduler.remove()
    for thing in removed:
        note(f"removed from {scheduler.name}: {thing}")
    return bool(removed)


def run_job(arguments: list[str]) -> int:
    """Run mfakit with its output in the log.

    Args:
        arguments: the log, if it is not where the system keeps logs; the environment; the command.

    Returns:
        0 for every result of the command, since an expired session is no failure of the job. 1 if
        the log cannot be written; the command runs all the same, since notifications do not depend
        on a log, and its output goes to the scheduler.
    """
    rest = list(arguments)
    given = rest.pop(0) if is_log(rest[0]) else None
    environ = list(takewhile(lambda word: "=" in word, rest))
    for word in environ:
        name, _, value = word.partition("=")
        os.environ[name] = value
    command = rest[len(environ) :]
    log = given or log_path(os.environ)
    code = 0
    try:
        _write_to(log)
    except OSError as error:
        reason = error.strerror or str(error)
        complain(MFAKitError(f"cannot write {log}: {reason}", "see the modes of its folders"))
        code = FAILED
    with suppress(MFAKitError, BrokenPipeError):  # the disk may be full
        write(f"{' '.join((format_timestamp(utc_now()), 'mfakit', *command))}\n")
    main(command)
    return code


def _write_to(log: str) -> None:
    """Redirect the output of this process and its children to the log.

    A full log replaces the old one.
    """
    from mfakit.profiles.replacing import make_private_folder
    from mfakit.profiles.swapping import rename

    make_private_folder(os.path.dirname(log))
    if os.path.exists(log) and os.path.getsize(log) > _FULL_BYTES:
        rename(log, f"{log}.old")
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(log, flags, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)
    sys.stdout, sys.stderr = map(_text, (1, 2))


def _text(descriptor: int) -> TextIO:
    errors = "backslashreplace"
    return open(descriptor, "w", encoding="utf-8", errors=errors, buffering=1, closefd=False)


if __name__ == "__main__":
    sys.exit(run_job(sys.argv[1:]))
