"""The findings of explain in homes of every kind, and that its suggestions can be typed."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from subprocess import DEVNULL, run
from tempfile import TemporaryDirectory

import pytest
from tests.explain.drawn import ROLE, SERIAL, Case

from mfakit.errors import COMMAND_NOT_FOUND
from mfakit.explain import Explanation, find
from mfakit.explain.findings import Finding
from mfakit.explain.situation import Situation

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEYS = {"aws_access_key_id": "AKIAI44QH8DHBEXAMPLF", "aws_secret_access_key": "s" * 40}
SESSION = KEYS | {"aws_access_key_id": "ASIAI44QH8DHBEXAMPLF", "aws_session_token": "t"}
ENDED = SESSION | {"expiration": "2026-11-22T11:00:00Z"}
LIVE = SESSION | {"expiration": "2026-11-22T18:00:00Z"}
OF_ANOTHER = KEYS | {"aws_access_key_id": "AKIAQYLPMN5HABCDEFGH"}
VARIABLES = {name.upper(): value for name, value in KEYS.items()}
FROM_MFA = {"role_arn": ROLE, "source_profile": "mfa"}
SIGNED_IN = {"login_session": "arn:aws:iam::123456789012:user/alice"}
ON_MACHINE = {"role_arn": ROLE, "credential_source": "Ec2InstanceMetadata"}
TWO_HOURS = {"duration_seconds": "7200"}
FROM_DEFAULT = {"role_arn": ROLE, "source_profile": "default"}
TO_ADMIN = {"role_arn": ROLE, "source_profile": "admin"}
PROCESS = {"credential_process": "sh -c true"}
OF_VARIABLES = {"role_arn": ROLE, "credential_source": "Environment"}
INTO_SHELL = 'mfakit login --profile mfa && eval "$(mfakit env --profile mfa)"'


def situation(folder: Path, case: Case, sdk: str = "boto3") -> Situation:
    environ = case.settle(folder)
    (folder / "credentials").chmod(0o600)
    for file in ("credentials", "config"):
        os.utime(folder / file, (1, 1))  # what has just been written is waited for
    return Situation(environ, case.flag, sdk, NOW)


def found(folder: Path, case: Case, sdk: str = "boto3") -> dict[str, str]:
    """Return the code of each finding with the suggested fix."""
    return {finding.code: finding.fix for finding in find(situation(folder, case, sdk))}


def after_the_fix(finding: Finding, here: Situation, flag: str | None, sdk: str) -> Situation:
    """Run the suggested command, and return how things are then."""
    run(["sh", "-c", finding.fix], check=True)
    return Situation(here.environ, flag, sdk, NOW)


HEALTHY = [
    Case({"default": KEYS}),
    Case({"default": KEYS, "mfa": LIVE}, variables={"AWS_PROFILE": "mfa"}),
    Case({"default": KEYS, "mfa": LIVE}, {"default": {"mfa_serial": SERIAL}}, flag="mfa"),
    Case({"default": KEYS, "mfa": LIVE}, {"admin": FROM_MFA}, flag="admin"),
    Case({"mfa": LIVE}, {"admin": FROM_MFA | {"duration_seconds": "3600"}}, flag="admin"),
    Case({}, {"work": PROCESS}, {"AWS_PROFILE": "work"}),
    Case({}, {"admin": {"role_arn": ROLE, "source_profile": "work"}, "work": PROCESS}, {}, "admin"),
    Case({"default": KEYS}, {"admin": FROM_DEFAULT | TWO_HOURS}, {}, "admin"),
    Case({}, {"c": ON_MACHINE}, {"AWS_EC2_METADATA_DISABLED": "false"}, "c"),
    Case({"test": {"aws_access_key_id": "test", "aws_secret_access_key": "test"}}, flag="test"),
    Case({"default": KEYS | {"aws_session_token": ""}}),
    Case({}, {}, VARIABLES),
    Case({"work": KEYS}, {}, VARIABLES | {"AWS_PROFILE": "work"}),
    Case({}, {}, VARIABLES | {"AWS_CREDENTIAL_EXPIRATION": "2126-01-01T00:00:00Z"}),
    Case({}, {}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "TOKEN_FILE", "AWS_ROLE_ARN": ROLE}),
    Case(
        {"mfa": LIVE},
        {},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "TOKEN_FILE", "AWS_ROLE_ARN": ROLE},
        "mfa",
    ),
    # a role whose source is a session that is made from the keys beside the role
    Case({"x": KEYS, "x-mfa": LIVE}, {"x": {"role_arn": ROLE, "source_profile": "x-mfa"}}, {}, "x"),
    Case({}, {}, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1"}),
]


@pytest.mark.parametrize("case", HEALTHY, ids=range(len(HEALTHY)))
def test_explain_finds_nothing_in_a_home_that_works(tmp_path, case: Case) -> None:
    here = situation(tmp_path, case)
    assert find(here) == []
    assert find(Situation(here.environ, here.flag, "js", NOW)) == []


def test_the_sdk_for_javascript_is_advised_no_login_into_a_role_without_a_source(tmp_path) -> None:
    case = Case({"default": KEYS}, {"a": {"role_arn": ROLE}}, {}, "a")
    assert list(found(tmp_path, case, "js")) == ["role-without-source"]


def test_a_header_with_more_blanks_than_the_sdk_for_javascript_reads_is_named(tmp_path) -> None:
    here = situation(tmp_path, Case({}, {"w": PROCESS}, {}, "w"), "js")
    config = tmp_path / "config"
    text = config.read_text()
    config.write_text(text.replace("[profile w]", "[profile  w ]"))
    assert "wrong-header" not in [f.code for f in find(Situation(here.environ, "w", "boto3", NOW))]
    [fix] = [
        f.fix for f in find(Situation(here.environ, "w", "js", NOW)) if f.code == "wrong-header"
    ]
    run(fix, shell=True, check=True)
    assert config.read_text() == text


def test_no_region_is_advised_for_a_profile_that_is_not_there(tmp_path) -> None:
    """The command would make the profile, under a name that may be mistyped."""
    here = situation(tmp_path, Case({"work": KEYS}, {}, {}, "wrok"))
    shown = "\n".join(Explanation(here).lines())
    assert "no region is set" in shown
    assert "--profile wrok" not in shown


def test_the_region_that_explain_advises_is_that_of_the_sessions_own_source(tmp_path) -> None:
    config = {"default": {"region": "us-east-1"}, "work": {"region": "eu-west-1"}}
    case = Case({"default": KEYS, "work": KEYS, "work-mfa": LIVE}, config, {}, "work-mfa")
    shown = "\n".join(Explanation(situation(tmp_path, case)).lines())
    assert "aws configure set region eu-west-1 --profile work-mfa" in shown


LONG = {"duration_seconds": "9" * 5000}
ILL = [
    # what a role is made from
    ("session-expired", Case({"default": KEYS, "mfa": ENDED}, {"admin": FROM_MFA}, {}, "admin"),
     "mfakit login --profile mfa"),
    ("role-without-source",
     Case({"default": KEYS}, {"admin": FROM_MFA, "mfa": {"region": "x"}}, {}, "admin"),
     "mfakit login --profile mfa"),
    ("role-without-source", Case({}, {"admin": FROM_MFA}, {}, "admin"),
     "aws configure --profile default && mfakit login --profile mfa"),
    ("role-without-source",
     Case({"default": KEYS}, {"a": TO_ADMIN, "admin": FROM_MFA}, {}, "a"),
     "mfakit login --profile mfa"),
    ("role-without-source",
     Case({"default": KEYS}, {"a": {"role_arn": ROLE, "source_profile": ""}}, {}, "a"),
     "mfakit configure --role-profile a && mfakit login --profile mfa"),
    ("role-without-source", Case({"default": KEYS}, {"a": {"role_arn": ROLE}}, {}, "a"),
     "mfakit configure --role-profile a && mfakit login --profile mfa"),
    # what no other rule speaks of ends the search all the same
    ("search-fails", Case({}, {"l": SIGNED_IN}, {}, "l"), None),
    ("search-fails",
     Case({}, {"a": {"role_arn": ROLE, "source_profile": "a"}}, {}, "a"), None),
    # a part of a session, and too much of it
    ("variables-partial", Case({}, {}, VARIABLES | {"AWS_ACCESS_KEY_ID": "ASIA1"}),
     "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"),
    ("variables-partial",
     Case({}, {}, VARIABLES | {"AWS_ACCESS_KEY_ID": "ASIA1",
                               "AWS_CREDENTIAL_EXPIRATION": "2126-01-01T00:00:00Z"}), None),
    ("variables-stale-token", Case({}, {}, VARIABLES | {"AWS_SESSION_TOKEN": "t"}),
     "unset AWS_SESSION_TOKEN"),
    ("stale-token", Case({"default": KEYS | {"aws_session_token": "t"}}), None),
    ("keys-unread",
     Case({"work": {"aws_access_key": "AKIA1", "aws_secret_access_key": "s"}}, flag="work"),
     None),
    ("keys-partial", Case({"work": {"aws_secret_access_key": "s"}}, flag="work"),
     "aws configure --profile work"),
    ("keys-partial", Case({"default": dict.fromkeys(KEYS, "")}),
     "aws configure --profile default"),
    ("keys-partial", Case({"default": KEYS | {"aws_access_key_id": "ASIA1"}}), None),
    ("variables-expiration",
     Case({}, {}, VARIABLES | {"AWS_SESSION_TOKEN": "t", "AWS_CREDENTIAL_EXPIRATION": "soon"}),
     "unset AWS_CREDENTIAL_EXPIRATION"),
    # numbers and devices that are none
    ("role-too-long", Case({"mfa": LIVE}, {"admin": FROM_MFA | LONG}, {}, "admin"),
     "aws configure set duration_seconds 3600 --profile admin"),
    ("role-too-long", Case({"default": KEYS}, {"a": TO_ADMIN | TWO_HOURS, "admin": FROM_DEFAULT},
                           {}, "a"), None),
    ("role-too-long",
     Case({}, {"c": ON_MACHINE | TWO_HOURS}, {"AWS_EC2_METADATA_DISABLED": "false"}, "c"), None),
    ("serial-with-blank",
     Case({"default": KEYS},
          {"a": FROM_DEFAULT | {"mfa_serial": SERIAL.replace("::", ":: ")}}, {}, "a"),
     f"aws configure set mfa_serial {SERIAL} --profile a"),
    # a device that no code can be of, and a role that cannot be one
    ("device-without-codes",
     Case({"default": KEYS}, {"a": FROM_DEFAULT | {"mfa_serial": SERIAL.replace("::", ":")}}, {},
          "a"), f"aws configure set mfa_serial {SERIAL} --profile a"),
    ("device-without-codes",
     Case({"default": KEYS},
          {"a": FROM_DEFAULT | {"mfa_serial": SERIAL.replace(":mfa/", ":u2f/user/")}}, {}, "a"),
     "mfakit devices --source-profile default"),
    ("role-malformed",
     Case({"default": KEYS}, {"a": FROM_DEFAULT | {"role_arn": ROLE.replace("::", ":")}}, {}, "a"),
     None),
    ("role-malformed",
     Case({"default": KEYS}, {"a": FROM_DEFAULT | {"role_arn": ROLE.rpartition("/")[0] + "/"}}, {},
          "a"), None),
    # a device that no SDK reads for a role
    ("role-without-mfa",
     Case({"default": KEYS}, {"default": {"mfa_serial": SERIAL}, "a": FROM_DEFAULT}, {}, "a"),
     "mfakit configure --profile mfa --role-profile a && mfakit login --profile mfa"),
    ("role-without-mfa",
     Case({}, {"work": PROCESS | {"mfa_serial": SERIAL},
               "a": {"role_arn": ROLE, "source_profile": "work"}}, {}, "a"),
     "mfakit configure --profile work-mfa --role-profile a && mfakit login --profile work-mfa"),
    ("role-without-mfa",
     Case({"default": KEYS | {"role_arn": ROLE, "mfa_serial": SERIAL}}, {"a": FROM_DEFAULT}, {},
          "a"),
     "mfakit configure --profile mfa --role-profile a && mfakit login --profile mfa"),
    # a source that nothing can be called, or that is missing while others have keys
    ("role-without-source",
     Case({"work": KEYS}, {"a": {"role_arn": ROLE, "source_profile": "profile work"}}, {}, "a"),
     "aws configure set source_profile work --profile a"),
    ("role-without-source",
     Case({"work": KEYS}, {"a": {"role_arn": ROLE, "source_profile": "[work]"}}, {}, "a"),
     "aws configure set source_profile work --profile a"),
    ("role-without-source",
     Case({"work": KEYS}, {"a": {"role_arn": ROLE, "source_profile": "ops"}}, {}, "a"),
     "mfakit login --profile ops --source-profile work"),
    # places that aws-mfa has for a session
    ("keys-placeholder",
     Case({"x-long-term": KEYS, "x": dict.fromkeys((*KEYS, "aws_security_token"), "<POPULATED>")},
          flag="x"), "mfakit login --profile x"),
    ("keys-placeholder", Case({"x": KEYS | {"aws_secret_access_key": "<SECRET>"}}, flag="x"),
     "aws configure --profile x"),
    ("web-identity-shadows-profile",
     Case({"mfa": LIVE}, {}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "TOKEN_FILE", "AWS_ROLE_ARN": ROLE,
                              "AWS_PROFILE": "mfa"}),
     "unset AWS_WEB_IDENTITY_TOKEN_FILE"),
    ("region-empty", Case({"default": KEYS}, {}, {"AWS_DEFAULT_REGION": ""}),
     "unset AWS_DEFAULT_REGION"),
    ("include-profile",
     Case({"default": KEYS}, {"default": {"include_profile": "c"}, "c": {"region": "eu-west-1"}}),
     "aws configure set region eu-west-1 --profile default"),
    # keys with a comment, and empty ones before a program
    ("keys-quoted", Case({"w": KEYS | {"aws_access_key_id": "AKIA1 # main"}}, flag="w"), None),
    ("keys-partial", Case({"w": dict.fromkeys(KEYS, "")}, {"w": PROCESS}, {}, "w"), None),
    ("region-unknown",
     Case({"default": KEYS}, {"default": {"region": "US-EAST-1a"}},
          {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}),
     "aws configure set region us-east-1 --profile default"),
    ("region-unknown",
     Case({"default": KEYS}, {}, {"AWS_DEFAULT_REGION": "Frankfurt",
                                  "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}),
     "export AWS_DEFAULT_REGION=REGION"),
    ("role-without-source", Case({"Admin": KEYS}, {"a": TO_ADMIN}, {}, "a"),
     "aws configure set source_profile Admin --profile a"),
    # keys of a profile that is spelled otherwise, and before a program
    ("no-credentials", Case({"Default": KEYS}), "export AWS_PROFILE=Default"),
    ("keys-shadow-process", Case({"w": KEYS}, {"w": PROCESS}, {}, "w"), None),
    ("keys-shadow-process",
     Case({"w": LIVE}, {"w": PROCESS}, {}, "w"), "mfakit logout --profile w"),
    # roles that are assumed one with the other
    ("role-without-mfa",
     Case({"default": KEYS}, {"default": {"mfa_serial": SERIAL}, "admin": FROM_DEFAULT,
                              "a": TO_ADMIN}, {}, "a"),
     "mfakit configure --profile mfa --role-profile a && mfakit login --profile mfa"),
    # names of variables where settings belong, and lines of a shell's
    ("setting-unread",
     Case({"default": KEYS}, {"default": {"AWS_DEFAULT_REGION": "eu-west-1"}}), None),
    ("setting-unread", Case({"default": KEYS | {"aws_region": "eu-west-1"}}), None),
    ("setting-unread",
     Case({"w": KEYS}, {"w": {"region": "x"}, "default": {"AWS_PROFILE": "w"}}), None),
    ("keys-unread",
     Case({"w": {f"export {key.upper()}": value for key, value in KEYS.items()}}, flag="w"), None),
    ("device-unread", Case({"default": KEYS}, {}, {"AWS_MFA_SERIAL": SERIAL}),
     f"export MFAKIT_SERIAL_NUMBER={SERIAL}"),
    # a device that no login can use
    ("device-without-codes",
     Case({"default": KEYS}, {"default": {"mfa_serial": SERIAL.replace("::", ":")}}),
     f"aws configure set mfa_serial {SERIAL} --profile default"),
    ("device-without-codes",
     Case({"default": KEYS}, {"default": {"mfa_serial": SERIAL.replace(":mfa/", ":user/")}}),
     f"aws configure set mfa_serial {SERIAL} --profile default"),
    ("device-without-codes",
     Case({"default": KEYS}, {"a": FROM_DEFAULT | {"mfa_serial": SERIAL.rpartition("/")[0]}}, {},
          "a"), "mfakit devices --source-profile default"),
    ("device-without-codes",
     Case({"default": KEYS}, {"default": {"mfa_serial": SERIAL.rpartition("/")[0] + "/"}}),
     "mfakit devices --source-profile default"),
    # a token too many, or too few, beside the key that a role is assumed with
    ("stale-token",
     Case({"default": KEYS | {"aws_session_token": "t"}}, {"a": FROM_DEFAULT}, {}, "a"), None),
    ("keys-partial",
     Case({"default": KEYS | {"aws_access_key_id": "ASIA1"}}, {"a": FROM_DEFAULT}, {}, "a"), None),
    # a part of a key, or too much of it
    ("keys-length", Case({"default": KEYS | {"aws_secret_access_key": "s" * 42}}),
     "aws configure --profile default"),
    ("keys-length", Case({"default": KEYS | {"aws_access_key_id": "AKIAI44QH8DHBEXAMPL"}}),
     "aws configure --profile default"),
    ("variables-length",
     Case({}, {}, VARIABLES | {"AWS_SECRET_ACCESS_KEY": "s" * 39}),
     "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY"),
    # the variable that the SDK goes by
    ("no-such-profile", Case({"work": KEYS}, {}, {"AWS_PROFILE": ""}),
     "unset AWS_DEFAULT_PROFILE AWS_PROFILE"),
    # the session of a profile is still to be made
    *(("no-such-profile", Case(keys, {}, {"AWS_PROFILE": name}), f"mfakit login --profile {name}")
      for name, keys in {"work-mfa": {"work": KEYS}, "mfa": {"default": KEYS},
                         "work": {"work-long-term": KEYS}}.items()),
    # a role without a source, beside keys of its own or in a shell without variables
    ("role-without-source", Case({"a": KEYS}, {"a": {"role_arn": ROLE}}, {"AWS_PROFILE": "a"}),
     "mfakit configure --role-profile a && mfakit login --profile a-mfa"),
    ("search-fails", Case({"default": KEYS}, {"a": OF_VARIABLES}, {}, "a"), INTO_SHELL),
    ("variables-expired",
     Case({"default": KEYS}, {"a": OF_VARIABLES},
          VARIABLES | {"AWS_SESSION_TOKEN": "t",
                       "AWS_CREDENTIAL_EXPIRATION": "2026-11-22T11:00:00Z"}, "a"),
     INTO_SHELL),
    # quotes round what a role is made from
    ("keys-quoted",
     Case({"default": {key: f'"{value}"' for key, value in KEYS.items()}},
          {"a": {"role_arn": ROLE, "source_profile": "default"}}, {}, "a"), None),
    ("role-malformed",
     Case({"default": KEYS}, {"a": FROM_DEFAULT | {"role_arn": f'"{ROLE}"'}}, {}, "a"),
     f"aws configure set role_arn {ROLE} --profile a"),
    # a letter of a name is lost
    ("keys-unread",
     Case({"w": {"ws_access_key_id": "admin", "ws_secret_access_key": "password"}}, flag="w"),
     None),
    ("certificates-missing", Case({"default": KEYS}, {}, {"AWS_CA_BUNDLE": "/nowhere.pem"}),
     "unset AWS_CA_BUNDLE"),
    ("certificates-missing", Case({"default": KEYS}, {"default": {"ca_bundle": "no.pem"}}), None),
    ("serial-of-another-partition",
     Case({"w": KEYS}, {"w": {"mfa_serial": SERIAL, "region": "cn-north-1"}}, flag="w"),
     "aws configure set region us-east-1 --profile w"),
    ("serial-of-another-partition",
     Case({"w": KEYS}, {"w": {"mfa_serial": SERIAL}}, {"AWS_DEFAULT_REGION": "cn-north-1"}, "w"),
     "unset AWS_DEFAULT_REGION"),
    # names of variables in place of keys, also behind a role
    *(("keys-placeholder", Case({"w": KEYS | {"aws_access_key_id": text}}, flag="w"),
       "aws configure --profile w")
      for text in ("$AWS_ACCESS_KEY_ID", "${KEY_ID}", "%(KEY_ID)s", "%KEY_ID%", "{{ key_id }}")),
    ("keys-placeholder",
     Case({"default": KEYS | {"aws_access_key_id": "%(AWS_ACCESS_KEY_ID)"}}, {"a": FROM_DEFAULT},
          {}, "a"), "aws configure --profile default"),
    # keys, and those of a session that has ended, are in another profile or nowhere
    ("no-credentials", Case({"default": {}, "work": KEYS}),
     "mfakit login --profile default --source-profile work"),
    ("session-expired", Case({"default": ENDED, "work": KEYS}),
     "mfakit login --profile default --source-profile work"),
    ("session-expired", Case({"default": ENDED}),
     "aws configure --profile long-term &&"
     " mfakit login --profile default --source-profile long-term"),
    ("session-expired", Case({"mfa": ENDED}, flag="mfa"),
     "aws configure --profile default && mfakit login --profile mfa"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "case", "fix"), ILL, ids=range(len(ILL)))
def test_explain_finds_what_is_wrong_and_the_fix(
    tmp_path, code: str, case: Case, fix: str | None
) -> None:
    fixes = found(tmp_path, case)
    assert code in fixes
    assert fix is None or fixes[code] == fix


# What these ask for is answered where the advice of errors is run; and no test installs anything.
NOT_RUN = (
    *("mfakit login", "aws login", "aws configure --", "EDITOR", "REGION", "mfakit devices"),
    "pip install",
)


@pytest.mark.long
@pytest.mark.parametrize(("code", "case"), [row[:2] for row in ILL], ids=range(len(ILL)))
def test_a_fix_that_asks_nothing_ends_the_trouble_or_leads_on(
    tmp_path, code: str, case: Case
) -> None:
    here = situation(tmp_path, case)
    fix = next(finding.fix for finding in find(here) if finding.code == code)
    if any(words in fix for words in NOT_RUN):
        return
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {"HOME": str(tmp_path), **here.environ, "PATH": path}
    command = ["sh", "-c", f"{fix} && env -0 > {tmp_path}/variables"]
    run(command, check=True, env=environ, stdin=DEVNULL, timeout=60)
    pairs = (tmp_path / "variables").read_text().split("\0")[:-1]
    left = dict(pair.split("=", 1) for pair in pairs)
    kept = {name: left[name] for name in left if name[:4] in ("AWS_", "HOME", "MFAK")}
    assert fix not in [finding.fix for finding in find(Situation(kept, case.flag, "boto3", NOW))]


@pytest.mark.parametrize("serial", ["arn:aws", "arn:", "arn:aws:iam::1", "GAHT12345678", ":::::"])
def test_a_malformed_serial_number_breaks_no_finding(tmp_path, serial: str) -> None:
    """It belongs to no account."""
    case = Case({"default": KEYS}, {"default": {"mfa_serial": serial}})
    assert {"mfa-serial-ignored", "device-without-codes"} >= set(found(tmp_path, case))


def test_a_key_whose_id_encodes_no_account_accuses_no_device(tmp_path) -> None:
    """Decoded like the others, it would be of an account with thirteen digits."""
    keys = KEYS | {"aws_access_key_id": f"AKIA{'7' * 16}"}
    case = Case({"default": keys}, {"default": {"mfa_serial": SERIAL}})
    assert "serial-of-another-account" not in found(tmp_path, case)


def test_a_section_header_of_the_other_file_is_reported(tmp_path) -> None:
    """`[work]` is no profile in the config file, nor `[profile work]` in the credentials file."""
    named = {"AWS_PROFILE": "work"}
    shown = situation(tmp_path, Case({"profile work": KEYS}, {}, named))
    (finding,) = find(shown)
    assert "[profile work] (" in finding.message
    shown = situation(tmp_path, Case({}, {}, named))
    (tmp_path / "config").write_text("[work]\nregion = x\n")
    (finding,) = find(shown)
    assert "[work] (" in finding.message


@pytest.mark.parametrize(
    ("secret", "is_pasted"),
    [
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", True),
        ("YOUR_SECRET", True),
        ("yoursecretkey", True),
        ("<secret>", True),
        ("xxxxxxxxxxxxxxxx", True),
        ("q1yOUr8Jq+xXxX0ZfYrIkE3hQGmTn2b/pLs5VdWc", False),
    ],
)
def test_a_real_key_is_never_taken_for_an_example(tmp_path, secret: str, is_pasted: bool) -> None:
    case = Case({"default": KEYS | {"aws_secret_access_key": secret}})
    assert ("keys-placeholder" in found(tmp_path, case)) is is_pasted


@pytest.mark.parametrize("secret", ["$aBc/def", "%2Fabc%2Fdef", "$2b$12$abc", "{abc", "a$KEY"])
def test_a_secret_with_the_signs_of_a_variable_is_not_taken_for_one(tmp_path, secret: str) -> None:
    case = Case({"default": KEYS | {"aws_access_key_id": "admin", "aws_secret_access_key": secret}})
    assert found(tmp_path, case) == {}


def test_half_a_key_is_reported_for_javascript_without_a_login_that_is_refused(tmp_path) -> None:
    """Its SDK finds no credentials there; a profile with half a key holds no session."""
    case = Case({"default": KEYS, "w": {"aws_access_key_id": "AKIA1"}}, flag="w")
    assert found(tmp_path, case, "js") == {"keys-partial": "aws configure --profile w"}


def test_a_header_of_the_other_file_is_reported_for_javascript_without_a_login(tmp_path) -> None:
    case = Case({"default": KEYS, "profile a": FROM_DEFAULT}, {}, {}, "a")
    assert list(found(tmp_path, case, "js")) == ["wrong-header"]


@pytest.mark.parametrize("first", ["[default]", "[profile default]"])
def test_a_default_that_is_hidden_from_javascript_is_reported(tmp_path, first: str) -> None:
    here = situation(tmp_path, Case({"default": KEYS}, {"default": {"output": "json"}}), "js")
    second = "[profile default]" if first == "[default]" else "[default]"
    regions = {"[default]": "eu-west-1", "[profile default]": "us-east-1"}
    texts = [f"{header}\nregion = {regions[header]}\n" for header in (first, second)]
    (tmp_path / "config").write_text("".join(texts))
    here = Situation(here.environ, None, "js", NOW)
    assert here.chain.region == "us-east-1"
    (finding,) = find(here)
    assert finding.code == "section-hidden"
    assert finding.message.startswith("[default] (")


def test_a_role_whose_source_is_missing_is_kept_beside_keys(tmp_path) -> None:
    """The source may be these keys."""
    case = Case({"a": KEYS}, {"a": {"role_arn": ROLE, "source_profile": "andy"}}, {}, "a")
    assert found(tmp_path, case) == {
        "role-without-source": "mfakit login --profile andy --source-profile a"
    }


def test_javascript_is_led_to_a_session_where_a_role_asks_for_a_code(tmp_path) -> None:
    """Its default chain has no way to ask."""
    case = Case({"work": KEYS}, {"a": {"role_arn": ROLE, "source_profile": "work",
                                       "mfa_serial": SERIAL}}, {}, "a")  # fmt: skip
    fix = "mfakit configure --profile work-mfa --role-profile a && mfakit login --profile work-mfa"
    assert found(tmp_path, case, "js")["search-fails"] == fix


@pytest.mark.parametrize("text", ["`", " main", "=x"])
def test_text_after_a_header_is_named_for_javascript_alone(tmp_path, text: str) -> None:
    """botocore reads up to the last bracket."""
    here = situation(tmp_path, Case({"default": KEYS}), "js")
    credentials = tmp_path / "credentials"
    credentials.write_text(credentials.read_text().replace("[default]", f"[default]{text}"))
    assert find(Situation(here.environ, None, "boto3", NOW)) == []
    (finding,) = find(here)
    assert finding.code == "wrong-header"
    assert find(after_the_fix(finding, here, None, "js")) == []


def test_a_file_that_is_both_files_has_no_header_of_the_other_one(tmp_path) -> None:
    """botocore reads each section by its name in the credentials file, or in the config."""
    both = Case({"one": KEYS, "profile two": KEYS}, {}, {"AWS_CONFIG_FILE": ""})
    for name in ("one", "two"):
        environ = situation(tmp_path, both).environ
        environ = {**environ, "AWS_CONFIG_FILE": environ["AWS_SHARED_CREDENTIALS_FILE"]}
        assert find(Situation(environ, name, "boto3", NOW)) == []


@pytest.mark.parametrize("indent", ["", "    "])
@pytest.mark.parametrize("below", [["a note"], ["aws_secret_access_key = " + "s" * 40]])
def test_a_line_below_a_key_that_makes_it_longer_gets_a_fix_that_loses_nothing(
    tmp_path, indent: str, below: list[str]
) -> None:
    here = situation(tmp_path, Case({"default": KEYS}))
    lines = ["aws_access_key_id = AKIAI44QH8DHBEXAMPLF", *(f"  {text}" for text in below)]
    if "note" in below[0]:
        lines.append("aws_secret_access_key = " + "s" * 40)
    text = "".join(f"{indent}{line}\n" for line in ["[default]", *lines])
    (tmp_path / "credentials").write_text(text)
    (finding,) = find(Situation(here.environ, None, "boto3", NOW))
    assert finding.code == "keys-quoted"
    assert "goes on in the line below" in finding.message
    assert find(after_the_fix(finding, here, None, "boto3")) == []
    assert all(text in (tmp_path / "credentials").read_text() for text in below)


def test_for_the_cli_the_fix_changes_the_newer_variable(tmp_path) -> None:
    case = Case({"work": KEYS}, {}, {"AWS_DEFAULT_PROFILE": "work", "AWS_PROFILE": "wrok"})
    assert found(tmp_path, case, "cli")["no-such-profile"] == "export AWS_PROFILE=work"


BASH = which("bash")
HOSTILE = [
    "$(: >pwned)",
    "`: >pwned`",
    "';: >pwned;'",
    '";: >pwned;"',
    "\\';: >pwned;\n: >pwned\x1b",
]


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize("text", HOSTILE)
def test_suggested_commands_quote_names_and_values_from_files(tmp_path, text: str) -> None:
    """They can be pasted, whatever the files hold."""
    name = text.replace("\n", "").replace("\x1b", "")
    serial = f"arn:aws:iam::999999999999:mfa/{name}"
    cases = [
        Case({name: OF_ANOTHER | {"mfa_serial": serial}}, {}, {}, name),
        Case({}, {"r": {"role_arn": ROLE, "source_profile": name}}, {}, "r"),
        Case({}, {}, {"AWS_PROFILE": text}),
        Case({name: ENDED}, {}, {}, name),
    ]
    for case in cases:
        for fix in found(tmp_path, case).values():
            assert fix.isprintable()
            # none of the programs is there: nothing but the shell itself does anything
            done = run([BASH, "-c", fix], cwd=tmp_path, env={"PATH": "/nowhere"}, check=False)
            assert done.returncode in (0, COMMAND_NOT_FOUND)
    assert not (tmp_path / "pwned").exists()


def test_a_token_counts_only_in_the_file_of_its_key(tmp_path) -> None:
    """This is so for botocore; the SDK for JavaScript merges both files."""
    case = Case({"default": KEYS}, {"default": {"aws_session_token": "t"}})
    assert "stale-token" not in found(tmp_path, case)
    assert "stale-token" in found(tmp_path, case, "js")


def test_a_device_is_not_reported_as_readable_by_others(tmp_path) -> None:
    """`AWS_SHARED_CREDENTIALS_FILE=/dev/null` is how people leave the file out."""
    case = Case({}, {}, VARIABLES | {"AWS_SHARED_CREDENTIALS_FILE": os.devnull})
    assert found(tmp_path, case) == {}


@pytest.mark.skipif(os.name != "posix", reason="there are no modes")
def test_a_readable_config_file_is_reported_only_with_keys_in_it(tmp_path) -> None:
    case = Case({}, {"default": KEYS})
    assert "readable-by-others" in found(tmp_path, case)
    assert found(tmp_path, Case({"default": KEYS}, {"default": {"region": "x"}})) == {}


@pytest.mark.skipif(os.name != "posix", reason="there are no modes")
@pytest.mark.parametrize(("mode", "is_told"), [("640", False), ("644", True), ("604", True)])
def test_mode_bits_for_the_group_alone_are_not_reported(home, mode: str, is_told: bool) -> None:
    """They are somebody's choice, while bits for all others come from an umask."""
    home.write_credentials("[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")
    home.credentials.chmod(int(mode, 8))
    assert ("can read your keys" in home.mfakit("explain").stdout) is is_told


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("\ufeff[profile work]\nregion = x\n", "byte-order mark"),
        ("[profile work]\nregion = x\n[profile work]\nregion = y\n", "line 3"),
    ],
)
def test_a_file_that_only_botocore_cannot_read_is_reported_with_the_line(
    tmp_path, text: str, place: str
) -> None:
    shown = situation(tmp_path, Case({"work": KEYS}, {}, {}, "work"))
    (tmp_path / "config").write_text(text, "utf-8")
    told = Explanation(shown)
    assert told.matters
    assert place in "\n".join(told.lines())


