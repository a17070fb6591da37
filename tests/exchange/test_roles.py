"""Sessions of roles: with a code, or from a live MFA session without one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.exchange.conftest import log_in

import mfakit

ROLE = "arn:aws:iam::123456789012:role/admin"


@pytest.fixture
def role(aws, alice):
    """Create a role whose trust policy requires MFA; return its ARN."""
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


def test_a_code_gets_a_session_of_a_role(home, alice, role) -> None:
    """It has a profile of its own; without a duration AWS grants one hour."""
    done = home.mfakit(
        "login", "--profile", "admin", "--role-arn", role, "--role-session-name", "me",
        "--source-identity", "alice", "--tag", "team=blue", "--token-code", alice.device.code(),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ends in 59m" in done.stderr
    assert identity(home, "admin") == "arn:aws:sts::123456789012:assumed-role/admin/me"


def test_a_live_mfa_session_gets_a_roles_session_without_a_code(home, alice, role) -> None:
    """One code is enough for all roles."""
    home.mfakit("login", "--token-code", alice.device.code())
    done = home.mfakit("login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role)
    assert done.returncode == 0, done.stderr
    assert identity(home, "admin").endswith(":assumed-role/admin/mfakit")
    again = home.mfakit(
        "login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role, "--json"
    )
    assert json.loads(again.stdout)["reused"] is True


def test_role_chaining_for_more_than_an_hour_is_refused_before_the_call(home, alice, role) -> None:
    """AWS would refuse it too, but less clearly."""
    home.mfakit("login", "--token-code", alice.device.code())
    done = home.mfakit(
        "login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role, "--duration", "2h"
    )
    assert done.returncode == 64
    assert "lasts 15m to 1h" in done.stderr


def test_the_error_for_too_long_a_duration_names_the_roles_maximum(home, alice, role) -> None:
    """Only AWS knows the role's MaxSessionDuration."""
    done = home.mfakit(
        "login", "-p", "admin", "--role-arn", role, "--duration", "2h",
        "--token-code", alice.device.code(),
    )  # fmt: skip
    assert done.returncode == 1
    assert "MaxSessionDuration" in done.stderr


def test_role_options_without_a_role_are_refused(home, alice) -> None:
    """They would have no effect."""
    done = home.mfakit("login", "--external-id", "x", "--token-code", "123456")
    assert (done.returncode, "--role-arn" in done.stderr) == (64, True)


def test_assume_role_takes_a_code_or_the_source_profiles_session(
    home, alice, role, monkeypatch
) -> None:
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


def test_a_renewal_sends_the_external_id_and_the_tags_of_the_login(home, alice, role, aws) -> None:
    """The source identity too. A session with other tags is not reused."""
    trust = aws.root.session().client("iam").get_role(RoleName="admin")["Role"]
    trust = trust["AssumeRolePolicyDocument"]
    trust["Statement"][0]["Condition"]["StringEquals"] = {
        "sts:ExternalId": "ext-1",
        "sts:SourceIdentity": "alice",
    }
    iam = aws.root.session().client("iam")
    iam.update_assume_role_policy(RoleName="admin", PolicyDocument=json.dumps(trust))
    home.mfakit("login", "--token-code", alice.device.code())
    login = ["login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role]
    login += ["--external-id", "ext-1", "--source-identity", "alice", "--json"]

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


def test_a_refreshing_session_of_a_role_is_renewed_as_that_role(
    home, alice, role, monkeypatch
) -> None:
    """A renewal must not change the caller's identity."""
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
        (["--role-arn", ROLE + "x" * 2048], "is not the ARN of a role"),
        (["--role-arn", ROLE, "--role-session-name", "x" * 65], "the name of a role's session"),
        (["--role-arn", ROLE, "--role-session-name", "a b"], "is not the name of a role's session"),
        (["--role-arn", ROLE, "--external-id", "x"], "is not an external id"),
        (["--role-arn", ROLE, "--external-id", "x" * 1225], "is not an external id"),
        (["--role-arn", ROLE, "--source-identity", "x" * 65], "is not a source identity"),
        (["--role-arn", ROLE, "--source-identity", "é€"], "is not a source identity"),
        (["--role-arn", ROLE, "--tag", "blue"], "not a tag"),
    ],
)
def test_malformed_role_options_are_refused_before_anything_is_sent(
    home, alice, aws, options, message
):
    done = home.mfakit("login", "-p", "admin", *options, "--token-code", alice.device.code())
    assert done.returncode == 64
    assert message in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) == 2
    assert not aws.calls


def test_a_code_is_refused_where_the_source_is_a_session(home, alice, role) -> None:
    """A role's session may not replace its own source session either."""
    home.mfakit("login", "--token-code", alice.device.code())
    command = ["login", "-p", "admin", "--source-profile", "mfa", "--role-arn", role]
    for given in (["--token-code", "123456"], ["--token-command", "echo 123456"]):
        done = home.mfakit(*command, *given)
        assert (done.returncode, "leave the code out" in done.stderr) == (64, True)
    done = home.mfakit("login", "-p", "mfa", "--source-profile", "mfa", "--role-arn", role)
    assert (done.returncode, "name another profile" in done.stderr) == (1, True)
    assert home.mfakit("check").returncode == 0


def test_the_error_for_a_role_that_does_not_trust_the_user_quotes_aws(home, alice, role) -> None:
    """Its hint says that the role must trust the user."""
    other = role.replace("admin", "other")
    code = alice.device.code()
    done = home.mfakit("login", "-p", "admin", "--role-arn", other, "--token-code", code)
    assert done.returncode == 1
    assert "is not authorized to perform: sts:AssumeRole" in done.stderr
    assert "the role must trust you" in done.stderr


def test_a_roles_session_that_has_ended_is_renewed_as_the_roles(home, aws, alice, role) -> None:
    """A login without the role would put the user's own session in its place."""
    aws.clock.advance(hours=-3)
    log_in(home, alice, "--profile", "admin", "--role-arn", role)
    aws.clock.advance(hours=3)
    line = f"mfakit login --profile admin --role-arn {role}"
    assert home.mfakit("env", "-p", "admin").stderr.endswith(f"log in again: {line}\n")
    assert f"log in: {line}; or let" in home.mfakit("exec", "-p", "admin", "--", "true").stderr
    assert f"next: {line}" in home.mfakit(MFAKIT_PROFILE="admin").stdout
    assert f"try: {line}" in home.mfakit("explain", "-p", "admin").stdout
    assert log_in(home, alice, *line.split()[2:]).returncode == 0
    assert ":assumed-role/admin/" in identity(home, "admin")


def test_exec_renews_a_roles_session_as_that_role(home, alice, role) -> None:
    """It must not become the user's own session under the same name."""
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
