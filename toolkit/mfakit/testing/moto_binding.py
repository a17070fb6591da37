"""The only module that knows moto: it catches requests before the network, and forwards to moto."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import inspect
import io
import re
import threading
import time
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from mfakit.testing.errors import SimulatorError, unknown_host
from mfakit.testing.network import (
    AWS_SUFFIXES,
    closed,
    is_aws,
    is_loopback,
    is_metadata_service,
    replace_attribute,
)
from mfakit.testing.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from botocore.awsrequest import AWSResponse

    from mfakit.testing.devices import Clock

    Handler = Callable[[Request], Response]
    Mock = Any  # of moto.mock_aws()

# Like moto, set boto3's default session aside; leave the environment as it is.
CONFIG: Any = {"core": {"mock_credentials": False, "reset_boto3_session": True}}
# moto reads the partition from the region in the host, which some hosts of AWS lack.
RENAMED_HOSTS = {
    "iam.us-gov.amazonaws.com": "iam.us-gov-west-1.amazonaws.com",
    "sdb.amazonaws.com": "sdb.us-east-1.amazonaws.com",
}
TAKEN_FOR_S3 = ("s3-outposts.", "s3files.")
METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
AWS_URL = re.compile(
    rf"https?://[^/?#]+({'|'.join(map(re.escape, AWS_SUFFIXES))})\.?(:\d+)?([/?#]|$)"
)
MOTOS_JUDGE = "_authenticate_and_authorize_action"
CONTROL_HOSTS = ("motoapi.amazonaws.com",)
# The prefixes of AWS's ids ("IAM User Guide", unique identifiers). moto's ids are lower-case; those
# of policies are an A and twenty letters and digits.
ID_PREFIXES = {
    b"UserId": "AIDA",
    b"GroupId": "AGPA",
    b"InstanceProfileId": "AIPA",
    b"PolicyId": "ANPA",
    b"ServerCertificateId": "ASCA",
}
ID_LENGTH = 21
MOTO_ID = re.compile(rb"<(%s)>([a-z0-9]{20}|A[A-Z0-9]{20})<" % b"|".join(ID_PREFIXES))
AWS_MANAGED = re.compile(rb"iam(?::|%3a){2}aws(?::|%3a)policy", re.IGNORECASE)
LISTING = re.compile(rb"Action=(?:ListPolicies|GetAccountAuthorizationDetails)\b")


class MotoBinding:
    """moto for one account, with a handler in front of it.

    moto's IAM gets ids of AWS's form, the simulator's time, and AWS's managed policies. moto loads
    these for each account anew, which takes a tenth of a second, so they are made once, and copied
    when a request names one, lists policies, or creates a stack.
    """

    def __init__(self, account_id: str, partition: str, clock: Clock) -> None:
        self._account_id = account_id
        self._partition = partition
        self._clock = clock
        self._mock: Any = None
        self._active = ExitStack()
        self._iam_lock = threading.Lock()
        self._iam_utcnow: Any = None
        self._answer: Any = None

    def start(
        self, handle: Handler, endpoint_url: Callable[[], str], mock: Mock | None = None
    ) -> None:
        """Let the handler answer botocore's, aiobotocore's and requests' calls to AWS from now on.

        Other processes get `endpoint_url` as their endpoint; an empty one: an unused address.
        A `mock` was started by the caller, who also stops it.
        """
        from botocore import session as botocore_sessions
        from botocore.httpsession import URLLib3Session
        from moto import mock_aws
        from moto.core import responses
        from moto.core.base_backend import BaseBackend
        from moto.core.models import botocore_stubber

        stubber: Any = botocore_stubber
        judge: Any = responses
        backends: Any = BaseBackend
        sessions: Any = URLLib3Session
        if stubber.enabled and mock is None:
            hint = "the simulator brings moto with it: leave mock_aws out"
            raise SimulatorError("moto's mock_aws is active already", hint)
        with ExitStack() as stack:
            stack.callback(self._end)
            if mock is None:
                mock = mock_aws(config=CONFIG)
                with _without_urls():
                    stack.enter_context(mock)
            self._mock = mock
            self._answer = _requests_seam(handle)
            self.answer_requests()
            stack.callback(_leave_requests)
            replace_attribute(stack, stubber, "enabled", False)
            # The gate judges policies; moto would ask for the signatures that it does not get.
            replace_attribute(stack, judge.ActionAuthenticatorMixin, MOTOS_JUDGE, lambda *_: None)
            replace_attribute(stack, judge, "method_names_from_class", _method_names)
            replace_attribute(stack, backends, "urls", _kept(backends.urls))
            replace_attribute(stack, sessions, "send", _botocore_seam(handle, sessions.send))
            replace_attribute(stack, botocore_sessions, "create_loader", _kept_loader)
            stack.enter_context(closed(_async_seams(handle), endpoint_url))
            self._active = stack.pop_all()

    def answer_requests(self) -> None:
        """Register callbacks in moto's copy of responses, which prefers them to moto's own."""
        from moto.core.models import responses_mock

        for method in METHODS:
            responses_mock.add_callback(method, AWS_URL, self._answer)

    def stop(self) -> None:
        """Undo all changes of other modules."""
        self._active.close()

    def _end(self) -> None:
        if self._iam_utcnow is not None:
            _iam_models().utcnow, self._iam_utcnow = self._iam_utcnow, None
        self._mock = None

    def forward(self, request: Request, account: tuple[str, str] | None = None) -> Response:
        """Return moto's answer; raise SimulatorError if moto does not know the host.

        `account` is the id and the partition of another account than the one that is simulated.
        """
        account_id, partition = account or (self._account_id, self._partition)
        host = request.parts.netloc
        # Stacks may contain users, roles and policies.
        creates_stacks = host.startswith("cloudformation.")
        if not (creates_stacks or host.startswith("iam.")):
            return self._forward(request, account_id)
        with self._iam_lock:
            if self._iam_utcnow is None:  # moto's IAM loads slowly, so not before it is called
                models = _iam_models()
                self._iam_utcnow, models.utcnow = models.utcnow, self._now
            if creates_stacks or _needs_managed_policies(request):
                _load_managed_policies(account_id, partition)
        response = self._forward(request, account_id)
        body, count = MOTO_ID.subn(_with_id_of_aws, response.body)
        return replace(response, body=body) if count else response

    def _now(self) -> datetime:
        return self._clock.now().replace(tzinfo=None, microsecond=0)

    def _forward(self, request: Request, account_id: str) -> Response:
        from botocore.awsrequest import AWSPreparedRequest
        from moto.core.models import botocore_stubber

        if self._mock is None:
            raise SimulatorError("the simulator is not active", "use it in a with statement")
        host = _host_at_moto(request.parts.netloc)
        if host.startswith(TAKEN_FOR_S3):
            raise _unknown(request.url)
        url = request.url
        headers = _Headers({**request.named, "x-moto-account-id": account_id})
        if host != request.parts.netloc:
            url = request.parts._replace(netloc=host).geturl()
            headers["host"] = host
        prepared = AWSPreparedRequest(request.method, url, headers, request.body, False)
        answer = botocore_stubber.process_request(prepared)
        if answer is None or answer == (404, {}, "Not yet implemented"):
            raise _unknown(request.url)
        return _response(*answer)


@contextmanager
def _without_urls() -> Iterator[None]:
    """Let moto start without a callback for each URL, all of which the simulator answers itself.

    To make 1,300 of them takes most of a simulator's start.
    """
    from moto.core import models

    with ExitStack() as stack:
        replace_attribute(stack, models, "backend_index", SimpleNamespace(backend_url_patterns=()))
        yield


def _kept(urls: property) -> property:
    """Return a property with a service's URLs and handlers, which moto makes at each call."""
    known: dict[type, Any] = {}

    def read(backend: Any) -> Any:
        kind = type(backend)
        if kind not in known:
            known[kind] = urls.__get__(backend)
        return known[kind]

    return property(read)


