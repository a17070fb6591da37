"""Which MFA device the code is of."""

from __future__ import annotations

import re

from mfakit.errors import ExchangeError, UsageError
from mfakit.exchange.client import make_client
from mfakit.exchange.refusals import asking_aws

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.exchange.source import Source

_NAME_IT = "name it: --serial-number arn:aws:iam::ACCOUNT:mfa/NAME, or mfa_serial in the AWS config"
# What STS takes, from its service model.
_FORM = re.compile(r"[\w+=/:,.@-]{9,256}", re.ASCII)


def check_serial_number(text: str) -> str:
    """Refuse a serial number that AWS would refuse for its form alone, or that is a user's ARN.

    Raises:
        UsageError: it is such a one.
    """
    if not _FORM.fullmatch(text):
        raise UsageError(f"{text!r} is no serial number of an MFA device", _NAME_IT)
    if ":user/" in text:
        raise UsageError(
            f"{text} is a user; the device's serial number has :mfa/ in it",
            f"perhaps {text.replace(':user/', ':mfa/')}",
        )
    return text


def find_only_device(source: Source) -> str:
    """Ask IAM for the user's devices, and take the one that codes can be used of.

    Raises:
        ExchangeError: there is not exactly one, or they cannot be listed.
    """
    serial_numbers = _list_devices(source)
    usable = [number for number in serial_numbers if ":u2f/" not in number]
    if len(usable) == 1:
        return usable[0]
    if usable:
        raise ExchangeError(f"there are several MFA devices: {', '.join(usable)}", _NAME_IT)
    if serial_numbers:
        raise ExchangeError(
            "the user has only security keys or passkeys, which AWS takes no code from",
            "add an authenticator app as a second device in the AWS console",
        )
    raise ExchangeError(
        "the user has no MFA device", "add an authenticator app in the AWS console first"
    )


def _list_devices(source: Source) -> list[str]:
    from botocore.exceptions import ClientError

    with asking_aws(source):
        client = make_client("iam", source, retries=True)
        try:
            devices = client.list_mfa_devices()["MFADevices"]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "AccessDenied":
                raise ExchangeError("IAM does not let this user list devices", _NAME_IT) from None
            raise
    return [device["SerialNumber"] for device in devices]
