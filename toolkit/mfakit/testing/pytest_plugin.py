"""The pytest plugin: fixtures for a simulated AWS and an empty home."""

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
DUMMIES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# Variables by which SDKs find credentials, which could be those of the user's own account.
SET_ASIDE = frozenset(
    (
        *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
        *("AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "MFAKIT_PROFILE"),
    )
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(**options): options of mfakit.testing.AWSSimulator for the fixture"
        " aws_simulator: account_id, region, enforce_policies, propagation, scps",
    )


@pytest.fixture
def _aws_set_aside(request: pytest.FixtureRequest) -> Iterator[None]:
    """Remove the user's profile, endpoints and keys from the environment; set dummy keys."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.upper() in SET_ASIDE or name.upper().startswith("AWS_ENDPOINT_URL"):
                patch.delenv(name)
        for name in DUMMIES:
            patch.setenv(name, "testing")
        yield


@pytest.fixture
def aws_simulator(request: pytest.FixtureRequest, _aws_set_aside: None) -> Iterator[AWSSimulator]:
    """Simulate an AWS account in this process; the test gets the `AWSSimulator`.

    ``AWS_PROFILE``, ``AWS_ENDPOINT_URL`` and its kin, and your keys are set aside meanwhile.
    """
    with _simulator(_options(request)) as simulator:
        yield simulator


@pytest.fixture
def aws_server(aws_simulator: AWSSimulator) -> Iterator[str]:
    """Serve the same account over HTTP on loopback; the test gets the URL."""
    with aws_simulator.serve() as url:
        yield url


@pytest.fixture
def aws_home(
    request: pytest.FixtureRequest, _aws_set_aside: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Make an empty home, and an environment without any AWS settings of yours.

    The keys in it are dummies: delete ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY`` if the
    keys of a profile should be found, since the environment wins over the files.
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
    """Return the options of the markers; the one closest to the test wins."""
    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers(MARKER))):
        if marker.args:
            pytest.fail(f"@pytest.mark.{MARKER} takes named options only", pytrace=False)
        options |= marker.kwargs
    return options
