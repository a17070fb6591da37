"""`keys rotate`: the new key in its place, the old one kept for a while, and interruptions."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from keyring.backends import SecretService
from tests.exchange.conftest import log_in

import mfakit
from mfakit.errors import BusyError, FileError
from mfakit.exchange.access_keys import Hands
from mfakit.exchange.rotation import delete_due, rotate, undo
from mfakit.exchange.source import Source
from mfakit.keychain import delete_secret
from mfakit.keys import journal_path, place_of, read_key, read_rotation
from mfakit.moments import utc_now
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.editing import locked
from mfakit.profiles.profile import Profile
from mfakit.testing import AWSSimulator

WEEK = 7 * 86400.0


def keys_at_aws(aws) -> dict[str, str]:
    """Return alice's keys and their states."""
    listed = aws.root.session().client("iam").list_access_keys(UserName="alice")
    return {key["AccessKeyId"]: key["Status"] for key in listed["AccessKeyMetadata"]}


def works(home) -> bool:
    """Whether AWS takes the key that the profile gives."""
    key = read_key(Profile("default", AWSFiles(home.environ)))
    s3 = boto3.client(
        "s3",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        region_name="us-east-1",
    )
    return s3.list_buckets()["Buckets"] == []


def hands(*, says: bool = True, asked: list[str] | None = None) -> Hands:
    def confirm(question: str, _: bool) -> bool:
        if asked is not None:
            asked.append(question)
        return says

    def log_in() -> Source:
        raise AssertionError("no session was needed")

    return Hands(confirm, lambda _: None, log_in, lambda _: None)


def source(home) -> Profile:
    return Profile("default", AWSFiles(home.environ))


def test_keys_names_the_rotation_of_a_profile_that_was_renamed(home, alice) -> None:
    """Its journal is found by the profile's name, and has the old key."""
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    journal = journal_path(source(home))
    assert journal not in home.mfakit("keys").stderr
    text = home.credentials.read_text()
    home.write_credentials(text.replace("[default]", "[work]"))
    assert (
        f"{journal} is of a rotation of a profile that has no key now" in home.mfakit("keys").stderr
    )
    home.write_credentials(text)
    assert home.mfakit("keys", "rotate", "--undo", "--yes").returncode == 0
    assert alice.access_key_id in home.credentials.read_text()


@pytest.mark.parametrize("place", ["file", "keychain"])
def test_a_rotated_key_is_in_the_place_of_the_old_one(home, alice, aws, place, request) -> None:
    """The old one is inactive, and deleted by the first `keys` after its time."""
    if place == "keychain":
        request.getfixturevalue("keychain")
        assert home.mfakit("keys", "import").returncode == 0
    done = home.mfakit("keys", "rotate", "--yes", "--delete-after", "1s")
    assert done.returncode == 0, done.stderr
    states = keys_at_aws(aws)
    (new,) = set(states) - {alice.access_key_id}
    assert states == {alice.access_key_id: "Inactive", new: "Active"}
    assert f"default: {new}, in " in home.mfakit("keys", "--source-profile", "default").stdout
    assert log_in(home, alice).returncode == 0
    time.sleep(1)
    home.mfakit("keys")
    assert keys_at_aws(aws) == {new: "Active"}
    assert alice.secret_access_key not in home.credentials.read_text()


def test_a_session_goes_on_after_its_key_was_rotated(home, alice, aws) -> None:
    """A login keeps it, and asks for no code."""
    assert log_in(home, alice).returncode == 0
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert "is not due, and kept" in home.mfakit("login").stderr


def test_a_rotation_ends_beside_a_cached_session_that_cannot_be_read(home, alice, aws) -> None:
    """It is of another profile, which has nothing to do with the key."""
    process = "credential_process = mfakit credential-process --profile mfa"
    home.write_config(f"[profile mfa]\n{process}\n")
    assert log_in(home, alice).returncode == 0
    (session,) = (home.credentials.parent / "mfakit" / "sessions").iterdir()
    session.chmod(0o644)
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, len(keys_at_aws(aws))) == (0, 2), done.stderr


def test_undo_goes_back_to_the_old_key(here, home, alice, aws) -> None:
    before = home.credentials.read_text()
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert home.credentials.read_text() != before
    assert home.mfakit("keys", "rotate", "--undo").returncode == 0
    assert home.credentials.read_text() == before
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}
    assert home.mfakit("keys", "rotate", "--undo").returncode == 1


def test_the_question_shows_the_key_its_age_and_its_last_use(here, home, alice, aws) -> None:
    asked: list[str] = []
    with pytest.raises(mfakit.MFAKitError, match="the answer was not yes"):
        rotate(source(home), WEEK, hands(says=False, asked=asked))
    (question,) = asked
    assert alice.access_key_id in question
    assert " ago, " in question
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}


def test_without_a_terminal_the_command_that_answers_is_named(here, home, alice, aws) -> None:
    done = home.mfakit("keys", "rotate", terminal=False)
    assert (done.returncode, "mfakit keys rotate --yes" in done.stderr) == (1, True)
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}


def test_a_second_key_of_the_users_own_is_never_touched(here, home, alice, aws) -> None:
    other = aws.root.session().client("iam").create_access_key(UserName="alice")["AccessKey"]
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, other["AccessKeyId"] in done.stderr) == (1, True)
    assert set(keys_at_aws(aws)) == {alice.access_key_id, other["AccessKeyId"]}


def test_a_key_whose_answer_was_lost_is_named_and_deleted_by_the_next_run(
    here, home, alice, aws
) -> None:
    aws.drop_next("CreateAccessKey", after=True)
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, hands())
    assert len(keys_at_aws(aws)) == 2
    asked: list[str] = []
    rotate(source(home), WEEK, hands(asked=asked))
    assert "was cut off and may have left the key" in asked[0]
    assert len(asked) == 1
    assert works(home)
    assert len(keys_at_aws(aws)) == 2


