"""Calls that AWS would refuse are refused in its words, and never end in an exception of moto's."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from tests.testing.sending import FORM, JSON, call, send, signed

if TYPE_CHECKING:
    from mfakit.testing import User


CBOR = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


@pytest.mark.parametrize("region", ["US", "", "us_east_1", "xx-nowhere-9"])
@pytest.mark.parametrize("service", ["s3", "iam", "dynamodb", "lambda"])
def test_an_unknown_region_is_refused(url: str, alice: User, service: str, region: str) -> None:
    """S3 names the right one."""
    target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", **JSON}
    headers = target if service == "dynamodb" else {}
    status, answer = call(url, alice, "GET", "/", service, headers, region=region)
    if service == "s3":
        assert (status, b"<Code>AuthorizationHeaderMalformed</Code>" in answer) == (400, True)
        assert b"<Region>us-east-1</Region>" in answer
    else:
        assert status in (400, 403)
        assert b"Credential should be scoped to a valid region." in answer


@pytest.mark.parametrize(
    ("service", "operation", "body"),
    [
        ("kms", "TrentService.ConnectCustomKeyStore", b"{}"),
        ("kms", "TrentService.NoSuchOperation", b"{}"),
        ("dynamodb", "DynamoDB_20120810.listtables", b"{}"),
        ("nonsense", "A.B", b"{}"),
    ],
)
def test_unknown_operations_are_refused_in_the_callers_protocol(
    url: str, alice: User, service: str, operation: str, body: bytes
) -> None:
    headers = {"X-Amz-Target": operation, **JSON}
    status, answer = call(url, alice, "POST", "/", service, headers, body)
    assert status in (400, 501)
    assert json.loads(answer)["__type"] in ("UnknownOperationException", "NotSupportedBySimulator")


def test_status_500_comes_with_the_call_and_the_reason_on_stderr(
    url: str, alice: User, s3: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    restore = b"<RestoreRequest/>"
    status, answer = call(url, alice, "POST", "/bucket/key?restore", "s3", body=restore)
    told = capfd.readouterr().err
    if status == 200:
        pytest.skip("this moto does not fail in it")
    assert (status, b"<Error><Code>InternalFailure</Code>" in answer) == (500, True)
    assert told.startswith("mfakit: moto failed in s3:RestoreObject at ")
    assert "AttributeError" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    ("service", "path", "headers", "body", "text"),
    [
        (
            *("dynamodb", "/", {"X-Amz-Target": "DynamoDB_20120810.PutItem", **JSON}),
            {"TableName": "t"},
            "1 validation error detected: Value null at 'item' failed to satisfy constraint:"
            " Member must not be null",
        ),
        (
            *("dynamodb", "/", {"X-Amz-Target": "DynamoDB_20120810.DescribeTable", **JSON}),
            {"TableName": {}},
            "Start of structure or map found where not expected.",
        ),
        (
            *("lambda", "/2015-03-31/functions", JSON),
            {"FunctionName": "f"},
            "2 validation errors detected: Value null at 'role' failed to satisfy constraint:"
            " Member must not be null; Value null at 'code' failed to satisfy constraint: Member"
            " must not be null",
        ),
    ],
)
def test_missing_parameters_are_named_where_moto_fails(
    url: str, alice: User, service: str, path: str, headers: Any, body: Any, text: str
) -> None:
    status, answer = call(url, alice, "POST", path, service, headers, json.dumps(body).encode())
    assert (status, json.loads(answer)["message"]) == (400, text)


def test_a_missing_parameter_of_a_query_is_named(url: str, alice: User) -> None:
    body = b"Action=CreateTopic&Version=2010-03-31"
    status, answer = call(url, alice, "POST", "/", "sns", FORM, body)
    assert (status, b"<Code>ValidationError</Code>" in answer) == (400, True)
    assert b"Value null at 'name'" in answer


def test_xml_in_an_unknown_encoding_is_refused(url: str, alice: User, s3: Any) -> None:
    body = b'<?xml version="1.0" encoding="nope"?><x/>'
    status, answer = call(url, alice, "PUT", "/bucket?acl", "s3", {}, body)
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_malformed_xml_is_refused_by_every_call(url: str, alice: User, s3: Any) -> None:
    for path in ("/bucket?lifecycle", "/bucket?acl", "/bucket?versioning", "/new-bucket"):
        status, answer = call(url, alice, "PUT", path, "s3", {}, b"<not XML")
        assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_too_many_parameters_are_refused(url: str, alice: User) -> None:
    """The request may be signed or not."""
    path = "/bucket?" + "a=1&" * 12_000
    assert send(url, "GET", path, {})[0] == 400
    assert call(url, alice, "GET", path, "s3")[0] == 400


@pytest.mark.parametrize(
    ("service", "path", "headers", "body"),
    [
        ("iam", "/", {"X-Amz-Target": ".CreateAccessKey", **JSON}, b'{"UserName":"alice"}'),
        ("iam", "/service/IAM/operation/CreateAccessKey", CBOR, b"\xa1hUserNameealice"),
        ("dynamodb", "/service/DynamoDB/operation/ListTables", CBOR, b"\xa0"),
    ],
)
def test_a_protocol_that_the_service_does_not_speak_is_refused(
    url: str, alice: User, service: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    """The parameters of such a call would not be judged."""
    status, answer = call(url, alice, "POST", path, service, headers, body)
    assert (status, b"UnknownOperationException" in answer) == (400, True)


def test_an_unknown_key_is_refused_before_its_body_is_sent(url: str) -> None:
    host, _, port = urlsplit(url).netloc.partition(":")
    known = signed_by_nobody(url)
    head = "".join(f"{name}: {value}\r\n" for name, value in known.items())
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head += f"Host: {host}:{port}\r\nContent-Length: 9000000000\r\n\r\n"
        connection.sendall(b"POST / HTTP/1.1\r\n" + head.encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"InvalidClientTokenId" in answer


def signed_by_nobody(url: str) -> dict[str, str]:
    return signed(url, ("AKIAIOSFODNN7EXAMPLE", "secret"), "POST", "/", "iam", FORM)


def test_bodies_are_limited_except_those_of_objects(url: str, alice: User, s3: Any) -> None:
    """16 MiB are allowed for a call, and 70 MiB for Lambda's code."""
    large = os.urandom(1 << 20) * 17
    status, answer = call(url, alice, "POST", "/", "iam", FORM, large)
    assert (status, b"<Code>RequestEntityTooLarge</Code>" in answer) == (413, True)
    target = {"X-Amz-Target": "DynamoDB_20120810.PutItem", **JSON}
    status, answer = call(url, alice, "POST", "/", "dynamodb", target, large)
    assert (status, json.loads(answer)["__type"]) == (413, "RequestEntityTooLargeException")
    assert call(url, alice, "PUT", "/bucket?policy", "s3", {}, large)[0] == 413
    assert call(url, alice, "POST", "/2015-03-31/functions", "lambda", JSON, large)[0] == 400
    assert call(url, alice, "PUT", "/bucket/large", "s3", {}, large)[0] == 200
    assert s3.head_object(Bucket="bucket", Key="large")["ContentLength"] == len(large)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("Range", value) for value in ("bytes", "bytes=a-b", "5", "bytes=0-1,3-4", "a=b=c")),
        *(("If-Modified-Since", value) for value in ("yesterday", "2030-01-01T00:00:00Z")),
        ("If-Unmodified-Since", "0"),
    ],
)
def test_a_range_or_a_date_that_is_malformed_is_ignored(
    url: str, alice: User, s3: Any, name: str, value: str
) -> None:
    """S3 ignores it too, and several ranges are malformed to it."""
    assert call(url, alice, "GET", "/bucket/key", "s3", {name: value}) == (200, b"content")


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/bucket/key?partNumber=x", {}),
        ("GET", "/bucket?max-keys", {}),
        ("PUT", "/bucket/new", {"x-amz-acl": "everybody"}),
        ("PUT", "/bucket/new", {"x-amz-grant-read": "everybody"}),
    ],
)
def test_a_value_that_s3s_model_rules_out_is_refused(
    url: str, alice: User, s3: Any, method: str, path: str, headers: dict[str, str]
) -> None:
    status, answer = call(url, alice, method, path, "s3", headers)
    if status == 200 and "partNumber" in path:
        pytest.skip("this moto does not read the number of a part")
    assert (status, b"<Code>InvalidArgument</Code>" in answer) == (400, True)


@pytest.mark.parametrize("name", ["tagging", "lifecycle", "ownershipControls", "publicAccessBlock"])
def test_a_document_of_another_kind_is_refused_by_s3(
    url: str, alice: User, s3: Any, name: str
) -> None:
    status, answer = call(url, alice, "PUT", f"/bucket?{name}", "s3", {}, b"<LegalHold/>")
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_a_header_in_a_presigned_url_is_one_line(url: str, alice: User, s3: Any) -> None:
    """moto would fail in one that is not."""
    request: Any = AWSRequest("PUT", f"{url}/bucket/new?x-amz-meta-a=b%0D%0AX%3A%20c")
    key: Any = alice.session().get_credentials()
    S3SigV4QueryAuth(key, "s3", "us-east-1", expires=60).add_auth(request)
    answer = requests.put(request.url, data=b"x", timeout=10)
    assert (answer.status_code, b"<Code>InvalidArgument</Code>" in answer.content) == (400, True)
