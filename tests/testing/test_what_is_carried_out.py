"""moto carries out what was judged, however a request is written, and nothing else."""

from __future__ import annotations

import gzip
import json
import os
import socket
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
import requests
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from tests.testing.sending import FORM, JSON, call, send, signed

from mfakit.testing import REQUIRE_MFA_POLICY

if TYPE_CHECKING:
    from collections.abc import Callable

    from mfakit.testing import AWSSimulator, User

READER = [
    "iam:ListUsers",
    "s3:GetObject",
    "s3:PutObject",
    "secretsmanager:ListSecrets",
    "lambda:GetFunctionConfiguration",
    "dynamodb:DescribeTable",
]
CREATE = b"Action=CreateUser&Version=2010-05-08&UserName=evil"


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


@pytest.fixture
def bob(aws: AWSSimulator) -> User:
    """A user who may look at some things, and write objects."""
    return aws.create_user("bob", policy=allow(*READER))


@pytest.fixture
def s3(aws: AWSSimulator) -> Any:
    """The root user's S3, with a bucket and an object in it."""
    client: Any = aws.root.session().client("s3")
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="key", Body=b"content")
    return client


def state(aws: AWSSimulator) -> Any:
    """Return what somebody could have changed."""
    root: Any = aws.root.session()
    s3: Any = root.client("s3")
    buckets = [b["Name"] for b in s3.list_buckets()["Buckets"]]
    return (
        [u["UserName"] for u in root.client("iam").list_users()["Users"]],
        {b: [o["Key"] for o in s3.list_objects_v2(Bucket=b).get("Contents", ())] for b in buckets},
        root.client("secretsmanager").list_secrets()["SecretList"],
    )


SECRET = {"X-Amz-Target": "secretsmanager.ListSecrets", **JSON}
CONFUSING = {
    "two actions in a form": ("POST", "/", "iam", FORM, CREATE + b"&Action=ListUsers"),
    "the other way round": ("POST", "/", "iam", FORM, b"Action=ListUsers&" + CREATE),
    "one in the URL, one in the form": ("POST", "/?Action=ListUsers", "iam", FORM, CREATE),
    "a form that is called text": (
        *("POST", "/?Action=ListUsers", "iam"),
        *({"Content-Type": "text/plain"}, CREATE),
    ),
    "a target beside an action": (
        *("POST", "/", "iam"),
        *({"X-Amz-Target": "AWSIdentity.ListUsers", **FORM}, CREATE),
    ),
    "an action that is written as moto's": (
        *("POST", "/", "iam", FORM),
        CREATE.replace(b"CreateUser", b"create_user"),
    ),
    "an action in other letters": (
        *("POST", "/", "iam", FORM),
        CREATE.replace(b"CreateUser", b"CreateUSER"),
    ),
    "another scope that begins alike": ("POST", "/", "iam.x", FORM, CREATE),
    "a scope in other letters": ("POST", "/", "IAM", FORM, CREATE),
    "an action inside of JSON": (
        *("POST", "/", "secretsmanager", SECRET),
        json.dumps({"x": "&Action=CreateSecret&", "Name": "n", "SecretString": "s"}).encode(),
    ),
    "an action in the URL of JSON": (
        *("POST", "/?Action=CreateSecret&Name=n&SecretString=s", "secretsmanager", SECRET, b"{}"),
    ),
    "a form beside a target": (
        *("POST", "/", "secretsmanager", {**SECRET, **FORM}),
        b"Action=CreateSecret&Name=n&SecretString=s",
    ),
    "a subresource with a value": ("PUT", "/bucket?policy=x", "s3", {}, b"{}"),
    "two subresources": ("PUT", "/bucket?tagging&acl", "s3", {}, b"<x/>"),
    "a subresource that moto does not know": ("DELETE", "/bucket?analytics&id=x", "s3", {}, b""),
    "an empty copy": ("PUT", "/bucket?requestPayment", "s3", {}, b"<x/>"),
    "a signed header with underscores": (
        *("PUT", "/elsewhere/key", "s3", {"x_amz_copy_source": "bucket/key"}, b""),
    ),
}


CBOR = {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}


