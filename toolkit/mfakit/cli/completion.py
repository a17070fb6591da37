"""`mfakit completion`: what a shell needs to complete mfakit's command lines."""

from __future__ import annotations

from argparse import ArgumentParser

from mfakit.cli.output import write
from mfakit.cli.parser import add_options
from mfakit.errors import ProfileError, UsageError
from mfakit.profiles.profile import Profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action, Namespace
    from typing import Any

    from mfakit.profiles.aws_files import AWSFiles

SESSION, LONG_TERM, ALL = "session", "long-term", "all"
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
_PROFILES = {"profile": SESSION, "source_profile": LONG_TERM, "role_profile": ALL}


def run(options: Namespace, files: AWSFiles) -> int:
    """Run the command."""
    if (options.shell is None) == (options.profiles is None):
        raise UsageError("name a shell", "mfakit completion bash, zsh or fish")
    if options.profiles:
        write("".join(f"{name}\n" for name in _profiles(options.profiles, files)))
        return 0
    import shtab

    write(shtab.complete(_parser(), shell=options.shell) + "\n")
    return 0


def _profiles(kind: str, files: AWSFiles) -> list[str]:
    """Return the profiles of a kind whose names can be typed."""
    return [
        name
        for name in files.profiles()
        if name and name.isprintable() and _is_of(kind, Profile(name, files))
    ]


def _is_of(kind: str, profile: Profile) -> bool:
    if kind == LONG_TERM:
        return profile.is_long_term
    return kind == ALL or _may_hold_a_session(profile)


def _may_hold_a_session(profile: Profile) -> bool:
    try:
        profile.refuse_foreign("--profile")
    except ProfileError:
        return False
    return not profile.is_protected


def _parser() -> ArgumentParser:
    """Make one parser of all commands, with shtab's settings for each option."""
    from mfakit.cli.commands import COMMANDS

    parser = ArgumentParser(prog="mfakit", description="A six-digit code becomes an AWS session.")
    parser.add_argument("-V", "--version", action="store_true", help="show the version")
    commands = parser.add_subparsers()
    for command in COMMANDS.values():
        below = commands.add_parser(command.name, help=command.summary, description=command.summary)
        for action in add_options(below, command):
            _set_completion(action, command.name)
    return parser


def _set_completion(action: Action, command: str) -> None:
    """Set how an option's value is completed, where it has no choices."""
    import shtab

    kind = _PROFILES.get(action.dest)
    how: Any = None
    if kind is not None:
        how = _profile_names(ALL if command == "explain" else kind)
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
