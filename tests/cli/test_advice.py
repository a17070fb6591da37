"""The advice of an error is run where it is given, and ends the trouble or leads on."""

from __future__ import annotations

import ast
import json
import re
import shlex
import time
from pathlib import Path

import pytest
from tests.roles import make_role

import mfakit
from mfakit import errors
from mfakit.testing import AWSSimulator

PACKAGE = Path(mfakit.__file__).parent
SESSION = (
    "aws_access_key_id = ASIAQYLPMN5HABCDEFGH\naws_secret_access_key = s\naws_session_token = t\n"
)
ROLE = "arn:aws:iam::123456789012:role/admin"


def keys_of(user) -> str:
    return (
        f"aws_access_key_id = {user.access_key_id}\n"
        f"aws_secret_access_key = {user.secret_access_key}\n"
    )


def advice(done) -> str:
    """Return the advice of an error: its second line, and its last."""
    assert done.returncode != 0
    *_, failed, tried = done.stderr.splitlines()
    assert failed.startswith("mfakit: ")
    assert tried.startswith("mfakit: try: ")
    return tried.removeprefix("mfakit: try: ")


@pytest.fixture
def shell(home):
    return home.shell


def test_every_error_has_a_second_line() -> None:
    """An error without a hint leaves its reader alone."""
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.MFAKitError)
    }
    bare = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in kinds
        and len(node.args) + len(node.keywords) < 2
    ]
    assert bare == []


@pytest.mark.parametrize("where", ["named", "default"])
def test_a_session_as_the_source_leads_to_the_profile_with_the_keys(
    home, alice, shell, where: str
) -> None:
    """The advice never names the very profile that holds the session."""
    home.write_credentials(f"[default]\n{SESSION}[the keys]\n{keys_of(alice)}")
    login = ["login", "--token-code", alice.device.code()]
    if where == "named":
        login += ["--source-profile", "default"]
    done = home.mfakit(*login)
    option = advice(done).rpartition(": ")[2]
    assert option == "--source-profile 'the keys'"
    login = ["login", *shlex.split(option), "--token-code", alice.device.code()]
    assert home.mfakit(*login).returncode == 0


def test_a_session_as_the_only_profile_leads_to_a_place_for_the_keys(home, alice, shell) -> None:
    home.write_credentials(f"[default]\n{SESSION}")
    told = advice(home.mfakit("login", "--token-code", alice.device.code()))
    command, option = re.fullmatch(r".*: (aws configure .*); then name it: (.*)", told).groups()
    typed = f"{alice.access_key_id}\\n{alice.secret_access_key}\\n\\n\\n"
    assert shell(f"printf '{typed}' | {command}").returncode == 0
    line = f"mfakit login {option} --token-code {alice.device.code()}"
    assert shell(line).returncode == 0


def test_a_code_beside_a_session_leads_to_a_login_that_takes_it(home, alice, shell) -> None:
    """The role is to be assumed with a session, which needs none."""
    home.write_credentials(f"[default]\n{SESSION}[work]\n{keys_of(alice)}")
    code = alice.device.code()
    options = ("--profile", "role", "--role-arn", ROLE, "--token-code")
    done = home.mfakit("login", *options, code, "--source-profile", "default")
    option = advice(done).rpartition(": ")[2]
    assert option == "--source-profile work"
    done = home.mfakit("login", *options, code, *option.split())
    assert "no code is sent" not in done.stderr


def test_configure_without_a_terminal_leads_to_an_option_of_its_own(home, aws, alice) -> None:
    """There are two devices, and nobody to choose; a code is no answer to that."""
    alice.enable_virtual_mfa("second")
    done = home.mfakit("configure", terminal=False)
    option = advice(done).rpartition(": ")[2]
    assert option.startswith("--serial-number arn:aws:iam::")
    assert home.mfakit("configure", *option.split()).returncode == 0