def test_the_report_names_the_variable_that_chose_the_profile(tmp_path) -> None:
    """The SDKs differ in which of the two variables they prefer."""
    home = {"default": KEYS, "work": KEYS}
    both = {"AWS_DEFAULT_PROFILE": "work", "AWS_PROFILE": "default"}
    old = {"AWS_DEFAULT_PROFILE": "work"}
    for variables, sdk, words in [
        (both, "boto3", "profile work, as boto3 resolves it (AWS_DEFAULT_PROFILE names it)"),
        (both, "cli", "profile default, as cli resolves it (AWS_PROFILE names it)"),
        (old, "js", "profile default, as js resolves it (nothing names another)"),
        ({"AWS_PROFILE": ""}, "boto3", "profile '', as boto3 resolves it (AWS_PROFILE names it)"),
    ]:
        lines = Explanation(situation(tmp_path, Case(home, {}, variables), sdk)).lines()
        assert next(iter(lines)) == words


@pytest.mark.parametrize("sdk", ["cli", "js"])
def test_aws_login_needs_a_library_only_in_boto3(tmp_path, sdk: str) -> None:
    """Version 2 of the AWS CLI and the SDK for JavaScript need nothing besides."""
    told = Explanation(situation(tmp_path, Case({}, {"l": SIGNED_IN}, {}, "l"), sdk))
    assert not told.matters
    assert "AWS would be called with a session, and" in "\n".join(told.lines())


