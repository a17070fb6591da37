"""Each finding harms real clients, and the suggested command ends the harm."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import mfakit

ROLE = "arn:aws:iam::123456789012:role/admin"
CALL = (
    f"{sys.executable} -c \"import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])\""
)


class Trial:
    """A home in which something is wrong."""

    def __init__(self, home, alice) -> None:
        self.home = home
        self.alice = alice
        home.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{home.environ['PATH']}"
        home.environ["AWS_MAX_ATTEMPTS"] = "1"

    def session(self, profile: str = "mfa", **more: str) -> None:
        """Log in, and add lines to the profile."""
        done = self.home.mfakit("login", "-p", profile, "--token-code", self.alice.device.code())
        assert done.returncode == 0, done.stderr
        self.add(profile, **more)

    def add(self, profile: str, **values: str) -> None:
        """Add lines to a profile of the credentials file, as an editor would."""
        text = self.home.credentials.read_text()
        lines = "".join(f"{key} = {value}\n" for key, value in values.items())
        head = f"[{profile}]\n"
        text = text.replace(head, head + lines) if head in text else f"{text}{head}{lines}"
        self.home.write_credentials(text)

    def code_program(self) -> str:
        """A command that prints a code that is valid now."""
        return f"echo {self.alice.device.code()}"

    def in_shell(self, *lines: str, stdin: str | None = None, **variables: str):
        return self.home.run("sh", "-c", "\n".join(lines), stdin=stdin, **variables)

    def finding(self, code: str, *options: str, **variables: str) -> dict[str, str]:
        """Run explain, and return the finding with that code."""
        done = self.home.mfakit("explain", "--json", *options, **variables)
        found = {finding["code"]: finding for finding in json.loads(done.stdout)["findings"]}
        assert code in found, done.stdout
        assert done.returncode == int(any(f["matters"] for f in found.values()))
        return found[code]

    def mended(
        self, code: str, call: str, *options: str, stdin: str | None = None, **variables: str
    ):
        """Run the suggested fix and then the call in one shell; there the finding must be gone."""
        fix = self.finding(code, *options, **variables)["fix"]
        lines = (f"{fix} >&2", "env -0 >variables", call)
        done = self.in_shell(*lines, stdin=stdin, **variables)
        exported = (self.home.folder / "variables").read_text().rstrip("\0").split("\0")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.home, "environ", dict(line.split("=", 1) for line in exported))
            report = json.loads(self.home.mfakit("explain", "--json", *options).stdout)
        assert code not in {finding["code"] for finding in report["findings"]}
        return done


@pytest.fixture
def trial(home, alice, monkeypatch):
    monkeypatch.chdir(home.folder)
    return Trial(home, alice)


@pytest.fixture
def role(aws, alice):
    """A role whose trust policy requires MFA."""
    allow = {
        "Effect": "Allow",
        "Principal": {"AWS": alice.arn},
        "Action": "sts:AssumeRole",
        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
    }
    trust = {"Version": "2012-10-17", "Statement": [allow]}
    iam = aws.root.session().client("iam")
    iam.create_role(
        RoleName="admin", AssumeRolePolicyDocument=json.dumps(trust), MaxSessionDuration=43200
    )
    return ROLE


@pytest.fixture
def bob(aws):
    """Another user, whose keys are left in the environment."""
    user = aws.create_user("bob")
    return {
        "AWS_ACCESS_KEY_ID": user.access_key_id,
        "AWS_SECRET_ACCESS_KEY": user.secret_access_key,
    }


def ended() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_keys_in_the_variables_shadow_the_profile(trial, alice, bob) -> None:
    """Keys that were left in the environment are used, not the profile that it names."""
    trial.session()
    variables = bob | {"AWS_PROFILE": "mfa"}
    assert "user/bob" in trial.in_shell(CALL, **variables).stdout
    done = trial.mended("variables-shadow-profile", CALL, **variables)
    assert alice.arn in done.stdout


def test_an_ended_session_in_the_variables_is_not_sent(trial, alice) -> None:
    """boto3 fails before it sends anything."""
    trial.session()
    session = mfakit.read_session("mfa", environ=trial.home.environ)
    variables = {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "AWS_CREDENTIAL_EXPIRATION": ended(),
    }
    assert "still expired" in trial.in_shell(CALL, **variables).stderr
    done = trial.mended("variables-expired", CALL, **variables)
    assert alice.arn in done.stdout


def test_a_key_id_alone_in_the_variables_makes_boto3_fail(trial, alice) -> None:
    """It does so although the files hold a whole key."""
    variables = {"AWS_ACCESS_KEY_ID": "AKIA"}
    assert "PartialCredentialsError" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("variables-partial", CALL, **variables).stdout


def test_a_stale_token_in_the_variables_is_sent_with_a_new_key(trial, alice) -> None:
    """The token has the older name."""
    trial.session()
    session = mfakit.read_session("mfa", environ=trial.home.environ)
    variables = {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "AWS_SECURITY_TOKEN": "the one before",
    }
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("variables-stale-token", CALL, **variables).stdout


def test_of_two_profile_variables_boto3_takes_the_older(trial, alice, bob) -> None:
    """The AWS CLI v2 would take the newer."""
    trial.session()
    trial.add("bob", **{key.lower(): value for key, value in bob.items()})
    variables = {"AWS_DEFAULT_PROFILE": "bob", "AWS_PROFILE": "mfa"}
    assert "user/bob" in trial.in_shell(CALL, **variables).stdout
    assert alice.arn in trial.mended("profile-variables-differ", CALL, **variables).stdout


def test_a_mistyped_profile_fails_and_the_nearest_is_suggested(trial, alice) -> None:
    trial.session()
    variables = {"AWS_PROFILE": "mf"}
    assert "ProfileNotFound" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("no-such-profile", CALL, **variables).stdout


def test_mfa_serial_beside_long_term_keys_is_ignored(trial, aws, alice) -> None:
    """The call that needs MFA is denied."""
    deny = {
        "Effect": "Deny",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    iam = aws.root.session().client("iam")
    iam.put_user_policy(UserName="alice", PolicyName="mfa", PolicyDocument=policy)
    trial.home.write_config(
        f"[default]\nmfa_serial = {alice.device.serial_number}\n"
        f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n"
    )
    call = f"{sys.executable} -c \"import boto3; boto3.client('s3').list_buckets()\""
    assert "AccessDenied" in trial.in_shell(call).stderr
    assert trial.mended("mfa-serial-ignored", call).returncode == 0


def test_an_ended_session_in_a_profile_is_sent(trial, aws, alice) -> None:
    aws.clock.advance(hours=-13)
    trial.session()
    aws.clock.advance(hours=13)
    trial.home.write_config(f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n")
    variables = {"AWS_PROFILE": "mfa"}
    assert "ExpiredToken" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("session-expired", CALL, **variables).stdout


def test_ended_keys_shadow_a_credential_process(trial, aws, alice, bob) -> None:
    """The process that would give good credentials is never run."""
    aws.clock.advance(hours=-13)
    trial.session()
    aws.clock.advance(hours=13)
    program = trial.home.folder / "give"
    given = {
        "Version": 1,
        "AccessKeyId": bob["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": bob["AWS_SECRET_ACCESS_KEY"],
    }
    program.write_text(f"#!/bin/sh\necho '{json.dumps(given)}'\n")
    program.chmod(0o700)
    trial.home.write_config(f"[profile mfa]\ncredential_process = {program}\n")
    variables = {"AWS_PROFILE": "mfa"}
    assert "ExpiredToken" in trial.in_shell(CALL, **variables).stderr
    done = trial.mended("expired-keys-shadow-process", CALL, **variables)
    assert "user/bob" in done.stdout


def test_a_stale_token_in_the_file_is_sent_with_a_new_session(trial, alice) -> None:
    """Another tool left the token under its older name."""
    trial.session(aws_security_token="the one before")
    trial.home.write_config(f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n")
    variables = {"AWS_PROFILE": "mfa"}
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("stale-token", CALL, **variables).stdout


def test_half_a_key_in_the_file_makes_boto3_fail(trial, alice) -> None:
    trial.add("half", aws_access_key_id=alice.access_key_id)
    variables = {"AWS_PROFILE": "half"}
    assert "PartialCredentialsError" in trial.in_shell(CALL, **variables).stderr
    typed = f"{alice.access_key_id}\n{alice.secret_access_key}\n\n\n"
    assert alice.arn in trial.mended("keys-partial", CALL, stdin=typed, **variables).stdout


def test_a_key_from_a_guide_is_refused(trial, alice) -> None:
    trial.add(
        "pasted",
        aws_access_key_id="example-access-key-as-in-returned-output",
        aws_secret_access_key="example-secret-access-key-as-in-returned-output",
    )
    variables = {"AWS_PROFILE": "pasted"}
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    typed = f"{alice.access_key_id}\n{alice.secret_access_key}\n\n\n"
    assert alice.arn in trial.mended("keys-placeholder", CALL, stdin=typed, **variables).stdout


def test_keys_in_the_credentials_file_beat_those_of_the_config(trial, alice, bob) -> None:
    """The key that was changed last, in the config file, is not used."""
    lines = "".join(f"{key.lower()} = {value}\n" for key, value in bob.items())
    trial.home.write_config(f"[default]\nregion = us-east-1\n{lines}")
    assert alice.arn in trial.in_shell(CALL).stdout
    assert alice.arn in trial.mended("keys-in-both-files", CALL).stdout
    comments = "".join(f"# {line}\n" for line in lines.splitlines())
    assert trial.home.config.read_text() == f"[default]\nregion = us-east-1\n{comments}"


def test_a_serial_number_of_another_account_is_refused(trial, alice, role) -> None:
    """It was copied from a colleague's config."""
    account, name = "999999999999", alice.device.serial_number.rpartition(":")[2]
    trial.home.write_config(
        f"[profile admin]\nrole_arn = {role}\nsource_profile = default\n"
        f"mfa_serial = arn:aws:iam::{account}:{name}\n"
    )
    call = "aws sts get-caller-identity --endpoint-url $AWS_ENDPOINT_URL"
    options = ("--profile", "admin")
    code = f"{alice.device.code()}\n"
    # the AWS CLI reads the code from the terminal, or without one from standard input
    done = trial.in_shell(f"setsid {call} --profile admin", stdin=code)
    assert "unable to validate" in done.stderr
    done = trial.mended(
        "serial-of-another-account", f"setsid {call} --profile admin", *options,
        stdin=f"{alice.device.code()}\n",
    )  # fmt: skip
    assert "assumed-role/admin" in done.stdout, done.stderr


