"""What it takes to import the simulator."""

from __future__ import annotations

import subprocess
import sys


def python(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_importing_the_simulator_loads_neither_moto_nor_boto3() -> None:
    heavy = "print({'moto', 'boto3', 'botocore', 'pyotp', 'dataclasses'} & set(sys.modules))"
    done = python(f"import sys, mfakit.testing; {heavy}")
    assert done.stdout == "set()\n", done.stderr
    loaded = "print({'moto', 'boto3'} & set(sys.modules))"
    done = python(f"import sys; from mfakit.testing import AWSSimulator; {loaded}")
    assert done.stdout == "set()\n", done.stderr


def test_without_moto_the_error_names_the_extra_to_install() -> None:
    done = python(
        "import importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name: None if name == 'moto' else find(name)\n"
        "from mfakit.testing import AWSSimulator"
    )
    assert done.stderr.endswith(
        "ImportError: mfakit.testing needs its extra: pip install 'mfakit[testing]'\n"
    )
