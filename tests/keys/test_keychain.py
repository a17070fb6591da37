"""`keys import`, `export` and `remove`, and logins with a key that is not in a file."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from tests.exchange.conftest import log_in

from mfakit.profiles.own_files import digest
from mfakit.profiles.replacing import swap_name

PROGRAMS = ("gnome-keyring", "pass")


@pytest.fixture(params=PROGRAMS)
def any_keychain(request):
    """Each keychain that CI can install."""
    name = "keychain" if request.param == "gnome-keyring" else "password_store"
    return request.getfixturevalue(name)


def holding(home, secret: str) -> list[str]:
    """Return the files below the home that hold a secret in plain text."""
    return [
        str(path)
        for path in home.folder.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


def test_an_imported_key_is_in_no_file_and_logs_in(home, alice, any_keychain) -> None:
    """The copy from before the first change loses the key too, and the other sections stay."""
    log_in(home, alice)
    other = "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n"
    home.write_credentials(home.credentials.read_text() + other)
    assert holding(home, alice.secret_access_key)
    done = home.mfakit("keys", "import")
    assert done.returncode == 0, done.stderr
    assert "AWS tools find no key in the profile default now" in done.stderr
    assert holding(home, alice.secret_access_key) == []
    assert other in home.credentials.read_text()
    assert log_in(home, alice, "--force").returncode == 0
    listed = home.mfakit("keys").stdout
    assert f"default: {alice.access_key_id}, in the keychain" in listed
    assert holding(home, alice.secret_access_key) == []
    exported = home.mfakit("keys", "export")
    assert exported.returncode == 0, exported.stderr
    assert alice.secret_access_key in home.credentials.read_text()
    assert "mfakit_key_store" not in home.config.read_text()
    assert home.mfakit("keys", "remove", "--yes").returncode == 1


IN_MEMORY = """
import keyring.backend

class Backend(keyring.backend.KeyringBackend):
    priority = 1
    entries = {}

    def get_password(self, service, name):
        return self.entries.get(name)

    def set_password(self, service, name, secret):
        self.entries[name] = secret

    def delete_password(self, service, name):
        del self.entries[name]
"""


def test_a_key_stays_in_its_file_if_the_keychain_keeps_it_in_the_memory_of_one_process(
    home, alice
) -> None:
    (home.folder / "memory.py").write_text(IN_MEMORY)
    home.environ |= {
        "PYTHONPATH": str(home.folder),
        "PYTHON_KEYRING_BACKEND": "memory.Backend",
    }
    done = home.run(sys.executable, "-m", "mfakit", "keys", "import")
    assert (done.returncode, "does not give back what was stored" in done.stderr) == (1, True)
    assert alice.secret_access_key in home.credentials.read_text()


def test_an_entry_of_one_credentials_file_is_not_called_lost_by_another(
    home, alice, password_store
) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    folder = home.credentials.parent
    other = {
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials.work"),
        "AWS_CONFIG_FILE": str(folder / "config.work"),
    }
    assert "lost it" not in home.mfakit("keys", **other).stderr


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("linked", [".", "python-keyring"])
@pytest.mark.parametrize("place", ["store", ".password-store"])
def test_an_entry_is_on_disk_before_the_file_loses_the_key(
    home, alice, password_store, place, linked
) -> None:
    """After a loss of power, an entry that `pass` has just written may be empty.

    The store, or a folder in it, may be on another file system than the home.
    """
    if not os.path.isdir("/dev/shm"):
        pytest.skip("there is no second file system")
    if place == ".password-store":  # which is its usual one
        del home.environ["PASSWORD_STORE_DIR"]
        (home.folder / "store").rename(home.folder / place)
    log, link = home.folder / "calls", home.folder / place / linked
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        if link.exists():
            shutil.move(link, f"{elsewhere}/entries")
        else:
            os.mkdir(f"{elsewhere}/entries")
        link.symlink_to(f"{elsewhere}/entries")
        strace = ("strace", "-f", "-y", "-o", str(log), "-e", "trace=syncfs,renameat2")
        assert home.run(*strace, "mfakit", "keys", "import").returncode == 0
        calls = log.read_text().splitlines()
        flushed = [n for n, call in enumerate(calls) if "syncfs" in call and elsewhere in call]
        swapped = next(n for n, call in enumerate(calls) if str(home.credentials) in call)
        assert flushed
        assert flushed[0] < swapped


IN_FILE = """
import os, signal, time
from functools import cached_property
from keyrings.alt.file_base import Keyring

class Backend(Keyring):
    priority = 9
    filename = "entries.cfg"
    scheme, version = "reversed", "1"

    def encrypt(self, password, assoc=None):
        return password[::-1]

    def decrypt(self, password_encrypted, assoc=None):
        return password_encrypted[::-1]

class Asking(Backend):
    @cached_property
    def keyring_key(self):
        with open(os.environ["ANSWER"]) as given:
            if given.read() != "right":
                raise ValueError("Incorrect Password")
        if not os.path.exists(self.file_path):
            super()._write_config_value("setting", "reference", "")

    def encrypt(self, password, assoc=None):
        self.keyring_key
        return super().encrypt(password)

class Emptying(Backend):
    def _write_config_value(self, *entry):
        with open(self.file_path) as file:
            before = file.read()
        open(self.file_path, "w").close()
        if "KILLED" in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.5)
        with open(self.file_path, "w") as file:
            file.write(before)
        super()._write_config_value(*entry)

class AskingAndEmptying(Asking, Emptying):
    pass

class OneEntry(Backend):
    def get_password(self, service, name):
        return super().get_password(service, "only")

    def set_password(self, service, name, password):
        super().set_password(service, "only", password)

    def delete_password(self, service, name):
        super().delete_password(service, "only")
