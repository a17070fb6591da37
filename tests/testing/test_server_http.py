"""What the server does with requests that no AWS client would send."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config

from mfakit.testing import Clock
from mfakit.testing.server import LARGEST_BODY, Server
from mfakit.testing.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.testing import AWSSimulator, User

pytestmark = pytest.mark.pythons

CLOCK = "/_mfakit/clock?advance=9000"


@pytest.fixture(autouse=True)
def _nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Whatever is sent, the server writes nothing: requests hold signatures and tokens."""
    yield
    assert capfd.readouterr() == ("", "")


@contextmanager
def served(
    handle: Callable[[Request], Response] | None = None, patience: float = 10
) -> Iterator[str]:
    """Serves requests with their own body, or as `handle` answers them."""

    def echo(request: Request) -> Response:
        return Response(200, (("Content-Type", "text/plain"),), request.body)

    server = Server(handle or echo, {}, "token", Clock(), patience=patience)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


def connect(url: str) -> socket.socket:
    host, _, port = urlsplit(url).netloc.partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def exchange(url: str, data: bytes) -> bytes:
    """Sends bytes as they stand, ends the sending, and returns all that comes back."""
    received = b""
    with connect(url) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(65536):
                received += more
        except ConnectionError:
            pass
    return received


def statuses(received: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]


def headers_of(aws: AWSSimulator, host: str = "127.0.0.1") -> bytes:
    return f"Host: {host}\r\nX-Mfakit-Token: {aws.control_token}\r\n".encode()


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example.com",
        "127.0.0.1.nip.io",
        "localhost.example.com:80",
        "127.0.0.1.",
        "localhost.",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "me@localhost",
        "localhost@example.com",
        "localhost/x",
        "localhost:80:80",
        "localhost:",
        "[::1",
        "::1",
        "[localhost]",
        "localhost, example.com",
        "127.0.0.1 example.com",
        "bucket.s3.amazonaws.com",
        "motoapi.amazonaws.com",
        "",
    ],
)
def test_hosts_that_are_not_loopback_are_refused(aws: AWSSimulator, url: str, host: str) -> None:
    """A name that DNS could rebind is refused before anything happens."""
    before = aws.clock.timestamp()
    got = exchange(url, b"POST %b HTTP/1.1\r\n%b\r\n" % (CLOCK.encode(), headers_of(aws, host)))
    assert statuses(got) == [403]
    assert aws.clock.timestamp() - before < 900


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.8.9.1:65535", "[::1]", "[::1]:80"]
)
def test_every_name_of_loopback_is_accepted(aws: AWSSimulator, url: str, host: str) -> None:
    """This includes those of IPv6, though the server listens on IPv4."""
    got = exchange(url, b"POST %b HTTP/1.1\r\n%b\r\n" % (CLOCK.encode(), headers_of(aws, host)))
    assert statuses(got) == [200]


@pytest.mark.parametrize(
    "request_head",
    [
        "POST {path} HTTP/1.1\r\n{token}",
        "POST {path} HTTP/1.0\r\n{token}",
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n{token}",
        "POST {path} HTTP/1.1\r\nHost: localhost\r\norigin: http://localhost\r\n{token}",
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin:\r\n{token}",
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nsec-fetch-site: none\r\n{token}",
        "POST http://localhost{path} HTTP/1.1\r\nHost: example.com\r\n{token}",
        "OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\n"
        "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Private-Network: true\r\n",
    ],
)
def test_requests_of_web_pages_are_refused_even_with_the_token(
    aws: AWSSimulator, url: str, request_head: str
) -> None:
    """A page gets no answer that it may read, and nothing is carried out."""
    before = aws.clock.timestamp()
    token = f"X-Mfakit-Token: {aws.control_token}\r\n"
    got = exchange(url, f"{request_head.format(path=CLOCK, token=token)}\r\n".encode())
    assert statuses(got) == [403]
    assert b"access-control" not in got.lower()
    assert aws.clock.timestamp() - before < 900


