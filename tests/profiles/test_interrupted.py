"""Files of an interrupted or killed process are restored, removed or named in a note."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.interleaving import OLD, OURS, SWAP, THEIRS, THIRD, Place, Run, rename_another

from mfakit import SessionCredentials, write_session, write_settings
from mfakit.profiles.own_files import digest
from mfakit.profiles.replacing import remove_with_text, swap_name

SESSION = SessionCredentials("ASIA1", "secret", "token", datetime(2126, 1, 1, tzinfo=UTC))
KEYS = "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = abc\n"
OTHER = "[other]\naws_access_key_id = AKIA2\naws_secret_access_key = abc\n"
FSYNC = {"x86_64": 74, "aarch64": 82}
linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has this way to stop a process"
)


def left_in_a_swap(file: Path, text: str) -> Path:
    """Leave another program's file where a mfakit leaves it that is killed in a swap."""
    left = Path(swap_name(str(file), digest(b"before"), digest(b"after")))
    left.write_text(text)
    left.chmod(0o600)
    return left


def step_to_the_swap(run: Run, *, is_done: bool = False) -> None:
    """Stop a write at the entry of its next swap, or of any rename with a flag; or at its exit."""
    for call in run.calls():
        if call.number == SWAP[os.uname().machine] and call.is_done >= is_done:
            break


def at_the_swap(folder: Path) -> Run:
    """Return a write of ours that is stopped before the swap, where another program acts."""
    run = Run(prepared(folder))
    step_to_the_swap(run)
    rename_another(run.place)
    return run


def between_two_others(folder: Path) -> tuple[Run, str]:
    """Return a write of ours that is stopped after the swap, and what another wrote before that.

    A second program has changed our file since then.
    """
    run = at_the_swap(folder)
    text = run.place.text()
    run.traced.step()
    with run.place.path.open("a") as file:
        file.write(THIRD)
    return run, text


def prepared(folder: Path) -> Place:
    """Return a place where mfakit has all that it makes beside the file."""
    place = Place(folder, linked=False, missing=False)
    write_session("warm", SESSION, environ=place.environ)
    place = Place(folder, linked=False, missing=False)
    (place.folder / "mfakit").mkdir(mode=0o700)
    (place.folder / "mfakit" / ".gitignore").write_text("*\n")
    (place.folder / "mfakit" / "credentials.before").write_text(OLD)
    return place


@linux_only
@pytest.mark.parametrize("further", range(4))
def test_an_interrupt_at_the_swap_loses_no_file_of_another_program(tmp_path, further) -> None:
    """Ctrl-C comes while the files are swapped, or a few system calls later."""
    run = at_the_swap(tmp_path)
    text = run.place.text()
    for _ in range(further):
        run.traced.step()
    os.kill(run.traced._pid, signal.SIGINT)
    _, said = run.end()
    assert said.endswith("KeyboardInterrupt()")
    assert run.place.text() == text
    assert not [name for name in os.listdir(run.place.folder) if ".mfakit-" in name]


@linux_only
@pytest.mark.parametrize("further", range(8))
def test_an_interrupt_after_the_swap_back_loses_nothing_that_came_into_our_file(
    tmp_path, further
) -> None:
    """One program changes the file before the swap, so that it goes back; another ours after it."""
    run, text = between_two_others(tmp_path)
    step_to_the_swap(run, is_done=True)
    for _ in range(further):
        run.traced.step()
    os.kill(run.traced._pid, signal.SIGINT)
    run.end()
    assert Run(run.place).end()[0] == 0
    kept = (run.place.folder / "mfakit").glob("credentials.kept-*")
    found = [run.place.text(), *(path.read_text() for path in kept)]
    assert any(text in one for one in found)
    assert any(THIRD in one for one in found)


@linux_only
@pytest.mark.parametrize("is_killed", [True, False])
def test_a_text_that_goes_back_into_its_place_is_kept_even_if_a_third_program_undoes_that(
    tmp_path, is_killed
) -> None:
    """That has read the file while ours was in its place, and writes back what it has read."""
    run = at_the_swap(tmp_path)
    text = run.place.text()
    run.traced.step()
    read = run.place.text()
    assert text not in read
    if is_killed:
        run.traced.kill()
        assert Run(run.place).end()[0] == 0
    else:
        os.kill(run.traced._pid, signal.SIGINT)
        run.end()
    assert text in run.place.text()
    run.place.path.write_text(read)
    found = (run.place.folder / "mfakit").glob("credentials.kept-*")
    (kept,) = [path for path in found if path.read_text() == text]
    assert str(kept) in Run(run.place).end()[1]


