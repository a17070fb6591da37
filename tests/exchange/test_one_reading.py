"""One reading of a profile: regions, settings in either file, variables, the shell's session."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import boto3
import moto
import pytest
from tests.exchange.conftest import log_in, operations, refused
from tests.roles import make_role

import mfakit
from mfakit.exchange.library import login
from mfakit.profiles.selection import REGIONS
from mfakit.testing import AWSSimulator

GERMANY = "[default]\nregion = eu-central-1\n"


@pytest.fixture
def regional(home, alice):
    """Return the home of a user whose source profile alone has a region."""
    del home.environ["AWS_DEFAULT_REGION"]
    home.write_config(GERMANY)
    return home


def section(home, name: str) -> dict[str, str]:
    """Return what botocore reads as a profile."""
    code = (
        "import botocore.session, json;"
        "print(json.dumps(botocore.session.get_session().full_config))"
    )
    done = home.run(sys.executable, "-c", code)
    return json.loads(done.stdout)["profiles"].get(name, {})


def test_a_login_gives_the_session_profile_the_region_of_its_source(regional, alice) -> None:
    """`aws ec2 describe-vpcs --profile mfa` has a region then; it is written once."""
    done = log_in(regional, alice)
    assert "wrote region = eu-central-1 to profile mfa" in done.stderr
    assert section(regional, "mfa")["region"] == "eu-central-1"
    code = "import boto3; print(boto3.Session(profile_name='mfa').client('ec2').describe_vpcs())"
    assert regional.run(sys.executable, "-c", code).returncode == 0
    assert "wrote region" not in log_in(regional, alice).stderr


@pytest.mark.parametrize("file", ["config", "credentials"])
def test_a_region_of_the_session_profile_stays(regional, alice, file: str) -> None:
    if file == "config":
        regional.write_config(GERMANY + "[profile mfa]\nregion = eu-west-3\n")
    else:
        regional.write_credentials(regional.credentials.read_text() + "[mfa]\nregion = eu-west-3\n")
    before = regional.config.read_text()
    assert log_in(regional, alice).returncode == 0
    assert regional.config.read_text() == before
    assert section(regional, "mfa")["region"] == "eu-west-3"


def test_a_region_of_another_partition_is_named_and_not_copied(regional, alice) -> None:
    regional.write_config(GERMANY + "[profile mfa]\nregion = us-gov-west-1\n")
    before = regional.config.read_text()
    done = log_in(regional, alice)
    assert done.returncode == 0, done.stderr
    assert "the region us-gov-west-1 of profile mfa is not of aws, as its session" in done.stderr
    assert regional.config.read_text() == before


def test_a_config_file_that_cannot_be_written_leaves_the_login_successful(regional, alice) -> None:
    """The folder in the place of its lock stands for all that can be in the way."""
    regional.config.with_name("config.lock").mkdir()
    done = log_in(regional, alice)
    assert done.returncode == 0, done.stderr
    assert "the session is kept, but not the region of its source" in done.stderr
    assert regional.mfakit("check").returncode == 0


@pytest.mark.parametrize(
    ("variables", "handed_on"),
    [
        ({}, {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}),
        ({"AWS_REGION": "sa-east-1"}, dict.fromkeys(REGIONS, "sa-east-1")),
        ({"AWS_DEFAULT_REGION": "sa-east-1"}, dict.fromkeys(REGIONS, "sa-east-1")),
        (
            {"AWS_REGION": "sa-east-1", "AWS_DEFAULT_REGION": "eu-west-1"},
            {"AWS_REGION": "sa-east-1", "AWS_DEFAULT_REGION": "eu-west-1"},
        ),
    ],
)
def test_exec_and_env_hand_on_the_sources_region_unless_the_environment_has_one(
    regional, alice, variables, handed_on
) -> None:
    """The region is that of the source, although the session profile has none of its own; one of
    the environment is handed on by both names, as boto3 reads only the older one.
    """
    log_in(regional, alice)
    regional.write_config(GERMANY)  # as if the region had not been written
    show = (
        "import os, json;"
        "print(json.dumps({n: os.environ.get(n) for n in ('AWS_REGION', 'AWS_DEFAULT_REGION')}))"
    )
    done = regional.mfakit("exec", "--", sys.executable, "-c", show, **variables)
    assert json.loads(done.stdout) == handed_on
    line = f'eval "$({sys.executable} -m mfakit env --shell sh)"; {sys.executable} -c "$1"'
    done = regional.run("sh", "-c", line, "sh", show, **variables)
    assert json.loads(done.stdout) == handed_on


def test_unset_leaves_a_region_that_env_did_not_set(regional, alice) -> None:
    log_in(regional, alice)
    own = regional.mfakit("env", "--shell", "sh", "--unset", AWS_REGION="sa-east-1").stdout
    assert "AWS_REGION" not in own
    ours = {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1"}
    assert "AWS_REGION" in regional.mfakit("env", "--shell", "sh", "--unset", **ours).stdout


def move_to_credentials(home, alice, setting: str) -> None:
    home.write_credentials(
        home.credentials.read_text().replace("[default]\n", f"[default]\n{setting}\n")
    )


def test_a_device_in_the_credentials_file_is_found(home, alice, aws) -> None:
    move_to_credentials(home, alice, f"mfa_serial = {alice.device.serial_number}")
    assert log_in(home, alice).returncode == 0
    assert "ListMFADevices" not in operations(aws)


def test_every_command_takes_the_region_and_the_device_of_the_credentials_file(home) -> None:
    """The key is of GovCloud, which only the region shows."""
    with AWSSimulator(region="us-gov-west-1") as aws, aws.serve() as url:
        home.environ["AWS_ENDPOINT_URL"] = url
        user = aws.create_user("alice")
        user.device = user.enable_virtual_mfa("second")
        user.enable_virtual_mfa("third")
        home.write_credentials(
            f"[default]\naws_access_key_id = {user.access_key_id}\n"
            f"aws_secret_access_key = {user.secret_access_key}\n"
            f"region = us-gov-west-1\nmfa_serial = {user.device.serial_number}\n"
        )
        assert home.mfakit("devices").returncode == 0
        assert home.mfakit("configure", terminal=False).returncode == 0
        written = section(home, "mfa")
        assert written["mfa_serial"] == user.device.serial_number
        assert written["region"] == "us-gov-west-1"
        home.config.unlink()
        assert log_in(home, user).returncode == 0
        home.config.unlink()
        shown = json.loads(home.mfakit("env", "--shell", "json").stdout)
        assert shown["AWS_REGION"] == "us-gov-west-1"
        done = home.mfakit("exec", "--", "sh", "-c", "echo $AWS_REGION")
        assert done.stdout == "us-gov-west-1\n"


def test_the_device_of_aws_mfa_is_found(home, alice, aws) -> None:
    home.write_credentials(
        home.credentials.read_text().replace("[default]", "[default-long-term]")
        + f"aws_mfa_device = {alice.device.serial_number}\n"
    )
    assert log_in(home, alice, "-p", "default").returncode == 0
    assert "ListMFADevices" not in operations(aws)


def test_the_device_of_opinel_is_found(home, alice, aws) -> None:
    move_to_credentials(home, alice, f"aws_mfa_serial = {alice.device.serial_number}")
    assert log_in(home, alice).returncode == 0
    assert "ListMFADevices" not in operations(aws)


def test_a_blank_within_a_device_is_named_with_its_place(home, alice) -> None:
    """It slips in where the number of the account is pasted."""
    serial = alice.device.serial_number
    move_to_credentials(home, alice, f"mfa_serial = {serial.replace('iam::', 'iam:: ')}")
    done = home.mfakit("login", "--token-code", "123456")
    refused(home, done, f"mfa_serial in {home.credentials}, line 3: ", 64)
    assert f"perhaps {serial}, without blanks" in done.stderr


@pytest.mark.parametrize(("source", "role"), [("default", "mfa"), ("work", "work-mfa")])
def test_a_session_whose_usual_profile_has_a_role_goes_beside_it(
    home, alice, source: str, role: str
) -> None:
    """Many guides call the role, for which a code is asked, by that name."""
    home.write_credentials(home.credentials.read_text().replace("default", source))
    home.write_config(
        f"[profile {role}]\nrole_arn = arn:aws:iam::123456789012:role/prod\n"
        f"source_profile = {source}\nmfa_serial = {alice.device.serial_number}\n"
    )
    for wrong, name in (("login", role), ("check", role), ("login", source)):
        hint = home.mfakit(wrong, "--profile", name).stderr
        assert f"--profile {role}-session" in hint
    home.environ["AWS_PROFILE"] = role
    done = log_in(home, alice)
    assert f"logged in to profile {role}-session with the keys of profile '{source}'" in done.stderr
    assert home.mfakit("check").returncode == 0
    assert home.mfakit("configure", "--role-profile", role).returncode == 0
    assert section(home, role)["source_profile"] == f"{role}-session"
    assert log_in(home, alice).returncode == 0
    done = log_in(home, alice, "--profile", f"{role}-session", AWS_PROFILE="")
    assert done.returncode == 0, done.stderr


def test_a_default_with_a_role_leads_to_the_session_of_its_source(home, alice, aws) -> None:
    """AWS tools without a profile use that role."""
    make_role(aws, "admin", alice.arn)
    home.write_credentials(home.credentials.read_text().replace("default", "base"))
    home.write_config(
        "[default]\nrole_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = base\n"
    )
    assert home.mfakit().stdout.splitlines()[1] == "next: mfakit login --profile base-mfa"
    assert "logged in to profile base-mfa with the keys of" in log_in(home, alice).stderr
    assert home.mfakit("configure", "--role-profile", "default").returncode == 0
    assert home.mfakit("check").stdout.startswith("base-mfa: valid")
    who = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    assert ":assumed-role/admin/" in home.run(sys.executable, "-c", who).stdout


@pytest.mark.parametrize("meant", ["--source-profile", "mfa", "environment"])
def test_a_default_with_a_role_leads_nowhere_if_other_keys_are_meant(
    home, alice, meant: str
) -> None:
    keys = home.credentials.read_text()
    home.write_credentials(keys.replace("default", "base") + keys.replace("default", "work"))
    config = "[default]\nrole_arn = arn:aws:iam::123456789012:role/a\nsource_profile = base\n"
    options: tuple[str, ...] = ()
    if meant == "--source-profile":
        options = (meant, "work")
    elif meant == "mfa":
        config += "[profile mfa]\nmfakit_source_profile = work\n"
    else:
        home.environ["AWS_ACCESS_KEY_ID"] = alice.access_key_id
        home.environ["AWS_SECRET_ACCESS_KEY"] = alice.secret_access_key
    home.write_config(config)
    done = log_in(home, alice, *options)
    assert "logged in to profile mfa with" in done.stderr


def test_a_profile_that_cannot_hold_a_session_is_not_suggested_for_one(home, alice) -> None:
    """The keys are in `mfa`, whose session is kept in `mfa-mfa`, a name that is similar."""
    home.write_credentials(home.credentials.read_text().replace("default", "mfa"))
    done = home.mfakit("check", AWS_PROFILE="mfa")
    assert "log in first: mfakit login --profile mfa-mfa" in done.stderr
    assert "--profile mfa-mfa" in home.mfakit("check").stderr
    assert "is it the profile mfa-mfa?" in home.mfakit("check", "-p", "mfaa").stderr


def test_a_profile_that_does_not_exist_either_is_not_suggested_for_one(home, alice) -> None:
    """The name resembles `default`, whose session would be in a profile of quite another name."""
    done = home.mfakit("check", AWS_PROFILE="default-session")
    assert "log in first: mfakit login --profile default-session" in done.stderr


def test_the_device_of_the_role_that_aws_profile_names_is_found(home, alice, aws) -> None:
    home.write_config(
        "[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/prod\nsource_profile = default\n"
        f"mfa_serial = {alice.device.serial_number}\n"
    )
    assert log_in(home, alice, AWS_PROFILE="prod").returncode == 0
    assert "ListMFADevices" not in operations(aws)


def test_the_device_of_a_role_elsewhere_is_not_used(home, alice, aws) -> None:
    """AWS_PROFILE leads to another session profile than the one that is named."""
    home.write_config(
        "[profile prod]\nrole_arn = arn:aws:iam::123456789012:role/prod\nsource_profile = other\n"
        "mfa_serial = arn:aws:iam::999999999999:mfa/alice\n"
    )
    assert log_in(home, alice, "-p", "mfa", AWS_PROFILE="prod").returncode == 0
    assert "ListMFADevices" in operations(aws)


def test_the_source_profile_of_a_session_profile_names_its_keys(home, alice) -> None:
    """There is no role in it, so that AWS tools use the session that is kept in that profile."""
    home.write_credentials(home.credentials.read_text().replace("[default]", "[base]"))
    home.write_config("[profile dev]\nsource_profile = base\n")
    done = log_in(home, alice, AWS_PROFILE="dev")
    assert "logged in to profile dev with the keys of profile 'base'" in done.stderr


def test_variables_name_the_device_and_the_duration(home, alice, aws) -> None:
    """A flag beats them, and they beat the files."""
    home.write_config("[profile mfa]\nmfakit_duration = 2h\nmfa_serial = arn:aws:iam::1:mfa/x\n")
    variables = {"MFAKIT_SERIAL_NUMBER": alice.device.serial_number, "MFAKIT_DURATION": "3h"}
    done = log_in(home, alice, **variables)
    assert "ends in 2h59m" in done.stderr
    assert "ends in 3h59m" in log_in(home, alice, "--duration", "4h", **variables).stderr
    done = log_in(home, alice, **(variables | {"MFAKIT_DURATION": "soon"}))
    assert done.returncode == 64
    assert done.stderr.startswith("mfakit: MFAKIT_DURATION: ")


def test_the_hint_for_a_source_whose_program_gives_the_keys_works(home, alice) -> None:
    """AWS_PROFILE names a profile with the credential_process of another tool."""
    keys = {
        "Version": 1,
        "AccessKeyId": alice.access_key_id,
        "SecretAccessKey": alice.secret_access_key,
    }
    given = home.folder / "keys.json"
    given.write_text(json.dumps(keys))
    home.write_credentials("")
    home.write_config(f"[profile base]\ncredential_process = cat {given}\n")
    home.environ["AWS_PROFILE"] = "base"
    done = log_in(home, alice)
    assert done.returncode == 1
    hint = done.stderr.splitlines()[1]
    assert "mfakit login --profile base-mfa --source-profile base" in hint
    assert log_in(home, alice, *hint.partition("mfakit login ")[2].split()).returncode == 0
    assert home.mfakit("check").returncode == 0  # now AWS_PROFILE leads to base-mfa
    assert log_in(home, alice, "--source-profile", "base").returncode == 0


def test_a_login_needs_no_writable_credentials_file_for_the_session_cache(home, alice) -> None:
    """The file with the keys may be a mounted secret; a folder is in the place of its lock here."""
    home.write_config("[profile mfa]\ncredential_process = mfakit credential-process -p mfa\n")
    home.credentials.with_name("credentials.lock").mkdir()
    done = log_in(home, alice)
    assert done.returncode == 0, done.stderr
    assert home.mfakit("check").returncode == 0


def test_the_session_of_an_emulator_is_kept_by_its_record(home, monkeypatch) -> None:
    """The id of moto's session does not start with ASIA; other keys of that form are protected."""
    home.write_credentials("[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")
    for name, value in home.environ.items():
        monkeypatch.setenv(name, value)
    serial_number = "arn:aws:iam::123456789012:mfa/a"
    with moto.mock_aws():
        for code in ("123456", "123457"):
            login(serial_number=serial_number, token_code=code, source_profile="default")
    assert not mfakit.read_session("mfa").access_key_id.startswith("ASIA")
    assert home.mfakit("check").returncode == 0
    assert home.mfakit("logout").returncode == 0
    assert home.mfakit("check").returncode == 3
    home.write_credentials(
        home.credentials.read_text()
        + "[mfa]\naws_access_key_id = minio\naws_secret_access_key = s\naws_session_token = t\n"
    )
    done = home.mfakit("login", "--token-code", "123456", "--serial-number", serial_number)
    assert (done.returncode, "never overwritten" in done.stderr) == (1, True)


