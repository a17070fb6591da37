"""In this process nothing that is meant for AWS reaches the network, whatever sends it."""

from __future__ import annotations

import asyncio
import http.client
import os
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
import urllib3
from botocore.config import Config

from mfakit.testing import AWSSimulator, SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AWS = "prod-bucket.s3.amazonaws.com"


@contextmanager
def recording_proxy() -> Iterator[tuple[str, list[str]]]:
    """Serve a proxy on loopback that passes nothing on; gives its URL, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self.answer
            raise AttributeError(name)

        def answer(self) -> None:
            asked.append(f"{self.command} {self.path}")
            self.send_response(502)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """Clients that read the environment use a proxy, which would see their requests."""
    with recording_proxy() as (url, asked):
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALREALREALREAL")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s" * 40)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield url, asked


def through_a_tunnel(proxy: str) -> None:
    connection = http.client.HTTPSConnection(proxy.removeprefix("http://"))
    connection.set_tunnel(AWS, 443)
    connection.request("DELETE", "/k")


def to_a_proxy(proxy: str, target: str = f"http://{AWS}/k", method: str = "DELETE") -> None:
    connection = http.client.HTTPConnection(proxy.removeprefix("http://"))
    connection.request(method, target)


def by_a_stream(_: str) -> None:
    async def connect() -> None:
        await asyncio.open_connection(AWS, 443)

    asyncio.run(connect())


WAYS: dict[str, Callable[[str], Any]] = {
    "http.client, direct": lambda _: http.client.HTTPSConnection(AWS).request("DELETE", "/k"),
    "http.client, through a tunnel": through_a_tunnel,
    "http.client, to a proxy": to_a_proxy,
    "http.client, in capitals": lambda proxy: to_a_proxy(proxy, f"HTTP://{AWS}/k"),
    "http.client, CONNECT": lambda proxy: to_a_proxy(proxy, f"{AWS}:443", "CONNECT"),
    "urllib, in capitals": lambda _: urllib.request.urlopen(f"HTTP://{AWS.upper()}/k"),
    "urllib, escaped": lambda _: urllib.request.urlopen(f"http://{AWS.replace('a', '%61')}/k"),
    "the sign-in of China": lambda _: urllib.request.urlopen("http://signin.amazonaws.cn/"),
    "urllib": lambda _: urllib.request.urlopen(f"https://{AWS}/k"),
    "urllib, no TLS": lambda _: urllib.request.urlopen(f"http://{AWS}/k"),
    "urllib3": lambda proxy: urllib3.ProxyManager(proxy).request("DELETE", f"https://{AWS}/k"),
    "urllib3, no TLS": lambda proxy: urllib3.ProxyManager(proxy).request("GET", f"http://{AWS}/"),
    "urllib3, by name": lambda proxy: urllib3.ProxyManager(proxy).urlopen(
        method="GET", url=f"https://{AWS}/"
    ),
    "asyncio": by_a_stream,
    "a socket": lambda _: socket.create_connection((AWS, 443)),
    "a socket in other letters": lambda _: socket.create_connection((AWS.upper() + ".", 443)),
    "a look-up": lambda _: socket.gethostbyname(AWS),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_other_clients_are_refused_with_an_error_about_aws_server(
    proxy: Any, way: Callable[[str], Any]
) -> None:
    """Neither a proxy nor a resolver gets anything."""
    url, asked = proxy
    with AWSSimulator(), pytest.raises(SimulatorError, match=r"was not called.*aws_server"):
        way(url)
    assert asked == []


def test_boto3_and_requests_are_answered(proxy: Any) -> None:
    """Real keys are unknown to the simulator."""
    with AWSSimulator():
        s3: Any = boto3.client("s3")
        with pytest.raises(s3.exceptions.ClientError, match="InvalidAccessKeyId"):
            s3.delete_object(Bucket="prod-bucket", Key="k")
        for host in (AWS, f"{AWS}."):
            assert requests.delete(f"https://{host}/k", timeout=5).status_code == 403
    assert proxy[1] == []


def test_a_client_with_another_endpoint_is_refused(
    proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endpoint may come from an argument or from the environment."""
    with AWSSimulator():
        with pytest.raises(SimulatorError, match=r"another endpoint than AWS's: .* minio"):
            boto3.client("s3", endpoint_url="http://minio.example").list_buckets()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://minio.example")
        with pytest.raises(SimulatorError, match=r"another endpoint than AWS's: .* minio"):
            boto3.client("s3").list_buckets()
    assert proxy[1] == []


def test_calls_to_other_hosts_are_let_through(proxy: Any) -> None:
    with AWSSimulator():
        answer = urllib3.ProxyManager(proxy[0]).request("GET", "http://example.com/")
        assert answer.status == 502
    assert proxy[1] == ["GET http://example.com/"]


SCRIPT = """
import boto3
from botocore.config import Config
config = Config(retries={"total_max_attempts": 1})
print(boto3.client("sts", config=config).get_caller_identity()["Arn"])
"""


def test_sdks_in_child_processes_call_the_server_or_an_unused_address(
    proxy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> Any:
        return subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
        )

    with AWSSimulator() as aws:
        alice = aws.create_user("alice")
        refused = run()
        assert refused.returncode == 1
        assert "the-URL-of-aws_server-as-AWS_ENDPOINT_URL" in refused.stderr
        with aws.serve():
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", alice.access_key_id)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", alice.secret_access_key)
            assert run().stdout.strip() == alice.arn
    assert proxy[1] == []


def test_all_clients_work_as_before_after_the_simulator() -> None:
    """Modules that were imported meanwhile work too."""
    owners = (socket, socket.socket, http.client.HTTPConnection, subprocess.Popen)
    before = [dict(vars(owner)) for owner in owners]
    finders = list(sys.meta_path)
    with AWSSimulator():
        assert [dict(vars(owner)) for owner in owners] != before
    assert [dict(vars(owner)) for owner in owners] == before
    assert sys.meta_path == finders


def test_the_environment_of_this_process_is_unchanged() -> None:
    with AWSSimulator():
        assert "AWS_ENDPOINT_URL" not in os.environ
        config = Config(retries={"total_max_attempts": 1})
        assert boto3.client("s3", "us-east-1", config=config).meta.endpoint_url.endswith("aws.com")
