"""Options and commands as data, and command lines that this data alone can read.

To load argparse and build a parser takes longer than all that `env` or `check` do. So plain lines,
with options in full and each with its value, as prompts and SDKs write, are read by
`read_plain_line`; any other is left to argparse, which knows how to complain and to explain.
"""

from __future__ import annotations

from mfakit.errors import UsageError
from mfakit.moments import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mfakit.profiles.aws_files import AWSFiles

_LAST_PORT = 65535


class Option:
    """An option or a positional argument of a command.

    Args:
        names: as they are typed.
        settings: as for argparse: ``action`` (``store_true`` or ``append``), ``choices``,
            ``default``, ``help``, ``metavar``, ``type`` (raises UsageError), ``nargs``.
    """

    __slots__ = ("names", "settings")

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names = names
        self.settings = settings

    @property
    def is_positional(self) -> bool:
        """Whether it is an argument without a name of its own."""
        return not self.names[0].startswith("-")

    @property
    def takes_value(self) -> bool:
        """Whether a value belongs to it."""
        return self.settings.get("action") != "store_true"

    @property
    def destination(self) -> str:
        """The attribute that its value is found under."""
        return self.names[-1].lstrip("-").replace("-", "_")

    @property
    def default(self) -> Any:
        """Its value where it is not given."""
        return self.settings.get("default", None if self.takes_value else False)

    def read(self, text: str, before: Any) -> Any:
        """Return the value that was typed after the name, or True for an option without one.

        Args:
            text: what was typed.
            before: its value so far; a list for an option that may be repeated.

        Raises:
            UsageError: the value is not allowed.
        """
        if not self.takes_value:
            return True
        value = self.settings["type"](text) if "type" in self.settings else text
        if value not in self.settings.get("choices", (value,)):
            raise UsageError(
                f"no choice of {self.names[-1]}: {text!r}",
                f"one of {', '.join(map(str, self.settings['choices']))}",
            )
        return [*(before or ()), value] if self.settings.get("action") == "append" else value


def flag(name: str, text: str) -> Option:
    """Return an option without a value; its help is the text."""
    return Option(name, action="store_true", help=text)


def value(name: str, metavar: str, text: str, **settings: Any) -> Option:
    """Return an option with a value, which its help calls by the metavar."""
    return Option(name, metavar=metavar, help=text, **settings)


class Verb:
    """What a command can be told to do by its first argument.

    Args:
        name: as it is typed.
        summary: what it does, one line.
        example: a command line that shows it at work.
    """

    __slots__ = ("example", "name", "summary")

    def __init__(self, name: str, summary: str, example: str) -> None:
        self.name = name
        self.summary = summary
        self.example = example


def verb_option(name: str, verbs: tuple[Verb, ...], alone: str = "") -> Option:
    """Return the argument that takes one of these verbs.

    Args:
        name: the argument's own name.
        verbs: those that it takes.
        alone: what the command does without one.
    """
    what = "; ".join(f"{verb.name}: {verb.summary}" for verb in verbs)
    choices = tuple(verb.name for verb in verbs)
    return Option(name, nargs="?", choices=choices, help=what + alone)


