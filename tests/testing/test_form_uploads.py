"""Uploads by HTML form, as `generate_presigned_post` prepares them."""

from __future__ import annotations

import hmac
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import boto3
import pytest
import requests
from botocore.auth import S3SigV4PostAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from tests.testing.statements import allow, document

from mfakit.testing import SimulatorError

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator, User

KEY = "inbox/report"
VERSION_4 = Config(signature_version="s3v4")  # not the default of boto3 everywhere


@pytest.fixture
def uploader(aws: AWSSimulator, alice: User) -> User:
    """A user who may put objects into one folder of a bucket, and do nothing else."""
    alice.session().client("s3").create_bucket(Bucket="bucket")
    into = allow("s3:PutObject", Resource="arn:aws:s3:::bucket/inbox/*")
    return aws.create_user("uploader", policy=document(into))


def prepared(user: User, url: str | None, key: str = KEY, **options: Any) -> tuple[str, dict]:
    """Return the address and the fields of a form that the user signed."""
    s3 = user.session().client("s3", region_name="us-east-1", endpoint_url=url, config=VERSION_4)
    form = s3.generate_presigned_post("bucket", key, **options)
    return form["url"], form["fields"]


def send(url: str, fields: dict, content: bytes = b"content", name: str = "f") -> Any:
    files = {"file": (name, content)}
    return requests.post(url, data=fields, files=files, timeout=20, allow_redirects=False)


def signed_by_hand(user: User, conditions: Any, service: str = "s3", end: Any = None) -> dict:
    """Return the fields of a form with any conditions and any end, signed for any service."""
    request = AWSRequest("POST", "https://bucket.s3.amazonaws.com/")
    fields = request.context["s3-presign-post-fields"] = {"key": KEY}
    end = end or (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    policy = {"expiration": end, "conditions": conditions}
    request.context["s3-presign-post-policy"] = policy
    keys = Credentials(user.access_key_id, user.secret_access_key)
    S3SigV4PostAuth(keys, service, "us-east-1").add_auth(request)
    return fields


def signature_of(user: User, fields: dict) -> str:
    """Return the signature of the policy among the fields."""
    signing = f"AWS4{user.secret_access_key}".encode()
    for part in fields["x-amz-credential"].split("/")[1:]:
        signing = hmac.digest(signing, part.encode(), "sha256")
    return hmac.digest(signing, fields["policy"].encode(), "sha256").hex()


def error(answer: Any) -> tuple[int, str, str]:
    root = ET.fromstring(answer.content)
    return answer.status_code, root.findtext("Code", ""), root.findtext("Message", "")


def stored(alice: User, key: str = KEY) -> Any:
    return alice.session().client("s3").get_object(Bucket="bucket", Key=key)


def test_a_form_stores_the_file_with_what_its_fields_say(alice, uploader, url) -> None:
    more = {
        "Content-Type": "text/plain",
        "x-amz-meta-origin": "form",
        "tagging": TAGGING,
    }
    conditions = [{name: value} for name, value in more.items()]
    answer = send(*prepared(alice, url, Fields=dict(more), Conditions=conditions))
    assert answer.status_code == 204, answer.text
    found = stored(alice)
    assert found["Body"].read() == b"content"
    assert (found["ContentType"], found["Metadata"]) == ("text/plain", {"origin": "form"})
    tags = alice.session().client("s3").get_object_tagging(Bucket="bucket", Key=KEY)["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}]
    assert answer.headers["ETag"] == found["ETag"]


def test_a_form_is_answered_in_process_too(alice, uploader) -> None:
    assert send(*prepared(uploader, None)).status_code == 204
    assert stored(alice)["Body"].read() == b"content"


def test_the_form_of_a_session_needs_its_token(aws, alice, url) -> None:
    device = alice.enable_virtual_mfa()
    alice.session().client("s3").create_bucket(Bucket="bucket")
    session = (
        alice.session()
        .client("sts")
        .get_session_token(SerialNumber=device.serial_number, TokenCode=device.code())[
            "Credentials"
        ]
    )
    keys = [session[n] for n in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    s3 = boto3.Session(*keys, region_name="us-east-1").client(
        "s3", endpoint_url=url, config=VERSION_4
    )
    form = s3.generate_presigned_post("bucket", KEY)
    fields = form["fields"]
    assert send(form["url"], fields).status_code == 204
    without = {name: v for name, v in fields.items() if name != "x-amz-security-token"}
    assert error(send(form["url"], without))[:2] == (400, "InvalidToken")


def test_what_the_signers_policy_does_not_allow_is_refused(alice, uploader, url) -> None:
    answer = send(*prepared(uploader, url, key="elsewhere"))
    assert error(answer)[:2] == (403, "AccessDenied")
    assert "s3:PutObject" in error(answer)[2]


TAGGING = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"


@pytest.mark.parametrize(
    ("field", "value", "action"),
    [("acl", "public-read", "s3:PutObjectAcl"), ("tagging", TAGGING, "s3:PutObjectTagging")],
)
def test_a_field_that_takes_a_permission_of_its_own_is_refused_without_it(
    uploader, url, field, value, action
) -> None:
    answer = send(*prepared(uploader, url, Fields={field: value}, Conditions=[{field: value}]))
    assert error(answer)[:2] == (403, "AccessDenied")
    assert action in error(answer)[2]


def test_no_field_turns_an_upload_into_a_copy(alice, url) -> None:
    s3 = alice.session().client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="secret", Body=b"secret")
    more = {"x-amz-copy-source": "/bucket/secret"}
    answer = send(*prepared(alice, url, Fields=more, Conditions=[more]))
    assert answer.status_code == 204
    assert stored(alice)["Body"].read() == b"content"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"key": "inbox/other"}, 'Policy Condition failed: ["eq", "$key", "inbox/report"]'),
        ({"x-amz-meta-more": "1"}, "Extra input fields: x-amz-meta-more"),
        ({"acl": "public-read"}, "Extra input fields: acl"),
    ],
)
def test_fields_that_the_policy_does_not_cover_are_refused(
    uploader, url, changed: dict, message: str
) -> None:
    to, fields = prepared(uploader, url)
    refused = error(send(to, {**fields, **changed}))
    assert refused == (403, "AccessDenied", f"Invalid according to Policy: {message}")


