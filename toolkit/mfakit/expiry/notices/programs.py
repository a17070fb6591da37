"""Running a program that tells people: without a shell, without a secret, and not for ever."""

from __future__ import annotations

import sys

from mfakit.errors import MFAKitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET_WORDS = {"KEY", "SECRET", "TOKEN", "PASSWORD", "PASSPHRASE"}


def run_program(
    words: list[str], environ: Mapping[str, str], *, name: str, hint: str, patience: float
) -> None:
    """Run a program. What it prints goes to standard error: standard output is the report's.

    Args:
        words: the program and its arguments.
        environ: its environment, of which it gets no AWS secret.
        name: what errors call it.
        hint: what to do if it fails.
        patience: seconds that it may take.

    Raises:
        MFAKitError: it cannot be run, failed, or took too long.
    """
    import subprocess

    try:
        code = subprocess.run(
            words,
            check=False,
            env=without_secrets(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if sys.stderr is None else 2,
            timeout=patience,
        ).returncode
    except subprocess.TimeoutExpired:
        raise MFAKitError(f"{name} took more than {patience:g} s", hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a NUL character among its words"
        raise MFAKitError(f"{name} cannot be run: {reason}", hint) from None
    if code:
        raise MFAKitError(f"{name} failed ({code})", hint)


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment without AWS credentials, other AWS tools' passwords, and URLs.

    Which names hold such things: the AWS SDKs and Tools Reference Guide (environment variables),
    and the manuals of aws-vault and saml2aws.
    """
    return {name: value for name, value in environ.items() if not _is_secret(name.upper())}


def _is_secret(name: str) -> bool:
    if name == "MFAKIT_NOTIFY":
        return True
    return "AWS" in name and not (
        name.endswith("_FILE") or _SECRET_WORDS.isdisjoint(name.split("_"))
    )