@cache  # each session would read the same megabytes of its services' models
def _kept_loader(search_path: str | None = None) -> Any:
    from botocore.loaders import create_loader

    return create_loader(search_path)


@cache  # moto looks through hundreds of members at each call
def _method_names(kind: type) -> list[str]:
    from moto.core.utils import method_names_from_class

    names: list[str] = method_names_from_class(kind)
    return names


class _Headers(dict[str, Any]):
    """Headers by lower-case name, which moto before 5.2 asks for by names in any case."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class _RawBody(io.BytesIO):
    """A body with the interface of urllib3."""

    def stream(self, amt: int = 65536, decode_content: bool | None = None) -> Iterator[bytes]:
        while chunk := self.read(amt):
            yield chunk


def _botocore_seam(handle: Handler, original: Any) -> Any:
    from botocore.awsrequest import AWSResponse

    def send(session: Any, request: Any) -> AWSResponse:
        if is_loopback(urlsplit(request.url).netloc):
            sent: AWSResponse = original(session, request)
            return sent
        response = handle(_request(request, request.body))
        _hold_back(response, request.url, session)
        raw: Any = _RawBody(response.body)
        return AWSResponse(request.url, response.status, dict(response.headers), raw)

    return send


def _async_seams(handle: Handler) -> dict[str, Any]:
    """Return the patches of aiobotocore, by module."""

    def into(class_name: str) -> Any:
        def patch(module: Any, stack: Any) -> None:
            sessions = getattr(module, class_name)
            replace_attribute(stack, sessions, "send", _aiobotocore_seam(handle, sessions.send))

        return patch

    return {
        "aiobotocore.httpsession": into("AIOHTTPSession"),
        "aiobotocore.httpxsession": into("HttpxSession"),
    }


class _AsyncBody:
    """A body with the interface of aiohttp."""

    def __init__(self, body: bytes) -> None:
        self._content = io.BytesIO(body)
        self.content = self

    async def read(self, amt: int = -1) -> bytes:
        return self._content.read(amt)

    def at_eof(self) -> bool:
        return self._content.tell() == len(self._content.getbuffer())

    def close(self) -> None:
        self._content.close()

    release = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


def _aiobotocore_seam(handle: Handler, original: Any) -> Any:
    async def send(session: Any, request: Any) -> Any:
        from aiobotocore.awsrequest import AioAWSResponse

        if is_loopback(urlsplit(request.url).netloc):
            return await original(session, request)
        body = request.body
        content = body.read() if hasattr(body, "read") else body
        if inspect.isawaitable(content):
            content = await content
        response = handle(_request(request, content))
        await asyncio.to_thread(_hold_back, response, request.url, session)
        headers = {name.lower(): value for name, value in response.headers}
        raw = _AsyncBody(response.body)
        answer = AioAWSResponse(request.url, response.status, headers, raw)
        if not request.stream_output:
            await answer.content
        return answer

    return send


def _leave_requests() -> None:
    from moto.core.models import responses_mock

    # `remove` never ends with the registry of moto before 5.1, which returns copies of its lists
    registry: Any = responses_mock._registry
    registered = registry._registered
    for method in METHODS:
        registered[method][:] = [one for one in registered[method] if one.url != AWS_URL]


def _requests_seam(handle: Handler) -> Any:
    def answer(request: Any) -> tuple[int, dict[str, str], bytes]:
        response = handle(_request(request, request.body))
        time.sleep(response.delay)
        if response.dropped:
            from requests.exceptions import ConnectionError as Dropped

            raise Dropped("the connection was closed without an answer")
        return response.status, dict(response.headers), response.body

    return answer


def _hold_back(response: Response, url: str, session: Any) -> None:
    """Delay the response or close the connection, as botocore would see it on the network."""
    if not (response.delay or response.dropped):
        return
    from botocore.exceptions import ConnectionClosedError, ReadTimeoutError

    timeout = getattr(session, "_timeout", None)
    patience = getattr(timeout, "read_timeout", timeout)
    if patience is not None and response.delay > patience:
        time.sleep(patience)
        raise ReadTimeoutError(endpoint_url=url)
    time.sleep(response.delay)
    if response.dropped:
        raise ConnectionClosedError(endpoint_url=url)


def _request(sent: Any, body: Any) -> Request:
    """Return the request of a client as the gate reads it; refuse hosts that are not AWS's."""
    _check_known(sent.url)
    return Request(sent.method, sent.url, _headers(sent.headers), _read(body))