@pytest.mark.parametrize("path", ["clock?advance=9000", "code?user=alice", "fault"])
@pytest.mark.parametrize(
    ("method", "token", "status"),
    [
        ("POST", None, 403),
        ("POST", "wrong", 403),
        ("GET", None, 403),
        ("GET", "right", 405),
        ("PUT", "right", 405),
        ("HEAD", "right", 405),
    ],
)
def test_a_control_call_is_a_post_with_the_token(
    aws: AWSSimulator, url: str, path: str, method: str, token: str | None, status: int
) -> None:
    aws.create_user("alice").enable_virtual_mfa()
    before = aws.clock.timestamp()
    given = {"right": aws.control_token, "wrong": aws.control_token[:-1] + "!"}
    headers = {"X-Mfakit-Token": given[token]} if token else {}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(method, f"/_mfakit/{path}", b'{"operation": "*"}', headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == status
    assert not body if method == "HEAD" else list(json.loads(body)) == ["error"]
    assert aws.clock.timestamp() - before < 900
    assert aws.faults_left == []


@pytest.mark.parametrize("service", ["motoapi", "moto-api", "s3", "sts"])
@pytest.mark.parametrize("path", ["/moto-api/data.json", "/moto-api/", "/moto-api/reset"])
def test_motos_own_pages_are_not_served_to_signed_requests(
    aws: AWSSimulator, url: str, alice: User, service: str, path: str
) -> None:
    signed = AWSRequest("POST" if path.endswith("reset") else "GET", url + path)
    key: Any = alice.session().get_credentials()
    SigV4Auth(key, service, "us-east-1").add_auth(signed)
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request(signed.method, path, headers=dict(signed.headers))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status >= 400
    assert alice.secret_access_key.encode() not in body
    users: Any = aws.root.session().client("iam").list_users()["Users"]
    assert [user["UserName"] for user in users] == ["alice"]


@pytest.mark.parametrize(
    ("body", "arrived"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"2\r\nhe\r\n3;name=value\r\nllo\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", b"hello"),
        (b"0A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
        (b"0\r\n\r\n", b""),
    ],
)
def test_a_body_in_chunks_is_joined_and_the_connection_stays_open(
    body: bytes, arrived: bytes
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with served() as url:
        got = exchange(url, (head + body) * 2)
    assert statuses(got) == [200, 200]
    assert [part.partition(b"\r\n\r\n")[2] for part in got.split(b"HTTP/1.1")[1:]] == [arrived] * 2


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Transfer-Encoding: chunked", b"-5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"0x5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"1_0\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"3\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", b"9\r\nhello"),
        ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n" + b"a: b\r\n" * 1000 + b"\r\n"),
        ("Transfer-Encoding: chunked", b"ffffffffff\r\nhello"),
        ("Transfer-Encoding: gzip, chunked", b"5\r\nhello\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", b"5\r\nhello\r\n0\r\n\r\n"),
        ("Content-Length: 5\r\nContent-Length: 6", b"hello"),
        ("Content-Length: -1", b"hello"),
        ("Content-Length: +5", b"hello"),
        ("Content-Length: five", b"hello"),
        ("Content-Length: ", b"hello"),
        (f"Content-Length: {'9' * 5000}", b"hello"),
        ("Content-Length: 6", b"hello"),
    ],
)
def test_a_cut_or_ambiguous_body_is_refused_and_not_carried_out(headers: str, body: bytes) -> None:
    done: list[Request] = []

    def handle(request: Request) -> Response:
        done.append(request)
        return Response(200, (), b"")

    with served(handle) as url:
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n".encode()
        got = exchange(url, head + body)
    assert statuses(got) == [400]
    assert b"Connection: close" in got
    assert done == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ("Transfer-Encoding: chunked", b"%x\r\nhello" % (LARGEST_BODY + 1)),
        (f"Content-Length: {LARGEST_BODY + 1}", b"hello"),
    ],
)
def test_a_body_that_is_too_large_is_refused_before_it_is_read(headers: str, body: bytes) -> None:
    with served() as url:
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n".encode()
        got = exchange(url, head + body)
    assert statuses(got) == [413]
    assert b"Connection: close" in got


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/x\r\n\r\n",
        b"GET relative HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\xff\x00: \x00\r\n\r\n",
        b"GET /\x00\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: loc",
        b"",
    ],
)
def test_malformed_requests_never_succeed_and_do_not_stop_the_server(
    aws: AWSSimulator, url: str, data: bytes
) -> None:
    got = exchange(url, data)
    assert all(400 <= status < 600 for status in statuses(got))
    assert b"Traceback" not in got
    assert statuses(
        exchange(url, b"POST %b HTTP/1.1\r\n%b\r\n" % (CLOCK.encode(), headers_of(aws)))
    ) == [200]