@linux_only
def test_a_file_of_another_program_is_back_in_its_place_before_anything_is_flushed(
    tmp_path,
) -> None:
    """A flush can take many milliseconds, in which other programs would read our file."""
    run = at_the_swap(tmp_path)
    run.traced.step()
    text, numbers = run.place.text(), []
    for call in run.calls():
        numbers.append(call.number)
        if run.place.text() != text:
            break
    assert run.place.text() != text
    assert FSYNC[os.uname().machine] not in numbers
    assert FSYNC[os.uname().machine] in [call.number for call in run.calls()]


@linux_only
def test_what_is_written_to_the_replaced_file_after_the_first_look_is_kept(tmp_path) -> None:
    """Another program has resolved the path before the swap, and opens the file after the look."""
    run = Run(prepared(tmp_path))
    step_to_the_swap(run)
    resolved = os.open(run.place.path, os.O_PATH)
    run.traced.step()
    for call in run.calls():
        if call.number == FSYNC[os.uname().machine]:
            break
    with open(f"/proc/self/fd/{resolved}", "a") as file:
        file.write(THEIRS)
    os.close(resolved)
    code, said = run.end()
    assert code == 0, said
    assert run.place.text().startswith(OLD + THEIRS)
    assert OURS in run.place.text()


@linux_only
def test_a_text_that_goes_back_is_named_if_no_copy_of_it_can_be_kept(tmp_path) -> None:
    """A third program may have read our file, and write that back without the text."""
    run = at_the_swap(tmp_path)
    text, folder = run.place.text(), run.place.folder / "mfakit"
    shutil.rmtree(folder)
    folder.write_text("a file")
    code, said = run.end()
    assert code == 0, said
    assert f"what is in {run.place.path} was out of its place for a moment" in said
    assert run.place.text().startswith(text)


@linux_only
def test_the_text_of_another_program_is_back_in_its_place_on_a_disk_that_is_full(tmp_path) -> None:
    """A swap needs no room, as a copy does; the next try takes that of the first."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("only root can mount a small disk")
    try:
        run = at_the_swap(tmp_path / "place")
        text = run.place.text()
        with (tmp_path / "full").open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        code, said = run.end()
        assert (code, "no copy could be kept: No space left on device" in said) == (0, True), said
        assert run.place.text().startswith(text)
        assert OURS in run.place.text()
    finally:
        subprocess.check_call(["umount", str(tmp_path)])


@linux_only
@pytest.mark.parametrize("further", [2, 3])
def test_an_interrupt_between_the_look_and_the_swap_back_puts_the_text_back(
    tmp_path, further
) -> None:
    run = at_the_swap(tmp_path)
    text = run.place.text()
    run.traced.step()
    for call in run.calls():
        if "credentials" in run.traced.text_at(call.arguments[1]):
            break
    for _ in range(further):
        run.traced.step()
    os.kill(run.traced._pid, signal.SIGINT)
    run.end()
    assert run.place.text().startswith(text)


@linux_only
def test_what_two_others_write_around_our_swap_is_in_the_file_and_in_the_named_copy(
    tmp_path,
) -> None:
    """A third program writes back what it has read while the first one's text was in its place."""
    run, text = between_two_others(tmp_path)
    step_to_the_swap(run, is_done=True)  # that of the copy
    step_to_the_swap(run, is_done=True)
    assert run.place.text() == text
    code, said = run.end()
    found = (run.place.folder / "mfakit").glob("credentials.kept-*")
    (kept,) = [path for path in found if THIRD in path.read_text()]
    assert (code, f"what one of them wrote is in {kept}" in said) == (1, True), said
    assert run.place.text() == text


@linux_only
def test_what_a_program_goes_on_writing_on_another_disk_is_not_lost(tmp_path) -> None:
    """The folder `mfakit` is beside the link, so that only a copy of the file can go there."""
    place = prepared(tmp_path)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        shutil.move(place.path, elsewhere)
        place.path.symlink_to(Path(elsewhere, "credentials"))
        run = Run(place)
        step_to_the_swap(run)
        with place.path.open("a") as file:
            file.write(THEIRS)
        run.traced.step()
        with place.path.open("a") as file:
            run.end()
            file.write(THIRD)
        Run(place).end()
        kept = (place.folder / "mfakit").glob("credentials.kept-*")
        assert THEIRS in place.text()
        assert any(THIRD in path.read_text() for path in kept)


