"""The Principal element: whom a policy of a bucket or a role applies to."""

from __future__ import annotations

from typing import Any

import pytest

from mfakit.policy import Context, Decision, Kind, Principal, UnjudgedError, evaluate, parse
from mfakit.policy.elements import Reach

ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
BOB = f"arn:aws:iam::{ACCOUNT}:user/team/bob"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:federated-user/f"

CALLERS = {
    "user": Principal(ACCOUNT, BOB, unique_ids=("AIDABOB",)),
    "root": Principal(ACCOUNT, ROOT),
    "role": Principal(ACCOUNT, SESSION, ROLE, unique_ids=("AROAR", "AROAR:s")),
    "federated": Principal(ACCOUNT, FEDERATED),
    "stranger": Principal("999999999999", "arn:aws:iam::999999999999:user/eve"),
    "service": Principal(service="lambda.amazonaws.com"),
    "provider": Principal(federated="accounts.google.com"),
    "canonical": Principal(ACCOUNT, BOB, canonical_user="79a5"),
}


def decide(caller: Principal | None, effect: str = "Allow", **element: Any) -> Decision:
    statement = {"Effect": effect, "Action": "sts:AssumeRole", **element}
    trust = parse({"Version": "2012-10-17", "Statement": [statement]}, "p", Kind.TRUST)
    return evaluate(trust, Context("sts:AssumeRole", ROLE, principal=caller))


@pytest.mark.parametrize(
    ("principal", "callers"),
    [
        ("*", list(CALLERS)),
        ({"AWS": "*"}, list(CALLERS)),
        ({"AWS": BOB}, ["user", "canonical"]),
        ({"AWS": [BOB, ROLE]}, ["user", "canonical", "role"]),
        ({"AWS": SESSION}, ["role"]),
        ({"AWS": FEDERATED}, ["federated"]),
        ({"AWS": "AIDABOB"}, ["user"]),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, []),
        ({"Service": "lambda.amazonaws.com"}, ["service"]),
        ({"Service": "ec2.amazonaws.com"}, []),
        ({"Federated": "accounts.google.com"}, ["provider"]),
        ({"AWS": BOB, "Service": "lambda.amazonaws.com"}, ["user", "canonical", "service"]),
    ],
    ids=str,
)
def test_a_principal_names_callers_by_arn_role_unique_id_or_service(
    principal: Any, callers: list[str]
) -> None:
    decided = {name: decide(caller, Principal=principal) for name, caller in CALLERS.items()}
    assert {name for name, decision in decided.items() if decision.allowed} == set(callers)
    assert not any(decision.reach is Reach.ACCOUNT for decision in decided.values())


@pytest.mark.parametrize("name", [ACCOUNT, ROOT])
def test_an_account_as_principal_delegates_to_its_own_policies(name: str) -> None:
    """Everyone in the account is allowed what the identity policies there allow as well."""
    decided = {who: decide(caller, Principal={"AWS": name}) for who, caller in CALLERS.items()}
    members = {"user", "root", "role", "federated", "canonical"}
    assert {who for who, decision in decided.items() if decision.allowed} == members
    # The account's ARN is the root user's own, too.
    direct = {who for who in members if decided[who].reach is not Reach.ACCOUNT}
    assert direct == ({"root"} if name == ROOT else set())


def test_a_deny_of_an_account_denies_everyone_in_it() -> None:
    for who in ("user", "root", "role"):
        assert decide(CALLERS[who], "Deny", Principal={"AWS": ROOT}).explicit_deny
    assert not decide(CALLERS["stranger"], "Deny", Principal={"AWS": ROOT}).explicit_deny


def test_a_grant_to_the_caller_takes_precedence_over_one_to_the_account() -> None:
    assert decide(CALLERS["user"], Principal={"AWS": [ROOT, BOB]}).reach is Reach.CALLER


@pytest.mark.parametrize(
    ("spared", "caller"),
    [
        ([BOB, ROOT], "user"),
        ([BOB, ACCOUNT], "user"),
        ([SESSION, ROLE, ROOT], "role"),
        ([ROOT], "root"),
        (["*"], "stranger"),
    ],
)
def test_not_principal_exempts_a_caller_whose_names_are_all_listed(
    spared: list[str], caller: str
) -> None:
    assert not decide(CALLERS[caller], "Deny", NotPrincipal={"AWS": spared}).explicit_deny


@pytest.mark.parametrize("caller", ["role", "stranger", "service"])
def test_a_deny_with_not_principal_denies_callers_who_are_not_listed(caller: str) -> None:
    element = {"AWS": [BOB, "999999999998"]}
    assert decide(CALLERS[caller], "Deny", NotPrincipal=element).explicit_deny


@pytest.mark.parametrize(("spared", "caller"), [(BOB, "user"), (ROOT, "user"), (ROLE, "role")])
def test_not_principal_with_only_some_of_the_callers_names_is_an_error(
    spared: str, caller: str
) -> None:
    """AWS does not document what becomes of a user listed without the account, or the reverse."""
    with pytest.raises(UnjudgedError, match="NotPrincipal"):
        decide(CALLERS[caller], "Deny", NotPrincipal={"AWS": spared})


def test_not_principal_exempts_a_service_by_its_name() -> None:
    element = {"Service": "lambda.amazonaws.com"}
    assert not decide(CALLERS["service"], "Deny", NotPrincipal=element).explicit_deny
    assert decide(CALLERS["user"], "Deny", NotPrincipal=element).explicit_deny


def test_a_canonical_user_is_judged_only_if_the_callers_is_known() -> None:
    assert decide(CALLERS["canonical"], Principal={"CanonicalUser": "79a5"}).allowed
    assert not decide(CALLERS["canonical"], Principal={"CanonicalUser": "79a6"}).allowed
    with pytest.raises(UnjudgedError, match="CanonicalUser"):
        decide(CALLERS["user"], Principal={"CanonicalUser": "79a5"})


def test_a_policy_of_a_resource_cannot_be_judged_without_a_caller() -> None:
    with pytest.raises(UnjudgedError, match="Principal"):
        decide(None, Principal="*")