def test_rotation_asks_for_mfa_once_where_the_policy_wants_it(home, aws, endpoint) -> None:
    made = home.mfakit("policy", "require-mfa")
    assert made.returncode == 0
    user = aws.create_user("alice", policy=_both(made.stdout))
    device = user.enable_virtual_mfa()
    home.write_credentials(
        f"[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    command = home.token_command(device.code())
    home.write_config(
        f"[profile mfa]\nmfa_serial = {device.serial_number}\nmfakit_token_command = {command}\n"
    )
    done = home.mfakit("keys", "rotate", "--yes", "--delete-after", "0")
    assert done.returncode == 0, done.stderr
    assert [call.operation for call in aws.calls].count("GetSessionToken") == 1
    assert list(keys_at_aws(aws).values()) == ["Active"]


def test_rotation_finds_a_live_session_of_the_key_under_any_name(home, aws, endpoint) -> None:
    """No second code is asked for."""
    user = aws.create_user("alice", policy=_both(home.mfakit("policy", "require-mfa").stdout))
    user.device = user.enable_virtual_mfa()
    home.write_credentials(section(user))
    serial = ("--serial-number", user.device.serial_number)
    assert log_in(home, user, "--profile", "other", *serial).returncode == 0
    done = home.mfakit("keys", "rotate", "--yes")
    assert done.returncode == 0, done.stderr
    assert user.access_key_id not in home.credentials.read_text()


def test_where_nobody_can_give_the_code_the_error_names_a_login(home, aws, endpoint) -> None:
    """`keys rotate` has no option for the code, but takes the session of a login."""
    guard = home.mfakit("policy", "require-mfa").stdout
    user = aws.create_user("alice", policy=_both(guard))
    device = user.enable_virtual_mfa()
    home.write_credentials(
        f"[work]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    rotated = ["keys", "rotate", "--yes", "--source-profile", "work"]
    done = home.mfakit(*rotated, terminal=False)
    assert done.returncode == 1
    assert "--token-code" not in done.stderr
    advice = done.stderr.rpartition(": mfakit ")[2].split()
    assert advice == ["login", "--profile", "work-mfa", "--source-profile", "work"]
    assert home.mfakit(*advice, "--token-code", device.code()).returncode == 0
    assert home.mfakit(*rotated).returncode == 0


def _both(guard: str) -> dict:
    import json

    policy = json.loads(guard)
    policy["Statement"].append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    return policy


def test_a_root_user_is_told_to_have_no_key(home, aws, endpoint) -> None:
    home.write_credentials(
        f"[default]\naws_access_key_id = {aws.root.access_key_id}\n"
        f"aws_secret_access_key = {aws.root.secret_access_key}\n"
    )
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, "a root user should have no key" in done.stderr) == (1, True)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("call", ["rename:signal=KILL:when=2", "renameat2:signal=KILL"])
def test_the_next_keys_command_removes_the_new_file_of_a_killed_rotation(home, alice, call) -> None:
    """It holds a key, and would otherwise stay until the next write."""
    assert log_in(home, alice).returncode == 0
    kill = ("strace", "-f", "-qq", "-o", os.devnull, "-e", f"inject={call}")
    home.run(*kill, sys.executable, "-m", "mfakit", "keys", "rotate", "--yes")
    left = list(home.credentials.parent.rglob(".*.mfakit-*"))
    assert len(left) == 1
    assert "aws_secret_access_key" in left[0].read_text() or "new_secret" in left[0].read_text()
    assert home.mfakit("keys").returncode == 0
    assert list(home.credentials.parent.rglob(".*.mfakit-*")) == []


def test_undo_in_the_middle_of_a_rotation_leaves_the_old_key(here, home, alice, aws) -> None:
    """The new key was made and stored, and AWS did not take it before the machine was shut down."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    stopped = Hands(lambda *_: True, lambda _: None, lambda: None, interrupt)
    with pytest.raises(KeyboardInterrupt):
        rotate(source(home), WEEK, stopped)
    assert len(keys_at_aws(aws)) == 2
    undo(source(home), hands())
    assert works(home)
    assert list(keys_at_aws(aws).values()) == ["Active"]


def test_the_profile_gets_a_new_key_only_once_aws_takes_it(home, monkeypatch) -> None:
    """AWS takes a new key after ten seconds and more; until then the old one stays in its place."""
    with AWSSimulator(propagation="aws") as aws, aws.serve() as url:
        user = aws.create_user("alice")
        home.write_credentials(
            f"[default]\naws_access_key_id = {user.access_key_id}\n"
            f"aws_secret_access_key = {user.secret_access_key}\n"
        )
        for name, value in home.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        waited: list[float] = []

        def sleep(seconds: float) -> None:
            assert user.access_key_id in home.credentials.read_text()
            waited.append(seconds)
            aws.clock.advance(seconds=seconds)

        rotate(source(home), WEEK, Hands(lambda *_: True, lambda _: None, lambda: None, sleep))
        assert 10 <= sum(waited) < 15
        assert works(home)
        used = aws.root.session().client("iam").get_access_key_last_used
        old = used(AccessKeyId=user.access_key_id)["AccessKeyLastUsed"]
        assert old["ServiceName"] in ("iam", "sts")


@pytest.mark.parametrize("place", ["file", "keychain"])
def test_no_secret_is_shown_or_left_by_a_rotation(home, alice, aws, place, request) -> None:
    """Afterwards the old secret is nowhere, and the new one where the profile finds it.

    One in a file is in the journal, too, since another program may write back the file from before.
    """
    shown = ""
    if place == "keychain":
        request.getfixturevalue("keychain")
        shown += home.mfakit("keys", "import", "--debug").stderr
    done = home.mfakit("keys", "rotate", "--yes", "--delete-after", "0", "--debug")
    assert done.returncode == 0, done.stderr
    shown += done.stderr + done.stdout
    new = read_key(source(home)) if place == "file" else None
    secrets = [alice.secret_access_key, *([new.secret_access_key] if new else [])]
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    holding = [
        (path.name, secret in shown)
        for secret in secrets
        for path in files
        if secret.encode() in path.read_bytes()
    ]
    journal = os.path.basename(journal_path(source(home)))
    assert sorted(holding) == ([(journal, False), ("credentials", False)] if new else [])
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("place", ["file", "keychain"])
@pytest.mark.parametrize("way_out", ["rotate", "undo"])
def test_a_file_from_before_a_rotation_that_is_written_back_locks_nobody_out(
    home, alice, aws, place, way_out, request
) -> None:
    """An editor saves what it has opened before; AWS does not take the old key by then."""
    if place == "keychain":
        request.getfixturevalue("keychain")
        assert home.mfakit("keys", "import").returncode == 0
    file = home.credentials if place == "file" else home.config
    before = file.read_text()
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    (new,) = set(keys_at_aws(aws)) - {alice.access_key_id}
    file.write_text(before)
    assert f"it was replaced by {new}" in home.mfakit("keys").stdout
    done = home.mfakit("keys", "rotate", "--yes", *["--undo"] * (way_out == "undo"))
    assert done.returncode == 0, done.stderr
    states = {alice.access_key_id: "Inactive", new: "Active"}
    assert keys_at_aws(aws) == (states if way_out == "rotate" else {alice.access_key_id: "Active"})
    present = new if way_out == "rotate" else alice.access_key_id
    assert f"default: {present}, in " in home.mfakit("keys").stdout


def test_keys_shows_a_key_whose_journal_cannot_be_read(home, alice) -> None:
    """Removing it could lose a key, so that no advice says so."""
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    journal = journal_path(source(home))
    Path(journal).chmod(0o644)
    line = home.mfakit("keys").stdout.splitlines()[0]
    assert line.startswith("default: AKIA")
    assert "it may hold keys that are nowhere else" in line
    assert line.strip().endswith(f"chmod 600 {journal}")
    assert "remove it" not in line


def written_back(home, alice, aws, *, delete_after: str = "7d") -> str:
    """Rotate the key and write back the file from before; return the new key."""
    before = home.credentials.read_text()
    done = home.mfakit("keys", "rotate", "--yes", "--delete-after", delete_after)
    assert done.returncode == 0, done.stderr
    (new,) = set(keys_at_aws(aws)) - {alice.access_key_id}
    home.write_credentials(before)
    return new


def test_an_old_key_that_was_written_back_is_not_imported_over_the_new_one(
    here, home, alice, aws, keychain
) -> None:
    """The journal alone has the secret of the new one, and AWS takes no other."""
    new = written_back(home, alice, aws)
    done = home.mfakit("keys", "import")
    assert (done.returncode, f"was replaced by {new}" in done.stderr) == (1, True), done.stderr
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert works(home)
    assert home.mfakit("keys", "import").returncode == 0


@pytest.mark.parametrize("action", [("export",), ("remove", "--yes")])
def test_an_old_key_whose_name_was_written_back_takes_no_entry_out_of_the_keychain(
    here, home, alice, aws, keychain, monkeypatch, action
) -> None:
    take_into_the_keychain(home, monkeypatch)
    before = home.config.read_text()
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    (new,) = set(keys_at_aws(aws)) - {alice.access_key_id}
    home.write_config(before)
    done = home.mfakit("keys", *action)
    assert (done.returncode, f"was replaced by {new}" in done.stderr) == (1, True), done.stderr
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert works(home)


def test_a_key_in_the_keychain_is_not_rotated_while_a_file_has_it_too(
    here, home, alice, aws, keychain
) -> None:
    """An editor has written back the file from before the import, and AWS tools use that key."""
    before = home.credentials.read_text()
    assert home.mfakit("keys", "import").returncode == 0
    home.write_credentials(before)
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, "mfakit keys import" in done.stderr) == (1, True), done.stderr
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}
    assert home.mfakit("keys", "import").returncode == 0
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0


def test_a_new_key_is_not_forgotten_where_the_old_one_was_written_back_and_activated(
    here, home, alice, aws
) -> None:
    """Nobody knows then which of them is in use."""
    new = written_back(home, alice, aws)
    iam = aws.root.session().client("iam")
    iam.update_access_key(UserName="alice", AccessKeyId=alice.access_key_id, Status="Active")
    assert "if AWS no longer takes it, mfakit keys rotate puts" in home.mfakit("keys").stdout
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, f"had replaced it by {new}" in done.stderr) == (1, True), done.stderr
    iam.update_access_key(UserName="alice", AccessKeyId=alice.access_key_id, Status="Inactive")
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert f"default: {new}, in " in home.mfakit("keys").stdout


def test_a_new_key_is_put_in_again_even_if_the_old_one_was_deleted_at_once(
    here, home, alice, aws
) -> None:
    new = written_back(home, alice, aws, delete_after="0")
    assert f"it was replaced by {new}" in home.mfakit("keys").stdout
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, "deletes it" in done.stderr) == (0, False), done.stderr
    assert works(home)
    assert keys_at_aws(aws) == {new: "Active"}


@pytest.mark.parametrize("place", ["file", "keychain"])
def test_an_undone_key_that_is_written_back_gives_way_to_the_old_one_again(
    home, alice, aws, place, request
) -> None:
    if place == "keychain":
        request.getfixturevalue("keychain")
        assert home.mfakit("keys", "import").returncode == 0
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    file = home.credentials if place == "file" else home.config
    rotated = file.read_text()
    assert home.mfakit("keys", "rotate", "--undo").returncode == 0
    file.write_text(rotated)
    assert f"it was replaced by {alice.access_key_id}" in home.mfakit("keys").stdout
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert f"default: {alice.access_key_id}, in " in home.mfakit("keys").stdout
    assert log_in(home, alice).returncode == 0
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}


@pytest.mark.parametrize("way_out", ["rotate", "undo"])
def test_an_inactive_key_that_was_written_back_over_a_cut_off_rotation_locks_nobody_out(
    here, home, alice, aws, way_out
) -> None:
    """AWS had deactivated the old key, and the new one is in the journal alone."""
    before = home.credentials.read_text()
    aws.drop_next("UpdateAccessKey", after=True, times=3)
    assert home.mfakit("keys", "rotate", "--yes").returncode != 0
    assert keys_at_aws(aws)[alice.access_key_id] == "Inactive"
    home.write_credentials(before)
    assert "a rotation of it was cut off" in home.mfakit("keys").stdout
    done = home.mfakit("keys", "rotate", "--yes", *["--undo"] * (way_out == "undo"))
    assert done.returncode == 0, done.stderr
    assert works(home)


def test_a_deleted_key_that_was_written_back_over_a_cut_off_undo_locks_nobody_out(
    here, home, alice, aws
) -> None:
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    rotated = home.credentials.read_text()
    aws.drop_next("DeleteAccessKey", after=True, times=3)
    home.mfakit("keys", "rotate", "--undo", "--yes")
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}
    home.write_credentials(rotated)
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, "go back to that" in done.stderr) == (1, True), done.stderr
    done = home.mfakit("keys", "rotate", "--undo", "--yes")
    assert done.returncode == 0, done.stderr
    assert works(home)


@pytest.mark.parametrize("state", ["kept", "over", "cut off"])
@pytest.mark.parametrize("way_out", [rotate, undo])
def test_the_right_secret_of_a_key_is_taken_from_its_rotation(
    here, home, alice, aws, state, way_out
) -> None:
    """The user has never seen it, and an editor, or a script, has put a wrong one there."""
    if state == "cut off":
        interrupted(home)
    else:
        rotate(source(home), 0 if state == "over" else WEEK, hands())
    right = source(home).keys["aws_secret_access_key"]
    home.write_credentials(home.credentials.read_text().replace(right, right[:-1] + "~"))
    assert "its secret is not the one of its last rotation" in home.mfakit("keys").stdout
    if (state, way_out) == ("over", undo):
        way_out = rotate  # there is nothing to undo any more
    present = way_out(*arguments_of(way_out, source(home), lambda _: None))
    assert read_key_id(home) == present
    assert works(home)
    if way_out is undo:
        assert keys_at_aws(aws) == {alice.access_key_id: "Active"}


@pytest.mark.parametrize("state", ["kept", "over", "cut off"])
@pytest.mark.parametrize("command", ["", "--undo"])
def test_a_secret_beside_the_id_of_a_rotation_is_replaced_only_after_a_yes(
    here, home, alice, state, command
) -> None:
    """It may be of another key, whose id follows, as `aws configure set` writes one."""
    if state == "cut off":
        interrupted(home)
    else:
        rotate(source(home), 0 if state == "over" else WEEK, hands())
    right = source(home).keys["aws_secret_access_key"]
    home.write_credentials(home.credentials.read_text().replace(right, "another"))
    done = home.mfakit("keys", "rotate", "--yes", *command.split(), terminal=False)
    assert done.returncode == 1
    assert "aws_secret_access_key = another\n" in home.credentials.read_text()


@pytest.mark.parametrize("delete_after", ["7d", "0"])
def test_import_leaves_the_right_secret_in_the_journal_if_the_file_has_another(
    home, alice, keychain, here, delete_after: str
) -> None:
    """The journal has the only copy of it."""
    home.mfakit("keys", "rotate", "--yes", "--delete-after", delete_after)
    right = source(home).keys["aws_secret_access_key"]
    home.write_credentials(home.credentials.read_text().replace(right, right[:-1] + "~"))
    done = home.mfakit("keys", "import")
    assert (done.returncode, "not the one of its last rotation" in done.stderr) == (1, True)
    assert "unless its last rotation has it (see mfakit keys)" in home.mfakit("devices").stderr
    rotate(source(home), WEEK, hands())
    assert home.mfakit("keys", "import").returncode == 0
    assert works(home)


def test_remove_deletes_no_key_that_a_rotation_has_made_since_the_question(
    here, home, alice, aws, keychain, monkeypatch, on_terminal
) -> None:
    take_into_the_keychain(home, monkeypatch)
    terminal = on_terminal("keys", "remove")
    terminal.read_until("[y/N] ")
    rotate(source(home), WEEK, hands())
    terminal.send("y\n")
    assert terminal.wait() == 1
    assert f"is no longer {alice.access_key_id}" in terminal.screen
    assert works(home)
    assert undo(source(home), hands()) == alice.access_key_id


def test_the_entry_of_a_rotated_key_that_was_imported_since_stays_for_its_profile(
    home, alice, aws, keychain, here
) -> None:
    """An editor has written back the config of before, and named the key for another profile."""
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert home.mfakit("keys", "import").returncode == 0
    (new,) = set(keys_at_aws(aws)) - {alice.access_key_id}
    own = "[default]\nregion = us-east-1\n"
    home.write_config(f"{own}[profile other]\nmfakit_key_store = keyring:{new}\n")
    done = home.mfakit("keys", "remove", "--yes", "--source-profile", "other")
    assert (done.returncode, f"default needs the key {new}" in done.stderr) == (1, True)
    assert in_keychain(home, new)
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert works(home)


@pytest.mark.parametrize("rotations", [1, 2])
@pytest.mark.parametrize("command", [("remove", "--yes"), ("export",)])
def test_the_entry_that_an_ended_rotation_of_another_profile_goes_by_is_not_deleted(
    home, alice, aws, keychain, here, command: tuple[str, ...], rotations: int
) -> None:
    """An editor has written back a key of before, and named the new one for the first profile."""
    keys = f"aws_access_key_id = {alice.access_key_id}\n"
    keys += f"aws_secret_access_key = {alice.secret_access_key}\n"
    home.write_credentials(f"[default]\n{keys}[first]\n{keys}")
    for name in ("default", "first"):
        assert home.mfakit("keys", "import", "--source-profile", name).returncode == 0
    before = home.config.read_text()
    for _ in range(rotations):
        assert home.mfakit("keys", "rotate", "--yes", "--delete-after", "0").returncode == 0
    (new,) = keys_at_aws(aws)
    first = before.index("[profile first]")
    home.write_config(before[:first] + before[first:].replace(alice.access_key_id, new))
    done = home.mfakit("keys", *command, "--source-profile", "first")
    assert done.returncode == (0 if command == ("export",) else 1), done.stderr
    assert in_keychain(home, new)
    if rotations == 1:
        assert home.mfakit("keys", "rotate", "--yes").returncode == 0
        assert works(home)


def test_a_rotation_that_was_refused_leaves_the_key_of_the_one_before_it_in_the_journal(
    here, home, alice, aws
) -> None:
    before = home.credentials.read_text()
    assert home.mfakit("keys", "rotate", "--yes", "--delete-after", "0").returncode == 0
    aws.fail_next("CreateAccessKey", code="LimitExceeded", status=409)
    assert home.mfakit("keys", "rotate", "--yes").returncode != 0
    home.write_credentials(before)
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert works(home)


@pytest.mark.parametrize("place", ["file", "keychain"])
@pytest.mark.parametrize("is_cut_off", [True, False])
@pytest.mark.parametrize("way_out", ["rotate", "undo"])
def test_a_profile_that_has_lost_its_key_gets_it_back_from_its_rotation(
    here, home, alice, aws, place, is_cut_off, way_out, request, monkeypatch
) -> None:
    """Another program has removed its section; the key may be in the journal alone."""
    if place == "keychain":
        request.getfixturevalue("keychain")
        take_into_the_keychain(home, monkeypatch)
    if is_cut_off:
        interrupted(home)
    else:
        rotate(source(home), WEEK, hands())
    home.write_credentials("[other]\nregion = eu-west-1\n")
    home.write_config("[default]\nregion = us-east-1\n")
    assert "a key may be there alone" in home.mfakit("keys").stderr
    done = home.mfakit("keys", "rotate", "--yes", *["--undo"] * (way_out == "undo"))
    assert (done.returncode, "had lost its key" in done.stderr) == (0, True), done.stderr
    assert works(home)
    (new,) = {*keys_at_aws(aws), alice.access_key_id} - {alice.access_key_id} or {""}
    present = alice.access_key_id if way_out == "undo" else new
    assert f"default: {present}, in " in home.mfakit("keys").stdout


def test_a_key_that_another_profile_has_is_never_taken_for_an_orphan(
    here, home, alice, aws
) -> None:
    """It was made by hand after a rotation whose request was lost."""
    aws.drop_next("CreateAccessKey")
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, hands())
    made = aws.root.session().client("iam").create_access_key(UserName="alice")["AccessKey"]
    home.write_credentials(
        f"{home.credentials.read_text()}\n[ci]\naws_access_key_id = {made['AccessKeyId']}\n"
        f"aws_secret_access_key = {made['SecretAccessKey']}\n"
    )
    with pytest.raises(mfakit.MFAKitError, match="has a second key already"):
        rotate(source(home), WEEK, hands())
    assert made["AccessKeyId"] in keys_at_aws(aws)


def test_no_key_but_the_rotated_one_is_deleted_by_a_yes_in_advance(here, home, alice, aws) -> None:
    """A command that is run again asks about the old key before its time, and about an orphan."""
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    both = keys_at_aws(aws)
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, "--yes is no answer" in done.stderr) == (1, True), done.stderr
    assert keys_at_aws(aws) == both
    assert home.mfakit("keys", "rotate", "--undo", "--yes").returncode == 0
    aws.drop_next("CreateAccessKey", after=True)
    assert home.mfakit("keys", "rotate", "--yes").returncode != 0
    both = keys_at_aws(aws)
    done = home.mfakit("keys", "rotate", "--yes")
    assert (len(both), "--yes is no answer" in done.stderr) == (2, True), done.stderr
    assert keys_at_aws(aws) == both


def interrupted(home) -> None:
    """Begin a rotation whose process is stopped before AWS takes the new key."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(source(home), WEEK, Hands(lambda *_: True, lambda _: None, lambda: None, interrupt))


def test_no_key_is_changed_while_another_process_rotates_it(
    home, alice, aws, keychain, here
) -> None:
    """A second journal would replace the first, and with it the only copy of the new secret."""
    seen: list[str] = []

    def confirm(*_: object) -> bool:
        for action in (("rotate", "--yes"), ("import",), ("export",), ("remove", "--yes")):
            seen.append(home.mfakit("keys", *action).stderr)
        return True

    assert home.mfakit("keys", "import").returncode == 0
    rotate(source(home), WEEK, Hands(confirm, lambda _: None, lambda: None, lambda _: None))
    busy = ["another mfakit is changing the key of profile 'default'" in one for one in seen]
    assert busy == [True] * 4, seen
    assert works(home)
    assert len(keys_at_aws(aws)) == 2


@pytest.mark.parametrize("action", [rotate, undo])
def test_a_key_that_was_put_there_meanwhile_is_never_overwritten(
    here, home, alice, aws, action
) -> None:
    interrupted(home)
    bob = aws.create_user("bob")
    mine = (
        f"[default]\naws_access_key_id = {bob.access_key_id}\n"
        f"aws_secret_access_key = {bob.secret_access_key}\n"
    )
    home.write_credentials(mine)
    with pytest.raises(mfakit.MFAKitError, match="not one of its last rotation"):
        rotate(source(home), WEEK, hands()) if action is rotate else undo(source(home), hands())
    assert home.credentials.read_text() == mine


def test_the_old_key_is_not_deleted_once_the_profile_uses_it_again(here, home, alice, aws) -> None:
    before = home.credentials.read_text()
    rotate(source(home), 0.001, hands())
    iam = aws.root.session().client("iam")
    iam.update_access_key(UserName="alice", AccessKeyId=alice.access_key_id, Status="Active")
    home.write_credentials(before)
    home.mfakit("keys")
    assert keys_at_aws(aws)[alice.access_key_id] == "Active"
    assert works(home)


def test_an_old_key_that_was_activated_again_is_not_deleted(here, home, alice, aws) -> None:
    """Somebody still needs it, and has said so at AWS."""
    rotate(source(home), 0.001, hands())
    iam = aws.root.session().client("iam")
    iam.update_access_key(UserName="alice", AccessKeyId=alice.access_key_id, Status="Active")
    done = home.mfakit("keys")
    assert f"{alice.access_key_id} is active again" in done.stderr
    assert keys_at_aws(aws)[alice.access_key_id] == "Active"
    assert home.mfakit("keys", "rotate", "--undo").returncode == 0


@pytest.mark.parametrize("first", ["in a file", "in the keychain"])
def test_undo_works_after_the_key_was_moved(here, home, alice, aws, keychain, first, monkeypatch):
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, home.environ[name])
    if first == "in the keychain":
        assert home.mfakit("keys", "import").returncode == 0
    rotate(source(home), WEEK, hands())
    assert home.mfakit("keys", "export" if "chain" in first else "import").returncode == 0
    undo(source(home), hands())
    assert works(home)
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}


