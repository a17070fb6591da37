"""boto3, the AWS CLI and the SDK for JavaScript see of the simulator what they see of AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator, Device, User

pytestmark = pytest.mark.long


def test_each_client_gets_a_session_of_the_user_for_a_code(
    client: Any, keys: dict[str, str], device: Device, alice: User
) -> None:
    session = client.login(keys, device, device.code())
    assert session["AccessKeyId"].startswith("ASIA")
    assert client.call(session, "sts", "GetCallerIdentity")["Arn"] == alice.arn


def test_each_client_creates_and_lists_a_bucket_with_a_session(
    client: Any, keys: dict[str, str], device: Device
) -> None:
    session = client.login(keys, device, device.code())
    client.call(session, "s3", "CreateBucket", Bucket="made-with-mfa")
    buckets = client.call(session, "s3", "ListBuckets")["Buckets"]
    assert [bucket["Name"] for bucket in buckets] == ["made-with-mfa"]


def test_each_client_shows_awss_words_about_a_wrong_code(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    """The words end in a space."""
    wrong = f"{(int(device.code()) + 1) % 10**6:06}"
    assert refusal(client.login, keys, device, wrong) == (
        "AccessDenied",
        "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
    )


def test_each_client_is_refused_a_used_code(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    code = device.code()
    client.login(keys, device, code)
    refused, message = refusal(client.login, keys, device, code)
    assert (refused, "invalid MFA one time pass code" in message) == ("AccessDenied", True)


def test_each_client_shows_the_mismatch_of_a_wrong_secret(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    keys["SecretAccessKey"] = keys["SecretAccessKey"][::-1]
    assert refusal(client.login, keys, device, device.code())[0] == "SignatureDoesNotMatch"


def test_each_client_shows_that_an_unknown_key_is_invalid(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    keys["AccessKeyId"] = "AKIAIOSFODNN7EXAMPLE"
    assert refusal(client.login, keys, device, device.code()) == (
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    )


def test_each_client_is_refused_with_an_expired_session(
    aws: AWSSimulator, client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    """Each service has its own words."""
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


def test_each_client_is_refused_get_session_token_with_a_session(
    client: Any, keys: dict[str, str], device: Device, refusal: Any
) -> None:
    session = client.login(keys, device, device.code())
    assert refusal(client.login, session, device, device.code()) == (
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
    )
