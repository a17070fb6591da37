"""Explain: which credentials AWS tools would use, which others those shadow, and what is wrong."""

from __future__ import annotations

from dataclasses import asdict  # noqa: TID253 - whatever explains loads botocore, too

from mfakit.environment import unset_line
from mfakit.environment.endpoint import endpoint_of
from mfakit.errors import FileError, MFAKitError
from mfakit.explain.chain import ABSENT, FAILED
from mfakit.explain.findings import Finding, edit, env_line, quoted, shortened, without_settings
from mfakit.explain.findings.environment import RULES as ENVIRONMENT_RULES
from mfakit.explain.findings.files import RULES as FILE_RULES
from mfakit.explain.findings.keys import RULES as KEY_RULES
from mfakit.explain.findings.roles import RULES as ROLE_RULES
from mfakit.explain.javascript import WANTS_CODE
from mfakit.explain.situation import Situation, is_metadata, place_of
from mfakit.explain.verdict import (
    LONG_TERM,
    NOT_ASKED,
    ROLE_SESSION,
    online_findings,
    settled,
    verdict,
)
from mfakit.moments import format_duration, format_timestamp
from mfakit.profiles.profile import DEFAULT_SESSION_PROFILE
from mfakit.profiles.selection import end_of_roles, likely_region, may_be_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from mfakit.explain.chain import Link
    from mfakit.explain.verdict import Identity, Verdict

_WORDS = {
    "env": "environment variables",
    "assume-role": "a role",
    "assume-role-with-web-identity": "a role, by web identity",
    "sso": "IAM Identity Center",
    "shared-credentials-file": "credentials file",
    "login": "aws login",
    "custom-process": "credential_process",
    "config-file": "config file",
    "ec2-credentials-file": "AWS_CREDENTIAL_FILE",
    "boto-config": "boto's old config",
    "container-role": "container's metadata",
    "iam-role": "machine's metadata",
    "fromEnv": "environment variables",
    "fromIni": "the profile",
    "fromProcess": "credential_process",
    "fromTokenFile": "a role, by web identity",
    "remoteProvider": "metadata service",
}
# the findings that say why the search for credentials fails
_FAILURES = (
    "variables-partial",
    "variables-expiration",
    "no-such-profile",
    "wrong-header",
    "keys-partial",
    "keys-quoted",
    "keys-unread",
    "role-without-source",
    "byte-order-mark",
)
_RULES = (*ENVIRONMENT_RULES, *KEY_RULES, *ROLE_RULES, *FILE_RULES)


class Explanation:
    """The credentials that would be used in a situation, and what is wrong with them.

    Args:
        situation: the situation.
        online: AWS's answer, if it was asked.
    """

    def __init__(self, situation: Situation, online: Identity | None = None) -> None:
        self.situation = situation
        self.verdict = verdict(situation)
        if online is not None:
            self.verdict = settled(self.verdict, online)
        self.findings = find(situation)
        if online is not None:
            self.findings = [*online_findings(online, situation), *self.findings]
        if any(f.code == "certificates-missing" for f in self.findings):
            # it says why; curl, the advice for that, trusts certificates of its own
            self.findings = [f for f in self.findings if f.code != "unreachable"]
        if any(f.code in ("role-too-long", "role-malformed") for f in self.findings):
            # AWS's refusal says the same, and a new session would not help
            self.findings = [f for f in self.findings if f.code != "refused"]
        if online is not None and online.account is not None:
            # the credentials came from a metadata service
            self.findings = [f for f in self.findings if f.code != "no-credentials"]
        self.online = online

    @property
    def matters(self) -> bool:
        """Whether anything is wrong that matters."""
        return any(finding.matters for finding in self.findings)

    def as_json(self) -> str:
        """Return the report as one JSON document; no secret is in it."""
        import json

        situation, chain = self.situation, self.situation.chain
        report = {
            "profile": chain.profile,
            "sdk": situation.sdk,
            "error": _error(chain.error),
            "sources": [_link_as_json(link, situation) for link in chain.links],
            "credentials": _verdict_as_json(self.verdict),
            "region": _region_as_json(situation),
            "findings": [asdict(finding) for finding in self.findings],
        }
        if self.online is not None:
            report["online"] = _answer_as_json(self.online)
        return json.dumps(report, indent=2)

    def lines(self) -> Iterator[str]:
        """Return the report for people, line by line."""
        situation, chain = self.situation, self.situation.chain
        name = chain.profile or "''"
        yield f"profile {name}, as {situation.sdk} resolves it{_chosen_by(situation)}"
        yield ""
        width = max((len(_WORDS[link.provider]) for link in chain.links), default=0)
        for link in chain.links:
            what = f"  {_WORDS[link.provider]:{width}}  {link.state:9}  {_details(link, situation)}"
            yield what.rstrip()
        if chain.links:
            yield ""
        yield self._conclusion()
        yield self._region()
        if self.online is not None and self.online.arn:
            yield f"AWS says they are of {self.online.arn}, account {self.online.account}"
        elif self.online is not None and self.online.error and self.online.error[0] == NOT_ASKED:
            yield f"AWS was not asked: {self.online.error[1]}"
        for finding in self.findings:
            yield ""
            yield f"{'!' if finding.matters else '-'} {finding.code}: {finding.message}"
            yield f"  {finding.leads_to}"
            yield f"  try: {finding.fix}"

    def _region(self) -> str:
        situation = self.situation
        region, place = situation.chain.region, situation.region_place
        if region == "":  # `region_empty` names the place
            return "the region is set to nothing: calls of most services fail"
        if not region:
            ignored = ", and boto3 does not read AWS_REGION" if self._ignores_region else ""
            failing = "calls of most services fail (NoRegionError)"
            return f"no region is set{ignored}: {failing}{self._to_set_region()}"
        return f"in the region {region} ({place})" if place else f"in the region {region}"

    @property
    def _ignores_region(self) -> bool:
        situation = self.situation
        return situation.sdk == "boto3" and bool(situation.environ.get("AWS_REGION"))

    def _to_set_region(self) -> str:
        profile = self.situation.as_profile
        try:
            if not profile.exists and profile.name != "default":
                return ""  # it would make the profile, whose name is what is wrong
            # the key may be of GovCloud or China, where that of `default` is not
            region = "REGION" if profile.is_long_term else likely_region(profile)
        except MFAKitError:  # which a finding names
            return ""
        return f"; set one: aws configure set region {region} --profile {quoted(profile.name)}"

    def _conclusion(self) -> str:
        if self.verdict is not None:
            return f"AWS would be called with {_described(self.verdict, self.situation)}"
        error = self.situation.chain.failure
        if error is None:
            return "AWS would be called with nothing: there are no credentials"
        return f"AWS would not be called: {': '.join(part for part in error if part)}"


