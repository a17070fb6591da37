"""Whatever the files hold: `check` never crashes, and never calls valid what is not."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from tests.expiry.spellings import KEYS, OWN_PROCESS, SPELLINGS

from mfakit import MFAKitError
from mfakit.cli.output import escape
from mfakit.expiry.inventory import check_all
from mfakit.expiry.report import as_json, as_openmetrics, as_text, worst
from mfakit.expiry.rule import UNKNOWN, VALID
from mfakit.expiry.status import SessionStatus, check_session
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.session_cache import own_file

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DUE = timedelta(minutes=30)
FILES = (
    ".aws/credentials",
    ".aws/config",
    ".aws/cli/cache/1.json",
    ".aws/sso/cache/1.json",
    ".aws/login/cache/1.json",
)

NAMES = st.sampled_from(
    ["mfa", "work", "", " mfa ", "a]b", 'a"b', "a\\b", "\x1b[2J", "é", "\ud800"]
)
TIMES = st.sampled_from(
    ["2026-11-22T12:00:00Z", "2126-01-01 00:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00",
     "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2126-01-01", "soon", ""]
)  # fmt: skip
LINES = st.one_of(
    st.sampled_from(KEYS.splitlines()),
    st.builds("[{}]".format, NAMES),
    st.builds("[profile {}]".format, NAMES),
    st.builds("{} = {}".format, st.sampled_from(["expiration", "aws_expiration"]), TIMES),
    st.sampled_from([
        "manager = awsume", "assumed_role = True", "junk", "\t= x", "  nested = 1", "# [x]",
        "credential_process = mfakit credential-process", "\ufeff[mfa]", "a\rb = c",
    ]),
    st.text(),
)  # fmt: skip
TEXTS = st.lists(LINES).map("\n".join).map(lambda text: text.encode("utf-8", "replace"))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | TIMES,
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(
        st.sampled_from([
            "Credentials", "AssumedRoleUser", "Arn", "SessionToken", "AccessKeyId", "Expiration",
            "accessToken", "expiresAt", "startUrl", "sessionToken", "accessKeyId", "accountId",
        ]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
CONTENTS = st.binary() | TEXTS | VALUES.map(lambda value: json.dumps(value).encode())


@pytest.fixture(scope="module", params=["America/New_York", "Asia/Tokyo"])
def zone(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def refuse_valid_without_end(statuses: list[SessionStatus]) -> None:
    for status in statuses:
        if status.state == VALID:
            assert status.expiration is not None
            assert status.expiration - NOW >= DUE
            assert status.seconds_left >= DUE.total_seconds()


@settings(deadline=None)
@given(
    contents=st.fixed_dictionaries({}, optional=dict.fromkeys(FILES, CONTENTS)),
    entry=st.none() | CONTENTS,
    variables=st.dictionaries(
        st.sampled_from([
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
            "AWS_CREDENTIAL_EXPIRATION", "AWSUME_EXPIRATION", "MFAKIT_PROFILE",
        ]),
        st.just("ASIA1") | TIMES | NAMES | st.text(),
    ),
)  # fmt: skip
def test_no_content_makes_check_crash(contents, entry, variables) -> None:
    """It lists what it finds, or says which file makes no sense; every report can be written."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        for name, content in contents.items():
            lay(home / name, content)
        environ = {"HOME": folder, **variables}
        files = AWSFiles(environ)
        if entry is not None:
            lay(home / ".aws/config", OWN_PROCESS.encode())
            lay(Path(own_file(files.credentials_path, "sessions", "mfa")), entry)
        try:
            statuses = check_all(files, environ, NOW, include_caches=True)
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
    """See that a session is judged as it is where it alone is asked for."""
    for status in statuses:
        if status.source in ("credentials-file", "session-cache"):
            try:
                alone = check_session(status.profile, files, NOW)
            except MFAKitError:
                assert status.state == UNKNOWN
            else:
                assert (alone.state, alone.expiration) == (status.state, status.expiration)


@settings(deadline=None)
@given(
    name=st.sampled_from(sorted(SPELLINGS)),
    left=st.integers(-400 * 86400, 400 * 86400) | st.integers(-1810, 1810),
)
def test_nothing_that_ended_or_is_due_is_valid(zone, name: str, left: int) -> None:
    """In any spelling, at any time of the year; what lasts is valid, but for an hour in autumn."""
    end = NOW + timedelta(seconds=left)
    with TemporaryDirectory() as folder:
        environ = {"HOME": folder, **SPELLINGS[name][2](Path(folder), end)}
        (status,) = check_all(AWSFiles(environ), environ, NOW, include_caches=True)
    if timedelta(seconds=left) < DUE:
        assert status.state != VALID
    elif "awsume" not in name:  # whose local times are ambiguous for an hour
        assert status.state == VALID
    refuse_valid_without_end([status])
