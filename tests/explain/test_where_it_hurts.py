"""`login` names the cause that `explain` finds, and its advice ends the trouble."""

from __future__ import annotations

import json
import sys

import pytest
from tests.roles import make_role

from mfakit.testing import AWSSimulator


@pytest.fixture
def shell(home, alice):
    return home.shell


def advice(stderr: str) -> str:
    """Return the advice, which is the second and last line of an error."""
    lines = stderr.splitlines()
    assert lines[-1].startswith("mfakit: try: "), stderr
    return lines[-1].removeprefix("mfakit: try: ")


def keys_of(user, quote: str = "") -> str:
    return (
        f"aws_access_key_id = {quote}{user.access_key_id}{quote}\n"
        f"aws_secret_access_key = {quote}{user.secret_access_key}{quote}\n"
    )


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("quoted", ["both", "secret"])
def test_login_says_that_keys_are_in_quotes_and_how_to_take_them_off(
    home, alice, shell, quote: str, quoted: str
) -> None:
    text = keys_of(alice, quote)
    if quoted == "secret":
        text = keys_of(alice).splitlines()[0] + "\n" + text.splitlines()[1] + "\n"
    home.write_credentials(f"[default]\n{text}")
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 1
    assert "is in quotes" in done.stderr
    mended = shell(f"{advice(done.stderr)} && mfakit login --token-code {alice.device.code()}")
    assert mended.returncode == 0, mended.stderr


def test_login_says_that_a_session_key_lacks_its_token_before_it_asks(home, alice, shell) -> None:
    """It is the key of a session that was pasted into the profile of the keys."""
    home.write_credentials("[default]\naws_access_key_id = ASIAQYLPMN5HABCDEFGH\n"
                           "aws_secret_access_key = s\n")  # fmt: skip
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 1
    assert "is of a session, and there is no aws_session_token" in done.stderr
    typed = f"{alice.access_key_id}\\n{alice.secret_access_key}\\n\\n\\n"
    line = advice(done.stderr).replace("aws configure", f"printf '{typed}' | aws configure")
    shell(line)
    mended = home.mfakit("login", "--token-code", alice.device.code())
    assert mended.returncode == 0, mended.stderr


@pytest.mark.parametrize(
    ("file", "header", "profile"),
    [
        ("config", "work", "work"),
        ("credentials", "profile work", "work"),
        ("config", "profile Foo Bar", "Foo Bar"),
        ("credentials", "profile Foo Bar", "Foo Bar"),
        ("config", "profile a/b & c", "a/b & c"),
    ],
)
def test_login_names_a_header_that_is_not_read_and_how_to_write_it(
    home, alice, shell, file: str, header: str, profile: str
) -> None:
    home.write_credentials("")
    text = f"# keys\n[{header}]\n{keys_of(alice)}"
    (home.write_config if file == "config" else home.write_credentials)(text)
    login = ["login", "--source-profile", profile, "--token-code", alice.device.code()]
    done = home.mfakit(*login)
    assert done.returncode == 1
    assert f"[{header}]" in done.stderr
    assert "line 2) is not read as the profile" in done.stderr
    assert shell(advice(done.stderr)).returncode == 0
    login[-1] = alice.device.code()
    mended = home.mfakit(*login)
    assert mended.returncode == 0, mended.stderr
    program = "import boto3; print(*boto3.Session().available_profiles, sep='\\n')"
    assert profile in home.run(sys.executable, "-c", program).stdout.splitlines()


def test_explain_names_a_section_of_settings_that_has_no_effect(home, alice, shell) -> None:
    """The profile itself is in the credentials file; its region is where nobody reads it."""
    home.write_credentials(f"[work]\n{keys_of(alice)}")
    home.write_config("[work]\nregion = eu-west-1\n")
    done = home.mfakit("explain", "--profile", "work")
    assert done.returncode == 0
    assert "- wrong-header: [work]" in done.stdout
    [fix] = (line for line in done.stdout.splitlines() if "try: sed" in line)
    shell(fix.partition("try: ")[2])
    assert "wrong-header" not in home.mfakit("explain", "--profile", "work").stdout


