"""The credentials and the config file: their paths, and the values of a profile."""

from __future__ import annotations

import os

from mfakit import debug
from mfakit.errors import FileError
from mfakit.profiles.document import Document
from mfakit.profiles.reading import read_text
from mfakit.profiles.section import has_access_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mfakit.profiles.section import Values


BESIDE_ROLE = "-session"  # ends the name of a session profile whose usual name a role has
_SIGNS_IN = ("role_arn", "web_identity_token_file", "login_session")
_QUOTES = ("'", '"', "\\")
# To look for each of many sections alone takes longer than to scan all of them once.
_MANY = 16


class AWSFiles:
    """The content of the two files, each of which is read once, when it is first needed.

    Args:
        environ: the environment with the paths of the files; the process's own by default.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self.environ = os.environ if environ is None else environ
        # without cached_property: loading functools takes longer than reading the files
        self._documents: dict[object, Document] = {}
        self._credentials: dict[str, Values] = {}
        self._configs: dict[str, Values] = {}

    def read_again(self) -> AWSFiles:
        """Return the files as they are now, since other processes may have changed them."""
        return AWSFiles(self.environ)

    @property
    def credentials_path(self) -> str:
        """The path of the credentials file."""
        return credentials_path(self.environ)

    @property
    def config_path(self) -> str:
        """The path of the config file."""
        return config_path(self.environ)

    @property
    def credentials_file(self) -> Document:
        """The credentials file; empty if there is none."""
        return self._document(credentials_path)

    @property
    def config_file(self) -> Document:
        """The config file; empty if there is none."""
        return self._document(config_path)

    def _document(self, find: Callable[[Mapping[str, str]], str]) -> Document:
        if find not in self._documents:
            path = find(self.environ)
            text = read_text(path)
            self._documents[find] = Document(text, path)
            debug.event("{}: {} characters", path, len(text))
        return self._documents[find]

    def credentials(self, profile: str) -> Values:
        """Return the profile's section of the credentials file."""
        known = self._credentials
        if profile not in known:
            if len(known) < _MANY:
                known[profile] = self.credentials_file.section(profile)
            elif len(known) == _MANY:
                known.update(self.credentials_file.sections())
        return known.setdefault(profile, {})

    def config(self, profile: str) -> Values:
        """Return the profile's section of the config file.

        Of several sections for one profile, such as ``[default]`` and ``[profile default]``, the
        last alone counts, as in botocore.
        """
        known = self._configs
        if profile not in known:
            if len(known) < _MANY:
                header = header_of(self.config_file, profile)
                known[profile] = {} if header is None else self.config_file.section(header)
            elif len(known) == _MANY:
                sections = self.config_file.sections()
                named = ((profile_of(header), values) for header, values in sections)
                known.update((name, values) for name, values in named if name is not None)
        return known.setdefault(profile, {})

    def config_header(self, profile: str) -> str:
        """Return the header of a profile's section in the config file, which may not exist yet."""
        return header_of(self.config_file, profile) or new_header(profile)

    def merged(self, profile: str) -> Values:
        """Return the values of a profile in both files; the credentials file wins."""
        return {**self.config(profile), **self.credentials(profile)}

    def keys(self, profile: str) -> Values:
        """Return the section that holds the profile's keys; the credentials file wins."""
        values = self.credentials(profile)
        return values if has_access_key(values) else self.config(profile)

    def profiles(self) -> list[str]:
        """Return the names of all profiles, those of the credentials file first."""
        found = map(profile_of, self.config_file.names())
        configured = [name for name in found if name is not None]
        return list(dict.fromkeys([*self.credentials_file.names(), *configured]))

    def like(self, profile: str) -> str | None:
        """Return the profile with the most similar name, if there is one."""
        from difflib import get_close_matches

        names = [name for name in self.profiles() if name]
        return next(iter(get_close_matches(profile, names, n=1)), None)

    def spelled(self, profile: str) -> str | None:
        """Return the other profile whose name differs by case, quotes, blanks or `-` and `_` alone.

        None if there is none.
        """
        meant = _plain(profile.strip("\"' \t\r\n"))
        names = (name for name in self.profiles() if name != profile)
        return next((name for name in names if _plain(name) == meant), None)

    def exists(self, profile: str) -> bool:
        """Whether the profile is in one of the files."""
        return self.credentials_file.has_section(profile) or (
            header_of(self.config_file, profile) is not None
        )

    def unread_header(self, profile: str) -> tuple[Document, str] | None:
        """Return the document and header of a section that is meant for a profile, and not read.

        The header is one of the other file, in capitals, without quotes or with blanks too many.
        """
        if profile != " ".join(profile.split()):
            return None
        is_one_file = os.path.realpath(self.config_path) == os.path.realpath(self.credentials_path)
        for document in (self.config_file, self.credentials_file):
            for header in document.names():
                text = " ".join(header.split())
                word, _, rest = text.partition(" ")
                in_config = document is self.config_file
                is_read = profile_of(header) is not None if in_config else header == profile
                if is_one_file:  # it is read as both
                    is_read = header == profile or profile_of(header) is not None
                is_meant = profile == text or (word.lower() == "profile" and profile == rest)
                if is_meant and not is_read:
                    return document, header
        return None

    def setting(self, key: str, *profiles: str | None) -> str | None:
        """Return a setting from the first of these profiles that has it in either file."""
        for profile in profiles:
            if profile and (value := self.merged(profile).get(key)):
                if debug.is_on():
                    debug.event(
                        "{}: set for profile {!r}, {}", key, profile, self.place(profile, key)
                    )
                return value
        return None

    def its_session(self, profile: str) -> str:
        """Return the name of the profile for a session that is made from this one's keys.

        A profile of that name that has a role or signs in cannot hold it, and gets a neighbour
        that can.
        """
        usual = "mfa" if profile == "default" else f"{profile}-mfa"
        is_taken = any(key in _SIGNS_IN or key.startswith("sso_") for key in self.merged(usual))
        return usual + BESIDE_ROLE if is_taken else usual

    def line_of(self, profile: str, key: str) -> tuple[str, int] | None:
        """Return the file and the line of a profile's setting; the credentials file wins."""
        if line := self.credentials_file.line_of(profile, key):
            return self.credentials_path, line
        if line := self.config_file.line_of(self.config_header(profile), key):
            return self.config_path, line
        return None

    def place(self, profile: str, key: str) -> str:
        """Return the file and the line of a profile's setting as text; "" if it is not set."""
        found = self.line_of(profile, key)
        return f"{found[0]}, line {found[1]}" if found else ""


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")


