"""Who calls: access keys and sessions, their owners, and the condition keys that describe them."""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from mfakit.policy.patterns import PRINCIPAL_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.policy import Statement
    from mfakit.testing.wire import Request, Response


# The kind of a caller without credentials.
ANONYMOUS = "anonymous"
ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


PRINCIPAL_TYPES = {
    "user": "User",
    "root": "Account",
    "role": "AssumedRole",
    "federated-user": "FederatedUser",
    "anonymous": "Anonymous",
}
# Every caller, in this process or over HTTP, is on this machine.
SOURCE_IP = "127.0.0.1"


@dataclass(eq=False)
class Identity:
    """The owner of a key; renaming a user changes it.

    Attributes:
        kind: ``user``, ``root``, ``role``, ``federated-user`` or ``anonymous``.
        administrator: whether it may do everything without having a policy.
    """

    kind: str
    name: str
    arn: str
    user_id: str
    administrator: bool = False

    @property
    def is_root(self) -> bool:
        """Whether it is the account's root user, whom no policy binds."""
        return self.kind == "root"

    @property
    def is_anonymous(self) -> bool:
        """Whether it stands for a caller without credentials."""
        return self.kind == ANONYMOUS


@dataclass
class LongTermKey:
    """An access key of a user.

    Attributes:
        moto_id: the id that moto knows it by, if that is another one.
        known_from: when services begin to take it, in seconds since 1970.
        last_use: when, in which region and by which service it was taken last.
        judged: whether its signature, and when it was signed, are verified.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    owner: Identity
    active: bool = True
    moto_id: str = ""
    known_from: float = 0.0
    last_use: tuple[float, str, str] | None = None
    judged: bool = True
    grantor = None
    policy = None

    @property
    def arn(self) -> str:
        """The caller's ARN, as GetCallerIdentity and refusals show it."""
        return self.owner.arn

    @property
    def user_id(self) -> str:
        """The caller's unique id."""
        return self.owner.user_id


@dataclass(frozen=True)
class Session:
    """Credentials issued by STS. Times are in seconds since 1970.

    A session outlives the key that it was issued for, as AWS's guidance on leaked keys warns; it
    ends with its user or role.

    Attributes:
        owner: the user or root user, of GetSessionToken; the role; the federated user.
        mfa_time: when the code was verified; None if there was none.
        name: the name of a role's session.
        grantor: the user whose permissions a federated user shares; None for other sessions.
        policy: the session policy, which limits all others; None if there is none.
        transitive_tags: the tags that are passed on to the roles that it assumes.
        chained: whether the role was assumed from a session.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    owner: Identity
    issued: float
    expires: int
    mfa_time: float | None = None
    name: str = ""
    grantor: Identity | None = None
    policy: tuple[Statement, ...] | None = field(default=None, repr=False)
    source_identity: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: Mapping[str, str] = field(default_factory=dict)
    chained: bool = False
    judged: ClassVar = True

    @property
    def arn(self) -> str:
        """The caller's ARN, as GetCallerIdentity and refusals show it."""
        if self.owner.kind != "role":
            return self.owner.arn
        _, part, _, _, account, _ = self.owner.arn.split(":", 5)
        return f"arn:{part}:sts::{account}:assumed-role/{self.owner.name}/{self.name}"

    @property
    def user_id(self) -> str:
        """The caller's unique id."""
        return f"{self.owner.user_id}:{self.name}" if self.name else self.owner.user_id

    def rendered(self) -> dict[str, Any]:
        """Return the credentials as STS's answers hold them."""
        return {
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key,
            "SessionToken": self.session_token,
            "Expiration": datetime.fromtimestamp(self.expires, UTC),
        }

    @property
    def with_mfa(self) -> bool:
        """Whether a code was verified for it."""
        return self.mfa_time is not None


Credentials = LongTermKey | Session


