"""Finding MFA devices, and writing them into the config."""

from __future__ import annotations

import pytest

DENY_LISTING = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:List*", "Resource": "*"},
    ],
}


def be(home, user) -> None:
    home.write_credentials(
        f"[default]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )


def test_devices_lists_each_device_with_its_kind(home, alice) -> None:
    done = home.mfakit("devices")
    assert done.stdout == f"{alice.device.serial_number}  virtual\n"


def test_the_usual_device_name_is_guessed_where_iam_denies_the_listing(home, aws, endpoint) -> None:
    """A note says that it is a guess."""
    bob = aws.create_user("bob", policy=DENY_LISTING)
    device = bob.enable_virtual_mfa()
    be(home, bob)
    done = home.mfakit("login", "--token-code", device.code())
    assert done.returncode == 0, done.stderr
    assert f"{device.serial_number} is a guess" in done.stderr


def test_the_root_users_device_is_guessed_by_its_own_name(home, aws, endpoint) -> None:
    """It belongs to no IAM user. AWS shortens root's sessions, and a note says so."""
    be(home, aws.root)
    device = aws.root.enable_virtual_mfa()
    done = home.mfakit("login", "--token-code", device.code())
    assert done.returncode == 0, done.stderr
    assert "for the 12h that was asked for; a root user's session lasts one hour" in done.stderr
    assert device.serial_number.endswith(":mfa/root-account-mfa-device")


def test_a_user_without_a_device_gets_an_error_before_a_code_is_asked_for(
    home, aws, endpoint
) -> None:
    be(home, aws.create_user("carol"))
    done = home.mfakit("login")
    assert (done.returncode, "has no MFA device" in done.stderr) == (1, True)


@pytest.mark.parametrize("region", ["us-gov-west-1", "cn-north-1"])
def test_login_works_in_other_partitions(home, region: str) -> None:
    """The region comes from the profile, else from the serial number's partition."""
    from mfakit.testing import AWSSimulator

    with AWSSimulator(region=region) as aws, aws.serve() as url:
        home.environ["AWS_ENDPOINT_URL"] = url
        user = aws.create_user("alice")
        device = user.enable_virtual_mfa()
        be(home, user)
        code = device.code()
        done = home.mfakit("login", "--serial-number", device.serial_number, "--token-code", code)
        assert done.returncode == 0, done.stderr
        home.write_config(f"[profile mfa]\nregion = {region}\n")
        assert home.mfakit("login", "--force", "--token-code", device.code()).returncode == 0


def test_devices_are_listed_in_the_partition_of_the_device_where_no_region_is_set(home) -> None:
    from mfakit.testing import AWSSimulator

    with AWSSimulator(region="us-gov-west-1") as aws, aws.serve() as url:
        home.environ["AWS_ENDPOINT_URL"] = url
        user = aws.create_user("alice")
        serial = user.enable_virtual_mfa().serial_number
        be(home, user)
        home.write_config(f"[default]\nmfa_serial = {serial}\n")
        done = home.mfakit("devices")
        assert (done.returncode, done.stdout) == (0, f"{serial}  virtual\n"), done.stderr


def test_configure_writes_what_every_login_needs(home, alice, on_terminal) -> None:
    """It asks on the terminal, and the likely values are the defaults."""
    home.write_config("# mine\n[default]\nregion = eu-west-1\n")
    terminal = on_terminal("configure")
    terminal.read_until("Profile for the session [mfa]: ")
    terminal.type("work\n")
    terminal.read_until("Profile with your long-term keys [default]: ")
    terminal.type("\n")
    terminal.read_until("How long sessions last [12h]: ")
    terminal.type("8h\n")
    terminal.read_until("Region for AWS tools [eu-west-1]: ")
    terminal.type("\n")
    assert terminal.wait() == 0
    assert home.config.read_text() == (
        "# mine\n[default]\nregion = eu-west-1\n\n[profile work]\n"
        f"mfakit_source_profile = default\nmfa_serial = {alice.device.serial_number}\n"
        "mfakit_duration = 8h\nregion = eu-west-1\n"
    )
    done = home.mfakit("login", "-p", "work", "--token-code", alice.device.code())
    assert "ends in 7h59m" in done.stderr


def test_configure_without_a_terminal_takes_the_defaults(home, alice) -> None:
    """Set-up scripts rely on this. An invalid option changes nothing."""
    done = home.mfakit("configure", "--duration", "1h", terminal=False)
    assert done.returncode == 0, done.stderr
    assert "mfakit_duration = 1h" in home.config.read_text()
    before = home.config.read_text()
    for impossible in ("soon", "37h", "10m", "0"):
        assert home.mfakit("configure", "--duration", impossible, terminal=False).returncode == 64
    no_program = ("--token-command", "no-such-program")
    assert home.mfakit("configure", *no_program, terminal=False).returncode == 64
    assert home.config.read_text() == before


def test_configure_writes_the_region_and_keeps_it_when_it_runs_again(home, alice) -> None:
    """It also looks for the devices in that region."""
    home.environ.pop("AWS_DEFAULT_REGION")
    assert home.mfakit("configure", "--region", "eu-west-1", terminal=False).returncode == 0
    assert "\nregion = eu-west-1\n" in home.config.read_text()
    assert home.mfakit("configure", terminal=False).returncode == 0
    assert "\nregion = eu-west-1\n" in home.config.read_text()
    before = home.config.read_text()
    done = home.mfakit("configure", "--region", "eu west", terminal=False)
    assert (done.returncode, "region" in done.stderr) == (64, True)
    assert home.config.read_text() == before


def test_the_source_profiles_credential_process_provides_the_keys(home, alice, tmp_path) -> None:
    """The keys stay in a keychain, as aws-vault's do."""
    program = tmp_path / "vault"
    keys = f'"AccessKeyId": "{alice.access_key_id}", "SecretAccessKey": "{alice.secret_access_key}"'
    program.write_text(f"#!/bin/sh\necho '{{\"Version\": 1, {keys}}}'\n")
    program.chmod(0o755)
    home.write_credentials("")
    home.write_config(f"[default]\ncredential_process = {program}\n")
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 0, done.stderr
    program.write_text(f'#!/bin/sh\necho \'{{"Version": 1, {keys}, "SessionToken": "t"}}\'\n')
    done = home.mfakit("login", "--force", "--token-code", alice.device.code())
    assert (done.returncode, "gives a session" in done.stderr) == (1, True)
    program.write_text("#!/bin/sh\nexit 1\n")
    done = home.mfakit("login", "--force", "--token-code", alice.device.code())
    assert (done.returncode, "gave no credentials" in done.stderr) == (1, True)


def test_the_device_in_aws_vaults_variable_is_named_where_several_are_found(home, alice) -> None:
    second = alice.enable_virtual_mfa("second").serial_number
    code = alice.device.code()
    done = home.mfakit("login", "--token-code", code, AWS_MFA_SERIAL=second)
    assert "there are several MFA devices" in done.stderr
    assert f"AWS_MFA_SERIAL is not read: export MFAKIT_SERIAL_NUMBER={second}" in done.stderr


def test_the_device_in_aws_vaults_variable_is_named_where_iam_denies_the_listing(
    home, aws, endpoint
) -> None:
    bob = aws.create_user("bob", policy=DENY_LISTING)
    serial = bob.enable_virtual_mfa("phone").serial_number
    be(home, bob)
    named = f"AWS_MFA_SERIAL is not read: export MFAKIT_SERIAL_NUMBER={serial}"
    assert named in home.mfakit("devices", AWS_MFA_SERIAL=serial).stderr
    done = home.mfakit("login", "--token-code", "123456", AWS_MFA_SERIAL=serial)
    assert named in done.stderr.splitlines()[-1]
