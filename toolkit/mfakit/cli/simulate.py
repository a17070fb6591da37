"""`mfakit simulate`: serve an AWS simulator that checks MFA, for any client."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, contextmanager

from mfakit.cli.extras import require_extra
from mfakit.cli.output import write
from mfakit.errors import MFAKitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator
    from typing import Any

    from mfakit.testing import AWSSimulator


def run(options: Namespace) -> int:
    """Run the command."""
    require_extra("testing", "moto")
    from mfakit.testing import REQUIRE_MFA_POLICY, AWSSimulator

    ended = _ended_by_signal()
    policy = REQUIRE_MFA_POLICY if options.require_mfa else None
    names = list(dict.fromkeys(options.user or ["alice"]))
    with AWSSimulator() as aws, _served(aws, options.port) as url:
        said = {
            "endpoint_url": url,
            "control_token": aws.control_token,
            "account_id": aws.account_id,
            "region": aws.region,
            "users": [_make_user(aws, name, policy) for name in names],
        }
        write(_as_json(said) if options.json else _as_text(said))
        ended.wait()
    return 0


@contextmanager
def _served(aws: AWSSimulator, port: int) -> Iterator[str]:
    with ExitStack() as stack:
        try:
            url = stack.enter_context(aws.serve(port=port))
        except (OSError, OverflowError) as error:
            raise MFAKitError(
                f"the port {port} cannot be had: {error}", "leave --port out for a free one"
            ) from None
        yield url


def _ended_by_signal() -> threading.Event:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    return ended


def _make_user(aws: AWSSimulator, name: str, policy: dict[str, Any] | None) -> dict[str, str]:
    user = aws.create_user(name, policy=policy)
    device = user.enable_virtual_mfa()
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


def _as_text(said: dict[str, Any]) -> str:
    lines = [
        f"The AWS simulator serves on {said['endpoint_url']} until it is interrupted (Ctrl-C).",
        "In another shell, one of its users is at home with:",
        "",
        f"export AWS_ENDPOINT_URL={said['endpoint_url']} AWS_DEFAULT_REGION={said['region']}",
    ]
    for user in said["users"]:
        lines += [
            "",
            f"# {user['arn']}",
            f"export AWS_ACCESS_KEY_ID={user['access_key_id']}"
            f" AWS_SECRET_ACCESS_KEY={user['secret_access_key']}",
            f"mfakit login --serial-number {user['mfa_serial']}",
            "# a code that was not given before:",
            f"curl -X POST -H 'X-Mfakit-Token: {said['control_token']}'"
            f" '{said['endpoint_url']}/_mfakit/code?user={user['name']}'",
        ]
    return "\n".join([*lines, ""])
