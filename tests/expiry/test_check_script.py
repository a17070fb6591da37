"""The script for hosts without Python agrees with `mfakit check`, in any shell, with any awk."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from importlib.resources import files as package_files
from itertools import product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mfakit.errors import FileError, SessionNotFoundError
from mfakit.expiry import check_all, check_session
from mfakit.expiry.report import as_text, worst
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile

SCRIPT = str(package_files("mfakit.schedule") / "check.sh")
SHELLS = [["dash"], ["bash"], ["busybox", "sh"], ["ksh93"], ["mksh"]]
AWKS = ["mawk", "gawk", "original-awk", "busybox"]
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kolkata",
]
KEYS = "aws_access_key_id = ASIA1\naws_secret_access_key = SECRET\naws_session_token = TOKEN\n"
NOW = datetime.now(UTC).replace(microsecond=0)


def at(**left: float) -> str:
    return (NOW + timedelta(**left)).strftime("%Y-%m-%dT%H:%M:%SZ")


def shifted(left: timedelta, hours: float, form: str) -> str:
    return (NOW + left).astimezone(timezone(timedelta(hours=hours))).strftime(form)


# What stands below the header, each in a section of its own.
SECTIONS = {
    "valid": f"{KEYS}aws_credential_expiration = {at(hours=12)}",
    "due": f"{KEYS}expiration = {at(minutes=20)}",
    "expired": f"{KEYS}x_security_token_expires = {at(minutes=-20)}",
    "long expired": f"{KEYS}aws_expiration = 1999-12-31T23:59:59Z",
    "leap day": f"{KEYS}expiration = 2028-02-29T00:00:00Z",
    "no leap day": f"{KEYS}expiration = 2027-02-29T00:00:00Z",
    "last day": f"{KEYS}expiration = 2099-12-31T23:59:59Z",
    "the earliest counts": f"{KEYS}expiration = {at(hours=5)}\naws_expiration = {at(hours=4)}",
    "one is no time": f"{KEYS}expiration = soon\naws_expiration = {at(hours=4)}",
    "no time": f"{KEYS}expiration = 1900000000",
    "none": KEYS,
    "empty": f"{KEYS}expiration =",
    "Shanghai": f"{KEYS}expiration = {shifted(timedelta(hours=3), 8, '%Y-%m-%dT%H:%M:%S+08:00')}",
    "Delhi": f"{KEYS}expiration = {shifted(timedelta(hours=3), 5.5, '%Y-%m-%d %H:%M:%S+0530')}",
    "New York": f"{KEYS}expiration = {shifted(timedelta(minutes=3), -5, '%Y-%m-%dT%H:%M:%S-05')}",
    "parts of seconds": f"{KEYS}expiration = {shifted(timedelta(3), 0, '%Y-%m-%dT%H:%M:%S.9876Z')}",
    "basic": f"{KEYS}expiration = {shifted(timedelta(hours=3), 0, '%Y%m%dT%H%M%SZ')}",
    "small letters": f"{KEYS}expiration = {at(hours=3).lower()}",
    "UTC": f"{KEYS}expiration = {at(hours=3)[:-1]} UTC",
    "to the minute": f"{KEYS}expiration = {shifted(timedelta(hours=3), 0, '%Y-%m-%dT%H:%MZ')}",
    "no such hour": f"{KEYS}expiration = 2026-11-22T25:00:00Z",
    "junk behind": f"{KEYS}expiration = {at(hours=3)}[UTC]",
    "capitals": f"{KEYS.upper()}EXPIRATION = {at(hours=3)}",
    "colons": KEYS.replace(" =", ":") + f"expiration:{at(hours=3)}",
    "comments": f"# one\n{KEYS}; two\nexpiration = {at(hours=3)} # three\n  # four\n",
    "a # within": f"{KEYS}expiration = {at(hours=3)}#here",
    "indented": "".join(f"  {line}\n" for line in f"{KEYS}expiration = {at(hours=3)}".split("\n")),
    "nested": f"{KEYS}s3 =\n  expiration = 2020-01-01T00:00:00Z\nexpiration = {at(hours=3)}",
    "nested end": f"{KEYS}expiration = {at(hours=3)}\n  and more",
    "Windows": f"{KEYS}expiration = {at(hours=3)}\n".replace("\n", "\r\n"),
    "returns": f"{KEYS}expiration = {at(hours=3)}\n".replace("\n", "\r"),
    "older token": f"{KEYS.replace('aws_session', 'aws_security')}expiration = {at(hours=3)}",
    "no token": f"{KEYS.replace('TOKEN', '')}expiration = {at(hours=3)}",
    "no secret": f"{KEYS.replace('SECRET', '')}expiration = {at(hours=3)}",
    "secret in two lines": KEYS.replace("SECRET", "SEC\n RET") + f"expiration = {at(hours=3)}",
    "long-term": "aws_access_key_id = AKIA1\naws_secret_access_key = SECRET",
    "only a secret": "aws_secret_access_key = SECRET",
    "no keys": "region = eu-central-1",
    "nothing": "",
    "brackets ] within": f"{KEYS}expiration = {at(hours=3)}",
    "\x1b[31mred": f"{KEYS}expiration = {at(hours=3)}",
    "Zürich": f"{KEYS}expiration = {at(hours=3)}",
}
FILE = "# all\n\n" + "".join(f"[{name}]\n{text}\n\n" for name, text in SECTIONS.items())
FILE += f"[ due ]  # another\n{KEYS}expiration = {at(minutes=10)}\n[other]\nregion = us-east-1"


class Host:
    """A host with a shell, an awk, a date and a credentials file, and nothing else."""

    def __init__(self, home, shell: list[str], awk: str, folder: Path) -> None:
        self.home = home
        self.shell = [shutil.which(shell[0]) or "", *shell[1:]]
        self.programs = folder
        folder.mkdir()
        (folder / "awk").symlink_to(shutil.which(awk) or "")
        if awk == "busybox":
            (folder / "date").symlink_to(shutil.which("busybox") or "")

    def check(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        environ = {"PATH": f"{self.programs}:/usr/bin:/bin", **environ}
        return self.home.run(*self.shell, SCRIPT, *arguments, **environ)

    def stub(self, name: str, text: str) -> None:
        """Replace a program by a script."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)


