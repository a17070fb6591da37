"""What mfakit writes, botocore reads, and what botocore reads, mfakit reads the same.

botocore's own loader is the oracle, and the files and the names are hostile. So that each file is
read at once, it gets an old time: a file that has just changed may still be being written.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from configparser import RawConfigParser
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import botocore.session
import pytest
from botocore.configloader import _parse_nested
from botocore.credentials import SharedCredentialProvider
from botocore.exceptions import ConfigParseError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mfakit import (
    MFAKitError,
    SessionCredentials,
    read_settings,
    remove_session,
    write_session,
    write_settings,
)
from mfakit.errors import UnreadableError
from mfakit.profiles.aws_files import AWSFiles

pytestmark = pytest.mark.pythons

END = datetime(2126, 1, 1, tzinfo=UTC)
SESSION = SessionCredentials("ASIANEW", "new-secret", "new-token", END)
IN_JSON = json.dumps({
    "Credentials": {
        "AccessKeyId": "ASIANEW", "SecretAccessKey": "new-secret", "SessionToken": "new-token",
        "Expiration": "2126-01-01T00:00:00Z",
    }
})  # fmt: skip
SERIAL = "arn:aws:iam::123456789012:mfa/alice"


class Files:
    """The two AWS files in a folder, as botocore reads them."""

    def __init__(self, folder: Path) -> None:
        self.credentials = folder / "credentials"
        self.config = folder / "config"
        self.environ = {
            "HOME": str(folder),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_CONFIG_FILE": str(self.config),
        }

    def lay(self, credentials: str, config: str) -> None:
        for path, text in ((self.credentials, credentials), (self.config, config)):
            path.write_bytes(text.encode())
            path.chmod(0o600)
            os.utime(path, (0, 0))

    def content(self) -> tuple[bytes, bytes]:
        return self.credentials.read_bytes(), self.config.read_bytes()

    def profiles(self) -> dict[str, dict[str, str | dict[str, str]]] | None:
        """Return every profile as botocore reads it; None if it cannot read a file."""
        variables = {
            "config_file": (None, None, str(self.config), None),
            "credentials_file": (None, None, str(self.credentials), None),
            "profile": (None, None, None, None),
        }
        try:
            return botocore.session.Session(session_vars=variables).full_config["profiles"]
        except ConfigParseError:
            return None


@contextmanager
def files_with(credentials: str, config: str) -> Iterator[Files]:
    with TemporaryDirectory() as folder:
        files = Files(Path(folder))
        files.lay(credentials, config)
        yield files


NAMES = st.sampled_from([
    "mfa", "mfa ", " mfa", "default", "DEFAULT", "o'brien", 'say "hi"', "back\\slash", "my role",
    "it's \"\\", "profile mfa", "profiles", "a]b", "[a", "#x", "a=b", "a:b", "ü", "", "a\tb", "$X",
]) | st.text("ab'\"\\ #;=:[]", max_size=5)  # fmt: skip
# Most of them can be written, and occur in the files.
WRITTEN = st.sampled_from(["mfa", "default", "o'brien", 'say "hi"', "back\\slash", "a=b"]) | NAMES
HEADERS = st.one_of(
    st.builds("[{}]".format, NAMES),
    st.builds("[profile {}]".format, NAMES),
    st.builds("[profile {}]".format, NAMES.map(shlex.quote)),
    st.builds('[profile "{}"]'.format, NAMES),
    st.sampled_from([
        "[profiles mfa]", "[profile-x mfa]", "[profile\tmfa]", "[profile  mfa ]", "[ mfa ]",
        "[DEFAULT]", "[mfa] # text", "[profile mfa role]", "[sso-session mfa]", "[[", "[]", "[ ]",
    ]),
)  # fmt: skip
KEYS = st.sampled_from([
    "region", "Region", "output", "mfa_serial", "aws_access_key_id", "AWS_Session_Token",
    "aws_secret_access_key", "aws_security_token", "mfakit_duration", "s3", "x y", "-x",
])  # fmt: skip
VALUES = st.sampled_from(
    ["", "v", "eu-west-1 # Ireland", "a;b ; c", "ASIAOLD", "AKIAOLD", "[x]", "k = v", "ü", "\ufeff"]
)
LINES = st.builds("{}{}{}".format, KEYS, st.sampled_from([" = ", "=", ":", " :\t"]), VALUES)
NESTED = st.sampled_from(
    ["", "", "", "\n  x = 1", "\n\n \tx = 1\n  y=2", "\n  # note\n\n  z = 1 ", "\n  [x]", "\n  x"]
)
SECTIONS = st.builds(
    lambda header, lines: "\n".join([header, *lines]),
    HEADERS,
    st.lists(
        st.builds("{}{}".format, LINES, NESTED), max_size=3, unique_by=lambda line: line[:3].lower()
    ),
)
ODD = st.sampled_from(
    ["# text", "; [x]", "", "  ", " # text", "junk", "= v", "\ufeff", " [b]", "\x0b", "k = v\x1c"]
)
TEXTS = st.builds(
    lambda blocks, end, newline: ("\n".join(blocks) + end).replace("\n", newline),
    st.lists(SECTIONS | SECTIONS | SECTIONS | SECTIONS | SECTIONS | ODD, max_size=4),
    st.sampled_from(["", "\n", "\n\n"]),
    st.sampled_from(["\n", "\n", "\r\n", "\r"]),
)


def as_botocore(value: str) -> str | dict[str, str]:
    return _parse_nested(value) if value.startswith("\n") else value


@given(TEXTS, TEXTS)
@example("", "[default]\nregion = a\n[profile default]\noutput = b\n")
@example("", "[profile default]\nregion = a\n[default]\noutput = b\n")
@example("", "[profiles a]\nregion = a\n[profilex b]\nregion = b\n")
@example("[[\n[a]", "")
@example("[DEFAULT]\nx = 1\n[DEFAULT]\ny = 2\n[a]\ny = 3\n[b]\n", "")
def test_every_profile_reads_as_in_botocore(credentials: str, config: str) -> None:
    """This holds for any files; those that botocore cannot read are refused, and no others.

    (But for malformed nesting in ``[DEFAULT]``, which botocore ignores if no section inherits it.)
    """
    with files_with(credentials, config) as laid:
        theirs, files = laid.profiles(), AWSFiles(laid.environ)
        try:
            ours = {
                name: {key: as_botocore(value) for key, value in files.merged(name).items()}
                for name in files.profiles()
            }
        except UnreadableError:
            ours = None
        assert ours == theirs or (ours is None and "[DEFAULT]" in credentials + config)


ALIKE = [f"[p{n}]\noutput = {n}\naws_session_token = {'t' * 700}\n\n" for n in range(400)]


@settings(max_examples=25)
@given(st.lists(SECTIONS | SECTIONS | ODD, max_size=3), st.sampled_from([0, 1, 2, 200, 400]))
@example(["[p3]\n"], 200)
@example(["[b]\nk = v", "[b]"], 2)
@example(["[DEFAULT]\nk = v"], 200)
@example(["k = [p3x]\n[q]\noutput = [x]", " output = y"], 200)
@example(["output = y"], 0)
@example(["[]", f"output = x\\naws_session_token = {'t' * 700}\\n"], 200)
@example(["[p1x]", f"output = x\\noutput = {'t' * 700}\\n"], 200)
def test_a_large_file_of_sections_that_are_alike_reads_as_in_botocore(
    blocks: list[str], place: int
) -> None:
    """It is read in another way, since only the other sections are looked at one by one."""
    others = "".join(f"{block}\n" for block in blocks)
    with files_with("".join([*ALIKE[:place], others, *ALIKE[place:]]), "") as laid:
        theirs, files = laid.profiles(), AWSFiles(laid.environ)
        try:
            ours = {name: files.credentials(name) for name in files.profiles()}
        except UnreadableError:
            ours = None
        assert ours == theirs or "[DEFAULT]" in others or "\n  " in others
        assert ours is None or theirs is None or list(ours) == list(theirs)


@given(TEXTS, TEXTS, WRITTEN)
@example("[mfa ]\naws_access_key_id = ASIAOLD\naws_session_token = old\n", "", "mfa")
@example("[DEFAULT]\naws_security_token = old\n[mfa]\n", "", "mfa")
@example("[DEFAULT]\naws_security_token = old\n", "", "mfa")
@example("[DEFAULT]\naws_access_key_id =\nregion = x\n", "", "mfa")
@example("", "", "DEFAULT")
@example("[mfa]\nRegion = a\nregion = b\n", "", "mfa")
@example("[a]\nk = v\r[b]\nk = v\r", "", "mfa")
def test_botocore_reads_a_session_that_was_written_and_all_else_as_before(
    credentials: str, config: str, name: str
) -> None:
    """If not, the function refuses, and changes nothing."""
    with files_with(credentials, config) as laid:
        before, content = laid.profiles(), laid.content()
        try:
            write_session(name, SESSION, environ=laid.environ)
        except MFAKitError:
            assert laid.content() == content
            return
        after = laid.profiles()
        assert before is not None
        assert after is not None
        assert without(after, name) == without(before, name)
        found = SharedCredentialProvider(str(laid.credentials), name).load()
        assert (found.access_key, found.secret_key, found.token) == (
            "ASIANEW", "new-secret", "new-token",
        )  # fmt: skip
        os.utime(laid.credentials, (0, 0))
        content = laid.content()
        try:
            remove_session(name, environ=laid.environ)
        except MFAKitError:  # `[DEFAULT]` has keys, too
            assert laid.content() == content
            return
        after = laid.profiles()
        assert after is not None
        assert without(after, name) == without(before, name)
        assert "new-token" not in after.get(name, {}).values()


def without(profiles: dict[str, object], name: str) -> dict[str, object]:
    return {other: values for other, values in profiles.items() if other != name}


def of_default(text: str) -> list[tuple[str, str]]:
    """Return the keys and values of ``[DEFAULT]``, which botocore's parser gives every section."""
    parser = RawConfigParser()
    parser.read_string(text)
    return list(parser.defaults().items())


