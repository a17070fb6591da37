"""The lossless document."""

from __future__ import annotations

import re

import botocore.configloader
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfakit.errors import FileError, UsageError
from mfakit.profiles.document import Document

ODD = (
    "\ufeff; a comment\r\n"
    "[default]\r\n"
    "AWS_Access_Key_ID   =   AKIA1\r\n"
    "  # indented comment\r\n"
    "aws_secret_access_key:abc=def ; not a comment\r\n"
    "\r\n"
    "# of the next section\r\n"
    "[ spaced ]\r\n"
    "s3 =\r\n"
    "    max_concurrent_requests = 20\r\n"
    "region=eu-west-1"
)


def test_reads_what_stands_in_an_odd_file() -> None:
    """Keys in any case, both delimiters, comments, nesting, CRLF, a byte-order mark."""
    document = Document(ODD, "credentials")
    assert document.names() == ["default", "spaced"]
    assert document.section("default") == {
        "aws_access_key_id": "AKIA1",
        "aws_secret_access_key": "abc=def ; not a comment",
    }
    assert document.section("spaced") == {
        "s3": "\nmax_concurrent_requests = 20",
        "region": "eu-west-1",
    }


def test_an_edit_changes_only_its_own_lines() -> None:
    """A value is replaced where it stands; new keys come behind the last, in the file's manner."""
    document = Document(ODD, "credentials")
    document.update("default", {"aws_access_key_id": "ASIA1", "aws_session_token": "t"})
    assert document.text == ODD.replace("AKIA1", "ASIA1").replace(
        "not a comment\r\n", "not a comment\r\naws_session_token:t\r\n"
    )


def test_a_missing_section_comes_last() -> None:
    """It is set apart by a blank line, and the last line gets the ending that it lacked."""
    document = Document("[a]\nk = v", "credentials")
    document.update("b", {"k": "w"})
    assert document.text == "[a]\nk = v\n\n[b]\nk = w\n"


def test_removing_a_key_removes_its_nested_lines() -> None:
    """A nested value goes with its key."""
    document = Document(ODD, "credentials")
    document.update("spaced", {"s3": None})
    expected = ODD.replace("s3 =\r\n    max_concurrent_requests = 20\r\n", "")
    # botocore would not find the profile by a header with spaces in it
    assert document.text == expected.replace("[ spaced ]", "[spaced]")


@pytest.mark.parametrize(
    ("text", "line"),
    [("key = value\n", 1), ("[a]\nk = v\njunk\n", 3), ("[a]\n= v\n", 2), ("[a\nk = v\n", 1)],
)
def test_what_cannot_be_parsed_names_file_and_line(text: str, line: int) -> None:
    """The error says where to look."""
    with pytest.raises(FileError, match=f"credentials, line {line}: "):
        Document(text, "credentials")


NAMES = st.text("abcXYZ019-_.@ü", min_size=1, max_size=8)
KEYS = st.sampled_from(["aws_access_key_id", "Region", "output", "s3", "x-y"])
VALUES = (
    st.text("abc019/+=#;[]: ü", max_size=12).map(str.strip).filter(lambda text: " #" not in text)
)
BLANKS = st.sampled_from(["", "\n", "# comment\n", "; other\n", "  # indented\n"])


