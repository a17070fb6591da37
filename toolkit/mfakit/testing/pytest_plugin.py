"""The pytest plugin: a simulated AWS, and a home of its own, for each test that asks for them."""

from __future__ import annotations

import os

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from mfakit.testing import AWSSimulator

MARKER = "aws_simulator"
DEFAULT_REGION = "us-east-1"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**options): options of mfakit.testing.AWSSimulator for the fixture"
        " aws_simulator: account_id, region, enforce_policies, propagation, scps",
    )


@pytest.fixture
def aws_simulator(request: pytest.FixtureRequest) -> Iterator[AWSSimulator]:
    """Simulate an AWS account in this process; the test gets the `AWSSimulator`."""
    with _simulator(_options(request)) as simulator:
        yield simulator


@pytest.fixture
def aws_server(aws_simulator: AWSSimulator) -> Iterator[str]:
    """Serve the same account over HTTP on loopback; the test gets the URL."""
    with aws_simulator.serve() as url:
        yield url


@pytest.fixture
def aws_home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Make an empty home, and an environment in which nothing of yours is found.

    The keys in it are dummies: delete ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY`` where
    the keys of a profile are to be found, since the environment wins over the files.
    """
    home = tmp_path_factory.mktemp("aws-home")
    region = _options(request).get("region", DEFAULT_REGION)
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper().startswith(("AWS_", "MFAKIT_")):
                patch.delenv(name)
        for name, value in {
            "HOME": str(home),
            "USERPROFILE": str(home),
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }.items():
            patch.setenv(name, value)
        yield home


def _simulator(options: dict[str, Any]) -> AWSSimulator:
    try:
        from mfakit.testing import AWSSimulator

        return AWSSimulator(**options)
    except ImportError as error:
        complaint = str(error)
    except (TypeError, ValueError) as error:
        complaint = f"@pytest.mark.{MARKER}: {error}"
    pytest.fail(complaint, pytrace=False)


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what the markers say; the one closest to the test wins."""
    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        if marker.args:
            pytest.fail(f"@pytest.mark.{MARKER} takes named options only", pytrace=False)
        options |= marker.kwargs
    return options
