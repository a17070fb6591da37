"""Command lines are read without argparse as argparse would read them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mfakit.cli.commands import COMMANDS
from mfakit.cli.options import read_plain_line
from mfakit.cli.parser import make_parser

pytestmark = pytest.mark.pythons

NAMES = sorted({name for command in COMMANDS.values() for o in command.options for name in o.names})
WORD = (
    st.sampled_from([*NAMES, "--", "-", "", "x", "15m", "json", "sh", "80", "-1", "--x", "-x y"])
    | st.sampled_from(["--profile=x", "--profile=", "-p=x", "-px", "--unset=x", "--shell=fish"])
    | st.builds("{}={}".format, st.sampled_from(NAMES), st.sampled_from(["x", "1h", "", "json"]))
    | st.text(max_size=3)
)


@given(st.sampled_from(list(COMMANDS)), st.lists(WORD, max_size=6))
@example("exec", ["-p", "x", "--", "aws", "--profile", "y", "--", "z"])
@example("login", ["--tag", "a=b", "--tag", "c=d"])
@example("env", ["--profile", "-"])
@example("check", ["--warn", "", "--warn", "1h"])
def test_a_plain_line_is_read_as_by_argparse_or_left_to_it(name: str, arguments: list[str]) -> None:
    plain = read_plain_line(COMMANDS[name], arguments)
    if plain is not None:
        parsed = vars(make_parser(COMMANDS[name]).parse_args(arguments))
        if name == "exec":  # releases of argparse differ on whether -- itself is handed on
            for values in (vars(plain), parsed):
                values["command"] = values["command"][values["command"][:1] == ["--"] :]
        assert vars(plain) == parsed


@pytest.mark.parametrize(
    "line",
    [
        "env",
        "env --shell json -p work",
        "env --shell=fish --unset",
        "check --warn 30m --format=json",
        "credential-process --profile mfa",
        "exec -p work --min-remaining 1h -- aws s3 ls",
        "exec aws --profile x",
    ],
)
def test_frequent_command_lines_are_plain(line: str) -> None:
    """argparse is not loaded for them."""
    name, *arguments = line.split()
    assert read_plain_line(COMMANDS[name], arguments) is not None
