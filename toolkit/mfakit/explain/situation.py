"""The situation to explain: an environment, its AWS files, and where an SDK finds credentials."""

from __future__ import annotations

from functools import cached_property

from mfakit.environment.endpoint import endpoint_of
from mfakit.errors import FileError, MFAKitError, ProfileError
from mfakit.exchange.source import Source
from mfakit.expiry import check_all
from mfakit.explain.chain import as_seen_by, in_environment, walk
from mfakit.explain.javascript import profiles_of, walk_javascript
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile
from mfakit.profiles.section import KEYS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mfakit.expiry import SessionStatus
    from mfakit.explain.chain import Chain, Link


ENDPOINT_PROVIDERS = ("container-role", "remoteProvider")
# They choose which files and which profile are read, so they are not what makes a search fail.
_LEADING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_VARIABLES = {
    "env": ("AWS_ACCESS_KEY_ID",),
    "fromEnv": ("AWS_ACCESS_KEY_ID",),
    "assume-role-with-web-identity": ("AWS_WEB_IDENTITY_TOKEN_FILE",),
    "fromTokenFile": ("AWS_WEB_IDENTITY_TOKEN_FILE",),
    "remoteProvider": _CONTAINER,
    "container-role": _CONTAINER,
    "ec2-credentials-file": ("AWS_CREDENTIAL_FILE",),
    "boto-config": ("BOTO_CONFIG",),
}
_SETTINGS = {
    "assume-role": ("role_arn",),
    "assume-role-with-web-identity": ("web_identity_token_file",),
    "sso": ("sso_session", "sso_start_url", "sso_account_id", "sso_role_name"),
    "login": ("login_session",),
    "custom-process": ("credential_process",),
    "fromProcess": ("credential_process",),
    "shared-credentials-file": KEYS,
    "config-file": KEYS,
    "fromIni": ("role_arn", *KEYS, "credential_process", "sso_session", "login_session"),
}


def place_of(link: Link, situation: Situation) -> str:
    """Return the place of a link's credentials: ``~/.aws/credentials, line 3``, or a variable.

    Returns:
        "" if they are not on this machine.
    """
    for key in _SETTINGS.get(link.provider, ()):
        if found := situation.place(key):
            return found
    names = [name for name in _VARIABLES.get(link.provider, ()) if situation.environ.get(name)]
    return " ".join(names)


def is_metadata(link: Link, situation: Situation) -> bool:
    """Whether it is the metadata service that every machine at AWS has, and no other one."""
    return link.provider in ("iam-role", "remoteProvider") and not place_of(link, situation)