"""


class Ring:
    """A keychain of keyrings.alt in a file, with an entry of each user."""

    def __init__(self, home, *users) -> None:
        self.home = home
        (home.folder / "in_file.py").write_text(IN_FILE)
        home.environ |= {
            "PYTHON_KEYRING_BACKEND": "in_file.Backend",
            "PYTHONPATH": str(home.folder),
            "XDG_DATA_HOME": str(home.folder / "data"),
        }
        keys = "aws_access_key_id = {}\naws_secret_access_key = {}\n".format
        self.keys = [
            f"[{user.name}]\n" + keys(user.access_key_id, user.secret_access_key) for user in users
        ]
        home.write_credentials("".join(self.keys))

    def imported(self, user) -> subprocess.CompletedProcess[str]:
        return self.home.mfakit("keys", "import", "--source-profile", user.name)

    @property
    def file(self) -> Path:
        (file,) = (self.home.folder / "data").rglob("entries.cfg")
        return file

    def has(self, user) -> bool:
        done = self.home.mfakit("keys", "export", "--source-profile", user.name)
        return done.returncode == 0 and user.secret_access_key in self.home.credentials.read_text()


@pytest.fixture
def bob(aws):
    return aws.create_user("bob")


@pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed")
def test_a_keychain_in_a_file_keeps_its_entries_where_there_is_no_room_for_another(
    home, alice, bob
) -> None:
    """It empties its file before it writes it."""
    ring = Ring(home, alice, bob)
    assert ring.imported(alice).returncode == 0
    before = ring.file.read_bytes() + b"[others]\nentry = %s\n\n" % (b"x" * 20_000)
    ring.file.write_bytes(before)
    limit = f"--fsize={len(before) + 10}"
    done = home.run("prlimit", limit, "mfakit", "keys", "import", "--source-profile", "bob")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert ring.file.read_bytes() == before
    assert {path.name for path in ring.file.parent.iterdir()} == {"entries.cfg", "entries.cfg.lock"}
    assert ring.keys[1] in home.credentials.read_text()
    assert ring.has(alice)


@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
@pytest.mark.parametrize("password", ["wrong", "right"])
def test_an_entry_that_is_stored_while_a_keychain_asks_for_its_password_stays(
    home, alice, bob, password: str
) -> None:
    ring = Ring(home, alice, bob)
    assert ring.imported(alice).returncode == 0
    answer = home.folder / "answer"
    os.mkfifo(answer)
    waiting = home.environ | {"PYTHON_KEYRING_BACKEND": "in_file.Asking", "ANSWER": str(answer)}
    words = ["mfakit", "keys", "import", "--source-profile", "bob"]
    with subprocess.Popen(words, env=waiting, stderr=subprocess.PIPE, text=True) as process:
        with answer.open("w") as prompt:  # once the keychain has opened the other end
            store = "import keyring; keyring.set_password('mail', 'me', 'another entry')"
            home.run(sys.executable, "-c", store)
            prompt.write(password)
        _, said = process.communicate(timeout=60)
    assert (process.returncode == 0) == (password == "right"), said
    assert ("its password may be wrong" in said) == (password == "wrong")
    read = "import keyring; print(keyring.get_password('mail', 'me'))"
    assert home.run(sys.executable, "-c", read).stdout == "another entry\n"
    assert ring.has(alice)
    assert (ring.keys[1] in home.credentials.read_text()) == (password == "wrong")


@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
@pytest.mark.parametrize("ending", ["", "KILLED"])
def test_a_keychain_that_another_program_makes_during_the_question_for_its_password_stays(
    home, alice, ending: str
) -> None:
    ring, answer = Ring(home, alice), home.folder / "answer"
    os.mkfifo(answer)
    asking = {"PYTHON_KEYRING_BACKEND": "in_file.AskingAndEmptying", "ANSWER": str(answer)}
    waiting = home.environ | asking | dict.fromkeys(filter(None, [ending]), "1")
    words = ["mfakit", "keys", "import", "--source-profile", "alice"]
    with subprocess.Popen(words, env=waiting, stderr=subprocess.PIPE, text=True) as process:
        with answer.open("w") as prompt:
            store = "import keyring; keyring.set_password('mail', 'me', 'another entry')"
            home.run(sys.executable, "-c", store)
            prompt.write("right")
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1, said
    read = "import keyring; print(keyring.get_password('mail', 'me'))"
    assert home.run(sys.executable, "-c", read).stdout == "another entry\n"
    assert ring.keys[0] in home.credentials.read_text()
    assert ring.imported(alice).returncode == 0
    assert ring.has(alice)
    left = [path.name for path in ring.file.parent.iterdir()]
    assert sorted(left) == ["entries.cfg", "entries.cfg.lock"]


def test_a_keychain_in_a_file_keeps_its_entries_if_its_process_is_killed(home, alice, bob) -> None:
    ring = Ring(home, alice, bob)
    assert ring.imported(alice).returncode == 0
    before = ring.file.read_bytes()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(home.environ, "PYTHON_KEYRING_BACKEND", "in_file.Emptying")
        patch.setitem(home.environ, "KILLED", "1")
        done = ring.imported(bob)
    assert (done.returncode, "without an answer" in done.stderr) == (1, True)
    assert ring.file.read_bytes() == before
    assert ring.imported(bob).returncode == 0
    assert ring.has(alice)
    assert ring.has(bob)
    left = [path.name for path in ring.file.parent.iterdir()]
    assert sorted(left) == ["entries.cfg", "entries.cfg.lock"]


def test_a_rotation_leaves_the_key_in_a_keychain_that_has_one_entry_for_all(home, alice) -> None:
    ring = Ring(home, alice)
    home.environ["PYTHON_KEYRING_BACKEND"] = "in_file.OneEntry"
    assert ring.imported(alice).returncode == 0
    done = home.mfakit("keys", "rotate", "--yes", "--source-profile", "alice")
    assert (done.returncode, "another secret of this key" in done.stderr) == (1, True), done.stderr
    assert ring.has(alice)


def test_rotations_of_several_profiles_at_once_lose_no_entry_of_a_keychain_in_a_file(
    home, alice, bob
) -> None:
    ring = Ring(home, alice, bob)
    for user in (alice, bob):
        assert ring.imported(user).returncode == 0
    environ = home.environ | {"PYTHON_KEYRING_BACKEND": "in_file.Emptying"}
    words = ["mfakit", "keys", "rotate", "--yes", "--source-profile"]
    both = [
        subprocess.Popen([*words, user.name], env=environ, stderr=subprocess.PIPE, text=True)
        for user in (alice, bob)
    ]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    for user in (alice, bob):
        done = home.mfakit("keys", "rotate", "--undo", "--yes", "--source-profile", user.name)
        assert done.returncode == 0, done.stderr
        assert ring.has(user)


def test_every_command_gets_the_key_from_the_keychain(home, alice, aws, keychain) -> None:
    """boto3 is the SDK that asks mfakit for the session here."""
    codes = [alice.device.code() for _ in range(3)]
    home.mfakit("keys", "import")
    assert alice.device.serial_number in home.mfakit("devices").stdout
    command = home.token_command(*codes)
    home.mfakit("configure", "--token-command", command, "--credential-process")
    arn = "import boto3; print(boto3.Session(profile_name='mfa').client('sts')"
    done = home.run(sys.executable, "-c", f"{arn}.get_caller_identity()['Arn'])")
    assert done.stdout.strip() == alice.arn, done.stderr
    home.mfakit("logout")
    assert home.mfakit("exec", "--", "true").returncode == 0
    home.mfakit("logout")
    code = "import mfakit; print(mfakit.refreshing_session('mfa').client('sts')"
    done = home.run(sys.executable, "-c", f"{code}.get_caller_identity()['Arn'])")
    assert done.stdout.strip() == alice.arn, done.stderr
    said = home.mfakit("explain", "-p", "default").stdout
    assert "AWS tools find no key for profile 'default'" in said
    assert holding(home, alice.secret_access_key) == []


def test_a_key_from_the_consoles_csv_file_never_lies_in_the_credentials_file(
    home, alice, keychain
) -> None:
    home.write_credentials("")
    given = home.folder / "alice_accessKeys.csv"
    given.write_bytes(
        b"\xef\xbb\xbfAccess key ID,Secret access key\r\n"
        + f"{alice.access_key_id},{alice.secret_access_key}\r\n".encode()
    )
    done = home.mfakit("keys", "import", "--from-csv", str(given))
    assert done.returncode == 0, done.stderr
    given.unlink()
    assert holding(home, alice.secret_access_key) == []
    assert log_in(home, alice).returncode == 0


def test_plain_use_by_a_process_lets_every_sdk_work_as_before(home, alice, keychain) -> None:
    assert home.mfakit("keys", "import", "--plain-use", "process").returncode == 0
    line = "credential_process = mfakit keys export --format process --source-profile default"
    assert line in home.config.read_text()
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
    assert home.run(sys.executable, "-c", code).stdout.strip() == alice.arn
    assert home.mfakit("keys", "export").returncode == 0
    assert "credential_process" not in home.config.read_text()


def test_a_profile_whose_key_is_elsewhere_never_holds_a_session(home, alice, keychain) -> None:
    """A session there would hide the key, and the profile would no longer be a source."""
    home.mfakit("keys", "import")
    session = json.dumps(
        {
            "AccessKeyId": "ASIA1",
            "SecretAccessKey": "s",
            "SessionToken": "t",
            "Expiration": "2126-01-01T00:00:00Z",
        }
    )
    done = home.mfakit("login", "-p", "default", "--from-json", "-", stdin=session)
    assert (done.returncode, "never overwritten" in done.stderr) == (1, True)
    assert log_in(home, alice, AWS_PROFILE="default").returncode == 0
    assert "[mfa]" in home.credentials.read_text()


def test_files_that_still_hold_the_key_and_roles_made_from_it_are_named(
    home, alice, keychain
) -> None:
    copy = home.credentials.with_name("credentials~")
    copy.write_text(home.credentials.read_text())
    home.write_config(
        "[profile prod]\nrole_arn = arn:aws:iam::1:role/p\nsource_profile = default\n"
    )
    done = home.mfakit("keys", "import")
    assert f"{copy} still holds the key" in done.stderr
    assert "mfakit configure --role-profile prod -p mfa" in done.stderr


def test_a_copy_that_cannot_be_read_is_named_and_the_key_imported(home, alice, keychain) -> None:
    """It may be root's; the key has been moved when it is its turn."""
    log_in(home, alice)
    copy = home.credentials.parent / "mfakit" / "credentials.before"
    copy.chmod(0)
    if os.geteuid() == 0:
        os.chown(copy, 4321, 4321)
    done = home.mfakit("keys", "import")
    assert (done.returncode, f"remove {copy} if it has the key" in done.stderr) == (0, True)
    assert alice.secret_access_key not in home.credentials.read_text()
    assert home.mfakit("keys", "export").returncode == 0