def test_an_undo_that_was_killed_at_its_last_step_is_ended_by_the_next(
    here, home, alice, aws, keychain, monkeypatch
) -> None:
    """The key is in the file again, in the keychain no more, and in the journal still."""
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, home.environ[name])
    assert home.mfakit("keys", "import").returncode == 0
    rotate(source(home), WEEK, hands())
    assert home.mfakit("keys", "export").returncode == 0
    journal = Path(journal_path(source(home)))
    text = journal.read_bytes()
    undo(source(home), hands())
    journal.touch(0o600)
    journal.write_bytes(text)
    assert undo(source(home), hands()) == alice.access_key_id
    assert works(home)
    with pytest.raises(mfakit.MFAKitError, match="no rotation"):
        undo(source(home), hands())


@pytest.mark.parametrize("written_back", ["the rotated config", "the config without a key"])
def test_an_undo_that_was_killed_once_the_new_key_is_gone_locks_nobody_out(
    here, home, alice, aws, faulty_store, written_back
) -> None:
    """An editor saves the config from before: the journal has to say which key is in force."""
    without = "[default]\nregion = us-east-1\n"
    assert home.mfakit("keys", "import").returncode == 0
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    rotated = home.config.read_text()
    fault = faulty_store("rm", 'do_it "$@"; kill -KILL $(cut -d " " -f 4 /proc/$PPID/stat)')
    done = home.run(sys.executable, "-m", "mfakit", "keys", "rotate", "--undo", "--yes", **fault)
    assert (done.returncode, keys_at_aws(aws)) == (-9, {alice.access_key_id: "Active"})
    home.write_config(rotated if "rotated" in written_back else without)
    time.sleep(1)  # until the keychain's process has ended
    option = ("--source-profile", "default")
    done = home.mfakit("keys", "rotate", "--yes", *option)
    assert done.returncode == 0, done.stderr
    assert read_key_id(home) == alice.access_key_id
    assert f"default: {alice.access_key_id}, in the keychain" in home.mfakit("keys").stdout
    assert "lost it" not in home.mfakit("keys").stderr


