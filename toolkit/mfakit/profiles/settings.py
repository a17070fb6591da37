"""Reading and writing the settings of profiles in the AWS config file."""

from __future__ import annotations

from mfakit.errors import ProfileError, UsageError
from mfakit.profiles.aws_files import AWSFiles, header_of, new_header
from mfakit.profiles.document import Document
from mfakit.profiles.profile import Profile, check_profile_name
from mfakit.profiles.section import KEYS, SESSION_KEYS, is_protected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Settings = Mapping[str, str | None]

# In a profile with a role, these would hide the role, or be hidden by it.
_OTHER_WAYS = ("credential_process", "web_identity_token_file", "login_session", *KEYS)
_OWN = "mfakit_"


def read_settings(profile: str, *, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Read a profile's section of the AWS config file; empty if there is none.

    Args:
        profile: its name, without the word ``profile`` of the section's header.
        environ: the environment with the path of the file; by default the process's own.

    Raises:
        FileError: the file cannot be read.
    """
    return AWSFiles(environ).config(profile)


def write_settings(
    profiles: Mapping[str, Settings],
    *,
    environ: Mapping[str, str] | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> None:
    """Set keys in sections of the AWS config file, all of them or none; all else stays as it is.

    Args:
        profiles: the settings of each profile, by their names in the file; None removes one.
        environ: the environment with the path of the file; by default the process's own.
        note: called with messages for the user, such as permissions that were removed.

    Raises:
        UsageError: a name or a value cannot be written to the file, or is an access key, which
            belongs into the credentials file.
        ProfileError: a role would hide other credentials of the profile, or a session profile
            would assume a role, which hides the session.
        FileError: the file cannot be written. It was not changed then.
    """
    edit_settings(profiles, AWSFiles(environ), note)


def edit_settings(
    profiles: Mapping[str, Settings], files: AWSFiles, note: Callable[[str], object]
) -> None:
    """Set keys as ``write_settings`` does, in files that may have been read already."""
    from mfakit.profiles.editing import edit_text

    for profile, settings in profiles.items():
        _check(Profile(profile, files), settings)

    def put(text: str) -> str:
        document = Document(text, files.config_path)
        for profile, settings in profiles.items():
            header = header_of(document, profile) or new_header(profile)
            document.update(header, dict(settings))
        return document.text

    edit_text(files.config_path, put, note=note)


def _check(profile: Profile, settings: Settings) -> None:
    check_profile_name(profile.name)
    if any(value and key.lower() in SESSION_KEYS for key, value in settings.items()):
        raise UsageError(
            "keys do not belong into the config file", "mfakit.write_session keeps one"
        )
    _refuse_hidden(profile, settings)
    if settings.get("role_arn"):
        _refuse_hiding(profile)
    elif "role_arn" in profile.config and any(key.startswith(_OWN) for key in settings):
        raise ProfileError(
            f"the profile {profile.name!r} assumes a role, and would ask for codes of its own",
            "name another profile for the session: --profile mfa",
        )


def _refuse_hidden(profile: Profile, settings: Settings) -> None:
    """Refuse a setting that the credentials file has too, since that one would still count."""
    values = profile.files.credentials(profile.name)
    for key, value in settings.items():
        if values.get(key.lower(), value) != value:
            place = profile.files.place(profile.name, key.lower())
            raise ProfileError(
                f"the {key} of profile {profile.name!r} is in {place} too, which counts",
                "remove it there, and try again",
            )


def _refuse_hiding(profile: Profile) -> None:
    """Refuse a role in a profile with other credentials, which SDKs would then ignore."""
    values = profile.merged
    if is_protected(values):
        what = "holds long-term credentials"
    elif any(values.get(key) for key in _OTHER_WAYS) or any(
        key.startswith("sso_") for key in values
    ):
        what = "has credentials of its own"
    else:
        return
    raise ProfileError(
        f"the profile {profile.name!r} {what}, which a role would hide",
        "name another profile for the role, or rename that one",
    )