@pytest.mark.parametrize(
    ("service", "path", "headers", "body"),
    [
        ("iam", "/", {"X-Amz-Target": ".CreateAccessKey", **JSON}, b'{"UserName":"alice"}'),
        ("iam", "/service/IAM/operation/CreateAccessKey", CBOR, b"\xa1hUserNameealice"),
        ("dynamodb", "/service/DynamoDB/operation/ListTables", CBOR, b"\xa0"),
    ],
)
def test_protocols_that_a_service_does_not_speak(
    url: str, alice: User, service: str, path: str, headers: dict[str, str], body: bytes
) -> None:
    """A call in such a protocol is none: its parameters would not be judged."""
    status, answer = call(url, alice, "POST", path, service, headers, body)
    assert (status, b"UnknownOperationException" in answer) == (400, True)


def test_too_many_parameters_are_answered(url: str, alice: User) -> None:
    """A URL that is not read any further is refused in words, signed or not."""
    path = "/bucket?" + "a=1&" * 12_000
    assert send(url, "GET", path, {})[0] == 400
    assert call(url, alice, "GET", path, "s3")[0] == 400


@pytest.mark.parametrize("name", ["NaN", "-Infinity"])
def test_numbers_that_are_no_json(url: str, alice: User, name: str) -> None:
    """Python reads them; AWS does not."""
    target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", **JSON}
    body = b'{"Limit": %s}' % name.encode()
    status, answer = call(url, alice, "POST", "/", "dynamodb", target, body)
    assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize("request_", CONFUSING.values(), ids=CONFUSING)
def test_requests_that_can_be_read_in_two_ways(
    aws: AWSSimulator, url: str, bob: User, s3: Any, request_: Any
) -> None:
    """Whatever it was judged as, nothing is changed that the user may not change."""
    before = state(aws)
    call(url, bob, *request_)
    assert state(aws) == before


def test_every_parameter_is_given_once(url: str, bob: User) -> None:
    """AWS could not tell which of two is meant, and neither could moto."""
    status, answer = call(url, bob, "POST", "/", "iam", FORM, CREATE + b"&Action=ListUsers")
    assert (status, b"<Code>MalformedInput</Code>" in answer) == (400, True)
    target = {"X-Amz-Target": "DynamoDB_20120810.DescribeTable", **JSON}
    body = b'{"TableName": "a", "TableName": "b"}'
    status, answer = call(url, bob, "POST", "/", "dynamodb", target, body)
    assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


def test_two_subresources_are_refused_as_s3_does(url: str, bob: User, s3: Any) -> None:
    """S3 names those that are in conflict."""
    status, answer = call(url, bob, "GET", "/bucket?policy&acl", "s3")
    assert status == 400
    assert b"Conflicting query string parameters: acl, policy" in answer


@pytest.mark.parametrize("name", ["x-amz-acl", "x-amz-copy-source", "X-Amz-Meta-A"])
def test_headers_that_are_not_signed(url: str, bob: User, s3: Any, name: str) -> None:
    """S3 refuses those of its own, and names them."""
    status, answer = call(url, bob, "PUT", "/bucket/new", "s3", unsigned={name: "bucket/key"})
    assert (status, f"<HeadersNotSigned>{name.lower()}<".encode() in answer) == (403, True)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["key"]


def test_tracing_headers_are_no_harm(url: str, bob: User, s3: Any) -> None:
    """What proxies and load balancers add is dropped."""
    added = {"X-Amzn-Trace-Id": "Root=1-2-3", "traceparent": "00-1-2-01", "x_amz_acl": "x"}
    assert call(url, bob, "GET", "/bucket/key", "s3", unsigned=added) == (200, b"content")


def test_unsigned_headers_that_aws_honours(url: str, bob: User, s3: Any) -> None:
    """Content-Type is stored and Range is heeded, signed or not."""
    text = {"Content-Type": "text/x-test", "Cache-Control": "no-cache"}
    assert call(url, bob, "PUT", "/bucket/new", "s3", {}, b"12345", unsigned=text)[0] == 200
    stored = s3.head_object(Bucket="bucket", Key="new")
    assert (stored["ContentType"], stored["CacheControl"]) == ("text/x-test", "no-cache")
    part = {"Range": "bytes=1-2"}
    assert call(url, bob, "GET", "/bucket/new", "s3", unsigned=part) == (206, b"23")


