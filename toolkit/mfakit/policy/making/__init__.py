"""Policies that require MFA: made, and written as JSON, for CloudFormation, for Terraform."""

from mfakit.policy.making.bucket import bucket
from mfakit.policy.making.draft import Draft
from mfakit.policy.making.formats import FORMATS, render
from mfakit.policy.making.max_age import max_age
from mfakit.policy.making.require_mfa import require_mfa
from mfakit.policy.making.role_trust import role_trust

__all__ = ["FORMATS", "Draft", "bucket", "max_age", "render", "require_mfa", "role_trust"]
