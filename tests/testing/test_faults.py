"""Faults: what a client meets when a test tells the simulator to fail."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import AWSSimulator, Device, User

    Refusal = Callable[..., tuple[int, str, str]]

ONE_TRY = Config(retries={"total_max_attempts": 1})
TWO_TRIES = Config(retries={"total_max_attempts": 2})
EXPIRED = "The security token included in the request is expired"


def operations(aws: AWSSimulator) -> list[str]:
    return [call.operation for call in aws.calls]


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [
        ("Throttling", 400, "Rate exceeded"),
        ("InternalFailure", 500, "The request processing has failed because of an unknown error"),
        ("ServiceUnavailable", 503, "The request has failed due to a temporary failure"),
        ("ExpiredToken", 403, EXPIRED),
        ("InvalidClientTokenId", 403, "The security token included in the request is invalid."),
        ("OfTheirOwnMaking", 400, "The simulator was told to answer so."),
    ],
)
def test_exactly_the_next_calls_fail(
    clients: Any,
    aws: AWSSimulator,
    alice: User,
    refusal: Refusal,
    code: str,
    status: int,
    text: str,
) -> None:
    sts = clients.of(alice, "sts", config=ONE_TRY)
    aws.fail_next("GetSessionToken", code=code, times=2)
    sts.get_caller_identity()
    for _ in range(2):
        got = refusal(sts.get_session_token)
        assert got[:2] == (status, code)
        assert got[2].startswith(text)
    assert sts.get_session_token()["Credentials"]
    assert aws.faults_left == []


@pytest.mark.parametrize(
    ("service", "operation", "code", "status", "text"),
    [
        ("s3", "list_buckets", "SlowDown", 503, "Please reduce your request rate."),
        ("s3", "list_buckets", "ExpiredToken", 400, "The provided token has expired."),
        ("dynamodb", "list_tables", "ThrottlingException", 400, "Rate exceeded"),
        ("dynamodb", "list_tables", "ExpiredTokenException", 400, EXPIRED),
        ("lambda", "list_functions", "TooManyRequestsException", 429, "Too Many Requests"),
        ("ec2", "describe_vpcs", "RequestLimitExceeded", 503, "Request limit exceeded."),
        ("iam", "list_users", "Throttling", 400, "Rate exceeded"),
    ],
)
def test_each_services_client_reads_the_error_of_a_fault(
    clients: Any,
    aws: AWSSimulator,
    alice: User,
    refusal: Refusal,
    service: str,
    operation: str,
    code: str,
    status: int,
    text: str,
) -> None:
    aws.fail_next("*", code)
    client = clients.of(alice, service, config=ONE_TRY)
    assert refusal(getattr(client, operation)) == (status, code, text)


def test_a_given_status_and_message_replace_awss(
    clients: Any, aws: AWSSimulator, alice: User, refusal: Refusal
) -> None:
    aws.fail_next("GetCallerIdentity", "Throttling", status=429, message="<slow> & 'easy'")
    sts = clients.of(alice, "sts", config=ONE_TRY)
    assert refusal(sts.get_caller_identity) == (429, "Throttling", "<slow> & 'easy'")


def test_retries_of_an_sdk_use_faults_up(clients: Any, aws: AWSSimulator, alice: User) -> None:
    aws.fail_next("GetCallerIdentity")
    assert clients.of(alice, "sts").get_caller_identity()["Arn"] == alice.arn
    assert operations(aws) == ["GetCallerIdentity"] * 2


@pytest.mark.parametrize("operation", ["sts:GetCallerIdentity", "sts:*", "*"])
def test_a_fault_is_for_an_operation_a_service_or_any_call(
    aws: AWSSimulator, alice: User, refusal: Refusal, operation: str
) -> None:
    aws.fail_next(operation, "InternalFailure")
    if operation != "*":
        alice.session().client("iam", config=ONE_TRY).list_users()
    sts = alice.session().client("sts", config=ONE_TRY)
    assert refusal(sts.get_caller_identity)[1] == "InternalFailure"


def test_a_faults_service_has_its_name_in_policies_or_in_signatures(
    aws: AWSSimulator, alice: User
) -> None:
    cloudwatch = alice.session().client("cloudwatch", config=ONE_TRY)
    for name in ("cloudwatch", "monitoring"):
        aws.drop_next(f"{name}:ListMetrics")
        with pytest.raises(ConnectionClosedError):
            cloudwatch.list_metrics()


def test_each_call_meets_one_fault_in_order(
    aws: AWSSimulator, alice: User, refusal: Refusal
) -> None:
    aws.fail_next("*", "First")
    aws.fail_next("GetCallerIdentity", "Second", times=2)
    aws.fail_next("GetCallerIdentity", "Third")
    sts = alice.session().client("sts", config=ONE_TRY)
    met = [refusal(sts.get_caller_identity)[1] for _ in range(4)]
    assert met == ["First", "Second", "Second", "Third"]


def test_pending_faults_are_shown(aws: AWSSimulator, alice: User, refusal: Refusal) -> None:
    aws.fail_next("GetCallerIdentity", times=3)
    aws.drop_next("Never")
    sts = alice.session().client("sts", config=ONE_TRY)
    refusal(sts.get_caller_identity)
    assert [(f.operation, f.times) for f in aws.faults_left] == [
        ("GetCallerIdentity", 2),
        ("Never", 1),
    ]
    assert repr(aws.faults_left[1]) == "Drop(operation='Never', times=1, after=False)"


def test_a_failed_call_is_not_carried_out(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    """Its code is not used up."""
    sts = clients.of(alice, "sts", config=ONE_TRY)
    given = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    aws.fail_next("GetSessionToken", "InternalFailure")
    assert refusal(sts.get_session_token, **given)[1] == "InternalFailure"
    assert sts.get_session_token(**given)["Credentials"]


def test_a_retry_succeeds_after_a_connection_dropped_before_the_call(
    clients: Any, aws: AWSSimulator, alice: User, device: Device
) -> None:
    given = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    sts = clients.of(alice, "sts", config=ONE_TRY)
    aws.drop_next("GetSessionToken")
    with pytest.raises(ConnectionClosedError):
        sts.get_session_token(**given)
    aws.drop_next("GetSessionToken")
    assert clients.of(alice, "sts", config=TWO_TRIES).get_session_token(**given)["Credentials"]


def test_a_retry_is_refused_after_a_connection_dropped_after_the_call(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    """The code is used up."""
    given = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    aws.drop_next("GetSessionToken", after=True)
    got = refusal(clients.of(alice, "sts", config=TWO_TRIES).get_session_token, **given)
    assert got[:2] == (403, "AccessDenied")
    assert "invalid MFA one time pass code" in got[2]
    assert [(call.status, call.error) for call in aws.calls] == [
        (None, None),
        (403, "AccessDenied"),
    ]


def test_a_call_dropped_afterwards_is_carried_out(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    s3 = clients.of(alice, "s3", config=ONE_TRY)
    aws.drop_next("CreateBucket")
    aws.drop_next("CreateBucket", after=True)
    for expected in ([], ["bucket"]):
        with pytest.raises(ConnectionClosedError):
            s3.create_bucket(Bucket="bucket")
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == expected


def test_a_success_or_a_refusal_can_be_delayed_in_real_time(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    sts = clients.of(alice, "sts", config=ONE_TRY)
    sts.get_caller_identity()
    aws.delay_next("GetCallerIdentity", 0.3)
    began = time.monotonic()
    assert sts.get_caller_identity()["Arn"] == alice.arn
    assert time.monotonic() - began >= 0.3


def test_a_client_sees_its_time_out_and_the_code_is_used_up(
    clients: Any, aws: AWSSimulator, alice: User, device: Device, refusal: Refusal
) -> None:
    impatient = Config(retries={"total_max_attempts": 1}, read_timeout=1)
    sts = clients.of(alice, "sts", config=impatient)
    sts.get_caller_identity()
    given = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    aws.delay_next("GetSessionToken", 60)
    began = time.monotonic()
    with pytest.raises(ReadTimeoutError):
        sts.get_session_token(**given)
    assert 1 <= time.monotonic() - began < 30
    assert "invalid MFA" in refusal(clients.of(alice, "sts").get_session_token, **given)[2]


def test_other_clients_do_not_wait_for_a_delayed_answer(
    clients: Any, aws: AWSSimulator, alice: User
) -> None:
    iam, sts = clients.of(alice, "iam"), clients.of(alice, "sts")
    iam.list_users()
    sts.get_caller_identity()
    aws.delay_next("ListUsers", 2)
    with ThreadPoolExecutor() as pool:
        late = pool.submit(iam.list_users)
        while aws.faults_left:
            time.sleep(0.01)
        sts.get_caller_identity()
        assert not late.done()
        assert late.result()["Users"]


def test_an_sdk_cannot_read_a_garbled_answer(
    clients: Any, aws: AWSSimulator, alice: User, device: Device
) -> None:
    """The code is used up."""
    sts = clients.of(alice, "sts", config=ONE_TRY)
    aws.garble_next("GetSessionToken")
    given = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
    with pytest.raises(ResponseParserError):
        sts.get_session_token(**given)
    assert [(call.status, call.error) for call in aws.calls] == [(200, None)]


def test_requests_meets_the_same_faults(aws: AWSSimulator, alice: User) -> None:
    s3: Any = alice.session().client("s3", config=Config(signature_version="s3v4"))
    link = s3.generate_presigned_url("list_buckets")
    aws.drop_next("ListBuckets")
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(link, timeout=5)
    aws.garble_next("ListBuckets")
    half = requests.get(link, timeout=5)
    whole = requests.get(link, timeout=5)
    assert (half.status_code, whole.status_code) == (200, 200)
    assert 0 < len(half.content) < len(whole.content)


def test_a_dropped_connection_sends_no_byte_over_http(aws: AWSSimulator, url: str) -> None:
    aws.drop_next("*")
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("GET", "/")
    assert connection.sock.recv(100) == b""
    connection.close()


def test_each_fault_is_met_once_with_many_threads(aws: AWSSimulator, alice: User) -> None:
    sts = alice.session().client("sts", config=ONE_TRY)
    aws.drop_next("GetCallerIdentity", times=10)

    def dropped(_: int) -> bool:
        try:
            sts.get_caller_identity()
        except ConnectionClosedError:
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(dropped, range(40))) == 10
    assert aws.faults_left == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"operation": "get_session_token"}, "operation"),
        ({"operation": ""}, "operation"),
        ({"operation": "sts:GetSessionToken:x"}, "operation"),
        ({"operation": 7}, "operation"),
        ({"operation": "*", "times": 0}, "times"),
        ({"operation": "*", "times": True}, "times"),
        ({"operation": "*", "times": 1.5}, "times"),
        ({"operation": "*", "code": ""}, "code"),
        ({"operation": "*", "code": "<x>"}, "code"),
        ({"operation": "*", "status": 200}, "status"),
        ({"operation": "*", "status": "400"}, "status"),
        ({"operation": "*", "message": 1}, "message"),
        ({"operation": "*", "message": "\ud800"}, "message"),
        ({"operation": "*", "kind": "delay", "seconds": -1}, "seconds"),
        ({"operation": "*", "kind": "delay", "seconds": 1e9}, "seconds"),
        ({"operation": "*", "kind": "delay", "seconds": 10**400}, "seconds"),
        ({"operation": "*", "kind": "delay", "seconds": float("nan")}, "seconds"),
        ({"operation": "*", "kind": "delay", "seconds": "1"}, "seconds"),
        ({"operation": "*", "kind": "drop", "after": "yes"}, "after"),
    ],
)
def test_senseless_faults_are_refused_by_method_and_control_call(
    aws: AWSSimulator, url: str, arguments: dict[str, Any], complaint: str
) -> None:
    status, answer = post_fault(aws, url, json.dumps(arguments))
    assert status == 400
    assert answer["error"].startswith(f"{complaint} has to be ")
    method = getattr(aws, f"{arguments.pop('kind', 'fail')}_next")
    with pytest.raises(ValueError, match=f"^{complaint} has to be "):
        method(**arguments)
    assert aws.faults_left == []


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("", "the body has to be a fault in JSON"),
        ("{", "the body has to be a fault in JSON"),
        ("[" * 100_000, "the body has to be a fault in JSON"),
        ("[]", "the body has to be a JSON object"),
        ("{}", "a fault of kind fail needs operation"),
        (
            '{"kind": "delay", "operation": "*"}',
            "a fault of kind delay needs operation and seconds",
        ),
        ('{"kind": "explode"}', "kind has to be one of fail, delay, drop, garble"),
        ('{"kind": []}', "kind has to be one of fail, delay, drop, garble"),
        (
            '{"operation": "*", "after": true}',
            "a fault of kind fail has operation, times, code, status, message only",
        ),
    ],
)
def test_the_control_call_says_what_is_wrong_with_its_body(
    aws: AWSSimulator, url: str, body: str, complaint: str
) -> None:
    assert post_fault(aws, url, body) == (400, {"error": complaint})
    assert aws.faults_left == []


def test_every_kind_of_fault_can_be_added_over_http(
    aws: AWSSimulator, url: str, alice: User, refusal: Refusal
) -> None:
    sts: Any = alice.session().client("sts", endpoint_url=url, config=ONE_TRY)
    fail = {"operation": "GetCallerIdentity", "code": "InternalFailure", "times": 2}
    assert post_fault(aws, url, json.dumps(fail)) == (200, {"faults_left": 1})
    assert [refusal(sts.get_caller_identity)[1] for _ in "12"] == ["InternalFailure"] * 2
    post_fault(aws, url, json.dumps({"operation": "sts:*", "kind": "drop", "after": True}))
    with pytest.raises(ConnectionClosedError):
        sts.get_caller_identity()
    post_fault(aws, url, json.dumps({"operation": "*", "kind": "garble"}))
    with pytest.raises(ResponseParserError):
        sts.get_caller_identity()
    post_fault(aws, url, json.dumps({"operation": "*", "kind": "delay", "seconds": 0.2}))
    began = time.monotonic()
    sts.get_caller_identity()
    assert time.monotonic() - began >= 0.2


def post_fault(aws: AWSSimulator, url: str, body: str) -> tuple[int, Any]:
    headers = {"X-Mfakit-Token": aws.control_token}
    answer = requests.post(f"{url}/_mfakit/fault", data=body, headers=headers, timeout=10)
    return answer.status_code, answer.json()
