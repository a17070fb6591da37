"""Policies of buckets in force, and what calls about objects are judged by."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from tests.testing.conftest import refused_with
from tests.testing.statements import ACCOUNT, BOB, NO_MFA, allow, deny, document, text

from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import Device, User

    Refusal = Callable[..., tuple[int, str, str]]


@pytest.fixture
def bob(aws: AWSSimulator) -> User:
    """A user who may only list groups."""
    return aws.create_user("bob", policy=document(allow("iam:ListGroups")))


@pytest.fixture
def bucket(clients: Any, alice: User) -> str:
    s3 = clients.of(alice, "s3")
    s3.create_bucket(Bucket="pail")
    s3.put_object(Bucket="pail", Key="open/a", Body=b"a")
    s3.put_object(Bucket="pail", Key="shut/b", Body=b"b")
    return "pail"


class TestBuckets:
    """The policy of a bucket counts for calls about it."""

    def put(self, clients: Any, alice: User, *statements: dict[str, Any]) -> None:
        clients.of(alice, "s3").put_bucket_policy(Bucket="pail", Policy=text(*statements))

    @pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": BOB}, {"AWS": [BOB]}])
    def test_a_bucket_policy_that_names_the_user_needs_no_policy_of_the_user(
        self, clients: Any, alice: User, bob: User, bucket: str, principal: Any
    ) -> None:
        """A policy that names everyone has the same effect."""
        what = allow("s3:GetObject", "arn:aws:s3:::pail/open/*", Principal=principal)
        self.put(clients, alice, what)
        s3 = clients.of(bob, "s3")
        assert s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"a"

    def test_a_bucket_policy_that_names_the_account_needs_the_users_policy_too(
        self, clients: Any, alice: User, bob: User, bucket: str, refusal: Refusal
    ) -> None:
        self.put(clients, alice, allow("s3:*", "arn:aws:s3:::pail/*", Principal={"AWS": ACCOUNT}))
        status, code, message = refusal(
            clients.of(bob, "s3").get_object, Bucket=bucket, Key="open/a"
        )
        assert (status, code) == (403, "AccessDenied")
        assert message == (
            f"User: {BOB} is not authorized to perform: s3:GetObject on resource:"
            ' "arn:aws:s3:::pail/open/a" because no identity-based policy allows the s3:GetObject'
            " action"
        )

    def test_a_denial_in_a_bucket_policy_wins(
        self, clients: Any, alice: User, aws: AWSSimulator, bucket: str, refusal: Refusal
    ) -> None:
        """It is for the root user too."""
        self.put(clients, alice, deny("s3:GetObject", "arn:aws:s3:::pail/shut/*", Principal="*"))
        for user, arn in ((alice, alice.arn), (aws.root, ACCOUNT)):
            s3 = clients.of(user, "s3")
            s3.get_object(Bucket=bucket, Key="open/a")
            assert refusal(s3.get_object, Bucket=bucket, Key="shut/b") == (
                403,
                "AccessDenied",
                f"User: {arn} is not authorized to perform: s3:GetObject on resource:"
                ' "arn:aws:s3:::pail/shut/b" with an explicit deny in a resource-based policy',
            )

    def test_a_bucket_policy_can_require_mfa(
        self, clients: Any, alice: User, device: Device, bucket: str, refusal: Refusal
    ) -> None:
        what = deny("s3:GetObject", "arn:aws:s3:::pail/*", Principal="*", Condition=NO_MFA)
        self.put(clients, alice, what)
        for without in (alice.session(), clients.exchange(alice)):
            s3 = clients.of(without, "s3")
            assert refusal(s3.get_object, Bucket=bucket, Key="open/a")[1] == "AccessDenied"
        s3 = clients.of(clients.exchange(alice, device), "s3")
        assert s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"a"

    def test_a_grant_with_conditions_to_others_is_no_denial(
        self, clients: Any, alice: User, bucket: str
    ) -> None:
        other = {"StringEquals": {"aws:username": "carol"}}
        what = allow("s3:GetObject", "arn:aws:s3:::pail/*", Principal="*", Condition=other)
        self.put(clients, alice, what)
        clients.of(alice, "s3").get_object(Bucket=bucket, Key="open/a")

    def test_a_change_of_a_bucket_policy_counts_at_once(
        self, clients: Any, alice: User, aws: AWSSimulator, bucket: str, refusal: Refusal
    ) -> None:
        s3, root = clients.of(alice, "s3"), clients.of(aws.root, "s3")
        s3.get_object(Bucket=bucket, Key="open/a")
        denial = deny("s3:*", ["arn:aws:s3:::pail", "arn:aws:s3:::pail/*"], Principal="*")
        self.put(clients, alice, denial)
        assert refusal(s3.get_object, Bucket=bucket, Key="open/a")[0] == 403
        assert refusal(s3.delete_bucket_policy, Bucket=bucket)[0] == 403
        root.delete_bucket_policy(Bucket=bucket)
        for key in ("open/a", "shut/b"):
            s3.delete_object(Bucket=bucket, Key=key)
        self.put(clients, alice, deny("s3:GetObject", "arn:aws:s3:::pail/*", Principal="*"))
        s3.delete_bucket(Bucket=bucket)
        s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key="open/a", Body=b"new")
        assert s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"new"

    def test_get_bucket_policy_returns_the_very_text(
        self, clients: Any, alice: User, bucket: str, refusal: Refusal
    ) -> None:
        s3 = clients.of(alice, "s3")
        assert refusal(s3.get_bucket_policy, Bucket=bucket)[1] == "NoSuchBucketPolicy"
        given = text(allow("s3:GetObject", "arn:aws:s3:::pail/*", Principal="*", Sid="Ünder"))
        s3.put_bucket_policy(Bucket=bucket, Policy=given)
        assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == given

    @pytest.mark.parametrize("public", [True, False])
    def test_get_bucket_policy_status_says_whether_a_bucket_is_public(
        self, clients: Any, alice: User, bucket: str, public: bool
    ) -> None:
        item = allow(
            "s3:GetObject", "arn:aws:s3:::pail/*", Principal="*" if public else {"AWS": BOB}
        )
        self.put(clients, alice, item, deny("s3:PutObject", "arn:aws:s3:::pail/*", Principal="*"))
        told = clients.of(alice, "s3").get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]
        if "IsPublic" not in told:
            pytest.skip("this moto does not tell")
        assert told["IsPublic"] is public

    @pytest.mark.parametrize(
        ("policy", "complaint"),
        [
            ("{", "not JSON"),
            (text(allow("s3:*")), "needs a Principal"),
            (text({"Effect": "Allow", "Principal": "*", "Action": "s3:*"}), "needs a Resource"),
            (text(allow("s3:*", Principal="*", Effects="Allow")), "Effects"),
            (json.dumps({"Version": "2012"}), "Version"),
        ],
    )
    def test_a_malformed_bucket_policy_is_refused_when_it_is_put(
        self, clients: Any, alice: User, bucket: str, refusal: Refusal, policy: str, complaint: str
    ) -> None:
        s3 = clients.of(alice, "s3")
        status, code, message = refusal(s3.put_bucket_policy, Bucket=bucket, Policy=policy)
        assert (status, code) == (400, "MalformedPolicy")
        assert complaint in message
        assert refusal(s3.get_bucket_policy, Bucket=bucket)[1] == "NoSuchBucketPolicy"


class TestObjects:
    """A call may be about several objects."""

    READER = allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "arn:aws:s3:::pail/open/*")

    def test_a_copy_asks_for_reading_its_source_and_writing_the_copy(
        self, clients: Any, aws: AWSSimulator, bucket: str, refusal: Refusal
    ) -> None:
        carol = aws.create_user("carol", policy=document(self.READER))
        s3 = clients.of(carol, "s3")
        s3.copy_object(Bucket=bucket, Key="open/copy", CopySource=f"{bucket}/open/a")
        forbidden = {"Bucket": bucket, "Key": "open/copy", "CopySource": f"{bucket}/shut/b"}
        message = refusal(s3.copy_object, **forbidden)[2]
        assert 's3:GetObject on resource: "arn:aws:s3:::pail/shut/b"' in message
        forbidden = {"Bucket": bucket, "Key": "shut/copy", "CopySource": f"{bucket}/open/a"}
        message = refusal(s3.copy_object, **forbidden)[2]
        assert 's3:PutObject on resource: "arn:aws:s3:::pail/shut/copy"' in message

    def test_an_acl_or_tags_ask_for_their_own_permission(
        self, clients: Any, aws: AWSSimulator, bucket: str, refusal: Refusal
    ) -> None:
        s3 = clients.of(aws.create_user("carol", policy=document(self.READER)), "s3")
        s3.put_object(Bucket=bucket, Key="open/c", Body=b"")
        for more, action in (
            ({"ACL": "public-read"}, "s3:PutObjectAcl"),
            ({"Tagging": "a=b"}, "s3:PutObjectTagging"),
        ):
            message = refusal(s3.put_object, Bucket=bucket, Key="open/c", Body=b"", **more)[2]
            assert f"not authorized to perform: {action}" in message

    @pytest.mark.parametrize("keys", [["open/a", "shut/b"], ["shut/b"], ["open/a"]])
    def test_each_object_of_a_deletion_is_judged(
        self, clients: Any, alice: User, aws: AWSSimulator, bucket: str, keys: list[str]
    ) -> None:
        """DeleteObjects deletes what is allowed, and its answer names the rest."""
        s3 = clients.of(aws.create_user("carol", policy=document(self.READER)), "s3")
        named = {"Objects": [{"Key": key} for key in keys]}
        answer = s3.delete_objects(Bucket=bucket, Delete=named)
        assert [each["Key"] for each in answer.get("Deleted", [])] == [
            key for key in keys if key.startswith("open")
        ]
        errors = [(each["Key"], each["Code"]) for each in answer.get("Errors", [])]
        assert errors == [(key, "AccessDenied") for key in keys if key.startswith("shut")]
        left = clients.of(alice, "s3").list_objects_v2(Bucket=bucket)["Contents"]
        assert "shut/b" in [each["Key"] for each in left]
        assert ("open/a" in keys) == ("open/a" not in [each["Key"] for each in left])

    def test_a_refusal_about_no_bucket_names_no_resource(
        self, clients: Any, bob: User, refusal: Refusal
    ) -> None:
        assert refusal(clients.of(bob, "s3").list_buckets)[2] == (
            f"User: {BOB} is not authorized to perform: s3:ListAllMyBuckets because no"
            " identity-based policy allows the s3:ListAllMyBuckets action"
        )


def test_anonymous_calls_are_judged_by_the_current_policy_without_enforcement() -> None:
    with AWSSimulator(enforce_policies=False) as aws:
        s3: Any = aws.root.session().client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="key", Body=b"content")
        opened = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
        opened["Resource"] = "arn:aws:s3:::bucket/*"
        policy = {"Version": "2012-10-17", "Statement": opened}
        s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps(policy))
        nobody: Any = boto3.client("s3", config=Config(signature_version=UNSIGNED))
        assert nobody.get_object(Bucket="bucket", Key="key")["Body"].read() == b"content"
        s3.delete_bucket_policy(Bucket="bucket")
        assert refused_with(nobody.get_object, Bucket="bucket", Key="key")[1] == "AccessDenied"


def test_an_unknown_upload_is_refused_as_by_s3(aws: AWSSimulator) -> None:
    """moto raises an exception."""
    s3: Any = aws.root.session().client("s3")
    s3.create_bucket(Bucket="bucket")
    part = {"Bucket": "bucket", "Key": "key", "PartNumber": 1, "UploadId": "none", "Body": b""}
    assert refused_with(s3.upload_part, **part)[:2] == (404, "NoSuchUpload")
