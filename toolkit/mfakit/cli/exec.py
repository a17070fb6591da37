"""Hand the session to a command, `mfakit exec`, or to programs elsewhere, `mfakit serve`.

The command has the session in its environment, or an endpoint that serves it, as the programs have.
"""

from __future__ import annotations

import os

from mfakit.cli.output import complain, note, write
from mfakit.environment.render import run_command
from mfakit.errors import CommandError, FileError, MFAKitError, UsageError
from mfakit.moments import utc_now
from mfakit.profiles.section import has_access_key
from mfakit.profiles.selection import endpoint_to_set, region_to_set, session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

    from mfakit.exchange.recipe import Role
    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile
    from mfakit.session import SessionCredentials

# A container has no AWS files, and an SDK that is to use a profile without them fails.
_OF_FILES = {"docker": ("AWS_PROFILE", "MFAKIT_PROFILE")}


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command; on POSIX systems it takes the place of this process."""
    command = options.command[options.command[:1] == ["--"] :]
    if not command:
        raise UsageError("there is no command to run", "name it: mfakit exec -- aws s3 ls")
    role = chosen_role(options)
    profile = session_profile(options.profile, files)
    try:
        if options.serve:
            return _run_served(command, profile, role, options.min_remaining)
        session = session_to_hand_on(profile, role, options.min_remaining)
        region, url = region_to_set(profile), endpoint_to_set(profile)
        return run_command(command, session, region=region, profile=profile.name, endpoint_url=url)
    except CommandError as error:
        complain(error)
        return error.exit_code


def chosen_role(options: Namespace) -> Role | None:
    """Return the role that the options name, if they name one."""
    if not (options.role_arn or options.policy or options.policy_arn):
        return None
    from mfakit.cli.login import read_role

    return read_role(options)


def session_to_hand_on(
    profile: Profile, role: Role | None, min_remaining: float | None
) -> SessionCredentials:
    """Return the profile's session, or a role's that is assumed from it; renew it first if due.

    Args:
        profile: the session profile.
        role: the role, if there is one.
        min_remaining: how many seconds it has to last, instead of the rule.

    Raises:
        MFAKitError: there is no such session, and none can be made.
    """
    held = profile.held()
    if held is None or held.state(utc_now(), min_remaining).is_due:
        session = _renewed(profile, min_remaining)
    else:
        session = held.session
    return session if role is None else _renewed(profile, min_remaining, role)


def _renewed(
    profile: Profile, min_remaining: float | None, role: Role | None = None
) -> SessionCredentials:
    from mfakit.cli.renewing import renew
    from mfakit.exchange.recipe import LoginRequest

    request = LoginRequest(min_remaining=min_remaining, as_before=role is None, note=note)
    return renew(profile, request, may_make_do=min_remaining is None, role=role)


def _run_served(
    command: list[str], profile: Profile, role: Role | None, min_remaining: float | None
) -> int:
    from mfakit.cli.serving import new_server
    from mfakit.environment.endpoint import CONTRADICTING, endpoint_variables
    from mfakit.environment.render import run_in

    server = new_server(profile, role)
    session_to_hand_on(profile, role, min_remaining)
    variables = endpoint_variables(profile.read_again(), server.url, server.token)
    kept = {name: value for name, value in os.environ.items() if name not in CONTRADICTING}
    server.begin()
    return run_in(command, kept | variables)


def serve(options: Namespace, files: AWSFiles) -> int:
    """Run `mfakit serve`, until it gets a signal."""
    import signal

    from mfakit.cli.serving import new_server
    from mfakit.environment.endpoint import CONTRADICTING, endpoint_variables
    from mfakit.environment.render import detect_shell, render_variables

    shell = detect_shell() if options.shell == "auto" else options.shell
    role = chosen_role(options)
    profile = session_profile(options.profile, files)
    path = None if options.token_file is None else os.path.abspath(options.token_file)
    server = new_server(profile, role, options.port, lambda token: _remove_token(path, token))
    session_to_hand_on(profile, role, None)
    signals = [signal.SIGINT, signal.SIGTERM]
    if os.name == "posix" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
        signals.append(signal.SIGHUP)
    for number in signals:
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
        _remove_token(path, server.token)
    raise MFAKitError("the process that serves was ended", "start it again: mfakit serve")


def _end(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)  # through `finally`, so that no token file is left behind


def _write_token(path: str, token: str) -> None:
    """Write the token without an end of line, which SDKs would send along."""
    from mfakit.profiles.replacing import refuse_other_owners, replace_file

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


def _remove_token(path: str | None, token: str) -> None:
    """Remove the token file, unless another server has written its own token there."""
    if path is not None and os.path.isfile(path):
        try:
            with open(path, "rb") as file:
                is_ours = file.read(len(token) + 1) == token.encode()
            if is_ours:
                os.unlink(path)
        except OSError:
            pass


def _note_of_default(profile: Profile) -> None:
    if has_access_key(profile.files.keys("default")):
        note(
            "[default] of your AWS files has keys, which SDKs use before they ask the endpoint:"
            " set AWS_PROFILE, too, where you set the other variables"
        )
