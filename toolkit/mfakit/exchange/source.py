"""The credentials that a session is made from: long-term ones, or for a role also a session."""

from __future__ import annotations

from mfakit import debug
from mfakit.errors import ProfileError
from mfakit.keys import LongTermKey, no_key, read_key, unnamed_key
from mfakit.profiles.aws_files import profile_of
from mfakit.profiles.section import (
    KEYS,
    is_long_term,
    is_no_key,
    lacks_token,
    section_of,
    session_token,
)
from mfakit.profiles.selection import (
    default_source_profile,
    is_of_another_program,
    named_source_profile,
    roles_before,
    shadowed_by,
    variables_hold_keys,
    with_long_term_keys,
)
from mfakit.profiles.stores import is_own_process
from mfakit.session import SESSION_KEY_PREFIX
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.profiles.profile import Profile

_PROCESS_TIMEOUT_SECONDS = 60
_ACCOUNT_DIGITS = 12
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonaws.eu")


class Source(Value):
    """Credentials, and where they come from. ``repr`` shows no secret.

    Args:
        access_key_id: the key's id.
        secret_access_key: its secret.
        profile: the profile whose settings apply; None for the environment.
        region: the region to sign for.
        session_token: the token of a session; empty for long-term credentials.
        device: the ``mfa_serial`` of the profiles, which names a partition if there is no region.
    """

    access_key_id: str
    secret_access_key: str
    profile: str | None
    region: str | None
    session_token: str = ""
    device: str | None = None

    @property
    def is_session(self) -> bool:
        """Whether these are the credentials of a session."""
        return bool(self.session_token)

    @property
    def likely_account(self) -> str | None:
        """The account that the key's id encodes, if it encodes one.

        AWS does not document this form, so the account only decides whether to ask AWS first.
        Ids from before 2019 begin with I or J after the prefix, and encode none.
        """
        body = self.access_key_id[4:]
        if len(body) != 16 or body[0] in "IJ" or not set(body) <= set(_BASE32):
            return None
        number = 0
        for letter in body:
            number = number * 32 + _BASE32.index(letter)
        account = f"{number >> 39 & (1 << 40) - 1:012}"
        return account if len(account) == _ACCOUNT_DIGITS else None

    @property
    def origin(self) -> str:
        """A description of where they come from, for messages."""
        return "the environment" if self.profile is None else f"profile {self.profile!r}"

    def __repr__(self) -> str:
        return f"Source({self.access_key_id!r}, {self.origin!r})"


def find_source(flag: str | None, session: Profile, *, may_be_session: bool = False) -> Source:
    """Find the credentials that a session is made from.

    They are read from the files themselves, or come from the profile's own `credential_process`.
    Environment variables are used only if they hold long-term credentials and no source profile is
    named, so that a session left in the environment does no harm.

    Args:
        flag: the value of ``--source-profile``, if it was given.
        session: the session profile.
        may_be_session: whether the source may be a session, as for a role.

    Raises:
        ProfileError: there are none, or they are those of a session.
    """
    files, environ = session.files, session.files.environ
    meant = named_source_profile(flag, session, may_be_session=may_be_session)
    profile = default_source_profile(files) if meant is None else meant
    region = _region(profile, session)
    debug.event("region: {}", region or "none is set; one of the device's partition will be used")
    if meant is None and variables_hold_keys(environ):
        key, secret = environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
        debug.event("source: the key {} of the environment", debug.key_id(key))
        if _is_malformed(dict(zip(KEYS, (key, secret), strict=True))):
            raise ProfileError(
                "the access key of the environment cannot be used",
                "take it out of the environment, or put it there without quotes and blanks",
            ).about(None)
        return Source(key, secret, None, region)
    values = _values_of(profile, may_be_session=may_be_session)
    is_session = may_be_session and profile.in_file.holds_session(values)
    if _is_malformed(values) or (not is_long_term(values) and not is_session):
        debug.event("source: the profile {!r} holds no long-term key", profile.name)
        error = _no_credentials(profile)
        raise _of_missing_source(error, session) if meant is None else error
    if debug.is_on():
        place = profile.place("aws_access_key_id") or "its credential_process"
        shown = debug.key_id(values["aws_access_key_id"])
        debug.event("source: the key {} of profile {!r}, from {}", shown, profile.name, place)
    return Source(
        values["aws_access_key_id"],
        values["aws_secret_access_key"],
        profile.name,
        region,
        session_token(values),
        files.setting("mfa_serial", session.name, profile.name),
    )


