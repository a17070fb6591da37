"""`mfakit console`: a link that signs in to the AWS console with the session of a role."""

from __future__ import annotations

import os

from mfakit.cli.exec import session_to_hand_on
from mfakit.cli.login import read_role
from mfakit.cli.output import note, write, write_private
from mfakit.errors import ExchangeError, MFAKitError, UsageError
from mfakit.exchange.aws import region_of
from mfakit.exchange.login import assume_role_of
from mfakit.exchange.recipe import LoginRequest, check_role_duration
from mfakit.moments import format_duration, timedelta, utc_now
from mfakit.profiles.selection import region_to_set, session_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.session import SessionCredentials

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
    """Run the command."""
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
