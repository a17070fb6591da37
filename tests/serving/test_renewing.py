"""Served sessions are renewed in the background, with one code for each renewal."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest
from tests.exchange.conftest import TerminalProcess, log_in
from tests.roles import make_role
from tests.serving.conftest import ask, lives, noted, served, server_of, wait_until

import mfakit
from mfakit import read_session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks at /proc")
# One boto3 session, which outlives three sessions of AWS.
CLIENT = """
import time, boto3
sts, end = boto3.client("sts"), time.monotonic() + 55
while time.monotonic() < end:
    sts.get_caller_identity()
    time.sleep(0.3)
"""
ROLE = "arn:aws:iam::123456789012:role/all"


def exchanges(aws, operation: str = "GetSessionToken") -> int:
    return [call.operation for call in aws.calls].count(operation)


def key_served(program) -> str | None:
    return ask(program.environ)[1].get("AccessKeyId")


def log_in_until(home, aws, alice, seconds: float, *options: str) -> None:
    """Log in to a session that ends that soon, since the simulator's clock is behind."""
    aws.clock.advance(seconds=seconds - 900)
    code = alice.device.code()
    done = home.mfakit("login", "--duration", "15m", "--token-code", code, *options)
    assert done.returncode == 0, done.stderr


def test_a_due_session_is_renewed_by_the_token_command_with_one_code(home, aws, alice) -> None:
    """Sixty-four clients ask meanwhile, and each is answered with a session that lasts."""
    log_in_until(home, aws, alice, 24)
    command = home.token_command(alice.device.code(), alice.device.code())
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\nmfakit_duration = 12h\n")
    first = read_session("mfa", environ=home.environ).access_key_id
    with served(home) as program, ThreadPoolExecutor(64) as clients:
        assert ask(program.environ)[1]["AccessKeyId"] == first

        def renewed(_: int) -> bool:
            return wait_until(lambda: key_served(program) not in (None, first), 40, every=0.5)

        assert all(clients.map(renewed, range(64)))
        assert "not renewed" not in noted(home)
    assert exchanges(aws) == 2


def window(home, answer: str) -> dict[str, str]:
    """Install a pinentry that counts its questions; return the variables that lead to it."""
    folder = home.folder / "gnupg"
    folder.mkdir()
    program = folder / "pinentry"
    program.write_text(
        "#!/bin/sh\necho OK\nwhile read -r line; do case $line in\n"
        f"GETPIN) echo asked >> {folder}/asked; {answer} ;;\n"
        "BYE) echo OK; exit ;;\n*) echo OK ;;\nesac; done\n"
    )
    program.chmod(0o755)
    (folder / "gpg-agent.conf").write_text(f"pinentry-program {program}\n")
    return {"GNUPGHOME": str(folder)}


def asked(home) -> int:
    path = home.folder / "gnupg" / "asked"
    return path.read_text().count("\n") if path.exists() else 0


def test_two_servers_ask_in_one_window_for_one_code(home, aws, alice) -> None:
    log_in_until(home, aws, alice, 24)
    shown = window(home, f"sleep 1; echo D {alice.device.code()}; echo OK")
    first = read_session("mfa", environ=home.environ).access_key_id
    with served(home, **shown) as one, served(home, **shown) as other:
        for program in (one, other):
            wait_until(lambda p=program: key_served(p) not in (None, first), 40)
    assert (asked(home), exchanges(aws)) == (1, 2)


def test_whoever_declines_is_not_asked_again_for_that_session(home, alice) -> None:
    """A later server only names the login for another terminal."""
    log_in(home, alice)
    keep_until(home, minutes=20)
    shown = window(home, "echo 'ERR 83886179 cancelled <Pinentry>'")
    for word in ("not renewed", "have declined"):
        with served(home, **shown) as program:
            wait_until(lambda w=word: w in noted(home))
            assert ask(program.environ)[0] == 200
    assert asked(home) == 1


def test_a_window_that_is_killed_is_said_in_a_line(home, alice) -> None:
    log_in(home, alice)
    keep_until(home, minutes=20)
    with served(home, **window(home, "kill -9 $$")) as program:
        wait_until(lambda: "was not renewed: pinentry" in noted(home))
        assert ask(program.environ)[0] == 200


