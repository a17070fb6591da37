"""What explain calls the winner is what botocore itself takes."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from tests.explain.drawn import Case, cases
from tests.explain.truth import explained, resolved


@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=cases())
def test_any_home(tmp_path, case: Case) -> None:
    """In any home and environment the winner is botocore's own: provider and key, or its error."""
    environ = case.settle(tmp_path)
    assert explained(environ, case.flag) == resolved(environ, case.flag)
