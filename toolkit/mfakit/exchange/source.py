"""The long-term credentials that a session is made from."""

from __future__ import annotations

from mfakit.errors import ProfileError
from mfakit.profiles.section import is_long_term, session_token
from mfakit.profiles.selection import default_source_profile, named_source_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.profiles.aws_files import AWSFiles


class Source:
    """Long-term credentials, and where they come from. ``repr`` shows no secret.

    Args:
        access_key_id: the key's id.
        secret_access_key: its secret.
        profile: the profile whose settings go with them; None for the environment.
        region: the region to sign for.
    """

    __slots__ = ("access_key_id", "profile", "region", "secret_access_key")

    def __init__(
        self, access_key_id: str, secret_access_key: str, profile: str | None, region: str | None
    ) -> None:
        self.access_key_id = access_key_id
        self.secret_access_key = secret_access_key
        self.profile = profile
        self.region = region

    @property
    def origin(self) -> str:
        """The words for where they come from."""
        return "the environment" if self.profile is None else f"profile {self.profile!r}"

    def __repr__(self) -> str:
        return f"Source({self.access_key_id!r}, {self.origin!r})"


def find_source(
    flag: str | None, session: str, files: AWSFiles, environ: Mapping[str, str]
) -> Source:
    """Find the long-term credentials for a session profile.

    The variables count only if they hold long-term credentials and no source profile is meant,
    so that a session left in the environment never gets in the way.

    Args:
        flag: what ``--source-profile`` says, if anything.
        session: the session profile.
        files: the AWS files.
        environ: the environment.

    Raises:
        ProfileError: there are none, or they are a session's.
    """
    meant = named_source_profile(flag, session, files)
    profile = default_source_profile(files) if meant is None else meant
    region = files.setting("region", session, profile)
    region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if meant is None and _holds_long_term(environ):
        key, secret = environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
        return Source(key, secret, None, region)
    values = files.keys(profile)
    if not is_long_term(values):
        raise _no_credentials(profile, files)
    return Source(values["aws_access_key_id"], values["aws_secret_access_key"], profile, region)


def _holds_long_term(environ: Mapping[str, str]) -> bool:
    return bool(
        environ.get("AWS_ACCESS_KEY_ID")
        and environ.get("AWS_SECRET_ACCESS_KEY")
        and not environ.get("AWS_SESSION_TOKEN")
        and not environ.get("AWS_SECURITY_TOKEN")
    )


def _no_credentials(profile: str, files: AWSFiles) -> ProfileError:
    import shlex

    values = files.keys(profile)
    if session_token(values):
        return ProfileError(
            f"the source profile {profile!r} holds a session; AWS gives no session for a session",
            "name the profile with the long-term credentials: --source-profile default",
        )
    if not files.exists(profile):
        problem = f"there is no profile {profile!r} in {files.credentials_path}"
    elif values.get("aws_access_key_id") or values.get("aws_secret_access_key"):
        problem = f"the profile {profile!r} has only a part of its access key"
    else:
        problem = f"the profile {profile!r} has no access key"
    return ProfileError(
        problem,
        f"put your long-term access key there: aws configure --profile {shlex.quote(profile)};"
        " or name another with --source-profile",
    )
