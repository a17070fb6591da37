"""The fast commands load hardly more than the interpreter itself."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from mfakit import SessionCredentials, write_session
from mfakit.environment import FORMATS, SHELLS

pytestmark = pytest.mark.pythons

# All that may be loaded besides mfakit and what Python loads at every start, and the C behind it.
ALLOWED = {"datetime", "errno", "gc", "math", "mfakit", "operator"}
# `exec` gives the command all signals as they were.
SIGNAL = {"collections", "enum", "functools", "itertools", "keyword", "reprlib", "signal", "types"}
SCRIPT = f"""
import os, sys
sys.path[:0] = {sys.path!r}
before = set(sys.modules)
def tell(code):
    loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
    print(code, *loaded, file=sys.stderr, flush=True)
def become(*arguments):
    tell(0)
    raise SystemExit(0)
os.execvpe = become
from mfakit.cli.main import main
tell(main(sys.argv[1:]))
"""
COMMANDS = [
    ["check"],
    ["check", "--profile", "mfa"],
    ["credential-process", "--profile", "mfa"],
    ["exec", "--", "true"],
    ["status", "--short"],
    ["env"],
    ["env", "--unset", "--shell", "sh"],
    *(["env", f"--shell={name}"] for name in (*SHELLS, *FORMATS, "github")),
]
END = datetime(2126, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_fast_commands_load_only_what_they_need(home, command: list[str]) -> None:
    """They run at every prompt, at every call of an SDK and every few minutes of cron.

    A locale with translations makes no difference.
    """
    session = SessionCredentials("ASIA1", "secret", "token", END)
    write_session("mfa", session, environ=home.environ)
    github = str(home.folder / "github")
    program = [sys.executable, "-I", "-S", "-c", SCRIPT, *command]
    environ = {"GITHUB_ENV": github, "LC_MESSAGES": "zh_CN.UTF-8"}
    done = home.run("sh", "-c", '"$@"; exit $?', "sh", *program, **environ)
    code, *loaded = done.stderr.splitlines()[0].split()
    assert code == "0", done.stderr
    allowed = ALLOWED | SIGNAL if command[0] == "exec" else ALLOWED
    assert {name for name in loaded if not name.startswith("_")} - allowed == set()


def test_importing_the_library_loads_only_itself() -> None:
    """Each name is loaded when it is first asked for."""
    script = "import sys, mfakit; print([name for name in sys.modules if 'mfakit.' in name])"
    assert subprocess.check_output([sys.executable, "-c", script]) == b"[]\n"
