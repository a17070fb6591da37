"""What ``--debug`` reports, and what it never shows."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from mfakit import read_session
from mfakit.profiles.editing import about_to_write

pytestmark = pytest.mark.pythons


def debug_lines(stderr: str) -> list[str]:
    """Return the lines of --debug without the times."""
    found = (re.fullmatch(r"mfakit: debug +\d+\.\d ms  (.*)", line) for line in stderr.splitlines())
    return [line[1] for line in found if line]


def shown(key_id: str) -> str:
    return f"{key_id[:4]}...{key_id[-4:]}"


def test_debug_of_a_refused_login_names_key_device_endpoint_and_their_places(
    home, alice, endpoint
) -> None:
    """A user can see which line of which file led to what AWS was asked."""
    home.write_credentials(home.credentials.read_text().replace("[default]", "[work]"))
    home.write_config(
        "[profile mfa]\nregion = eu-central-1\nmfakit_source_profile = work\n"
        f"[profile work]\nmfa_serial = {alice.device.serial_number}\n"
    )
    done = home.mfakit("login", "--token-code", "000000", "--debug")
    assert done.returncode == 1
    told = debug_lines(done.stderr)
    key = shown(alice.access_key_id)
    assert "session profile: 'mfa', since nothing names another" in told
    assert f"mfakit_source_profile: set for profile 'mfa', {home.config}, line 3" in told
    assert f"source: the key {key} of profile 'work', from {home.credentials}, line 3" in told
    assert f"region: set for profile 'mfa', {home.config}, line 2" in told
    assert f"mfa_serial: set for profile 'work', {home.config}, line 5" in told
    assert f"device: {alice.device.serial_number}" in told
    assert f"endpoint: {endpoint}" in told
    assert f"ask GetSessionToken of {endpoint}, signed by {key}" in told
    (answer,) = [line for line in told if line.startswith("GetSessionToken answered")]
    assert re.fullmatch(r"GetSessionToken answered 403 \(AccessDenied\), request id \S+", answer)


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        (["--debug", "check"], {}),
        (["check", "--debug"], {}),
        (["check"], {"MFAKIT_DEBUG": "1"}),
        (["--debug"], {}),
    ],
)
def test_debug_works_before_and_after_the_command_and_by_the_variable(
    home, alice, arguments: list[str], environ: dict[str, str]
) -> None:
    """Standard output and the exit code stay the same."""
    home.mfakit("login", "--token-code", alice.device.code())
    plain = home.mfakit(*(word for word in arguments if word != "--debug"))
    done = home.mfakit(*arguments, **environ)
    assert (done.returncode, done.stdout) == (plain.returncode, plain.stdout)
    assert f"open {home.credentials} to read" in debug_lines(done.stderr)


@pytest.mark.parametrize("environ", [{}, {"MFAKIT_DEBUG": "0"}, {"MFAKIT_DEBUG": ""}])
def test_nothing_is_reported_without_debug(home, alice, environ: dict[str, str]) -> None:
    home.mfakit("login", "--token-code", alice.device.code())
    assert home.mfakit("check", **environ).stderr == ""


def test_debug_after_two_dashes_belongs_to_the_command_of_exec(home, alice) -> None:
    home.mfakit("login", "--token-code", alice.device.code())
    done = home.mfakit("exec", "--", "echo", "--debug")
    assert (done.stdout, done.stderr) == ("--debug\n", "")


def test_debug_names_programs_without_their_arguments(home, alice) -> None:
    """A token command or a credential_process may have a password among its arguments."""
    token = home.token_command(alice.device.code())
    keys = home.folder / "keys.py"
    keys.write_text(
        f'print(\'{{"Version": 1, "AccessKeyId": "{alice.access_key_id}",'
        f' "SecretAccessKey": "{alice.secret_access_key}"}}\')\n'
    )
    home.write_credentials("")
    home.write_config(f"[default]\ncredential_process = {sys.executable} {keys} canary1\n")
    done = home.mfakit("login", "--debug", "--token-command", f"{token} canary2")
    assert done.returncode == 0, done.stderr
    assert debug_lines(done.stderr).count(f"start the program {sys.executable}") == 2
    assert "canary" not in done.stderr


def test_debug_shows_no_password_of_an_endpoint_or_a_proxy(home, alice, endpoint) -> None:
    secret = endpoint.replace("http://", "http://user:canary@")
    arguments = ["login", "--debug", "--token-code", alice.device.code()]
    done = home.mfakit(*arguments, AWS_ENDPOINT_URL=secret, HTTPS_PROXY="http://u:canary@127.0.0.1")
    assert f"endpoint: {endpoint}" in debug_lines(done.stderr)
    assert "canary" not in done.stderr


def test_debug_shows_no_whole_key_id_and_no_secret(home, alice) -> None:
    """The whole id would identify the account's user."""
    code = alice.device.code()
    stderr = home.mfakit("login", "--debug", "--token-code", code).stderr
    session = read_session("mfa", environ=home.environ)
    stderr += home.mfakit("env", "--debug").stderr + home.mfakit("status", "--debug").stderr
    stderr += home.mfakit("exec", "--debug", "--", "true").stderr
    stderr += home.mfakit("credential-process", "--debug").stderr
    assert shown(session.access_key_id) in stderr
    for secret in (
        *(alice.access_key_id, alice.secret_access_key, alice.device.seed, code),
        *(session.access_key_id, session.secret_access_key, session.session_token),
    ):
        assert secret not in stderr


def test_debug_names_the_lock_that_is_waited_for(home, alice) -> None:
    """The line "wait" comes first, and "hold" only after the other process lets go."""
    home.mfakit("login", "--token-code", alice.device.code())
    command = [sys.executable, "-m", "mfakit", "logout", "--debug"]
    with about_to_write(str(home.credentials)):
        process = subprocess.Popen(command, env=home.environ, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        told = " "
        while told and f"wait for the lock {home.credentials}.lock" not in told:
            told = process.stderr.readline()
        assert told
    rest = debug_lines(process.communicate(timeout=60)[1])
    assert process.returncode == 0
    assert f"hold the lock {home.credentials}.lock" in rest


def test_debug_escapes_control_characters_in_file_names(home, alice) -> None:
    done = home.mfakit("check", "--debug", "-p", "\x1b[31mred", AWS_PROFILE="\x1b[2J")
    assert "\x1b" not in done.stderr
    assert "\\x1b[31mred" in done.stderr