def header_of(config: Document, profile: str) -> str | None:
    """Return the header of the section that counts for a profile; None if it has none."""
    headers = config.names()
    if not any(sign in config.text for sign in _QUOTES):
        headers = [header for header in headers if profile in header]  # to split fewer of them
    return next((header for header in reversed(headers) if profile_of(header) == profile), None)


def new_header(profile: str) -> str:
    """Return a header for a profile that botocore finds, which splits it as a shell does."""
    if profile == "default":
        return profile
    if not any(sign in profile for sign in (" ", *_QUOTES)):
        return f"profile {profile}"
    if '"' not in profile and "\\" not in profile:
        return f'profile "{profile}"'
    import shlex

    return f"profile {shlex.quote(profile)}"


def profile_of(header: str) -> str | None:
    """Return the profile that a header of the config file names, or None, as botocore reads it.

    Before the name of all but ``default`` is a word that begins with ``profile``, whatever follows
    in it; SDKs ignore other sections.
    """
    if header == "default":
        return header
    if not header.startswith("profile"):
        return None
    if any(sign in header for sign in _QUOTES):
        import shlex

        try:
            words = shlex.split(header)
        except ValueError:
            return None
    else:
        words = [word for word in header.replace("\t", " ").replace("\r", " ").split(" ") if word]
    return words[1] if len(words) == 2 else None


def credentials_path(environ: Mapping[str, str]) -> str:
    """Return the credentials file: ``AWS_SHARED_CREDENTIALS_FILE``, else in ``~/.aws``."""
    return expand_path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials", environ)


def config_path(environ: Mapping[str, str]) -> str:
    """Return the config file: ``AWS_CONFIG_FILE``, else in ``~/.aws``."""
    return expand_path(environ.get("AWS_CONFIG_FILE") or "~/.aws/config", environ)


def expand_path(path: str, environ: Mapping[str, str]) -> str:
    """Expand variables, then the home, in botocore's order."""
    path = os.path.expandvars(path)
    home = environ.get("USERPROFILE" if os.name == "nt" else "HOME")
    if home and path.startswith(("~/", "~\\")):
        # not by normpath on POSIX: `link/..` is above what the link leads to
        return home + path[1:] if os.name == "posix" else os.path.normpath(home + path[1:])
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise FileError(f"there is no home to look for {path} in", "set HOME, and try again")
    return expanded