def test_logout_of_a_profile_that_is_missing_leads_to_what_there_is(home, alice, shell) -> None:
    """A user who logs out does not want to log in."""
    done = home.mfakit("logout", "--profile", "nosuch")
    assert done.returncode == 3
    told = advice(done)
    assert "login" not in told
    assert shell(told.rpartition(": ")[2]).returncode in (0, 3)


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="there is no /sys of Linux")
@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("AWS_CONFIG_FILE", "configure --duration 8h --serial-number GAHT12345678"),
        ("AWS_SHARED_CREDENTIALS_FILE", "login --from-json -"),
    ],
)
def test_a_file_that_cannot_be_written_leads_to_its_own_variable(
    home, alice, variable: str, command: str
) -> None:
    """Nobody can make a file in this folder, so the lock beside the file cannot be made either."""
    name = "config" if variable == "AWS_CONFIG_FILE" else "credentials"
    keys = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s", "SessionToken": "t"}
    given = json.dumps({"Credentials": keys | {"Expiration": "2126-01-01T00:00:00Z"}})
    done = home.mfakit(*command.split(), stdin=given, **{variable: f"/sys/{name}"})
    assert advice(done).endswith(f"name another place with {variable}")
    done = home.mfakit(*command.split(), stdin=given, **{variable: f"{home.folder}/{name}"})
    assert f"/sys/{name}" not in done.stderr