def test_a_client_that_expects_continue_gets_it() -> None:
    with served() as url, connect(url) as connection:
        head = b"PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert (answer.status, answer.read()) == (200, b"hello")


def test_a_web_page_that_expects_continue_is_refused_at_once() -> None:
    """It never sends its body."""
    with served() as url, connect(url) as connection:
        head = b"PUT / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://a\r\nContent-Length: 5\r\n"
        connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert statuses(connection.recv(1000)) == [403]


def test_head_returns_the_length_without_a_body(aws: AWSSimulator, url: str, alice: User) -> None:
    """The connection stays open."""
    s3: Any = alice.session().client(
        "s3", endpoint_url=url, config=Config(signature_version="s3v4")
    )
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"hello")
    link = urlsplit(s3.generate_presigned_url("head_object", {"Bucket": "bucket", "Key": "key"}))
    head = f"HEAD {link.path}?{link.query} HTTP/1.1\r\nHost: {link.netloc}\r\n\r\n"
    refused = f"HEAD {link.path} HTTP/1.1\r\nHost: {link.netloc}\r\n\r\n"
    got = exchange(url, (head + refused + head).encode())
    assert statuses(got) == [200, 403, 200]
    assert got.lower().count(b"content-length: 5\r\n") == 2
    assert all(part.endswith(b"\r\n\r\n") for part in got.split(b"HTTP/1.1 ")[1:])


def test_a_connection_serves_many_requests() -> None:
    """They may be sent one after the other or all at once; HTTP/1.0 serves one."""
    request = b"POST / HTTP/1.%d\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi"
    with served() as url:
        assert statuses(exchange(url, request % 1 * 20)) == [200] * 20
        assert statuses(exchange(url, request % 0 * 20)) == [200]


def test_answers_have_no_injected_headers_and_allow_no_other_origins() -> None:
    headers = (
        ("X-A", "a\r\nSet-Cookie: b"),
        ("X-B", "\u65e5\u00e9"),
        ("Access-Control-Allow-Origin", "*"),
    )
    with served(lambda _: Response(200, headers, b"")) as url:
        got = exchange(url, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert b"\r\nX-A: a??Set-Cookie: b\r\n" in got
    assert b"\r\nX-B: ?\xe9\r\n" in got
    assert b"access-control" not in got.lower()


def test_a_silent_client_is_disconnected_while_others_are_served() -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf"
    with served(patience=0.5) as url, connect(url) as slow, connect(url) as slower:
        slow.sendall(head)
        slower.sendall(head[:20])
        assert statuses(exchange(url, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")) == [200]
        assert (slow.recv(100), slower.recv(100)) == (b"", b"")


def test_the_server_stops_at_once() -> None:
    """Clients may be connected, and an answer may be delayed."""
    with served(lambda _: Response(200, (), b"", delay=600)) as url:
        idle, waiting = connect(url), connect(url)
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 300
    for connection in (idle, waiting):
        with connection:
            assert connection.recv(100) == b""


def test_32_clients_at_the_same_moment_are_all_answered(
    aws: AWSSimulator, url: str, alice: User
) -> None:
    users = [aws.create_user(f"user{number}") for number in range(32)]
    alike = threading.Barrier(len(users))
    clients: list[Any] = [
        user.session().client(
            "sts", endpoint_url=url, config=Config(retries={"total_max_attempts": 1})
        )
        for user in users
    ]

    def call(client: Any) -> list[str]:
        alike.wait(30)
        return [client.get_caller_identity()["Arn"] for _ in range(5)]

    with ThreadPoolExecutor(len(users)) as pool:
        answers = list(pool.map(call, clients))
    assert answers == [[user.arn] * 5 for user in users]
    assert len(aws.calls) == 160