def shell_with(session, ends_in: timedelta) -> dict[str, str]:
    """Return the variables of a shell that holds another session than the profile."""
    end = datetime.now(UTC) + ends_in
    return {
        "AWS_ACCESS_KEY_ID": "ASIAOLD",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
        "AWS_CREDENTIAL_EXPIRATION": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "MFAKIT_PROFILE": session,
    }


def test_check_and_short_status_judge_the_shells_own_session_first(home, alice) -> None:
    """Both judge the profile that -p names, which AWS tools would use."""
    log_in(home, alice)
    ended = shell_with("mfa", timedelta(minutes=-1))
    assert home.mfakit("check").returncode == 0
    assert home.mfakit("check", **ended).returncode == 2
    assert home.mfakit("check", "-p", "mfa", **ended).returncode == 0
    assert home.mfakit("status", "--short", **ended).stdout == "mfa expired\n"
    assert home.mfakit("status", "--short", "-p", "mfa", **ended).stdout.startswith("mfa 11h59m")


def test_a_login_ends_with_the_line_that_renews_an_older_shell(home, alice) -> None:
    log_in(home, alice)
    line = 'eval "$(mfakit env --profile mfa)"'
    old = shell_with("mfa", timedelta(minutes=20))
    done = home.mfakit("login", **old)
    assert (done.returncode, "is not due, and kept" in done.stderr) == (0, True)
    assert line in done.stderr.splitlines()[-1]
    assert line not in home.mfakit("login", **shell_with("other", timedelta(minutes=20))).stderr
    assert line not in home.mfakit("login").stderr