def _check_known(url: str) -> None:
    host = urlsplit(url).netloc
    if is_metadata_service(host):
        from botocore.exceptions import ConnectTimeoutError

        raise ConnectTimeoutError(endpoint_url=url, error="there is none in the simulator")
    if host in CONTROL_HOSTS:
        raise _unknown(url)
    if not is_aws(host) and host not in _s3_hosts():
        raise SimulatorError(
            "the client was given another endpoint than AWS's: the simulator does not know the host"
            f" {host}; nothing was sent; leave its endpoint out, or give the URL of aws_server",
            "endpoints are in endpoint_url, AWS_ENDPOINT_URL and its kin, and in ~/.aws/config",
        )


def _s3_hosts() -> list[str]:
    """Return the further hosts of S3 that moto's ``MOTO_S3_CUSTOM_ENDPOINTS`` names."""
    from moto.settings import get_s3_custom_endpoints

    return [urlsplit(url).netloc for url in get_s3_custom_endpoints()]


@lru_cache
def _host_at_moto(host: str) -> str:
    """Return the host at which moto has the service that AWS has at this one."""
    host = RENAMED_HOSTS.get(host, host)
    elsewhere = host.removesuffix(".amazonaws.com") + ".api.aws"
    return elsewhere if not _is_at_moto(host) and _is_at_moto(elsewhere) else host


