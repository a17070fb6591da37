"""What a login comes to: what was asked for, joined with what the AWS files say."""

from __future__ import annotations

from datetime import timedelta

from mfakit import debug
from mfakit.errors import ProfileError, UsageError
from mfakit.exchange.code import CommandCode, GivenCode, TypedCode
from mfakit.exchange.device import check_serial_number
from mfakit.exchange.endpoint import endpoint_url, is_of_aws
from mfakit.exchange.get_session_token import (
    DEFAULT_DURATION,
    check_duration,
    check_role_duration,
    code_beside_session,
    read_session_duration,
)
from mfakit.exchange.role import role_parameters
from mfakit.exchange.source import find_source
from mfakit.exchange.terminal import Terminal
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.record import as_role_options, read_record
from mfakit.profiles.selection import refuse_foreign, session_profile
from mfakit.profiles.sessions import check_target, held_session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeAlias

    from mfakit.exchange.code import Codes
    from mfakit.exchange.dialogs.dialog import Dialog
    from mfakit.exchange.sts import STS
    from mfakit.exchange.unattended import Unattended
    from mfakit.profiles.record import SessionRecord
    from mfakit.session import SessionCredentials

    Asker: TypeAlias = Terminal | Dialog | Unattended

_ALMOST = timedelta(minutes=5)