def test_a_form_as_an_object(url: str, bob: User, s3: Any) -> None:
    """What curl calls a form by default is stored as it came, and no field of it is read."""
    body = b"key=other&uploadId=1&file=2"
    assert call(url, bob, "PUT", "/bucket/form", "s3", FORM, body)[0] == 200
    assert s3.get_object(Bucket="bucket", Key="form")["Body"].read() == body


@pytest.mark.parametrize("key", ["a;b", "../key", "./a//b/", "a%2Fb", "a+b c", "é\u65e5", "?a=b&c"])
def test_keys_are_not_read_in_another_way(url: str, bob: User, s3: Any, key: str) -> None:
    """The object that is written is the one whose name was judged."""
    assert call(url, bob, "PUT", f"/bucket/{quote(key)}", "s3", {}, b"x")[0] == 200
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket="bucket")["Contents"]]
    assert sorted(keys) == sorted(["key", key])


def test_a_raw_semicolon_is_part_of_the_key(url: str, bob: User, s3: Any) -> None:
    """moto alone would take what follows it for parameters of the path."""
    assert call(url, bob, "PUT", "/bucket/key;v=1", "s3", {}, b"x")[0] == 200
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"content"
    assert s3.get_object(Bucket="bucket", Key="key;v=1")["Body"].read() == b"x"


@pytest.mark.parametrize(
    "source",
    ["bucket/secret#x", "//open/../bucket/secret", "bucket/secret;x", "http://open/bucket/secret"],
)
def test_the_source_of_a_copy(aws: AWSSimulator, url: str, s3: Any, source: str) -> None:
    """What is copied is what was judged, not what moto would make of the header."""
    s3.put_object(Bucket="bucket", Key="secret", Body=b"secret")
    denied = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/secret"}
    policy = allow("s3:*")
    policy["Statement"].append(denied)
    eve = aws.create_user("eve", policy=policy)
    call(url, eve, "PUT", "/bucket/copy", "s3", {"x-amz-copy-source": source})
    copies = s3.list_objects_v2(Bucket="bucket", Prefix="copy").get("Contents", ())
    read = [s3.get_object(Bucket="bucket", Key=o["Key"])["Body"].read() for o in copies]
    assert b"secret" not in read


def test_headers_in_a_presigned_url(aws: AWSSimulator, url: str, s3: Any) -> None:
    """What some SDKs write into the URL in place of headers is heeded, and judged, as headers."""
    for name, actions, status in (
        ("may", ("s3:PutObject", "s3:PutObjectTagging"), 200),
        ("may-not", ("s3:PutObject",), 403),
    ):
        user = aws.create_user(name, policy=allow(*actions))
        request: Any = AWSRequest("PUT", f"{url}/bucket/{name}?x-amz-tagging=a%3Db")
        credentials = Credentials(user.access_key_id, user.secret_access_key)
        signer: Any = S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=60)
        signer.add_auth(request)
        assert requests.put(request.url, data=b"x", timeout=5).status_code == status
    tags = s3.get_object_tagging(Bucket="bucket", Key="may")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (
            "/bucket/new",
            {"x-amz-grant-read": 'uri="http://acs.amazonaws.com/groups/global/AllUsers"'},
        ),
        ("/bucket/new", {"x-amz-object-lock-retain-until-date": "2030-01-01T00:00:00Z"}),
        ("/new-bucket", {"x-amz-acl": "public-read"}),
        ("/new-bucket", {"x-amz-object-ownership": "ObjectWriter"}),
        ("/new-bucket", {"x-amz-bucket-object-lock-enabled": "true"}),
    ],
)
def test_what_headers_ask_for_is_judged(
    aws: AWSSimulator, url: str, s3: Any, path: str, headers: dict[str, str]
) -> None:
    """Who may write an object or make a bucket may not open it to everyone by a header."""
    user = aws.create_user("mine", policy=allow("s3:PutObject", "s3:CreateBucket"))
    assert call(url, user, "PUT", path, "s3", headers)[0] == 403
    assert call(url, user, "PUT", path, "s3")[0] == 200


def test_the_name_in_the_path_is_the_one_that_counts(aws: AWSSimulator, url: str) -> None:
    """A name in the body of a REST call, where the service has none, changes nothing."""
    lists: Any = aws.root.session().client("sesv2")
    for name in ("mine", "theirs"):
        lists.create_contact_list(ContactListName=name)
    mine = aws.create_user("mine", policy=allow("ses:*"))
    body = json.dumps({"ContactListName": "theirs"}).encode()
    call(url, mine, "DELETE", "/v2/email/contact-lists/mine", "ses", JSON, body)
    left = [each["ContactListName"] for each in lists.list_contact_lists()["ContactLists"]]
    assert left == ["theirs"]


