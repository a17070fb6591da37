"""The simulator over raw HTTP, and the AWS CLI against it."""

from __future__ import annotations

import http.client
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator, Device, User

AWS_CLI = Path(sys.executable).with_name("aws")


def send(url: str, method: str, path: str, **headers: str) -> tuple[int, dict[str, Any], Any]:
    """Send a request as it stands; underscores in header names become dashes."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        response = connection.getresponse()
        body = response.read()
        return response.status, dict(response.headers), body
    finally:
        connection.close()


def control(aws: AWSSimulator, url: str, path: str) -> tuple[int, Any]:
    status, _, body = send(url, "POST", f"/_mfakit/{path}", X_Mfakit_Token=aws.control_token)
    return status, json.loads(body)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "example.com"},
        {"Host": "169.254.169.254"},
        {"Host": "localhost.example.com"},
        {"Host": ""},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "same-origin"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/_mfakit/clock?advance=1", "/moto-api/data.json"])
def test_web_pages_are_refused(
    aws: AWSSimulator, url: str, path: str, headers: dict[str, str]
) -> None:
    """A foreign Host, an Origin or a Sec-Fetch-Site is refused even with the token."""
    status, answered, _ = send(url, "POST", path, X_Mfakit_Token=aws.control_token, **headers)
    assert status == 403
    assert not [name for name in answered if name.lower().startswith("access-control")]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:1234", "bucket.localhost"])
def test_loopback_hosts_are_accepted(aws: AWSSimulator, url: str, host: str) -> None:
    headers = {"Host": host, "X_Mfakit_Token": aws.control_token}
    assert send(url, "POST", "/_mfakit/clock?advance=1", **headers)[0] == 200


@pytest.mark.parametrize("token", [{}, {"X_Mfakit_Token": ""}, {"X_Mfakit_Token": "é"}])
def test_control_calls_need_the_token(url: str, token: dict[str, str]) -> None:
    assert send(url, "POST", "/_mfakit/clock?advance=1", **token)[0] == 403


def test_control_calls_are_post_only(aws: AWSSimulator, url: str) -> None:
    """An unknown call says so."""
    token = {"X_Mfakit_Token": aws.control_token}
    assert send(url, "GET", "/_mfakit/clock?advance=1", **token)[0] == 405
    assert send(url, "POST", "/_mfakit/unheard", **token)[0] == 404


def test_motos_control_pages_are_not_served(url: str) -> None:
    for method, path in (("GET", "/moto-api/data.json"), ("POST", "/moto-api/reset")):
        assert send(url, method, path)[0] in (403, 405)


def test_control_hands_out_codes_one_by_one(
    aws: AWSSimulator, url: str, alice: User, device: Device
) -> None:
    """If none is left, there is a time to wait, or the clock moves."""
    codes = []
    while (answer := control(aws, url, "code?user=alice"))[0] == 200:
        codes.append(answer[1]["code"])
        assert 0 < answer[1]["valid_for_seconds"] <= 150
    assert 4 <= len(set(codes)) == len(codes)
    assert answer[0] == 409
    assert 1 <= answer[1]["retry_after_seconds"] <= 31
    status, moved = control(aws, url, "code?user=alice&advance=true")
    assert (status, moved["code"] in codes) == (200, False)
    assert control(aws, url, "code?user=nobody")[0] == 404


def test_control_moves_the_clock_in_both_directions(aws: AWSSimulator, url: str) -> None:
    """What is no number is refused."""
    before = aws.clock.timestamp()
    status, answer = control(aws, url, "clock?advance=3600")
    assert (status, answer["now"][-6:]) == (200, "+00:00")
    assert aws.clock.timestamp() - before == pytest.approx(3600, abs=5)
    control(aws, url, "clock?advance=-3600")
    assert aws.clock.timestamp() - before == pytest.approx(0, abs=5)
    for nonsense in ("x", "nan", "inf", "1e300"):
        assert control(aws, url, f"clock?advance={nonsense}")[0] == 400


def test_a_streaming_upload_with_a_trailer_arrives_whole(alice: User, url: str) -> None:
    s3: Any = alice.session().client("s3", endpoint_url=url)
    s3.create_bucket(Bucket="bucket")
    content = b"abc" * 100_000
    body = io.BytesIO(content)
    s3.put_object(Bucket="bucket", Key="k", Body=body, ChecksumAlgorithm="SHA256")
    assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == content


def test_a_body_in_chunks_is_read_to_its_end(aws: AWSSimulator, url: str) -> None:
    """The connection stays open."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    headers = {"X-Mfakit-Token": aws.control_token}
    for _ in range(2):
        path = "/_mfakit/clock?advance=1"
        connection.request("POST", path, iter([b"ab", b"c"]), headers, encode_chunked=True)
        response = connection.getresponse()
        assert (response.status, bool(response.read())) == (200, True)
    connection.close()


def test_a_bucket_in_the_host_name_is_understood(alice: User, url: str) -> None:
    plain: Any = alice.session().client("s3", endpoint_url=url)
    plain.create_bucket(Bucket="bucket")
    plain.put_object(Bucket="bucket", Key="a/b", Body=b"content")
    config = Config(s3={"addressing_style": "virtual"}, signature_version="s3v4")
    by_name = url.replace("127.0.0.1", "localhost")
    s3: Any = alice.session().client("s3", endpoint_url=by_name, config=config)
    link = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "a/b"}))
    assert link.netloc.startswith("bucket.localhost:")
    status, _, body = send(url, "GET", f"{link.path}?{link.query}", Host=link.netloc)
    assert (status, body) == (200, b"content")


@pytest.mark.skipif(not AWS_CLI.exists(), reason="the AWS CLI is not installed")
def test_the_aws_cli_gets_and_uses_a_session(
    aws: AWSSimulator, url: str, alice: User, device: Device
) -> None:
    """The used code is refused."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ) | variables
        command = [str(AWS_CLI), *arguments, "--endpoint-url", url, "--region", "us-east-1"]
        return subprocess.run(  # noqa: PLW1510 - the tests look at the code
            command, env=environment, capture_output=True, text=True, timeout=60
        )

    long_term = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    login = ["sts", "get-session-token", "--serial-number", device.serial_number]
    login += ["--token-code", device.code()]
    done = run(*login, **long_term)
    assert done.returncode == 0, done.stderr
    given = json.loads(done.stdout)["Credentials"]
    session = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    assert run("s3", "mb", "s3://bucket", **session).returncode == 0
    assert "bucket" in run("s3", "ls", **session).stdout
    again = run(*login, **long_term)
    assert again.returncode != 0
    assert "invalid MFA one time pass code" in again.stderr
