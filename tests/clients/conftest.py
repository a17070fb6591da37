"""Real clients, each in a process of its own, that know nothing of mfakit."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from filelock import FileLock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing import Device, User

HERE = Path(__file__).parent
# Ignored by git; what npm fetches is kept between runs.
BUILD = HERE.parents[1] / "build"
AWS_CLI = Path(sys.executable).with_name("aws")
GO = "/usr/share/gocode"  # where Debian has the SDK for Go
PLUGINS = "/opt/tf-plugins"
TERRAFORM = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  endpoints {
    sts = "URL"
  }
}
data "aws_caller_identity" "me" {}
output "arn" { value = data.aws_caller_identity.me.arn }
"""
RUBY = """
require "aws-sdk-core"
puts Aws::STS::Client.new(endpoint: ENV["AWS_ENDPOINT_URL"]).get_caller_identity.arn
"""


class RefusedError(Exception):
    """AWS refused: code and text, as far as the client shows them."""


class Client:
    """A program that makes calls. Credentials and endpoint come from its environment."""

    def __init__(self, home: Any) -> None:
        self.home = home

    def call(
        self, credentials: Mapping[str, str], service: str, operation: str, **parameters: Any
    ) -> Any:
        """Make a call with credentials of STS, and return the client's result.

        Raises:
            RefusedError: AWS refused.
        """
        variables = {
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        }
        if "SessionToken" in credentials:
            variables["AWS_SESSION_TOKEN"] = credentials["SessionToken"]
        command = self.command(service, operation, json.dumps(parameters))
        return self.answer(self.home.run(*command, AWS_REGION="us-east-1", **variables))

    def login(self, keys: Mapping[str, str], device: Device, code: str) -> dict[str, str]:
        """Exchange a code for a session."""
        serial_number = device.serial_number
        answer = self.call(
            keys, "sts", "GetSessionToken", SerialNumber=serial_number, TokenCode=code
        )
        return dict(answer["Credentials"])

    def command(self, service: str, operation: str, parameters: str) -> list[str]:
        raise NotImplementedError

    def answer(self, done: subprocess.CompletedProcess[str]) -> Any:
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        if "Error" in answer:
            raise RefusedError(*answer["Error"])
        return answer


class Boto3(Client):
    def command(self, service: str, operation: str, parameters: str) -> list[str]:
        return [sys.executable, str(HERE / "boto3_call.py"), service, operation, parameters]


class AWSCLI(Client):
    def command(self, service: str, operation: str, parameters: str) -> list[str]:
        name = xform_name(operation, "-")
        service = "s3api" if service == "s3" else service
        return [str(AWS_CLI), service, name, "--output", "json", "--cli-input-json", parameters]

    def answer(self, done: subprocess.CompletedProcess[str]) -> Any:
        refusal = re.search(r"An error occurred \((\w+)\) .*? operation: (.*)", done.stderr)
        if refusal:
            raise RefusedError(*refusal.groups())
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "{}")


class JavaScript(Client):
    def command(self, service: str, operation: str, parameters: str) -> list[str]:
        return ["node", str(_javascript() / "call.mjs"), service, operation, parameters]


PROGRAMS = {"boto3": Boto3, "AWS CLI": AWSCLI, "JavaScript": JavaScript}


@pytest.fixture(params=PROGRAMS)
def client(request: pytest.FixtureRequest, home: Any, endpoint: str) -> Client:
    return PROGRAMS[request.param](home)


@pytest.fixture
def javascript() -> Path:
    """The folder with the SDK for JavaScript."""
    return _javascript()


@pytest.fixture
def aws_cli(home: Any, endpoint: str) -> Path:
    """The AWS CLI, in a home that leads to the simulator."""
    return AWS_CLI


@pytest.fixture
def refusal() -> Callable[..., tuple[str, str]]:
    """Make a call that AWS refuses; return the code and the text."""

    def refused(call: Callable[..., Any], *arguments: Any, **parameters: Any) -> tuple[str, str]:
        with pytest.raises(RefusedError) as caught:
            call(*arguments, **parameters)
        code, message = caught.value.args
        return code, message

    return refused


@pytest.fixture
def alice(aws: Any) -> User:
    return aws.create_user("alice")


@pytest.fixture
def device(alice: User) -> Device:
    return alice.enable_virtual_mfa()


