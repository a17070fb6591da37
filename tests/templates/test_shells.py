"""The functions of the shell wrapper, in each shell, for any name of a team."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tree_sitter_powershell
from hypothesis import given, settings
from tests.templates.catalogue import BY_NAME, NASTY
from tests.templates.conftest import Bake, files_in
from tests.templates.test_baking import check, places, printable, slugs, sources
from tree_sitter import Language, Parser

SHELL_WRAPPER = BY_NAME["shell-wrapper"]
FUNCTIONS = "configure", "login", "env", "exec", "prompt"
# How a shell loads a file, with nothing of its user's, and runs a line then.
LOADS = {
    "bash": ("bash", "--norc", "-c", ". '{init}'; {line}"),
    "zsh": ("zsh", "-f", "-c", ". '{init}'; {line}"),
    "fish": ("fish", "--no-config", "-c", "source '{init}'; {line}"),
}
KNOWS = {
    "bash": "declare -F {name}",
    "zsh": "whence -w {name} | grep function",
    "fish": "functions -q {name}",
}
READS = {
    ".sh": ("shellcheck", "bash -n", "zsh -n"),
    ".bash": ("shellcheck", "bash -n"),
    ".bats": ("shellcheck",),
    ".zsh": ("zsh -n",),
    ".fish": ("fish -n",),
}


def loaded(shell: str, project: Path, line: str) -> list[str]:
    """Return the command that runs a line in a shell that has loaded the functions."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    init = project / "shell" / f"init.{shell}"
    return [word.format(init=init, line=line) for word in LOADS[shell]]


@pytest.mark.parametrize("partition", SHELL_WRAPPER.questions["partition"])
def test_each_file_is_valid_in_its_shell(bake: Bake, partition: str) -> None:
    """The shell itself and shellcheck accept it."""
    project = bake(SHELL_WRAPPER, partition=partition, team=NASTY, slug="z9-eu")
    files: dict[str, list[str]] = {}
    for name, path in files_in(project).items():
        for command in READS.get(path.suffix, ()):
            files.setdefault(command, []).append(name)
    assert len(files) == 4
    for command, names in files.items():
        words = command.split()
        if shutil.which(words[0]) is None:
            pytest.skip(f"{words[0]} is not installed")
        for some in [names] if words[0] == "shellcheck" else [[name] for name in names]:
            done = subprocess.run(
                [*words, *some], check=False, cwd=project, capture_output=True, text=True
            )
            assert (done.returncode, done.stdout + done.stderr) == (0, "")


@given(printable, slugs, places, sources)
@settings(max_examples=15, deadline=None)
def test_each_shell_defines_the_functions(
    bake: Bake, team: str, slug: str, place: tuple[str, str], source: str
) -> None:
    """Their names are valid in all shells; PowerShell's file is checked by its grammar."""
    partition, region = place
    answers = {"team": team, "slug": slug, "region": region, "partition": partition}
    project = bake(SHELL_WRAPPER, **answers, mfakit_source=source)
    check(project)
    for shell, knows in KNOWS.items():
        line = " && ".join(knows.format(name=f"{slug}-{name}") for name in FUNCTIONS)
        done = subprocess.run(
            loaded(shell, project, line), check=False, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), shell
    assert functions_of(project / "shell" / "init.ps1") == {f"{slug}-{name}" for name in FUNCTIONS}


def functions_of(script: Path) -> set[str]:
    """Parse a script for PowerShell, and return the names of its functions."""
    root = Parser(Language(tree_sitter_powershell.language())).parse(script.read_bytes()).root_node
    assert not root.has_error
    found, nodes = set(), [root]
    while nodes:
        node = nodes.pop()
        nodes += node.children
        if node.type == "function_name":
            found.add(node.text.decode())
    return found


def test_the_install_script_runs_on_python_3_8(bake: Bake, home: Any) -> None:
    """That is the oldest which it promises to need."""
    found = subprocess.run(
        ["uv", "python", "find", "--no-project", "--no-python-downloads", "3.8"],
        check=False,
        capture_output=True,
        text=True,
    )
    if found.returncode:
        pytest.skip("Python 3.8 is not installed")
    script = bake(SHELL_WRAPPER) / "install.py"
    start = home.folder / ".bashrc"
    start.write_text("# mine")
    for options, lines in ([], 2), (["--remove"], 1):
        done = home.run(found.stdout.strip(), str(script), *options, "bash")
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        assert len(start.read_text().splitlines()) == lines
    assert start.read_text() == "# mine"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("shell", LOADS)
def test_a_prompt_starts_one_program_and_a_new_shell_none(
    bake: Bake, home: Any, tmp_path: Path, shell: str
) -> None:
    project = bake(SHELL_WRAPPER)
    trace = tmp_path / "trace"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    strace = ("strace", "-f", "-qq", "-e", "trace=execve", "-z", "-o", str(trace))
    started = []
    for line in "true", "payments-prompt":
        done = home.run(*strace, *loaded(shell, project, line), PATH=path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        started.append([text for text in trace.read_text().splitlines() if "execve(" in text])
    assert [len(programs) for programs in started] == [1, 2]
    assert '"status", ' in started[1][1]