def test_import_leaves_the_key_in_the_file_if_what_names_its_entry_cannot_be_written(
    home, alice, keychain
) -> None:
    """An editor that writes back the config of before would leave the entry without a name."""
    folder = home.credentials.parent / "mfakit"
    folder.mkdir(mode=0o700)
    (folder / "keys").write_text("in the way")
    before = home.credentials.read_text()
    done = home.mfakit("keys", "import")
    assert (done.returncode, f"{folder}/keys" in done.stderr) == (1, True), done.stderr
    assert home.credentials.read_text() == before
    (folder / "keys").unlink()
    assert home.mfakit("keys", "import").returncode == 0


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_an_error_of_a_moment_does_not_take_the_name_of_a_keychain_entry(
    home, alice, keychain
) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    folder = home.credentials.parent / "mfakit/keys"
    (record,) = [path for path in folder.iterdir() if "." not in path.name]
    inject = ("-P", str(record), "-e", "inject=openat:error=EIO:when=1..3")
    home.run("strace", "-f", "-o", os.devnull, *inject, "mfakit", "keys")
    home.config.unlink()  # as from before the import
    said = home.mfakit("keys").stderr
    assert f"the key {alice.access_key_id} is in the keychain, and profile default lost it" in said


def test_remove_deletes_the_entry_and_the_setting_after_a_yes(home, alice, keychain) -> None:
    home.mfakit("keys", "import")
    done = home.mfakit("keys", "remove", terminal=False)
    assert (done.returncode, "mfakit keys remove --yes" in done.stderr) == (1, True)
    assert home.mfakit("keys", "remove", "--yes").returncode == 0
    assert "mfakit_key_store" not in home.config.read_text()
    assert home.mfakit("login", "--token-code", "123456").returncode == 1


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        ("keyring.backends.null.Keyring", "stores plain text, or nothing"),
        ("keyring.backends.fail.Keyring", "there is no keychain that can be used here"),
        ("keyrings.alt.file.PlaintextKeyring", "stores plain text, or nothing"),
        ("of_another_package.PlaintextKeyring", "stores plain text, or nothing"),
        ("no.such.Backend", "names a keychain that cannot be loaded"),
    ],
)
def test_a_keychain_that_would_not_protect_the_key_is_refused(
    home, alice, backend: str, message: str
) -> None:
    before = home.credentials.read_text()
    module = "from keyrings.alt.file import PlaintextKeyring as Base\n"
    module += "class PlaintextKeyring(Base): pass\n"
    (home.folder / "of_another_package.py").write_text(module)
    home.environ["PYTHONPATH"] = str(home.folder)
    done = home.mfakit("keys", "import", PYTHON_KEYRING_BACKEND=backend)
    assert (done.returncode, message in done.stderr) == (1, True), done.stderr
    assert home.credentials.read_text() == before
    assert not home.config.exists()


def test_without_a_session_bus_no_plain_text_is_chosen_in_silence(home, alice) -> None:
    """keyring itself falls through to plain text where keyrings.alt is installed."""
    home.environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
    done = home.mfakit("keys", "import")
    assert done.returncode == 1
    assert "no keychain can be reached" in done.stderr
    assert alice.secret_access_key in home.credentials.read_text()


def test_a_missing_entry_says_how_to_import_it_again(home, alice, keychain) -> None:
    home.write_credentials("")
    home.write_config("[default]\nmfakit_key_store = keyring:AKIAGONE\n")
    done = log_in(home, alice)
    assert (done.returncode, "no entry for the key AKIAGONE" in done.stderr) == (1, True)


