"""Bodies that came over the network: kept in a file once they are large, hashed as they come."""

from __future__ import annotations

from hashlib import sha256
from tempfile import SpooledTemporaryFile

IN_MEMORY = 1 << 20


class Spool:
    """A body. Write it first, then read it; it is gone when nothing refers to it any longer."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - it is deleted with this object
        self._hash = sha256()
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._file.write(piece)
        self._hash.update(piece)
        self.size += len(piece)

    @property
    def sha256(self) -> str:
        """The SHA-256 of all pieces, in hexadecimal."""
        return self._hash.hexdigest()

    def read(self) -> bytes:
        """Return the whole body."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Forget the body, and free what it took."""
        self._file.close()
