"""What is wrong with the credentials of a situation: each finding is a rule of its own."""

from __future__ import annotations

from mfakit.explain.chain import FAILED
from mfakit.explain.findings import environment, profile
from mfakit.explain.findings.finding import Finding, edit, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.explain.situation import Situation

_RULES = (*environment.RULES, *profile.RULES)


def find(situation: Situation) -> list[Finding]:
    """Find what is wrong, what matters most first."""
    found = [finding for rule in _RULES for finding in rule(situation)]
    if not any(finding.matters for finding in found):
        found += search_fails(situation)
    return sorted(found, key=lambda finding: not finding.matters)


def search_fails(situation: Situation) -> Iterator[Finding]:
    """The search ends with an error, and what it comes from is for a person to see."""
    winner, error = situation.chain.winner, situation.chain.error
    if error is None and winner is not None and winner.state == FAILED:
        error = winner.error
    if error is None:
        return
    files = situation.files
    in_credentials = error[1].startswith(f"{files.credentials_path}, line ")
    path = files.credentials_path if in_credentials else files.config_path
    yield Finding(
        "search-fails",
        f"the search for credentials fails: {': '.join(part for part in error if part)}",
        "programs get no credentials, whatever comes after that",
        _to_sign_in(situation, error[0]) or edit(path),
    )


def _to_sign_in(situation: Situation, error: str) -> str:
    """Return the command that makes `aws login` work; "" if it is not what fails."""
    winner = situation.chain.winner
    if winner is None or winner.provider != "login":
        return ""
    if error == "MissingDependencyException":
        return 'pip install "botocore[crt]"'
    return f"aws login --profile {quoted(situation.profile)}"
