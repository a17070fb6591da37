"""Made by argparse from the table: the parser of a command, and what shells need to complete."""

from __future__ import annotations

import argparse
import os
import re

from mfakit.cli.options import GENERAL_OPTIONS
from mfakit.cli.output import show, write
from mfakit.errors import ProfileError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from mfakit.cli.options import Command
    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile

_LONGEST_CHOICES = 50  # letters: argparse does not wrap the choices, but it does wrap the help
_SESSION, _LONG_TERM, _ALL = "session", "long-term", "all"
# The command of `exec` is completed as without `exec`, by bash-completion where it is installed.
_COMMAND_BEHIND_DASHES = {
    "bash": "_mfakit_command",
    "zsh": "_mfakit_command",
    "fish": "(_mfakit_command)",
    "preamble": {
        "bash": """_mfakit_command() {
  local at offset
  for ((at = COMP_CWORD - 1; at > 1; at--)); do
    [[ ${COMP_WORDS[at]} == -- ]] && offset=$((at + 1))
  done
  if [[ -z ${offset-} ]]; then
    return
  elif declare -F _command_offset >/dev/null; then
    _command_offset "$offset" 2>/dev/null
    printf '%s\\n' "${COMPREPLY[@]}"
  elif [[ $offset == "$COMP_CWORD" ]]; then
    compgen -c -- "$1"
  else
    compgen -f -- "$1"
  fi
}""",
        "zsh": """_mfakit_command() {
  [[ $words[1] == -- ]] || return
  shift words
  (( CURRENT -= 1 ))
  _normal
}""",
        "fish": """function _mfakit_command
    set -l before (commandline -cop)
    if set -l at (contains -i -- -- $before)
        set -e before[1..$at]
        complete -C (string join ' ' -- (string escape -- $before) (commandline -ct))
    end
end""",
    },
}
_PROFILES = {"profile": _SESSION, "source_profile": _LONG_TERM, "role_profile": _ALL}


def make_parser(command: Command) -> Parser:
    """Build a command's parser from the table."""
    parser = Parser(
        command.example,
        prog=f"mfakit {command.name}",
        description=command.summary,
        allow_abbrev=False,
        formatter_class=_Formatter,
    )
    add_options(parser, command)
    return parser


def add_options(parser: argparse.ArgumentParser, command: Command) -> list[argparse.Action]:
    """Add a command's options to a parser; return what argparse made of them."""
    actions = []
    for option in (*command.options, *GENERAL_OPTIONS):
        settings = option.settings
        if "type" in settings:
            settings = settings | {"type": _explained(settings["type"])}
        if len(values := ", ".join(settings.get("choices", ()))) > _LONGEST_CHOICES:
            wrapped = f"{settings['help']}; one of {values}"
            settings = settings | {"metavar": "NAME", "help": wrapped}
        actions.append(parser.add_argument(*option.names, **settings))
    return actions


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are MFAKitErrors, and whose help begins with an example."""

    def __init__(self, example: str, **settings: Any) -> None:
        super().__init__(**settings)
        self._example = example

    def format_help(self) -> str:
        """Return the help, with the example at its top."""
        return f"example: {self._example}\n\n{super().format_help()}"

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Read a command line, whose options may be before, between and after the arguments."""
        if any(action.nargs == argparse.REMAINDER for action in self._actions):
            return self.parse_args(arguments)  # the rest is another command's
        return self.parse_intermixed_args(arguments)

    def error(self, message: str) -> NoReturn:
        """Raise a complaint of argparse as a UsageError."""
        # a URL may hold a password, and cron mails error messages
        shown = re.sub(r"[\w.+-]+://\S+", "(a URL)", message)
        raise UsageError(shown, self._hint(message))

    def _hint(self, message: str) -> str:
        """Return the nearest option or value, if argparse's message names a mistyped one."""
        from difflib import get_close_matches

        if message.endswith("expected one argument"):
            return "give it a value, after = if that begins with -; or see --help"
        mistyped = re.search(r"(?:unrecognized arguments: |invalid choice: ')([^\s'=]+)", message)
        if mistyped and mistyped[1] == "--region" and self.prog == "mfakit login":
            return "set it once: mfakit configure --region REGION"
        near = get_close_matches(mistyped[1], self._words(), n=1, cutoff=0.75) if mistyped else []
        return f"{near[0]}; or see {self.prog} --help" if near else f"see {self.prog} --help"

    def _words(self) -> list[str]:
        """Return all names of options, and all values that one can choose from."""
        known = ((*action.option_strings, *(action.choices or ())) for action in self._actions)
        return [word for words in known for word in words if isinstance(word, str)]

    def print_help(self, file: object = None) -> None:
        """Show the help."""
        show(self.format_help())


