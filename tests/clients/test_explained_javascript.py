"""What explain says of the SDK for JavaScript is what that SDK itself finds."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.explain.drawn import ROLE, SERIAL, cases

from mfakit.explain.chain import FAILED
from mfakit.explain.javascript import profiles_of, walk_javascript


def said(environ: dict[str, str], flag: str | None) -> str:
    """Return the key, `asked` or `error`."""
    winner = walk_javascript(flag, environ, datetime.now(UTC)).winner
    if winner is None or winner.state == FAILED:
        return "error"
    return "asked" if winner.asks else str(winner.access_key_id)


def found(answer: dict[str, str]) -> str:
    if "error" in answer:
        return "error"
    return "asked" if answer["key"] in ("ROLE", "PROCESS") else answer["key"]


def compare(home, javascript, questions: list[tuple[dict[str, str], str | None, object]]) -> None:
    """Ask the SDK in one process for all environments: each would take half a second alone."""
    asked = [{"environ": environ, "profile": flag} for environ, flag, _ in questions]
    done = home.run("node", str(javascript / "resolve.mjs"), stdin=json.dumps(asked))
    assert done.returncode == 0, done.stderr
    for (environ, flag, shown), answer in zip(questions, json.loads(done.stdout), strict=True):
        assert profiles_of(environ) == answer["profiles"], shown
        assert said(environ, flag) == found(answer), shown


def drawn_from(strategy, number: int) -> list:
    drawn = []

    @settings(max_examples=number, database=None, phases=[Phase.generate])
    @given(value=strategy)
    def draw(value) -> None:
        drawn.append(value)

    draw()
    return drawn


def test_the_explained_winner_is_the_one_of_the_javascript_sdk(tmp_path, home, javascript) -> None:
    """If the SDK's search fails, the explanation says so."""
    questions = []
    for number, case in enumerate(drawn_from(cases(online=False), 300)):
        folder = tmp_path / str(number)
        folder.mkdir()
        questions.append((case.settle(folder), case.flag, case))
    compare(home, javascript, questions)


NAMES = ("default", "work", "a b", "a b c", "é", "a.b", "profile work", "x/y@z", '"a b"')
HEADERS = st.builds(
    lambda kind, name, end: f"[{kind}{name}]{end}",
    st.sampled_from(("", "", "profile ", "profile\t", "profile  ", "Profile ", "profile.", " ")),
    st.sampled_from(NAMES),
    st.sampled_from(("", " ", " # why", "#why", ";", "\ufeff")),
)
KEY_NAMES = ("aws_access_key_id", "aws_secret_access_key")
ENTRIES = st.builds(
    lambda indent, key, sign, value: f"{indent}{key}{sign}{value}",
    st.sampled_from(("", "", "", "  ", "\u3000")),
    st.sampled_from(
        (*KEY_NAMES, *KEY_NAMES, "AWS_ACCESS_KEY_ID", "role_arn", "source_profile", "s3", "")
    ),
    st.sampled_from(("=", " = ", "=", ":", " : ", "", "==", "\xa0=\xa0")),
    st.sampled_from(("A", "B", ROLE, "default", "work", "", " ", "x # y", "x#y", "# y", '"q"')),
)
JUNK = st.sampled_from(("junk", "# [work]", ";", "", "[", "]", "[]", "[work", "= x", "\x1c", "\r"))
LINES = st.lists(st.one_of(HEADERS, ENTRIES, ENTRIES, ENTRIES, JUNK), max_size=14)
TEXTS = st.builds(
    lambda lines, newline, start: start + newline.join(lines),
    LINES,
    st.sampled_from(("\n", "\n", "\r\n")),
    st.sampled_from(("", "", "\ufeff", "[default]\n", "[profile work]\n")),
)


