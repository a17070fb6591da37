"""`mfakit schedule`, as it is typed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from tests.schedule.conftest import CRONTAB, RECORDER, SCHTASKS

TOLD = ["--on-expiring", "true"]
FOREIGN = b"MAILTO=\xff\r\n5 4 * * * backup 100\\%\n"


def test_install_show_and_remove_work_with_each_scheduler(home, crontab) -> None:
    """Installing twice is the same as once, and remove restores what was there."""
    crontab.write_bytes(FOREIGN)
    for every in ("10m", "5m"):
        done = home.mfakit("schedule", "install", "--using=cron", "--every", every, *TOLD)
        assert done.returncode == 0
        assert f"installed for cron: a check every {every}" in done.stderr
    assert crontab.read_bytes().startswith(FOREIGN)
    assert crontab.read_bytes().count(b"mfakit.cli.scheduled") == 1
    shown = home.mfakit("schedule", "show")
    log = home.folder / ".local/state/mfakit/check.log"
    assert shown.stdout.splitlines()[0] == "cron: every 5m"
    assert f"{sys.executable} -P -m mfakit.cli.scheduled {log} PATH=" in shown.stdout
    assert f"  log: {log} (nothing written yet)\n" in shown.stdout
    removed = home.mfakit("schedule", "remove")
    assert "removed from cron: a block of your crontab" in removed.stderr
    assert crontab.read_bytes() == FOREIGN
    assert "nothing was installed" in home.mfakit("schedule", "remove").stderr
    assert "nothing is installed" in home.mfakit("schedule", "show").stderr


def test_show_names_the_last_run_its_complaints_and_a_python_that_is_gone(home, crontab) -> None:
    home.mfakit("schedule", "install", "--using=cron", *TOLD)
    assert "(nothing written yet)" in home.mfakit("schedule", "show").stdout
    home.write_credentials("no section\n")
    job = crontab.read_text().splitlines()[1].split(" ", 5)[5]
    for _ in range(2):
        home.run("sh", "-c", job)
    shown = home.mfakit("schedule", "show").stdout
    assert "  last run: 20" in shown
    assert shown.count("    mfakit: ") == 2  # of the last run alone: what failed, and what helps
    home.credentials.unlink()
    crontab.write_text(crontab.read_text().replace(sys.executable, "/gone/bin/python"))
    assert "/gone/bin/python is gone" in home.mfakit("schedule", "show").stdout


def test_show_says_whether_cron_runs(home, crontab, tmp_path: Path) -> None:
    home.mfakit("schedule", "install", "--using=cron", *TOLD)
    runs = any(path.read_text() == "cron\n" for path in Path("/proc").glob("[0-9]*/comm"))
    assert ("which does not run: cron" in home.mfakit("schedule", "show").stdout) is not runs
    shutil.copy(shutil.which("sleep") or "", tmp_path / "cron")
    with subprocess.Popen([tmp_path / "cron", "60"]) as cron:
        assert "which does not run" not in home.mfakit("schedule", "show").stdout
        cron.kill()


@pytest.mark.parametrize(
    ("using", "program", "script"),
    [
        ("cron", "crontab", CRONTAB),
        ("systemd", "systemctl", RECORDER),
        ("launchd", "launchctl", RECORDER),
        ("schtasks", "schtasks", SCHTASKS),
    ],
)
def test_install_says_which_check_it_replaces(
    home, crontab, provide, using: str, program: str, script: str
) -> None:
    """One that is the same is replaced in silence."""
    provide(program, script)
    install = ["schedule", "install", f"--using={using}", *TOLD]
    for _ in range(2):
        done = home.mfakit(*install)
        assert done.returncode == 0
        assert "takes the place" not in done.stderr
    other = home.mfakit(*install, "--every=10m", "-p", "mfa").stderr
    assert "it takes the place of the one before, every 5m: mfakit check --all" in other
    assert home.mfakit("schedule", "show").stdout.startswith(f"{using}: every 10m\n")


def test_install_refuses_a_report_in_a_folder_that_is_not_there(home, crontab) -> None:
    output = f"--output={home.folder / 'gone' / 'mfakit.prom'}"
    done = home.mfakit("schedule", "install", "--using=cron", output)
    assert (done.returncode, crontab.exists()) == (64, False)
    assert done.stderr.splitlines()[1] == f"mfakit: try: mkdir -p {home.folder / 'gone'}"
    for_others = home.mfakit(
        "schedule", "install", "--using=cron", output, "--dry-run", "--python=/opt/bin/python"
    )
    assert for_others.returncode == 0


@pytest.mark.skipif(Path(f"/run/user/{os.getuid()}/bus").exists(), reason="a desktop is here")
def test_install_tries_the_notice_with_what_the_job_will_have(home, crontab, provide) -> None:
    """A session bus that only this shell knows is none for a job of cron."""
    provide("notify-send", "#!/bin/sh\n")
    address = {"DBUS_SESSION_BUS_ADDRESS": "unix:abstract=/tmp/bus", "XDG_RUNTIME_DIR": ""}
    done = home.mfakit("schedule", "install", "--using=cron", "--notify=desktop", **address)
    assert (done.returncode, crontab.exists()) == (1, False)
    assert "there is no session bus" in done.stderr


def test_install_warns_of_a_profile_without_a_session(home, crontab) -> None:
    """The check is installed for a session to come, but the name may be mistyped."""
    done = home.mfakit("schedule", "install", "--using=cron", "-p", "typo", *TOLD)
    assert done.returncode == 0
    assert "there is no profile 'typo' in " in done.stderr
    assert crontab.exists()


def test_install_says_that_cron_cannot_renew_with_a_key_in_a_keychain(home, crontab) -> None:
    home.write_config("[profile work]\nmfakit_key_store = keyring:AKIA1\n")
    renewing = home.mfakit("schedule", "install", "--using=cron", "--renew")
    assert "the key of profile work is in a keychain, which jobs of cron" in renewing.stderr
    telling = home.mfakit("schedule", "install", "--using=cron", *TOLD)
    assert "keychain" not in telling.stderr


def test_installing_with_another_scheduler_removes_the_first_job(home, crontab, provide) -> None:
    """There would be two checks otherwise, and the output names the chosen one."""
    home.mfakit("schedule", "install", "--using=cron", *TOLD)
    provide("systemctl", RECORDER)
    done = home.mfakit("schedule", "install", *TOLD)
    assert "installed for systemd: a check every 5m" in done.stderr
    assert "removed from cron: " in done.stderr
    assert not crontab.exists()
    assert home.mfakit("schedule", "show").stdout.startswith("systemd: every 5m\n")


def test_a_denied_scheduler_does_not_block_another(home, crontab, provide) -> None:
    """Where only root may have a crontab, systemd is used, and the output says that cron could not
    be asked.
    """
    provide("systemctl", RECORDER)
    denied = {"DENIED": "1"}
    for line in (["install", *TOLD], ["show"], ["remove"]):
        done = home.mfakit("schedule", *line, **denied)
        assert done.returncode == 0
        assert "not allowed to use this program" in done.stderr
        assert "systemd: " in done.stdout + done.stderr
    done = home.mfakit("schedule", "remove", **denied)
    assert done.returncode == 1
    assert "not allowed to use this program" in done.stderr


def test_the_job_runs_check_with_the_given_options(home, crontab) -> None:
    """They read as on its own command line, and without a profile all sessions are checked."""
    options = ["--warn", "1h", "--on-expiring", "echo 50% 'a b'", "--include-caches"]
    done = home.mfakit("schedule", "install", "--using=cron", "--dry-run", *options)
    line = done.stdout.splitlines()[1].replace("\\%", "%")
    words = shlex.split(line.split(" ", 5)[5])
    assert words[words.index("check") :] == [
        *("check", "--all", "--include-caches", "--warn=3600"),
        "--on-expiring=echo 50% 'a b'",
    ]
    metrics = ["--output", "x.prom", "--format=openmetrics"]
    done = home.mfakit("schedule", "install", "--using=cron", "--dry-run", *metrics)
    assert "/x.prom" in done.stdout.partition("--output=")[2]
    assert "--notify" not in done.stdout
    done = home.mfakit("schedule", "install", "--using=cron", "--dry-run", "--profile=-odd", *TOLD)
    assert "check --profile=-odd" in done.stdout


def test_a_dry_run_prints_the_files_writes_nothing_and_notifies_nobody(
    home, crontab, provide
) -> None:
    provide("systemctl", RECORDER)
    provide("notify-send", '#!/bin/sh\necho shown >> "$HOME/notifications"\n')
    desktop = home.mfakit("schedule", "install", "--using=cron", "--dry-run", "--notify=desktop")
    assert (desktop.returncode, desktop.stderr) == (0, "")
    assert not (home.folder / "notifications").exists()
    dry = home.mfakit("schedule", "install", "--using=cron", "--dry-run", *TOLD).stdout
    assert not crontab.exists()
    home.mfakit("schedule", "install", "--using=cron", *TOLD)
    assert crontab.read_text() == dry
    units = home.mfakit("schedule", "install", "--dry-run", *TOLD).stdout
    assert not (home.folder / ".config").exists()
    home.mfakit("schedule", "install", *TOLD)
    for path in (home.folder / ".config/systemd/user").glob("mfakit-*"):
        assert f"# {path}\n{path.read_text()}" in units


@pytest.mark.parametrize("using", ["cron", "systemd", "launchd", "schtasks"])
def test_a_dry_run_for_other_machines_names_nothing_of_this_one(home, using: str) -> None:
    """Nothing can be installed that way, since it could not run."""
    elsewhere = ["--python", "/opt/mfakit/bin/python", "--using", using, "--notify=team"]
    mine = {"USERNAME": "me", "AWS_CONFIG_FILE": "/mine", "XDG_STATE_HOME": "/mine"}
    done = home.mfakit("schedule", "install", "--dry-run", *elsewhere, **mine)
    assert (done.returncode, done.stderr) == (0, "")
    printed = "\n".join(line for line in done.stdout.splitlines() if "# /" not in line)
    assert "/opt/mfakit/bin/python" in printed
    assert not [one for one in (str(home.folder), sys.prefix, "mine", "me<") if one in printed]
    done = home.mfakit("schedule", "install", *elsewhere)
    assert done.returncode == 64
    assert "add --dry-run" in done.stderr


def test_install_fails_when_no_way_to_notify_works(home, crontab) -> None:
    """The failure of one way is only noted if another works."""
    bad = ["--on-expiring", "/no/such/program"]
    done = home.mfakit("schedule", "install", "--using=cron", *bad)
    assert done.returncode == 1
    assert "there is no program '/no/such/program'" in done.stderr
    assert "nothing is installed" in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert not crontab.exists()
    done = home.mfakit("schedule", "install", "--using=cron", "--notify=nosuchtag", *bad)
    assert "nothing is installed, since no way to notify you works" in done.stderr
    assert not crontab.exists()
    done = home.mfakit("schedule", "install", "--using=cron", "--notify=nosuchtag", *TOLD)
    assert done.returncode == 0
    assert "nosuchtag" in done.stderr


@pytest.mark.parametrize(("flavor", "code"), [("curses", 1), ("gtk2:curses", 1), ("gtk2", 0)])
def test_install_refuses_a_prompt_that_nobody_could_see(
    home, crontab, provide, flavor: str, code: int
) -> None:
    """A scheduler gives pinentry no terminal; pinentry itself says whether it would need one."""
    greeting = f"echo OK; read -r line; echo D {flavor}; echo OK; read -r line; echo OK"
    provide("pinentry", f"#!/bin/sh\n{greeting}\n")
    install = ["schedule", "install", "--using=cron", "--prompt"]
    done = home.mfakit(*install, DISPLAY="", WAYLAND_DISPLAY="")
    assert (done.returncode, crontab.exists()) == (code, code == 0), done.stderr
    assert ("no desktop here" in done.stderr) is (code == 1)


@pytest.mark.parametrize("target", ["env", "-", "slack://tokenA/tokenB/tokenC"])
def test_install_refuses_notify_targets_that_hold_secrets(home, crontab, target: str) -> None:
    """A tag of apprise's config file is allowed."""
    done = home.mfakit("schedule", "install", "--using=cron", f"--notify={target}", *TOLD)
    assert done.returncode == 64
    assert "tag" in done.stderr
    assert "token" not in done.stderr
    assert not crontab.exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--every 5m", "--every has no meaning with schedule alone"),
        ("show --every 5m", "--every has no meaning with show"),
        ("remove --notify desktop", "--notify has no meaning with remove"),
        ("install --print-script", "action has no meaning with --print-script"),
        ("install --every 7m", "cron cannot express every 7m"),
        ("install --using=cron --prompt-timeout 1m", "--prompt-timeout has no meaning"),
        (
            "install --using=cron -p x --include-caches",
            "--include-caches has no meaning with --profile",
        ),
    ],
)
def test_options_that_would_do_nothing_are_refused(home, line: str, message: str) -> None:
    """The same goes for options that the check would refuse in its log."""
    done = home.mfakit("schedule", *line.split())
    assert done.returncode == 64
    assert message in done.stderr


def test_a_missing_scheduler_is_refused_but_can_be_printed(home) -> None:
    other = "launchd" if sys.platform != "darwin" else "schtasks"
    done = home.mfakit("schedule", "install", f"--using={other}", *TOLD)
    assert (done.returncode, f"{other} does not run here" in done.stderr) == (1, True)
    assert home.mfakit("schedule", "install", f"--using={other}", "--dry-run").returncode == 0


def test_install_without_a_scheduler_says_what_to_do(home) -> None:
    done = home.mfakit("schedule", "install", *TOLD, PATH="/nowhere")
    assert done.returncode == 1
    assert "there is no scheduler here" in done.stderr


def test_print_script_prints_the_script_for_hosts_without_python(home) -> None:
    script = files("mfakit.schedule").joinpath("check.sh").read_text("utf-8")
    assert script.startswith("#!/bin/sh\n")
    assert home.mfakit("schedule", "--print-script").stdout == script