@lru_cache
def _is_at_moto(host: str) -> bool:
    from moto.backend_index import backend_url_patterns

    return any(pattern.match(f"https://{host}/") for _, pattern in backend_url_patterns)


def _unknown(url: str) -> SimulatorError:
    return unknown_host(urlsplit(url).netloc)


def _headers(headers: Any) -> tuple[tuple[str, str], ...]:
    return tuple((n, v if isinstance(v, str) else _text(v)) for n, v in headers.items())


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _read(body: Any) -> bytes:
    if body is None:
        return b""
    content = body.read() if hasattr(body, "read") else body
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content)
    return b"".join(content)


def _response(status: int, headers: Any, body: Any) -> Response:
    pairs: Iterable[tuple[str, Any]] = headers.items() if hasattr(headers, "items") else headers
    texts = tuple((n, v if isinstance(v, str) else _text(v)) for n, v in pairs)
    return Response(int(status), texts, _read(body))


def _with_id_of_aws(found: re.Match[bytes]) -> bytes:
    return _id_of_aws(found[1], found[2])


@lru_cache(1024)
def _id_of_aws(element: bytes, moto_id: bytes) -> bytes:
    """Return an element with an id of AWS's form, which is derived from moto's id."""
    digest = base64.b32encode(hashlib.sha256(moto_id).digest()).decode()
    made = (ID_PREFIXES[element] + digest)[:ID_LENGTH]
    return b"<%s>%s<" % (element, made.encode())


@dataclass(frozen=True)
class MotoKey:
    """A key that moto made: of a user, or of a session of the role with that ARN.

    Attributes:
        arn: of the user or the role; `user_name` is empty for a role.
        expires: in seconds since 1970.
    """

    arn: str
    user_name: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    session_name: str = ""
    expires: float = 0


def find_key(access_key_id: str) -> MotoKey | None:
    """Return the key of that id in any account of moto's; None if there is none."""
    from moto.iam.models import iam_backends
    from moto.sts.models import sts_backends

    backends: Any = iam_backends
    for partitions in list(backends.values()):
        for backend in list(partitions.values()):
            key = backend.access_keys.get(access_key_id)
            if key is not None and key.user_name in backend.users:
                user = backend.users[key.user_name]
                return MotoKey(user.arn, key.user_name, key.secret_access_key)
    backends = sts_backends
    for partitions in list(backends.values()):
        for backend in list(partitions.values()):
            made = backend.get_assumed_role_from_access_key(access_key_id)
            if made is not None:
                expires = made.expiration.replace(tzinfo=UTC).timestamp()
                return MotoKey(
                    made.role_arn, "", made.secret_access_key, made.session_token,
                    made.session_name, expires,
                )  # fmt: skip
    return None


def _iam_models() -> Any:
    from moto.iam import models

    return models


def _needs_managed_policies(request: Request) -> bool:
    sent = request.body + request.parts.query.encode()
    return bool(AWS_MANAGED.search(sent) or (LISTING.search(sent) and b"Scope=Local" not in sent))


_MANAGED_POLICIES: dict[str, list[Any]] = {}  # as moto made them first, by partition


def _load_managed_policies(account_id: str, partition: str) -> None:
    from moto.iam.models import iam_backends

    backend: Any = iam_backends[account_id][partition]
    if backend.aws_managed_policies:
        return
    if partition not in _MANAGED_POLICIES:
        _MANAGED_POLICIES[partition] = _make_managed_policies(backend)
    own = [_policy_in(account_id, policy) for policy in _MANAGED_POLICIES[partition]]
    backend.aws_managed_policies = own
    backend.managed_policies = {policy.arn: policy for policy in own} | backend.managed_policies


def _make_managed_policies(backend: Any) -> list[Any]:
    from moto.core.config import default_user_config

    options: Any = default_user_config.setdefault("iam", {})
    before = options.get("load_aws_managed_policies", False)
    options["load_aws_managed_policies"] = True
    try:
        made: list[Any] = backend._init_aws_policies()
    finally:
        options["load_aws_managed_policies"] = before
    return made


def _policy_in(account_id: str, policy: Any) -> Any:
    """Return a managed policy whose attachments are one account's; nothing else of it changes."""
    own = copy(policy)
    own.account_id, own.attachment_count = account_id, 0
    return own
