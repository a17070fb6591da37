"""From a key to a session for every client: out of the console's file, and rotated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients.conftest import CALLERS
from tests.keys.conftest import keychain

from mfakit import read_session

if TYPE_CHECKING:
    from mfakit.testing import AWSSimulator, Device, User

__all__ = ["keychain"]

pytestmark = pytest.mark.long


ROTATE = ("keys", "rotate", "--yes", "--delete-after", "0")
STORIES = {
    "a new user's key goes from the console's file into the keychain": [
        ("keys", "import", "--from-csv", "keys.csv")
    ],
    "a key of years goes from the credentials file into the keychain, and is rotated": [
        ("keys", "import"),
        ROTATE,
    ],
    "a key is rotated in the credentials file": [ROTATE],
}


@pytest.mark.parametrize("story", STORIES)
def test_every_client_works_with_the_session_of_a_key_that_was_moved_or_rotated(
    story: str,
    home: Any,
    aws: AWSSimulator,
    endpoint: str,
    alice: User,
    device: Device,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """The secret that was in plain text is in no file when they run.

    All clients read the same session, so one of them is enough after the first story.
    """
    if "keychain" in story:
        request.getfixturevalue("keychain")
    key, secret = alice.access_key_id, alice.secret_access_key
    given = home.folder / "keys.csv"
    if "console" in story:
        given.write_text(f"Access key ID,Secret access key\n{key},{secret}\n")
    else:
        home.write_credentials(
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
        )
    aws.root.session().client("s3").create_bucket(Bucket="alice")
    for command in STORIES[story]:
        done = home.mfakit(*(str(given) if word == given.name else word for word in command))
        assert done.returncode == 0, done.stderr
    given.unlink(missing_ok=True)
    done = home.mfakit("login", "--token-code", device.code())
    assert done.returncode == 0, done.stderr
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    session = read_session("mfa", environ=home.environ).access_key_id
    made: dict[str, tuple[int, bool, set[str | None]]] = {}
    first = story == next(iter(STORIES))
    for name, command_for in (CALLERS if first else {"boto3": CALLERS["boto3"]}).items():
        folder = tmp_path / name
        folder.mkdir()
        try:
            command = command_for(endpoint, folder)
        except pytest.skip.Exception:
            continue
        before = len(aws.calls)
        done = home.run(*command, AWS_PROFILE="mfa", AWS_REGION="us-east-1")
        signed = {call.access_key_id for call in aws.calls[before:]}
        made[name] = (done.returncode, "alice" in done.stdout, signed)
    assert made == dict.fromkeys(made, (0, True, {session}))
    assert "boto3" in made
