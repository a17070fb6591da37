"""Stopping a child process at any of its system calls, by Linux's `ptrace` through ctypes.

strace can delay a call, but not until another process has done its work. The child first waits for
a byte on a pipe; its system calls are counted from there.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_ATTACH, _SYSCALL, _DETACH, _SETOPTIONS, _SYSCALL_INFO = 16, 24, 17, 0x4200, 0x420E
_TRACESYSGOOD = 1
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_READ = {"x86_64": 0, "aarch64": 63}

if sys.platform == "linux":
    _libc = ctypes.CDLL(None, use_errno=True)
    _libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    _libc.ptrace.restype = ctypes.c_long


class _Info(ctypes.Structure):
    """The fields of `struct ptrace_syscall_info` that all kinds of stops share."""

    _fields_ = [
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("instruction_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("nr", ctypes.c_uint64),
        ("args", ctypes.c_uint64 * 6),
    ]


class Call:
    """A system call, at its entry or at its exit.

    Args:
        number: the kernel's number of the call.
        arguments: the values of the argument registers.
        is_done: whether this is the exit.
    """

    def __init__(self, number: int, arguments: list[int], *, is_done: bool) -> None:
        self.number = number
        self.arguments = arguments
        self.is_done = is_done


class Traced:
    """A child of this process that waits in a system call.

    Args:
        pid: the id of the process.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._has_begun = False
        self.status: int | None = None
        self._call = Call(-1, [], is_done=True)
        _ptrace(_ATTACH, pid)
        os.waitpid(pid, 0)
        _ptrace(_SETOPTIONS, pid, _TRACESYSGOOD)

    def step(self) -> Call | None:
        """Continue to the next entry or exit of a system call; return None if there is none."""
        while self._goes_on():
            call = self._here()
            if self._has_begun:
                return call
            self._has_begun = self._has_read_the_byte()
        return None

    def skip(self, count: int) -> None:
        """Take so many steps without a look at the calls, which takes most of a step's time."""
        for _ in range(count):
            self._goes_on()

    def _goes_on(self) -> bool:
        passed_on = 0
        while self.status is None:
            _ptrace(_SYSCALL, self._pid, passed_on)
            _, status = os.waitpid(self._pid, 0)
            if not os.WIFSTOPPED(status):
                self.status = status
                break
            stopped_by = os.WSTOPSIG(status)
            if stopped_by == _SYSCALL_STOP:
                return True
            passed_on = 0 if stopped_by == signal.SIGSTOP else stopped_by
        return False

    def text_at(self, address: int) -> str:
        """Read a string from its memory, such as a path; return "" if the address is invalid."""
        try:
            with open(f"/proc/{self._pid}/mem", "rb", buffering=0) as memory:
                memory.seek(address)
                return os.fsdecode(memory.read(512).split(b"\0")[0])
        except (OSError, ValueError, OverflowError):
            return ""

    def let_go(self) -> int:
        """Let the process run to its end; return its wait status."""
        if self.status is None:
            _ptrace(_DETACH, self._pid)
            _, self.status = os.waitpid(self._pid, 0)
        return self.status

    def kill(self) -> None:
        """Kill the process where it is stopped, as a power failure would."""
        if self.status is None:
            os.kill(self._pid, signal.SIGKILL)
            while not (os.WIFSIGNALED(status := os.waitpid(self._pid, 0)[1])):
                pass
            self.status = status

    def _here(self) -> Call:
        info = self._info = _Info()
        _ptrace(_SYSCALL_INFO, self._pid, ctypes.sizeof(info), ctypes.addressof(info))
        if info.op == 1:
            self._call = Call(info.nr, list(info.args), is_done=False)
        else:
            self._call = Call(self._call.number, self._call.arguments, is_done=True)
        return self._call

    def _has_read_the_byte(self) -> bool:
        """Whether a call that read one byte is done; at an exit, the result is in place of `nr`."""
        is_read = self._call.is_done and self._call.number == _READ[os.uname().machine]
        return is_read and self._info.nr == 1


def _ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> None:
    if request in (_SYSCALL, _SETOPTIONS, _DETACH):
        address, data = 0, address
    ctypes.set_errno(0)
    if _libc.ptrace(request, pid, address, data) == -1 and (number := ctypes.get_errno()):
        raise OSError(number, os.strerror(number), f"ptrace {request}")