@pytest.mark.parametrize("profile", ["mfa", "work-mfa", "o'brien's keys"])
@pytest.mark.parametrize("how", ["nobody", "renewal"])
def test_a_login_that_nobody_answers_leads_to_one_of_the_same_profile(
    home, alice, shell, profile: str, how: str
) -> None:
    home.write_credentials(f"[default]\n{keys_of(alice)}[work]\n{keys_of(alice)}")
    login = ["login", "--profile", profile, "--source-profile", "default"]
    done = home.mfakit(*login, "--duration", "1h", "--token-code", alice.device.code())
    if "'" in profile and done.returncode != 0:
        pytest.skip("such a name is not taken")
    if how == "renewal":
        time.sleep(1.5)  # so that less is left than the warning asks for
        done = home.mfakit("check", "--profile", profile, "--renew", "--warn", "59m59s")
        told = done.stderr
    else:
        done = home.mfakit("exec", "--min-remaining", "2h",
                        "--profile", profile, "--", "true", terminal=False)  # fmt: skip
        told = done.stderr
    commands = re.findall(r"mfakit login --profile (?:'[^;]*'|\S+)|mfakit login", told)
    assert commands or "--token-code" in told, told
    for command in commands:
        again = shell(f"{command.rstrip(';')} --force --token-code {alice.device.code()}")
        assert again.returncode == 0, told
        assert f"logged in to profile {profile} " in again.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["env", "--profile", "work-mfa"],
        ["check", "--profile", "work-mfa"],
        ["status", "--profile", "work-mfa"],
        ["check", "--all"],
        ["status", "--short"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("before", ["nothing", "an ended session"])
def test_without_a_live_session_the_advice_gets_one(
    home, aws, alice, shell, command: list[str], before: str
) -> None:
    home.write_credentials(f"[default]\n{keys_of(alice)}[work]\n{keys_of(alice)}")
    profile = "work-mfa" if "work-mfa" in command else "mfa"
    if before != "nothing":
        ended = f"{SESSION}expiration = 2001-01-01T00:00:00Z\n"
        home.write_credentials(f"{home.credentials.read_text()}[{profile}]\n{ended}")
    done = home.mfakit(*command)
    lines = re.findall(r"mfakit login[^;\n]*", done.stderr)
    assert lines or done.returncode in (0, 2, 3)
    for line in lines:
        login = line.partition(",")[0]
        assert shell(f"{login} --token-code {alice.device.code()}").returncode == 0
        assert home.mfakit(*command).returncode == 0


@pytest.mark.parametrize("command", ["check", "env", "login --token-code 1", "exec -- true"])
@pytest.mark.parametrize("source", ["work-mfa", "by-program"])
def test_a_role_that_is_named_as_the_session_profile_leads_to_the_session_of_its_source(
    home, alice, shell, command: str, source: str
) -> None:
    """There is no other profile with keys, as in the home of many roles behind one user."""
    given = json.dumps(
        {
            "Version": 1,
            "AccessKeyId": alice.access_key_id,
            "SecretAccessKey": alice.secret_access_key,
        }
    )
    (home.folder / "given.json").write_text(given)
    if source == "work-mfa":
        home.write_credentials(f"[work]\n{keys_of(alice)}[work-mfa]\n{SESSION}")
    else:
        home.credentials.unlink()
    home.write_config(
        f"[profile prod]\nrole_arn = {ROLE}\nsource_profile = {source}\n"
        f"[profile by-program]\ncredential_process = cat {home.folder / 'given.json'}\n"
    )
    first, *rest = command.split()
    hint = advice(home.mfakit(first, "--profile", "prod", *rest))
    name = hint.rpartition("--profile ")[2]
    assert name == source.removesuffix("-mfa") + "-mfa"
    line = f"mfakit login --force --profile {name} --token-code {alice.device.code()}"
    assert shell(line).returncode == 0


def test_a_wrong_secret_leads_to_the_right_place_for_it(home, alice, shell) -> None:
    """The hint names the profile that holds the key."""
    wrong = keys_of(alice).replace(alice.secret_access_key, alice.secret_access_key[::-1])
    home.write_credentials(f"[default]\n{keys_of(alice)}[my work]\n{wrong}")
    login = ["login", "--source-profile", "my work", "--serial-number", alice.device.serial_number]
    told = advice(home.mfakit(*login, "--token-code", alice.device.code()))
    typed = f"{alice.access_key_id}\\n{alice.secret_access_key}\\n\\n\\n"
    assert shell(f"printf '{typed}' | {told.partition(': ')[2]}").returncode == 0
    assert home.mfakit(*login, "--token-code", alice.device.code()).returncode == 0


def test_files_that_boto3_cannot_read_lead_to_explain_which_names_the_line(
    home, alice, shell
) -> None:
    home.write_config("[profile a]\nregion = x\n[profile a]\nregion = y\n")
    done = home.mfakit("login", "--token-code", alice.device.code())
    told = shell(advice(done).rpartition(": ")[2])
    assert told.returncode == 1
    assert "line 3" in told.stdout


def test_a_session_that_is_too_short_for_a_warning_leads_to_a_longer_one(
    home, alice, shell
) -> None:
    home.write_credentials(f"[work]\n{keys_of(alice)}")
    login = ("login", "--profile", "work-mfa", "--duration", "15m", "--token-code")
    assert home.mfakit(*login, alice.device.code()).returncode == 0
    check = ("check", "--profile", "work-mfa", "--renew", "--warn", "20m")
    done = home.mfakit(*check)
    command = done.stderr.strip().rpartition(": ")[2]
    assert shell(f"{command} --token-code {alice.device.code()}").returncode == 0
    assert home.mfakit(*check).returncode == 0


def test_a_report_into_a_missing_folder_leads_to_making_it(home, alice, shell) -> None:
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    path = str(home.folder / "no such" / "folder" / "mfakit.prom")
    check = ("check", "--format", "openmetrics", "--output", path)
    done = home.mfakit(*check)
    told = advice(done)
    assert "mkdir -p " in told
    assert shell(told.partition(": ")[2]).returncode == 0
    assert home.mfakit(*check).returncode == 0


def test_the_variables_that_a_role_is_made_from_are_kept(home, alice, shell) -> None:
    """The role takes its credentials from the variables, so unsetting them would break it."""
    home.write_credentials("")
    home.write_config(f"[profile r]\nrole_arn = {ROLE}\ncredential_source = Environment\n")
    variables = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
        "AWS_PROFILE": "r",
    }
    told = home.mfakit("explain", **variables).stdout
    assert "! variables-shadow-profile" in told
    [fix] = re.findall("try: (.*)", told)
    assert fix == "unset AWS_PROFILE"
    after = shell(f"{fix}; mfakit explain", **variables)
    assert after.returncode == 0, after.stdout
    named = home.mfakit("explain", "--profile", "r", **variables)
    assert "a role                   used" in named.stdout
    assert named.returncode == 0, named.stdout


