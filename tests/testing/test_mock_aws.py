"""`mock_aws` in all the ways in which moto's is used."""

from __future__ import annotations

import asyncio
import os
import unittest
from typing import TYPE_CHECKING, Any

import boto3
import moto
import pytest

import mfakit.testing
from mfakit.testing import AWSSimulator, SimulatorError, mock_aws

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(autouse=True)
def _a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def bucket_names() -> list[str]:
    s3: Any = boto3.client("s3")
    return [each["Name"] for each in s3.list_buckets()["Buckets"]]


def create_bucket(name: str) -> None:
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket=name)


@mock_aws
def test_a_bare_decorator() -> None:
    assert bucket_names() == []
    create_bucket("mine")


@mock_aws()
def test_a_called_decorator_starts_without_data_of_other_tests() -> None:
    assert bucket_names() == []
    create_bucket("mine")


@mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": True}})
def test_config_is_motos() -> None:
    assert "AWS_ACCESS_KEY_ID" not in os.environ


def test_a_context_yields_the_simulator() -> None:
    with mock_aws() as aws:
        assert isinstance(aws, AWSSimulator)
        assert mfakit.testing.simulator() is aws
        assert aws.create_user("alice").session().client("sts").get_caller_identity()
    with pytest.raises(SimulatorError, match="no simulator is active"):
        mfakit.testing.simulator()


@mock_aws
def test_a_decorated_test_finds_the_simulator() -> None:
    alice = mfakit.testing.simulator().create_user("alice")
    device = alice.enable_virtual_mfa()
    sts: Any = alice.session().client("sts")
    code = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    assert sts.get_session_token(**code)["Credentials"]
    with pytest.raises(sts.exceptions.ClientError, match="invalid MFA one time pass code"):
        sts.get_session_token(**code)


def test_start_stop_and_reset() -> None:
    mock = mock_aws()
    mock.start()
    try:
        aws = mfakit.testing.simulator()
        alice = aws.create_user("alice")
        create_bucket("mine")
        aws.clock.advance(hours=5)
        mock.reset()
        assert bucket_names() == []
        assert mfakit.testing.simulator() is aws
        assert aws.clock.offset == 0
        sts: Any = alice.session().client("sts")
        with pytest.raises(sts.exceptions.ClientError, match="InvalidClientTokenId"):
            sts.get_caller_identity()
        assert aws.create_user("alice").session().client("sts").get_caller_identity()
    finally:
        mock.stop()
    with pytest.raises(RuntimeError, match=r"Called stop\(\) before start\(\)"):
        mock.stop()


def test_arguments_and_results_pass_through() -> None:
    @mock_aws
    def named(left: int, *, right: int) -> int:
        """Add."""
        return left + right

    assert named(1, right=2) == 3
    assert (named.__name__, named.__doc__) == ("named", "Add.")


def test_keys_and_default_session_are_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_PROFILE", "profile")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    mine = boto3.Session.__new__(boto3.Session)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", mine)
    with mock_aws():
        assert os.environ["AWS_ACCESS_KEY_ID"] == "FOOBARKEY"
        assert os.environ["AWS_SECRET_ACCESS_KEY"] == "FOOBARSECRET"
        assert os.environ["AWS_SESSION_TOKEN"] == "token"
        assert os.environ["AWS_PROFILE"] == "profile"
        assert boto3.DEFAULT_SESSION is None
    assert os.environ["AWS_ACCESS_KEY_ID"] == "mine"
    assert "AWS_SECRET_ACCESS_KEY" not in os.environ
    assert boto3.DEFAULT_SESSION is mine


def test_an_exception_ends_it() -> None:
    with pytest.raises(KeyError), mock_aws():
        raise KeyError
    with AWSSimulator():
        pass


def test_ours_in_ours_keeps_the_data_until_the_outer_one_ends() -> None:
    with mock_aws() as outer:
        alice = outer.create_user("alice")
        with mock_aws() as inner:
            assert inner is outer
            assert alice.session().client("sts").get_caller_identity()
            create_bucket("mine")
        assert bucket_names() == ["mine"]
        assert alice.session().client("sts").get_caller_identity()


def test_motos_in_ours_is_ours() -> None:
    with mock_aws() as aws:
        alice = aws.create_user("alice")
        with moto.mock_aws():
            create_bucket("mine")
            assert alice.session().client("sts").get_caller_identity()["Arn"] == alice.arn
        assert bucket_names() == ["mine"]


