"""`mfakit env`: print the session as environment variables."""

from __future__ import annotations

import os
import sys

from mfakit.cli.output import note, write
from mfakit.environment import FORMATS, SHELLS, assignments, github_masks, shell_kind
from mfakit.environment.render import (
    detect_shell,
    render_environment,
    render_failure,
    render_unset,
    session_variables,
)
from mfakit.errors import MFAKitError, SessionExpiredError, UsageError
from mfakit.moments import utc_now
from mfakit.profiles.selection import (
    ENDPOINT,
    REGIONS,
    endpoint_of,
    endpoint_to_set,
    region_of,
    region_to_set,
    role_left_out,
    session_profile,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile
    from mfakit.session import SessionCredentials

    Settings = tuple[str | None, str | None, str | None]

_GITHUB = "github"


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    shell = detect_shell() if options.shell == "auto" else options.shell
    if options.unset:
        is_profile = options.from_json is None
        region, endpoint = _set_with_it(options, files) if is_profile else (False, False)
        write(render_unset(shell, region=region, endpoint_url=endpoint))
        return 0
    profile = None
    if options.from_json is None:
        profile = session_profile(options.profile, files)
    settings: Settings = (None, None, None)
    if profile is not None:
        settings = (region_to_set(profile), profile.name, endpoint_to_set(profile))
    session = _session(options, profile)
    if shell == _GITHUB:
        _hand_to_github(session_variables(session, *settings))
        return 0
    write(render_environment(session, shell, *settings))
    if profile and options.profile is None and (left_out := role_left_out(profile)):
        note(f"these are the variables of the session of profile {profile.name}, {left_out}")
    if sys.stdout.isatty() and shell in SHELLS:
        usage = SHELLS[shell].usage.format(command="mfakit env")
        note(f"this is for a shell to evaluate: {usage}")
    return 0


def _set_with_it(options: Namespace, files: AWSFiles) -> tuple[bool, bool]:
    """Whether region and endpoint in the environment are those that `env` sets for the profile.

    A session can be taken out of a shell whatever is wrong with the files.
    """
    try:
        profile = session_profile(options.profile, files)
        region, endpoint = region_of(profile), endpoint_of(profile)
    except MFAKitError:
        return False, False
    is_region_its = {os.environ.get(name) for name in REGIONS} == {region}
    return is_region_its, endpoint is not None and os.environ.get(ENDPOINT) == endpoint


def on_failure(arguments: list[str]) -> None:
    """Print a statement that fails, whatever went wrong; nothing where data is expected.

    ``eval ""`` succeeds: without it, a script would go on with other credentials.
    """
    named = _named_shell(arguments)
    if named not in (*SHELLS, *FORMATS, _GITHUB):
        try:
            named = detect_shell()
        except MFAKitError:
            named = "sh"
    write(render_failure(named))


def _named_shell(arguments: list[str]) -> str | None:
    """Find what ``--shell`` says in a line that may make no sense; a profile may have any name."""
    named = None
    words = iter(arguments)
    for word in words:
        if word == "--shell":
            named = shell_kind(next(words, ""))
        elif word.startswith("--shell="):
            named = shell_kind(word.removeprefix("--shell="))
        elif word in ("-p", "--profile", "--from-json"):
            next(words, None)
    return named


def _session(options: Namespace, profile: Profile | None) -> SessionCredentials:
    if profile is not None:
        return profile.live(utc_now())
    from mfakit.cli.output import read_input
    from mfakit.session import has_ended, session_from_json

    if options.profile is not None:
        raise UsageError("--profile has no meaning beside --from-json", "leave one of them out")
    session = session_from_json(read_input(options.from_json))
    if has_ended(session.expiration, utc_now()):
        raise SessionExpiredError("this session has expired", "get another")
    return session


def _hand_to_github(variables: dict[str, str]) -> None:
    """Append to the file that the steps to come get their environment from."""
    path = os.environ.get("GITHUB_ENV")
    if not path:
        raise MFAKitError(
            "GITHUB_ENV names no file, so this is not a step of GitHub Actions",
            "name the shell or format that is wanted: --shell sh",
        )
    write(github_masks(variables))
    try:
        # the runner makes it before each step; if it has not, what is made here is nobody else's
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            _append(descriptor, assignments(variables).encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise MFAKitError(
            f"cannot write {path}: {error.strerror}", "see what GITHUB_ENV names"
        ) from None


def _append(descriptor: int, lines: bytes) -> None:
    """Append lines to a file; take back what was written if the file cannot take all of it.

    Raises:
        MFAKitError: a part stays in the file, since another program has appended to it meanwhile.
        OSError: it cannot be written. It is then as it was.
    """
    content = lines if _ends_a_line(descriptor) else b"\n" + lines
    written = 0
    try:
        while written < len(content):  # by one call, unless the disk is full
            written += os.write(descriptor, content[written:])
    except OSError as error:
        if written and not _take_back(descriptor, written):
            raise MFAKitError(
                f"GITHUB_ENV has taken only a part of the session: {error.strerror}",
                "make room there, and run the job again: the next steps would read that part",
            ) from None
        raise


def _take_back(descriptor: int, length: int) -> bool:
    """Take back the last bytes that were appended; return whether nothing stands behind them."""
    try:
        end = os.lseek(descriptor, 0, os.SEEK_CUR)
        if os.fstat(descriptor).st_size == end:
            os.ftruncate(descriptor, end - length)
            return True
    except OSError:
        pass
    return False


def _ends_a_line(descriptor: int) -> bool:
    """Whether a file is empty or ends with a line end, so that what is appended is a line."""
    if not os.fstat(descriptor).st_size:
        return True
    os.lseek(descriptor, -1, os.SEEK_END)
    return os.read(descriptor, 1) == b"\n"
