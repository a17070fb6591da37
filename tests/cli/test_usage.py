"""Help, and what wrong usage gets."""

from __future__ import annotations

import pytest

from mfakit.cli.commands import COMMANDS


def test_alone_it_lists_the_commands(home) -> None:
    """Each with a line of its own."""
    done = home.mfakit()
    assert done.returncode == 0
    assert all(command.summary in done.stdout for command in COMMANDS.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example(home, name: str) -> None:
    """The module of each command is there, too."""
    done = home.mfakit(name, "--help")
    assert done.returncode == 0
    assert f"mfakit {name}" in done.stdout
    assert "example: " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lgoin"], "no such command: lgoin"),
        (["login", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["login", "--duration", "5x"], "argument --duration: not a duration: '5x'"),
        (["login", "--prof", "x"], "unrecognized arguments: --prof"),
        (["env", "--shell", "korn"], "argument --shell: invalid choice: 'korn'"),
    ],
)
def test_wrong_usage_says_what_and_what_to_do(home, arguments: list[str], message: str) -> None:
    """In two lines, with exit code 64."""
    done = home.mfakit(*arguments)
    assert done.returncode == 64
    first, second = done.stderr.splitlines()
    assert first.startswith(f"mfakit: {message}")
    assert second.startswith("mfakit: try: ")


def test_control_characters_in_names_are_shown_escaped(home) -> None:
    """What stands in a file or argument must not steer the terminal."""
    done = home.mfakit("check", "--profile", "\x1b[31mred")
    assert "\x1b" not in done.stderr
    assert r"\x1b[31mred" in done.stderr
