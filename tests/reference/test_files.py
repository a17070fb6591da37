"""The page of files, settings and variables is complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "files.md").read_text(encoding="utf-8")
SOURCES = [
    path
    for path in (ROOT / "toolkit" / "mfakit").rglob("*.py")
    if path.parts[-2] not in ("testing", "simulate", "demo")
]
# Between mfakit and what it starts itself, or read by botocore for `explain`.
INNER = re.compile(
    r"MFAKIT_(?:PROCESSES|TITLE|TEXT|DIALOG_\w+)"
    r"|AWS_(?:SERVICE|URL|SUFFIXES|WEB_IDENTITY_\w+|CONTAINER_\w+|CREDENTIAL_FILE|ROLE_ARN|PAGER)"
)


def test_the_page_names_every_variable() -> None:
    """It has mfakit's own and AWS's, all that the sources read."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    names = set(re.findall(r"\b(?:MFAKIT|AWS|AWSUME)_[A-Z_]*[A-Z]\b", text))
    assert {name for name in names if not INNER.fullmatch(name)} - set(_words(PAGE)) == set()


def test_the_page_names_every_setting_of_mfakit() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    names = set(re.findall(r'"(mfakit_(?!session_|access_key_|check_)[a-z_]+)"', text))
    assert names <= set(_words(PAGE))


@pytest.mark.parametrize("process", [False, True])
def test_the_page_names_every_file(home, alice, process: bool) -> None:
    """They are there after a login, a wrong code, a notification and a session for SDKs."""
    device = alice.device
    home.mfakit("configure", "--serial-number", device.serial_number, *_flags(process))
    home.mfakit("login", "--token-code", "-", stdin="000000")
    assert home.mfakit("login", "--token-code", "-", stdin=device.code()).returncode == 0
    home.mfakit("login", "--force", "--token-command", home.token_command(device.code()))
    home.mfakit("check", "--warn", "13h", "--on-expiring", "true")
    folder = home.credentials.parent
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    kinds = {re.sub(r"^mfakit/(\w+)/.*", r"mfakit/\1/", name) for name in found}
    named = set(re.findall(r"^\| `(.*?)` ", PAGE.replace("~/.aws/", ""), re.MULTILINE))
    assert kinds - named == set()
    assert ("mfakit/sessions/" in kinds) is process
    assert ("credentials.lock" in kinds) is not process  # the cache has the session then
    assert {"mfakit/records/", "mfakit/told/"} <= kinds


def _flags(process: bool) -> list[str]:
    return ["--credential-process"] if process else []


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)
