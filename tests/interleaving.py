"""Our write is stopped at any of its system calls, while a foreign writer works.

Run as ``python -m tests.interleaving FOLDER KIND STOPS``. STOPS is ``PART/PARTS`` for a part of all
stops, or ``swap`` for those at the swap of the files. There is a stop before each system call,
which other processes cannot distinguish from a stop after the previous one.
The output is a JSON object with the number of stops, and with what was lost at which of them.

Some foreign writers do all of their work at the stop. Others begin there, and continue after our
write has ended. Others again work at the swap, and our process is killed at the stop.
"""

from __future__ import annotations

import datetime
import inspect
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.stopping import Call, Traced

import mfakit
from mfakit.errors import MFAKitError

OLD = "# mine\n[default]\naws_access_key_id = AKIAOLD\naws_secret_access_key = old\n"
OTHER = "# other\n[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n"
THIRD = "\n[third]\naws_access_key_id = AKIATHIRD\naws_secret_access_key = third\n"
THEIRS = "\n[theirs]\naws_access_key_id = AKIATHEIRS\naws_secret_access_key = theirs\n"
SESSION = mfakit.SessionCredentials(
    "ASIANEW", "new", "new", datetime.datetime(2126, 1, 1, tzinfo=datetime.UTC)
)
OURS = "aws_access_key_id = ASIANEW\n"
# The numbers of the system calls that stat a path, and of the swap, by architecture.
LOOKS = {"x86_64": (4, 6, 262, 332), "aarch64": (79, 291)}
SWAP = {"x86_64": 316, "aarch64": 276}
# Calls that neither read nor change a file: lseek, getrandom, geteuid, gettid, set_robust_list; and
# ioctl, where it asks whether a file is a terminal, which Python does for each file that it opens.
NEUTRAL = {"x86_64": (8, 318, 107, 186, 273), "aarch64": (62, 278, 175, 178, 99)}
IOCTL, IS_TERMINAL = {"x86_64": 16, "aarch64": 29}, 0x5401
# A foreign open for writing blocks while we hold a lease; then our write continues first.
BLOCKED_SECONDS = 1


class Place:
    """A credentials file, and the other files that may hold its text."""

    def __init__(self, folder: Path, *, linked: bool, missing: bool) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self.folder = folder / "aws"
        self.folder.mkdir(parents=True, mode=0o700)
        self.path = self.folder / "credentials"
        self.other = folder / "dotfiles" / "other"
        self.other.parent.mkdir()
        self.first = folder / "dotfiles" / "first" if linked else self.path
        if not missing:
            write(self.first, OLD)
            os.utime(self.first, (1, 1))
        if linked:
            self.path.symlink_to(self.first)
        self.environ = {"AWS_SHARED_CREDENTIALS_FILE": str(self.path), "HOME": str(folder)}

    def text(self) -> str:
        return self.path.read_text() if self.path.exists() else ""


def write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def rename_in(path: Path, text: str) -> None:
    new = path.parent / "theirs.tmp"
    write(new, text)
    new.replace(path)


def rename_an_edit(place: Place) -> None:
    """Read the file, and rename an edited copy over it."""
    rename_in(place.path.resolve(), place.text() + THEIRS)


def rename_another(place: Place) -> None:
    """Rename another file over it, such as a backup."""
    rename_in(place.path.resolve(), OTHER + THEIRS)


def rename_a_third(place: Place) -> None:
    """Read the file, and rename a copy with a third section over it."""
    rename_in(place.path.resolve(), place.text() + THIRD)


def renaming_a_third(place: Place) -> Iterator[None]:
    """Read the file; after our write, rename a copy with a third section over it."""
    text = place.text() + THIRD
    yield
    rename_in(place.path.resolve(), text)


def rewrite(place: Place) -> None:
    """Read the file, empty it and write all of it, as the AWS CLI does."""
    text = place.text()
    write(place.path, text + THEIRS)


def append(place: Place) -> None:
    """Append a section to the file."""
    with place.path.open("a") as file:
        file.write(THEIRS)


def remove(place: Place) -> None:
    """Remove the file."""
    place.path.resolve().unlink(missing_ok=True)


def point_elsewhere(place: Place) -> None:
    """Point the symlink at another file."""
    write(place.other, OTHER + THEIRS)
    new = place.folder / "link.tmp"
    new.symlink_to(place.other)
    new.replace(place.path)


def move_and_link(place: Place) -> None:
    """Move the file to the dotfiles, and put a symlink in its place."""
    os.replace(place.path, place.other)
    place.path.symlink_to(place.other)
    with place.other.open("a") as file:
        file.write(THEIRS)


def appending(place: Place) -> Iterator[None]:
    """Open the file for appending; append to it after our write."""
    with open(place.path, "a") as file:
        yield
        file.write(THEIRS)


def emptying(place: Place) -> Iterator[None]:
    """Empty the file, as the AWS CLI does, but write it only after our write."""
    text = place.text()
    with open(place.path, "w") as file:
        yield
        file.write(text + THEIRS)


