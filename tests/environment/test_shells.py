"""A session as environment variables, evaluated by the real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mfakit import SessionCredentials, render_environment, render_unset
from mfakit.environment import SHELLS
from mfakit.errors import UsageError

# The shell, and the words that make it evaluate the script that it finds on standard input.
REAL = {
    "bash": ("sh", ["bash", "-c", 'eval "$(cat)"; env -0']),
    "dash": ("sh", ["dash", "-c", 'eval "$(cat)"; env -0']),
    "zsh": ("sh", ["zsh", "-f", "-c", 'eval "$(cat)"; env -0']),
    "ksh": ("sh", ["ksh", "-c", 'eval "$(cat)"; env -0']),
    "mksh": ("sh", ["mksh", "-c", 'eval "$(cat)"; env -0']),
    "lksh": ("sh", ["lksh", "-c", 'eval "$(cat)"; env -0']),
    "yash": ("sh", ["yash", "-c", 'eval "$(cat)"; env -0']),
    "busybox": ("sh", ["busybox", "sh", "-c", 'eval "$(cat)"; env -0']),
    "fish": ("fish", ["fish", "--no-config", "-c", "cat | source; env -0"]),
    "tcsh": ("csh", ["tcsh", "-f", "-c", 'eval "`cat`"; env -0']),
    "bsd-csh": ("csh", ["bsd-csh", "-f", "-c", 'eval "`cat`"; env -0']),
    "elvish": ("elvish", ["elvish", "-norc", "-c", "eval (slurp); e:env -0"]),
    "nu": ("nu", ["sh", "-c", 'nu -n -c "$(cat)\n^env -0"']),
    "xonsh": ("xonsh", [sys.executable, "-m", "xonsh", "--no-rc", "-c", "execx($(cat))\nenv -0"]),
}
VALUE = st.text(
    st.characters(categories=["L", "N", "P", "S", "Zs"]) | st.sampled_from("'\"$`\\!%^{}()*~#&|; "),
    min_size=1,
    max_size=30,
).filter(str.isprintable)
END = datetime(2026, 11, 22, 18, tzinfo=UTC)
SESSION = SessionCredentials("ASIA1", "secret", "token", END)


def evaluate(program: str, script: str, **environ: str) -> dict[str, str]:
    """Evaluate a script in a shell, and return the environment of its children."""
    _, command = REAL[program]
    if shutil.which(program if program == "nu" else command[0]) is None:
        pytest.skip(f"{program} is not installed")
    with TemporaryDirectory() as home:
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            input=script.encode(),
            env={"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8"} | environ,
        )
    pairs = (line.partition("=") for line in done.stdout.decode().split("\0"))
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("program", REAL)
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(values=st.lists(VALUE, min_size=1, max_size=20))
def test_any_value_reaches_each_real_shell_unchanged(program: str, values: list[str]) -> None:
    """The shell neither expands nor runs any part of a value."""
    assign = SHELLS[REAL[program][0]].assign
    named = {f"MFAKIT_TEST_{number}": value for number, value in enumerate(values)}
    script = "".join(f"{assign(name, value)}\n" for name, value in named.items())
    seen = evaluate(program, script)
    assert {name: seen[name] for name in named} == named


@pytest.mark.parametrize("program", REAL)
def test_env_unsets_variables_that_contradict_the_session(program: str) -> None:
    """A profile in the environment would win over the session in some SDKs."""
    script = render_environment(SESSION, REAL[program][0], region="eu-west-1", profile="mfa")
    seen = evaluate(program, script, AWS_PROFILE="other", AWS_SECURITY_TOKEN="old")
    assert {name: value for name, value in seen.items() if name[:3] in ("AWS", "MFA")} == {
        "AWS_ACCESS_KEY_ID": "ASIA1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
        "AWS_CREDENTIAL_EXPIRATION": "2026-11-22T18:00:00Z",
        "MFAKIT_PROFILE": "mfa",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }


@pytest.mark.parametrize("program", REAL)
def test_unset_removes_exactly_what_was_set(program: str) -> None:
    """A region that was not set with the session stays."""
    shell = REAL[program][0]
    script = render_environment(SESSION, shell, profile="mfa") + render_unset(shell, region=False)
    seen = evaluate(program, script, AWS_REGION="mine")
    assert [name for name in seen if name[:3] in ("AWS", "MFA")] == ["AWS_REGION"]
    script = render_environment(SESSION, shell, region="eu-west-1") + render_unset(shell)
    assert not [name for name in evaluate(program, script) if name.startswith("AWS")]


@pytest.mark.parametrize("program", REAL)
def test_the_statement_of_a_failure_fails_the_eval_and_changes_nothing(program: str) -> None:
    shell, command = REAL[program]
    if shutil.which(program if program == "nu" else command[0]) is None:
        pytest.skip(f"{program} is not installed")
    words = [word.replace("; env -0", "").replace("; e:env -0", "") for word in command]
    words = [word.replace("\nenv -0", "").replace("\n^env -0", "") for word in words]
    failure = f"{SHELLS[shell].failure}\n".encode()
    done = subprocess.run(words, check=False, capture_output=True, input=failure)
    assert done.returncode != 0


# Other ways in which people let a shell evaluate what stands on its standard input.
WAYS = {
    "sh": [
        "eval $(cat)",
        "eval `cat`",
        ". /dev/stdin",
        'while read -r line; do eval "$line"; done',
        "while read -r line; do eval $line; done",
    ],
    "fish": ["eval (cat)", 'eval "$(cat)"', "while read -l line; eval $line; end"],
    "csh": ["eval `cat`", "source /dev/stdin"],
    "elvish": ["eval (cat)", "from-lines | each {|line| eval $line}"],
    "xonsh": ["execx(' '.join($(cat).splitlines()))"],
}
NAMES = ["mfa", "my profile", "two  spaces", "a'b", "a\\b", "a*b?[c]", "{a,b}", "{a}", "~", "!$x"]
SEPARATORS = [":", "=", "_", ""]  # of those shells that have IFS
CASES = [
    (program, way, separators)
    for program in REAL
    for way in WAYS.get(REAL[program][0], ())
    for separators in [None, *(SEPARATORS if REAL[program][0] == "sh" else [])]
]


@pytest.mark.parametrize(("program", "way", "separators"), CASES)
def test_an_eval_without_quotes_is_right_or_fails(
    program: str, way: str, separators: str | None
) -> None:
    """This holds for any value of IFS."""
    shell, (*words, _) = REAL[program]
    if shutil.which(program if program != "xonsh" else words[0]) is None:
        pytest.skip(f"{program} is not installed")
    if separators is not None:
        way = f"IFS=$SEPARATORS; {way}"
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "AWS_PROFILE": "other"}
    show = {"elvish": "; e:env -0", "xonsh": "\nenv -0"}.get(shell, "; s=$?; env -0; exit $s")
    if shell in ("fish", "csh"):
        show = "; and env -0" if shell == "fish" else " && env -0"
    for name in NAMES:
        with TemporaryDirectory() as home:
            done = subprocess.run(
                [*words, way + show],
                check=False,
                capture_output=True,
                input=render_environment(SESSION, shell, profile=name).encode(),
                env=environ | {"HOME": home, "SEPARATORS": separators or ""},
            )
        seen = dict(pair.partition("=")[::2] for pair in done.stdout.decode().split("\0"))
        if done.returncode == 0:
            assert (seen["MFAKIT_PROFILE"], seen["AWS_SESSION_TOKEN"]) == (name, "token")
            assert seen["AWS_CREDENTIAL_EXPIRATION"] == "2026-11-22T18:00:00Z"
            assert "AWS_PROFILE" not in seen
        else:
            assert done.stderr
            assert not {"MFAKIT_PROFILE", "AWS_SESSION_TOKEN"} & set(seen)
            assert separators or shell == "elvish" or "{" in name


# Of shells that cannot be had here: their rules for the form that is used, from their documents.


def parse_powershell(text: str) -> str:
    """about_Quoting_Rules: in single quotes all is verbatim, but two quotes are one.

    The language takes U+2018, U+2019, U+201A and U+201B for single quotes as well.
    """
    quotes = "'\u2018\u2019\u201a\u201b"
    assert text[0] in quotes
    assert text[-1] in quotes
    value, rest = "", text[1:-1]
    while rest:
        if rest[0] in quotes:
            assert rest[1:2] in tuple(quotes), "a lone quote ends the string"
            value, rest = value + rest[1], rest[2:]
        else:
            value, rest = value + rest[0], rest[1:]
    return value


def parse_nu(text: str) -> str:
    r"""Nushell book, strings: in double quotes ``\`` escapes, and nothing else is special."""
    assert text[0] == text[-1] == '"'
    value, rest = "", text[1:-1]
    while rest:
        if rest[0] == "\\":
            assert rest[1:2] in ("\\", '"')
            value, rest = value + rest[1], rest[2:]
        else:
            assert rest[0] != '"', "a lone quote ends the string"
            value, rest = value + rest[0], rest[1:]
    return value


def parse_cmd(line: str) -> tuple[str, str]:
    """``set /?`` and ``cmd /?``: in quotes only % and, delayed, ! are special; the last " ends."""
    assert line.startswith('set "')
    assert line.endswith('"')
    body = line[5:-1]
    assert not set(body) & set('%!"')
    name, _, value = body.partition("=")
    return name, value


