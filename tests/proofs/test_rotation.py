"""A rotation that is cut off anywhere, and run again: no key is lost or left over.

It is killed in a forked process, as that enters each system call that writes a file, renames or
removes one, or sends a request. And each answer of AWS fails to come, in the ways that there are.
The first run shows how many there are.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import boto3
import pytest
from tests.forking import run_forked
from tests.stopping import Call, Traced

import mfakit
from mfakit.exchange.access_keys import Hands
from mfakit.exchange.rotation import rotate, undo
from mfakit.exchange.source import Source
from mfakit.keys import read_key
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile
from mfakit.testing import REQUIRE_MFA_POLICY, AWSSimulator

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
HANDS = Hands(lambda *_: True, lambda _: None, lambda: None, lambda _: None)


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


TRIES = 3  # that botocore makes of a call, except of CreateAccessKey
LATE_SECONDS = 21  # the client stops to wait after 20
FAULTS = ("drop", "drop after", "drop after once", "fail", "throttle", "late")
# What is done, by a user whose key may do all, or may do nothing but to get a session.
SCENES = (("rotate", False), ("undo", False), ("rotate", True))


class Rotating:
    """A user of a simulated account in this process, whose key is rotated, or has been.

    Args:
        folder: an empty folder for the AWS files.
        action: ``rotate``, or ``undo`` of a rotation that was made.
        requires_mfa: whether IAM wants MFA for it.
    """

    def __init__(self, aws: AWSSimulator, folder: Path, action: str, requires_mfa: bool) -> None:
        self.aws, self.action = aws, action
        user = aws.create_user("alice", policy=REQUIRE_MFA_POLICY if requires_mfa else None)
        self.old = user.access_key_id
        if requires_mfa:
            device = user.enable_virtual_mfa()
            made = (
                user.session()
                .client("sts")
                .get_session_token(SerialNumber=device.serial_number, TokenCode=device.code())[
                    "Credentials"
                ]
            )
            self.session = Source(
                made["AccessKeyId"],
                made["SecretAccessKey"],
                None,
                "us-east-1",
                made["SessionToken"],
            )
        folder.mkdir(parents=True)
        path = folder / "credentials"
        path.write_text(
            f"[default]\naws_access_key_id = {user.access_key_id}\n"
            f"aws_secret_access_key = {user.secret_access_key}\n"
        )
        path.chmod(0o600)
        names = {
            "AWS_SHARED_CREDENTIALS_FILE": str(path),
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        os.environ.update(names)
        if action == "undo":
            rotate(profile(names), 60, HANDS)
        self.environ = names

    def run(self) -> None:
        """Rotate the key, or undo that."""
        hands = HANDS.replace(log_in=lambda: self.session)
        if self.action == "undo":
            undo(profile(self.environ), hands)
        else:
            rotate(profile(self.environ), 0, hands)

    def operations(self) -> list[str]:
        """Return the calls that a run makes, in order."""
        before = len(self.aws.calls)
        self.run()
        return [call.operation for call in self.aws.calls[before:]]

    def check(self) -> dict[str, str]:
        """Check that AWS takes the profile's key; return the states of the user's keys."""
        key = read_key(profile(self.environ))
        assert key is not None
        boto3.client(
            "sts",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
        ).get_caller_identity()
        iam = self.aws.root.session().client("iam")
        listed = iam.list_access_keys(UserName="alice")["AccessKeyMetadata"]
        assert len(listed) <= 2
        return {one["AccessKeyId"]: one["Status"] for one in listed}


def add_fault(aws: AWSSimulator, fault: str, number: int, operation: str) -> None:
    """Let an answer fail, counted from 0, and those to the further tries of that call."""
    times = 1 if operation == "CreateAccessKey" or fault.endswith("once") else TRIES
    if number:
        aws.delay_next("*", 0.001, times=number)
    if fault.startswith("drop"):
        aws.drop_next("*", times=times, after=fault.startswith("drop after"))
    elif fault == "fail":
        aws.fail_next("*", code="ServiceFailure", status=500, times=times)
    elif fault == "throttle":
        aws.fail_next("*", code="Throttling", times=times)
    else:
        aws.delay_next("*", LATE_SECONDS, times=times)


def meet_each_fault(folder: Path, scene: int, number: int, operation: str) -> None:
    """Let one answer of AWS fail in each way, and run the same again until it is done."""
    action, requires_mfa = SCENES[scene]
    for fault in FAULTS:
        with AWSSimulator() as aws:
            rotating = Rotating(aws, folder / fault, action, requires_mfa)
            add_fault(aws, fault, number, operation)
            for _ in range(3):
                with suppress(mfakit.MFAKitError):
                    rotating.run()
                    break
                rotating.check()
            states = rotating.check()
            assert aws.faults_left == [], fault
            assert list(states.values()) == ["Active"], (fault, states)
            assert (rotating.old in states) == (action == "undo"), (fault, states)


@pytest.mark.parametrize("scene", range(len(SCENES)), ids=["rotate", "undo", "rotate with MFA"])
def test_after_a_fault_at_any_answer_the_next_run_ends_the_rotation(
    scene: int, tmp_path: Path, monkeypatch
) -> None:
    """Each answer is late, an error or throttled, or is lost before or after the call is done.

    A working key is in its place throughout, and no third one is made.
    """
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "")  # they are set, and go at the end
    with AWSSimulator() as aws:
        answers = Rotating(aws, tmp_path / "whole", *SCENES[scene]).operations()
    expected = {"GetCallerIdentity", "ListAccessKeys", "UpdateAccessKey", "DeleteAccessKey"}
    if SCENES[scene][0] == "rotate":
        expected |= {"CreateAccessKey", "GetAccessKeyLastUsed"}
    assert expected == set(answers)
    program = (
        "from pathlib import Path\n"
        "from tests.proofs.test_rotation import meet_each_fault\n"
        f"folder = Path({str(tmp_path)!r}) / str(number)\n"
        f"meet_each_fault(folder, {scene}, number, {answers!r}[number])\n"
    )
    loaded = (
        "import tests.conftest\n"
        "from pathlib import Path\n"
        "from mfakit.testing import AWSSimulator\n"
        "from tests.proofs.test_rotation import SCENES, Rotating\n"
        f"folder = Path({str(tmp_path)!r}) / 'loaded'\n"
        "with AWSSimulator() as aws:\n"
        f"    rotating = Rotating(aws, folder, *SCENES[{scene}])\n"
        "    rotating.run()\n"
        "    rotating.check()\n"
    )
    environ = dict(os.environ) | {"PYTHONPATH": os.getcwd()}
    done = run_forked(len(answers), environ, loaded, program)
    failed = {f"{number}: {answers[number]}": one.stderr for number, one in enumerate(done)}
    assert {at: said for at, said in failed.items() if said} == {}
