"""The kinds of credentials that a policy may meet, as the condition keys of their calls.

When each key is there: "IAM User Guide", AWS global condition context keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from mfakit.policy.document import Kind
from mfakit.policy.principals import ACCOUNT, ACCOUNT_ROOT, Principal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mfakit.policy.conditions import Condition
    from mfakit.policy.evaluation import Statement
    from mfakit.policy.keys import Keys

LONG_TERM_KEY = "long-term key"
WITHOUT_MFA = "session without MFA"
WITH_MFA = "session with MFA"
WITH_OLD_MFA = "session with old MFA"
CODE_GIVEN = "code with AssumeRole"
ROLE_SESSION = "role session"
AWS_SERVICE = "AWS service"
FEDERATED = "federated identity"

ANYONE, _SOMEONE_ELSE = "alice", "someone"
PRESENT = "aws:multifactorauthpresent"
AGE = "aws:multifactorauthage"
MFA_KEYS = (PRESENT, AGE)
_FRESH_SECONDS = 1
_OLDEST_SECONDS = 36 * 3600  # as long as a session lasts
_ENDLESS_SECONDS = 10**15
_ACCOUNT = "123456789012"
_PARTITION = "arn:aws"
_ROLE = "arn:{}:iam::{}:role/worker"
_A_USER = re.compile(r"arn:[\w-]+:iam::\d{12}:user/.+")
_A_ROLE = re.compile(r"arn:[\w-]+:iam::\d{12}:role/.+")
_SERVICE = "logging.s3.amazonaws.com"
# What is the same in each call of such credentials, or surely absent; all else differs.
_SETTLED = (
    *MFA_KEYS,
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principaltype",
    "aws:securetransport",
    "aws:username",
    "aws:viaawsservice",
)


@dataclass(frozen=True)
class Caller:
    """Someone with credentials of one kind.

    Attributes:
        kind: of the credentials.
        keys: the condition keys that their calls have.
        principal: who it is.
    """

    kind: str
    keys: Keys
    principal: Principal


def is_settled(key: str) -> bool:
    """Tell whether the kind of credentials decides a key, rather than the single call."""
    return key.lower() in _SETTLED


def users(statements: Iterable[Statement]) -> list[str]:
    """Give the ARNs of users for whom a policy may have different answers, each once.

    They are those whom it names, as principals or in conditions; one more of each account that it
    names; and one whom it does not name if it speaks about everyone, or about no user at all.
    """
    statements = tuple(statements)
    principals = [s.principals for s in statements if s.principals]
    names = [name for p in principals for kind, name in p.named if kind == "AWS"]
    found = [name for name in names if _A_USER.fullmatch(name)]
    accounts = [account for name in names if (account := _account(name))]
    if not (found or accounts) or "*" in names or any(p.negated for p in principals):
        partition = (found or accounts or [_PARTITION])[0].split(":")[1]
        accounts.append(f"arn:{partition}:iam::{_ACCOUNT}")
    conditions = [c for s in statements for c in s.conditions]
    found += [user for account in accounts for c in conditions for user in _conditioned(c, account)]
    for account in dict.fromkeys(accounts):
        known = f"{account}:user/{ANYONE}"
        found.append(f"{account}:user/{_SOMEONE_ELSE}" if known in found else known)
    return list(dict.fromkeys(found))


def callers(statements: Iterable[Statement], kind: Kind, user: str) -> list[Caller]:
    """Give one caller for each kind of credentials: those that the policy names, if it names any.

    Args:
        statements: the policy's.
        kind: what it belongs to; for a trust policy there is one more.
        user: the ARN of whoever has a user's credentials.
    """
    statements = tuple(statements)
    named = [name for s in statements if s.principals for name in s.principals.named]
    roles = (name for kind_, name in named if kind_ == "AWS" and _A_ROLE.fullmatch(name))
    role = next(roles, _ROLE.format(user.split(":")[1], _ACCOUNT))
    service = next((name for kind_, name in named if kind_ == "Service" and name != "*"), _SERVICE)
    fresh, old = str(_FRESH_SECONDS), str(_old_age(statements))
    found = [
        _user_caller(LONG_TERM_KEY, user),
        _user_caller(WITHOUT_MFA, user, {PRESENT: "false"}),
        _user_caller(WITH_MFA, user, {PRESENT: "true", AGE: fresh}),
        _user_caller(WITH_OLD_MFA, user, {PRESENT: "true", AGE: old}),
    ]
    if kind is Kind.TRUST:
        found.append(_user_caller(CODE_GIVEN, user, {PRESENT: "true"}))
    found += [_role_caller(role), _service_caller(service)]
    providers = (name for kind_, name in named if kind_ == "Federated")
    return [*found, *(_federated_caller(name) for name in islice(providers, 1))]


def _account(name: str) -> str:
    """Give how the ARNs of an account begin that a policy names; "" if the name is none's."""
    if ACCOUNT_ROOT.fullmatch(name):
        return name.removesuffix(":root")
    return f"{_PARTITION}:iam::{name}" if ACCOUNT.fullmatch(name) else ""


def _conditioned(condition: Condition, account: str) -> list[str]:
    """Give the users of an account whom a condition names."""
    key, found = condition.key.lower(), list(condition.wanted)
    if key == "aws:username":
        found = [f"{account}:user/{name}" for name in found]
    elif key != "aws:principalarn":
        return []
    # an account that is made up here may be any
    begin = "" if account.endswith(f":{_ACCOUNT}") else f"{account}:"
    users = (user for user in found if _A_USER.fullmatch(user) and user.startswith(begin))
    return [user for user in users if not set("*?$") & set(user)]


def _old_age(statements: tuple[Statement, ...]) -> int:
    """Give an age beyond every one that the policy asks for."""
    wanted = [
        int(min(float(text), _ENDLESS_SECONDS))
        for statement in statements
        for condition in statement.conditions
        for text in condition.wanted
        if condition.key.lower() == AGE and text.replace(".", "", 1).isdecimal()
    ]
    return max([*wanted, _OLDEST_SECONDS]) + 1 if wanted else _OLDEST_SECONDS


def _user_caller(kind: str, arn: str, mfa: dict[str, str] | None = None) -> Caller:
    name = arn.rpartition("/")[2]
    return _caller(kind, arn, arn, "User", {"aws:username": name, **(mfa or {})})


def _role_caller(arn: str) -> Caller:
    session = arn.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/session"
    return _caller(ROLE_SESSION, session, arn, "AssumedRole", {PRESENT: "false"}, role_arn=arn)


def _caller(
    kind: str, arn: str, owner: str, principal_type: str, keys: dict[str, str], role_arn: str = ""
) -> Caller:
    account = arn.split(":")[4]
    settled = {
        "aws:principalaccount": account,
        "aws:principalarn": owner,
        "aws:principalisawsservice": "false",
        "aws:principaltype": principal_type,
        "aws:securetransport": "true",
        "aws:viaawsservice": "false",
    }
    return Caller(kind, settled | keys, Principal(account, arn, role_arn))


def _service_caller(name: str) -> Caller:
    keys = {
        "aws:principalisawsservice": "true",
        "aws:securetransport": "true",
        "aws:viaawsservice": "false",
    }
    return Caller(AWS_SERVICE, keys, Principal(service=name))


def _federated_caller(provider: str) -> Caller:
    return Caller(FEDERATED, {"aws:securetransport": "true"}, Principal(federated=provider))
