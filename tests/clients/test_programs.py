"""Programs that copy objects: each signs, chunks and addresses buckets in its own way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config

from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mfakit.testing import User

    Run = Callable[..., str]

BUCKET = "programs"
ODD = "a b+c=é.txt"


@pytest.fixture
def simulator() -> Iterator[tuple[str, User]]:
    with AWSSimulator() as aws, aws.serve() as url:
        yield url, aws.create_user("alice")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small file, one of an odd name, and one that is sent in parts."""
    (tmp_path / "small").write_text("hello")
    (tmp_path / ODD).write_text("odd")
    (tmp_path / "large").write_bytes(os.urandom(1 << 20) * 20)
    return tmp_path


@pytest.fixture
def run(simulator: tuple[str, User], tmp_path: Path) -> Run:
    """Run a program in an environment that has nothing but alice's keys."""

    def run(program: str, *arguments: str) -> str:
        beside = Path(sys.executable).with_name(program)
        found = str(beside) if beside.exists() else shutil.which(program)
        if found is None and os.environ.get("CI") != "true":
            pytest.skip(f"not on the PATH: {program}")
        assert found is not None
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ACCESS_KEY_ID": simulator[1].access_key_id,
            "AWS_SECRET_ACCESS_KEY": simulator[1].secret_access_key,
            "AWS_REGION": "us-east-1",
        }
        done = subprocess.run(
            [found, *arguments],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def s3(simulator: tuple[str, User]) -> Any:
    """The bucket, looked at by boto3."""
    config = Config(signature_version="s3v4")
    client: Any = simulator[1].session().client("s3", endpoint_url=simulator[0], config=config)
    return client


def keys(s3: Any) -> list[str]:
    return [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def test_rclone_copies_compares_moves_and_deletes(
    simulator: tuple[str, User], run: Run, folder: Path, s3: Any
) -> None:
    config = folder.parent / "rclone.conf"
    remote = f"[s]\ntype = s3\nprovider = Other\nenv_auth = true\nendpoint = {simulator[0]}\n"
    config.write_text(remote)
    rclone = ("--config", str(config), "--retries", "1", "--low-level-retries", "1")
    run("rclone", *rclone, "mkdir", f"s:{BUCKET}")
    run("rclone", *rclone, "copy", str(folder), f"s:{BUCKET}/dir")
    assert keys(s3) == [f"dir/{ODD}", "dir/large", "dir/small"]
    run("rclone", *rclone, "check", "--download", str(folder), f"s:{BUCKET}/dir")
    run("rclone", *rclone, "moveto", f"s:{BUCKET}/dir/large", f"s:{BUCKET}/moved")
    run("rclone", *rclone, "deletefile", f"s:{BUCKET}/dir/small")
    assert keys(s3) == [f"dir/{ODD}", "moved"]


def test_s5cmd_sends_parts_and_deletes_many_objects(
    simulator: tuple[str, User], run: Run, folder: Path, s3: Any
) -> None:
    s5cmd = ("--endpoint-url", simulator[0])
    run("s5cmd", *s5cmd, "mb", f"s3://{BUCKET}")
    run("s5cmd", *s5cmd, "cp", "-p", "5", "-c", "3", f"{folder}/", f"s3://{BUCKET}/dir/")
    assert keys(s3) == [f"dir/{ODD}", "dir/large", "dir/small"]
    run("s5cmd", *s5cmd, "cp", f"s3://{BUCKET}/dir/large", f"{folder}/back")
    assert (folder / "back").read_bytes() == (folder / "large").read_bytes()
    run("s5cmd", *s5cmd, "rm", f"s3://{BUCKET}/*")
    assert keys(s3) == []


def test_s3cmd_learns_the_region_and_signs_again(
    simulator: tuple[str, User], run: Run, folder: Path, s3: Any
) -> None:
    """It signs for the region US at first."""
    host = urlsplit(simulator[0]).netloc
    config = folder.parent / "s3cfg"
    config.write_text(f"[default]\nhost_base = {host}\nhost_bucket = {host}\nuse_https = False\n")
    s3cmd = ("-c", str(config))
    run("s3cmd", *s3cmd, "mb", f"s3://{BUCKET}")
    for name in (ODD, "large"):
        run("s3cmd", *s3cmd, "put", str(folder / name), f"s3://{BUCKET}/")
    assert keys(s3) == [ODD, "large"]
    assert BUCKET in run("s3cmd", *s3cmd, "--region", "US", "ls", f"s3://{BUCKET}")
    run("s3cmd", *s3cmd, "get", f"s3://{BUCKET}/large", f"{folder}/back")
    assert (folder / "back").read_bytes() == (folder / "large").read_bytes()


def test_curl_sends_the_signed_headers_of_a_presigned_url(run: Run, folder: Path, s3: Any) -> None:
    s3.create_bucket(Bucket=BUCKET)
    put = {"ContentType": "text/plain", "Metadata": {"my_key": "v"}, "Tagging": "a=b"}
    link = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k", **put})
    headers = ("Content-Type: text/plain", "x-amz-meta-my_key: v", "x-amz-tagging: a=b")
    curl = ("-sS", "-X", "PUT", "--data-binary", f"@{folder}/small")
    curl += tuple(part for header in headers for part in ("-H", header))
    assert run("curl", *curl, link) == ""
    stored = s3.get_object(Bucket=BUCKET, Key="k")
    assert (stored["Body"].read(), stored["Metadata"]) == (b"hello", {"my_key": "v"})
    assert s3.get_object_tagging(Bucket=BUCKET, Key="k")["TagSet"] == [{"Key": "a", "Value": "b"}]
    assert "HeadersNotSigned" in run("curl", *curl, "-H", "x-amz-acl: public-read", link)


def test_curl_uploads_to_a_bare_presigned_url(run: Run, folder: Path, s3: Any) -> None:
    """It does so with a length, in chunks, and after a 100-continue, and reads a part."""
    s3.create_bucket(Bucket=BUCKET)
    link = s3.generate_presigned_url("put_object", {"Bucket": BUCKET, "Key": "k"})
    for name, more in (
        ("small", ()),
        ("large", ()),
        ("small", ("-H", "Transfer-Encoding: chunked")),
    ):
        run("curl", "-sS", "-T", str(folder / name), *more, link)
        stored = s3.get_object(Bucket=BUCKET, Key="k")["Body"].read()
        assert stored == (folder / name).read_bytes()
    get = {"Bucket": BUCKET, "Key": "k", "ResponseContentType": "text/x-test"}
    link = s3.generate_presigned_url("get_object", get)
    assert run("curl", "-sS", "-r", "1-2", link) == "el"
    assert "content-type: text/x-test" in run("curl", "-sS", "-D-", link).lower()
