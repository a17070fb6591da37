"""`mock_aws`, in the place of moto's: an account whose administrator has every key of a test."""

from __future__ import annotations

import functools
import inspect
import os
import re
import threading
import unittest
from dataclasses import dataclass, fields
from hashlib import sha256
from types import FunctionType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast, overload

from mfakit.testing import account
from mfakit.testing.account import AWSSimulator
from mfakit.testing.authentication import Authentication, Claim
from mfakit.testing.directory import ROLE_ARN, Role
from mfakit.testing.errors import INVALID, AWSError, access_denied
from mfakit.testing.gate import Gate
from mfakit.testing.keys import KeyStore, LongTermKey, Session
from mfakit.testing.models import partition, region_of
from mfakit.testing.moto_binding import find_key
from mfakit.testing.sts import STS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing.authentication import Received
    from mfakit.testing.keys import Credentials, Identity
    from mfakit.testing.wire import Request, Response

F = TypeVar("F", bound="Callable[..., Any] | type")

OF_AWS = re.compile("A(KIA|SIA)[A-Z0-9]{16}")
OLD_SIGNATURE = re.compile("AWS ([^:]+):")
# Whom moto's GetCallerIdentity names.
ADMINISTRATOR, ADMINISTRATOR_ID = "moto", "AKIAIOSFODNN7EXAMPLE"
NOBODYS_KEY = (
    f"{INVALID} Nobody issued the key {{}}: take one of iam.create_access_key() or of"
    " mfakit.testing.simulator().create_user(), or an id without AWS's form, such as testing, for"
    " the administrator"
)
NO_ROLE = (
    "{}. There is no such role in the simulated account: make it with CreateRole before it is"
    " assumed; roles of other accounts need not be made"
)
NO_DEVICE = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  {} acts as the administrator,"
    " who has no MFA device: call with the keys of a user that has one, such as"
    " mfakit.testing.simulator().create_user(), whose enable_virtual_mfa() returns the device"
)
ASSUMING = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
# What prepares each test of a class, so that the tests go on with its data.
PREPARING = ("setUp", "setup_method", "asyncSetUp")


class MockedAWS(AWSSimulator):
    """The account of `mock_aws`, and on demand others, each in a simulator of its own."""

    def __init__(self, account_id: str, region: str = "us-east-1") -> None:
        self._main = self
        self._others: dict[tuple[str, str], MockedAWS] = {}
        super().__init__(account_id, region)

    def reset(self) -> None:
        """Forget users, devices, sessions and calls, and set the clock to the real time."""
        self.clock.advance(seconds=-self.clock.offset)
        self.clock.skew()
        self._calls.clear()
        self._faults.clear()
        self._others.clear()
        # What answers requests, in this process or over HTTP, has this gate.
        gate = self._gate
        self._set_up(KeyStore())
        vars(gate).update(vars(self._gate))
        self._gate = gate

    def at(self, arn: str) -> MockedAWS:
        """Return the account of an ARN; the main one if AWS has no such partition."""
        _, part, _, _, account_id, _ = arn.split(":", 5)
        main = self._main
        region = region_of(part)
        if (account_id, part) == (main.account_id, partition(main.region)) or not region:
            return main
        if (account_id, part) not in main._others:
            main._others[account_id, part] = self._other(account_id, region)
        return main._others[account_id, part]

    def _other(self, account_id: str, region: str) -> MockedAWS:
        other = MockedAWS(account_id, region)
        other._main, other.clock = self._main, self.clock
        other._faults, other._calls = self._faults, self._calls
        other._set_up(self._keys)
        return other

    def administrator(self, part: str) -> Identity:
        """Return the administrator of the account in a partition."""
        arn = f"arn:{part}:sts::{self.account_id}:user/{ADMINISTRATOR}"
        made = self._keys.identity("user", ADMINISTRATOR, arn, ADMINISTRATOR_ID + part)
        made.administrator = True
        return made

    def role(self, arn: str) -> Role | None:
        """Return a role of any account: those of other accounts need not exist."""
        there = self.at(arn)
        role = there._directory.role(arn)
        if role is not None or there is self:
            return role
        made = self._keys.identity("role", arn.rsplit("/", 1)[1], arn, _role_id(arn))
        made.administrator = True
        own = f"arn:{partition(self.region)}:iam::{self.account_id}:root"
        statement = {"Effect": "Allow", "Principal": {"AWS": own}, "Action": ASSUMING}
        return Role(made, 43200, {"Statement": statement})

    def issued_by_moto(self, access_key_id: str) -> Credentials | None:
        """Return a key that moto made, before this simulator or for a caller without a key."""
        found = find_key(access_key_id)
        if found is None:
            return None
        if found.user_name:
            owner = self.at(found.arn)._directory.user(found.user_name)
            return self._keys.add(access_key_id, found.secret_access_key, owner)
        role = self.role(found.arn)
        if role is None:
            return None
        session = Session(
            access_key_id,
            found.secret_access_key,
            found.session_token,
            role.identity,
            self.clock.timestamp(),
            int(found.expires),
            name=found.session_name,
        )
        self._keys.add_session(session)
        return session

    def _forward(self, request: Request) -> Response:
        of = (self.account_id, partition(self.region))
        return self._main._moto.forward(request, of)

    def _new_gate(self, enforce_policies: bool) -> Gate:
        made = super()._new_gate(enforce_policies)
        lock = made.lock if self._main is self else self._main._gate.lock
        return _extended(
            MockedGate,
            made,
            aws=self,
            lock=lock,
            sts=_extended(MockedSTS, made.sts, aws=self),
            authentication=_extended(MockedAuthentication, made.authentication, aws=self._main),
        )


