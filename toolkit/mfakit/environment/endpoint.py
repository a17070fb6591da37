"""The endpoint that hands a session to programs, so that it can be renewed behind their backs.

The protocol is that of containers at AWS ("Container credential provider" in the AWS SDKs and Tools
Reference Guide): a program sends GET with a token to the URL in its environment, and gets keys with
their expiration, before which it asks again. SDKs ask it only after both AWS files, so the programs
get a profile without keys as AWS_PROFILE.
"""

from __future__ import annotations

import hmac
import os

from mfakit import debug
from mfakit.errors import FileError, MFAKitError, ProfileError
from mfakit.profiles.aws_files import new_header
from mfakit.profiles.profile import SERVED_PROFILE
from mfakit.profiles.section import SESSION_KEYS
from mfakit.profiles.selection import REGIONS, region_to_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Callable, Mapping

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.document import Document
    from mfakit.profiles.profile import Profile

    Answer = tuple[int, Mapping[str, str]]

URL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105  the name of a variable
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105
# One SDK or another would use these before it asks the endpoint, or with another token.
CONTRADICTING = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    TOKEN,
    TOKEN_FILE,
)
# Settings of the session profile that programs no longer see when AWS_PROFILE is another.
_SETTINGS = {
    "ca_bundle": "AWS_CA_BUNDLE",
    "endpoint_url": "AWS_ENDPOINT_URL",
    "output": "AWS_DEFAULT_OUTPUT",
    "retry_mode": "AWS_RETRY_MODE",
    "max_attempts": "AWS_MAX_ATTEMPTS",
    "use_fips_endpoint": "AWS_USE_FIPS_ENDPOINT",
    "use_dualstack_endpoint": "AWS_USE_DUALSTACK_ENDPOINT",
}
_CREDENTIALS = (
    *SESSION_KEYS,
    "role_arn",
    "source_profile",
    "credential_source",
    "credential_process",
    "web_identity_token_file",
    "login_session",
    "sso_session",
    "sso_start_url",
    "sso_account_id",
    "sso_role_name",
)


def make_served_profile(files: AWSFiles, note: Callable[[str], object]) -> None:
    """Write the section of the profile without keys into the config file, unless it is there.

    Args:
        files: the AWS files.
        note: called with messages for the user.

    Raises:
        ProfileError: the profile has credentials, which programs would use.
        FileError: the section cannot be written.
    """
    values = files.merged(SERVED_PROFILE)
    if found := next((key for key in _CREDENTIALS if key in values), None):
        place = files.place(SERVED_PROFILE, found)
        raise ProfileError(
            f"the profile {SERVED_PROFILE!r} has credentials, which programs would use instead of"
            " mfakit's endpoint",
            f"remove {found} from it: {place}",
        )
    if files.exists(SERVED_PROFILE):
        return
    from mfakit.profiles.editing import edit_document
    from mfakit.profiles.stores import holds_keys

    header = new_header(SERVED_PROFILE)

    def put(document: Document) -> None:
        document.update(header, {})

    try:
        had_text = bool(files.config_file.text)
        edit_document(files.config_path, put, note, backup=holds_keys, had_text=had_text)
    except FileError as error:
        line = f"write this line into {files.config_path} yourself: [{header}]"
        raise FileError(error.message, line) from None
    note(f"wrote the empty profile {SERVED_PROFILE} to {files.config_path}, for AWS_PROFILE")


def endpoint_variables(
    profile: Profile, url: str, token: str | None, token_file: str | None = None
) -> dict[str, str]:
    """Return the variables that lead every AWS tool to the endpoint.

    Args:
        profile: the session profile, whose region and other settings go along where the
            environment sets none.
        url: the endpoint.
        token: its token; None if it is in a file.
        token_file: that file.
    """
    environ = profile.files.environ
    region = region_to_set(profile)
    values = {
        URL: url,
        TOKEN: token,
        TOKEN_FILE: token_file,
        "AWS_PROFILE": SERVED_PROFILE,
        "MFAKIT_PROFILE": profile.name,
        **dict.fromkeys(REGIONS, region),
    }
    for key, name in _SETTINGS.items():
        if not environ.get(name):
            values[name] = profile.setting(key)
    return {name: value for name, value in values.items() if value}


# Enough for an SDK's request and all its headers; more is somebody else's.
_MOST_BYTES = 8192
_MOST_CONNECTIONS = 128
_SECONDS = 5
_PATH = "/session"
_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def listen(port: int = 0) -> socket.socket:
    """Open a port on loopback.

    Args:
        port: its number; 0 for a free one.

    Raises:
        MFAKitError: it is taken, or not allowed.
    """
    import socket

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere this would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        listening.listen(_MOST_CONNECTIONS)
    except OSError as error:
        listening.close()
        raise MFAKitError(
            f"port {port} is taken or not allowed: {error.strerror}",
            "name another, or leave --port out for a free one",
        ) from None
    return listening