def test_packed_bodies_are_judged_too(aws: AWSSimulator, url: str) -> None:
    """What the SDKs pack is unpacked before it is judged."""
    dynamodb: Any = aws.root.session().client("dynamodb")
    for name in ("mine", "theirs"):
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    user = aws.create_user(
        "mine", policy=allow("dynamodb:*", resource="arn:aws:dynamodb:*:*:table/mine")
    )
    target = {"X-Amz-Target": "DynamoDB_20120810.DescribeTable"}
    headers = {**target, "Content-Encoding": "gzip", **JSON}
    for name, status in (("mine", 200), ("theirs", 400)):
        body = gzip.compress(json.dumps({"TableName": name}).encode())
        assert call(url, user, "POST", "/", "dynamodb", headers, body)[0] == status


def test_objects_that_are_deleted(aws: AWSSimulator, url: str, s3: Any) -> None:
    """A second name in an entry, which moto would take, is refused."""
    user = aws.create_user(
        "mine", policy=allow("s3:DeleteObject", resource="arn:aws:s3:::bucket/mine")
    )
    for body in (
        b"<Delete><Object><Key>key</Key><Key>mine</Key></Object></Delete>",
        b"<Delete><Object><Key>mine</Key><Key>key</Key></Object></Delete>",
        b'<!DOCTYPE d [<!ENTITY k "mine">]><Delete><Object><Key>&k;</Key></Object></Delete>',
        b"<Delete><x><Object><Key>key</Key></Object></x><Object><Key>mine</Key></Object></Delete>",
    ):
        call(url, user, "POST", "/bucket?delete", "s3", {}, body)
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"content"


@pytest.mark.parametrize("region", ["US", "", "us_east_1", "xx-nowhere-9"])
@pytest.mark.parametrize("service", ["s3", "iam", "dynamodb", "lambda"])
def test_regions_that_aws_does_not_have(url: str, alice: User, service: str, region: str) -> None:
    """S3 tells which one is right; others say that it is none."""
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
def test_operations_that_moto_does_not_know(
    url: str, alice: User, service: str, operation: str, body: bytes
) -> None:
    """They are refused in the caller's protocol, here JSON, and never with status 500."""
    headers = {"X-Amz-Target": operation, **JSON}
    status, answer = call(url, alice, "POST", "/", service, headers, body)
    assert status in (400, 501)
    assert json.loads(answer)["__type"] in ("UnknownOperationException", "NotSupportedBySimulator")