def signer_of(profile: Profile, key: LongTermKey) -> Source:
    """Return what signs with a long-term key of a profile, which it may have no longer."""
    device = profile.setting("mfa_serial")
    return Source(
        key.access_key_id, key.secret_access_key, profile.name, _region(profile), device=device
    )


def _region(*profiles: Profile) -> str | None:
    """Return the region of the first profile that names one, or of the environment."""
    files = profiles[0].files
    region = files.setting("region", *(profile.name for profile in profiles))
    return (
        region or files.environ.get("AWS_REGION") or files.environ.get("AWS_DEFAULT_REGION") or None
    )


def _values_of(profile: Profile, *, may_be_session: bool) -> dict[str, str]:
    """Return the keys of a source profile, wherever they are kept."""
    values, process = profile.keys, profile.merged.get("credential_process")
    if profile.has_key_elsewhere:
        found = read_key(profile)
        if found is None:
            raise _no_credentials(profile)
        return dict(zip(KEYS, (found.access_key_id, found.secret_access_key), strict=True))
    if not process or any(values.get(key) for key in ("aws_access_key_id", "aws_session_token")):
        return values
    if may_be_session and profile.is_kept_elsewhere:
        session = section_of(profile.find().session, {})
        return {key: value for key, value in session.items() if value}
    return _ask_process(process, profile)


def _is_malformed(values: dict[str, str]) -> bool:
    """Whether AWS must refuse the keys: quotes were written too, or a session lacks its token.

    So it must if a secret stands in the place of the id, which nobody may be shown then.
    """
    has_no_key = any(is_no_key(values.get(key, "")) for key in KEYS)
    return lacks_token(values) or has_no_key or debug.may_be_secret(values.get(KEYS[0], ""))


def _ask_process(command: str, asked: Profile) -> dict[str, str]:
    """Return the keys that a `credential_process` prints, such as aws-vault from a keychain.

    Its output is the one that AWS SDKs and tools expect: JSON with ``Version`` 1.
    """
    import json
    import shlex
    import subprocess

    from mfakit.programs import run_within

    profile = asked.name
    if is_own_process(command):
        raise ProfileError(
            f"the source profile {profile!r} gets its credentials from mfakit itself",
            long_term_hint(asked),
        )
    failed = ProfileError(
        f"the credential_process of the source profile {profile!r} gave no credentials",
        "run it by hand, and see what it says",
    )
    try:
        words = shlex.split(command)
        done = run_within(_PROCESS_TIMEOUT_SECONDS, words, stdout=subprocess.PIPE)
        done.check_returncode()
        given = json.loads(done.stdout)
        keys = {
            "aws_access_key_id": str(given["AccessKeyId"]),
            "aws_secret_access_key": str(given["SecretAccessKey"]),
            "aws_session_token": str(given.get("SessionToken") or ""),
        }
        version = given.get("Version")
    except FileNotFoundError as error:
        raise ProfileError(
            f"the credential_process of the source profile {profile!r} cannot be run: there is no"
            f" program {error.filename!r}",
            "install it, or name it by its whole path; or name other keys with --source-profile",
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, subprocess.SubprocessError):
        raise failed from None
    if version != 1:
        raise failed
    if keys["aws_session_token"]:
        raise ProfileError(
            f"the credential_process of {profile!r} gives a session; AWS gives none for a session",
            "let it give long-term credentials (aws-vault: --no-session)",
        )
    return keys


def _no_credentials(profile: Profile) -> ProfileError:
    if unnamed_key(profile):
        return no_key(profile)
    return _without_credentials(profile)


