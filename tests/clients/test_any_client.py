"""To boto3, the AWS CLI and the SDK for JavaScript the simulator behaves like AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator, Device, User

pytestmark = pytest.mark.long


def test_every_client_gets_a_session_for_a_code(
    client: Any, keys: dict[str, str], device: Device, alice: User
) -> None:
    """Its credentials are the user's."""
    session = client.login(keys, device, device.code())
    assert session["AccessKeyId"].startswith("ASIA")
    assert client.call(session, "sts", "GetCallerIdentity")["Arn"] == alice.arn


def test_a_session_makes_and_lists_a_bucket(
    client: Any, keys: dict[str, str], device: Device
) -> None:
    session = client.login(keys, device, device.code())
    client.call(session, "s3", "CreateBucket", Bucket="made-with-mfa")
    buckets = client.call(session, "s3", "ListBuckets")["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == ["made-with-mfa"]


def test_a_wrong_code_is_refused_in_awss_words(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    """Even the space at their end is AWS's."""
    wrong = f"{(int(device.code()) + 1) % 10**6:06}"
    assert refusal(client.login, keys, device, wrong) == (
        "AccessDenied",
        "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
    )


def test_a_used_code_is_refused_like_a_wrong_one(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    code = device.code()
    client.login(keys, device, code)
    refused, message = refusal(client.login, keys, device, code)
    assert (refused, "invalid MFA one time pass code" in message) == ("AccessDenied", True)


def test_a_wrong_secret_is_a_signature_that_does_not_match(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    keys["SecretAccessKey"] = keys["SecretAccessKey"][::-1]
    assert refusal(client.login, keys, device, device.code())[0] == "SignatureDoesNotMatch"


def test_an_unknown_key_is_invalid(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    """The answer says no more about it."""
    keys["AccessKeyId"] = "AKIAIOSFODNN7EXAMPLE"
    assert refusal(client.login, keys, device, device.code()) == (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    )


def test_an_ended_session_is_refused_in_each_services_words(
    aws: AWSSimulator, client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    session = client.login(keys, device, device.code())
    aws.clock.advance(hours=13)
    assert refusal(client.call, session, "s3", "ListBuckets") == (
        "ExpiredToken",
        "The provided token has expired.",
    )
    assert refusal(client.call, session, "sts", "GetCallerIdentity") == (
        "ExpiredToken",
        "The security token included in the request is expired",
    )


def test_a_session_cannot_get_a_session(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    """GetSessionToken is for long-term credentials alone."""
    session = client.login(keys, device, device.code())
    assert refusal(client.login, session, device, device.code()) == (
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
    )