def test_a_policy_is_valid_for_its_bucket_alone(alice, uploader, url) -> None:
    alice.session().client("s3").create_bucket(Bucket="another")
    to, fields = prepared(alice, url)
    assert to.endswith("/bucket")
    refused = error(send(to.removesuffix("bucket") + "another", fields))
    assert refused[2].endswith('Policy Condition failed: ["eq", "$bucket", "bucket"]')


def test_a_policy_that_was_changed_is_refused(uploader, url) -> None:
    to, fields = prepared(uploader, url)
    other = prepared(uploader, url, key="inbox/other")[1]
    changed = fields | {"key": "inbox/other", "policy": other["policy"]}
    assert error(send(to, changed))[:2] == (403, "SignatureDoesNotMatch")


def test_a_policy_ends(uploader, url) -> None:
    to, fields = prepared(uploader, url, ExpiresIn=-1)
    expired = "Invalid according to Policy: Policy expired."
    assert error(send(to, fields)) == (403, "AccessDenied", expired)


@pytest.mark.parametrize(
    ("size", "refused"),
    [(1, (400, "EntityTooSmall")), (2, None), (4, None), (5, (400, "EntityTooLarge"))],
)
def test_the_policy_limits_the_size_of_the_file(uploader, url, size, refused) -> None:
    answer = send(
        *prepared(uploader, url, Conditions=[["content-length-range", 2, 4]]), b"x" * size
    )
    assert answer.status_code == 204 if refused is None else error(answer)[:2] == refused


