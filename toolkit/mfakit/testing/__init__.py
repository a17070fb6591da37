"""An AWS for tests whose STS and IAM treat MFA exactly as AWS does.

Example::

    with AWSSimulator() as aws:
        alice = aws.create_user("alice")
        device = alice.enable_virtual_mfa()
        alice.session().client("sts").get_session_token(
            SerialNumber=device.serial_number, TokenCode=device.code()
        )
"""

from importlib.util import find_spec

if not (find_spec("moto") and find_spec("pyotp")):
    raise ImportError("mfakit.testing needs its extra: pip install 'mfakit[testing]'")

from mfakit.testing.clock import Clock
from mfakit.testing.errors import SimulatorError
from mfakit.testing.simulator import (
    ALLOW_ALL_POLICY,
    REQUIRE_MFA_POLICY,
    AWSSimulator,
    Device,
    User,
)

__all__ = [
    "ALLOW_ALL_POLICY",
    "REQUIRE_MFA_POLICY",
    "AWSSimulator",
    "Clock",
    "Device",
    "SimulatorError",
    "User",
]