@linux_only
def test_the_new_file_of_a_running_process_stays_where_the_lock_was_replaced(tmp_path) -> None:
    """It will have the name of another program's file after the swap."""
    run = at_the_swap(tmp_path)
    (new,) = run.place.folder.glob(".credentials.mfakit-*")
    (run.place.folder / "credentials.lock").unlink()
    assert Run(run.place).end()[0] == 0
    assert new.exists()
    run.end()
    assert run.place.text().startswith("# other")


@linux_only
def test_another_programs_file_stays_that_comes_out_while_its_name_is_looked_at(tmp_path) -> None:
    """The lock was replaced, so that two processes write at once."""
    ours = at_the_swap(tmp_path)
    text = ours.place.text()
    (new,) = ours.place.folder.glob(".credentials.mfakit-*")
    (ours.place.folder / "credentials.lock").unlink()
    other = Run(ours.place)
    for call in other.calls():
        opened = [other.traced.text_at(address) for address in call.arguments[1:2]]
        if call.is_done and str(new) in opened:
            break
    ours.traced.step()
    other.end()
    ours.end()
    kept = (ours.place.folder / "mfakit").glob("credentials.kept-*")
    assert any(text in found for found in (ours.place.text(), *(one.read_text() for one in kept)))


@linux_only
def test_what_an_open_program_writes_before_its_file_is_back_is_in_a_copy(tmp_path) -> None:
    """A third program that has read our file may write it over that."""
    run = Run(prepared(tmp_path))
    step_to_the_swap(run)
    with run.place.path.open("a") as file:
        run.traced.step()
        step_to_the_swap(run)
        file.write(THIRD)
    code, said = run.end()
    (kept,) = (run.place.folder / "mfakit").glob("credentials.kept-*")
    assert THIRD in kept.read_text()
    assert (code, str(kept) in said) == (0, True)


def test_a_relative_link_that_is_kept_leads_to_its_file_from_there(home) -> None:
    """It was in the file's place when an mfakit was killed, and another file is by now."""
    home.write_credentials(KEYS)
    theirs = home.credentials.with_name("theirs")
    theirs.write_text(THIRD)
    Path(swap_name(str(home.credentials), "0" * 16, "1" * 16)).symlink_to("theirs")
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    (kept,) = (home.credentials.parent / "mfakit").glob("credentials.kept-*")
    assert kept.read_text() == THIRD
    assert any(str(kept) in said for said in notes)


@linux_only
def test_what_a_link_led_to_that_came_out_of_the_swap_is_in_a_copy(tmp_path) -> None:
    """A third program that has read our file may write it through the link."""
    run = Run(prepared(tmp_path))
    step_to_the_swap(run)
    target = tmp_path / "theirs"
    target.write_text(THIRD)
    run.place.path.unlink()
    run.place.path.symlink_to(target)
    code, said = run.end()
    found = (run.place.folder / "mfakit").glob("credentials.kept-*")
    (kept,) = [path for path in found if path.read_text() == THIRD]
    assert (code, str(kept) in said) == (0, True)
    assert run.place.path.is_symlink()
    assert "ASIA" in target.read_text()


LEASED = """
import fcntl, os, signal, sys
signal.signal(signal.SIGIO, signal.SIG_IGN)
place = sys.argv[1]
new = os.open(place + ".new", os.O_RDWR | os.O_CREAT, 0o600)
os.write(new, b"[theirs]\\nregion = eu-west-1\\n")
fcntl.fcntl(new, fcntl.F_SETLEASE, fcntl.F_WRLCK)
os.rename(place + ".new", place)
print(flush=True)
sys.stdin.read()
"""


@linux_only
def test_a_file_with_a_lease_goes_back_before_the_lease_is_waited_for(tmp_path) -> None:
    """Samba holds one for its clients, and gives it back seconds later."""
    run = Run(prepared(tmp_path))
    step_to_the_swap(run)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-c", LEASED, str(run.place.path)]
    with subprocess.Popen(command, **pipes) as holder:
        holder.stdout.readline()
        run.traced.step()
        step_to_the_swap(run, is_done=True)
    code, said = run.end()
    assert code == 0, said
    assert run.place.text().startswith("[theirs]")


