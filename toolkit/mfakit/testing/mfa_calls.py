"""IAM's calls about MFA devices. The simulator answers them all itself."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError, access_denied
from mfakit.testing.keys import Session
from mfakit.testing.validation import Text, validate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing.devices import Devices, VirtualDevice
    from mfakit.testing.keys import Credentials, Identity

Result = dict[str, Any] | None

LIMITS = (
    Text("UserName", 1, 128, r"[\w+=,.@-]+"),
    Text("SerialNumber", 9, 256, r"[\w+=/:,.@-]+"),
    Text("VirtualMFADeviceName", 1, 226, r"[\w+=,.@-]+"),
    Text("Path", 1, 512, r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)"),
    Text("AuthenticationCode1", 6, 6, r"[\d]+"),
    Text("AuthenticationCode2", 6, 6, r"[\d]+"),
)
PAIR = ("UserName", "SerialNumber", "AuthenticationCode1", "AuthenticationCode2")
REQUIRED = {
    "CreateVirtualMFADevice": ("VirtualMFADeviceName",),
    "EnableMFADevice": PAIR,
    "ResyncMFADevice": PAIR,
    "DeactivateMFADevice": ("SerialNumber",),
    "DeleteVirtualMFADevice": ("SerialNumber",),
    "GetMFADevice": ("SerialNumber",),
    "TagMFADevice": ("SerialNumber",),
    "UntagMFADevice": ("SerialNumber",),
    "ListMFADeviceTags": ("SerialNumber",),
}
PAGE = 100


class MFACalls:
    """Each call takes who calls and the parameters, and gives the result.

    Args:
        devices: the devices of the account.
        find_user: gives the user of a name, or refuses.
        account_id: is shown in authenticator apps.
    """

    def __init__(
        self, devices: Devices, find_user: Callable[[str], Identity], account_id: str
    ) -> None:
        self._devices = devices
        self._find_user = find_user
        self._account_id = account_id
        calls = (
            ("CreateVirtualMFADevice", self._create),
            ("EnableMFADevice", self._enable),
            ("ResyncMFADevice", self._resync),
            ("DeactivateMFADevice", self._deactivate),
            ("DeleteVirtualMFADevice", self._delete),
            ("ListMFADevices", self._list),
            ("ListVirtualMFADevices", self._list_virtual),
            ("GetMFADevice", self._get),
            ("TagMFADevice", self._tag),
            ("UntagMFADevice", self._untag),
            ("ListMFADeviceTags", self._list_tags),
        )
        self.operations = {name: _validated(name, call) for name, call in calls}

    def check_deletable(self, user_name: str) -> None:
        """Refuse to delete a user who has a device."""
        if self._devices.of(self._find_user(user_name)):
            conflict = "Cannot delete entity, must remove tokens from principal first."
            raise AWSError(409, "DeleteConflict", conflict)

    def _create(self, caller: Credentials, given: Mapping[str, str]) -> Result:
        name = given["VirtualMFADeviceName"]
        device = self._devices.create(name, given.get("Path", "/"))
        device.tags.update(_tags(given))
        shown = {
            "SerialNumber": device.serial_number,
            "Base32StringSeed": device.seed.encode(),
            "QRCodePNG": _qr_code(provisioning_uri(name, self._account_id, device.seed)),
        }
        return {"VirtualMFADevice": shown}

    def _enable(self, caller: Credentials, given: Mapping[str, str]) -> Result:
        user = self._user(caller, given)
        self._check_self_management(caller, user)
        self._devices.enable(
            user,
            given["SerialNumber"],
            given["AuthenticationCode1"],
            given["AuthenticationCode2"],
        )
        return None

    def _resync(self, caller: Credentials, given: Mapping[str, str]) -> Result:
        self._devices.resync(
            self._user(caller, given),
            given["SerialNumber"],
            given["AuthenticationCode1"],
            given["AuthenticationCode2"],
        )
        return None

    def _deactivate(self, caller: Credentials, given: Mapping[str, str]) -> Result:
        user = self._user(caller, given)
        self._check_self_management(caller, user)
        self._devices.deactivate(user, given["SerialNumber"])
        return None

    def _delete(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        self._devices.delete(given["SerialNumber"])
        return None

    def _list(self, caller: Credentials, given: Mapping[str, str]) -> Result:
        user = self._user(caller, given)
        shown = [_enabled(device, user) for device in self._devices.of(user)]
        return _page("MFADevices", shown, given)

    def _list_virtual(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        wanted = given.get("AssignmentStatus", "Any")
        shown = [
            _virtual(device)
            for device in self._devices.all()
            if wanted in ("Any", "Unassigned" if device.owner is None else "Assigned")
        ]
        return _page("VirtualMFADevices", shown, given)

    def _get(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        self._devices.get(given["SerialNumber"])
        raise AWSError(
            400,
            "ValidationError",
            "The MFA device serial number sent in the request is invalid or not supported by this"
            " API. Currently, only hardware FIDO security keys are supported. Please use the"
            " compatible device or API.",
        )

    def _tag(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        self._devices.get(given["SerialNumber"]).tags.update(_tags(given))
        return None

    def _untag(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        device = self._devices.get(given["SerialNumber"])
        for name, value in given.items():
            if name.startswith("TagKeys.member."):
                device.tags.pop(value, None)
        return None

    def _list_tags(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        tags = self._devices.get(given["SerialNumber"]).tags
        return _page("Tags", [{"Key": k, "Value": v} for k, v in sorted(tags.items())], given)

    def _user(self, caller: Credentials, given: Mapping[str, str]) -> Identity:
        name = given.get("UserName")
        return caller.owner if name is None else self._find_user(name)

    def _check_self_management(self, caller: Credentials, user: Identity) -> None:
        with_mfa = isinstance(caller, Session) and caller.with_mfa
        if user is caller.owner and not with_mfa and self._devices.of(user):
            raise access_denied(
                "To complete this action, please ensure that you are authenticated with an MFA"
                " device that is enabled for this user."
            )


def provisioning_uri(name: str, account_id: str, seed: str) -> str:
    """Return what an authenticator app reads from the QR code. It holds the seed."""
    return f"otpauth://totp/{name}@{account_id}?secret={seed}"


def _validated(
    name: str, call: Callable[[Credentials, Mapping[str, str]], Result]
) -> Callable[[Credentials, Mapping[str, str]], Result]:
    def checked(caller: Credentials, given: Mapping[str, str]) -> Result:
        validate(given, LIMITS, REQUIRED.get(name, ()))
        return call(caller, given)

    return checked


def _enabled(device: VirtualDevice, user: Identity) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "SerialNumber": device.serial_number,
        "EnableDate": datetime.fromtimestamp(device.enabled_at, UTC),
    }


def _virtual(device: VirtualDevice) -> dict[str, Any]:
    shown: dict[str, Any] = {"SerialNumber": device.serial_number}
    if device.owner is not None:
        owner = device.owner
        shown["User"] = {"UserName": owner.name, "UserId": owner.user_id, "Arn": owner.arn}
        shown["EnableDate"] = datetime.fromtimestamp(device.enabled_at, UTC)
    return shown


def _page(name: str, items: list[dict[str, Any]], given: Mapping[str, str]) -> dict[str, Any]:
    start = int(given.get("Marker", "0"))
    end = start + int(given.get("MaxItems", PAGE))
    page: dict[str, Any] = {name: items[start:end], "IsTruncated": end < len(items)}
    if page["IsTruncated"]:
        page["Marker"] = end
    return page


def _tags(given: Mapping[str, str]) -> dict[str, str]:
    keys = {n: v for n, v in given.items() if n.startswith("Tags.member.") and n.endswith(".Key")}
    return {v: given.get(n.removesuffix("Key") + "Value", "") for n, v in keys.items()}


def _qr_code(text: str) -> bytes:
    import segno

    picture = io.BytesIO()
    segno.make(text, micro=False).save(picture, kind="png", scale=4)
    return picture.getvalue()
