"""The credential report: one row for the root user and for each user."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mfakit.testing.clock import Clock
    from mfakit.testing.devices import Devices
    from mfakit.testing.directory import Directory
    from mfakit.testing.keys import Credentials, Identity

    Row = dict[str, str]

NOT_SUPPORTED = "not_supported"
NONE = "N/A"
# As AWS sends them; the IAM User Guide has one more, which is not there.
COLUMNS = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
)
EMPTY = {name: "false" if name.endswith("_active") else NONE for name in COLUMNS}


class CredentialReport:
    """Writes the report from what IAM's other calls tell.

    Args:
        directory: asks IAM.
        devices: the account's.
        clock: tells when it was made.
        root: the root user.
        created: when the account was made, and the root user's key.
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
        # moto knows whether one was; what it says is not AWS's.
        self._directory.call("GetCredentialReport")
        written = io.StringIO()
        writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerow(EMPTY | self._of_root())
        for user in self._directory.call("ListUsers")["Users"]:
            writer.writerow(EMPTY | dict(self._of_user(user)))
        return {
            "Content": written.getvalue().rstrip("\n").encode(),
            "ReportFormat": "text/csv",
            "GeneratedTime": self._clock.now(),
        }

    def _of_root(self) -> Row:
        return {
            "user": "<root_account>",
            "arn": self._root.arn,
            "user_creation_time": _moment(self._created),
            "password_enabled": NOT_SUPPORTED,
            "password_last_used": "no_information",
            "password_last_changed": NOT_SUPPORTED,
            "password_next_rotation": NOT_SUPPORTED,
            "mfa_active": _truth(bool(self._devices.of(self._root))),
            "access_key_1_active": "true",
            "access_key_1_last_rotated": _moment(self._created),
        }

    def _of_user(self, user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        name = user["UserName"]
        yield "user", name
        yield "arn", user["Arn"]
        yield "user_creation_time", _moment(user["CreateDate"])
        yield "password_enabled", "false"
        yield from self._of_password(name)
        yield "mfa_active", _truth(bool(self._devices.of(self._directory.user(name))))
        keys = self._directory.call("ListAccessKeys", UserName=name)["AccessKeyMetadata"]
        for number, key in enumerate(keys[:2], 1):
            yield f"access_key_{number}_active", _truth(key["Status"] == "Active")
            yield f"access_key_{number}_last_rotated", _moment(key["CreateDate"])
            yield from self._of_last_use(f"access_key_{number}_last_used", key["AccessKeyId"])
        listed = self._directory.call("ListSigningCertificates", UserName=name)["Certificates"]
        for number, certificate in enumerate(listed[:2], 1):
            yield f"cert_{number}_active", _truth(certificate["Status"] == "Active")
            yield f"cert_{number}_last_rotated", _moment(certificate["UploadDate"])

    def _of_password(self, name: str) -> Iterator[tuple[str, str]]:
        try:
            profile = self._directory.call("GetLoginProfile", UserName=name)["LoginProfile"]
        except AWSError:
            return
        yield "password_enabled", "true"
        yield "password_last_used", "no_information"
        yield "password_last_changed", _moment(profile["CreateDate"])

    def _of_last_use(self, prefix: str, key_id: str) -> Iterator[tuple[str, str]]:
        answer = self._directory.call("GetAccessKeyLastUsed", AccessKeyId=key_id)
        used = answer["AccessKeyLastUsed"]
        if isinstance(used.get("LastUsedDate"), datetime):
            yield f"{prefix}_date", _moment(used["LastUsedDate"])
            yield f"{prefix}_region", used["Region"]
            yield f"{prefix}_service", used["ServiceName"]


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _truth(value: bool) -> str:
    return str(value).lower()
