"""boto3 clients for the exchange, and nothing else: the only place that loads boto3."""

from __future__ import annotations

from mfakit import debug

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mfakit.exchange.source import Source

_PARTITION_REGIONS = {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
_DEFAULT_REGION = "us-east-1"
_CONNECT_SECONDS = 10
_READ_SECONDS = 20


def make_client(
    service: str, source: Source, *, retries: bool, serial_number: str | None = None
) -> Any:
    """Make a client that signs with the source's long-term credentials.

    Args:
        service: ``sts`` or ``iam``.
        source: the credentials, and the profile whose other settings (endpoint, CA bundle) count.
        retries: False for the call that carries a code: botocore would send the code again after
            a lost answer, and a code that arrived once is used up.
        serial_number: tells the partition, where no profile names a region.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    # no variable names the profile: AWS_PROFILE may be one that this login is still to make
    settings = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    settings.set_config_variable("profile", source.profile)
    session = boto3.Session(
        aws_access_key_id=source.access_key_id,
        aws_secret_access_key=source.secret_access_key,
        aws_session_token=source.session_token or None,
        botocore_session=settings,
        region_name=source.region or _region_of(serial_number),
    )
    client = session.client(
        service,
        config=Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": 3 if retries else 1, "mode": "standard"},
        ),
    )
    if debug.is_on():
        _report_calls(client, source)
    return client


def _report_calls(client: Any, source: Source) -> None:
    """Report each request and its answer, without the content of either."""
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


def _region_of(serial_number: str | None) -> str:
    parts = (serial_number or "").split(":")
    return _PARTITION_REGIONS.get(parts[1] if len(parts) > 1 else "", _DEFAULT_REGION)