@pytest.mark.parametrize("form", ["json", "lines"])
def test_a_key_command_gives_the_key_to_every_command(home, alice, form: str) -> None:
    """The command prints it as `pass show`, 1Password, age and sops do; no shell is involved."""
    given = home.folder / "key"
    as_json = {
        "Version": 1,
        "AccessKeyId": alice.access_key_id,
        "SecretAccessKey": alice.secret_access_key,
    }
    lines = f"{alice.access_key_id}\n{alice.secret_access_key}\n"
    given.write_text(json.dumps(as_json) if form == "json" else lines)
    home.write_credentials("")
    home.write_config(f"[default]\nmfakit_key_command = cat {given}\n")
    assert alice.device.serial_number in home.mfakit("devices").stdout
    assert log_in(home, alice).returncode == 0
    assert home.mfakit("exec", "--", "true").returncode == 0
    assert "given by the program cat" in home.mfakit("keys").stdout
    assert home.mfakit("keys", "rotate", "--yes").returncode == 64


@pytest.mark.parametrize("printed", ["", "AKIA1", '{"Version": 1}', "{"])
def test_a_key_command_that_prints_no_key_is_an_error_without_its_output(
    home, alice, printed: str
) -> None:
    given = home.folder / "key"
    given.write_text(printed)
    home.write_credentials("")
    home.write_config(f"[default]\nmfakit_key_command = cat {given}\n")
    done = log_in(home, alice)
    assert (done.returncode, "printed no key" in done.stderr) == (1, True)
    assert "AKIA1" not in done.stderr


def key_lines(access_key_id: str, secret: str) -> str:
    return f"aws_access_key_id = {access_key_id}\naws_secret_access_key = {secret}\n"


def csv_of(home, name: str, secret: str) -> str:
    """Write a file as the console hands it out; return its path."""
    given = home.folder / "keys.csv"
    given.write_text(f"Access key ID,Secret access key\n{name},{secret}\n")
    return str(given)


@pytest.mark.parametrize("way", [["remove", "--yes"], ["export"]], ids=["remove", "export"])
def test_another_key_of_the_profile_in_the_keychain_can_be_imported_by_the_advice(
    home, aws, alice, keychain, way: list[str]
) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    made = aws.root.session().client("iam").create_access_key(UserName="alice")["AccessKey"]
    given = csv_of(home, made["AccessKeyId"], made["SecretAccessKey"])
    done = home.mfakit("keys", "import", "--from-csv", given)
    assert f"mfakit keys {way[0]}" in done.stderr
    assert home.mfakit("keys", *way).returncode == 0
    if way == ["export"]:
        home.write_credentials("")
        (home.credentials.parent / "mfakit" / "credentials.before").unlink(missing_ok=True)
    assert home.mfakit("keys", "import", "--from-csv", given).returncode == 0


def test_an_entry_that_is_gone_can_be_imported_again_by_the_advice(home, alice, keychain) -> None:
    home.write_config(f"[default]\nmfakit_key_store = keyring:{alice.access_key_id}\n")
    home.write_credentials("")
    done = home.mfakit("keys", "export")
    assert "import the key again: mfakit keys import --from-csv FILE" in done.stderr
    given = csv_of(home, alice.access_key_id, alice.secret_access_key)
    assert home.mfakit("keys", "import", "--from-csv", given).returncode == 0
    assert home.mfakit("keys", "export").returncode == 0


@pytest.mark.parametrize("is_alone", [True, False])
def test_keys_says_how_to_name_an_entry_that_no_profile_names_any_more(
    home, alice, keychain, is_alone
) -> None:
    """An editor that had the config file open saves what it was before the import."""
    assert home.mfakit("keys", "import").returncode == 0
    assert "lost it" not in home.mfakit("keys").stderr
    home.config.unlink()
    if not is_alone:
        home.write_credentials("[other]\n" + key_lines("AKIAOTHER", "other"))
    line = f"aws configure set mfakit_key_store keyring:{alice.access_key_id} --profile default"
    for command in ("keys", "keys rotate", "login"):
        source = [] if command == "keys" else ["--source-profile", "default"]
        assert line in home.mfakit(*command.split(), *source).stderr
    home.shell(line)
    assert f"default: {alice.access_key_id}, in the keychain" in home.mfakit("keys").stdout
    assert log_in(home, alice).returncode == 0
    assert home.mfakit("keys", "export").returncode == 0
    home.write_credentials("")
    assert "lost it" not in home.mfakit("keys").stderr


def test_a_secret_in_the_place_of_the_id_is_not_imported(home, keychain) -> None:
    """It would be the name of the entry, which is shown, and stand in the config file."""
    secret = "wJalrXUtnFEMIxK7MDENGxbPxRfiCYSECRETKEY1"
    done = home.mfakit("keys", "import", "--from-csv", csv_of(home, secret, "AKIANEW"))
    assert (done.returncode, secret in done.stdout + done.stderr) == (1, False)
    assert "looks like a secret" in done.stderr
    assert not home.config.exists()


def test_import_keeps_another_key_of_the_profile_in_the_config_file(home, alice, keychain) -> None:
    """Nobody saw it there, and nobody else may have its secret."""
    hidden = "[default]\naws_access_key_id = AKIAHIDDEN\naws_secret_access_key = hidden\n"
    home.write_config(hidden)
    done = home.mfakit("keys", "import")
    assert (done.returncode, "AKIAHIDDEN" in done.stderr) == (1, True), done.stderr
    assert home.config.read_text() == hidden
    assert alice.secret_access_key in home.credentials.read_text()


def test_import_names_another_key_in_the_copy_from_before_and_leaves_it(
    home, alice, keychain
) -> None:
    """The copy may be the only place of a key that the user has replaced by hand."""
    log_in(home, alice)
    copy = home.credentials.parent / "mfakit" / "credentials.before"
    copy.write_text("[default]\naws_access_key_id = AKIAOLD\naws_secret_access_key = old\n")
    before = copy.read_text()
    done = home.mfakit("keys", "import")
    assert (done.returncode, f"{copy} has another key" in done.stderr) == (0, True), done.stderr
    assert copy.read_text() == before


