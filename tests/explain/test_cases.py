"""A hundred homes, each with its expected winner, which botocore is asked for, too."""

from __future__ import annotations

from datetime import UTC, datetime

import botocore.session
import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider
from tests.explain.drawn import PROCESS, ROLE, SERIAL, Case
from tests.explain.truth import explained, resolved

from mfakit.explain import Explanation
from mfakit.explain.chain import in_environment
from mfakit.explain.situation import Situation

pytestmark = pytest.mark.pythons

FILE, CONFIG, ENV = "shared-credentials-file", "config-file", "env"
ROLE_PROVIDER, PROCESS_PROVIDER, WEB = (
    "assume-role",
    "custom-process",
    "assume-role-with-web-identity",
)


def keys(name: str, **more: str) -> dict[str, str]:
    return {"aws_access_key_id": name, "aws_secret_access_key": "s", **more}


def session(name: str, **more: str) -> dict[str, str]:
    return keys(name, aws_session_token="t", **more)


def role(source: str | None = "default", **more: str) -> dict[str, str]:
    return {"role_arn": ROLE, **({"source_profile": source} if source else {}), **more}


VARIABLES = {"AWS_ACCESS_KEY_ID": "VAR", "AWS_SECRET_ACCESS_KEY": "s"}
ID_ONLY = {"AWS_ACCESS_KEY_ID": "VAR"}
SECRET_ONLY = {"AWS_SECRET_ACCESS_KEY": "s"}
IN_SESSION = VARIABLES | {"AWS_SESSION_TOKEN": "t"}
SSO = {
    "sso_start_url": "https://example.com",
    "sso_region": "eu-west-1",
    "sso_account_id": "123456789012",
    "sso_role_name": "r",
}
IN_HOUSE = {"sso_session": "house", "sso_account_id": "123456789012", "sso_role_name": "r"}
HOUSE = {"sso-session house": {"sso_start_url": "https://example.com", "sso_region": "eu-west-1"}}
ELSEWHERE = {"sso-session house": {**HOUSE["sso-session house"], "sso_region": "us-east-1"}}
ID = {"aws_access_key_id": "HALF"}
SECRET = {"aws_secret_access_key": "s"}
WEB_FILE = {"web_identity_token_file": "TOKEN_FILE"}
PROCESS_ONLY = {"credential_process": PROCESS}
MIXED = {"default": keys("A"), "mfa": session("ASIA1")}
LOOP = {"default": role("work"), "work": role("default")}