class _Formatter(argparse.HelpFormatter):
    """A formatter with a set width: argparse would load shutil to find it."""

    def __init__(self, prog: str) -> None:
        try:
            columns = os.get_terminal_size().columns
        except (OSError, ValueError):
            columns = 80
        super().__init__(prog, width=max(40, min(columns, 100) - 2))


def _explained(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Turn a UsageError of a reader of values into argparse's own error."""

    def explained(text: str) -> Any:
        try:
            return read(text)
        except UsageError as error:
            reason = f"{error.message}; {error.hint}" if error.hint else error.message
            raise argparse.ArgumentTypeError(reason) from None

    return explained


def complete(options: argparse.Namespace, files: AWSFiles) -> int:
    """Run `mfakit completion`."""
    if (options.shell is None) == (options.profiles is None):
        raise UsageError("name a shell", "mfakit completion bash, zsh or fish")
    if options.profiles:
        write("".join(f"{name}\n" for name in _profiles(options.profiles, files)))
        return 0
    import shtab

    write(shtab.complete(_whole_parser(), shell=options.shell) + "\n")
    return 0


def _profiles(kind: str, files: AWSFiles) -> list[str]:
    """Return the profiles of a kind whose names can be typed."""
    from mfakit.profiles.profile import Profile

    return [
        name
        for name in files.profiles()
        if name and name.isprintable() and _is_of(kind, Profile(name, files))
    ]


def _is_of(kind: str, profile: Profile) -> bool:
    if kind != _SESSION:
        return kind == _ALL or profile.is_long_term
    try:
        profile.refuse_foreign("--profile")
    except ProfileError:
        return False
    return not profile.is_protected


def _whole_parser() -> argparse.ArgumentParser:
    """Make one parser of all commands, with shtab's settings for each option."""
    from mfakit.cli.commands import COMMANDS

    parser = argparse.ArgumentParser(
        prog="mfakit", description="A six-digit code becomes an AWS session."
    )
    parser.add_argument("-V", "--version", action="store_true", help="show the version")
    commands = parser.add_subparsers()
    for command in COMMANDS.values():
        below = commands.add_parser(command.name, help=command.summary, description=command.summary)
        for action in add_options(below, command):
            _set_completion(action, command.name)
    return parser


def _set_completion(action: argparse.Action, command: str) -> None:
    """Set how an option's value is completed, where it has no choices."""
    import shtab

    kind = _PROFILES.get(action.dest)
    how: Any = None
    if kind is not None:
        how = _profile_names(_ALL if command == "explain" else kind)
    elif action.dest == "command":
        how = _COMMAND_BEHIND_DASHES
    elif action.metavar == "FILE" or action.dest == "file":
        how = shtab.FILE
    if how is not None:
        action.complete = how  # type: ignore[attr-defined]


def _profile_names(kind: str) -> dict[str, Any]:
    """Return shtab's settings for the names of profiles, which are looked up when completing."""
    command = f"mfakit completion --profiles {kind} 2>/dev/null"
    function = f"_mfakit_{kind.replace('-', '_')}_profiles"
    return {
        "bash": function,
        "zsh": function,
        "fish": f"({command})",
        "preamble": {
            # zsh and fish quote what they insert; bash leaves that to the function
            "bash": f"""{function}() {{
  local name quoted
  while IFS= read -r name; do
    printf -v quoted %q "$name"
    [[ $name == "$1"* || $quoted == "$1"* ]] && printf '%s\\n' "$quoted"
  done < <({command})
}}""",
            "zsh": f'{function}() {{ compadd -- ${{(f)"$({command})"}}; }}',
        },
    }
