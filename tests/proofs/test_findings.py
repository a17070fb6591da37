"""Each finding does its harm to real clients, and the command that it suggests ends that."""

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
        """Log in; what else is to stand in the profile is put there."""
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
        """Explain; give what is found under that code."""
        done = self.home.mfakit("explain", "--json", *options, **variables)
        found = {finding["code"]: finding for finding in json.loads(done.stdout)["findings"]}
        assert code in found, done.stdout
        assert done.returncode == int(any(f["matters"] for f in found.values()))
        return found[code]

    def mended(
        self, code: str, call: str, *options: str, stdin: str | None = None, **variables: str
    ):
        """Run what is suggested, and in the same shell the call; the finding is gone."""
        fix = self.finding(code, *options, **variables)["fix"]
        words = " ".join(options)
        done = self.in_shell(
            f"{fix} >&2", f"mfakit explain --json {words} >explained", call,
            stdin=stdin, **variables,
        )  # fmt: skip
        report = json.loads((self.home.folder / "explained").read_text())
        assert code not in {finding["code"] for finding in report["findings"]}
        return done


@pytest.fixture
def trial(home, alice, monkeypatch):
    monkeypatch.chdir(home.folder)
    return Trial(home, alice)


@pytest.fixture
def role(aws, alice):
    """A role that wants MFA of who assumes it."""
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


def test_variables_shadow_the_profile(trial, alice, bob) -> None:
    """Keys that were left in the environment are used, not the profile that it names."""
    trial.session()
    variables = bob | {"AWS_PROFILE": "mfa"}
    assert "user/bob" in trial.in_shell(CALL, **variables).stdout
    done = trial.mended("variables-shadow-profile", CALL, **variables)
    assert alice.arn in done.stdout


def test_variables_that_have_ended(trial, alice) -> None:
    """A session that ended stays in the environment, and boto3 will not send it."""
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


def test_a_part_of_a_key_in_the_variables(trial, alice) -> None:
    """A key's id alone makes boto3 fail, although the files hold a whole key."""
    variables = {"AWS_ACCESS_KEY_ID": "AKIA"}
    assert "PartialCredentialsError" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("variables-partial", CALL, **variables).stdout


def test_a_stale_token_in_the_variables(trial, alice) -> None:
    """The token under its old name is sent with a new key."""
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


def test_two_variables_name_two_profiles(trial, alice, bob) -> None:
    """boto3 takes the older variable, where the AWS CLI v2 would take the newer."""
    trial.session()
    trial.add("bob", **{key.lower(): value for key, value in bob.items()})
    variables = {"AWS_DEFAULT_PROFILE": "bob", "AWS_PROFILE": "mfa"}
    assert "user/bob" in trial.in_shell(CALL, **variables).stdout
    assert alice.arn in trial.mended("profile-variables-differ", CALL, **variables).stdout


def test_a_profile_that_is_nowhere(trial, alice) -> None:
    """A slip of the pen in the name; the nearest that is there is suggested."""
    trial.session()
    variables = {"AWS_PROFILE": "mf"}
    assert "ProfileNotFound" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("no-such-profile", CALL, **variables).stdout


def test_mfa_serial_beside_long_term_keys(trial, aws, alice) -> None:
    """The setting is ignored in silence: what wants MFA is denied."""
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