def test_quotes_that_docker_keeps_in_the_variables_are_named(home, alice) -> None:
    """`docker run --env-file` does not take them off."""
    variables = {
        "AWS_ACCESS_KEY_ID": f'"{alice.access_key_id}"',
        "AWS_SECRET_ACCESS_KEY": f'"{alice.secret_access_key}"',
    }
    done = home.mfakit("explain", **variables)
    assert done.returncode == 1
    assert "! variables-quoted: the value of AWS_ACCESS_KEY_ID is in quotes" in done.stdout
    home.write_credentials("")
    done = home.mfakit("login", "--token-code", alice.device.code(), **variables)
    assert "the value of AWS_ACCESS_KEY_ID is in quotes" in done.stderr


@pytest.mark.parametrize("sign", [" ", "\n", "\u201c", "\u200b"])
def test_a_key_that_cannot_be_one_is_refused_before_it_is_sent(home, alice, sign: str) -> None:
    """A blank, a line break or a curly quote was copied along with the key."""
    variables = {
        "AWS_ACCESS_KEY_ID": sign + alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    home.write_credentials("")
    assert "! variables-quoted" in home.mfakit("explain", **variables).stdout
    done = home.mfakit("login", "--token-code", alice.device.code(), **variables)
    assert "the value of AWS_ACCESS_KEY_ID has a character that no key has" in done.stderr
    if sign.strip():
        home.write_credentials(f"[default]\n{keys_of(alice)}".replace("= A", f"= {sign}A"))
        done = home.mfakit("login", "--token-code", alice.device.code())
        assert "has a character that no key has" in done.stderr
        assert advice(done.stderr) == "aws configure --profile default"


@pytest.mark.parametrize("content", [b"junk\n[default]\n", b"[default]\nregion = \xff\n"])
@pytest.mark.parametrize("name", ["config", "credentials"])
@pytest.mark.parametrize("sdk", ["boto3", "cli", "js"])
def test_explain_reports_whatever_the_files_hold(home, alice, content, name, sdk) -> None:
    """It says of a file that botocore cannot read what is wrong, and does not stop there."""
    (home.folder / ".aws" / name).write_bytes(content)
    told = home.mfakit("explain", "--sdk", sdk)
    assert told.stderr == ""
    assert "AWS would" in told.stdout
    if sdk != "js":
        assert "! search-fails" in told.stdout
        assert str(home.folder / ".aws" / name) in told.stdout


def test_a_device_of_another_account_is_refused_before_a_code_is_spent(home, aws, alice) -> None:
    """AWS was asked for the account, which the key's id only suggests."""
    serial = alice.device.serial_number.replace("123456789012", "999999999999")
    code = alice.device.code()
    done = home.mfakit("login", "--serial-number", serial, "--token-code", code)
    assert done.returncode == 1
    assert "is of another account than the keys" in done.stderr
    home.write_config(f"[profile mfa]\nmfa_serial = {serial}\n")
    done = home.mfakit("login", "--token-code", code)
    assert f"{serial} (mfa_serial in {home.config}, line 2) is of another" in done.stderr
    done = home.mfakit("login", "--serial-number", alice.device.serial_number, "--token-code", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", ["file", "variable"])
def test_a_device_of_another_partition_is_refused_before_a_code_is_spent(
    home, alice, shell, place: str
) -> None:
    serial = alice.device.serial_number.replace("arn:aws:", "arn:aws-us-gov:")
    code = alice.device.code()
    if place == "file":
        home.write_config("[default]\nregion = eu-west-1\n")
    done = home.mfakit("login", "--serial-number", serial, "--token-code", code)
    assert done.returncode == 1
    assert "is of the partition aws-us-gov, and the region" in done.stderr
    assert "no code was used" in done.stderr
    line = advice(done.stderr).rpartition("another region: ")[2]
    again = shell(f"{line}; mfakit login --serial-number {serial} --token-code {code}")
    assert "is of the partition" not in again.stderr
    done = home.mfakit(
        "login", "--serial-number", alice.device.serial_number, "--token-code", code,
        AWS_REGION="us-east-1", AWS_CONFIG_FILE="/nowhere",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("expiration", "fault"),
    [
        ("", "is no time"),
        ("2022-06-21T10:22:35Z", "has passed"),
        ("2122-06-21 10:22", "has no time"),
    ],
)
def test_a_program_whose_expiration_is_of_no_use_is_named_by_explain_online(
    home, aws, alice, expiration: str, fault: str
) -> None:
    key = {"AccessKeyId": alice.access_key_id, "SecretAccessKey": alice.secret_access_key}
    printed = home.folder / "printed.json"
    printed.write_text(json.dumps({"Version": 1, **key, "Expiration": expiration}))
    home.write_config(f"[profile work]\ncredential_process = cat {printed}\n")
    told = home.mfakit("explain", "--online", "--profile", "work")
    assert told.returncode == 1
    assert f"the Expiration that the program of credential_process prints {fault}" in told.stdout
    assert "run the program by hand" in told.stdout
    assert f"try: cat {printed}" in told.stdout


def test_a_role_that_aws_refuses_for_its_duration_leads_to_a_shorter_one_alone(
    home, aws, alice, shell
) -> None:
    make_role(aws, "admin", alice.arn)
    shell(f"mfakit login --token-code {alice.device.code()}")
    role = "role_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = mfa\n"
    home.write_config(f"[profile admin]\n{role}duration_seconds = 43200\n")
    told = home.mfakit("explain", "--online", "--profile", "admin").stdout
    advised = [line.partition("try: ")[2] for line in told.splitlines() if "try: " in line]
    assert advised == ["aws configure set duration_seconds 3600 --profile admin"]
    assert shell(advised[0]).returncode == 0
    assert home.mfakit("explain", "--online", "--profile", "admin").returncode == 0


def test_a_role_that_needs_mfa_leads_to_a_session_of_its_programs_key(
    home, aws, alice, shell
) -> None:
    make_role(aws, "admin", alice.arn)
    key = {"AccessKeyId": alice.access_key_id, "SecretAccessKey": alice.secret_access_key}
    printed = home.folder / "printed.json"
    printed.write_text(json.dumps({"Version": 1, **key}))
    home.credentials.unlink()
    home.write_config(
        "[profile admin]\nrole_arn = arn:aws:iam::123456789012:role/admin\n"
        f"source_profile = base\n[profile base]\ncredential_process = cat {printed}\n"
    )
    told = home.mfakit("explain", "--online", "--profile", "admin")
    fix = told.stdout.rpartition("try: ")[2].strip()
    assert shell(f"{fix} --token-code {alice.device.code()}").returncode == 0, fix
    assert home.mfakit("explain", "--online", "--profile", "admin").returncode == 0


def test_a_session_that_shadows_a_program_is_named_and_removed(home, alice, shell) -> None:
    """AWS tools use the keys of the file, ended or not, and never run the program."""
    home.write_credentials(
        "[work]\naws_access_key_id = ASIAQYLPMN5HABCDEFGH\naws_secret_access_key = s\n"
        "aws_session_token = t\nx_security_token_expires = 2022-09-06T17:09:28+10:00\n"
    )
    home.write_config("[profile work]\ncredential_process = true\n")
    remedy = "if the session has ended, remove it: mfakit logout --profile work"
    for command in ("login", "check", "devices"):
        done = home.mfakit(command, AWS_PROFILE="work")
        assert "its credential_process is never run" in done.stderr
        assert advice(done.stderr) == remedy
    assert advice(home.mfakit("env", "--profile", "work").stderr) == remedy
    assert shell(remedy.partition(": ")[2]).returncode == 0
    for command in ("check", "env"):
        done = home.mfakit(command, "--profile", "work")
        assert advice(done.stderr).endswith("mfakit login --profile work-mfa --source-profile work")


def test_a_key_of_another_partition_is_led_to_a_region_where_none_is_set(home) -> None:
    with AWSSimulator(region="us-gov-west-1") as aws, aws.serve() as url:
        home.environ["AWS_ENDPOINT_URL"] = url
        home.write_credentials(f"[work]\n{keys_of(aws.create_user('bob'))}")
        done = home.mfakit("devices", "--source-profile", "work")
        assert "aws configure set region REGION --profile work" in done.stderr
        again = home.mfakit("devices", "--source-profile", "work", AWS_REGION="us-gov-west-1")
    assert again.returncode == 0, again.stderr


def test_explain_accuses_no_session_of_a_device_of_another_account(home, aws, alice) -> None:
    """Ids of sessions say nothing of the account that their codes were sent with."""
    home.write_config(f"[profile mfa]\nmfa_serial = {alice.device.serial_number}\n")
    for _ in range(6):
        done = home.mfakit("login", "--token-code", alice.device.code())
        assert done.returncode == 0, done.stderr
        told = home.mfakit("explain", "--profile", "mfa")
        assert "serial-of-another-account" not in told.stdout
        assert told.returncode == 0


def test_a_guessed_account_is_told_as_a_guess_and_a_known_one_as_known(home, alice) -> None:
    """A login with the keys shows which account is theirs."""
    other = alice.device.serial_number.replace("123456789012", "999999999999")
    config = f"[default]\nmfa_serial = {{}}\n[profile mfa]\nmfa_serial = {other}\n"
    home.write_config(f"[default]\nmfa_serial = {other}\n")
    told = home.mfakit("explain", "--profile", "default").stdout
    assert "- serial-of-another-account" in told
    assert "seem by their id to be of 123456789012" in told
    home.write_config(config.format(other).partition("[profile mfa]")[0])
    serial = alice.device.serial_number
    login = ["login", "--serial-number", serial, "--token-code", alice.device.code()]
    assert home.mfakit(*login).returncode == 0
    told = home.mfakit("explain", "--profile", "default").stdout
    assert "! serial-of-another-account" in told
    assert "are of 123456789012" in told


@pytest.mark.parametrize(
    ("variables", "config", "sdk", "line"),
    [
        ({}, "[default]\nregion = eu-west-1\n", "boto3",
         "region eu-west-1 (HOME/.aws/config, line 2)"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, "[default]\nregion = eu-west-1\n", "boto3",
         "region us-west-2 (AWS_DEFAULT_REGION)"),
        ({"AWS_REGION": "us-west-2"}, "[default]\nregion = eu-west-1\n", "boto3",
         "region eu-west-1 (HOME/.aws/config, line 2)"),
        ({"AWS_REGION": "us-west-2"}, "[default]\nregion = eu-west-1\n", "cli",
         "region us-west-2 (AWS_REGION)"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, "[default]\nregion = eu-west-1\n", "js",
         "region eu-west-1 (HOME/.aws/config, line 2)"),
        ({}, "", "boto3", "no region is set: calls"),
        ({"AWS_REGION": "us-west-2"}, "", "boto3", "boto3 does not read AWS_REGION: calls"),
    ],
)  # fmt: skip
def test_explain_shows_the_region_and_where_it_is_set(home, variables, config, sdk, line) -> None:
    home.write_config(config)
    home.write_credentials("[default]\naws_access_key_id = AKIAI44QH8DHBEXAMPLF\n"
                           "aws_secret_access_key = s\n")  # fmt: skip
    told = home.mfakit("explain", "--sdk", sdk, **variables).stdout
    assert line.replace("HOME", str(home.folder)) in told


def test_login_names_a_header_that_is_not_read_if_no_other_keys_are_found(home, alice) -> None:
    """AWS_PROFILE names the profile that the keys are meant for, and leads to `default`."""
    home.write_credentials("")
    home.write_config(f"[profile shared]\nsource_profile = default\n[shared]\n{keys_of(alice)}")
    done = home.mfakit("login", "--token-code", "123456", AWS_PROFILE="shared")
    assert done.returncode == 1
    assert "[shared] (" in done.stderr
    assert advice(done.stderr).startswith("sed ")
    assert "! wrong-header: " in home.mfakit("explain", "--profile", "shared").stdout


@pytest.mark.parametrize("header", ["", "[base]\nrole_arn = arn:aws:iam::123456789012:role/a\n"])
def test_login_names_the_source_of_a_role_that_is_missing(home, alice, header: str) -> None:
    """A section with that name which no SDK reads is named too."""
    home.write_credentials("")
    role = "arn:aws:iam::123456789012:role/b"
    home.write_config(f"{header}[profile dev]\nrole_arn = {role}\nsource_profile = base\n")
    done = home.mfakit("login", "--token-code", "123456", AWS_PROFILE="dev")
    assert done.returncode == 1
    assert "the source of the role 'dev', 'base', is missing" in done.stderr
    assert ("[base] (" in done.stderr) is bool(header)


OF_SAML = "[saml]\naws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"


@pytest.mark.parametrize("keys", [False, True])
def test_a_session_of_another_program_is_renewed_by_it(home, alice, keys: bool) -> None:
    """Keys of another profile may be of another user."""
    home.write_credentials(
        f"{OF_SAML}x_security_token_expires = 2022-09-06T17:09:28+10:00\n"
        + f"[work]\n{keys_of(alice)}" * keys
    )
    for command in ("login", "devices", "exec -- true"):
        done = home.mfakit(*command.split(), AWS_PROFILE="saml")
        assert "renew the session of profile 'saml' with the program that made it" in done.stderr
    told = home.mfakit("explain", "--profile", "saml").stdout
    assert "(ExpiredToken); the program that made it renews it" in told
    alone = home.mfakit(AWS_PROFILE="saml").stdout
    assert "next: renew it with the program that made it" in alone
    assert ("--source-profile work" in alone) is keys
    if keys:
        told = advice(home.mfakit("env", AWS_PROFILE="saml").stderr)
        assert told.startswith("renew it with the program that made it; or log in again: ")


def test_the_only_session_is_proposed_for_a_role_whose_source_is_missing(
    home, alice, shell
) -> None:
    home.write_credentials(f"{OF_SAML}x_security_token_expires = 2122-09-06T17:09:28+10:00\n")
    role = "arn:aws:iam::123456789012:role/b"
    home.write_config(f"[profile dev]\nrole_arn = {role}\nsource_profile = myaws\n")
    fix = "aws configure set source_profile saml --profile dev"
    assert f"try: {fix}\n" in home.mfakit("explain", "--profile", "dev").stdout
    assert "name another source: " in home.mfakit("login", AWS_PROFILE="dev").stderr
    assert shell(fix).returncode == 0
    assert home.mfakit("explain", "--profile", "dev").returncode == 0
    assert home.mfakit("check", AWS_PROFILE="dev").returncode == 0


@pytest.mark.parametrize("text", ["profile work", "[work]", '[profile "work"]'])
@pytest.mark.parametrize("command", ["login", "configure --role-profile dev"])
def test_a_source_profile_that_is_a_headers_text_is_named_and_mended(
    home, alice, shell, command: str, text: str
) -> None:
    home.write_credentials(f"[work]\n{keys_of(alice)}")
    role = "arn:aws:iam::123456789012:role/b"
    home.write_config(f"[profile dev]\nrole_arn = {role}\nsource_profile = {text}\n")
    home.environ["AWS_PROFILE"] = "dev"
    done = home.mfakit(*command.split())
    assert done.returncode == 1
    assert f"{home.config}, line 3) is {text!r}" in done.stderr
    assert shell(advice(done.stderr)).returncode == 0
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert "logged in to profile work-mfa with the keys of profile 'work'" in done.stderr


@pytest.mark.parametrize("command", ["check", "env", "credential-process", "exec -- true"])
def test_a_session_in_quotes_is_not_handed_on(home, alice, command: str) -> None:
    """AWS would refuse it: the quotes belong to the value."""
    home.write_credentials(
        "[mfa]\naws_access_key_id = ASIAQYLPMN5HABCDEFGH\naws_secret_access_key = s\n"
        'aws_session_token = "t"\nexpiration = 2126-01-01T00:00:00Z\n'
    )
    done = home.mfakit(*command.split())
    assert done.returncode in (1, 3, 125)
    assert "quotes" in done.stderr
    assert "ASIA" not in done.stdout


@pytest.mark.parametrize("named", ["work", "Work\r", " Work", "'Work'"])
@pytest.mark.parametrize("command", ["login --token-code CODE", "check", "devices"])
def test_a_profile_that_is_spelled_otherwise_is_named(
    home, alice, shell, command: str, named: str
) -> None:
    """Its keys would be taken for missing, and the session's profile would have that name."""
    home.write_credentials(f"[Work]\n{keys_of(alice)}")
    done = home.mfakit(*command.replace("CODE", alice.device.code()).split(), AWS_PROFILE=named)
    assert done.returncode in (1, 3)
    assert f"AWS_PROFILE is {named!r}, and the profile is called 'Work'" in done.stderr
    again = shell(f"{advice(done.stderr)}; mfakit login --token-code {alice.device.code()}")
    assert again.returncode == 0, again.stderr


def test_an_unknown_key_of_the_variables_leads_to_the_option_for_a_profile(home, alice) -> None:
    """One that was set for LocalStack is such a key."""
    done = home.mfakit(
        "login", "--token-code", alice.device.code(),
        AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test",
    )  # fmt: skip
    assert done.returncode == 1
    assert "the access key test of the environment" in done.stderr
    assert advice(done.stderr).endswith("name a profile's key: --source-profile NAME")


def test_roles_that_are_assumed_one_with_the_other_keep_their_order(home, alice, shell) -> None:
    """The last of them asks for a code, and is what a session can assume."""
    role = "role_arn = arn:aws:iam::123456789012:role/{}\nsource_profile = {}\n"
    serial = f"mfa_serial = {alice.device.serial_number}\n"
    home.write_config(
        f"[profile a]\n{role.format('a', 'b')}[profile b]\n{role.format('b', 'default')}{serial}"
    )
    assert "and a code" in home.mfakit("explain", "-p", "a").stdout
    done = home.mfakit("login", "--token-code", alice.device.code(), AWS_PROFILE="a")
    assert done.returncode == 0, done.stderr
    told = home.mfakit("explain", "-p", "a").stdout
    assert "the role of profile 'b' wants a code" in told
    fix = told.partition("  try: ")[2].splitlines()[0]
    assert fix == "mfakit configure --profile mfa --role-profile a"
    assert shell(fix).returncode == 0
    kept = home.config.read_text()
    assert role.format("a", "b") in kept
    assert role.format("b", "mfa") in kept
    told = home.mfakit("explain", "-p", "a").stdout
    assert "try: " not in told.replace("; set one", "")


@pytest.mark.parametrize("named", ['"~/.aws/credentials"', "~/.aws/creds"])
def test_a_variable_that_names_a_missing_file_is_named(home, alice, shell, named: str) -> None:
    """Quotes of an .env file belong to the path."""
    done = home.mfakit("login", "--token-code", "123456", AWS_SHARED_CREDENTIALS_FILE=named)
    assert done.returncode == 1
    assert "AWS_SHARED_CREDENTIALS_FILE names" in done.stderr
    assert "which does not exist" in done.stderr
    line = f"{advice(done.stderr)}; mfakit login --token-code {alice.device.code()}"
    again = shell(line, AWS_SHARED_CREDENTIALS_FILE=named)
    assert again.returncode == 0, again.stderr


def test_files_that_are_still_to_be_made_are_made_where_the_variables_name_them(
    home, alice, shell
) -> None:
    """The usual file, to which unsetting the variable would lead, is not there either."""
    home.credentials.unlink()
    where = str(home.folder / "kept" / "aws.{}")
    names = {"AWS_SHARED_CREDENTIALS_FILE": "credentials", "AWS_CONFIG_FILE": "config"}
    named = {name: where.format(kind) for name, kind in names.items()}
    done = home.mfakit("login", "--token-code", "123456", **named)
    typed = f"printf '{alice.access_key_id}\\n{alice.secret_access_key}\\n\\n\\n'"
    line = f"{advice(done.stderr)} && mfakit login --token-code {alice.device.code()}"
    again = shell(f"{typed} | {line}", **named)
    assert again.returncode == 0, again.stderr
    assert not home.credentials.exists()


@pytest.mark.parametrize("settings", ["sso_session = x\nsso_account_id = 1", "login_session = arn"])
def test_a_session_profile_that_signs_in_leads_to_one_that_can_hold_the_session(
    home, alice, shell, settings: str
) -> None:
    home.write_config(f"[profile mfa]\n{settings}\n")
    done = home.mfakit("login", "--token-code", "123456")
    assert done.returncode == 1
    option = advice(done.stderr).rpartition("session: ")[2]
    again = shell(f"mfakit login {option} --token-code {alice.device.code()}")
    assert again.returncode == 0, again.stderr


def test_a_hardware_serial_number_with_blanks_is_written_without_them(home, alice) -> None:
    done = home.mfakit("login", "--serial-number", "GAHT 12345678", "--token-code", "123456")
    assert "perhaps GAHT12345678, without blanks" in advice(done.stderr)


def test_login_names_a_section_that_a_later_one_of_the_same_profile_hides(home, alice) -> None:
    """botocore takes `[default]` and `[profile default]` for one profile, and reads the later."""
    home.write_credentials("")
    home.write_config(f"[profile default]\n{keys_of(alice)}[default]\noutput = json\n")
    done = home.mfakit("login", "--token-code", "123456")
    assert done.returncode == 1
    assert f"[profile default] ({home.config}, line 1) is not read" in done.stderr
    assert "! section-hidden" in home.mfakit("explain").stdout


def test_a_new_profile_may_have_the_name_of_an_empty_one_in_another_case(home, alice) -> None:
    home.write_config("[profile MFA]\noutput = json\n")
    done = home.mfakit("login", "--token-code", alice.device.code(), AWS_PROFILE="mfa")
    assert "logged in to profile mfa " in done.stderr


def test_a_variable_that_hides_the_file_with_the_keys_is_named(home, alice, shell) -> None:
    """The file that it names holds a session that has ended, and no keys."""
    hiding = home.folder / ".aws" / "credentials_mfa"
    hiding.write_text("[default]\naws_access_key_id = ASIAQYLPMN5HABCDEFGH\n"
                      "aws_secret_access_key = s\naws_session_token = t\n"
                      "expiration = 2026-11-20T00:00:00Z\n")  # fmt: skip
    named = {"AWS_SHARED_CREDENTIALS_FILE": str(hiding)}
    for command in ("login --token-code 123456", "devices"):
        done = home.mfakit(*command.split(), **named)
        assert done.returncode == 1
        assert f"{home.credentials} has those of profile 'default'" in done.stderr
    line = f"{advice(done.stderr)}; mfakit login --token-code {alice.device.code()}"
    again = shell(line, **named)
    assert again.returncode == 0, again.stderr
    assert "! session-expired" in home.mfakit("explain", **named).stdout


def test_a_profile_with_half_a_key_is_not_replaced_by_another_user(home, alice) -> None:
    """No code of the other user is asked for, nor sent."""
    home.write_config(f"[profile work]\naws_access_key_id = {alice.access_key_id}\n")
    for command in ("login --token-code 123456", "devices", "exec -- true"):
        done = home.mfakit(*command.split(), AWS_PROFILE="work")
        assert done.returncode in (1, 125)
        assert "has only a part of its access key" in done.stderr
        assert advice(done.stderr) == "aws configure --profile work"


@pytest.mark.parametrize("named", ["the-role", "The_Role"])
def test_a_role_whose_name_is_spelled_otherwise_is_named(home, alice, shell, named: str) -> None:
    """No session is made in a profile that nobody means."""
    role = "arn:aws:iam::123456789012:role/developer"
    home.write_config(f"[profile the_role]\nrole_arn = {role}\nsource_profile = default\n")
    configured = home.mfakit("configure", "--role-profile", named)
    assert "is it the profile 'the_role'? --role-profile the_role" in advice(configured.stderr)
    for command in ("login", "check", "exec -- true", "env --shell sh"):
        done = home.mfakit(*command.split(), AWS_PROFILE=named)
        assert done.returncode != 0
        assert "the profile is called 'the_role'" in done.stderr
    line = f"{advice(done.stderr)}; mfakit login --token-code {alice.device.code()}"
    again = shell(line, AWS_PROFILE=named)
    assert again.returncode == 0, again.stderr


def test_what_is_indented_below_the_key_of_a_session_is_named_with_its_line(
    home, alice, shell
) -> None:
    """botocore takes it for a part of the key."""
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 0
    text = home.credentials.read_text()
    id_line = next(line for line in text.splitlines() if "ASIA" in line)
    home.write_credentials(text.replace(id_line, f"{id_line}\n  expires at noon"))
    place = f"below {home.credentials}, line {text.splitlines().index(id_line) + 1}"
    for command in ("check", "logout", "env --shell sh", "login --force --token-code 123456"):
        done = home.mfakit(*command.split())
        assert "lines are indented below the aws_access_key_id" in done.stderr
        assert advice(done.stderr).endswith(place)
    told = home.mfakit("explain", "-p", "mfa").stdout
    assert shell(told.partition("try: ")[2].splitlines()[0]).returncode == 0
    assert home.mfakit("check").returncode == 0


def test_check_says_that_a_role_comes_before_the_session_of_the_same_profile(home, alice) -> None:
    done = home.mfakit("login", "--token-code", alice.device.code())
    assert done.returncode == 0
    assert "role" not in home.mfakit("check", "-p", "mfa").stderr
    role = "arn:aws:iam::123456789012:role/developer"
    home.write_config(f"[profile mfa]\nrole_arn = {role}\nsource_profile = default\n")
    told = home.mfakit("check", "-p", "mfa")
    assert told.returncode == 0
    assert f"the role of this profile ({home.config}, line 2), and not this session" in told.stderr


@pytest.mark.parametrize("prefix", ["", "export aws_", "ws_"])
def test_keys_under_other_names_are_not_replaced_by_those_of_default(
    home, alice, shell, prefix: str
) -> None:
    """Nobody means a session of another key, in the very profile that `AWS_PROFILE` names."""
    text = keys_of(alice).replace("aws_", prefix)
    home.write_config(f"[profile work]\n{text}")
    for command in ("login --token-code 123456", "check", "devices", "exec -- true"):
        done = home.mfakit(*command.split(), AWS_PROFILE="work")
        assert done.returncode in (1, 3, 125)
        assert "no AWS tool reads" in done.stderr
    assert shell(advice(done.stderr)).returncode == 0
    home.write_config(home.config.read_text().replace(f"\n{prefix}secret", "\naws_secret"))
    done = home.mfakit("login", "--token-code", alice.device.code(), AWS_PROFILE="work")
    assert "logged in to profile work-mfa with the keys of profile 'work'" in done.stderr
