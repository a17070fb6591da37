"""How old long-term keys are: what AWS said of it, or since when mfakit knows them."""

from __future__ import annotations

from mfakit.errors import MFAKitError, ProfileError
from mfakit.keys.places import FILE, KEYRING, place_of
from mfakit.moments import format_age, format_timestamp, parse_timestamp, utc_now
from mfakit.profiles.own_files import OwnFile, as_pairs, pairs_of
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mfakit.keys.places import KeyPlace
    from mfakit.profiles.aws_files import AWSFiles
    from mfakit.profiles.profile import Profile


class KeyAge(Value):
    """The key of a source profile, and since when it exists.

    Args:
        profile: the source profile.
        place: where the key lives.
        created_at: when AWS made it; None if that is not known.
        known_since: when mfakit first wrote it down; None if it has not.
        delete_at: when a rotation lets the key before it be deleted; None if there is none.
    """

    profile: str
    place: KeyPlace
    created_at: datetime | None
    known_since: datetime | None
    delete_at: datetime | None = None

    def is_old(self, now: datetime, seconds: float) -> bool:
        """Whether the key is older than a time, or the key before it should be deleted by now.

        A key whose age is not known counts from when mfakit first knew it.
        """
        since = self.created_at or self.known_since
        too_old = since is not None and (now - since).total_seconds() > seconds
        return too_old or (self.delete_at is not None and self.delete_at <= now)


def remember_key(
    files: AWSFiles, access_key_id: str, now: datetime, created_at: datetime | None = None
) -> None:
    """Write down when a key was made, or that it is known from now on.

    A file that cannot be written is no error.
    """
    known = _known(files, access_key_id)
    created = format_timestamp(created_at) if created_at else known.get("created_at", "")
    since = known.get("known_since") or format_timestamp(now)
    values = {"access_key_id": access_key_id, "known_since": since, "created_at": created}
    if values == known:
        return
    file = _file(files, access_key_id)
    try:
        (file.replace if known else file.make)(as_pairs(values))
    except MFAKitError:
        return


def ages_of(
    profiles: list[Profile], complain: Callable[[ProfileError], object] | None = None
) -> list[KeyAge]:
    """Return the ages of the keys of profiles, without asking AWS, a keychain or a program.

    A key that a program gives has no id that could be looked up, so its age is not known.

    Args:
        profiles: the profiles.
        complain: called with the error of a profile whose settings name no store, so that it hides
            no other profile.

    Raises:
        ProfileError: there is such a profile, and no ``complain``.
    """
    found = []
    for profile in profiles:
        try:
            age = age_of(profile)
        except ProfileError as error:
            if complain is None:
                raise
            complain(error)
        else:
            found += [age] if age else []
    return found


def age_of(profile: Profile) -> KeyAge | None:
    """Return the age of a profile's key; None if the profile has no long-term key."""
    from mfakit.keys.journal import delete_at

    place = place_of(profile)
    if place is None:
        return None
    known = _known(profile.files, place.access_key_id) if place.access_key_id else {}
    return KeyAge(
        profile.name,
        place,
        parse_timestamp(known.get("created_at", "")),
        parse_timestamp(known.get("known_since", "")),
        delete_at(profile) if place.kind in (FILE, KEYRING) else None,
    )


def source_profiles(files: AWSFiles) -> Iterator[Profile]:
    """Yield the profiles that have a long-term key of their own."""
    from mfakit.profiles.profile import Profile

    for name in files.profiles():
        profile = Profile(name, files)
        if profile.has_key_elsewhere or profile.is_long_term:
            yield profile


def ago(moment: datetime) -> str:
    """Return how long ago a time was, as ``3d ago``."""
    return f"{format_age(moment, utc_now())} ago"


def _known(files: AWSFiles, access_key_id: str) -> dict[str, str]:
    try:
        return pairs_of(_file(files, access_key_id).read())
    except OSError:
        return {}


def _file(files: AWSFiles, access_key_id: str) -> OwnFile:
    return OwnFile.of(files.credentials_path, "keys", access_key_id)
