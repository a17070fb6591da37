"""The endpoint that hands the session to a command: who gets it, and who does not."""

from __future__ import annotations

import os
import socket
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.serving.conftest import ask, keep, noted, served, wait_until

from mfakit import remove_session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
STALE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
KEYS = "aws_access_key_id = AKIAX\naws_secret_access_key = x\n"
PROFILE = """
[profile mfa]
region = eu-west-1
ca_bundle = /ca.pem
output = text
endpoint_url = http://127.0.0.1:9
retry_mode = adaptive
max_attempts = 7
use_fips_endpoint = true
use_dualstack_endpoint = true
"""


def raw(environ: dict[str, str], request: bytes) -> bytes:
    """Send bytes to the endpoint; return its whole answer."""
    url = urlsplit(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_the_holder_of_the_token_gets_the_session_and_nobody_else(held) -> None:
    with served(held) as command:
        environ = command.environ
        token = environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        status, session = ask(environ)
        assert (status, session["AccessKeyId"], session["Token"]) == (200, "ASIA1", "token")
        assert sorted(session) == ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]
        assert session["Expiration"].endswith("Z")
        refusals = [
            (403, "Forbidden", {"Authorization": "x" * 64}),
            (403, "Forbidden", {"Authorization": ""}),
            (403, "Forbidden", {"Authorization": f"Bearer {token}"}),
            (403, "Forbidden", {"Host": "evil.example"}),
            (403, "Forbidden", {"Host": "evil.example:127.0.0.1"}),
            (403, "Forbidden", {"Origin": "http://127.0.0.1"}),
            (403, "Forbidden", {"Origin": "null"}),
            (403, "Forbidden", {"Sec-Fetch-Site": "cross-site"}),
            (404, "NotFound", {"path": "/"}),
            (404, "NotFound", {"path": "/session?x"}),
        ]
        for status, code, headers in refusals:
            found, content = ask(environ, **headers)
            assert (found, content["code"], "ASIA1" in str(content)) == (status, code, False)
            assert sorted(content) == ["code", "message"]
        for method in ("POST", "PUT", "HEAD", "OPTIONS", "get"):
            answer = raw(environ, request_of(environ, method))
            assert answer.startswith(b"HTTP/1.1 405 "), method
        assert ask(environ, Host="localhost:1")[0] == 200  # through a tunnel, say of ssh
        lines = [Path(p, "cmdline") for p in Path("/proc").glob("[0-9]*")]
        assert not any(token in p.read_bytes().decode("latin-1") for p in lines if p.exists())
        assert token not in noted(held)


def request_of(environ: dict[str, str], method: str = "GET") -> bytes:
    host = urlsplit(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]).netloc
    token = environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
    return f"{method} /session HTTP/1.1\r\nHost: {host}\r\nAuthorization: {token}\r\n\r\n".encode()


