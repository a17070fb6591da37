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
    """A bucket's policy has a say in who may do what to it."""

    def put(self, clients: Any, alice: User, *statements: dict[str, Any]) -> None:
        clients.of(alice, "s3").put_bucket_policy(Bucket="pail", Policy=text(*statements))

    @pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": BOB}, {"AWS": [BOB]}])
    def test_a_bucket_lets_in_whom_it_names(
        self, clients: Any, alice: User, bob: User, bucket: str, principal: Any
    ) -> None:
        """A bucket's policy that names the user, or everyone, needs no policy of the user's."""
        what = allow("s3:GetObject", "arn:aws:s3:::pail/open/*", Principal=principal)
        self.put(clients, alice, what)
        s3 = clients.of(bob, "s3")
        assert s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"a"

    def test_a_bucket_that_names_the_account_leaves_it_to_the_account(
        self, clients: Any, alice: User, bob: User, bucket: str, refusal: Refusal
    ) -> None:
        """Naming the account lets in whom the account's own policies let in, and nobody else."""
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

    def test_a_denial_of_the_bucket_wins(
        self, clients: Any, alice: User, aws: AWSSimulator, bucket: str, refusal: Refusal
    ) -> None:
        """What the bucket denies everyone is denied to who may do everything, and to root."""
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

    def test_a_bucket_that_requires_mfa(
        self, clients: Any, alice: User, device: Device, bucket: str, refusal: Refusal
    ) -> None:
        """A bucket may ask for MFA: only a session with a code gets at its objects."""
        what = deny("s3:GetObject", "arn:aws:s3:::pail/*", Principal="*", Condition=NO_MFA)
        self.put(clients, alice, what)
        for without in (alice.session(), clients.exchange(alice)):
            s3 = clients.of(without, "s3")
            assert refusal(s3.get_object, Bucket=bucket, Key="open/a")[1] == "AccessDenied"
        s3 = clients.of(clients.exchange(alice, device), "s3")
        assert s3.get_object(Bucket=bucket, Key="open/a")["Body"].read() == b"a"

    def test_a_condition_that_does_not_hold_harms_nobody_else(
        self, clients: Any, alice: User, bucket: str
    ) -> None:
        """A grant to others, under conditions, is no denial."""
        other = {"StringEquals": {"aws:username": "carol"}}
        what = allow("s3:GetObject", "arn:aws:s3:::pail/*", Principal="*", Condition=other)
        self.put(clients, alice, what)
        clients.of(alice, "s3").get_object(Bucket=bucket, Key="open/a")

    def test_a_policy_holds_from_when_it_is_put_until_it_is_deleted(
        self, clients: Any, alice: User, aws: AWSSimulator, bucket: str, refusal: Refusal
    ) -> None:
        """A policy that was put, replaced or deleted, or whose bucket is new, counts at once."""
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

    def test_a_policy_comes_back_as_it_was_put(
        self, clients: Any, alice: User, bucket: str, refusal: Refusal
    ) -> None:
        """GetBucketPolicy gives the very text."""
        s3 = clients.of(alice, "s3")
        assert refusal(s3.get_bucket_policy, Bucket=bucket)[1] == "NoSuchBucketPolicy"
        given = text(allow("s3:GetObject", "arn:aws:s3:::pail/*", Principal="*", Sid="Ünder"))
        s3.put_bucket_policy(Bucket=bucket, Policy=given)
        assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == given

    @pytest.mark.parametrize("public", [True, False])
    def test_a_bucket_may_be_public(
        self, clients: Any, alice: User, bucket: str, public: bool
    ) -> None:
        """Whether a policy makes the bucket public is told as ever."""
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
    def test_what_is_no_policy_is_not_kept(
        self, clients: Any, alice: User, bucket: str, refusal: Refusal, policy: str, complaint: str
    ) -> None:
        """A malformed policy is refused when it is put, and says what is wrong."""
        s3 = clients.of(alice, "s3")
        status, code, message = refusal(s3.put_bucket_policy, Bucket=bucket, Policy=policy)
        assert (status, code) == (400, "MalformedPolicy")
        assert complaint in message
        assert refusal(s3.get_bucket_policy, Bucket=bucket)[1] == "NoSuchBucketPolicy"


class TestObjects:
    """Calls that are about more than one object."""

    READER = allow(["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], "arn:aws:s3:::pail/open/*")

    def test_a_copy_needs_its_source(
        self, clients: Any, aws: AWSSimulator, bucket: str, refusal: Refusal
    ) -> None:
        """Who copies an object has to be allowed to read it, and to write the copy."""
        carol = aws.create_user("carol", policy=document(self.READER))
        s3 = clients.of(carol, "s3")
        s3.copy_object(Bucket=bucket, Key="open/copy", CopySource=f"{bucket}/open/a")
        forbidden = {"Bucket": bucket, "Key": "open/copy", "CopySource": f"{bucket}/shut/b"}
        message = refusal(s3.copy_object, **forbidden)[2]
        assert 's3:GetObject on resource: "arn:aws:s3:::pail/shut/b"' in message
        forbidden = {"Bucket": bucket, "Key": "shut/copy", "CopySource": f"{bucket}/open/a"}
        message = refusal(s3.copy_object, **forbidden)[2]
        assert 's3:PutObject on resource: "arn:aws:s3:::pail/shut/copy"' in message

    def test_an_acl_needs_its_own_permission(
        self, clients: Any, aws: AWSSimulator, bucket: str, refusal: Refusal
    ) -> None:
        """An object that is put with an ACL or tags needs the permission to set them."""
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
        """DeleteObjects deletes what is allowed, and tells of each of the rest."""
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

    def test_listing_all_buckets_names_no_bucket(
        self, clients: Any, bob: User, refusal: Refusal
    ) -> None:
        """S3 leaves the resource out of a refusal that is about no bucket."""
        assert refusal(clients.of(bob, "s3").list_buckets)[2] == (
            f"User: {BOB} is not authorized to perform: s3:ListAllMyBuckets because no"
            " identity-based policy allows the s3:ListAllMyBuckets action"
        )


def test_without_enforcement_nobody_keeps_what_a_policy_opened() -> None:
    """Anonymous calls are judged by the present policy even where no other call is judged."""
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


def test_an_upload_that_is_not_there(aws: AWSSimulator) -> None:
    """S3 answers so, where moto raises an exception."""
    s3: Any = aws.root.session().client("s3")
    s3.create_bucket(Bucket="bucket")
    part = {"Bucket": "bucket", "Key": "key", "PartNumber": 1, "UploadId": "none", "Body": b""}
    assert refused_with(s3.upload_part, **part)[:2] == (404, "NoSuchUpload")
