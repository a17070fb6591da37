"""What each tool does to a credentials file that it writes an MFA session into.

Run as ``python -m bench.writers``. The real tools log in, as processes, at the simulator; strace
tells how they write, and the files tell what is left. The result is a Markdown table.
"""

from __future__ import annotations

import argparse
import re
import shutil
import stat
import sys
from configparser import RawConfigParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.writing_tools import TARGET, TOOLS, Home, Tool, keys_of
from mfakit.testing import AWSSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator

START, END = "<!-- writers -->", "<!-- /writers -->"
LONG_TERM = "aws_access_key_id = AKIAOFSOMEBODYELSE00\naws_secret_access_key = not-ours\n"
ABOVE = """\
# Carol keeps this file. Ask her before you change it.
[zebra]
AWS_Access_Key_ID=AKIAOFSOMEBODYELSE00
aws_secret_access_key :  not-ours
; her region
region = eu-central-1

[work-long-term]
aws_access_key_id = {key}
aws_secret_access_key = {secret}

"""
# awsume writes only into sections with its mark; no other tool minds it.
OLD_SESSION = """\
[work]
manager = awsume
aws_access_key_id = ASIAOFYESTERDAY00000
aws_secret_access_key = old
aws_session_token = old
aws_security_token = stale
expiration = 2020-01-01 00:00:00
"""
BELOW = f"\n# the oldest of all\n[default]\n{LONG_TERM}\n[apple]\n{LONG_TERM}"
WRITES = "open,openat,creat,truncate,rename,renameat,renameat2,flock,fcntl"


def above(home: Home) -> str:
    """Return the text above the section that is written, with the keys to log in with."""
    return ABOVE.format(key=home.user.access_key_id, secret=home.user.secret_access_key)


def is_kept(text: str, path: Path, *sections: str) -> bool:
    """Whether sections are as they were in a text."""
    before = RawConfigParser()
    before.read_string(text)
    return all(dict(before[name]) == keys_of(path, name) for name in sections)


def over_a_session(tool: Tool, home: Home) -> Iterator[tuple[str, str]]:
    """Renew the session of a file with comments, and other people's keys."""
    text = above(home) + OLD_SESSION + BELOW
    home.write(text, 0o644)
    log = home.folder / "strace"
    tool.login_surely(home, "strace", "-f", "-y", "-qq", "-o", str(log), "-e", f"trace={WRITES}")
    after = home.file.read_bytes().decode()
    comments = [line for line in text.splitlines() if line.startswith(("#", ";"))]
    yield (
        "comments kept",
        yes_or_no([line for line in after.splitlines() if line in comments] == comments),
    )
    others = [name for name in headers(text) if name != TARGET]
    yield "long-term keys of other profiles kept", yes_or_no(is_kept(text, home.file, *others))
    yield "replaced atomically", way_of_writing(log.read_text(), home.file)
    yield "locked meanwhile", yes_or_no(takes_a_lock(log.read_text(), home.file))
    yield "mode of a file that was 0644", mode(home.file)
    yield "stale `aws_security_token`", stale_token(keys_of(home.file, TARGET))
    yield "all else, byte for byte", other_bytes(home, after)


def over_long_term_keys(tool: Tool, home: Home) -> Iterator[tuple[str, str]]:
    """Name a profile for the session that holds long-term keys."""
    text = f"{above(home)}[{TARGET}]\n{LONG_TERM}"
    home.write(text)
    refused = tool.login(home).returncode != 0
    kept = is_kept(text, home.file, TARGET)
    yield (
        "long-term keys of the profile itself kept",
        "yes, refuses" if refused and kept else yes_or_no(kept),
    )


def in_a_new_file(tool: Tool, home: Home) -> Iterator[tuple[str, str]]:
    """Log in where there is no credentials file, with umask 022."""
    tool.prepare(home)
    tool.login_surely(home)
    yield "mode of a new file (umask 022)", mode(home.file)


def through_a_link(tool: Tool, home: Home) -> Iterator[tuple[str, str]]:
    """Log in where the file is a link into a folder of dotfiles, with the line ends of Windows."""
    home.write((above(home) + OLD_SESSION).replace("\n", "\r\n"))
    real = home.file.rename(home.folder / "dotfiles")
    home.file.symlink_to(real)
    tool.login_surely(home)
    yield (
        "link stays a link",
        yes_or_no(home.file.is_symlink() and "old" not in keys_of(real, TARGET).values()),
    )
    lines = real.read_bytes().splitlines(keepends=True)
    yield "CRLF kept", yes_or_no(all(line.endswith(b"\r\n") for line in lines))


