"""`mock_aws` with clocks of other libraries, other clients of HTTP, and other processes."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import boto3
import freezegun
import pytest
import requests
import time_machine
import urllib3
from tests.docs.page import steps
from tests.testing.workers import whoami

from mfakit import MFAKitError
from mfakit.testing import SimulatorError, mock_aws


@pytest.fixture(autouse=True)
def _a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def four_codes(moment: datetime) -> None:
    with mock_aws() as aws:
        alice = aws.create_user("alice")
        device = alice.enable_virtual_mfa()
        sts: Any = alice.session().client("sts")
        for _ in range(4):
            code = {"SerialNumber": device.serial_number, "TokenCode": device.code()}
            given = sts.get_session_token(DurationSeconds=900, **code)["Credentials"]
            assert abs((given["Expiration"] - aws.clock.now()).total_seconds() - 900) < 60
            keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
            boto3.Session(*keys).client("sts").get_caller_identity()
        assert abs(aws.clock.now() - moment).days == 0


MOMENTS = [datetime(2012, 1, 14, 12, tzinfo=UTC), datetime(2040, 2, 29, tzinfo=UTC)]


@pytest.mark.parametrize("moment", MOMENTS)
def test_codes_work_and_sessions_end_by_freezegun(moment: datetime) -> None:
    with freezegun.freeze_time(moment):
        four_codes(moment)
    with mock_aws(), freezegun.freeze_time(moment):
        boto3.client("sts").get_caller_identity()


def test_a_session_ends_when_freezegun_moves_the_time() -> None:
    with freezegun.freeze_time(MOMENTS[0]) as frozen, mock_aws() as aws:
        alice = aws.create_user("alice")
        given = alice.session().client("sts").get_session_token()["Credentials"]
        keys = given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]
        sts: Any = boto3.Session(*keys).client("sts")
        assert sts.get_caller_identity()
        frozen.tick(13 * 3600)
        with pytest.raises(sts.exceptions.ClientError, match="ExpiredToken"):
            sts.get_caller_identity()


@pytest.mark.parametrize("moment", MOMENTS)
def test_codes_work_by_time_machine(moment: datetime) -> None:
    with time_machine.travel(moment):
        four_codes(moment)


@mock_aws
def test_requests_to_aws_are_answered_as_moto_does() -> None:
    s3: Any = boto3.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="public", Body=b"content", ACL="public-read")
    s3.put_object(Bucket="bucket", Key="private", Body=b"content")
    assert requests.get("https://bucket.s3.amazonaws.com/public", timeout=5).content == b"content"
    assert requests.get("https://bucket.s3.amazonaws.com/private", timeout=5).status_code == 403
    asked = {"Bucket": "bucket", "Key": "private"}
    link = s3.generate_presigned_url("get_object", Params=asked)
    assert requests.get(link, timeout=5).content == b"content"
    link = s3.generate_presigned_url("put_object", Params={"Bucket": "bucket", "Key": "new"})
    assert requests.put(link, data=b"new", timeout=5).status_code == 200
    assert s3.get_object(Bucket="bucket", Key="new")["Body"].read() == b"new"


def test_requests_are_answered_after_a_reset_too() -> None:
    mock = mock_aws()
    with mock:
        mock.reset()
        answer = requests.get("https://bucket.s3.amazonaws.com/key", timeout=5)
        assert answer.status_code in (403, 404)


@mock_aws
def test_requests_to_other_hosts_go_there() -> None:
    server = HTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    with server, ThreadPoolExecutor(1) as pool:
        pool.submit(server.handle_request)
        answer = requests.get(f"http://127.0.0.1:{server.server_port}/missing", timeout=5)
    assert answer.headers["Server"].startswith("SimpleHTTP")


@mock_aws
def test_urllib3_is_refused_before_it_connects() -> None:
    with pytest.raises(SimulatorError, match="was not called"):
        urllib3.PoolManager().request("GET", "https://bucket.s3.amazonaws.com/key")


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_of_multiprocessing_call_the_server_or_nobody(method: str) -> None:
    with mock_aws() as aws:
        context: Any = multiprocessing.get_context(method)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            assert "give-this-process-the-URL" in pool.submit(whoami).result()
        with aws.serve(), ProcessPoolExecutor(1, mp_context=context) as pool:
            assert pool.submit(whoami).result() == "arn:aws:sts::123456789012:user/moto"


SUITE = """
import boto3
import pytest
from mfakit.testing import mock_aws, simulator


@pytest.fixture(scope="session")
def aws():
    with mock_aws() as aws:
        yield aws


@pytest.fixture(scope="module")
def alice(aws):
    return aws.create_user("alice")


@pytest.fixture(scope="class")
def session(alice):
    device = alice.enable_virtual_mfa()
    sts = alice.session().client("sts")
    code = dict(SerialNumber=device.serial_number, TokenCode=device.code())
    given = sts.get_session_token(**code)["Credentials"]
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])


class TestOfAClass:
    @pytest.mark.parametrize("number", range(4))
    def test_the_session_works(self, session, number):
        assert session.client("sts", "us-east-1").get_caller_identity()["Arn"].endswith("/alice")

    @mock_aws
    def test_decorated(self, alice, session):
        assert simulator().calls
        assert session.client("iam", "us-east-1").list_users()["Users"][0]["UserName"] == "alice"


def test_hint(aws):
    assert aws.calls != []
"""


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.long)])
def test_fixtures_of_every_scope_work_with_and_without_xdist(tmp_path: Path, workers: str) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "--dist", "loadfile"]
    command += ["-p", "no:cacheprovider", "-p", "no:xonsh", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "6 passed" in done.stdout, done.stdout + done.stderr


PAGE = "docs/how-to/come-from-mock-aws.md"
PROGRAMS = [step for step in steps(PAGE) if step.kind == "python" and not step.not_run]


@pytest.mark.parametrize("text", [step.text for step in PROGRAMS], ids=range(len(PROGRAMS)))
def test_the_programs_of_the_documentation_work(text: str) -> None:
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_errors_hint_is_in_its_traceback(tmp_path: Path) -> None:
    script = "import mfakit; raise mfakit.MFAKitError('it failed', 'do this about it')"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.stderr.endswith("mfakit.errors.MFAKitError: it failed\ndo this about it\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    {script}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xonsh"]
    done = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "do this about it" in done.stdout


def test_a_hint_that_changes_changes_in_the_traceback() -> None:
    error = MFAKitError("it failed", "first")
    error.hint = "second"
    assert error.__notes__ == ["second"]
    assert not getattr(MFAKitError("it failed"), "__notes__", [])