@linux_only
def test_the_next_write_removes_what_a_killed_process_has_replaced(tmp_path) -> None:
    """It is the text that was read, so that the session of the killed process stays."""
    run = Run(prepared(tmp_path))
    step_to_the_swap(run, is_done=True)
    run.traced.kill()
    (left,) = run.place.folder.glob(".credentials.mfakit-*")
    assert left.read_text() == OLD
    notes: list[str] = []
    write_session("other", SESSION, environ=run.place.environ, note=notes.append)
    assert notes == []
    assert not left.exists()
    assert run.place.text().startswith(OLD)
    assert OURS in run.place.text()


@linux_only
@pytest.mark.parametrize(
    "part",
    [
        "# theirs\n[first]\nregion=eu-west-1\n",
        "[mfa]\naws_access_key_id=ASIA\naws_secret_access_key=s\naws_session_token=t\n"
        + OLD.replace(" = ", "=").rstrip()[:-2],
    ],
)
@pytest.mark.parametrize("is_killed", [False, True])
def test_a_whole_file_is_kept_whose_place_a_part_in_another_spelling_takes(
    tmp_path, part, is_killed
) -> None:
    """A program that writes in its own way was killed together with mfakit, in the swap.

    The next mfakit may be killed, too, right after it has put the part back.
    """
    run = Run(prepared(tmp_path))
    step_to_the_swap(run)
    run.place.path.write_text(part)
    run.traced.step()
    run.traced.kill()
    whole = run.place.text()
    if is_killed:
        run = Run(run.place)
        while run.place.text() != part:
            step_to_the_swap(run, is_done=True)
        run.traced.kill()
    code, said = Run(run.place).end()
    kept = (run.place.folder / "mfakit").glob("credentials.kept-*")
    (one,) = [path for path in kept if path.read_text() == whole]
    assert (code, str(one) in said) == (0, True)


def test_a_long_term_key_with_a_token_beside_it_is_kept_where_a_part_takes_its_place(home) -> None:
    """An empty or an old one stays where a key is written over a session."""
    whole = KEYS + "aws_session_token =\n"
    home.write_credentials(whole)
    left = Path(swap_name(str(home.credentials), digest(b"before"), digest(whole.encode())))
    left.write_text("# theirs\n" + KEYS.partition("aws_secret")[0])
    left.chmod(0o600)
    write_session("mfa", SESSION, environ=home.environ)
    kept = (home.credentials.parent / "mfakit").glob("credentials.kept-*")
    assert whole in [path.read_text() for path in kept]


@linux_only
def test_a_file_that_is_large_for_the_memory_goes_back_into_its_place(tmp_path) -> None:
    run = at_the_swap(tmp_path)
    os.truncate(run.place.path, 600 << 20)
    resource.prlimit(run.traced._pid, resource.RLIMIT_AS, (400 << 20, 400 << 20))
    step_to_the_swap(run, is_done=True)
    step_to_the_swap(run, is_done=True)
    assert run.place.path.stat().st_size == 600 << 20
    run.traced.kill()


@pytest.mark.parametrize("part", ["", KEYS[:30]])
def test_the_text_from_before_stays_where_its_file_was_cut_off_after_a_kill(home, part) -> None:
    """mfakit was killed right after its swap, and later another program while it wrote."""
    home.write_credentials(part)
    left = Path(swap_name(str(home.credentials), digest(KEYS.encode()), digest(b"after")))
    left.write_text(KEYS)
    left.chmod(0o600)
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    (kept,) = (home.credentials.parent / "mfakit").glob("credentials.kept-*")
    assert kept.read_text() == KEYS
    assert f"{kept} is what was in {home.credentials} when an mfakit was killed" in notes


def test_a_file_with_a_nul_character_is_not_called_cut_off(home) -> None:
    home.write_credentials(f"# \0\n{KEYS}")
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    assert notes == []
    assert not list((home.credentials.parent / "mfakit").glob("credentials.kept-*"))


@linux_only
@pytest.mark.parametrize("part", [0, OLD.index("aws_secret")])
def test_the_text_of_a_file_that_a_killed_program_has_cut_off_at_our_swap_is_kept(
    tmp_path, part
) -> None:
    """It was read before, so mfakit alone has the rest."""
    run = Run(prepared(tmp_path))
    text = run.place.text()
    step_to_the_swap(run)
    os.truncate(run.place.path, part)
    code, said = run.end()
    found = (run.place.folder / "mfakit").glob("credentials.kept-*")
    (kept,) = [path for path in found if path.read_text() == text]
    assert f"left out what is in {kept}" in said
    assert code == (1 if part == 0 else 0)