def url_of(listening: socket.socket) -> str:
    """Return the URL that programs ask."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}{_PATH}"


def endpoint_of(environ: Mapping[str, str]) -> str | None:
    """Return the URL of mfakit's endpoint that an environment leads to; None if to no such one."""
    url = environ.get(URL, "")
    return url if url.startswith("http://127.0.0.1:") and url.endswith(_PATH) else None


class Endpoint:
    """Answers the holders of a token. Slow, long and many requests are cut off.

    Args:
        listening: the port.
        token: what a program has to send as ``Authorization``.
        answer: returns the status and the content of an answer.
    """

    def __init__(self, listening: socket.socket, token: str, answer: Callable[[], Answer]) -> None:
        self._listening = listening
        self._token = token.encode()
        self._answer = answer
        self._open: dict[StreamWriter, None] = {}

    def run(self) -> None:
        """Answer until the process ends."""
        import asyncio

        asyncio.run(self._serve())

    async def _serve(self) -> None:
        import asyncio

        # asyncio would write to the command's standard error what a client has done wrong
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        server = await asyncio.start_server(
            self._attend, sock=self._listening, limit=_MOST_BYTES, backlog=_MOST_CONNECTIONS
        )
        await server.serve_forever()

    async def _attend(self, reader: StreamReader, writer: StreamWriter) -> None:
        import asyncio

        self._open[writer] = None
        if len(self._open) > _MOST_CONNECTIONS:  # a program that has a token needs milliseconds
            next(iter(self._open)).transport.abort()
        try:
            async with asyncio.timeout(_SECONDS):
                try:
                    head = await reader.readuntil(b"\r\n\r\n")
                except asyncio.LimitOverrunError:
                    head = b""
                writer.write(self._response(head))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            del self._open[writer]

    def _response(self, head: bytes) -> bytes:
        import json

        status, content = self._refusal(head.decode("latin-1")) or self._content()
        body = json.dumps(content).encode()
        lines = (
            f"HTTP/1.1 {status} {_REASONS[status]}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
        )
        debug.event("the endpoint answers {} {}", status, content.get("code", ""))
        return "\r\n".join((*lines, "", "")).encode() + body

    def _content(self) -> Answer:
        try:
            return self._answer()
        except MFAKitError as error:
            return refused(500, "Failed", "; ".join(filter(None, (error.message, error.hint))))
        except Exception as error:  # a message of another kind might hold a secret
            return refused(500, "Failed", f"unexpected {type(error).__name__}")

    def _refusal(self, head: str) -> Answer | None:
        """Return the refusal of a request that is malformed, a web page's, or without the token."""
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        words = first.split(" ")
        pairs = [line.partition(":") for line in lines]
        headers = [(name.lower(), value.strip(" \t")) for name, _, value in pairs]
        # a name with a blank may be Origin to one reader and nothing to another (RFC 9112, 5.1)
        named = all(name and name == "".join(name.split()) for name, _ in headers)
        if len(words) != 3 or not words[2].startswith("HTTP/1.") or not named:
            return refused(400, "BadRequest", "this is no request that the endpoint understands")
        hosts = [value for name, value in headers if name == "host"]
        # a page of another name that leads here has its own name in Host (DNS rebinding)
        if len(hosts) != 1 or _without_port(hosts[0]) not in _HOSTS:
            return refused(403, "Forbidden", "the Host header has to name this machine's loopback")
        if any(name == "origin" or name.startswith("sec-fetch-") for name, _ in headers):
            return refused(403, "Forbidden", "requests of web pages are refused")
        if words[0] != "GET":
            return refused(405, "MethodNotAllowed", "the endpoint answers GET alone")
        if words[1] != _PATH:
            return refused(404, "NotFound", f"the session is at {_PATH}")
        tokens = [value for name, value in headers if name == "authorization"]
        sent = tokens[0].encode("latin-1") if len(tokens) == 1 else b""
        if not hmac.compare_digest(sent, self._token):
            return refused(403, "Forbidden", f"the token of {TOKEN} is missing or wrong")
        return None


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name.lower() if colon and port.isdecimal() else host.lower()


def refused(status: int, code: str, message: str) -> Answer:
    """Return an answer that is an error, in the form that SDKs expect."""
    return status, {"code": code, "message": message}