def test_a_key_that_is_made_by_hand_after_a_refusal_is_never_taken_for_an_orphan(
    here, home, alice, aws
) -> None:
    """AWS made no key then, so that none can have been left."""
    aws.fail_next("CreateAccessKey", code="AccessDenied", status=403)
    denied = Hands(lambda *_: True, lambda _: None, _refuse, lambda _: None)
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, denied)
    made = aws.root.session().client("iam").create_access_key(UserName="alice")["AccessKey"]
    done = home.mfakit("keys", "rotate", "--yes")
    assert (done.returncode, "has a second key already" in done.stderr) == (1, True)
    assert made["AccessKeyId"] in keys_at_aws(aws)


def _refuse() -> Source:
    raise mfakit.MFAKitError("nobody logs in")


def test_undo_ends_a_rotation_whose_new_key_was_deleted_at_aws(here, home, alice, aws) -> None:
    interrupted(home)
    (new,) = set(keys_at_aws(aws)) - {alice.access_key_id}
    iam = aws.root.session().client("iam")
    iam.delete_access_key(UserName="alice", AccessKeyId=new)
    done = home.mfakit("keys", "rotate", "--undo")
    assert done.returncode == 0, done.stderr
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0


def test_other_profiles_with_the_same_key_are_named_before_it_is_rotated(
    here, home, alice, aws
) -> None:
    """The key is inactive for them afterwards."""
    text = home.credentials.read_text()
    home.write_credentials(text + "\n" + text.replace("[default]", "[twin]"))
    noted: list[str] = []
    rotate(source(home), WEEK, hands().replace(note=noted.append))
    assert any("twin" in line for line in noted)


