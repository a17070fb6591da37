"""The copy of a file with keys, from before mfakit changed it for the first time."""

from __future__ import annotations

import os

from mfakit.profiles.own_files import make_own_folder, own_place
from mfakit.profiles.replacing import filled_beside, flush_folder
from mfakit.profiles.swapping import put_new
from mfakit.profiles.temporary import remove_leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class SafetyCopy:
    """The copy of one file, in our own folder, which git does not see.

    Args:
        path: the file as it was named: the copy is beside that, not where a link leads.
        real: the file that it leads to. Earlier versions of mfakit kept the copy beside this.
    """

    def __init__(self, path: str, real: str) -> None:
        self._path = path
        self.place = own_place(path, f"{os.path.basename(path)}.before")
        self._earlier_place = f"{real}.before-mfakit"

    def places(self) -> list[str]:
        """Return where there is a copy."""
        return [place for place in (self.place, self._earlier_place) if os.path.isfile(place)]

    def keep(self, content: bytes, note: Callable[[str], object]) -> None:
        """Make the copy, if there is none. One that cannot be made is only noted."""
        if self.places():
            return
        try:
            self._write(content)
        except OSError as error:
            reason = error.strerror or error
            note(f"no copy of {self._path} could be kept as {self.place}: {reason}")

    def move_here(self, note: Callable[[str], object]) -> None:
        """Move a copy that an earlier version made to where it belongs; it may be another disk.

        What killed processes have left of one goes.
        """
        remove_leftovers(self.place)
        if not os.path.isfile(self._earlier_place) or os.path.islink(self._earlier_place):
            return
        try:
            self._move()
        except OSError as error:
            note(
                f"the copy {self._earlier_place} has keys, and could not be moved to"
                f" {self.place}: {error.strerror or error}"
            )
        else:
            note(f"the copy of {self._path} with its keys is now {self.place}")

    def _move(self) -> None:
        with open(self._earlier_place, "rb") as file:
            content = file.read()
        if not os.path.lexists(self.place):
            self._write(content)
        with open(self.place, "rb") as file:
            if file.read() != content:
                raise FileExistsError(0, "they differ, so remove the one that you do not need")
        os.unlink(self._earlier_place)

    def _write(self, content: bytes) -> None:
        make_own_folder(self.place)
        with filled_beside(self.place, content) as (temporary, _):
            put_new(temporary.path, self.place)
        flush_folder(self.place)
