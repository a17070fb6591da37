"""Reading and editing an INI document without changing any other byte."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from io import StringIO

import botocore.configloader
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mfakit.errors import FileError, UsageError
from mfakit.profiles.document import Document

pytestmark = pytest.mark.pythons

ODD = (
    "; a comment\r\n"
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


def test_an_unusual_file_is_read_correctly() -> None:
    """It has keys in any case, both delimiters, comments, nesting and CRLF.

    The spaces in a header belong to the name, as in botocore.
    """
    document = Document(ODD, "credentials")
    assert document.names() == ["default", " spaced "]
    assert document.section("default") == {
        "aws_access_key_id": "AKIA1",
        "aws_secret_access_key": "abc=def ; not a comment",
    }
    assert document.section(" spaced ") == {
        "s3": "\nmax_concurrent_requests = 20",
        "region": "eu-west-1",
    }


def test_an_edit_changes_only_its_own_lines() -> None:
    """A value is replaced in place; new keys follow the last one, in the style of the file."""
    document = Document(ODD, "credentials")
    document.update("default", {"aws_access_key_id": "ASIA1", "aws_session_token": "t"})
    assert document.text == ODD.replace("AKIA1", "ASIA1").replace(
        "not a comment\r\n", "not a comment\r\naws_session_token:t\r\n"
    )


def test_a_new_section_is_appended_after_a_blank_line() -> None:
    """If the last line has no line ending, it gets one."""
    document = Document("[a]\nk = v", "credentials")
    document.update("b", {"k": "w"})
    assert document.text == "[a]\nk = v\n\n[b]\nk = w\n"


def test_keys_are_added_below_a_last_line_without_an_ending_and_leave_no_blank_lines() -> None:
    document = Document("[mfa]\noutput = json", "config")
    document.update("mfa", {"one": "1", "two": "2"})
    assert document.text == "[mfa]\noutput = json\none = 1\ntwo = 2\n"
    document.update("mfa", {"one": None, "two": None})
    assert document.text == "[mfa]\noutput = json\n"


def test_removing_a_key_removes_its_nested_lines() -> None:
    document = Document(ODD, "credentials")
    document.update(" spaced ", {"s3": None})
    assert document.text == ODD.replace("s3 =\r\n    max_concurrent_requests = 20\r\n", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("key = value\n", 1),
        ("[a]\nk = v\njunk\n", 3),
        ("[a]\n= v\n", 2),
        ("[a\nk = v\n", 1),
        ("\ufeff[a]\nk = v\n", 1),
        ("[a]\nk = v\n[a]\nj = v\n", 3),
        ("[a]\nRegion = x\nregion = x\n", 3),
        ("[a]\ns3 =\n  k = v\n  junk\n", 4),
    ],
)
def test_a_parse_error_names_the_file_and_the_line(text: str, line: int) -> None:
    with pytest.raises(FileError, match=f"credentials, line {line}: "):
        Document(text, "credentials")


NAMES = st.text("abcXYZ019-_.@ü", min_size=1, max_size=8)
KEYS = st.sampled_from(["aws_access_key_id", "Region", "output", "s3", "x-y"])
VALUES = (
    st.text("abc019/+=#;[]: ü", max_size=12)
    .map(str.strip)
    .filter(lambda text: " #" not in f" {text}" and " ;" not in f" {text}")
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
                st.sampled_from(["", "", "  nested = 1\n", "\ta = 1\n\n  # note\n  b = 2\n"])
            )
            parts += [f"{key}{sign}{draw(VALUES)}\n", nested, draw(BLANKS)]
    text = "".join(parts)
    text = text if draw(st.booleans()) else text.rstrip("\n")
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"])))


@given(files())
def test_sections_and_values_are_those_that_botocore_reads(text: str) -> None:
    """This holds for every file that botocore can parse."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "credentials")
        path.write_bytes(text.encode())
        theirs = botocore.configloader.raw_config_parse(str(path), parse_subsections=False)
    document = Document(text, "credentials")
    assert {name: document.section(name) for name in document.names()} == theirs


@given(files(), NAMES, st.dictionaries(KEYS.map(str.lower), VALUES | st.none(), max_size=4))
def test_an_edit_leaves_all_text_outside_its_section_unchanged(
    text: str, name: str, values: dict[str, str | None]
) -> None:
    """The text before and after the section stays the same, byte for byte."""
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


TAIL = "[tail]\nkey =\n  nested = 1\n"
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


def comments(text: str) -> list[str]:
    lines = [line.strip() for line in StringIO(text, newline="")]
    return [line for line in lines if line[:1] in ("#", ";")]


@given(LOOSE)
@example("[[a]\n [a]")
@example("[z]\nk=1\n[a]\n    j = 1\n    [b]")
@example("[ ]")
@example("[a]\n# of k\nk = 1\n  # nested\n  2\nj =\n  ; nested\n  x = 1\n# end")
def test_editing_or_removing_a_section_changes_no_other_even_in_odd_files(text: str) -> None:
    """The values that were written are read back, and each comment stays."""
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
        assert comments(after.text) == comments(text)
        edited = Document(text, "credentials")
        edited.remove_section(name)
        after = Document(edited.text, "credentials")
        assert contents(after, name) == contents(before, name)
        assert after.section(name) == {}
        assert comments(after.text) == comments(text)