@pytest.fixture
def keys(alice: User) -> dict[str, str]:
    """The long-term credentials of alice, spelled as STS spells a session."""
    return {"AccessKeyId": alice.access_key_id, "SecretAccessKey": alice.secret_access_key}


def _javascript() -> Path:
    return from_npm("js")


def from_npm(name: str) -> Path:
    """Install what the package.json of a folder has, once for each version of its files."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"not on the PATH: {', '.join(missing)}")
    assert not missing
    sources = sorted((HERE / name).iterdir())
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    folder = BUILD / f"{name}-{digest[:12]}"
    BUILD.mkdir(exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "installed").exists():
            folder.mkdir(exist_ok=True)
            for source in sources:
                shutil.copy(source, folder)
            options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run(["npm", "install", "--silent", *options], cwd=folder, check=True)
            (folder / "installed").touch()
    return folder


def found(name: str) -> str:
    """Return a program's path; skip where it is missing, except in CI."""
    path = shutil.which(name)
    if path is None and os.environ.get("CI") != "true":
        pytest.skip(f"not on the PATH: {name}")
    assert path is not None, name
    return path


def _boto3(_: str, __: Path) -> list[str]:
    return [sys.executable, str(HERE / "boto3_call.py"), "sts", "GetCallerIdentity", "{}"]


def _aws_cli_1(url: str, _: Path) -> list[str]:
    return [str(AWS_CLI), "sts", "get-caller-identity", "--endpoint-url", url]


def _aws_cli_2(url: str, _: Path) -> list[str]:
    """Debian's, which is in /usr/bin."""
    if not Path("/usr/bin/aws").exists():
        pytest.skip("Debian's package awscli is not installed")
    return ["/usr/bin/aws", "sts", "get-caller-identity", "--endpoint-url", url]


def _javascript_call(_: str, __: Path) -> list[str]:
    return ["node", str(_javascript() / "call.mjs"), "sts", "GetCallerIdentity", "{}"]


def _go(_: str, __: Path) -> list[str]:
    if not Path(GO, "src/github.com/aws/aws-sdk-go-v2").exists():
        pytest.skip("Debian's golang-github-aws-aws-sdk-go-v2-dev is not installed")
    BUILD.mkdir(exist_ok=True)
    built = BUILD / "go-identity"
    settings = {"GO111MODULE": "off", "GOPATH": GO, "GOCACHE": str(BUILD / "go"), "GOFLAGS": ""}
    subprocess.run(
        [found("go"), "build", "-o", str(built), str(HERE / "go" / "main.go")],
        check=True,
        env=os.environ | settings,
    )
    return [str(built)]


def _rclone(url: str, folder: Path) -> list[str]:
    config = folder / "rclone.conf"
    config.write_text(f"[s]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = {url}\n")
    return [found("rclone"), "--config", str(config), "lsd", "s:"]


def _s5cmd(url: str, _: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("s5cmd")), "--endpoint-url", url, "ls"]


def _terraform(url: str, folder: Path) -> list[str]:
    """Nothing installs it: it is tried where it is."""
    terraform = shutil.which("terraform")
    if terraform is None or not Path(PLUGINS).exists():
        pytest.skip("Terraform and its provider for AWS are not installed")
    (folder / "main.tf").write_text(TERRAFORM.replace("URL", url))
    there = f"-chdir={folder}"
    init = [terraform, there, "init", f"-plugin-dir={PLUGINS}"]
    subprocess.run(init, check=True, capture_output=True)
    # It reads the data and shows the outputs, as apply does, which reads all of the schema thrice.
    return ["env", "GOGC=400", terraform, there, "refresh", "-no-color"]


def _ruby(_: str, __: Path) -> list[str]:
    ruby = found("ruby")
    if subprocess.run([ruby, "-e", 'require "aws-sdk-core"'], check=False).returncode:
        pytest.skip("Debian's package ruby-aws-sdk-core is not installed")
    return [ruby, "-e", RUBY]


# The clients that the documentation names. Each returns, for a URL and an empty folder, a command
# that prints the caller's ARN or buckets; it is skipped where the client is not installed.
CALLERS = {
    "boto3": _boto3,
    "AWS CLI 1": _aws_cli_1,
    "AWS CLI 2": _aws_cli_2,
    "JavaScript": _javascript_call,
    "Go": _go,
    "rclone": _rclone,
    "s5cmd": _s5cmd,
    "Terraform": _terraform,
    "Ruby": _ruby,
}