def test_keys_beside_a_role_are_not_used(trial, alice, role) -> None:
    trial.session()
    trial.home.write_config(f"[profile both]\nrole_arn = {role}\nsource_profile = mfa\n")
    trial.add(
        "both",
        aws_access_key_id=alice.access_key_id,
        aws_secret_access_key=alice.secret_access_key,
    )
    variables = {"AWS_PROFILE": "both"}
    assert "assumed-role/admin" in trial.in_shell(CALL, **variables).stdout
    assert alice.arn in trial.mended("keys-beside-role", CALL, **variables).stdout


def test_a_session_beside_a_role_is_not_used(trial, alice, role) -> None:
    """Another tool put it into the role's profile."""
    trial.session()
    session = trial.home.credentials.read_text().partition("[mfa]\n")[2]
    trial.home.write_config(f"[profile both]\nrole_arn = {role}\nsource_profile = mfa\n")
    trial.home.write_credentials(f"{trial.home.credentials.read_text()}[both]\n{session}")
    variables = {"AWS_PROFILE": "both"}
    assert "assumed-role/admin" in trial.in_shell(CALL, **variables).stdout
    done = trial.mended("keys-beside-role", CALL, **variables)
    assert "assumed-role/admin" in done.stdout


def test_keys_beside_identity_center_are_not_used(trial, alice) -> None:
    """The lines of IAM Identity Center are leftovers."""
    trial.home.write_config(
        "[default]\nsso_start_url = https://example.com\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = r\n"
    )
    assert "SSO" in trial.in_shell(CALL).stderr
    assert alice.arn in trial.mended("keys-beside-sso", CALL).stdout