@given(VALUE | st.text("'\u2018\u2019\u201a\u201b$`", min_size=1))
def test_powershell_statements_follow_its_rules_for_single_quotes(value: str) -> None:
    line = SHELLS["powershell"].assign("NAME", value)
    assert parse_powershell(line.removeprefix("$Env:NAME = ")) == value


@given(VALUE | st.text("\"'\\$`", min_size=1))
def test_nushell_statements_follow_its_rules_for_double_quotes(value: str) -> None:
    assert parse_nu(SHELLS["nu"].assign("NAME", value).removeprefix("$env.NAME = ")) == value


@given(VALUE)
def test_cmd_statements_hold_a_value_or_it_is_refused(value: str) -> None:
    """There is no escape that works both at the prompt and in a batch file."""
    if set(value) & set('%!"'):
        with pytest.raises(ValueError, match="cmd cannot"):
            SHELLS["cmd"].assign("NAME", value)
    else:
        assert parse_cmd(SHELLS["cmd"].assign("NAME", value)) == ("NAME", value)


def test_an_unknown_shell_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        render_unset("korn")
    assert "powershell" in caught.value.hint


@pytest.mark.parametrize("shell", [*SHELLS, "docker", "dotenv", "json"])
def test_a_region_with_a_line_break_is_refused(shell: str) -> None:
    """Nested values of the config file have some, and in cmd one would begin another command."""
    with pytest.raises(UsageError, match="control character"):
        render_environment(SESSION, shell, region="eu\ncalc.exe & rem ")