def test_import_never_replaces_a_secret_by_another_of_the_same_key(home, alice, keychain) -> None:
    before = home.credentials.read_text()
    given = csv_of(home, alice.access_key_id, "another")
    done = home.mfakit("keys", "import", "--from-csv", given)
    assert (done.returncode, "another secret" in done.stderr) == (1, True), done.stderr
    assert home.credentials.read_text() == before


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("aws_access_key_id = {id}", "the id {id} without a secret"),
        ("aws_secret_access_key = mine", "a secret without an id"),
        ("aws_access_key_id = my/secret", "what looks like a secret in the place of the id"),
    ],
)
def test_import_names_what_a_profile_has_of_a_key(home, alice, keychain, line, what) -> None:
    home.write_credentials(f"[default]\n{line.format(id=alice.access_key_id)}\n")
    given = csv_of(home, alice.access_key_id, alice.secret_access_key)
    done = home.mfakit("keys", "import", "--from-csv", given)
    assert done.returncode == 1
    assert f"holds {what.format(id=alice.access_key_id)} in" in done.stderr


def test_import_names_the_token_that_a_session_has_left_beside_a_key(home, keychain) -> None:
    """The AWS CLI's `configure` leaves it there."""
    home.write_credentials(
        "[mfa]\naws_access_key_id = AKIA1\naws_secret_access_key = s\naws_session_token = t\n"
    )
    done = home.mfakit("keys", "import", "--source-profile", "mfa")
    assert (done.returncode, "beside a session's token" in done.stderr) == (1, True)
    assert "mfakit explain --profile mfa" in done.stderr
    assert "stale-token" in home.mfakit("explain", "--profile", "mfa", "--json").stdout


def test_import_does_not_leave_a_key_in_the_keychain_that_no_profile_names(
    home, alice, keychain
) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    done = home.mfakit("keys", "import", "--from-csv", csv_of(home, "AKIANEW", "new"))
    assert (done.returncode, alice.access_key_id in done.stderr) == (1, True), done.stderr
    assert "mfakit keys export" in done.stderr
    assert alice.access_key_id in home.config.read_text()


def test_plain_use_none_takes_back_plain_use_by_a_process(home, alice, keychain) -> None:
    assert home.mfakit("keys", "import", "--plain-use", "process").returncode == 0
    assert home.mfakit("keys", "import", "--plain-use", "none").returncode == 0
    assert "credential_process" not in home.config.read_text()


def test_plain_use_by_a_process_replaces_no_other_program(home, alice, keychain) -> None:
    program = "[default]\ncredential_process = aws-vault export work\n"
    home.write_config(program)
    done = home.mfakit("keys", "import", "--plain-use", "process")
    assert (done.returncode, "credential_process" in done.stderr) == (1, True), done.stderr
    assert home.config.read_text() == program
    assert alice.secret_access_key in home.credentials.read_text()


@pytest.mark.parametrize(
    "line",
    [
        "env A=1 mfakit keys export --format process",
        "mfakit keys export --format process --source-profile other",
    ],
)
def test_a_users_own_line_that_exports_the_key_stays_when_the_key_moves(
    home, alice, keychain, line: str
) -> None:
    line = f"credential_process = {line}"
    home.write_config(f"[default]\n{line}\n")
    done = home.mfakit("keys", "import")
    assert (done.returncode, "a line of your own, which stays" in done.stderr) == (0, True)
    assert "find no key" not in done.stderr
    assert alice.secret_access_key not in home.credentials.read_text()
    assert home.mfakit("keys", "export").returncode == 0
    assert alice.secret_access_key in home.credentials.read_text()
    assert line in home.config.read_text()


@pytest.mark.parametrize("config", ["", "[profile p]\nrole_arn = arn:aws:iam::1:role/p\n"])
def test_what_cannot_be_a_source_is_refused_before_the_keychain_is_changed(
    home, alice, keychain, config: str
) -> None:
    """A session is refused, and any key for a profile that assumes a role."""
    home.write_config(config)
    name = "AKIANEW" if config else "ASIANEW"
    path = csv_of(home, name, "new")
    done = home.mfakit("keys", "import", "--source-profile", "p", "--from-csv", path)
    assert done.returncode == 1, done.stderr
    home.write_config(f"[profile q]\nmfakit_key_store = keyring:{name}\n")
    done = home.mfakit("keys", "export", "--source-profile", "q")
    assert (done.returncode, "no entry for the key" in done.stderr) == (1, True)


@pytest.mark.parametrize("name", ["DEFAULT", "a]b"])
def test_export_writes_nothing_for_a_profile_whose_name_could_not_be_read_back(
    home, alice, keychain, name: str
) -> None:
    """Every profile would have what is in [DEFAULT]."""
    assert home.mfakit("keys", "import").returncode == 0
    config = home.config.read_text()
    home.write_config(config.replace("[default]", f"[profile {name}]"))
    before = home.credentials.read_text()
    done = home.mfakit("keys", "export", "--source-profile", name)
    assert (done.returncode, "cannot be a profile's name" in done.stderr) == (64, True), done.stderr
    assert home.credentials.read_text() == before
    home.write_config(config)
    assert printed_secret(home) == alice.secret_access_key


def test_export_keeps_the_entry_that_another_profile_names(home, alice, keychain) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    store = f"mfakit_key_store = keyring:{alice.access_key_id}\n"
    home.write_config(home.config.read_text() + f"[profile twin]\n{store}")
    assert home.mfakit("keys", "export").returncode == 0
    done = home.mfakit("keys", "export", "--source-profile", "twin")
    assert done.returncode == 0, done.stderr


def test_what_a_user_has_added_to_an_entry_stays_when_the_key_is_imported_again(
    home, alice, password_store
) -> None:
    """The lines below the secret are the user's own in `pass`."""
    assert home.mfakit("keys", "import").returncode == 0
    entry = f"python-keyring/mfakit/{alice.access_key_id}"
    text = f"{alice.secret_access_key}\nmy own note\n"
    given = home.folder / "given"
    given.write_text(text)
    home.run("sh", "-c", f"pass insert -m -f {entry} < {given}")
    done = home.mfakit("keys", "import")
    assert done.returncode == 0, done.stderr
    assert home.run("pass", "show", entry).stdout == text


@pytest.mark.parametrize(
    "printed",
    [
        "{secret}\n{id}\n",
        "ASIAEXAMPLE\n{secret}\nsession-token\n",
        "Error: {secret} is not\nin the store\n",
        '{{"AccessKeyId": "", "SecretAccessKey": ""}}',
        '{{"AccessKeyId": "ASIAEXAMPLE", "SecretAccessKey": "{secret}"}}',
    ],
)
def test_what_a_key_command_prints_is_shown_nowhere_unless_it_is_an_id(
    home, alice, printed: str
) -> None:
    """`pass` keeps the secret first; as an id, it would go over the network as it is."""
    given = home.folder / "key"
    given.write_text(printed.format(id=alice.access_key_id, secret=alice.secret_access_key))
    home.write_credentials("")
    home.write_config(f"[default]\nmfakit_key_command = cat {given}\n")
    for command in (["devices"], ["keys", "export", "--format", "process"]):
        done = home.mfakit(*command, "--debug")
        assert (done.returncode, "printed no key" in done.stderr) == (1, True), done.stderr
        assert alice.secret_access_key not in done.stderr + done.stdout


