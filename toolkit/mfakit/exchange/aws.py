"""AWS clients for the exchange, and errors for what AWS and the network answer.

The clients are botocore's: boto3 would also load the transfer of files to S3, in twice the time.
"""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager

from mfakit import debug
from mfakit.errors import (
    CodeLostError,
    CodeRefusedError,
    DeviceUnknownError,
    ExchangeError,
    MFAKitError,
    NotSentError,
)
from mfakit.moments import format_duration, utc_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from mfakit.exchange.source import Source


_PARTITION_REGIONS = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
# as in botocore's list of partitions
_PARTITION_PREFIXES = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}
_DEFAULT_REGION = "us-east-1"
_CONNECT_SECONDS = 10
_READ_SECONDS = 20


def make_client(
    service: str, source: Source, *, retries: bool, serial_number: str | None = None
) -> Any:
    """Make a client that signs with the source's long-term credentials.

    Args:
        service: ``sts`` or ``iam``.
        source: the credentials, and the profile whose endpoint and CA bundle are used.
        retries: False for the call that carries a code: botocore would send the code again after
            a lost answer, and a code that arrived once is used up.
        serial_number: names the partition, if no profile names a region; else the profiles' does.
    """
    with _nothing_collected():
        from botocore.config import Config
        from botocore.session import Session

        # AWS_PROFILE is not read: it may name a profile that this login has yet to create
        session = Session(session_vars={"profile": (None, None, None, None)})
        session.set_config_variable("profile", source.profile)
        client = session.create_client(
            service,
            region_name=source.region or region_of(serial_number or source.device),
            aws_access_key_id=source.access_key_id,
            aws_secret_access_key=source.secret_access_key,
            aws_session_token=source.session_token or None,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"total_max_attempts": 3 if retries else 1, "mode": "standard"},
            ),
        )
    if debug.is_on():
        _report_calls(client, source)
    return client


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the garbage collector from searching, in vain, what is loaded: a sixth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _report_calls(client: Any, source: Source) -> None:
    """Write each request and its response to the debug log, without their content."""
    shown = debug.key_id(source.access_key_id)
    endpoint = client.meta.endpoint_url.rpartition("@")[2]

    def sending(model: Any, **_: object) -> None:
        debug.event("ask {} of {}, signed by {}", model.name, endpoint, shown)

    def answered(model: Any, parsed: dict[str, Any], **_: object) -> None:
        metadata = parsed.get("ResponseMetadata", {})
        status, request = metadata.get("HTTPStatusCode"), metadata.get("RequestId")
        code = parsed.get("Error", {}).get("Code", "no error")
        debug.event("{} answered {} ({}), request id {}", model.name, status, code, request)

    def failed(event_name: str, exception: Exception, **_: object) -> None:
        operation = event_name.rpartition(".")[2]
        debug.event("{} got no answer: {}", operation, type(exception).__name__)

    client.meta.events.register("before-call", sending)
    client.meta.events.register("after-call", answered)
    client.meta.events.register("after-call-error", failed)


def partition_of(region: str) -> str:
    """Return the partition of a region, such as ``aws-cn`` for ``cn-north-1``.

    Unknown regions count as those of the standard partition, as new ones usually are.
    """
    for prefix, partition in _PARTITION_PREFIXES.items():
        if region.startswith(prefix):
            return partition
    return "aws"


def region_of(serial_number: str | None) -> str:
    """Return a region of a device's partition."""
    parts = (serial_number or "").split(":")
    return _PARTITION_REGIONS.get(parts[1] if len(parts) > 1 else "", _DEFAULT_REGION)


_NEXT_CODE = "wait for the next code on the device, then log in again with that one"
_AGAIN = "try again in a minute"
_CLOCK_SECONDS = 30
_NAME_A_REGION = (
    "name one such as us-east-1, without quotes and blanks, where it is set: in the AWS config,"
    " AWS_REGION or AWS_DEFAULT_REGION"
)
_LOST = "a code that was sent may be used up: wait for the next one, then try again"
SERVER_ERROR = 500
DENIED = ("AccessDenied", "AccessDeniedException")
_BROKEN = "see what answers there: a proxy, a captive portal; a code that was sent is used up"


