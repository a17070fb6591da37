"""Hand the session to programs elsewhere, `mfakit serve`, or to a browser, `mfakit console`."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from mfakit.cli.exec import chosen_role, session_to_hand_on
from mfakit.cli.login import read_role
from mfakit.cli.output import note, write, write_private
from mfakit.cli.serving import TOKEN_MARK, new_server
from mfakit.environment.endpoint import CONTRADICTING, endpoint_variables
from mfakit.environment.render import detect_shell, render_variables
from mfakit.errors import ExchangeError, FileError, MFAKitError, UsageError
from mfakit.exchange.aws import region_of
from mfakit.exchange.login import assume_role_of
from mfakit.exchange.recipe import LoginRequest, check_role_duration
from mfakit.moments import format_duration, timedelta, utc_now
from mfakit.profiles.replacing import refuse_other_owners, replace_file
from mfakit.profiles.section import has_access_key
from mfakit.profiles.selection import region_to_set, session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import NoReturn

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.session import SessionCredentials

# A container has no AWS files, and an SDK that is to use a profile without them fails.
_OF_FILES = {"docker": ("AWS_PROFILE", "MFAKIT_PROFILE")}
# The federation endpoint and the console of each partition (IAM User Guide).
_HOSTS = {
    "aws": ("signin.aws.amazon.com", "console.aws.amazon.com"),
    "aws-cn": ("signin.amazonaws.cn", "console.amazonaws.cn"),
    "aws-us-gov": ("signin.amazonaws-us-gov.com", "console.amazonaws-us-gov.com"),
}
_SECONDS = 20
_BROWSER_SECONDS = 10  # for a browser to start, and to read the file
_MOST_BYTES = 1 << 16
_OF_TEST = "MFAKIT_FEDERATION_URL"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def run(options: Namespace, files: AWSFiles) -> int:
    """Run `mfakit serve`, until it gets a signal."""
    shell = detect_shell() if options.shell == "auto" else options.shell
    role = chosen_role(options)
    profile = session_profile(options.profile, files)
    path = None if options.token_file is None else os.path.abspath(options.token_file)
    server = new_server(profile, role, options.port, lambda token: _remove_token(path, token))
    session_to_hand_on(profile, role, None)
    signals = [signal.SIGINT, signal.SIGTERM]
    if os.name == "posix" and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
        signals.append(signal.SIGHUP)
    for number in signals:
        signal.signal(number, _end)
    try:
        if path is not None:
            _write_token(path, server.token)
        profile = profile.read_again()
        token = server.token if path is None else None
        variables = endpoint_variables(profile, server.url, token, path)
        for name in _OF_FILES.get(shell, ()):
            variables.pop(name, None)
        write(render_variables(variables, CONTRADICTING, shell))
        if has_access_key(profile.files.keys("default")):
            note(
                "[default] of your AWS files has keys, which SDKs use before they ask the endpoint:"
                " set AWS_PROFILE, too, where you set the other variables"
            )
        server.begin()
        server.wait()
    finally:
        _remove_token(path, server.token)
    raise MFAKitError("the process that serves was ended", "start it again: mfakit serve")


def _end(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)  # through `finally`, so that no token file is left behind


def _write_token(path: str, token: str) -> None:
    """Write the token without an end of line, which SDKs would send along."""
    try:
        refuse_other_owners(path)
        _refuse_foreign(path)
        replace_file(path, token.encode(), private=True)
    except FileError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"cannot write {path}: {reason}", "name another file") from None


def _refuse_foreign(path: str) -> None:
    """Refuse to replace a file with anything but a token of mfakit, or nothing, in it."""
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or not os.path.isfile(path):
        raise FileError(f"{path} is no regular file", "name a new file")
    with open(path, "rb") as file:
        words = file.read().split()
    if len(words) > 1 or not all(word.startswith(TOKEN_MARK.encode()) for word in words):
        raise FileError(f"{path} holds something else than a token", "name a new file")


def _remove_token(path: str | None, token: str) -> None:
    """Remove the token file, unless another server has written its own token there."""
    if path is not None and os.path.isfile(path):
        with suppress(OSError), open(path, "rb") as file:
            if file.read(len(token) + 1) == token.encode():
                os.unlink(path)


def console(options: Namespace, files: AWSFiles) -> int:
    """Run `mfakit console`."""
    role = read_role(options)
    if role is None:
        raise UsageError(
            "the console takes no session of a user with MFA, but one of a role",
            "name the role: mfakit console --role-arn ARN",
        )
    partition = role.arn.split(":")[1]
    if partition not in _HOSTS:
        raise UsageError(
            f"no console of the partition {partition} is known", f"one of {', '.join(_HOSTS)}"
        )
    endpoint = _endpoint(partition)
    duration = None if options.duration is None else timedelta(seconds=options.duration)
    if duration is not None:
        check_role_duration(duration, chained=True)
    profile = session_profile(options.profile, files)
    session_to_hand_on(profile, None, None)
    profile = profile.read_again()
    # the console's session ends with the role's, so an old one from the cache will not do
    request = LoginRequest(duration=duration, force=True, note=note)
    session = assume_role_of(profile, role, request)
    link = _link(endpoint, session, _destination(options, partition, region_to_set(profile)))
    left = (session.expiration - utc_now()).total_seconds() + 1 if session.expiration else 0
    note(
        f"the console's session lasts {format_duration(left)}: a role that is assumed from a"
        " session has one hour at most; the link serves for 15m"
    )
    if options.open:
        _open(link)
    else:
        write(f"{link}\n")
    return 0


def _endpoint(partition: str) -> str:
    """Return the federation endpoint, which is handed a session.

    Raises:
        UsageError: the variable names another one than a test's on loopback.
    """
    from urllib.parse import urlsplit

    url = os.environ.get(_OF_TEST)
    if not url:
        return f"https://{_HOSTS[partition][0]}/federation"
    try:
        parts = urlsplit(url)
        is_ours = parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK
    except ValueError:
        is_ours = False
    if not is_ours:
        raise UsageError(
            f"{_OF_TEST} names a host that is not this machine, and would be handed a session",
            "unset it: it is for tests, such as http://127.0.0.1:5000/federation",
        )
    return url


def _destination(options: Namespace, partition: str, region: str | None) -> str:
    import re

    region = options.region or region or region_of(f"arn:{partition}:")
    service = options.service or "console"
    for what, text in ("region", region), ("service", service):
        if not re.fullmatch(r"[a-z0-9/-]{1,64}", text):
            raise UsageError(f"{text!r} is no {what} of the console", "name it as in its URLs: s3")
    return f"https://{_HOSTS[partition][1]}/{service}/home?region={region}"


def _link(endpoint: str, session: SessionCredentials, destination: str) -> str:
    """Exchange the session for a sign-in token, and return the link with it."""
    import json
    from urllib.parse import urlencode

    sent = {
        "sessionId": session.access_key_id,
        "sessionKey": session.secret_access_key,
        "sessionToken": session.session_token,
    }
    asked = {"Action": "getSigninToken", "Session": json.dumps(sent)}
    try:
        token = json.loads(_get(f"{endpoint}?{urlencode(asked)}"))["SigninToken"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ExchangeError(
            "what the sign-in endpoint answered is no sign-in token", "see the proxy, and try again"
        ) from None
    link = {
        "Action": "login",
        "Issuer": "mfakit",
        "Destination": destination,
        "SigninToken": str(token),
    }
    return f"{endpoint}?{urlencode(link)}"


def _get(url: str) -> bytes:
    """Return the content of a URL that holds a session, which no error may show."""
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

    class NoRedirect(HTTPRedirectHandler):
        """Follows no redirect: the session is in the URL."""

        def redirect_request(self, *_: object) -> None:
            """Follow none."""

    # a proxy sees a test's whole URL; of AWS's it sees the host
    proxies: dict[str, str] | None = {} if os.environ.get(_OF_TEST) else None
    try:
        with build_opener(NoRedirect, ProxyHandler(proxies)).open(url, timeout=_SECONDS) as answer:
            content: bytes = answer.read(_MOST_BYTES)
    except HTTPError as error:
        error.close()
        raise ExchangeError(
            f"the sign-in endpoint refused the role's session ({error.code})",
            "see that the role still exists, and try again",
        ) from None
    except (OSError, ValueError, HTTPException) as error:
        raise ExchangeError(
            f"the sign-in endpoint cannot be reached ({type(error).__name__})",
            "see the network and HTTPS_PROXY, and try again",
        ) from None
    return content


def _open(link: str) -> None:
    """Open the link in a browser. What leads there is a file: other users see arguments."""
    import html
    import time
    import webbrowser
    from tempfile import TemporaryDirectory

    page = f'<meta http-equiv="refresh" content="0;url={html.escape(link)}">'
    with TemporaryDirectory(prefix="mfakit-console-") as folder:
        path = os.path.join(folder, "sign-in.html")
        write_private(path, page)
        if not webbrowser.open(f"file://{path}"):
            raise MFAKitError(
                "there is no browser to open the link in", "leave --open out, and open it yourself"
            )
        time.sleep(_BROWSER_SECONDS)