def test_identity_center_gives_a_role_in_every_sdk(tmp_path) -> None:
    sso = {"sso_session": "house", "sso_account_id": "123456789012", "sso_role_name": "r"}
    house = {"sso_start_url": "https://example.com", "sso_region": "eu-west-1"}
    told = Explanation(
        situation(tmp_path, Case({}, {"s": sso, "sso-session house": house}, {}, "s"), "js")
    )
    assert "AWS would be called with a role session" in "\n".join(told.lines())


def test_an_empty_region_is_reported_with_the_one_that_it_hides(tmp_path) -> None:
    """botocore takes it for a region, and signs with it."""
    ill = Case({"default": KEYS | {"region": ""}}, {"default": {"region": "eu-west-1"}})
    here = situation(tmp_path, ill)
    (finding,) = find(here)
    assert finding.code == "region-empty"
    assert f"({tmp_path / 'credentials'}, line 4), which hides eu-west-1" in finding.message
    assert any("the region is set to nothing" in line for line in Explanation(here).lines())
    mended = after_the_fix(finding, here, None, "boto3")
    assert (find(mended), mended.chain.region) == ([], "eu-west-1")


def test_a_token_in_the_other_file_than_its_key_is_reported_with_its_place(tmp_path) -> None:
    """`aws configure set aws_security_token` writes it into the config file."""
    key = {"aws_access_key_id": "ASIA1", "aws_secret_access_key": "s"}
    ill = Case({"work": key}, {"work": {"aws_security_token": "t"}}, flag="work")
    (finding,) = (one for one in find(situation(tmp_path, ill)) if one.code == "keys-partial")
    assert f"the aws_security_token of the other file ({tmp_path / 'config'}" in finding.message


