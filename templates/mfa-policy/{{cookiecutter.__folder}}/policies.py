"""The options of `mfakit policy`, and the files that begin with its output.

Run as a program, this writes the files anew; each keeps our part, below the line that marks it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ACCOUNT_ID = "{{ cookiecutter.__account_id }}"  # of the users
PARTITION = "{{ cookiecutter.partition }}"
MAX_AGE_HOURS = {{ cookiecutter.max_age | replace('h', '') }}  # how long a code is good for

OPTIONS = ["--partition", PARTITION, "--max-age", f"{MAX_AGE_HOURS}h"]
FOR_GROUP = ["require-mfa", *OPTIONS]
FOR_ROLES = ["role-trust", *OPTIONS, "--principal", ACCOUNT_ID]
FILES = {
    "terraform/group.tf": [*FOR_GROUP, "--format", "terraform"],
    "terraform/roles.tf": [*FOR_ROLES, "--format", "terraform"],
    "cloudformation/group.yaml": [*FOR_GROUP, "--format", "cloudformation"],
    "cloudformation/role.yaml": [*FOR_ROLES, "--format", "cloudformation"],
}
OURS = "# Ours from here on."
HERE = Path(__file__).parent


def renewed(path: Path, options: list[str]) -> str:
    """Return the text that a file must have: what mfakit prints now, and our part of it."""
    text = path.read_text(encoding="utf-8")
    ours = text[text.rindex("\n", 0, text.index(OURS)) :]
    # The last block of Terraform stays open, since our part continues it.
    return printed(options).removesuffix("}\n") + ours


def printed(options: list[str]) -> str:
    """Return what `mfakit policy` prints."""
    command = [sys.executable, "-m", "mfakit", "policy", *options]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def main() -> None:
    """Write anew those of the files that exist."""
    for name, options in FILES.items():
        path = HERE / name
        if path.exists():
            path.write_text(renewed(path, options), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
