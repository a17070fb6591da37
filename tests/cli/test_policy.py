"""`mfakit policy`: what it prints, what it refuses, and its exit codes."""

from __future__ import annotations

import json

import pytest
from tests.policy.reading import READERS

ALICE = "arn:aws:iam::123456789012:user/alice"
MADE = {
    "require-mfa": ["--max-age", "12h", "--exempt-action", "iam:ChangePassword"],
    "max-age": ["--max-age", "1h", "--action", "ec2:*", "--resource", "arn:aws:ec2:*:*:*"],
    "role-trust": ["--principal", ALICE, "--principal", "123456789012"],
    "bucket": ["--bucket", "my-bucket", "--max-age=30m", "--principal", ALICE],
}


@pytest.mark.parametrize("what", MADE)
def test_what_it_makes_it_finds_good(home, what: str) -> None:
    """In each format the same, which check is content with."""
    texts = {form: home.mfakit("policy", what, *MADE[what], "--format", form) for form in READERS}
    assert {(done.returncode, done.stderr) for done in texts.values()} == {(0, "")}
    made = home.mfakit("policy", what, *MADE[what])
    assert made.stdout == texts["json"].stdout
    done = home.mfakit("policy", "check", "-", stdin=made.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert "session with MFA" in done.stdout


def test_check_tells_whom_a_policy_lets_in(home) -> None:
    """With the statement and the condition that decided, and how to mend it."""
    policy = home.folder / "policy.json"
    policy.write_text(
        json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::b/*",
                    "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
                },
            }
        )
    )
    done = home.mfakit("policy", "check", str(policy))
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "s3:GetObject on arn:aws:s3:::b/any, by this identity policy:"
    assert lines[1].split() == ["long-term", "key", "allowed", "by", "statement", "1"]
    assert lines[2].endswith("aws:MultiFactorAuthPresent true, and it is absent")
    assert done.stderr.startswith(
        "mfakit: the policy does not require MFA for s3:GetObject\n"
        "mfakit: try: in the Allow of statement 1 write Bool, or"
    )
    said = json.loads(home.mfakit("policy", "check", str(policy), "--json").stdout)
    assert said["requires_mfa"] is False
    assert said["action"] == "s3:GetObject"
    assert [finding["outcome"] for finding in said["findings"]] == [
        "allowed", "not allowed", "allowed", "allowed", "not allowed", "not asked",
    ]  # fmt: skip
    other = home.mfakit("policy", "check", str(policy), "--action", "ec2:RunInstances")
    assert other.stdout.startswith("ec2:RunInstances on anything, ")


def test_what_a_policy_holds_does_not_steer_the_terminal(home) -> None:
    """Nor do its errors."""
    statement = {"Sid": "\x1b[31m", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    for text in (json.dumps({"Statement": statement}), '{"Statement": "\x1b[31m"}'):
        done = home.mfakit("policy", "check", "-", stdin=text)
        assert done.returncode == 1
        assert "\x1b" not in done.stdout + done.stderr


def test_a_long_policy_says_that_it_cannot_be_inline(home) -> None:
    """A user's inline policies have 2048 characters together."""
    exempt = [f"--exempt-action=iam:Get{number:010}" for number in range(100)]
    done = home.mfakit("policy", "require-mfa", *exempt)
    assert done.returncode == 0
    assert done.stderr.startswith("mfakit: too long for an inline policy")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "what is to be made or judged is not said"),
        (["frobnicate"], "invalid choice"),
        (["require-mfa", "--bucket", "b"], "--bucket has no meaning with require-mfa"),
        (["max-age", "--max-age", "1h", "--partition", "aws-cn"], "--partition has no meaning"),
        (["max-age", "--action", "ec2:*"], "a code may be 1m to 36h old"),
        (["max-age", "--max-age", "1h"], "which actions need a fresh code is not said"),
        (["role-trust"], "who may assume the role is not said"),
        (["bucket"], "which bucket is not said"),
        (["bucket", "--bucket", ""], "not the name of a bucket"),
        (["require-mfa", "file"], "a file has no meaning with require-mfa"),
        (["check"], "which policy is to be judged is not said"),
        (["check", "gone.json"], "there is no file"),
        (["check", "-", "--action", "s3:*"], "more than one action"),
        (["check", "-", "--action", "GetObject"], "names no service"),
        (["check", "-", "--action", "a:b", "--action", "a:c"], "one action at a time"),
    ],
)
def test_what_makes_no_sense_is_refused(home, arguments: list[str], complaint: str) -> None:
    """With what to do instead."""
    policy = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    done = home.mfakit("policy", *arguments, stdin=json.dumps({"Statement": policy}))
    assert (done.returncode, done.stdout) == (64, "")
    assert complaint in done.stderr


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"Statement": []}', '{"Statement": {}}', "{"])
def test_what_is_no_policy_is_refused(home, text: str) -> None:
    """In two lines."""
    done = home.mfakit("policy", "check", "-", stdin=text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mfakit: policy on standard input")


@pytest.mark.parametrize("content", [None, b"\xff\xfe{\0"])
def test_a_file_that_cannot_be_read_is_no_aws_file(home, content: bytes | None) -> None:
    """What to do about it says nothing of the AWS files."""
    policy = home.folder / "policy.json"
    policy.mkdir() if content is None else policy.write_bytes(content)
    done = home.mfakit("policy", "check", str(policy))
    assert (done.returncode, done.stdout) == (1, "")
    assert "try: name a file that you can read, of UTF-8 text" in done.stderr


def test_the_help_tells_of_the_lock_out(home) -> None:
    """What a Deny with BoolIfExists for everyone does to a bucket."""
    said = " ".join(home.mfakit("policy", "--help").stdout.split())
    assert "a Deny with BoolIfExists for everyone would lock all of them out" in said
