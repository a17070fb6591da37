from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["test", "lint", "typing"]

PROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = nox.project.python_versions(PROJECT)


def groups(*names: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, *names))


def oldest() -> str:
    """Every requirement at the lowest version that the project says it can do with."""
    project = PROJECT["project"]
    lines = project["dependencies"] + project["optional-dependencies"]["testing"]
    lowest = (Requirement(line) for line in lines)
    return "".join(f"{r.name}=={next(iter(r.specifier)).version}\n" for r in lowest)


def present(version: str) -> bool:
    """A name on the PATH is not enough: version managers put shims there that may not run."""
    command = [f"python{version}", "-c", "pass"]
    return shutil.which(command[0]) is not None and not subprocess.call(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def run_pytest(session: nox.Session, *arguments: str) -> None:
    """Hundreds of processes load the same modules: compiled once, whatever the machine says."""
    session.run("pytest", *arguments, env={"PYTHONDONTWRITEBYTECODE": ""})


@nox.session
def demo(session: nox.Session) -> None:
    """The main job, end to end, against the built-in AWS simulator."""
    session.install(".[testing]")
    if not shutil.which("aws"):
        session.install("awscli")
    session.run("mfakit", "demo")


@nox.session
def test(session: nox.Session) -> None:
    """The tests, on the Python that runs nox."""
    session.install("-e.[testing,notify]", *groups("test"))
    run_pytest(session, "-n", "3", "--dist", "worksteal", *session.posargs)


@nox.session
def proofs(session: nox.Session) -> None:
    """The long proofs: writes killed at every system call, and many writers at once."""
    session.install("-e.[testing,notify]", *groups("test", "writers"))
    run_pytest(session, "tests/proofs", *session.posargs)


@nox.session
def templates(session: nox.Session) -> None:
    """What is made of the templates: each is baked, checked, installed and tested as it stands."""
    session.install("-e.[testing]", *groups("templates"))
    run_pytest(session, "tests/templates", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, into build/docs; a link that leads nowhere is an error."""
    session.install("-e.[testing,notify]", *groups("docs"))
    session.run("sphinx-build", "-q", "-n", "-W", "--keep-going", "docs", "build/docs")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and the direction of the imports."""
    session.install("-e.", *groups("lint"))
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-e.[testing,notify]", *groups("typing"))
    session.run("mypy")


@nox.session(python=[version for version in SUPPORTED if present(version)] or False)
def matrix(session: nox.Session) -> None:
    """The tests, on every supported Python of this machine."""
    test(session)


@nox.session(python=SUPPORTED[0] if present(SUPPORTED[0]) else False)
def minimums(session: nox.Session) -> None:
    """The tests of what builds on moto and boto3, with the oldest of everything."""
    constraints = Path(session.create_tmp(), "oldest.txt")
    constraints.write_text(oldest())
    session.install("-e.[testing]", "pytest-xdist", "--constraint", str(constraints))
    # Only newer releases of pytest find the root of the tests on their own.
    options = ("-n", "auto", "-o", "pythonpath=.")
    run_pytest(session, *options, *(session.posargs or ("tests/testing", "tests/exchange")))


@nox.session
def bench(session: nox.Session) -> None:
    """How long things take, beside what they may; with `-- --check`, fail if it is too long."""
    session.install("-e.[testing]")
    session.run("python", "-m", "bench", *session.posargs)


@nox.session
def writers(session: nox.Session) -> None:
    """What each tool does to a credentials file, beside what the documentation says of it."""
    if not shutil.which("strace"):
        session.skip("strace is not installed")
    session.install("-e.[testing]", *groups("writers"))
    page = "docs/explanation/credentials-file.md"
    session.run("python", "-m", "bench.writers", "--check", page)
