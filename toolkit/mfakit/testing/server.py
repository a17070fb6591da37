"""The simulator over HTTP, on loopback only, for clients in any language."""

from __future__ import annotations

import hmac
import json
import re
import socket
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from mfakit.testing.errors import AWSError, SimulatorError
from mfakit.testing.network import is_loopback
from mfakit.testing.wire import Request, Response, Spool, error_response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.testing.devices import Clock

    Control = Callable[[Request], tuple[int, dict[str, Any]]]

CONTROL_PREFIX = "/_mfakit/"
WITHOUT_BODY = (204, 304)
LARGEST_BODY = 16 << 20
PIECE = 1 << 16
# A client that is refused early may still be sending, and reads its answer only afterwards.
LINGER_SECONDS = 5
LINGER_BYTES = 256 << 20
TOO_LARGE = "the body is too large"
MOST_TRAILERS = 100
HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE)
_UNSEEN = object()
CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}(?=[;\s])")
UNPRINTABLE = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")


@dataclass(eq=False)
class Server:
    """Serves a gate on 127.0.0.1 from a thread of its own.

    Attributes:
        handle: answers a call.
        controls: the control calls by name.
        token: the token that control calls need.
        clock: the time of the Date header.
        port: 0 for any free one.
        patience: for how many seconds a connection may be silent before it is closed.
        admit: returns how large the body of a request may be, or a refusal.
        too_large: refuses a request with a larger body.
    """

    handle: Callable[[Request], Response]
    controls: Mapping[str, Control]
    token: str
    clock: Clock
    port: int = 0
    patience: float = 60
    admit: Callable[[Request], Response | int | None] = lambda _: LARGEST_BODY
    too_large: Callable[[Request], Response] = lambda _: _plain(413, TOO_LARGE)

    def __post_init__(self) -> None:
        self.stopping = threading.Event()
        self._http = _HTTPServer(("127.0.0.1", self.port), _handler(self))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and close every open connection."""
        self.stopping.set()
        # One more connection wakes the thread up at once.
        port = self._http.server_address[1]
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        self._thread.join()
        self._http.server_close()
        self._http.close_connections()

    def _serve(self) -> None:
        while not self.stopping.is_set():
            self._http.handle_request()


class _HTTPServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in tuple(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing about clients that went away: their requests held signatures."""


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    bound = {"simulator": server, "timeout": server.patience}
    return type("_BoundHandler", (_Handler,), bound)


