"""Our write, stopped at any of its system calls, while a foreign writer is at work.

Run as ``python -m tests.interleaving FOLDER KIND STOPS``, where STOPS is ``PART/PARTS``: a part
of all stops; or ``swap``: those at the swap of the files. There is a stop before each call; to stop
after a call is the same to anybody else as to stop before the next one.
Prints a JSON object: how many stops there were, and what was lost at which.

There are foreign writers that do all of their work at the stop, such that begin there and go on
after ours has ended, and such that work at the swap, after which ours is killed at the stop.
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
# The numbers of the calls that look at a path, and of the swap, by the machine.
LOOKS = {"x86_64": (4, 6, 262, 332), "aarch64": (79, 291)}
SWAP = {"x86_64": 316, "aarch64": 276}
# A foreign open for writing waits in the kernel while we hold a lease; ours goes on then.
BLOCKED_SECONDS = 1


class Place:
    """A credentials file, and where else its texts may be."""

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
    """Read, and rename a new file in."""
    rename_in(place.path.resolve(), place.text() + THEIRS)


def rename_another(place: Place) -> None:
    """Rename another file in, such as a backup."""
    rename_in(place.path.resolve(), OTHER + THEIRS)


def rename_a_third(place: Place) -> None:
    """Read, and rename one more file in."""
    rename_in(place.path.resolve(), place.text() + THIRD)


def renaming_a_third(place: Place) -> Iterator[None]:
    """Read, and prepare one more file, to rename it in."""
    text = place.text() + THIRD
    yield
    rename_in(place.path.resolve(), text)


def rewrite(place: Place) -> None:
    """Read, empty the file and write all of it, as the AWS CLI does."""
    text = place.text()
    write(place.path, text + THEIRS)


def append(place: Place) -> None:
    """Write at the end."""
    with place.path.open("a") as file:
        file.write(THEIRS)


def remove(place: Place) -> None:
    """Remove the file."""
    place.path.resolve().unlink(missing_ok=True)


def point_elsewhere(place: Place) -> None:
    """Point the link at another file."""
    write(place.other, OTHER + THEIRS)
    new = place.folder / "link.tmp"
    new.symlink_to(place.other)
    new.replace(place.path)


def move_and_link(place: Place) -> None:
    """Move the file to a folder of dotfiles, and link to it."""
    os.replace(place.path, place.other)
    place.path.symlink_to(place.other)
    with place.other.open("a") as file:
        file.write(THEIRS)


def appending(place: Place) -> Iterator[None]:
    """Open the file to append to it."""
    with open(place.path, "a") as file:
        yield
        file.write(THEIRS)


def emptying(place: Place) -> Iterator[None]:
    """Empty the file, as the AWS CLI does a millisecond before it writes."""
    text = place.text()
    with open(place.path, "w") as file:
        yield
        file.write(text + THEIRS)


def halving(place: Place) -> Iterator[None]:
    """Write one half of the file."""
    text = place.text() + THEIRS
    with open(place.path, "w") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        yield
        file.write(text[len(text) // 2 :])


def writing_in_place(place: Place) -> Iterator[None]:
    """Open and read the file, to write it anew from its start."""
    with open(place.path, "r+") as file:
        text = file.read()
        yield
        file.seek(0)
        file.write(text + THEIRS)
        file.truncate()


def renaming(place: Place) -> Iterator[None]:
    """Prepare a new file, to rename it in."""
    new = place.folder / "theirs.tmp"
    write(new, place.text() + THEIRS)
    yield
    new.replace(place.path)


class Kind:
    """A foreign writer.

    Args:
        act: what it does; if it yields, what comes after that it does when ours has ended.
        writes_back: whether it writes back all that it read, so that it can undo ours.
        killed: whether ours is killed at the stop; the foreign writer works at the swap.
        second: what another does at the stop; the first works at the swap then too.
        linked: whether the path is a link.
        missing: whether there is no file at first.
        keeps_old: whether the old text is to be there in the end.
        writes: what it writes, which must be there too.
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
    """One write of ours in a child process, stopped once."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.looks = 0  # at the path itself, so far
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
        """Step through all calls, each before and after it is made."""
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
    """Write the session, and print what a person would read. The exit code is 9 for a bug."""
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


def calm_stops(place: Place) -> tuple[list[int], int, list[int]]:
    """Run ours alone; return its stops, how often it looks at the path, and the swap's stops."""
    machine = os.uname().machine
    run = Run(place)
    stops, swaps = [], []
    for count, call in enumerate(run.calls()):
        if not call.is_done:
            stops.append(count)
        if call.number == SWAP[machine]:
            swaps.append(count)
    assert run.end()[0] == 0
    return stops, run.looks, swaps[-2:]  # the safety copy is put in place by the same call


def go_to(run: Run, stop: int) -> None:
    for number, _ in enumerate(run.calls()):
        if number == stop:
            return


def beside(act: Callable[[Place], object], run: Run) -> threading.Thread:
    """Run the foreign writer, as far as the kernel allows it while ours is stopped."""
    other = threading.Thread(target=act, args=(run.place,))
    other.start()
    other.join(BLOCKED_SECONDS)
    return other


def at_stop(run: Run, kind: Kind, stop: int, swap: int) -> tuple[int, str]:
    """Run both writers; return our exit code and output."""
    if kind.from_swap:
        go_to(run, swap)
        beside(kind.act, run).join()
        for _ in range(stop - swap):
            run.traced.step()
        if kind.second is None:
            run.traced.kill()
            return end_of_another(run.place)
        return both(kind.second, run)
    go_to(run, stop)
    return both(kind.act, run)


def both(act: Callable[[Place], Iterator[None] | None], run: Run) -> tuple[int, str]:
    """Run the foreign writer, or a part of it, then ours to its end, then the rest."""
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
    """Write once more, after a process that was killed."""
    return Run(place).end()


def what_is_wrong(place: Place, kind: Kind, code: int, said: str, *, late: bool) -> str:
    """Return what is lost, or reported wrongly; "" if nothing is.

    Args:
        place: where all happened.
        kind: the foreign writer.
        code: how our write ended.
        said: what it said.
        late: whether the foreign writer came after our last look.
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
    if (
        kind.gone
        and kind.second is None
        and any(line in found for line in kind.gone.splitlines()[2:])
    ):
        return "what was removed came back"
    left = [name for name in os.listdir(place.first.parent) if ".mfakit-" in name]
    return f"left over: {left}" if left else ""


def main(folder: Path, name: str, which: str) -> dict[str, object]:
    """Go through the stops of one kind."""
    kind = KINDS[name]

    def fresh(name: str) -> Place:
        return Place(folder / name, linked=kind.linked, missing=kind.missing)

    for _ in range(2):  # what is loaded once is loaded by now
        mfakit.write_session("mfa", SESSION, environ=fresh("warm").environ)
    stops, looks, swaps = calm_stops(fresh("calm"))
    if which == "swap":
        numbers = swaps
    else:
        part, parts = map(int, which.split("/"))
        numbers = [stop for stop in stops if stop >= swaps[0] or not kind.from_swap][part::parts]
    wrong = {}
    for stop in numbers:
        place = fresh(str(stop))
        run = Run(place)
        code, said = at_stop(run, kind, stop, swaps[0])
        if fault := what_is_wrong(place, kind, code, said, late=run.looks >= looks):
            wrong[stop] = [fault, code, said, place.text()]
    return {"stops": len(numbers), "wrong": wrong}


if __name__ == "__main__":
    _, folder, name, which = sys.argv
    sys.stdout.write(json.dumps(main(Path(folder), name, which)))