def test_keys_says_that_a_profile_has_no_key(home, alice) -> None:
    done = home.mfakit("keys", "--source-profile", "nosuch")
    assert (done.returncode, "'nosuch' has no long-term key" in done.stderr) == (1, True)


def test_a_misspelled_store_of_one_profile_hides_no_other(home, alice) -> None:
    home.write_config("[profile a]\nmfakit_key_store = keychain\n")
    done = home.mfakit("keys")
    assert f"default: {alice.access_key_id}" in done.stdout
    assert "mfakit_key_store of profile 'a' names no store" in done.stderr


def test_a_key_command_that_asks_mfakit_again_is_refused(home, alice) -> None:
    """It would start itself without end."""
    program = home.folder / "mfakit"
    program.write_text(
        f'#!/bin/sh\necho run >> {home.folder}/runs\nexec {sys.executable} -m mfakit "$@"\n'
    )
    program.chmod(0o700)
    home.write_credentials("")
    home.write_config(f"[default]\nmfakit_key_command = {program} keys export --format process\n")
    done = home.run("timeout", "10", sys.executable, "-m", "mfakit", "devices")
    assert (done.returncode, "runs mfakit itself" in done.stderr) == (1, True), done.stderr
    assert not (home.folder / "runs").exists()


def printed_secret(home, *arguments: str) -> str:
    """Return the secret that the keychain has for a profile; "" if it has none."""
    done = home.mfakit("keys", "export", "--format", "process", *arguments)
    return json.loads(done.stdout)["SecretAccessKey"] if done.returncode == 0 else ""


@pytest.mark.parametrize("profile", ["default", "other"])
def test_import_never_replaces_another_secret_in_the_keychain(
    home, alice, keychain, profile: str
) -> None:
    """It may be the only one; two profiles with the same key share an entry."""
    assert home.mfakit("keys", "import").returncode == 0
    given = csv_of(home, alice.access_key_id, "mistyped")
    done = home.mfakit("keys", "import", "--source-profile", profile, "--from-csv", given)
    assert (done.returncode, "another secret of this key" in done.stderr) == (1, True), done.stderr
    assert printed_secret(home) == alice.secret_access_key
    assert "[profile other]" not in home.config.read_text()


@pytest.mark.parametrize("key_id", ["", "aws_access_key_id = {id}\n"])
def test_export_never_overwrites_a_secret_of_the_section(
    home, alice, keychain, key_id: str
) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    mine = f"[default]\n{key_id.format(id=alice.access_key_id)}aws_secret_access_key = mine\n"
    home.write_credentials(mine)
    done = home.mfakit("keys", "export")
    assert (done.returncode, "holds another key" in done.stderr) == (1, True), done.stderr
    assert home.credentials.read_text() == mine
    assert printed_secret(home) == alice.secret_access_key


@pytest.mark.parametrize("spelling", ["mine # of 2024", "mi\n  ne"])
def test_a_secret_that_could_not_come_back_into_the_file_stays_there(
    home, keychain, spelling: str
) -> None:
    """The SDKs for JavaScript and Go cut a value before ` #`, so the key may be in use."""
    text = f"[default]\naws_access_key_id = AKIAMINE\naws_secret_access_key = {spelling}\n"
    home.write_credentials(text)
    assert home.mfakit("keys", "import").returncode == 64
    assert home.credentials.read_text() == text
    assert not home.config.exists()


def in_a_locked_folder(home) -> None:
    """Let AWS_CONFIG_FILE name a config file that cannot be replaced."""
    folder = home.folder / "locked"
    folder.mkdir()
    (folder / "config").write_text(home.config.read_text() if home.config.exists() else "")
    (folder / "config.lock").mkdir()
    home.environ["AWS_CONFIG_FILE"] = str(folder / "config")


@pytest.mark.parametrize("action", ["import", "export", "remove"])
def test_no_key_is_moved_if_the_file_that_names_its_place_cannot_be_written(
    home, alice, keychain, action: str
) -> None:
    if action != "import":
        assert home.mfakit("keys", "import").returncode == 0
    before = home.credentials.read_text()
    usual = dict(home.environ)
    in_a_locked_folder(home)
    yes = ("--yes",) if action == "remove" else ()
    done = home.mfakit("keys", action, *yes)
    assert (done.returncode, "cannot write" in done.stderr) == (1, True), done.stderr
    assert home.credentials.read_text() == before
    home.environ = usual
    home.write_config(f"[profile look]\nmfakit_key_store = keyring:{alice.access_key_id}\n")
    there = alice.secret_access_key if action != "import" else ""
    assert printed_secret(home, "--source-profile", "look") == there


def test_an_import_that_was_cut_off_says_where_the_key_is(home, alice, keychain) -> None:
    """The settings name the keychain by then, and AWS tools find the key in the file."""
    store = f"mfakit_key_store = keyring:{alice.access_key_id}\n"
    home.write_config(f"[default]\n{store}")
    line = home.mfakit("keys").stdout.splitlines()[0]
    assert "in the keychain" in line
    assert f"AWS tools use the key that is in {home.credentials}" in line


def test_an_export_that_was_killed_at_its_last_step_is_ended_by_the_next(
    home, alice, keychain
) -> None:
    section = home.credentials.read_text()
    assert home.mfakit("keys", "import").returncode == 0
    home.write_credentials(section)
    home.write_config("")
    done = home.mfakit("keys", "export")
    assert (done.returncode, "no longer in the keychain" in done.stderr) == (0, True), done.stderr
    home.write_config(f"[profile look]\nmfakit_key_store = keyring:{alice.access_key_id}\n")
    assert printed_secret(home, "--source-profile", "look") == ""
    assert home.credentials.read_text() == section


def test_an_imported_key_leaves_the_copy_of_the_config_too(home, alice, keychain) -> None:
    home.write_config(home.credentials.read_text())
    home.write_credentials("")
    assert home.mfakit("configure", "-p", "mfa", "--duration", "2h").returncode == 0
    assert "config.before" in str(holding(home, alice.secret_access_key))
    assert home.mfakit("keys", "import").returncode == 0
    assert holding(home, alice.secret_access_key) == []


def test_where_an_exported_key_is_the_config_from_before_is_no_reason_to_import_it_again(
    home, alice, keychain
) -> None:
    """An editor may have written that back."""
    assert home.mfakit("keys", "import").returncode == 0
    config = home.config.read_text()
    assert home.mfakit("keys", "export").returncode == 0
    home.write_config(config)
    done = log_in(home, alice)
    number = config.splitlines().index(f"mfakit_key_store = keyring:{alice.access_key_id}") + 1
    hint = (
        f"the key is in {home.credentials}, line 4: remove mfakit_key_store"
        f" ({home.config}, line {number})"
    )
    assert (done.returncode, hint in done.stderr) == (1, True), done.stderr
    home.write_config(config.replace(config.splitlines()[number - 1], ""))
    assert log_in(home, alice).returncode == 0


