"""What the policies allow by themselves, by the age of the code."""

from __future__ import annotations

from datetime import timedelta

import pytest
from mfakit.testing.policy import allows

from policies import ACCOUNT_ID, MAX_AGE_HOURS, PARTITION

from .conftest import Account

LIMIT = timedelta(hours=MAX_AGE_HOURS)
MEMBER = f"arn:{PARTITION}:iam::{ACCOUNT_ID}:user/alice"
IN_TIME = [True, LIMIT - timedelta(minutes=5)]
NOT_IN_TIME = [False, LIMIT]


@pytest.mark.parametrize("mfa", IN_TIME, ids=str)
def test_with_a_recent_code_members_may_do_all_that_their_other_policies_allow(
    account: Account, mfa: bool | timedelta
) -> None:
    """A failing assertion says which statement denied it."""
    assert allows(account.with_everything, "s3:ListAllMyBuckets", mfa=mfa, caller=MEMBER)
    assert allows(account.trust, "sts:AssumeRole", account.roles[0], mfa=mfa, caller=MEMBER)


@pytest.mark.parametrize("mfa", NOT_IN_TIME, ids=str)
def test_without_a_recent_code_members_may_not(account: Account, mfa: bool | timedelta) -> None:
    """A failing assertion says which statement allowed it."""
    assert not allows(account.with_everything, "s3:ListAllMyBuckets", mfa=mfa, caller=MEMBER)
    assert not allows(account.trust, "sts:AssumeRole", account.roles[0], mfa=mfa, caller=MEMBER)
