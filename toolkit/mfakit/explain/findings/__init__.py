"""What is wrong with the credentials of a situation: each finding is a rule of its own."""

from __future__ import annotations

from mfakit.explain.findings import environment, files, keys, roles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.explain.findings.finding import Finding
    from mfakit.explain.situation import Situation

_RULES = (*environment.RULES, *keys.RULES, *roles.RULES, *files.RULES)


def find(situation: Situation) -> list[Finding]:
    """Find what is wrong, what matters most first."""
    found = [finding for rule in _RULES for finding in rule(situation)]
    return sorted(found, key=lambda finding: not finding.matters)
