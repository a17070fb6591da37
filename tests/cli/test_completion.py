"""`mfakit completion`, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from tests.exchange.conftest import TerminalProcess

pytestmark = pytest.mark.pythons

KEYS = "aws_access_key_id = {}\naws_secret_access_key = s\n"
SESSION = KEYS.format("ASIA1") + "aws_session_token = t\n"
ZSHRC = """
autoload -U compinit && compinit -u -D
eval "$(mfakit completion zsh)"
tell() { print -r -- "$BUFFER" > $TOLD; zle kill-whole-line }
zle -N tell && bindkey '^X' tell
print ready
"""


@pytest.fixture
def home(home):
    """A home with profiles of each kind, in which mfakit is on the PATH."""
    home.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    home.write_credentials(
        f"[default]\n{KEYS.format('AKIA1')}[wanted-mfa]\n{SESSION}[$(touch harm)]\n{SESSION}"
        f"[it's mine]\n{SESSION}"
    )
    home.write_config("[profile admin]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = mfa\n")
    return home


def bash(home, line: str) -> list[str]:
    words = " ".join(f"'{word}'" for word in line.split(" "))
    script = f"""
eval "$(mfakit completion bash)"
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_mfakit
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = home.run("bash", "--norc", "-c", script)
    assert done.stderr == ""
    return done.stdout.splitlines()


def fish(home, line: str) -> list[str]:
    script = f"mfakit completion fish | source; complete -C '{line}'"
    done = home.run("fish", "--no-config", "-c", script)
    assert done.stderr == ""
    return [found.partition("\t")[0] for found in done.stdout.splitlines()]


# As the shells quote them, or will when they insert them.
ODD = {bash: {r"\$\(touch\ harm\)", r"it\'s\ mine"}, fish: {"$(touch harm)", "it's mine"}}


@pytest.mark.parametrize("complete", [bash, fish])
def test_each_shell_completes_commands_options_values_and_profiles(home, complete) -> None:
    """Each option completes only profiles that it may name."""
    if shutil.which(complete.__name__) is None:
        pytest.skip(f"{complete.__name__} is not installed")
    assert {"login", "credential-process", "completion"} <= set(complete(home, "mfakit "))
    assert complete(home, "mfakit login --for") == ["--force"]
    assert complete(home, "mfakit check --format o") == ["openmetrics"]
    assert complete(home, "mfakit schedule ins") == ["install"]
    assert set(complete(home, "mfakit login --profile ")) == {"wanted-mfa", *ODD[complete]}
    assert complete(home, "mfakit login --source-profile ") == ["default"]
    assert complete(home, "mfakit configure --role-profile a") == ["admin"]
    (home.folder / "policy.json").touch()
    assert complete(home, f"mfakit login --from-json {home.folder}/po") == [
        f"{home.folder}/policy.json"
    ]
    assert list(home.folder.rglob("harm")) == []


@pytest.mark.parametrize("complete", [bash, fish])
def test_the_command_of_exec_is_completed_as_without_exec(home, complete) -> None:
    """The program is completed by its name, and its arguments by the shell's own rules."""
    if shutil.which(complete.__name__) is None:
        pytest.skip(f"{complete.__name__} is not installed")
    assert set(complete(home, "mfakit exec -- mfak")) == {"mfakit"}
    assert set(complete(home, "mfakit exec --min-remaining 1h -- mfak")) == {"mfakit"}
    (home.folder / "policy.json").touch()
    assert complete(home, f"mfakit exec -- cat {home.folder}/po") == [f"{home.folder}/policy.json"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes_a_typed_line_by_the_tab_key(home) -> None:
    (home.folder / ".zshrc").write_text(ZSHRC)
    told = home.folder / "told"
    environ = home.environ | {"ZDOTDIR": str(home.folder), "TOLD": str(told), "TERM": "xterm"}
    terminal = TerminalProcess(["zsh", "-i"], environ)
    try:
        terminal.read_until("ready")
        for typed, line in (
            ("mfakit conf", "mfakit configure "),
            ("mfakit env --un", "mfakit env --unset "),
            ("mfakit env --shell po", "mfakit env --shell powershell "),
            ("mfakit env --profile w", "mfakit env --profile wanted-mfa "),
            ("mfakit env --profile it", "mfakit env --profile it\\'s\\ mine "),
            ("mfakit devices --source-profile d", "mfakit devices --source-profile default "),
            ("mfakit exec -- mfak", "mfakit exec -- mfakit "),
            ("mfakit exec -p mfa -- mfakit conf", "mfakit exec -p mfa -- mfakit configure "),
        ):
            told.unlink(missing_ok=True)
            terminal.type(f"{typed}\t\x18")
            end = time.monotonic() + 20
            while not (told.exists() and told.read_text().endswith("\n")):
                assert time.monotonic() < end, terminal.screen
                time.sleep(0.02)
            assert told.read_text() == f"{line}\n"
    finally:
        terminal.close()


def test_completion_without_a_shell_is_wrong_usage(home) -> None:
    for arguments in ((), ("bash", "--profiles", "all"), ("ksh",)):
        done = home.mfakit("completion", *arguments)
        assert (done.returncode, len(done.stderr.splitlines())) == (64, 2)


def test_each_kind_of_profile_is_listed_by_name(home) -> None:
    for kind, names in (
        ("session", "wanted-mfa\n$(touch harm)\nit's mine\n"),
        ("long-term", "default\n"),
        ("all", "default\nwanted-mfa\n$(touch harm)\nit's mine\nadmin\n"),
    ):
        assert home.mfakit("completion", "--profiles", kind).stdout == names
