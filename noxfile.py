from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["test", "lint", "typing"]

PROJECT = nox.project.load_toml("pyproject.toml")
SUPPORTED = nox.project.python_versions(PROJECT)
RUNNING = "{}.{}".format(*sys.version_info)
# Four more than processors, since tests wait for programs: with two, a fifth of two was idle.
WORKERS = int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS") or 4 + (os.cpu_count() or 1))
PARALLEL = ("-n", str(WORKERS), "--dist", "worksteal")
# Tests of what builds on other libraries: `minimums` runs them with the oldest of each.
BUILT_ON_OTHERS = [
    "tests/testing",  # moto
    *("tests/exchange/test_login.py", "tests/exchange/test_refused_logins.py"),  # boto3
    *("tests/exchange/test_roles.py", "tests/exchange/test_identity.py"),
    *("tests/cli/test_status.py", "tests/cli/test_completion.py"),  # rich, shtab
    "tests/environment/test_formats.py",  # python-dotenv
    "tests/notices",  # apprise
]
CHECKED_BY_SCHEMA = {
    "github-workflows": [".github/workflows/ci.yml", ".github/workflows/release.yml"],
    "dependabot": [".github/dependabot.yml"],
}


def groups(*names: str) -> list[str]:
    return list(nox.project.dependency_groups(PROJECT, *names))


def oldest() -> str:
    """Return every requirement at the lowest version that the project allows, one a line."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"].values()
    lowest = map(Requirement, sum(extras, project["dependencies"]))
    return "".join(f"{r.name}=={next(iter(r.specifier)).version}\n" for r in lowest)


def present(version: str) -> bool:
    """Whether that Python runs: a version manager puts shims on the PATH that may not."""
    command = [f"python{version}", "-c", "pass"]
    return shutil.which(command[0]) is not None and not subprocess.call(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def marked(name: str) -> list[str]:
    """Return the modules with tests of a mark: to collect all others takes each worker seconds."""
    modules = sorted(Path("tests").rglob("test_*.py"))
    return [str(module) for module in modules if f"mark.{name}" in module.read_text("utf-8")]


def run_pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest, with compiled modules kept: hundreds of processes load the same ones."""
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
    """The tests, on the Python that runs nox; all but the long ones, unless some are named."""
    session.install("-e.[testing,notify,keychain]", *groups("test"))
    run_pytest(session, *PARALLEL, *(session.posargs or ("-m", "not long")))


@nox.session
def proofs(session: nox.Session) -> None:
    """What takes long: kills at every system call, many processes at once, tests marked `long`."""
    session.install("-e.[testing,notify,keychain]", *groups("test", "writers", "served"))
    # One worker runs all the tests of a group, which share something that there is once.
    side_by_side = ("-n", str(WORKERS), "--dist", "loadgroup")
    chosen = session.posargs or ("tests/proofs", *marked("long"))
    run_pytest(session, *side_by_side, "-m", "long", *chosen)


@nox.session
def templates(session: nox.Session) -> None:
    """What is made of the templates: each is baked, checked, installed and tested as it stands."""
    session.install("-e.[testing,notify,keychain]", *groups("templates"))
    run_pytest(session, *PARALLEL, "tests/templates", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, into build/docs, and a look at it in a browser, if chromium is there."""
    session.install("-e.[testing,notify,keychain]", *groups("docs"))
    session.run("sphinx-build", "-q", "-n", "-W", "--keep-going", "-E", "-a", "docs", "build/docs")
    run_pytest(session, "tests/site", *session.posargs)


@nox.session
def pages(session: nox.Session) -> None:
    """The commands of the documentation's pages, and that a translation follows its page."""
    session.install("-e.[testing,notify,keychain]", *groups("test", "writers"))
    run_pytest(session, *PARALLEL, "tests/docs", *session.posargs)


@nox.session
def pictures(session: nox.Session) -> None:
    """The pictures, from what the program shows now; with `-- --check`, fail if they are old."""
    session.install("-e.[testing]", *groups("pictures"))
    session.run("python", "-m", "docs.pictures", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, the direction of the imports, and the workflows."""
    session.install("-e.", *groups("lint"))
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")
    session.run("lint-imports")
    session.run("zizmor", "--offline", "--quiet", "--pedantic", ".github")
    for schema, files in CHECKED_BY_SCHEMA.items():
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


@nox.session
def typing(session: nox.Session) -> None:
    """Types, strictly."""
    session.install("-e.[testing,notify,keychain]", *groups("typing"))
    session.run("mypy")


OTHERS = [version for version in SUPPORTED if version != RUNNING and present(version)]


@nox.session(python=OTHERS or False)
def matrix(session: nox.Session) -> None:
    """The tests that are marked `pythons`, on every other supported Python of this machine."""
    if not OTHERS:
        session.skip("no other supported Python is installed")
    session.install("-e.[testing,notify,keychain]", *groups("test"))
    run_pytest(
        session, *PARALLEL, *(session.posargs or ("-m", "pythons and not long", *marked("pythons")))
    )


@nox.session(python=SUPPORTED[0] if present(SUPPORTED[0]) else False)
def minimums(session: nox.Session) -> None:
    """The tests of what builds on other libraries, with the oldest of each."""
    constraints = Path(session.create_tmp(), "oldest.txt")
    constraints.write_text(oldest())
    needed = ("pytest-xdist", "filelock", "freezegun", "time-machine")
    session.install("-e.[testing,notify,keychain]", *needed, "--constraint", str(constraints))
    # Only newer releases of pytest find the root of the tests on their own.
    options = (*PARALLEL, "-o", "pythonpath=.")
    run_pytest(session, *options, *(session.posargs or ("-m", "not long", *BUILT_ON_OTHERS)))


@nox.session
def dist(session: nox.Session) -> None:
    """What is released, into dist/: built, looked into, and used with each extra and with none."""
    session.install("-e.[testing]", *groups("dist"))
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--installer", "uv")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    list_components(session, *map(str, Path("dist").glob("*.whl")))
    # A worker for a module: its tests share environments, which take long to install.
    run_pytest(session, "-n2", "--dist=loadfile", "tests/dist", *session.posargs)


def list_components(session: nox.Session, wheel: str) -> None:
    """Write what an installation of the wheel consists of, as CycloneDX, to build/."""
    installed = str(Path(session.create_tmp(), "installed"))
    session.run("uv", "venv", "--quiet", "--clear", installed)
    session.run("uv", "pip", "install", "--quiet", "--python", installed, wheel)
    listing = ("--pyproject", "pyproject.toml", "--output-file", "build/mfakit.cdx.json")
    Path("build").mkdir(exist_ok=True)
    session.run("cyclonedx-py", "environment", *listing, installed)


@nox.session
def bench(session: nox.Session) -> None:
    """What things cost, beside their budgets; with `-- --check`, fail if one is exceeded."""
    session.install("-e.[testing]")
    session.run("python", "-m", "bench", *session.posargs)


@nox.session
def writers(session: nox.Session) -> None:
    """Fail unless other tools do to a credentials file what the documentation says."""
    if not shutil.which("strace"):
        session.skip("strace is not installed")
    session.install("-e.[testing]", *groups("writers"))
    page = "docs/explanation/credentials-file.md"
    session.run("python", "-m", "bench.writers", "--check", page)


@nox.session(default=False)
def checks(session: nox.Session) -> None:
    """Those of `.ci/run` that use one processor, one after the other in one venv."""
    lint(session)
    typing(session)
    session.install(*groups("pictures"))
    session.run("python", "-m", "docs.pictures", "--check")
    session.run("python", "-m", "bench", "--check", "instructions")