def test_the_profile_that_aws_profile_names_is_the_one_in_the_error(home) -> None:
    """That profile leads to the session profile by its role."""
    home.write_config(
        f"[profile prod]\nrole_arn = {ROLE}\nsource_profile = base\n"
        "[profile base]\nsso_session = house\n[sso-session house]\nsso_region = eu-west-1\n"
    )
    done = home.mfakit("login", AWS_PROFILE="prod")
    assert done.returncode == 1
    assert "AWS_PROFILE is 'base'" not in done.stderr
    assert "'prod'" in done.stderr


@pytest.mark.parametrize("command", ["status", "check", "env"])
@pytest.mark.parametrize("kind", ["role", "program", "keys"])
def test_what_cannot_hold_a_session_leads_to_the_one_beside_it(
    home, alice, shell, command: str, kind: str
) -> None:
    """After the login that the first advice names, the next advice names its session."""
    config = {
        "role": f"[profile one]\nrole_arn = {ROLE}\nsource_profile = work\n",
        "program": f"[profile one]\ncredential_process = cat {home.folder}/given\n",
        "keys": f"[profile one]\n{keys_of(alice)}",
    }
    given = {"AccessKeyId": alice.access_key_id, "SecretAccessKey": alice.secret_access_key}
    (home.folder / "given").write_text(json.dumps({"Version": 1} | given))
    home.write_credentials(f"[work]\n{keys_of(alice)}")
    home.write_config(config[kind])
    first = advice(home.mfakit(command, "--profile", "one"))
    line = f"{first.partition(': ')[2]} --token-code {alice.device.code()}"
    assert shell(line).returncode == 0, first
    option = advice(home.mfakit(command, "--profile", "one")).rpartition(": ")[2]
    assert option == f"--profile {'work' if kind == 'role' else 'one'}-mfa"
    assert home.mfakit(command, *option.split()).returncode == 0


def test_exec_leads_to_a_login_with_the_option_that_it_lacks(home, alice, shell) -> None:
    home.write_credentials(f"[the keys]\n{keys_of(alice)}")
    line = advice(home.mfakit("exec", "--", "true")).partition(": ")[2]
    assert line == "mfakit login --profile mfa --source-profile 'the keys'"
    assert shell(f"{line} --token-code {alice.device.code()}").returncode == 0
    assert home.mfakit("exec", "--", "true").returncode == 0


@pytest.mark.parametrize("command", ["login", "exec", "check", "env"])
def test_a_session_that_lost_its_token_leads_out(home, alice, shell, command: str) -> None:
    """It is protected as keys are, and no session can be made from it."""
    half = SESSION.partition("aws_session_token")[0]
    home.write_credentials(f"[work]\n{keys_of(alice)}[work-mfa]\n{half}")
    words = [command, "--profile", "work-mfa", *(["--", "true"] if command == "exec" else [])]
    told = home.mfakit(*words)
    assert "there is no aws_session_token" in told.stderr
    line = f"{advice(told)} --token-code {alice.device.code()}"
    assert shell(line).returncode == 0, line
    assert home.mfakit(*words).returncode == 0


def test_a_device_that_is_refused_is_mended_before_the_login(home, alice, shell) -> None:
    """The login that leads to MFA would be refused."""
    home.write_config(f"[default]\nregion = us-east-1\nmfa_serial = {alice.arn}\n")
    fixes = re.findall("try: (.*)", home.mfakit("explain").stdout)
    assert len(fixes) == 2
    for fix in fixes:
        code = f"--token-code {alice.device.code()}"
        assert shell(fix.replace("mfakit login", f"mfakit login {code}")).returncode == 0, fix


def test_a_login_over_the_session_of_a_role_leads_to_one_of_the_role(
    home, aws, alice, shell
) -> None:
    """A login without the option would put the user's own session there."""
    make_role(aws, "admin", alice.arn)
    options = ["login", "--profile", "ops", "--token-code"]
    assert home.mfakit(*options, alice.device.code(), "--role-arn", ROLE).returncode == 0
    done = home.mfakit(*options, alice.device.code())
    line = f"{advice(done).partition('; or')[0]} --token-code {alice.device.code()}"
    assert shell(line).returncode == 0
    forced = home.mfakit(*options, alice.device.code(), "--force")
    assert forced.returncode == 0, forced.stderr


