from __future__ import annotations

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
SHELLS = {
    "bash": ["shell/functions.sh", "shell/init.bash", "tests/setup_suite.bash"],
    "zsh": ["shell/functions.sh", "shell/init.zsh"],
    "fish": ["shell/init.fish"],
}


@nox.session
def test(session: nox.Session) -> None:
    """The functions in real shells, against mfakit's simulated AWS."""
    session.install(*nox.project.dependency_groups(PROJECT, "test"))
    session.run("bats", "tests", *session.posargs, external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, types, and what each shell says of its files."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")
    session.run("mypy", "--strict", "install.py")
    bats = ("tests/install.bats", "tests/shell.bats")
    session.run("shellcheck", *SHELLS["bash"], *bats, external=True)
    for shell, files in SHELLS.items():
        for file in files:
            session.run(shell, "-n", file, external=True)
