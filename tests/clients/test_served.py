"""Clients under `mfakit exec --serve`, in a home that has keys in [default].

SDKs ask the endpoint only after both AWS files. So each client shows that it signs with the session
that is served, and not with those keys.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clients.conftest import AWS_CLI, BUILD, HERE
from tests.conftest import Home
from tests.serving.conftest import served

from mfakit import read_session
from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the server is split off")
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


class Program:
    """What is served to every client of this module: one login, one server.

    Attributes:
        aws: the simulator.
        environ: the environment of the command.
        key: the id of the session's key.
    """

    def __init__(self, aws: AWSSimulator, environ: dict[str, str], key: str) -> None:
        self.aws = aws
        self.environ = environ
        self.key = key

    def run(self, *command: str, **environ: str) -> str:
        """Run a client, and check that all its calls were signed by the session."""
        before = len(self.aws.calls)
        done = subprocess.run(
            command,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert {call.access_key_id for call in self.aws.calls[before:]} == {self.key}
        return done.stdout


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("served")
    folder.chmod(0o700)
    home = Home(folder)
    with AWSSimulator() as aws, aws.serve() as url:
        alice = aws.create_user("alice")
        device = alice.enable_virtual_mfa()
        aws.root.session().client("s3").create_bucket(Bucket="served")
        home.environ |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
        home.write_credentials(
            f"[default]\naws_access_key_id = {alice.access_key_id}\n"
            f"aws_secret_access_key = {alice.secret_access_key}\n"
        )
        done = home.mfakit("login", "--token-code", device.code())
        assert done.returncode == 0, done.stderr
        with served(home, AWS_REGION="us-east-1") as command:
            key = read_session("mfa", environ=home.environ).access_key_id
            yield Program(aws, command.environ, key)


def found(name: str) -> str:
    """Return a program's path; skip where it is missing, except in CI."""
    path = shutil.which(name)
    if path is None and os.environ.get("CI") != "true":
        pytest.skip(f"not on the PATH: {name}")
    assert path is not None, name
    return path


def test_boto3_uses_the_served_session(program: Program) -> None:
    command = [sys.executable, str(HERE / "boto3_call.py"), "sts", "GetCallerIdentity", "{}"]
    assert ":user/alice" in program.run(*command)


@pytest.mark.long
def test_version_1_of_the_aws_cli_uses_the_served_session(program: Program) -> None:
    url = program.environ["AWS_ENDPOINT_URL"]
    command = [str(AWS_CLI), "sts", "get-caller-identity", "--endpoint-url", url]
    assert ":user/alice" in program.run(*command)


@pytest.mark.long
def test_version_2_of_the_aws_cli_uses_the_served_session(program: Program) -> None:
    """Debian's, which is in /usr/bin."""
    if not Path("/usr/bin/aws").exists():
        pytest.skip("Debian's package awscli is not installed")
    url = program.environ["AWS_ENDPOINT_URL"]
    command = ["/usr/bin/aws", "sts", "get-caller-identity", "--endpoint-url", url]
    assert ":user/alice" in program.run(*command)


@pytest.mark.long
def test_the_sdk_for_javascript_uses_the_served_session(program: Program, javascript: Path) -> None:
    command = ["node", str(javascript / "call.mjs"), "sts", "GetCallerIdentity", "{}"]
    assert ":user/alice" in program.run(*command)


@pytest.mark.long
def test_the_sdk_for_go_uses_the_served_session(program: Program) -> None:
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
    assert ":user/alice" in program.run(str(built))


@pytest.mark.long
def test_rclone_uses_the_served_session(program: Program, tmp_path: Path) -> None:
    config = tmp_path / "rclone.conf"
    url = program.environ["AWS_ENDPOINT_URL"]
    config.write_text(f"[s]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = {url}\n")
    assert "served" in program.run(found("rclone"), "--config", str(config), "lsd", "s:")


@pytest.mark.long
def test_an_sdk_for_ruby_without_the_endpoint_does_not_take_the_keys_of_default(
    program: Program,
) -> None:
    """Debian's is older than the variable with the whole URL; so it finds no credentials."""
    ruby = found("ruby")
    if subprocess.run([ruby, "-e", 'require "aws-sdk-core"'], check=False).returncode:
        pytest.skip("Debian's package ruby-aws-sdk-core is not installed")
    done = subprocess.run(
        [ruby, "-e", RUBY], env=program.environ, capture_output=True, text=True, check=False
    )
    assert "MissingCredentialsError" in done.stderr


@pytest.mark.long
def test_s5cmd_uses_the_served_session(program: Program) -> None:
    s5cmd = str(Path(sys.executable).with_name("s5cmd"))
    url = program.environ["AWS_ENDPOINT_URL"]
    assert "s3://served" in program.run(s5cmd, "--endpoint-url", url, "ls")


@pytest.mark.long
def test_terraforms_provider_uses_the_served_session(program: Program, tmp_path: Path) -> None:
    """Nothing installs it: it is tried where it is."""
    terraform = shutil.which("terraform")
    if terraform is None or not Path(PLUGINS).exists():
        pytest.skip("Terraform and its provider for AWS are not installed")
    url = program.environ["AWS_ENDPOINT_URL"]
    (tmp_path / "main.tf").write_text(TERRAFORM.replace("URL", url))
    there = f"-chdir={tmp_path}"
    init = [terraform, there, "init", f"-plugin-dir={PLUGINS}"]
    subprocess.run(init, check=True, capture_output=True, env=program.environ)
    assert ":user/alice" in program.run(terraform, there, "apply", "-auto-approve", "-no-color")
