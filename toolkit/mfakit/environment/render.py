"""A session as environment variables, and the way back."""

from __future__ import annotations

from mfakit.environment.formats import FORMATS
from mfakit.environment.shells import SHELLS, Shell
from mfakit.errors import UsageError
from mfakit.moments import format_timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mfakit.session import SessionCredentials

# These would override the session, or name another than the one that is set.
CONFLICTING = ("AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
EXPIRATION = "AWS_CREDENTIAL_EXPIRATION"
REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
# These beat a profile that AWS_PROFILE names, in one SDK or another.
_BEATING_PROFILE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    EXPIRATION,
    "AWS_DEFAULT_PROFILE",
)
SET = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    EXPIRATION,
    "MFAKIT_PROFILE",
    *REGIONS,
)


def session_variables(
    credentials: SessionCredentials, region: str | None = None, profile: str | None = None
) -> dict[str, str]:
    """Return the variables that hand a session to every AWS tool.

    Raises:
        UsageError: the region or the profile has a control character.
    """
    expiration = credentials.expiration
    values = (
        credentials.access_key_id,
        credentials.secret_access_key,
        credentials.session_token,
        format_timestamp(expiration) if expiration else None,
        profile,
        region,
        region,
    )
    for name, value in zip(SET, values, strict=True):
        if value is not None and not value.isprintable():
            raise UsageError(f"{name} would have a control character in it", "mend the profile")
    return {name: value for name, value in zip(SET, values, strict=True) if value}


def session_environment(environ: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with a session in it, and nothing that contradicts it."""
    kept = {
        name: value for name, value in environ.items() if name not in (*CONFLICTING, EXPIRATION)
    }
    return kept | dict(variables)


def render_environment(
    credentials: SessionCredentials,
    shell: str = "sh",
    region: str | None = None,
    profile: str | None = None,
) -> str:
    """Write what puts a session into a shell's environment, or hands it to a program as data.

    For shells, what would contradict the session is unset: variables that name a profile, an old
    token, and the expiration of a session that was there before.

    Args:
        credentials: the session.
        shell: ``sh`` (bash, zsh, dash, ksh), ``fish``, ``csh`` (tcsh), ``elvish``, ``nu``,
            ``xonsh``, ``powershell`` or ``cmd``; or ``dotenv``, ``docker`` (for its
            ``--env-file``) or ``json``.
        region: sets the region too, if given.
        profile: the session profile, for mfakit's own use.

    Returns:
        Lines, each ended.

    Raises:
        UsageError: no such shell, or its syntax cannot hold a value.
    """
    variables = session_variables(credentials, region, profile)
    try:
        if shell in FORMATS:
            return FORMATS[shell](variables)
        stale = [name for name in (*CONFLICTING, EXPIRATION) if name not in variables]
        lines = _statements(_dialect(shell), stale, variables)
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(str(error), "take another shell or format") from None
    return "".join(f"{line}\n" for line in lines)


def render_unset(shell: str = "sh", *, region: bool = True) -> str:
    """Write the statements that take a session out of a shell's environment again.

    Args:
        shell: a shell, as for ``render_environment``.
        region: whether a region was set with it.

    Raises:
        UsageError: no such shell.
    """
    dialect = _dialect(shell)
    names = SET if region else [name for name in SET if name not in REGIONS]
    return "".join(f"{dialect.unset.format(name=name)}{dialect.end}\n" for name in names)


def render_profile(profile: str, shell: str = "sh") -> str:
    """Write what makes the AWS tools of a shell use a profile, instead of keys in its environment.

    Args:
        profile: the profile, such as one with a role whose ``source_profile`` is the session's.
        shell: a shell, as for ``render_environment``.

    Returns:
        Lines, each ended.

    Raises:
        UsageError: no such shell, its syntax cannot hold the name, or that has a control character.
    """
    dialect = _dialect(shell)
    if not profile.isprintable():
        raise UsageError(f"{profile!r} has a control character in it", "name another profile")
    try:
        lines = _statements(dialect, _BEATING_PROFILE, {"AWS_PROFILE": profile})
    except ValueError as error:
        raise UsageError(str(error), "take another shell") from None
    # what sees that it has worked stands on the line that sets the variable
    count = len(_BEATING_PROFILE)
    return "".join(f"{line}\n" for line in (*lines[:count], " ".join(lines[count:])))


def render_failure(shell: str) -> str:
    """Write one statement that fails and changes nothing; nothing for what is no shell.

    A command whose output a shell evaluates prints it when it fails: ``eval ""`` succeeds.
    """
    return f"{SHELLS[shell].failure}\n" if shell in SHELLS else ""


def _statements(dialect: Shell, unset: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """Write a line for each statement; the last one, if any, sees that the others have worked."""
    lines = [dialect.unset.format(name=name) for name in unset]
    lines += [dialect.assign(name, value) for name, value in variables.items()]
    lines.append(dialect.guard(variables, "".join(lines)))
    return [f"{line}{dialect.end}" for line in lines if line]


def _dialect(shell: str) -> Shell:
    try:
        return SHELLS[shell]
    except KeyError:
        raise UsageError(
            f"{shell!r} is no shell that has such statements", f"one of {', '.join(SHELLS)}"
        ) from None
