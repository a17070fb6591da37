"""`mfakit` alone: where one stands, and what to do next."""

from __future__ import annotations

import shlex

from mfakit.errors import MFAKitError, SessionNotFoundError
from mfakit.expiry.report import as_text
from mfakit.expiry.status import check_session, check_shell
from mfakit.moments import utc_now
from mfakit.profiles.selection import default_source_profile, session_profile
from mfakit.programs import find_program
from mfakit.state import VALID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile


def standing(files: AWSFiles, now: datetime | None = None) -> list[str]:
    """Return how the session stands and what to do next, in lines.

    Args:
        files: the AWS files.
        now: the time to judge by; the present by default.
    """
    now = utc_now() if now is None else now
    try:
        profile = session_profile(None, files)
        status = check_shell(None, files, now) or check_session(profile, now)
    except SessionNotFoundError:
        return _without_session(profile)
    except MFAKitError as error:
        return [error.message, _next(error.hint)]
    step = _login_line(profile)
    if status.state == VALID:
        name = shlex.quote(profile.name)
        has_cli = find_program("aws", files.environ) is not None
        step = (
            f"aws s3 ls --profile {name}" if has_cli else f"mfakit exec --profile {name} -- PROGRAM"
        )
    return [as_text([status], str).rstrip(), _next(step)]


def _without_session(profile: Profile) -> list[str]:
    source = default_source_profile(profile.files)
    has_key = source.is_long_term or source.has_key_elsewhere
    if has_key or profile.files.environ.get("AWS_ACCESS_KEY_ID"):
        return [f"{profile.name}: no session yet", _next(_login_line(profile))]
    has_cli = find_program("aws", profile.files.environ) is not None
    return [
        f"{profile.name}: no session yet, and no access key in the profile {source.name!r}",
        _next("aws configure" if has_cli else "mfakit keys import --from-csv FILE"),
        f"or see how it goes: {_demo()}",
    ]


def _demo() -> str:
    from importlib.util import find_spec

    from mfakit.extras import installing_line

    installed = "" if find_spec("moto") else f"{installing_line('testing')} && "
    return f"{installed}mfakit demo"


def _login_line(profile: Profile) -> str:
    option = "" if profile.name == "mfa" else f" --profile {shlex.quote(profile.name)}"
    return f"mfakit login{option}"


def _next(step: str) -> str:
    return f"next: {step}"