def test_undo_asks_before_it_deletes_a_key_that_another_profile_has_too(home, alice, aws) -> None:
    """That profile was to get the new key after the rotation."""
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    text = home.credentials.read_text()
    twin = text.partition("[default]")[2]
    home.write_credentials(f"{text}\n[twin]{twin}")
    before = keys_at_aws(aws)
    done = home.mfakit("keys", "rotate", "--undo", terminal=False)
    assert done.returncode == 1
    assert "the profile twin has the key" in done.stderr
    assert "mfakit keys rotate --yes --undo" in done.stderr
    assert keys_at_aws(aws) == before
    done = home.mfakit("keys", "rotate", "--undo", "--yes")
    assert done.returncode == 0, done.stderr
    assert "twin" in done.stderr
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}


def test_the_deletion_of_an_old_key_names_the_profiles_that_have_it_still(home, alice, aws) -> None:
    text = home.credentials.read_text()
    home.write_credentials(text + "\n" + text.replace("[default]", "[twin]"))
    assert home.mfakit("keys", "rotate", "--yes", "--delete-after", "1s").returncode == 0
    time.sleep(1.1)
    done = home.mfakit("keys")
    assert f"the profile twin has the key {alice.access_key_id} too" in done.stderr


def test_each_command_that_rotate_names_is_for_the_profile_that_was_rotated(
    home, alice, aws
) -> None:
    home.write_credentials(home.credentials.read_text().replace("[default]", "[my work]"))
    named = ("--source-profile", "my work")
    asks = ("keys", "rotate", "--delete-after", "3d", *named)
    done = home.mfakit(*asks, terminal=False)
    again = "mfakit keys rotate --yes --source-profile 'my work' --delete-after 3d"
    assert again in done.stderr
    done = home.mfakit("keys", "rotate", "--yes", *named)
    assert "mfakit keys rotate --undo --source-profile 'my work'" in done.stderr


@pytest.mark.parametrize("action", [("export",), ("remove", "--yes"), ("import",)])
def test_a_key_is_moved_only_once_its_rotation_is_finished(
    here, home, alice, aws, keychain, monkeypatch, action
) -> None:
    """The journal or the keychain holds both keys until then, and one of them would be left."""
    if action != ("import",):
        take_into_the_keychain(home, monkeypatch)
    interrupted(home)
    done = home.mfakit("keys", *action)
    assert (done.returncode, "mfakit keys rotate" in done.stderr) == (1, True), done.stderr
    assert works(home)
    assert home.mfakit("keys", "rotate", "--yes", "--delete-after", "0").returncode == 0
    assert home.mfakit("keys", *action).returncode == 0