def test_what_a_killed_import_has_left_beside_a_file_goes_with_the_next(
    home, alice, keychain
) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    for path in (home.config, home.credentials):
        text = f"[default]\naws_secret_access_key = {alice.secret_access_key}\n"
        left = Path(swap_name(str(path), digest(text.encode()), "0" * 16))
        left.write_text(text)
        assert home.mfakit("keys", "import").returncode == 0
        assert not left.exists()


@pytest.mark.parametrize(
    "line",
    [
        "mfakit_key_store =",
        "credential_process = mfakit keys export --format process --source-profile default",
    ],
)
def test_no_copy_is_made_of_a_file_whose_keys_move_wherever_their_settings_are(
    here, home, alice, password_store, line: str
) -> None:
    """The settings may be in the credentials file itself, beside other keys."""
    other = "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = othersecret\n"
    own = home.credentials.read_text().replace("[default]\n", f"[default]\n{line}\n")
    home.write_credentials(own + other)
    for command in (["import"], ["rotate", "--yes"], ["rotate", "--undo"], ["export"]):
        done = home.mfakit("keys", *command)
        assert done.returncode == 0, done.stderr
        assert holding(home, "othersecret") == [str(home.credentials)], command
    assert home.mfakit("keys", "import", "--plain-use", "process").returncode == 0
    assert home.mfakit("keys", "remove", "--yes").returncode == 0
    assert holding(home, "othersecret") == [str(home.credentials)]


def entries(home) -> list[str]:
    """Return the names of the entries in the password store."""
    return sorted(path.stem for path in home.folder.glob("store/python-keyring/mfakit/*.gpg"))


def test_export_says_that_an_entry_is_gone_only_if_it_is(home, alice, faulty_store) -> None:
    """A keychain may delete nothing, and report no error; the same command ends it later."""
    assert home.mfakit("keys", "import").returncode == 0
    done = home.mfakit("keys", "export", **faulty_store("rm", ":"))
    assert (done.returncode, "did not delete the entry" in done.stderr) == (1, True), done.stderr
    assert "no longer in the keychain" not in done.stderr
    assert alice.secret_access_key in home.credentials.read_text()
    assert entries(home) == [alice.access_key_id]
    assert home.mfakit("keys", "export").returncode == 0
    assert entries(home) == []


def test_remove_leaves_the_name_of_an_entry_that_is_not_gone(home, alice, faulty_store) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    done = home.mfakit("keys", "remove", "--yes", **faulty_store("rm", ":"))
    assert (done.returncode, "did not delete the entry" in done.stderr) == (1, True), done.stderr
    assert f"default: {alice.access_key_id}, in the keychain" in home.mfakit("keys").stdout


def test_what_a_keychain_has_done_counts_and_not_the_error_that_it_reports(
    home, alice, faulty_store
) -> None:
    done = home.mfakit("keys", "import", **faulty_store("insert", 'do_it "$@"; exit 1'))
    assert done.returncode == 0, done.stderr
    assert printed_secret(home) == alice.secret_access_key
    done = home.mfakit("keys", "export", **faulty_store("rm", 'do_it "$@"; exit 1'))
    assert (done.returncode, "no longer in the keychain" in done.stderr) == (0, True), done.stderr


def test_nothing_is_left_of_a_secret_that_a_keychain_has_stored_wrongly(
    home, alice, faulty_store
) -> None:
    """It would be in the way of the next import."""
    wrongly = 'cat >/dev/null; printf "other\\nother\\n" | do_it "$@"'
    done = home.mfakit("keys", "import", **faulty_store("insert", wrongly))
    assert (done.returncode, "does not give back" in done.stderr) == (1, True), done.stderr
    assert entries(home) == []
    assert home.mfakit("keys", "import").returncode == 0


def test_the_error_of_a_keychain_that_was_loaded_is_not_called_one_of_its_name(
    home, alice, faulty_store
) -> None:
    """Without PYTHON_KEYRING_BACKEND, another keychain would be used."""
    assert home.mfakit("keys", "import").returncode == 0
    empty = faulty_store("show", "echo Error: password store is empty; exit 1")
    done = home.mfakit("keys", "export", **empty)
    assert (done.returncode, "the keychain failed (RuntimeError)" in done.stderr) == (1, True)
    assert "PYTHON_KEYRING_BACKEND" not in done.stderr


@pytest.fixture
def waiting_store(home, password_store):
    """Let `pass` wait at its work until it may go on; yield the files that say so."""
    folder, program = home.folder / "bin", shutil.which("pass")
    folder.mkdir()
    waits, goes_on = home.folder / "waits", home.folder / "goes-on"
    (folder / "pass").write_text(
        f'#!/bin/sh\nif [ "$1" = "$PASS_WAITS_AT" ]; then\n'
        f"  touch {waits}; while [ ! -e {goes_on} ]; do sleep 0.05; done\nfi\n"
        f'exec {program} "$@"\n'
    )
    (folder / "pass").chmod(0o700)
    home.environ["PATH"] = f"{folder}:{home.environ['PATH']}"
    return waits, goes_on


@pytest.fixture
def pausing(home, waiting_store):
    """Start a command; return it when it waits for `pass`, and what lets it go on."""
    waits, goes_on = waiting_store

    def start(word: str, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "mfakit", *arguments],
            env=home.environ | {"PASS_WAITS_AT": word},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + 60
        while not waits.exists():
            assert time.monotonic() < end
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        return process

    return start, goes_on.touch


