"""The cost of calls and of a test's preparations through the simulator, compared with moto."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any

import boto3
from moto import mock_aws

from bench.measure import difference, in_turns, ratio, seconds
from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bench.measure import Row

CALL_BUDGET = 1.2
TEST_BUDGET_MS = 25
ROUNDS = 12  # short ones, since a busy machine is faster at one moment than at another
CALLS_A_ROUND = 12
OBJECT = {"Bucket": "bucket", "Key": "key"}
ITEM = {"id": {"S": "1"}}
CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("iam", "list_users", {}),
    ("iam", "get_role", {"RoleName": "role"}),
    ("s3", "put_object", OBJECT | {"Body": b"x" * 1024}),
    ("s3", "get_object", OBJECT),
    ("s3", "list_objects_v2", {"Bucket": "bucket"}),
    ("dynamodb", "put_item", {"TableName": "table", "Item": ITEM}),
    ("dynamodb", "get_item", {"TableName": "table", "Key": ITEM}),
    ("ec2", "describe_vpcs", {}),
)
TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",'
    ' "Principal": {"Service": "ec2.amazonaws.com"}}]}'
)
TABLE = {
    "TableName": "table",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def rows() -> Iterator[Row]:
    """Measure."""
    times: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for _ in range(ROUNDS):
        with mock_aws():
            session = boto3.Session("AKIAEXAMPLE", "secret", region_name="us-east-1")
            session.client("iam").create_user(UserName="alice")
            _take(session, times, 0)
        with AWSSimulator() as aws:
            _take(aws.create_user("alice").session(), times, 1)
    for name, (plain, ours) in times.items():
        yield ratio(f"call {name}", median(plain), median(ours), CALL_BUDGET)
    plain_test, our_test = in_turns(_plain_test, _our_test, 15)
    yield difference("test with user and device", plain_test, our_test, TEST_BUDGET_MS)


def _take(
    session: boto3.Session, times: Mapping[str, tuple[list[float], list[float]]], way: int
) -> None:
    """Time each call, in turns with the others."""
    clients: dict[str, Any] = {service: session.client(service) for service, _, _ in CALLS}
    clients["iam"].create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    clients["s3"].create_bucket(Bucket="bucket")
    clients["dynamodb"].create_table(**TABLE)
    for number in range(CALLS_A_ROUND + 1):
        for service, operation, parameters in CALLS:
            call = getattr(clients[service], operation)
            took = seconds(lambda call=call, given=parameters: call(**given))
            if number > 0:  # the first one loads what the others find
                times[f"{service} {operation}"][way].append(took)


def _plain_test() -> None:
    with mock_aws():
        boto3.Session("AKIAEXAMPLE", "secret", region_name="us-east-1")


def _our_test() -> None:
    with AWSSimulator() as aws:
        alice = aws.create_user("alice")
        alice.enable_virtual_mfa()
        alice.session()
