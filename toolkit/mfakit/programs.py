"""Other programs and optional libraries: whether they are there, and how programs are run."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from contextlib import contextmanager, suppress

from mfakit.errors import ExchangeError, MFAKitError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from subprocess import CompletedProcess, Popen
    from typing import IO, Any

_ENDING_SECONDS = 1  # for a program to restore the terminal, or to end its own children
_SECRET_WORDS = {"KEY", "SECRET", "TOKEN", "PASSWORD", "PASSPHRASE"}


class Answer:
    """What a program answered: its exit code, its output, and its complaint in one line."""

    __slots__ = ("code", "complaint", "output")

    def __init__(self, code: int, output: bytes, errors: bytes) -> None:
        self.code = code
        self.output = output
        text = (errors.strip() or output.strip()).decode("utf-8", "replace")
        self.complaint = "; ".join(line.strip() for line in text.splitlines() if line.strip())


def find_program(name: str, environ: Mapping[str, str]) -> str | None:
    """Find a program on the search path that it would be run with."""
    import shutil

    return shutil.which(name, path=environ.get("PATH", os.defpath))


def split_command(command: str) -> list[str]:
    """Split a command into its words, as a shell would.

    Raises:
        UsageError: its quotes do not match, or it is empty.
    """
    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"the command cannot be read: {error}", "mend its quotes") from None
    if not words:
        raise UsageError("the command is empty", "name a program, and its arguments")
    return words


def run_program(
    words: list[str],
    environ: Mapping[str, str],
    *,
    name: str,
    hint: str,
    seconds: float,
    stdin: bytes = b"",
    capture: bool = False,
) -> Answer:
    """Run a program to its end.

    Args:
        words: the program and its arguments.
        environ: its environment.
        name: what errors call it.
        hint: what to do if it cannot be run, or takes too long.
        seconds: how long it may take.
        stdin: its standard input, all of which it gets even if this process is killed: after a part
            of it, or nothing, `crontab -` would install just that.
        capture: whether its output is returned. Otherwise all of it goes to standard error, since
            standard output is the command's own.

    Raises:
        MFAKitError: it cannot be run, or took too long. Its exit code is the caller's to judge.
    """
    import subprocess

    standard_error = subprocess.DEVNULL if sys.stderr is None else 2
    try:
        with _as_file(stdin) as given:
            done = run_within(
                seconds,
                words,
                env=dict(environ),
                stdin=given,
                stdout=subprocess.PIPE if capture else standard_error,
                stderr=subprocess.PIPE if capture else None,
            )
    except subprocess.TimeoutExpired:
        raise MFAKitError(f"{name} took more than {seconds:g} s", hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a NUL character among its words"
        raise MFAKitError(f"{name} cannot be run: {reason}", hint) from None
    return Answer(done.returncode, done.stdout or b"", done.stderr or b"")


@contextmanager
def _as_file(content: bytes) -> Iterator[IO[bytes] | int]:
    """Yield a file without a name that holds this, or the null device."""
    import subprocess
    import tempfile

    if not content:
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.seek(0)
        yield file


def run_within(
    seconds: float, words: list[str], given: bytes | None = None, **options: Any
) -> CompletedProcess[bytes]:
    """Run a program to its end, or end it together with all that it has started.

    Args:
        seconds: how long it may take.
        words: the program and its arguments.
        given: its standard input, unless the options name one.
        **options: of ``subprocess.Popen``.

    Raises:
        subprocess.TimeoutExpired: it took longer.
        OSError: it cannot be run.
    """
    import subprocess

    if given is not None:
        options["stdin"] = subprocess.PIPE
    with subprocess.Popen(words, **options) as process:
        try:
            output, errors = process.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            _end_with_children(process)
            raise
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(words, process.returncode, output, errors)


def _end_with_children(process: Popen[bytes]) -> None:
    """Terminate a program, so that it can restore the terminal; then kill what goes on.

    It has no process group of its own, since the terminal would then not let it read.
    """
    import signal
    import subprocess

    if os.name != "posix":
        kill = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(kill, check=False, capture_output=True)
        process.kill()
        return
    started = [process.pid, *_descendants(process.pid)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in started:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_SECONDS)


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and those have; none without `ps`."""
    import subprocess

    ps = ["ps", "-A", "-o", "ppid=,pid="]
    try:
        listed = subprocess.run(ps, capture_output=True, check=True).stdout.splitlines()
    except (OSError, subprocess.SubprocessError):
        return []
    pairs = [(int(above), int(below)) for above, below in map(bytes.split, listed)]
    found = [pid]
    for one in found:  # it grows
        found += [below for above, below in pairs if above == one]
    return found[1:]


