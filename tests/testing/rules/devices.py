"""IAM's calls about MFA devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import segno
from tests.testing.rules.rule import NOT_VALID_CODES, Rule
from tests.testing.rules.scene import ACCOUNT, Scene, keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

GONE = f"arn:aws:iam::{ACCOUNT}:mfa/gone"
UNKNOWN = (404, "NoSuchEntity", f"MFA Device with serial number {GONE} does not exist.")
NOT_THEIRS = (404, "NoSuchEntity", "MFA Device invalid for user.")
WITH_MFA = (
    403,
    "AccessDenied",
    "To complete this action, please ensure that you are authenticated with an MFA device that is"
    " enabled for this user.",
)


def create_twice(scene: Scene) -> None:
    scene.new_device()
    scene.new_device()


def enable_with(*steps: int) -> Callable[[Scene], Any]:
    """Enable a device with the codes of two steps."""

    def play(scene: Scene) -> None:
        serial, seed = scene.new_device()
        codes = [scene.code(step, seed) for step in steps]
        scene.iam.enable_mfa_device(
            UserName=scene.alice.name,
            SerialNumber=serial,
            AuthenticationCode1=codes[0],
            AuthenticationCode2=codes[1],
        )

    return play


def enable_again(who: str) -> Callable[[Scene], Any]:
    """Enable alice's device once more."""

    def play(scene: Scene) -> None:
        scene.iam.enable_mfa_device(
            UserName=getattr(scene, who).name, SerialNumber=scene.serial, **scene.pair(2)
        )

    return play


def for_bob(operation: str, *, codes: bool = False) -> Callable[[Scene], Any]:
    """Call about alice's device as if it were bob's."""

    def play(scene: Scene) -> None:
        more = scene.pair(2) if codes else {}
        bobs = {"UserName": scene.bob.name, "SerialNumber": scene.serial}
        getattr(scene.iam, operation)(**bobs, **more)

    return play


def about(operation: str, **asked: Any) -> Callable[[Scene], Any]:
    """Call as the root user."""
    return lambda scene: getattr(scene.iam, operation)(**asked)


def about_device(operation: str) -> Callable[[Scene], Any]:
    """Call about alice's device as the root user."""
    return lambda scene: getattr(scene.iam, operation)(SerialNumber=scene.serial)


def delete_user(scene: Scene) -> None:
    scene.device  # noqa: B018 - is enabled by being asked for
    scene.iam.delete_user(UserName="alice")


def own_call(operation: str, credentials: str, **wrong: Any) -> Callable[[Scene], str]:
    """Call as alice, who has a device, about her own devices."""

    def play(scene: Scene) -> str:
        named = {"UserName": "alice", "SerialNumber": scene.serial}
        if operation == "enable_mfa_device":
            named["SerialNumber"], seed = scene.new_device()
            named |= scene.pair(0, seed)
        if operation == "resync_mfa_device":
            named |= scene.pair(2)
        held = getattr(scene, credentials)
        client = scene.client(held() if callable(held) else held, "iam")
        getattr(client, operation)(**(named | wrong))
        return "answered"

    return play


def manage_another(operation: str) -> Callable[[Scene], str]:
    """Call as alice, who has a device, about bob's with her long-term key."""

    def play(scene: Scene) -> str:
        scene.device  # noqa: B018 - is enabled by being asked for
        iam = scene.client(scene.alice, "iam")
        if operation == "deactivate_mfa_device":
            serial, codes = scene.bob.enable_virtual_mfa().serial_number, {}
        else:
            serial, seed = scene.new_device()
            codes = scene.pair(0, seed)
        getattr(iam, operation)(UserName=scene.bob.name, SerialNumber=serial, **codes)
        return "answered"

    return play


def first_device(scene: Scene) -> str:
    serial, seed = scene.new_device()
    codes = scene.pair(0, seed)
    alice = scene.client(scene.alice, "iam")
    alice.enable_mfa_device(UserName="alice", SerialNumber=serial, **codes)
    return "answered"


def own_device_as_role(scene: Scene) -> str:
    """A role's session manages alice's devices as anybody else's."""
    scene.device  # noqa: B018 - is enabled by being asked for
    client = scene.client(scene.role_session(), "iam")
    client.deactivate_mfa_device(UserName="alice", SerialNumber=scene.serial)
    return "answered"


def ninth(scene: Scene) -> None:
    for number in range(8):
        scene.alice.enable_virtual_mfa(f"device-{number}")
    serial, seed = scene.new_device()
    scene.iam.enable_mfa_device(UserName="alice", SerialNumber=serial, **scene.pair(0, seed))


def lists(scene: Scene) -> list[set[str]]:
    """Return what the list shows of an assigned and of an unassigned device."""
    scene.device  # noqa: B018 - is enabled by being asked for
    scene.iam.create_virtual_mfa_device(
        VirtualMFADeviceName="spare", Tags=[{"Key": "k", "Value": "v"}]
    )
    shown = scene.iam.list_virtual_mfa_devices()["VirtualMFADevices"]
    own = scene.iam.list_mfa_devices(UserName="alice")["MFADevices"]
    return [set(device) for device in (*shown, *own)]