def test_keys_that_only_the_variables_hold_are_used_before_they_are_unset(
    home, alice, shell
) -> None:
    keys = {
        "AWS_ACCESS_KEY_ID": alice.access_key_id,
        "AWS_SECRET_ACCESS_KEY": alice.secret_access_key,
    }
    home.write_credentials("")
    home.write_config("[profile work]\nregion = eu-west-1\n")
    variables = keys | {"AWS_PROFILE": "work"}
    [fix] = re.findall("try: (.*)", home.mfakit("explain", **variables).stdout)
    login = f"mfakit login --token-code {alice.device.code()}"
    after = shell(f"{fix.replace('mfakit login', login)} && mfakit explain", **variables)
    assert "with MFA" in after.stdout, after.stderr


@pytest.mark.parametrize("kind", ["keys", "role", "role of its own"])
def test_a_login_beside_an_aws_profile_that_goes_round_it_leads_to_mfa(
    home, aws, alice, shell, kind: str
) -> None:
    """AWS tools would go on with the long-term key that AWS_PROFILE leads to."""
    make_role(aws, "admin", alice.arn)
    home.write_credentials(f"[work]\n{keys_of(alice)}")
    home.write_config(f"[profile prod]\nrole_arn = {ROLE}\nsource_profile = work\n")
    variables = {"AWS_PROFILE": "work" if kind == "keys" else "prod"}
    login = ["login", *(["-p", "direct", "--role-arn", ROLE] if kind.endswith("own") else [])]
    done = home.mfakit(
        *login, "--source-profile", "work", "--token-code", alice.device.code(), **variables
    )
    [line] = re.findall("not this session: (.*)", done.stderr)
    after = shell(f"{line} && {shlex.join(['mfakit', *login])} && mfakit explain", **variables)
    kind_used = "an MFA session" if kind == "keys" else "a role session"
    assert f"AWS would be called with {kind_used}" in after.stdout
    assert "\n! " not in after.stdout
    assert "not this session" not in after.stderr


def test_a_role_that_is_assumed_with_a_roles_session_leads_to_one_of_the_user(
    home, aws, alice, shell
) -> None:
    """The role trusts the user, and not the role that was logged in to before."""
    make_role(aws, "admin", alice.arn)
    home.write_config(f"[profile prod]\nrole_arn = {ROLE}\nsource_profile = default\n")
    login = ["login", "--token-code"]
    assert home.mfakit(*login, alice.device.code(), "--role-arn", ROLE).returncode == 0
    for command in (["env"], ["exec", "--", "true"]):
        assert home.mfakit(*command, AWS_PROFILE="prod").stderr == "", "it is that very role"
    told = home.mfakit("configure", "--role-profile", "prod").stderr
    [line] = re.findall("alone needs your own: (.*)", told)
    shown = home.mfakit("explain", "-p", "prod").stdout
    assert "role-with-role: the role of profile 'prod' is assumed with the session" in shown
    assert shown.rstrip().endswith(f"try: {line}")
    assert shell(f"{line} --token-code {alice.device.code()}").returncode == 0
    assert "role-with-role" not in home.mfakit("explain", "-p", "prod").stdout


def test_exec_of_a_program_leads_to_the_session_that_is_made_with_its_keys(
    home, alice, shell
) -> None:
    """The advice to log in is followed once."""
    given = {"AccessKeyId": alice.access_key_id, "SecretAccessKey": alice.secret_access_key}
    (home.folder / "given").write_text(json.dumps({"Version": 1} | given))
    home.write_config(f"[profile one]\ncredential_process = cat {home.folder}/given\n")
    line = advice(home.mfakit("exec", "--profile", "one", "--", "true")).partition(": ")[2]
    assert shell(f"{line} --token-code {alice.device.code()}").returncode == 0
    option = advice(home.mfakit("exec", "--profile", "one", "--", "true")).partition(": ")[2]
    assert home.mfakit("exec", *option.split(), "--", "true").returncode == 0