def test_malformed_long_and_many_requests_are_cut_off(held) -> None:
    """The endpoint answers all others meanwhile, and no answer may be read by a web page."""
    with served(held) as command:
        environ = command.environ
        good = request_of(environ)
        for bad in (
            b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"GET /session HTTP/2\r\n\r\n",
            good.replace(b"Host", b"no colon\r\nHost").replace(b"no colon", b": x"),
            b"\x16\x03\x01\x02\x00\xff\x00\r\n\r\n",
            b"GET /session HTTP/1.1\r\nX: " + b"x" * 9000,
            good.replace(b"Host:", b"Origin : http://evil.example\r\nHost:"),
            good.replace(b"Authorization:", b" Origin: http://evil.example\r\nAuthorization:"),
        ):
            assert raw(environ, bad).startswith(b"HTTP/1.1 400 "), bad[:40]
        for twice in (b"Host: evil.example\r\n", b"Authorization: x\r\n"):
            assert b" 403 " in raw(environ, good.replace(b"Host:", twice + b"Host:"))[:20]
        assert b"access-control" not in raw(environ, good).lower()
        url = urlsplit(environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
        idle = [socket.create_connection((url.hostname, url.port)) for _ in range(300)]
        assert ask(environ)[0] == 200
        for connection in idle:
            connection.close()
        assert ask(environ)[0] == 200


def test_the_command_gets_no_key_and_all_that_leads_to_the_endpoint(held) -> None:
    """Settings of the session profile go along, since programs see another profile."""
    held.write_credentials(held.credentials.read_text() + f"[default]\n{KEYS}")
    held.write_config(PROFILE)
    stale = dict.fromkeys(STALE, "x")
    with served(held, "-p", "mfa", **stale) as command:
        ours = {k: v for k, v in command.environ.items() if k.startswith(("AWS_", "MFAKIT_"))}
    assert ours.pop("AWS_CONTAINER_CREDENTIALS_FULL_URI").startswith("http://127.0.0.1:")
    assert len(ours.pop("AWS_CONTAINER_AUTHORIZATION_TOKEN")) == len("mfakit-") + 64
    for name in ("AWS_EC2_METADATA_DISABLED", "AWS_PAGER"):
        ours.pop(name)  # of every home in the tests
    assert ours == {
        "AWS_PROFILE": "mfakit-served",
        "MFAKIT_PROFILE": "mfa",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CA_BUNDLE": "/ca.pem",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_DEFAULT_OUTPUT": "text",
        "AWS_RETRY_MODE": "adaptive",
        "AWS_MAX_ATTEMPTS": "7",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
    }


def test_what_the_environment_sets_stays_whatever_the_profile_says(held) -> None:
    settings = {
        "AWS_CA_BUNDLE": "/mine.pem",
        "AWS_DEFAULT_OUTPUT": "yaml",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:8",
        "AWS_RETRY_MODE": "legacy",
        "AWS_MAX_ATTEMPTS": "2",
        "AWS_USE_FIPS_ENDPOINT": "false",
        "AWS_USE_DUALSTACK_ENDPOINT": "false",
    }
    held.write_config(PROFILE)
    with served(held, "-p", "mfa", **settings) as command:
        assert {name: command.environ[name] for name in settings} == settings


def test_the_profile_for_programs_is_written_once_and_a_note_says_so(held) -> None:
    held.write_config("# mine\n[default]\nregion = us-east-1")
    with served(held):
        assert "wrote the empty profile mfakit-served" in noted(held)
    text = held.config.read_text()
    assert text == "# mine\n[default]\nregion = us-east-1\n\n[profile mfakit-served]\n"
    with served(held):
        assert noted(held) == ""
    assert held.config.read_text() == text
    assert stat.S_IMODE(held.config.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "line",
    [
        KEYS.splitlines()[0],
        "role_arn = x",
        "credential_process = x",
        "sso_session = x",
        "sso_account_id = x",
    ],
)
def test_a_profile_for_programs_with_credentials_is_refused(held, line: str) -> None:
    held.write_config(f"[profile mfakit-served]\nregion = x\n{line}\n")
    done = held.mfakit("exec", "--serve", "--", "true")
    assert done.returncode == 125
    problem, cure = done.stderr.splitlines()
    assert "has credentials" in problem
    assert f"remove {line.split(maxsplit=1)[0]} from it: {held.config}, line 3" in cure


def test_a_profile_that_cannot_be_written_is_named_with_its_line(held) -> None:
    path = "/proc/nowhere/config"
    done = held.mfakit("exec", "--serve", "--", "true", AWS_CONFIG_FILE=path)
    assert done.returncode == 125
    assert f"write this line into {path} yourself: [profile mfakit-served]" in done.stderr


def test_no_session_is_ever_kept_in_the_profile_for_programs(held) -> None:
    """That profile, in AWS_PROFILE, leads to MFAKIT_PROFILE, else to mfa."""
    done = held.mfakit("login", "-p", "mfakit-served", "--token-code", "123456")
    assert (done.returncode, "has to be empty" in done.stderr) == (1, True)
    keep(held, "ASIA2", profile="work")
    names = {"AWS_PROFILE": "mfakit-served"}
    show = ["exec", "--", "printenv", "AWS_ACCESS_KEY_ID"]
    assert held.mfakit(*show, **names).stdout == "ASIA1\n"
    assert held.mfakit(*show, **names, MFAKIT_PROFILE="work").stdout == "ASIA2\n"


def test_a_login_elsewhere_is_served_and_a_logout_ends_it(held) -> None:
    with served(held) as command:
        keep(held, "ASIA2")
        assert ask(command.environ)[1]["AccessKeyId"] == "ASIA2"
        remove_session("mfa", environ=held.environ)
        status, error = ask(command.environ)
        assert (status, error["code"]) == (503, "SessionEnded")
        assert error["message"].endswith("mfakit login --profile mfa")
        held.credentials.write_text("no section\n")
        assert ask(command.environ)[1]["code"] == "Failed"
        keep_again = held.credentials
        keep_again.unlink()
        keep(held, "ASIA3")
        assert ask(command.environ)[1]["AccessKeyId"] == "ASIA3"


def test_a_due_session_that_cannot_be_renewed_is_said_once_in_one_line(held) -> None:
    """It is handed out as long as it lasts; the terminal is never read."""
    keep(held, minutes=20)
    quiet = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "XDG_RUNTIME_DIR": "/nowhere"}
    with served(held, **quiet) as command:
        said = wait_until(lambda: "was not renewed" in noted(held) and noted(held))
        assert ask(command.environ)[0] == 200
    *_, line = said.splitlines()
    assert line.endswith("log in, in another terminal: mfakit login --profile mfa")


