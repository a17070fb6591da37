"""Sessions of roles: with a code, or from a live MFA session without one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

import mfakit

ROLE = "arn:aws:iam::123456789012:role/admin"


@pytest.fixture
def role(aws, alice):
    """A role whose trust policy requires MFA."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": alice.arn},
                "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
            }
        ],
    }
    iam = aws.root.session().client("iam")
    iam.create_role(RoleName="admin", AssumeRolePolicyDocument=json.dumps(trust))
    return ROLE


def identity(home, profile: str) -> str:
    command = ["aws", "sts", "get-caller-identity", "--profile", profile]
    done = home.run(*command, "--endpoint-url", home.environ["AWS_ENDPOINT_URL"])
    return json.loads(done.stdout)["Arn"]


def test_a_code_gets_a_session_of_the_role(home, alice, role) -> None:
    """In a profile of its own; without a duration AWS gives one hour."""
    done = home.mfakit(
        "login", "--profile", "admin", "--role-arn", role, "--role-session-name", "me",
        "--source-identity", "alice", "--tag", "team=blue", "--token-code", alice.device.code(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ends in 59m" in done.stderr
    assert identity(home, "admin") == "arn:aws:sts::123456789012:assumed-role/admin/me"


def test_a_live_mfa_session_gets_one_without_a_code(home, alice, role) -> None:
    """One code serves them all."""
    home.mfakit("login", "--token-code", alice.device.code())
    done = home.mfakit("login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role)
    assert done.returncode == 0, done.stderr
    assert identity(home, "admin").endswith(":assumed-role/admin/mfakit")
    again = home.mfakit(
        "login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role, "--json"
    )
    assert json.loads(again.stdout)["reused"] is True


def test_more_than_an_hour_is_refused_before_it_is_asked_of_a_session(home, alice, role) -> None:
    """AWS would refuse it, and the person would find out by that."""
    home.mfakit("login", "--token-code", alice.device.code())
    done = home.mfakit(
        "login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role, "--duration", "2h"
    )
    assert done.returncode == 64
    assert "one hour at most" in done.stderr


def test_a_role_that_lasts_shorter_says_so(home, alice, role) -> None:
    """Only AWS knows the role's own maximum."""
    done = home.mfakit(
        "login", "-p", "admin", "--role-arn", role, "--duration", "2h",
        "--token-code", alice.device.code(),
    )  # fmt: skip
    assert done.returncode == 1
    assert "MaxSessionDuration" in done.stderr


def test_options_of_a_role_need_one(home, alice) -> None:
    """They would do nothing."""
    done = home.mfakit("login", "--external-id", "x", "--token-code", "123456")
    assert (done.returncode, "--role-arn" in done.stderr) == (64, True)


def test_the_library_assumes_roles_too(home, alice, role, monkeypatch) -> None:
    """With a code, or from the session that the source profile holds."""
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    serial = alice.device.serial_number
    session = mfakit.assume_role(
        role_arn=role, serial_number=serial, token_code=alice.device.code()
    )
    assert session.access_key_id.startswith("ASIA")
    mfakit.write_session("mfa", mfakit.get_session_token(
        serial_number=serial, token_code=alice.device.code()))  # fmt: skip
    chained = mfakit.assume_role(role_arn=role, source_profile="mfa")
    assert chained.expiration - datetime.now(UTC) <= timedelta(hours=1)
    with pytest.raises(mfakit.MFAKitError, match="cannot last"):
        mfakit.assume_role(role_arn=role, source_profile="mfa", duration=timedelta(hours=2))


def test_a_renewal_sends_what_the_role_asks_for(home, alice, role, aws) -> None:
    """Its external id and its tags, as the login did; and with others it is another session."""
    trust = aws.root.session().client("iam").get_role(RoleName="admin")["Role"]
    trust = trust["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Condition"]["StringEquals"] = {"sts:ExternalId": "ext-1"}
    iam = aws.root.session().client("iam")
    iam.update_assume_role_policy(RoleName="admin", PolicyDocument=json.dumps(trust))
    home.mfakit("login", "--token-code", alice.device.code())
    login = ["login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role]
    login += ["--external-id", "ext-1", "--json"]

    def reused(*options: str) -> bool:
        return json.loads(home.mfakit(*login, *options).stdout)["reused"]

    assert not reused("--tag", "team=blue")
    assert reused("--tag", "team=blue")
    assert not reused("--tag", "team=red")
    assert not reused("--tag", "team=red", "--role-session-name", "me")
    kept = mfakit.read_session("admin", environ=home.environ)
    done = home.mfakit("exec", "-p", "admin", "--min-remaining", "1h", "--", "true")
    assert done.returncode == 0, done.stderr
    assert mfakit.read_session("admin", environ=home.environ).access_key_id != kept.access_key_id
    assert identity(home, "admin").endswith(":assumed-role/admin/me")


def test_a_refreshing_session_of_a_role_stays_one(home, alice, role, monkeypatch) -> None:
    """Nobody becomes somebody else by a renewal."""
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    home.mfakit(
        "login", "-p", "admin", "--role-arn", role, "--role-session-name", "me",
        "--token-code", alice.device.code(),
    )  # fmt: skip
    session = mfakit.refreshing_session("admin")
    arn = session.client("sts").get_caller_identity()["Arn"]
    assert arn == "arn:aws:sts::123456789012:assumed-role/admin/me"
    home.write_config(
        f"[profile admin]\nmfakit_token_command = echo {alice.device.code()}\n"
        f"mfa_serial = {alice.device.serial_number}\n"
    )
    kept = mfakit.read_session("admin")
    ended = mfakit.SessionCredentials(
        kept.access_key_id, kept.secret_access_key, kept.session_token,
        datetime.now(UTC) - timedelta(hours=1),
    )  # fmt: skip
    mfakit.write_session("admin", ended)
    session = mfakit.refreshing_session("admin")
    assert session.client("sts").get_caller_identity()["Arn"] == arn
    assert mfakit.read_session("admin").access_key_id != kept.access_key_id


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--role-arn", "arn:aws:iam::123456789012:user/alice"], "is not the ARN of a role"),
        (["--role-arn", "admin"], "is not the ARN of a role"),
        (["--role-arn", ROLE, "--role-session-name", "a b"], "is not the name of a role's session"),
        (["--role-arn", ROLE, "--external-id", "x"], "is not an external id"),
        (["--role-arn", ROLE, "--source-identity", "é€"], "is not a source identity"),
        (["--role-arn", ROLE, "--tag", "blue"], "not a tag"),
    ],
)
def test_what_aws_would_refuse_is_refused_before_the_code(home, alice, aws, options, message):
    """Two lines, and nothing is sent."""
    done = home.mfakit("login", "-p", "admin", *options, "--token-code", alice.device.code())
    assert done.returncode == 64
    assert message in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) == 2
    assert not aws.calls


def test_a_code_beside_a_session_is_not_ignored(home, alice, role) -> None:
    """The session stands for it; and it is not replaced by the role's own."""
    home.mfakit("login", "--token-code", alice.device.code())
    command = ["login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role]
    for given in (["--token-code", "123456"], ["--token-command", "echo 123456"]):
        done = home.mfakit(*command, *given)
        assert (done.returncode, "leave the code out" in done.stderr) == (64, True)
    done = home.mfakit("login", "-p", "mfa", "--source-profile", "mfa", "--role-arn", role)
    assert (done.returncode, "name another profile" in done.stderr) == (1, True)
    assert home.mfakit("check").returncode == 0


def test_a_role_that_does_not_trust_the_user_says_whom_to_ask(home, alice, role) -> None:
    """AWS's own words, and a hint that fits them."""
    other = role.replace("admin", "other")
    code = alice.device.code()
    done = home.mfakit("login", "-p", "admin", "--role-arn", other, "--token-code", code)
    assert done.returncode == 1
    assert "is not authorized to perform: sts:AssumeRole" in done.stderr
    assert "the role must trust you" in done.stderr


def test_exec_renews_a_roles_session_as_that_roles(home, alice, role) -> None:
    """Not as the user's own, under the same name."""
    home.write_config("[profile admin]\nmfakit_source_profile = mfa\n")
    home.mfakit("login", "-p", "mfa", "--token-code", alice.device.code())
    home.mfakit("login", "-p", "admin", "--role-arn", role)
    before = mfakit.read_session("admin", environ=home.environ)
    url = home.environ["AWS_ENDPOINT_URL"]
    command = ["aws", "--endpoint-url", url, "sts", "get-caller-identity"]
    done = home.mfakit("exec", "-p", "admin", "--min-remaining", "61m", "--", *command)
    assert done.returncode == 0, done.stderr
    assert ":assumed-role/admin/" in done.stdout
    assert mfakit.read_session("admin", environ=home.environ) != before