T = TypeVar("T")


def _extended(kind: type[T], made: Any, **more: Any) -> T:
    """Return an object of a subclass, with what the given one consists of."""
    return kind(**({each.name: getattr(made, each.name) for each in fields(made)} | more))


def _role_id(arn: str) -> str:
    return "AROA" + sha256(arn.encode()).hexdigest()[:17].upper()


@dataclass(frozen=True)
class MockedAuthentication(Authentication):
    """Takes any key id without AWS's form for the administrator's."""

    aws: MockedAWS

    def claim_of(self, received: Received) -> Claim | None:
        """Return the claim of a request; an old signature is not judged if it is no AWS key's."""
        request = received.request
        old = OLD_SIGNATURE.match(request.header("authorization"))
        key_id = old[1] if old else request.query.get("AWSAccessKeyId", "")
        if key_id and not OF_AWS.fullmatch(key_id):
            return Claim(key_id, "", self.region, "s3", frozenset(), "", "", "")
        return super().claim_of(received)

    def credentials_of(self, claim: Claim) -> Credentials | None:
        """Return the credentials with the claimed key id, or those of the administrator."""
        key_id = claim.access_key_id
        known = super().credentials_of(claim)
        if known is not None or self.aws._keys.knows(key_id):
            return known
        if not OF_AWS.fullmatch(key_id):
            owner = self.aws.administrator(partition(claim.region))
            return LongTermKey(key_id, "", owner, judged=False)
        issued = self.aws.issued_by_moto(key_id)
        if issued is None and claim.service != "s3":
            raise AWSError(403, "InvalidClientTokenId", NOBODYS_KEY.format(key_id))
        return issued


@dataclass(frozen=True)
class MockedGate(Gate):
    """Lets moto answer what nobody signed, and finds the gate of the caller's account."""

    aws: MockedAWS | None = None

    def gate_of(self, caller: Credentials) -> Gate:
        """Return the gate of the caller's account."""
        return self.aws.at(caller.arn)._gate if self.aws and caller.owner.arn else self

    def unknown_to_moto(self, error: NotImplementedError) -> AWSError:
        """Raise the error, as moto does."""
        raise error

    def _handle(self, received: Received) -> Response:
        request = received.request
        if _is_signed(request):
            return super()._handle(received)
        received.response = self.forward(request)
        self._record(received)
        return received.response


def _is_signed(request: Request) -> bool:
    return bool(
        request.header("authorization") or {"AWSAccessKeyId", "X-Amz-Algorithm"} & {*request.query}
    )


@dataclass(frozen=True)
class MockedSTS(STS):
    """Finds roles of all accounts, and explains what moto would not refuse."""

    aws: MockedAWS

    def _find_role(self, caller: Credentials, arn: str) -> Role:
        if not re.fullmatch(ROLE_ARN, arn, re.ASCII):
            return super()._find_role(caller, arn)
        role = self.aws.role(arn)
        if role is not None:
            return role
        try:
            return super()._find_role(caller, arn)
        except AWSError as error:
            raise access_denied(NO_ROLE.format(error.message)) from None

    def _verify_code(self, user: Identity, given: Mapping[str, str]) -> bool:
        if user.administrator and given.get("SerialNumber") and given.get("TokenCode"):
            raise access_denied(NO_DEVICE.format(user.arn))
        return super()._verify_code(user, given)

    def _get_caller_identity(self, caller: Credentials, given: Mapping[str, str]) -> dict[str, Any]:
        found = super()._get_caller_identity(caller, given)
        if caller.owner.administrator and caller.owner.kind == "user":
            found["UserId"] = ADMINISTRATOR_ID
        return found


