"""Where the long-term key of a source profile lives, and the key itself."""

from __future__ import annotations

import os

from mfakit import debug
from mfakit.errors import ProfileError
from mfakit.profiles.profile import KEY_COMMAND, KEY_STORE
from mfakit.profiles.section import has_access_key, is_long_term, is_no_key
from mfakit.profiles.stores import exports_key
from mfakit.session import SESSION_KEY_PREFIX
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mfakit.profiles.profile import Profile

FILE, KEYRING, PROGRAM = "file", "keyring", "program"
_PREFIX = f"{KEYRING}:"
_COMMAND_SECONDS = 60


class LongTermKey(Value):
    """An access key of an IAM user. ``repr`` shows no secret.

    Args:
        access_key_id: its id.
        secret_access_key: its secret.
    """

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"LongTermKey({self.access_key_id!r})"


class KeyPlace(Value):
    """Where the key of a profile lives.

    Args:
        kind: ``file``, ``keyring`` or ``program``.
        access_key_id: the key's id; None if only the program knows it.
        detail: the file, the entry, or the program's name.
    """

    kind: str
    access_key_id: str | None
    detail: str


def place_of(profile: Profile) -> KeyPlace | None:
    """Return where a profile's long-term key lives; None if it has none of its own.

    Neither a keychain nor a program is asked.

    Raises:
        ProfileError: ``mfakit_key_store`` names no store that mfakit knows.
    """
    if store := profile.setting(KEY_STORE):
        if not store.startswith(_PREFIX) or not store.removeprefix(_PREFIX):
            raise ProfileError(
                f"{KEY_STORE} of profile {profile.name!r} names no store",
                f"write it as {_PREFIX}AKIA..., or remove it",
            )
        return KeyPlace(KEYRING, store.removeprefix(_PREFIX), store)
    if command := profile.setting(KEY_COMMAND):
        return KeyPlace(PROGRAM, None, os.path.basename(command.split()[0]))
    if is_long_term(profile.keys):
        key = profile.keys["aws_access_key_id"]
        files = profile.files
        in_credentials = has_access_key(files.credentials(profile.name))
        return KeyPlace(FILE, key, files.credentials_path if in_credentials else files.config_path)
    return None


def read_key(profile: Profile) -> LongTermKey | None:
    """Return the long-term key of a profile, from wherever it lives; None if it has none.

    Raises:
        MFAKitError: the keychain or the program did not give it.
    """
    place = place_of(profile)
    if place is None:
        return None
    debug.event("the key of profile {!r} is in the {}", profile.name, place.kind)
    if place.kind == FILE:
        return LongTermKey(profile.keys["aws_access_key_id"], profile.keys["aws_secret_access_key"])
    if place.kind == PROGRAM:
        return _key_of_command(profile)
    from mfakit.keys.keychain import KeychainError, get_secret

    assert place.access_key_id is not None
    secret = get_secret(place.access_key_id)
    if secret is None:
        raise KeychainError(
            f"the keychain has no entry for the key {place.access_key_id} of profile"
            f" {profile.name!r}",
            "import the key again: mfakit keys import --from-csv FILE",
        )
    return LongTermKey(place.access_key_id, secret)


def no_key(profile: Profile) -> ProfileError:
    """Return the error for a profile without a long-term key."""
    return ProfileError(
        f"the profile {profile.name!r} has no long-term key",
        "name the profile that has: --source-profile NAME; see mfakit keys",
    )


def _key_of_command(profile: Profile) -> LongTermKey:
    """Run ``mfakit_key_command``, which prints a key as JSON, or its id and secret on two lines."""
    from mfakit.programs import find_words, run_on_terminal

    name, command = f"the {KEY_COMMAND}", profile.setting(KEY_COMMAND) or ""
    if exports_key(command):
        raise ProfileError(
            f"the {KEY_COMMAND} of profile {profile.name!r} runs mfakit itself",
            f"remove {KEY_COMMAND}: mfakit finds a key that is in its own keychain",
        )
    see_it = f"run the {KEY_COMMAND} of profile {profile.name!r} by hand, and see what it prints"
    words = find_words(command, name, f"install it, or mend {KEY_COMMAND}")
    output = run_on_terminal(words, name, see_it, _COMMAND_SECONDS)
    key = _parse(output.decode("utf-8", "replace"))
    if key is None:
        raise ProfileError(
            f"the {KEY_COMMAND} of profile {profile.name!r} printed no key",
            f"{see_it}: JSON as a credential_process, or the id and below it the secret",
        )
    return key


def _parse(text: str) -> LongTermKey | None:
    import json

    if text.lstrip().startswith("{"):
        try:
            given = json.loads(text)
        except ValueError:
            return None
        if given.get("SessionToken"):
            return None
        words = [given.get("AccessKeyId"), given.get("SecretAccessKey")]
    else:
        words = [line.strip() for line in text.splitlines() if line.strip()][:2]
    if len(words) == 2 and all(isinstance(word, str) and word for word in words):
        key = LongTermKey(*words)
        return key if _may_be_right(key) else None
    return None


def _may_be_right(key: LongTermKey) -> bool:
    """Whether a key has an id first, which will be shown, and is not a session's.

    `pass` keeps a secret in the first line.
    """
    name, secret = key.access_key_id, key.secret_access_key
    is_id = name.isascii() and name.replace("_", "").isalnum()
    return (
        is_id
        and not name.startswith(SESSION_KEY_PREFIX)
        and not secret.startswith("AKIA")
        and not is_no_key(secret)
    )
