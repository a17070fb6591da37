"""The recipes for prompts, in the real programs: they show the session that the shell holds."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest
from tests.exchange.conftest import TerminalProcess, log_in

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "direnv-and-starship.md"
# Clones of the themes, or what npm unpacks.
THEMES = Path(os.environ.get("ZSH_THEMES") or "/usr/share")
SHOWN = re.compile(r"mfa 1[12]h")
STARTED = {
    "powerlevel10k": "POWERLEVEL9K_DISABLE_CONFIGURATION_WIZARD=true\n"
    "POWERLEVEL9K_DISABLE_GITSTATUS=true\n"
    "POWERLEVEL9K_RIGHT_PROMPT_ELEMENTS=(status)\n"
    "source {theme}/powerlevel10k.zsh-theme\n",
    "oh-my-zsh": "zstyle ':omz:update' mode disabled\nZSH={theme}\nZSH_THEME=robbyrussell\n"
    "plugins=(aws)\nsource $ZSH/oh-my-zsh.sh\n",
    "spaceship": "source {theme}/spaceship.zsh\n",
}
FILES = {
    "powerlevel10k": "powerlevel10k.zsh-theme",
    "oh-my-zsh": "oh-my-zsh.sh",
    "spaceship": "spaceship.zsh",
}
# What the themes give to their recipes.
ALONE = {
    "powerlevel10k": 'p10k() {{ RPROMPT="${{@[-1]}}"; }}\nprecmd() {{ prompt_mfakit; }}\n',
    "oh-my-zsh": "setopt prompt_subst\n",
    "spaceship": "spaceship::section() {{ RPROMPT=${{@[-1]}}; }}\nspaceship() {{ :; }}\n"
    "precmd() {{ spaceship_mfakit; }}\n",
}
needs_zsh = pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")


def recipe(program: str) -> str:
    """Return the block below the line of the page that begins with the program's name."""
    found = re.search(rf"^{program}, in .*?^```\w+\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert found is not None
    return found[1]


@pytest.fixture
def zsh(home, alice):
    """Yield a function that starts zsh with a configuration; it ends with the test."""
    assert log_in(home, alice).returncode == 0
    home.environ["PATH"] = f"{Path(sys.executable).parent}:{home.environ['PATH']}"
    home.environ |= {"TERM": "xterm-256color", "LC_CTYPE": "C.UTF-8", "ZDOTDIR": str(home.folder)}
    started = []

    def start(configuration: str) -> TerminalProcess:
        (home.folder / ".zshrc").write_text(configuration)
        started.append(TerminalProcess(["zsh", "-d", "-i"], home.environ))
        return started[-1]

    yield start
    for process in started:
        process.close()


def check(terminal: TerminalProcess) -> None:
    """Check that the prompt shows the session once the shell holds one, and not before."""
    terminal.send("print re''ady\n")
    assert not SHOWN.search(terminal.read_until("ready"))
    terminal.type("eval \"$(mfakit env)\"; print do''ne\n")
    terminal.read_until("done")
    end = time.monotonic() + 30
    while not SHOWN.search(terminal.screen) and time.monotonic() < end:
        terminal.send("\n")  # some themes show what has changed at the next prompt
        time.sleep(1)
        terminal.read(1)
    assert SHOWN.search(terminal.screen), terminal.screen


@needs_zsh
@pytest.mark.parametrize("program", STARTED)
def test_a_theme_shows_the_session_of_the_shell(zsh, program: str) -> None:
    found = [path.parent for path in THEMES.glob(f"*/{FILES[program]}")]
    if not found:
        pytest.skip(f"{program} is not in {THEMES}, nor in ZSH_THEMES")
    check(zsh(STARTED[program].format(theme=found[0]) + recipe(program)))


@needs_zsh
@pytest.mark.parametrize("program", ALONE)
def test_the_recipe_for_a_theme_works_in_zsh_alone(zsh, program: str) -> None:
    """This much can be run where the theme is not installed."""
    check(zsh(ALONE[program].format() + recipe(program)))


@needs_zsh
def test_starship_shows_the_session_of_the_shell(home, zsh) -> None:
    """It shows one that has ended, too, for which the command exits with 2."""
    if shutil.which("starship") is None:
        pytest.skip("starship is not installed")
    (home.folder / ".config").mkdir()
    (home.folder / ".config" / "starship.toml").write_text(recipe("starship"))
    terminal = zsh('eval "$(starship init zsh)"\n')
    check(terminal)
    terminal.type("export AWS_CREDENTIAL_EXPIRATION=2020-01-01T00:00:00Z; print en''ded\n")
    terminal.read_until("mfa expired")