class MockAWS:
    """What `mock_aws` returns: a context manager and a decorator, with moto's methods.

    All objects of this class count as one, together with those of moto's own: the data lives until
    the last one stops.
    """

    _lock = threading.RLock()
    _depth = 0
    _kept: MockedAWS | None = None  # the data of a class's setUp, for its tests
    _is_ours = False

    def __init__(self, config: Any = None) -> None:
        from moto import mock_aws as of_moto

        self._moto: Any = of_moto(config=config)

    def __enter__(self) -> AWSSimulator:
        self.start()
        return account.simulator()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, reset: bool = True) -> None:
        """Answer calls to AWS from now on; unless it counts already, forget what was made."""
        from moto.core.models import botocore_stubber

        cls = MockAWS
        with cls._lock:
            fresh = reset and not (botocore_stubber.enabled or account.is_active())
            self._moto.start(reset=reset)
            try:
                if cls._depth == 0 and not account.is_active():
                    if fresh or cls._kept is None:
                        cls._kept = MockedAWS(os.environ.get("MOTO_ACCOUNT_ID", "123456789012"))
                    cls._kept._activate(self._moto)
                    cls._is_ours = True
            except BaseException:
                self._moto.stop()
                raise
            cls._depth += 1

    def stop(self, remove_data: bool = True) -> None:
        """Undo `start`.

        Raises:
            RuntimeError: it was not called before.
        """
        cls = MockAWS
        with cls._lock:
            if cls._depth == 0:
                raise RuntimeError("Called stop() before start().")
            cls._depth -= 1
            if cls._depth == 0 and cls._is_ours and cls._kept is not None:
                cls._is_ours = False
                cls._kept.__exit__()
                if remove_data:
                    cls._kept = None
            self._moto.stop(remove_data=remove_data)

    def reset(self) -> None:
        """Forget everything that was made; the `AWSSimulator` stays the same object."""
        with MockAWS._lock:
            self._moto.reset()
            if MockAWS._is_ours and MockAWS._kept is not None:
                MockAWS._kept.reset()
                MockAWS._kept._moto.answer_requests()

    def __call__(self, func: F, reset: bool = True, remove_data: bool = True) -> F:
        """Decorate a function, a coroutine, a generator, or the methods of a class."""
        if isinstance(func, type):
            self._decorate_methods(func)
            return cast("F", func)
        return cast("F", self._decorated(func, reset, remove_data))

    def _decorated(self, func: Any, reset: bool, remove_data: bool) -> Any:
        # Each kind of function needs a wrapper of its own kind, which runs as long as it does.
        wrapper: Any
        if inspect.iscoroutinefunction(func):

            async def wrapper(*args: Any, **options: Any) -> Any:
                with _Span(self, reset, remove_data):
                    return await func(*args, **options)

        elif inspect.isasyncgenfunction(func) or inspect.isgeneratorfunction(func):
            wrapper = self._generating(func, _Span(self, reset, remove_data))
        else:

            def wrapper(*args: Any, **options: Any) -> Any:
                with _Span(self, reset, remove_data):
                    return func(*args, **options)

        return functools.wraps(func)(wrapper)

    def _generating(self, func: Any, span: _Span) -> Any:
        async def asynchronous(*args: Any, **options: Any) -> Any:
            with span:
                async for each in func(*args, **options):
                    yield each

        def generating(*args: Any, **options: Any) -> Any:
            with span:
                return (yield from func(*args, **options))

        return asynchronous if inspect.isasyncgenfunction(func) else generating

    def _decorate_methods(self, cls: type) -> None:
        """Decorate the methods of a class and of those in it, as moto does.

        If the class prepares its tests, they go on with what was made there. Inherited methods,
        static ones, those of the class, and names that begin with an underscore stay as they are.
        """
        bases = [b for b in cls.__mro__ if b.__module__ not in ("builtins", "unittest.case",
                 "unittest.async_case")]  # fmt: skip
        prepares = any(name in vars(base) for base in bases for name in PREPARING)
        for name, value in list(vars(cls).items()):
            if name.startswith("_") or not isinstance(value, (FunctionType, type)):
                continue
            is_test = name.startswith(unittest.TestLoader.testMethodPrefix)
            alone = is_test and not prepares
            setattr(cls, name, self(value, name in PREPARING or alone, alone))


@dataclass(frozen=True)
class _Span:
    """Starts and stops around one call."""

    mock: MockAWS
    reset: bool
    remove_data: bool

    def __enter__(self) -> Self:
        self.mock.start(reset=self.reset)
        return self

    def __exit__(self, *_: object) -> None:
        self.mock.stop(remove_data=self.remove_data)


@overload
def mock_aws(func: F, config: Any = None) -> F: ...
@overload
def mock_aws(func: None = None, config: Any = None) -> MockAWS: ...
def mock_aws(func: Any = None, config: Any = None) -> Any:
    """Simulate AWS for a test as `moto.mock_aws` does, but with MFA, sessions and expiry as AWS's.

    Use it as moto's: bare or called as a decorator of functions and classes, with ``config=``, as
    a context manager, by ``start``, ``stop`` and ``reset``. Coroutines and generators are decorated
    too. ``with mock_aws() as aws`` yields the `AWSSimulator`; elsewhere `simulator` returns it.
    """
    mock = MockAWS(config)
    return mock if func is None else mock(func)
