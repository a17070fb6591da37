"""Policies in force: what users and roles may do by them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from tests.testing.statements import BOB, NO_MFA, allow, deny, document, text

from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import Device, User

    Refusal = Callable[..., tuple[int, str, str]]


class TestResources:
    """The resource of a call is known for IAM, DynamoDB and Lambda too."""

    def test_username_in_a_policy_is_the_caller_where_the_call_names_nobody(
        self, clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
    ) -> None:
        own = allow("iam:*AccessKey*", "arn:aws:iam::*:user/${aws:username}")
        iam = clients.of(aws.create_user("bob", policy=document(own)), "iam")
        assert len(iam.list_access_keys()["AccessKeyMetadata"]) == 1
        assert len(iam.list_access_keys(UserName="bob")["AccessKeyMetadata"]) == 1
        assert refusal(iam.list_access_keys, UserName="alice")[1] == "AccessDenied"

    def test_awss_example_of_self_management_allows_own_devices_only(
        self, clients: Any, aws: AWSSimulator, alice: User, refusal: Refusal
    ) -> None:
        own, mfa = "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::*:mfa/*"
        calls = ["iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:ListMFADevices"]
        policy = document(
            allow("iam:ListVirtualMFADevices"),
            allow(calls[0], mfa),
            allow(calls[1:], own),
            deny("*", Condition=NO_MFA) | {"NotAction": [*calls, "iam:ListVirtualMFADevices"]},
        )
        del policy["Statement"][-1]["Action"]
        iam = clients.of(aws.create_user("bob", policy=policy), "iam")
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
        codes = {"AuthenticationCode1": "000000", "AuthenticationCode2": "000001"}
        serial = {"SerialNumber": made["SerialNumber"]}
        found = refusal(iam.enable_mfa_device, UserName="bob", **serial, **codes)
        assert found[1] == "InvalidAuthenticationCode"
        found = refusal(iam.enable_mfa_device, UserName="alice", **serial, **codes)
        assert found[1] == "AccessDenied"
        assert iam.list_mfa_devices()["MFADevices"] == []
        assert len(iam.list_virtual_mfa_devices()["VirtualMFADevices"]) == 1
        assert "explicit deny" in refusal(iam.list_users)[2]

    def test_each_table_of_a_batch_or_transaction_has_to_be_allowed(
        self, clients: Any, aws: AWSSimulator, refusal: Refusal
    ) -> None:
        root = clients.of(aws.root, "dynamodb")
        for name in ("mine", "yours"):
            root.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
                KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            )
        mine = allow("dynamodb:*", "arn:aws:dynamodb:us-east-1:123456789012:table/mine")
        table = clients.of(aws.create_user("carol", policy=document(mine)), "dynamodb")
        key = {"k": {"S": "1"}}
        table.put_item(TableName="mine", Item=key)
        assert refusal(table.put_item, TableName="yours", Item=key)[1] == "AccessDeniedException"
        wanted = {"mine": {"Keys": [key]}}
        table.batch_get_item(RequestItems=wanted)
        both = wanted | {"yours": {"Keys": [key]}}
        message = refusal(table.batch_get_item, RequestItems=both)[2]
        assert "dynamodb:BatchGetItem on resource: arn:aws:dynamodb:us-east-1" in message
        puts = [{"Put": {"TableName": name, "Item": key}} for name in ("mine", "yours")]
        table.transact_write_items(TransactItems=puts[:1])
        message = refusal(table.transact_write_items, TransactItems=puts)[2]
        assert "dynamodb:PutItem on resource" in message
        assert "table/yours" in message

    def test_a_function_is_known_by_name_arn_and_version(
        self, clients: Any, aws: AWSSimulator, refusal: Refusal
    ) -> None:
        arn = "arn:aws:lambda:us-east-1:123456789012:function"
        one = allow("lambda:GetFunction", f"{arn}:one*")
        client = clients.of(aws.create_user("carol", policy=document(one)), "lambda")
        for name in ("one", f"{arn}:one"):
            found = refusal(client.get_function, FunctionName=name)
            assert found[1] == "ResourceNotFoundException"
        message = refusal(client.get_function, FunctionName="two", Qualifier="3")[2]
        assert f"on resource: {arn}:two:3 because" in message

    def test_an_unknown_resource_is_judged_by_a_policy_about_everything_only(
        self, clients: Any, aws: AWSSimulator, refusal: Refusal
    ) -> None:
        """Otherwise the simulator says that it does not know the resource."""
        queue = allow("sqs:*", "arn:aws:sqs:*:*:q")
        sqs = clients.of(aws.create_user("carol", policy=document(queue)), "sqs")
        status, code, message = refusal(sqs.list_queues)
        assert (status, code) == (501, "NotSupportedBySimulator")
        assert "Resource arn:aws:sqs:*:*:q in policy simulated" in message
        assert "enforce_policies=False" in message


class TestConditions:
    """A call has the condition keys that AWS documents."""

    @pytest.mark.parametrize(
        "condition",
        [
            {"StringEquals": {"aws:username": "carol"}},
            {"StringEquals": {"aws:PrincipalType": "User"}},
            {"StringLike": {"aws:userid": "AIDA?????????????????"}},
            {"StringEquals": {"aws:PrincipalAccount": "123456789012"}},
            {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:user/carol"}},
            {"StringEquals": {"aws:RequestedRegion": "us-east-1"}},
            {"Bool": {"aws:ViaAWSService": "false", "aws:PrincipalIsAWSService": "false"}},
            {"StringLike": {"aws:UserAgent": "*Boto3*"}},
            {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}},
            {"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}},
            {"NumericGreaterThan": {"aws:EpochTime": "1700000000"}},
            {"Null": {"aws:MultiFactorAuthPresent": "true", "aws:TokenIssueTime": "true"}},
        ],
        ids=str,
    )
    def test_a_long_term_key_has_no_condition_keys_about_mfa(
        self, clients: Any, aws: AWSSimulator, condition: dict[str, Any]
    ) -> None:
        only = allow("s3:ListAllMyBuckets", Condition=condition)
        clients.of(aws.create_user("carol", policy=document(only)), "s3").list_buckets()

    def test_the_age_of_mfa_is_in_seconds_of_the_simulators_clock(
        self, clients: Any, aws: AWSSimulator, refusal: Refusal
    ) -> None:
        young = {"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}
        user = aws.create_user("carol", policy=document(allow("s3:*", Condition=young)))
        s3 = clients.of(clients.exchange(user, user.enable_virtual_mfa()), "s3")
        s3.list_buckets()
        aws.clock.advance(minutes=59)
        s3.list_buckets()
        aws.clock.advance(minutes=2)
        assert refusal(s3.list_buckets)[1] == "AccessDenied"

    def test_mfa_is_false_and_has_no_age_in_a_session_without_mfa(
        self, clients: Any, aws: AWSSimulator
    ) -> None:
        without = {
            "Bool": {"aws:MultiFactorAuthPresent": "false"},
            "Null": {"aws:MultiFactorAuthAge": "true", "aws:TokenIssueTime": "false"},
        }
        user = aws.create_user("carol", policy=document(allow("s3:*", Condition=without)))
        clients.of(clients.exchange(user), "s3").list_buckets()


class TestRoles:
    """A role's session has the role's permissions."""

    def role(self, clients: Any, aws: AWSSimulator, **more: Any) -> boto3.Session:
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
        iam = clients.of(aws.root, "iam")
        iam.create_role(RoleName="r", AssumeRolePolicyDocument=text(trust))
        policy = text(allow(["s3:*", "ec2:*"]))
        iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=policy)
        user = aws.create_user("carol", policy=document(allow("sts:AssumeRole")))
        arn = "arn:aws:iam::123456789012:role/r"
        given = clients.of(user, "sts").assume_role(RoleArn=arn, RoleSessionName="s1", **more)
        keys = given["Credentials"]
        return boto3.Session(
            keys["AccessKeyId"],
            keys["SecretAccessKey"],
            keys["SessionToken"],
            region_name="us-east-1",
        )

    def test_a_role_may_do_what_its_policies_allow(
        self, clients: Any, aws: AWSSimulator, refusal: Refusal
    ) -> None:
        """A refusal names the session."""
        session = self.role(clients, aws)
        clients.of(session, "s3").create_bucket(Bucket="pail")
        assert refusal(clients.of(session, "iam").list_users)[2].startswith(
            "User: arn:aws:sts::123456789012:assumed-role/r/s1 is not authorized to perform:"
            " iam:ListUsers on resource"
        )

    def test_a_session_policy_limits_the_session(
        self, clients: Any, aws: AWSSimulator, refusal: Refusal
    ) -> None:
        session = self.role(clients, aws, Policy=text(allow("s3:*")))
        clients.of(session, "s3").list_buckets()
        assert refusal(clients.of(session, "ec2").describe_vpcs)[2].endswith(
            "because no session policy allows the ec2:DescribeVpcs action"
        )

    def test_a_permissions_boundary_limits_a_role(
        self, clients: Any, aws: AWSSimulator, refusal: Refusal
    ) -> None:
        session = self.role(clients, aws)
        iam = clients.of(aws.root, "iam")
        policy = iam.create_policy(PolicyName="b", PolicyDocument=text(allow("s3:*")))
        arn = policy["Policy"]["Arn"]
        iam.put_role_permissions_boundary(RoleName="r", PermissionsBoundary=arn)
        clients.of(session, "s3").list_buckets()
        assert refusal(clients.of(session, "ec2").describe_vpcs)[2].endswith(
            "because no permissions boundary allows the ec2:DescribeVpcs action"
        )

    @pytest.mark.parametrize(
        ("principal", "let_in"),
        [
            ("arn:aws:iam::123456789012:role/r", True),
            ("arn:aws:sts::123456789012:assumed-role/r/s1", True),
            ("arn:aws:sts::123456789012:assumed-role/r/s2", False),
            (BOB, False),
        ],
    )
    def test_a_bucket_can_deny_a_role_or_one_session_of_it(
        self, clients: Any, aws: AWSSimulator, refusal: Refusal, principal: str, let_in: bool
    ) -> None:
        session = self.role(clients, aws)
        s3 = clients.of(aws.root, "s3")
        s3.create_bucket(Bucket="pail")
        clients.of(aws.create_user("bob"), "s3")
        what = deny("s3:PutObject", "arn:aws:s3:::pail/*", Principal={"AWS": principal})
        s3.put_bucket_policy(Bucket="pail", Policy=text(what))
        put = clients.of(session, "s3").put_object
        if let_in:
            assert refusal(put, Bucket="pail", Key="k", Body=b"")[1] == "AccessDenied"
        else:
            put(Bucket="pail", Key="k", Body=b"")