# fmt: off
# credentials file, config file, variables, --profile, then who gives which key, or the error
CASES = [
    # nothing and one thing
    ({}, {}, {}, None, None, None),
    ({}, {"default": {"region": "eu-west-1"}}, {}, None, None, None),
    ({"default": keys("A")}, {}, {}, None, FILE, "A"),
    ({"default": session("ASIA1")}, {}, {}, None, FILE, "ASIA1"),
    ({}, {"default": keys("C")}, {}, None, CONFIG, "C"),
    ({}, {"default": session("ASIAC")}, {}, None, CONFIG, "ASIAC"),
    ({}, {}, VARIABLES, None, ENV, "VAR"),
    ({}, {}, IN_SESSION, None, ENV, "VAR"),
    ({}, {"default": PROCESS_ONLY}, {}, None, PROCESS_PROVIDER, None),
    ({}, {"default": SSO}, {}, None, "sso", None),
    # two files
    ({"default": keys("A")}, {"default": keys("C")}, {}, None, FILE, "A"),
    ({"default": keys("A")}, {"default": {"mfa_serial": SERIAL}}, {}, None, FILE, "A"),
    ({"default": {}}, {"default": keys("C")}, {}, None, CONFIG, "C"),
    ({"default": ID}, {"default": keys("C")}, {}, None, "PartialCredentialsError", None),
    ({"default": SECRET}, {"default": keys("C")}, {}, None, CONFIG, "C"),
    ({"work": keys("W")}, {"default": keys("C")}, {}, None, CONFIG, "C"),
    ({"default": keys("A")}, {"work": keys("C")}, {}, "work", CONFIG, "C"),
    ({"default": keys("A")}, {"work": {"region": "eu-west-1"}}, {}, "work", None, None),
    # a profile that is named
    (MIXED, {}, {}, "mfa", FILE, "ASIA1"),
    (MIXED, {}, {"AWS_PROFILE": "mfa"}, None, FILE, "ASIA1"),
    (MIXED, {}, {"AWS_DEFAULT_PROFILE": "mfa"}, None, FILE, "ASIA1"),
    (MIXED, {}, {"AWS_DEFAULT_PROFILE": "mfa", "AWS_PROFILE": "default"}, None, FILE, "ASIA1"),
    (MIXED, {}, {"AWS_DEFAULT_PROFILE": "default", "AWS_PROFILE": "mfa"}, None, FILE, "A"),
    (MIXED, {}, {"AWS_PROFILE": "mfa"}, "default", FILE, "A"),
    (MIXED, {}, {"AWS_PROFILE": "nowhere"}, None, "ProfileNotFound", None),
    (MIXED, {}, {"AWS_PROFILE": ""}, None, "ProfileNotFound", None),
    (MIXED, {}, {"AWS_DEFAULT_PROFILE": ""}, None, "ProfileNotFound", None),
    (MIXED, {}, {}, "nowhere", "ProfileNotFound", None),
    (MIXED, {}, {"AWS_PROFILE": "nowhere"}, "mfa", FILE, "ASIA1"),
    ({}, {}, {}, "default", "ProfileNotFound", None),
    ({}, {}, {"AWS_PROFILE": "default"}, None, "ProfileNotFound", None),
    ({}, {"mfa": {}}, {"AWS_PROFILE": "mfa"}, None, None, None),
    # variables beside files
    (MIXED, {}, VARIABLES, None, ENV, "VAR"),
    (MIXED, {}, VARIABLES | {"AWS_PROFILE": "mfa"}, None, ENV, "VAR"),
    (MIXED, {}, VARIABLES | {"AWS_DEFAULT_PROFILE": "mfa"}, None, ENV, "VAR"),
    (MIXED, {}, VARIABLES | {"AWS_PROFILE": "nowhere"}, None, "ProfileNotFound", None),
    (MIXED, {}, VARIABLES | {"AWS_PROFILE": ""}, None, "ProfileNotFound", None),
    (MIXED, {}, VARIABLES, "mfa", FILE, "ASIA1"),
    (MIXED, {}, VARIABLES, "default", FILE, "A"),
    (MIXED, {}, ID_ONLY, None, "PartialCredentialsError", None),
    (MIXED, {}, ID_ONLY, "mfa", FILE, "ASIA1"),
    (MIXED, {}, SECRET_ONLY, None, FILE, "A"),
    (MIXED, {}, {"AWS_SESSION_TOKEN": "t"}, None, FILE, "A"),
    (MIXED, {}, VARIABLES | {"AWS_ACCESS_KEY_ID": ""}, None, FILE, "A"),
    (MIXED, {}, VARIABLES | {"AWS_SECRET_ACCESS_KEY": ""}, None, "PartialCredentialsError", None),
    (MIXED, {}, IN_SESSION | {"AWS_SECURITY_TOKEN": "old"}, None, ENV, "VAR"),
    (MIXED, {}, IN_SESSION | {"AWS_CREDENTIAL_EXPIRATION": "2126-01-01T00:00:00Z"}, None, ENV, "VAR"),
    (MIXED, {}, IN_SESSION | {"AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z"}, None, ENV, "VAR"),
    (MIXED, {}, IN_SESSION | {"AWS_CREDENTIAL_EXPIRATION": "soon"}, None, "ParserError", None),
    (MIXED, {}, IN_SESSION | {"AWS_CREDENTIAL_EXPIRATION": ""}, None, ENV, "VAR"),
    (MIXED, {"default": role("mfa")}, VARIABLES, None, ENV, "VAR"),
    (MIXED, {"default": role("mfa")}, VARIABLES, "default", ROLE_PROVIDER, None),
    (MIXED, {"default": SSO}, VARIABLES, None, ENV, "VAR"),
    # partial and stale keys in the files
    ({"default": ID}, {}, {}, None, "PartialCredentialsError", None),
    ({"default": SECRET}, {}, {}, None, None, None),
    ({}, {"default": ID}, {}, None, "PartialCredentialsError", None),
    ({}, {"default": SECRET}, {}, None, None, None),
    ({"default": ID}, {}, VARIABLES, None, ENV, "VAR"),
    ({"default": ID}, {}, {}, "default", "PartialCredentialsError", None),
    ({"default": keys("A", aws_security_token="old")}, {}, {}, None, FILE, "A"),
    ({"default": session("ASIA1", aws_security_token="old")}, {}, {}, None, FILE, "ASIA1"),
    ({"default": session("ASIA1", expiration="2001-01-01T00:00:00Z")}, {}, {}, None, FILE, "ASIA1"),
    ({"default": keys("")}, {}, {}, None, FILE, ""),
    # a process
    ({"default": keys("A")}, {"default": PROCESS_ONLY}, {}, None, FILE, "A"),
    ({"default": session("ASIA1", expiration="2001-01-01T00:00:00Z")}, {"default": PROCESS_ONLY}, {}, None, FILE, "ASIA1"),
    ({"default": SECRET}, {"default": PROCESS_ONLY}, {}, None, PROCESS_PROVIDER, None),
    ({"default": ID}, {"default": PROCESS_ONLY}, {}, None, "PartialCredentialsError", None),
    ({}, {"default": {**PROCESS_ONLY, **keys("C")}}, {}, None, PROCESS_PROVIDER, None),
    ({"default": PROCESS_ONLY}, {}, {}, None, PROCESS_PROVIDER, None),
    (MIXED, {"work": PROCESS_ONLY}, {"AWS_PROFILE": "work"}, None, PROCESS_PROVIDER, None),
    (MIXED, {"work": PROCESS_ONLY}, VARIABLES, "work", PROCESS_PROVIDER, None),
    # roles
    (MIXED, {"admin": role("mfa")}, {}, "admin", ROLE_PROVIDER, None),
    (MIXED, {"admin": role("default", mfa_serial=SERIAL)}, {}, "admin", ROLE_PROVIDER, None),
    (MIXED, {"admin": role("mfa", duration_seconds="7200")}, {}, "admin", ROLE_PROVIDER, None),
    (MIXED, {"admin": role("mfa", duration_seconds="long")}, {}, "admin", ROLE_PROVIDER, None),
    (MIXED, {"admin": role(None)}, {}, "admin", "PartialCredentialsError", None),
    (MIXED, {"admin": role("nowhere")}, {}, "admin", "InvalidConfigError", None),
    (MIXED, {"admin": role("mfa", credential_source="Environment")}, {}, "admin", "InvalidConfigError", None),
    (MIXED, {"admin": role(None, credential_source="Nonsense")}, {}, "admin", "InvalidConfigError", None),
    (MIXED, {"admin": role(None, credential_source="Environment")}, VARIABLES, "admin", ROLE_PROVIDER, None),
    (MIXED, {"admin": role(None, credential_source="Environment")}, {}, "admin", "CredentialRetrievalError", None),
    (MIXED, {"admin": role("work"), "work": {"region": "eu-west-1"}}, {}, "admin", "InvalidConfigError", None),
    ({**MIXED, "work": ID}, {"admin": role("work")}, {}, "admin", "PartialCredentialsError", None),
    (MIXED, {"admin": role("work"), "work": role("mfa")}, {}, "admin", ROLE_PROVIDER, None),
    (MIXED, {"admin": role("work"), "work": PROCESS_ONLY}, {}, "admin", ROLE_PROVIDER, None),
    (MIXED, {"admin": role("work"), "work": SSO}, {}, "admin", ROLE_PROVIDER, None),
    (MIXED, {"admin": role("admin")}, {}, "admin", "InfiniteLoopConfigError", None),
    ({**MIXED, "admin": keys("OWN")}, {"admin": role("admin")}, {}, "admin", ROLE_PROVIDER, None),
    ({**MIXED, "admin": keys("OWN")}, {"admin": role("mfa")}, {}, "admin", ROLE_PROVIDER, None),
    ({}, LOOP, {}, None, "InfiniteLoopConfigError", None),
    (MIXED, {"admin": role("mfa")}, {"AWS_PROFILE": "admin"}, None, ROLE_PROVIDER, None),
    (MIXED, {"admin": role("mfa")}, VARIABLES | {"AWS_PROFILE": "admin"}, None, ENV, "VAR"),
    ({**MIXED, "admin": role("mfa")}, {}, {}, "admin", ROLE_PROVIDER, None),
    # web identities
    ({}, {"default": {**WEB_FILE, "role_arn": ROLE}}, {}, None, WEB, None),
    (MIXED, {"default": {**WEB_FILE, "role_arn": ROLE}}, {}, None, WEB, None),
    ({}, {"default": WEB_FILE}, {}, None, "InvalidConfigError", None),
    (MIXED, {}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "TOKEN_FILE", "AWS_ROLE_ARN": ROLE}, None, WEB, None),
    (MIXED, {}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/n"}, None, "InvalidConfigError", None),
    (MIXED, {}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/n", "AWS_ROLE_ARN": ROLE}, "mfa", FILE, "ASIA1"),
    (MIXED, {}, VARIABLES | {"AWS_WEB_IDENTITY_TOKEN_FILE": "/n"}, None, ENV, "VAR"),
    (MIXED, {"default": role("mfa")}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/n"}, None, ROLE_PROVIDER, None),
    # IAM Identity Center
    ({"default": keys("A")}, {"default": SSO}, {}, None, "sso", None),
    ({}, {"default": IN_HOUSE, **HOUSE}, {}, None, "sso", None),
    ({}, {"default": IN_HOUSE}, {}, None, "InvalidConfigError", None),
    ({}, {"default": {"sso_account_id": "123456789012"}}, {}, None, "InvalidConfigError", None),
    ({"default": keys("A")}, {"default": {"sso_start_url": "https://example.com"}}, {}, None, FILE, "A"),
    ({}, {"default": {**IN_HOUSE, "sso_region": "eu-west-1"}, **ELSEWHERE}, {}, None, "InvalidConfigError", None),
    ({}, {"default": {**SSO, **role("default")}}, {}, None, "InfiniteLoopConfigError", None),
    ({"work": keys("W")}, {"default": {**SSO, **role("work")}}, {}, None, ROLE_PROVIDER, None),
    ({}, {"default": {**SSO, **PROCESS_ONLY}}, {}, None, "sso", None),
]
# fmt: on
LOST = {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": ROLE}
URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
TOWARDS = {URI: "http://127.0.0.1/v1"}
NO_ZONE = IN_SESSION | {"AWS_CREDENTIAL_EXPIRATION": "2126-01-01T00:00:00"}

# what boto3 notices only when it needs the credentials, or makes a client: the home, and the
# setting or the variable that is named
FAILING = [
    (Case(MIXED, {"default": {"metadata_service_timeout": "1s"}}), "metadata_service_timeout"),
    (Case(MIXED, {"default": {"metadata_service_num_attempts": "x"}}), "num_attempts"),
    (Case(MIXED, {}, {"AWS_METADATA_SERVICE_TIMEOUT": "1s"}), "AWS_METADATA_SERVICE_TIMEOUT"),
    (Case(MIXED, {}, {"AWS_METADATA_SERVICE_NUM_ATTEMPTS": ""}), "SERVICE_NUM_ATTEMPTS"),
    (Case(MIXED, {"default": {"services": "nowhere"}}), "services"),
    (Case(MIXED, {"default": {"region": "eu_west_1!"}}), "region"),
    (Case(MIXED, {}, {"AWS_DEFAULT_REGION": "eu-west-1 "}), "AWS_DEFAULT_REGION"),
    (Case(MIXED, {}, {"AWS_ENDPOINT_URL": "localhost:4566"}), "AWS_ENDPOINT_URL"),
    (Case(MIXED, {}, {"AWS_MAX_ATTEMPTS": "many"}), "AWS_MAX_ATTEMPTS"),
    (Case(MIXED, {"default": {"retry_mode": "hard"}}), "retry_mode"),
    (Case({}, {}, NO_ZONE), "AWS_CREDENTIAL_EXPIRATION"),
    (Case({}, {"default": {"credential_process": ""}}), "credential_process"),
    (Case({}, {"default": {"credential_process": "/nowhere/x"}}), "credential_process"),
    (Case({}, {"default": {"credential_process": "nowhere x"}}), "credential_process"),
    (Case({}, {"default": {"credential_process": "'x"}}), "credential_process"),
    (Case({}, {"a": role("b"), "b": {"credential_process": "nowhere"}}, {}, "a"), "nowhere"),
    (Case({}, {}, {URI: "http://example.com/v1"}), URI),
    (Case({}, {}, {URI: ""}), URI),
    (Case({}, {}, TOWARDS | {f"{TOKEN}_FILE": "/nowhere"}), f"{TOKEN}_FILE"),
    (Case({}, {}, TOWARDS | {TOKEN: "a\nb"}), TOKEN),
    (Case({}, {"default": {**WEB_FILE, **role(None)} | {"web_identity_token_file": "/nowhere"}}),
     "web_identity_token_file"),
    (Case({}, {}, LOST), "AWS_WEB_IDENTITY_TOKEN_FILE"),
    (Case({}, {"default": SSO}, signed_in=False), "aws sso login --profile default"),
    (Case({}, {"a": IN_HOUSE, **HOUSE}, {}, "a", signed_in=False), "aws sso login --profile a"),
    (Case({}, {"a": role("b"), "b": SSO}, {}, "a", signed_in=False), "sso login --profile b"),
]  # fmt: skip


def failure(environ: dict[str, str], flag: str | None) -> str:
    """Return the error that botocore raises before it would ask AWS."""
    with in_environment(environ):
        try:
            session = botocore.session.Session(profile=flag)
            session.create_client("sts", region_name=session.get_config_variable("region"))
            session.get_credentials().get_frozen_credentials()
        except Exception as error:
            return type(error).__name__
    raise AssertionError("botocore is content")


@pytest.mark.parametrize(("case", "named"), FAILING, ids=range(len(FAILING)))
def test_what_boto3_cannot_use_is_a_failure_and_its_cause_is_named(
    tmp_path, monkeypatch, case, named
) -> None:
    settled = case.settle(tmp_path)
    # beside an endpoint in the variables, botocore reads no `services`
    environ = {k: v for k, v in settled.items() if k != "AWS_ENDPOINT_URL"} | case.variables
    folder = tmp_path / ".aws" / "sso" / "cache"
    monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(folder))
    monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(folder))
    region = {"AWS_DEFAULT_REGION": "us-east-1"} if "region" not in named else {}
    error = failure(region | environ, case.flag)
    situation = Situation(environ, case.flag, "boto3", datetime(2026, 11, 22, tzinfo=UTC))
    told = Explanation(situation)
    said = "\n".join(told.lines())
    assert told.matters
    assert f"AWS would not be called: {error}" in said
    finding = next(finding for finding in told.findings if finding.matters)
    assert named in finding.message + finding.fix


def test_there_are_a_hundred_cases() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_winner_of_each_case_is_the_expected_one_and_botocores(tmp_path, case) -> None:
    *home, provider, key = case
    written = Case(*home)
    environ = written.settle(tmp_path)
    assert resolved(environ, written.flag) == (provider, key)
    assert explained(environ, written.flag) == (provider, key)
