"""The credentials that would be used: their kind, their end, and whether they carry MFA.

Only ``--online`` asks AWS: whose the credentials are, and the time.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass  # noqa: TID253 - whatever explains loads botocore, too
from datetime import UTC, datetime

from mfakit.errors import FileError
from mfakit.exchange.aws import carries_mfa
from mfakit.explain.chain import as_seen_by, in_environment
from mfakit.explain.findings import Finding, edit, quoted, renew
from mfakit.explain.findings.environment import unset_variables
from mfakit.explain.findings.files import certificates
from mfakit.explain.javascript import SSO
from mfakit.profiles.own_files import SessionRecord, keep_record
from mfakit.profiles.profile import Profile
from mfakit.profiles.section import KEYS, is_session
from mfakit.profiles.selection import may_be_source
from mfakit.profiles.stores import CREDENTIALS_FILE, STORE_KINDS, is_own_process
from mfakit.session import SESSION_KEY_PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mfakit.expiry import SessionStatus
    from mfakit.explain.chain import Link
    from mfakit.explain.situation import Situation


LONG_TERM = "long-term credentials"
MFA_SESSION = "MFA session"
ROLE_SESSION = "role session"
SESSION = "session"
UNKNOWN = "unknown"

_OF_ROLES = {
    "assume-role",
    "assume-role-with-web-identity",
    "sso",
    "container-role",
    "iam-role",
    "fromTokenFile",
    "remoteProvider",
}


@dataclass
class Verdict:
    """The credentials that would be used.

    Attributes:
        kind: ``long-term credentials``, ``MFA session``, ``role session``, ``session`` (made in
            an unknown way), or ``unknown`` (a program would return them).
        access_key_id: the id of their key, if it can be read.
        expiration: when they end; None if they do not, or that is not known.
        has_mfa: whether they carry MFA; None if that is not known.
    """

    kind: str
    access_key_id: str | None = None
    expiration: datetime | None = None
    has_mfa: bool | None = None


def verdict(situation: Situation) -> Verdict | None:
    """Return what would be used; None if nothing would be, or the search fails."""
    link = situation.chain.winner
    if link is None or situation.chain.failure is not None:
        return None
    if link.asks:
        return _asked(link, situation)
    is_of_session = (link.access_key_id or "").startswith(SESSION_KEY_PREFIX)
    if not link.has_token and not is_of_session:
        return Verdict(LONG_TERM, link.access_key_id, has_mfa=False)
    status = situation.session_with(link.access_key_id)
    return Verdict(SESSION, link.access_key_id) if status is None else _of_session(status)


def _asked(link: Link, situation: Situation) -> Verdict:
    values = situation.values
    if situation.is_served(link):
        return Verdict(UNKNOWN)  # a role's session, if the server was told to assume one
    in_profile = link.provider == "fromIni"
    signs_in = in_profile and "credential_process" not in values
    if (
        link.provider in _OF_ROLES
        or (in_profile and "role_arn" in values)
        or (signs_in and any(key in values for key in SSO))
    ):
        # AWS documents that a role's session carries no MFA, whoever assumed the role.
        return Verdict(ROLE_SESSION, has_mfa=False)
    if link.provider == "login" or signs_in:
        return Verdict(SESSION)
    if is_own_process(values.get("credential_process", "")):
        own = (s for s in situation.sessions if s.profile == situation.profile)
        status = next((s for s in own if s.source != CREDENTIALS_FILE), None)
        if status is not None:
            return _of_session(status)
    return Verdict(UNKNOWN)


def _of_session(status: SessionStatus) -> Verdict:
    record = status.record
    if record is None or record.source_access_key_id is None:
        arn, mfa = (record.arn, record.mfa) if record else (None, None)
        kind, has_mfa = _kind(arn, {"yes": True, "no": False}.get(mfa or ""))
        return Verdict(kind, status.access_key_id, status.expiration, has_mfa=has_mfa)
    is_role = record.role_arn is not None
    has_mfa = not is_role and record.serial_number is not None
    kind = ROLE_SESSION if is_role else MFA_SESSION if has_mfa else SESSION
    return Verdict(kind, status.access_key_id, status.expiration, has_mfa=has_mfa)


def _kind(arn: str | None, has_mfa: bool | None) -> tuple[str, bool | None]:
    """Return the kind of a session by its identity and AWS's answer, and whether it carries MFA."""
    if ":assumed-role/" in (arn or ""):
        return ROLE_SESSION, False
    return MFA_SESSION if has_mfa else SESSION, has_mfa


