"""`mfakit simulate`: serve an AWS simulator that checks MFA, for any client."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack, contextmanager

from mfakit.cli.input import read_input
from mfakit.cli.output import note, write
from mfakit.errors import MFAKitError, UsageError
from mfakit.extras import require_extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from typing import Any, NoReturn

    from mfakit.cli.simulate.seed_file import Known
    from mfakit.testing import AWSSimulator

_ENDING = (signal.SIGINT, signal.SIGTERM)


def run(options: Namespace) -> int:
    """Run the command."""
    require_extra("testing", "moto")
    from mfakit.cli.simulate.seed_file import known_users, remember

    for number in _ENDING:
        signal.signal(number, _end)
    known = known_users(options.seed_file) if options.seed_file else {}
    scps = [_read_scp(path) for path in options.scp] if options.scp else None
    # takes long to load, so the files are found to be good first
    from mfakit.testing import AWSSimulator
    from mfakit.testing.models import is_region

    if not is_region(options.region):
        raise UsageError(f"AWS has no region {options.region!r}", "name one such as us-gov-west-1")
    names = list(dict.fromkeys(options.user or known or ["alice"]))
    with AWSSimulator(region=options.region, scps=scps) as aws, _served(aws, options.port) as url:
        users = [_make_user(aws, name, known.get(name), options.require_mfa) for name in names]
        if options.seed_file:
            remember(options.seed_file, users, note)
        said = {
            "endpoint_url": url,
            "control_token": aws.control_token,
            "account_id": aws.account_id,
            "region": aws.region,
            "users": users,
        }
        if options.json:
            write(_as_json(said))
            _wait_for_a_signal()
        else:
            _receive_a_person(said)
    return 0


def _read_scp(name: str) -> str:
    from mfakit.policy import parse

    text = read_input(name)
    parse(text, name)  # says of a file that is no policy what is wrong with it
    return text


@contextmanager
def _served(aws: AWSSimulator, port: int) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(aws.serve(port=port))
        except OSError as error:
            raise MFAKitError(
                f"the port {port} cannot be had: {error.strerror}",
                "leave --port out for a free one",
            ) from None
        yield url


def _make_user(
    aws: AWSSimulator, name: str, known: Known | None, require_mfa: bool
) -> dict[str, str]:
    from mfakit.testing import REQUIRE_MFA_POLICY

    policy = REQUIRE_MFA_POLICY if require_mfa else None
    try:
        user = aws.create_user(name, policy=policy, access_key=known and known.access_key)
        device = user.enable_virtual_mfa(seed=known and known.mfa_seed)
    except ValueError as error:
        hint = "mend the seed file, or name a new one"
        raise MFAKitError(f"the user {name} cannot be made: {error}", hint) from None
    return {
        "name": name,
        "arn": user.arn,
        "access_key_id": user.access_key_id,
        "secret_access_key": user.secret_access_key,
        "mfa_serial": device.serial_number,
        "mfa_seed": device.seed,
    }


def _as_json(said: dict[str, Any]) -> str:
    import json

    return json.dumps(said) + "\n"


def _receive_a_person(said: dict[str, Any]) -> None:
    from tempfile import TemporaryDirectory

    from mfakit.cli.simulate.person import lines_to_paste

    with TemporaryDirectory(prefix="mfakit-simulate-") as folder:
        write(lines_to_paste(said, folder))
        _wait_for_a_signal()


def _end(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)  # by way of the context managers, so that nothing is left behind


def _wait_for_a_signal() -> None:
    try:
        while True:
            time.sleep(60)
    finally:
        # What was made is taken away now, and an impatient second Ctrl-C must not stop that.
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)
