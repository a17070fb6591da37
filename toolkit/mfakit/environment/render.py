"""A session as environment variables: for a shell, for a file, for a command."""

from __future__ import annotations

import os

from mfakit.environment import FORMATS, KINDS, SHELLS, Shell
from mfakit.errors import UsageError
from mfakit.moments import format_timestamp
from mfakit.profiles.selection import ENDPOINT, REGIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mfakit.session import SessionCredentials


# These would override the session, or name another one.
CONFLICTING = ("AWS_SECURITY_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
EXPIRATION = "AWS_CREDENTIAL_EXPIRATION"
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
    ENDPOINT,
)


def session_variables(
    credentials: SessionCredentials,
    region: str | None = None,
    profile: str | None = None,
    endpoint_url: str | None = None,
) -> dict[str, str]:
    """Return the variables that hand a session to every AWS tool.

    Raises:
        UsageError: the region, the profile or the endpoint has a control character.
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
        endpoint_url,
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
    endpoint_url: str | None = None,
) -> str:
    """Return the statements that set a session in a shell, or the session as data for a program.

    In shells, variables that would contradict the session are unset: the name of a profile, an old
    token, and the expiration of an earlier session.

    Args:
        credentials: the session.
        shell: ``sh`` (bash, zsh, dash, ksh), ``fish``, ``csh`` (tcsh), ``elvish``, ``nu``,
            ``xonsh``, ``powershell`` or ``cmd``; or ``dotenv``, ``docker`` (for its
            ``--env-file``) or ``json``.
        region: sets the region too, if given.
        profile: the session profile, for mfakit's own use.
        endpoint_url: sets an endpoint that is not AWS's own too, if given.

    Returns:
        Lines, each ended.

    Raises:
        UsageError: no such shell, or its syntax cannot hold a value.
    """
    return render_variables(
        session_variables(credentials, region, profile, endpoint_url),
        (*CONFLICTING, EXPIRATION),
        shell,
    )


def render_variables(variables: dict[str, str], stale: Iterable[str], shell: str = "sh") -> str:
    """Return the statements that set variables in a shell, or the variables as data.

    Args:
        variables: those to set.
        stale: those to unset first, unless they are set.
        shell: as for ``render_environment``.

    Returns:
        Lines, each ended.

    Raises:
        UsageError: no such shell, or its syntax cannot hold a value.
    """
    try:
        if shell in FORMATS:
            return FORMATS[shell](variables)
        unset = [name for name in stale if name not in variables]
        lines = _statements(_dialect(shell), unset, variables)
    except ValueError as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(str(error), "take another shell or format") from None
    return "".join(f"{line}\n" for line in lines)


def render_unset(shell: str = "sh", *, region: bool = True, endpoint_url: bool = False) -> str:
    """Return the statements that remove a session from a shell's environment.

    Args:
        shell: a shell, as for ``render_environment``.
        region: whether a region was set with it.
        endpoint_url: whether an endpoint was.

    Raises:
        UsageError: no such shell.
    """
    dialect = _dialect(shell)
    kept = (*(() if region else REGIONS), *(() if endpoint_url else (ENDPOINT,)))
    names = [name for name in SET if name not in kept]
    return "".join(f"{dialect.unset.format(name=name)}{dialect.end}\n" for name in names)


def render_profile(profile: str, shell: str = "sh") -> str:
    """Return the statements that make AWS tools in a shell use a profile instead of keys.

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
    # the guard is on the line that sets the variable
    count = len(_BEATING_PROFILE)
    return "".join(f"{line}\n" for line in (*lines[:count], " ".join(lines[count:])))


def render_failure(shell: str) -> str:
    """Return a statement that fails and changes nothing; "" for a data format.

    A command whose output a shell evaluates prints it when it fails, since ``eval ""`` succeeds.
    """
    return f"{SHELLS[shell].failure}\n" if shell in SHELLS else ""


def _statements(dialect: Shell, unset: Iterable[str], variables: Mapping[str, str]) -> list[str]:
    """Return a line for each statement; the last one, if any, checks that the others worked."""
    lines = [dialect.unset.format(name=name) for name in unset]
    lines += [dialect.assign(name, value) for name, value in variables.items()]
    lines.append(dialect.guard(variables, "".join(lines)))
    return [f"{line}{dialect.end}" for line in lines if line]


def _dialect(shell: str) -> Shell:
    try:
        return SHELLS[shell]
    except KeyError:
        raise UsageError(
            f"there is no shell or format {shell!r}", f"one of {', '.join(SHELLS)}"
        ) from None


_MOST_ANCESTORS = 32


def detect_shell() -> str:
    """Find the kind of the nearest shell that this process was started from.

    Returns:
        Its name, as ``render_environment`` takes it.

    Raises:
        UsageError: it cannot be found, or mfakit cannot write for it.
    """
    kind = _nearest_kind()
    if kind is None:
        import shellingham

        try:
            name = shellingham.detect_shell()[0]
        except (shellingham.ShellDetectionFailure, OSError):
            name = "unknown"
        kind = KINDS.get(name)
        if kind is None:
            raise UsageError(
                f"the shell that asked is {name}", f"name one: --shell {'|'.join(SHELLS)}"
            )
    return kind


def likely_shell() -> str:
    """Return the kind of shell that lines are pasted into; ``sh`` if it cannot be found."""
    try:
        return detect_shell()
    except UsageError:
        return "sh"


def line_into_shell(profile: str) -> str:
    """Return the line that puts the session of a profile into the shell that it is pasted into."""
    import shlex

    command = f"mfakit env --profile {shlex.quote(profile)}"
    return SHELLS[likely_shell()].usage.format(command=command)


def _nearest_kind() -> str | None:
    """Look in Linux's /proc; shellingham works everywhere, but takes long to load."""
    pid = os.getppid()
    for _ in range(_MOST_ANCESTORS):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = os.fsdecode(file.read()).split("\0")
            with open(f"/proc/{pid}/stat", "rb") as file:
                parent = int(file.read().rpartition(b")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return None
        if kind := _kind_of(words):
            return kind
        pid = parent
    return None


def _kind_of(words: list[str]) -> str | None:
    """Return the kind of shell that a command line starts, if it starts one."""
    name = _name(words[0])
    if name.startswith("python") and "xonsh" in map(_name, words[1:3]):
        name = "xonsh"  # a script, or `-m xonsh`
    return KINDS.get(name)


def _name(word: str) -> str:
    """Return a program's name; a login shell has a dash before its own."""
    return os.path.basename(word).removeprefix("-").lower().removesuffix(".exe")