def test_exec_serve_is_the_command_itself(held) -> None:
    """Exit code, process, group and errors are those of plain exec; its files are not kept open."""
    run = [sys.executable, "-m", "mfakit", "exec", "--serve", "--"]
    assert held.run(*run, "sh", "-c", "exit 42").returncode == 42
    assert held.run(*run, "no-such-program").returncode == 127
    assert held.run(*run, "").returncode == 127
    assert held.run(*run, str(held.credentials)).returncode == 126
    done = held.run(
        "sh", "-c", 'echo $$; exec "$@"', "sh", *run, "sh", "-c", "echo $$; ps -o pid= --ppid $$"
    )
    first, second, *children = done.stdout.split()
    assert first == second
    assert len(children) == 1  # ps itself; the server is nobody's child
    with (held.folder / "lock").open("w") as lock, served(held, files=(lock.fileno(),)) as command:
        assert lock.name in open_files(command.process.pid)
        assert lock.name not in open_files(command.server)


def open_files(pid: int) -> set[str]:
    return {os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()}


def test_explain_names_the_endpoint_and_what_comes_before_it(held) -> None:
    """It names them for every SDK, inside the command."""
    with served(held) as command:
        url = command.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
        for sdk in ("boto3", "cli", "js"):
            done = held.mfakit("explain", "--sdk", sdk, **command.environ, AWS_REGION="us-east-1")
            assert f"would ask mfakit's endpoint, {url}" in done.stdout
            assert "serves: the session of profile mfa" in done.stdout
            assert "no-such-profile" not in done.stdout
            assert "endpoint-shadowed" not in done.stdout
        keys = {"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "x"}
        done = held.mfakit("explain", **command.environ | keys)
        assert "! endpoint-shadowed" in done.stdout
        assert "try: unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY" in done.stdout
        held.write_credentials(held.credentials.read_text() + f"[default]\n{KEYS}")
        names = {k: v for k, v in command.environ.items() if k != "AWS_PROFILE"}
        done = held.run(sys.executable, "-m", "mfakit", "explain", **names, AWS_PROFILE="default")
        assert "try: export AWS_PROFILE=mfakit-served" in done.stdout
