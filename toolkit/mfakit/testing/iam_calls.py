"""IAM's calls that the simulator answers itself.

These are the calls about MFA devices, about the caller's own user and about permissions boundaries
of users, which moto does not keep, and the credential report.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError, access_denied, no_such_entity
from mfakit.testing.keys import Session
from mfakit.testing.validation import given_tags, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mfakit.testing.devices import Clock, Devices, VirtualDevice
    from mfakit.testing.directory import Directory
    from mfakit.testing.keys import Credentials, Identity, KeyStore

    Parameters = Mapping[str, str]
    Result = dict[str, Any] | None
    Operation = Callable[[Credentials, Parameters], Result]

NO_USER = "Must specify userName when calling with non-User credentials"
WITHOUT_MFA = (
    "To complete this action, please ensure that you are authenticated with an MFA device that is"
    " enabled for this user."
)
NO_SECURITY_KEY = (
    "The MFA device serial number sent in the request is invalid or not supported by this API."
    " Currently, only hardware FIDO security keys are supported. Please use the compatible device"
    " or API."
)
NOT_SUPPORTED = "not_supported"
# The columns that AWS sends; the IAM User Guide has one more, which is not there.
COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used"),
    *("password_last_changed", "password_next_rotation", "mfa_active"),
    *("access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date"),
    *("access_key_1_last_used_region", "access_key_1_last_used_service"),
    *("access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date"),
    *("access_key_2_last_used_region", "access_key_2_last_used_service"),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)
EMPTY_ROW = {name: "false" if name.endswith("_active") else "N/A" for name in COLUMNS}


class OwnCalls:
    """The calls. Each takes the caller and the parameters, which are valid; returns the result.

    Attributes:
        created: when the account was made, and the root user's key.
        operations: the calls by name.
    """

    def __init__(
        self, directory: Directory, keys: KeyStore, devices: Devices, clock: Clock, root: Identity
    ) -> None:
        self._keys = keys
        self._directory = directory
        self._devices = devices
        self._clock = clock
        self._root = root
        self.created = clock.now().replace(microsecond=0)
        self.operations: dict[str, Operation] = {
            "CreateVirtualMFADevice": self._create,
            "EnableMFADevice": self._enable,
            "ResyncMFADevice": self._resync,
            "DeactivateMFADevice": self._deactivate,
            "DeleteVirtualMFADevice": self._delete,
            "ListMFADevices": self._list,
            "ListVirtualMFADevices": self._list_virtual,
            "GetMFADevice": self._get,
            "TagMFADevice": self._tag,
            "UntagMFADevice": self._untag,
            "ListMFADeviceTags": self._list_tags,
            "GetUser": self._get_user,
            "PutUserPermissionsBoundary": self._put_boundary,
            "DeleteUserPermissionsBoundary": self._delete_boundary,
            "GetCredentialReport": self._credential_report,
            "GetAccessKeyLastUsed": self._key_last_used,
        }

    def _create(self, _caller: Credentials, given: Parameters) -> Result:
        name = given["VirtualMFADeviceName"]
        device = self._devices.create(name, given.get("Path", "/"))
        device.tag(given_tags(given))
        shown: dict[str, Any] = {
            "SerialNumber": device.serial_number,
            "Base32StringSeed": device.seed.encode(),
            "QRCodePNG": _qr_code(provisioning_uri(name, self._root.user_id, device.seed)),
        }
        if device.tags:
            shown["Tags"] = _shown_tags(device.tags)
        return {"VirtualMFADevice": shown}

    def _enable(self, caller: Credentials, given: Parameters) -> Result:
        user = self._user(caller, given)
        self._check_self_management(caller, user)
        self._devices.enable(user, given["SerialNumber"], *_pair(given))
        return None

    def _resync(self, caller: Credentials, given: Parameters) -> Result:
        self._devices.resync(self._user(caller, given), given["SerialNumber"], *_pair(given))
        return None

    def _deactivate(self, caller: Credentials, given: Parameters) -> Result:
        user = self._user(caller, given)
        self._check_self_management(caller, user)
        self._devices.deactivate(user, given["SerialNumber"])
        return None

    def _delete(self, _caller: Credentials, given: Parameters) -> Result:
        self._devices.delete(given["SerialNumber"])
        return None

    def _list(self, caller: Credentials, given: Parameters) -> Result:
        user = self._user(caller, given)
        shown = [
            {
                "UserName": user.name,
                "SerialNumber": device.serial_number,
                "EnableDate": datetime.fromtimestamp(device.enabled_at, UTC),
            }
            for device in self._devices.of(user)
        ]
        return page("MFADevices", shown, given)

    def _list_virtual(self, _caller: Credentials, given: Parameters) -> Result:
        wanted = given.get("AssignmentStatus", "Any")
        shown = [
            self._virtual(device)
            for device in self._devices.all()
            if wanted in ("Any", "Unassigned" if device.owner is None else "Assigned")
        ]
        return page("VirtualMFADevices", shown, given)

    def _virtual(self, device: VirtualDevice) -> dict[str, Any]:
        shown: dict[str, Any] = {"SerialNumber": device.serial_number}
        if device.owner is not None:
            shown["User"] = self._show_user(device.owner)
            shown["EnableDate"] = datetime.fromtimestamp(device.enabled_at, UTC)
        return shown

    def _show_user(self, user: Identity) -> dict[str, Any]:
        if user.is_root:
            return {"UserId": user.user_id, "Arn": user.arn, "CreateDate": self.created}
        shown = self._directory.get_user(user.name)
        return {name: shown[name] for name in ("Path", "UserName", "UserId", "Arn", "CreateDate")}

    def _get(self, _caller: Credentials, given: Parameters) -> Result:
        self._devices.get(given["SerialNumber"])
        raise AWSError(400, "ValidationError", NO_SECURITY_KEY)

    def _tag(self, _caller: Credentials, given: Parameters) -> Result:
        self._devices.get(given["SerialNumber"]).tag(given_tags(given))
        return None

    def _untag(self, _caller: Credentials, given: Parameters) -> Result:
        device = self._devices.get(given["SerialNumber"])
        for name, value in given.items():
            if name.startswith("TagKeys.member."):
                device.untag(value)
        return None

    def _list_tags(self, _caller: Credentials, given: Parameters) -> Result:
        tags = self._devices.get(given["SerialNumber"]).tags
        return page("Tags", _shown_tags(tags), given)

    def _get_user(self, caller: Credentials, given: Parameters) -> Result:
        if "UserName" in given:
            return {"User": self._directory.get_user(given["UserName"])}
        owner = self._user(caller, given)
        if owner.administrator:  # who is nobody that was created; moto shows a user all the same
            return {"User": self._directory.call("GetUser")["User"]}
        shown = self._show_user(owner) if owner.is_root else self._directory.get_user(owner.name)
        return {"User": shown}

    def _put_boundary(self, _caller: Credentials, given: Parameters) -> Result:
        user = self._directory.user(given["UserName"])
        self._directory.set_boundary(user.name, given["PermissionsBoundary"])
        return None

    def _delete_boundary(self, _caller: Credentials, given: Parameters) -> Result:
        user = self._directory.user(given["UserName"])
        if not self._directory.boundary_arn(user):
            raise no_such_entity(f"There is no permissions boundary of user {user.name}.")
        self._directory.set_boundary(user.name, "")
        return None

    def _user(self, caller: Credentials, given: Parameters) -> Identity:
        """Return the user whom a call names, or else the caller."""
        name = given.get("UserName")
        if name is not None:
            return self._directory.user(name)
        if caller.owner.kind not in ("user", "root"):
            raise AWSError(400, "ValidationError", NO_USER)
        return caller.owner

    def _check_self_management(self, caller: Credentials, user: Identity) -> None:
        with_mfa = isinstance(caller, Session) and caller.with_mfa
        if user is caller.owner and not with_mfa and self._devices.of(user):
            raise access_denied(WITHOUT_MFA)

    def _credential_report(self, _caller: Credentials, _given: Parameters) -> Result:
        # moto knows whether a report was generated; what moto writes in it is not AWS's.
        self._directory.call("GetCredentialReport")
        written = io.StringIO()
        writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerow(EMPTY_ROW | self._root_row())
        for user in self._directory.call("ListUsers")["Users"]:
            writer.writerow(EMPTY_ROW | dict(self._user_row(user)))
        return {
            "Content": written.getvalue().rstrip("\n").encode(),
            "ReportFormat": "text/csv",
            "GeneratedTime": self._clock.now(),
        }

    def _root_row(self) -> dict[str, str]:
        return {
            "user": "<root_account>",
            "arn": self._root.arn,
            "user_creation_time": _moment(self.created),
            "password_enabled": NOT_SUPPORTED,
            "password_last_used": "no_information",
            "password_last_changed": NOT_SUPPORTED,
            "password_next_rotation": NOT_SUPPORTED,
            "mfa_active": _truth(self._devices.of(self._root)),
            "access_key_1_active": "true",
            "access_key_1_last_rotated": _moment(self.created),
        }

    def _user_row(self, user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        name = user["UserName"]
        yield "user", name
        yield "arn", user["Arn"]
        yield "user_creation_time", _moment(user["CreateDate"])
        yield "password_enabled", "false"
        yield from self._password(name)
        yield "mfa_active", _truth(self._devices.of(self._directory.user(name)))
        keys = self._directory.call("ListAccessKeys", UserName=name)["AccessKeyMetadata"]
        for number, key in enumerate(keys[:2], 1):
            yield f"access_key_{number}_active", _truth(key["Status"] == "Active")
            yield f"access_key_{number}_last_rotated", _moment(key["CreateDate"])
            yield from self._last_use(f"access_key_{number}_last_used", key["AccessKeyId"])
        listed = self._directory.call("ListSigningCertificates", UserName=name)["Certificates"]
        for number, certificate in enumerate(listed[:2], 1):
            yield f"cert_{number}_active", _truth(certificate["Status"] == "Active")
            yield f"cert_{number}_last_rotated", _moment(certificate["UploadDate"])

    def _password(self, name: str) -> Iterator[tuple[str, str]]:
        try:
            profile = self._directory.call("GetLoginProfile", UserName=name)["LoginProfile"]
        except AWSError:
            return
        yield "password_enabled", "true"
        yield "password_last_used", "no_information"
        yield "password_last_changed", _moment(profile["CreateDate"])

    def _key_last_used(self, _caller: Credentials, given: Parameters) -> Result:
        key_id = given["AccessKeyId"]
        answer = self._directory.call("GetAccessKeyLastUsed", AccessKeyId=key_id)
        return {"UserName": answer["UserName"], "AccessKeyLastUsed": self._keys.last_use(key_id)}

    def _last_use(self, prefix: str, key_id: str) -> Iterator[tuple[str, str]]:
        used = self._keys.last_use(key_id)
        if isinstance(used.get("LastUsedDate"), datetime):
            yield f"{prefix}_date", _moment(used["LastUsedDate"])
            yield f"{prefix}_region", used["Region"]
            yield f"{prefix}_service", used["ServiceName"]


def provisioning_uri(name: str, account_id: str, seed: str) -> str:
    """Return the URI in the QR code for an authenticator app. It contains the seed."""
    return f"otpauth://totp/{name}@{account_id}?secret={seed}"


def _pair(given: Parameters) -> tuple[str, str]:
    return given["AuthenticationCode1"], given["AuthenticationCode2"]


def _shown_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _qr_code(text: str) -> bytes:
    import segno

    picture = io.BytesIO()
    segno.make(text, micro=False).save(picture, kind="png", scale=4)
    return picture.getvalue()


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _truth(value: object) -> str:
    return str(bool(value)).lower()