@pytest.mark.parametrize("is_killed", [False, True])
def test_no_window_outlives_the_command(home, alice, is_killed: bool) -> None:
    log_in(home, alice)
    keep_until(home, minutes=20)
    with served(home, **window(home, "echo $$ > ${0%/*}/pid; sleep 60")) as program:
        path = home.folder / "gnupg" / "pid"
        asking = int(wait_until(lambda: path.exists() and path.read_text()))
        server = program.server
        if is_killed:
            program.process.kill()
    wait_until(lambda: not lives(asking) and not lives(server), 5)


def keep_until(home, minutes: float) -> None:
    """Let the session of the profile be an old one that ends soon."""
    kept = read_session("mfa", environ=home.environ)
    end = datetime.now(UTC) + timedelta(minutes=minutes)
    keys = kept.access_key_id, kept.secret_access_key, kept.session_token
    mfakit.write_session("mfa", mfakit.SessionCredentials(*keys, end), environ=home.environ)
    (record,) = (home.credentials.parent / "mfakit" / "records").iterdir()
    lines = record.read_text().splitlines()
    old = "made_at=2026-01-01T00:00:00Z"
    record.write_text("".join(f"{old if x.startswith('made_at=') else x}\n" for x in lines))


def test_a_role_is_assumed_anew_without_a_code_and_with_the_next_session(home, aws, alice) -> None:
    make_role(aws, "all", alice.arn)
    assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
    with served(home, "--role-arn", ROLE) as program:
        first = ask(program.environ)[1]["AccessKeyId"]
        assert exchanges(aws, "AssumeRole") == 1
        assert home.mfakit("login", "--token-code", alice.device.code()).returncode == 0
        wait_until(lambda: ask(program.environ)[1]["AccessKeyId"] != first)
        assert exchanges(aws, "AssumeRole") == 2
        assert read_session("mfa", environ=home.environ).access_key_id != first
        second = ask(program.environ)[1]["AccessKeyId"]
    process = serve(home, "--shell", "dotenv", "--role-arn", ROLE)
    assert ask(lines_of(process))[1]["AccessKeyId"] == second
    process.terminate()
    process.communicate(timeout=20)
    assert mfakit.check_sessions(environ=home.environ)[0].profile == "mfa"


def test_the_server_ends_with_the_command_even_if_that_is_killed(home) -> None:
    """A command whose server was killed gets a clear error, and goes on."""
    keep_for_ever(home)
    with served(home) as program:
        server = program.server
        assert lives(server)
        program.process.kill()
        program.process.wait()
        wait_until(lambda: not lives(server), 5)
    with served(home) as program:
        os.kill(program.server, signal.SIGKILL)
        with pytest.raises(ConnectionError):
            wait_until(lambda: ask(program.environ)[0] != 200)
        assert program.process.poll() is None


def keep_for_ever(home, key: str = "ASIA1") -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=10)
    session = mfakit.SessionCredentials(key, "s", "token", end)
    mfakit.write_session("mfa", session, environ=home.environ)


def test_signals_and_the_terminal_belong_to_the_command(home) -> None:
    """Ctrl-C reaches it alone; Ctrl-Z stops it, and the shell continues it."""
    keep_for_ever(home)
    script = (
        "trap 'echo got INT' INT; echo rea''dy; read a; echo got $a; read a; echo got $a; exit 7"
    )
    terminal = TerminalProcess(["bash", "--norc", "--noprofile", "-i"], home.environ)
    try:
        terminal.send(f"{sys.executable} -m mfakit exec --serve -- bash -c {shlex.quote(script)}\n")
        terminal.read_until("ready")
        for typed, seen in (
            ("one\n", "got one"),
            ("\x03", "got INT"),
            ("\x1a", "Stopped"),
            ("fg\n", "-c"),
            ("two\n", "got two"),
            ("echo co''de $?\n", "code 7"),
        ):
            terminal.type(typed)
            terminal.read_until(seen)
    finally:
        terminal.close()