def test_long_term_keys_in_the_variables_are_named_and_change_no_exit_code(home, alice) -> None:
    log_in(home, alice)
    keys = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    done = home.mfakit("check", **keys)
    assert (done.returncode, done.stderr.count("long-term keys")) == (0, 1)
    assert "long-term keys" not in home.mfakit("check", "-p", "mfa", **keys).stderr
    assert "hold a long-term key" in home.mfakit("login", **keys).stderr
    assert "hold a long-term key" not in home.mfakit("login").stderr


def test_a_long_term_key_beside_a_left_over_token_is_named(home, alice) -> None:
    """AWS refuses such a pair, which AWS tools use before the session that check finds."""
    log_in(home, alice)
    pair = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
        "AWS_SESSION_TOKEN": "left over",
    }
    what = "a long-term key beside a session's token, which AWS refuses"
    for command in ("check", "login"):
        done = home.mfakit(command, **pair)
        assert (done.returncode, what in done.stderr) == (0, True), done.stderr
    assert what not in home.mfakit("check", "-p", "mfa", **pair).stderr


def test_half_a_session_in_the_variables_is_named_where_there_is_no_session(home) -> None:
    """AWS tools use it, and AWS refuses it, whatever a login would put into a profile."""
    half = {"AWS_ACCESS_KEY_ID": "ASIAQYLPMN5HABCDEFGH", "AWS_SECRET_ACCESS_KEY": "s"}
    what = "the variables hold a session's key without its token, which AWS tools use"
    assert what in home.mfakit("check", **half).stderr
    assert what in home.mfakit(**half).stdout
    assert what not in home.mfakit("check", "-p", "mfa", **half).stderr