@pytest.mark.parametrize("command", ["login", "exec"])
def test_a_user_in_place_of_the_device_leads_to_the_likely_device(
    home, alice, shell, command: str
) -> None:
    home.write_config(f"[default]\nmfa_serial = {alice.arn}\n")
    words = [] if command == "login" else ["--", "true"]
    told = advice(home.mfakit(command, *words))
    option = told.partition(": ")[2].partition(";")[0]
    line = option if command == "exec" else f"mfakit login {option}"
    assert shell(f"{line} --token-code {alice.device.code()}").returncode == 0, told


def test_a_device_that_is_none_leads_to_the_devices_of_the_same_keys(home, alice, shell) -> None:
    home.write_credentials(f"[test-long-term]\n{keys_of(alice)}")
    done = home.mfakit("login", "-p", "test", "--serial-number", "arn:aws:iam::0:user/alice")
    [line] = re.findall("(mfakit devices.*) shows yours", advice(done))
    assert alice.device.serial_number in shell(line).stdout


def test_a_role_whose_source_has_its_key_elsewhere_gets_a_session_as_its_source(
    home, aws, alice, shell
) -> None:
    """AWS tools do not find that key, and in its profile no session can be kept."""
    make_role(aws, "admin", alice.arn)
    given = {"AccessKeyId": alice.access_key_id, "SecretAccessKey": alice.secret_access_key}
    (home.folder / "given").write_text(json.dumps({"Version": 1} | given))
    home.write_credentials("")
    home.write_config(
        f"[profile work]\nmfakit_key_command = cat {home.folder}/given\n"
        f"[profile prod]\nrole_arn = {ROLE}\nsource_profile = work\n"
    )
    [fix] = re.findall("try: (.*)", home.mfakit("explain", "--profile", "prod").stdout)
    login = f"mfakit login --token-code {alice.device.code()}"
    done = shell(f"{fix.replace('mfakit login', login)} && mfakit explain --profile prod --online")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "assumed-role/admin" in done.stdout


def test_a_key_with_unread_names_is_mended_line_by_line(home, alice, shell) -> None:
    """The second line is named as the first is, and not as missing."""
    home.write_credentials(f"[default]\n{keys_of(alice)}".replace("aws_", ""))
    login = ("login", "--token-code", alice.device.code())
    for _ in range(2):
        told = advice(home.mfakit(*login))
        assert told.startswith("sed ")
        assert shell(told).returncode == 0
    assert home.mfakit(*login).returncode == 0


def test_a_session_in_the_variables_is_no_key_to_log_in_with(home, alice, shell) -> None:
    """The keys that a login would find are named, those of a program too."""
    given = {"AccessKeyId": alice.access_key_id, "SecretAccessKey": alice.secret_access_key}
    (home.folder / "given").write_text(json.dumps({"Version": 1} | given))
    home.write_credentials("")
    home.write_config(
        f"[profile work]\nmfakit_key_command = cat {home.folder}/given\n"
        "[profile mfa]\nregion = eu-west-1\n"
    )
    stale = {
        "AWS_ACCESS_KEY_ID": "ASIAQYLPMN5HABCDEFGH",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_SESSION_TOKEN": "t",
    }
    told = home.mfakit("explain", "--profile", "mfa", **stale).stdout
    [fix] = re.findall("try: (mfakit login.*)", told)
    done = shell(f"{fix} --token-code {alice.device.code()}", **stale)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["check", "env"])
def test_a_first_login_is_advised_with_the_keys_that_there_are(home, alice, command: str) -> None:
    home.write_credentials(f"[work]\n{keys_of(alice)}")
    line = advice(home.mfakit(command)).removeprefix("log in first: ")
    assert home.shell(f"{line} --token-code {alice.device.code()}").returncode == 0


@pytest.mark.parametrize("command", ["check", "env"])
@pytest.mark.parametrize("before", ["", f"[default]\n{SESSION}"])
def test_a_first_login_is_advised_with_the_key_that_is_still_to_be_put_there(
    home, alice, command: str, before: str
) -> None:
    """A login would be refused, as there is no long-term key anywhere."""
    home.write_credentials(before)
    line = advice(home.mfakit(command)).removeprefix("log in first: ")
    typed = f"printf '{alice.access_key_id}\\n{alice.secret_access_key}\\n\\n\\n'"
    done = home.shell(f"{typed} | {line} --token-code {alice.device.code()}")
    assert done.returncode == 0, done.stderr
    assert home.mfakit(command).returncode == 0


