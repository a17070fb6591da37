"""Objects, as each client sends them by default: with checksums, in chunks, in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BUCKET = "objects"
TEXT = "déjà vu\n" * 1000


@pytest.mark.parametrize("client", ["boto3", "JavaScript"], indirect=True)
def test_each_client_reads_an_object_that_it_wrote(client: Any, keys: dict[str, str]) -> None:
    """The keys have spaces and signs as well."""
    key = "a folder/ä+b=c&d?.txt"
    client.call(keys, "s3", "CreateBucket", Bucket=BUCKET)
    client.call(keys, "s3", "PutObject", Bucket=BUCKET, Key=key, Body=TEXT)
    assert client.call(keys, "s3", "GetObject", Bucket=BUCKET, Key=key)["Body"] == TEXT


@pytest.mark.long
def test_the_aws_cli_copies_and_lists_small_and_large_files(
    home: Any, aws_cli: Path, keys: dict[str, str]
) -> None:
    home.write_credentials(
        f"[default]\naws_access_key_id = {keys['AccessKeyId']}\n"
        f"aws_secret_access_key = {keys['SecretAccessKey']}\n"
    )

    def s3(*arguments: str) -> str:
        done = home.run(str(aws_cli), "s3", *arguments)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    s3("mb", f"s3://{BUCKET}")
    assert s3("ls").split()[-1] == BUCKET
    for name, size in (("small", 3), ("large", 9 * 1024**2)):
        path = home.folder / name
        path.write_bytes(bytes(range(256)) * (size // 256) + b"end")
        s3("cp", "--quiet", str(path), f"s3://{BUCKET}/{name}")
        s3("cp", "--quiet", f"s3://{BUCKET}/{name}", f"{path}.back")
        assert (home.folder / f"{name}.back").read_bytes() == path.read_bytes()
    assert [line.split()[-1] for line in s3("ls", BUCKET).splitlines()] == ["large", "small"]
