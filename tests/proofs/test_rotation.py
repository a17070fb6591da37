"""A rotation that is killed at any change, and run again: no key is lost or left over.

The rotation runs in a forked process, which is stopped as it enters each system call that writes a
file, renames or removes one, or sends a request. The first run shows how many there are.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import boto3
import pytest
from tests.stopping import Call, Traced

from mfakit.exchange.rotation import Hands, rotate
from mfakit.keys.places import read_key
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="ptrace is Linux's"),
]

# write, rename, renameat, renameat2, unlink, unlinkat, sendto and openat, by the machine
CALLS = {
    "x86_64": {1, 82, 264, 316, 87, 263, 44, 257},
    "aarch64": {64, 38, 276, 35, 206, 56},
}
OPENAT = {"x86_64": 257, "aarch64": 56}
HANDS = Hands(lambda _: True, lambda _: None, lambda: None, lambda _: None)


def changes(call: Call) -> bool:
    machine = os.uname().machine
    if call.is_done or call.number not in CALLS[machine]:
        return False
    opens = call.number == OPENAT[machine]
    return not opens or bool(call.arguments[2] & (os.O_WRONLY | os.O_RDWR))


def profile(environ: dict[str, str]) -> Profile:
    return Profile("default", AWSFiles(environ))


def begun(environ: dict[str, str]) -> Traced:
    """Return a forked process that rotates, stopped at its beginning."""
    go, said = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(go, 1)
        try:
            rotate(profile(environ), 0, HANDS)
        except BaseException:
            os._exit(1)
        os._exit(0)
    traced = Traced(pid)
    os.write(said, b"!")
    os.close(go)
    os.close(said)
    return traced


def killed_at(number: int | None, environ: dict[str, str]) -> int:
    """Rotate in a forked process; kill it at a change, counted from 0; return how many it made."""
    traced = begun(environ)
    seen = 0
    while (call := traced.step()) is not None:
        if changes(call):
            if seen == number:
                traced.kill()
                break
            seen += 1
    return seen


@pytest.fixture
def start(aws, tmp_path: Path, monkeypatch, endpoint):
    """Make a user whose key is in a file, and return the environment that leads to it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")

    def make(name: str) -> dict[str, str]:
        user = aws.create_user(name)
        folder = tmp_path / name
        folder.mkdir()
        path = folder / "credentials"
        path.write_text(
            f"[default]\naws_access_key_id = {user.access_key_id}\n"
            f"aws_secret_access_key = {user.secret_access_key}\n"
        )
        path.chmod(0o600)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(path))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        return dict(os.environ)

    return make


def check_works(environ: dict[str, str]) -> str:
    """Return the id of the key in the file, which AWS takes."""
    key = read_key(profile(environ))
    given = {
        "aws_access_key_id": key.access_key_id,
        "aws_secret_access_key": key.secret_access_key,
    }
    boto3.client("sts", region_name="us-east-1", **given).get_caller_identity()
    return key.access_key_id


def test_a_rotation_that_is_killed_at_any_change_ends_when_it_is_run_again(aws, start) -> None:
    iam = aws.root.session().client("iam")

    def states(name: str) -> dict[str, str]:
        listed = iam.list_access_keys(UserName=name)["AccessKeyMetadata"]
        return {key["AccessKeyId"]: key["Status"] for key in listed}

    total = killed_at(None, start("whole"))
    assert total > 40
    for number in range(total):
        name = f"user-{number}"
        environ = start(name)
        (old,) = states(name)
        killed_at(number, environ)
        check_works(environ)
        assert len(states(name)) <= 2
        rotate(profile(environ), 0, HANDS)
        new = check_works(environ)
        assert states(name) == {new: "Active"}, f"killed at change {number} of {total}"
        assert new != old


def test_the_new_key_is_in_the_file_whoever_writes_back_what_it_read_before(start) -> None:
    """The program does so when the new key is there, and before the old one is deleted."""
    environ = start("alice")
    path = Path(environ["AWS_SHARED_CREDENTIALS_FILE"])
    read = path.read_text()
    (old,) = (line for line in read.splitlines() if "access_key_id" in line)
    traced = begun(environ)
    while (call := traced.step()) is not None:
        opens = not call.is_done and call.number == OPENAT[os.uname().machine]
        is_read = opens and traced.text_at(call.arguments[1]) == str(path)
        if is_read and old not in path.read_text():
            path.write_text(read)
            break
    assert os.waitstatus_to_exitcode(traced.let_go()) == 0
    assert old not in path.read_text()
    check_works(environ)
