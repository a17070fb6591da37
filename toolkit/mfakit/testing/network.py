"""Which hosts are AWS's, and how calls to them are kept from the network.

Calls of boto3, aiobotocore and requests are answered by `moto_binding`; here other clients are
refused before they connect. A library in C that connects by itself cannot be stopped from Python.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import re
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from multiprocessing import spawn
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from mfakit.testing.errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    Patch = Callable[[ModuleType, ExitStack], None]

ENDPOINT = "AWS_ENDPOINT_URL"
SCHEME = re.compile("https?://", re.IGNORECASE)
AWS_SUFFIXES = (
    *(".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".on.aws"),
    *(".api.amazonwebservices.com.cn", ".signin.aws.amazon.com"),
    # The sign-in of other partitions, and the isolated partitions.
    *(".signin.amazonaws.cn", ".signin.amazonaws-us-gov.com"),
    *(".c2s.ic.gov", ".sc2s.sgov.gov", ".csp.hci.ic.gov", ".cloud.adc-e.uk"),
)
METADATA_HOSTS = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254")
# Nothing listens there. A client in another process shows this URL in its error message.
NOWHERE = "http://127.0.0.1:9/give-this-process-the-URL-of-aws_server-as-AWS_ENDPOINT_URL"


@lru_cache  # each request asks several times about the same few hosts
def is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine."""
    name = _name(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Versions of Python differ about an IPv4 address within an IPv6 one; it is not loopback.
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def is_aws(host: str) -> bool:
    """Whether a host belongs to AWS."""
    return f".{_name(host).removesuffix('.')}".endswith(AWS_SUFFIXES)


def is_metadata_service(host: str) -> bool:
    """Whether a host is the metadata service, where machines at AWS find credentials."""
    return _name(host) in METADATA_HOSTS


@lru_cache
def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def not_from_here(host: str) -> SimulatorError:
    """Return the error for a client that calls AWS by a transport of its own."""
    return SimulatorError(
        f"{host} was not called: in this process only boto3, aiobotocore and requests are answered;"
        " other clients have to be given the URL of the fixture aws_server as their endpoint",
        "outside of pytest it is the URL of AWSSimulator.serve()",
    )


@contextmanager
def closed(patches: Mapping[str, Patch], endpoint_url: Callable[[], str]) -> Iterator[None]:
    """Refuse calls to AWS until the context ends.

    Args:
        patches: further changes of modules, by name, made as soon as the module is imported.
        endpoint_url: returns the URL that child processes get as their endpoint; empty if no server
            runs: they get an address where nothing listens.
    """
    with ExitStack() as stack:
        _close_sockets(stack)
        _close_http(stack)
        _tell_processes(stack, endpoint_url)
        _tell_workers(stack, endpoint_url)
        _patch_modules(stack, {**_CLIENTS, **patches})
        yield


def _close_sockets(stack: ExitStack) -> None:
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        _wrap(stack, socket, name, lambda host, *_, **__: _check(host))
    for name in ("connect", "connect_ex"):
        _wrap(stack, socket.socket, name, lambda _, address: _check_address(address))


def _close_http(stack: ExitStack) -> None:
    def check_request(self: Any, method: str, url: str, *_: Any, **__: Any) -> None:
        _check(getattr(self, "_tunnel_host", None))
        _check(self.host)
        if method.upper() == "CONNECT":
            _check_url(f"http://{url}")
        _check_url(url)

    _wrap(stack, http.client.HTTPConnection, "putrequest", check_request)
    _wrap(
        stack, http.client.HTTPConnection, "set_tunnel", lambda self, host, *_, **__: _check(host)
    )


def _tell_processes(stack: ExitStack, endpoint_url: Callable[[], str]) -> None:
    """Set the endpoint of SDKs in child processes to the server, or to an address without one."""
    original = subprocess.Popen.__init__

    def started(self: Any, *args: Any, **options: Any) -> None:
        environ = options.get("env")
        if len(args) < 11:  # env is the eleventh parameter, and nobody passes that by position
            options["env"] = _told(os.environ if environ is None else environ, endpoint_url())
        original(self, *args, **options)

    replace_attribute(stack, subprocess.Popen, "__init__", started)


def _tell_workers(stack: ExitStack, endpoint_url: Callable[[], str]) -> None:
    """Do the same for processes of multiprocessing that are spawned, not forked.

    Each reads its preparation data before it does anything else.
    """
    original = spawn.get_preparation_data

    def prepared(name: str) -> dict[str, Any]:
        environ = _told(os.environ, endpoint_url())
        changes = {n: v for n, v in environ.items() if os.environ.get(n) != v}
        return {**original(name), "mfakit": _Environment(changes)}

    replace_attribute(stack, spawn, "get_preparation_data", prepared)


class _Environment:
    """Changes the environment of the process that unpickles it, by what Python itself has."""

    def __init__(self, changes: Mapping[str, str]) -> None:
        self._changes = changes

    def __reduce__(self) -> Any:
        return exec, (f"import os; os.environ.update({self._changes!r})",)


def _told(environ: Mapping[Any, Any], url: str) -> dict[Any, Any]:
    told = dict(environ)
    if ENDPOINT not in told and os.fsencode(ENDPOINT) not in told:
        told[ENDPOINT] = url or NOWHERE
        # Both addresses are on this machine, so they must not be sent to a proxy.
        for name in ("NO_PROXY", "no_proxy"):
            if any(other.lower().endswith("_proxy") for other in map(os.fsdecode, told)):
                told[name] = ",".join(filter(None, (told.get(name), "127.0.0.1")))
    return told


def _close_urllib3(module: ModuleType, stack: ExitStack) -> None:
    def check(self: Any, method: str, url: str, *_: Any, **__: Any) -> None:
        _check(self.host)
        _check_url(url)

    _wrap(stack, module.HTTPConnectionPool, "urlopen", check)


def _close_aiohttp(module: ModuleType, stack: ExitStack) -> None:
    _wrap(
        stack,
        module.ClientSession,
        "_request",
        lambda self, method, str_or_url, **_: _check_url(str(str_or_url)),
    )


def _close_httpx(module: ModuleType, stack: ExitStack) -> None:
    for client in (module.Client, module.AsyncClient):
        _wrap(stack, client, "send", lambda _, request, **__: _check(request.url.host))


def _close_awscrt(module: ModuleType, stack: ExitStack) -> None:
    original = module.HttpClientConnection.new

    def new(host_name: str, *args: Any, **options: Any) -> Any:
        _check(host_name)
        return original(host_name, *args, **options)

    replace_attribute(stack, module.HttpClientConnection, "new", staticmethod(new))


def _close_awscrt_s3(module: ModuleType, stack: ExitStack) -> None:
    def check(_client: Any, **options: Any) -> None:
        headers = options["request"].headers
        _check(headers.get("host") or headers.get("Host"))

    _wrap(stack, module.S3Client, "make_request", check)


_CLIENTS: dict[str, Patch] = {
    "urllib3.connectionpool": _close_urllib3,
    "aiohttp.client": _close_aiohttp,
    "httpx": _close_httpx,
    "awscrt.http": _close_awscrt,
    "awscrt.s3": _close_awscrt_s3,
}


def _check(host: Any) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else host
    if isinstance(name, str) and is_aws(name):
        raise not_from_here(name)


def _check_address(address: Any) -> None:
    if isinstance(address, tuple) and address:
        _check(address[0])


def _check_url(url: str) -> None:
    """Check the host of a whole URL, as clients send it to a proxy in any spelling."""
    if SCHEME.match(url):
        _check(unquote(urlsplit(url).hostname or ""))


def _wrap(stack: ExitStack, owner: Any, name: str, check: Callable[..., None]) -> None:
    """Call `check` before each call of a function, with the same arguments.

    The parameters of `check` have the names of the function's, since callers may pass them by name.
    """
    original = getattr(owner, name)

    def checked(*args: Any, **options: Any) -> Any:
        check(*args, **options)
        return original(*args, **options)

    checked.__name__, checked.__doc__ = name, original.__doc__
    replace_attribute(stack, owner, name, checked)


def replace_attribute(stack: ExitStack, owner: Any, name: str, value: Any) -> None:
    """Replace an attribute of a class, module or object until the context ends."""
    inherited = name not in vars(owner)
    before = None if inherited else vars(owner)[name]
    setattr(owner, name, value)

    def put_back() -> None:
        if inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, before)

    stack.callback(put_back)


def _patch_modules(stack: ExitStack, patches: dict[str, Patch]) -> None:
    """Patch modules by name, now or when they are imported."""
    later = {name: patch for name, patch in patches.items() if name not in sys.modules}
    for name in patches.keys() - later.keys():
        patches[name](sys.modules[name], stack)
    finder = _Finder(later, stack)
    sys.meta_path.insert(0, finder)
    stack.callback(sys.meta_path.remove, finder)


class _Finder(MetaPathFinder):
    """Finds some modules as usual, and patches each after its import."""

    def __init__(self, patches: Mapping[str, Patch], stack: ExitStack) -> None:
        self._patches = patches
        self._stack = stack

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        patch = self._patches.get(name)
        spec = PathFinder.find_spec(name, path, target) if patch else None
        if patch and spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, lambda module: patch(module, self._stack))
        return spec


class _Loader(Loader):
    def __init__(self, loader: Any, change: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._change(module)
