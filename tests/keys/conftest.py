"""Real keychains: gnome-keyring on a bus of its own, and `pass` with a key without a password."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from tests.children import fork_the_keychains_process, load_keychains
from tests.exchange.conftest import here, on_terminal

__all__ = ["here", "on_terminal"]


@pytest.fixture
def keychain(home, tmp_path):
    """Start gnome-keyring for the programs in the home; skip where it is not installed."""
    if not shutil.which("gnome-keyring-daemon"):
        pytest.skip("gnome-keyring is not installed")
    load_keychains()
    fork_the_keychains_process()
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    home.environ |= {
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_DATA_HOME": str(home.folder / ".local" / "share"),
    }
    home.environ.pop("DISPLAY", None)
    home.environ.pop("PYTHON_KEYRING_BACKEND", None)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        env=home.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    home.environ["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        env=home.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    daemon.stdin.write(b"password")
    daemon.stdin.close()
    home.run("gdbus", "wait", "--session", "--timeout", "20", "org.freedesktop.secrets")
    yield
    for process in (daemon, bus):
        process.terminate()
        process.wait(timeout=30)
    bus.stdout.close()


@pytest.fixture
def password_store(home):
    """Let keyring use `pass`; skip where that is not installed."""
    if not shutil.which("pass") or not shutil.which("gpg"):
        pytest.skip("pass is not installed")
    home.environ |= {
        "GNUPGHOME": str(home.folder / "gnupg"),
        "PASSWORD_STORE_DIR": str(home.folder / "store"),
        "PYTHON_KEYRING_BACKEND": "keyring_pass.PasswordStoreBackend",
    }
    (home.folder / "gnupg").mkdir(mode=0o700)
    batch = ("gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", "")
    made = home.run(*batch, "--quick-generate-key", "alice@example.com", "default", "default")
    assert made.returncode == 0, made.stderr
    assert home.run("pass", "init", "alice@example.com").returncode == 0
    yield
    home.run("gpgconf", "--kill", "all")


@pytest.fixture
def faulty_store(home, password_store):
    """Return a function for the variables that let `pass` run shell commands at one of its own.

    Among them, `do_it "$@"` does what `pass` was told to.
    """
    folder, program = home.folder / "bin", shutil.which("pass")
    folder.mkdir()
    (folder / "pass").write_text(
        f'#!/bin/sh\ndo_it() {{ {program} "$@"; }}\n'
        f'if [ "$1" = "$PASS_FAILS_AT" ]; then eval "$PASS_FAILS_BY"; else do_it "$@"; fi\n'
    )
    (folder / "pass").chmod(0o700)
    home.environ["PATH"] = f"{folder}:{home.environ['PATH']}"
    return lambda command, by: {"PASS_FAILS_AT": command, "PASS_FAILS_BY": by}
