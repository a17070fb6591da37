"""`mfakit simulate`: serve an AWS simulator that checks MFA, for any client.

A person gets lines to paste into another shell, and a QR code for the phone. A seed file keeps the
users: the same keys, devices and seeds at every start.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import stat
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from mfakit.cli.output import note, read_input, write, write_private
from mfakit.environment import SHELLS, unset_line
from mfakit.environment.render import likely_shell
from mfakit.errors import FileError, MFAKitError, UsageError
from mfakit.profiles.editing import edit_text
from mfakit.profiles.reading import read_text
from mfakit.programs import require_extra

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator, Mapping
    from typing import NoReturn

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.testing import AWSSimulator

_ENDING = (signal.SIGINT, signal.SIGTERM)
# Each of these would win over the files that the lines name.
_IN_THE_WAY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "MFAKIT_PROFILE",
)
USER_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
_OTHERS = 0o077
_KEPT = ("name", "access_key_id", "secret_access_key", "mfa_seed")


def run(options: Namespace, _: AWSFiles) -> int:
    """Run the command."""
    require_extra("testing", "moto")
    for number in _ENDING:
        signal.signal(number, _end)
    known = _known_users(options.seed_file) if options.seed_file else {}
    scps = [_read_scp(path) for path in options.scp] if options.scp else None
    # loaded after the files have been checked, since it takes long
    from mfakit.testing import AWSSimulator
    from mfakit.testing.models import is_region

    if not is_region(options.region):
        raise UsageError(f"AWS has no region {options.region!r}", "name one such as us-gov-west-1")
    names = _with_device(options, known)
    with AWSSimulator(region=options.region, scps=scps) as aws, _served(aws, options.port) as url:
        users = [
            _make_user(aws, name, known.get(name), options.require_mfa, has_device)
            for name, has_device in names.items()
        ]
        if options.seed_file:
            _remember(options.seed_file, users)
        said = {
            "endpoint_url": url,
            "control_token": aws.control_token,
            "account_id": aws.account_id,
            "region": aws.region,
            "users": users,
        }
        if options.json:
            write(json.dumps(said) + "\n")
            _wait_for_a_signal()
        else:
            _receive_a_person(said)
    return 0


def _with_device(options: Namespace, known: Mapping[str, Known]) -> dict[str, bool]:
    """Return which users there are, and whether each has an MFA device.

    Raises:
        UsageError: a user is to have one, and to have none.
    """
    with_one, without = options.user or [], options.user_without_device or []
    if both := set(with_one) & set(without):
        raise UsageError(
            f"--user and --user-without-device both name {min(both)}", "name each user once"
        )
    if with_one or without:
        return dict.fromkeys(with_one, True) | dict.fromkeys(without, False)
    return {name: user.mfa_seed is not None for name, user in known.items()} or {"alice": True}


def _read_scp(name: str) -> str:
    from mfakit.policy import parse

    text = read_input(name)
    parse(text, name)  # raises the error that says what is wrong with it
    return text


@contextmanager
def _served(aws: AWSSimulator, port: int) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(aws.serve(port=port))
        except OSError as error:
            raise MFAKitError(
                f"port {port} is taken or not allowed: {error.strerror}",
                "leave --port out for a free one",
            ) from None
        yield url


def _make_user(
    aws: AWSSimulator, name: str, known: Known | None, require_mfa: bool, has_device: bool
) -> dict[str, str | None]:
    from mfakit.testing import REQUIRE_MFA_POLICY

    policy = REQUIRE_MFA_POLICY if require_mfa else None
    try:
        user = aws.create_user(name, policy=policy, access_key=known and known.access_key)
        seed = known.mfa_seed if known else None
        device = user.enable_virtual_mfa(seed=seed) if has_device else None
    except ValueError as error:
        hint = "mend the seed file, or name a new one"
        raise MFAKitError(f"the user {name} cannot be made: {error}", hint) from None
    return {
        "name": name,
        "arn": user.arn,
        "access_key_id": user.access_key_id,
        "secret_access_key": user.secret_access_key,
        "mfa_serial": device.serial_number if device else None,
        "mfa_seed": device.seed if device else None,
    }


def _receive_a_person(said: dict[str, Any]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="mfakit-simulate-") as folder:
        write(_lines_to_paste(said, folder))
        _wait_for_a_signal()


def _end(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)  # through the context managers, so that nothing is left behind


def _wait_for_a_signal() -> None:
    try:
        while True:
            time.sleep(60)
    finally:
        # The cleanup begins, and an impatient second Ctrl-C must not stop it.
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)


def _lines_to_paste(said: dict[str, Any], folder: str) -> str:
    """Return the lines that make another shell the home of each user, and write the users' files.

    The files are in a folder of their own, so that nothing that is done with the lines, a login
    included, touches the person's own.
    """
    intro = f"The AWS simulator serves on {said['endpoint_url']} until it is interrupted (Ctrl-C)."
    lines = [intro, "Paste the lines of one of its users into another shell. They lead to"]
    lines += [f"{folder},", "which goes when the simulator ends; your own ~/.aws is left alone."]
    for number, user in enumerate(said["users"]):
        home = os.path.join(folder, str(number))
        _make_home(home, said["region"], user)
        lines += ["", f"# {user['arn']}"]
        if (
            sys.stdout.isatty() and user["mfa_seed"]
        ):  # first, so that what is to be pasted stays in view
            lines += ["# a phone can be its device:", *_qr_code(said["account_id"], user)]
        lines += _exports(said, home)
        command = "log in with mfakit login, and answer its question"
        if not user["mfa_seed"]:
            command = "enrol a device with mfakit devices add, and answer its questions"
        lines += [f"# then {command} with what this gives:"]
        lines += [_curl(said, user["name"])]
    return "\n".join([*lines, ""])


def _make_home(home: str, region: str, user: dict[str, str]) -> None:
    os.mkdir(home, 0o700)
    write_private(
        os.path.join(home, "credentials"),
        f"[default]\naws_access_key_id = {user['access_key_id']}\n"
        f"aws_secret_access_key = {user['secret_access_key']}\n",
    )
    write_private(os.path.join(home, "config"), f"[default]\nregion = {region}\n")


def _exports(said: dict[str, Any], home: str) -> Iterator[str]:
    shell = likely_shell()
    yield unset_line(shell, _IN_THE_WAY)
    values = {
        "AWS_ENDPOINT_URL": said["endpoint_url"],
        "AWS_DEFAULT_REGION": said["region"],
        "AWS_SHARED_CREDENTIALS_FILE": os.path.join(home, "credentials"),
        "AWS_CONFIG_FILE": os.path.join(home, "config"),
    }
    for name, value in values.items():
        if shell == "powershell":
            yield SHELLS[shell].assign(name, value)
        else:
            yield f"export {name}={shlex.quote(value)}"


def _curl(said: dict[str, Any], name: str) -> str:
    url = f"{said['endpoint_url']}/_mfakit/code?user={quote(name, safe='')}"
    return f"curl -X POST -H 'X-Mfakit-Token: {said['control_token']}' '{url}'"


def _qr_code(account_id: str, user: dict[str, str]) -> list[str]:
    import io

    import segno

    from mfakit.testing.iam_calls import provisioning_uri

    drawn = io.StringIO()
    uri = provisioning_uri(quote(user["name"], safe="@"), account_id, user["mfa_seed"])
    segno.make(uri, micro=False).terminal(drawn, compact=True)
    return drawn.getvalue().splitlines()


class Known(NamedTuple):
    """The key that a user had at the last start, and the seed; None without a device."""

    access_key: tuple[str, str]
    mfa_seed: str | None


def _known_users(path: str) -> dict[str, Known]:
    """Read the users that a seed file keeps, by name; none if there is no such file yet.

    Raises:
        FileError: others can read or own it, or it is no seed file.
    """
    _check_private(path)
    return {
        user["name"]: Known((user["access_key_id"], user["secret_access_key"]), user["mfa_seed"])
        for user in _users(path, read_text(path))
    }


def _remember(path: str, users: Iterable[Mapping[str, str | None]]) -> None:
    """Keep these users in a seed file, beside those that it has.

    Raises:
        FileError: it cannot be written, or others can read it.
    """
    _check_private(path)

    def with_users(text: str) -> str:
        kept = {user["name"]: user for user in _users(path, text)}
        kept |= {user["name"]: {name: user[name] for name in _KEPT} for user in users}
        return json.dumps({"users": list(kept.values())}, indent=2) + "\n"

    edit_text(path, with_users, note=note)


def _check_private(path: str) -> None:
    if os.name != "posix":  # elsewhere these bits say nothing
        return
    try:
        found = [os.lstat(path), os.stat(path)]
    except FileNotFoundError:
        found = [os.lstat(path)] if os.path.islink(path) else []
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}", "name another place") from None
    if any(status.st_uid != os.geteuid() for status in found):
        raise FileError(f"{path} is not yours", "name another place; seeds are secrets")
    if any(status.st_mode & _OTHERS for status in found if not stat.S_ISLNK(status.st_mode)):
        raise FileError(f"others can read {path}", f"chmod 600 {path}")


def _users(path: str, text: str) -> list[dict[str, Any]]:
    try:
        users = json.loads(text)["users"] if text else []
        if all(_is_user(user) for user in users):
            return list(users)
    except (ValueError, LookupError, TypeError):
        pass
    raise FileError(f"{path} is no seed file", "name a new one; it is made at the first start")


def _is_user(user: Any) -> bool:
    given = dict(user) if user["mfa_seed"] is not None else user | {"mfa_seed": ""}
    is_text = sorted(given) == sorted(_KEPT) and all(isinstance(one, str) for one in given.values())
    return is_text and USER_NAME.fullmatch(user["name"]) is not None