def test_check_prints_one_line_for_monitoring_where_there_is_no_session(home, alice) -> None:
    done = home.mfakit("check")
    assert (done.returncode, done.stdout) == (3, f"unknown: {done.stderr.splitlines()[0][8:]}\n")


def test_a_json_file_as_powershell_writes_it_is_read(home, alice, aws) -> None:
    client = boto3.client(
        "sts",
        aws_access_key_id=alice.access_key_id,
        aws_secret_access_key=alice.secret_access_key,
        region_name="us-east-1",
    )
    answer = json.dumps(client.get_session_token()["Credentials"], default=str)
    given = home.folder / "session.json"
    for encoding in ("utf-8-sig", "utf-16"):
        given.write_bytes(answer.encode(encoding))
        done = home.mfakit("login", "--from-json", str(given))
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (["a=1", "A=2"], "there are two tags"),
        (["a=1", "a=2"], "there are two tags"),
        (["a!=1"], "cannot be the key"),
        (["a=!"], "cannot be the value"),
        (["k" * 129 + "=1"], "cannot be the key"),
        (["a=" + "v" * 257], "cannot be the value"),
        (["aws:a=1"], "is AWS's own"),
        ([f"t{number}=1" for number in range(51)], "51 tags are too many"),
    ],
)
def test_tags_that_aws_would_refuse_are_refused_before_a_code_is_asked_for(
    home, alice, aws, tags: list[str], message: str
) -> None:
    options = [word for tag in tags for word in ("--tag", tag)]
    role = ("--role-arn", "arn:aws:iam::123456789012:role/dev")
    done = home.mfakit("login", *role, *options)
    refused(home, done, message, code=64)
    assert operations(aws) == []


