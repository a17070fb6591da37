"""Where nobody is to be asked: a code has to come from a token command."""

from __future__ import annotations

import time

from mfakit.errors import ExchangeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


class Unattended:
    """Stands where the terminal would, and asks nobody.

    Args:
        note: is told what a person would be.
    """

    def __init__(self, note: Callable[[str], object]) -> None:
        self.say = note
        self.when_asked: Callable[[], object] = lambda: None

    def check(self) -> NoReturn:
        """Refuse.

        Raises:
            ExchangeError: always.
        """
        raise ExchangeError(
            "there is no token command to renew it with",
            "name one: mfakit configure --token-command COMMAND; or log in: mfakit login",
        )

    def ask_code(self, question: str) -> NoReturn:
        """Refuse, as ``check`` does."""
        self.check()

    def choose(self, question: str, answers: list[str]) -> NoReturn:
        """Refuse to choose.

        Raises:
            ExchangeError: always.
        """
        raise ExchangeError(f"{question} {', '.join(answers)}", "name it: mfakit configure")

    def count_down(self, seconds: float, what: str) -> None:
        """Wait."""
        time.sleep(max(0, seconds))
