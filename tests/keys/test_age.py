"""The age of keys: in `keys`, and in `check --key-age`, without the network."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.exchange.conftest import log_in

from mfakit.keys import remember_key
from mfakit.profiles.aws_files import AWSFiles


@pytest.fixture
def aged(home, alice):
    """Return the home of a user with a session, whose key was made 100 days ago."""
    log_in(home, alice)
    now = datetime.now(UTC)
    files = AWSFiles(home.environ)
    remember_key(files, alice.access_key_id, now, now - timedelta(days=100))
    return home


def test_an_old_key_makes_the_exit_code_1_beside_a_valid_session(aged, alice) -> None:
    assert aged.mfakit("check").returncode == 0
    assert aged.mfakit("check", "--key-age", "101d").returncode == 0
    done = aged.mfakit("check", "--key-age", "90d")
    assert done.returncode == 1
    assert "the access key of profile default is 100d old: mfakit keys rotate" in done.stdout
    assert aged.mfakit("check", "--all", "--key-age", "90d").returncode == 1


SECRET = "wJalrXUtnFEMIxK7MDENGxbPxRfiCYSECRETKEY1"


@pytest.mark.parametrize(
    "secret",
    [SECRET, SECRET.replace("x", "/"), SECRET.replace("x", "+"), f"AKIAQYLPMN5HABCDEFGH,{SECRET}"],
)
@pytest.mark.parametrize("other", ["AKIAQYLPMN5HABCDEFGH", "the same"])
@pytest.mark.parametrize("place", ["file", "store", "variables"])
def test_a_secret_in_the_place_of_the_id_is_shown_by_no_command(
    home, secret: str, other: str, place: str
) -> None:
    """Perhaps both were pasted into the wrong place, or the secret into both."""
    pair = {"aws_access_key_id": secret, "aws_secret_access_key": other.replace("the same", secret)}
    variables = {name.upper(): value for name, value in pair.items()}
    if place == "store":
        home.write_config(f"[default]\nmfakit_key_store = keyring:{secret}\n")
    elif place == "file":
        home.write_credentials("[default]\n" + "".join(f"{k} = {v}\n" for k, v in pair.items()))
    home.environ |= variables if place == "variables" else {}
    said = [home.mfakit(*line.split()) for line in (
        "", "check", "check --format json", "status", "devices", "explain", "explain --json",
        "keys", "keys import", "keys rotate", "login --token-code 123456 --debug")]  # fmt: skip
    assert not any(secret in done.stdout + done.stderr for done in said)
    assert (said[-1].returncode, "looks like a secret" in said[5].stdout) == (1, place != "store")
    if place == "file":
        assert "the id of the key of profile 'default' looks like a secret" in said[-2].stderr
        assert "looks like a secret" in said[-1].stderr


def test_swapped_keys_can_be_used_once_they_were_typed_again_as_advised(home, alice) -> None:
    home.write_credentials(
        f"[default]\naws_access_key_id = {alice.secret_access_key}\n"
        f"aws_secret_access_key = {alice.access_key_id}\n"
    )
    line = home.mfakit("keys", "rotate").stderr.rpartition("type both again: ")[2].strip()
    assert line == "aws configure --profile default"
    typed = f"{alice.access_key_id}\\n{alice.secret_access_key}\\n\\n\\n"
    home.shell(f"printf '{typed}' | {line}")
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0


def test_a_misspelled_store_of_one_profile_hides_no_old_key_of_another(aged, alice) -> None:
    aged.write_config("[profile a]\nmfakit_key_store = keychain\n")
    done = aged.mfakit("check", "--all", "--key-age", "90d")
    assert done.returncode == 1
    assert "the access key of profile default is 100d old" in done.stdout
    assert "mfakit_key_store of profile 'a' names no store" in done.stderr


def test_the_worse_code_counts(aged, alice) -> None:
    ended = aged.credentials.read_text().replace("= 20", "= 19")
    aged.write_credentials(ended)
    assert aged.mfakit("check", "-p", "mfa", "--key-age", "90d").returncode == 2


def test_the_keys_are_in_the_json_and_in_the_metrics(aged, alice) -> None:
    options = ("--all", "--key-age", "90d", "--format")
    (key,) = json.loads(aged.mfakit("check", *options, "json").stdout)["keys"]
    assert (key["profile"], key["store"], key["old"]) == ("default", "file", True)
    assert key["access_key_id"] == alice.access_key_id
    families = list(
        text_string_to_metric_families(aged.mfakit("check", *options, "openmetrics").stdout)
    )
    (sample,) = families[1].samples
    assert sample.name == "mfakit_access_key_created_timestamp_seconds"
    made = datetime.fromtimestamp(sample.value, UTC)
    assert abs(datetime.now(UTC) - timedelta(days=100) - made) < timedelta(minutes=10)


def test_a_key_is_at_least_as_old_as_it_is_known(home, alice) -> None:
    """AWS was not asked when it was made."""
    log_in(home, alice)
    now = datetime.now(UTC)
    remember_key(AWSFiles(home.environ), alice.access_key_id, now - timedelta(days=100))
    remember_key(AWSFiles(home.environ), alice.access_key_id, now)
    done = home.mfakit("check", "--key-age", "90d")
    assert (done.returncode, "at least 100d old" in done.stdout) == (1, True)


def test_keys_online_asks_when_each_key_was_made_and_remembers_it(home, alice) -> None:
    said = home.mfakit("keys", "--online").stdout
    assert ", last used " in said  # for this very question
    assert f"alice: {alice.access_key_id}, active, made " in said
    assert f"default: {alice.access_key_id}, in {home.credentials} (mode 0600); made " in said
    assert "; made " in home.mfakit("keys").stdout


def test_an_old_key_is_told_once(aged, alice) -> None:
    log = aged.folder / "told"
    tool = aged.folder / "notify-send"
    tool.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    tool.chmod(0o755)
    environ = {
        "PATH": f"{aged.folder}:{aged.environ['PATH']}",
        "DBUS_SESSION_BUS_ADDRESS": "unix:path=/dev/null",
    }
    for _ in range(2):
        aged.mfakit("check", "--key-age", "90d", "--notify", "desktop", **environ)
    assert log.read_text().count("The AWS access key of default is 100d old") == 1


def test_to_remember_many_keys_is_work_in_proportion(home) -> None:
    """No listing of the folder, which holds a file for each of them, precedes each file."""
    files, listed = AWSFiles(home.environ), []

    def count(_frame, event: str, called) -> None:
        if event == "c_call" and called is os.listdir:
            listed.append(event)

    sys.setprofile(count)
    try:
        for number in range(50):
            remember_key(files, f"AKIA{number}", datetime.now(UTC))
    finally:
        sys.setprofile(None)
    assert len(listed) < 10
    assert len(list((home.credentials.parent / "mfakit" / "keys").iterdir())) == 50


def test_what_a_killed_process_has_begun_to_remember_is_written_anew(home) -> None:
    files, then = AWSFiles(home.environ), datetime(2026, 1, 1, tzinfo=UTC)
    remember_key(files, "AKIA1", then)
    (kept,) = (home.credentials.parent / "mfakit" / "keys").iterdir()
    whole = kept.read_text()
    kept.write_text("")
    remember_key(files, "AKIA1", then)
    assert kept.read_text() == whole


def test_keys_names_a_key_of_a_session_without_its_token_and_lists_it_as_no_long_term_key(
    home, alice
) -> None:
    """A session was pasted in part."""
    home.write_credentials(
        f"{home.credentials.read_text()}[old]\naws_access_key_id = ASIAQYLPMN5HABCDEFGH\n"
        "aws_secret_access_key = s\n"
    )
    done = home.mfakit("keys")
    assert "ASIA" not in done.stdout
    assert "old: the key is of a session, and its token is missing" in done.stderr
    assert "mfakit explain --profile old" in done.stderr
