"""Reading and writing the settings of profiles in the AWS config file."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial

from mfakit.errors import FileError, MFAKitError, ProfileError, UsageError
from mfakit.profiles.aws_files import AWSFiles, header_of, new_header
from mfakit.profiles.document import Document, check_values
from mfakit.profiles.own_files import OwnFile
from mfakit.profiles.profile import Profile, check_profile_name, open_profile
from mfakit.profiles.reading import file_error
from mfakit.profiles.section import KEYS, SESSION_KEYS
from mfakit.profiles.stores import edit_credentials, holds_keys, nested
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    Settings = Mapping[str, str | None]

# In a profile with a role, these would hide the role, or be hidden by it.
_OTHER_WAYS = ("credential_process", "web_identity_token_file", "login_session", *KEYS)
_MAY_HOLD_SECRETS = ("mfakit_token_command", "credential_process")
_OWN = "mfakit_"
_LOCK_SECONDS = 60
_MOST_UNDONE = 100  # calls of configure that are remembered


def read_settings(profile: str, *, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Read a profile's section of the AWS config file; empty if there is none.

    Args:
        profile: its name, without the word ``profile`` of the section's header.
        environ: the environment with the path of the file; by default the process's own.

    Raises:
        FileError: the file cannot be read.
    """
    return open_profile(profile, environ).files.config(profile)


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
            belongs into the credentials file and is not removed from it either.
        ProfileError: a role would hide other credentials of the profile, or a session profile
            would assume a role, which hides the session.
        FileError: the file cannot be written. It was not changed then.
    """
    edit_settings(profiles, AWSFiles(environ), note)


class Change(Value):
    """A key that was set or removed in one of the two files.

    Args:
        profile: the profile.
        key: the key.
        value: what was written; None if the key was removed.
        before: what was there before; None if nothing was.
        is_in_credentials: whether the credentials file was changed, and not the config file.
        is_by_login: whether a login made the change by itself.
        made_section: whether it added the section of the profile to the file.
        is_unfinished: whether the process that makes it has yet to end, or was killed before.
        age: how many times ``configure`` has changed something since.
    """

    profile: str
    key: str
    value: str | None
    before: str | None
    is_in_credentials: bool
    is_by_login: bool = False
    made_section: bool = False
    is_unfinished: bool = False
    age: int = 0


def edit_settings(
    profiles: Mapping[str, Settings],
    files: AWSFiles,
    note: Callable[[str], object],
    *,
    if_as_read: bool = False,
    keep_copy: bool = True,
) -> list[Change]:
    """Set keys as ``write_settings`` does, in files that may have been read already.

    A key that stands in the credentials file is changed there, since that file wins.

    Args:
        profiles: as for ``write_settings``.
        files: the files.
        note: called with messages for the user.
        if_as_read: leave out a key that another program has changed since the files were read,
            because what is set depends on what was read.
        keep_copy: whether a copy of the credentials file is kept first, if that is changed.

    Returns:
        What was changed.
    """
    changes = _planned(profiles, files)
    return _apply(changes, files, note, if_as_read=if_as_read, keep_copy=keep_copy)


def _planned(profiles: Mapping[str, Settings], files: AWSFiles) -> list[Change]:
    """Return the changes that set these keys in the files as they were read.

    Raises:
        UsageError: a name or a value cannot be written to the file, or is an access key.
        ProfileError: a role would hide other credentials of the profile, or a session.
    """
    changes = []
    for profile, settings in profiles.items():
        _check(Profile(profile, files), settings)
        found = {True: files.credentials(profile), False: files.config(profile)}
        lower = {key.lower(): value for key, value in settings.items()}
        is_new = header_of(files.config_file, profile) is None
        for key, value in lower.items():
            places = [place for place in found if key in found[place]]
            if value is not None:
                places = places[:1] or [False]
            for is_in_credentials in places:
                before = found[is_in_credentials].get(key)
                made = is_new and not is_in_credentials
                change = Change(profile, key, value, before, is_in_credentials, made_section=made)
                changes.append(change)
    return _that_differ(changes)


def _that_differ(changes: list[Change]) -> list[Change]:
    return [change for change in changes if change.value != change.before]


def _apply(
    changes: list[Change],
    files: AWSFiles,
    note: Callable[[str], object],
    *,
    if_as_read: bool,
    restored: bool = False,
    keep_copy: bool = True,
) -> list[Change]:
    """Make changes, all or none; return those that differ, with what was there before each."""
    from mfakit.profiles.editing import check_writable, edit_document

    in_config = [change for change in changes if not change.is_in_credentials]
    in_credentials = [change for change in changes if change.is_in_credentials]
    made: dict[str, list[Change]] = {}

    def put(document: Document, wanted: list[Change], file: str) -> None:
        found = _still_as_read(document, wanted) if if_as_read else wanted
        if restored:  # a profile that somebody has removed or renamed since does not come back
            found = [one for one in found if document.has_section(_section_of(document, one))]
        now = _that_differ(_put(document, found, files, restored=restored))
        made[file] = now + _that_stay(document, made.get(file, []), now)

    if in_config:
        check_writable(files.config_path)
    if in_credentials:
        put_credentials = partial(put, wanted=in_credentials, file="credentials")
        edit_credentials(files, put_credentials, note, keep_copy=keep_copy)
    if in_config:
        # what is remembered for undo was in the file, even if that is empty for a moment
        had_text = bool(files.config_file.text) or any(change.before for change in in_config)
        try:
            put_config = partial(put, wanted=in_config, file="config")
            backup = holds_keys if keep_copy else None
            edit_document(files.config_path, put_config, note, backup=backup, had_text=had_text)
        except BaseException:  # also Ctrl-C during the wait for another program
            back = _reversed(made.get("credentials", []))
            try:
                _apply(back, files, note, if_as_read=True, restored=True, keep_copy=keep_copy)
            except FileError as error:
                path = files.credentials_path
                note(f"{path} is changed already, and could not be put back: {error.message}")
            raise
    return [change for changes in made.values() for change in changes]


def _section_of(document: Document, change: Change) -> str:
    """Return the name of the section that a change is made in."""
    name = change.profile
    return name if change.is_in_credentials else header_of(document, name) or new_header(name)


def _value_in(document: Document, change: Change) -> str | None:
    return document.section(_section_of(document, change)).get(change.key.lower())


def _still_as_read(document: Document, changes: list[Change]) -> list[Change]:
    return [change for change in changes if _value_in(document, change) == change.before]


def _that_stay(document: Document, earlier: list[Change], now: list[Change]) -> list[Change]:
    """Return earlier changes that are in the text that is changed now.

    It is our own text then, to which another program has just added something.
    """
    changed = {(change.profile, change.key) for change in now}
    return [
        change
        for change in earlier
        if (change.profile, change.key) not in changed
        and _value_in(document, change) == change.value
    ]


def _reversed(changes: list[Change]) -> list[Change]:
    return [change.replace(value=change.before, before=change.value) for change in changes[::-1]]


def _put(
    document: Document,
    changes: list[Change],
    files: AWSFiles,
    *,
    restored: bool,
) -> list[Change]:
    """Make changes in one file; return them, with what was there before each.

    Raises:
        ProfileError: lines are indented below a value, and would be removed with it.
    """
    made = []
    for change in changes:
        name, before = _section_of(document, change), _value_in(document, change)
        if "\n" in (before or ""):
            raise nested(change.key, change.profile, files.place(change.profile, change.key))
        document.update(name, {change.key: change.value}, restored=restored)
        if change.made_section:
            document.remove_keys(name)
        made.append(change.replace(before=before))
    return made


def change_settings(
    session: Profile,
    profiles: Mapping[str, Settings],
    note: Callable[[str], object],
    *,
    by_login: bool = False,
) -> list[Change]:
    """Set keys as ``edit_settings`` does, and write down what was changed, so it can be undone.

    What a login changed is undone with the last ``configure``; and so is what a process changed
    that was killed, which the same command, run again, finds as it wants it. Once the changes are
    made, a failure to write them down is only noted.

    Args:
        session: the session profile that they are made for.
        profiles: as for ``write_settings``.
        note: called with messages for the user.
        by_login: whether a login makes them by itself, where nothing has changed since it read.

    Returns:
        What was changed.

    Raises:
        MFAKitError: as ``write_settings`` raises it, or another process is changing the same.
    """
    files, by = session.files, {"is_by_login": by_login, "is_unfinished": True}
    with _remembering(session):
        planned = [change.replace(**by) for change in _planned(profiles, files)]
        earlier, problem = [], None
        try:
            earlier = _remembered(session)
            if planned:  # before the change, since this process may be killed right after it
                before = [one for one in earlier if one.replace(is_unfinished=True) not in planned]
                _remember(session, [*before, *planned])
        except FileError as error:
            problem = _bearable(error, planned)
        try:
            made = _apply(planned, files, note, if_as_read=by_login)
        except MFAKitError:  # and not Ctrl-C, which may come when the new file is in place
            if planned and problem is None:
                with suppress(FileError):  # one of the files may have been changed
                    if not any(_value_now(session, one) == one.value for one in planned):
                        _remember(session, earlier)
            raise
        changes = [change.replace(is_unfinished=False) for change in made]
        if problem is not None:
            note(_not_remembered(problem, changes))
        elif planned:
            kept = _kept_beside(changes, earlier, session, by_login=by_login)
            with suppress(FileError):  # it also goes by what was written before the change
                _remember(session, [*kept, *changes] if changes else earlier)
    return changes


def _kept_beside(
    changes: list[Change], earlier: list[Change], session: Profile, *, by_login: bool
) -> list[Change]:
    """Return the earlier changes that stay remembered beside new ones, with their new age."""
    names = {_name(change) for change in changes}
    if by_login:
        return [change for change in earlier if change.age or _name(change) not in names]
    kept = []
    for change in earlier:
        is_older = change.age > 0 or _name(change) in names
        if is_older or not (change.is_by_login or change.is_unfinished):
            kept.append(change.replace(is_unfinished=False, age=change.age + 1))
        elif change.is_by_login or _value_now(session, change) == change.value:
            kept.append(change.replace(is_unfinished=False))
    return [change for change in kept if change.age < _MOST_UNDONE]


def _name(change: Change) -> tuple[str, str, bool]:
    return change.profile, change.key, change.is_in_credentials


def _bearable(problem: FileError, planned: list[Change]) -> FileError:
    """Return the error of what cannot be remembered, if a note can show what is replaced.

    Raises:
        FileError: that may hold a secret, which would be nowhere then.
    """
    if any(one.before and one.key in _MAY_HOLD_SECRETS for one in planned):
        raise problem
    return problem


def _not_remembered(problem: FileError, changes: list[Change]) -> str:
    """Return the message for settings whose old values are kept nowhere else."""
    had = [
        f"{one.key} = {'...' if one.key in _MAY_HOLD_SECRETS else one.before}"
        f" of profile {one.profile}"
        for one in changes
        if one.before
    ]
    before = f"; before, there was {', '.join(had)}" if had else ""
    what = "the settings are written, but not what configure --undo needs"
    return f"{what}: {problem.message}{before}"


def undo_changes(session: Profile, note: Callable[[str], object]) -> list[Change]:
    """Undo the last changes of a session profile's settings, where they still stand as written.

    The next call undoes what ``configure`` changed before that, and what is left of these, since
    another program may be writing the file now.

    Returns:
        What was undone; empty if nothing was.

    Raises:
        FileError: a file cannot be written.
    """
    with _remembering(session):
        remembered = _remembered(session)
        age = min((change.age for change in remembered), default=0)
        older = [change for change in remembered if change.age > age]
        last = [change for change in remembered if change.age == age]
        undone = _apply(_reversed(last), session.files, note, if_as_read=True, restored=True)
        left = [change for change in last if _reversed([change])[0] not in undone]
        changed = [change for change in left if _value_now(session, change) != change.before]
        for change in changed:
            note(f"left {change.key} of profile {change.profile}, which was changed since")
        if changed:  # else all is undone, maybe by an undo that was killed
            next_age = min((change.age for change in older), default=age)
            older += [change.replace(age=next_age) for change in left]
        _remember(session, older)
    return undone


def _value_now(session: Profile, change: Change) -> str | None:
    files = session.files.read_again()
    read = files.credentials if change.is_in_credentials else files.config
    return read(change.profile).get(change.key.lower())


def _remembering(session: Profile) -> AbstractContextManager[None]:
    """Keep other processes from changing what is remembered of a profile, from a change on.

    Where no lock can be made, nothing can be remembered either, which is noted then.

    Raises:
        BusyError: another process is changing the same profile's settings.
    """
    from mfakit.profiles.editing import locked_if_possible

    return locked_if_possible(_changes_file(session).path, _LOCK_SECONDS)


_PARTS = tuple(Change.__annotations__)


def _remember(session: Profile, changes: list[Change]) -> None:
    """Write down changes in place of those from before.

    They are also kept under the name of a link to the config file: editors may put a plain file in
    its place.

    Raises:
        FileError: the file cannot be written.
    """
    import json

    by_name = _changes_file(session, session.files.config_path)
    for path in {by_name.path, _changes_file(session).path}:
        if changes:
            rows = [[getattr(change, name) for name in _PARTS] for change in changes]
            OwnFile(path).replace(json.dumps(rows) + "\n")
        else:
            OwnFile(path).remove()


def _remembered(session: Profile) -> list[Change]:
    """Return the changes that were written down; none if the file is missing or damaged.

    Raises:
        FileError: it cannot be read.
    """
    import json

    file = _changes_file(session)
    try:
        found = [Change(*row) for row in json.loads(file.read())]
    except (FileNotFoundError, ValueError, TypeError):
        return []
    except OSError as error:
        raise file_error("read", file.path, error) from error
    return found if all(map(_is_of_settings, found)) else []


def _is_of_settings(change: Change) -> bool:
    """Whether a change may have been written down by mfakit, which never lists a key's."""
    if not isinstance(change.profile, str) or not isinstance(change.key, str):
        return False
    are_texts = all(isinstance(value, str | None) for value in (change.value, change.before))
    return are_texts and isinstance(change.age, int) and change.key.lower() not in SESSION_KEYS


