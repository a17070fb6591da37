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
    """Install the SDK as its package.json has it, once for each version of that file."""
    missing = [program for program in ("node", "npm") if shutil.which(program) is None]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"not on the PATH: {', '.join(missing)}")
    assert not missing
    sources = [HERE / "js" / name for name in ("package.json", "call.mjs", "resolve.mjs")]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    folder = BUILD / f"js-{digest[:12]}"
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