@contextmanager
def asking_aws(source: Source, serial_number: str | None = None) -> Iterator[None]:
    """Turn every exception of botocore in the block into an error with a hint.

    botocore's own messages are shown only where they are known to hold no secret: a message about a
    response that cannot be parsed includes the response, one about an invalid header the header.

    Args:
        source: the credentials that sign the calls.
        serial_number: the device, if the call carries a code.

    Raises:
        CodeRefusedError: AWS did not accept the code.
        CodeLostError: a code that was sent may be used up.
        NotSentError: the same call may be made again, with the same code.
        ExchangeError: AWS refused for another reason, or its response could not be understood.
    """
    try:
        yield
    except MFAKitError:
        raise
    except Exception as error:
        answer: dict[str, Any] | None = getattr(error, "response", None)
        if answer is not None:
            raise _refusal(answer, source, serial_number) from None
        failure = _failure(error)
        if isinstance(failure, CodeLostError) and serial_number is None:
            failure = ExchangeError(failure.message, _AGAIN)
        raise failure from None


def _refusal(answer: dict[str, Any], source: Source, serial_number: str | None) -> ExchangeError:
    """Return the error for a refusal, which its text identifies: one error code means several."""
    error = answer.get("Error", {})
    code, message = error.get("Code", "an error"), error.get("Message", "").strip()
    if "invalid MFA one time pass code" in message:
        clock = f" ({how})" if (how := _clock(answer)) else ""
        refused = CodeRefusedError(
            f"AWS refused the code: it is wrong, or was used before{clock}", _NEXT_CODE
        )
        refused.clock = clock
        return refused
    if "unable to validate MFA code" in message:
        return DeviceUnknownError(
            f"AWS could not check a code of the device {serial_number}",
            "it is not yours, does not exist (mfakit devices shows yours), was enabled seconds ago,"
            " or had too many tries (wait three minutes)",
        )
    if "is now earlier than" in message or "is still later than" in message:
        return ExchangeError(
            _clock(answer) or "this machine's clock is off",
            "set the clock (timedatectl set-ntp true), then try again",
        )
    if answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= SERVER_ERROR:
        failed = f"AWS failed ({code})"
        return CodeLostError(failed, _LOST) if serial_number else ExchangeError(failed, _AGAIN)
    return _by_code(code, message, source)


def _by_code(code: str, message: str, source: Source) -> ExchangeError:
    if code == "InvalidClientTokenId":
        return ExchangeError(
            f"AWS does not know the access key {source.access_key_id} of {source.origin}",
            f"it was deleted, is inactive, or belongs to {_of_partition(source)}:"
            " see the key in IAM"
            + ("; or name a profile's key: --source-profile NAME" if not source.profile else ""),
        ).about(source.profile)
    if code == "SignatureDoesNotMatch" and "valid region" in message:
        return ExchangeError(f"there is no region {source.region!r}", _NAME_A_REGION)
    if code == "SignatureDoesNotMatch":
        return ExchangeError(
            f"the secret of the access key {source.access_key_id} of {source.origin} is wrong",
            "put the right secret there"
            + (", unless its last rotation has it (see mfakit keys)" if source.profile else "")
            + f": aws configure{of_profile(source)}",
        ).about(source.profile)
    if code.startswith("Throttling"):
        return NotSentError(f"AWS is throttling: {message}", _AGAIN)
    return ExchangeError(f"AWS answered {code}: {message}", _hint(code, message, source))


def of_profile(source: Source) -> str:
    """Return the option that names a source's profile; "" for the environment."""
    import shlex

    return "" if source.profile is None else f" --profile {shlex.quote(source.profile)}"