class KeyStore:
    """All keys and their owners."""

    def __init__(self) -> None:
        self._keys: dict[str, Credentials] = {}
        self._identities: dict[str, Identity] = {}
        self._moto_ids: dict[bytes, bytes] = {}

    def identity(self, kind: str, name: str, arn: str, user_id: str) -> Identity:
        """Return the only object for that user id, with its current name."""
        known = self._identities.setdefault(user_id, Identity(kind, name, arn, user_id))
        known.name, known.arn = name, arn
        return known

    def add(self, access_key_id: str, secret_access_key: str, owner: Identity) -> LongTermKey:
        """Add a long-term key."""
        key = LongTermKey(access_key_id, secret_access_key, owner)
        self._keys[access_key_id] = key
        return key

    def add_session(self, session: Session) -> None:
        """Add a session that somebody else issued."""
        self._keys[session.access_key_id] = session

    def issue(self, owner: Identity, at: float, duration: int, **details: Any) -> Session:
        """Issue a session that begins at that time; `details` are attributes of `Session`."""
        session = Session(
            new_key_id("ASIA"), _secret(), _token(), owner, at, int(at) + duration, **details
        )
        self.add_session(session)
        return session

    def find(self, access_key_id: str, at: float | None = None) -> Credentials | None:
        """Return the key of that id, unless it is unknown, inactive, or too new at a time."""
        key = self._keys.get(access_key_id)
        if isinstance(key, LongTermKey) and (
            not key.active or (at is not None and at < key.known_from)
        ):
            return None
        return key

    def last_use(self, access_key_id: str) -> dict[str, Any]:
        """Return when and for what a key was used last, as GetAccessKeyLastUsed shows it."""
        key = self._keys.get(access_key_id)
        if not isinstance(key, LongTermKey) or key.last_use is None:
            return {"Region": "N/A", "ServiceName": "N/A"}
        at, region, service = key.last_use
        moment = datetime.fromtimestamp(at // 60 * 60, UTC)
        return {"LastUsedDate": moment, "Region": region, "ServiceName": service}

    def note_use(self, key: Credentials, at: float, region: str, service: str) -> None:
        """Note that a long-term key was used."""
        if isinstance(key, LongTermKey):
            key.last_use = at, region, service

    def delay(self, access_key_id: str, until: float) -> None:
        """Let services take a key only from a time on."""
        key = self._keys.get(access_key_id)
        if isinstance(key, LongTermKey):
            key.known_from = until

    def knows(self, access_key_id: str) -> bool:
        """Whether there is a key of that id, active or not."""
        return access_key_id in self._keys

    def forget(self, access_key_id: str) -> None:
        """Forget a key that was deleted."""
        self._keys.pop(access_key_id, None)

    def set_active(self, access_key_id: str, *, active: bool) -> None:
        """Set the status of a long-term key."""
        key = self._keys.get(access_key_id)
        if isinstance(key, LongTermKey):
            key.active = active

    def forget_role(self, name: str) -> None:
        """Forget a role that was deleted, and its sessions."""
        for known in tuple(self._identities.values()):
            if known.kind == "role" and known.name == name:
                self.forget_owner(known)

    def forget_owner(self, owner: Identity) -> None:
        """Forget a user or a role that was deleted, with keys and sessions."""
        self._keys = {i: key for i, key in self._keys.items() if not _depends_on(key, owner)}
        self._identities.pop(owner.user_id, None)

    def long_term_id(self, credentials: Credentials) -> str:
        """Return the id of a long-term key of the same owner, by which moto finds the user.

        For a role, which has none, it is the session's own id.
        """
        if isinstance(credentials, LongTermKey):
            return credentials.moto_id or credentials.access_key_id
        owned = (k for k in self._keys.values() if k.owner is credentials.owner)
        ids = (k.moto_id or k.access_key_id for k in owned if isinstance(k, LongTermKey))
        return next(ids, credentials.access_key_id)

    def replace(self, key: LongTermKey, access_key_id: str, secret: str) -> LongTermKey:
        """Replace id and secret of a key that moto made, and goes on to know by its own id.

        Raises:
            ValueError: AWS makes no such id or secret, or the id is taken.
        """
        if not re.fullmatch("AKIA[A-Z0-9]{16}", access_key_id):
            raise ValueError("the id of an access key is AKIA and sixteen capitals or digits")
        if not re.fullmatch("[A-Za-z0-9/+]{40}", secret):
            raise ValueError("the secret of an access key is forty characters of base64")
        if access_key_id in self._keys:
            raise ValueError(f"the access key {access_key_id} is there already")
        del self._keys[key.access_key_id]
        self._moto_ids[access_key_id.encode()] = key.access_key_id.encode()
        given = self.add(access_key_id, secret, key.owner)
        given.moto_id = key.access_key_id
        return given

    def to_moto(self, request: Request) -> Request:
        """Return a call to moto's IAM, with moto's ids of keys."""
        if not self._moto_ids:
            return request
        body = request.body
        for given, moto_id in self._moto_ids.items():
            body = body.replace(given, moto_id)
        return replace(request, content=body)

    def from_moto(self, response: Response) -> Response:
        """Return an answer of moto's IAM, with the ids of keys that callers know."""
        if not self._moto_ids:
            return response
        body = response.body
        for given, moto_id in self._moto_ids.items():
            body = body.replace(moto_id, given)
        return replace(response, body=body)


def _depends_on(key: Credentials, owner: Identity) -> bool:
    return key.owner is owner or (isinstance(key, Session) and key.grantor is owner)


def new_key_id(prefix: str) -> str:
    """Return a fresh id of a key or a user, twenty characters long."""
    return prefix + "".join(secrets.choice(ID_ALPHABET) for _ in range(20 - len(prefix)))


def account_of_key(access_key_id: str) -> str:
    """Return the account that is encoded in the id of a key.

    The prefix is followed by base32, of which the second to the forty-first bit are the account
    (published by several analysts; AWS does not document it). An id from before 2019 holds no
    account, but is decoded too.
    """
    bits = 0
    for letter in access_key_id[4:14].upper():
        bits = bits * 32 + max(0, ID_ALPHABET.find(letter))
    return f"{(bits >> 9) & (2**40 - 1):012}"[-12:]


def new_root_key(store: KeyStore, partition: str, account_id: str) -> LongTermKey:
    """Add an access key of the root user."""
    arn = f"arn:{partition}:iam::{account_id}:root"
    owner = store.identity("root", "root", arn, account_id)
    return store.add(new_key_id("AKIA"), _secret(), owner)


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(30)).decode()


