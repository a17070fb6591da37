"""What all schedulers do, each in its own way."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.expiry.schedule.job import Job


class Scheduler:
    """Something that runs commands from time to time, for the user that this is run by.

    Args:
        environ: where its program and its files are looked for.
    """

    name: str

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def is_here(self) -> bool:
        """Tell whether it can be used on this machine."""
        raise NotImplementedError

    def files(self, job: Job) -> str:
        """Give the text that would be written for a job.

        Raises:
            MFAKitError: the scheduler could not take it.
        """
        raise NotImplementedError

    def install(self, job: Job) -> list[str]:
        """Install a job, in the place of one that is there.

        Returns:
            What a person should know of it.

        Raises:
            MFAKitError: it could not be done; the message has the scheduler's own words.
        """
        raise NotImplementedError

    def installed(self) -> Job | None:
        """Find our job, as the scheduler has it.

        Raises:
            MFAKitError: it cannot be looked for.
        """
        raise NotImplementedError

    def remove(self) -> list[str]:
        """Remove our job, and nothing else.

        Returns:
            What was removed.

        Raises:
            MFAKitError: it could not be done.
        """
        raise NotImplementedError