def find_words(command: str, name: str, hint: str) -> list[str]:
    """Split a command into its words, and check that its program is installed.

    Args:
        command: the program and its arguments, quoted as in a shell.
        name: what errors call it.
        hint: what to do if it is not installed.

    Raises:
        UsageError: it cannot be split, or its program is not installed.
    """
    import shutil

    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"{name} cannot be read: {error}", "mend its quotes") from None
    if not words or shutil.which(words[0]) is None:
        raise UsageError(f"there is no program {words[0] if words else ''!r} for {name}", hint)
    return words


def run_on_terminal(words: list[str], name: str, hint: str, seconds: float) -> bytes:
    """Run a program whose output is secret, with the terminal as its standard input and error.

    So it can ask for a touch or a password even if an SDK has redirected the standard streams of
    this process. Its output is never shown.

    Args:
        words: the program and its arguments.
        name: what errors call it.
        hint: what to do if it fails.
        seconds: how long it may take.

    Returns:
        Its output.

    Raises:
        ExchangeError: it failed, could not be run, or took too long.
    """
    import subprocess

    with _keyboard() as keyboard, _screen() as screen:
        try:
            done = run_within(seconds, words, stdin=keyboard, stdout=subprocess.PIPE, stderr=screen)
        except subprocess.TimeoutExpired:
            raise ExchangeError(f"{name} took more than {seconds:g} s", hint) from None
        except OSError as error:
            raise ExchangeError(f"{name} cannot be run: {error.strerror}", hint) from None
    if done.returncode:
        raise ExchangeError(f"{name} failed ({done.returncode})", hint)
    return done.stdout


@contextmanager
def _screen() -> Iterator[int | None]:
    """Open the terminal for writing; yield None, for standard error, if there is none."""
    try:
        screen = os.open("CONOUT$" if os.name == "nt" else "/dev/tty", os.O_WRONLY)
    except OSError:
        yield None
        return
    try:
        yield screen
    finally:
        os.close(screen)


def _keyboard() -> IO[bytes]:
    """Open the terminal for reading, or the null device if there is none."""
    try:
        return open("CONIN$" if os.name == "nt" else "/dev/tty", "rb", buffering=0)
    except OSError:
        return open(os.devnull, "rb", buffering=0)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without AWS credentials, other AWS tools' passwords, and URLs.

    Which names hold such things: the AWS SDKs and Tools Reference Guide (environment variables),
    and the manuals of aws-vault and saml2aws.
    """
    return {name: value for name, value in environ.items() if not _is_secret(name.upper())}


def _is_secret(name: str) -> bool:
    if name == "MFAKIT_NOTIFY":
        return True
    return "AWS" in name and not (
        name.endswith("_FILE") or _SECRET_WORDS.isdisjoint(name.split("_"))
    )


# The desktop session of a user, for a program that cron or a timer started outside of it. Such a
# program has none of the variables that lead to the session's bus and screen, but what they would
# name is at known places (XDG Base Directory Specification, the manuals of D-Bus, systemd's
# pam_systemd, X and Wayland).
_RUNTIME_FOLDERS = "/run/user"
_X11_FOLDER = "/tmp/.X11-unix"  # noqa: S108  where X servers put their sockets
_BUS = "DBUS_SESSION_BUS_ADDRESS"
# GNOME, Xwayland and SDDM put the key of their screen into the runtime folder.
_KEY_NAMES = ("gdm/Xauthority", ".mutter-Xwaylandauth.", "xauth_")


def desktop_environment(
    environ: Mapping[str, str],
    uid: int | None = None,
    *,
    runtime_folders: str = _RUNTIME_FOLDERS,
    x11_folder: str = _X11_FOLDER,
) -> dict[str, str]:
    """Find what leads to the user's desktop session. Only what belongs to the user counts.

    Args:
        environ: the environment so far; what is set in it stays.
        uid: the user; by default the one that this process runs as.
        runtime_folders: where the users' runtime folders are.
        x11_folder: where the sockets of X servers are.

    Returns:
        The variables that are missing and could be found, of ``XDG_RUNTIME_DIR``,
        ``DBUS_SESSION_BUS_ADDRESS``, ``WAYLAND_DISPLAY``, ``DISPLAY`` and ``XAUTHORITY``. None on
        macOS and Windows, which need none.
    """
    if sys.platform in ("win32", "darwin"):
        return {}
    owner = os.getuid() if uid is None else uid
    runtime = environ.get("XDG_RUNTIME_DIR") or os.path.join(runtime_folders, str(owner))
    if not _belongs(runtime, owner, stat.S_ISDIR):
        runtime = ""
    display = environ.get("DISPLAY") or _display(x11_folder, owner)
    found = {
        "XDG_RUNTIME_DIR": runtime,
        _BUS: _bus(runtime, owner),
        "WAYLAND_DISPLAY": _first_socket(runtime, "wayland-", owner),
        "DISPLAY": display,
        "XAUTHORITY": _key(runtime, environ.get("HOME", ""), owner) if display else "",
    }
    return {name: value for name, value in found.items() if value and not environ.get(name)}


def _bus(runtime: str, owner: int) -> str:
    """Return the address of the session's bus, escaped as the D-Bus specification has it."""
    from urllib.parse import quote

    path = os.path.join(runtime, "bus")
    return f"unix:path={quote(path)}" if runtime and _belongs(path, owner, stat.S_ISSOCK) else ""