class Situation:
    """An environment as an SDK sees it, with all that findings are made from.

    Args:
        environ: the environment.
        profile: the value of ``aws --profile``; None leaves it to the environment.
        sdk: ``boto3``, ``cli`` (version 2) or ``js`` (version 3).
        now: the time to judge by.
        shell: the kind of shell that commands are for, as ``detect_shell`` returns it.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        profile: str | None,
        sdk: str,
        now: datetime,
        shell: str = "sh",
    ) -> None:
        self.environ = environ
        self.flag = profile
        self.sdk = sdk
        self.now = now
        self.shell = shell
        self.files = AWSFiles(environ)

    @cached_property
    def chain(self) -> Chain:
        """The places where the SDK looks."""
        if self.sdk == "js":
            return walk_javascript(self.flag, self.environ, self.now)
        return walk(self.environ, self.flag, self.sdk, self.now)

    @property
    def profile_variable(self) -> str | None:
        """The variable that names the profile to the SDK, if one does."""
        if self.flag is not None:
            return None
        if self.sdk == "js":
            return "AWS_PROFILE" if self.environ.get("AWS_PROFILE") else None
        order = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"]
        if self.sdk == "cli":
            order.reverse()
        return next((name for name in order if name in self.environ), None)

    @property
    def profile(self) -> str:
        """The profile that the SDK resolves."""
        return self.chain.profile

    @property
    def as_profile(self) -> Profile:
        """The same as mfakit reads it."""
        return Profile(self.profile, self.files)

    @cached_property
    def values(self) -> dict[str, str]:
        """The settings of that profile in both files."""
        if self.sdk == "js":
            return profiles_of(self.environ).get(self.profile, {})
        return self._merged(self.profile)

    def _merged(self, profile: str) -> dict[str, str]:
        """Return the settings of a profile; none if a file cannot be read, which is a finding."""
        try:
            return self.files.merged(profile)
        except FileError:
            return {}

    def place(self, key: str) -> str:
        """Return where a setting of that profile is: ``~/.aws/config, line 3``; "" if nowhere."""
        try:
            return self.files.place(self.profile, key)
        except FileError:
            return ""

    @property
    def region_place(self) -> str:
        """The variable or the line that names the region; "" if nothing does."""
        names = {"cli": ("AWS_REGION", "AWS_DEFAULT_REGION"), "js": ("AWS_REGION",)}
        for name in names.get(self.sdk, ("AWS_DEFAULT_REGION",)):
            if self.environ.get(name):
                return name
        return self.place("region")

    def is_served(self, link: Link) -> bool:
        """Whether a link is mfakit's endpoint."""
        return link.provider in ENDPOINT_PROVIDERS and endpoint_of(self.environ) is not None

    @cached_property
    def culprit(self) -> tuple[str, bool] | None:
        """The one setting or variable that makes the search fail; None if it is not just one.

        It is its name, and whether credentials are found without it.
        """
        if self.sdk == "js" or self.chain.failure is None:
            return None
        from botocore.session import Session

        with in_environment(as_seen_by(self.sdk, self.environ)):
            try:
                values = Session().full_config["profiles"].get(self.profile, {})
            except Exception:
                return None  # the files themselves cannot be read
        tries = {key: walk(self.environ, self.flag, self.sdk, without=key) for key in values}
        for name in self.environ:
            if name.startswith("AWS_") and name not in _LEADING:
                rest = {other: value for other, value in self.environ.items() if other != name}
                tries[name] = walk(rest, self.flag, self.sdk)
        found = [
            (name, without.failure is None and without.winner is not None)
            for name, without in tries.items()
            if without.failure != self.chain.failure
        ]
        return max(found, key=lambda pair: pair[1], default=None)

    @property
    def role_source(self) -> str | None:
        """The last profile in the chain of source profiles; None if the profile has no source."""
        profile, seen = self.profile, {self.profile}
        while "role_arn" in (values := self._merged(profile)) and "source_profile" in values:
            profile = values["source_profile"]
            if profile in seen:
                break
            seen.add(profile)
        return profile if len(seen) > 1 else None

    @property
    def roles(self) -> list[Profile]:
        """The profiles with the roles that are assumed, the last with other credentials."""
        if "role_arn" not in self.values:
            return []
        try:
            return self.as_profile.roles()
        except ProfileError:  # the roles form a circle
            return []

    @property
    def reads_variables(self) -> bool:
        """Whether the role of the profile is assumed with the keys of the variables."""
        values = self._merged(self.role_source or self.profile)
        return values.get("credential_source") == "Environment"

    @cached_property
    def sessions(self) -> list[SessionStatus]:
        """Every session on this machine; empty if the files cannot be read."""
        try:
            return check_all(self.files, self.now)
        except MFAKitError:
            return []

    def session_with(self, access_key_id: str | None) -> SessionStatus | None:
        """Return the session with a key's id; None if there is none."""
        found = (session for session in self.sessions if session.access_key_id == access_key_id)
        return next(found, None) if access_key_id else None


def likely_account(access_key_id: str | None) -> str | None:
    """Return the account that a key's id encodes; None if it encodes none."""
    return Source(access_key_id, "", None, None).likely_account if access_key_id else None
