"""The lossless document."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import botocore.configloader
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mfakit.errors import FileError, UsageError
from mfakit.profiles.document import Document

pytestmark = pytest.mark.pythons

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
            nested = draw(
                st.sampled_from(["", "", "  nested = 1\n", "\tmore\n  # note\n  yet more\n"])
            )
            parts += [f"{key}{sign}{draw(VALUES)}\n", nested, draw(BLANKS)]
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


TAIL = "[tail]\nkey =\n  nested\n"
PIECES = [
    "[a]",
    "[ a ]",
    "[b]",
    "[",
    "]",
    "k = v",
    "\nk=1\n",
    "\n  x",
    "k",
    "j",
    "=",
    ":",
    "#",
    ";",
]
SPACES = ["\n", "\r\n", "\r", " ", "\t", "\u2028", "\x0b"]
LOOSE = st.lists(st.sampled_from(PIECES + SPACES), max_size=25).map("".join)
EDIT: dict[str, str | None] = {"k": "new", "added": "too", "j": None}


def contents(document: Document, but: str) -> dict[str, dict[str, str]]:
    return {name: document.section(name) for name in document.names() if name != but}


@given(LOOSE)
@example("[[a]\n [a]")
@example("[z]\nk=1\n[a]\n    j = 1\n    [b]")
@example("[ ]")
def test_no_other_section_changes_however_odd_the_file(text: str) -> None:
    """Neither by an edit nor by removing a section, and what was edited is read back."""
    try:
        before = Document(text, "credentials")
    except FileError:
        return
    for name in before.names():
        edited = Document(text, "credentials")
        edited.update(name, EDIT)
        after = Document(edited.text, "credentials")
        assert contents(after, name) == contents(before, name)
        expected = before.section(name) | EDIT
        left = {key: value for key, value in expected.items() if value is not None}
        assert after.section(name) == left
        edited = Document(text, "credentials")
        edited.remove_section(name)
        after = Document(edited.text, "credentials")
        assert contents(after, name) == contents(before, name)
        assert after.section(name) == {}


@given(LOOSE)
def test_a_plain_file_is_seen_as_any_other(text: str) -> None:
    """That only a part of it is scanned makes no difference; a nested value ends that."""
    text += "\n"
    try:
        alone = Document(text, "credentials")
    except FileError:
        with pytest.raises(FileError):
            Document(text + TAIL, "credentials")
        return
    whole = Document(text + TAIL, "credentials")
    assert contents(whole, "tail") == contents(alone, "tail")
    for name in alone.names():
        alone, whole = Document(text, "credentials"), Document(text + TAIL, "credentials")
        alone.update(name, EDIT)
        whole.update(name, EDIT)
        assert whole.text == alone.text + TAIL


def work_of(act: Callable[[], object]) -> int:
    """Count the calls that a piece of work makes."""
    count = 0

    def called(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def test_ten_thousand_profiles_are_ten_times_the_work_of_a_thousand() -> None:
    """Whether one is read or written, or all are looked through."""

    def work(count: int) -> int:
        section = "[s{}]\naws_access_key_id = ASIA\naws_secret_access_key = s\n\n"
        text = "".join(section.format(number) for number in range(count))

        def act() -> None:
            document = Document(text, "credentials")
            document.update("s500", {"aws_session_token": "t"})
            document.section("s999")
            assert len(list(document.sections())) == count

        return work_of(act)

    assert work(10_000) < 11 * work(1000)


@pytest.mark.parametrize("line", ["k = a{}b", "k{}x = b", "{}", "[a{}]", "k = v{}#", "[{}"])
def test_a_line_of_blanks_takes_no_longer_than_it_is_long(line: str) -> None:
    """Ten times as many take ten times as long, where a pattern that goes back takes a hundred."""

    def seconds(blanks: int) -> float:
        text = "[a]\n" + line.format(" " * blanks) + "\n"
        took = []
        for _ in range(5):
            start = time.thread_time()
            with suppress(FileError):
                Document(text, "credentials").update("a", {"k": "v"})
            took.append(time.thread_time() - start)
        return min(took)

    assert seconds(100_000) < 40 * max(seconds(10_000), 1e-5)


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