def test_keys_in_capitals_are_reported_for_javascript_and_the_fix_leads_to_them(tmp_path) -> None:
    """boto3 reads them, so that their owner sees no fault in the file."""
    here = situation(tmp_path, Case({"w": {k.upper(): v for k, v in SESSION.items()}}, flag="w"))
    assert find(here) == []
    (finding,) = find(Situation(here.environ, "w", "js", NOW))
    assert finding.code == "keys-in-capitals"
    mended = after_the_fix(finding, here, "w", "js")
    assert find(mended) == []
    assert mended.chain.winner.access_key_id == SESSION["aws_access_key_id"]


@pytest.mark.parametrize("file", ["credentials", "config"])
@pytest.mark.parametrize("sdk", ["boto3", "cli", "js"])
def test_a_file_in_utf_16_is_reported_once_and_the_fix_opens_it(
    tmp_path, sdk: str, file: str
) -> None:
    """PowerShell's `>` writes such a file."""
    here = situation(tmp_path, Case({"default": KEYS}, {"default": {"region": "eu-west-1"}}))
    path = tmp_path / file
    path.write_bytes(path.read_text().encode("utf-16"))
    ill = Situation(here.environ, None, sdk, NOW)
    (finding,) = (one for one in find(ill) if one.code == "search-fails")
    assert "UTF-16" in finding.message
    assert finding.fix.endswith(f" {path}")
    assert not any(line.endswith("()") for line in Explanation(ill).lines())


