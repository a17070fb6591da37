"""`mfakit simulate`: a process of its own, for clients in other processes."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pyotp
import pytest
import segno
from tests.exchange.conftest import on_terminal
from tests.warm import can_be_warm, warm

__all__ = ["on_terminal"]


@pytest.fixture
def simulate(home):
    """Start the simulator by hand, as one would in a shell.

    It is forked from a process that has loaded moto, unless it has a terminal or a umask.
    """
    started = []

    def start(*arguments: str, **popen: int):
        if popen or not can_be_warm(home.environ):
            command = [sys.executable, "-m", "mfakit", "simulate", *arguments]
            popen = {"stdout": subprocess.PIPE} | popen
            process = subprocess.Popen(command, env=home.environ, text=True, **popen)
        else:
            out, theirs = os.pipe()
            with open(theirs, "wb") as written, open(os.devnull, "rb") as nothing:
                files = [nothing.fileno(), written.fileno(), 2]
                loaded = warm("mfakit.testing.account", "moto.iam.models", "moto.sts.models")
                process = loaded.start(["simulate", *arguments], home.environ, files)
            process.stdout = os.fdopen(out)
        started.append(process)
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)
        if process.stdout:
            process.stdout.close()


def said_by(process) -> dict:
    """Read the one line of JSON."""
    return json.loads(process.stdout.readline())


def user_entry(**changed: str) -> str:
    user = {
        "name": "alice",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "mfa_seed": "JBSWY3DPEHPK3PXP",
    }
    return json.dumps({"users": [user | changed]})


def client(service: str, said: dict, user: dict):
    """Return a client of the simulator that signs with a user's key."""
    return boto3.client(
        service,
        endpoint_url=said["endpoint_url"],
        region_name=said["region"],
        aws_access_key_id=user["access_key_id"],
        aws_secret_access_key=user["secret_access_key"],
    )


def code(said: dict, user: str) -> str:
    request = Request(
        f"{said['endpoint_url']}/_mfakit/code?user={user}",
        method="POST",
        headers={"X-Mfakit-Token": said["control_token"]},
    )
    with urlopen(request) as answer:
        return json.load(answer)["code"]


