"""The Principal element: whom a bucket or a role speaks about."""

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
def test_who_is_named(principal: Any, callers: list[str]) -> None:
    """A caller is known by his ARN, his role's, his unique id; a service by its name."""
    decided = {name: decide(caller, Principal=principal) for name, caller in CALLERS.items()}
    assert {name for name, decision in decided.items() if decision.allowed} == set(callers)
    assert not any(decision.reach is Reach.ACCOUNT for decision in decided.values())


@pytest.mark.parametrize("name", [ACCOUNT, ROOT])
def test_an_account_stands_for_all_who_belong_to_it(name: str) -> None:
    """Naming the account allows everyone in it what its own policies allow as well."""
    decided = {who: decide(caller, Principal={"AWS": name}) for who, caller in CALLERS.items()}
    members = {"user", "root", "role", "federated", "canonical"}
    assert {who for who, decision in decided.items() if decision.allowed} == members
    # The account's ARN is the root user's own, too.
    direct = {who for who in members if decided[who].reach is not Reach.ACCOUNT}
    assert direct == ({"root"} if name == ROOT else set())


def test_an_account_that_is_denied_is_denied_whole() -> None:
    """A denial of the account is one of everyone in it, with nothing left to delegate."""
    for who in ("user", "root", "role"):
        assert decide(CALLERS[who], "Deny", Principal={"AWS": ROOT}).explicit_deny
    assert not decide(CALLERS["stranger"], "Deny", Principal={"AWS": ROOT}).explicit_deny


def test_a_grant_to_the_caller_goes_before_one_to_the_account() -> None:
    """Where a policy names both, nothing is left to the account's policies."""
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
def test_whom_not_principal_spares(spared: list[str], caller: str) -> None:
    """NotPrincipal spares who is named with everything that he belongs to."""
    assert not decide(CALLERS[caller], "Deny", NotPrincipal={"AWS": spared}).explicit_deny


@pytest.mark.parametrize("caller", ["role", "stranger", "service"])
def test_whom_not_principal_denies(caller: str) -> None:
    """NotPrincipal denies all the others."""
    element = {"AWS": [BOB, "999999999998"]}
    assert decide(CALLERS[caller], "Deny", NotPrincipal=element).explicit_deny


@pytest.mark.parametrize(("spared", "caller"), [(BOB, "user"), (ROOT, "user"), (ROLE, "role")])
def test_not_principal_that_names_a_part(spared: str, caller: str) -> None:
    """AWS does not tell what becomes of who is named without his account, or the reverse."""
    with pytest.raises(UnjudgedError, match="NotPrincipal"):
        decide(CALLERS[caller], "Deny", NotPrincipal={"AWS": spared})


def test_a_service_is_spared_by_its_name() -> None:
    """NotPrincipal may name a service."""
    element = {"Service": "lambda.amazonaws.com"}
    assert not decide(CALLERS["service"], "Deny", NotPrincipal=element).explicit_deny
    assert decide(CALLERS["user"], "Deny", NotPrincipal=element).explicit_deny


def test_canonical_users() -> None:
    """A canonical user id is compared where the caller's is known, and is an error elsewhere."""
    assert decide(CALLERS["canonical"], Principal={"CanonicalUser": "79a5"}).allowed
    assert not decide(CALLERS["canonical"], Principal={"CanonicalUser": "79a6"}).allowed
    with pytest.raises(UnjudgedError, match="CanonicalUser"):
        decide(CALLERS["user"], Principal={"CanonicalUser": "79a5"})


def test_somebody_has_to_call() -> None:
    """A policy of a resource cannot be judged without knowing who calls."""
    with pytest.raises(UnjudgedError, match="Principal"):
        decide(None, Principal="*")
