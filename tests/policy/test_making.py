"""Made policies: the same in each format, within AWS's limits, never from invalid values."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from tests.policy.reading import READERS

from mfakit.errors import UsageError
from mfakit.policy import Kind, parse
from mfakit.policy.formats import FORMATS, render
from mfakit.policy.making import (
    LONGEST,
    LONGEST_INLINE,
    bucket,
    max_age,
    require_mfa,
    role_trust,
)

ALICE = "arn:aws:iam::123456789012:user/alice"
ACTION = "ec2:TerminateInstances"
DRAFTS = {
    "require-mfa": require_mfa(),
    "require-mfa, all options": require_mfa(
        max_age=3600, exempt_actions=("iam:ChangePassword", "s3:List*"), partition="aws-cn"
    ),
    "max-age": max_age(3600, (ACTION, "ec2:Stop*"), ("arn:aws:ec2:*:*:instance/*",)),
    "role-trust": role_trust((ALICE,)),
    "role-trust, all options": role_trust(("123456789012",), max_age=900, partition="aws-us-gov"),
    "bucket": bucket("my-bucket"),
    "bucket, all options": bucket(
        "my.bucket", (ALICE,), max_age=900, exempt_actions=("s3:GetBucketLocation",)
    ),
}


def plain(value: Any) -> Any:
    """Unwrap lists of one element, so that both spellings compare as equal."""
    if isinstance(value, dict):
        return {key: plain(content) for key, content in value.items()}
    if isinstance(value, list):
        return plain(value[0]) if len(value) == 1 else [plain(each) for each in value]
    return value


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", DRAFTS)
def test_each_format_holds_the_same_policy(name: str, form: str) -> None:
    draft = DRAFTS[name]
    assert plain(READERS[form](render(draft, form))) == plain(draft.document)


@pytest.mark.parametrize("name", DRAFTS)
def test_each_policy_parses_as_its_kind(name: str) -> None:
    draft = DRAFTS[name]
    assert len(parse(draft.document, name, draft.kind)) == len(draft.statements)


@pytest.mark.parametrize("form", ["cloudformation", "terraform"])
@pytest.mark.parametrize("name", DRAFTS)
def test_formats_with_comments_explain_the_policy_and_each_statement(name: str, form: str) -> None:
    draft = DRAFTS[name]
    lines = render(draft, form).splitlines()
    said = " ".join(line.strip().removeprefix("# ") for line in lines if line.strip()[:1] == "#")
    assert all(text in said for text in draft.summary)
    assert all(comment in said for comment, _ in draft.statements)
    assert max(map(len, lines)) <= 120


def test_usual_policies_fit_into_the_inline_quota_of_a_user() -> None:
    assert all(draft.size <= LONGEST_INLINE for draft in DRAFTS.values())


@pytest.mark.parametrize(
    ("kind", "make"),
    [
        (Kind.IDENTITY, lambda n: max_age(60, tuple(f"s3:Get{i:04}" for i in range(n)))),
        (Kind.TRUST, lambda n: role_trust(tuple(f"{ALICE}{i:04}" for i in range(n)))),
        (Kind.RESOURCE, lambda n: bucket("b-1", tuple(f"{ALICE}{i:04}" for i in range(n)))),
    ],
)
def test_a_policy_longer_than_aws_takes_is_refused(kind: Kind, make: Any) -> None:
    """The limits are those of the IAM User Guide and of Amazon S3, met to within one entry."""
    longest = make(next(n for n in range(1, 1000) if is_too_long(make, n + 1)))
    text = render(longest, "json")
    real = len(text.strip().encode()) if kind is Kind.RESOURCE else len("".join(text.split()))
    assert LONGEST[kind] - 70 <= real <= LONGEST[kind]


def is_too_long(make: Any, count: int) -> bool:
    try:
        make(count)
    except UsageError as error:
        return "characters, and AWS takes" in error.message
    return False


@pytest.mark.parametrize(
    "make",
    [
        lambda: require_mfa(max_age=59),
        lambda: require_mfa(max_age=36 * 3600 + 1),
        lambda: require_mfa(exempt_actions=("ChangePassword",)),
        lambda: require_mfa(exempt_actions=('iam:"x"',)),
        lambda: require_mfa(exempt_actions=("iam:GetUser", "*")),
        lambda: require_mfa(partition=""),
        lambda: require_mfa(partition="aws:x"),
        lambda: max_age(3600, ()),
        lambda: max_age(3600, ("ec2:*",), ("instance/*",)),
        lambda: max_age(0, ("ec2:*",)),
        lambda: role_trust(()),
        lambda: role_trust(("alice",)),
        lambda: role_trust(("arn:aws:iam::123456789012:role/worker",)),
        lambda: role_trust(("arn:aws:iam::123456789012:user/*",)),
        lambda: role_trust(("arn:aws:iam::123456789012:user/a b",)),
        lambda: role_trust(("arn:aws:iam::123456789012:user/\N{LATIN SMALL LETTER E WITH ACUTE}",)),
        lambda: role_trust(("arn:aws-cn:iam::123456789012:user/alice",)),
        lambda: bucket(""),
        lambda: bucket("arn:aws:s3:::my-bucket"),
        lambda: bucket("my-bucket", exempt_actions=("*",)),
        lambda: bucket("my-bucket", exempt_actions=("ec2:RunInstances",)),
        lambda: bucket("my-bucket", ("123456789012",)),
        lambda: bucket("my-bucket", ("arn:aws:iam::123456789012:root",)),
        lambda: bucket("my-bucket", ("arn:aws:iam::123456789012:role/worker",)),
    ],
)
def test_invalid_values_are_refused(make: Any) -> None:
    """A role as principal is refused too, since roles never carry MFA."""
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.hint


# Without a brace, since python-hcl2 reads an escaped "${" or "%{" only if it is closed.
NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="*{"), min_size=1
)


@example("${x}%{y}", "terraform")
@example("${x}%{y}", "cloudformation")
@given(NAMES, st.sampled_from(sorted(FORMATS)))
def test_any_character_of_an_arn_survives_each_format(name: str, form: str) -> None:
    """Quotes, backslashes, ${ and %{ have no special meaning in it."""
    draft = role_trust((f"arn:aws:iam::123456789012:user/{name}",))
    assert plain(READERS[form](render(draft, form))) == plain(draft.document)


@pytest.mark.parametrize("form", FORMATS)
def test_letters_beyond_the_first_plane_survive_each_format(form: str) -> None:
    draft = max_age(3600, ("s3:GetObject",), ('arn:aws:s3:::b/\N{FACE WITH TEARS OF JOY}"*',))
    assert plain(READERS[form](render(draft, form))) == plain(draft.document)


@pytest.mark.parametrize("name", ["123456", "1e10", "null", "2026-11-22", "my-bucket"])
def test_yaml_reads_the_name_of_a_bucket_as_a_string(name: str) -> None:
    template = yaml.safe_load(render(bucket(name), "cloudformation"))
    assert template["Resources"]["MFABucket"]["Properties"]["Bucket"] == name
