"""moto carries out exactly the call that was judged, however a request is written."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.testing.sending import FORM, JSON, call, send, signed
from tests.testing.statements import permission

if TYPE_CHECKING:
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


@pytest.fixture
def bob(aws: AWSSimulator) -> User:
    """A user who may look at some things, and write objects."""
    return aws.create_user("bob", policy=permission(*READER))


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


@pytest.mark.parametrize("name", ["NaN", "-Infinity"])
def test_json_with_nan_or_infinity_is_refused(url: str, alice: User, name: str) -> None:
    """Python accepts them; AWS does not."""
    target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", **JSON}
    body = b'{"Limit": %s}' % name.encode()
    status, answer = call(url, alice, "POST", "/", "dynamodb", target, body)
    assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize("request_", CONFUSING.values(), ids=CONFUSING)
def test_ambiguous_requests_change_nothing_that_the_user_may_not_change(
    aws: AWSSimulator, url: str, bob: User, s3: Any, request_: Any
) -> None:
    before = state(aws)
    call(url, bob, *request_)
    assert state(aws) == before


def test_a_repeated_parameter_is_refused(url: str, bob: User) -> None:
    status, answer = call(url, bob, "POST", "/", "iam", FORM, CREATE + b"&Action=ListUsers")
    assert (status, b"<Code>MalformedInput</Code>" in answer) == (400, True)
    target = {"X-Amz-Target": "DynamoDB_20120810.DescribeTable", **JSON}
    body = b'{"TableName": "a", "TableName": "b"}'
    status, answer = call(url, bob, "POST", "/", "dynamodb", target, body)
    assert (status, json.loads(answer)["__type"]) == (400, "SerializationException")


def test_two_subresources_are_refused_by_name(url: str, bob: User, s3: Any) -> None:
    status, answer = call(url, bob, "GET", "/bucket?policy&acl", "s3")
    assert status == 400
    assert b"Conflicting query string parameters: acl, policy" in answer


@pytest.mark.parametrize("name", ["x-amz-acl", "x-amz-copy-source", "X-Amz-Meta-A"])
def test_unsigned_headers_of_s3_are_refused_by_name(
    url: str, bob: User, s3: Any, name: str
) -> None:
    status, answer = call(url, bob, "PUT", "/bucket/new", "s3", unsigned={name: "bucket/key"})
    assert (status, f"<HeadersNotSigned>{name.lower()}<".encode() in answer) == (403, True)
    assert [o["Key"] for o in s3.list_objects_v2(Bucket="bucket")["Contents"]] == ["key"]


def test_tracing_headers_are_ignored(url: str, bob: User, s3: Any) -> None:
    added = {"X-Amzn-Trace-Id": "Root=1-2-3", "traceparent": "00-1-2-01", "x_amz_acl": "x"}
    assert call(url, bob, "GET", "/bucket/key", "s3", unsigned=added) == (200, b"content")


def test_content_type_and_range_count_without_a_signature(url: str, bob: User, s3: Any) -> None:
    text = {"Content-Type": "text/x-test", "Cache-Control": "no-cache"}
    assert call(url, bob, "PUT", "/bucket/new", "s3", {}, b"12345", unsigned=text)[0] == 200
    stored = s3.head_object(Bucket="bucket", Key="new")
    assert (stored["ContentType"], stored["CacheControl"]) == ("text/x-test", "no-cache")
    part = {"Range": "bytes=1-2"}
    assert call(url, bob, "GET", "/bucket/new", "s3", unsigned=part) == (206, b"23")


def test_an_object_that_is_a_form_is_stored_as_it_is(url: str, bob: User, s3: Any) -> None:
    """curl calls any body a form by default."""
    body = b"key=other&uploadId=1&file=2"
    assert call(url, bob, "PUT", "/bucket/form", "s3", FORM, body)[0] == 200
    assert s3.get_object(Bucket="bucket", Key="form")["Body"].read() == body


@pytest.mark.parametrize("key", ["a;b", "../key", "./a//b/", "a%2Fb", "a+b c", "é\u65e5", "?a=b&c"])
def test_the_object_that_is_written_is_the_one_that_was_judged(
    url: str, bob: User, s3: Any, key: str
) -> None:
    assert call(url, bob, "PUT", f"/bucket/{quote(key)}", "s3", {}, b"x")[0] == 200
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket="bucket")["Contents"]]
    assert sorted(keys) == sorted(["key", key])


def test_a_raw_semicolon_is_part_of_the_key(url: str, bob: User, s3: Any) -> None:
    """moto alone would read what follows it as parameters of the path."""
    assert call(url, bob, "PUT", "/bucket/key;v=1", "s3", {}, b"x")[0] == 200
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"content"
    assert s3.get_object(Bucket="bucket", Key="key;v=1")["Body"].read() == b"x"


@pytest.mark.parametrize(
    "source",
    ["bucket/secret#x", "//open/../bucket/secret", "bucket/secret;x", "http://open/bucket/secret"],
)
def test_the_object_that_is_copied_is_the_one_that_was_judged(
    aws: AWSSimulator, url: str, s3: Any, source: str
) -> None:
    s3.put_object(Bucket="bucket", Key="secret", Body=b"secret")
    denied = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/secret"}
    policy = permission("s3:*")
    policy["Statement"].append(denied)
    eve = aws.create_user("eve", policy=policy)
    call(url, eve, "PUT", "/bucket/copy", "s3", {"x-amz-copy-source": source})
    copies = s3.list_objects_v2(Bucket="bucket", Prefix="copy").get("Contents", ())
    read = [s3.get_object(Bucket="bucket", Key=o["Key"])["Body"].read() for o in copies]
    assert b"secret" not in read


def test_headers_in_a_presigned_url_count_and_are_judged(
    aws: AWSSimulator, url: str, s3: Any
) -> None:
    for name, actions, status in (
        ("may", ("s3:PutObject", "s3:PutObjectTagging"), 200),
        ("may-not", ("s3:PutObject",), 403),
    ):
        user = aws.create_user(name, policy=permission(*actions))
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
def test_headers_cannot_open_an_object_or_a_bucket_without_permission(
    aws: AWSSimulator, url: str, s3: Any, path: str, headers: dict[str, str]
) -> None:
    user = aws.create_user("mine", policy=permission("s3:PutObject", "s3:CreateBucket"))
    assert call(url, user, "PUT", path, "s3", headers)[0] == 403
    assert call(url, user, "PUT", path, "s3")[0] == 200


def test_a_name_in_the_body_cannot_replace_the_one_in_the_path(aws: AWSSimulator, url: str) -> None:
    lists: Any = aws.root.session().client("sesv2")
    for name in ("mine", "theirs"):
        lists.create_contact_list(ContactListName=name)
    mine = aws.create_user("mine", policy=permission("ses:*"))
    body = json.dumps({"ContactListName": "theirs"}).encode()
    call(url, mine, "DELETE", "/v2/email/contact-lists/mine", "ses", JSON, body)
    left = [each["ContactListName"] for each in lists.list_contact_lists()["ContactLists"]]
    assert left == ["theirs"]


def test_compressed_bodies_are_judged(aws: AWSSimulator, url: str) -> None:
    dynamodb: Any = aws.root.session().client("dynamodb")
    for name in ("mine", "theirs"):
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    user = aws.create_user(
        "mine", policy=permission("dynamodb:*", resource="arn:aws:dynamodb:*:*:table/mine")
    )
    target = {"X-Amz-Target": "DynamoDB_20120810.DescribeTable"}
    headers = {**target, "Content-Encoding": "gzip", **JSON}
    for name, status in (("mine", 200), ("theirs", 400)):
        body = gzip.compress(json.dumps({"TableName": name}).encode())
        assert call(url, user, "POST", "/", "dynamodb", headers, body)[0] == status


def test_an_ambiguous_deletion_does_not_delete_another_object(
    aws: AWSSimulator, url: str, s3: Any
) -> None:
    user = aws.create_user(
        "mine", policy=permission("s3:DeleteObject", resource="arn:aws:s3:::bucket/mine")
    )
    for body in (
        b"<Delete><Object><Key>key</Key><Key>mine</Key></Object></Delete>",
        b"<Delete><Object><Key>mine</Key><Key>key</Key></Object></Delete>",
        b'<!DOCTYPE d [<!ENTITY k "mine">]><Delete><Object><Key>&k;</Key></Object></Delete>',
        b"<Delete><x><Object><Key>key</Key></Object></x><Object><Key>mine</Key></Object></Delete>",
    ):
        call(url, user, "POST", "/bucket?delete", "s3", {}, body)
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"content"


def test_two_signatures_are_refused_as_by_s3(url: str, alice: User, s3: Any) -> None:
    status, answer = call(url, alice, "GET", "/bucket?X-Amz-Algorithm=AWS4-HMAC-SHA256", "s3")
    assert (status, b"Only one auth mechanism allowed" in answer) == (400, True)


def test_an_unsigned_body_that_names_the_operation_is_refused(url: str, alice: User) -> None:
    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD", **FORM}
    key = (alice.access_key_id, alice.secret_access_key)
    known = signed(url, key, "POST", "/", "iam", headers, b"Action=ListUsers")
    assert send(url, "POST", "/", known, CREATE)[0] == 403