def test_login_says_that_there_is_no_region_and_how_to_set_the_one_of_default(
    regional, alice
) -> None:
    """No AWS tool takes a region from `default` for another profile."""
    regional.write_credentials(regional.credentials.read_text().replace("default", "work"))
    done = log_in(regional, alice, AWS_PROFILE="work")
    line = "aws configure set region eu-central-1 --profile work-mfa"
    assert done.stderr.splitlines()[-1].endswith(f": {line}")
    assert line in regional.mfakit("explain", "--profile", "work-mfa").stdout
    work = {"AWS_PROFILE": "work"}
    assert "region" not in log_in(regional, alice, **work, AWS_DEFAULT_REGION="eu-west-1").stderr
    named = log_in(regional, alice, **work, AWS_REGION="eu-west-1").stderr
    assert "boto3 finds no region for it, as it does not read AWS_REGION" in named
    assert "aws configure set region eu-west-1 --profile work-mfa" in named
    regional.run(f"{sys.prefix}/bin/{line.split(maxsplit=1)[0]}", *line.split()[1:])
    assert "no region" not in log_in(regional, alice, AWS_PROFILE="work").stderr


def test_a_session_is_used_at_the_endpoint_of_its_source(home, alice, aws) -> None:
    """A profile for LocalStack has the endpoint, and its session is unknown to AWS itself."""
    url = home.environ.pop("AWS_ENDPOINT_URL")
    home.write_config(f"[default]\nregion = eu-west-1\nendpoint_url = {url}\n")
    done = log_in(home, alice)
    assert f"wrote region = eu-west-1 and endpoint_url = {url} to profile mfa" in done.stderr
    code = "import boto3; print(boto3.Session(profile_name='mfa').client('iam').get_user())"
    assert home.run(sys.executable, "-c", code).returncode == 0
    assert "another-endpoint" not in home.mfakit("explain", "-p", "mfa").stdout
    shown = home.mfakit("exec", "--", "sh", "-c", "echo $AWS_ENDPOINT_URL").stdout
    assert shown == f"{url}\n"
    shown = home.mfakit("exec", "--", "sh", "-c", "echo $AWS_ENDPOINT_URL", AWS_ENDPOINT_URL="x")
    assert shown.stdout == "x\n"
    script = home.mfakit("env", "--shell", "sh").stdout
    unset = home.mfakit("env", "--shell", "sh", "--unset", AWS_ENDPOINT_URL=url).stdout
    assert f"export AWS_ENDPOINT_URL='{url}';" in script
    assert "unset AWS_ENDPOINT_URL;" in unset
    assert "ENDPOINT" not in home.mfakit("env", "--shell", "sh", "--unset").stdout
    assert home.mfakit("configure", "--profile", "mfa", "--undo").returncode == 0
    assert "[profile mfa]" not in home.config.read_text()
    done = home.mfakit("explain", "-p", "mfa")
    assert "! session-of-another-endpoint: " in done.stdout
    assert "try: mfakit login --force --profile mfa" in done.stdout


