"""aiobotocore is answered in process, other asynchronous clients are refused, nothing leaves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from filelock import FileLock
from tests.testing.test_network import recording_proxy

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
# aiobotocore wants its own, older botocore.
FOLDER = ROOT / "build" / f"asynchronous-{sys.version_info.major}.{sys.version_info.minor}"

SCRIPT = """
import asyncio, sys
from mfakit.testing import AWSSimulator, SimulatorError

AWS = "https://prod-bucket.s3.amazonaws.com/k"
early = "early" in sys.argv
if early:
    import aiobotocore.session, aiohttp, httpx, s3fs

def refused(call):
    try:
        result = call()
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    except SimulatorError as error:
        assert "aws_server" in str(error), error
    else:
        raise AssertionError(call)

async def by_aiohttp():
    import aiohttp
    async with aiohttp.ClientSession(trust_env=True) as session:
        await session.delete(AWS)

async def by_httpx():
    import httpx
    async with httpx.AsyncClient() as client:
        await client.delete(AWS)

def by_httpx_plainly():
    import httpx
    httpx.delete(AWS)

async def objects(keys, url):
    from aiobotocore.session import get_session
    own = dict(aws_access_key_id=keys[0], aws_secret_access_key=keys[1], region_name="us-east-1")
    async with get_session().create_client("s3", endpoint_url=url, **own) as s3:
        await s3.create_bucket(Bucket="async-bucket") if url is None else None
        await s3.put_object(Bucket="async-bucket", Key="k", Body=b"content")
        got = await s3.get_object(Bucket="async-bucket", Key="k")
        async with got["Body"] as body:
            assert await body.read() == b"content"
        listed = await s3.list_objects_v2(Bucket="async-bucket")
        assert listed["KeyCount"] == 1

async def elsewhere():
    from aiobotocore.session import get_session
    async with get_session().create_client("s3", endpoint_url="http://minio.example") as s3:
        await s3.list_buckets()

def by_s3fs(keys):
    import s3fs
    files = s3fs.S3FileSystem(key=keys[0], secret=keys[1], skip_instance_cache=True)
    with files.open("async-bucket/large", "wb") as file:
        file.write(b"x" * 6_000_000)
    assert len(files.cat("async-bucket/large")) == 6_000_000
    files.rm_file("async-bucket/large")
    try:
        s3fs.S3FileSystem(skip_instance_cache=True).rm_file("prod-bucket/k")
    except PermissionError:
        return
    raise AssertionError("somebody's own keys were taken")

with AWSSimulator() as aws:
    alice = aws.create_user("alice")
    keys = (alice.access_key_id, alice.secret_access_key)
    asyncio.run(objects(keys, None))
    by_s3fs(keys)
    for call in (by_aiohttp, by_httpx, by_httpx_plainly, elsewhere):
        refused(call)
    with aws.serve() as url:
        asyncio.run(objects(keys, url))
print("done")
"""

MOCK_SCRIPT = """
import asyncio, sys
if "early" in sys.argv:
    import aioboto3
from mfakit.testing import SimulatorError, mock_aws, simulator

@mock_aws
async def by_aiobotocore():
    from aiobotocore.session import get_session
    async with get_session().create_client("sts") as sts:
        assert (await sts.get_caller_identity())["Arn"].endswith(":user/moto")
    alice = simulator().create_user("alice")
    code = {"SerialNumber": alice.enable_virtual_mfa().serial_number, "TokenCode": "123456"}
    keys = alice.access_key_id, alice.secret_access_key
    own = dict(zip(("aws_access_key_id", "aws_secret_access_key"), keys))
    async with get_session().create_client("sts", **own) as sts:
        try:
            await sts.get_session_token(**code)
        except sts.exceptions.ClientError as error:
            assert "invalid MFA one time pass code" in str(error)
        else:
            raise AssertionError("an invented code worked")

@mock_aws
async def by_aioboto3():
    import aioboto3, boto3
    boto3.client("s3").create_bucket(Bucket="bucket")
    async with aioboto3.Session().resource("s3") as s3:
        await (await s3.Bucket("bucket")).put_object(Key="k", Body=b"content")
    assert boto3.client("s3").get_object(Bucket="bucket", Key="k")["Body"].read() == b"content"

@mock_aws
async def elsewhere():
    import aioboto3
    async with aioboto3.Session().client("s3", endpoint_url="http://minio.example") as s3:
        try:
            await s3.list_buckets()
        except SimulatorError as error:
            assert "nothing was sent" in str(error)
        else:
            raise AssertionError("another host was called")

for each in (by_aiobotocore, by_aioboto3, elsewhere):
    asyncio.run(each())
print("done")
"""
WANTED = ("s3fs", "httpx", "aioboto3", "-e", f"{ROOT}[testing]")


@pytest.fixture(scope="module")
def python() -> str:
    """A Python of its own, with the asynchronous clients in it."""
    FOLDER.parent.mkdir(exist_ok=True)
    name = FOLDER / ("Scripts" if os.name == "nt" else "bin") / "python"
    with FileLock(f"{FOLDER}.lock"):
        marker = FOLDER / "installed"
        if not marker.exists() or marker.read_text() != " ".join(WANTED):
            # uv installs in a few seconds what takes pip most of a minute
            uv = shutil.which("uv")
            venv.create(FOLDER, with_pip=uv is None, clear=True)
            installer = [uv, "pip"] if uv else [str(name), "-m", "pip"]
            options = ["--python", str(name)] if uv else ["--disable-pip-version-check"]
            command = [*installer, "install", "-q", *options, *WANTED]
            subprocess.run(command, check=True, capture_output=True)
            marker.write_text(" ".join(WANTED))
    return str(name)


@pytest.mark.parametrize("order", ["early", "late"])
@pytest.mark.parametrize("script", [SCRIPT, MOCK_SCRIPT], ids=["AWSSimulator", "mock_aws"])
def test_asynchronous_clients_are_answered(python: str, script: str, order: str) -> None:
    """They may have been imported before the simulator started or after it."""
    with recording_proxy() as (url, asked):
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), url)
        keys = {"AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL", "AWS_SECRET_ACCESS_KEY": "s" * 40}
        environ = os.environ | proxies | keys | {"AWS_DEFAULT_REGION": "us-east-1"}
        environ |= {"no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}
        done = subprocess.run(
            [python, "-c", script, order],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.stdout == "done\n", done.stderr
    assert asked == []