def test_a_session_that_has_ended(trial, aws, alice) -> None:
    """It is sent all the same."""
    aws.clock.advance(hours=-13)
    trial.session()
    aws.clock.advance(hours=13)
    trial.home.write_config(f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n")
    variables = {"AWS_PROFILE": "mfa"}
    assert "ExpiredToken" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("session-expired", CALL, **variables).stdout


def test_keys_that_have_ended_shadow_a_process(trial, aws, alice, bob) -> None:
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


def test_a_stale_token_in_the_file(trial, alice) -> None:
    """Another tool left the token under its old name, and a new session beside it."""
    trial.session(aws_security_token="the one before")
    trial.home.write_config(f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n")
    variables = {"AWS_PROFILE": "mfa"}
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("stale-token", CALL, **variables).stdout


def test_a_part_of_a_key_in_the_file(trial, alice) -> None:
    """Half a key makes boto3 fail."""
    trial.add("half", aws_access_key_id=alice.access_key_id)
    variables = {"AWS_PROFILE": "half"}
    assert "PartialCredentialsError" in trial.in_shell(CALL, **variables).stderr
    typed = f"{alice.access_key_id}\n{alice.secret_access_key}\n\n\n"
    assert alice.arn in trial.mended("keys-partial", CALL, stdin=typed, **variables).stdout


def test_an_example_was_pasted(trial, alice) -> None:
    """What a guide prints is no key."""
    trial.add(
        "pasted",
        aws_access_key_id="example-access-key-as-in-returned-output",
        aws_secret_access_key="example-secret-access-key-as-in-returned-output",
    )
    variables = {"AWS_PROFILE": "pasted"}
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    typed = f"{alice.access_key_id}\n{alice.secret_access_key}\n\n\n"
    assert alice.arn in trial.mended("keys-placeholder", CALL, stdin=typed, **variables).stdout


def test_one_profile_in_both_files(trial, alice, bob) -> None:
    """The key that was changed last, in the config file, is not the one that is used."""
    lines = "".join(f"{key.lower()} = {value}\n" for key, value in bob.items())
    trial.home.write_config(f"[default]\nregion = us-east-1\n{lines}")
    assert alice.arn in trial.in_shell(CALL).stdout
    assert alice.arn in trial.mended("keys-in-both-files", CALL).stdout
    assert trial.home.config.read_text() == "[default]\nregion = us-east-1\n"


def test_a_serial_of_another_account(trial, alice, role) -> None:
    """The device was copied from a colleague's config in another account."""
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


def test_keys_beside_a_role(trial, alice, role) -> None:
    """The keys of the profile are not used, and nothing says so."""
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


def test_a_session_beside_a_role(trial, alice, role) -> None:
    """A session that another tool put into the role's profile is not used."""
    trial.session()
    session = trial.home.credentials.read_text().partition("[mfa]\n")[2]
    trial.home.write_config(f"[profile both]\nrole_arn = {role}\nsource_profile = mfa\n")
    trial.home.write_credentials(f"{trial.home.credentials.read_text()}[both]\n{session}")
    variables = {"AWS_PROFILE": "both"}
    assert "assumed-role/admin" in trial.in_shell(CALL, **variables).stdout
    done = trial.mended("keys-beside-role", CALL, **variables)
    assert "assumed-role/admin" in done.stdout


def test_keys_beside_identity_center(trial, alice) -> None:
    """Leftover lines of IAM Identity Center keep good keys from being used."""
    trial.home.write_config(
        "[default]\nsso_start_url = https://example.com\nsso_region = us-east-1\n"
        "sso_account_id = 123456789012\nsso_role_name = r\n"
    )
    assert "SSO" in trial.in_shell(CALL).stderr
    assert alice.arn in trial.mended("keys-beside-sso", CALL).stdout


def test_a_role_wants_its_own_code(trial, alice, role) -> None:
    """One code more for each program, although the session of another is there."""
    trial.session()
    trial.home.write_config(
        f"[profile admin]\nrole_arn = {role}\nsource_profile = default\n"
        f"mfa_serial = {alice.device.serial_number}\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    assert "EOFError" in trial.in_shell(f"setsid {CALL}", **variables).stderr
    assert "assumed-role/admin" in trial.mended("role-asks-own-code", CALL, **variables).stdout


def test_a_role_from_a_session_is_to_last_too_long(trial, role) -> None:
    """AWS gives a role that is assumed with a session one hour at most."""
    trial.session()
    trial.home.write_config(
        f"[profile admin]\nrole_arn = {role}\nsource_profile = mfa\nduration_seconds = 7200\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    assert "1 hour session limit" in trial.in_shell(CALL, **variables).stderr
    assert "assumed-role/admin" in trial.mended("role-too-long", CALL, **variables).stdout


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be another user")
def test_a_file_that_others_can_read(trial, alice) -> None:
    """Any user of the machine can copy the keys."""
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


def test_a_role_whose_session_has_ended(trial, aws, role) -> None:
    """The role is what people name; the session that it is made from is what they have to renew."""
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


def test_a_role_whose_session_is_not_there(trial, role) -> None:
    """Before the first login, and after a logout."""
    trial.home.write_config(
        f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n"
        f"[profile admin]\nrole_arn = {role}\nsource_profile = mfa\n"
    )
    variables = {"AWS_PROFILE": "admin"}
    assert "must have credentials" in trial.in_shell(CALL, **variables).stderr
    assert "assumed-role/admin" in trial.mended("role-without-source", CALL, **variables).stdout


def test_a_session_in_the_variables_without_its_token(trial, alice) -> None:
    """Two of three lines were copied."""
    trial.session()
    session = mfakit.read_session("mfa", environ=trial.home.environ)
    variables = {
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
    }
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("variables-partial", CALL, **variables).stdout


def test_a_session_in_the_file_without_its_token(trial, alice) -> None:
    """Login would take it for keys that it must not touch."""
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


def test_a_token_left_beside_a_long_term_key(trial, alice, bob) -> None:
    """In the variables, and in the file."""
    variables = bob | {"AWS_SESSION_TOKEN": "the one before"}
    assert "InvalidClientTokenId" in trial.in_shell(CALL, **variables).stderr
    assert "user/bob" in trial.mended("variables-stale-token", CALL, **variables).stdout
    trial.add("default", aws_session_token="the one before")
    assert "InvalidClientTokenId" in trial.in_shell(CALL).stderr
    assert alice.arn in trial.mended("stale-token", CALL).stdout


def test_a_file_with_a_byte_order_mark(trial, alice) -> None:
    """Notepad wrote it; mfakit reads it, and nothing else does."""
    trial.home.write_config("\ufeff[default]\nregion = us-east-1\n")
    assert "ConfigParseError" in trial.in_shell(CALL).stderr
    assert alice.arn in trial.mended("byte-order-mark", CALL).stdout
    assert trial.home.config.read_text() == "[default]\nregion = us-east-1\n"


def test_an_expiration_that_is_no_time(trial, bob) -> None:
    """boto3 fails on it, although the key is whole."""
    variables = bob | {"AWS_CREDENTIAL_EXPIRATION": "soon"}
    assert "ParserError" in trial.in_shell(CALL, **variables).stderr
    assert "user/bob" in trial.mended("variables-expiration", CALL, **variables).stdout


def test_no_credentials_at_all(trial, alice) -> None:
    """A profile with nothing but settings; one login gives it what it wants."""
    trial.home.write_config(
        f"[profile mfa]\nregion = us-east-1\nmfakit_token_command = {trial.code_program()}\n"
    )
    variables = {"AWS_PROFILE": "mfa"}
    assert "NoCredentialsError" in trial.in_shell(CALL, **variables).stderr
    assert alice.arn in trial.mended("no-credentials", CALL, **variables).stdout


def test_a_clock_that_is_off(trial, aws) -> None:
    """Beyond a quarter of an hour AWS refuses every call; how far it is off is said."""
    aws.clock.skew(minutes=20)
    assert "SignatureDoesNotMatch" in trial.in_shell(CALL).stderr
    finding = trial.finding("clock-off", "--online")
    assert "20 minutes behind" in finding["message"]


def test_a_refusal_is_told_from_a_network(trial, alice, bob) -> None:
    """The first is mended where the credentials are from; the second tells nothing of them."""
    variables = bob | {"AWS_SECRET_ACCESS_KEY": "wrong"}
    assert "SignatureDoesNotMatch" in trial.in_shell(CALL, **variables).stderr
    done = trial.mended("refused", CALL, "--online", **variables)
    assert alice.arn in done.stdout
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    assert trial.finding("unreachable", "--online", **nowhere)["fix"].startswith("curl ")


def test_a_role_that_wants_mfa_of_a_long_term_key(trial, role) -> None:
    """From a session it is to be had."""
    trial.home.write_config(
        f"[profile mfa]\nmfakit_token_command = {trial.code_program()}\n"
        f"[profile admin]\nrole_arn = {role}\nsource_profile = default\n"
    )
    assert "AccessDenied" in trial.in_shell(CALL, AWS_PROFILE="admin").stderr
    call = f"AWS_PROFILE=admin {CALL}"
    done = trial.mended("refused", call, "--online", "--profile", "admin")
    assert "assumed-role/admin" in done.stdout, done.stderr


def test_a_serial_in_the_credentials_file(trial) -> None:
    """The file where the AWS CLI does not write it beats the one where it does."""
    serial = trial.alice.device.serial_number.replace("123456789012", "999999999999")
    trial.add("default", mfa_serial=serial)
    trial.mended("serial-of-another-account", "true")


def test_the_javascript_sdk_is_asked_about_its_own(trial, alice, bob) -> None:
    """There the profile that is named beats the variables."""
    variables = bob | {"AWS_PROFILE": "default"}
    done = trial.home.mfakit("explain", "--sdk", "js", "--online", "--json", **variables)
    assert json.loads(done.stdout)["online"]["arn"] == alice.arn


def test_aws_says_whose_they_are(trial, alice) -> None:
    """Asked online, AWS tells the account and the user; otherwise nothing is sent."""
    trial.session()
    done = trial.home.mfakit("explain", "-p", "mfa", "--online", "--json")
    online = json.loads(done.stdout)["online"]
    assert (online["arn"], online["account"]) == (alice.arn, "123456789012")
    assert abs(online["clock_seconds"]) < 60
    silent = trial.home.mfakit("explain", "-p", "mfa", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert silent.returncode == 0, silent.stdout
