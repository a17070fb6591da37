"""`mfakit env`, as shells use it."""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mfakit import SessionCredentials, write_session
from mfakit.environment import SHELLS

pytestmark = pytest.mark.pythons


def keep(home, profile: str = "mfa", hours: float = 1) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=hours)
    session = SessionCredentials("ASIA1", "secret", "token", end)
    write_session(profile, session, environ=home.environ)


COMMAND = f"{sys.executable} -m mfakit env"
# How each shell starts a line, and what of it follows the line that is to be evaluated.
STARTS = {
    "bash": ("sh", ["bash", "-c"], " && env"),
    "dash": ("sh", ["dash", "-c"], " && env"),
    "zsh": ("sh", ["zsh", "-f", "-c"], " && env"),
    "ksh": ("sh", ["ksh", "-c"], " && env"),
    "mksh": ("sh", ["mksh", "-c"], " && env"),
    "busybox": ("sh", ["busybox", "sh", "-c"], " && env"),
    "fish": ("fish", ["fish", "--no-config", "-c"], "; and env"),
    "tcsh": ("csh", ["tcsh", "-f", "-c"], " && env"),
    "elvish": ("elvish", ["elvish", "-norc", "-c"], "; e:env"),
    "nu": ("nu", ["nu", "-n", "-c"], "; ^env"),
    "xonsh": ("xonsh", [sys.executable, "-m", "xonsh", "--no-rc", "-c"], "\nenv"),
}


@pytest.mark.parametrize("program", STARTS)
def test_the_line_of_the_note_brings_the_session_into_each_shell(home, program: str) -> None:
    """The line finds the shell by itself, and stops it if there is no session."""
    shell, words, show = STARTS[program]
    if shutil.which(program if program != "xonsh" else sys.executable) is None:
        pytest.skip(f"{program} is not installed")
    line = SHELLS[shell].usage.format(command=COMMAND) + show
    done = home.run(*words, line, PYTHONWARNINGS="ignore")
    assert done.returncode != 0
    assert "PATH=" not in done.stdout
    keep(home)
    seen = home.run(*words, line, AWS_PROFILE="mfa").stdout.splitlines()
    assert {"AWS_SESSION_TOKEN=token", "MFAKIT_PROFILE=mfa"} <= set(seen)
    assert not [variable for variable in seen if variable.startswith("AWS_PROFILE=")]


def test_unset_warns_of_a_universal_variable_of_fish_and_leaves_it(home) -> None:
    """Erasing it would erase it in every shell, and `--unset` could not bring it back."""
    keep(home)
    lines = [
        "set -Ux AWS_PROFILE other",
        f"{sys.executable} -m mfakit env -p mfa | source",
        f"{sys.executable} -m mfakit env -p mfa --unset | source",
        "echo $AWS_PROFILE; set -q AWS_SESSION_TOKEN; or echo unset",
    ]
    done = home.run("fish", "-c", "\n".join(lines), XDG_CONFIG_HOME=str(home.folder))
    assert done.stdout == "other\nunset\n"
    assert "AWS_PROFILE is a universal variable" in done.stderr


@pytest.mark.parametrize("program", ["bash", "dash", "zsh", "ksh", "mksh"])
def test_a_script_with_set_eu_can_evaluate_env(home, program: str) -> None:
    """None of the variables is set before, and every failure ends the script."""
    keep(home)
    command = f"{sys.executable} -m mfakit env"
    line = (
        f'set -eu; eval "$({command})"; eval "$({command} --unset)"; echo "${{AWS_PROFILE-none}}"'
    )
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    assert home.run(program, "-c", line).stdout == "none\n"
    keep(home, hours=-1)
    assert home.run(program, "-c", line).stdout == ""


@pytest.mark.parametrize("program", ["bash", "dash", "zsh", "ksh", "mksh", "busybox sh"])
def test_an_eval_without_quotes_sets_the_session_or_ends_the_script(home, program: str) -> None:
    """The script must not go on with the keys of another account."""
    words = program.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{program} is not installed")
    line = f"set -e; eval $({COMMAND}); echo going on; env"
    done = home.run(*words, "-c", line, AWS_PROFILE="mfa")
    assert (done.stdout, done.returncode) == ("", 1)
    keep(home)
    seen = home.run(*words, "-c", line, AWS_PROFILE="mfa").stdout.splitlines()
    assert {"going on", "AWS_SESSION_TOKEN=token", "MFAKIT_PROFILE=mfa"} <= set(seen)
    assert not [variable for variable in seen if variable.startswith("AWS_PROFILE=")]
    line = f"set -e; eval $({COMMAND} --unset); env"
    seen = home.run(*words, "-c", line, AWS_SESSION_TOKEN="token", AWS_REGION="mine").stdout
    assert "AWS_SESSION_TOKEN" not in seen


@pytest.mark.parametrize("config", ["broken\n", "[profile s]\nsso_session = x\n"])
def test_unset_works_whatever_is_wrong_with_the_files(home, config: str) -> None:
    """The session has to go from the shell before anything else can be mended."""
    home.write_config(config)
    done = home.mfakit("env", "--unset", "--shell", "sh", AWS_PROFILE="s")
    assert (done.returncode, "AWS_SESSION_TOKEN" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize(("hours", "code"), [(-1, 2), (None, 3)])
@pytest.mark.parametrize("shell", ["sh", "fish"])
def test_a_failed_env_fails_the_eval(home, shell: str, hours: float | None, code: int) -> None:
    """A script must not go on with other credentials because the session is gone."""
    if hours is not None:
        keep(home, hours=hours)
    done = home.mfakit("env", "--shell", shell)
    assert (done.stdout, done.returncode) == ("false\n", code)
    assert "try: log in" in done.stderr
    line = f'eval "$({sys.executable} -m mfakit env)" || echo stopped'
    assert home.run("sh", "-c", line).stdout == "stopped\n"


def test_env_takes_the_session_profile_that_aws_profile_leads_to(home) -> None:
    """AWS_PROFILE may name long-term credentials, from which the session was made."""
    home.write_credentials("[work]\naws_access_key_id = AKIA1\naws_secret_access_key = s\n")
    keep(home, "work-mfa")
    done = home.mfakit("env", "--shell", "sh", AWS_PROFILE="work")
    assert "export MFAKIT_PROFILE='work-mfa';\n" in done.stdout


def test_env_sets_the_region_of_the_profile_by_both_names(home) -> None:
    """SDKs differ in the name that they read."""
    keep(home)
    home.write_config("[profile mfa]\nregion = eu-west-1\n")
    done = home.mfakit("env", "--shell", "sh")
    assert "export AWS_REGION='eu-west-1';\nexport AWS_DEFAULT_REGION='eu-west-1';\n" in done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_how_to_has_the_line_of_the_note_for_each_shell(shell: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "use-with-other-programs.md"
    assert SHELLS[shell].usage.format(command="mfakit env") in page.read_text().replace(r"\|", "|")
