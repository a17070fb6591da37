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
ASKED = {"require-mfa": MADE["require-mfa"][2:], "max-age": MADE["max-age"][2:]}
ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
GUARD = {
    "Sid": "Guard",
    "Effect": "Deny",
    "Action": "*",
    "Resource": "*",
    "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
}


@pytest.mark.parametrize("what", MADE)
def test_check_accepts_what_policy_makes_in_each_format(home, what: str) -> None:
    texts = {form: home.mfakit("policy", what, *MADE[what], "--format", form) for form in READERS}
    assert {(done.returncode, done.stderr) for done in texts.values()} == {(0, "")}
    made = home.mfakit("policy", what, *MADE[what])
    assert made.stdout == texts["json"].stdout
    done = home.mfakit("policy", "check", "-", *ASKED.get(what, ()), stdin=made.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert "session with MFA" in done.stdout


@pytest.mark.parametrize("what", MADE)
def test_advice_never_leads_back_to_the_policy_just_made(home, what: str) -> None:
    made = home.mfakit("policy", what, *MADE[what])
    done = home.mfakit("policy", "check", "-", stdin=made.stdout)
    assert f"mfakit policy {what}" not in done.stdout + done.stderr


def test_allow_service_calls_is_shown_by_check(home) -> None:
    for arguments, expected in ((), "nothing"), (("--allow-service-calls",), "some"):
        made = home.mfakit("policy", "require-mfa", *arguments).stdout
        policies = [home.folder / "made.json", home.folder / "other.json"]
        policies[0].write_text(made)
        policies[1].write_text(json.dumps({"Statement": ALLOW_ALL}))
        done = home.mfakit("policy", "check", *map(str, policies))
        assert done.returncode == 0
        assert f"call by a service for a session with MFA  allowed {expected} of it" in done.stdout


def test_check_prints_who_gets_in_by_which_statement_and_how_to_mend_it(home) -> None:
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
    lines = [line.strip() for line in done.stdout.splitlines()]
    hole = lines.index("s3:GetObject on arn:aws:s3:::b/*")
    assert lines[hole - 1] == "as all that a user has: 1 hole"
    assert lines[hole + 1] == (
        "allowed by statement 1 to: long-term key, GetFederationToken session"
    )
    assert lines[hole + 2].startswith("mend: in the Allow of statement 1 write Bool, or")
    assert lines[-1].startswith("exempt: iam:CreateVirtualMFADevice, ")
    assert done.stderr.startswith(
        "mfakit: somebody gets in without MFA\nmfakit: try: in the Allow of statement 1 write Bool,"
    )
    said = json.loads(home.mfakit("policy", "check", str(policy), "--json").stdout)
    assert said["requires_mfa"] is False
    assert said["claims"][0]["holes"][0]["actions"] == ["s3:GetObject"]
    assert [one["outcome"] for one in said["credentials"]] == [
        "gets in", "kept out", "gets in", "allowed some of it", "allowed some of it",
    ]  # fmt: skip
    other = home.mfakit("policy", "check", str(policy), "--action", "ec2:RunInstances")
    assert other.returncode == 0


def test_several_files_are_the_policies_of_one_user(home) -> None:
    """They may come in any order, with options before, between and after them."""
    names = [str(home.folder / name) for name in ("allow.json", "guard.json")]
    for name, statement in zip(names, (ALLOW_ALL, GUARD), strict=True):
        with open(name, "w", encoding="utf-8") as file:
            json.dump({"Statement": statement}, file)
    for arguments in (
        names,
        names[::-1],
        ["--json", *names],
        ["--action", "s3:*", names[0], "--resource", "arn:aws:s3:::b", names[1], "--whole"],
    ):
        assert home.mfakit("policy", "check", *arguments).returncode == 0
    assert home.mfakit("policy", "check", names[0]).returncode == 1
    assert home.mfakit("policy", "--json", "check", names[0]).stdout.startswith("{")


def test_exempt_actions_are_no_holes(home) -> None:
    policy = json.dumps({"Statement": ALLOW_ALL | {"Action": "s3:ListBucket"}})
    assert home.mfakit("policy", "check", "-", stdin=policy).returncode == 1
    exempt = ("--exempt-action", "s3:List*")
    done = home.mfakit("policy", "check", *exempt, "-", stdin=policy)
    assert done.returncode == 0
    assert done.stdout.rstrip().endswith(", s3:List*")


def test_control_characters_in_a_policy_are_escaped_in_output_and_errors(home) -> None:
    statement = {"Sid": "\x1b[31m", "Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    for text in (json.dumps({"Statement": statement}), '{"Statement": "\x1b[31m"}'):
        done = home.mfakit("policy", "check", "-", stdin=text)
        assert done.returncode == 1
        assert "\x1b" not in done.stdout + done.stderr


def test_a_long_policy_comes_with_a_note_that_it_cannot_be_inline(home) -> None:
    exempt = [f"--exempt-action=iam:Get{number:010}" for number in range(100)]
    done = home.mfakit("policy", "require-mfa", *exempt)
    assert done.returncode == 0
    assert done.stderr.startswith("mfakit: too long for an inline policy")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--json"], "--json has no meaning with policy alone"),
        (["frobnicate"], "invalid choice"),
        (["require-mfa", "--bucket", "b"], "--bucket has no meaning with require-mfa"),
        (["max-age", "--max-age", "1h", "--partition", "aws-cn"], "--partition has no meaning"),
        (["max-age", "--action", "ec2:*"], "a code may be 1m to 36h old"),
        (["max-age", "--max-age", "1h"], "no action given that needs a fresh code"),
        (["role-trust"], "no principal given to assume the role"),
        (["bucket"], "no bucket given"),
        (["bucket", "--bucket", ""], "not the name of a bucket"),
        (["require-mfa", "file"], "a file has no meaning with require-mfa"),
        (["check"], "no policy given to check"),
        (["check", "gone.json"], "there is no file"),
        (["check", "-", "--action", "GetObject"], "names no service"),
        (["check", "-", "--exempt-action", "*"], "exempts everything"),
        (["check", "-", "--resource", "bucket"], "is no ARN"),
        (["require-mfa", "--whole"], "--whole has no meaning with require-mfa"),
        (["bucket", "--allow-service-calls"], "--allow-service-calls has no meaning with bucket"),
    ],
)
def test_invalid_options_are_usage_errors(home, arguments: list[str], complaint: str) -> None:
    policy = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    done = home.mfakit("policy", *arguments, stdin=json.dumps({"Statement": policy}))
    assert (done.returncode, done.stdout) == (64, "")
    assert complaint in done.stderr


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"Statement": []}', '{"Statement": {}}', "{", "[" * 1000, '{"a":' * 1000],
)
def test_a_malformed_policy_fails_with_two_lines(home, text: str) -> None:
    done = home.mfakit("policy", "check", "-", stdin=text)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("mfakit: policy on standard input")


@pytest.mark.parametrize("content", [None, b"\xff{\0"])
def test_an_unreadable_policy_file_is_not_taken_for_an_aws_file(
    home, content: bytes | None
) -> None:
    policy = home.folder / "policy.json"
    policy.mkdir() if content is None else policy.write_bytes(content)
    done = home.mfakit("policy", "check", str(policy))
    assert (done.returncode, done.stdout) == (1, "")
    assert "try: name a file that you can read, of UTF-8 text" in done.stderr


def test_the_help_warns_that_a_deny_for_everyone_locks_roles_out(home) -> None:
    said = " ".join(home.mfakit("policy", "--help").stdout.split())
    assert "a Deny with BoolIfExists for everyone would lock all of them out" in said