def test_a_role_with_mfa_serial_asks_for_a_code_despite_a_session(trial, alice, role) -> None:
    trial.session()
    trial.home.write_config(
        f"[profile admin]\nrole_arn = {role}\nsource_profile = default\n"
        f"mfa_serial = {alice.device.serial_number}\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    assert "EOFError" in trial.in_shell(f"setsid {CALL}", **variables).stderr
    assert "assumed-role/admin" in trial.mended("role-asks-own-code", CALL, **variables).stdout


@pytest.mark.parametrize("device", [True, False])
def test_a_role_that_requires_mfa_is_refused_to_a_long_term_key(
    trial, alice, role, device: bool
) -> None:
    """`mfa_serial` of the source is ignored, and so is a session that is in no one's way."""
    settings = f"mfakit_token_command = {trial.code_program()}\n"
    if device:
        settings += f"mfa_serial = {alice.device.serial_number}\n"
    else:
        trial.session()
    trial.home.write_config(
        f"[default]\n{settings}[profile admin]\nrole_arn = {role}\nsource_profile = default\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    assert "AccessDenied" in trial.in_shell(CALL, **variables).stderr
    assert "assumed-role/admin" in trial.mended("role-without-mfa", CALL, **variables).stdout


def test_a_device_with_a_blank_is_refused(trial, alice, role) -> None:
    serial = alice.device.serial_number
    trial.home.write_config(
        f"[profile admin]\nrole_arn = {role}\nsource_profile = default\n"
        f"mfa_serial = {serial.replace('::', ':: ')}\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    fix = trial.finding("serial-with-blank", **variables)["fix"]
    assert trial.in_shell(fix, **variables).returncode == 0
    assert f"mfa_serial = {serial}" in trial.home.config.read_text()


def test_a_role_from_a_session_for_more_than_an_hour_is_refused(trial, role) -> None:
    trial.session()
    trial.home.write_config(
        f"[profile admin]\nrole_arn = {role}\nsource_profile = mfa\nduration_seconds = 7200\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    assert "1 hour session limit" in trial.in_shell(CALL, **variables).stderr
    assert "assumed-role/admin" in trial.mended("role-too-long", CALL, **variables).stdout


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be another user")
def test_keys_in_a_file_that_others_can_read_can_be_copied(trial, alice) -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        shared = Path(folder, "credentials")
        shared.write_text(trial.home.credentials.read_text())
        shared.chmod(0o644)
        variables = {"AWS_SHARED_CREDENTIALS_FILE": str(shared)}
        steal = f"setpriv --reuid=65534 --clear-groups cat {shared}"
        assert alice.secret_access_key in trial.in_shell(steal).stdout
        done = trial.mended("readable-by-others", f"{steal}; {CALL}", **variables)
        assert alice.secret_access_key not in done.stdout
        assert alice.arn in done.stdout


def test_a_role_fails_when_its_source_session_has_ended(trial, aws, role) -> None:
    """People name the role, but have to renew the session that it is made from."""
    aws.clock.advance(hours=-13)
    trial.session()
    aws.clock.advance(hours=13)
    trial.home.write_config(
        f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n"
        f"[profile admin]\nrole_arn = {role}\nsource_profile = mfa\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    assert "ExpiredToken" in trial.in_shell(CALL, **variables).stderr
    assert "assumed-role/admin" in trial.mended("session-expired", CALL, **variables).stdout


def test_a_role_fails_without_its_source_session(trial, role) -> None:
    """This happens before the first login, and after a logout."""
    trial.home.write_config(
        f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n"
        f"[profile admin]\nrole_arn = {role}\nsource_profile = mfa\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    assert "must have credentials" in trial.in_shell(CALL, **variables).stderr
    assert "assumed-role/admin" in trial.mended("role-without-source", CALL, **variables).stdout


def test_a_session_without_its_token_in_the_variables_is_refused(trial, alice) -> None:
    """Two of three lines were copied."""
    trial.session()
    session = mfakit.read_session("mfa", environ=trial.home.environ)
    variables = {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
    }
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("variables-partial", CALL, **variables).stdout


def test_a_session_without_its_token_in_the_file_is_refused(trial, alice) -> None:
    """Login would take it for keys that it must not overwrite."""
    trial.session()
    session = mfakit.read_session("mfa", environ=trial.home.environ)
    trial.add(
        "half",
        aws_access_key_id=session.access_key_id,
        aws_secret_access_key=session.secret_access_key,
    )
    trial.home.write_config(f"[profile half]\nmfakit_token_command = {trial.code_program()}\n")
    variables = {"AWS_PROFILE": "half"}
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("keys-partial", CALL, **variables).stdout


def test_a_token_beside_a_long_term_key_is_refused(trial, alice, bob) -> None:
    """This holds for the variables and for the file."""
    variables = bob | {"AWS_SESSION_TOKEN": "the one before"}
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    assert "user/bob" in trial.mended("variables-stale-token", CALL, **variables).stdout
    trial.add("default", aws_session_token="the one before")
    assert "InvalidClientTokenId" in trial.in_shell(CALL).stderr
    assert alice.arn in trial.mended("stale-token", CALL).stdout


def test_a_byte_order_mark_makes_boto3_fail(trial, alice) -> None:
    """Notepad writes it, and only mfakit reads such a file."""
    trial.home.write_config("\ufeff[default]\nregion = us-east-1\n")
    assert "ConfigParseError" in trial.in_shell(CALL).stderr
    assert alice.arn in trial.mended("byte-order-mark", CALL).stdout
    assert trial.home.config.read_text() == "[default]\nregion = us-east-1\n"


def test_an_unreadable_expiration_makes_boto3_fail(trial, bob) -> None:
    """The key itself is whole."""
    variables = bob | {"AWS_CREDENTIAL_EXPIRATION": "soon"}
    assert "ParserError" in trial.in_shell(CALL, **variables).stderr
    assert "user/bob" in trial.mended("variables-expiration", CALL, **variables).stdout


def test_a_profile_without_credentials_gets_them_by_one_login(trial, alice) -> None:
    trial.home.write_config(
        f"[profile mfa]\nregion = us-east-1\nmfakit_token_command = {trial.code_program()}\n"
    )
    variables = {"AWS_PROFILE": "mfa"}
    assert "NoCredentialsError" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("no-credentials", CALL, **variables).stdout


def test_a_clock_that_is_off_is_reported_with_the_difference(trial, aws) -> None:
    """Beyond a quarter of an hour AWS refuses every call."""
    aws.clock.skew(minutes=20)
    assert "SignatureDoesNotMatch" in trial.in_shell(CALL).stderr
    finding = trial.finding("clock-off", "--online")
    assert "20 minutes behind" in finding["message"]


def test_a_refusal_and_an_unreachable_network_are_reported_apart(trial, alice, bob) -> None:
    """A refusal is mended where the credentials are from, while the network shows nothing about
    them.
    """
    variables = bob | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    assert "SignatureDoesNotMatch" in trial.in_shell(CALL, **variables).stderr
    done = trial.mended("refused", CALL, "--online", **variables)
    assert alice.arn in done.stdout
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert trial.finding("unreachable", "--online", **nowhere)["fix"].startswith("curl ")


def test_a_role_that_needs_mfa_refuses_a_long_term_key(trial, role) -> None:
    """It accepts the session instead."""
    trial.home.write_config(
        f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n"
        f"[profile admin]\nrole_arn = {role}\nsource_profile = default\n"
    )
    assert "AccessDenied" in trial.in_shell(CALL, AWS_PROFILE="admin").stderr
    call = f"AWS_PROFILE=admin {CALL}"
    done = trial.mended("refused", call, "--online", "--profile", "admin")
    assert "assumed-role/admin" in done.stdout, done.stderr


def test_a_serial_number_in_the_credentials_file_beats_the_config(trial) -> None:
    """The AWS CLI writes it into the config file."""
    serial = trial.alice.device.serial_number.replace("123456789012", "999999999999")
    trial.add("default", mfa_serial=serial)
    trial.mended("serial-of-another-account", "true")


def test_in_the_javascript_sdk_a_named_profile_beats_the_variables(trial, alice, bob) -> None:
    variables = bob | {"AWS_PROFILE": "default"}
    done = trial.home.mfakit("explain", "--sdk", "js", "--online", "--json", **variables)
    assert json.loads(done.stdout)["online"]["arn"] == alice.arn


def test_online_names_the_account_and_the_user(trial, alice) -> None:
    """Nothing is sent without --online."""
    trial.session()
    done = trial.home.mfakit("explain", "-p", "mfa", "--online", "--json")
    online = json.loads(done.stdout)["online"]
    assert (online["arn"], online["account"]) == (alice.arn, "123456789012")
    assert abs(online["clock_seconds"]) < 60
    silent = trial.home.mfakit("explain", "-p", "mfa", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert silent.returncode == 0, silent.stdout