def put(path: Path, text: str) -> None:
    """Write a file with an old modification time: mfakit waits before it reads a fresh one."""
    path.write_bytes(text.encode())
    os.utime(path, (0, 0))


def shown(text: str) -> str:
    """Return a name as the script shows it: all but ASCII as escaped bytes."""
    return "".join(chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in text.encode())


def moments(start: float) -> list[datetime]:
    """Return every second since then: the script judged by one of them."""
    seconds = range(int(start), int(time.time()) + 1)
    return [datetime.fromtimestamp(second, UTC) for second in seconds]


def verdict_of_all(environ: dict[str, str], now: datetime) -> tuple[int, str]:
    """Return what `check --all` says, but for what the script is too short for.

    That is why a session cannot be used, and which invisible character a line holds.
    """
    try:
        found = check_all(AWSFiles(environ), now, 1800)
        statuses = [status.replace(fault=None) for status in found]
    except FileError as error:
        return 3, shown(error.message.partition(", and holds an invisible")[0])
    none = f"there is no session in {AWSFiles(environ).credentials_path}"
    return worst(statuses).exit_code, as_text(statuses, shown) if statuses else none


def verdict_of(profile: str, environ: dict[str, str], now: datetime) -> tuple[int, str]:
    try:
        status = check_session(Profile(profile, AWSFiles(environ)), now, 1800)
    except (SessionNotFoundError, FileError) as error:
        return error.exit_code, error.message
    return status.state.exit_code, as_text([status], shown)