def test_odd_files_are_read_as_the_javascript_sdk_reads_them(tmp_path, home, javascript) -> None:
    """The files have keys in other cases, colons, odd names, empty values, junk and comments."""
    questions = []
    homes = st.tuples(TEXTS, TEXTS, st.sampled_from((None, *NAMES)))
    for number, (credentials, config, flag) in enumerate(drawn_from(homes, 400)):
        folder = tmp_path / str(number)
        (folder / ".aws").mkdir(parents=True)
        (folder / ".aws" / "credentials").write_bytes(credentials.encode())
        (folder / ".aws" / "config").write_bytes(config.encode())
        environ = {"HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
        questions.append((environ, flag, (credentials, config, flag)))
    compare(home, javascript, questions)


KEYS = "aws_access_key_id = {}\naws_secret_access_key = s\n"
ROLE_OF = f"[profile r]\nrole_arn = {ROLE}\n"
URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
SSO = "sso_account_id = 123456789012\nsso_role_name = r\n"
START = "sso_start_url = https://example.com\nsso_region = eu-west-1\n"
A = "[default]\n" + KEYS.format("A")
FILE = "AWS_SHARED_CREDENTIALS_FILE"
HOMES = [
    # credentials file, config file, variables, the profile of the program
    (A, "", {FILE: "$HOME/.aws/credentials"}, None),
    (A, "", {FILE: "~/.aws/credentials"}, None),
    (A, "", {FILE: "~"}, None),
    (A, "", {FILE: ""}, None),
    ("", "[default]\n" + KEYS.format("A"), {"AWS_CONFIG_FILE": "~/.aws/config"}, None),
    ("", "[default]\n" + KEYS.format("A"), {"AWS_CONFIG_FILE": "${HOME}/.aws/config"}, None),
    (A.upper(), "", {}, None),
    ("[default]\naws_access_key_id: A\naws_secret_access_key: s\n", "", {}, None),
    ("", "[default]\n" + KEYS.format("A") + "[profile default]\n" + KEYS.format("B"), {}, None),
    ("[profile work]\n" + KEYS.format("A"), "", {}, "profile.work"),
    ("[a b]\n" + KEYS.format("A"), "", {}, "a b"),
    ("[a b c]\n" + KEYS.format("A"), "", {}, "a b c"),
    ("", '[profile "a b"]\n' + KEYS.format("A"), {}, "a b"),
    ("", "[profile é]\n" + KEYS.format("A"), {}, "é"),
    ("[é]\n" + KEYS.format("A"), "", {}, "é"),
    ("", "[profile.x]\n" + KEYS.format("A"), {}, "x"),
    ("junk\n[default]\nmore junk\n" + KEYS.format("A"), "also junk\n", {}, None),
    ("[default]\naws_session_token =\n" + KEYS.format("A"), "", {}, None),
    ("[default]\ns3 =\n  aws_access_key_id = A\naws_secret_access_key=s", "", {}, None),
    (A, "", {"AWS_PROFILE": "nowhere"}, None),
    (A, "", {"AWS_PROFILE": ""}, ""),
    (A + "[__proto__]\n", "", {}, None),
    # what the SDK asks, and what it lacks for that
    ("", "[default]\ncredential_process =\n", {}, None),
    ("", "[default]\ncredential_process = /nowhere/program x\n", {}, None),
    ("", "[default]\ncredential_process = nowhere-program x\n", {}, None),
    ("", f"[default]\nweb_identity_token_file = /nowhere\nrole_arn = {ROLE}\n", {}, None),
    ("", f"[default]\nweb_identity_token_file = /etc/passwd\nrole_arn = {ROLE}\n", {}, None),
    ("", "", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere", "AWS_ROLE_ARN": ROLE}, None),
    ("", "", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/etc/passwd", "AWS_ROLE_ARN": ROLE}, None),
    ("", "", {URI: "http://example.com/v1"}, None),
    ("", "", {URI: "junk"}, None),
    ("", "[default]\n" + SSO + START, {}, None),
    ("", "[default]\n" + SSO, {}, None),
    ("", "[default]\nsso_session = house\n" + SSO + "[sso-session house]\n" + START, {}, None),
    ("", "[default]\nsso_session = house\n" + SSO, {}, None),
    ("", ROLE_OF + "credential_source = EcsContainer\n", {}, "r"),
    ("", ROLE_OF + "credential_source = Environment\n", {}, "r"),
    ("", ROLE_OF + f"mfa_serial = {SERIAL}\ncredential_source = Environment\n", {}, "r"),
    ("[k]\n" + KEYS.format("A"), ROLE_OF + "source_profile = k\n", {}, "r"),
    ("", ROLE_OF + "source_profile = k\n[profile k]\ncredential_source = Environment\n",
     {"AWS_ACCESS_KEY_ID": "V", "AWS_SECRET_ACCESS_KEY": "s"}, "r"),
    ("", ROLE_OF + "source_profile = k\n[profile k]\ncredential_source = Environment\n", {}, "r"),
]  # fmt: skip


def test_each_known_oddity_is_what_the_javascript_sdk_does(tmp_path, home, javascript) -> None:
    questions = []
    for number, (credentials, config, variables, flag) in enumerate(HOMES):
        folder = tmp_path / str(number)
        (folder / ".aws").mkdir(parents=True)
        (folder / ".aws" / "credentials").write_text(credentials)
        (folder / ".aws" / "config").write_text(config)
        environ = {"HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true", **variables}
        questions.append((environ, flag, (credentials, config, variables, flag)))
    compare(home, javascript, questions)