def section(user) -> str:
    return (
        f"[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )


def test_a_rotation_drops_no_old_key_because_the_profile_has_a_third_one(
    here, home, alice, aws
) -> None:
    """The journal alone has the old one's secret, and undo has been promised."""
    rotate(source(home), WEEK, hands())
    used = home.credentials.read_text()
    home.write_credentials(section(aws.create_user("bob")))
    with pytest.raises(mfakit.MFAKitError, match="not one of its last rotation"):
        rotate(source(home), WEEK, hands())
    home.write_credentials(used)
    assert undo(source(home), hands()) == alice.access_key_id
    assert works(home)


@pytest.mark.parametrize("action", [rotate, undo])
def test_a_secret_that_was_put_there_while_keys_change_is_never_overwritten(
    here, home, alice, aws, action
) -> None:
    """It has the id of the key that is replaced."""
    mine = section(alice).replace(alice.secret_access_key, "mine")
    if action is undo:
        rotate(source(home), WEEK, hands())
        mine = home.credentials.read_text().replace("secret_access_key = ", "secret_access_key = m")
    written: list[str] = []

    def write(_: float) -> None:
        home.write_credentials(mine)
        written.append(mine)

    with pytest.raises(mfakit.MFAKitError, match="is no longer"):
        action(*arguments_of(action, source(home), write))
    assert written
    assert home.credentials.read_text() == mine


def arguments_of(action, profile: Profile, sleep) -> tuple:
    """Return the arguments that let a rotation or its undo do something while it waits."""
    waiting = Hands(lambda *_: True, lambda _: None, lambda: None, sleep)
    return (profile, WEEK, waiting) if action is rotate else (profile, waiting)


def test_no_key_is_made_at_aws_if_the_file_cannot_take_it(here, home, alice, aws) -> None:
    (home.credentials.parent / "credentials.lock").mkdir()
    with pytest.raises(mfakit.MFAKitError, match="cannot write"):
        rotate(source(home), WEEK, hands())
    assert keys_at_aws(aws) == {alice.access_key_id: "Active"}


@pytest.mark.parametrize("moved", [False, True])
def test_nothing_of_a_rotated_key_is_left_in_the_keychain_once_it_is_removed_from_there(
    here, home, alice, aws, keychain, monkeypatch, on_terminal, moved: bool
) -> None:
    """The key before the rotation waits to be deleted; it is named, since AWS knows it too."""
    take_into_the_keychain(home, monkeypatch)
    rotate(source(home), WEEK, hands())
    if moved:
        assert home.mfakit("keys", "export").returncode == 0
        assert home.mfakit("keys", "import").returncode == 0
    (new,) = set(keys_at_aws(aws)) - {alice.access_key_id}
    assert in_keychain(home, new)
    done = home.mfakit("keys", "remove", "--yes")
    assert (done.returncode, f"{alice.access_key_id}, is deleted here" in done.stderr) == (1, True)
    assert in_keychain(home, new)
    terminal = on_terminal("keys", "remove", "--yes")
    terminal.read_until("Go on? [y/N] ")
    terminal.send("y\n")
    assert terminal.wait() == 0
    assert not in_keychain(home, new)
    assert not in_keychain(home, alice.access_key_id)
    assert f"{alice.access_key_id}, from before its rotation" in terminal.screen
    assert list((home.credentials.parent / "mfakit" / "rotations").glob("[!.]*[!k]")) == []


@pytest.mark.parametrize("action", ["export", "remove"])
def test_a_key_that_another_profiles_rotation_keeps_stays_in_the_keychain(
    here, home, alice, aws, keychain, monkeypatch, action: str
) -> None:
    """An undo of that rotation, which was promised, goes by it."""
    home.write_credentials(
        f"{home.credentials.read_text()}\n[twin]\naws_access_key_id = {alice.access_key_id}\n"
        f"aws_secret_access_key = {alice.secret_access_key}\n"
    )
    take_into_the_keychain(home, monkeypatch)
    assert home.mfakit("keys", "import", "--source-profile", "twin").returncode == 0
    rotate(source(home), WEEK, hands())
    done = home.mfakit(
        "keys", action, "--source-profile", "twin", *["--yes"] * (action == "remove")
    )
    assert "for profile default" in done.stderr or "the profile default needs" in done.stderr
    assert undo(source(home), hands()) == alice.access_key_id
    assert works(home)


def test_removing_a_third_key_drops_no_old_one(here, home, alice, aws, keychain) -> None:
    """The journal of the rotation alone has the old one's secret."""
    rotate(source(home), WEEK, hands())
    used = home.credentials.read_text()
    home.write_credentials(section(aws.create_user("bob")))
    assert home.mfakit("keys", "import").returncode == 0
    assert home.mfakit("keys", "remove", "--yes").returncode == 0
    home.write_credentials(used)
    assert undo(source(home), hands()) == alice.access_key_id
    assert works(home)


def test_the_end_of_a_rotation_leaves_the_entry_that_another_profile_names(
    here, home, alice, aws, keychain, monkeypatch
) -> None:
    """Undoing the rotation after an export leaves it, and so does the key's removal."""
    take_into_the_keychain(home, monkeypatch)
    store = f"[profile twin]\nmfakit_key_store = keyring:{alice.access_key_id}\n"
    home.write_config(home.config.read_text() + store)
    rotate(source(home), WEEK, hands())
    assert home.mfakit("keys", "export").returncode == 0
    assert undo(source(home), hands()) == alice.access_key_id
    assert in_keychain(home, alice.access_key_id)
    assert home.mfakit("keys", "import").returncode == 0
    rotate(source(home), WEEK, hands())
    done = home.mfakit("keys", "remove", "--yes")
    assert f"{alice.access_key_id}, from before its rotation, is kept for profile twin" in (
        done.stderr
    )
    assert in_keychain(home, alice.access_key_id)


def test_a_key_store_that_was_changed_meanwhile_is_never_overwritten(
    here, home, alice, aws, keychain, monkeypatch
) -> None:
    take_into_the_keychain(home, monkeypatch)
    changed = home.config.read_text().replace(alice.access_key_id, "AKIAFOURTH")

    def change(*_: object) -> bool:
        home.write_config(changed)
        return True

    refuse = Hands(change, lambda _: None, lambda: None, lambda _: None)
    with pytest.raises(mfakit.MFAKitError, match=f"is no longer {alice.access_key_id}"):
        rotate(source(home), WEEK, refuse)
    assert home.config.read_text() == changed


@pytest.mark.parametrize("action", ["import", "export"])
def test_moving_a_key_leaves_the_key_store_that_another_program_has_just_named(
    here, home, alice, keychain, action: str
) -> None:
    """It may be the only name of another key in the keychain."""
    if action == "export":
        assert home.mfakit("keys", "import").returncode == 0
    mine = "[default]\nmfakit_key_store = keyring:AKIAFOURTH\n"
    command = [sys.executable, "-m", "mfakit", "keys", action]
    with locked(str(home.config), 30):
        process = subprocess.Popen(command, env=home.environ, stderr=subprocess.PIPE, text=True)
        while not (
            in_keychain(home, alice.access_key_id)
            if action == "import"
            else alice.access_key_id in home.credentials.read_text()
        ):
            time.sleep(0.05)
        time.sleep(1)
        home.write_config(mine)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, home.config.read_text()) == (1, mine)
    assert f"is no longer {alice.access_key_id}" in said
    assert in_keychain(home, alice.access_key_id)
    assert alice.access_key_id in home.credentials.read_text()


def test_an_old_key_is_still_deleted_after_another_program_had_emptied_the_file(
    here, home, alice, aws
) -> None:
    """It seems then that the profile has no key any more, and the old one would stay at AWS."""
    rotate(source(home), 60, hands())
    profile, later = source(home), utc_now() + timedelta(seconds=61)
    text = home.credentials.read_text()
    assert profile.files.credentials_file.text == text
    home.write_credentials("")
    with pytest.raises(FileError, match="another program is writing"):
        delete_due(profile, later, hands())
    home.write_credentials(text)
    delete_due(profile, later, hands())
    assert alice.access_key_id not in keys_at_aws(aws)


@pytest.mark.parametrize("killed", ["the keychain's process", "mfakit"])
def test_no_entry_of_a_key_that_was_not_used_is_left_in_the_keychain(
    here, home, alice, aws, faulty_store, killed: str, monkeypatch
) -> None:
    """It is named by nothing. mfakit names the key at AWS when it is run again, and asks."""
    assert home.mfakit("keys", "import").returncode == 0
    who = "$PPID" if killed != "mfakit" else "$(cut -d ' ' -f 4 /proc/$PPID/stat)"
    fault = faulty_store("insert", f'do_it "$@"; kill -KILL {who}')
    done = home.run(sys.executable, "-m", "mfakit", "keys", "rotate", "--yes", **fault)
    assert done.returncode != 0
    store = home.folder / "store" / "python-keyring" / "mfakit"
    if killed == "mfakit":
        assert len(list(store.glob("*.gpg"))) == len(keys_at_aws(aws)) == 2
        for name in ("PATH", "GNUPGHOME", "PASSWORD_STORE_DIR", "PYTHON_KEYRING_BACKEND"):
            monkeypatch.setenv(name, home.environ[name])
        asked: list[str] = []
        while not asked:
            with contextlib.suppress(BusyError):  # until the keychain's process has ended
                rotate(source(home), 0, hands(asked=asked))
        assert "Delete it?" in asked[0]
    present = read_key_id(home)
    assert [path.stem for path in store.glob("*.gpg")] == [present]
    assert keys_at_aws(aws) == {present: "Active"}


