"""`configure` for roles and for SDKs, and `configure --undo`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.exchange.conftest import log_in
from tests.roles import make_role

ROLE = "role_arn = arn:aws:iam::123456789012:role/prod"
PROD = f"[profile prod]\n{ROLE}\nsource_profile = work\n"


@pytest.fixture
def worker(home, alice):
    """Return the home of a user whose keys are in `work`, with a role `prod` made from them."""
    home.write_credentials(home.credentials.read_text().replace("[default]", "[work]"))
    home.write_config(PROD + f"mfa_serial = {alice.device.serial_number}\n")
    return home


def configure(home, *arguments: str):
    return home.mfakit("configure", *arguments, terminal=False)


def profile(home, name: str) -> dict[str, str]:
    """Return the settings of a profile in the config file."""
    from mfakit import read_settings

    return read_settings(name, environ=home.environ)


def test_a_role_keeps_its_source_and_its_device_moves_to_the_session(worker, alice, aws) -> None:
    """The session profile is that of the role's own source."""
    done = configure(worker, "--role-profile", "prod")
    assert done.returncode == 0, done.stderr
    assert "one login to work-mfa serves each role" in done.stderr
    assert profile(worker, "prod")["source_profile"] == "work-mfa"
    assert "mfa_serial" not in profile(worker, "prod")
    assert profile(worker, "work-mfa")["mfa_serial"] == alice.device.serial_number
    assert log_in(worker, alice, AWS_PROFILE="prod").returncode == 0
    make_role(aws, "prod", alice.arn)
    client = "boto3.Session(profile_name='prod').client('sts')"
    done = worker.run(sys.executable, "-c", f"import boto3; print({client}.get_caller_identity())")
    assert "assumed-role/prod" in done.stdout, done.stderr


def test_a_device_of_another_account_does_not_move_to_the_session(worker, alice) -> None:
    """AWS refused its codes, and the session was made with another."""
    wrong = alice.device.serial_number.replace("123456789012", "123456798012")
    worker.write_config(f"{PROD}mfa_serial = {wrong}\n")
    used = ("--serial-number", alice.device.serial_number)
    assert log_in(worker, alice, *used, AWS_PROFILE="prod").returncode == 0
    done = configure(worker, "--role-profile", "prod")
    assert done.returncode == 0, done.stderr
    done = log_in(worker, alice, "--force", AWS_PROFILE="prod")
    assert done.returncode == 0, done.stderr


def test_configure_writes_each_option_beside_a_role(worker, alice) -> None:
    keys = worker.credentials.read_text()
    worker.write_credentials(keys + keys.replace("[work]", "[base]"))
    options = ("--duration", "2h", "--region", "eu-west-1", "--token-command", "cat")
    options += ("--source-profile", "base", "--serial-number", "GAHT12345678")
    done = configure(worker, "--role-profile", "prod", *options, "--credential-process")
    assert done.returncode == 0, done.stderr
    written = profile(worker, "work-mfa")
    assert written["credential_process"] == "mfakit credential-process --profile work-mfa"
    chosen = ("mfakit_duration", "region", "mfakit_token_command")
    assert [written[key] for key in chosen] == ["2h", "eu-west-1", "cat"]
    assert (written["mfakit_source_profile"], written["mfa_serial"]) == ("base", "GAHT12345678")


def test_a_source_that_is_not_there_is_not_written_beside_a_role(worker) -> None:
    before = worker.config.read_text()
    done = configure(worker, "--role-profile", "prod", "--source-profile", "wrok")
    assert (done.returncode, "there is no profile 'wrok'" in done.stderr) == (1, True), done.stderr
    assert worker.config.read_text() == before


@pytest.mark.parametrize(
    "options",
    [
        ("--duration", "37h"),
        ("--serial-number", "x"),
        ("--token-command", "no-such-program"),
        ("-p", "prod"),
        ("--role-profile", "other"),
    ],
)
def test_what_cannot_be_written_for_a_role_changes_nothing(worker, options) -> None:
    """The other role has another source, so that no one session profile serves both."""
    worker.write_config(
        worker.config.read_text() + f"[profile other]\n{ROLE}\nsource_profile = default\n"
    )
    before = worker.config.read_text()
    assert configure(worker, "--role-profile", "prod", *options).returncode == 64
    assert worker.config.read_text() == before


