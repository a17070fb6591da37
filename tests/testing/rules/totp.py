"""How codes are verified: their window, their one use, the budget, pairs, and when STS knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pyotp
from tests.testing.rules.rule import INVALID_CODE, NOT_VALID_CODES, UNABLE_TO_VALIDATE, Rule
from tests.testing.rules.scene import Scene, outcome

if TYPE_CHECKING:
    from collections.abc import Callable


def seed_of_aws(scene: Scene) -> str:
    _, seed = scene.new_device()
    return "64 base32 characters" if re.fullmatch("[A-Z2-7]{64}", seed) else seed


def any_app(scene: Scene) -> str:
    """SHA-1, six digits and thirty seconds are what pyotp does by default."""
    app = pyotp.TOTP(scene.device.seed, digits=6, interval=30)
    scene.login(app.at(int(scene.aws.clock.timestamp())))
    return "answered"


def steps_away(*steps: int) -> Callable[[Scene], list[str]]:
    """Return which codes are valid, one after the other."""
    return lambda scene: scene.spend([scene.code(step) for step in steps])


def resync(scene: Scene, steps: int) -> None:
    scene.iam.resync_mfa_device(UserName="alice", SerialNumber=scene.serial, **scene.pair(steps))


def after_resync(*steps: int) -> Callable[[Scene], list[str]]:
    """Return which codes are valid for a device that is a hundred steps ahead."""

    def play(scene: Scene) -> list[str]:
        resync(scene, 100)
        return scene.spend([scene.code(step) for step in steps])

    return play


def enabled_again(scene: Scene) -> None:
    """A code is valid once for each seed, even if the device gets another owner."""
    code = scene.code(1)
    scene.login(code)
    scene.iam.deactivate_mfa_device(UserName="alice", SerialNumber=scene.serial)
    again = {"UserName": "alice", "SerialNumber": scene.serial}
    scene.iam.enable_mfa_device(**again, **scene.pair(2))
    scene.login(code)


def nine_of_a_kind(kind: str) -> Callable[[Scene], list[str]]:
    """Spend nine verifications; tell of the tenth, and of one in the next window."""

    def play(scene: Scene) -> list[str]:
        scene.start_window()
        code = scene.code(0)
        kinds = {
            "wrong": [scene.wrong_code()] * 9,
            "used": [code] * 9,
            "right": [scene.code(step) for step in range(-2, 3)] + [scene.wrong_code()] * 4,
        }
        outcomes = scene.spend([*kinds[kind], scene.code(-2)])
        scene.aws.clock.advance(seconds=179 - scene.aws.clock.timestamp() % 180)
        late = scene.spend([scene.code(1)])
        scene.aws.clock.advance(seconds=1.1)
        return [short(each) for each in (outcomes[8], outcomes[9], *late, *scene.spend(["000000"]))]

    return play


def recreated(scene: Scene) -> None:
    scene.start_window()
    scene.spend([scene.wrong_code()] * 9)
    device = {"SerialNumber": scene.serial}
    scene.iam.deactivate_mfa_device(UserName="alice", **device)
    scene.iam.delete_virtual_mfa_device(**device)
    serial, seed = scene.new_device("alice")
    scene.iam.enable_mfa_device(UserName="alice", SerialNumber=serial, **scene.pair(0, seed))
    scene.login(scene.code(0, seed), serial)


def another_device(scene: Scene) -> str:
    scene.start_window()
    scene.spend([scene.wrong_code()] * 9)
    other = scene.alice.enable_virtual_mfa("other")
    scene.login(scene.code(0, other.seed), other.serial_number)
    return "answered"


def enable(scene: Scene, steps: int) -> str:
    serial, seed = scene.new_device()
    user = scene.alice.name
    scene.iam.enable_mfa_device(UserName=user, SerialNumber=serial, **scene.pair(steps, seed))
    return "answered"


def pair_so_far(steps: int) -> Callable[[Scene], str]:
    """Enable a device with a pair of that distance."""
    return lambda scene: enable(scene, steps)


def resync_so_far(steps: int, after: int = 0) -> Callable[[Scene], str]:
    """Resynchronise, after a device was, with a pair of that distance."""

    def play(scene: Scene) -> str:
        if after:
            resync(scene, after)
        resync(scene, steps)
        return "answered"

    return play


def pair_serves(scene: Scene) -> list[str]:
    serial, seed = scene.new_device()
    pair = scene.pair(0, seed)
    scene.iam.enable_mfa_device(UserName=scene.alice.name, SerialNumber=serial, **pair)
    return [outcome(scene.login, code=code, serial=serial) for code in pair.values()]


def known_to_sts(scene: Scene) -> list[str]:
    """IAM sees a device at once; STS seven seconds later, and as long after it is gone."""
    scene.where(propagation="aws")
    serial, seed = scene.new_device()
    named = {"UserName": scene.alice.name, "SerialNumber": serial}
    scene.iam.enable_mfa_device(**named, **scene.pair(0, seed))
    shown = [each["SerialNumber"] for each in devices_of(scene)]
    early = outcome(scene.login, code=scene.code(0, seed), serial=serial)
    scene.aws.clock.advance(seconds=7.1)
    after = outcome(scene.login, code=scene.code(0, seed), serial=serial)
    scene.iam.deactivate_mfa_device(**named)
    shown += [each["SerialNumber"] for each in devices_of(scene)]
    still = outcome(scene.login, code=scene.code(1, seed), serial=serial)
    scene.aws.clock.advance(seconds=7.1)
    gone = outcome(scene.login, code=scene.code(0, seed), serial=serial)
    assert shown == [serial]
    return [short(each) for each in (early, after, still, gone)]


def known_after_going_back(scene: Scene) -> list[str]:
    """What STS is about to know comes seven seconds after the clock was moved back."""
    scene.where(propagation="aws")
    scene.device  # noqa: B018 - is enabled by being asked for
    scene.aws.clock.advance(hours=-1)
    early = outcome(scene.login, code=scene.code(0))
    scene.aws.clock.advance(seconds=7.1)
    return [short(each) for each in (early, outcome(scene.login, code=scene.code(0)))]


def resync_known_to_sts(scene: Scene) -> list[str]:
    scene.where(propagation="aws")
    scene.device  # noqa: B018 - is enabled by being asked for
    scene.aws.clock.advance(seconds=11)
    resync(scene, 100)
    early = scene.spend([scene.code(100), scene.code(0)])
    scene.aws.clock.advance(seconds=11)
    return early + scene.spend([scene.code(100), scene.code(1)])


def devices_of(scene: Scene) -> Any:
    return scene.iam.list_mfa_devices(UserName="alice")["MFADevices"]


def short(text: str) -> str:
    return "unable" if "unable to validate" in text else text


RULES = [
    Rule("a seed", seed_of_aws, "64 base32 characters"),
    Rule("codes of any app", any_app, "answered"),
    Rule(
        "the window",
        steps_away(-3, -2, -1, 0, 1, 2, 3),
        ["invalid", "ok", "ok", "ok", "ok", "ok", "invalid"],
    ),
    Rule("out of order", steps_away(2, -2, 1, 0, -1), ["ok"] * 5),
    Rule("each once", steps_away(2, 0, 2, 0, 1), ["ok", "ok", "invalid", "invalid", "ok"]),
    Rule(
        "the window of an adjusted device",
        after_resync(0, 97, 98, 102, 103),
        ["invalid", "invalid", "ok", "ok", "invalid"],
    ),
    Rule("a used code, after the device was enabled again", enabled_again, INVALID_CODE),
    Rule("nine wrong codes", nine_of_a_kind("wrong"), ["invalid", "unable", "unable", "invalid"]),
    Rule("nine used codes", nine_of_a_kind("used"), ["invalid", "unable", "unable", "invalid"]),
    Rule("right codes count", nine_of_a_kind("right"), ["invalid", "unable", "unable", "invalid"]),
    Rule("a new device does not refill the budget", recreated, UNABLE_TO_VALIDATE),
    Rule("each device has a budget", another_device, "answered"),
    Rule("a pair as far behind as may be", pair_so_far(-998), "answered"),
    Rule("a pair as far ahead as may be", pair_so_far(1000), "answered"),
    Rule("a pair too far behind", pair_so_far(-999), NOT_VALID_CODES),
    Rule("a pair too far ahead", pair_so_far(1001), NOT_VALID_CODES),
    Rule("a resync ahead", resync_so_far(1000), "answered"),
    Rule("a resync too far ahead", resync_so_far(1001), NOT_VALID_CODES),
    Rule("a resync from the adjusted time", resync_so_far(1900, after=950), "answered"),
    Rule("a resync with the last pair", resync_so_far(0), NOT_VALID_CODES),
    Rule("a resync with the last pair's second code", resync_so_far(101, 100), NOT_VALID_CODES),
    Rule("a resync with newer codes", resync_so_far(102, 100), "answered"),
    Rule("a resync with older codes", resync_so_far(50, 100), NOT_VALID_CODES),
    Rule("a pair is not used up", pair_serves, ["ok", "ok"]),
    Rule("when STS knows", known_to_sts, ["unable", "ok", "ok", "unable"]),
    Rule("when STS knows, the clock moved back", known_after_going_back, ["unable", "ok"]),
    Rule("when STS knows a resync", resync_known_to_sts, ["invalid", "ok", "ok", "invalid"]),
]