def qr_code(scene: Scene) -> str:
    made = scene.iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]
    text = f"otpauth://totp/phone@{ACCOUNT}?secret={made['Base32StringSeed'].decode()}"
    expected = segno.make(text, micro=False)
    assert made["QRCodePNG"].startswith(b"\x89PNG\r\n")
    return "as expected" if made["QRCodePNG"] == png(expected) else "another"


def png(code: segno.QRCode) -> bytes:
    import io

    picture = io.BytesIO()
    code.save(picture, kind="png", scale=4)
    return picture.getvalue()


def serial_in(region: str) -> Callable[[Scene], str]:
    """Return the serial number of a device that works in that region's partition."""

    def play(scene: Scene) -> str:
        scene.where(region=region)
        session = keys_of(scene.sts.get_session_token(**scene.mfa()))
        scene.client(session, "iam").list_mfa_devices()
        return scene.serial

    return play


RULES = [
    Rule(
        "create a second of the same name",
        create_twice,
        (409, "EntityAlreadyExists", "MFA device already exists."),
    ),
    Rule("enable with the same code twice", enable_with(0, 0), NOT_VALID_CODES),
    Rule("enable with reversed codes", enable_with(0, -1), NOT_VALID_CODES),
    Rule("enable with codes that do not follow", enable_with(-2, 0), NOT_VALID_CODES),
    Rule("enable with codes of nothing", enable_with(5000, 5001), NOT_VALID_CODES),
    Rule(
        "resync with a stale pair",
        lambda s: s.iam.resync_mfa_device(UserName="alice", SerialNumber=s.serial, **s.pair(0)),
        NOT_VALID_CODES,
    ),
    Rule(
        "enable again for the same user",
        enable_again("alice"),
        (409, "EntityAlreadyExists", "MFA Device for user alice already exists."),
    ),
    Rule(
        "enable again for another user",
        enable_again("bob"),
        (409, "EntityAlreadyExists", "MFA Device is already in use."),
    ),
    Rule("deactivate another's", for_bob("deactivate_mfa_device"), NOT_THEIRS),
    Rule("resync another's", for_bob("resync_mfa_device", codes=True), NOT_THEIRS),
    Rule(
        "deactivate an unknown one",
        lambda s: s.iam.deactivate_mfa_device(
            UserName=s.alice.arn.rpartition("/")[2], SerialNumber=GONE
        ),
        UNKNOWN,
    ),
    Rule("delete an unknown one", about("delete_virtual_mfa_device", SerialNumber=GONE), UNKNOWN),
    Rule(
        "delete while assigned",
        about_device("delete_virtual_mfa_device"),
        (409, "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first."),
    ),
    Rule(
        "delete a user with a device",
        delete_user,
        (
            409,
            "DeleteConflict",
            "Cannot delete entity, must remove tokens from principal first.",
        ),
    ),
    Rule(
        "GetMFADevice on a virtual one",
        about_device("get_mfa_device"),
        (
            400,
            "ValidationError",
            "The MFA device serial number sent in the request is invalid or not supported by this"
            " API. Currently, only hardware FIDO security keys are supported. Please use the"
            " compatible device or API.",
        ),
    ),
    Rule("add one's second without MFA", own_call("enable_mfa_device", "alice"), WITH_MFA),
    Rule("remove one's own without MFA", own_call("deactivate_mfa_device", "alice"), WITH_MFA),
    Rule(
        "add one's second without MFA, and with wrong codes",
        own_call("enable_mfa_device", "alice", AuthenticationCode1="000000"),
        WITH_MFA,
    ),
    Rule(
        "remove an unknown one without MFA",
        own_call("deactivate_mfa_device", "alice", SerialNumber=GONE),
        WITH_MFA,
    ),
    Rule("resync one's own without MFA", own_call("resync_mfa_device", "alice"), "answered"),
    Rule("add one's second with MFA", own_call("enable_mfa_device", "mfa_session"), "answered"),
    Rule("remove one's own with MFA", own_call("deactivate_mfa_device", "mfa_session"), "answered"),
    Rule("add one's first without MFA", first_device, "answered"),
    Rule("add another's without MFA", manage_another("enable_mfa_device"), "answered"),
    Rule("remove another's without MFA", manage_another("deactivate_mfa_device"), "answered"),
    Rule("remove a user's as a role", own_device_as_role, "answered"),
    Rule(
        "the ninth of a user",
        ninth,
        (409, "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 8"),
    ),
    Rule(
        "what lists show",
        lists,
        [
            {"SerialNumber", "User", "EnableDate"},
            {"SerialNumber"},
            {"UserName", "SerialNumber", "EnableDate"},
        ],
    ),
    Rule("the QR code", qr_code, "as expected"),
    Rule("a serial in China", serial_in("cn-north-1"), f"arn:aws-cn:iam::{ACCOUNT}:mfa/alice"),
    Rule(
        "a serial in GovCloud",
        serial_in("us-gov-west-1"),
        f"arn:aws-us-gov:iam::{ACCOUNT}:mfa/alice",
    ),
]
