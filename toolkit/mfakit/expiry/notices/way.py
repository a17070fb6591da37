"""What every way to tell people has in common."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.expiry.notices.news import News


class Way:
    """A way to tell people.

    Args:
        mark: what tells it from other ways, where it is kept who was told what. No secret, and in
            one line.
    """

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def receivers(self, environ: Mapping[str, str]) -> list[Callable[[News], object]]:
        """Give those who are told by this way; each raises MFAKitError if that fails.

        Args:
            environ: the environment.

        Raises:
            MFAKitError: nobody can be told by this way here.
        """
        raise NotImplementedError

    def check(self, environ: Mapping[str, str]) -> None:
        """Make sure, as far as can be done without telling anybody else, that this way works.

        Args:
            environ: the environment.

        Raises:
            MFAKitError: it does not; the hint says what would help.
        """
        self.receivers(environ)