SITUATIONS = (over_long_term_keys, over_a_session, through_a_link, in_a_new_file)


def yes_or_no(answer: bool) -> str:
    """Return "yes" or "no", of which the bad one is bold."""
    return "yes" if answer else "**no**"


def mode(path: Path) -> str:
    """Return the mode of a file, bold if others than owner and group have some bits."""
    bits = stat.S_IMODE(path.stat().st_mode)
    return f"{bits:04o}" if not bits & 0o007 else f"**{bits:04o}**"


def headers(text: str) -> list[str]:
    """Return the names of the sections in order."""
    return re.findall(r"^\[(.+)\]", text, re.MULTILINE)


def stale_token(section: dict[str, str]) -> str:
    """Return what became of the token that botocore prefers."""
    token = section.get("aws_security_token")
    if token is None:
        return "removed"
    return "renewed" if token == section["aws_session_token"] else "**stays, and wins**"


def way_of_writing(log: str, path: Path) -> str:
    """Return, by the system calls, whether a reader could see a part of the file."""
    opened = [
        line for line in log.splitlines() if f'"{path}", O_' in line and "O_RDONLY" not in line
    ]
    if any("O_TRUNC" in line for line in opened):
        return "**no**, empties it first"
    if opened:
        return "**no**, writes into it"
    renamed = any(
        re.search(rf'rename\w*\(.*, "{re.escape(str(path))}".*= 0$', line)
        for line in log.splitlines()
    )
    return yes_or_no(renamed)


def takes_a_lock(log: str, path: Path) -> bool:
    """Return, by the system calls, whether other writers are locked out."""
    folder = re.escape(str(path.parent))
    lock = (
        rf"(flock\(\d+<{folder}/[^>]*>, LOCK_EX|fcntl\(\d+<{folder}/[^>]*>, F_(OFD_)?SETLKW?).*= 0$"
    )
    return re.search(lock, log, re.MULTILINE) is not None


def other_bytes(home: Home, after: str) -> str:
    """Return whether all outside the section is unchanged, and if not, what became of it."""
    if after.startswith(above(home)) and after.endswith(BELOW):
        return "unchanged"
    changed = []
    before = above(home) + OLD_SESSION + BELOW
    if headers(after) != headers(before):
        changed.append("order")
    if "AWS_Access_Key_ID" not in after:
        changed.append("case of keys")
    if "aws_secret_access_key :  not-ours" not in after:
        changed.append("spaces and signs")
    return f"**changed**: {', '.join(changed) or 'comments or blank lines'}"


def measure(tool: Tool, aws: AWSSimulator, url: str) -> dict[str, str]:
    """Put a tool in each situation, in a home of its own each time."""
    found: dict[str, str] = {}
    for situation in SITUATIONS:
        with TemporaryDirectory() as folder:
            user = aws.create_user(f"{tool.program}-{situation.__name__}")
            found |= situation(tool, Home(Path(folder).resolve() / "home", url, user))
    return found


def table() -> str:
    """Measure all tools, and write what was found as a Markdown table."""
    with AWSSimulator() as aws, aws.serve() as url:
        found = {tool.name: measure(tool, aws, url) for tool in TOOLS}
    columns = list(next(iter(found.values())))
    rows = [["", *found], ["---"] * (len(found) + 1)]
    rows += [[column, *(row[column] for row in found.values())] for column in columns]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def check(path: Path, measured: str) -> str | None:
    """Return what is wrong with the table between the markers of a page, if anything."""
    _, start, rest = path.read_text().partition(f"{START}\n")
    kept, end, _ = rest.partition(END)
    if not start or not end:
        return f"{path} has no {START} and {END}, each on a line of its own"
    return None if kept.strip() == measured.strip() else f"{path} has another table than this"


def main() -> int:
    """Print the table, and compare it."""
    parser = argparse.ArgumentParser(prog="python -m bench.writers", description=__doc__)
    parser.add_argument(
        "--check", metavar="FILE", type=Path, help=f"compare with what is between {START} and {END}"
    )
    options = parser.parse_args()
    if shutil.which("strace") is None:
        parser.error("strace is needed, which Linux has")
    measured = table()
    print(measured, end="")
    problem = options.check and check(options.check, measured)
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
