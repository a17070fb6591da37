"""The credential report: one row for the root user and for each user."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mfakit.testing.clock import Clock
    from mfakit.testing.devices import Devices
    from mfakit.testing.directory import Directory
    from mfakit.testing.keys import Credentials, Identity

NOT_SUPPORTED = "not_supported"
NONE = "N/A"


class CredentialReport:
    """Makes moto's report AWS's: who has a device, dates in UTC, and the root user.

    Args:
        directory: gives moto's report, and says who is who.
        devices: the account's.
        clock: tells when it was made.
        root: the root user.
        created: when the account was made.
    """

    def __init__(
        self,
        directory: Directory,
        devices: Devices,
        clock: Clock,
        root: Identity,
        created: datetime,
    ) -> None:
        self._directory = directory
        self._devices = devices
        self._clock = clock
        self._root = root
        self._created = created

    def get(self, _caller: Credentials, _given: Mapping[str, str]) -> dict[str, Any]:
        """Answer GetCredentialReport.

        Raises:
            AWSError: none was generated.
        """
        made = self._directory.call("GetCredentialReport")["Content"].decode()
        rows = csv.DictReader(io.StringIO(made))
        columns = list(rows.fieldnames or ())
        written = io.StringIO()
        writer = csv.DictWriter(written, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerow(self._root_row(columns))
        writer.writerows(self._row(row) for row in rows)
        return {
            # AWS's report ends without a line feed.
            "Content": written.getvalue().rstrip("\n").encode(),
            "ReportFormat": "text/csv",
            "GeneratedTime": self._clock.now(),
        }

    def _row(self, row: dict[str, str]) -> dict[str, str]:
        user = self._directory.user(row["user"])
        changed = {name: value.replace("+00:00", "Z") for name, value in row.items()}
        changed["mfa_active"] = _truth(bool(self._devices.of(user)))
        if changed["password_enabled"] == "false":  # noqa: S105 - no password
            for name in ("last_used", "last_changed", "next_rotation"):
                changed[f"password_{name}"] = NONE
        elif changed["password_next_rotation"] == NOT_SUPPORTED:
            changed["password_next_rotation"] = NONE
        return changed | self._use_of_keys(user.name, changed)

    def _use_of_keys(self, user: str, row: Mapping[str, str]) -> dict[str, str]:
        """Return region and service of each key's last use, which moto's report leaves out."""
        listed = self._directory.call("ListAccessKeys", UserName=user)["AccessKeyMetadata"]
        found = {}
        for number in (1, 2):
            prefix = f"access_key_{number}_last_used"
            used: Mapping[str, str] = {}
            if row[f"{prefix}_date"] != NONE:
                key_id = listed[number - 1]["AccessKeyId"]
                answer = self._directory.call("GetAccessKeyLastUsed", AccessKeyId=key_id)
                used = answer["AccessKeyLastUsed"]
            found[f"{prefix}_region"] = used.get("Region", NONE)
            found[f"{prefix}_service"] = used.get("ServiceName", NONE)
        return found

    def _root_row(self, columns: list[str]) -> dict[str, str]:
        created = self._created.strftime("%Y-%m-%dT%H:%M:%SZ")
        known = {
            "user": "<root_account>",
            "arn": self._root.arn,
            "user_creation_time": created,
            "password_enabled": NOT_SUPPORTED,
            "password_last_used": "no_information",
            "password_last_changed": NOT_SUPPORTED,
            "password_next_rotation": NOT_SUPPORTED,
            "mfa_active": _truth(bool(self._devices.of(self._root))),
            "access_key_1_active": "true",
            "access_key_1_last_rotated": created,
        }
        return {name: "false" if name.endswith("_active") else NONE for name in columns} | known


def _truth(value: bool) -> str:
    return str(value).lower()