@pytest.mark.parametrize("is_over", [True, False])
def test_a_file_from_before_two_rotations_costs_no_key(here, home, alice, aws, is_over) -> None:
    """The journal alone has the secret of the key that works, and each command says so."""
    oldest = home.credentials.read_text()
    rotate(source(home), 0, hands())
    new = rotate(source(home), 0 if is_over else WEEK, hands())
    home.write_credentials(oldest)
    listed = home.mfakit("keys").stdout
    assert f"and {new}, and {journal_path(source(home))} may have the only copy" in listed
    ways = [("rotate", "--yes")] + [("rotate", "--undo", "--yes")] * (not is_over)
    place = source(home).place("aws_access_key_id")
    for way in ways:
        said = home.mfakit("keys", *way).stderr
        assert f"remove its id and secret ({place}), and mfakit keys rotate puts" in said
        assert f"and of {new}: rm" in said or f"secret of {new}: rm" in said
    home.write_credentials("")
    assert home.mfakit("keys", "rotate", "--yes", "--source-profile", "default").returncode == 0
    assert read_key_id(home) == new
    assert works(home)


def test_a_rotation_asks_before_it_forgets_the_only_copy_of_another_key(
    here, home, alice, aws
) -> None:
    """The profile has the key of another user by now, which AWS takes."""
    new = rotate(source(home), 0, hands())
    home.write_credentials(section(aws.create_user("bob")))
    asked: list[str] = []
    with pytest.raises(mfakit.MFAKitError, match="the answer was not yes"):
        rotate(source(home), WEEK, hands(says=False, asked=asked))
    assert f"The secret of the key {new}, from the last rotation, is nowhere but" in asked[0]
    home.write_credentials("[default]\n")
    assert rotate(source(home), WEEK, hands()) == new
    assert works(home)


def test_a_rotation_that_made_no_key_costs_nothing_if_an_older_file_is_written_back(
    here, home, alice, aws
) -> None:
    """AWS has not answered, and an editor saves the file from before the last rotation."""
    oldest = home.credentials.read_text()
    new = rotate(source(home), 0, hands())
    aws.drop_next("CreateAccessKey")
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, hands())
    home.write_credentials(oldest)
    assert f"its last rotation was of {new}, and" in home.mfakit("keys").stdout
    with pytest.raises(mfakit.MFAKitError, match="not one of its last rotation"):
        rotate(source(home), WEEK, hands())
    home.write_credentials("[default]\n")
    rotate(source(home), WEEK, hands())
    assert works(home)


def test_a_rotation_that_deletes_an_unused_key_and_is_then_refused_costs_no_key(
    here, home, alice, aws
) -> None:
    """The journal alone has the key that works, if an editor saves the file from before."""
    oldest = home.credentials.read_text()
    new = rotate(source(home), 0, hands())
    aws.drop_next("CreateAccessKey", after=True)
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, hands())
    aws.fail_next("CreateAccessKey", code="LimitExceeded", status=409)
    with pytest.raises(mfakit.MFAKitError, match="LimitExceeded"):
        rotate(source(home), WEEK, hands())
    assert keys_at_aws(aws) == {new: "Active"}
    iam = aws.root.session().client("iam")
    by_hand = iam.create_access_key(UserName="alice")["AccessKey"]["AccessKeyId"]
    with pytest.raises(mfakit.MFAKitError, match=f"a second key already, {by_hand}"):
        rotate(source(home), WEEK, hands())
    home.write_credentials(oldest)
    with pytest.raises(mfakit.MFAKitError, match="not one of its last rotation"):
        rotate(source(home), WEEK, hands())
    iam.delete_access_key(UserName="alice", AccessKeyId=by_hand)
    home.write_credentials("[default]\n")
    rotate(source(home), WEEK, hands())
    assert works(home)


def test_a_key_of_another_user_is_never_taken_for_an_orphan(here, home, alice, aws) -> None:
    """The profile has got bob's key since alice's rotation had no answer."""
    aws.drop_next("CreateAccessKey")
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, hands())
    home.write_credentials(section(aws.create_user("bob")))
    iam = aws.root.session().client("iam")
    second = iam.create_access_key(UserName="bob")["AccessKey"]["AccessKeyId"]
    with pytest.raises(mfakit.MFAKitError, match=f"a second key already, {second}"):
        rotate(source(home), WEEK, hands())


def test_a_key_that_is_imported_after_a_rotation_without_an_answer_is_in_no_file(
    here, home, alice, aws, keychain
) -> None:
    aws.drop_next("CreateAccessKey")
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, hands())
    assert home.mfakit("keys", "import").returncode == 0
    assert alice.secret_access_key not in Path(journal_path(source(home))).read_text()


@pytest.mark.parametrize("way_out", ["rotate", "undo"])
def test_a_cut_off_rotation_whose_old_key_was_deleted_at_aws_can_be_finished(
    here, home, alice, aws, way_out
) -> None:
    aws.fail_next("UpdateAccessKey", code="LimitExceeded", status=409)
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, hands())
    rotation, new = read_rotation(source(home)), read_key_id(home)
    iam = aws.root.session().client("iam")
    iam.delete_access_key(UserName="alice", AccessKeyId=alice.access_key_id)
    assert not rotation.delete_at
    if way_out == "undo":
        with pytest.raises(mfakit.MFAKitError, match="is deleted at AWS"):
            undo(source(home), hands())
    assert rotate(source(home), WEEK, hands()) == new
    assert keys_at_aws(aws) == {new: "Active"}
    assert works(home)
    assert read_rotation(source(home)).ended_at


def test_a_third_key_at_the_due_time_costs_no_key_of_the_rotation(here, home, alice, aws) -> None:
    """The old one may be in use again, and its secret is in the journal alone."""
    rotate(source(home), 0.001, hands())
    used = home.credentials.read_text()
    home.write_credentials(section(aws.create_user("bob")))
    listed = home.mfakit("keys").stdout
    assert f"its last rotation was of {alice.access_key_id} and" in listed
    home.write_credentials(used)
    assert undo(source(home), hands()) == alice.access_key_id
    assert works(home)


def test_an_old_key_that_aws_takes_again_is_not_replaced_by_one_that_was_deleted(
    here, home, alice, aws
) -> None:
    """Somebody went back to it in the console."""
    before = home.credentials.read_text()
    new = rotate(source(home), 0.001, hands())
    iam = aws.root.session().client("iam")
    iam.delete_access_key(UserName="alice", AccessKeyId=new)
    iam.update_access_key(UserName="alice", AccessKeyId=alice.access_key_id, Status="Active")
    home.write_credentials(before)
    newer = rotate(source(home), WEEK, hands())
    assert newer not in (new, alice.access_key_id)
    assert keys_at_aws(aws) == {alice.access_key_id: "Inactive", newer: "Active"}
    assert works(home)


def test_nobody_is_told_to_deactivate_the_only_key_that_is_active(here, home, alice, aws) -> None:
    """The user went back in the console, and has made the new key inactive there."""
    before = home.credentials.read_text()
    new = rotate(source(home), WEEK, hands())
    iam = aws.root.session().client("iam")
    iam.update_access_key(UserName="alice", AccessKeyId=new, Status="Inactive")
    iam.update_access_key(UserName="alice", AccessKeyId=alice.access_key_id, Status="Active")
    home.write_credentials(before)
    with pytest.raises(mfakit.MFAKitError) as failure:
        rotate(source(home), WEEK, hands())
    assert failure.value.hint == "go back to it: mfakit keys rotate --undo"
    assert undo(source(home), hands()) == alice.access_key_id
    assert works(home)


