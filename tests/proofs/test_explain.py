"""The winner that explain names is the one that botocore takes, in a thousand homes."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from tests.explain.drawn import Case, cases
from tests.explain.truth import explained, resolved


@settings(
    max_examples=1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases())
def test_in_a_thousand_homes_the_winner_is_botocores_own(tmp_path, case: Case) -> None:
    """The provider and the key are the same, or the error is."""
    environ = case.settle(tmp_path)
    assert explained(environ, case.flag) == resolved(environ, case.flag)
