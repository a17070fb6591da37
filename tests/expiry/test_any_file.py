"""For any content of the files `check` never crashes, and never calls an ended session valid."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.expiry.spellings import KEYS, OWN_PROCESS, SPELLINGS
from tests.zones import local_time

from mfakit import MFAKitError
from mfakit.cli.output import escape
from mfakit.expiry import SessionStatus, check_all, check_session
from mfakit.expiry.report import as_json, as_openmetrics, as_text, worst
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.own_files import OwnFile, as_pairs
from mfakit.profiles.profile import Profile
from mfakit.session import UNKNOWN, VALID

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DUE = timedelta(minutes=30)
NAMES = st.sampled_from(
    ["mfa", "work", "", " mfa ", "a]b", 'a"b', "a\\b", "\x1b[2J", "é", "\ud800"]
)
TIMES = st.sampled_from(
    ["2026-11-22T12:00:00Z", "2126-01-01 00:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2126-01-01", "soon", ""]
)  # fmt: skip
SETTINGS = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(["expiration", "aws_expiration"]), TIMES),
    st.sampled_from([
        "manager = awsume", "assumed_role = True", "aws_secret_access_key =", "region = x",
        "credential_process = mfakit credential-process", "  nested = 1", "# [x]",
    ]),
)  # fmt: skip
HEADERS = st.sampled_from(["[{}]", "[profile {}]", '[profile "{}"]', "[ {} ]"])
SECTIONS = st.builds(
    lambda header, name, keys, settings: "\n".join([header.format(name), keys, *settings]),
    HEADERS,
    st.sampled_from(["mfa", "work", 'a"b', "a\\b", "é", "\x1b[2J"]),
    st.sampled_from([KEYS, ""]),
    st.lists(SETTINGS, max_size=3),
)
JUNK = st.sampled_from(["junk", "\t= x", "\ufeff[mfa]", "a\rb = c", "[]", "[["]) | st.text()
TEXTS = (st.lists(SECTIONS, min_size=1) | st.lists(SECTIONS | JUNK)).map("\n".join)
TEXT_FILES = TEXTS.map(lambda text: text.encode("utf-8", "replace")) | st.binary()
STRINGS = TIMES | st.text()
PLAIN = st.none() | st.booleans() | st.integers() | st.lists(STRINGS)


def parts(**keys: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Draw a JSON object that has some of these keys, and sometimes an odd value for one."""
    return st.fixed_dictionaries({}, optional={key: v | v | PLAIN for key, v in keys.items()})


ENTRIES = parts(
    Credentials=parts(SessionToken=STRINGS, AccessKeyId=STRINGS, Expiration=TIMES),
    AssumedRoleUser=parts(Arn=STRINGS),
    startUrl=STRINGS,
    expiresAt=TIMES,
    accessToken=STRINGS
    | parts(accessKeyId=STRINGS, sessionToken=STRINGS, accountId=STRINGS, expiresAt=TIMES),
)
OWN_ENTRIES = st.fixed_dictionaries(
    {"aws_access_key_id": st.just("ASIA1")},
    optional={"aws_secret_access_key": STRINGS, "aws_session_token": STRINGS, "expiration": TIMES},
).map(lambda values: as_pairs(values).encode("utf-8", "replace"))
CONTENTS = st.one_of(
    TEXT_FILES,
    (ENTRIES | PLAIN).map(lambda value: json.dumps(value).encode()),
)
FILES = {
    ".aws/credentials": TEXT_FILES,
    ".aws/config": TEXT_FILES | CONTENTS,
    ".aws/cli/cache/1.json": CONTENTS,
    ".aws/cli/cache/2.json": CONTENTS,
    ".aws/sso/cache/1.json": CONTENTS,
    ".aws/login/cache/1.json": CONTENTS,
}


@pytest.fixture(scope="module", params=["America/New_York", "Asia/Tokyo"])
def zone(request):
    with local_time(request.param) as zone:
        yield zone


def refuse_valid_without_end(statuses: list[SessionStatus]) -> None:
    for status in statuses:
        if status.state == VALID:
            assert status.expiration is not None
            assert status.expiration - NOW >= DUE
            assert status.seconds_left >= DUE.total_seconds()


@settings(deadline=None)
@given(
    contents=st.fixed_dictionaries({}, optional=FILES),
    entry=st.none() | OWN_ENTRIES | CONTENTS,
    variables=st.dictionaries(
        st.sampled_from([
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
            "AWS_CREDENTIAL_EXPIRATION", "AWSUME_EXPIRATION", "MFAKIT_PROFILE",
        ]),
        st.just("ASIA1") | TIMES | NAMES | st.text(),
    ),
)  # fmt: skip
def test_check_never_crashes_whatever_the_files_hold(contents, entry, variables) -> None:
    """It lists what it finds, or names the file that makes no sense, and every report can be
    written.
    """
    with TemporaryDirectory() as folder:
        home = Path(folder)
        for name, content in contents.items():
            lay(home / name, content)
        environ = {"HOME": folder, **variables}
        files = AWSFiles(environ)
        if entry is not None:
            lay(home / ".aws/config", OWN_PROCESS.encode())
            lay(Path(OwnFile.of(files.credentials_path, "sessions", "mfa").path), entry)
        try:
            statuses = check_all(files, NOW, include_caches=True)
        except MFAKitError:
            return
        check_alone(statuses, files)
    refuse_valid_without_end(statuses)
    assert "\x1b" not in as_text(statuses, escape)
    assert json.loads(as_json(statuses, NOW))["worst"] == worst(statuses)
    (family,) = text_string_to_metric_families(as_openmetrics(statuses))
    assert len({tuple(sample.labels.items()) for sample in family.samples}) == len(statuses)


def lay(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o600)
    os.utime(path, (0, 0))


def check_alone(statuses: list[SessionStatus], files: AWSFiles) -> None:
    """Check that a session is judged as by a check of its profile alone."""
    for status in statuses:
        if status.source in ("credentials-file", "session-cache"):
            try:
                alone = check_session(Profile(status.profile, files), NOW)
            except MFAKitError:
                assert status.state == UNKNOWN
            else:
                assert (alone.state, alone.expiration) == (status.state, status.expiration)


@settings(deadline=None)
@given(
    name=st.sampled_from(sorted(SPELLINGS)),
    left=st.integers(-400 * 86400, 400 * 86400) | st.integers(-1810, 1810),
)
def test_check_never_calls_an_ended_or_due_session_valid(zone, name: str, left: int) -> None:
    """This holds for any spelling at any time of the year; only in the repeated hour of autumn may
    a valid session be called due.
    """
    end = NOW + timedelta(seconds=left)
    with TemporaryDirectory() as folder:
        environ = {"HOME": folder, **SPELLINGS[name][2](Path(folder), end)}
        (status,) = check_all(AWSFiles(environ), NOW, include_caches=True)
    if timedelta(seconds=left) < DUE:
        assert status.state != VALID
    elif "awsume" not in name:  # whose local times are ambiguous for an hour
        assert status.state == VALID
    refuse_valid_without_end([status])
