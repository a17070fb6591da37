"""`mfakit check`: all sessions or one, for people and for programs, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from tests.expiry.spellings import KEYS, SPELLINGS, TOKEN, VARIABLES, place, zulu

from mfakit.cli.output import escape
from mfakit.expiry import SessionStatus, status_of
from mfakit.expiry.report import as_openmetrics, as_text, worst
from mfakit.session import EXPIRED, EXPIRING, UNKNOWN, VALID

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
METRIC = "mfakit_session_expiration_timestamp_seconds"
LEFT = {"valid": 3600, "expiring": 600, "expired": -600}


def ending_in(seconds: float) -> str:
    return zulu(datetime.now(UTC) + timedelta(seconds=seconds))


def keep(home, **ends: str) -> None:
    """Write a session with its end for each profile; without an end if it is empty."""
    text = "".join(
        f"[{name}]\n{KEYS}" + (f"expiration = {end}\n" if end else "") for name, end in ends.items()
    )
    place(home.credentials, text)


def stands(profile: str, state: str = VALID, source: str = "credentials-file", **more):
    left = LEFT.get(state)
    end = None if left is None else NOW + timedelta(seconds=left)
    return SessionStatus(profile, source, state, end, left, **more)


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([VALID, VALID], 0),
        ([VALID, EXPIRING], 1),
        ([EXPIRING, EXPIRED, VALID], 2),
        ([VALID, UNKNOWN], 3),
        ([UNKNOWN, EXPIRING], 1),
        ([EXPIRED, UNKNOWN], 2),
        ([], 3),
    ],
)
def test_the_exit_code_of_check_all_is_that_of_the_worst_session(
    states: list[str], code: int
) -> None:
    """A state that is known to be bad is worse than an unknown one, as for monitoring plugins."""
    statuses = [stands(str(number), state) for number, state in enumerate(states)]
    ignored = stands("role", EXPIRED, "cli-cache", counts=False)
    assert worst([*statuses, ignored]).exit_code == code


def test_check_all_prints_an_aligned_line_for_each_session(home) -> None:
    """Each line names the source, and the exit code is that of the worst session."""
    keep(home, mfa=ending_in(36000), work=ending_in(-7230), other="")
    done = home.mfakit("check", "--all")
    assert done.returncode == 2
    lines = [line.split(maxsplit=3) for line in done.stdout.splitlines()]
    assert [line[:3] for line in lines] == [
        ["mfa", "credentials-file", "valid"],
        ["work", "credentials-file", "expired"],
        ["other", "credentials-file", "unknown"],
    ]
    assert lines[0][3].startswith("ends in 9h59m (20")
    assert lines[1][3].startswith("ended 2h")
    assert lines[2][3] == "when it ends is not known"
    assert {line.index("credentials-file") for line in done.stdout.splitlines()} == {7}


def test_check_all_counts_the_session_in_the_environment(home) -> None:
    keep(home, mfa=ending_in(36000))
    variables = VARIABLES | TOKEN | {"AWS_CREDENTIAL_EXPIRATION": ending_in(600)}
    assert home.mfakit("check", "--all").returncode == 0
    done = home.mfakit("check", "--all", "--format", "json", **variables)
    said = json.loads(done.stdout)
    assert (done.returncode, said["worst"]) == (1, "expiring")
    assert [(s["profile"], s["source"], s["state"]) for s in said["sessions"]] == [
        ("mfa", "credentials-file", "valid"),
        ("environment", "environment", "expiring"),
    ]


def test_other_tools_caches_are_listed_but_count_only_when_asked_for(home) -> None:
    SPELLINGS["AWS CLI, role"][2](home.folder, NOW - timedelta(days=900))
    alone = home.mfakit("check", "--all")
    assert alone.returncode == 3
    assert "cli-cache" in home.mfakit("check", "--all", "--format", "json").stdout
    assert alone.stderr == "mfakit: none of these counts without --include-caches\n"
    assert home.mfakit("check", "--all", "--include-caches").returncode == 2
    keep(home, mfa=ending_in(36000))
    assert home.mfakit("check", "--all").returncode == 0
    assert home.mfakit("check", "--all", "--include-caches").returncode == 2


def test_check_all_without_a_session_says_so_and_gives_programs_an_empty_list(home) -> None:
    done = home.mfakit("check", "--all", "--format", "json")
    assert done.returncode == 3
    assert done.stderr.startswith("mfakit: there is no session on this machine\nmfakit: try: ")
    said = json.loads(done.stdout)
    assert (said["worst"], said["sessions"]) == ("unknown", [])


def test_check_reads_the_answer_of_sts_from_a_file_or_standard_input(home) -> None:
    """What is no session is never reported as a valid one."""

    def answer(end: str) -> str:
        keys = {"AccessKeyId": "ASIA1", "SecretAccessKey": "hidden", "SessionToken": "hidden"}
        return json.dumps({"Credentials": {**keys, "Expiration": end}})

    path = home.folder / "session.json"
    for end, code in ((3600, 0), (600, 1), (-1, 2)):
        path.write_text(answer(ending_in(end)))
        done = home.mfakit("check", "--from-json", str(path))
        assert (done.returncode, "hidden" in done.stdout) == (code, False)
        assert done.stdout.startswith(f"{path}: ")
    piped = home.mfakit("check", "--from-json", "-", "--format=json", stdin=answer(ending_in(3600)))
    assert piped.returncode == 0
    (session,) = json.loads(piped.stdout)["sessions"]
    assert (session["profile"], session["source"], session["state"]) == (
        "standard input",
        "json",
        "valid",
    )
    for odd in ("", "[" * 100_000, answer("soon"), "{}"):
        done = home.mfakit("check", "--from-json", "-", stdin=odd)
        assert done.returncode == 3
        assert len(done.stderr.splitlines()) == 2
        assert "hidden" not in done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is not installed")
def test_the_output_of_the_aws_cli_can_be_piped_into_check(home, aws, endpoint) -> None:
    alice = aws.create_user("alice")
    device = alice.enable_virtual_mfa()
    keys = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    arguments = ["--serial-number", device.serial_number, "--token-code", device.code()]
    got = home.run("aws", "sts", "get-session-token", *arguments, **keys)
    assert got.returncode == 0, got.stderr
    done = home.mfakit("check", "--from-json", "-", stdin=got.stdout)
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "standard input: valid")


@pytest.mark.parametrize(
    "options",
    [
        ["--all", "--profile", "mfa"],
        ["--all", "--from-json", "-"],
        ["--profile", "mfa", "--from-json", "-"],
        ["--include-caches"],
        ["--include-caches", "--profile", "mfa"],
        ["--from-json", "-", "--notify", "-"],
        ["--from-json", "f", "--prompt"],
        ["--prompt-timeout", "1m"],
        ["--format", "yaml"],
    ],
)
def test_options_of_check_that_contradict_each_other_exit_with_3(home, options: list[str]) -> None:
    """Wrong usage is 3 here, as for any monitoring plugin."""
    done = home.mfakit("check", *options)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 2


def test_prometheus_parsers_read_the_openmetrics_report(home) -> None:
    """Both parsers read it, that of OpenMetrics and that of the older text format."""
    soon = ending_in(3600)
    keep(home, mfa=soon, other="")
    SPELLINGS["AWS CLI, role"][2](home.folder, NOW)
    said = home.mfakit("check", "--all", "--format", "openmetrics").stdout
    family, success = openmetrics(said)
    assert (family.name, family.type, family.unit) == (METRIC, "gauge", "seconds")
    assert success.name == "mfakit_check_last_success_timestamp_seconds"
    assert abs(success.samples[0].value - datetime.now(UTC).timestamp()) < 600
    assert said.endswith("\n# EOF\n")
    known, unknown = family.samples
    assert known.labels == {"profile": "mfa", "source": "credentials-file"}
    assert datetime.fromtimestamp(known.value, UTC) == datetime.fromisoformat(soon)
    assert (unknown.labels["profile"], str(unknown.value)) == ("other", "nan")
    older, _ = prometheus(said)
    assert [sample.labels for sample in older.samples] == [known.labels, unknown.labels]
    counted = home.mfakit("check", "--all", "--include-caches", "--format", "openmetrics").stdout
    assert [len(family.samples) for family in openmetrics(counted)] == [3, 1]


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a\\", "a\nb", "a\\nb", "{}", "é", "a, b", "\u2028"]
)
def test_odd_profile_names_survive_openmetrics(name: str) -> None:
    (family,) = openmetrics(as_openmetrics([stands(name)]))
    assert [sample.labels["profile"] for sample in family.samples] == [name]


def test_openmetrics_rounds_the_end_of_a_session_down() -> None:
    end = NOW + timedelta(seconds=3600, microseconds=999_999)
    status = status_of("mfa", "credentials-file", end, NOW)
    assert f" {int(NOW.timestamp()) + 3600}\n" in as_openmetrics([status])
    assert status.seconds_left == 3600


def test_columns_are_aligned_behind_names_of_wide_letters() -> None:
    wide, plain = as_text([stands("会话"), stands("plain")], escape).splitlines()
    assert wide.index("credentials-file") + 2 == plain.index("credentials-file")


def test_control_characters_in_files_are_escaped_in_the_report() -> None:
    """This holds for one session and for a table, whose columns stay aligned."""
    odd = stands("\x1b[2J\nmfa")
    assert as_text([odd], escape).startswith("\\x1b[2J\\nmfa: valid, ends in 1h (")
    first, second = as_text([odd, stands("b")], escape).splitlines()
    assert first.index("credentials-file") == second.index("credentials-file")


def test_nagios_gets_one_line_the_worst_first_with_performance_data(home) -> None:
    """The form is that of the Monitoring Plugins Development Guidelines."""
    end = zulu(datetime.now(UTC) + timedelta(hours=5))
    keep(home, mfa=end, **{"it's|old": "2025-01-01T00:00:00Z"})
    done = home.mfakit("check", "--all", "--format", "nagios")
    words, _, data = done.stdout.partition(" | ")
    assert done.returncode == 2
    assert words.startswith("MFAKIT CRITICAL: it's/old expired, ended ")
    assert "; mfa valid, ends in 4h59m" in words
    assert re.fullmatch(r"'it''s/old'=-\d+s;1800:;0: 'mfa'=1[78]\d\d\ds;1800:;0:\n", data)
    one = home.mfakit("check", "--warn", "6h", "--format", "nagios")
    assert (one.returncode, one.stdout[:21]) == (1, "MFAKIT WARNING: mfa e")
    assert ";21600:;0:\n" in one.stdout
    missing = home.mfakit("check", "-p", "none", "--format", "nagios")
    assert (missing.returncode, missing.stdout.count("MFAKIT UNKNOWN: ")) == (3, 1)


@pytest.mark.parametrize("form", ["text", "json", "openmetrics", "nagios"])
def test_output_writes_the_printed_report_into_a_file_that_all_may_read(home, form: str) -> None:
    """The mode does not depend on the umask."""
    keep(home, mfa="2126-01-01T00:00:00Z")
    path = home.folder / "mfakit.prom"
    umask = os.umask(0o077)
    try:
        done = home.mfakit("check", "--format", form, "--output", str(path))
    finally:
        os.umask(umask)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert path.stat().st_mode & 0o777 == 0o644
    assert "mfa" in path.read_text()
    assert [entry.name for entry in home.folder.iterdir()] == [".aws", "mfakit.prom"]


def test_output_replaces_the_report_whole(home) -> None:
    """A reader that has the old one open reads that to its end, and a link stays a link."""
    keep(home, mfa="2126-01-01T00:00:00Z")
    path, link = home.folder / "mfakit.prom", home.folder / "link"
    path.write_text("old\n" * 1000)
    link.symlink_to(path)
    with path.open() as old:
        home.mfakit("check", "--format", "openmetrics", "--output", str(link))
        assert old.read() == "old\n" * 1000
    assert link.is_symlink()
    assert path.read_text().startswith("# HELP")


def test_without_a_session_output_is_empty_not_stale(home) -> None:
    """The exit code is the same as without a file."""
    path = home.folder / "mfakit.prom"
    path.write_text("old")
    for options in ([], ["--all"]):
        done = home.mfakit("check", *options, "--format", "openmetrics", "--output", str(path))
        assert (done.returncode, done.stdout) == (3, "")
        family, success = openmetrics(path.read_text())
        assert (family.samples, len(success.samples)) == ([], 1)
    home.write_credentials("junk\n")
    home.mfakit("check", "--all", "--format", "openmetrics", "--output", str(path))
    assert "mfakit_check_last_success" not in path.read_text()
    done = home.mfakit("check", "--all", "--format", "json", "--output", str(path))
    assert done.returncode == 3
    assert "line 1" in done.stderr
    assert json.loads(path.read_text())["worst"] == "unknown"


def test_output_to_a_folder_or_device_is_an_error_and_replaces_nothing(home) -> None:
    keep(home, mfa="2126-01-01T00:00:00Z")
    (home.folder / "folder").mkdir()
    os.mkfifo(home.folder / "pipe")
    for name in ("folder", "pipe", "missing/x.prom", "folder/"):
        done = home.mfakit("check", "--output", str(home.folder / name))
        assert done.returncode == 3
        assert len(done.stderr.splitlines()) == 2
    assert sorted(os.listdir(home.folder)) == [".aws", "folder", "pipe"]


@pytest.mark.parametrize(
    "text", ["[default]\nAWS_Secret_Access_Key = x\n", "# roles\n[profile a]\nregion = x\n"]
)
def test_a_report_replaces_no_aws_file_that_is_not_in_use(home, text: str) -> None:
    keep(home, mfa="2126-01-01T00:00:00Z")
    other = home.folder / "file.work"
    other.write_text(text)
    done = home.mfakit("check", "--output", str(other))
    assert (done.returncode, other.read_text()) == (3, text)


@pytest.mark.parametrize("name", ["credentials", "config"])
def test_a_report_replaces_no_aws_file(home, tmp_path, name: str) -> None:
    """A link to one is refused like the file itself."""
    keep(home, mfa="2126-01-01T00:00:00Z")
    home.write_config("[default]\n")
    before = [home.credentials.read_bytes(), home.config.read_bytes()]
    link = tmp_path / "report.prom"
    link.symlink_to(home.folder / ".aws" / name)
    for path in (link.resolve(), link):
        done = home.mfakit("check", "--format", "openmetrics", "--output", str(path))
        assert done.returncode == 3
        assert "is an AWS file" in done.stderr
    assert [home.credentials.read_bytes(), home.config.read_bytes()] == before


def test_a_session_in_quotes_is_said_to_be_so_wherever_sessions_are_listed(home) -> None:
    """AWS refuses it, though its end is written beside it."""
    home.write_credentials(
        "[a]\naws_access_key_id=ASIAQYLPMN5HABCDEFGH\naws_secret_access_key=s\n"
        'aws_session_token="t"\naws_expiration=2124-07-16T23:04:01.000Z\n'
    )
    listed = home.mfakit("check", "--all").stdout, home.mfakit("status").stdout
    assert all("aws_session_token is in quotes" in text for text in listed)
    assert not any("not known" in text for text in listed)
