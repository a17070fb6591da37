"""Variables as data, for programs that read them from a file."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Variables = dict[str, str]

_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def _dotenv(variables: Variables) -> str:
    # Readers differ on escapes and on $, even in single quotes; without any they agree.
    for name, value in variables.items():
        if any(character in value for character in "'\\$"):
            raise ValueError(f"a .env file cannot hold {name} with ', \\ or $ in it")
    return "".join(f"{name}='{value}'\n" for name, value in variables.items())


def _docker(variables: Variables) -> str:
    # All behind the sign is the value, quotes too.
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def json_object(values: Mapping[str, str | int]) -> str:
    """Write a JSON object of printable texts and numbers, a line each.

    The library's json would take longer to load than the session takes to be found.
    """
    members = ",\n".join(f"  {_json_text(name)}: {_json_value(values[name])}" for name in values)
    return f"{{\n{members}\n}}\n"


def _json_value(value: str | int) -> str:
    return _json_text(value) if isinstance(value, str) else str(value)


def _json_text(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        import json

        return json.dumps(text)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


FORMATS: dict[str, Callable[[Variables], str]] = {
    "dotenv": _dotenv,
    "docker": _docker,
    "json": json_object,
}


def github_masks(variables: Variables) -> str:
    """Write the lines that make GitHub Actions hide the session's values in its logs."""
    values = [variables[name] for name in _SECRETS if name in variables]
    return "".join(f"::add-mask::{value.replace('%', '%25')}\n" for value in values)


def github_environment(variables: Variables) -> str:
    """Write the lines for the file that ``GITHUB_ENV`` names."""
    return "".join(f"{name}={value}\n" for name, value in variables.items())
