"""Roles that are assumed from a profile's session for one use, and session policies."""

from __future__ import annotations

import json

import boto3
import pytest
from tests.roles import make_role

import mfakit
from mfakit.profiles.own_files import OwnFile, read_record

ROLE = "arn:aws:iam::123456789012:role/all"
ONLY_S3 = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
}


@pytest.fixture
def logged_in(home, aws, alice):
    """Return the home of a user with a session, whom a role trusts."""
    make_role(aws, "all", alice.arn)
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    (home.folder / "s3.json").write_text(json.dumps(ONLY_S3, indent=8))
    return home


def assumed(aws) -> int:
    return sum(call.operation == "AssumeRole" for call in aws.calls)


def session_of(done):
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    keys = found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]
    return keys[0], boto3.Session(*keys, region_name="us-east-1")


def test_a_role_is_assumed_from_the_session_once_an_hour_and_kept_in_the_cache_alone(
    logged_in, aws
) -> None:
    """Each set of session policies has a session of its own, which logout removes."""
    home, url = logged_in, logged_in.environ["AWS_ENDPOINT_URL"]
    before = home.credentials.read_bytes()
    process = ["credential-process", "--role-arn", ROLE]
    limited = [*process, "--policy", str(home.folder / "s3.json")]
    whole, _ = session_of(home.mfakit(*process))
    only_s3, session = session_of(home.mfakit(*limited))
    assert (
        session.client("sts", endpoint_url=url)
        .get_caller_identity()["Arn"]
        .endswith(":assumed-role/all/mfakit")
    )
    session.client("s3", endpoint_url=url).list_buckets()
    with pytest.raises(session.client("dynamodb").exceptions.ClientError, match="session policy"):
        session.client("dynamodb", endpoint_url=url).list_tables()
    assert session_of(home.mfakit(*process))[0] == whole != only_s3
    assert session_of(home.mfakit(*limited))[0] == only_s3
    done = home.mfakit("exec", "--role-arn", ROLE, "--", "printenv", "AWS_ACCESS_KEY_ID")
    assert done.stdout.strip() == whole
    assert assumed(aws) == 2
    home.mfakit("exec", "--role-arn", ROLE, "--min-remaining", "61m", "--", "true")
    assert assumed(aws) == 3
    assert home.credentials.read_bytes() == before
    kept = home.credentials.parent / "mfakit"
    assert len(list((kept / "sessions").iterdir())) == 2
    assert home.mfakit("logout").returncode == 0
    assert list((kept / "sessions").iterdir()) == []
    assert list((kept / "records").iterdir()) == []


def test_a_session_in_the_cache_serves_roles_too(logged_in, aws) -> None:
    home = logged_in
    home.mfakit("configure", "--credential-process")
    assert mfakit.read_session("mfa", environ=home.environ)
    key, _ = session_of(home.mfakit("credential-process", "--role-arn", ROLE))
    done = home.mfakit("login", "-p", "kept", "--source-profile", "mfa", "--role-arn", ROLE)
    assert done.returncode == 0, done.stderr
    assert mfakit.read_session("kept", environ=home.environ).access_key_id != key


def test_a_session_with_policies_is_reused_and_renewed_only_with_the_same_policies(
    logged_in,
) -> None:
    """A renewal that forgot them would hand on more rights than were asked for."""
    home = logged_in
    login = ["login", "-p", "kept", "--source-profile", "mfa", "--role-arn", ROLE, "--json"]
    limited = [*login, "--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"]

    def reused(*line: str) -> bool:
        done = home.mfakit(*line)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["reused"]

    assert not reused(*limited)
    assert reused(*limited)
    key = mfakit.read_session("kept", environ=home.environ).access_key_id
    record = read_record(OwnFile.of(str(home.credentials), "records", "kept"), key)
    assert len(record.policies_digest) == 64
    done = home.mfakit("exec", "-p", "kept", "--min-remaining", "61m", "--", "true")
    assert (done.returncode, "session policies" in done.stderr) == (125, True)
    assert mfakit.read_session("kept", environ=home.environ).access_key_id == key
    assert not reused(*login)
    assert not reused(*limited)
    assert not reused(*limited, "--policy", str(home.folder / "s3.json"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"], "without one"),
        (["--policy", "s3.json"], "without one"),
        (["--role-arn", ROLE, "--policy-arn", "ReadOnlyAccess"], "is not the ARN of a policy"),
        (["--role-arn", ROLE, *["--policy-arn", "arn:aws:iam::aws:policy/A"] * 11], "too many"),
        (["--role-arn", ROLE, "--policy", "missing.json"], "there is no file"),
        (["--role-arn", ROLE, "--policy", "long.json"], "have 2"),
    ],
)
def test_malformed_policies_are_refused_before_anything_is_sent(home, options, message) -> None:
    (home.folder / "s3.json").write_text(json.dumps(ONLY_S3))
    long = {**ONLY_S3, "Id": "x" * 2000}
    (home.folder / "long.json").write_text(json.dumps(long))
    options = [str(home.folder / o) if o.endswith(".json") else o for o in options]
    for command, rest, code in (
        ("login", ["--token-code", "123456"], 64),
        ("credential-process", [], 64),
        ("exec", ["--", "true"], 125),
    ):
        done = home.mfakit(command, *options, *rest)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, 2)
        assert message in done.stderr


def test_a_policy_that_is_none_is_refused_in_words(home) -> None:
    (home.folder / "s3.json").write_text('{"Statement": []}')
    done = home.mfakit("login", "--role-arn", ROLE, "--policy", str(home.folder / "s3.json"))
    assert (done.returncode, "s3.json" in done.stderr) == (1, True)
