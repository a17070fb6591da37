"""The lossless document."""

from __future__ import annotations

import botocore.configloader
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfakit.errors import FileError
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
    assert document.text == ODD.replace("s3 =\r\n    max_concurrent_requests = 20\r\n", "")


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
VALUES = st.text("abc019/+=#;[]: ü", max_size=12).map(str.strip)
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
        section = next(part for part in before.sections if part.name == name)
        assert after.text.startswith("".join(before.lines[: section.start]))
        assert after.text.endswith("".join(before.lines[section.end :]))
    else:
        assert after.text.startswith(text)
        assert Document(after.text, "credentials").text == after.text
