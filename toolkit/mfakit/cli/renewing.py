"""Renewing sessions for commands that are no `login`."""

from __future__ import annotations

import os
import re
import shlex

from mfakit.cli.output import complain, note
from mfakit.errors import MFAKitError, NobodyToAskError
from mfakit.exchange.dialog import Dialog
from mfakit.exchange.dialog_programs import DeclinedError, NotAnsweredError
from mfakit.exchange.login import assume_role_of, login
from mfakit.exchange.recipe import LoginRequest
from mfakit.exchange.terminal import ALL_PROFILES, PATIENCE_SECONDS, Unattended, turn_to_ask
from mfakit.moments import format_duration, utc_now
from mfakit.profiles.own_files import OwnFile
from mfakit.profiles.profile import Profile
from mfakit.profiles.stores import STORE_KINDS
from mfakit.programs import desktop_environment, without_secrets
from mfakit.session import EXPIRED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from mfakit.exchange import Asker
    from mfakit.exchange.recipe import Role
    from mfakit.expiry import SessionStatus
    from mfakit.notices.tell import Told
    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.session import SessionCredentials

_PROMPT_SECONDS = 120
DECLINED = "declined"


def renew(
    profile: Profile, request: LoginRequest, *, may_make_do: bool = True, role: Role | None = None
) -> SessionCredentials:
    """Log in and return the session; where that fails, one that has not ended may have to do.

    Args:
        profile: the session profile.
        request: what to log in with.
        may_make_do: whether a session that is due is better than none.
        role: a role to assume from the profile's session, which lasts, instead of the login.

    Raises:
        MFAKitError: as ``login`` raises it.
    """
    base = profile
    if role is not None:
        profile = role.session_of(base)
    try:
        if role is not None:
            return assume_role_of(base, role, request)
        return login(base.read_again(), request).session
    except MFAKitError as error:
        command = base.read_again().login_command
        if isinstance(error, NobodyToAskError):
            error.hint = (
                f"log in: {command()}; or let mfakit_token_command of the AWS config give the code"
            )
        # this command does not have the options of a login
        error.hint = re.sub(
            r"(?<=[:?] )(?=--(source-profile|serial-number)\b)",
            lambda _: f"{command()} ",
            error.hint,
        )
        if may_make_do and (session := _live_session(profile.read_again())):
            note(f"the session is due, but could not be renewed: {error.message}")
            return session
        raise


def _live_session(profile: Profile) -> SessionCredentials | None:
    try:
        return profile.live(utc_now())
    except MFAKitError:
        return None


def renew_due(options: Namespace, statuses: list[SessionStatus], files: AWSFiles) -> bool:
    """Renew the sessions that are due or have ended; what fails of it is only noted.

    Args:
        options: of `check`.
        statuses: how the sessions stand.
        files: the AWS files.

    Returns:
        Whether any of them was renewed.
    """
    # of the user's own first: those of roles may be made from them
    due = sorted(
        (status for status in statuses if _may_renew(status, options)),
        key=lambda status: bool(status.record and status.record.role_arn),
    )
    left = due
    if options.renew:
        left = [status for status in left if not _renew_alone(status, options, files)]
    if options.prompt:
        left = _ask_for(left, options, files)
    return len(left) < len(due)


def make_dialog(
    occasion: str, seconds: float | None = None, environ: Mapping[str, str] | None = None
) -> Dialog:
    """Make the dialog that `--prompt` asks in, on the desktop of the user if there is one.

    Args:
        occasion: the reason for the question.
        seconds: how long it waits for an answer; by default two minutes.
        environ: the environment; by default that of this process.
    """
    environ = os.environ if environ is None else environ
    whole = without_secrets({**environ, **desktop_environment(environ)})
    return Dialog(occasion, seconds or _PROMPT_SECONDS, whole)


def _may_renew(status: SessionStatus, options: Namespace) -> bool:
    """Whether a session is due and ours to renew; with --all, only one that mfakit made."""
    is_ours = status.record is not None and status.record.source_access_key_id is not None
    return (
        status.state.is_due
        and status.source in STORE_KINDS
        and (is_ours or not options.all)
        and not _is_due_all_its_life(status, options.warn)
    )


def _is_due_all_its_life(status: SessionStatus, warn: float | None) -> bool:
    """Whether --warn is so long that the next session would be due as soon as it is made.

    Each check would renew it then, or ask for a code.
    """
    if status.state == EXPIRED or warn is None or status.record is None:
        return False
    assert status.expiration is not None
    life = (status.expiration - status.record.made_at).total_seconds()
    if life > warn:
        return False
    error = MFAKitError(
        f"it lasts no longer than --warn {format_duration(warn)}: a new one would be due at once",
        "give a shorter --warn, or make longer sessions: mfakit login --profile"
        f" {shlex.quote(status.profile)} --duration 12h",
    )
    _complain(status, error)
    return True


def _renew_alone(status: SessionStatus, options: Namespace, files: AWSFiles) -> bool:
    try:
        _log_in(status, options, files, Unattended(note), patience=PATIENCE_SECONDS)
    except MFAKitError as error:
        _complain(status, error)
        return False
    return True


def _ask_for(
    statuses: list[SessionStatus], options: Namespace, files: AWSFiles
) -> list[SessionStatus]:
    """Ask a person for the codes, one after the other; give the sessions that are as they were.

    While another check is asking, this one goes on without.
    """
    from mfakit.notices.tell import Told

    path = files.credentials_path
    asked = [(status, Told(path, status, complain)) for status in statuses]
    asked = [(status, told) for status, told in asked if not told.has(DECLINED)]
    left = list(statuses)
    if not asked:
        return left
    try:
        with turn_to_ask(OwnFile.of(path, "turns", ALL_PROFILES), note, patience=0):
            for status, told in asked:
                if _ask(status, told, options, files):
                    left.remove(status)
    except NotAnsweredError:
        pass  # to be asked for the others
    except MFAKitError as error:
        complain(error)
    return left


def _ask(status: SessionStatus, told: Told, options: Namespace, files: AWSFiles) -> bool:
    """Ask a person for the code of one session, who may say no to that once and for all.

    Raises:
        NotAnsweredError: nobody is there.
    """
    from mfakit.notices import news_of

    news = news_of(status)
    if news is None or told.has(DECLINED):
        return False
    try:
        dialog = make_dialog(news.title, options.prompt_timeout)
        _log_in(status, options, files, dialog, patience=0)
    except MFAKitError as error:
        _complain(status, error)
        if isinstance(error, NotAnsweredError):
            raise
        if isinstance(error, DeclinedError):
            remember(told, DECLINED)
        return False
    return True


def remember(told: Told, mark: str) -> None:
    """Mark a session; a mark that cannot be kept is no error."""
    try:
        with told.turn():
            told.add(mark)
    except MFAKitError as error:
        complain(error)


def _log_in(
    status: SessionStatus, options: Namespace, files: AWSFiles, asker: Asker, *, patience: float
) -> None:
    request = LoginRequest(
        min_remaining=options.warn,
        as_before=True,
        patience=patience,
        asker=asker,
        must_ask=isinstance(asker, Dialog),
        note=note,
    )
    login(Profile(status.profile, files.read_again()), request)


def _complain(status: SessionStatus, error: MFAKitError) -> None:
    message = f"the session of profile {status.profile} was not renewed: {error.message}"
    complain(MFAKitError(message, error.hint))