def _display(folder: str, owner: int) -> str:
    name = _first_socket(folder, "X", owner)
    return f":{name.removeprefix('X')}" if name else ""


def _first_socket(folder: str, prefix: str, owner: int) -> str:
    """Name the first socket of the user in a folder whose name is the prefix and a number."""
    numbers = sorted(
        int(rest)
        for name in _names(folder)
        if name.startswith(prefix) and (rest := name.removeprefix(prefix)).isdecimal()
    )
    names = (f"{prefix}{number}" for number in numbers)
    sockets = (n for n in names if _belongs(os.path.join(folder, n), owner, stat.S_ISSOCK))
    return next(sockets, "")


def _key(runtime: str, home: str, owner: int) -> str:
    """Find the file with the key to the X server, as its session names it in XAUTHORITY."""
    in_runtime = [
        os.path.join(runtime, name)
        for name in ("gdm/Xauthority", *sorted(_names(runtime)))
        if name.startswith(_KEY_NAMES)
    ]
    places = [*in_runtime, *([os.path.join(home, ".Xauthority")] if home else [])]
    return next((path for path in places if _belongs(path, owner, stat.S_ISREG)), "")


def _names(folder: str) -> Iterable[str]:
    try:
        return os.listdir(folder) if folder else ()
    except OSError:
        return ()


def _belongs(path: str, owner: int, is_kind: Callable[[int], bool]) -> bool:
    """Whether a path is of that kind, no link, and the user's own."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return is_kind(found.st_mode) and found.st_uid == owner


def require_extra(extra: str, module: str) -> None:
    """Check that an extra is installed.

    Args:
        extra: its name, as in ``mfakit[testing]``.
        module: a module that only the extra brings.

    Raises:
        MFAKitError: it is missing; the hint is the command that installs it for this Python.
    """
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise MFAKitError(
            f"this command needs the extra {extra!r}, which is not installed",
            installing_line(extra),
        )


def installing_line(extra: str) -> str:
    """Return the command that adds an extra to what runs mfakit: pipx's, uv's, or any other."""
    return " ".join([_installer(), *_requirements(extra)])


def _installer() -> str:
    from importlib.util import find_spec

    if os.path.exists(os.path.join(sys.prefix, "pipx_metadata.json")):
        return f"pipx inject {_quoted(os.path.basename(sys.prefix))}"
    python = _quoted(sys.executable)
    if find_spec("pip"):
        return f"{python} -m pip install"
    return f"uv pip install --python {python}"  # what uv makes has no pip


def _requirements(extra: str) -> list[str]:
    from importlib.metadata import requires

    marked = (line.partition(";") for line in requires("mfakit") or ())
    return [_quoted(name.strip()) for name, _, marker in marked if f"'{extra}'" in marker]


def _quoted(word: str) -> str:
    """Quote a word so that every shell understands it, even cmd."""
    return f'"{word}"' if set(word) & set(" <>[]") else word
