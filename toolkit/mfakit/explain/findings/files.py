"""What is wrong with the AWS files, with the region, and with the certificates to trust."""

from __future__ import annotations

import os
import re
import stat

from mfakit.environment import unset_line
from mfakit.errors import FileError, UnreadableError
from mfakit.exchange.source import endpoint_url, is_of_aws
from mfakit.explain.findings import (
    COMMENT,
    Finding,
    edit,
    quoted,
    real_path,
    set_setting,
    without_settings,
)
from mfakit.explain.javascript import line_above_sections
from mfakit.profiles.document import Document
from mfakit.profiles.reading import UTF_16, read_text
from mfakit.profiles.section import has_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mfakit.explain.situation import Situation

_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d+")


def region_empty(situation: Situation) -> Iterator[Finding]:
    """The region is set to nothing, which hides the one that would be found else."""
    if situation.chain.region != "" or situation.sdk == "js":
        return
    name = "AWS_DEFAULT_REGION"
    place, fix = name, unset_line(situation.shell, [name])
    if situation.environ.get(name) is None:
        place, fix = situation.place("region"), without_settings(situation, "region")
    in_config = situation.files.config(situation.profile)
    hidden = in_config.get("region") or situation.values.get("region")
    yield Finding(
        "region-empty",
        f"the region is set to nothing ({place})" + (f", which hides {hidden}" if hidden else ""),
        "AWS tools take it for a region: calls have no address, or are refused",
        fix,
    )


def certificates(situation: Situation) -> tuple[str, str | None, str]:
    """Return what names the file with the certificates to trust, its name, and what unsets it."""
    name = "AWS_CA_BUNDLE"
    if named := situation.environ.get(name):
        return name, named, unset_line(situation.shell, [name])
    named = situation.values.get("ca_bundle")
    fix = without_settings(situation, "ca_bundle") if named else ""
    return f"ca_bundle ({situation.place('ca_bundle')})", named, fix


def certificates_missing(situation: Situation) -> Iterator[Finding]:
    """The file with the certificates to trust does not exist, so that no call reaches AWS."""
    place, named, fix = certificates(situation)
    if situation.sdk == "js" or not named or os.path.exists(named):
        return
    here = "" if os.path.isabs(named) else " here: AWS tools look in the folder they are run in"
    yield Finding(
        "certificates-missing",
        f"{place} names {named!r}, and there is no such file{here}",
        "no call reaches AWS (SSLError)",
        fix,
    )


def region_unknown(situation: Situation) -> Iterator[Finding]:
    """AWS has no region of that form, such as that of a zone; another server may have it."""
    region, place = situation.chain.region or "", situation.region_place
    url = endpoint_url(situation.as_profile, situation.environ)
    if not region or _REGION.fullmatch(region) or not is_of_aws(url):
        return
    meant = _REGION.match(region.lower())
    name = meant[0] if meant else "REGION"
    yield Finding(
        "region-unknown",
        f"AWS has no region {region!r} ({place})",
        "calls have no address",
        f"export {place}={name}"
        if place.startswith("AWS_")
        else set_setting(situation, "region", name),
    )


def byte_order_mark(situation: Situation) -> Iterator[Finding]:
    """A byte-order mark is before the first line, which the AWS CLI and boto3 cannot read."""
    for path in (situation.files.credentials_path, situation.files.config_path):
        if situation.sdk != "js" and read_text(path).startswith("\ufeff"):
            yield Finding(
                "byte-order-mark",
                f"{path} begins with a byte-order mark",
                "boto3 and the AWS CLI cannot read the file (ConfigParseError)",
                "LC_ALL=C sed -i.bak"
                f""" "1s/^$(printf '\\357\\273\\277')//" {quoted(os.path.realpath(path))}""",
            )


def file_unreadable(situation: Situation) -> Iterator[Finding]:
    """A file cannot be read by botocore, because of a line of it."""
    files = situation.files
    for path in (files.credentials_path, files.config_path):
        text = ""
        try:
            text = read_text(path)
            Document(text, path)
        except FileError as error:
            is_denied = not isinstance(error, UnreadableError)
            reads_it = situation.sdk == "js" and UTF_16 not in error.message
            if is_denied or (not text.startswith("\ufeff") and not reads_it):
                yield Finding(
                    "search-fails",
                    error.message,
                    "AWS tools find no profile in it, whatever is there",
                    _to_be_read(path) if is_denied else edit(path),
                )