class _Handler(BaseHTTPRequestHandler):
    simulator: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    _early: Any = _UNSEEN

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def handle_expect_100(self) -> bool:
        self._early = self._look()
        return isinstance(self._early, Response) or super().handle_expect_100()

    def _answer(self) -> None:
        found, self._early = self._early, _UNSEEN
        verdict = self._look() if found is _UNSEEN else found
        if isinstance(verdict, Response):
            self._refuse(verdict)
            return
        with closing(Spool()) as spool:
            try:
                self._read_body(spool, verdict)
            except _TooLargeError:
                control = self.path.startswith(CONTROL_PREFIX)
                refusal = _plain(413, TOO_LARGE) if control else None
                self._refuse(refusal or self.simulator.too_large(self._request()))
                return
            except ValueError:
                self.close_connection = True
                self._send(_plain(400, "the body is not framed as HTTP/1.1 has it"))
                return
            request = self._request(spool)
            control = self.path.startswith(CONTROL_PREFIX)
            self._deliver(self._control(request) if control else self._call(request))

    def _request(self, body: Spool | None = None) -> Request:
        url = f"http://{self.headers['Host']}{self.path}"
        return Request(self.command, url, tuple(self.headers.items()), body or b"")

    def _look(self) -> Response | int | None:
        """Return a refusal by the head of a request, or how large its body may be."""
        refusal = self._refusal()
        if refusal is not None or self.path.startswith(CONTROL_PREFIX):
            return refusal or LARGEST_BODY
        try:
            return self.simulator.admit(self._request())
        except SimulatorError as error:
            return _plain(501, error.message)

    def _refuse(self, refusal: Response) -> None:
        """Refuse a request without reading its body; if it has one, close the connection."""
        unread = (
            self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers
        )
        self.close_connection = self.close_connection or unread
        self._send(refusal)
        if unread:
            self._linger()

    def _linger(self) -> None:
        """Read on for a while: a client that is cut off while it sends would not see the answer."""
        until = time.monotonic() + LINGER_SECONDS
        left = LINGER_BYTES
        with suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1)
            while left > 0 and time.monotonic() < until:
                piece = self.rfile.read1(PIECE)
                if not piece:
                    return
                left -= len(piece)

    def _refusal(self) -> Response | None:
        """Return the refusal of a request that may come from a web page."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not HOST.fullmatch(hosts[0]) or not is_loopback(hosts[0]):
            return _plain(403, "the Host header has to name this machine's loopback")
        if "Origin" in self.headers or "Sec-Fetch-Site" in self.headers:
            return _plain(403, "requests of web pages are refused")
        if not self.path.startswith("/"):
            return _plain(400, "the request target has to be a path")
        return None

    def _read_body(self, spool: Spool, most: int | None) -> None:
        encodings = self.headers.get_all("Transfer-Encoding", [])
        lengths = self.headers.get_all("Content-Length", [])
        if len(encodings) + len(lengths) > 1:
            raise ValueError
        if encodings:
            self._read_chunks(spool, encodings[0], most)
            return
        length = lengths[0] if lengths else "0"
        if not (length.isascii() and length.isdecimal()):
            raise ValueError
        self._read(spool, int(length), most)

    def _read_chunks(self, spool: Spool, encoding: str, most: int | None) -> None:
        if encoding.lower() != "chunked":
            raise ValueError
        while size := self._chunk_size():
            self._read(spool, size, most)
            if self.rfile.readline(3) != b"\r\n":
                raise ValueError
        for _ in range(MOST_TRAILERS):
            if not self.rfile.readline(65537).strip():
                return
        raise ValueError

    def _chunk_size(self) -> int:
        found = CHUNK_SIZE.match(self.rfile.readline(1000))
        if found is None:
            raise ValueError
        return int(found[0], 16)

    def _read(self, spool: Spool, length: int, most: int | None) -> None:
        if most is not None and spool.size + length > most:
            raise _TooLargeError
        while length > 0:
            piece = self.rfile.read(min(length, PIECE))
            if not piece:
                raise ValueError
            spool.write(piece)
            length -= len(piece)

    def _call(self, request: Request) -> Response:
        try:
            return self.simulator.handle(request)
        except SimulatorError as error:
            return error_response(AWSError(501, "NotSupportedBySimulator", error.message), "query")

    def _control(self, request: Request) -> Response:
        token = self.headers.get("X-Mfakit-Token", "")
        if not hmac.compare_digest(token.encode(), self.simulator.token.encode()):
            return _plain(403, "the header X-Mfakit-Token has to hold the control token")
        if self.command != "POST":
            return _plain(405, "control calls are POST")
        name = request.parts.path.removeprefix(CONTROL_PREFIX)
        control = self.simulator.controls.get(name)
        if control is None:
            return _plain(404, "there is no such control call")
        try:
            return _json(*control(request))
        except SimulatorError as error:
            return _plain(501, error.message)
        except ValueError as error:
            return _plain(400, str(error))
        except LookupError as error:
            return _plain(404, str(error.args[0]) if error.args else "not found")

    def _deliver(self, response: Response) -> None:
        stopped = response.delay > 0 and self.simulator.stopping.wait(response.delay)
        if stopped or response.dropped:
            self.close_connection = True
        else:
            self._send(response)

    def _send(self, response: Response) -> None:
        date = formatdate(self.simulator.clock.wire_timestamp(), usegmt=True)
        self.send_response_only(response.status)
        own = {"date", "connection", "transfer-encoding"}
        if self.command != "HEAD":
            own.add("content-length")
        for name, value in response.headers:
            if name.lower() not in own and not name.lower().startswith("access-control-"):
                self.send_header(name, UNPRINTABLE.sub("?", value))
        self.send_header("Date", date)
        if self.command != "HEAD" and response.status not in WITHOUT_BODY:
            self.send_header("Content-Length", str(len(response.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and response.status not in WITHOUT_BODY:
            self.wfile.write(response.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Log nothing: URLs may hold signatures and tokens."""


class _TooLargeError(Exception):
    """A body is too large."""


def _json(status: int, answer: dict[str, Any]) -> Response:
    headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
    return Response(status, headers, f"{json.dumps(answer)}\n".encode())


def _plain(status: int, message: str) -> Response:
    return _json(status, {"error": message})