def test_a_profile_that_cannot_hold_a_session_is_not_to_be_logged_in_to(tmp_path) -> None:
    ill = Case({"default": KEYS}, {"[PROD]": {"region": "x"}}, flag="[PROD]")
    assert "login" not in " ".join(found(tmp_path, ill).values())


def test_a_header_that_another_profile_has_is_not_to_be_changed(tmp_path) -> None:
    """A role's source is written as that header, where the profile's name belongs."""
    role = {"role_arn": ROLE, "source_profile": "profile work"}
    ill = Case({"work": KEYS}, {"work": {"region": "x"}, "a": role}, flag="a")
    assert list(found(tmp_path, ill)) == ["role-without-source"]


def test_a_sessions_key_without_its_token_is_not_called_long_term(tmp_path) -> None:
    ill = Case({"work": KEYS | {"aws_access_key_id": "ASIA1"}}, flag="work")
    explained = "\n".join(Explanation(situation(tmp_path, ill)).lines())
    assert "AWS would be called with a session ASIA1" in explained
    assert "long-term" not in explained


def test_a_line_above_every_section_is_reported_for_javascript_too(tmp_path) -> None:
    """The SDK ignores it in silence, and so the key in it."""
    here = situation(tmp_path, Case({}))
    (tmp_path / "credentials").write_text("# mine\naws_access_key_id = AKIA1\n[work]\nregion = x\n")
    told = Explanation(Situation(here.environ, None, "js", NOW))
    assert told.matters
    (finding,) = told.findings
    assert finding.code == "line-before-sections"
    assert f"line 2 of {tmp_path / 'credentials'}" in finding.message


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("AWS_DEFAULT_REGION", "region"),
        ("export AWS_REGION", "region"),
        ("aws_role_arn", "role_arn"),
    ],
)
@pytest.mark.parametrize("file", ["credentials", "config"])
def test_the_name_of_a_variable_is_reported_and_becomes_that_of_the_setting(
    tmp_path, name: str, setting: str, file: str
) -> None:
    """No AWS tool reads the line, in either file."""
    here = situation(tmp_path, Case({"default": KEYS}, {"default": {"output": "json"}}))
    path = tmp_path / file
    path.write_text(f"{path.read_text()}{name} = eu-west-1\n")
    ill = Situation(here.environ, None, "boto3", NOW)
    (finding,) = (one for one in find(ill) if one.code == "setting-unread")
    assert f"the setting is called {setting}" in finding.leads_to
    mended = after_the_fix(finding, here, None, "boto3")
    assert mended.values[setting] == "eu-west-1"
    assert "setting-unread" not in [one.code for one in find(mended)]


