"""IAM's policy simulator: SimulateCustomPolicy and SimulatePrincipalPolicy.

AWS's own ignores the trust policies of roles and the conditions of service control policies. Here
they are judged too, as for every call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mfakit.policy import (
    Context,
    Kind,
    MalformedPolicyError,
    Policies,
    Principal,
    UnjudgedError,
    authorize,
    parse,
)
from mfakit.policy.document import kind_of
from mfakit.policy.evaluation import BOUNDARY, SERVICE_CONTROL
from mfakit.testing.directory import ROLE_ARN
from mfakit.testing.errors import AWSError, no_such_entity, not_supported
from mfakit.testing.keys import PRINCIPAL_TYPES, Identity, dates, principal_tags
from mfakit.testing.validation import page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mfakit.policy import Statement, Verdict
    from mfakit.policy.evaluation import Decision
    from mfakit.testing.devices import Clock
    from mfakit.testing.directory import Directory
    from mfakit.testing.keys import Credentials

    Parameters = Mapping[str, str]
    Statements = tuple[Statement, ...]
    Keys = dict[str, str | tuple[str, ...]]

SOURCE = re.compile(r"arn:[\w-]+:iam::(\d{12}):(user|group|role)/(?:[^/]+/)*([\w+=,.@-]+)")
VARIABLE = re.compile(r"\$\{\s*([\w:./@+=-]+)\s*[,}]")
NO_CALLER = "You must specify a CallerArn if you include a ResourcePolicy."
POLICY_TYPES = {
    "identity-based policy": "user",
    "resource-based policy": "resource",
    "permissions boundary": "user-managed",
    "service control policy": "none",
}


@dataclass(frozen=True)
class _Case:
    """A simulation, except for action and resource.

    Attributes:
        given_resource_policy: whether the call holds one; if not, a role's trust policy counts.
    """

    policies: Policies
    principal: Principal | None
    keys: Keys
    given_resource_policy: bool


@dataclass(frozen=True)
class PolicySimulation:
    """The calls of the policy simulator.

    Attributes:
        service_control: the statements of the organization's policies for the account; None if the
            account is in no organization.
    """

    directory: Directory
    clock: Clock
    service_control: Statements | None
    account_id: str

    @property
    def operations(self) -> dict[str, Callable[[Credentials, Parameters], dict[str, Any]]]:
        """The calls by name."""
        return {
            "SimulateCustomPolicy": self._custom,
            "SimulatePrincipalPolicy": self._principal,
            "GetContextKeysForCustomPolicy": self._keys_of_custom,
            "GetContextKeysForPrincipalPolicy": self._keys_of_principal,
        }

    def _custom(self, _caller: Credentials, given: Parameters) -> dict[str, Any]:
        caller = self._identity(given["CallerArn"]) if "CallerArn" in given else None
        return self._results(given, Policies(identity=_inputs(given)), caller)

    def _principal(self, _caller: Credentials, given: Parameters) -> dict[str, Any]:
        source = self._source(given["PolicySourceArn"])
        caller = self._identity(given.get("CallerArn", given["PolicySourceArn"]))
        policies = Policies(
            identity=(*self.directory.statements_of(*source), *_inputs(given)),
            boundary=self.directory.boundary(Identity(*source, "", "")),
            service_control=self.service_control,
        )
        return self._results(given, policies, caller)

    def _keys_of_custom(self, _caller: Credentials, given: Parameters) -> dict[str, Any]:
        return {"ContextKeyNames": sorted(_mentioned(_inputs(given)))}

    def _keys_of_principal(self, _caller: Credentials, given: Parameters) -> dict[str, Any]:
        statements = self.directory.statements_of(*self._source(given["PolicySourceArn"]))
        return {"ContextKeyNames": sorted(_mentioned((*statements, *_inputs(given))))}

    def _results(
        self, given: Parameters, policies: Policies, caller: Identity | None
    ) -> dict[str, Any]:
        bounded = _listed(given, "PermissionsBoundaryPolicyInputList")
        if bounded:
            policies = replace(policies, boundary=_parsed(bounded, "PermissionsBoundary"))
        resource_policy = given.get("ResourcePolicy")
        if resource_policy is not None:
            if caller is None:
                raise AWSError(400, "InvalidInput", NO_CALLER)
            statements = _parsed([resource_policy], "ResourcePolicy", resource=True)
            policies = replace(policies, resource=statements)
        owner = given.get("ResourceOwner", "")
        account = owner.split(":")[4] if owner.count(":") > 4 else owner
        case = _Case(
            replace(policies, resource_account=account),
            _as_principal(caller, policies.boundary is not None) if caller else None,
            self._keys(given, caller),
            resource_policy is not None,
        )
        found = [
            self._result(case, action, resource)
            for action in _listed(given, "ActionNames")
            for resource in _listed(given, "ResourceArns") or ["*"]
        ]
        return page("EvaluationResults", found, given)

    def _result(self, case: _Case, action: str, resource: str) -> dict[str, Any]:
        policies = case.policies
        if case.principal is not None and action.lower() == "sts:assumerole":
            policies = self._with_trust(policies, resource, given=case.given_resource_policy)
        everything = [
            statement
            for statements in (
                policies.identity,
                policies.resource,
                policies.boundary or (),
                policies.service_control or (),
            )
            for statement in statements
        ]
        missing = {
            name
            for name in _mentioned(everything, action, case.keys)
            if name.lower() not in case.keys
        }
        # A key that was not given is absent, whether or not this simulator knows it otherwise.
        keys = {**{name.lower(): () for name in missing}, **case.keys}
        context = Context(action, resource, keys, case.principal)
        try:
            verdict = authorize(policies, context)
        except UnjudgedError as error:
            raise not_supported(f"the simulator cannot judge this call: {error}") from None
        return _shown(verdict, action, resource, missing)

    def _with_trust(self, policies: Policies, resource: str, *, given: bool) -> Policies:
        """Return the policies with the role's trust policy, unless a resource policy was given."""
        named = re.fullmatch(ROLE_ARN, resource, re.ASCII)
        if given or named is None or f":{self.account_id}:" not in resource:
            return replace(policies, resource_decides=given)
        role = self.directory.get_role(named[1])
        if role["Arn"] != resource:
            raise no_such_entity(f"The role with name {named[1]} cannot be found.")
        trust = parse(role["AssumeRolePolicyDocument"], f"of role {named[1]}", Kind.TRUST)
        return replace(
            policies, resource=trust, resource_decides=True, resource_account=self.account_id
        )

    def _keys(self, given: Parameters, caller: Identity | None) -> Keys:
        keys: Keys = dict(dates(self.clock.timestamp()))
        if caller is not None:
            keys |= {
                "aws:principalaccount": caller.arn.split(":")[4],
                "aws:principalarn": caller.arn,
                "aws:principaltype": PRINCIPAL_TYPES[caller.kind],
                "aws:userid": caller.user_id,
            }
            if caller.kind == "user":
                keys["aws:username"] = caller.name
            if caller.user_id:
                keys |= principal_tags(self.directory.tags(caller))
        return keys | _context_entries(given)

    def _source(self, arn: str) -> tuple[str, str]:
        found = SOURCE.fullmatch(arn)
        if found is None or found[1] != self.account_id:
            raise AWSError(400, "InvalidInput", f"Invalid Entity Arn: {arn}")
        kind, name = found[2], found[3]
        if self.directory.arn_of(kind, name) != arn:
            raise no_such_entity(f"The {kind} with name {name} cannot be found.")
        return kind, name

    def _identity(self, arn: str) -> Identity | None:
        """Return the user or role of an ARN; of another account, only the ARN is known."""
        found = SOURCE.fullmatch(arn)
        if found is None or found[2] == "group":
            return None
        if found[1] != self.account_id:
            return Identity(found[2], found[3], arn, "")
        kind, name = self._source(arn)
        if kind == "user":
            return self.directory.user(name)
        return Identity(kind, name, arn, self.directory.get_role(name)["RoleId"])