def test_a_role_in_the_credentials_file_is_changed_there(worker, alice) -> None:
    """That file wins, so that a source_profile in the config file would do nothing."""
    worker.write_config("")
    device = f"mfa_serial = {alice.device.serial_number}\n"
    worker.write_credentials(
        worker.credentials.read_text() + f"[prod]\n{ROLE}\nsource_profile = work\n{device}"
    )
    assert log_in(worker, alice, AWS_PROFILE="prod").returncode == 0
    advice = "try: mfakit configure --profile work-mfa --role-profile prod"
    assert advice in worker.mfakit("explain", "--profile", "prod").stdout
    done = configure(worker, "--role-profile", "prod")
    assert "try: " not in worker.mfakit("explain", "--profile", "prod").stdout
    assert (done.returncode, f"wrote prod to {worker.credentials}:" in done.stderr) == (0, True)
    assert "source_profile = work-mfa\n" in worker.credentials.read_text()
    assert "prod" not in worker.config.read_text()


def test_undo_restores_what_configure_and_login_changed(worker, alice) -> None:
    before = worker.config.read_text()
    configure(worker, "--role-profile", "prod", "--duration", "2h")
    worker.environ.pop("AWS_DEFAULT_REGION")
    worker.write_credentials(worker.credentials.read_text() + "region = eu-west-1\n")
    assert "wrote region" in log_in(worker, alice, "-p", "work-mfa").stderr
    done = configure(worker, "--undo", "-p", "work-mfa")
    assert done.returncode == 0, done.stderr
    assert worker.config.read_text().split() == before.split()
    assert configure(worker, "--undo", "-p", "work-mfa").returncode == 1


@pytest.mark.parametrize("between", ["\t", "\u00a0", "\f"])
def test_undo_restores_a_value_with_a_character_that_does_not_print(worker, between: str) -> None:
    """Such as a comment behind a tab, which botocore reads as a part of the value."""
    worker.write_config(
        f"{worker.config.read_text()}[profile work-mfa]\nregion = eu-west-1{between}# Dublin\n"
    )
    before = worker.config.read_text()
    assert configure(worker, "-p", "work-mfa", "--region", "eu-west-3").returncode == 0
    done = configure(worker, "--undo", "-p", "work-mfa")
    assert done.returncode == 0, done.stderr
    assert worker.config.read_text() == before