def test_ours_in_motos_knows_its_data_and_keys() -> None:
    with moto.mock_aws():
        create_bucket("of-moto")
        iam: Any = boto3.client("iam")
        iam.create_user(UserName="bob")
        key = iam.create_access_key(UserName="bob")["AccessKey"]
        bob = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])
        with mock_aws() as aws:
            assert bucket_names() == ["of-moto"]
            create_bucket("of-ours")
            aws.create_user("alice").enable_virtual_mfa()
            assert bob.client("sts").get_caller_identity()["Arn"].endswith(":user/bob")
            s3: Any = bob.client("s3")
            with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
                s3.list_buckets()
        assert sorted(bucket_names()) == ["of-moto", "of-ours"]
        assert {user["UserName"] for user in iam.list_users()["Users"]} == {"alice", "bob"}
        # Here moto answers again, which takes any code.
        boto3.client("sts").get_session_token(SerialNumber="x" * 9, TokenCode="000000")
    with mock_aws():
        assert bucket_names() == []


def test_inside_a_simulator_of_its_own_it_is_that_one() -> None:
    with AWSSimulator() as aws:
        alice = aws.create_user("alice")
        with mock_aws() as same:
            assert same is aws
        assert alice.session().client("sts").get_caller_identity()


@mock_aws
class TestPlain:
    """Each test has data of its own."""

    def test_one(self) -> None:
        assert bucket_names() == []
        create_bucket("one")

    def test_two(self) -> None:
        assert bucket_names() == []
        create_bucket("two")

    @staticmethod
    def test_static_methods_are_not_decorated() -> None:
        assert "AWS_ACCESS_KEY_ID" not in os.environ

    def _helper(self) -> bool:
        return "AWS_ACCESS_KEY_ID" in os.environ

    def helper(self) -> bool:
        return "AWS_ACCESS_KEY_ID" in os.environ

    async def coroutine(self) -> bool:
        return "AWS_ACCESS_KEY_ID" in os.environ

    class TestNested:
        def test_nested(self) -> None:
            assert bucket_names() == []


def test_other_methods_are_decorated_but_underscored_ones_are_not() -> None:
    made = TestPlain()
    assert made.helper()
    assert not made._helper()
    assert asyncio.run(made.coroutine())


@mock_aws
class TestWithSetupMethod:
    def setup_method(self, _method: Any) -> None:
        self.alice = mfakit.testing.simulator().create_user("alice")
        self.device = self.alice.enable_virtual_mfa()
        create_bucket("prepared")

    def test_users_devices_and_buckets_of_the_setup_are_kept(self) -> None:
        assert bucket_names() == ["prepared"]
        sts: Any = self.alice.session().client("sts")
        serial, code = self.device.serial_number, self.device.code()
        assert sts.get_session_token(SerialNumber=serial, TokenCode=code)

    def test_each_setup_starts_anew(self) -> None:
        assert bucket_names() == ["prepared"]


@mock_aws
class TestCase(unittest.TestCase):
    def setUp(self) -> None:
        self.alice = mfakit.testing.simulator().create_user("alice")
        create_bucket("prepared")

    def test_one(self) -> None:
        assert bucket_names() == ["prepared"]
        assert self.alice.session().client("sts").get_caller_identity()["Arn"] == self.alice.arn

    def test_two(self) -> None:
        assert bucket_names() == ["prepared"]


@mock_aws
class TestAsynchronously(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        create_bucket("prepared")

    async def test_coroutines_are_mocked(self) -> None:
        await asyncio.sleep(0)
        assert bucket_names() == ["prepared"]


class TestInheriting(TestCase):
    """Inherited tests are decorated where they are defined."""


def test_coroutines_and_generators_are_mocked_while_they_run() -> None:
    @mock_aws
    async def coroutine() -> list[str]:
        await asyncio.sleep(0)
        create_bucket("mine")
        return bucket_names()

    @mock_aws()
    def generator() -> Iterator[list[str]]:
        create_bucket("mine")
        yield bucket_names()

    @mock_aws
    async def generated() -> AsyncIterator[list[str]]:
        create_bucket("mine")
        yield bucket_names()

    async def collect() -> list[list[str]]:
        return [each async for each in generated()]

    assert asyncio.run(coroutine()) == ["mine"]
    assert list(generator()) == [["mine"]]
    assert asyncio.run(collect()) == [["mine"]]
    assert "AWS_ACCESS_KEY_ID" not in os.environ


@pytest.fixture
@mock_aws
def aws_of_a_fixture() -> Iterator[AWSSimulator]:
    aws = mfakit.testing.simulator()
    yield aws
    assert mfakit.testing.simulator() is aws


def test_a_decorated_fixture_lasts_as_long_as_its_test(aws_of_a_fixture: AWSSimulator) -> None:
    aws_of_a_fixture.create_user("alice")
    assert bucket_names() == []


def test_a_policy_of_aws_is_attached_in_one_account_and_not_in_the_next() -> None:
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    counts = []
    for attached in True, False:
        with mock_aws():
            iam: Any = boto3.client("iam", region_name="us-east-1")
            iam.create_user(UserName="alice")
            if attached:
                iam.attach_user_policy(UserName="alice", PolicyArn=arn)
            counts.append(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"])
    assert counts == [1, 0]