SETTINGS = st.dictionaries(
    st.sampled_from(["region", "Region", "mfakit_duration", "s3", "output", "x y"])
    | st.sampled_from(["", "#x", "[x]", "a=b", " x"])
    | st.text("ab#;=:[] \n", max_size=3),
    st.sampled_from(["new", "", None, "a;b", "[x]", "= v", "ü"])
    | st.sampled_from([" x", "x\ny", "a #b"])
    | st.text("ab'\"\\ #;=:[]", max_size=5),
    min_size=1,
    max_size=2,
)


@given(TEXTS, TEXTS, WRITTEN, SETTINGS)
@example("", "[default]\nregion = a\n[profile default]\nregion = b\n", "default", {"region": "c"})
@example("", "[profile default]\nregion = a\n[default]\n", "default", {"region": "c"})
@example("", "[profile mfa]\nregion = a\n", "mfa", {"Region": "c"})
@example("", "", "mfa", {"Region": "a", "region": "b"})
@example("", "[DEFAULT]\nregion = a\n[profile mfa]\n", "mfa", {"region": None})
@example("[mfa]\nregion = a\n", "", "mfa", {"region": "b"})
@example("[mfa]\nregion = a\n", "[profile mfa]\nregion = c\n", "mfa", {"region": None})
@example("[mfa]\nregion = a\n", "", "mfa", {"Region": "b", "#x": "c"})
@example("[DEFAULT]\nregion = a\n[mfa]\n", "", "mfa", {"Region": "b"})
@example("", "[DEFAULT]\noutput = \n", "mfa", {"region": "b"})
def test_botocore_reads_settings_that_were_written_and_all_else_as_before(
    credentials: str, config: str, name: str, wanted: dict[str, str | None]
) -> None:
    """If not, the function refuses, and changes nothing."""
    with files_with(credentials, config) as laid:
        before, content = laid.profiles(), laid.content()
        try:
            write_settings({name: wanted}, environ=laid.environ)
        except MFAKitError:
            assert laid.content() == content
            return
        after = laid.profiles()
        assert before is not None
        assert after is not None
        assert without(after, name) == without(before, name)
        lower = {key.lower(): value for key, value in wanted.items()}
        expected = {**before.get(name, {}), **lower}
        inherited = of_default(config)  # by a section that is new
        found = {
            key: value
            for key, value in after.get(name, {}).items()
            if key in expected or (key, value) not in inherited
        }
        assert found == {key: value for key, value in expected.items() if value is not None}