@contextmanager
def right_after_the_swap(home, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `configure`, and yield it for a second when its new config file is in place."""
    slowly = ["strace", "-f", "-qq", "-o", os.devnull, "-e", "trace=renameat2"]
    slowly += ["-e", "inject=renameat2:delay_exit=1000000:when=1"]
    command = ["setsid", sys.executable, "-m", "mfakit", "configure", *options]
    before = home.config.read_text()
    with subprocess.Popen([*slowly, *command], env=home.environ) as ours:
        while home.config.read_text() == before and ours.poll() is None:
            time.sleep(0.01)
        yield ours


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize("renames", [False, True])
def test_configure_and_undo_know_what_they_changed_beside_a_program_that_adds_to_the_file(
    worker, undo: bool, renames: bool
) -> None:
    """It does so when the new file has just come into place."""
    change = ("-p", "work-mfa", "--region", "eu-west-3")
    worker.write_config(f"{worker.config.read_text()}[profile work-mfa]\nregion = eu-west-1\n")
    if undo:
        assert configure(worker, *change).returncode == 0
    with right_after_the_swap(worker, *(("--undo", "-p", "work-mfa") if undo else change)) as ours:
        new = shutil.copy(worker.config, worker.folder / "new") if renames else worker.config
        with new.open("a") as file:
            file.write("[profile other]\nregion = us-east-1\n")
        new.replace(worker.config)
    assert ours.wait(timeout=60) == 0
    if not undo:
        assert configure(worker, "--undo", "-p", "work-mfa").returncode == 0
    assert profile(worker, "work-mfa")["region"] == "eu-west-1"
    assert profile(worker, "other")["region"] == "us-east-1"


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_program_that_begins_to_write_the_new_file_makes_no_error_of_a_change_that_is_made(
    worker,
) -> None:
    change = ("-p", "work-mfa", "--region", "eu-west-3")
    with right_after_the_swap(worker, *change) as ours, worker.config.open("a") as file:
        file.write("[profile ")
        file.flush()
        assert ours.wait(timeout=60) == 0
        file.write("other]\nregion = us-east-1\n")
    assert profile(worker, "work-mfa")["region"] == "eu-west-3"


def test_settings_that_cannot_be_undone_are_written_with_a_note(worker) -> None:
    place = worker.credentials.parent / "mfakit" / "configured"
    place.parent.mkdir(mode=0o700)
    place.write_text("")
    done = configure(worker, "--role-profile", "prod", "--token-command", "cat")
    assert done.returncode == 0, done.stderr
    assert "the settings are written, but not what configure --undo needs" in done.stderr
    assert "source_profile = work of profile prod" in done.stderr
    assert profile(worker, "prod")["source_profile"] == "work-mfa"


def test_a_command_with_a_seed_is_not_replaced_if_it_cannot_be_kept_for_undo(worker) -> None:
    """No note shows it."""
    place = worker.credentials.parent / "mfakit" / "configured"
    place.parent.mkdir(mode=0o700)
    place.write_text("")
    before = f"{worker.config.read_text()}[profile work-mfa]\nmfakit_token_command = totp BASE32\n"
    worker.write_config(before)
    done = configure(worker, "--role-profile", "prod", "--token-command", "cat")
    assert (done.returncode, f"cannot read {place}" in done.stderr) == (1, True), done.stderr
    assert "BASE32" not in done.stderr
    assert worker.config.read_text() == before


@pytest.mark.parametrize("section", ["", "[profile work-mfa]\n# mine\n"])
def test_undo_leaves_a_section_only_if_it_was_there_before(worker, section: str) -> None:
    worker.write_config(worker.config.read_text() + section)
    before = worker.config.read_text()
    for _ in range(2):
        assert configure(worker, "--role-profile", "prod").returncode == 0
        assert configure(worker, "--undo", "-p", "work-mfa").returncode == 0
        assert worker.config.read_text().split() == before.split()


def test_undo_that_cannot_read_what_was_written_before_keeps_it(worker, tmp_path) -> None:
    assert configure(worker, "--role-profile", "prod").returncode == 0
    place = worker.credentials.parent / "mfakit" / "configured"
    place.rename(tmp_path / "configured")
    place.write_text("")
    done = configure(worker, "--undo", "-p", "work-mfa")
    assert (done.returncode, "cannot read" in done.stderr) == (1, True), done.stderr
    place.unlink()
    (tmp_path / "configured").rename(place)
    assert configure(worker, "--undo", "-p", "work-mfa").returncode == 0
    assert profile(worker, "prod")["source_profile"] == "work"


def test_undo_leaves_what_was_changed_since(worker, alice) -> None:
    configure(worker, "--role-profile", "prod", "--duration", "2h")
    worker.write_config(worker.config.read_text().replace("= 2h", "= 3h"))
    done = configure(worker, "--undo", "-p", "work-mfa")
    assert "left mfakit_duration of profile work-mfa" in done.stderr
    assert profile(worker, "work-mfa") == {"mfakit_duration": "3h"}
    assert profile(worker, "prod")["source_profile"] == "work"


def test_undo_does_not_bring_back_a_profile_that_was_renamed(worker) -> None:
    assert configure(worker, "--role-profile", "prod").returncode == 0
    text = worker.config.read_text().replace("[profile prod]", "[profile production]")
    worker.write_config(text)
    done = configure(worker, "--undo", "-p", "work-mfa")
    assert "left mfa_serial of profile prod, which was changed since" in done.stderr
    assert "[profile prod]" not in worker.config.read_text()


def test_undo_beside_other_options_is_refused(worker) -> None:
    assert configure(worker, "--undo", "--duration", "2h").returncode == 64
    assert configure(worker, "--undo", "--role-profile", "prod").returncode == 64


def test_a_credential_process_that_aws_tools_will_not_find_is_noted(home, alice) -> None:
    home.environ["PATH"] = os.defpath
    said = "AWS tools will not find mfakit"
    assert said not in configure(home, "--duration", "2h").stderr
    assert said in configure(home, "--credential-process").stderr
    program = home.folder / "mfakit"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    home.environ["PATH"] += f"{os.pathsep}{home.folder}"
    assert said not in configure(home, "--credential-process").stderr


def test_a_kept_session_moves_to_the_cache_for_a_credential_process_and_back(home, alice) -> None:
    log_in(home, alice)
    key = home.mfakit("env", "--shell", "json").stdout
    assert configure(home, "--credential-process").returncode == 0
    assert "[mfa]" not in home.credentials.read_text()
    assert home.mfakit("env", "--shell", "json").stdout == key
    assert home.mfakit("login").returncode == 0
    assert configure(home, "--undo").returncode == 0
    assert "[mfa]" in home.credentials.read_text()
    assert home.mfakit("env", "--shell", "json").stdout == key


@pytest.mark.parametrize("by", ["keys", "setting"])
def test_undo_finds_the_cached_session_that_another_program_has_cut_off(home, alice, by) -> None:
    """It goes back to the file; beside long-term keys it is removed, since no file can have it."""
    log_in(home, alice)
    assert configure(home, "--credential-process", "--duration", "2h").returncode == 0
    if by == "keys":
        home.write_credentials(home.credentials.read_text() + "[mfa]\naws_access_key_id = AKIA1\n")
    else:
        lines = home.config.read_text().splitlines(keepends=True)
        home.write_config("".join(line for line in lines if "credential_process" not in line))
    done = configure(home, "--undo")
    assert done.returncode == 0, done.stderr
    assert list((home.credentials.parent / "mfakit" / "sessions").iterdir()) == []
    assert ("the session of profile mfa is removed" in done.stderr) == (by == "keys")
    assert ("aws_session_token" in home.credentials.read_text()) == (by == "setting")


def test_no_setting_is_changed_if_the_kept_session_cannot_move(home, alice) -> None:
    log_in(home, alice)
    credentials = home.credentials.read_text()
    lock = home.credentials.with_name("credentials.lock")
    lock.unlink()
    lock.mkdir()
    done = configure(home, "--credential-process")
    assert (done.returncode, "cannot write" in done.stderr) == (1, True), done.stderr
    assert (home.credentials.read_text(), home.config.exists()) == (credentials, False)
    lock.rmdir()
    assert configure(home, "--credential-process").returncode == 0
    lock.unlink()
    lock.mkdir()
    config = home.config.read_text()
    done = configure(home, "--undo")
    assert (done.returncode, "cannot write" in done.stderr) == (1, True), done.stderr
    assert home.config.read_text() == config
    assert home.mfakit("env", "--shell", "json").returncode == 0


@pytest.mark.parametrize("option", ["--credential-process", "--undo"])
def test_no_setting_is_changed_if_the_cache_cannot_be_written(home, alice, option: str) -> None:
    """The cache is on a read-only file system, say, or in a folder of another user."""
    log_in(home, alice)
    cache = home.credentials.parent / "mfakit" / "sessions"
    if option == "--undo":
        assert configure(home, "--credential-process").returncode == 0
        cache.rename(cache.with_name("moved"))
    cache.write_text("")
    before = home.config.read_text() if home.config.exists() else None
    done = configure(home, option)
    assert (done.returncode, "cannot" in done.stderr) == (1, True), done.stderr
    assert (home.config.read_text() if home.config.exists() else None) == before


def test_a_move_of_the_kept_session_that_was_killed_is_ended_by_the_next_configure(
    home, alice
) -> None:
    """The session is in both places then, and the one in the file hides the process."""
    log_in(home, alice)
    credentials = home.credentials.read_text()
    assert configure(home, "--credential-process").returncode == 0
    home.write_credentials(credentials)
    done = configure(home, "--credential-process")
    assert done.returncode == 0, done.stderr
    assert "[mfa]" not in home.credentials.read_text()
    assert home.mfakit("login").returncode == 0


def test_a_move_of_the_kept_session_that_was_killed_is_ended_by_the_next_undo(home, alice) -> None:
    """The settings are undone by then, and what undo goes by is gone."""
    log_in(home, alice)
    assert configure(home, "--credential-process").returncode == 0
    home.write_config("")
    shutil.rmtree(home.credentials.parent / "mfakit" / "configured")
    done = configure(home, "--undo")
    assert (done.returncode, "had yet to move, is moved" in done.stderr) == (0, True), done.stderr
    assert configure(home, "--undo").returncode == 1
    assert "[mfa]" in home.credentials.read_text()
    assert home.mfakit("env", "--shell", "json").returncode == 0


@pytest.mark.parametrize(
    "row",
    [
        ["default", "aws_secret_access_key", "{secret}", "another", True, False],
        ["default", "AWS_Secret_Access_Key", "{secret}", None, True, False],
        ["default", 5, None, None, False, False],
        [5, "region", None, "x", False, False],
        ["mfa", "region", None, {"a": 1}, False, False],
    ],
)
def test_undo_changes_no_key_whatever_its_file_says(home, alice, row) -> None:
    """A damaged file is no reason to touch a long-term key, nor for a traceback."""
    import hashlib
    import json

    before = home.credentials.read_text()
    row = [alice.secret_access_key if part == "{secret}" else part for part in row]
    kept = home.credentials.parent / "mfakit" / "configured"
    kept.mkdir(mode=0o700, parents=True)
    (kept / hashlib.sha256(b"mfa").hexdigest()[:32]).write_text(json.dumps([row]))
    done = configure(home, "--undo", "-p", "mfa")
    assert (done.returncode, "there is nothing" in done.stderr) == (1, True), done.stderr
    assert home.credentials.read_text() == before


@pytest.mark.parametrize(
    ("seconds", "is_told"), [("3600", False), ("03600", False), ("7200", True)]
)
def test_a_role_that_is_to_last_longer_than_a_session_lets_it_is_named(
    worker, seconds: str, is_told: bool
) -> None:
    """AWS gives one hour at most to a role that is assumed with a session.

    The line that is named is the one in the file that configure has written.
    """
    worker.write_config(f"{worker.config.read_text()}duration_seconds = {seconds}\n")
    done = worker.mfakit("configure", "--role-profile", "prod")
    assert done.returncode == 0
    line = "aws configure set duration_seconds 3600 --profile prod"
    assert done.stderr.endswith(f"{line}\n") is is_told
    written = worker.config.read_text().splitlines().index(f"duration_seconds = {seconds}") + 1
    assert (f"line {written})" in done.stderr) is is_told


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
@pytest.mark.parametrize("keys", [False, True])
def test_a_role_without_a_source_is_configured_in_the_shell_that_names_it(
    worker, variable: str, keys: bool
) -> None:
    """It is what `explain` advises there; keys of its own are what its session is made from."""
    name = "work" if keys else "prod"
    worker.write_config(f"[profile {name}]\n{ROLE}\n")
    worker.environ[variable] = name
    done = configure(worker, "--role-profile", name)
    assert done.returncode == 0, done.stderr
    assert profile(worker, name)["source_profile"] == ("work-mfa" if keys else "mfa")


def test_a_role_that_is_made_from_a_session_beside_another_role_keeps_it(worker) -> None:
    """AWS tools take a source profile's keys, whatever role it has."""
    session = "aws_access_key_id = ASIAQYLPMN5HABCDEFGH\naws_secret_access_key = s\n"
    worker.write_credentials(
        worker.credentials.read_text() + f"[jump]\n{session}aws_session_token = t\n"
    )
    worker.write_config(
        f"[profile jump]\n{ROLE}\nsource_profile = work\n"
        f"[profile prod]\n{ROLE}\nsource_profile = jump\n"
    )
    before = worker.config.read_text()
    assert "jump: unknown" in worker.mfakit("check", AWS_PROFILE="prod").stdout
    assert configure(worker, "--role-profile", "prod").returncode == 0
    assert worker.config.read_text() == before


def test_a_role_whose_header_is_not_read_is_named_with_the_header(worker) -> None:
    """The advice would else be to give the profile a role, which it has."""
    worker.write_config(f"[ profile prod ]\n{ROLE}\nsource_profile = work\n")
    for done in (
        configure(worker, "--role-profile", "prod"),
        worker.mfakit("login", "--token-code", "123456", AWS_PROFILE="prod"),
        worker.mfakit("check", AWS_PROFILE="prod"),
    ):
        assert done.returncode != 0
        assert f"[ profile prod ] ({worker.config}, line 1) is not read" in done.stderr
        assert "mfakit: try: sed " in done.stderr
    assert "[prod]" not in worker.credentials.read_text()


def test_a_role_whose_arn_is_none_is_not_said_to_be_served(worker) -> None:
    worker.write_config("[profile prod]\nrole_arn = arn:aws:iam:role/x\nsource_profile = work\n")
    before = worker.config.read_text()
    done = configure(worker, "--role-profile", "prod")
    assert done.returncode == 1
    place = f"role_arn ({worker.config}, line 2)"
    assert f"{place}: 'arn:aws:iam:role/x' is not the ARN of a role" in done.stderr
    assert worker.config.read_text() == before


def test_a_role_gets_the_region_of_its_source_if_it_has_none(worker) -> None:
    """boto3 takes none from the source profile."""
    worker.write_config(f"[profile work]\nregion = eu-west-3\n{PROD}")
    done = configure(worker, "--role-profile", "prod")
    assert done.returncode == 0
    assert profile(worker, "prod")["region"] == "eu-west-3"
    assert "region of profile prod will be eu-west-3" in done.stderr
    assert configure(worker, "--undo", "--profile", "work-mfa").returncode == 0
    assert "region" not in profile(worker, "prod")


def test_a_role_whose_source_has_no_region_either_is_named(worker) -> None:
    """Most calls of AWS tools fail there with NoRegionError."""
    worker.environ["AWS_DEFAULT_REGION"] = ""
    done = configure(worker, "--role-profile", "prod")
    [line] = [told for told in done.stderr.splitlines() if "no region is set for prod" in told]
    assert line.endswith(": aws configure set region REGION --profile prod")
    assert worker.shell(line.rpartition(": ")[2].replace("REGION", "eu-west-3")).returncode == 0
    assert "no region" not in configure(worker, "--role-profile", "prod").stderr