def said(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Return the exit code, and the verdict or the error."""
    if done.stdout:
        assert not done.stderr
        return done.returncode, done.stdout
    problem, hint = done.stderr.splitlines()
    assert hint.startswith("check.sh: try: ")
    return done.returncode, problem.removeprefix("check.sh: ")


@pytest.fixture
def host(home, tmp_path: Path) -> Host:
    return Host(home, ["sh"], "awk", tmp_path / "programs")


def test_shellcheck_finds_nothing_in_the_script() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        ["shellcheck", "--enable=all", "--exclude=SC2250,SC2312", SCRIPT],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.long
@pytest.mark.parametrize(("shell", "awk"), list(product(SHELLS, AWKS)))
def test_the_script_agrees_with_check_in_every_shell_and_awk(
    home, tmp_path: Path, shell: list[str], awk: str
) -> None:
    """They agree on every spelling of an expiration, and on every oddity of the file."""
    if not (shutil.which(shell[0]) and shutil.which(awk)):
        pytest.skip(f"{shell[0]} or {awk} is not installed")
    put(home.credentials, FILE)
    start = time.time()
    found = said(Host(home, shell, awk, tmp_path / "programs").check("--all"))
    assert found in [verdict_of_all(home.environ, now) for now in moments(start)]


@pytest.mark.parametrize("profile", [name for name in SECTIONS if name.isprintable()] + ["gone"])
def test_the_script_agrees_with_check_on_each_profile(home, host: Host, profile: str) -> None:
    """They agree on whether it holds a session, and if not, why."""
    put(home.credentials, FILE)
    start = time.time()
    found = said(host.check(profile))
    assert found in [verdict_of(profile, home.environ, now) for now in moments(start)]


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeff[mfa]\n{KEYS}",
        f"[mfa]\n{KEYS}[mfa]\n",
        f"[mfa]\n{KEYS}Aws_Session_Token = again\n",
        f"[mfa]\n{KEYS}s3 =\n  junk\n",
    ],
    ids=["byte-order mark", "section twice", "key twice", "nesting"],
)
def test_the_script_refuses_a_file_that_botocore_cannot_read(home, host: Host, text: str) -> None:
    put(home.credentials, text)
    found = said(host.check())
    assert found[1].startswith(f"botocore cannot read {home.credentials}, line ")
    assert found == verdict_of_all(home.environ, datetime.now(UTC))


PROFILES = ("mfa", "work", "old # one", "default", "DEFAULT", " mfa ")
ENDS = st.builds(
    lambda left, form, hours: shifted(timedelta(seconds=left), hours, form),
    st.integers(-100_000, 100_000) | st.integers(-3000, 3000),
    st.sampled_from(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S.%f%z", "%Y%m%dT%H%M%S%z"]),
    st.sampled_from([0, 8, -3.5, 14, -12]),
)
LINES = st.one_of(
    st.sampled_from(KEYS.splitlines()),
    st.sampled_from(PROFILES).map("[{}]".format),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["expiration", "AWS_Expiration", "x_security_token_expires"]),
        st.sampled_from([" = ", "=", "\t:  "]),
        ENDS,
        st.sampled_from(["", " # soon", "\t"]),
    ),
    st.text("ab=:#;[] \t\ufeff", max_size=6),
)
FILES = st.lists(
    st.builds("{}{}{}".format, st.sampled_from(["", "", "", " ", "\t"]), LINES, st.just("")),
    max_size=20,
)
SESSION = f"[mfa]\n{KEYS}"


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@example(lines=[" aws_access_key_id = ASIA1"], newline="\n", above=SESSION)
@given(FILES, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from([SESSION, SESSION, ""]))
def test_the_script_agrees_with_check_on_any_file(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], newline: str, above: str
) -> None:
    """The files have repeated sections and keys, nested lines, comments, and lines that make no
    sense.
    """
    path = tmp_path_factory.mktemp("drawn") / "credentials"
    put(path, (above + "\n".join(lines)).replace("\n", newline) or newline)
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(path), "HOME": str(path.parent)}
    start = time.time()
    done = subprocess.run(
        ["sh", SCRIPT, "--all"], env=environ, capture_output=True, text=True, check=False
    )
    assert said(done) in [verdict_of_all(environ, now) for now in moments(start)]


@settings(max_examples=12)
@given(st.lists(st.text("0123456789-:TZ+ .,", min_size=8, max_size=26), min_size=40, max_size=40))
def test_the_script_never_calls_a_session_better_than_it_is(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    """A time that it does not understand counts as an unknown expiration."""
    ends = [*texts, *(f"20{text[0]}7-0{text[1]}-1{text[2:]}" for text in texts)]
    path = tmp_path_factory.mktemp("drawn") / "credentials"
    put(path, "".join(f"[p{n}]\n{KEYS}expiration = {end}\n" for n, end in enumerate(ends)))
    environ = {"AWS_SHARED_CREDENTIALS_FILE": str(path), "HOME": str(path.parent)}
    command = ["sh", SCRIPT, "--all"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    states = [line.split()[2] for line in done.stdout.splitlines()]
    real = [status.state for status in check_all(AWSFiles(environ), datetime.now(UTC), 1800)]
    assert len(states) == len(real) == len(ends)
    for ours, theirs in zip(states, real, strict=True):
        assert ours in (theirs, "unknown")


# Hours that come twice in ZONES, or never, and some beside them.
HOURS = [
    *(
        f"2027-{day} 0{hour}:{minute}:00"
        for hour in (1, 2)
        for minute in (15, 45)
        for day in ("03-28", "10-31", "03-14", "11-07", "04-04", "10-03")
    ),
    "2027-02-07T02:30:00",
    "2027-02-07T03:30:00",
    "2027-03-14T02:30:00",
    "2027-07-01",
    "2027-12-31",
]
WRITERS = ["", "assumed_role = False\n", "manager = awsume\n"]
NAIVE = "".join(
    f"[{number}]\n{KEYS}{writer}expiration = {hour}\n"
    for number, (hour, writer) in enumerate(product(HOURS, WRITERS))
)
# How the BSDs' date is asked for the zone at a time, by GNU's.
BSD_DATE = (
    'case $1 in -r) exec /bin/date -d "@$2" "$3";; -d) exit 1;; *) exec /bin/date "$@";; esac'
)


@pytest.mark.parametrize(
    ("zone", "date"), [*((zone, "") for zone in ZONES), ("Europe/Berlin", BSD_DATE)]
)
def test_the_script_reads_times_without_a_zone_as_their_tool_meant_them(
    home, host: Host, monkeypatch: pytest.MonkeyPatch, zone: str, date: str
) -> None:
    """This holds when clocks change too, and for every kind of `date`."""
    put(home.credentials, NAIVE)
    if date:
        host.stub("date", date)
    start = time.time()
    found = said(host.check("--all", TZ=zone))
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        expected = [verdict_of_all(home.environ, now) for now in moments(start)]
    time.tzset()
    assert found in expected


def test_the_script_takes_the_earliest_zone_where_none_is_known(home, host: Host) -> None:
    """A `date` that cannot show the zone at another time may hide any zone, up to UTC+14."""
    host.stub("date", '[ "$1" = -u ] && exec /bin/date "$@"; exit 1')
    home.write_credentials(f"[mfa]\n{KEYS}expiration = {at(hours=14, minutes=20)[:-1]}\n")
    done = host.check()
    assert (done.returncode, done.stdout.split(",")[0]) == (1, "mfa: expiring")


@pytest.mark.parametrize(
    ("arguments", "code", "start"),
    [
        (["--warn", "1h30m", "mfa"], 1, "mfa: expiring"),
        (["--warn=60", "mfa"], 0, "mfa: valid"),
        (["--warn", "0"], 0, "mfa: valid"),
        (["--warn", "soon"], 3, "check.sh: not a duration: 'soon'"),
        (["--warn", "30s1m"], 3, "check.sh: not a duration"),
        (["--warn", ""], 3, "check.sh: not a duration"),
        (["--warn"], 3, "check.sh: --warn needs a time"),
        (["--frobnicate"], 3, "check.sh: no such option"),
        (["mfa", "work"], 3, "check.sh: one profile at a time"),
        (["--all", "mfa"], 3, "check.sh: a profile, or --all"),
        (["--help"], 0, "usage: "),
    ],
)
def test_the_script_takes_the_options_of_check(
    home, host: Host, arguments: list[str], code: int, start: str
) -> None:
    """It takes the times that `--warn` takes, and wrong usage exits with 3, as for any monitoring
    plugin.
    """
    home.write_credentials(f"[mfa]\n{KEYS}expiration = {at(hours=1)}\n")
    done = host.check(*arguments)
    assert done.returncode == code
    assert (done.stdout + done.stderr).startswith(start)


@pytest.mark.parametrize("value", ["$HOME/there", "${HOME}/there", "~/there", "$NONE/~/$"])
def test_the_script_finds_the_credentials_file_as_mfakit_does(
    home, host: Host, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """It expands variables and the home in the path."""
    (home.folder / "there").write_text(f"[mfa]\n{KEYS}expiration = {at(hours=3)}\n")
    monkeypatch.setenv("HOME", str(home.folder))
    environ = home.environ | {"AWS_SHARED_CREDENTIALS_FILE": value}
    done = host.check(AWS_SHARED_CREDENTIALS_FILE=value)
    found = Path(AWSFiles(environ).credentials_path).exists()
    assert done.returncode == (0 if found else 3)


def test_the_script_exits_with_3_without_a_file_a_home_or_awk(
    home, host: Host, tmp_path: Path
) -> None:
    assert said(host.check()) == (3, f"cannot read {home.credentials}")
    assert host.check(AWS_SHARED_CREDENTIALS_FILE=str(tmp_path)).returncode == 3
    assert said(host.check(HOME=""))[0] == 3
    home.write_credentials(f"[mfa]\n{KEYS}expiration = {at(hours=3)}\n")
    for failing in ("exit 0", "exit 1", "exit 2", "exit 127"):
        host.stub("awk", failing)
        assert host.check().returncode == 3
    host.stub("date", "exit 1")
    assert host.check().returncode == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full"])
def test_the_script_exits_with_3_for_an_unreadable_file(home, host: Host, redirection: str) -> None:
    home.write_credentials(f"[mfa]\n{KEYS}expiration = {at(hours=3)}\n")
    line = f'"$@" 2>/dev/null {redirection}'
    command = ["sh", "-c", line, "sh", *host.shell, SCRIPT]
    assert home.run(*command, PATH=f"{host.programs}:/usr/bin:/bin").returncode == 3


def test_the_script_waits_for_a_file_that_is_being_written(home, host: Host) -> None:
    """Many tools empty the file before they write it."""
    home.write_credentials("")
    text = f"[mfa]\n{KEYS}expiration = {at(hours=3)}\n"
    writer = threading.Timer(0.3, home.write_credentials, [text])
    writer.start()
    assert host.check().returncode == 0
    writer.join()


def test_the_script_shows_no_secret(home, host: Host, tmp_path: Path) -> None:
    """None is in the arguments of the programs that it runs, nor in its output."""
    log = tmp_path / "arguments"
    home.write_credentials(f"[mfa]\n{KEYS}expiration = {at(hours=3)[:-1]}\n")
    for program in ("awk", "date"):
        real = shutil.which(program)
        host.stub(program, f'printf \'%s\\n\' "$*" >>{log}; env >>{log}; exec {real} "$@"')
    done = host.check("--all")
    assert done.returncode == 0
    kept = log.read_text() + done.stdout
    assert "+%z" in kept
    assert "SECRET" not in kept
    assert "TOKEN" not in kept


@pytest.mark.parametrize(
    ("end", "verdict"),
    [
        ("12:00:00", (2, "mfa: expired, ended 0s ago")),
        ("12:00:01", (1, "mfa: expiring, ends in 1s")),
        ("12:29:59", (1, "mfa: expiring, ends in 29m59s")),
        ("12:30:00", (0, "mfa: valid, ends in 30m")),
        ("11:59:59.5", (2, "mfa: expired, ended 1s ago")),
    ],
)
def test_the_script_judges_to_the_second(
    home, host: Host, end: str, verdict: tuple[int, str]
) -> None:
    """A session has ended at its end, and is still valid with exactly half an hour left."""
    host.stub("date", "echo 2026-11-22T12:00:00Z")
    put(home.credentials, f"[mfa]\n{KEYS}expiration = 2026-11-22T{end}Z\n")
    done = host.check()
    assert (done.returncode, done.stdout.split(" (")[0]) == verdict
