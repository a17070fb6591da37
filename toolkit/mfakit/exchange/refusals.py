"""What AWS and the network answer, told as errors that say what to do."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from mfakit.durations import format_duration
from mfakit.errors import CodeRefusedError, ExchangeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from mfakit.exchange.source import Source

_LOGIN_AGAIN = "wait for the next code on the device, then log in again with that one"


def refusal(
    error: Exception, source: Source, serial_number: str | None, now: datetime
) -> ExchangeError:
    """Turn what botocore raised into an error for people.

    The texts are AWS's own answers to GetSessionToken and AssumeRole.

    Args:
        error: a ``ClientError`` or another of botocore's errors.
        source: the credentials that signed the call.
        serial_number: the device, if the call named one.
        now: this machine's time, to compare with the server's.
    """
    answer: dict[str, Any] = getattr(error, "response", {})
    if not answer:
        return _unreachable(error)
    code, message = answer["Error"].get("Code", ""), answer["Error"].get("Message", "").strip()
    if "invalid MFA one time pass code" in message:
        return CodeRefusedError(
            "AWS refused the code: it is wrong, or was used before", _LOGIN_AGAIN
        )
    if "unable to validate MFA code" in message:
        return CodeRefusedError(
            f"AWS could not check a code of the device {serial_number}",
            "it is not yours, does not exist, was enabled seconds ago, or had too many tries"
            " (wait three minutes)",
        )
    if "is now earlier than" in message or "is still later than" in message:
        return _clock_is_off(answer, now)
    return _by_code(code, message, source)


def _by_code(code: str, message: str, source: Source) -> ExchangeError:
    if code == "InvalidClientTokenId":
        return ExchangeError(
            f"AWS does not know the access key {source.access_key_id} of {source.origin}",
            "it was deleted, is inactive, or belongs to another partition: see the key in IAM",
        )
    if code == "SignatureDoesNotMatch":
        return ExchangeError(
            f"the secret of the access key {source.access_key_id} of {source.origin} is wrong",
            "put the right secret there: aws configure",
        )
    if code.startswith("Throttling"):
        return ExchangeError(f"AWS is throttling: {message}", "try again in a minute")
    return ExchangeError(f"AWS answered {code}: {message}", "see what it names, and try again")


def _clock_is_off(answer: dict[str, Any], now: datetime) -> ExchangeError:
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        ahead = (now - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        how = "is off"
    else:
        how = f"is {format_duration(ahead)} {'ahead of' if ahead > 0 else 'behind'} AWS"
    return ExchangeError(
        f"this machine's clock {how}", "set the clock (timedatectl set-ntp true), then try again"
    )


def _unreachable(error: Exception) -> ExchangeError:
    from botocore.exceptions import ConnectionError as BotoConnectionError
    from botocore.exceptions import HTTPClientError

    if isinstance(error, (BotoConnectionError, HTTPClientError)):
        return ExchangeError(
            f"AWS cannot be reached: {error}",
            "see the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then try again with the next code",
        )
    return ExchangeError(f"the request could not be made: {error}", "see the AWS config file")
