"""An account of the simulator, and a user with every kind of credentials that users have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
from botocore.exceptions import ClientError

from mfakit.testing import AWSSimulator

ACCOUNT = "123456789012"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
HOUR = 3600
LONG_TERM, WITHOUT, FRESH, OLD = "long-term", "without MFA", "with MFA", "with old MFA"
MFA_ALONE = {LONG_TERM: False, WITHOUT: False, FRESH: True, OLD: True}
FRESH_ALONE = MFA_ALONE | {OLD: False}
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


@cache
def shared_session() -> boto3.Session:
    """Return one session for all clients, since it takes longer to make than they do."""
    return boto3.Session(region_name="us-east-1")


class Person:
    """Somebody with credentials of one kind."""

    def __init__(self, access_key_id: str, secret_access_key: str, token: str | None = None):
        self.keys = {
            "aws_access_key_id": access_key_id,
            "aws_secret_access_key": secret_access_key,
            "aws_session_token": token,
        }

    def client(self, service: str) -> Any:
        return shared_session().client(service, **self.keys)

    def reads(self) -> bool:
        return succeeds(self.client("s3").get_object, Bucket="my-bucket", Key="key")

    def assume(self, role: str, **more: Any) -> Person:
        sts = self.client("sts")
        return given(sts.assume_role(RoleArn=role, RoleSessionName="worker", **more))

    def may_assume(self, role: str, **more: Any) -> bool:
        return succeeds(self.assume, role=role, **more)


def given(answer: dict[str, Any]) -> Person:
    made = answer["Credentials"]
    return Person(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def succeeds(call: Any, **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] == "AccessDenied":
            return False
        raise
    return True


class Account:
    """An account with an administrator, a bucket, a role, and alice, who has a device."""

    def __init__(self, aws: AWSSimulator) -> None:
        self.aws = aws
        admin, alice = aws.create_user("admin"), aws.create_user("alice")
        self.admin = Person(admin.access_key_id, admin.secret_access_key)
        self.alice = Person(alice.access_key_id, alice.secret_access_key)
        self.device = alice.enable_virtual_mfa()
        self.iam, self.s3 = self.admin.client("iam"), self.admin.client("s3")
        self.s3.create_bucket(Bucket="my-bucket")
        self.s3.put_object(Bucket="my-bucket", Key="key", Body=b"text")
        trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
        self.role = self.make_role("worker", document(trust))

    def code(self) -> dict[str, str]:
        return {"SerialNumber": self.device.serial_number, "TokenCode": self.device.code()}

    def with_mfa(self) -> Person:
        return given(self.alice.client("sts").get_session_token(**self.code()))

    def kinds(self) -> Iterator[tuple[str, Person]]:
        """Yield alice with each kind of credentials, the last one two hours later."""
        sts = self.alice.client("sts")
        yield LONG_TERM, self.alice
        yield WITHOUT, given(sts.get_session_token())
        yield FRESH, self.with_mfa()
        old = self.with_mfa()
        self.aws.clock.advance(hours=2)
        yield OLD, old

    def readers(self) -> dict[str, bool]:
        return {kind: person.reads() for kind, person in self.kinds()}

    def give_alice(self, policy: dict[str, Any], *, other: bool = True) -> None:
        """Attach a policy to alice, and unless `other` is false, one that allows everything."""
        self.iam.put_user_policy(UserName="alice", PolicyName="made", PolicyDocument=text(policy))
        may = document(ALLOW_ALL if other else ALLOW_ALL | {"Action": "none:None"})
        self.iam.put_user_policy(UserName="alice", PolicyName="simulated", PolicyDocument=text(may))

    def make_role(self, name: str, trust: dict[str, Any]) -> str:
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=text(trust))
        may = text(document(ALLOW_ALL))
        self.iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=may)
        return made["Role"]["Arn"]

    def put_on_bucket(self, policy: dict[str, Any]) -> None:
        root = Person(self.aws.root.access_key_id, self.aws.root.secret_access_key)
        root.client("s3").put_bucket_policy(Bucket="my-bucket", Policy=text(policy))


def document(statement: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [statement]}


def text(policy: dict[str, Any]) -> str:
    return json.dumps(policy)
