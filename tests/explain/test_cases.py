"""A hundred homes, each with its expected winner, which botocore is asked for, too."""

from __future__ import annotations

import pytest
from tests.explain.drawn import PROCESS, ROLE, SERIAL, Case
from tests.explain.truth import explained, resolved

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
WEB_FILE = {"web_identity_token_file": "/nowhere"}
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
    (MIXED, {}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/n", "AWS_ROLE_ARN": ROLE}, None, WEB, None),
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


def test_there_are_a_hundred_cases() -> None:
    assert len(CASES) >= 100


@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_the_winner_of_each_case_is_the_expected_one_and_botocores(tmp_path, case) -> None:
    *home, provider, key = case
    written = Case(*home)
    environ = written.settle(tmp_path)
    assert resolved(environ, written.flag) == (provider, key)
    assert explained(environ, written.flag) == (provider, key)
