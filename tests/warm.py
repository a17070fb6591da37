"""The command in processes that are forked from one that has loaded its modules.

To start Python and load botocore costs a login half a second of processor time, more than all that
it is tested for, and the tests run the command thousands of times. A process that is forked here
begins where `python -m mfakit` begins, with its own environment, folder and files, and ends as it
ends. What differs is that modules are loaded already, so what is tested of that starts afresh: see
`tests/test_imports.py`, `tests/dist`, and all tests in which another program runs the command.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path

# Each request comes with the program's three files and a socket for the answer.
SERVER = """
import atexit, gc, json, os, pkgutil, select, signal, socket, sys, threading, time
import botocore.session, rich.console, rich.table
import mfakit, tests.children, tests.shared
shared = botocore.session.Session()
for service in ("sts", "iam"):
    shared.create_client(service, "us-east-1")
for name in sys.argv[2:]:
    __import__(name)
for module in pkgutil.walk_packages(mfakit.__path__, "mfakit."):
    if not module.name.startswith("mfakit.testing") and not module.name.endswith("__main__"):
        __import__(module.name)
tests.children.load_keychains()
tests.children.fork_the_keychains_process()
requests = socket.socket(fileno=int(sys.argv[1]))
answers = {}

def reap():
    while answers and (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
        with answers.pop(ended[0]) as answer:
            answer.sendall(b"%d\\n" % os.waitstatus_to_exitcode(ended[1]))

# Each child that ends writes a byte, so that one that ends just before the wait is noticed, too.
woken, wake = socket.socketpair()
for end in (woken, wake):
    end.setblocking(False)
signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
signal.signal(signal.SIGCHLD, lambda *_: None)
gc.freeze()
while True:
    ready, _, _ = select.select([requests, woken], [], [])
    if woken in ready:
        woken.recv(1 << 10)
        reap()
    if requests not in ready:
        continue
    said, files, _, _ = socket.recv_fds(requests, 1 << 20, 4)
    if not said:
        os._exit(0)
    pid = os.fork()
    if pid == 0:
        break
    answers[pid] = socket.socket(fileno=files.pop())
    answers[pid].sendall(b"%d\\n" % pid)
    for file in files:
        os.close(file)

signal.signal(signal.SIGCHLD, signal.SIG_DFL)
signal.set_wakeup_fd(-1)
for other in (requests, woken, wake, *answers.values()):
    other.close()
for number, file in enumerate(files[:3]):
    os.dup2(file, number)
for file in files:
    os.close(file)
arguments, environ, folder, terminal = json.loads(said)
if terminal != "":
    os.setsid()
if terminal:
    os.close(os.open(terminal, os.O_RDWR))
if "moto" in sys.modules:  # whose own source of random numbers is copied, too
    from moto.moto_api._internal import mock_random
    mock_random.seed()
os.chdir(folder)
os.environ.clear()
os.environ.update(environ)
time.tzset()
sys.argv = [os.path.join(mfakit.__path__[0], "__main__.py"), *arguments]
try:
    import mfakit.__main__
except SystemExit as ended:
    # Python would end by freeing everything, for which the kernel first copies all of it.
    if isinstance(ended.code, int):
        threading._shutdown()
        atexit._run_exitfuncs()
        for stream in filter(None, (sys.stdout, sys.stderr)):
            try:
                stream.flush()
            except (OSError, ValueError):
                raise ended
        os._exit(ended.code & 0xFF)
    raise
"""


class Warm:
    """The process that has loaded the modules, and the socket on which it takes requests.

    Args:
        also: modules that it loads besides.
    """

    def __init__(self, *also: str) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(theirs.fileno()), *also],
                cwd=Path(__file__).parents[1],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE,  # streams that can be sought in could not become pipes later
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        atexit.register(self.end)

    def end(self) -> None:
        self._requests.close()
        self._server.communicate()

    def start(
        self,
        arguments: list[str],
        environ: dict[str, str],
        files: list[int],
        terminal: str | None = "",
    ) -> WarmProcess:
        """Start the command with three files.

        Args:
            terminal: the path of the terminal of the session that it gets; None for a session
                without one, and an empty text for the session of the tests.
        """
        answer, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = json.dumps([arguments, environ, os.getcwd(), terminal])
        with theirs:
            socket.send_fds(self._requests, [request.encode()], [*files, theirs.fileno()])
        return WarmProcess(answer)

    def run(
        self,
        arguments: list[str],
        environ: dict[str, str],
        stdin: str | None,
        timeout: float,
        terminal: str | None = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, as `subprocess.run` does."""
        (read, given), (out, their_out), (err, their_err) = (os.pipe() for _ in range(3))
        files = [read, their_out, their_err]
        process = self.start(arguments, environ, files, terminal)
        for file in files:
            os.close(file)
        with ThreadPoolExecutor(3) as pool:
            pool.submit(_write, given, stdin or "")
            printed = [pool.submit(_read, file) for file in (out, err)]
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                raise
            return subprocess.CompletedProcess(arguments, code, *(one.result() for one in printed))


class WarmProcess:
    """A command that was forked, with the interface of `subprocess.Popen`."""

    def __init__(self, answer: socket.socket) -> None:
        self._answer = answer
        self.pid = int(answer.recv(32))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._answer], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._answer], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("mfakit", timeout or 0)
            self.returncode = int(self._answer.recv(32))
            self._answer.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _write(file: int, text: str) -> None:
    with suppress(BrokenPipeError), open(file, "w") as given:
        given.write(text)


def _read(file: int) -> str:
    with open(file) as printed:
        return printed.read()


# Python reads these before it runs anything.
READ_AT_THE_START = ("PYTHON", "LANG", "LC_")


@cache
def warm(*also: str) -> Warm:
    return Warm(*also)


def can_be_warm(environ: dict[str, str]) -> bool:
    """Whether this environment makes no difference to how Python itself starts."""
    return hasattr(socket, "send_fds") and all(
        environ.get(name) == os.environ.get(name)
        for name in environ.keys() | os.environ.keys()
        if name.startswith(READ_AT_THE_START)
    )
