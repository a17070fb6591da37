"""IAM's calls about MFA devices. The simulator answers them all itself."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError, access_denied
from mfakit.testing.keys import Session
from mfakit.testing.validation import given_tags, page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing.devices import Devices, VirtualDevice
    from mfakit.testing.keys import Credentials, Identity

Result = dict[str, Any] | None

NO_USER = "Must specify userName when calling with non-User credentials"


class MFACalls:
    """Each call takes who calls and the parameters, which are valid, and gives the result.

    Args:
        devices: the devices of the account.
        find_user: gives the user of a name, or refuses.
        show_user: gives what IAM tells about the user or the root user.
        account_id: is shown in authenticator apps.
    """

    def __init__(
        self,
        devices: Devices,
        find_user: Callable[[str], Identity],
        show_user: Callable[[Identity], Mapping[str, Any]],
        account_id: str,
    ) -> None:
        self._devices = devices
        self._find_user = find_user
        self._show_user = show_user
        self._account_id = account_id
        self.operations = {
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
        }

    def _create(self, caller: Credentials, given: Mapping[str, str]) -> Result:
        name = given["VirtualMFADeviceName"]
        device = self._devices.create(name, given.get("Path", "/"))
        device.tag(given_tags(given))
        shown: dict[str, Any] = {
            "SerialNumber": device.serial_number,
            "Base32StringSeed": device.seed.encode(),
            "QRCodePNG": _qr_code(provisioning_uri(name, self._account_id, device.seed)),
        }
        if device.tags:
            shown["Tags"] = _shown_tags(device.tags)
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
        return page("MFADevices", shown, given)

    def _list_virtual(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        wanted = given.get("AssignmentStatus", "Any")
        shown = [
            self._virtual(device)
            for device in self._devices.all()
            if wanted in ("Any", "Unassigned" if device.owner is None else "Assigned")
        ]
        return page("VirtualMFADevices", shown, given)

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
        self._devices.get(given["SerialNumber"]).tag(given_tags(given))
        return None

    def _untag(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        device = self._devices.get(given["SerialNumber"])
        for name, value in given.items():
            if name.startswith("TagKeys.member."):
                device.untag(value)
        return None

    def _list_tags(self, _caller: Credentials, given: Mapping[str, str]) -> Result:
        tags = self._devices.get(given["SerialNumber"]).tags
        return page("Tags", _shown_tags(tags), given)

    def _user(self, caller: Credentials, given: Mapping[str, str]) -> Identity:
        name = given.get("UserName")
        if name is not None:
            return self._find_user(name)
        if caller.owner.kind not in ("user", "root"):
            raise AWSError(400, "ValidationError", NO_USER)
        return caller.owner

    def _virtual(self, device: VirtualDevice) -> dict[str, Any]:
        shown: dict[str, Any] = {"SerialNumber": device.serial_number}
        if device.owner is not None:
            shown["User"] = self._show_user(device.owner)
            shown["EnableDate"] = datetime.fromtimestamp(device.enabled_at, UTC)
        return shown

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


def _enabled(device: VirtualDevice, user: Identity) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "SerialNumber": device.serial_number,
        "EnableDate": datetime.fromtimestamp(device.enabled_at, UTC),
    }


def _shown_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _qr_code(text: str) -> bytes:
    import segno

    picture = io.BytesIO()
    segno.make(text, micro=False).save(picture, kind="png", scale=4)
    return picture.getvalue()
