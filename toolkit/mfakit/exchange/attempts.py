"""The codes that were sent for a device lately, as hashes: to tell "used before" from "wrong".

AWS answers both alike, and takes nine tries in each three minutes, counted on the UTC clock.
"""

from __future__ import annotations

from contextlib import suppress

from mfakit.profiles.own_files import own_file, read_own

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

TRIES = 9
PERIOD_SECONDS = 180


class Attempts:
    """What this machine has sent for one device.

    Args:
        credentials_path: our own files stand beside it.
        serial_number: the device.
    """

    def __init__(self, credentials_path: str, serial_number: str) -> None:
        self._path = own_file(credentials_path, "attempts", serial_number)

    def was_sent(self, code: str, now: datetime) -> bool:
        """Whether the code was sent in the last three minutes."""
        since = now.timestamp() - PERIOD_SECONDS
        return any(at >= since and kept == _hash(salt, code) for at, salt, kept in self._read())

    def tries_left(self, now: datetime) -> int:
        """Return how many more codes AWS takes, at most: other machines may have sent some too."""
        began = now.timestamp() // PERIOD_SECONDS * PERIOD_SECONDS
        return max(0, TRIES - sum(at >= began for at, _, _ in self._read()))

    def remember(self, code: str, now: datetime) -> None:
        """Take down that the code is being sent. If that cannot be kept, it is no error."""
        import os

        since = now.timestamp() - PERIOD_SECONDS
        salt = os.urandom(8).hex()
        lately = [attempt for attempt in self._read() if attempt[0] >= since]
        self._write([*lately, (now.timestamp(), salt, _hash(salt, code))])

    def forget(self, now: datetime) -> None:
        """Take back what was taken down at that moment: AWS has not looked at it."""
        self._write([attempt for attempt in self._read() if attempt[0] != now.timestamp()])

    def _write(self, attempts: list[tuple[float, str, str]]) -> None:
        import json

        from mfakit.errors import FileError
        from mfakit.profiles.files import replace_text

        with suppress(FileError):
            replace_text(self._path, json.dumps(attempts) + "\n")

    def _read(self) -> list[tuple[float, str, str]]:
        import json

        try:
            return [
                (float(at), str(salt), str(kept))
                for at, salt, kept in json.loads(read_own(self._path) or "[]")
            ]
        except (ValueError, TypeError, OSError):
            return []


def _hash(salt: str, code: str) -> str:
    from hashlib import sha256

    return sha256(f"{salt}{code}".encode()).hexdigest()