@pytest.mark.parametrize("torn", ["", KEYS[:30], "[default]\n" + "\0" * 40])
def test_an_old_file_that_was_torn_when_both_were_swapped_does_not_replace_the_new_one(
    home, torn
) -> None:
    """A loss of power tears it, and so does a kill of the program that wrote it."""
    home.write_credentials(KEYS)
    digests = "0" * 16, digest(KEYS.encode())
    Path(swap_name(str(home.credentials), *digests)).write_text(torn)
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    assert home.credentials.read_text().startswith(KEYS)
    (kept,) = (home.credentials.parent / "mfakit").glob("credentials.kept-*")
    assert kept.read_text() == torn
    assert str(kept) in notes[0]


@linux_only
def test_what_was_read_is_on_disk_before_the_new_file_takes_its_place(tmp_path) -> None:
    """After a loss of power, the old file would else be taken for another program's."""
    run = Run(prepared(tmp_path))
    flushed = set()
    for call in run.calls():
        if call.number == SWAP[os.uname().machine]:
            break
        if call.number == FSYNC[os.uname().machine] and not call.is_done:
            path = f"/proc/{run.traced._pid}/fd/{call.arguments[0]}"
            flushed.add(os.stat(path).st_ino)
    assert run.place.path.stat().st_ino in flushed
    run.end()


def test_what_another_program_wrote_goes_back_only_if_a_copy_can_be_kept(home) -> None:
    """Days later, another one may still write over it what it has read of our file."""
    home.write_credentials(KEYS)
    left = Path(swap_name(str(home.credentials), "0" * 16, digest(home.credentials.read_bytes())))
    left.write_text(OTHER)
    left.chmod(0o600)
    (home.credentials.parent / "mfakit").write_text("a file")
    notes: list[str] = []
    write_session("mfa", SESSION, environ=home.environ, note=notes.append)
    assert left.read_text() == OTHER
    assert f"{left} may be what another program wrote" in notes[0]


def test_what_a_killed_process_has_left_beside_the_safety_copy_is_removed(home) -> None:
    """It takes an imported key out of that by a swap, too."""
    home.write_credentials(KEYS)
    write_session("mfa", SESSION, environ=home.environ)
    copy = home.credentials.parent / "mfakit" / "credentials.before"
    left = Path(swap_name(str(copy), digest(KEYS.encode()), "0" * 16))
    left.write_text(KEYS)
    write_session("mfa", SESSION, environ=home.environ)
    assert not left.exists()


def test_an_unfinished_copy_of_another_programs_text_is_removed(home) -> None:
    """It has a random name, and the process that made it was killed."""
    home.write_credentials(KEYS)
    write_session("mfa", SESSION, environ=home.environ)
    folder = home.credentials.parent / "mfakit"
    left = folder / ".credentials.kept-4d2f209a.mfakit-a08ae4f08640d741"
    left.write_text(KEYS)
    write_session("other", SESSION, environ=home.environ)
    assert not left.exists()


@linux_only
def test_a_process_that_runs_out_of_descriptors_at_the_swap_blames_no_other_program(
    tmp_path,
) -> None:
    """Another thread may use them up."""
    import resource

    place = Place(tmp_path, linked=False, missing=False)
    write_session("warm", SESSION, environ=place.environ)
    text, run = place.text(), Run(place)
    step_to_the_swap(run, is_done=True)
    _, most = resource.prlimit(run.traced._pid, resource.RLIMIT_NOFILE)
    resource.prlimit(run.traced._pid, resource.RLIMIT_NOFILE, (3, most))
    code, said = run.end()
    assert (code, "Too many open files" in said, "another program" in said) == (1, True, False)
    assert place.text() == text


@linux_only
def test_a_copy_that_another_mfakit_makes_at_that_moment_is_not_said_to_be_missing(
    tmp_path,
) -> None:
    """Two of them write at once where somebody has removed the lock file."""
    place = Place(tmp_path, linked=False, missing=False)
    copy, run = place.folder / "mfakit" / "credentials.before", Run(place)
    step_to_the_swap(run)
    assert not copy.exists()
    copy.write_text(OLD)
    assert run.end() == (0, "")