def serve(home, *options: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mfakit", "serve", *options],
        env=home.environ | environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_of(process: subprocess.Popen[str], last: str = "AWS_PROFILE") -> dict[str, str]:
    """Return the variables among the lines that `serve --shell dotenv` prints."""
    found = {}
    while last not in found:
        name, _, value = process.stdout.readline().strip().partition("=")
        assert name, process.stderr.read()
        found[name] = value.strip("'\"")
    return found


def test_serve_prints_what_env_would_and_keeps_the_token_in_a_private_file(home) -> None:
    """The file has no end of line, which SDKs would send along, and goes with the server."""
    keep_for_ever(home)
    home.write_credentials(
        home.credentials.read_text()
        + "[default]\naws_access_key_id = AKIAX\naws_secret_access_key = x\n"
    )
    path = home.folder / "token"
    path.write_text(f"mfakit-{'0' * 64}")  # of a server that was killed
    process = serve(home, "--shell", "bash", "--token-file", str(path))
    text = "".join(takewhile(lambda line: "AWS_PROFILE" not in line, process.stdout))
    script = f"{text}\nenv"
    found = dict(
        line.split("=", 1)
        for line in home.run("sh", "-c", script, AWS_ACCESS_KEY_ID="x").stdout.splitlines()
    )
    token = path.read_text()
    assert (len(token), stat.S_IMODE(path.stat().st_mode)) == (71, 0o600)
    assert token not in text
    assert found["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == str(path)
    assert "AWS_ACCESS_KEY_ID" not in found
    with_token = found | {"AWS_CONTAINER_AUTHORIZATION_TOKEN": token}
    assert ask(with_token)[1]["AccessKeyId"] == "ASIA1"
    server = server_of(0, found)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, path.exists()) == (0, False)
    assert "[default] of your AWS files has keys" in said
    wait_until(lambda: not lives(server), 5)


def test_a_token_file_is_private_where_a_file_that_its_group_could_read_was(home) -> None:
    keep_for_ever(home)
    path = home.folder / "token"
    path.touch()
    path.chmod(0o660)
    process = serve(home, "--shell", "dotenv", "--token-file", str(path))
    lines_of(process)
    assert (len(path.read_text()), stat.S_IMODE(path.stat().st_mode)) == (71, 0o600)
    process.terminate()
    process.communicate(timeout=20)
    assert (process.returncode, path.exists()) == (0, False)


@pytest.mark.parametrize("other", ["hvs.CAESIJlWh2sFakeFakeFake", "0123456789abcdef" * 4, ""])
def test_a_token_replaces_no_file_that_holds_something_else(home, other: str) -> None:
    """It would be gone when the server ends."""
    keep_for_ever(home)
    path = home.folder / "token" if other else home.credentials
    if other:
        path.write_text(f"{other}\n")
    text = path.read_text()
    done = home.mfakit("serve", "--shell", "sh", "--token-file", str(path))
    assert (done.returncode, len(done.stderr.splitlines()[-2:])) == (1, 2)
    assert "holds something else than a token" in done.stderr
    assert path.read_text() == text


@pytest.mark.parametrize("which", ["serve", "its server"])
def test_a_killed_serve_leaves_neither_a_token_file_nor_a_server(home, which: str) -> None:
    keep_for_ever(home)
    path = home.folder / "token"
    process = serve(home, "--shell", "dotenv", "--token-file", str(path))
    server = server_of(0, lines_of(process))
    os.kill(process.pid if which == "serve" else server, signal.SIGKILL)
    _, said = process.communicate(timeout=20)
    wait_until(lambda: not path.exists() and not lives(server), 5)
    if which != "serve":
        assert (process.returncode, len(said.splitlines())) == (1, 3)
        assert "the process that serves was ended" in said


def test_the_endpoint_answers_a_command_whose_standard_files_are_closed(home) -> None:
    """Nothing that the server needs is in their places, which it clears."""
    keep_for_ever(home)
    asking = (
        "import os, urllib.request as u\n"
        "headers = {'Authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']}\n"
        "url = os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI']\n"
        "raise SystemExit(u.urlopen(u.Request(url, headers=headers)).status - 200)\n"
    )
    command = [sys.executable, "-m", "mfakit", "exec", "--serve", "--", sys.executable, "-c"]
    for closed in ("<&-", "<&- >&- 2>&-"):
        done = home.run("sh", "-c", f'exec "$@" {closed}', "sh", *command, asking)
        assert done.returncode == 0, (closed, done.stderr)


def test_serve_under_nohup_lives_on_after_its_terminal(home) -> None:
    keep_for_ever(home)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = serve(home, "--shell", "dotenv")
    finally:
        signal.signal(signal.SIGHUP, before)
    found = lines_of(process)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    assert ask(found)[0] == 200
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_file_that_has_replaced_the_token_file_is_left_alone(home) -> None:
    keep_for_ever(home)
    path = home.folder / "token"
    for is_pipe in (False, True):
        process = serve(home, "--shell", "dotenv", "--token-file", str(path))
        lines_of(process)
        path.unlink()
        if is_pipe:
            os.mkfifo(path)
        else:
            path.write_bytes(b"\xff" * 64)
        process.terminate()
        _, said = process.communicate(timeout=20)
        assert (process.returncode, "unexpected" in said) == (0, False)
        assert path.exists()
        path.unlink()


def test_serve_says_that_a_port_is_taken(home) -> None:
    keep_for_ever(home)
    process = serve(home, "--shell", "dotenv")
    port = lines_of(process)["AWS_CONTAINER_CREDENTIALS_FULL_URI"].split(":")[2].split("/")[0]
    done = home.mfakit("serve", "--port", port)
    assert (done.returncode, f"port {port} is taken" in done.stderr) == (1, True)
    process.terminate()
    process.communicate(timeout=20)
    assert process.returncode == 0
    again = serve(home, "--shell", "docker", "--port", port)
    found = lines_of(again, "AWS_CONTAINER_AUTHORIZATION_TOKEN")
    assert ask(found)[0] == 200
    assert not {"AWS_PROFILE", "MFAKIT_PROFILE"} & set(found)  # a container has no AWS files
    again.terminate()
    again.communicate(timeout=20)


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.call(mount, stderr=subprocess.DEVNULL):
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.check_call(["umount", str(disk)])


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "ballast").open("wb", 0) as ballast:
        while True:
            ballast.write(b"x" * 4096)


