"""Options and commands as data: the parser, and whatever else describes a command, come from it."""

from __future__ import annotations

from mfakit.errors import UsageError
from mfakit.moments import parse_duration

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LAST_PORT = 65535


class Option:
    """An option of a command, or the command that it is to run.

    Args:
        names: as they are typed.
        settings: what argparse is told: ``action`` (``store_true`` or ``append``), ``choices``,
            ``default``, ``help``, ``metavar``, ``type`` (raises UsageError), ``nargs``.
    """

    __slots__ = ("names", "settings")

    def __init__(self, *names: str, **settings: Any) -> None:
        self.names = names
        self.settings = settings

    @property
    def is_positional(self) -> bool:
        """Whether it is not an option, but what stands behind them."""
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
        """Return the value that was typed behind the name, or True for an option without one.

        Args:
            text: what was typed.
            before: its value so far; what may be given several times is a list.

        Raises:
            UsageError: it makes no sense.
        """
        if not self.takes_value:
            return True
        value = self.settings["type"](text) if "type" in self.settings else text
        if value not in self.settings.get("choices", (value,)):
            raise UsageError(f"no choice of {self.names[-1]}: {text!r}")
        return [*(before or ()), value] if self.settings.get("action") == "append" else value


class Command:
    """A command: what it does in a line, an example, its options; its code is in the module named.

    Args:
        name: as it is typed.
        summary: what it does, one line.
        example: a command line that shows it at work.
        options: its options.
        error_exit_code: what every error exits with, where the error itself does not tell.
    """

    __slots__ = ("error_exit_code", "example", "name", "options", "summary")

    def __init__(
        self,
        name: str,
        summary: str,
        example: str,
        options: tuple[Option, ...],
        error_exit_code: int | None = None,
    ) -> None:
        self.name = name
        self.summary = summary
        self.example = example
        self.options = options
        self.error_exit_code = error_exit_code

    @property
    def module(self) -> str:
        """The module that runs the command."""
        return f"mfakit.cli.{self.name.replace('-', '_')}"

    def on_failure(self, arguments: list[str]) -> None:
        """Do what the command's module wants done when it failed, whatever it failed of."""
        module = self.load()
        if hasattr(module, "on_failure"):
            module.on_failure(arguments)

    def load(self) -> Any:
        """Import the module that runs the command; importlib itself would take longer to load."""
        return __import__(self.module, fromlist=["run"])


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
    from mfakit.expiry.schedule.job import parse_interval

    return parse_interval(text)


def user_name(text: str) -> str:
    """Read the name of an IAM user, which is a matter of IAM's pattern for it."""
    from mfakit.cli.simulate.seed_file import USER_NAME

    if not USER_NAME.fullmatch(text):
        raise UsageError(
            f"{text!r} is no user name", "it is 1 to 64 letters, digits and characters of _+=,.@-"
        )
    return text


def notify_target(text: str) -> str:
    """Check that a way to notify people makes sense, and return it as it is."""
    from mfakit.expiry.notices.ways import parse_way

    parse_way(text, lambda: "")
    return text


def command_line(text: str) -> str:
    """Check that a command can be split into words, and return it as it is."""
    from mfakit.expiry.notices.ways import split_command

    split_command(text)
    return text
