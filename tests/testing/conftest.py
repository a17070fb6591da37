"""What every test of the simulator needs: an account, and clients by both ways to it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.testing import Device, User

AWS_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
)


@pytest.fixture(autouse=True)
def _no_aws_of_mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in AWS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


@pytest.fixture
def aws() -> Iterator[AWSSimulator]:
    with AWSSimulator() as simulator:
        yield simulator


@pytest.fixture
def url(aws: AWSSimulator) -> Iterator[str]:
    with aws.serve() as served:
        yield served


@cache
def shared_session() -> Any:
    """Return one boto3 session for all clients: it takes longer to make than they do."""
    return boto3.Session()


class Clients:
    """boto3 clients that reach the simulator in one of its two ways."""

    def __init__(self, endpoint_url: str | None) -> None:
        self.endpoint_url = endpoint_url

    def of(self, session: boto3.Session | User, service: str, **options: Any) -> Any:
        """Return a client with those credentials."""
        options["endpoint_url"] = self.endpoint_url
        if isinstance(session, boto3.Session):
            return session.client(service, **options)
        return shared_session().client(
            service,
            aws_access_key_id=session.access_key_id,
            aws_secret_access_key=session.secret_access_key,
            **({"region_name": "us-east-1"} | options),
        )

    def exchange(self, user: User, device: Device | None = None, **more: Any) -> boto3.Session:
        """Return the session that GetSessionToken gives for a fresh code, or for none."""
        if device is not None:
            more |= {"SerialNumber": device.serial_number, "TokenCode": device.code()}
        given = self.of(user, "sts").get_session_token(**more)["Credentials"]
        return boto3.Session(
            given["AccessKeyId"],
            given["SecretAccessKey"],
            given["SessionToken"],
            region_name="us-east-1",
        )


@pytest.fixture(params=["in process", "over HTTP"])
def clients(request: pytest.FixtureRequest, aws: AWSSimulator) -> Iterator[Clients]:
    if request.param == "in process":
        yield Clients(None)
        return
    with aws.serve() as served:
        yield Clients(served)


@pytest.fixture
def alice(aws: AWSSimulator) -> User:
    return aws.create_user("alice")


@pytest.fixture
def device(alice: User) -> Device:
    return alice.enable_virtual_mfa()


@pytest.fixture
def s3(aws: AWSSimulator) -> Any:
    """The root user's S3, with a bucket and an object in it."""
    client: Any = aws.root.session().client("s3")
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="key", Body=b"content")
    return client


@pytest.fixture
def refusal() -> Callable[..., tuple[int, str, str]]:
    return refused_with


def refused_with(call: Callable[..., Any], **parameters: Any) -> tuple[int, str, str]:
    """Return the status, code and text that a call is refused with."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    response: Any = caught.value.response
    error = response["Error"]
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    return status, error["Code"], error.get("Message", "")
