"""`devices add`, `resync` and `remove`: at a terminal, with a phone that has the seed."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from tests.exchange.conftest import TerminalProcess, operations

from mfakit import read_session
from mfakit.policy.making import require_mfa
from mfakit.profiles.editing import locked
from mfakit.testing import REQUIRE_MFA_POLICY, AWSSimulator
from mfakit.testing.devices import VirtualDevice, new_seed

ALICE = "arn:aws:iam::123456789012:mfa/alice"
WITHOUT_DELETING = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:DeleteVirtualMFADevice", "Resource": "*"},
    ],
}


WITHOUT_LISTING = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:ListMFADevices", "Resource": "*"},
    ],
}


def serial_numbers(aws, user: str = "alice") -> list[str]:
    """Return the devices that AWS knows of a user."""
    found = aws.root.session().client("iam").list_mfa_devices(UserName=user)["MFADevices"]
    return [device["SerialNumber"] for device in found]


def unassigned(aws) -> list[str]:
    """Return the devices that are nobody's."""
    iam = aws.root.session().client("iam")
    found = iam.list_virtual_mfa_devices(AssignmentStatus="Unassigned")["VirtualMFADevices"]
    return [device["SerialNumber"] for device in found]


def be(home, user) -> None:
    home.write_credentials(
        f"[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )


def await_call(aws, operation: str, seconds: float = 30) -> None:
    """Wait until a call has reached AWS."""
    end = time.monotonic() + seconds
    while operation not in operations(aws):
        assert time.monotonic() < end, operations(aws)
        time.sleep(0.05)


class Phone:
    """An authenticator app. Its codes follow each other, however fast they are typed."""

    def __init__(self, seed: str, steps_ahead: int = 0) -> None:
        self._codes = pyotp.TOTP(seed)
        self._counter = int(time.time() // 30) + steps_ahead

    def code(self) -> str:
        self._counter += 1
        return self._codes.generate_otp(self._counter - 1)


def shown_seed(screen: str) -> str:
    """Return the seed that stands on a screen in groups of four."""
    return re.search(r"(?:[A-Z2-7]{4} ){15}[A-Z2-7]{4}", screen)[0].replace(" ", "")


def answer(terminal: TerminalProcess, question: str, code: str) -> None:
    terminal.read_until(question)
    terminal.type(f"{code}\n")


def type_two_codes(terminal: TerminalProcess, phone: Phone) -> None:
    """Type two codes, the second as soon as the countdown for it has begun."""
    answer(terminal, "MFA code for ", phone.code())
    terminal.read_until("the next code in")
    terminal.type("\n")
    answer(terminal, "next MFA code for ", phone.code())


@pytest.fixture
def fresh(aws, home, endpoint):
    """Return a user with a key and no device, where nothing is allowed without MFA."""
    user = aws.create_user("alice", policy=REQUIRE_MFA_POLICY)
    be(home, user)
    return user


def test_a_new_user_is_at_a_session_by_one_command_and_a_phone(
    home, fresh, aws, on_terminal
) -> None:
    terminal = on_terminal("devices", "add", "--show-seed")
    phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
    type_two_codes(terminal, phone)
    answer(terminal, "MFA code for ", phone.code())
    terminal.read_until("logged in to profile mfa")
    assert terminal.wait() == 0
    assert serial_numbers(aws) == [ALICE]
    assert read_session("mfa", environ=home.environ)
    assert f"mfa_serial = {ALICE}" in home.config.read_text()
    done = home.run("aws", "s3", "ls", "--profile", "mfa")
    assert done.returncode == 0, done.stderr


def test_the_seed_is_on_the_terminal_alone(home, fresh, aws, on_terminal, tmp_path) -> None:
    with (tmp_path / "streams").open("wb") as streams:
        terminal = on_terminal(
            "devices", "add", "--show-seed", "--debug", stdout=streams, stderr=streams
        )
        seed = shown_seed(terminal.read_until("MFA code for "))
        type_two_codes(terminal, Phone(seed))
        terminal.read_until("MFA code for ")
        terminal.type("\x03")
        assert terminal.wait() == 130
    said = (tmp_path / "streams").read_text()
    assert f"the device {ALICE} is enabled" in said
    kept = [path.read_bytes() for path in home.folder.rglob("*") if path.is_file()]
    for part in (seed, " ".join(seed[at : at + 4] for at in range(0, 64, 4))):
        assert part not in said
        assert all(part.encode() not in content for content in kept)


def test_a_png_of_the_qr_code_is_private_and_a_file_is_never_replaced(
    home, fresh, aws, on_terminal, tmp_path
) -> None:
    picture = tmp_path / "seed.png"
    terminal = on_terminal("devices", "add", "--png", str(picture))
    terminal.read_until("MFA code for ")
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    assert picture.read_bytes().startswith(b"\x89PNG")
    terminal.type("\x03")
    assert terminal.wait() == 130
    assert unassigned(aws) == []
    before = picture.read_bytes()
    terminal = on_terminal("devices", "add", "--png", str(picture))
    assert terminal.wait() == 64
    assert picture.read_bytes() == before
    assert operations(aws).count("CreateVirtualMFADevice") == 1


def test_no_device_is_made_for_a_png_in_no_folder(home, fresh, aws, on_terminal, tmp_path) -> None:
    terminal = on_terminal("devices", "add", "--png", str(tmp_path / "none" / "seed.png"))
    assert terminal.wait() == 64
    assert "CreateVirtualMFADevice" not in operations(aws)


def test_half_a_png_does_not_stay_on_a_full_disk(tmp_path) -> None:
    """The next try would find that the file exists."""
    path = tmp_path / "seed.png"
    program = (
        "import resource, signal, sys\n"
        "from mfakit.cli.devices import _write_png\n"
        "from mfakit.exchange.enrolment import Made\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import segno\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n"
        f"_write_png(Made({ALICE!r}, 'A' * 64), sys.argv[1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False
    )
    assert f"cannot write {path}: File too large" in done.stderr
    assert not path.exists()


def test_a_program_gets_the_uri_on_standard_input(home, fresh, aws, on_terminal, tmp_path) -> None:
    """What the program prints is not shown."""
    kept = tmp_path / "uri"
    terminal = on_terminal("devices", "add", "--seed-to", f"tee {kept}")
    terminal.read_until("MFA code for ")
    assert "secret=" not in terminal.screen
    (uri,) = kept.read_text().splitlines()
    parsed = pyotp.parse_uri(uri)
    assert (parsed.name, parsed.issuer, len(parsed.secret)) == ("alice@123456789012", "AWS", 64)
    type_two_codes(terminal, Phone(parsed.secret))
    terminal.read_until("MFA code for ")
    assert serial_numbers(aws) == [ALICE]


@pytest.mark.parametrize("command", ["false", "no-such-program"])
def test_no_device_stays_if_the_program_fails(home, fresh, aws, on_terminal, command) -> None:
    terminal = on_terminal("devices", "add", "--seed-to", command)
    assert terminal.wait() == (1 if command == "false" else 64)
    assert command in terminal.screen
    assert (serial_numbers(aws), unassigned(aws)) == ([], [])


@pytest.mark.parametrize("ending", ["ctrl-c", "ctrl-\\", "no code", "wrong codes", "hang-up"])
def test_a_device_that_is_not_enabled_is_deleted(home, fresh, aws, on_terminal, ending) -> None:
    terminal = on_terminal("devices", "add", "--show-seed")
    terminal.read_until("MFA code for ")
    assert unassigned(aws) == [ALICE]
    if ending == "wrong codes":
        for code in ("000000", "111111", "222222"):
            answer(terminal, "MFA code for ", code)
            terminal.read_until("the next code in")
            terminal.type("\n")
            answer(terminal, "next MFA code for ", "333333")
    elif ending == "hang-up":
        terminal.process.send_signal(signal.SIGTERM)
    else:
        terminal.type({"ctrl-c": "\x03", "ctrl-\\": "\x1c", "no code": "\x04"}[ending])
    assert terminal.wait() != 0
    assert (serial_numbers(aws), unassigned(aws)) == ([], [])


def test_a_device_is_named_if_its_deletion_is_interrupted(home, fresh, aws, on_terminal) -> None:
    terminal = on_terminal("devices", "add", "--show-seed")
    terminal.read_until("MFA code for ")
    aws.delay_next("DeleteVirtualMFADevice", 5)
    terminal.type("\x03")
    await_call(aws, "DeleteVirtualMFADevice")
    terminal.send("\x03")
    assert terminal.wait() == 130
    assert f"aws iam delete-virtual-mfa-device --serial-number {ALICE}" in terminal.screen


def test_a_device_whose_deletion_failed_can_be_deleted_as_it_is_said(
    home, fresh, aws, on_terminal
) -> None:
    """It takes no administrator where AWS only was not reached."""
    terminal = on_terminal("devices", "add", "--show-seed")
    terminal.read_until("MFA code for ")
    aws.fail_next("DeleteVirtualMFADevice", times=3)
    terminal.type("\x03")
    assert terminal.wait() == 130
    assert unassigned(aws) == [ALICE]
    command = re.search(r"mfakit (devices remove [^ ;]+);", terminal.screen)[1]
    done = home.mfakit(*command.split())
    assert done.returncode == 0, done.stderr
    assert unassigned(aws) == []


def test_a_second_enrolment_waits_for_the_first(home, fresh, aws, on_terminal) -> None:
    """It would delete the device whose seed is on the phone already."""
    first = on_terminal("devices", "add", "--show-seed")
    phone = Phone(shown_seed(first.read_until("MFA code for ")))
    second = on_terminal("devices", "add", "--show-seed")
    second.read_until("waiting for process")
    type_two_codes(first, phone)
    first.read_until("is enabled")
    assert serial_numbers(aws) == [ALICE]
    assert operations(aws).count("CreateVirtualMFADevice") == 1


@pytest.mark.parametrize("name", [[], ["alice"]], ids=["own name", "named"])
def test_a_device_is_added_under_the_users_name_where_devices_may_not_be_listed(
    home, aws, endpoint, on_terminal, name
) -> None:
    """The name that was guessed is not taken."""
    be(home, aws.create_user("alice", policy=WITHOUT_LISTING))
    terminal = on_terminal("devices", "add", *name, "--show-seed")
    type_two_codes(terminal, Phone(shown_seed(terminal.read_until("MFA code for "))))
    terminal.read_until("is enabled")
    assert serial_numbers(aws) == [ALICE]


def test_the_same_code_twice_is_asked_for_again(home, fresh, aws, on_terminal) -> None:
    terminal = on_terminal("devices", "add", "--show-seed")
    phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
    first = phone.code()
    answer(terminal, "MFA code for ", first)
    terminal.read_until("the next code in")
    terminal.type("\n")
    answer(terminal, "next MFA code for ", first)
    terminal.read_until("that is the same code")
    terminal.read_until("the next code in")
    terminal.type("\n")
    answer(terminal, "next MFA code for ", phone.code())
    terminal.read_until("is enabled")


def test_where_it_cannot_be_deleted_the_next_run_takes_the_next_name_and_names_the_orphan(
    home, aws, endpoint, on_terminal
) -> None:
    be(home, aws.create_user("alice", policy=WITHOUT_DELETING))
    command = f"aws iam delete-virtual-mfa-device --serial-number {ALICE}"
    terminal = on_terminal("devices", "add", "--show-seed")
    terminal.read_until("MFA code for ")
    terminal.type("\x03")
    assert terminal.wait() == 130
    assert command in terminal.screen
    terminal = on_terminal("devices", "add", "--show-seed")
    phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
    assert command in terminal.screen
    type_two_codes(terminal, phone)
    terminal.read_until("is enabled")
    assert serial_numbers(aws) == [f"{ALICE}-2"]
    assert f"{ALICE} is nobody's" in home.mfakit("devices").stderr


def test_what_a_killed_run_left_is_deleted_by_the_next(home, fresh, aws, on_terminal) -> None:
    terminal = on_terminal("devices", "add", "--show-seed")
    terminal.read_until("MFA code for ")
    terminal.process.send_signal(signal.SIGKILL)
    terminal.wait()
    assert f"{ALICE} is nobody's: mfakit devices remove alice" in home.mfakit("devices").stderr
    terminal = on_terminal("devices", "add", "--show-seed")
    terminal.read_until("MFA code for ")
    assert f"deleted the device {ALICE}, which was nobody's" in terminal.screen
    terminal.type("\x03")
    terminal.wait()
    assert unassigned(aws) == []


def test_a_device_that_may_be_enabled_is_not_called_nobodys(home, fresh, aws, on_terminal) -> None:
    """AWS has enabled it, and does not answer any more; the app has the only copy of its seed."""
    terminal = on_terminal("devices", "add", "--show-seed")
    phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
    aws.drop_next("EnableMFADevice", after=True)
    aws.drop_next("ListMFADevices", times=20)
    aws.drop_next("DeleteVirtualMFADevice", times=20)
    type_two_codes(terminal, phone)
    terminal.read_until("keep it in your app until mfakit devices")
    terminal.wait()
    assert "nobody's" not in terminal.screen
    assert unassigned(aws) == []


@pytest.mark.parametrize("operation", ["CreateVirtualMFADevice", "EnableMFADevice"])
def test_a_lost_answer_leaves_no_device_that_nobody_can_use(
    home, fresh, aws, on_terminal, operation
) -> None:
    """The device is deleted; or it is enabled, and used."""
    aws.drop_next(operation, after=True)
    terminal = on_terminal("devices", "add", "--show-seed")
    if operation == "EnableMFADevice":
        phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
        type_two_codes(terminal, phone)
        answer(terminal, "MFA code for ", phone.code())
    assert terminal.wait() == (operation == "CreateVirtualMFADevice")
    assert serial_numbers(aws) == ([ALICE] if operation == "EnableMFADevice" else [])
    assert unassigned(aws) == []


def test_whoever_has_only_security_keys_is_told_before_a_device_is_made(
    home, fresh, aws, on_terminal
) -> None:
    key = VirtualDevice("arn:aws:iam::123456789012:u2f/user/alice/key-ABC", new_seed())
    key.owner = fresh._key.owner
    aws._devices._devices[key.serial_number] = key
    terminal = on_terminal("devices", "add")
    assert terminal.wait() == 1
    assert "security keys" in terminal.screen
    assert "Security credentials, Assign MFA device" in terminal.screen
    assert "CreateVirtualMFADevice" not in operations(aws)


def test_whoever_has_as_many_devices_as_aws_allows_is_told_before_one_is_made(
    home, fresh, aws, on_terminal
) -> None:
    *_, last = [fresh.enable_virtual_mfa(f"alice-{number}") for number in range(8)]
    terminal = on_terminal("devices", "add", "--show-seed")
    assert terminal.wait() == 1
    assert "mfakit devices remove NAME" in terminal.screen
    assert "CreateVirtualMFADevice" not in operations(aws)
    named = ("--serial-number", last.serial_number, "--token-code", last.code())
    assert home.mfakit("login", *named).returncode == 0
    assert home.mfakit("devices", "remove", "alice-0").returncode == 0
    on_terminal("devices", "add", "--show-seed").read_until("MFA code for ")


def test_an_unknown_device_of_another_user_points_at_that_users_list(home, alice, aws) -> None:
    aws.create_user("bob").enable_virtual_mfa()
    done = home.mfakit("devices", "remove", "alice", "--user", "bob")
    assert (done.returncode, "mfakit devices --user bob" in done.stderr) == (1, True), done.stderr


def test_a_hardware_token_is_listed_resynchronised_and_removed(
    home, fresh, aws, on_terminal
) -> None:
    """Its serial number is no ARN, and there is nothing of it to delete."""
    token = VirtualDevice("GAHT12345678", new_seed())
    token.owner = fresh._key.owner
    aws._devices._devices[token.serial_number] = token
    assert home.mfakit("devices").stdout == "GAHT12345678  hardware\n"
    phone = Phone(token.seed, steps_ahead=40)
    terminal = on_terminal("devices", "resync", "GAHT12345678")
    type_two_codes(terminal, phone)
    assert terminal.wait() == 0
    assert home.mfakit("login", "--token-code", phone.code()).returncode == 0
    done = home.mfakit("devices", "remove", "GAHT12345678", "--last")
    assert done.returncode == 0, done.stderr
    assert serial_numbers(aws) == []
    assert "DeleteVirtualMFADevice" not in operations(aws)


def test_a_second_device_takes_a_session_first_and_then_the_old_one_can_go(
    home, fresh, aws, on_terminal
) -> None:
    """This is how a user moves to a new phone."""
    old = fresh.enable_virtual_mfa()
    home.write_config(f"[profile mfa]\nmfa_serial = {ALICE}\n")
    taken = on_terminal("devices", "add", "alice")
    assert taken.wait() == 1
    advised = re.search(r"take another name: mfakit (devices add \S+)", taken.screen)[1]
    terminal = on_terminal(*advised.split(), "--show-seed")
    answer(terminal, f"MFA code for {ALICE}: ", old.code())
    phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
    type_two_codes(terminal, phone)
    answer(terminal, f"MFA code for {ALICE}-phone: ", phone.code())
    assert terminal.wait() == 0
    assert f"mfa_serial = {ALICE}-phone\n" in home.config.read_text()
    done = home.mfakit("devices", "remove", "alice")
    assert done.returncode == 0, done.stderr
    assert (serial_numbers(aws), unassigned(aws)) == ([f"{ALICE}-phone"], [])


def test_a_session_that_has_ended_is_renewed_before_it_is_needed(
    home, fresh, aws, on_terminal
) -> None:
    """The end that is written down counts, although AWS would still take the session."""
    old = fresh.enable_virtual_mfa()
    assert home.mfakit("login", "--token-code", old.code()).returncode == 0
    text = home.credentials.read_text()
    ended = f"{datetime.now(UTC) + timedelta(minutes=-1):%Y-%m-%dT%H:%M:%SZ}"
    home.credentials.write_text(re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", ended, text))
    terminal = on_terminal("devices", "add", "alice-phone", "--show-seed")
    answer(terminal, f"MFA code for {ALICE}: ", old.code())
    terminal.read_until("MFA code for ")
    assert ended not in home.credentials.read_text()


def test_removing_the_device_that_profiles_name_lets_them_name_the_one_that_stays(
    home, alice, aws
) -> None:
    alice.enable_virtual_mfa("alice-phone")
    home.write_config(f"[default]\nmfa_serial = {ALICE}\n[profile mfa]\nmfa_serial = {ALICE}\n")
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    assert home.mfakit("devices", "remove", ALICE).returncode == 0
    text = home.config.read_text()
    assert text.count(f"mfa_serial = {ALICE}-phone\n") == 2


def test_removing_a_device_leaves_the_profile_that_another_program_has_just_changed(
    home, alice, aws
) -> None:
    """The removal waits for the lock of the config file when the other program writes it."""
    alice.enable_virtual_mfa("alice-phone")
    mine = "[profile mfa]\nmfa_serial = GAHT12345678\n"
    home.write_config(f"[profile mfa]\nmfa_serial = {ALICE}\n")
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    remove = [sys.executable, "-m", "mfakit", "devices", "remove", ALICE]
    with locked(str(home.config), 30):
        process = subprocess.Popen(remove, env=home.environ, stderr=subprocess.PIPE, text=True)
        await_call(aws, "DeleteVirtualMFADevice")
        time.sleep(1)
        home.write_config(mine)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, home.config.read_text()) == (0, mine)
    assert "names" not in said


def test_adding_a_device_leaves_the_one_that_another_program_has_just_named(
    home, fresh, aws, on_terminal
) -> None:
    mine = "[profile mfa]\nmfa_serial = GAHT12345678\n"
    home.write_config("[profile mfa]\noutput = json\n")
    with locked(str(home.config), 30):
        terminal = on_terminal("devices", "add", "--show-seed")
        phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
        type_two_codes(terminal, phone)
        terminal.read_until("is enabled")
        time.sleep(1)
        home.write_config(mine)
    terminal.read_until("names GAHT12345678, which another program has just written")
    assert home.config.read_text() == mine


def test_the_last_device_goes_only_with_last(home, alice, aws) -> None:
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    done = home.mfakit("devices", "remove")
    assert (done.returncode, "--last" in done.stderr) == (1, True)
    assert serial_numbers(aws) == [ALICE]
    done = home.mfakit("devices", "remove", "--last")
    assert done.returncode == 0, done.stderr
    assert (serial_numbers(aws), unassigned(aws)) == ([], [])


def test_of_several_devices_the_one_to_remove_has_to_be_named(home, alice, on_terminal) -> None:
    """The user chooses on a terminal; without one, the command is wrong usage."""
    alice.enable_virtual_mfa("alice-phone")
    assert home.mfakit("login", "--serial-number", ALICE, "--token-code", alice.device.code())
    done = home.mfakit("devices", "remove", terminal=False)
    assert (done.returncode, ALICE in done.stderr) == (64, True)
    terminal = on_terminal("devices", "remove")
    terminal.read_until("Which device? [1-2] ")
    terminal.type("2\n")
    terminal.read_until("removed the device")
    assert terminal.wait() == 0
    assert home.mfakit("devices").stdout == f"{ALICE}  virtual\n"


def test_a_device_that_drifted_is_resynchronised_by_two_codes(
    home, fresh, aws, on_terminal
) -> None:
    """That takes no session, which it could not give."""
    device = fresh.enable_virtual_mfa()
    phone = Phone(device.seed, steps_ahead=40)
    done = home.mfakit("login", "--token-code", phone.code())
    assert (done.returncode, "mfakit devices resync" in done.stderr) == (1, True)
    terminal = on_terminal("devices", "resync")
    type_two_codes(terminal, phone)
    assert terminal.wait() == 0
    assert "the phone's clock" in terminal.screen
    done = home.mfakit("login", "--token-code", phone.code())
    assert done.returncode == 0, done.stderr


def test_an_administrator_removes_and_resynchronises_another_users_device(
    home, aws, endpoint, on_terminal
) -> None:
    admin = aws.create_user("admin", policy=REQUIRE_MFA_POLICY)
    own = admin.enable_virtual_mfa()
    bob = aws.create_user("bob", policy=REQUIRE_MFA_POLICY)
    lost = bob.enable_virtual_mfa()
    be(home, admin)
    terminal = on_terminal("devices", "--user", "bob")
    answer(terminal, f"MFA code for {own.serial_number}: ", own.code())
    assert terminal.wait() == 0
    assert f"{lost.serial_number}  virtual" in terminal.screen
    terminal = on_terminal("devices", "resync", "--user", "bob")
    type_two_codes(terminal, Phone(lost.seed, steps_ahead=3))
    assert terminal.wait() == 0
    assert home.mfakit("devices", "remove", "--user", "bob").returncode == 1
    done = home.mfakit("devices", "remove", "--user", "bob", "--last")
    assert done.returncode == 0, done.stderr
    assert serial_numbers(aws, "bob") == []
    assert serial_numbers(aws, "admin") == [own.serial_number]


def test_an_option_that_the_action_does_not_take_is_wrong_usage(home, alice) -> None:
    for line in (
        ("add", "--user", "bob"),
        ("--png", "x"),
        ("resync", "--last"),
        ("remove", "--show-seed"),
        ("add", "a/b"),
    ):
        assert home.mfakit("devices", *line).returncode == 64, line


def test_require_mfa_lets_a_user_enrol_a_device_of_the_own_name_alone(
    home, aws, endpoint, on_terminal
) -> None:
    """The policy is the whole of what the user has; the refusal names a name that is allowed."""
    document = json.loads(json.dumps(require_mfa().document))
    be(home, aws.create_user("alice", policy=document))
    terminal = on_terminal("devices", "add", "phone", "--show-seed")
    assert terminal.wait() == 1
    assert "mfakit devices add alice-phone" in terminal.screen
    terminal = on_terminal("devices", "add", "alice-phone", "--show-seed")
    phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
    type_two_codes(terminal, phone)
    answer(terminal, "MFA code for ", phone.code())
    assert terminal.wait() == 0, terminal.screen
    assert serial_numbers(aws) == [f"{ALICE}-phone"]


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_a_device_is_enrolled_in_other_partitions(home, on_terminal, region) -> None:
    with AWSSimulator(region=region) as aws, aws.serve() as url:
        home.environ |= {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": region}
        be(home, aws.create_user("alice", policy=REQUIRE_MFA_POLICY))
        terminal = on_terminal("devices", "add", "--show-seed")
        phone = Phone(shown_seed(terminal.read_until("MFA code for ")))
        type_two_codes(terminal, phone)
        answer(terminal, "MFA code for ", phone.code())
        assert terminal.wait() == 0, terminal.screen


@pytest.mark.parametrize("state", ["drifted", "drifted of two", "removed", "replaced"])
def test_a_login_that_is_refused_names_the_way_that_fits(home, fresh, aws, state) -> None:
    device = fresh.enable_virtual_mfa()
    home.write_config(f"[profile mfa]\nmfa_serial = {ALICE}\n")
    if state in ("drifted of two", "replaced"):
        fresh.enable_virtual_mfa("alice-phone")
    if state in ("removed", "replaced"):
        iam = aws.root.session().client("iam")
        iam.deactivate_mfa_device(UserName="alice", SerialNumber=ALICE)
    done = home.mfakit("login", "--token-code", Phone(device.seed, steps_ahead=40).code())
    ways = {
        "drifted": "mfakit devices resync; an administrator removes a lost device",
        "drifted of two": "mfakit devices resync; or take another device: --serial-number arn:",
        "removed": "no device is enabled: mfakit devices add",
        "replaced": f"this device is enabled: --serial-number {ALICE}-phone",
    }
    assert (done.returncode, ways[state] in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("operation", ["DeactivateMFADevice", "DeleteVirtualMFADevice"])
def test_a_removal_whose_answer_is_lost_is_done_all_the_same(home, alice, aws, operation) -> None:
    alice.enable_virtual_mfa("alice-phone")
    done = home.mfakit("login", "--serial-number", ALICE, "--token-code", alice.device.code())
    assert done.returncode == 0, done.stderr
    aws.drop_next(operation, after=True)
    done = home.mfakit("devices", "remove", "alice")
    assert done.returncode == 0, done.stderr
    assert (serial_numbers(aws), unassigned(aws)) == ([f"{ALICE}-phone"], [])


def test_a_removal_that_is_interrupted_says_how_to_finish_it(home, alice, aws, on_terminal) -> None:
    alice.enable_virtual_mfa("alice-phone")
    home.write_config(f"[profile mfa]\nmfa_serial = {ALICE}\n")
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    aws.delay_next("DeactivateMFADevice", 3, times=2)  # the first is denied to the long-term key
    terminal = on_terminal("devices", "remove", "alice")
    end = time.monotonic() + 30
    while serial_numbers(aws) != [f"{ALICE}-phone"]:
        assert time.monotonic() < end, operations(aws)
    terminal.type("\x03")
    assert terminal.wait() == 130
    assert f"mfakit devices remove {ALICE}" in terminal.screen
    assert unassigned(aws) == [ALICE]
    assert home.mfakit("devices", "remove", ALICE).returncode == 0
    assert unassigned(aws) == []
    assert f"mfa_serial = {ALICE}-phone\n" in home.config.read_text()


def test_require_mfa_lets_a_user_manage_the_own_devices_and_no_others(
    home, aws, endpoint, on_terminal
) -> None:
    """Removing a device requires an MFA session; listing and resynchronising do not."""
    alice = aws.create_user("alice", policy=json.loads(json.dumps(require_mfa().document)))
    bob = aws.create_user("bob").enable_virtual_mfa()
    be(home, alice)
    device, other = alice.enable_virtual_mfa(), alice.enable_virtual_mfa("alice-phone")
    home.write_config(f"[profile mfa]\nmfa_serial = {ALICE}\n")
    assert home.mfakit("devices").stdout.count("virtual") == 2
    terminal = on_terminal("devices", "resync", "alice-phone")
    type_two_codes(terminal, Phone(other.seed, steps_ahead=3))
    assert terminal.wait() == 0
    terminal = on_terminal("devices", "remove", "alice-phone")
    answer(terminal, f"MFA code for {ALICE}: ", device.code())
    assert terminal.wait() == 0, terminal.screen
    assert serial_numbers(aws) == [ALICE]
    for action in ((), ("remove", "bob", "--last")):
        done = home.mfakit("devices", *action, "--user", "bob")
        assert (done.returncode, "AccessDenied" in done.stderr) == (1, True), done.stderr
    assert serial_numbers(aws, "bob") == [bob.serial_number]


@pytest.fixture
def unlisted(home, aws, endpoint):
    """Return a user with two devices who may not list them, and who is logged in."""
    user = aws.create_user("alice", policy=WITHOUT_LISTING)
    be(home, user)
    device = user.enable_virtual_mfa()
    user.phone = user.enable_virtual_mfa("alice-phone")
    assert home.mfakit("login", "--token-code", device.code()).returncode == 0
    return user


def test_a_named_device_is_removed_where_devices_may_not_be_listed(home, unlisted, aws) -> None:
    """It may be the last one, for all that IAM shows."""
    done = home.mfakit("devices", "remove", "alice-phone")
    assert (done.returncode, "IAM does not let you list" in done.stderr) == (1, True), done.stderr
    assert "--last" in done.stderr
    done = home.mfakit("devices", "remove", "alice-phone", "--last")
    assert done.returncode == 0, done.stderr
    assert (serial_numbers(aws), unassigned(aws)) == ([ALICE], [])


def test_a_named_device_is_resynchronised_where_devices_may_not_be_listed(
    home, unlisted, aws, on_terminal
) -> None:
    phone = Phone(unlisted.phone.seed, steps_ahead=40)
    terminal = on_terminal("devices", "resync", "alice-phone")
    type_two_codes(terminal, phone)
    assert terminal.wait() == 0, terminal.screen
    named = ("--serial-number", f"{ALICE}-phone", "--force")
    done = home.mfakit("login", "--token-code", phone.code(), *named)
    assert done.returncode == 0, done.stderr


def test_a_device_that_is_nobodys_is_removed_where_devices_may_not_be_listed(
    home, unlisted, aws
) -> None:
    """It is deleted without `--last`, as AWS deletes none that is in use."""
    iam = aws.root.session().client("iam")
    for name in ("alice", "alice-phone"):
        iam.deactivate_mfa_device(UserName="alice", SerialNumber=ALICE.replace("alice", name))
    for name in ("alice-phone", "alice"):
        done = home.mfakit("devices", "remove", name)
        assert (done.returncode, "which was nobody's" in done.stderr) == (0, True), done.stderr
    assert unassigned(aws) == []


@pytest.mark.parametrize("action", ["resync", "remove"])
def test_the_error_for_an_unknown_device_names_the_list_that_was_denied(
    home, unlisted, aws, on_terminal, action
) -> None:
    terminal = on_terminal("devices", action, "tablet", *(["--last"] if action == "remove" else []))
    if action == "resync":
        type_two_codes(terminal, Phone(new_seed()))
    assert terminal.wait() == 1
    assert "AWS answered NoSuchEntity" in terminal.screen
    assert "iam:ListMFADevices" in terminal.screen


def test_an_administrator_who_may_not_list_devices_resynchronises_one_by_its_name(
    home, aws, endpoint, on_terminal
) -> None:
    admin = aws.create_user("admin", policy=WITHOUT_LISTING)
    be(home, admin)
    code = admin.enable_virtual_mfa().code()
    assert home.mfakit("login", "--token-code", code).returncode == 0
    seed = aws.create_user("alice").enable_virtual_mfa().seed
    terminal = on_terminal("devices", "resync", "--user", "alice")
    assert terminal.wait() == 1
    assert "iam:ListMFADevices" in terminal.screen
    terminal = on_terminal("devices", "resync", "alice", "--user", "alice")
    type_two_codes(terminal, Phone(seed, steps_ahead=3))
    assert terminal.wait() == 0, terminal.screen
