"""Schedule: the machine's scheduler runs the check every few minutes."""

from __future__ import annotations

from mfakit.errors import MFAKitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.schedule.scheduler import Scheduler


def all_schedulers(environ: Mapping[str, str]) -> list[Scheduler]:
    """Return all kinds of schedulers, present or not, in order of preference."""
    from mfakit.schedule.experimental import Launchd, TaskScheduler
    from mfakit.schedule.unix import Cron, Systemd

    # systemd comes before cron, since its manager answers only where it runs, and catches up on
    # what it slept through; a crontab may be there without a cron
    return [kind(environ) for kind in (Launchd, TaskScheduler, Systemd, Cron)]


def choose_scheduler(name: str | None, environ: Mapping[str, str]) -> Scheduler:
    """Return the scheduler of that name, or else the first that is present.

    Raises:
        MFAKitError: there is none here.
    """
    for scheduler in all_schedulers(environ):
        if scheduler.name == name or (name is None and scheduler.is_here()):
            return scheduler
    raise MFAKitError(
        "there is no scheduler here: neither launchd, Task Scheduler, systemd for users nor cron",
        "install cron, or let a program of yours run mfakit check --all --notify desktop",
    )
