"""`mfakit serve`: hand the session to programs that live elsewhere."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from mfakit.cli.exec import chosen_role, session_to_hand_on
from mfakit.cli.output import note, write
from mfakit.cli.serving import new_server
from mfakit.environment.endpoint import CONTRADICTING, endpoint_variables
from mfakit.environment.render import detect_shell, render_variables
from mfakit.errors import FileError, MFAKitError
from mfakit.profiles.replacing import refuse_other_owners, replace_file
from mfakit.profiles.section import has_access_key
from mfakit.profiles.selection import session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile

# A container has no AWS files, and an SDK that is to use a profile without them fails.
_OF_FILES = {"docker": ("AWS_PROFILE", "MFAKIT_PROFILE")}


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command, until it gets a signal."""
    shell = detect_shell() if options.shell == "auto" else options.shell
    role = chosen_role(options)
    profile = session_profile(options.profile, files)
    path = None if options.token_file is None else os.path.abspath(options.token_file)
    server = new_server(profile, role, options.port, lambda token: _remove(path, token))
    session_to_hand_on(profile, role, None)
    for number in (signal.SIGINT, signal.SIGTERM, *_hang_up()):
        signal.signal(number, _end)
    try:
        if path is not None:
            _write_token(path, server.token)
        profile = profile.read_again()
        token = server.token if path is None else None
        variables = endpoint_variables(profile, server.url, token, path)
        for name in _OF_FILES.get(shell, ()):
            variables.pop(name, None)
        write(render_variables(variables, CONTRADICTING, shell))
        _note_of_default(profile)
        server.begin()
        server.wait()
    finally:
        _remove(path, server.token)
    raise MFAKitError("the process that serves was ended", "start it again: mfakit serve")


def _hang_up() -> tuple[int, ...]:
    if os.name != "posix" or signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # under nohup
        return ()
    return (signal.SIGHUP,)


def _end(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)  # through `finally`, so that no token file is left behind


def _write_token(path: str, token: str) -> None:
    """Write the token without an end of line, which SDKs would send along."""
    try:
        refuse_other_owners(path)
        _refuse_foreign(path)
        replace_file(path, token.encode())
    except FileError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot write {path}: {reason}", "name another file") from None


def _refuse_foreign(path: str) -> None:
    """Refuse to replace a file that holds more than one word, such as the credentials file.

    Raises:
        FileError: it does.
        OSError: it cannot be read.
    """
    if os.path.isfile(path):
        with open(path, "rb") as file:
            if len(file.read().split()) > 1:
                raise FileError(f"{path} holds something else than a token", "name a new file")


def _remove(path: str | None, token: str) -> None:
    """Remove the token file, unless another server has written its own token there."""
    if path is not None and os.path.isfile(path):
        with suppress(OSError), open(path, "rb") as file:
            if file.read(len(token) + 1) == token.encode():
                os.unlink(path)


def _note_of_default(profile: Profile) -> None:
    files = profile.files
    if has_access_key(files.keys("default")):
        note(
            "[default] of your AWS files has keys, which SDKs use before they ask the endpoint:"
            " set AWS_PROFILE, too, where you set the other variables"
        )
