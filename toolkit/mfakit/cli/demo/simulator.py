"""The simulator of the demo: a process of its own, driven over its control endpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

from mfakit.errors import MFAKitError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

USER = "alice"


class SimulatorProcess:
    """`mfakit simulate` with one user who needs MFA for nearly everything.

    Args:
        folder: where the process works; nothing of it stays there.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        """Start it.

        Raises:
            MFAKitError: it did not start.
        """
        command = [sys.executable, "-m", "mfakit", "simulate", "--json", "--require-mfa"]
        self._process = subprocess.Popen(
            [*command, "--user", USER], cwd=self._folder, stdout=subprocess.PIPE, text=True
        )
        try:
            self._take_over(self._process.stdout)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _take_over(self, stdout: IO[str] | None) -> None:
        assert stdout is not None
        line = stdout.readline()
        if not line:
            raise MFAKitError("the simulator did not start", "see what it said above")
        said = json.loads(line)
        self.endpoint_url: str = said["endpoint_url"]
        self.region: str = said["region"]
        self._token: str = said["control_token"]
        user = said["users"][0]
        self.user_arn: str = user["arn"]
        self.access_key_id: str = user["access_key_id"]
        self.secret_access_key: str = user["secret_access_key"]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def code(self) -> str:
        """Give a code of the user's device that is valid now and was never given before."""
        return str(self._control("code", user=USER, advance="true")["code"])

    def advance(self, seconds: int) -> None:
        """Move the simulator's clock."""
        self._control("clock", advance=seconds)

    def _control(self, what: str, **query: object) -> dict[str, Any]:
        request = Request(  # noqa: S310
            f"{self.endpoint_url}/_mfakit/{what}?{urlencode(query)}",
            method="POST",
            headers={"X-Mfakit-Token": self._token},
        )
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            return dict(json.load(answer))
