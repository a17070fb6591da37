"""What the fast commands load: hardly more than the interpreter itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "asyncio", "boto3", "botocore", "concurrent", "dataclasses", "email", "filelock", "http",
    "inspect", "logging", "moto", "pathlib", "rich", "socket", "subprocess", "tempfile", "typing",
    "unittest", "urllib",
}  # fmt: skip
SCRIPT = """
import sys
before = set(sys.modules)
from mfakit.cli.main import main
code = main(sys.argv[1:])
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(code, *loaded, file=sys.stderr)
"""


@pytest.mark.parametrize("command", [["env", "--shell", "sh"], ["check"]])
def test_fast_commands_import_nothing_heavy(home, command: list[str]) -> None:
    """They run at every prompt and every few minutes of cron."""
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
        "expiration = 2126-01-01T00:00:00Z\n"
    )
    done = home.run(sys.executable, "-I", "-S", "-c", SCRIPT_WITH_PATH, *command)
    code, *loaded = done.stderr.splitlines()[-1].split()
    assert code == "0", done.stderr
    assert not HEAVY & set(loaded)


def test_importing_the_library_loads_only_itself() -> None:
    """Each name is loaded when it is first asked for."""
    script = "import sys, mfakit; print([name for name in sys.modules if 'mfakit.' in name])"
    assert subprocess.check_output([sys.executable, "-c", script]) == b"[]\n"


SCRIPT_WITH_PATH = f"import sys; sys.path[:0] = {sys.path!r}\n{SCRIPT}"