class Command:
    """A command.

    Args:
        name: as it is typed.
        summary: what it does, one line.
        example: a command line that shows it at work.
        options: returns its options; those of the other commands are never made.
        error_exit_code: the exit code of every error; None for the error's own.
        verbs: what it can be told to do.
        run_by: the module and the function that run it; by default ``run`` of that of its name.
    """

    __slots__ = (
        "_made",
        "_options",
        "_run_by",
        "error_exit_code",
        "example",
        "name",
        "summary",
        "verbs",
    )

    def __init__(
        self,
        name: str,
        summary: str,
        example: str,
        options: Callable[[], tuple[Option, ...]],
        error_exit_code: int | None = None,
        verbs: tuple[Verb, ...] = (),
        run_by: str = "",
    ) -> None:
        self.name = name
        self.summary = summary
        self.example = example
        self._options = options
        self._made: tuple[Option, ...] | None = None
        self.error_exit_code = error_exit_code
        self.verbs = verbs
        self._run_by = run_by

    def verb_lines(self) -> str:
        """Return the verbs, each with what it does and an example, in lines."""
        width = max(len(verb.name) for verb in self.verbs)
        return "".join(
            f"  {verb.name:{width}}  {verb.summary}\n  {'':{width}}  {verb.example}\n"
            for verb in self.verbs
        )

    @property
    def options(self) -> tuple[Option, ...]:
        """Its options."""
        if self._made is None:
            self._made = self._options()
        return self._made

    def refuse_others(self, options: Any, taken: set[str], what: str) -> None:
        """Refuse options that would have no effect.

        Args:
            options: the values.
            taken: the destinations of the options that may be given.
            what: the action, for the error.

        Raises:
            UsageError: another option was given.
        """
        for option in self.options:
            name = option.destination
            if name not in taken and getattr(options, name) != option.default:
                shown = "a file" if name == "file" else option.names[-1]
                raise UsageError(f"{shown} has no meaning with {what}", "leave it out")

    def on_failure(self, arguments: list[str]) -> None:
        """Call the module's ``on_failure``, if it has one, after the command has failed."""
        module, _ = self._load()
        if hasattr(module, "on_failure"):
            module.on_failure(arguments)

    def load(self) -> Callable[[Any, AWSFiles], int]:
        """Import the function that runs the command with the options and the AWS files."""
        module, function = self._load()
        run: Callable[[Any, AWSFiles], int] = getattr(module, function)
        return run

    def _load(self) -> tuple[Any, str]:
        module, _, function = self._run_by.partition(".")
        name = f"mfakit.cli.{module or self.name.replace('-', '_')}"
        # importlib itself would take longer to load
        return __import__(name, fromlist=["run"]), function or "run"


duration = parse_duration

# What every command takes besides its own options.
GENERAL_OPTIONS = (
    Option(
        "--debug",
        action="store_true",
        help="show on standard error what is read, decided, asked and answered, never a secret:"
        " for a bug report (also with MFAKIT_DEBUG=1)",
    ),
)


def port(text: str) -> int:
    """Read the number of a TCP port; 0 is a free one."""
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(_LAST_PORT))
    if not short or int(text) > _LAST_PORT:
        raise UsageError(f"{text!r} is no port", f"it is a number from 0 to {_LAST_PORT}")
    return int(text)


def interval(text: str) -> int:
    """Read how often something is to run."""
    from mfakit.schedule import parse_interval

    return parse_interval(text)


def user_name(text: str) -> str:
    """Read the name of an IAM user."""
    from mfakit.cli.simulate import USER_NAME

    if not USER_NAME.fullmatch(text):
        raise UsageError(
            f"{text!r} is no user name", "it is 1 to 64 letters, digits and characters of _+=,.@-"
        )
    return text


def notify_target(text: str) -> str:
    """Check that there is such a way to notify people, and return its name."""
    from mfakit.notices.ways import parse_way

    parse_way(text, lambda: "")
    return text


def command_line(text: str) -> str:
    """Check that a command can be split into words, and return it as it is."""
    from mfakit.programs import split_command

    split_command(text)
    return text


class Options:
    """The values of a command's options, as attributes that argparse would name alike."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def read_plain_line(command: Command, arguments: list[str]) -> Options | None:
    """Return a command's options; None if the line is not plain, even though it may be right."""
    if any(o.is_positional and o.settings.get("nargs") != "..." for o in command.options):
        return None  # which word it is depends on the words around it
    options = (*command.options, *GENERAL_OPTIONS)
    by_name = {name: option for option in options for name in option.names}
    values = {option.destination: option.default for option in options}
    left = list(reversed(arguments))
    while left:
        name, sign, value = left.pop().partition("=")
        option = by_name.get(name) if name[:1] == "-" else None
        if option is None or (sign and not (name[:2] == "--" and value and option.takes_value)):
            return _with_rest(command, values, [name + sign + value, *reversed(left)])
        if option.takes_value and not sign:
            value = left.pop() if left else "-?"
            if value.startswith("-") and value != "-":
                return None
        try:
            values[option.destination] = option.read(value, values[option.destination])
        except UsageError:
            return None
    return _with_rest(command, values, [])


def _with_rest(command: Command, values: dict[str, Any], rest: list[str]) -> Options | None:
    """Return the options if nothing is left but the command that `exec` runs."""
    option = next((option for option in command.options if option.is_positional), None)
    if option is None:
        return None if rest else Options(values)
    if rest and rest[0] != "--" and rest[0].startswith("-"):
        return None
    return Options({**values, option.destination: rest})
