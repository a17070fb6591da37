"""The AWS CLI's commands that the demo shows, on boto3, where there is no AWS CLI."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import boto3
from botocore.exceptions import ClientError


def main() -> int:
    """Run one of them; errors read as the AWS CLI's do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint-url")
    parser.add_argument("--profile")
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    session = boto3.Session(profile_name=options.profile)
    client = session.client(options.words[0], endpoint_url=options.endpoint_url)
    try:
        sys.stdout.write(_answer(client, options.words[1:]))
    except ClientError as error:
        sys.stderr.write(f"{error}\n")
        return 254
    return 0


def _answer(client: Any, words: list[str]) -> str:
    match words:
        case ["ls"]:
            return "".join(f"{bucket['Name']}\n" for bucket in client.list_buckets()["Buckets"])
        case ["mb", url]:
            client.create_bucket(Bucket=url.removeprefix("s3://"))
            return f"make_bucket: {url.removeprefix('s3://')}\n"
        case _:
            answer = client.get_caller_identity()
            return json.dumps({key: answer[key] for key in ("UserId", "Account", "Arn")}, indent=4)


if __name__ == "__main__":
    sys.exit(main())
