"""Roles that want MFA: by the prompt of the AWS CLI, and by every client that brings a code."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mfakit.testing import AWSSimulator, Device, User

    Run = Callable[[str | None], subprocess.CompletedProcess[str]]

ROLE = "operations"
# Runs a program on a terminal of its own, which it asks for the code, and not standard input.
ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
PROMPT = "Enter MFA code for"


def document(action: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role(aws: AWSSimulator, alice: User) -> str:
    """A role for alice, with MFA, that may list buckets."""
    iam: Any = aws.root.session().client("iam")
    trust = document(
        "sts:AssumeRole",
        Principal={"AWS": alice.arn},
        Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    )
    made = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
    may_list = document("s3:ListAllMyBuckets", Resource="*")
    iam.put_role_policy(RoleName=ROLE, PolicyName="list", PolicyDocument=may_list)
    return str(made["Role"]["Arn"])


@pytest.fixture
def aws_s3_ls(home: Any, aws_cli: Path, keys: dict[str, str], device: Device, role: str) -> Run:
    """`aws s3 ls` with the role's profile, on a terminal, where a code is typed if asked for."""
    home.write_credentials(
        f"[default]\naws_access_key_id = {keys['AccessKeyId']}\n"
        f"aws_secret_access_key = {keys['SecretAccessKey']}\n"
    )
    home.write_config(
        f"[profile {ROLE}]\nrole_arn = {role}\nsource_profile = default\n"
        f"mfa_serial = {device.serial_number}\n"
    )

    def run(code: str | None) -> subprocess.CompletedProcess[str]:
        program = [str(aws_cli), "s3", "ls", "--profile", ROLE]
        command = [sys.executable, "-c", ON_A_TERMINAL, *program]
        with subprocess.Popen(
            command, env=home.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            shown = ""
            while code is not None and PROMPT not in shown:
                shown += process.stdout.read(1)
            rest, _ = process.communicate(f"{code}\n" if code else "", timeout=60)
        return subprocess.CompletedProcess(command, process.returncode, shown + rest)

    return run


def test_the_aws_cli_assumes_a_role_with_a_code_and_keeps_the_session(
    aws: AWSSimulator, device: Device, aws_s3_ls: Run
) -> None:
    aws.root.session().client("s3").create_bucket(Bucket="seen-by-the-role")
    first = aws_s3_ls(device.code())
    assert (first.returncode, "seen-by-the-role" in first.stdout) == (0, True), first.stdout
    again = aws_s3_ls(None)
    assert PROMPT not in again.stdout
    assert (again.returncode, "seen-by-the-role" in again.stdout) == (0, True), again.stdout


def test_a_wrong_code_at_the_prompt_is_refused_in_awss_words(
    device: Device, aws_s3_ls: Run
) -> None:
    done = aws_s3_ls(f"{(int(device.code()) + 1) % 10**6:06}")
    assert done.returncode != 0
    refusal = "(AccessDenied) when calling the AssumeRole operation: MultiFactorAuthentication"
    assert f"{refusal} failed with invalid MFA one time pass code." in " ".join(done.stdout.split())


def test_a_code_used_for_a_session_is_refused_for_a_role(
    client: Any, keys: dict[str, str], device: Device, aws_s3_ls: Run
) -> None:
    code = device.code()
    client.login(keys, device, code)
    done = aws_s3_ls(code)
    assert (done.returncode != 0, "AccessDenied" in done.stdout) == (True, True)


def test_the_trust_policy_refuses_a_call_without_a_code(
    client: Any, keys: dict[str, str], role: str, refusal: Any
) -> None:
    code, message = refusal(
        client.call, keys, "sts", "AssumeRole", RoleArn=role, RoleSessionName="session"
    )
    assert code == "AccessDenied"
    assert f"is not authorized to perform: sts:AssumeRole on resource: {role}" in message


def test_each_client_assumes_a_role_with_a_code(
    client: Any, keys: dict[str, str], device: Device, role: str
) -> None:
    answer = client.call(
        keys,
        "sts",
        "AssumeRole",
        RoleArn=role,
        RoleSessionName="session",
        SerialNumber=device.serial_number,
        TokenCode=device.code(),
    )
    arn = client.call(answer["Credentials"], "sts", "GetCallerIdentity")["Arn"]
    assert arn.endswith(f":assumed-role/{ROLE}/session")
    assert "Buckets" in client.call(answer["Credentials"], "s3", "ListBuckets")