def _token() -> str:
    return "IQoJb3JpZ2luX2Vj" + base64.b64encode(secrets.token_bytes(210)).decode()


def condition_keys(
    request: Request, caller: Credentials, region: str, at: float, tags: Mapping[str, str]
) -> dict[str, str | tuple[str, ...]]:
    """Return the condition keys of a call at a time, their names in lower case.

    The tags of the user or role are overridden by those of a session.
    """
    owner = caller.owner
    keys: dict[str, str | tuple[str, ...]] = {
        **dates(at),
        "aws:principalisawsservice": "false",
        "aws:principaltype": PRINCIPAL_TYPES[owner.kind],
        "aws:requestedregion": region,
        "aws:securetransport": str(request.parts.scheme == "https").lower(),
        "aws:sourceip": SOURCE_IP,
        "aws:userid": caller.user_id,
        "aws:viaawsservice": "false",
    }
    if owner.arn:
        keys |= {"aws:principalaccount": owner.arn.split(":")[4], "aws:principalarn": owner.arn}
    user_agent = request.header("user-agent")
    if user_agent:
        keys["aws:useragent"] = user_agent
    if owner.kind == "user":
        keys["aws:username"] = owner.name
    if isinstance(caller, Session):
        keys |= _session_keys(caller, at)
        tags = {**tags, **caller.tags}
    return keys | principal_tags(tags)


def dates(at: float) -> dict[str, str]:
    """Return the condition keys of the time, given in seconds since 1970."""
    second = int(at)
    return {"aws:currenttime": _timestamp(second), "aws:epochtime": str(second)}


def principal_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the condition keys of the caller's tags."""
    return {PRINCIPAL_TAG + name.lower(): value for name, value in tags.items()}


def _session_keys(session: Session, at: float) -> dict[str, str]:
    """Return the condition keys that only sessions have."""
    # A role's session is never one with MFA, even if a code was given to assume it. The key is
    # there all the same, as the IAM User Guide says of temporary credentials in general.
    keys = {
        "aws:multifactorauthpresent": str(session.with_mfa).lower(),
        "aws:tokenissuetime": _timestamp(int(session.issued)),
    }
    if session.mfa_time is not None:
        keys["aws:multifactorauthage"] = str(max(0, int(at - session.mfa_time)))
    if session.source_identity:
        keys["aws:sourceidentity"] = session.source_identity
    return keys


@lru_cache  # the calls of a second share it
def _timestamp(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