def settled(found: Verdict | None, answer: Identity) -> Verdict | None:
    """Return a verdict with what AWS's answer adds to it."""
    if found is None or found.has_mfa is not None or answer.has_mfa is None:
        return found
    found.kind, found.has_mfa = _kind(answer.arn, answer.has_mfa)
    return found


# AWS accepts a signature for 15 minutes either way; a clock that is off by less will drift.
_SERIOUS_SECONDS = 300
_TIMEOUT_SECONDS = 10
_REGION = "us-east-1"
NOT_ASKED = "NotAsked"
_SET_CLOCK = {"darwin": "sudo sntp -sS time.apple.com", "win32": "w32tm /resync"}


@dataclass
class Identity:
    """AWS's answer to whose the credentials are.

    Attributes:
        account: the account; None if AWS refused the credentials.
        arn: the user or the role.
        error: the name and the message of the error, if there was one.
        endpoint: the address, if it could not be reached.
        has_mfa: whether a session carries MFA; None if that was not asked, or is not shown.
        clock_seconds: how far this machine's clock is ahead of AWS's; None if that is not known.
    """

    account: str | None = None
    arn: str | None = None
    error: tuple[str, str] | None = None
    clock_seconds: float | None = None
    endpoint: str | None = None
    has_mfa: bool | None = None


def ask(situation: Situation) -> Identity:
    """Ask AWS whose the credentials are, with the SDK's own search for them.

    A role that requires a code is not assumed: that would use the code up.
    """
    from botocore import exceptions

    winner = situation.chain.winner
    if winner is None or situation.chain.failure is not None:
        return Identity(error=(NOT_ASKED, "there is nothing to ask with"))
    if winner.asks and situation.values.get("mfa_serial"):
        return Identity(error=(NOT_ASKED, "it would take a code"))
    with in_environment(as_seen_by(situation.sdk, situation.environ)):
        try:
            sts, iam, is_session = _clients(situation)
            answer = sts.get_caller_identity()
            arn = str(answer["Arn"])
            has_mfa = carries_mfa(iam, arn) if is_session else None
        except exceptions.ClientError as error:
            told = error.response["Error"]
            refusal = str(told.get("Code", "")), str(told.get("Message", ""))
            return Identity(error=refusal, clock_seconds=_clock(error.response))
        except (exceptions.ConnectionError, exceptions.HTTPClientError) as error:
            endpoint = error.kwargs.get("endpoint_url") or f"https://sts.{_REGION}.amazonaws.com"
            return Identity(error=(type(error).__name__, str(error)), endpoint=str(endpoint))
        except Exception as error:  # a credential_process may print anything
            return Identity(error=(type(error).__name__, str(error)))
    found = Identity(str(answer["Account"]), arn, clock_seconds=_clock(answer), has_mfa=has_mfa)
    _remember(found, situation)
    return found


def _remember(answer: Identity, situation: Situation) -> None:
    """Write AWS's answer into the record of a session that mfakit has not made."""
    link = situation.chain.winner
    status = situation.session_with(link.access_key_id) if link else None
    if status is None or status.source not in STORE_KINDS or answer.has_mfa is None:
        return
    if status.record is not None and status.record.source_access_key_id is not None:
        return
    record = status.record or SessionRecord(
        made_at=situation.now, profile=status.profile, access_key_id=status.access_key_id or ""
    )
    mfa = "yes" if answer.has_mfa else "no"
    record = record.replace(account=answer.account, arn=answer.arn, mfa=mfa)
    with suppress(FileError):  # the answer is shown all the same
        keep_record(Profile(status.profile, situation.files).own_file("records"), record)


