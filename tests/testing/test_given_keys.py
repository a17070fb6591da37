"""Users whose key and seed are given: what somebody else knows already keeps working."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyotp
import pytest

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SEED = "JBSWY3DPEHPK3PXP" * 4


def test_calls_with_a_given_key_are_answered(aws: AWSSimulator, clients: Any) -> None:
    """The simulator answers some of them itself, and moto the others."""
    alice = aws.create_user("alice", access_key=KEY)
    assert (alice.access_key_id, alice.secret_access_key) == KEY
    assert clients.of(alice, "sts").get_caller_identity()["Arn"] == alice.arn
    assert clients.of(alice, "iam").get_user()["User"]["UserName"] == "alice"
    clients.of(alice, "s3").create_bucket(Bucket="bucket")


def test_iam_knows_a_given_key_by_its_own_id(aws: AWSSimulator, clients: Any) -> None:
    alice = aws.create_user("alice", access_key=KEY)
    admin = clients.of(aws.create_user("admin"), "iam")
    listed = admin.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in listed] == [KEY[0]]
    admin.update_access_key(UserName="alice", AccessKeyId=KEY[0], Status="Inactive")
    with pytest.raises(admin.exceptions.ClientError, match="InvalidClientTokenId"):
        clients.of(alice, "sts").get_caller_identity()
    admin.delete_access_key(UserName="alice", AccessKeyId=KEY[0])
    assert admin.list_access_keys(UserName="alice")["AccessKeyMetadata"] == []


def test_a_given_seed_makes_the_codes_of_an_authenticator_app(
    aws: AWSSimulator, clients: Any
) -> None:
    alice = aws.create_user("alice", access_key=KEY)
    device = alice.enable_virtual_mfa(seed=SEED)
    code = pyotp.TOTP(SEED).at(int(aws.clock.timestamp()))
    session = clients.of(alice, "sts").get_session_token(
        SerialNumber=device.serial_number, TokenCode=code
    )
    assert session["Credentials"]["AccessKeyId"].startswith("ASIA")


@pytest.mark.parametrize(
    "key", [("AKIA", KEY[1]), ("ASIAIOSFODNN7EXAMPLE", KEY[1]), (KEY[0], "short"), (KEY[0], "\n")]
)
def test_a_malformed_key_is_refused_without_its_secret_in_the_error(
    aws: AWSSimulator, key: tuple[str, str]
) -> None:
    with pytest.raises(ValueError, match="of an access key is") as refused:
        aws.create_user("alice", access_key=key)
    assert key[1] not in str(refused.value)


def test_two_users_cannot_have_the_same_key(aws: AWSSimulator) -> None:
    aws.create_user("alice", access_key=KEY)
    with pytest.raises(ValueError, match="is there already"):
        aws.create_user("bob", access_key=KEY)


@pytest.mark.parametrize("seed", ["", "ABC", "10" * 16, "jbswy3dpehpk3pxp"])
def test_a_seed_that_is_not_base32_is_refused(aws: AWSSimulator, seed: str) -> None:
    alice = aws.create_user("alice")
    with pytest.raises(ValueError, match="base32"):
        alice.enable_virtual_mfa(seed=seed)
    assert alice.session().client("iam").list_virtual_mfa_devices()["VirtualMFADevices"] == []
