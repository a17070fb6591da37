from __future__ import annotations

from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
def test(session: nox.Session) -> None:
    """Who gets in and who does not, at mfakit's simulated AWS."""
    session.install(*group("test"))
    session.run("pytest", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and what AWS's own rules say of the CloudFormation templates."""
    session.install(*group("lint"))
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")
    if templates := [str(path) for path in Path("cloudformation").glob("*.yaml")]:
        session.run("cfn-lint", *templates)


@nox.session
def typing(session: nox.Session) -> None:
    """Types, strictly."""
    session.install(*group("test"), *group("typing"))
    session.run("mypy")


@nox.session(default=False)
def renew(session: nox.Session) -> None:
    """Write the policies anew, as mfakit prints them now."""
    session.install(*group("test"))
    session.run("python", "policies.py")
