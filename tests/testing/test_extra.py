"""What it takes to import the simulator."""

from __future__ import annotations

import subprocess
import sys


def python(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_moto_is_loaded_when_it_is_used() -> None:
    """Importing the simulator loads neither moto nor boto3."""
    done = python("import sys, mfakit.testing; print({'moto', 'boto3'} & set(sys.modules))")
    assert done.stdout == "set()\n", done.stderr


def test_a_missing_extra_says_what_installs_it() -> None:
    """Without moto the import fails with the line that installs it."""
    done = python(
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'moto' else find(name)\n"
        "import mfakit.testing"
    )
    assert done.stderr.endswith(
        "ImportError: mfakit.testing needs its extra: pip install 'mfakit[testing]'\n"
    )