@pytest.mark.parametrize("delete_after", [0, WEEK])
def test_no_key_is_said_to_be_back_that_aws_does_not_take(
    here, home, alice, aws, delete_after
) -> None:
    new = rotate(source(home), delete_after, hands())
    iam = aws.root.session().client("iam")
    iam.update_access_key(UserName="alice", AccessKeyId=new, Status="Inactive")
    home.write_credentials("[default]\n")
    with pytest.raises(mfakit.MFAKitError, match="does not know the access key"):
        rotate(source(home), WEEK, hands())


def test_the_keys_in_the_journal_are_named_once_a_program_gives_the_key(
    here, home, alice, aws
) -> None:
    """Nobody would look for keys in plain text then."""
    rotate(source(home), WEEK, hands())
    home.write_credentials("")
    home.write_config("[default]\nmfakit_key_command = pass show aws\n")
    assert f"{journal_path(source(home))} may have the only copy" in home.mfakit("keys").stdout


def test_an_undo_with_another_keychain_does_not_call_the_old_key_lost(
    here, home, alice, aws, keychain, monkeypatch
) -> None:
    """Over ssh, mfakit may find another keychain than the one that has the entry."""
    take_into_the_keychain(home, monkeypatch)
    rotate(source(home), WEEK, hands())
    for name in keys_at_aws(aws):
        delete_secret(name)
    with pytest.raises(mfakit.MFAKitError) as failure:
        undo(source(home), hands())
    assert failure.value.hint.startswith("use the keychain that has it")


def test_where_the_clock_is_wrong_no_advice_undoes_a_finished_rotation(
    here, home, alice, aws
) -> None:
    """AWS refuses each signature then, whichever key it is made with."""
    rotate(source(home), WEEK, hands())
    aws.fail_next("*", code="SignatureDoesNotMatch", status=403, times=9)
    with pytest.raises(mfakit.MFAKitError) as failure:
        rotate(source(home), WEEK, hands())
    assert "--undo" not in failure.value.hint


def test_a_cut_off_rotation_in_the_keychain_can_be_finished_if_the_file_has_the_key_again(
    here, home, alice, aws, keychain, monkeypatch
) -> None:
    """The credentials file from before the import was written back."""
    before = home.credentials.read_text()
    take_into_the_keychain(home, monkeypatch)
    interrupted(home)
    assert "lost it" not in home.mfakit("keys").stderr
    home.write_credentials(before)
    assert "mfakit keys import" in home.mfakit("keys", "rotate", "--yes").stderr
    assert home.mfakit("keys", "import").returncode == 0
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert works(home)


def test_a_config_from_before_two_rotations_costs_no_key_in_the_keychain(
    here, home, alice, aws, keychain, monkeypatch
) -> None:
    take_into_the_keychain(home, monkeypatch)
    before = home.config.read_text()
    rotate(source(home), 0, hands())
    new = rotate(source(home), 0, hands())
    home.write_config(before)
    said = home.mfakit("keys", "rotate", "--yes").stderr
    assert f"aws configure set mfakit_key_store keyring:{new} --profile default" in said


def test_a_rotation_without_an_answer_hides_no_key_in_the_keychain(
    here, home, alice, aws, keychain, monkeypatch
) -> None:
    """The config from before the last finished rotation was written back."""
    take_into_the_keychain(home, monkeypatch)
    before = home.config.read_text()
    new = rotate(source(home), 0, hands())
    aws.drop_next("CreateAccessKey")
    with pytest.raises(mfakit.MFAKitError):
        rotate(source(home), WEEK, hands())
    home.write_config(before)
    named = f"aws configure set mfakit_key_store keyring:{new} --profile default"
    assert named in home.mfakit("keys").stderr
    assert named in home.mfakit("keys", "rotate", "--yes").stderr


def test_files_that_still_hold_an_imported_key_are_never_to_be_removed_as_a_whole(
    here, home, alice, aws, keychain
) -> None:
    """The credentials file has other keys; the journal of another rotation has a new one."""
    twin = section(alice).replace("default", "work")
    home.write_credentials(home.credentials.read_text() + twin)
    interrupted(home)
    other = home.credentials.parent / "mfakit" / "rotations-of-work" / "0"
    other.parent.mkdir()
    other.write_text(alice.secret_access_key)
    said = home.mfakit("keys", "import", "--source-profile", "work").stderr
    assert f"{home.credentials} still holds the key: another profile has it" in said
    journal = journal_path(source(home))
    assert f"{journal} still holds the key: it is of another profile's rotation" in said
    assert f"{other} still holds the key: it is of another profile's rotation" in said
    assert "remove" not in said


def test_an_imported_key_in_a_comment_is_not_said_to_be_another_profiles(
    here, home, alice, aws, keychain
) -> None:
    home.write_config(f"[default]\n# aws_secret_access_key = {alice.secret_access_key}\n")
    said = home.mfakit("keys", "import").stderr
    assert f"{home.config} still holds the key: in a comment" in said
    assert "another profile" not in said


def test_one_yes_is_enough_to_rotate_again_before_the_old_key_is_due(
    here, home, alice, aws
) -> None:
    """A no to a second question would come too late for the old key."""
    rotate(source(home), WEEK, hands())
    asked: list[str] = []
    rotate(source(home), WEEK, hands(asked=asked))
    assert ["and rotate again?" in question for question in asked] == [True]


def test_no_removal_advises_to_delete_a_key_that_another_profile_has(
    here, home, alice, aws, keychain
) -> None:
    twin = section(alice).replace("default", "work")
    home.write_credentials(home.credentials.read_text() + twin)
    assert home.mfakit("keys", "import", "--source-profile", "work").returncode == 0
    said = home.mfakit("keys", "remove", "--yes", "--source-profile", "work").stderr
    assert "the profile default has it still" in said
    assert "delete it in IAM" not in said


def test_removing_a_key_says_so_if_this_keychain_has_no_entry_of_it(
    here, home, alice, aws, keychain, monkeypatch
) -> None:
    """It may be in another keychain, as over ssh, where nothing would name it any more."""
    take_into_the_keychain(home, monkeypatch)
    name = f"AKIA{'OTHER' * 3}1"
    text = home.config.read_text()
    home.write_config(text.replace(alice.access_key_id, name))
    said = home.mfakit("keys", "remove", "--yes").stderr
    assert f"this keychain has no entry of the key {name}" in said


def read_key_id(home) -> str:
    """Return the id of the key that the profile has by its settings."""
    place = place_of(source(home))
    assert place is not None
    return str(place.access_key_id)


def take_into_the_keychain(home, monkeypatch) -> None:
    """Import the key, and let this process reach the keychain too."""
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, home.environ[name])
    assert home.mfakit("keys", "import").returncode == 0


def in_keychain(home, access_key_id: str) -> bool:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("DBUS_SESSION_BUS_ADDRESS", home.environ["DBUS_SESSION_BUS_ADDRESS"])
        return SecretService.Keyring().get_password("mfakit", access_key_id) is not None


def test_a_new_key_that_aws_knows_only_in_part_is_no_unknown_key(home, alice, aws) -> None:
    """IAM's servers hear of it one after another; the same command goes on from there."""
    before = read_key(Profile("default", AWSFiles(home.environ))).access_key_id
    aws.fail_next("UpdateAccessKey", code="InvalidClientTokenId", status=403)
    done = home.mfakit("keys", "rotate", "--yes")
    assert done.returncode == 1
    assert "does not take the key" in done.stderr
    assert "goes on from there: mfakit keys rotate" in done.stderr
    assert works(home)
    assert home.mfakit("keys", "rotate", "--yes").returncode == 0
    assert keys_at_aws(aws)[before] == "Inactive"