def test_a_session_goes_where_the_keys_were_once_they_have_the_name_of_the_hint(
    home, alice
) -> None:
    login = ["login", "-p", "default", "--token-code", alice.device.code()]
    [name] = re.findall("call the keys' profile '(.*)'; or name", advice(home.mfakit(*login)))
    home.write_credentials(home.credentials.read_text().replace("[default]", f"[{name}]"))
    assert home.mfakit(*login).returncode == 0


def test_a_session_in_another_profile_than_the_usual_one_is_named(home, alice) -> None:
    """aws-mfa keeps it in `default`, where AWS tools use it without being told."""
    home.write_credentials(f"[default-long-term]\n{keys_of(alice)}")
    login = ["login", "-p", "default", "--token-code", alice.device.code()]
    assert home.mfakit(*login).returncode == 0
    option = advice(home.mfakit("check")).rpartition(": ")[2]
    assert option == "--profile default"
    assert home.mfakit("check", *option.split()).returncode == 0
    assert f"(the profile 'default' has one: {option})" in home.mfakit().stdout


@pytest.mark.parametrize(
    ("credentials", "profile"),
    [("[mfa]\n{keys}", "mfa"), (f"[work]\n{{keys}}[pasted]\n{SESSION}", "pasted")],
)
def test_mfakit_alone_names_a_login_that_works(home, alice, credentials: str, profile: str) -> None:
    """The session profile's name has the keys themselves, or its session was made elsewhere."""
    home.write_credentials(credentials.format(keys=keys_of(alice)))
    environ = {} if profile == "mfa" else {"AWS_PROFILE": profile}
    _, told, *_ = home.mfakit(**environ).stdout.splitlines()
    line = told.removeprefix("next: ").rpartition(", or ")[2]
    code = alice.device.code()
    done = home.shell(f"{line} --force --token-code {code}", **environ)
    assert done.returncode == 0, done.stderr


def test_no_login_is_advised_into_the_profile_that_lacks_the_keys(home) -> None:
    home.write_config(f"[default]\n[profile admin]\nrole_arn = {ROLE}\nsource_profile = default\n")
    done = home.mfakit("check", AWS_PROFILE="admin")
    assert advice(done).endswith("aws configure && mfakit login")


def test_a_role_with_keys_beside_it_is_given_them_as_its_source(home, alice) -> None:
    home.write_credentials(f"[admin]\n{keys_of(alice)}")
    device = f"mfa_serial = {alice.device.serial_number}\n"
    home.write_config(f"[profile admin]\nrole_arn = {ROLE}\n{device}")
    code = alice.device.code()
    assert home.mfakit("login", "-p", "admin-mfa", "--token-code", code).returncode == 0
    told = home.mfakit("explain", "-p", "admin").stdout
    assert "role-without-source" in told
    assert "role-asks-own-code" not in told
    line = advice(home.mfakit("login", AWS_PROFILE="admin")).rpartition(": ")[2]
    assert home.shell(line).returncode == 0
    code = alice.device.code()
    done = home.mfakit("login", "--token-code", code, AWS_PROFILE="admin")
    assert "logged in to profile admin-mfa" in done.stderr


def test_a_role_of_the_machine_needs_no_login(home) -> None:
    way = "credential_source = Ec2InstanceMetadata"
    home.write_config(f"[profile admin]\nrole_arn = {ROLE}\n{way}\n")
    done = home.mfakit("login", AWS_PROFILE="admin")
    assert "Ec2InstanceMetadata gives its keys, which need no login" in advice(done)
    before = home.config.read_text()
    done = home.mfakit("configure", "--role-profile", "admin")
    assert "and there are no others here" in done.stderr
    assert home.config.read_text() == before


def test_a_login_without_keys_names_half_a_session_in_the_variables(home) -> None:
    half = {"AWS_ACCESS_KEY_ID": "ASIAQYLPMN5HABCDEFGH", "AWS_SECRET_ACCESS_KEY": "s"}
    done = home.mfakit("login", **half)
    assert "the variables hold a session's key without its token" in done.stderr
    told = home.mfakit("explain", **half).stdout
    assert "AWS would be called with a session ASIA...EFGH without its token" in told


