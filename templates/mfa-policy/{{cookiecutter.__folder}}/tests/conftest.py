"""An account of a simulated AWS that checks MFA, with the files' policies on it, and its people."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from mfakit.testing import AWSSimulator, Device, User

from policies import ACCOUNT_ID, HERE, MAX_AGE_HOURS

from . import terraform

REGION = "{{ cookiecutter.__region }}"
WAYS = [way for way in ("terraform", "cloudformation") if (HERE / way).is_dir()]
GROUP = "members"
LONGEST_SESSION = 36 * 3600

LONG_TERM = "long-term key"
WITHOUT = "session without MFA"
WITH = "session with MFA"
OLD = "session with a code from too long ago"
MFA_ALONE = {LONG_TERM: False, WITHOUT: False, WITH: True, OLD: False}

Policy = dict[str, Any]


def policy(**statement: Any) -> Policy:
    """Return a policy of one statement, which by default allows it for every resource."""
    given = {"Effect": "Allow", "Resource": "*", **statement}
    return {"Version": "2012-10-17", "Statement": [given]}


EVERYTHING = policy(Action="*")
NOTHING = policy(Action="none:None")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make the simulator the team's account, in a region of its partition."""
    for item in items:
        item.add_marker(pytest.mark.aws_simulator(account_id=ACCOUNT_ID, region=REGION))


@cache
def clients() -> Any:
    """Return the session that makes all clients: one for each client would take seconds."""
    return boto3.Session(region_name=REGION)


class Caller:
    """A user or a role, with credentials of one kind."""

    def __init__(self, key_id: str, secret: str, token: str | None = None) -> None:
        self._keys = key_id, secret, token

    def client(self, service: str) -> Any:
        """Make a client of a service."""
        key_id, secret, token = self._keys
        return clients().client(
            service,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            aws_session_token=token,
        )

    def session(self, **parameters: Any) -> Caller:
        """Get a session of STS; with a code, one with MFA."""
        return given(self.client("sts").get_session_token(**parameters))

    def role(self, arn: str, **parameters: Any) -> Caller:
        """Assume a role."""
        sts = self.client("sts")
        return given(sts.assume_role(RoleArn=arn, RoleSessionName="trial", **parameters))

    def works(self) -> bool:
        """Whether the credentials give access to the account."""
        return succeeds(self.client("s3").list_buckets)

    def may_assume(self, arn: str, **parameters: Any) -> bool:
        """Whether the credentials may assume a role."""
        return succeeds(self.role, arn=arn, **parameters)


def caller(user: User) -> Caller:
    """Return a caller with the user's long-term key."""
    return Caller(user.access_key_id, user.secret_access_key)