def test_keys_with_the_export_of_a_shell_are_reported_and_the_fix_leads_to_them(tmp_path) -> None:
    lines = {f"export {key.upper()}": value for key, value in KEYS.items()}
    here = situation(tmp_path, Case({"w": lines}, flag="w"))
    for finding in find(here):
        if finding.code == "keys-unread":
            run(["sh", "-c", finding.fix], check=True)
    mended = Situation(here.environ, "w", "boto3", NOW)
    assert mended.chain.winner.access_key_id == KEYS["aws_access_key_id"]


@pytest.mark.parametrize("keys", [{"default": KEYS | {"aws_secret_access_key": "q" * 42}}, {}])
def test_a_secret_of_a_wrong_length_is_reported_without_it(tmp_path, keys) -> None:
    variables = {} if keys else VARIABLES | {"AWS_SECRET_ACCESS_KEY": "q" * 42}
    told = Explanation(situation(tmp_path, Case(keys, {}, variables)))
    text = "\n".join(told.lines())
    assert "has 42 characters; those of AWS have 40" in text
    assert "qqq" not in text + told.as_json()
    assert not told.matters


def test_a_secret_of_another_service_than_aws_is_not_measured(tmp_path) -> None:
    case = Case({"default": {"aws_access_key_id": "minioadmin", "aws_secret_access_key": "short"}})
    assert found(tmp_path, case) == {}