def test_an_endpoint_of_the_variables_is_not_written(home, alice) -> None:
    home.write_config("[default]\nendpoint_url = http://127.0.0.1:9\n")
    assert "endpoint_url" not in log_in(home, alice).stderr
    assert "[profile mfa]" not in home.config.read_text()


def test_a_web_identity_in_the_variables_is_named_beside_the_session(home, alice, tmp_path) -> None:
    """boto3 prefers it to the profile in AWS_PROFILE, which nothing else would show."""
    (tmp_path / "token").write_text("t")
    variables = {
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/pod",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_PROFILE": "mfa",
    }
    code = "import boto3; print(boto3.Session().get_credentials().method)"
    done = log_in(home, alice, **variables)
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" in done.stderr.splitlines()[-1]
    done = home.run(sys.executable, "-c", code, **variables)
    assert done.stdout == "assume-role-with-web-identity\n"
    done = home.mfakit("check", **variables)
    assert (done.returncode, "AWS_WEB_IDENTITY_TOKEN_FILE" in done.stderr) == (0, True)
    done = home.mfakit("exec", "--", sys.executable, "-c", code, **variables)
    assert done.stdout == "env\n"


def test_a_key_that_was_typed_between_angle_brackets_is_overwritten_by_no_session(home) -> None:
    """Guides write `<YOUR KEY>`, and beginners leave the brackets there."""
    keys = "aws_access_key_id = <AKIAQYLPMN5HABCDEFGH>\naws_secret_access_key = <wJalrXU7MD>\n"
    home.write_credentials(f"[default]\n{keys}")
    session = json.dumps({"Credentials": {
        "AccessKeyId": "ASIAQYLPMN5HABCDEFGH", "SecretAccessKey": "s", "SessionToken": "t",
        "Expiration": "2999-01-01T00:00:00Z"}})  # fmt: skip
    done = home.mfakit("login", "-p", "default", "--from-json", "-", stdin=session)
    assert (done.returncode, home.credentials.read_text()) == (1, f"[default]\n{keys}")


