"""A session as data, for programs that read it from a file."""

from __future__ import annotations

import json
import os
import stat
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfakit import SessionCredentials, render_environment, render_unset
from mfakit.errors import UsageError

END = datetime(2126, 11, 22, 18, tzinfo=UTC)
SESSION = SessionCredentials("ASIA1", "sec%ret", "token", END)
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "ASIA1",
    "AWS_SECRET_ACCESS_KEY": "sec%ret",
    "AWS_SESSION_TOKEN": "token",
    "AWS_CREDENTIAL_EXPIRATION": "2126-11-22T18:00:00Z",
    "MFAKIT_PROFILE": "mfa",
}
VALUE = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)


def keep(home) -> None:
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = sec%ret\n"
        "aws_session_token = token\nexpiration = 2126-11-22T18:00:00Z\n"
    )


def test_json_is_an_object_of_the_variables(home) -> None:
    keep(home)
    assert json.loads(home.mfakit("env", "--shell", "json").stdout) == VARIABLES


@given(VALUE)
def test_docker_reads_each_value_from_its_file_unchanged(value: str) -> None:
    """Docker takes quotes as a part of the value, so there are none."""
    text = render_environment(SessionCredentials("ASIA1", value, "t", END), "docker")
    assert dict(line.split("=", 1) for line in text.splitlines())["AWS_SECRET_ACCESS_KEY"] == value


@given(VALUE)
def test_dotenv_is_read_alike_by_all_readers_or_refused(value: str) -> None:
    """The readers differ on escapes, and agree on single quotes without any."""
    session = SessionCredentials("ASIA1", value, "t", END)
    if set(value) & set("'\\$"):
        with pytest.raises(UsageError, match=r"a \.env file cannot hold"):
            render_environment(session, "dotenv")
    else:
        assert f"AWS_SECRET_ACCESS_KEY='{value}'\n" in render_environment(session, "dotenv")


def test_github_gets_masks_on_its_output_and_variables_in_its_file(home, tmp_path) -> None:
    """The lines that the file already has stay."""
    keep(home)
    file = tmp_path / "github"
    file.write_text("MINE=1\n")
    done = home.mfakit("env", "--shell", "github", GITHUB_ENV=str(file))
    assert done.stdout == "::add-mask::ASIA1\n::add-mask::sec%25ret\n::add-mask::token\n"
    lines = [f"{name}={value}" for name, value in VARIABLES.items()]
    assert file.read_text().splitlines() == ["MINE=1", *lines]


def test_githubs_file_may_end_in_the_middle_of_a_line(home, tmp_path) -> None:
    """A step that used printf has left it so; its value must not end with our first line."""
    keep(home)
    file = tmp_path / "github"
    file.write_text("MINE=1")
    assert home.mfakit("env", "--shell", "github", GITHUB_ENV=str(file)).returncode == 0
    assert file.read_text().splitlines()[:2] == ["MINE=1", "AWS_ACCESS_KEY_ID=ASIA1"]


@pytest.mark.skipif(os.name != "posix", reason="there are no modes")
def test_githubs_file_is_private_when_it_is_made(home, tmp_path) -> None:
    """The case is a link that leads to a missing file."""
    keep(home)
    link, file = tmp_path / "github", tmp_path / "elsewhere"
    link.symlink_to(file)
    assert home.mfakit("env", "--shell", "github", GITHUB_ENV=str(link)).returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "AWS_SESSION_TOKEN=token" in file.read_text()


# Files may have 40 bytes. What is in the second one cannot be taken back, as if another program had
# appended to the file.
LIMITED = """
import fcntl, os, resource, runpy, sys
place = os.environ["GITHUB_ENV"]
if place == "sealed":
    descriptor = os.memfd_create(place, os.MFD_ALLOW_SEALING)
    os.write(descriptor, b"MINE=1")
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    os.environ["GITHUB_ENV"] = f"/proc/self/fd/{descriptor}"
resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
sys.argv = ["mfakit", "env", "--shell", "github"]
runpy.run_module("mfakit", run_name="__main__")
"""


@pytest.mark.skipif(os.name != "posix", reason="the size of files is not limited")
def test_githubs_file_keeps_no_half_line_if_the_disk_is_full(home, tmp_path) -> None:
    """Half a secret's line would be joined to the line that the next step appends."""
    keep(home)
    file = tmp_path / "github"
    file.write_text("MINE=1")
    done = home.run(sys.executable, "-c", LIMITED, GITHUB_ENV=str(file))
    assert (done.returncode, f"cannot write {file}: File too large" in done.stderr) == (1, True)
    assert file.read_text() == "MINE=1"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux seals files")
def test_a_part_that_stays_in_githubs_file_is_named(home) -> None:
    keep(home)
    done = home.run(sys.executable, "-c", LIMITED, GITHUB_ENV="sealed")
    assert (done.returncode, "taken only a part of the session" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a${HOME}b", "$HOME"])
def test_dotenv_refuses_what_its_readers_would_expand(home, name: str) -> None:
    """python-dotenv expands ${HOME} even in single quotes."""
    keep(home)
    text = home.credentials.read_text().replace("[mfa]", f"[{name}]")
    home.write_credentials(text)
    done = home.mfakit("env", "--shell", "dotenv", "--profile", name)
    assert (done.returncode, done.stdout) == (64, "")
    assert "a .env file cannot hold MFAKIT_PROFILE" in done.stderr


def test_github_without_its_file_is_an_error(home, tmp_path) -> None:
    keep(home)
    done = home.mfakit("env", "--shell", "github")
    assert (done.returncode, done.stdout) == (1, "")
    assert "GITHUB_ENV" in done.stderr
    done = home.mfakit("env", "--shell", "github", GITHUB_ENV=str(tmp_path))
    assert (done.returncode, "cannot write" in done.stderr) == (1, True)


@pytest.mark.parametrize("shell", ["json", "docker", "dotenv", "github"])
def test_a_failure_prints_nothing_in_data_formats(home, shell: str) -> None:
    done = home.mfakit("env", "--shell", shell)
    assert (done.returncode, done.stdout) == (3, "")
    done = home.mfakit("env", f"--shell={shell}", "--unset")
    assert (done.returncode, done.stdout) == (64, "")


def test_unset_is_refused_for_data_formats() -> None:
    with pytest.raises(UsageError, match="no shell or format"):
        render_unset("json")


def test_env_reads_the_output_of_the_aws_cli_from_standard_input(home) -> None:
    """No file is involved."""
    given = {"AccessKeyId": "ASIA1", "SecretAccessKey": "sec%ret", "SessionToken": "token"}
    text = json.dumps({"Credentials": given | {"Expiration": "2126-11-22T18:00:00+00:00"}})
    done = home.mfakit("env", "--shell", "json", "--from-json", "-", stdin=text)
    assert json.loads(done.stdout) == {k: v for k, v in VARIABLES.items() if k != "MFAKIT_PROFILE"}
    old = text.replace("2126", "2020")
    done = home.mfakit("env", "--shell", "sh", "--from-json", "-", stdin=old)
    assert (done.returncode, done.stdout) == (2, "false\n")
