"""An account to put policies on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.policy.account import Account

from mfakit.testing import AWSSimulator


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Account]:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with AWSSimulator() as aws:
        yield Account(aws)
