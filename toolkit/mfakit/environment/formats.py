"""Variables as data, for programs that read them from a file."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Variables = dict[str, str]

_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def _dotenv(variables: Variables) -> str:
    # Readers differ on escapes, even in single quotes; without any they agree.
    for name, value in variables.items():
        if any(character in value for character in "'\\"):
            raise ValueError(f"a .env file cannot hold {name} with ' or \\ in it")
    return "".join(f"{name}='{value}'\n" for name, value in variables.items())


def _docker(variables: Variables) -> str:
    # All behind the sign is the value, quotes too.
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def _json(variables: Variables) -> str:
    import json

    return json.dumps(variables, indent=2) + "\n"


FORMATS: dict[str, Callable[[Variables], str]] = {
    "dotenv": _dotenv,
    "docker": _docker,
    "json": _json,
}


def github_masks(variables: Variables) -> str:
    """Write the lines that make GitHub Actions hide the session's values in its logs."""
    values = [variables[name] for name in _SECRETS if name in variables]
    return "".join(f"::add-mask::{value.replace('%', '%25')}\n" for value in values)


def github_environment(variables: Variables) -> str:
    """Write the lines for the file that ``GITHUB_ENV`` names."""
    return "".join(f"{name}={value}\n" for name, value in variables.items())