def test_a_prefix_takes_the_name_of_the_file(alice, uploader, url) -> None:
    form = prepared(uploader, url, key="inbox/${filename}")
    assert send(*form, name="a/b.txt").status_code == 204
    assert stored(alice, "inbox/b.txt")["Body"].read() == b"content"


@pytest.mark.parametrize(("status", "answered"), [("200", 200), ("201", 201), ("404", 204)])
def test_the_form_chooses_the_status_of_the_answer(uploader, url, status, answered) -> None:
    more = {"success_action_status": status}
    answer = send(*prepared(uploader, url, Fields=more, Conditions=[more]))
    assert answer.status_code == answered
    if answered == 201:
        root = ET.fromstring(answer.content)
        assert (root.findtext("Bucket"), root.findtext("Key")) == ("bucket", KEY)
        assert root.findtext("ETag") == answer.headers["ETag"]


def test_the_form_chooses_where_the_browser_goes(uploader, url) -> None:
    more = {"success_action_redirect": "https://example.com/done?x=1"}
    answer = send(*prepared(uploader, url, Fields=more, Conditions=[more]))
    assert answer.status_code == 303
    to = answer.headers["Location"]
    assert to.startswith("https://example.com/done?x=1&bucket=bucket&key=inbox%2Freport&etag=")


def test_a_form_that_nobody_signed_needs_an_open_bucket(alice, uploader, url) -> None:
    to, _ = prepared(uploader, url)
    assert error(send(to, {"key": KEY}))[:2] == (403, "AccessDenied")
    everyone = allow("s3:PutObject", Principal="*", Resource="arn:aws:s3:::bucket/*")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
    alice.session().client("s3").put_bucket_policy(Bucket="bucket", Policy=policy)
    assert send(to, {"key": KEY}).status_code == 204


def test_the_key_of_a_form_has_to_be_known(uploader, url) -> None:
    to, fields = prepared(uploader, url)
    unknown = fields["x-amz-credential"].replace(uploader.access_key_id, "AKIAIOSFODNN7EXAMPLE")
    assert error(send(to, fields | {"x-amz-credential": unknown}))[1] == "InvalidAccessKeyId"


@pytest.mark.parametrize(
    ("fields", "files", "code"),
    [
        ({"key": KEY}, {"other": b"x"}, "IncorrectNumberOfFilesInPostRequest"),
        ({}, {"file": b"x"}, "InvalidArgument"),
        ({"key": KEY, "more": "x" * 20_001}, {"file": b"x"}, "MaxPostPreDataLengthExceeded"),
        ([("key", KEY), ("key", "inbox/other")], {"file": b"x"}, "MalformedPOSTRequest"),
    ],
)
def test_a_malformed_form_is_refused(uploader, url, fields, files, code) -> None:
    to, _ = prepared(uploader, url)
    assert error(requests.post(to, data=fields, files=files, timeout=20))[:2] == (400, code)


def test_a_body_that_is_no_form_is_refused(uploader, url) -> None:
    to, _ = prepared(uploader, url)
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = requests.post(to, data=b"nothing", headers={"Content-Type": kind}, timeout=20)
        assert error(answer)[:2] == (400, "MalformedPOSTRequest")


def test_a_form_is_sent_to_a_bucket_and_to_no_object(uploader, url) -> None:
    to, fields = prepared(uploader, url)
    assert error(send(f"{to}/{KEY}", fields))[:2] == (405, "MethodNotAllowed")


def test_a_form_with_an_old_signature_says_how_to_make_a_new_one(uploader, url) -> None:
    s3 = uploader.session().client("s3", region_name="us-east-1", endpoint_url=url)
    form = s3.generate_presigned_post("bucket", KEY)
    answer = send(form["url"], form["fields"])
    assert answer.status_code == 501
    assert 'signature_version="s3v4"' in error(answer)[2]


