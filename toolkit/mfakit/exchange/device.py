"""Which MFA device the code is of."""

from __future__ import annotations

from mfakit.errors import ExchangeError, UsageError
from mfakit.exchange.client import make_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.exchange.source import Source
    from mfakit.profiles.aws_files import AWSFiles

_NAME_IT = "name it: --serial-number arn:aws:iam::ACCOUNT:mfa/NAME, or mfa_serial in the AWS config"


def find_serial_number(flag: str | None, session: str, source: Source, files: AWSFiles) -> str:
    """Find the serial number: what was named, else what the config says, else the only device.

    Args:
        flag: what ``--serial-number`` says, if anything.
        session: the session profile.
        source: whose devices to list.
        files: the AWS files.

    Raises:
        UsageError: it is the ARN of a user.
        ExchangeError: none is named, and the user has not exactly one that can be listed.
    """
    named = flag or files.setting("mfa_serial", session, source.profile)
    if named is None:
        return _only_device(_list_devices(source))
    if ":user/" in named:
        raise UsageError(
            f"{named} is a user; the device's serial number has :mfa/ in it",
            f"perhaps {named.replace(':user/', ':mfa/')}",
        )
    return named


def _only_device(serial_numbers: list[str]) -> str:
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
    from botocore.exceptions import BotoCoreError, ClientError

    client = make_client("iam", source, retries=True)
    try:
        devices = client.list_mfa_devices()["MFADevices"]
    except (ClientError, BotoCoreError) as error:
        raise ExchangeError(f"the MFA devices cannot be listed: {error}", _NAME_IT) from error
    return [device["SerialNumber"] for device in devices]
