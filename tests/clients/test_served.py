"""Clients under `mfakit exec --serve`, in a home that has keys in [default].

SDKs ask the endpoint only after both AWS files. So each client shows that it signs with the session
that is served, and not with those keys.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clients.conftest import CALLERS, found, from_npm
from tests.conftest import Home
from tests.serving.conftest import served

from mfakit import read_session
from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the server is split off")
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 4,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python"}},
    "cells": [
        {
            "cell_type": "code",
            "source": "import boto3; boto3.client('sts').get_caller_identity()['Arn']",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
    ],
}
# With a module that uses boto3, as those for AWS do.
PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - identity:
      register: answer
    - ansible.builtin.debug:
        var: answer.arn
"""
MODULE = """
import boto3
from ansible.module_utils.basic import AnsibleModule

arn = boto3.client("sts").get_caller_identity()["Arn"]
AnsibleModule({}).exit_json(arn=arn)
"""
# What `cdk synth` makes of an app with one stack.
ASSEMBLY = {
    "version": "36.0.0",
    "artifacts": {
        "alice": {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": "alice.json", "stackName": "alice"},
        }
    },
}
TEMPLATE = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


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
        aws.root.session().client("s3").create_bucket(Bucket="alice")
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


@pytest.mark.parametrize(
    "name", ["boto3", *(pytest.param(name, marks=pytest.mark.long) for name in [*CALLERS][1:-1])]
)
def test_each_client_uses_the_served_session(name: str, program: Program, tmp_path: Path) -> None:
    command = CALLERS[name](program.environ["AWS_ENDPOINT_URL"], tmp_path)
    assert "alice" in program.run(*command)


@pytest.mark.long
def test_an_sdk_for_ruby_without_the_endpoint_does_not_take_the_keys_of_default(
    program: Program, tmp_path: Path
) -> None:
    """Debian's is older than the variable with the whole URL; so it finds no credentials."""
    command = CALLERS["Ruby"](program.environ["AWS_ENDPOINT_URL"], tmp_path)
    done = subprocess.run(command, env=program.environ, capture_output=True, text=True, check=False)
    assert "MissingCredentialsError" in done.stderr


def beside(name: str) -> str:
    """Return the path of a program of this Python."""
    return found(str(Path(sys.executable).with_name(name)))


def jupyter(folder: Path) -> list[str]:
    notebook = folder / "notebook.ipynb"
    notebook.write_text(json.dumps(NOTEBOOK))
    execute = [beside("jupyter-execute"), "--inplace", str(notebook)]
    return ["sh", "-c", '"$@" && cat "$3"', "sh", *execute]


def ansible(folder: Path) -> list[str]:
    modules = folder / "library"
    modules.mkdir()
    (modules / "identity.py").write_text(MODULE)
    playbook = folder / "site.yml"
    playbook.write_text(PLAYBOOK)
    return [beside("ansible-playbook"), str(playbook)]


def cdk(folder: Path) -> list[str]:
    (folder / "manifest.json").write_text(json.dumps(ASSEMBLY))
    (folder / "alice.json").write_text(json.dumps(TEMPLATE))
    program = from_npm("cdk") / "node_modules" / ".bin" / "cdk"
    options = ["--method=direct", "--require-approval=never", "--no-notices"]
    return [str(program), "deploy", f"--app={folder}", *options]


@pytest.mark.long
@pytest.mark.parametrize("tool", [jupyter, ansible, cdk], ids=lambda tool: tool.__name__)
def test_each_tool_with_a_page_uses_the_served_session(
    tool: Callable[[Path], list[str]], program: Program, tmp_path: Path
) -> None:
    """A notebook's kernel, a playbook on this machine, and a stack of the CDK that is deployed."""
    shown = program.run(*tool(tmp_path), CDK_DISABLE_CLI_TELEMETRY="true")
    assert re.search(r"arn:aws:\S+/alice", shown)
