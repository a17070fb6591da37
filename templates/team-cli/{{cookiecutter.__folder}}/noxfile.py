from __future__ import annotations

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
def test(session: nox.Session) -> None:
    """The tests, against mfakit's simulated AWS."""
    session.install("-e.", *group("test"))
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style."""
    session.install(*group("lint"))
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")


@nox.session
def typing(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-e.", *group("test"), *group("typing"))
    session.run("mypy")


@nox.session
def build(session: nox.Session) -> None:
    """The wheel and the source archive, in dist/."""
    session.install(*group("build"))
    session.run("python", "-m", "build", "--installer", "uv")