@linux_only
def test_a_file_of_another_program_that_cannot_be_put_back_is_kept_and_named(tmp_path) -> None:
    """After the swap, nothing in the folder can be renamed any more."""
    run = at_the_swap(tmp_path)
    folder, text = run.place.folder, run.place.text()
    run.traced.step()
    protect = ["chattr", "+i", str(folder)]
    if not shutil.which("chattr") or subprocess.call(protect, stderr=subprocess.DEVNULL):
        run.end()
        pytest.skip("no such attribute can be set here")
    code, said = run.end()
    subprocess.check_call(["chattr", "-i", str(folder)])
    (kept,) = (folder / "mfakit").glob("credentials.kept-*")
    assert (code, f"it is in {kept}" in said) == (1, True), said
    assert kept.read_text() == text
    code, said = Run(run.place).end()
    assert (code, f"{kept} was in {run.place.path} or written to it" in said) == (0, True)
    assert run.place.text().startswith(text)
    for path in kept.parent.glob("credentials.kept-*"):
        path.unlink()
    assert Run(run.place).end() == (0, "")


def test_logout_names_the_file_that_a_killed_process_left(home) -> None:
    """Nothing removes the kept file, and only this note leads a user to it."""
    home.write_credentials(KEYS)
    write_session("mfa", SESSION, environ=home.environ)
    left_in_a_swap(home.credentials, OTHER)
    done = home.mfakit("logout")
    (kept,) = (home.credentials.parent / "mfakit").glob("credentials.kept-*")
    assert kept.read_text() == OTHER
    assert f"{kept} is what another program wrote" in done.stderr


def test_write_settings_names_the_file_that_a_killed_process_left(home) -> None:
    """The config file is replaced in the same way as the credentials file."""
    home.write_config("[default]\n")
    left_in_a_swap(home.config, "[profile other]\n")
    notes: list[str] = []
    write_settings({"mfa": {"region": "eu-west-1"}}, environ=home.environ, note=notes.append)
    (kept,) = (home.config.parent / "mfakit").glob("config.kept-*")
    assert f"{kept} is what another program wrote" in notes[0]


def test_an_unfinished_safety_copy_of_a_killed_process_is_removed(home) -> None:
    """It holds the long-term keys, so it is removed even if a finished copy exists.

    Earlier versions made it beside the file.
    """
    home.write_credentials(KEYS)
    write_session("mfa", SESSION, environ=home.environ)
    folder = home.credentials.parent
    for left in (
        folder / "mfakit" / ".credentials.before.mfakit-0123456789abcdef",
        folder / ".credentials.before-mfakit.mfakit-5915-3cda296c",
    ):
        left.write_text(KEYS)
        write_session("other", SESSION, environ=home.environ)
        assert not left.exists()


def test_leftovers_are_removed_even_after_the_file_was_moved_behind_a_link(home) -> None:
    """Users move the file to their dotfiles. What another program wrote is kept."""
    home.write_credentials(KEYS)
    write_session("mfa", SESSION, environ=home.environ)
    plain = home.credentials.with_name(".credentials.mfakit-0123456789abcdef")
    plain.write_text(KEYS)
    swapped = left_in_a_swap(home.credentials, OTHER)
    moved = home.folder / "moved"
    home.credentials.rename(moved)
    home.credentials.symlink_to(moved)
    write_session("other", SESSION, environ=home.environ)
    assert not plain.exists()
    assert not swapped.exists()
    (kept,) = (home.credentials.parent / "mfakit").glob("credentials.kept-*")
    assert kept.read_text() == OTHER


def test_logout_removes_an_unfinished_cache_entry_of_a_killed_process(home) -> None:
    """There may be no later write of that profile that would remove it."""
    home.write_config("[profile mfa]\ncredential_process = mfakit credential-process -p mfa\n")
    write_session("mfa", SESSION, environ=home.environ)
    (entry,) = (home.credentials.parent / "mfakit" / "sessions").iterdir()
    entry.with_name(f".{entry.name}.mfakit-0123456789abcdef").write_text(entry.read_text())
    assert home.mfakit("logout").returncode == 0
    assert list(entry.parent.iterdir()) == []


def test_a_left_over_whose_text_has_changed_since_it_was_looked_at_stays(tmp_path) -> None:
    """Some file systems show an old text for a second."""
    left = left_in_a_swap(tmp_path / "credentials", KEYS)
    assert not remove_with_text(str(left), b"what it was")
    assert left.read_text() == KEYS