def halving(place: Place) -> Iterator[None]:
    """Write half of the file; write the rest after our write."""
    text = place.text() + THEIRS
    with open(place.path, "w") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        yield
        file.write(text[len(text) // 2 :])


def writing_in_place(place: Place) -> Iterator[None]:
    """Open and read the file; write it anew from its start after our write."""
    with open(place.path, "r+") as file:
        text = file.read()
        yield
        file.seek(0)
        file.write(text + THEIRS)
        file.truncate()


def renaming(place: Place) -> Iterator[None]:
    """Write a new file; rename it over the old one after our write."""
    new = place.folder / "theirs.tmp"
    write(new, place.text() + THEIRS)
    yield
    new.replace(place.path)


class Kind:
    """A foreign writer.

    Args:
        act: its work; what follows a yield is done after our write has ended.
        writes_back: whether it writes back all that it read, which may undo our write.
        killed: whether our process is killed at the stop; the writer then works at the swap.
        second: the work of a second writer at the stop; the first then works at the swap.
        linked: whether the path is a symlink.
        missing: whether the file does not exist at first.
        keeps_old: whether the old text must exist in the end.
        writes: the text that it writes, which must exist in the end too.
    """

    def __init__(
        self,
        act: Callable[[Place], Iterator[None] | None],
        *,
        writes_back: bool = False,
        killed: bool = False,
        second: Callable[[Place], Iterator[None] | None] | None = None,
        linked: bool = False,
        missing: bool = False,
        keeps_old: bool = True,
        writes: str = THEIRS,
    ) -> None:
        self.act = act
        self.writes_back = writes_back
        self.killed = killed
        self.second = second
        self.from_swap = killed or second is not None
        self.waits = inspect.isgeneratorfunction(act)
        self.linked = linked
        self.missing = missing
        self.texts = [OLD] * (keeps_old and not missing) + [writes] * bool(writes)
        self.texts += [THIRD] * bool(second)
        self.gone = OLD if not keeps_old else ""


KINDS = {
    "rename-an-edit": Kind(rename_an_edit),
    "rename-another": Kind(rename_another, keeps_old=False, writes=OTHER + THEIRS),
    "rewrite": Kind(rewrite),
    "append": Kind(append),
    "remove": Kind(remove, keeps_old=False, writes=""),
    "move-and-link": Kind(move_and_link),
    "point-elsewhere": Kind(point_elsewhere, linked=True, keeps_old=False, writes=OTHER + THEIRS),
    "rename-behind-a-link": Kind(rename_an_edit, linked=True),
    "rewrite-behind-a-link": Kind(rewrite, linked=True),
    "make": Kind(append, missing=True),
    "rename-a-first": Kind(rename_another, missing=True, writes=OTHER + THEIRS),
    "appending": Kind(appending),
    "emptying": Kind(emptying, writes_back=True),
    "halving": Kind(halving, writes_back=True),
    "writing-in-place": Kind(writing_in_place, writes_back=True),
    "renaming": Kind(renaming, writes_back=True),
    "rename-then-killed": Kind(rename_another, keeps_old=False, writes=OTHER + THEIRS, killed=True),
    "rewrite-then-killed": Kind(rewrite, killed=True),
    "append-then-killed": Kind(append, killed=True),
    "rename-and-read": Kind(
        rename_another,
        keeps_old=False,
        writes=OTHER + THEIRS,
        second=renaming_a_third,
        writes_back=True,
    ),
    "rename-and-again": Kind(
        rename_another, keeps_old=False, writes=OTHER + THEIRS, second=rename_a_third
    ),
}


class Run:
    """One write of ours, in a child process that is stopped once."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.looks = 0  # how often it has looked at the path itself
        go, self._go = os.pipe()
        self._said, said = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.read(go, 1)
            os._exit(write_session(place, said))
        os.close(go)
        os.close(said)
        self.traced = Traced(pid)
        os.write(self._go, b"!")

    def calls(self) -> Iterator[Call]:
        """Yield each system call, at its entry and at its exit."""
        looks = LOOKS[os.uname().machine]
        while (call := self.traced.step()) is not None:
            if call.is_done and call.number in looks:
                paths = [self.traced.text_at(address) for address in call.arguments[:2]]
                self.looks += str(self.place.path) in paths
            yield call

    def end(self) -> tuple[int, str]:
        """Continue the process; return its exit code and output."""
        status = self.traced.let_go()
        with open(self._said) as file:
            said = file.read()
        os.close(self._go)
        return os.waitstatus_to_exitcode(status), said


def write_session(place: Place, said: int) -> int:
    """Write the session, and its messages to the pipe; return an exit code, 9 for a bug."""
    notes: list[str] = []
    code = 0
    try:
        mfakit.write_session("mfa", SESSION, environ=place.environ, note=notes.append)
    except MFAKitError as error:
        notes.append(f"{error.message}; {error.hint}")
        code = 1
    except BaseException as error:
        notes.append(repr(error))
        code = 9
    os.write(said, "\n".join(notes).encode())
    return code


def calm_stops(place: Place) -> tuple[list[int], list[int], list[int]]:
    """Run our write alone; return its stops, its looks at the path up to each, and the swap's."""
    machine = os.uname().machine
    run = Run(place)
    stops, looks, swaps = [], [], []
    for count, call in enumerate(run.calls()):
        looks.append(run.looks)
        if not call.is_done and not _is_neutral(call, machine):
            stops.append(count)
        if call.number == SWAP[machine]:
            swaps.append(count)
    assert run.end()[0] == 0
    return stops, looks, swaps[-2:]  # an earlier one may be the safety copy's


def stops_for(kind: Kind, stops: list[int], swaps: list[int]) -> list[int]:
    """Return the stops at which writers of this kind work."""
    return [stop for stop in stops if stop >= swaps[0] or not kind.from_swap]


def _is_neutral(call: Call, machine: str) -> bool:
    if call.number == IOCTL[machine]:
        return call.arguments[1] == IS_TERMINAL
    return call.number in NEUTRAL[machine]


def go_to(run: Run, stop: int) -> None:
    run.traced.step()
    run.traced.skip(stop)


def beside(act: Callable[[Place], object], run: Run) -> threading.Thread:
    """Run the foreign writer while our write is stopped, until it ends or blocks."""
    other = threading.Thread(target=act, args=(run.place,))
    other.start()
    other.join(BLOCKED_SECONDS)
    return other


def at_stop(run: Run, kind: Kind, stop: int, swap: int) -> tuple[int, str]:
    """Run both writers; return our exit code and output."""
    if kind.from_swap:
        go_to(run, swap)
        beside(kind.act, run).join()
        run.traced.skip(stop - swap)
        if kind.second is None:
            run.traced.kill()
            return end_of_another(run.place)
        return both(kind.second, run)
    go_to(run, stop)
    return both(kind.act, run)


def both(act: Callable[[Place], Iterator[None] | None], run: Run) -> tuple[int, str]:
    """Run the foreign writer up to its yield, then our write to its end, then the rest."""
    rest: list[Iterator[None]] = []

    def begin(place: Place) -> None:
        doing = act(place)
        if doing is not None:
            next(doing)
            rest.append(doing)

    other = beside(begin, run)
    ended = run.end()
    other.join()
    for doing in rest:
        next(doing, None)
    return ended


def end_of_another(place: Place) -> tuple[int, str]:
    """Write once more after a process was killed; return the exit code and output."""
    return Run(place).end()


def what_is_wrong(place: Place, kind: Kind, code: int, said: str, *, late: bool) -> str:
    """Return what is lost, or reported wrongly; "" if nothing is.

    Args:
        place: the files.
        kind: the foreign writer.
        code: the exit code of our write.
        said: the messages of our write.
        late: whether the foreign writer worked after our last look at the path.
    """
    found = place.text()
    kept = [Path(name).read_text() for name in re.findall(r"\S+\.kept-\w+", said)]
    for text in kind.texts:
        if not any(text in one for one in (found, *kept)):
            return f"lost: {text!r}"
    if code == 0 and OURS not in found and not late and not kind.writes_back:
        return "our session is missing"
    if code not in (0, 1):
        return "an error of our own"
    if code and not kind.waits and kind.second is None:
        return "an error, though the only other writer has ended"
    if (
        kind.gone
        and kind.second is None
        and any(line in found for line in kind.gone.splitlines()[2:])
    ):
        return "what was removed came back"
    left = [name for name in os.listdir(place.first.parent) if ".mfakit-" in name]
    return f"left over: {left}" if left else ""


def main(folder: Path, name: str, which: str) -> dict[str, object]:
    """Stop our write at each of these stops, beside one kind of foreign writer; or count them."""
    kind = KINDS[name]

    def fresh(name: str) -> Place:
        return Place(folder / name, linked=kind.linked, missing=kind.missing)

    for _ in range(2):  # from then on, no import adds system calls
        mfakit.write_session("mfa", SESSION, environ=fresh("warm").environ)
    stops, looks, swaps = calm_stops(fresh("calm"))
    if which == "count":
        return {"calls": len(stops), "stops": len(stops_for(kind, stops, swaps))}
    if which == "swap":
        numbers = swaps
    else:
        part, parts = map(int, which.split("/"))
        numbers = stops_for(kind, stops, swaps)[part::parts]
    wrong = {}
    for stop in numbers:
        place = fresh(str(stop))
        run = Run(place)
        code, said = at_stop(run, kind, stop, swaps[0])
        # the path has to be looked at once more after the swap, or the file is written anew
        is_after_all_looks = looks[swaps[0] if kind.from_swap else stop] == looks[-1]
        late = which != "swap" and is_after_all_looks
        if fault := what_is_wrong(place, kind, code, said, late=late):
            wrong[stop] = [fault, code, said, place.text()]
    return {"stops": len(numbers), "wrong": wrong}


if __name__ == "__main__":
    _, folder, name, which = sys.argv
    sys.stdout.write(json.dumps(main(Path(folder), name, which)))
