"""Users whose key and seed are given: what somebody else knows already keeps working."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyotp
import pytest

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator

KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
SEED = "JBSWY3DPEHPK3PXP" * 4


def test_a_given_key_serves(aws: AWSSimulator, clients: Any) -> None:
    """Calls signed with it are answered, by the simulator itself and by moto."""
    alice = aws.create_user("alice", access_key=KEY)
    assert (alice.access_key_id, alice.secret_access_key) == KEY
    assert clients.of(alice, "sts").get_caller_identity()["Arn"] == alice.arn
    assert clients.of(alice, "iam").get_user()["User"]["UserName"] == "alice"
    clients.of(alice, "s3").create_bucket(Bucket="bucket")


def test_a_given_key_is_the_one_that_iam_knows(aws: AWSSimulator, clients: Any) -> None:
    """It is listed, made inactive and deleted by its own id."""
    alice = aws.create_user("alice", access_key=KEY)
    admin = clients.of(aws.create_user("admin"), "iam")
    listed = admin.list_access_keys(UserName="alice")["AccessKeyMetadata"]
    assert [key["AccessKeyId"] for key in listed] == [KEY[0]]
    admin.update_access_key(UserName="alice", AccessKeyId=KEY[0], Status="Inactive")
    with pytest.raises(admin.exceptions.ClientError, match="InvalidClientTokenId"):
        clients.of(alice, "sts").get_caller_identity()
    admin.delete_access_key(UserName="alice", AccessKeyId=KEY[0])
    assert admin.list_access_keys(UserName="alice")["AccessKeyMetadata"] == []


def test_a_given_seed_makes_the_codes(aws: AWSSimulator, clients: Any) -> None:
    """An authenticator app that holds it shows what STS accepts."""
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
def test_a_key_that_aws_could_not_have_made(aws: AWSSimulator, key: tuple[str, str]) -> None:
    """It is refused, and the refusal does not show the secret."""
    with pytest.raises(ValueError, match="of an access key is") as refused:
        aws.create_user("alice", access_key=key)
    assert key[1] not in str(refused.value)


def test_a_key_is_given_once(aws: AWSSimulator) -> None:
    """Two users cannot have the same."""
    aws.create_user("alice", access_key=KEY)
    with pytest.raises(ValueError, match="is there already"):
        aws.create_user("bob", access_key=KEY)


@pytest.mark.parametrize("seed", ["", "ABC", "10" * 16, "jbswy3dpehpk3pxp"])
def test_a_seed_that_is_not_base32(aws: AWSSimulator, seed: str) -> None:
    """It is refused before anything is made of it."""
    alice = aws.create_user("alice")
    with pytest.raises(ValueError, match="base32"):
        alice.enable_virtual_mfa(seed=seed)
    assert alice.session().client("iam").list_virtual_mfa_devices()["VirtualMFADevices"] == []