@pytest.mark.parametrize("token", ["aws_security_token", "aws_session_token"])
def test_the_section_that_aws_mfa_wants_to_fill_is_filled(home, alice, token: str) -> None:
    """Its README has it; what is in angle brackets is no key that could be lost."""
    keys = home.credentials.read_text().replace("[default]", "[work-long-term]")
    names = ("aws_access_key_id", "aws_secret_access_key", token)
    home.write_credentials(
        f"{keys}[work]\n" + "".join(f"{name} = <POPULATED_BY_AWS-MFA>\n" for name in names)
    )
    done = home.mfakit("check", AWS_PROFILE="work")
    assert "holds no session" in done.stderr
    assert home.mfakit("logout", "--profile", "work").returncode == 3
    done = log_in(home, alice, AWS_PROFILE="work")
    assert "logged in to profile work with the keys of profile 'work-long-term'" in done.stderr
    assert "POPULATED" not in home.credentials.read_text()
    code = "import boto3; print(boto3.Session(profile_name='work').client('iam').get_user())"
    assert home.run(sys.executable, "-c", code).returncode == 0


def test_a_source_with_keys_and_a_role_is_its_keys(home, alice) -> None:
    """botocore assumes a role with the keys of its source, whatever stands beside them."""
    arn = "arn:aws:iam::123456789012:role/a"
    home.write_credentials(home.credentials.read_text() + f"role_arn = {arn}\n")
    home.write_config(f"[profile foo]\nrole_arn = {arn}\nsource_profile = default\n")
    home.environ["AWS_PROFILE"] = "foo"
    assert home.mfakit("devices").returncode == 0
    assert "logged in to profile mfa" in log_in(home, alice).stderr
    assert home.mfakit("configure", "--role-profile", "foo").returncode == 0
    assert section(home, "foo")["source_profile"] == "mfa"