def find(situation: Situation) -> list[Finding]:
    """Return what is wrong: first what matters, and of that last what a login mends."""
    found: list[Finding] = []
    for rule in _RULES:
        try:
            found += rule(situation)
        except FileError:  # of a file that cannot be read; `search_fails` names it
            continue
    if not any(finding.code in (*_FAILURES, "search-fails") for finding in found):
        found[:0] = search_fails(situation)
    return sorted(found, key=lambda finding: (not finding.matters, "mfakit login" in finding.fix))


# the findings that say why a login finds no key, or AWS refuses it
_CAUSES = (
    "keys-quoted",
    "keys-unread",
    "keys-length",
    "keys-partial",
    "keys-placeholder",
    "stale-token",
    "wrong-header",
    "section-hidden",
    "variables-quoted",
    "variables-length",
    "variables-partial",
    "variable-unread",
    "file-missing",
    "credentials-hidden",
    "byte-order-mark",
)


def cause(profile: str, environ: Mapping[str, str], shell: str) -> Finding | None:
    """Return why a login finds no key, or AWS refuses it; None if no finding says so.

    Args:
        profile: the profile with the keys; "" for those of the environment.
        environ: the environment.
        shell: the kind of shell that commands are for, as ``detect_shell`` returns it.
    """
    from mfakit.moments import utc_now

    situation = Situation(environ, profile or None, "boto3", utc_now(), shell)
    return next((finding for finding in find(situation) if finding.code in _CAUSES), None)


def search_fails(situation: Situation) -> Iterator[Finding]:
    """The search ends with an error that no other finding explains."""
    error = situation.chain.failure
    if error is None:
        return
    name, needless = situation.culprit or ("", False)
    where = ", ".join(part for part in (name, situation.place(name)) if part)
    yield Finding(
        "search-fails",
        f"the search for credentials fails: {': '.join(part for part in error if part)}"
        + (f" ({where})" if where else ""),
        "programs get no credentials, whatever comes after that",
        _to_sign_in(situation, *error) or _without(situation, name, error, needless=needless),
    )


def _without(situation: Situation, name: str, error: tuple[str, str], *, needless: bool) -> str:
    """Return the command that removes or changes what makes the search fail."""
    if name.isupper():
        return unset_line(situation.shell, [name])
    if needless and situation.place(name) and "\n" not in situation.values.get(name, ""):
        return without_settings(situation, name)
    files = situation.files
    in_credentials = error[1].startswith(f"{files.credentials_path}, line ")
    return edit(files.credentials_path if in_credentials else files.config_path)