@pytest.mark.parametrize(
    ("source", "region", "is_told"),
    [
        ({"region": "us-west-2", "sts_regional_endpoints": "legacy"}, "ap-east-1", True),
        ({"region": "us-west-2", "sts_regional_endpoints": "legacy"}, "eu-west-1", False),
        ({"region": "us-west-2", "sts_regional_endpoints": "regional"}, "ap-east-1", False),
        ({"region": "us-west-2"}, "ap-east-1", False),
        ({"sts_regional_endpoints": "legacy"}, "ap-east-1", False),  # the region's own endpoint
        ({"region": "ap-east-1", "sts_regional_endpoints": "legacy"}, "ap-east-1", False),
    ],
)
def test_a_session_of_the_global_endpoint_in_an_opt_in_region_is_reported(
    tmp_path, source: dict[str, str], region: str, is_told: bool
) -> None:
    """Its tokens hold in the regions that every account has (IAM User Guide)."""
    case = Case({"default": KEYS, "mfa": LIVE}, {"default": source, "mfa": {"region": region}},
                {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "mfa")  # fmt: skip
    assert ("session-of-global-endpoint" in found(tmp_path, case)) is is_told


@pytest.mark.parametrize(
    "region", ["us-east-1", "us-gov-west-1", "us-isob-east-1", "eusc-de-east-1", "ap-southeast-7"]
)
def test_a_region_of_aws_is_not_reported(tmp_path, region: str) -> None:
    variables = {"AWS_DEFAULT_REGION": region, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert found(tmp_path, Case({"default": KEYS}, {}, variables)) == {}
    # an emulator may have regions of its own
    assert found(tmp_path, Case({"default": KEYS}, {}, {"AWS_DEFAULT_REGION": "local"})) == {}


def test_the_fix_of_keys_with_a_comment_leaves_the_key(tmp_path) -> None:
    here = situation(tmp_path, Case({"w": {key: f"{value} # main" for key, value in KEYS.items()}},
                                    flag="w"))  # fmt: skip
    (finding,) = (one for one in find(here) if one.code == "keys-quoted")
    assert "is followed by a comment" in finding.message
    mended = after_the_fix(finding, here, "w", "boto3")
    assert find(mended) == []
    assert mended.chain.winner.access_key_id == KEYS["aws_access_key_id"]


def test_a_key_before_a_colon_is_reported_for_javascript_and_the_fix_keeps_it(tmp_path) -> None:
    """boto3 takes `:` for `=`."""
    here = situation(tmp_path, Case({"w": KEYS}, flag="w"))
    path = tmp_path / "credentials"
    path.write_text(path.read_text().replace("aws_access_key_id =", "aws_access_key_id:"))
    (finding,) = find(Situation(here.environ, "w", "js", NOW))
    assert finding.code == "keys-in-capitals"
    assert "not before `=`" in finding.message
    mended = after_the_fix(finding, here, "w", "js")
    assert find(mended) == []
    assert mended.chain.winner.access_key_id == KEYS["aws_access_key_id"]


def test_the_lines_that_are_needless_become_comments(tmp_path) -> None:
    """If they were removed, the numbers in the other commands would be wrong."""
    exported = {f"export {key.upper()}": "old" for key in KEYS}
    here = situation(tmp_path, Case({"w": exported | KEYS}, flag="w"))
    for finding in find(here):
        assert (finding.code, finding.matters) == ("keys-unread", False)
        run(["sh", "-c", finding.fix], check=True)
    mended = Situation(here.environ, "w", "boto3", NOW)
    assert find(mended) == []
    assert mended.values == KEYS


@pytest.mark.parametrize("header", ["[ profile dev ]", "[Profile dev]"])
@pytest.mark.parametrize("sdk", ["boto3", "js"])
def test_a_header_with_blanks_or_capitals_is_reported_and_mended(
    tmp_path, header: str, sdk: str
) -> None:
    here = situation(tmp_path, Case({"default": KEYS}, flag="dev"), sdk)
    config = tmp_path / "config"
    config.write_text(
        f"{header}\nregion = eu-west-1\nrole_arn = {ROLE}\nsource_profile = default\n"
    )
    fixes = {finding.code: finding.fix for finding in find(here)}
    run(["sh", "-c", fixes["wrong-header"]], check=True)
    mended = Situation(here.environ, "dev", sdk, NOW)
    assert mended.values["role_arn"] == ROLE


def test_a_role_without_a_source_is_not_to_be_removed_for_the_keys_beside_it(tmp_path) -> None:
    """Two commands that contradict each other lead nowhere."""
    case = Case({"a": KEYS}, {"a": {"role_arn": ROLE}}, {}, "a")
    assert list(found(tmp_path, case)) == ["role-without-source"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can be another")
@pytest.mark.parametrize("file", ["credentials", "config"])
@pytest.mark.parametrize(("owner", "fix"), [(0, 'sudo chown "$(id -u)"'), (4321, "chmod u+r")])
def test_a_file_that_only_another_can_read_is_reported(file: str, owner: int, fix: str) -> None:
    """It is as if it was empty to AWS tools: `sudo aws configure` leaves such files."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        here = situation(folder, Case({"default": KEYS}))
        path = folder / file
        path.chmod(0o600 if owner == 0 else 0)
        os.chown(path, owner, -1)
        os.chown(folder / ("config" if file == "credentials" else "credentials"), 4321, -1)
        os.seteuid(4321)
        try:
            findings = find(here)
        finally:
            os.seteuid(0)
    (finding,) = [one for one in findings if one.code == "search-fails"]
    assert finding.message == f"cannot read {path}: Permission denied"
    assert finding.fix == f"{fix} {path}"
    assert finding.matters
