"""`mfakit console`: a link that signs in to the AWS console with the session of a role."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.roles import make_role

import mfakit
from mfakit.testing import AWSSimulator

ROLE = "arn:aws:iam::123456789012:role/all"


@pytest.fixture
def logged_in(home, aws, alice):
    make_role(aws, "all", alice.arn)
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    url = home.environ["AWS_ENDPOINT_URL"]
    home.environ["MFAKIT_FEDERATION_URL"] = f"{url}/federation"
    return home


def get(link: str) -> tuple[int, str, bytes]:
    """Ask as a browser that follows no redirect; return the status, where it leads and the body."""
    url = urlsplit(link)
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    connection.request("GET", f"{url.path}?{url.query}")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.getheader("Location", ""), body


def test_the_link_signs_in_to_the_page_of_a_service(logged_in, aws) -> None:
    """It is all that is on standard output, and there is no key in it."""
    done = logged_in.mfakit("console", "--role-arn", ROLE, "--service", "s3", "--duration", "30m")
    assert done.returncode == 0, done.stderr
    link = done.stdout.strip()
    asked = parse_qs(urlsplit(link).query)
    assert (asked["Action"], asked["Issuer"]) == (["login"], ["mfakit"])
    status, leads_to, _ = get(link)
    assert status == 302
    assert leads_to == "https://console.aws.amazon.com/s3/home?region=us-east-1"
    assert "ASIA" not in link
    assert re.search(r"lasts (30m|29m\d\ds)", done.stderr)
    assert "a session has one hour at most" in done.stderr
    aws.clock.advance(minutes=16)
    assert get(link)[0] == 400


@pytest.mark.parametrize(
    ("region", "partition", "console"),
    [
        ("cn-north-1", "aws-cn", "console.amazonaws.cn"),
        ("us-gov-west-1", "aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_link_leads_to_the_console_of_the_partition(home, region, partition, console) -> None:
    with AWSSimulator(region=region) as aws, aws.serve() as url:
        alice = aws.create_user("alice")
        device = alice.enable_virtual_mfa()
        make_role(aws, "all", alice.arn)
        role = ROLE.replace("arn:aws:", f"arn:{partition}:")
        home.environ |= {"AWS_ENDPOINT_URL": url, "AWS_REGION": region}
        home.environ["MFAKIT_FEDERATION_URL"] = f"{url}/federation"
        home.write_credentials(
            f"[default]\naws_access_key_id = {alice.access_key_id}\n"
            f"aws_secret_access_key = {alice.secret_access_key}\n"
        )
        assert home.mfakit("login", "--token-code", device.code()).returncode == 0
        done = home.mfakit("console", "--role-arn", role)
        assert done.returncode == 0, done.stderr
        assert get(done.stdout.strip())[:2] == (
            302,
            f"https://{console}/console/home?region={region}",
        )


def test_open_hands_the_link_to_a_browser_without_showing_it_to_other_users(logged_in) -> None:
    seen = logged_in.folder / "seen"
    browser = logged_in.folder / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" > {seen}\ncat "${{1#file://}}" >> {seen}\n')
    browser.chmod(0o755)
    began = time.monotonic()
    done = logged_in.mfakit("console", "--role-arn", ROLE, "--open", BROWSER=str(browser))
    assert (done.returncode, done.stdout) == (0, "")
    arguments, page = seen.read_text().splitlines()
    assert "SigninToken" not in arguments
    assert "SigninToken" in page
    assert time.monotonic() - began < 60


def test_the_endpoint_refuses_what_aws_refuses(logged_in, aws, alice) -> None:
    """These are a user's session, a long-term key, and a duration for a role of a session."""
    url = logged_in.environ["MFAKIT_FEDERATION_URL"]

    def ask(key: str, secret: str, token: str, **more: str) -> int:
        session = {"sessionId": key, "sessionKey": secret, "sessionToken": token}
        query = {"Action": "getSigninToken", "Session": json.dumps(session)} | more
        return get(f"{url}?{urlencode(query)}")[0]

    def parts(answer):
        found = answer["Credentials"]
        return found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]

    user = mfakit.read_session("mfa", environ=logged_in.environ)
    mine = user.access_key_id, user.secret_access_key, user.session_token
    assert ask(*mine) == 400
    assert ask(alice.access_key_id, alice.secret_access_key, "") == 400
    asked = {"RoleArn": ROLE, "RoleSessionName": "me"}
    code = {"SerialNumber": alice.device.serial_number, "TokenCode": alice.device.code()}
    own = parts(alice.session().client("sts").assume_role(**asked, **code))
    assert [ask(*own), ask(*own, SessionDuration="43200")] == [200, 200]
    assert [ask(*own, SessionDuration="899"), ask(own[0], "x", own[2])] == [400, 400]
    done = logged_in.mfakit("credential-process", "--role-arn", ROLE)
    kept = json.loads(done.stdout)
    chained = kept["AccessKeyId"], kept["SecretAccessKey"], kept["SessionToken"]
    assert [ask(*chained), ask(*chained, SessionDuration="3600")] == [200, 400]
    assert get(f"{url}?Action=getSigninToken&Session=x")[0] == 400
    assert get(f"{url}?Action=login&SigninToken=x&Destination=https://x")[0] == 400


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"[" * 60000, b""],
)
def test_an_answer_that_is_no_sign_in_token_is_an_error_of_two_lines(logged_in, answer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def attend() -> None:
            connection = listening.accept()[0]
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        threading.Thread(target=attend, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/federation"
        done = logged_in.mfakit("console", "--role-arn", ROLE, MFAKIT_FEDERATION_URL=url)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-2].startswith(("mfakit: the sign-in", "mfakit: what the sign"))


def test_a_port_of_the_federation_endpoint_that_is_no_number_is_an_error(logged_in) -> None:
    url = "http://127.0.0.1:x/federation"
    done = logged_in.mfakit("console", "--role-arn", ROLE, MFAKIT_FEDERATION_URL=url)
    assert (done.returncode, "cannot be reached (InvalidURL)" in done.stderr) == (1, True)


def test_no_proxy_sees_the_session_that_goes_to_loopback(logged_in) -> None:
    url = logged_in.environ["MFAKIT_FEDERATION_URL"].replace("127.0.0.1", "localhost")
    proxy = {"http_proxy": "http://127.0.0.1:9", "no_proxy": "127.0.0.1"}
    done = logged_in.mfakit("console", "--role-arn", ROLE, MFAKIT_FEDERATION_URL=url, **proxy)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("options", "environ", "message"),
    [
        ([], {}, "but one of a role"),
        (["--role-arn", ROLE, "--duration", "2h"], {}, "lasts 15m to 1h"),
        (["--role-arn", ROLE.replace("aws", "aws-iso")], {}, "no console of the partition"),
        (["--role-arn", ROLE], {"MFAKIT_FEDERATION_URL": "https://evil.example/"}, "not this"),
        (["--role-arn", ROLE], {"MFAKIT_FEDERATION_URL": "http://127.0.0.1@evil.example/"}, "not"),
        (["--role-arn", ROLE], {"MFAKIT_FEDERATION_URL": "file:///etc/passwd"}, "not this"),
        (["--role-arn", ROLE], {"MFAKIT_FEDERATION_URL": "http://[::1"}, "not this"),
        (["--policy", "/nowhere"], {}, "no meaning without one"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(home, options, environ, message) -> None:
    done = home.mfakit("console", *options, **environ)
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 2)
    assert message in done.stderr.splitlines()[0] + done.stderr.splitlines()[1]
