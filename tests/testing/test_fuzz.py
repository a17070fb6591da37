"""Any request gets an answer in its protocol: never a broken connection, never a riddle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.testing.sending import call, send

from mfakit.testing import AWSSimulator
from mfakit.testing.authentication import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.testing import User

SERVICES = ("s3", "iam", "sts", "dynamodb", "lambda", "ec2", "sqs", "kms", "events", "ses", "x", "")
REGIONS = ("us-east-1", "eu-west-1", "cn-north-1", "US", "", "us_east_1", "xx-nowhere-9")
OPERATIONS = (
    *("ListUsers", "GetUser", "CreateUser", "EnableMFADevice", "ListMFADevices", "GetSessionToken"),
    *("AssumeRole", "GetCallerIdentity", "ListTables", "PutItem", "DescribeInstances", "Encrypt"),
    *("CreateQueue", "PutRule", "GetItem", "ListKeys", "x", ""),
)
PREFIXES = ("DynamoDB_20120810.", "TrentService.", "AmazonSQS.", "AWSEvents.", "", "x.")
SUBRESOURCES = (
    *("acl", "policy", "tagging", "versioning", "uploads", "uploadId", "partNumber", "delete"),
    *(
        "list-type",
        "versionId",
        "versions",
        "lifecycle",
        "cors",
        "encryption",
        "website",
        "logging",
    ),
    *("publicAccessBlock", "object-lock", "retention", "legal-hold", "attributes", "restore", "x"),
    *("replication", "notification", "ownershipControls", "accelerate", "inventory", "select"),
    *("max-keys", "prefix", "encoding-type", "response-content-type", "Action", "x-amz-acl"),
)
HEADERS = (
    *("Content-Type", "Content-Encoding", "Content-MD5", "Range", "If-Match", "If-Modified-Since"),
    *("x-amz-acl", "x-amz-copy-source", "x-amz-tagging", "x-amz-meta-a", "x-amz-storage-class"),
    *("x-amz-grant-read", "x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm", "x-amz-mfa"),
    *(
        "x-amz-object-lock-mode",
        "x-amz-bypass-governance-retention",
        "x-amz-decoded-content-length",
    ),
    *("x_amz_acl", "Expires", "Origin", "Expect-CT", "Accept-Encoding", "X-Amz-Target"),
)
text = st.text(st.characters(codec="utf-8", max_codepoint=0x2FFF), max_size=12)
latin = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12)
names = st.sampled_from(("bucket", "key", "alice", "nobody", "-1", "99999999999", "true", "a/b"))
values = st.one_of(names, text)
pairs = st.lists(
    st.tuples(
        st.sampled_from((*SUBRESOURCES, "UserName", "SerialNumber", "MaxItems", "Marker", "Path")),
        values,
    ),
    max_size=4,
)
XML = (
    *(b"", b"<x/>", b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
    *(b"<Delete><Object><Key>key</Key></Object></Delete>", b"<Delete/>", b"not XML", b"\xff\xfe"),
    *(b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", b"{}"),
    *(b'{"Version": "2012-10-17", "Statement": []}', b"[" * 2000, b"Action=ListUsers"),
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), text, names),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=6,
)
json_bodies = st.dictionaries(
    st.sampled_from(("TableName", "Item", "Key", "KeyId", "Plaintext", "QueueName", "Name", "x")),
    json_values,
    max_size=4,
).map(lambda value: json.dumps(value).encode())
bodies = st.one_of(
    st.sampled_from(XML),
    json_bodies,
    st.binary(max_size=60),
    st.tuples(st.sampled_from(OPERATIONS), pairs).map(
        lambda form: "&".join(
            [f"Action={form[0]}", *(f"{quote(n)}={quote(v)}" for n, v in form[1])]
        ).encode()
    ),
)
headers = st.dictionaries(
    st.sampled_from(HEADERS),
    st.one_of(
        latin,
        st.sampled_from(
            (
                *("application/x-www-form-urlencoded", "application/json", "multipart/form-data"),
                *(
                    "application/x-amz-json-1.0",
                    "gzip",
                    "aws-chunked",
                    "bytes=0-1",
                    "bytes=9-",
                    "*",
                ),
                *("bucket/key", "/bucket/key?versionId=1", "private", "1", "CRC32", "GOVERNANCE"),
            )
        ),
    ),
    max_size=4,
)
paths = st.one_of(
    st.sampled_from(
        ("/", "/bucket", "/bucket/key", "/bucket/", "//", "/../bucket", "/%00", "/a%2Fb")
    ),
    st.sampled_from(("/2015-03-31/functions", "/2015-03-31/functions/f", "/v2/email/identities")),
    st.sampled_from(("/service/x/operation/ListMetrics", "/v20180820/accesspoint", "/queue/a")),
    text.map(lambda name: f"/bucket/{quote(name)}"),
    text.map(lambda name: f"/{quote(name)}"),
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[AWSSimulator, str, User]]:
    with AWSSimulator() as aws, aws.serve() as url:
        alice = aws.create_user("alice")
        s3 = alice.session().client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="key", Body=b"content")
        yield aws, url, alice


def check(status: int, answer: bytes, capfd: pytest.CaptureFixture[str], sent: object) -> None:
    told = capfd.readouterr().err
    assert status != 500 or told.startswith("mfakit: moto failed in "), (sent, answer)
    assert "Traceback" not in told
    assert b"Traceback" not in answer


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(("GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS")),
    path=paths,
    query=pairs,
    service=st.sampled_from(SERVICES),
    given_headers=headers,
    target=st.one_of(st.none(), st.tuples(st.sampled_from(PREFIXES), st.sampled_from(OPERATIONS))),
    body=bodies,
    region=st.sampled_from(REGIONS),
)
def test_signed_requests_are_always_answered(
    served: Any,
    capfd: pytest.CaptureFixture[str],
    method: str,
    path: str,
    query: list[tuple[str, str]],
    service: str,
    given_headers: dict[str, str],
    target: tuple[str, str] | None,
    body: bytes,
    region: str,
) -> None:
    """Where moto fails, a line on stderr says so."""
    _, url, alice = served
    if query:
        path += "?" + "&".join(f"{quote(n)}={quote(v)}" if v else quote(n) for n, v in query)
    sent = {n: v for n, v in given_headers.items() if v}
    if target is not None:
        sent["X-Amz-Target"] = "".join(target)
    status, answer = call(url, alice, method, path, service, sent, body, region=region)
    check(status, answer, capfd, (method, path, service, sent, body, region))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(("GET", "PUT", "POST", "DELETE", "HEAD")),
    path=paths,
    authorization=st.one_of(
        st.none(),
        latin,
        st.builds(
            lambda key, date, region, service, signed: (
                f"{ALGORITHM} Credential={key}/{date}/{region}/{service}/aws4_request,"
                f" SignedHeaders={signed}, Signature=abc"
            ),
            *(latin, st.sampled_from(("20260101", "", "x"))),
            *(latin, st.sampled_from(SERVICES), st.sampled_from(("host", "host;x-amz-date", ""))),
        ),
    ),
    query=st.lists(
        st.tuples(
            st.sampled_from(
                (
                    *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"),
                    *("X-Amz-SignedHeaders", "X-Amz-Signature", "AWSAccessKeyId", "Action"),
                )
            ),
            st.one_of(latin, st.sampled_from((ALGORITHM, "a/20260101/us-east-1/s3/aws4_request"))),
        ),
        max_size=6,
    ),
    given_headers=headers,
    body=bodies,
)
def test_requests_without_a_valid_signature_never_succeed(
    served: Any,
    capfd: pytest.CaptureFixture[str],
    method: str,
    path: str,
    authorization: str | None,
    query: list[tuple[str, str]],
    given_headers: dict[str, str],
    body: bytes,
) -> None:
    _, url, _ = served
    if query:
        path += "?" + "&".join(f"{quote(n)}={quote(v)}" for n, v in query)
    sent = dict(given_headers) | ({"Authorization": authorization} if authorization else {})
    status, answer = send(url, method, path, sent, body)
    check(status, answer, capfd, (method, path, sent, body))
    assert 400 <= status < 500 or status == 501


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(("code", "clock", "fault", "x")), query=pairs, user=values, body=bodies)
def test_senseless_control_calls_are_refused_with_a_fitting_status(
    served: Any,
    capfd: pytest.CaptureFixture[str],
    name: str,
    query: list[tuple[str, str]],
    user: str,
    body: bytes,
) -> None:
    aws, url, _ = served
    query = [*query, ("user", user), ("advance", user)]
    path = f"/_mfakit/{name}?" + "&".join(f"{quote(n)}={quote(v)}" for n, v in query)
    before = aws.clock.timestamp()
    status, answer = send(url, "POST", path, {"X-Mfakit-Token": aws.control_token}, body)
    aws.clock.advance(seconds=before - aws.clock.timestamp())
    assert status in (200, 400, 404, 409), (path, answer)
    assert capfd.readouterr().err == ""