def _as_principal(caller: Identity, has_boundary: bool) -> Principal:
    return Principal(
        account_id=caller.arn.split(":")[4],
        # The caller is a session of the role, whose name is not known.
        arn="" if caller.kind == "role" else caller.arn,
        role_arn=caller.arn if caller.kind == "role" else "",
        unique_ids=(caller.user_id,),
        has_boundary=has_boundary,
    )


def _shown(verdict: Verdict, action: str, resource: str, missing: set[str]) -> dict[str, Any]:
    decisions = dict(verdict.decisions)
    outcome = "explicitDeny" if verdict.explicit_deny else "implicitDeny"
    shown: dict[str, Any] = {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": "allowed" if verdict.allowed else outcome,
        "MatchedStatements": list(_matched(decisions, verdict)),
        "MissingContextValues": sorted(missing),
    }
    if SERVICE_CONTROL in decisions:
        allowed = decisions[SERVICE_CONTROL].allowed
        shown["OrganizationsDecisionDetail"] = {"AllowedByOrganizations": allowed}
    if BOUNDARY in decisions:
        allowed = decisions[BOUNDARY].allowed
        shown["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    return shown


def _matched(decisions: Mapping[str, Decision], verdict: Verdict) -> Iterable[dict[str, str]]:
    """Yield the statements that decided: those that deny, or else those that allow."""
    for kind, decision in decisions.items():
        if decision.statement is None or decision.allowed is not verdict.allowed:
            continue
        yield {
            "SourcePolicyId": decision.statement.policy,
            "SourcePolicyType": POLICY_TYPES.get(kind, "none"),
        }


def _inputs(given: Parameters) -> Statements:
    return _parsed(_listed(given, "PolicyInputList"), "PolicyInputList")


def _parsed(documents: list[str], name: str, *, resource: bool = False) -> Statements:
    found: list[Statement] = []
    try:
        for number, document in enumerate(documents, 1):
            called = f"{name}.{number}"
            kind = kind_of(document, called) if resource else Kind.IDENTITY
            if resource and kind is Kind.IDENTITY:
                kind = Kind.RESOURCE  # which says that a Principal is missing
            found += parse(document, called, kind)
    except MalformedPolicyError as error:
        raise AWSError(400, "InvalidInput", error.message) from None
    return tuple(found)


def _listed(given: Parameters, name: str) -> list[str]:
    """Return the members of a list, in order."""
    found = ((re.fullmatch(rf"{name}\.member\.(\d+)", n), value) for n, value in given.items())
    return [value for _, value in sorted((int(m[1]), value) for m, value in found if m)]


def _context_entries(given: Parameters) -> Keys:
    keys: Keys = {}
    for name, value in given.items():
        entry = re.fullmatch(r"(ContextEntries\.member\.\d+)\.ContextKeyName", name)
        if entry:
            values = _listed(given, re.escape(f"{entry[1]}.ContextKeyValues"))
            many = given.get(f"{entry[1]}.ContextKeyType", "").endswith("List")
            keys[value.lower()] = tuple(values) if many or len(values) != 1 else values[0]
    return keys


def _mentioned(
    statements: Iterable[Statement], action: str = "", keys: Keys | None = None
) -> set[str]:
    """Return the condition keys in statements, as spelled there; only about an action, if given."""
    return {
        name
        for statement in statements
        if not action or statement.actions.holds(action.lower(), keys or {})
        for name in _names_in(statement)
    }


def _names_in(statement: Statement) -> Iterable[str]:
    resources = statement.resources.patterns if statement.resources else ()
    texts = [pattern.text for pattern in resources]
    for condition in statement.conditions:
        yield condition.key
        texts += condition.wanted
    for text in texts:
        yield from VARIABLE.findall(text)