def test_a_form_is_signed_for_s3(uploader, url) -> None:
    to, _ = prepared(uploader, url)
    conditions = [{"bucket": "bucket"}, {"key": KEY}]
    assert send(to, signed_by_hand(uploader, list(conditions))).status_code == 204
    refused = error(send(to, signed_by_hand(uploader, list(conditions), service="iam")))
    assert refused[:2] == (403, "SignatureDoesNotMatch")
    assert "correct service: 's3'" in refused[2]


@pytest.mark.parametrize(
    "condition",
    [
        *(5, [], ["eq"], ["eq", 5, "x"], ["eq", "key", "x"], ["like", "$key", "x"]),
        *(["eq", "$key", 5], ["content-length-range", float("inf"), 5]),
    ],
)
def test_a_policy_that_is_malformed_is_refused(uploader, url, condition: Any) -> None:
    to, _ = prepared(uploader, url)
    refused = error(send(to, signed_by_hand(uploader, [condition])))
    assert refused[:2] == (400, "InvalidPolicyDocument")


def test_a_policy_that_is_nested_too_deeply_is_refused(uploader, url) -> None:
    to, fields = prepared(uploader, url)
    fields["policy"] = b64encode(b"[" * 12_000).decode()
    fields["x-amz-signature"] = signature_of(uploader, fields)
    assert error(send(to, fields))[:2] == (400, "InvalidPolicyDocument")


def test_a_value_that_is_no_text_is_refused_in_s3s_words(uploader, url) -> None:
    to, _ = prepared(uploader, url)
    conditions = [{"bucket": "bucket"}, {"key": KEY}, {"success_action_status": 201}]
    refused = error(send(to, signed_by_hand(uploader, conditions)))
    assert refused[2] == "Invalid Policy: Invalid Simple-Condition: value must be a string."


def test_a_refusal_shows_the_condition_as_the_policy_has_it(uploader, url) -> None:
    to, fields = prepared(uploader, url, Conditions=[["eq", "$X-Amz-Meta-A", "b"]])
    refused = error(send(to, fields))
    assert refused[2].endswith('Policy Condition failed: ["eq", "$X-Amz-Meta-A", "b"]')


def test_a_policy_has_to_name_the_bucket(uploader, url) -> None:
    to, _ = prepared(uploader, url)
    refused = error(send(to, signed_by_hand(uploader, [{"key": KEY}])))
    assert refused[:2] == (403, "AccessDenied")
    assert refused[2].endswith("Extra input fields: bucket")


def test_the_bucket_that_the_policy_names_is_the_one_that_is_written_to(
    alice, uploader, url
) -> None:
    """This holds however the URL spells it."""
    to, _ = prepared(uploader, url)
    spelled = "bu%63ket"
    conditions = [{"bucket": spelled}, {"key": KEY}]
    path = f"{to.removesuffix('bucket')}{spelled}"
    request = requests.Request(
        "POST", to, data=signed_by_hand(uploader, conditions), files={"file": b"x"}
    ).prepare()
    request.url = path
    assert error(requests.Session().send(request, timeout=20))[:2] == (403, "AccessDenied")


@pytest.mark.parametrize("host", ["s3-control", "s3"])
def test_no_form_is_a_call_of_s3_control(aws, alice, host) -> None:
    """Their paths would fit, if the key or the bucket is chosen well."""
    account = aws.account_id
    to, key = f"https://{account}.{host}.us-east-1.amazonaws.com/", "v20180820/accesspoint/name"
    bucket = account
    if host == "s3":
        to, bucket, key = f"https://{host}.us-east-1.amazonaws.com/v20180820", "v20180820", key[10:]
    content = b"<CreateAccessPointRequest><Bucket>bucket</Bucket></CreateAccessPointRequest>"
    s3 = alice.session().client("s3", config=VERSION_4)
    more = {"x-amz-account-id": account}
    form = s3.generate_presigned_post(bucket, key, Fields=dict(more), Conditions=[more])
    control = alice.session().client("s3control")
    try:
        control.list_access_points(AccountId=account)
    except SimulatorError:
        pytest.skip("this moto does not know S3 Control")
    assert error(send(to, form["fields"], content))[:2] == (405, "MethodNotAllowed")
    assert control.list_access_points(AccountId=account)["AccessPointList"] == []