def test_a_key_that_is_imported_for_one_profile_and_removed_for_another_stays(
    home, alice, pausing
) -> None:
    """The keychain asks the one that removes it for its password, and so it waits."""
    start, go_on = pausing
    section = home.credentials.read_text()
    assert home.mfakit("keys", "import").returncode == 0
    home.write_credentials(section.replace("[default]", "[twin]"))
    removing = start("rm", "keys", "remove", "--yes")
    importing = subprocess.Popen(
        [sys.executable, "-m", "mfakit", "keys", "import", "--source-profile", "twin"],
        env=home.environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        importing.wait(3)
    go_on()
    said = [process.communicate(timeout=60)[1] for process in (removing, importing)]
    assert [removing.returncode, importing.returncode] == [0, 0], said
    assert printed_secret(home, "--source-profile", "twin") == alice.secret_access_key


def test_a_key_that_is_imported_again_while_a_killed_export_still_deletes_it_stays(
    home, alice, pausing
) -> None:
    """The process that asks the keychain lives on, as behind a question for its password."""
    start, go_on = pausing
    assert home.mfakit("keys", "import").returncode == 0
    exporting = start("rm", "keys", "export")
    exporting.kill()
    exporting.communicate()
    home.mfakit("keys", "import")
    go_on()
    end = time.monotonic() + 60
    while home.mfakit("keys", "import").returncode:  # until that process has ended
        assert time.monotonic() < end
    time.sleep(2)
    assert printed_secret(home) == alice.secret_access_key


@pytest.mark.parametrize("written", ["", "[profile default]\n"])
def test_remove_keeps_an_entry_while_another_program_writes_who_names_it(
    home, alice, keychain, written: str
) -> None:
    """It has emptied the config, or not got to the twin, while `remove` waited for a lock."""
    home.mfakit("keys", "import")
    named = home.config.read_text()
    twin = f"{named}[profile twin]\nmfakit_key_store = keyring:{alice.access_key_id}\n"
    home.write_config(twin)
    lock = home.credentials.parent / "mfakit" / "rotations" / "keychain.lock"
    with open(lock, "r+") as held, contextlib.ExitStack() as writing:
        fcntl.flock(held, fcntl.LOCK_EX)
        removing = subprocess.Popen(
            [sys.executable, "-m", "mfakit", "keys", "remove", "--yes"],
            env=home.environ,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while str(lock) not in open_files(removing):
            time.sleep(0.01)
        config = writing.enter_context(home.config.open("w"))
        config.write(written)
        config.flush()
        fcntl.flock(held, fcntl.LOCK_UN)
        said = removing.communicate(timeout=60)[1]
        config.write(twin.removeprefix(written))
    assert (removing.returncode, "another program is writing" in said) == (1, True), said
    assert printed_secret(home, "--source-profile", "twin") == alice.secret_access_key


def open_files(process: subprocess.Popen[str]) -> list[str]:
    """Return the paths of what a running process has open."""
    assert process.poll() is None, process.communicate()[1]
    return [os.path.realpath(entry) for entry in Path(f"/proc/{process.pid}/fd").iterdir()]


def test_an_exported_key_is_in_the_file_whoever_writes_back_what_it_read_before(
    home, alice, keychain
) -> None:
    """aws-mfa, for one, reads the file and then waits for a code."""
    assert home.mfakit("keys", "import").returncode == 0
    read = home.credentials.read_text()
    with open(f"{home.config}.lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        exporting = subprocess.Popen(
            [sys.executable, "-m", "mfakit", "keys", "export"],
            env=home.environ,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while alice.access_key_id not in home.credentials.read_text():
            assert exporting.poll() is None, exporting.communicate()[1]
            time.sleep(0.01)
        with open(f"{home.credentials}.lock", "r+") as other_lock:
            fcntl.flock(other_lock, fcntl.LOCK_EX)  # until the write is over
            home.write_credentials(read)
    said = exporting.communicate(timeout=60)[1]
    assert exporting.returncode == 0, said
    assert alice.secret_access_key in home.credentials.read_text()


def test_a_key_command_that_hangs_is_given_up_and_its_children_are_ended(home, alice) -> None:
    """A minute takes a second here, since libfaketime lets the clock run sixty times as fast."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None or shutil.which("ps") is None:
        pytest.skip("faketime or ps is not installed")
    pids = home.folder / "pids"
    program = home.folder / "stuck"
    program.write_text(
        f"#!/bin/sh\nunset LD_PRELOAD\n(sleep 600 & echo $! >> {pids}; wait) &\n"
        f"echo $$ $! >> {pids}\nwait\n"
    )
    program.chmod(0o755)
    home.write_credentials("")
    home.write_config(f"[default]\nmfakit_key_command = {program}\n")
    faked = {"LD_PRELOAD": str(library), "FAKETIME": "+0 x60"}
    export = ("keys", "export", "--format", "process")
    done = home.run(sys.executable, "-m", "mfakit", *export, **faked)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "mfakit: the mfakit_key_command took more than 60 s",
        "mfakit: try: run the mfakit_key_command of profile 'default' by hand, and see what it"
        " prints",
    ]
    assert done.stdout == ""
    started = pids.read_text().split()
    assert len(started) == 3
    for pid in started:
        state = Path(f"/proc/{pid}/stat")
        assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z", pid


def test_a_key_of_every_profile_is_refused_before_it_is_stored(home, keychain) -> None:
    """A key in `[DEFAULT]` could not be taken out of the file for one profile."""
    text = "[DEFAULT]\naws_access_key_id = AKIAALL\naws_secret_access_key = all\n[p]\noutput = x\n"
    home.write_credentials(text)
    done = home.mfakit("keys", "import", "--source-profile", "p")
    assert done.returncode != 0
    assert "every profile has the aws_access_key_id of [DEFAULT]" in done.stderr.splitlines()[0]
    assert home.credentials.read_text() == text
    assert home.run(sys.executable, "-m", "keyring", "get", "mfakit", "AKIAALL").stdout == ""


def test_a_store_of_every_profile_is_refused_before_the_key_is_deleted(
    home, alice, keychain
) -> None:
    """It could not be taken out of the file for one profile, which would name no entry then."""
    assert home.mfakit("keys", "import").returncode == 0
    store = f"mfakit_key_store = keyring:{alice.access_key_id}\n"
    home.write_config(f"[DEFAULT]\n{store}[default]\nregion = us-east-1\n")
    done = home.mfakit("keys", "remove", "--yes")
    assert done.returncode != 0
    assert "every profile has the mfakit_key_store of [DEFAULT]" in done.stderr
    assert log_in(home, alice).returncode == 0


@pytest.mark.parametrize("has_other_key", [False, True])
def test_a_file_that_is_written_back_while_the_entry_is_deleted_costs_no_exported_key(
    home, alice, faulty_store, has_other_key
) -> None:
    assert home.mfakit("keys", "import").returncode == 0
    other = "aws_access_key_id = AKIAOTHER\naws_secret_access_key = other\n" * has_other_key
    before = home.folder / "before"
    before.write_text(f"[default]\nregion = us-east-1\n{other}")
    fault = faulty_store("rm", f'do_it "$@"; cat {before} > {home.credentials}')
    done = home.run(sys.executable, "-m", "mfakit", "keys", "export", **fault)
    assert done.returncode == int(has_other_key), done.stderr
    if has_other_key:
        assert f"keyring:{alice.access_key_id}" in home.mfakit("keys").stderr
        got = home.run(sys.executable, "-m", "keyring", "get", "mfakit", alice.access_key_id)
        assert got.stdout.strip() == alice.secret_access_key
    else:
        assert log_in(home, alice).returncode == 0
