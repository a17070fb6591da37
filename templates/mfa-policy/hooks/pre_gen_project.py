"""Refuse answers that would make a project which does not work, before anything is written.

All templates have the same file, so that a question means the same in each of them.
The answers come as one JSON text, so that no answer ever becomes part of this program.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import sys

# cookiecutter replaces the braces by a string; linters of the template see a set in them.
ANSWERS = json.loads({{cookiecutter | jsonify | jsonify}})  # noqa: F821

SHORTEST_SECONDS, LONGEST_SECONDS = 15 * 60, 36 * 3600
REGIONS = {  # as botocore's endpoints.json has them
    "aws": r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+",
    "aws-us-gov": r"us-gov-\w+-\d+",
    "aws-cn": r"cn-\w+-\d+",
}
EXAMPLES = {"aws": "eu-central-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}
TEMPLATE_SYNTAX = r"[{][#%{]|[#%}][}]"  # in brackets, so that this line is no such syntax
DRIVE = r"[A-Za-z]:[\\/]"


def plain(text: str) -> str | None:
    """Refuse what no answer may contain, whatever the question is."""
    if not text.strip() or text != text.strip():
        return "it is empty, or has spaces at its ends"
    if not text.isprintable():
        return "leave out control characters, line breaks and invisible letters"
    if re.search(TEMPLATE_SYNTAX, text):
        return "leave out braces beside one another, and beside % and #"
    return None


def team(text: str) -> str | None:
    return None if len(text) <= 100 else "100 letters at most"


def slug(text: str) -> str | None:
    if text == "aws":
        return "aws-mfa is a tool of others; take more of your team's name: payments-eu"
    if len(text) <= 32 and re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", text):
        return None
    return "begin with a letter; then a to z, 0 to 9 and single hyphens, 32 at most: payments-eu"


def account_id(text: str) -> str | None:
    digits = text.replace("-", "").replace(" ", "")
    return None if re.fullmatch(r"[0-9]{12}", digits) else "twelve digits: 123456789012"


def region(text: str) -> str | None:
    partition = ANSWERS.get("partition", "aws")
    if re.fullmatch(REGIONS[partition], text, re.ASCII):
        return None
    return f"a region of the partition {partition}, such as {EXAMPLES[partition]}"


def roles(text: str) -> str | None:
    names = text.replace(",", " ").split()
    if not names:
        return "name one role at least: developer"
    for name in names:
        if not re.fullmatch(r"[\w+=.@-]{1,64}", name, re.ASCII):
            return f"{name!r} is no role's name: letters, digits and _ + = . @ - are, 64 at most"
        if name.startswith("-"):
            return f"the role {name!r} would be taken for an option; begin with something else"
        if name.lower() == "mfa":
            return "no role can be called mfa, as the session's own profile ends so"
    if len({name.lower() for name in names}) < len(names):
        return "each role once; IAM tells no capitals from small letters"
    return None


def duration(text: str) -> str | None:
    match = re.fullmatch(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s?)?", text, re.ASCII)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    if SHORTEST_SECONDS <= hours * 3600 + minutes * 60 + seconds <= LONGEST_SECONDS:
        return None
    return "15m to 36h, written as 45m, 12h or 1h30m"


def warn(text: str) -> str | None:
    minutes, between = _minutes(text), _minutes(ANSWERS.get("every", ""))
    if not minutes or minutes * 60 > LONGEST_SECONDS:
        return "minutes or hours, 36h at most: 30m or 1h"
    if between and minutes <= between:
        return f"longer than it is from one check to the next, {ANSWERS['every']}: 30m or 1h"
    return None


def _minutes(text: str) -> int | None:
    match = re.fullmatch(r"([1-9]\d{0,3})([mh])", text, re.ASCII)
    return int(match[1]) * (60 if match[2] == "h" else 1) if match else None


def mfakit_source(text: str) -> str | None:
    if text in ("template", "mfakit") or re.fullmatch(r"(gh|gl|bb):[\w./@-]+", text, re.ASCII):
        return None
    if "://" in text:
        return _url(text)
    if re.fullmatch(r"[\w.-]+@[\w.-]+:[\w./~@-]+", text, re.ASCII):
        return None
    if text.startswith(("/", "~/")) or re.match(DRIVE, text):
        return _folder(text)
    return "template, mfakit, a git URL (https://HOST/PATH), or a whole path (/home/me/mfakit)"


def _url(text: str) -> str | None:
    if re.search(r"://[^/@]*:[^/@]*@|https?://[^/@]*@", text):
        return "leave the password out; it would stand in the project's files"
    if text.startswith("git+file:"):
        return "not every pip installs from git+file; name a folder: /home/me/mfakit"
    if re.fullmatch(r"(git\+)?(https://|ssh://)[!#%&+,./0-9:;=?@A-Z_a-z~-]+", text):
        return None
    if re.fullmatch(r"file:///[!%+,./0-9:=@A-Z_a-z~-]+", text):
        return _folder(text)
    return "https://HOST/PATH, ssh://git@HOST/PATH or file:///PATH, with no spaces or quotes"


def _folder(text: str) -> str | None:
    if text.rstrip("/").endswith(".git"):
        return "not every pip installs from a bare repository; name a folder: /home/me/mfakit"
    return None


CHECKS = (team, slug, account_id, region, roles, duration, warn, mfakit_source)


def main() -> int:
    """Print what is allowed for each answer that is wrong; return the exit code."""
    checks = {check.__name__: check for check in CHECKS}
    wrong = {}
    for question, answer in ANSWERS.items():
        if question.startswith("_"):
            continue
        problem = plain(answer) or (question in checks and checks[question](answer))
        if problem:
            wrong[question] = f"{question} cannot be {answer!a}: {problem}"
    for line in wrong.values():
        print(line, file=sys.stderr)
    if wrong:
        _stop(wrong)
    return 1 if wrong else 0


def _stop(wrong: dict[str, str]) -> None:
    """Show how the other answers are kept, and spare a user at a terminal a traceback.

    cookiecutter prints one for each hook that fails, and none when it is interrupted.
    """
    if "_repo_dir" not in ANSWERS or not sys.stdin.isatty():
        return
    kept = [f"{name}={ANSWERS[name]}" for name in ANSWERS if name[0] != "_" and name not in wrong]
    line = shlex.join(["cookiecutter", ANSWERS["_repo_dir"], *kept])
    print(f"to be asked again with your other answers: {line}", file=sys.stderr)
    if os.name == "posix":
        folder = os.getcwd()
        os.chdir("..")
        with contextlib.suppress(OSError):  # a project that was there before is not empty
            os.rmdir(folder)
        os.kill(os.getppid(), signal.SIGINT)


sys.exit(main())