def _to_sign_in(situation: Situation, error: str, told: str) -> str:
    """Return the command that signs in anew; "" if that is not what fails."""
    if situation.sdk == "js" and WANTS_CODE in told:
        source = end_of_roles(situation.as_profile)
        session = quoted(source.its_session if may_be_source(source) else source.name)
        role = quoted(situation.profile)
        configured = f"mfakit configure --profile {session} --role-profile {role}"
        return f"{configured} && mfakit login --profile {session}"
    profile = quoted(situation.role_source or situation.profile)
    if error == "CredentialRetrievalError" and situation.reads_variables:
        return env_line(situation)
    if error in ("SSOTokenLoadError", "UnauthorizedSSOTokenError"):
        return f"aws sso login --profile {profile}"
    winner = situation.chain.winner
    if winner is None or winner.provider != "login":
        return ""
    if error == "MissingDependencyException":
        return 'pip install "botocore[crt]"'
    return f"aws login --profile {profile}"


def _chosen_by(situation: Situation) -> str:
    if situation.flag is not None:
        return ""
    name = situation.profile_variable
    return f" ({name} names it)" if name else " (nothing names another)"


def _details(link: Link, situation: Situation) -> str:
    if link.state in (ABSENT, FAILED):
        return ": ".join(part for part in link.error or () if part)
    parts = [place_of(link, situation)]
    if link.access_key_id:
        parts.append(shortened(link.access_key_id))
    if link.asks:
        parts.append(_would_ask(link, situation))
    return ", ".join(part for part in parts if part)


def _would_ask(link: Link, situation: Situation) -> str:
    values = situation.values
    if situation.is_served(link):
        return f"would ask mfakit's endpoint, {endpoint_of(situation.environ)}"
    if link.provider == "assume-role" or (link.provider == "fromIni" and "role_arn" in values):
        source = link.source
        key = f" with the key {shortened(source.access_key_id)}" if source else ""
        asks = any(role.setting("mfa_serial") for role in situation.roles)
        code = " and a code" if asks else ""
        return f"would ask AWS for {values.get('role_arn')}{key}{code}"
    if link.provider in ("custom-process", "fromProcess") or (
        link.provider == "fromIni" and "credential_process" in values
    ):
        return "would run a program"
    return "would ask"


def _is_variable_without_token(link: Link) -> bool:
    return link.provider in ("env", "fromEnv") and not link.has_token


def _described(found: Verdict, situation: Situation) -> str:
    key = f" {shortened(found.access_key_id)}" if found.access_key_id else ""
    text = f"{_article(found.kind)}{found.kind}{key}"
    winner = situation.chain.winner
    if winner is not None and situation.is_served(winner):
        name = situation.environ.get("MFAKIT_PROFILE") or DEFAULT_SESSION_PROFILE
        text = f"what mfakit's endpoint serves: the session of profile {name}, or a role's of it"
    elif found.kind == "unknown":
        text = "what a program gives"
    elif winner is not None and is_metadata(winner, situation):
        text = "what the machine's metadata service gives, if this is a machine at AWS"
    elif found.kind != LONG_TERM and winner and _is_variable_without_token(winner):
        return f"{text} without its token, which AWS refuses"
    if found.expiration is not None:
        left = (found.expiration - situation.now).total_seconds()
        when = f"ends in {format_duration(left)}" if left > 0 else "has ended"
        text += f", which {when} ({format_timestamp(found.expiration)})"
    elif found.kind != LONG_TERM:
        text += ", and when it ends is not known"
    mfa = {True: "with MFA", False: "without MFA", None: "with or without MFA, which is not known"}
    role = ", which no role's session carries" if found.kind == ROLE_SESSION else ""
    return f"{text}; {mfa[found.has_mfa]}{role}"


def _article(kind: str) -> str:
    if kind == LONG_TERM:
        return ""
    return "an " if kind.startswith("MFA") else "a "


def _link_as_json(link: Link, situation: Situation) -> dict[str, Any]:
    return {
        "provider": link.provider,
        "state": link.state,
        "place": place_of(link, situation) or None if link.state != ABSENT else None,
        "access_key_id": shortened(link.access_key_id) if link.access_key_id else None,
        "asks": link.asks,
        "error": _error(link.error),
        "source": _link_as_json(link.source, situation) if link.source else None,
    }


def _error(error: tuple[str, str] | None) -> dict[str, str] | None:
    return None if error is None else {"name": error[0], "message": error[1]}


def _verdict_as_json(found: Verdict | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "kind": found.kind,
        "access_key_id": shortened(found.access_key_id) if found.access_key_id else None,
        "expiration": found.expiration and format_timestamp(found.expiration),
        "mfa": found.has_mfa,
    }


def _region_as_json(situation: Situation) -> dict[str, str] | None:
    if not situation.chain.region:
        return None
    return {"name": situation.chain.region, "place": situation.region_place}


def _answer_as_json(answer: Identity) -> dict[str, Any]:
    return {
        "account": answer.account,
        "arn": answer.arn,
        "error": _error(answer.error),
        "clock_seconds": answer.clock_seconds,
        "mfa": answer.has_mfa,
    }