def given(answer: dict[str, Any]) -> Caller:
    """Return a caller with the credentials of a response of STS."""
    made = answer["Credentials"]
    return Caller(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def succeeds(call: Callable[..., Any], **parameters: Any) -> bool:
    """Whether a call is allowed, and not denied to its credentials."""
    try:
        call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("AccessDenied", "ExpiredToken"):
            return False
        raise
    return True


class Person:
    """A user with a long-term key and a device."""

    def __init__(self, aws: AWSSimulator, name: str, other: Policy) -> None:
        user = aws.create_user(name, other)
        self.name = name
        self.device: Device = user.enable_virtual_mfa()
        self.keys = caller(user)
        self._clock = aws.clock

    def code(self) -> dict[str, str]:
        """Return a code as the parameters of a call of STS."""
        return {"SerialNumber": self.device.serial_number, "TokenCode": self.device.code()}

    def with_mfa(self) -> Caller:
        """Get a session for a code, of the longest duration."""
        return self.keys.session(**self.code(), DurationSeconds=LONGEST_SESSION)

    def kinds(self) -> Iterator[tuple[str, Caller]]:
        """Yield the person's credentials of each kind, one after the other.

        The clock moves: the code of the third kind is almost too old, that of the last kind is.
        """
        yield LONG_TERM, self.keys
        yield WITHOUT, self.keys.session()
        session = self.with_mfa()
        self._clock.advance(hours=MAX_AGE_HOURS, minutes=-5)
        yield WITH, session
        self._clock.advance(minutes=5)
        yield OLD, session

    def gets_in(self, tries: Callable[[Caller], bool] = Caller.works) -> dict[str, bool]:
        """Return for each kind of credentials whether the person has access."""
        return {kind: tries(credentials) for kind, credentials in self.kinds()}


class Account:
    """The account, with the roles, and with a group that has the policies."""

    def __init__(self, aws: AWSSimulator, way: str) -> None:
        self.aws = aws
        self.administrator = caller(aws.create_user("administrator"))
        self.iam = self.administrator.client("iam")
        self.iam.create_group(GroupName=GROUP)
        if way == "terraform":
            self.roles = terraform.apply(self.iam, HERE / way, group=GROUP)
        else:
            self.roles = self._by_cloudformation(HERE / way)

    def member(self, name: str = "alice", other: Policy = EVERYTHING) -> Person:
        """Make a user of the group, whose other policy allows everything by default."""
        person = Person(self.aws, name, other)
        self.iam.add_user_to_group(GroupName=GROUP, UserName=name)
        return person

    def outsider(self, other: Policy = EVERYTHING) -> Person:
        """Make a user who is not in the group, whose policy allows everything by default."""
        return Person(self.aws, "outsider", other)

    def make_role(self, name: str, trust: Policy) -> str:
        """Make a role that may do everything; return its ARN."""
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        self.let_role_do(name, EVERYTHING)
        arn: str = made["Role"]["Arn"]
        return arn

    def let_role_do(self, name: str, allowed: Policy) -> None:
        """Add a policy to a role."""
        text = json.dumps(allowed)
        self.iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=text)

    @property
    def policy_arn(self) -> str:
        """The ARN of the group's policy that requires MFA."""
        attached = self.iam.list_attached_group_policies(GroupName=GROUP)["AttachedPolicies"]
        arn: str = attached[0]["PolicyArn"]
        return arn

    @property
    def with_everything(self) -> Policy:
        """The group's policy, and one that allows everything, as one."""
        arn = self.policy_arn
        version = self.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        found = self.iam.get_policy_version(PolicyArn=arn, VersionId=version)
        statements = found["PolicyVersion"]["Document"]["Statement"]
        return {**EVERYTHING, "Statement": [*EVERYTHING["Statement"], *statements]}

    @property
    def trust(self) -> Policy:
        """The first role's trust policy."""
        role = self.iam.get_role(RoleName=self.roles[0].rpartition("/")[2])["Role"]
        trust: Policy = role["AssumeRolePolicyDocument"]
        return trust

    def replace_policy(self, other: Policy) -> None:
        """Replace the policy that requires MFA by another one."""
        self.iam.create_policy_version(
            PolicyArn=self.policy_arn, PolicyDocument=json.dumps(other), SetAsDefault=True
        )

    def _by_cloudformation(self, folder: Path) -> list[str]:
        stacks = self.administrator.client("cloudformation")
        parameters = {"GroupName": GROUP}, {"GroupName": GROUP, "RoleName": "worker"}
        for name, wanted in zip(("group", "role"), parameters, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # moto's dependencies have warnings
                stacks.create_stack(
                    StackName=name,
                    TemplateBody=(folder / f"{name}.yaml").read_text(encoding="utf-8"),
                    Parameters=[
                        {"ParameterKey": key, "ParameterValue": value}
                        for key, value in wanted.items()
                    ],
                )
        return [self.iam.get_role(RoleName="worker")["Role"]["Arn"]]


@pytest.fixture(params=WAYS)
def account(request: pytest.FixtureRequest, aws_home: Path, aws_simulator: AWSSimulator) -> Account:
    """Make the account in each of the ways that have files."""
    return Account(aws_simulator, request.param)