def test_a_key_in_braces_is_told_as_such(home, alice) -> None:
    """A guide writes braces round what one has to put in."""
    home.write_credentials(f"[default]\n{keys_of(alice)}".replace("= AK", "= {AK"))
    text = home.credentials.read_text().replace("\naws_secret", "}\naws_secret")
    home.write_credentials(text)
    assert "stands in braces, which are part of it" in home.mfakit("explain").stdout


def test_explain_guesses_no_region_for_a_key_that_aws_does_not_know(home) -> None:
    """It may be of GovCloud; the region of `default` would make it worse."""
    with AWSSimulator(region="us-gov-west-1") as aws, aws.serve() as url:
        home.write_credentials(f"[gov]\n{keys_of(aws.create_user('carol'))}")
        home.write_config("[default]\nregion = us-east-1\n")
        told = home.mfakit("explain", "-p", "gov", "--online", AWS_ENDPOINT_URL=url).stdout
        assert "us-east-1" not in told
        line = told.splitlines()[-1].strip().removeprefix("try: ")
        assert line == "aws configure set region REGION --profile gov"
        home.write_config("[profile gov]\nregion = us-gov-west-1\n")
        told = home.mfakit("explain", "-p", "gov", "--online", AWS_ENDPOINT_URL=url).stdout
        assert "AWS says they are of arn:aws-us-gov" in told


@pytest.mark.parametrize("words", ["test 1 = 1", "NAME=value"])
def test_exec_of_what_is_no_program_leads_to_a_command_that_runs(home, alice, words: str) -> None:
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    line = advice(home.mfakit("exec", "--", words)).rpartition(": ")[2]
    assert home.shell(line.replace("PROGRAM", "true")).returncode == 0


def test_a_session_before_mfakits_own_program_is_removed_by_the_advice(home, alice) -> None:
    login = ["login", "--force", "--token-code"]
    assert home.mfakit(*login, alice.device.code()).returncode == 0
    home.write_config("[profile mfa]\ncredential_process = mfakit credential-process -p mfa\n")
    line = advice(home.mfakit(*login, alice.device.code())).rpartition(": ")[2]
    assert home.shell(line).returncode == 0
    assert home.mfakit(*login, alice.device.code()).returncode == 0


def test_a_secret_beside_another_sessions_id_is_emptied_by_the_advice(home, alice) -> None:
    login = ["login", "--force", "--token-code"]
    assert home.mfakit(*login, alice.device.code()).returncode == 0
    assert home.shell("aws configure set aws_secret_access_key MINE --profile mfa").returncode == 0
    line = advice(home.mfakit(*login, alice.device.code())).rpartition(": ")[2]
    assert home.shell(line).returncode == 0
    assert home.mfakit(*login, alice.device.code()).returncode == 0


def test_session_policies_that_a_renewal_does_not_know_are_named_again(home, aws, alice) -> None:
    make_role(aws, "admin", alice.arn)
    policy = ("--policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    role = ("--role-arn", ROLE, "--source-profile", "mfa")
    assert home.mfakit("login", "--profile", "ops", *role, *policy).returncode == 0
    done = home.mfakit("exec", "--profile", "ops", "--min-remaining", "1h", "--", "true")
    line = advice(done).partition(": ")[2].partition(" --policy FILE")[0]
    again = home.shell(f"{line} {shlex.join(policy)}")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("given", "old"),
    [
        (["devices", "remove", "alice"], "is the last device of alice"),
        (["console"], "takes no session of a user"),
        (["completion"], "name a shell"),
    ],
)
def test_the_command_in_the_advice_leads_on(home, alice, shell, given: list[str], old: str) -> None:
    """What failed does not fail once more."""
    done = home.mfakit(*given, terminal=False)
    assert old in done.stderr
    named = advice(done).replace("ARN", ROLE)
    command = re.search(r"mfakit ([a-z]+(?: (?!or\b)[\w:/-]+)*)", named)[1]
    again = home.mfakit(*command.split(), terminal=False)
    assert old not in again.stderr
