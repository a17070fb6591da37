"""The six digits: their form, and where they come from."""

from __future__ import annotations

import sys

from mfakit.errors import ExchangeError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.exchange.plan import Asker

STEP_SECONDS = 30  # every authenticator shows another code on each half minute
_COMMAND_RUNS = 3


def check_code(text: str) -> str:
    """Take the spaces out of a code and refuse what AWS would refuse for its form alone.

    Raises:
        UsageError: it is not six digits. The code is not in the message.
    """
    code = "".join(text.split())
    if len(code) != 6 or not (code.isascii() and code.isdigit()):
        raise UsageError("a token code is six digits", "type the code that the device shows now")
    return code


class GivenCode:
    """A code that was given with the command: there is no other after it."""

    may_try_again = False

    def __init__(self, given: str) -> None:
        self._given = given
        if given != "-":
            check_code(given)

    def check(self) -> None:
        """Nothing more can be known of it before it is used."""

    def get(self) -> str:
        """Return the code; ``-`` is the first line of standard input."""
        if self._given != "-":
            return check_code(self._given)
        if sys.stdin is None:
            raise ExchangeError("standard input is closed", "give the code: --token-code 123456")
        return check_code(sys.stdin.buffer.readline().decode("ascii", "replace"))


class TypedCode:
    """Codes that a person types."""

    may_try_again = True

    def __init__(self, asker: Asker, serial_number: str) -> None:
        self._asker = asker
        self._question = f"MFA code for {serial_number}: "

    def check(self) -> None:
        """Check that there is somebody to ask."""
        self._asker.check()

    def get(self) -> str:
        """Ask for one."""
        return self._asker.ask_code(self._question)


class CommandCode:
    """Codes that a command prints, such as ``ykman oath accounts code -s aws``."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._runs = 0

    @property
    def may_try_again(self) -> bool:
        """The command is run again twice at most."""
        return self._runs < _COMMAND_RUNS

    def check(self) -> None:
        """Check that the command exists."""
        from mfakit.exchange.token_command import check_command

        check_command(self._command)

    def get(self) -> str:
        """Run it."""
        from mfakit.exchange.token_command import run_token_command

        self._runs += 1
        return run_token_command(self._command)


Codes = GivenCode | TypedCode | CommandCode
