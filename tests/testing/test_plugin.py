"""The pytest plugin, in a real run of pytest that finds it by its entry point."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs pytest on a test file in a project of its own, strictly."""

    def run(source: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        # with settings of its own: a folder of ours around it would lend it ours
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / "test_it.py").write_text(source)
        command = [sys.executable, "-m", "pytest", "-q", "--strict-markers", "-W", "error"]
        command += ["-p", "no:cacheprovider", "-p", "no:xonsh"]  # the latter takes seconds to load
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST", "COV_"))}
        return subprocess.run(
            [*command, *arguments, str(tmp_path / "test_it.py")],
            cwd=tmp_path,
            env=kept | environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def passed(done: subprocess.CompletedProcess[str], count: int) -> bool:
    assert done.returncode == 0, done.stdout + done.stderr
    return f"\n{count} passed in " in done.stdout


def test_a_run_without_fixtures_loads_nothing_heavy(run: Run) -> None:
    source = """
import sys

def test_it():
    assert "mfakit.testing.pytest_plugin" in sys.modules
    mine = {name for name in sys.modules if name.startswith("mfakit")}
    assert mine == {"mfakit", "mfakit.testing", "mfakit.testing.pytest_plugin"}
    assert not {"moto", "boto3", "botocore", "pyotp", "segno", "requests"} & set(sys.modules)
"""
    assert passed(run(source), 1)


def test_the_fixtures_are_an_account_its_url_and_a_home(run: Run) -> None:
    source = """
import boto3

def test_it(aws_simulator, aws_server):
    alice = aws_simulator.create_user("alice")
    device = alice.enable_virtual_mfa()
    for url in (None, aws_server):
        sts = alice.session().client("sts", endpoint_url=url)
        serial, code = device.serial_number, device.code()
        assert sts.get_session_token(SerialNumber=serial, TokenCode=code)["Credentials"]
    assert len(aws_simulator.calls) == 2

def test_another_account(aws_simulator):
    assert aws_simulator.calls == []
    aws_simulator.create_user("alice")
"""
    assert passed(run(source), 2)


@pytest.mark.long
def test_the_markers_options_make_the_account(run: Run) -> None:
    """Of two markers, the one closer to the test wins."""
    source = """
import boto3
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.aws_simulator(account_id="210987654321", region="cn-north-1")
STATEMENT = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
ONLY_S3 = {"Version": "2012-10-17", "Statement": [STATEMENT]}

def attempt(aws):
    nobody = aws.create_user("nobody", policy=ONLY_S3)
    assert nobody.arn == f"arn:aws-cn:iam::{aws.account_id}:user/nobody"
    nobody.session().client("iam").list_users()

@pytest.mark.aws_simulator(enforce_policies=False, account_id="111122223333")
def test_both(aws_simulator):
    assert aws_simulator.account_id == "111122223333"
    attempt(aws_simulator)

def test_module(aws_simulator, aws_home, monkeypatch):
    assert aws_simulator.account_id == "210987654321"
    assert boto3.Session().region_name == "cn-north-1"
    with pytest.raises(ClientError):
        attempt(aws_simulator)

@pytest.mark.aws_simulator(propagation="aws")
def test_late(aws_simulator):
    alice = aws_simulator.create_user("alice")
    device = alice.enable_virtual_mfa()
    codes = dict(SerialNumber=device.serial_number, TokenCode=device.code())
    with pytest.raises(ClientError, match="unable to validate"):
        alice.session().client("sts").get_session_token(**codes)
"""
    assert passed(run(source), 3)


@pytest.mark.parametrize(
    ("marker", "complaint"),
    [
        ("aws_simulator('aws')", "takes named options only"),
        ("aws_simulator(propagaton='aws')", "unexpected keyword argument 'propagaton'"),
        ("aws_simulator(propagation='slow')", "@pytest.mark.aws_simulator: "),
    ],
)
def test_a_wrong_marker_fails_with_one_line(run: Run, marker: str, complaint: str) -> None:
    source = f"""
import pytest

@pytest.mark.{marker}
def test_it(aws_simulator): pass
"""
    done = run(source)
    assert done.returncode == 1
    assert complaint in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert "During handling" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout


def test_the_home_is_empty_and_undone_afterwards(run: Run, tmp_path: Path) -> None:
    """Nothing of the real home shows in it."""
    mine = tmp_path / "mine"
    (mine / ".aws").mkdir(parents=True)
    (mine / ".aws" / "credentials").write_text("[real]\naws_access_key_id = AKIAREAL\n")
    source = """
import os
from pathlib import Path

import boto3
import pytest
from botocore.utils import InstanceMetadataFetcher

BEFORE = dict(os.environ)

def test_it(aws_home, tmp_path):
    assert Path.home() == aws_home != tmp_path
    assert list(aws_home.iterdir()) == []
    assert boto3.Session().available_profiles == []
    keys = boto3.Session().get_credentials()
    assert (keys.access_key, keys.secret_key, keys.token) == ("testing", "testing", None)
    assert boto3.Session().region_name == "us-east-1"
    assert not {n for n in os.environ if n.startswith("MFAKIT_")}
    assert "AWS_PROFILE" not in os.environ

def test_no_metadata_service(aws_home):
    fetcher = InstanceMetadataFetcher()
    assert fetcher.retrieve_iam_role_credentials() == {}
    assert fetcher._disabled

@pytest.mark.aws_simulator(region="us-gov-west-1")
def test_region(aws_home):
    assert boto3.Session().region_name == "us-gov-west-1"

def test_restored():
    now = {n: v for n, v in os.environ.items() if n != "PYTEST_CURRENT_TEST"}
    assert now == {n: v for n, v in BEFORE.items() if n != "PYTEST_CURRENT_TEST"}
"""
    environ = {"HOME": str(mine), "AWS_PROFILE": "real", "MFAKIT_PROFILE": "real"}
    assert passed(run(source, **environ, AWS_SESSION_TOKEN="real"), 4)


def test_the_users_own_aws_settings_are_set_aside_and_restored(run: Run) -> None:
    source = """
import os
import boto3

MINE = {n: v for n, v in os.environ.items() if n.startswith("AWS_")}

def test_it(aws_simulator):
    assert not [n for n in os.environ if n.startswith("AWS_ENDPOINT_URL") or n == "AWS_PROFILE"]
    keys = boto3.Session().get_credentials()
    assert (keys.access_key, keys.secret_key, keys.token) == ("testing", "testing", None)
    alice = aws_simulator.create_user("alice")
    assert alice.session().client("sts").get_caller_identity()["Arn"] == alice.arn

def test_afterwards():
    assert {n: v for n, v in os.environ.items() if n.startswith("AWS_")} == MINE
"""
    mine = {
        "AWS_PROFILE": "real",
        "AWS_ENDPOINT_URL": "https://minio.example",
        "AWS_ENDPOINT_URL_STS": "https://minio.example",
        "AWS_ACCESS_KEY_ID": "AKIAREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_SESSION_TOKEN": "real",
    }
    assert passed(run(source, **mine), 2)


@pytest.mark.long
def test_each_xdist_worker_has_its_own_account_home_and_server(run: Run) -> None:
    source = """
import os
import boto3
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(aws_simulator, aws_server, aws_home, number):
    aws_simulator.create_user("alice")
    (aws_home / "mine").touch(exist_ok=False)
    session = aws_simulator.root.session()
    users = session.client("iam", endpoint_url=aws_server).list_users()["Users"]
    assert [user["UserName"] for user in users] == ["alice"]
    assert os.environ["PYTEST_XDIST_WORKER"] in ("gw0", "gw1")
"""
    assert passed(run(source, "-n", "2"), 6)


def test_without_the_extra_a_fixture_names_it(run: Run, tmp_path: Path) -> None:
    """Tests without the fixture run all the same."""
    (tmp_path / "conftest.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name == 'moto' else find(name, *a)\n"
    )
    done = run("def test_it(aws_simulator): pass\n\ndef test_plain(): pass\n")
    assert "1 passed, 1 error" in done.stdout
    assert "mfakit.testing needs its extra: pip install 'mfakit[testing]'" in done.stdout
    assert "During handling" not in done.stdout
    assert "pytest_plugin.py" not in done.stdout


def test_pytest_lists_fixtures_and_marker_with_a_description(run: Run) -> None:
    told = run("", "--fixtures").stdout
    for name in ("aws_simulator", "aws_server", "aws_home"):
        assert f"\n{name} -- " in told
    assert "@pytest.mark.aws_simulator(**options): " in run("", "--markers").stdout