def _changes_file(session: Profile, config_path: str | None = None) -> OwnFile:
    """Return the file of what was changed for a profile, in this config file and no other.

    Args:
        session: the session profile.
        config_path: the config file; by default the one that a link leads to, since that may be
            turned to another one.
    """
    files = session.files
    real = os.path.realpath(files.config_path) if config_path is None else config_path
    folder = os.path.dirname(files.credentials_path)
    usual = [os.path.join(where, "config") for where in (folder, os.path.realpath(folder))]
    config = "" if real in usual else f" in {os.path.abspath(real)}"
    return OwnFile.of(files.credentials_path, "configured", f"{session.name}{config}")


def _check(profile: Profile, settings: Settings) -> None:
    check_profile_name(profile.name)
    if any(key.lower() in SESSION_KEYS for key in settings):
        raise UsageError(
            "keys do not belong to the settings",
            "mfakit.write_session keeps a session, mfakit.remove_session removes it",
        )
    check_values(settings)
    if settings.get("role_arn"):
        _refuse_hiding(profile)
    elif "role_arn" in profile.merged and any(key.startswith(_OWN) for key in settings):
        raise ProfileError(
            f"the profile {profile.name!r} assumes a role, and would ask for codes of its own",
            f"name another profile for the session: --profile {profile.holder}",
        )


def _refuse_hiding(profile: Profile) -> None:
    """Refuse a role in a profile with other credentials, which SDKs would then ignore."""
    values = profile.merged
    if profile.is_protected:
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
