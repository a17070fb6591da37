"""Write where mfakit comes from into the project, and from which template and answers it was made.

All templates have the same file. The answers come as one JSON text, so that no answer ever becomes
part of this program.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

# cookiecutter replaces the braces by a string; linters of the template see a set in them.
ANSWERS = json.loads({{cookiecutter | jsonify | jsonify}})  # noqa: F821

PLACEHOLDER = "\ue000mfakit\ue000"  # of what follows the name mfakit in a requirement
HOSTS = {"gh": "github.com", "gl": "gitlab.com", "bb": "bitbucket.org"}
NOT_CHOSEN = {"github": [".gitlab-ci.yml"], "gitlab": [".github"]}


class SourceError(Exception):
    """The answer for the source of mfakit cannot be used."""


def main() -> int:
    """Complete the files of the project, in the current folder; return the exit code."""
    for name in NOT_CHOSEN.get(ANSWERS.get("ci", ""), []):
        shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()
    by_cruft = "_commit" in ANSWERS  # which writes its own record
    url, commit = (ANSWERS["_template"], ANSWERS["_commit"]) if by_cruft else template()
    try:
        required = requirement(ANSWERS["mfakit_source"], url, commit)
    except SourceError as error:
        print(f"mfakit_source cannot be {ANSWERS['mfakit_source']!a}: {error}", file=sys.stderr)
        return 1
    for path in Path().rglob("*"):
        if path.is_file() and PLACEHOLDER.encode() in path.read_bytes():
            text = path.read_bytes().replace(PLACEHOLDER.encode(), required.encode())
            path.write_bytes(text)
    if commit and not by_cruft:
        answers = {name: answer for name, answer in ANSWERS.items() if name[0] != "_"}
        record = {
            "template": url,
            "commit": commit,
            "checkout": ANSWERS.get("_checkout"),
            "context": {"cookiecutter": {**answers, "_template": url, "_commit": commit}},
            "directory": f"templates/{Path(ANSWERS['_repo_dir']).name}",
        }
        Path(".cruft.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return 0


def template() -> tuple[str, str]:
    """Return the repository that the template came from, and its commit; empty if there is none.

    Where the commit is in no remote branch, the repository is the folder itself.
    """
    # a relative path is one from where the user typed it, which this program does not start in
    folder = str(Path(os.environ.get("PWD", ""), ANSWERS["_repo_dir"]))
    commit = git("-C", folder, "rev-parse", "HEAD")
    url = git("-C", folder, "config", "remote.origin.url")
    if url and git("-C", folder, "branch", "--remotes", "--contains", commit):
        return re.sub(r"^(https?://)[^/@]*@", r"\1", url), commit
    return git("-C", folder, "rev-parse", "--show-toplevel"), commit


def requirement(source: str, template_url: str, commit: str) -> str:
    """Return what follows the name mfakit in a requirement.

    Raises:
        SourceError: the source is a repository that not every pip installs from, or that cannot
            be asked for its commit.
    """
    if source == "mfakit":
        return ">=0.1"
    if source == "template":
        return _from_template(template_url, commit)
    if not (url := git_url(source)):
        return f" @ {folder_url(source)}"
    base, mark, fragment = url.partition("#")
    if "@" not in urlsplit(base).path:
        asked = git("ls-remote", base, "HEAD").split()
        if not asked:
            raise SourceError(f"git cannot ask it for its commit; add @TAG or @COMMIT: {source}@v1")
        base += f"@{asked[0]}"
    return f" @ git+{base}{mark}{fragment}"


def _from_template(url: str, commit: str) -> str:
    if remote := git_url(url):
        return f" @ git+{remote}@{commit}"
    folder = Path(unquote(urlsplit(url).path) if url.startswith("file:") else url)
    if not url or not (folder / "pyproject.toml").is_file():
        raise SourceError(
            "the template comes from no repository or folder that pip installs from; "
            "name a git URL (https://HOST/PATH) or a folder (/home/me/mfakit)"
        )
    return f" @ {folder_url(str(folder))}"


def git_url(source: str) -> str:
    """Return the URL of a remote repository as pip has it, without git+; empty for a folder."""
    source = source.removeprefix("git+")
    if match := re.match(r"(gh|gl|bb):(.+)", source):
        return f"https://{HOSTS[match[1]]}/{match[2]}"
    if match := re.fullmatch(r"([\w.-]+@[\w.-]+):([^/].*)", source):
        return f"ssh://{match[1]}/{match[2]}"
    return source if re.match(r"(https?|ssh)://", source) else ""


def folder_url(source: str) -> str:
    """Return the URL of a folder, given as a path or as a URL."""
    if source.startswith("file:"):
        return source
    path = str(Path(source).expanduser()) if source.startswith("~") else source
    return "file:///" + quote(path.replace("\\", "/").lstrip("/"), safe="/:")


def git(*arguments: str) -> str:
    """Return what git prints; empty if it fails."""
    try:
        done = subprocess.run(
            ["git", *arguments], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""


sys.exit(main())
