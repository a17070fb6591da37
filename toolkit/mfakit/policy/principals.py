"""Who calls, and who the Principal element of a policy speaks about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from mfakit.policy.errors import UnjudgedError

ACCOUNT = re.compile(r"\d{12}")
ACCOUNT_ROOT = re.compile(r"arn:[\w-]+:iam::(\d{12}):root")


class Reach(IntEnum):
    """How directly a Principal element names the caller; a later one grants more.

    The order is that of the IAM User Guide ("How AWS enforcement code logic evaluates requests",
    on resource-based policies within one account).

    Attributes:
        NOBODY: it does not name the caller.
        ACCOUNT: it names the caller's account, which has to allow the call as well.
        ISSUER: it names the role, or for a federated user the user, whose session the caller is.
            Boundary and session policy still limit such a grant.
        CALLER: it names the user, the session itself, or everyone. Nothing but an explicit deny
            limits such a grant.
    """

    NOBODY = 0
    ACCOUNT = 1
    ISSUER = 2
    CALLER = 3


@dataclass(frozen=True)
class Principal:
    """Who calls, by every name that a policy may know him by.

    An anonymous caller is a `Principal` with nothing set.

    Attributes:
        account_id: twelve digits; empty for who belongs to no account, such as a service.
        arn: a user's, the root user's, or a session's: ``arn:aws:sts::1:assumed-role/R/S``,
            ``arn:aws:sts::1:federated-user/N``.
        role_arn: the role whose session it is, or the user by whom a federated user was made.
        unique_ids: such as ``AIDA...``, which stand in policies for ARNs that are gone; those of
            a role's session are the role's.
        service: such as ``lambda.amazonaws.com``.
        federated: the provider that vouches for him.
        canonical_user: the canonical user id that S3 knows the account by.
        has_boundary: whether a permissions boundary is set for him: then no NotPrincipal spares
            him ("IAM User Guide", permissions boundaries).
    """

    account_id: str = ""
    arn: str = ""
    role_arn: str = ""
    unique_ids: tuple[str, ...] = ()
    service: str = ""
    federated: str = ""
    canonical_user: str = ""
    has_boundary: bool = False

    @property
    def is_root(self) -> bool:
        """Whether it is the root user of an account."""
        return ACCOUNT_ROOT.fullmatch(self.arn) is not None


@dataclass(frozen=True)
class Principals:
    """A Principal or NotPrincipal element.

    Attributes:
        named: kind and name, one by one; ``*`` by itself is ``AWS``'s.
        negated: whether it is a NotPrincipal.
    """

    named: tuple[tuple[str, str], ...]
    negated: bool = False

    def include(self, caller: Principal | None) -> bool:
        """Tell whether the statement speaks about who calls.

        Raises:
            UnjudgedError: it cannot be told.
        """
        if caller is None:
            raise UnjudgedError("Principal, with nobody known to call,")
        if self.negated:
            return not self._spares(caller)
        return self.reach(caller) is not Reach.NOBODY

    def reach(self, caller: Principal) -> Reach:
        """Tell how directly a Principal element names who calls.

        Raises:
            UnjudgedError: it cannot be told.
        """
        reaches = [self._reach_of(kind, name, caller) for kind, name in self.named]
        return max(reaches, default=Reach.NOBODY)

    def _reach_of(self, kind: str, name: str, caller: Principal) -> Reach:
        if not self._is_named(kind, name, caller):
            named = bool(caller.account_id) and account_of(name) == caller.account_id
            return Reach.ACCOUNT if named and kind == "AWS" else Reach.NOBODY
        if name == "*" or name == caller.arn or not caller.role_arn:
            return Reach.CALLER
        return Reach.ISSUER

    def _is_named(self, kind: str, name: str, caller: Principal) -> bool:
        if kind == "AWS":
            ids = (caller.arn, caller.role_arn, *caller.unique_ids)
            return name == "*" or (bool(name) and name in ids)
        if kind == "CanonicalUser" and caller.account_id and not caller.canonical_user:
            raise UnjudgedError("Principal CanonicalUser")
        held = {
            "Service": caller.service,
            "Federated": caller.federated,
            "CanonicalUser": caller.canonical_user,
        }[kind]
        return bool(held) and name in (held, "*")

    def _spares(self, caller: Principal) -> bool:
        """Tell whether a NotPrincipal leaves him alone: each name of his must be there.

        AWS may judge the account before the role, the user and the session, and says only that
        leaving one out might deny him; that is not to be guessed here.
        """
        if any(self._is_named(k, n, caller) for k, n in self.named if k != "AWS" or n == "*"):
            return True
        if caller.has_boundary:
            return False
        arns = {caller.arn, caller.role_arn} - {""} if not caller.is_root else set()
        named = [("AWS", arn) in self.named for arn in arns]
        if caller.account_id:
            named.append(
                any(account_of(n) == caller.account_id for k, n in self.named if k == "AWS")
            )
        if named and all(named):
            return True
        if not any(named):
            return False
        raise UnjudgedError("NotPrincipal that names not all of account, role, user and session")


def account_of(name: str) -> str:
    """Return the account that a principal stands for as a whole; an empty text if for none."""
    if ACCOUNT.fullmatch(name):
        return name
    found = ACCOUNT_ROOT.fullmatch(name)
    return found[1] if found else ""