def test_what_moto_fails_in_is_told_on_stderr(
    url: str, alice: User, s3: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Status 500 comes with a line that says which call it was, and why."""
    status, answer = call(url, alice, "GET", "/bucket/key?partNumber=x", "s3")
    told = capfd.readouterr().err
    if status == 200:
        pytest.skip("this moto does not fail in it")
    assert (status, b"<Error><Code>InternalFailure</Code>" in answer) == (500, True)
    assert told.startswith("mfakit: moto failed in s3:GetObject at ")
    assert "ValueError" in told
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
def test_what_a_call_lacks_is_named(
    url: str, alice: User, service: str, path: str, headers: Any, body: Any, text: str
) -> None:
    """Where moto would fail in a call, it is refused by what the service's model requires."""
    status, answer = call(url, alice, "POST", path, service, headers, json.dumps(body).encode())
    assert (status, json.loads(answer)["message"]) == (400, text)


def test_a_query_that_lacks_a_parameter(url: str, alice: User) -> None:
    body = b"Action=CreateTopic&Version=2010-03-31"
    status, answer = call(url, alice, "POST", "/", "sns", FORM, body)
    assert (status, b"<Code>ValidationError</Code>" in answer) == (400, True)
    assert b"Value null at 'name'" in answer


def test_an_encoding_that_xml_does_not_have(url: str, alice: User, s3: Any) -> None:
    body = b'<?xml version="1.0" encoding="nope"?><x/>'
    status, answer = call(url, alice, "PUT", "/bucket?acl", "s3", {}, body)
    assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_xml_that_is_none(url: str, alice: User, s3: Any) -> None:
    """S3 says so, whichever call it was."""
    for path in ("/bucket?lifecycle", "/bucket?acl", "/bucket?versioning", "/new-bucket"):
        status, answer = call(url, alice, "PUT", path, "s3", {}, b"<not XML")
        assert (status, b"<Code>MalformedXML</Code>" in answer) == (400, True)


def test_two_ways_to_sign(url: str, alice: User, s3: Any) -> None:
    """A header beside a presigned URL is refused as S3 does."""
    status, answer = call(url, alice, "GET", "/bucket?X-Amz-Algorithm=AWS4-HMAC-SHA256", "s3")
    assert (status, b"Only one auth mechanism allowed" in answer) == (400, True)


def test_a_hash_that_is_none(url: str, alice: User) -> None:
    """Where the body names the operation, the signature has to cover the body."""
    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD", **FORM}
    key = (alice.access_key_id, alice.secret_access_key)
    known = signed(url, key, "POST", "/", "iam", headers, b"Action=ListUsers")
    assert send(url, "POST", "/", known, CREATE)[0] == 403


class TestAnonymous:
    """Calls without credentials reach what a bucket policy opens to everyone, and nothing else."""

    @pytest.fixture
    def nobody(self, clients: Any) -> Any:
        return boto3.client(
            "s3",
            region_name="us-east-1",
            endpoint_url=clients.endpoint_url,
            config=Config(signature_version=UNSIGNED),
        )

    def open_up(self, s3: Any, *actions: str, principal: Any = "*") -> None:
        statement = {
            "Effect": "Allow",
            "Principal": principal,
            "Action": list(actions),
            "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/open/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps(policy))

    def test_what_is_open(self, nobody: Any, s3: Any) -> None:
        self.open_up(s3, "s3:GetObject", "s3:PutObject", "s3:ListBucket")
        nobody.put_object(Bucket="bucket", Key="open/k", Body=b"from nobody")
        assert nobody.get_object(Bucket="bucket", Key="open/k")["Body"].read() == b"from nobody"
        assert nobody.list_objects_v2(Bucket="bucket")["KeyCount"] == 2

    def test_what_is_not(self, nobody: Any, s3: Any, refusal: Callable[..., Any]) -> None:
        self.open_up(s3, "s3:GetObject")
        denied = (403, "AccessDenied", "Access Denied")
        assert refusal(nobody.get_object, Bucket="bucket", Key="key") == denied
        assert refusal(nobody.put_object, Bucket="bucket", Key="open/k") == denied
        assert refusal(nobody.list_buckets) == denied
        assert refusal(nobody.create_bucket, Bucket="mine") == denied
        assert refusal(nobody.delete_bucket_policy, Bucket="bucket") == denied

    def test_the_account_is_not_everyone(
        self, nobody: Any, s3: Any, refusal: Callable[..., Any]
    ) -> None:
        self.open_up(s3, "s3:GetObject", principal={"AWS": "123456789012"})
        s3.put_object(Bucket="bucket", Key="open/k")
        assert refusal(nobody.get_object, Bucket="bucket", Key="open/k")[0] == 403

    def test_other_services(self, url: str) -> None:
        answer = requests.post(url, data={"Action": "ListUsers"}, timeout=5)
        assert (answer.status_code, "MissingAuthenticationToken" in answer.text) == (403, True)


class TestMFADelete:
    """S3's MFA Delete is refused, rather than taken without a code."""

    def test_it_cannot_be_switched_on(self, clients: Any, aws: AWSSimulator, s3: Any) -> None:
        root = clients.of(aws.root, "s3")
        both = {"Status": "Enabled", "MFADelete": "Enabled"}
        with pytest.raises(root.exceptions.ClientError, match="MFA Delete"):
            root.put_bucket_versioning(Bucket="bucket", VersioningConfiguration=both)
        both["MFADelete"] = "Disabled"
        root.put_bucket_versioning(Bucket="bucket", VersioningConfiguration=both)

    def test_no_code_is_taken(self, clients: Any, aws: AWSSimulator, s3: Any) -> None:
        root = clients.of(aws.root, "s3")
        with pytest.raises(root.exceptions.ClientError, match="MFA Delete"):
            root.delete_object(Bucket="bucket", Key="key", MFA="arn:aws:iam::1:mfa/x 123456")


class TestChunks:
    """Bodies in chunks are put together by the gate, and their signatures are checked."""

    def upload(self, url: str, user: User, body: bytes, **headers: str) -> tuple[int, bytes]:
        key = (user.access_key_id, user.secret_access_key)
        given = {n.replace("_", "-"): v for n, v in headers.items()}
        known = signed(url, key, "PUT", "/bucket/chunked", "s3", given)
        return send(url, "PUT", "/bucket/chunked", known, body)

    def test_chunks_that_are_signed(self, url: str, alice: User, s3: Any) -> None:
        for change, status in ((None, 200), (b"X", 403)):
            sent, headers = chunked(url, alice, [b"a" * 8192, b"rest"], change)
            assert send(url, "PUT", "/bucket/chunked", headers, sent)[0] == status
        assert s3.get_object(Bucket="bucket", Key="chunked")["Body"].read() == b"a" * 8192 + b"rest"

    @pytest.mark.parametrize(
        ("body", "length", "status"),
        [
            (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n", "3", 200),
            (b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n", "4", 400),
            (b"3\r\nab", "3", 400),
            (b"zz\r\nab\r\n0\r\n\r\n", "2", 400),
            (b"3\r\nabc\r\n0\r\nx-amz-acl:public-read\r\n\r\n", "3", 400),
        ],
    )
    def test_chunks_with_a_trailer(
        self, url: str, alice: User, s3: Any, body: bytes, length: str, status: int
    ) -> None:
        got = self.upload(
            *(url, alice, body),
            X_Amz_Content_SHA256="STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            x_amz_decoded_content_length=length,
            x_amz_trailer="x-amz-checksum-crc32",
            Content_Encoding="aws-chunked",
        )
        assert got[0] == status
        if status == 200:
            stored = s3.get_object(Bucket="bucket", Key="chunked")
            assert stored["Body"].read() == b"abc"
            assert "ContentEncoding" not in stored


def chunked(
    url: str, user: User, pieces: list[bytes], change: bytes | None
) -> tuple[bytes, dict[str, str]]:
    """Return a body in signed chunks, and its headers; with `change` at its very begin."""
    request: Any = AWSRequest("PUT", f"{url}/bucket/chunked")
    request.headers["X-Amz-Content-SHA256"] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    request.headers["x-amz-decoded-content-length"] = str(sum(map(len, pieces)))
    signer: Any = S3SigV4Auth(
        Credentials(user.access_key_id, user.secret_access_key), "s3", "us-east-1"
    )
    signer.payload = lambda _: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    signer.add_auth(request)
    previous = request.headers["Authorization"].rpartition("Signature=")[2]
    stamp, scope = request.context["timestamp"], signer.credential_scope(request)
    body = b""
    for piece in [*pieces, b""]:
        hashes = f"{sha256(b'').hexdigest()}\n{sha256(piece).hexdigest()}"
        text = f"AWS4-HMAC-SHA256-PAYLOAD\n{stamp}\n{scope}\n{previous}\n{hashes}"
        previous = signer.signature(text, request)
        body += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece + b"\r\n"
    if change:
        at = body.index(b"\r\n") + 2
        body = body[:at] + change + body[at + len(change) :]
    return body, dict(request.headers)


def test_a_device_for_somebody_else(clients: Any, aws: AWSSimulator) -> None:
    """With --require-mfa a long-term key may enable a device for its own user alone."""
    users = {name: aws.create_user(name, policy=REQUIRE_MFA_POLICY) for name in ("alice", "bob")}
    iam = clients.of(users["alice"], "iam")
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="new")["VirtualMFADevice"]
    codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
    given = {"SerialNumber": made["SerialNumber"], **codes}
    with pytest.raises(iam.exceptions.ClientError, match="not authorized to perform: iam:Enable"):
        iam.enable_mfa_device(UserName="bob", **given)
    with pytest.raises(iam.exceptions.ClientError, match="Authentication code for device"):
        iam.enable_mfa_device(UserName="alice", **given)


def test_large_bodies_are_not_read_for_nothing(url: str) -> None:
    """An unknown key is refused before its body is sent."""
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


def test_bodies_of_calls_are_limited(url: str, alice: User, s3: Any) -> None:
    """16 MiB for a call, 70 for Lambda's code, objects of S3 as large as they are."""
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