def _to_be_read(path: str) -> str:
    """Return the command that gives a file to the user, or lets the user see why it cannot be."""
    try:
        owner = os.stat(path).st_uid
    except OSError:
        return f"ls -ld {quoted(os.path.dirname(path))}"
    if os.name != "posix" or not os.path.isfile(path):
        return f"ls -ld {quoted(path)}"
    if owner == os.geteuid():
        return f"chmod u+r {quoted(path)}"
    return f'sudo chown "$(id -u)" {quoted(path)}'


def header_followed(situation: Situation) -> Iterator[Finding]:
    """A header is followed by other text, and to the SDK for JavaScript is none then."""
    files, profile = situation.files, situation.profile
    if situation.sdk != "js":
        return
    try:
        in_config = files.config_file, files.config_header(profile)
        documents = ((files.credentials_file, profile), in_config)
    except FileError:  # botocore cannot read one of them, which `line_before_sections` reports
        return
    for document, header in documents:
        if not document.has_section(header):
            continue
        line = document.line_of_header(header)
        text = COMMENT.split(document.text.split("\n")[line - 1], maxsplit=1)[0]
        if not text.rstrip().endswith("]"):
            fixed = f"{line}s/][^]]*$/]/"
            yield Finding(
                "wrong-header",
                f"there is text after the header [{header}] ({document.path}, line {line})",
                "the SDK for JavaScript, and others, take the line for no header; boto3 and the"
                " AWS CLI read it",
                f"sed -i.bak {quoted(fixed)} {quoted(real_path(document))}",
            )


def line_before_sections(situation: Situation) -> Iterator[Finding]:
    """A setting is above every section, where the SDK for JavaScript ignores it in silence."""
    files = situation.files
    for path in (files.credentials_path, files.config_path):
        line = line_above_sections(read_text(path)) if situation.sdk == "js" else None
        if line is not None and not any(header_followed(situation)):
            yield Finding(
                "line-before-sections",
                f"there is no section above line {line} of {path}",
                "the SDK for JavaScript ignores it; boto3 and the AWS CLI cannot read the file",
                edit(path),
            )


def text_after_value(situation: Situation) -> Iterator[Finding]:
    """A value is followed by what looks like a comment, which botocore alone takes for a part."""
    values = situation.files.merged(situation.profile)
    found = [
        key
        for key, value in values.items()
        if not key.startswith("mfakit_") and COMMENT.search(value)
    ]
    if found:
        places = [f"{key} ({situation.place(key)})" for key in found]
        path = situation.place(found[0]).rpartition(", line ")[0]
        # in a command it is meant to be a part, and elsewhere a comment
        yield Finding(
            "text-after-value",
            f"there is text after `#` or `;` in {' and '.join(places)}",
            "boto3 and the AWS CLI take it for a part of the value, and other SDKs do not",
            edit(path),
            matters=any((key == "credential_process") == (situation.sdk == "js") for key in found),
        )


def readable_by_others(situation: Situation) -> Iterator[Finding]:
    """Everybody on the machine can read the keys."""
    files = situation.files
    paths = [files.credentials_path]
    if any(has_keys(values) for _, values in files.config_file.sections()):
        paths.append(files.config_path)
    for path in paths:
        mode = _mode(path)
        if mode & 0o007:  # bits for the group alone are a choice
            yield Finding(
                "readable-by-others",
                f"{path} has mode {mode:04o}",
                "other users of this machine can read your keys",
                f"chmod 600 {quoted(os.path.realpath(path))}",
            )


def _mode(path: str) -> int:
    """Return a file's mode; 0 for what is no regular file, such as ``/dev/null``."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return 0
    return stat.S_IMODE(mode) if stat.S_ISREG(mode) and os.name == "posix" else 0


RULES = (
    region_empty,
    certificates_missing,
    region_unknown,
    byte_order_mark,
    file_unreadable,
    header_followed,
    line_before_sections,
    text_after_value,
    readable_by_others,
)