def kept(name: str, home: object) -> tuple[str, str, str]:
    """Return the keys that botocore finds for a profile in the credentials file."""
    found = SharedCredentialProvider(str(home.credentials), name).load()  # type: ignore[attr-defined]
    return found.access_key, found.secret_key, found.token


NEW = ("ASIANEW", "new-secret", "new-token")
OLD = "aws_access_key_id = ASIAOLD\naws_secret_access_key = old\naws_session_token = old\n"


def test_login_leaves_a_profile_whose_name_ends_with_a_space_alone(home) -> None:
    """Rewritten as a second `[mfa]`, it would keep every AWS tool from reading the file."""
    home.write_credentials(f"[mfa ]\n{OLD}[mfa]\n{OLD}")
    assert home.mfakit("login", "--from-json", "-", stdin=IN_JSON).returncode == 0
    assert home.credentials.read_text().startswith(f"[mfa ]\n{OLD}[mfa]\n")
    assert kept("mfa", home) == NEW
    assert kept("mfa ", home) == ("ASIAOLD", "old", "old")


@pytest.mark.parametrize("command", ["login --from-json -", "configure"])
def test_no_command_writes_the_profile_default_in_capitals(home, command: str) -> None:
    """Every profile would read its keys."""
    done = home.mfakit(*command.split(), "--profile", "DEFAULT", stdin=IN_JSON)
    assert done.returncode == 64
    assert "'DEFAULT' cannot be a profile's name" in done.stderr
    assert not home.credentials.exists()
    assert not home.config.exists()


