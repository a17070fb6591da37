"""`mfakit` alone: where one stands, and what to do next."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

from mfakit.errors import MFAKitError, SessionNotFoundError
from mfakit.expiry.report import as_text
from mfakit.expiry.status import check_session
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.section import is_long_term
from mfakit.profiles.selection import default_source_profile, session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def standing(environ: Mapping[str, str], now: datetime | None = None) -> list[str]:
    """Return how the session stands and what to do next, in lines.

    Args:
        environ: the environment.
        now: the time to judge by; the present by default.
    """
    now = datetime.now(UTC) if now is None else now
    try:
        files = AWSFiles(environ)
        profile = session_profile(None, environ, files)
        status = check_session(profile, files, now)
    except SessionNotFoundError:
        return _without_session(profile, files, environ)
    except MFAKitError as error:
        return [error.message, _next(error.hint)]
    option = "" if profile == "mfa" else f" --profile {shlex.quote(profile)}"
    steps = {
        "valid": f"aws s3 ls --profile {shlex.quote(profile)}",
        "expiring": f"mfakit login{option}",
        "expired": f"mfakit login{option}",
        "unknown": f"mfakit login{option}",
    }
    return [as_text([status], str).rstrip(), _next(steps[status.state])]


def _without_session(profile: str, files: AWSFiles, environ: Mapping[str, str]) -> list[str]:
    source = default_source_profile(files)
    if is_long_term(files.keys(source)) or environ.get("AWS_ACCESS_KEY_ID"):
        option = "" if profile == "mfa" else f" --profile {shlex.quote(profile)}"
        return [f"{profile}: no session yet", _next(f"mfakit login{option}")]
    return [
        f"{profile}: no session yet, and no access key in the profile {source!r}",
        _next("aws configure"),
        "or see how it goes: mfakit demo",
    ]


def _next(step: str) -> str:
    return f"next: {step}"