def carries_mfa(iam: Any, arn: str) -> bool | None:
    """Return whether a session carries MFA; None if AWS's answer does not show it.

    IAM does not know a session that GetSessionToken made without a code. A role's session never
    carries MFA (IAM User Guide).

    Args:
        iam: a client of IAM that signs with the session.
        arn: the session's identity.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    if ":assumed-role/" in arn:
        return False
    if ":user/" not in arn and not arn.endswith(":root"):
        return None
    try:
        iam.get_user()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        return {"InvalidClientTokenId": False, "AccessDenied": True}.get(str(code))
    except BotoCoreError:
        return None
    return True


def _of_partition(source: Source) -> str:
    """Return the partition that a refused key may be of, and how to name it where nothing does."""
    if source.region or source.device:
        return "another partition"
    how = f"aws configure set region REGION{of_profile(source)}" if source.profile else "AWS_REGION"
    return f"another partition (no region is set for it: {how})"


def _hint(code: str, message: str, source: Source) -> str:
    """Return a hint for the other known errors of AWS."""
    if code == "ExpiredToken":
        return f"the session of {source.origin} has ended: log in to it first"
    if "sts:AssumeRole" in message:
        return "the role must trust you, and your own policy let you assume it; ask who made it"
    if "MaxSessionDuration" in message:
        return "ask for less: --duration, or leave it out"
    if code == "RegionDisabledException":
        return "name a region that is active for the account, in the AWS config or AWS_REGION"
    return "see what it names, and try again"


def _clock(answer: dict[str, Any]) -> str:
    """Return how much this machine's clock differs from AWS's; "" if little, or unknown."""
    from email.utils import parsedate_to_datetime

    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        ahead = (utc_now() - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return ""
    if abs(ahead) < _CLOCK_SECONDS:
        return ""
    way = "ahead of" if ahead > 0 else "behind"
    return f"this machine's clock is {format_duration(abs(ahead))} {way} AWS"


def _failure(error: Exception) -> ExchangeError:
    """Return the error for an exception without a response of AWS."""
    from botocore import exceptions

    kind = type(error).__name__
    never_sent = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)
    if isinstance(error, (*never_sent, exceptions.ProxyConnectionError)):
        return NotSentError(
            f"AWS cannot be reached: {_without_password(str(error))}",
            "see the network, HTTPS_PROXY and AWS_ENDPOINT_URL, then try again",
        )
    if isinstance(error, exceptions.SSLError):
        return _untrusted(error)
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return CodeLostError(f"the connection to AWS broke ({kind})", _LOST)
    if isinstance(error, (exceptions.ConfigParseError, exceptions.ProfileNotFound)):
        return ExchangeError(
            f"boto3 cannot read the AWS files: {error}",
            "see why, and what mends it: mfakit explain",
        )
    if isinstance(error, exceptions.InvalidRegionError):
        return ExchangeError(f"the region makes no sense: {error}", _NAME_A_REGION)
    if isinstance(error, exceptions.BotoCoreError) and "Parse" not in kind:
        return ExchangeError(
            f"the request could not be made ({kind})",
            "see the profile's region and endpoint_url, and the AWS_* variables",
        )
    if isinstance(error, (ValueError, UnicodeError)) and "Parse" not in kind:
        return ExchangeError(
            "the endpoint or the region makes no sense",
            "see the profile's region and endpoint_url, and the AWS_* variables",
        )
    return CodeLostError(f"what answered was not AWS, or not whole ({kind})", _BROKEN)


def _untrusted(error: Exception) -> ExchangeError:
    """Return the error for a connection that TLS refuses."""
    if "[Errno 2]" not in str(error):
        return ExchangeError(
            "AWS cannot be reached safely: its certificate is not trusted",
            "see that AWS_CA_BUNDLE or ca_bundle, if set, is a file that can be read; behind a"
            " proxy that inspects traffic, it has to hold the proxy's certificates",
        )
    # the server's certificate was not looked at
    named = os.environ.get("AWS_CA_BUNDLE")
    says = f"AWS_CA_BUNDLE says, {named}" if named else "ca_bundle of the profile says"
    return NotSentError(
        f"AWS was not asked: there is no file with certificates where {says}",
        "name that file by its whole path, or take the setting out; where it is: mfakit explain",
    )


def _without_password(text: str) -> str:
    import re

    return re.sub(r"//[^/@\s]*@", "//", text)
