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
    """Write a policy of one statement, by default one that allows it for everything."""
    given = {"Effect": "Allow", "Resource": "*", **statement}
    return {"Version": "2012-10-17", "Statement": [given]}


EVERYTHING = policy(Action="*")
NOTHING = policy(Action="none:None")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the simulator be the team's account, in a region of its partition."""
    for item in items:
        item.add_marker(pytest.mark.aws_simulator(account_id=ACCOUNT_ID, region=REGION))


@cache
def clients() -> Any:
    """Give the one that makes all clients: another one for each would take seconds."""
    return boto3.Session(region_name=REGION)


class Caller:
    """Somebody with credentials of one kind."""

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
        """Tell whether the credentials open what is in the account."""
        return succeeds(self.client("s3").list_buckets)

    def may_assume(self, arn: str, **parameters: Any) -> bool:
        """Tell whether they open a role."""
        return succeeds(self.role, arn=arn, **parameters)


def caller(user: User) -> Caller:
    """Let a user call with the long-term key."""
    return Caller(user.access_key_id, user.secret_access_key)


def given(answer: dict[str, Any]) -> Caller:
    """Let somebody call with the credentials that STS gave."""
    made = answer["Credentials"]
    return Caller(made["AccessKeyId"], made["SecretAccessKey"], made["SessionToken"])


def succeeds(call: Callable[..., Any], **parameters: Any) -> bool:
    """Tell whether a call is let through, or refused to those credentials."""
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
        """Give a code, as calls of STS take it."""
        return {"SerialNumber": self.device.serial_number, "TokenCode": self.device.code()}

    def with_mfa(self) -> Caller:
        """Get a session for a code, as long as any lasts."""
        return self.keys.session(**self.code(), DurationSeconds=LONGEST_SESSION)

    def kinds(self) -> Iterator[tuple[str, Caller]]:
        """Give the person with each kind of credentials, one after the other.

        The clock is moved: the code of the third is about to get too old, that of the last one is.
        """
        yield LONG_TERM, self.keys
        yield WITHOUT, self.keys.session()
        session = self.with_mfa()
        self._clock.advance(hours=MAX_AGE_HOURS, minutes=-5)
        yield WITH, session
        self._clock.advance(minutes=5)
        yield OLD, session

    def gets_in(self, tries: Callable[[Caller], bool] = Caller.works) -> dict[str, bool]:
        """Tell with which kinds of credentials the person gets in."""
        return {kind: tries(credentials) for kind, credentials in self.kinds()}


class Account:
    """The account, with a group that the policies are on, and the roles."""

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
        """Make a role that may do everything; give its ARN."""
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        self.let_role_do(name, EVERYTHING)
        arn: str = made["Role"]["Arn"]
        return arn

    def let_role_do(self, name: str, allowed: Policy) -> None:
        """Give a role a policy."""
        text = json.dumps(allowed)
        self.iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=text)

    @property
    def policy_arn(self) -> str:
        """The policy on the group that requires MFA."""
        attached = self.iam.list_attached_group_policies(GroupName=GROUP)["AttachedPolicies"]
        arn: str = attached[0]["PolicyArn"]
        return arn

    def replace_policy(self, other: Policy) -> None:
        """Put another policy in the place of the one that requires MFA."""
        self.iam.create_policy_version(
            PolicyArn=self.policy_arn, PolicyDocument=json.dumps(other), SetAsDefault=True
        )

    def _by_cloudformation(self, folder: Path) -> list[str]:
        stacks = self.administrator.client("cloudformation")
        parameters = {"GroupName": GROUP}, {"GroupName": GROUP, "RoleName": "worker"}
        for name, wanted in zip(("group", "role"), parameters, strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those of what moto loads for it
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
    """Make the account, in each way that there are files for."""
    return Account(aws_simulator, request.param)
