"""Waiting for other mfakits that write the same file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from mfakit.errors import BusyError
from mfakit.profiles.editing import edit_text, locked
from mfakit.profiles.replacing import close_private, open_private, temporary_beside


def test_the_lock_timeout_applies_to_each_holder_and_not_to_the_whole_queue(tmp_path) -> None:
    """All writers together take much longer than the timeout here."""
    path = str(tmp_path / "file")
    failed: list[BaseException] = []

    def write(number: int) -> None:
        def change(text: str) -> str:
            time.sleep(0.1)
            return text if f"<{number}>" in text else f"{text}<{number}>"

        try:
            edit_text(path, change, lock_timeout=1)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    text = (tmp_path / "file").read_text()
    assert all(f"<{number}>" in text for number in range(30))


def test_all_waiters_fail_if_one_holder_keeps_the_lock_past_the_timeout(tmp_path) -> None:
    """Other waiters are no sign of progress."""
    path = str(tmp_path / "file")
    failed: list[BaseException] = []

    def wait() -> None:
        try:
            with locked(path, 0.5):
                pass
        except BusyError as error:
            failed.append(error)

    with locked(path, 0.5):
        threads = [threading.Thread(target=wait) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(failed) == 5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_that_is_forked_in_a_write_blocks_no_later_one(tmp_path) -> None:
    """A thread of the parent may hold the lock and a new file that is open for writing."""
    path = str(tmp_path / "file")
    children = []

    def sleep_in_child() -> None:
        children.append(os.fork())
        if children[-1] == 0:
            time.sleep(60)
            os._exit(0)

    def change(text: str) -> str:
        if not children:
            sleep_in_child()
        return text or "# one\n"

    try:
        edit_text(path, change)
        with temporary_beside(path) as temporary:
            sleep_in_child()
            temporary.close()
            os.replace(temporary.path, path)
        edit_text(path, lambda _: "# two\n", lock_timeout=1)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert (tmp_path / "file").read_text() == "# two\n"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="/proc shows no descriptors")
def test_a_child_that_is_forked_while_another_thread_opens_a_file_keeps_none(tmp_path) -> None:
    """It would have the new file open for writing as long as it lives."""
    path, has_ended = str(tmp_path / "new"), threading.Event()

    def open_and_close() -> None:
        while not has_ended.is_set():
            close_private(open_private(path, os.O_WRONLY | os.O_CREAT))

    other = threading.Thread(target=open_and_close)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    other.start()
    kept = 0
    for _ in range(200):
        if not (child := os.fork()):
            links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
            os._exit(path in [os.readlink(link) for link in links if os.path.lexists(link)])
        kept += os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    has_ended.set()
    other.join()
    sys.setswitchinterval(usual)
    assert kept == 0


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
def test_a_lock_file_that_is_removed_while_held_is_created_again(tmp_path) -> None:
    """Otherwise two writers could hold locks on two different files."""
    path = str(tmp_path / "file")
    held: list[float] = []

    def wait() -> None:
        with locked(path, 5):
            held.append(time.monotonic())

    with locked(path, 5):
        other = threading.Thread(target=wait)
        other.start()
        time.sleep(0.1)
        (tmp_path / "file.lock").unlink()
    other.join()
    script = (
        "import sys; from mfakit.profiles.editing import locked\n"
        "with locked(sys.argv[1], 0.2): pass"
    )
    with locked(path, 5):
        done = subprocess.run(
            [sys.executable, "-c", script, path], check=False, capture_output=True, text=True
        )
    assert "BusyError" in done.stderr
    assert len(held) == 1
