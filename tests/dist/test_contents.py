"""The content and the metadata of the wheel and the source distribution."""

from __future__ import annotations

import email
import json
import re
import sys
import tarfile
import zipfile
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path

import pytest
from readme_renderer import markdown
from tests.dist.conftest import ROOT, run


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Return the files of the project that git knows."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git repository")
    said = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return {name for name in said.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    """Read the metadata of the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_holds_the_package_and_the_manual_page_alone(wheel: Path, known: set[str]) -> None:
    """No test, no template, and no data file is missing."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    about = re.compile(r"mfakit-[\d.]+\.dist-info/")
    manual_page = re.compile(r"mfakit-[\d.]+\.data/data/share/man/man1/mfakit\.1")
    assert {about.sub("", name) for name in held if about.match(name)} == {
        "METADATA",
        "WHEEL",
        "RECORD",
        "entry_points.txt",
        "licenses/LICENSE",
    }
    package = {name for name in held if not about.match(name)}
    [page] = filter(manual_page.fullmatch, package)
    package.remove(page)
    assert package == {
        name.removeprefix("toolkit/") for name in known if name.startswith("toolkit/")
    }
    assert {"mfakit/py.typed", "mfakit/schedule/check.sh"} <= package


def test_two_builds_make_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """The released wheel comes from the source distribution, the other from this tree."""
    run(sys.executable, "-m", "build", "--wheel", "--installer", "uv", "--outdir", str(tmp_path))
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_components_of_an_installation_are_listed(metadata: Message) -> None:
    """The list names the package, and each library that it needs."""
    listed = json.loads((ROOT / "build" / "mfakit.cdx.json").read_text("utf-8"))
    assert listed["metadata"]["component"]["name"] == "mfakit"
    names = {component["name"] for component in listed["components"] if component["version"]}
    needed = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert {re.match(r"[\w.-]+", line)[0] for line in needed} <= names  # type: ignore[index]
    assert "botocore" in names


def test_the_source_distribution_holds_the_project_and_nothing_else(
    sdist: Path, known: set[str]
) -> None:
    """It is enough to build, to test and to make projects of the templates, like a clone."""
    with tarfile.open(sdist) as archive:
        held = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert held == known | {"PKG-INFO"}


def test_the_workflow_tries_every_supported_python_on_each_system(metadata: Message) -> None:
    classifiers = "\n".join(metadata.get_all("Classifier", []))
    supported = re.findall(r"Python :: (3\.\d+)$", classifiers, re.MULTILINE)
    workflow = (ROOT / ".github/workflows/ci.yml").read_text("utf-8")
    assert f"python: {json.dumps(supported)}" in workflow
    assert "os: [ubuntu-latest, macos-latest, windows-latest]" in workflow


def test_the_version_is_the_newest_in_the_changelog(metadata: Message) -> None:
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert metadata["Version"] == headings[0]


class Page(HTMLParser):
    """The headings, the links and the pictures of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings = 0
        self.references: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.headings += tag in ("h1", "h2", "h3")
        self.references += [
            value or "" for name, value in attributes if name in ("href", "src", "srcset")
        ]


def test_the_readme_is_rendered_whole_where_releases_are_listed(metadata: Message) -> None:
    """No link or picture needs a file beside it."""
    rendered = markdown.render(metadata.get_payload(), variant=metadata["GFM"] or "GFM")
    assert rendered
    page = Page(rendered)
    source = re.sub(r"^```.*?^```", "", (ROOT / "README.md").read_text(), flags=re.S | re.M)
    assert page.headings == len(re.findall(r"^#{1,3} ", source, re.MULTILINE))
    assert page.references
    assert not [ref for ref in page.references if not re.match(r"https?://|mailto:|#", ref)]