def test_in_fish_the_lines_to_paste_are_fish(home) -> None:
    """It has no `unset`."""
    if shutil.which("fish") is None:
        pytest.skip("fish is not installed (CI installs it)")
    line = f"{sys.executable} -m mfakit simulate --user alice; true"
    command = ["fish", "--no-config", "-c", line]
    with subprocess.Popen(
        command, env=home.environ, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        said = "".join(
            iter(
                process.stdout.readline,
                "# then log in with mfakit login, and answer its question with what this gives:\n",
            )
        )
        os.killpg(process.pid, signal.SIGTERM)
    pasted = said.partition("user/alice\n")[2]
    done = home.run("fish", "--no-config", "-c", pasted + "env", AWS_PROFILE="other")
    assert done.stderr == ""
    assert "AWS_ENDPOINT_URL=http://127.0.0.1:" in done.stdout
    assert "AWS_PROFILE" not in done.stdout


def test_json_has_all_that_a_login_and_the_aws_cli_need(home, simulate) -> None:
    process = simulate("--json", "--user", "alice", "--user", "bob")
    said = json.loads(process.stdout.readline())
    bob = said["users"][1]
    home.write_credentials(
        f"[default]\naws_access_key_id = {bob['access_key_id']}\n"
        f"aws_secret_access_key = {bob['secret_access_key']}\n"
    )
    url = said["endpoint_url"]
    place = {"AWS_ENDPOINT_URL": url, "AWS_DEFAULT_REGION": said["region"]}
    done = home.mfakit("login", "--token-code", code(said, "bob"), **place)
    assert done.returncode == 0, done.stderr
    command = ["aws", "--profile", "mfa", "--endpoint-url", url, "sts", "get-caller-identity"]
    aws = home.run(*command, **place)
    assert json.loads(aws.stdout)["Arn"] == bob["arn"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_simulator_with_exit_code_0(simulate, number: int) -> None:
    process = simulate("--json")
    process.stdout.readline()
    process.send_signal(number)
    assert process.wait(timeout=10) == 0


def test_a_user_without_a_device_enrols_one_by_the_codes_that_it_gives(
    home, simulate, on_terminal
) -> None:
    """A new user has a key, and a policy that allows nothing else without MFA."""
    who = ("--user", "bob", "--user-without-device", "alice")
    said = said_by(simulate("--json", "--require-mfa", *who))
    bob, alice = said["users"]
    assert bob["mfa_serial"]
    assert (alice["mfa_serial"], alice["mfa_seed"]) == (None, None)
    home.write_credentials(
        f"[default]\naws_access_key_id = {alice['access_key_id']}\n"
        f"aws_secret_access_key = {alice['secret_access_key']}\n"
    )
    home.environ |= {"AWS_ENDPOINT_URL": said["endpoint_url"], "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.raises(HTTPError):
        code(said, "alice")
    terminal = on_terminal("devices", "add", "--show-seed")
    for question in ("MFA code for ", "next MFA code for ", "MFA code for "):
        terminal.read_until(question)
        terminal.type(f"{code(said, 'alice')}\n")
        if question != "next MFA code for ":
            continue
        terminal.read_until("is enabled")
    terminal.read_until("logged in to profile mfa")


def test_the_lines_for_a_user_without_a_device_name_the_command_that_enrols_one(simulate) -> None:
    lines = paragraphs(simulate("--user-without-device", "carol"))[1]
    assert "mfakit devices add" in lines
    assert "mfakit login" not in lines


def test_a_seed_file_keeps_a_user_without_a_device(home, simulate) -> None:
    seeds = ["--seed-file", str(home.folder / "seeds")]
    who = ("--user", "bob", "--user-without-device", "alice")
    first = said_by(simulate("--json", *who, *seeds))["users"]
    assert said_by(simulate("--json", *seeds))["users"] == first
    [alice] = said_by(simulate("--json", "--user", "alice", *seeds))["users"]
    assert alice["access_key_id"] == first[1]["access_key_id"]
    assert alice["mfa_seed"]


def test_a_user_with_and_without_a_device_is_wrong_usage(home) -> None:
    done = home.mfakit("simulate", "--user", "bob", "--user-without-device", "bob")
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 2)


def paragraphs(process) -> list[str]:
    """Read the output for a person, up to the lines of one user."""
    text = ""
    while "curl" not in text:
        text += process.stdout.readline()
    return text.rstrip().split("\n\n")


def test_the_lines_to_paste_lead_to_a_session(home, simulate) -> None:
    """They work in a shell with any environment."""
    lines = paragraphs(simulate("--user", "carol"))[1]
    before = {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s"}
    mfakit = shlex.join([sys.executable, "-m", "mfakit"])
    script = f"""{lines.rpartition("curl")[0]}
code=$({lines[lines.index("curl") :]} | tr -dc '0-9 ' | cut -d' ' -f2)
echo "$code" | {mfakit} login --token-code -
eval "$({mfakit} env --shell sh)"; printenv AWS_ACCESS_KEY_ID"""
    done = home.run("sh", "-e", "-c", script, **before)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ASIA")


def test_the_lines_to_paste_leave_the_persons_files_alone(home, simulate) -> None:
    """A login goes into a private folder of the simulator, which is removed when it ends."""
    home.write_credentials("[default]\naws_access_key_id = AKIAMINE\n")
    mine = home.credentials.read_bytes()
    process = simulate("--user", "carol")
    lines = paragraphs(process)[1]
    [files] = {Path(value).parent for value in re.findall(r"_FILE=(\S+)", lines)}
    assert not files.is_relative_to(home.folder)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (*files.iterdir(), files.parent)}
    assert modes == {"credentials": 0o600, "config": 0o600, files.parent.name: 0o700}
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert not files.parent.exists()
    assert home.credentials.read_bytes() == mine
    assert [path.name for path in home.credentials.parent.iterdir()] == ["credentials"]


def test_user_names_are_quoted_in_urls(simulate) -> None:
    """The line that asks for a code works for every name that IAM allows."""
    name = "a+b=c,d.e@f-g_h"
    lines = paragraphs(simulate("--user", name))[1]
    curl = lines[lines.index("curl") :]
    done = subprocess.run(shlex.split(curl), capture_output=True, text=True, check=True)
    assert len(json.loads(done.stdout)["code"]) == 6


def test_a_qr_code_is_drawn_only_on_a_terminal(home, simulate) -> None:
    assert not set("█▀▄") & set("".join(paragraphs(simulate())))
    seed_file = home.folder / "seeds"
    ours, theirs = pty.openpty()
    process = simulate("--seed-file", str(seed_file), stdout=theirs)
    os.close(theirs)
    with open(ours, encoding="utf-8", newline="\r\n") as terminal:
        terminal.readline()
        seed = json.loads(seed_file.read_text())["users"][0]["mfa_seed"]
        drawn = io.StringIO()
        uri = f"otpauth://totp/alice@123456789012?secret={seed}"
        segno.make(uri, micro=False).terminal(drawn, compact=True)
        for row in drawn.getvalue().splitlines():
            while row not in terminal.readline():
                pass
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_a_seed_file_keeps_keys_serial_numbers_and_seeds(home, simulate) -> None:
    """They work at the next start, too."""
    seeds = ["--seed-file", str(home.folder / "seeds")]
    first = said_by(simulate("--json", "--user", "alice", "--user", "bob", *seeds))["users"]
    second = said_by(simulate("--json", *seeds))
    assert second["users"] == first
    bob = second["users"][1]
    sts = client("sts", second, bob)
    code = pyotp.TOTP(bob["mfa_seed"]).now()
    session = sts.get_session_token(SerialNumber=bob["mfa_serial"], TokenCode=code)
    assert session["Credentials"]["AccessKeyId"].startswith("ASIA")


def test_a_seed_file_takes_new_users_and_keeps_the_others(home, simulate) -> None:
    """A user that is not asked for stays in the file, and does not exist in the simulator."""
    seeds = ["--seed-file", str(home.folder / "seeds")]
    [alice] = said_by(simulate("--json", *seeds))["users"]
    [bob] = said_by(simulate("--json", "--user", "bob", *seeds))["users"]
    assert said_by(simulate("--json", *seeds))["users"] == [alice, bob]


def test_a_seed_file_is_private_from_the_start(home, simulate) -> None:
    """The mode does not depend on the umask."""
    path = home.folder / "seeds"
    said_by(simulate("--json", "--seed-file", str(path), umask=0))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_seed_file_that_others_can_read_is_refused(home) -> None:
    """The hint is the command that mends it, and nothing is written."""
    path = home.folder / "seeds"
    path.touch(0o640)
    done = home.mfakit("simulate", "--seed-file", str(path))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 2)
    assert f"chmod 600 {path}" in done.stderr
    assert path.read_bytes() == b""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link that is another's")
def test_a_seed_file_through_a_foreign_link_is_refused(home) -> None:
    """This holds even if the link leads to a file of ours, or nowhere."""
    for number, mode in enumerate((None, 0o600)):
        path, target = home.folder / f"link{number}", home.folder / f"seeds{number}"
        if mode is not None:
            target.touch(mode)
        path.symlink_to(target)
        os.lchown(path, 1, 1)
        done = home.mfakit("simulate", "--seed-file", str(path))
        assert (done.returncode, f"{path} is not yours" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"users": [1]}',
        '{"users": [{"name": "alice"}]}',
        user_entry(name="a\x1b[2J"),
        user_entry(access_key_id="AKIA"),
        user_entry(secret_access_key="geheim"),
        user_entry(mfa_seed="geheim"),
    ],
)
def test_a_malformed_seed_file_is_refused_and_left_alone(home, text: str) -> None:
    """The two lines do not show its content."""
    path = home.folder / "seeds"
    path.touch(0o600)
    path.write_text(text)
    done = home.mfakit("simulate", "--seed-file", str(path))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 2)
    assert "geheim" not in done.stderr
    assert path.read_text() == text


