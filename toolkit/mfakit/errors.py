"""The errors that mfakit raises, each with what to do about it and the command's exit code."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

FAILED = 1
EXPIRED = 2
NOT_FOUND = 3
USAGE = 64
CANNOT_RUN = 126
COMMAND_NOT_FOUND = 127


class MFAKitError(Exception):
    """The base of every error that mfakit raises.

    Attributes:
        message: what failed, one line, no full stop.
        hint: what to do about it, one line; empty if there is nothing to do. Tracebacks show it.
        exit_code: what the command exits with.
        suspect: the profile whose keys are missing or refused, "" for the environment's; None if
            the error has another cause. `explain` may know what is wrong with them.
        session_profile: the profile without a session; None if the error is of something else.
    """

    exit_code = FAILED
    suspect: str | None = None
    session_profile: str | None = None

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def hint(self) -> str:  # noqa: D102  # above, with the other attributes
        return self._hint

    @hint.setter
    def hint(self, hint: str) -> None:
        self._hint = hint
        self.__notes__ = [hint] if hint else []

    def of_session(self, profile: str) -> Self:
        """Name the profile without a session; return the error."""
        self.session_profile = profile
        return self

    def about(self, suspect: str | None) -> Self:
        """Name the profile with the keys; return the error."""
        self.suspect = suspect or ""
        return self


class UsageError(MFAKitError, ValueError):
    """What was asked for makes no sense: a wrong option, duration or profile name."""

    exit_code = USAGE


class InvalidSessionError(MFAKitError, ValueError):
    """Something is not a session: a missing part, a control character, a naive expiration."""


class SessionExpiredError(MFAKitError):
    """The session is there, but has ended."""

    exit_code = EXPIRED


class SessionNotFoundError(MFAKitError, LookupError):
    """There is no such session, or it can't be read."""

    exit_code = NOT_FOUND


class ProfileError(MFAKitError):
    """A profile cannot serve as what it was asked to: a protected one, one without credentials."""


class FileError(MFAKitError, OSError):
    """A credentials or config file cannot be read or written. It is as it was."""

    def __str__(self) -> str:
        return self.message


class UnreadableError(FileError):
    """botocore cannot read an AWS file, so that AWS tools find no profile in it.

    For a command that is to change the file, that is a failure like any other.
    """

    exit_code = NOT_FOUND


class BusyError(FileError):
    """Another process has been at a file all the while."""


class ExchangeError(MFAKitError):
    """AWS gave no session: it refused, or could not be reached."""


class NobodyToAskError(ExchangeError):
    """There is no terminal to ask a person on; the hint is about options of ``mfakit login``."""


class OthersTurnError(ExchangeError):
    """Another process was asking for the code all the while."""


class CodeRefusedError(ExchangeError):
    """AWS did not accept the token code.

    Attributes:
        clock: how far this machine's clock is off AWS's, in brackets; empty if it is not.
    """

    clock = ""


class DeviceUnknownError(ExchangeError):
    """AWS did not check the code, since STS knows of no such device of the user's."""


class CodeLostError(ExchangeError):
    """The answer to a code was lost on the way: it counts as used up."""


class NotSentError(ExchangeError):
    """Nothing reached AWS, or AWS did not look at it: the same code may be sent again."""


class CommandError(MFAKitError):
    """A command that was to run with the session cannot be run."""

    exit_code = CANNOT_RUN


class CommandNotFoundError(CommandError):
    """There is no such command."""

    exit_code = COMMAND_NOT_FOUND