@given(LOOSE)
def test_a_file_without_nested_values_is_read_and_edited_like_any_other(text: str) -> None:
    """Only a part of such a file is scanned, which must make no difference."""
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
    """Count the function calls that `act` makes."""
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


def test_the_work_grows_linearly_with_the_number_of_profiles() -> None:
    """This holds for reading one, writing one, and iterating over all."""

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
def test_parsing_time_grows_linearly_with_the_blanks_in_a_line(line: str) -> None:
    """A backtracking pattern takes a hundred times as long for ten times as many blanks."""

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


def test_a_comment_after_a_value_belongs_to_the_value() -> None:
    """It does in botocore, though in no other SDK. An edit replaces it."""
    document = Document("[a]\nregion = eu-west-1 # Ireland\nk = a#b\n", "config")
    assert document.section("a") == {"region": "eu-west-1 # Ireland", "k": "a#b"}
    document.update("a", {"region": "us-east-1"})
    assert document.text == "[a]\nregion = us-east-1\nk = a#b\n"


@pytest.mark.parametrize(
    "value", ["z\nb", "z\x00", " z", "z ", "z #b", "#z", "z ;b", "z\rb", "z\u2028"]
)
def test_a_value_that_could_not_be_read_back_is_refused(value: str) -> None:
    """It would add lines or be cut short. The error hides it, since it may be a secret."""
    document = Document("[a]\nk = v\n", "credentials")
    with pytest.raises(UsageError) as caught:
        document.update("a", {"k": value})
    assert value not in caught.value.message
    assert document.text == "[a]\nk = v\n"


@pytest.mark.parametrize("key", ["", "#x", ";x", "[x]", "a=b", "a:b", " x", "x ", "x\ny", "x #y"])
def test_a_key_that_could_not_be_read_back_is_refused(key: str) -> None:
    document = Document("[a]\nk = v\n", "credentials")
    with pytest.raises(UsageError, match="cannot be a key"):
        document.update("a", {key: "v"})
    assert document.text == "[a]\nk = v\n"


def test_a_key_in_another_case_is_the_same_key() -> None:
    document = Document("[a]\nregion = x\n", "config")
    document.update("a", {"Region": "y", "Output": "json"})
    assert document.text == "[a]\nregion = y\noutput = json\n"
    with pytest.raises(UsageError, match="twice"):
        document.update("a", {"Region": "y", "region": "z"})


def test_sections_inherit_the_keys_of_default() -> None:
    """A key that is inherited cannot be removed from one section."""
    document = Document("[DEFAULT]\nk = 1\nj = 2\n[a]\nk = 3\n[b]\n", "credentials")
    assert document.names() == ["a", "b"]
    assert dict(document.sections()) == {"a": {"k": "3", "j": "2"}, "b": {"k": "1", "j": "2"}}
    assert document.section("DEFAULT") == document.section("c") == {}
    assert document.line_of("a", "j") == 3
    with pytest.raises(FileError, match="every profile"):
        document.update("a", {"j": None})


def test_indented_headers_and_lone_carriage_returns_are_read_as_by_configparser() -> None:
    """A header that is indented deeper than the key above is part of its value."""
    text = "[a]\r  k = v\r    [not a header]\r  [b]\rj = w\r"
    document = Document(text, "config")
    assert document.names() == ["a", "b"]
    assert document.section("a") == {"k": "v\n[not a header]"}
    document.update("b", {"j": "x"})
    assert document.text == text.replace("w", "x")


@given(st.binary(max_size=60) | st.text("[]=:#; ak\n\r\t\ufeff", max_size=40).map(str.encode))
def test_any_bytes_are_either_refused_or_kept_byte_for_byte(content: bytes) -> None:
    """Adding a section to a parsed file changes no other section."""
    try:
        document = Document(content.decode("utf-8"), "credentials")
    except (FileError, UnicodeDecodeError):
        return
    assert document.text.encode() == content
    before = {name: document.section(name) for name in document.names()}
    document.update("new", {"k": "v"})
    after = Document(document.text, "credentials")
    assert {name: after.section(name) for name in after.names()} == before | {"new": {"k": "v"}}


@pytest.mark.parametrize("behind", [" # ask Ann", " ; prod", " ask Ann"])
def test_what_stands_behind_a_header_stays_with_it_when_the_section_is_removed(behind) -> None:
    document = Document(f"[a]{behind}\nk = v\n[b]\nj = w\n", "credentials")
    assert document.section("a") == {"k": "v"}
    document.remove_section("a")
    assert document.text == f"[a]{behind}\n[b]\nj = w\n"


@given(files(), NAMES, NAMES)
def test_a_value_written_to_any_file_is_read_back(text: str, name: str, value: str) -> None:
    document = Document(text, "credentials")
    document.update(name, {"aws_session_token": value})
    assert Document(document.text, "credentials").section(name)["aws_session_token"] == value
    document.remove_section(name)
    assert Document(document.text, "credentials").section(name) == {}