def _without_credentials(profile: Profile) -> ProfileError:
    import shlex

    name, files, values = profile.name, profile.files, profile.keys
    if session_token(values):
        error = ProfileError(
            f"the source profile {name!r} holds a session; AWS gives no session for a session",
            long_term_hint(profile),
        )
        is_of_session = values.get("aws_access_key_id", "").startswith(SESSION_KEY_PREFIX)
        may_be_hidden = "AWS_SHARED_CREDENTIALS_FILE" in files.environ
        return error if is_of_session and not may_be_hidden else error.about(name)
    if not profile.exists:
        problem = f"there is no profile {name!r} in {files.credentials_path}"
        meant = files.like(name)
        if meant and profile.other(meant).is_long_term:
            hint = f"is it the profile {meant!r}? --source-profile {shlex.quote(meant)}"
            return ProfileError(problem, hint).about(name)
    elif _is_malformed(values):
        problem = f"the access key of profile {name!r} cannot be used"
    elif values.get("aws_access_key_id") or values.get("aws_secret_access_key"):
        problem = f"the profile {name!r} has only a part of its access key"
    else:
        problem = f"the profile {name!r} has no access key"
    if (shadow := shadowed_by(profile.files.environ)) and "without" in shadow:
        problem = f"{problem}, and the variables hold {shadow}"
    other = with_long_term_keys(profile)
    if other and not any(values.get(key) for key in KEYS):
        hint = f"name the profile with long-term keys: --source-profile {shlex.quote(other)}"
        return ProfileError(problem, hint).about(name)
    return ProfileError(
        problem,
        f"put your long-term access key there: aws configure --profile {shlex.quote(name)};"
        " or name another with --source-profile",
    ).about(_with_unread_keys(profile) or name)


def _of_missing_source(error: ProfileError, session: Profile) -> ProfileError:
    """Return the error with the role that led to a session profile that does not exist.

    If that has a session of another program, the hint says so.
    """
    import shlex

    roles = roles_before(session)
    if is_of_another_program(session):
        renewed = f"renew the session of profile {session.name!r} with the program that made it"
        return ProfileError(error.message, f"{renewed}; or {error.hint}")
    if session.exists or not roles:
        return error
    role = roles[-1]
    missing = f"{error.message}; the source of the role {role!r}, {session.name!r}, is missing"
    other = f"aws configure set source_profile NAME --profile {shlex.quote(role)}"
    return ProfileError(missing, f"name another source: {other}; or {error.hint}").about(role)


def long_term_hint(profile: Profile) -> str:
    """Return how to name long-term credentials instead of those of a profile."""
    import shlex

    found = with_long_term_keys(profile)
    if found is not None:
        return f"name the profile with long-term keys: --source-profile {shlex.quote(found)}"
    return (
        "put your long-term keys into a profile: aws configure --profile long-term; then name it:"
        " --source-profile long-term"
    )


def _with_unread_keys(profile: Profile) -> str | None:
    """Return the profile that keys are meant for whose header is only right in the other file."""
    files, word = profile.files, "profile "
    in_config = [
        header.removeprefix(word)
        for header, values in files.config_file.sections()
        if profile_of(header) is None and is_long_term(values)
    ]
    in_credentials = [
        header.removeprefix(word)
        for header, values in files.credentials_file.sections()
        if header.startswith(word) and is_long_term(values)
    ]
    return next(iter(in_config + in_credentials), None)


def endpoint_url(profile: Profile | None, environ: Mapping[str, str]) -> str | None:
    """Return the endpoint of STS calls, without a password in it.

    Args:
        profile: the profile whose keys sign; None for keys of the environment.
        environ: the environment.

    Returns:
        The endpoint in the variables or the profile, as boto3 reads them; None is AWS's own.
    """
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    url = (
        environ.get("AWS_ENDPOINT_URL_STS")
        or environ.get("AWS_ENDPOINT_URL")
        or (_configured_endpoint(profile) if profile else None)
    )
    if not url or "@" not in url:
        return url
    scheme, _, rest = url.partition("//")
    return f"{scheme}//{rest.rpartition('@')[2]}"


def is_of_aws(url: str | None) -> bool:
    """Whether an endpoint belongs to AWS, such as a VPC endpoint, or None."""
    if url is None:
        return True
    from urllib.parse import urlsplit

    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host.endswith(_AWS_DOMAINS)


def _configured_endpoint(profile: Profile) -> str | None:
    """Return a profile's endpoint: that of STS in its `services` section, else its own."""
    if services := profile.setting("services"):
        section = profile.files.config_file.section(f"services {services}")
        pairs = (line.partition("=")[::2] for line in section.get("sts", "").splitlines())
        settings = {key.strip(): value.strip() for key, value in pairs}
        if url := settings.get("endpoint_url"):
            return url
    return profile.setting("endpoint_url")
