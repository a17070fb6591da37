"""The process that serves a session to another process, and renews it meanwhile.

The command that is served runs in this very process, as with plain `exec`, so that its exit code,
signals and terminal are its own. The server is split off before: it belongs to no terminal, is no
child of the command, and ends when the command does.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
import time
from contextlib import contextmanager, suppress

from mfakit import debug
from mfakit.cli.output import note
from mfakit.cli.renewing import DECLINED, make_dialog, remember
from mfakit.environment.endpoint import Endpoint, listen, make_served_profile, refused, url_of
from mfakit.errors import (
    ExchangeError,
    MFAKitError,
    OthersTurnError,
    ProfileError,
    SessionExpiredError,
    SessionNotFoundError,
)
from mfakit.exchange.dialog_programs import DeclinedError, kill_dialogs
from mfakit.exchange.login import assume_role_of, login
from mfakit.exchange.recipe import LoginRequest
from mfakit.exchange.terminal import ALL_PROFILES, turn_to_ask
from mfakit.expiry import check_session
from mfakit.moments import format_timestamp, timedelta, utc_now
from mfakit.notices import title_of
from mfakit.notices.tell import Told
from mfakit.session import warn_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from mfakit.environment.endpoint import Answer
    from mfakit.exchange.dialog import Dialog
    from mfakit.exchange.recipe import Role
    from mfakit.profiles.profile import Held, Profile

_LOOK_SECONDS = 5.0  # how soon a clock that jumps, or a login elsewhere, is noticed
_SOON_SECONDS = 1.0
_AGAIN_SECONDS = 300.0
_ROLE_AGAIN_SECONDS = 30.0
_UNKNOWN_END = timedelta(hours=1)  # when an SDK asks again for a session without an end


class Keeper:
    """Hands out a profile's session, or a role's that is assumed from it, and renews it when due.

    It never asks on a terminal: codes come from the profile's token command, else from a window,
    else from a login in another terminal, which it names.

    Args:
        profile: the session profile.
        role: the role; None for the profile's own session.
    """

    def __init__(self, profile: Profile, role: Role | None) -> None:
        self._base = profile
        self._name = profile.name
        self._role = role
        self._tried: tuple[str, float] = "", 0.0  # the key of the session, when to try again
        self._role_again = 0.0
        self._noted = ""
        self._trouble = ""

    def _place(self, profile: Profile) -> Profile:
        role = self._role
        return profile if role is None else role.session_of(profile)

    def answer(self) -> Answer:
        """Return the session that is held at this moment, as the endpoint hands it out."""
        place = self._place(self._base.read_again())
        try:
            session = place.live(utc_now())
        except (SessionExpiredError, SessionNotFoundError):
            return refused(503, "SessionEnded", self._ended())
        end = session.expiration or utc_now() + _UNKNOWN_END
        return 200, {
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "Token": session.session_token,
            "Expiration": format_timestamp(end),
        }

    def _ended(self) -> str:
        trouble = f" ({self._trouble})" if self._trouble else ""
        return f"the session of profile {self._name} has ended{trouble}; {self._login_line}"

    @property
    def _login_line(self) -> str:
        return f"log in, in another terminal: mfakit login --profile {shlex.quote(self._name)}"

    def run(self) -> None:
        """Look at the session, and renew it when it is due, until the process ends."""
        pause = threading.Event()  # libfaketime, by which clocks are tested, breaks time.sleep
        while True:
            try:
                seconds = self._look()
            except Exception as error:  # such as files that are unreadable for a moment
                debug.event("the session was not looked at: {}", type(error).__name__)
                seconds = _LOOK_SECONDS
            pause.wait(seconds)

    def _look(self) -> float:
        """Renew what is due; return seconds until the next look."""
        profile = self._base.read_again()
        held = profile.held()
        if held is None:  # removed by a logout, which asks for no other
            return _LOOK_SECONDS
        if held.state(utc_now()).is_due and self._may_try(held):
            self._renew(profile, held)
        elif held.key_id != self._tried[0]:
            self._trouble = ""
        left = _seconds_until_due(held)
        if self._role is not None:
            left = min(left, self._look_at_role(profile.read_again(), self._role))
        return max(_SOON_SECONDS / 2, min(_LOOK_SECONDS, left))

    def _may_try(self, held: Held) -> bool:
        key, again = self._tried
        return held.key_id != key or time.monotonic() >= again

    def _renew(self, profile: Profile, held: Held) -> None:
        """Renew the session by a token command, else by asking in a window; note a failure once."""
        status = check_session(profile, utc_now())
        told = Told(profile.files.credentials_path, status, lambda _: None)
        request = LoginRequest(
            as_before=True, patience=0, asker=_Window(make_dialog(title_of(status)), told)
        )
        try:
            with turn_to_ask(profile.other(ALL_PROFILES).own_file("turns"), note, patience=0):
                login(profile, request)
        except OthersTurnError:
            self._tried = held.key_id, time.monotonic() + _SOON_SECONDS
        except MFAKitError as error:
            if isinstance(error, DeclinedError):
                remember(told, DECLINED)
            self._tried = held.key_id, time.monotonic() + _AGAIN_SECONDS
            self._note_once(held.key_id, profile.name, error)

    def _look_at_role(self, profile: Profile, role: Role) -> float:
        """Assume the role anew if its session is due or of an earlier session of the profile."""
        kept, base = self._place(profile).held(), profile.held()
        if base is None or base.has_ended(utc_now()):
            return _LOOK_SECONDS
        lasts = kept and kept.is_made_from(base) and not kept.state(utc_now()).is_due
        if not lasts and time.monotonic() >= self._role_again:
            self._role_again = time.monotonic() + _SOON_SECONDS
            try:
                assume_role_of(profile, role, LoginRequest(patience=0))
            except OthersTurnError:
                pass
            except MFAKitError as error:
                self._role_again = time.monotonic() + _ROLE_AGAIN_SECONDS
                self._note_once(f"{base.key_id} {role.arn}", role.arn, error)
            return _SOON_SECONDS
        return _seconds_until_due(kept) if kept else _SOON_SECONDS

    def _note_once(self, key: str, name: str, error: MFAKitError) -> None:
        self._trouble = error.message
        if key != self._noted:
            self._noted = key
            # where a bare login would make another session, the hint names what to give it
            is_named = isinstance(error, ProfileError) and "mfakit login" in error.hint
            line = error.hint if is_named else self._login_line
            note(f"the session of {name} was not renewed: {error.message}; {line}")


class _Window:
    """Asks in a window alone, and not for a session whose person has declined.

    Args:
        dialog: the window.
        told: the marks of the session.
    """

    def __init__(self, dialog: Dialog, told: Told) -> None:
        self._dialog = dialog
        self._told = told
        self.choose = dialog.choose
        self.say = dialog.say
        self.count_down = dialog.count_down
        self.when_asked: Callable[[], object] = lambda: None

    def check(self) -> None:
        """Raise an ExchangeError if nobody can be asked, or the user has declined."""
        if self._told.has(DECLINED):
            raise ExchangeError("you have declined to be asked", "log in: mfakit login")
        self._dialog.check_without_terminal()

    def ask_code(self, question: str) -> str:
        """Ask for the code."""
        self._dialog.when_asked = self.when_asked
        return self._dialog.ask_code(question)


def _seconds_until_due(held: Held) -> float:
    end = held.session.expiration
    if end is None:
        return _LOOK_SECONDS
    return (end - utc_now()).total_seconds() - warn_seconds(end, held.made_at)


TOKEN_MARK = "mfakit-"  # noqa: S105 - tells our tokens from what other programs keep in files


class Server:
    """The server of a session, for as long as this process lives, whatever program it becomes.

    Args:
        listening: the port.
        keeper: hands out the session.
        at_end: called with the token, in the server, when this process has ended.

    Attributes:
        url: what programs ask.
        token: what they have to send.
    """

    def __init__(
        self, listening: socket.socket, keeper: Keeper, at_end: Callable[[str], object]
    ) -> None:
        self.url = url_of(listening)
        self.token = f"{TOKEN_MARK}{os.urandom(32).hex()}"
        self._endpoint = Endpoint(listening, self.token, keeper.answer)
        self._listening = listening
        self._keeper = keeper
        self._at_end = at_end
        # Each pipe tells one process of the other's end: the system closes it then.
        self._started, self._start = os.pipe()
        self._life, self._alive = os.pipe()

    def split_off(self) -> None:
        """Start the server. It renews nothing before ``begin``, since this process may ask first.

        This has to happen before any thread is started.
        """
        if os.name != "posix":
            threading.Thread(target=self._endpoint.run, daemon=True).start()
            return
        watched, handle = os.getpid(), _handle_of(os.getpid())
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            self._listening.close()  # or programs would wait here for a server that was killed
            for descriptor in (self._started, self._alive, handle):
                if descriptor is not None:
                    os.close(descriptor)
            return
        try:
            os.setsid()
            if os.fork() == 0:
                self._serve(watched, handle)
        finally:
            os._exit(0)

    def begin(self) -> None:
        """Let the server renew. The command itself begins it, when it takes this process over."""
        if os.name == "posix":
            os.close(self._start)
        else:
            threading.Thread(target=self._keeper.run, daemon=True).start()

    def wait(self) -> None:
        """Wait until the server has ended, which it does only if it is killed."""
        os.read(self._life, 1)

    def _serve(self, watched: int, handle: int | None) -> None:
        """Be the server."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _leave_files({2, self._listening.fileno(), self._started, self._alive, handle})
        os.environ.pop("GPG_TTY", None)  # the command's terminal, on which gpg would ask
        threading.Thread(target=self._end_with, args=(watched, handle), daemon=True).start()
        threading.Thread(target=self._keep, daemon=True).start()
        self._endpoint.run()

    def _keep(self) -> None:
        os.read(self._started, 1)
        self._keeper.run()

    def _end_with(self, watched: int, handle: int | None) -> None:
        try:
            _wait_for_end(watched, handle)
            self._at_end(self.token)
        finally:
            kill_dialogs()
            os.killpg(0, signal.SIGKILL)  # a token command is of this process group


