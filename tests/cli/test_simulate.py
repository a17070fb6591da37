"""`mfakit simulate`: a process of its own, for clients in other processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from urllib.request import Request, urlopen

import pytest


@pytest.fixture
def simulate(home):
    """Start the simulator by hand, as one would in a shell."""
    started = []

    def start(*arguments: str):
        command = [sys.executable, "-m", "mfakit", "simulate", *arguments]
        process = subprocess.Popen(command, env=home.environ, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def code(said: dict, user: str) -> str:
    request = Request(
        f"{said['endpoint_url']}/_mfakit/code?user={user}",
        method="POST",
        headers={"X-Mfakit-Token": said["control_token"]},
    )
    with urlopen(request) as answer:
        return json.load(answer)["code"]


def test_a_login_against_it_serves_the_aws_cli(home, simulate) -> None:
    """From its one line of JSON everything else follows."""
    process = simulate("--json", "--user", "alice", "--user", "bob")
    said = json.loads(process.stdout.readline())
    bob = said["users"][1]
    home.write_credentials(
        f"[default]\naws_access_key_id = {bob['access_key_id']}\n"
        f"aws_secret_access_key = {bob['secret_access_key']}\n"
    )
    url = said["endpoint_url"]
    place = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": said["region"]}
    done = home.mfakit("login", "--token-code", code(said, "bob"), **place)
    assert done.returncode == 0, done.stderr
    command = ["aws", "--profile", "mfa", "--endpoint-url", url, "sts", "get-caller-identity"]
    aws = home.run(*command, **place)
    assert json.loads(aws.stdout)["Arn"] == bob["arn"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(simulate, number: int) -> None:
    """With exit code 0, for it did what it was asked to."""
    process = simulate("--json")
    process.stdout.readline()
    process.send_signal(number)
    assert process.wait(timeout=10) == 0


def test_for_a_person_it_prints_the_lines_to_paste(simulate) -> None:
    """The endpoint, the keys, the device."""
    process = simulate("--user", "carol")
    lines = [process.stdout.readline() for _ in range(10)]
    assert any(line.startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:") for line in lines)
    assert any("mfakit login --serial-number arn:aws:iam::" in line for line in lines)


def test_a_port_that_is_taken_is_an_error(home, simulate) -> None:
    """In two lines."""
    said = json.loads(simulate("--json").stdout.readline())
    port = said["endpoint_url"].rpartition(":")[2].strip("/")
    done = home.mfakit("simulate", "--port", port)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert port in done.stderr
