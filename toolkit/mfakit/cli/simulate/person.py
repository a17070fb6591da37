"""What `mfakit simulate` tells a person: lines to paste, and a QR code for the phone."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mfakit.environment.asking import likely_shell
from mfakit.environment.shells import SHELLS, unset_line

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each of these would win over the files that the lines name.
_IN_THE_WAY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_REGION",
    "MFAKIT_PROFILE",
)


def lines_to_paste(said: dict[str, Any], folder: str) -> str:
    """Write what makes another shell the home of each user, whose files are put into a folder.

    The lines name files in the folder, so that nothing that is done with them, a login included,
    touches the person's own.

    Args:
        said: what the simulator says of itself, as in its JSON.
        folder: an empty folder that only the person can look into.
    """
    intro = f"The AWS simulator serves on {said['endpoint_url']} until it is interrupted (Ctrl-C)."
    lines = [intro, "Paste the lines of one of its users into another shell. They lead to"]
    lines += [f"{folder},", "which goes when the simulator ends; your own ~/.aws is left alone."]
    for number, user in enumerate(said["users"]):
        home = os.path.join(folder, str(number))
        _make_home(home, said["region"], user)
        lines += ["", f"# {user['arn']}", *_exports(said, home)]
        lines += ["# then log in with mfakit login, and answer its question with what this gives:"]
        lines += [_curl(said, user["name"])]
        if sys.stdout.isatty():
            lines += ["# or make a phone the device:", *_qr_code(said["account_id"], user)]
    return "\n".join([*lines, ""])


def _make_home(home: str, region: str, user: dict[str, str]) -> None:
    os.mkdir(home, 0o700)
    _write_private(
        os.path.join(home, "credentials"),
        f"[default]\naws_access_key_id = {user['access_key_id']}\n"
        f"aws_secret_access_key = {user['secret_access_key']}\n",
    )
    _write_private(
        os.path.join(home, "config"),
        f"[default]\nregion = {region}\nmfa_serial = {user['mfa_serial']}\n",
    )


def _write_private(path: str, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _exports(said: dict[str, Any], home: str) -> Iterator[str]:
    shell = likely_shell()
    yield unset_line(shell, _IN_THE_WAY)
    values = {
        "AWS_ENDPOINT_URL": said["endpoint_url"],
        "AWS_DEFAULT_REGION": said["region"],
        "AWS_SHARED_CREDENTIALS_FILE": os.path.join(home, "credentials"),
        "AWS_CONFIG_FILE": os.path.join(home, "config"),
    }
    for name, value in values.items():
        if shell == "powershell":
            yield SHELLS[shell].assign(name, value)
        else:
            yield f"export {name}={shlex.quote(value)}"


def _curl(said: dict[str, Any], name: str) -> str:
    url = f"{said['endpoint_url']}/_mfakit/code?user={quote(name, safe='')}"
    return f"curl -X POST -H 'X-Mfakit-Token: {said['control_token']}' '{url}'"


def _qr_code(account_id: str, user: dict[str, str]) -> list[str]:
    import io

    import segno

    from mfakit.testing.iam_calls import provisioning_uri

    drawn = io.StringIO()
    uri = provisioning_uri(quote(user["name"], safe="@"), account_id, user["mfa_seed"])
    segno.make(uri, micro=False).terminal(drawn, compact=True)
    return drawn.getvalue().splitlines()