@st.composite
def files(draw: st.DrawFn) -> str:
    parts = [draw(BLANKS)]
    for name in draw(st.lists(NAMES, unique=True, max_size=4)):
        parts.append(f"[{name}]\n")
        for key in draw(st.lists(KEYS, unique_by=str.lower, max_size=4)):
            sign = draw(st.sampled_from(["=", " = ", ": "]))
            parts += [f"{key}{sign}{draw(VALUES)}\n", draw(BLANKS)]
    text = "".join(parts)
    text = text if draw(st.booleans()) else text.rstrip("\n")
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@given(files())
def test_reads_what_botocore_reads(text: str) -> None:
    """For any file that botocore takes, both see the same sections and values."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "credentials")
        path.write_bytes(text.encode())
        theirs = botocore.configloader.raw_config_parse(str(path), parse_subsections=False)
    document = Document(text, "credentials")
    assert {name: document.section(name) for name in document.names()} == theirs


@given(files(), NAMES, st.dictionaries(KEYS.map(str.lower), VALUES | st.none(), max_size=4))
def test_other_sections_stay_as_they_were(
    text: str, name: str, values: dict[str, str | None]
) -> None:
    """Whatever is edited, all text before and after the section is the same, byte for byte."""
    before = Document(text, "credentials")
    after = Document(text, "credentials")
    after.update(name, values)
    assert after.section(name) == {
        key: value for key, value in (before.section(name) | values).items() if value is not None
    }
    if before.has_section(name):
        above, _, rest = text.partition(f"[{name}]")
        *_, below = re.split(r"(?<=\n)(?=\[)", rest, maxsplit=1)
        assert after.text.startswith(f"{above}[{name}]")
        assert below == rest or after.text.endswith(below)
    else:
        assert after.text.startswith(text)
        assert Document(after.text, "credentials").text == after.text


def test_a_comment_behind_a_value_is_no_part_of_it() -> None:
    """As other SDKs read it; botocore alone takes it in. A new value has none."""
    document = Document("[a]\nregion = eu-west-1 # Ireland\nk = a#b\n", "config")
    assert document.section("a") == {"region": "eu-west-1", "k": "a#b"}
    document.update("a", {"region": "us-east-1"})
    assert document.text == "[a]\nregion = us-east-1\nk = a#b\n"


@pytest.mark.parametrize("value", ["z\nb", "z\x00", " z", "z ", "z #b", "z\rb", "z\u2028"])
def test_a_value_that_could_not_be_read_back_is_refused(value: str) -> None:
    """It would add lines of its own, or be cut short; it is not shown, for it may be a secret."""
    document = Document("[a]\nk = v\n", "credentials")
    with pytest.raises(UsageError) as caught:
        document.update("a", {"k": value})
    assert value not in caught.value.message
    assert document.text == "[a]\nk = v\n"


def test_a_section_that_comes_twice_is_read_and_edited_as_one() -> None:
    """The later one counts, key by key, so both have to change."""
    document = Document("[a]\nk = 1\nj = 2\n[b]\n[a]\nk = 3\n", "credentials")
    assert document.section("a") == {"k": "3", "j": "2"}
    document.update("a", {"k": "4", "j": None, "new": "5"})
    assert document.text == "[a]\nk = 4\n[b]\n[a]\nk = 4\nnew = 5\n"
    document.remove_section("a")
    assert document.text == "[b]\n"


def test_indented_headers_and_lone_returns_are_seen_as_configparser_sees_them() -> None:
    """Deeper than the key above they are a part of its value, else a header."""
    text = "[a]\r  k = v\r    [not a header]\r  [b]\rj = w\r"
    document = Document(text, "config")
    assert document.names() == ["a", "b"]
    assert document.section("a") == {"k": "v\n[not a header]"}
    document.update("b", {"j": "x"})
    assert document.text == text.replace("w", "x")


@given(st.binary(max_size=60) | st.text("[]=:#; ak\n\r\t\ufeff", max_size=40).map(str.encode))
def test_any_bytes_are_parsed_or_refused(content: bytes) -> None:
    """With a clear error; and what is parsed comes out as it went in."""
    try:
        document = Document(content.decode("utf-8"), "credentials")
    except (FileError, UnicodeDecodeError):
        return
    assert document.text.encode() == content
    before = {name: document.section(name) for name in document.names()}
    document.update("new", {"k": "v"})
    after = Document(document.text, "credentials")
    assert {name: after.section(name) for name in after.names()} == before | {"new": {"k": "v"}}


@given(files(), NAMES, NAMES)
def test_what_is_written_is_read_back(text: str, name: str, value: str) -> None:
    """Whatever the file looked like."""
    document = Document(text, "credentials")
    document.update(name, {"aws_session_token": value})
    assert Document(document.text, "credentials").section(name)["aws_session_token"] == value
    document.remove_section(name)
    assert not document.has_section(name)
