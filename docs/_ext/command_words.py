"""Commands and options in words, as the pages and the manual page show them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.cli.options import Command, Option


def value_of(option: Option) -> str:
    """Return the placeholder or the choices of an option's value; "" if it takes none."""
    if not option.takes_value:
        return ""
    choices = option.settings.get("choices")
    return "|".join(choices) if choices else option.settings.get("metavar", option.destination)


def spellings(option: Option) -> list[str]:
    """Return all spellings of an option, each with its value."""
    if option.is_positional:
        return [value_of(option)]
    return [f"{name} {value_of(option)}".rstrip() for name in option.names]


def synopsis(command: Command) -> str:
    """Return the synopsis of a command in one line."""
    words = ["mfakit", command.name]
    if any(not option.is_positional for option in command.options):
        words.append("[OPTION ...]")
    words += [f"[{value_of(option)}]" for option in command.options if option.is_positional]
    return " ".join(words)


def help_of(option: Option) -> str:
    """Return the help text of an option."""
    return str(option.settings["help"]).replace("%%", "%")