def online_findings(answer: Identity, situation: Situation) -> list[Finding]:
    """Return the findings that only AWS's answer shows."""
    found = _without_mfa(answer, situation)
    off = answer.clock_seconds
    if off is not None and abs(off) >= _SERIOUS_SECONDS:
        found.append(
            Finding(
                "clock-off",
                f"this machine's clock is {abs(off) / 60:.0f} minutes"
                f" {'ahead of' if off > 0 else 'behind'} AWS's",
                "codes are refused, and beyond 15 minutes every call (SignatureDoesNotMatch)",
                _SET_CLOCK.get(sys.platform, "sudo timedatectl set-ntp true"),
            )
        )
        if answer.error is not None and answer.error[0] == "SignatureDoesNotMatch":
            return found
    if answer.error is None or answer.error[0] == NOT_ASKED:
        return found
    said = ": ".join(part for part in answer.error if part)
    if answer.endpoint is not None:
        place, named, unset = certificates(situation)
        if answer.error[0] == "SSLError" and named:
            reason = f"AWS cannot be reached with the certificates of {named}, named by {place}"
            leads_to = (
                f"no call reaches AWS ({said}); behind a proxy that inspects traffic, that file has"
                " to hold the proxy's certificates"
            )
            return [*found, Finding("unreachable", reason, leads_to, unset)]
        fix = f"curl -v {quoted(answer.endpoint)}"
        leads_to = "nothing is known of the credentials; curl shows where the connection fails"
        return [*found, Finding("unreachable", f"AWS cannot be reached: {said}", leads_to, fix)]
    leads_to, fix = _refused(answer.error[0], situation)
    source = situation.role_source
    process = situation.files.merged(source or situation.profile).get("credential_process")
    if process and (fault := _fault_of_program(said)):
        said, fix = fault, process
        leads_to = f"{leads_to}; run the program by hand, and see what it prints"
    may_ask = source is not None and may_be_source(Profile(source, situation.files))
    if answer.error[0] == "AccessDenied" and source and may_ask:
        leads_to = "a role may ask for MFA, which a long-term key does not have"
        kept_in = Profile(source, situation.files).its_session
        fix = (
            f"mfakit configure --role-profile {quoted(situation.profile)} --profile"
            f" {quoted(kept_in)} && mfakit login --profile {quoted(kept_in)}"
        )
    return [*found, Finding("refused", f"AWS cannot be called: {said}", leads_to, fix)]


def _refused(code: str, situation: Situation) -> tuple[str, str]:
    """Return what a refusal leads to, and the command that mends it."""
    leads_to, fix = "every program that uses these credentials is refused", _renewal(situation)
    is_unknown = code == "InvalidClientTokenId" and fix.startswith("aws configure")
    if is_unknown and not situation.chain.region:
        leads_to = f"{leads_to}; so is a right key of GovCloud or China, while no region is set"
        profile = quoted(situation.role_source or situation.profile)
        fix = f"aws configure set region REGION --profile {profile}"
    return leads_to, fix


def _without_mfa(answer: Identity, situation: Situation) -> list[Finding]:
    """Return what a user's session that was made without MFA leads to."""
    if answer.has_mfa is not False or _kind(answer.arn, has_mfa=False)[0] != SESSION:
        return []
    message, fix = "the session was made without MFA", _renewal(situation)
    leads_to = "IAM refuses it (InvalidClientTokenId), and so does all that requires MFA"
    return [Finding("session-without-mfa", message, leads_to, fix, matters=False)]


def _fault_of_program(said: str) -> str | None:
    """Return what is wrong with the one time that a program tells, by botocore's error."""
    prints = "the Expiration that the program of credential_process prints"
    if said.startswith("ParserError"):  # dateutil's
        return f"{prints} is no time ({said})"
    if "offset-naive" in said:
        return f"{prints} has no time zone"
    return f"{prints} has passed" if "still expired" in said else None


def _renewal(situation: Situation) -> str:
    """Return the command that renews credentials of this kind."""
    link, profile = situation.chain.winner, situation.profile
    if link is not None and link.provider in ("env", "fromEnv"):
        return unset_variables(situation)
    if link is not None and link.provider in ("sso", "login"):
        return (
            f"aws {'sso login' if link.provider == 'sso' else 'login'} --profile {quoted(profile)}"
        )
    profile = situation.role_source or profile
    values = situation.files.merged(profile)
    if is_session(values) or is_own_process(values.get("credential_process", "")):
        return renew(situation, profile, " --force")
    if values.get(KEYS[0]) or not (link and link.asks):
        return f"aws configure --profile {quoted(profile)}"
    return edit(situation.files.config_path)


def _clients(situation: Situation) -> tuple[Any, Any, bool]:
    """Return clients of STS and IAM, and whether the credentials are those of a session."""
    from botocore.config import Config
    from botocore.session import Session

    # the SDK for JavaScript lets a profile that is named beat the variables
    named = situation.environ.get("AWS_PROFILE") if situation.sdk == "js" else None
    session: Any = Session(profile=situation.flag or named)
    config = Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    region = session.get_config_variable("region") or _REGION
    sts, iam = (
        session.create_client(name, region_name=region, config=config) for name in ("sts", "iam")
    )
    credentials = session.get_credentials()
    return sts, iam, bool(credentials and credentials.get_frozen_credentials().token)


def _clock(answer: dict[str, Any]) -> float | None:
    """Return how far this machine's clock is ahead, by the date of AWS's answer."""
    from email.utils import parsedate_to_datetime

    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    except (TypeError, ValueError):
        return None  # the answer has no valid date
