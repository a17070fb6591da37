"""Whether a session carries MFA is settled by AWS where no record says it, and then remembered."""

from __future__ import annotations

import json

import pytest

ROLE = "arn:aws:iam::123456789012:role/admin"


@pytest.fixture
def answers(aws, alice):
    """Answers of STS for each kind of session, as the AWS CLI prints them."""
    sts = alice.session().client("sts")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": alice.arn}, "Action": "sts:AssumeRole"}
        ],
    }
    iam = aws.root.session().client("iam")
    iam.create_role(RoleName="admin", AssumeRolePolicyDocument=json.dumps(trust))
    device = {"SerialNumber": alice.device.serial_number, "TokenCode": alice.device.code()}
    found = {
        "with": sts.get_session_token(**device),
        "without": sts.get_session_token(),
        "role": sts.assume_role(RoleArn=ROLE, RoleSessionName="alice"),
    }
    return {
        kind: json.dumps({"Credentials": answer["Credentials"]}, default=lambda t: t.isoformat())
        for kind, answer in found.items()
    }


SAID = {
    "with": ("with MFA", True, "MFA session"),
    "without": ("without MFA", False, "session"),
    "role": ("without MFA, which no role's session carries", False, "role session"),
}


def explained(home, *options: str) -> tuple[str, bool | None, str]:
    """Return the end of the conclusion, and from the JSON whether it is MFA, and the kind."""
    told = home.mfakit("explain", "--profile", "mfa", *options).stdout
    line = next(line for line in told.splitlines() if line.startswith("AWS would be called"))
    found = json.loads(home.mfakit("explain", "--profile", "mfa", "--json", *options).stdout)
    credentials = found["credentials"]
    return line.rpartition("; ")[2], credentials["mfa"], credentials["kind"]


@pytest.mark.parametrize("kind", SAID)
def test_explain_online_settles_it_for_a_pasted_session_and_remembers(home, answers, kind) -> None:
    given = json.loads(answers[kind])["Credentials"]
    text = home.credentials.read_text() + (
        f"[mfa]\naws_access_key_id = {given['AccessKeyId']}\n"
        f"aws_secret_access_key = {given['SecretAccessKey']}\n"
        f"aws_session_token = {given['SessionToken']}\n"
    )
    home.write_credentials(text)
    unknown = ("with or without MFA, which is not known", None, "session")
    assert explained(home) == unknown
    assert explained(home, "--online") == SAID[kind]
    assert explained(home) == SAID[kind]
    # another session in its place is another matter
    other = text.replace(given["AccessKeyId"], "ASIAQYLPMN5HABCDEFGH")
    home.write_credentials(other)
    assert explained(home) == unknown


@pytest.mark.parametrize("kind", SAID)
def test_from_json_online_settles_it_before_the_session_is_kept(home, answers, kind) -> None:
    words = {
        "with": "it carries MFA",
        "without": "it does not carry MFA",
        "role": "it does not carry MFA, as no role's session does",
    }
    login = ("login", "--from-json", "-")
    assert home.mfakit(*login, stdin=answers[kind]).returncode == 0
    assert explained(home) == ("with or without MFA, which is not known", None, "session")
    done = home.mfakit(*login, "--online", "--json", stdin=answers[kind])
    assert done.returncode == 0, done.stderr
    assert words[kind] in done.stderr
    assert json.loads(done.stdout)["account"] == "123456789012"
    assert explained(home) == SAID[kind]


def test_from_json_online_keeps_nothing_that_aws_refuses(home, aws, answers) -> None:
    before = home.credentials.read_text()
    aws.clock.advance(hours=37)
    done = home.mfakit("login", "--from-json", "-", "--online", stdin=answers["with"])
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert home.credentials.read_text() == before


def test_a_user_who_may_not_call_get_user_has_mfa_all_the_same(home, aws) -> None:
    """AWS knows the session, and denies the call."""
    deny = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}],
    }
    bob = aws.create_user("bob", policy=deny)
    device = bob.enable_virtual_mfa()
    answer = bob.session().client("sts").get_session_token(
        SerialNumber=device.serial_number, TokenCode=device.code()
    )  # fmt: skip
    text = json.dumps({"Credentials": answer["Credentials"]}, default=lambda t: t.isoformat())
    with aws.serve() as url:
        home.environ |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": "us-east-1"}
        done = home.mfakit("login", "--from-json", "-", "--online", stdin=text)
    assert "it carries MFA" in done.stderr


def test_long_term_keys_and_own_sessions_need_no_asking(home, alice) -> None:
    """`login` knows how it made the session; asking changes nothing in its record."""
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    assert explained(home) == explained(home, "--online") == SAID["with"]
    home.mfakit("explain", "--online")
    assert explained(home) == SAID["with"]


def test_online_without_from_json_is_a_usage_error(home) -> None:
    done = home.mfakit("login", "--online")
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 2)


def test_a_session_without_mfa_is_led_out_of(home, alice, answers) -> None:
    """It works in most services, and IAM does not know it."""
    given = json.loads(answers["without"])["Credentials"]
    home.write_credentials(
        home.credentials.read_text().replace("[default]", "[work]")
        + f"[default]\naws_access_key_id = {given['AccessKeyId']}\n"
        f"aws_secret_access_key = {given['SecretAccessKey']}\n"
        f"aws_session_token = {given['SessionToken']}\n"
    )
    told = home.mfakit("explain", "--online", "--json")
    assert told.returncode == 0
    [finding] = json.loads(told.stdout)["findings"]
    assert finding["code"] == "session-without-mfa"
    words = finding["fix"].split()
    assert words[0] == "mfakit"
    assert home.mfakit(*words[1:], "--token-code", alice.device.code()).returncode == 0
    assert json.loads(home.mfakit("explain", "--online", "--json").stdout)["findings"] == []