class LoginRequest:
    """What was asked for; None is "as the profiles say".

    Args:
        profile: the session profile.
        source_profile: where the long-term credentials are.
        serial_number: the MFA device.
        token_code: the six digits, or ``-`` for standard input.
        token_command: a command that prints them.
        duration: how long the session is to last.
        role_arn: a role to get a session of, instead of the user's own.
        role_session_name: what that session is called.
        role_options: what else AssumeRole takes: ``ExternalId``, ``SourceIdentity``, ``Tags``.
        as_before: whether the session is to be made as its record tells: of the same role, from
            the same profile's keys.
        min_remaining: seconds that a session must have left to be kept, in place of the rule.
        force: renew a session that could be kept, and replace one of AWS by one that is not.
        patience: seconds to wait for an answer on the terminal, and for another process that is
            asking for the same; None is for ever.
        asker: what asks for the code in place of the terminal.
        must_ask: whether it asks even if a token command is configured.
        note: is told what a person should know although all went well.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        source_profile: str | None = None,
        serial_number: str | None = None,
        token_code: str | None = None,
        token_command: str | None = None,
        duration: timedelta | None = None,
        role_arn: str | None = None,
        role_session_name: str | None = None,
        role_options: dict[str, Any] | None = None,
        as_before: bool = False,
        min_remaining: float | None = None,
        force: bool = False,
        patience: float | None = None,
        asker: Asker | None = None,
        must_ask: bool = False,
        note: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.profile = profile
        self.source_profile = source_profile
        self.serial_number = serial_number
        self.token_code = token_code
        self.token_command = token_command
        self.duration = duration
        self.role_arn = role_arn
        self.role_session_name = role_session_name
        self.role_options = role_options or {}
        self.as_before = as_before
        self.min_remaining = min_remaining
        self.force = force
        self.patience = patience
        self.asker = asker
        self.must_ask = must_ask
        self.note = note


class Plan:
    """What a request comes to. Nothing in it is known to be wrong.

    Args:
        request: what was asked for.
        environ: the environment.

    Attributes:
        duration: None leaves it to AWS, for a role.
        role: what AssumeRole is sent; empty for a session of the user's own.

    Raises:
        MFAKitError: something is known to be wrong.
    """

    def __init__(self, request: LoginRequest, environ: Mapping[str, str]) -> None:
        self.request = request
        self.environ = environ
        self.files = AWSFiles(environ)
        self.profile = session_profile(request.profile, environ, self.files)
        check_target(self.profile, self.files)
        refuse_foreign(self.profile, self.files, "the session profile")
        self._role_arn, self._role_session_name = request.role_arn, request.role_session_name
        self._role_options = request.role_options
        former = self._former() if request.as_before else None
        if former is not None and former.role_arn is not None and request.role_arn is None:
            self._role_arn = former.role_arn
            self._role_session_name = _session_name(former)
            self._role_options = former.options_of_role()
        self.source = find_source(
            self._named_source(former),
            self.profile,
            self.files,
            environ,
            may_be_session=self._role_arn is not None,
        )
        self._refuse_contradictions()
        self.duration = self._duration()
        self.role = self._role()
        self.serial_number = request.serial_number
        if self.serial_number is None:
            self.serial_number = self._setting("mfa_serial")
        if self.serial_number is not None:
            check_serial_number(self.serial_number)
        debug.event("device: {}", self.serial_number or "not named; IAM will be asked")
        self.endpoint_url = endpoint_url(self.source.profile, self.files, environ)
        debug.event("endpoint: {}", self.endpoint_url or "AWS's own")
        debug.event("duration: {}", self.duration or "not asked for")
        if self.role:
            debug.event("role: {}", self.role["RoleArn"])
        if former is not None:
            self._refuse_another(former)
        self.asker: Asker = request.asker or Terminal(request.patience)
        self._check_codes()

    def _check_codes(self) -> None:
        """Check that a code can be obtained, as far as that costs nothing."""
        if not self.needs_code:
            return
        if codes := self._ready_codes():
            codes.check()
        elif self.request.asker is not None:
            self.request.asker.check()

    def _refuse_contradictions(self) -> None:
        """Refuse what could not all be heeded: nothing that was given is ignored."""
        given, command = self.request.token_code, self.request.token_command
        if given is not None and command is not None:
            raise UsageError("a code and a token command are one too many", "give one of them")
        if not self.source.is_session:
            return
        if given is not None or command is not None:
            raise code_beside_session(self.source)
        if self.source.profile == self.profile:
            raise ProfileError(
                f"the profile {self.profile!r} cannot hold the role's session: it holds the one"
                " that the role is assumed from",
                "name another profile for the role's: --profile ROLE",
            )

    @property
    def must_renew(self) -> bool:
        """Whether a new session was asked for in so many words."""
        request = self.request
        return request.force or request.token_code is not None or request.duration is not None

    @property
    def role_options(self) -> str | None:
        """What else AssumeRole is sent, as a record keeps it."""
        return as_role_options(self._role_options) if self.role else None

    @property
    def needs_code(self) -> bool:
        """Whether a code is exchanged; not where a live MFA session stands for it."""
        return not self.source.is_session

    @property
    def may_ask(self) -> bool:
        """Whether the code is to be typed."""
        return self._ready_codes() is None

    def codes(self) -> Codes:
        """Return where the codes come from; the device is known by now."""
        assert self.serial_number is not None
        return self._ready_codes() or TypedCode(self.asker, self.serial_number)

    def sts(self) -> STS:
        """Begin to load what calls STS; the device is known by now."""
        from mfakit.exchange.sts import STS

        return STS(self.source, self.serial_number)

    def look_again(self) -> None:
        """Read the files anew: another process may have changed them."""
        self.files = AWSFiles(self.environ)

    def agrees_with(self, session: SessionCredentials, record: SessionRecord) -> bool:
        """Whether a session, according to its record, is the one that was asked for."""
        asked = self.request.duration
        if asked is not None and session.expiration is not None:
            lasts = session.expiration - record.made_at
            if abs(lasts - asked) > _ALMOST:
                return False
        return (
            record.source_access_key_id == self.source.access_key_id
            and record.endpoint_url == self.endpoint_url
            and record.role_arn == self.role.get("RoleArn")
            and record.role_options == self.role_options
            and self.request.role_session_name in (None, _session_name(record))
            and self.serial_number in (None, record.serial_number)
        )

    @property
    def _token_command(self) -> str | None:
        return self.request.token_command or self._setting("mfakit_token_command")

    def _setting(self, key: str) -> str | None:
        return self.files.setting(key, self.profile, self.source.profile)

    def _ready_codes(self) -> GivenCode | CommandCode | None:
        """Return where codes come from without a person; None if a person has to type them."""
        if self.request.token_code is not None:
            return GivenCode(self.request.token_code)
        if self._token_command is not None and not self.request.must_ask:
            return CommandCode(self._token_command)
        return None

    def _duration(self) -> timedelta | None:
        if self._role_arn is not None:
            if self.request.duration is not None:
                check_role_duration(self.request.duration, chained=self.source.is_session)
            return self.request.duration
        if self.request.duration is None:
            return self._configured_duration()
        check_duration(self.request.duration)
        return self.request.duration

    def _configured_duration(self) -> timedelta:
        configured = self._setting("mfakit_duration")
        if configured is None:
            return DEFAULT_DURATION
        try:
            return read_session_duration(configured)
        except UsageError as error:
            raise UsageError(
                f"mfakit_duration in {self.files.config_path}: {error.message}", error.hint
            ) from None

    def _former(self) -> SessionRecord | None:
        """Return the record of the session that the profile holds, if an exchange made it."""
        session = held_session(self.profile, self.files)
        if session is None:
            return None
        record = read_record(self.files.credentials_path, self.profile, session.access_key_id)
        return None if record is None or record.source_access_key_id is None else record

    def _named_source(self, former: SessionRecord | None) -> str | None:
        """Name the source profile that is asked for; else the one of the session before."""
        named = self.request.source_profile
        if named or former is None or self.files.setting("mfakit_source_profile", self.profile):
            return named
        return former.source_profile

    def _refuse_another(self, former: SessionRecord) -> None:
        """Refuse to renew a session as another's: nobody may be there to notice."""
        yourself = f"log in yourself: mfakit login --profile {self.profile}"
        if is_of_aws(former.endpoint_url) != is_of_aws(self.endpoint_url):
            raise ProfileError(
                f"the session of profile {self.profile!r} came from"
                f" {former.endpoint_url or 'AWS'}, and a new one would come from"
                f" {self.endpoint_url or 'AWS'}",
                yourself,
            )
        other_keys = former.source_access_key_id != self.source.access_key_id
        if other_keys and former.source_profile is None and self.request.source_profile is None:
            raise ProfileError(
                f"the session of profile {self.profile!r} was made with keys of the environment,"
                " which are not there",
                yourself,
            )

    def _role(self) -> dict[str, Any]:
        if self._role_arn is None:
            return {}
        name = self._role_session_name or "mfakit"
        return role_parameters(self._role_arn, name, self.duration, self._role_options)


def _session_name(record: SessionRecord) -> str | None:
    """Read what a role's session is called from the ARN that it has."""
    return (record.arn or "").rpartition("/")[2] or None