def test_a_file_is_stored_as_it_is_even_if_a_field_says_that_it_is_in_chunks(
    alice, uploader, url
) -> None:
    """Otherwise the policy's limit of the size would be that of another content."""
    content = b"7\r\ncontent\r\n0\r\n\r\n"
    more = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "7",
    }
    conditions = [*({name: value} for name, value in more.items()), ["content-length-range", 8, 99]]
    form = prepared(uploader, url, Fields=dict(more), Conditions=conditions)
    assert send(*form, content).status_code == 204
    assert stored(alice)["Body"].read() == content


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\0b"])
def test_a_field_that_no_header_can_hold_is_refused(alice, uploader, url, value) -> None:
    more = {"x-amz-meta-a": value}
    answer = send(*prepared(uploader, url, Fields=dict(more), Conditions=[more]))
    assert error(answer)[:2] == (400, "InvalidArgument")


@pytest.mark.parametrize("field", ["acl", "x-amz-grant-read"])
def test_an_unknown_acl_is_refused(alice, url, field) -> None:
    alice.session().client("s3").create_bucket(Bucket="bucket")
    more = {field: "everybody"}
    answer = send(*prepared(alice, url, Fields=dict(more), Conditions=[more]))
    assert error(answer)[:2] == (400, "InvalidArgument")


@pytest.mark.parametrize("about", [b"Content-Disposition: form-data", b"Content-Disposition"])
def test_a_part_without_a_name_is_refused(uploader, url, about) -> None:
    to, _ = prepared(uploader, url)
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    body = b"--b\r\n%b\r\n\r\nx\r\n--b--\r\n" % about
    answer = requests.post(to, data=body, headers=kind, timeout=20)
    assert error(answer)[:2] == (400, "MalformedPOSTRequest")


@pytest.mark.parametrize("name", ["x-amz-algorithm", "x-amz-credential"])
def test_half_a_signature_is_not_none(alice, uploader, url, name) -> None:
    """An upload that anybody may make is not made under it."""
    to, fields = prepared(uploader, url)
    everyone = allow("s3:PutObject", Principal="*", Resource="arn:aws:s3:::bucket/*")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
    alice.session().client("s3").put_bucket_policy(Bucket="bucket", Policy=policy)
    del fields[name]
    assert send(to, fields).status_code in (403, 501)


@pytest.mark.parametrize(
    ("to", "found"),
    [
        ("https://example.com/#top", "https://example.com/?bucket=bucket&key=inbox%2Freport&etag="),
        ("https://example.com/\u00e9\r\nA: b", "https://example.com/%C3%A9%0D%0AA:%20b?bucket="),
        *[(to, "") for to in ("done", "/done", "javascript:alert(1)", "http://[::1", "//x/")],
    ],
)
def test_a_browser_is_sent_to_urls_only(uploader, to, found) -> None:
    """S3 takes a field with anything else as absent."""
    more = {"success_action_redirect": to}
    answer = send(*prepared(uploader, None, Fields=dict(more), Conditions=[more]))
    assert answer.status_code == (303 if found else 204)
    assert not found or answer.headers["Location"].startswith(found)
    assert ("#top" in to) == answer.headers["Location"].endswith("#top")


def test_a_form_meets_faults_as_other_calls_do(aws, alice, uploader, url) -> None:
    form = prepared(uploader, url)
    aws.drop_next("PutObject", after=True)
    with pytest.raises(requests.ConnectionError):
        send(*form)
    assert stored(alice)["Body"].read() == b"content"