def new_server(
    profile: Profile,
    role: Role | None,
    port: int = 0,
    at_end: Callable[[str], object] = lambda _: None,
) -> Server:
    """Write the profile that programs have to use, and split off the server of a session.

    Args:
        profile: the session profile.
        role: a role to serve instead.
        port: the port; 0 for a free one.
        at_end: called with the token, in the server, when this process has ended.

    Raises:
        MFAKitError: the profile cannot be written, or the port is taken.
    """
    make_served_profile(profile.files, note)
    with _standard_files_taken():
        server = Server(listen(port), Keeper(profile, role), at_end)
        server.split_off()
    return server


@contextmanager
def _standard_files_taken() -> Iterator[None]:
    """Keep what is opened meanwhile out of the places of standard files that are closed."""
    taken = []
    try:
        while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
            taken.append(descriptor)
        os.close(descriptor)
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)


def _handle_of(pid: int) -> int | None:
    """Return a descriptor that becomes readable when a process ends; None where there is none."""
    if sys.platform == "linux":
        with suppress(OSError):
            return os.pidfd_open(pid)
    return None


def _wait_for_end(pid: int, handle: int | None) -> None:
    import select

    if handle is not None:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll()
    elif sys.platform == "darwin":
        event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
        select.kqueue().control([event], 1)
    else:
        with suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                time.sleep(_SOON_SECONDS / 2)


def _leave_files(kept: set[int | None]) -> None:
    """Close all files but those, such as locks and pipes of whoever started this process."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    for name in os.listdir("/dev/fd"):
        if int(name) > 1 and int(name) not in kept:
            with suppress(OSError):
                os.close(int(name))