def test_a_token_file_on_a_full_disk_is_an_error_and_nothing_is_left(home, small_disk) -> None:
    keep_for_ever(home)
    fill(small_disk)
    done = home.mfakit("serve", "--shell", "sh", "--token-file", str(small_disk / "token"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-2].endswith("token: No space left on device")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_session_that_cannot_be_kept_on_a_full_disk_is_said_in_a_line(
    home, alice, small_disk
) -> None:
    """`exec` says it, then the server, which hands out the old session until somebody logs in."""
    log_in(home, alice)
    keep_until(home, minutes=20)
    command = home.token_command(alice.device.code(), alice.device.code())
    home.write_config(f"[profile mfa]\nmfakit_token_command = {command}\n[profile mfakit-served]\n")
    home.credentials = shutil.copytree(home.credentials.parent, small_disk / "aws") / "credentials"
    home.environ["AWS_SHARED_CREDENTIALS_FILE"] = str(home.credentials)
    fill(small_disk)
    before = home.credentials.read_bytes()
    with served(home) as program:
        old = key_served(program)
        wait_until(lambda: "was not renewed" in noted(home))
        first, second = noted(home).splitlines()
        assert "could not be renewed: cannot write" in first
        assert "No space left on device; log in, in another terminal" in second
        assert (key_served(program), home.credentials.read_bytes()) == (old, before)
        (small_disk / "ballast").unlink()
        log_in(home, alice)
        assert key_served(program) not in (None, old)


@pytest.mark.long
def test_three_lives_of_a_session_cost_a_code_each(home, aws, alice) -> None:
    """Each session ends seconds after it was made, since the simulator's clock is behind."""
    log_in_until(home, aws, alice, 20)
    program = home.folder / "device.py"
    url = f"{home.environ['AWS_ENDPOINT_URL']}/_mfakit/code?user=alice"
    program.write_text(
        "import json, urllib.request\n"
        f"headers = {{'X-Mfakit-Token': {aws.control_token!r}}}\n"
        f"asked = urllib.request.Request({url!r}, b'', headers)\n"
        "print(json.load(urllib.request.urlopen(asked))['code'])\n"
    )
    home.write_config(
        f"[profile mfa]\nmfakit_token_command = {sys.executable} {program}\nmfakit_duration = 15m\n"
    )
    with served(home) as command:
        done = home.run(sys.executable, "-c", CLIENT, **command.environ)
    assert done.returncode == 0, done.stderr
    used = {call.access_key_id for call in aws.calls if call.operation == "GetCallerIdentity"}
    assert sum(key.startswith("ASIA") for key in used) == 4
    assert exchanges(aws) == 4