def test_login_refuses_when_every_profile_has_another_token(home) -> None:
    """Read from `[DEFAULT]`, the token under its older name would come before the new one."""
    text = f"[DEFAULT]\naws_security_token = old\n[mfa]\n{OLD}"
    home.write_credentials(text)
    done = home.mfakit("login", "--from-json", "-", stdin=IN_JSON)
    assert done.returncode == 1
    assert "every profile has the aws_security_token of [DEFAULT]" in done.stderr
    assert home.credentials.read_text() == text


def configure(home, *options: str) -> None:
    done = home.mfakit("configure", "--serial-number", SERIAL, "--duration", "1h", *options)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name", ["o'brien", 'say "hi"', "back\\slash", "it's \"\\", "my role", "a#b"]
)
def test_botocore_finds_a_configured_profile_whatever_its_name(home, name: str) -> None:
    home.write_credentials("[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")
    configure(home, "--profile", name, "--region", "eu-west-1")
    session = botocore.session.Session(
        profile=name, session_vars={"config_file": (None, None, str(home.config), None)}
    )
    assert session.get_scoped_config()["mfa_serial"] == SERIAL
    configure(home, "--profile", name, "--region", "eu-west-2")
    assert home.config.read_text().count("[") == 1


@pytest.mark.parametrize(
    ("config", "region"),
    [
        ("[default]\nregion = one\n[profile default]\nregion = two\n", "two"),
        ("[profile default]\nregion = one\n[default]\nregion = two\n", "two"),
        ("[default]\nregion = one\n[profile default]\noutput = json\n", None),
        ("[profiles default]\nregion = two\n", "two"),
    ],
)
def test_of_two_sections_for_one_profile_the_last_alone_counts(
    home, config: str, region: str | None
) -> None:
    """It is read, handed on, explained and written to, as in botocore."""
    home.write_credentials(f"[default]\n{OLD}expiration = 2126-01-01T00:00:00Z\n")
    home.write_config(config)
    assert read_settings("default", environ=home.environ).get("region") == region
    done = home.mfakit("env", "--shell", "json", "--profile", "default")
    assert json.loads(done.stdout).get("AWS_REGION") == region
    write_settings({"default": {"region": "new"}}, environ=home.environ)
    session = botocore.session.Session(
        session_vars={"config_file": (None, None, str(home.config), None)}
    )
    assert session.get_scoped_config()["region"] == "new"
    first = config.partition("\n[profile default]")[0].partition("\n[default]")[0]
    assert home.config.read_text().startswith(first if "\n[" in config else "")


@pytest.mark.parametrize("sdk", ["boto3", "cli", "js"])
def test_explain_names_a_value_that_sdks_read_differently(home, sdk: str) -> None:
    """botocore keeps what follows ` #`, and the others cut it off."""
    home.write_credentials(f"[default]\n{OLD}")
    home.write_config("[default]\nregion = eu-west-1 # Ireland\noutput = json ; text\n")
    done = home.mfakit("explain", "--sdk", sdk, "--json")
    (finding,) = [f for f in json.loads(done.stdout)["findings"] if f["code"] == "text-after-value"]
    assert f"region ({home.config}, line 2)" in finding["message"]
    assert f"output ({home.config}, line 3)" in finding["message"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[default]\nregion = x\n[default]\n", "line 3: the section [default] is there twice"),
        ("[default]\nregion = x\nRegion = x\n", "line 3: the key region is there twice"),
        ("\ufeff[default]\n", "byte-order mark"),
    ],
)
def test_explain_names_what_makes_a_file_unreadable(home, text: str, problem: str) -> None:
    home.write_config(text)
    done = home.mfakit("explain")
    assert done.returncode == 1
    assert problem in done.stdout
    assert str(home.config) in done.stdout