@pytest.fixture
def bob(aws, home, alice):
    """Return another user with a device, whose keys are in the profile `bob`."""
    user = aws.create_user("bob")
    user.device = user.enable_virtual_mfa()
    home.write_credentials(
        f"{home.credentials.read_text()}[bob]\naws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )
    return user


@pytest.mark.parametrize("profile", ["prod", "mfa", "default-mfa"])
def test_a_login_takes_the_keys_that_the_session_was_made_from(home, bob, profile: str) -> None:
    """Otherwise a session of another user would replace it, perhaps of another account."""
    assert log_in(home, bob, "-p", profile, "--source-profile", "bob").returncode == 0
    assert "not due, and kept" in home.mfakit("login", "-p", profile).stderr
    assert "bob" in home.mfakit("devices", "-p", profile).stdout
    assert "keys of profile 'bob'" in log_in(home, bob, "-p", profile).stderr


def test_what_names_a_source_beats_the_session_that_is_there(home, alice, bob) -> None:
    log_in(home, bob, "-p", "prod", "--source-profile", "bob")
    home.write_config("[profile prod]\nmfakit_source_profile = default\n")
    assert "keys of profile 'default'" in log_in(home, alice, "-p", "prod").stderr
    done = log_in(home, bob, "-p", "prod", "--source-profile", "bob")
    assert "keys of profile 'bob'" in done.stderr


def test_a_login_with_other_keys_says_that_it_replaces_a_session_and_how_to_keep_it(
    home, alice, bob
) -> None:
    log_in(home, alice)
    line = "this replaces the session of default in profile mfa; to keep both: mfakit login"
    done = home.mfakit("login", "--source-profile", "bob")
    assert (done.returncode, f"{line} --profile bob-mfa" in done.stderr) == (1, True), done.stderr
    assert line not in log_in(home, bob, "-p", "bob-mfa").stderr
    assert line not in log_in(home, alice, "--force").stderr
    assert "mfa: valid" in home.mfakit("status").stdout


def test_a_source_that_is_gone_is_not_replaced_by_another_users_keys(home, alice, bob) -> None:
    """The advice names the other profile, so that the user decides."""
    log_in(home, bob, "-p", "prod", "--source-profile", "bob")
    session = home.credentials.read_text().partition("[prod]")[2]
    only = home.credentials.read_text().partition("[bob]")[0]
    home.write_credentials(f"{only}[prod]{session}")
    done = log_in(home, alice, "-p", "prod")
    assert done.returncode == 1
    assert "there is no profile 'bob'" in done.stderr
    assert "--source-profile default" in done.stderr


def test_a_role_is_assumed_again_from_the_session_that_it_was_assumed_from(home, aws, bob) -> None:
    log_in(home, bob, "-p", "bob-mfa")
    make_role(aws, "deploy", bob.arn)
    role = "arn:aws:iam::123456789012:role/deploy"
    asked = ["login", "-p", "prod", "--role-arn", role]
    assert home.mfakit(*asked, "--source-profile", "bob-mfa").returncode == 0
    assert "keys of profile 'bob-mfa'" in home.mfakit(*asked, "--force").stderr
