"""SDKs that are given only a config file, and renew by themselves through `credential_process`."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

PROCESS = "credential_process = mfakit credential-process --profile mfa\n"


@pytest.fixture
def codes(home, alice, device) -> None:
    """A home in which mfakit is the credential process, and a program gives the codes."""
    home.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    home.write_credentials(
        f"[default]\naws_access_key_id = {alice.access_key_id}\n"
        f"aws_secret_access_key = {alice.secret_access_key}\n"
    )
    command = home.token_command(*(device.code() for _ in range(3)))
    home.write_config(
        f"[profile mfa]\n{PROCESS}mfa_serial = {device.serial_number}\n"
        f"mfakit_token_command = {command}\nmfakit_duration = 15m\nregion = us-east-1\n"
    )


def identity(client) -> str:
    """Ask who one is, with nothing but the profile's name to go by."""
    command = client.command("sts", "GetCallerIdentity", "{}")
    return client.answer(client.home.run(*command, AWS_PROFILE="mfa"))["Arn"]


def exchanges(aws) -> int:
    return len([call for call in aws.calls if call.operation == "GetSessionToken"])


def test_the_first_call_logs_in_and_the_next_do_not(client, aws, alice, codes) -> None:
    """The session is in the cache, where it shadows nothing."""
    assert identity(client) == alice.arn
    assert identity(client) == alice.arn
    assert exchanges(aws) == 1
    assert "[mfa]" not in client.home.credentials.read_text()


@pytest.mark.long
def test_an_expired_session_is_renewed(client, aws, alice, device, codes) -> None:
    """It was issued while AWS's clock was set back, so that it ended at once."""
    back = 15 * 60 - 2
    aws.clock.advance(seconds=-back)
    client.home.token_command(device.code())
    said = client.home.mfakit("credential-process", "--profile", "mfa").stdout
    end = datetime.fromisoformat(json.loads(said)["Expiration"])
    time.sleep(max(0, end.timestamp() - time.time()))
    aws.clock.advance(seconds=back)
    client.home.token_command(*(device.code() for _ in range(3)))
    before = exchanges(aws)
    assert identity(client) == alice.arn
    assert exchanges(aws) > before


def test_the_output_has_version_1_and_an_expiration_in_rfc_3339(
    home, endpoint, alice, device, codes
) -> None:
    done = home.mfakit("credential-process", "-p", "mfa")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said.pop("Version") == 1
    assert said.pop("Expiration").endswith("Z")
    assert sorted(said) == ["AccessKeyId", "SecretAccessKey", "SessionToken"]


def test_a_failure_prints_nothing_and_says_what_to_run(home, endpoint, alice, device) -> None:
    """The command fails at once, rather than hang, without a terminal and a token command."""
    home.write_credentials(
        f"[default]\naws_access_key_id = {alice.access_key_id}\n"
        f"aws_secret_access_key = {alice.secret_access_key}\n"
    )
    home.write_config(f"[profile mfa]\n{PROCESS}")
    done = home.mfakit("credential-process", "-p", "mfa", terminal=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "mfakit: try: log in: mfakit login --profile mfa" in done.stderr
    done = home.mfakit("credential-process", "--profile", "")
    assert "'' cannot be a profile's name" in done.stderr


def test_a_loop_is_detected(home, endpoint, tmp_path) -> None:
    """The keys come from a program that asks mfakit for them."""
    program = tmp_path / "wrapper"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} -m mfakit credential-process -p mfa\n")
    program.chmod(0o755)
    home.write_config(
        f"[profile mfa]\n{PROCESS}mfakit_source_profile = keys\n"
        f"[profile keys]\ncredential_process = {program}\n"
    )
    done = home.mfakit("credential-process", "-p", "mfa")
    assert (done.returncode, done.stdout) == (1, "")
    assert "leads back to itself" in done.stderr
    home.write_config(f"[profile mfa]\n{PROCESS}mfakit_source_profile = mfa\n")
    done = home.mfakit("credential-process", "-p", "mfa")
    assert "from mfakit itself" in done.stderr


def test_configure_writes_a_credential_process_that_sdks_can_run(
    home, endpoint, alice, device
) -> None:
    """Some SDKs run it through a shell."""
    home.write_credentials(
        f"[default]\naws_access_key_id = {alice.access_key_id}\n"
        f"aws_secret_access_key = {alice.secret_access_key}\n"
    )
    command = ("configure", "--credential-process")
    assert home.mfakit(*command, terminal=False).returncode == 0
    assert PROCESS in home.config.read_text()
    done = home.mfakit(*command, "--profile", "with space", terminal=False)
    assert (done.returncode, "a shell" in done.stderr) == (64, True)