def test_the_region_decides_the_partition(home, simulate) -> None:
    said = said_by(simulate("--json", "--region", "us-gov-west-1"))
    user = said["users"][0]
    assert said["region"] == "us-gov-west-1"
    assert user["arn"] == "arn:aws-us-gov:iam::123456789012:user/alice"
    sts = client("sts", said, user)
    assert sts.get_caller_identity()["Arn"] == user["arn"]


@pytest.mark.parametrize("region", ["", "nowhere", "us-east-1 ", "us-new-7"])
def test_a_region_that_aws_does_not_have_is_wrong_usage(home, region: str) -> None:
    done = home.mfakit("simulate", "--region", region)
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 2)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "é", "x" * 65, "a\n"])
def test_a_user_name_that_iam_does_not_allow_is_wrong_usage(home, name: str) -> None:
    done = home.mfakit("simulate", "--user", name)
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 2)


@pytest.mark.parametrize("number", ["-1", "65536", "1" * 5000, "²", "x"])
def test_a_malformed_port_is_wrong_usage(home, number: str) -> None:
    done = home.mfakit("simulate", f"--port={number}")
    assert (done.returncode, len(done.stderr.splitlines())) == (64, 2)


def test_a_port_that_is_taken_is_an_error(home, simulate) -> None:
    said = json.loads(simulate("--json").stdout.readline())
    port = said["endpoint_url"].rpartition(":")[2].strip("/")
    done = home.mfakit("simulate", "--port", port)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert port in done.stderr


def scp(path: Path, **statement: str) -> str:
    path.write_text(json.dumps({"Statement": {"Resource": "*", **statement}}))
    return str(path)


def refusal_of_buckets(said: dict) -> str:
    """Return the refusal of the first user's list of buckets; "" if it is allowed."""
    user = said["users"][0]
    s3 = client("s3", said, user)
    try:
        s3.list_buckets()
    except s3.exceptions.ClientError as error:
        return str(error)
    return ""


def test_a_service_control_policy_limits_an_administrator(simulate, tmp_path) -> None:
    no_s3 = scp(tmp_path / "no-s3", Effect="Deny", Action="s3:*")
    no_ec2 = scp(tmp_path / "no-ec2", Effect="Deny", Action="ec2:*")
    assert refusal_of_buckets(said_by(simulate("--json", "--scp", no_ec2))) == ""
    refused = refusal_of_buckets(said_by(simulate("--json", "--scp", no_ec2, "--scp", no_s3)))
    assert refused.endswith("with an explicit deny in a service control policy")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "there is no file"), ("{", "is not JSON"), ("{}", "has no Statement")],
)
def test_a_malformed_service_control_policy_is_an_error(home, tmp_path, content, complaint) -> None:
    """The simulator does not start without it."""
    file = tmp_path / "scp.json"
    if content is not None:
        file.write_text(content)
    done = subprocess.run(
        [sys.executable, "-m", "mfakit", "simulate", "--json", "--scp", str(file)],
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (1, 64)
    assert complaint in done.stderr.splitlines()[0]
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
