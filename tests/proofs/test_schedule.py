"""A real cron and a real systemd run the job of `mfakit schedule install`.

Both need root, and have a mount namespace of their own, so that nothing of the machine is changed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import mfakit
from mfakit import write_session
from mfakit.session import session_from_json

USER = "mfakit-cron-test"
SYSTEMD = Path("/lib/systemd/systemd")
FOREIGN = (
    b'# a crontab of its own\r\nMAILTO=""\n\n'
    b"5 4 1 1 * printf '\xff\\r' \b 100\\% >/dev/null\n# END mfakit schedule\n\t# no end of it\n"
)
LOG = ".local/state/mfakit/check.log"
PATIENCE_SECONDS = 90

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="it mounts, as root"
)


class Inbox(BaseHTTPRequestHandler):
    """Keeps what apprise's json:// service posts."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.messages.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def inbox():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Inbox)
    server.messages = []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def wait_for(condition, place: Place, seconds: float = PATIENCE_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not happen in time:\n{place.read(LOG)}"
        time.sleep(2)  # cron runs a line once a minute, and each look starts five programs


def session_json() -> str:
    """Return a session near its end, as `aws sts get-session-token` prints it."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=20)
    keys = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s3cret", "SessionToken": "t0ken"}
    return json.dumps({"Credentials": {**keys, "Expiration": end.isoformat()}})


def apprise_config(inbox) -> str:
    """Return apprise's config file, with a tag that leads to the inbox."""
    return f"urls:\n  - json://127.0.0.1:{inbox.server_port}/hook:\n      tag: me\n"


def texts(inbox) -> list[str]:
    return [f"{message['title']} {message['message']}" for message in inbox.messages]


# A place where nothing of the machine is changed: the user is in a passwd file, and the crontabs
# in a folder, that nobody else sees. What comes as arguments is opened to that user, wherever it
# lies: first the folders that are closed to him, then after -- what he needs of what is in them.
PLACE_SCRIPT = r"""
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1730,gid=crontab tmpfs /var/spool/cron/crontabs
{ cat /etc/passwd; echo "$NAME:*:54321:54321::/run:/bin/sh"; } >/run/passwd
mount --bind /run/passwd /etc/passwd
closed=
while [ "$1" != -- ]; do closed="$closed $1"; shift; done
shift
n=0; for path; do n=$((n+1)); mkdir "/run/$n"; mount --bind "$path" "/run/$n"; done
for path in $closed; do mount -t tmpfs -o mode=755 tmpfs "$path"; done
n=0; for path; do n=$((n+1)); mkdir -p "$path"; mount --bind "/run/$n" "$path"; done
mkdir -p -m 700 "$HOME/.aws" "$HOME/.config"
chown -R 54321:54321 "$HOME"
echo ready
exec cat
"""


class Place:
    """A mount namespace with a user of its own."""

    def __init__(self) -> None:
        self.environ = {
            "HOME": "/run/home 100% $HOME's",
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
        }
        needed = {sys.prefix, sys.base_prefix, str(Path(mfakit.__file__).parents[2])}
        closed = {str(parent) for path in needed for parent in Path(path).parents if shut(parent)}
        below = [path for path in sorted(needed) if any(map(Path(path).is_relative_to, closed))]
        script = ["sh", "-c", PLACE_SCRIPT, "sh", *sorted(closed), "--", *below]
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--propagation=private", *script],
            env={**self.environ, "NAME": USER},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        if self._process.stdout.readline() != b"ready\n":
            self.close()
            pytest.skip("nothing can be mounted here")
        self.prefix = ["nsenter", f"--mount=/proc/{self._process.pid}/ns/mnt"]

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def run(self, *command: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command as the user, in his home."""
        at_home = ["env", f"HOME={self.environ['HOME']}", "sh", "-c", 'cd "$HOME"; exec "$@"', "sh"]
        return subprocess.run(
            [*self.prefix, "runuser", "-u", USER, "--", *at_home, *command],
            check=False,
            env=self.environ,
            input=stdin,
            capture_output=True,
            timeout=60,
            cwd="/",
        )

    def write(self, path: str, text: str) -> None:
        assert not self.run("sh", "-c", f"umask 077; cat >{path}", stdin=text.encode()).returncode

    def read(self, path: str) -> str:
        return self.run("cat", path).stdout.decode()

    def mfakit(self, *arguments: str, stdin: bytes = b"") -> str:
        done = self.run(sys.executable, "-m", "mfakit", *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


def shut(folder: Path) -> bool:
    return folder.stat().st_mode & 0o005 != 0o005


@pytest.fixture
def place():
    if shutil.which("cron") is None or shutil.which("nsenter") is None:
        pytest.skip("Debian's cron and util-linux are not installed")
    place = Place()
    yield place
    place.close()


@pytest.fixture
def cron(place):
    """Cron in the foreground."""
    process = subprocess.Popen([*place.prefix, "cron", "-f"], env=place.environ)
    time.sleep(1.1)  # it sees a crontab only if that is a second newer than their folder
    yield process
    process.terminate()
    process.wait(timeout=30)


def test_cron_runs_the_line_and_one_notification_is_sent(place, cron, inbox) -> None:
    """A session near its end leads to one, however many minutes cron checks it."""
    place.mfakit("login", "--from-json", "-", stdin=session_json().encode())
    place.write(".config/apprise.yml", apprise_config(inbox))
    assert place.run("crontab", "-", stdin=FOREIGN).returncode == 0
    for _ in range(2):
        place.mfakit(
            "schedule", "install", "--using=cron", "--every=1m", "--warn=1h", "--notify=me"
        )
    installed = crontab_of(place)
    assert installed.startswith(FOREIGN)
    assert installed.count(b"mfakit.cli.scheduled") == 1

    wait_for(lambda: texts(inbox), place)
    seen = place.read(LOG).count(" mfakit check ")
    more = 2
    wait_for(
        lambda: place.read(LOG).count(" mfakit check ") >= seen + more,
        place,
        more * PATIENCE_SECONDS,
    )
    assert cron.poll() is None
    assert len(texts(inbox)) == 1
    assert "mfa" in texts(inbox)[0]
    assert "s3cret" not in place.read(LOG)
    assert place.run("stat", "--format=%a", LOG).stdout == b"600\n"
    shown = place.mfakit("schedule", "show")
    assert shown.startswith("cron: every 1m\n")
    assert "  last run: 20" in shown

    place.mfakit("schedule", "remove")
    assert crontab_of(place) == FOREIGN


def crontab_of(place) -> bytes:
    """Return the user's crontab as cron reads it, below the header that `crontab` writes."""
    spool = f"/var/spool/cron/crontabs/{USER}"
    done = subprocess.run([*place.prefix, "cat", spool], check=True, capture_output=True)
    return done.stdout.split(b"\n", 3)[3]


def test_removing_the_only_job_removes_the_crontab(place) -> None:
    """A denied crontab is an error, in crontab's own words."""
    place.mfakit("schedule", "install", "--using=cron", "--on-expiring=true")
    assert b"mfakit" in crontab_of(place)
    place.mfakit("schedule", "remove")
    assert place.run("crontab", "-l").stderr.startswith(b"no crontab for")
    deny = f"cp -a /etc /run; echo {USER} >/run/etc/cron.deny; mount --bind /run/etc /etc"
    subprocess.run([*place.prefix, "sh", "-c", deny], check=True)
    done = place.run(sys.executable, "-m", "mfakit", "schedule", "show")
    assert done.returncode == 1
    assert b"not allowed to use this program" in done.stderr


SYSTEMD_SCRIPT = r"""
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/user
chmod 700 /run/user
export XDG_RUNTIME_DIR=/run/user
/lib/systemd/systemd --user --log-target=null &
manager=$!
trap 'kill -KILL $manager 2>/dev/null' EXIT
n=0
until systemctl --user show --property=Version >/dev/null 2>&1; do
    n=$((n+1)); [ $n -lt 100 ] || { echo "no manager"; exit 77; }; sleep 0.1
done
"$@" install --every=1m --notify=me
systemctl --user start mfakit-check.service
systemctl --user start mfakit-check.service
"$@" show
systemctl --user show mfakit-check.timer --property=ActiveState --property=TimersCalendar
"$@" install --every=2m --notify=me
systemctl --user show mfakit-check.timer --property=TimersCalendar
"$@" remove
systemctl --user list-unit-files 'mfakit*' --no-legend || echo "none is left"
"""


@pytest.mark.skipif(not SYSTEMD.exists(), reason="systemd is not installed")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_systemd_runs_the_timer_and_one_notification_is_sent(tmp_path, inbox) -> None:
    """A real manager passes the words on unchanged, from a home with an odd name."""
    home = tmp_path / '100% $HOME ${x} it\'s "a" b\\c'
    home.mkdir()
    (home / ".config").mkdir()
    (home / ".config/apprise.yml").write_text(apprise_config(inbox))
    (home / ".config/apprise.yml").chmod(0o600)
    write_session("mfa", session_from_json(session_json()), environ={"HOME": str(home)})
    mfakit = [sys.executable, "-m", "mfakit", "schedule"]
    done = subprocess.run(
        ["unshare", "--mount", "--propagation=private", "sh", "-c", SYSTEMD_SCRIPT, "sh", *mfakit],
        check=False,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"no systemd user manager can run here: {done.stdout}{done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "installed for systemd: a check every 1m" in done.stderr
    assert "loginctl enable-linger" in done.stderr
    assert "systemd: every 1m\n" in done.stdout
    assert "ActiveState=active" in done.stdout
    assert "OnCalendar=*-*-* *:00/1:00" in done.stdout
    assert "OnCalendar=*-*-* *:00/2:00" in done.stdout
    assert done.stderr.count("removed from systemd: ") == 2
    assert done.stdout.endswith("\nnone is left\n")
    log = home / LOG
    assert log.read_text().count(" mfakit check ") >= 2
    assert len(texts(inbox)) == 1
    assert list((home / ".config/systemd/user").rglob("mfakit*")) == []
