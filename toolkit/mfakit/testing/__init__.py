"""An AWS for tests whose STS and IAM treat MFA exactly as AWS does.

Example::

    with AWSSimulator() as aws:
        alice = aws.create_user("alice")
        device = alice.enable_virtual_mfa()
        alice.session().client("sts").get_session_token(
            SerialNumber=device.serial_number, TokenCode=device.code()
        )

pytest loads this package in every run, so each name is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mfakit.testing import policy as policy
    from mfakit.testing.account import (
        ALLOW_ALL_POLICY,
        REQUIRE_MFA_POLICY,
        AWSSimulator,
        Device,
        User,
        simulator,
    )
    from mfakit.testing.devices import Clock
    from mfakit.testing.errors import SimulatorError
    from mfakit.testing.faults import CallRecord, Fault
    from mfakit.testing.mocking import mock_aws

_HOMES = {
    "CallRecord": "faults",
    "Clock": "devices",
    "Fault": "faults",
    "SimulatorError": "errors",
    "mock_aws": "mocking",
}  # every name that is not here is in `account`

__all__ = [
    "ALLOW_ALL_POLICY",
    "REQUIRE_MFA_POLICY",
    "AWSSimulator",
    "CallRecord",
    "Clock",
    "Device",
    "Fault",
    "SimulatorError",
    "User",
    "mock_aws",
    "policy",
    "simulator",
]


def __getattr__(name: str) -> Any:
    from importlib.util import find_spec

    if name not in __all__:
        raise AttributeError(f"module 'mfakit.testing' has no attribute {name!r}")
    if not (find_spec("moto") and find_spec("pyotp")):
        raise ImportError("mfakit.testing needs its extra: pip install 'mfakit[testing]'")
    if name == "policy":
        return import_module("mfakit.testing.policy")
    return getattr(import_module(f"mfakit.testing.{_HOMES.get(name, 'account')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
