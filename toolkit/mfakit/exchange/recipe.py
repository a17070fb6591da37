"""How a session is made: the request, completed from the AWS files."""

from __future__ import annotations

from mfakit import debug
from mfakit.errors import ProfileError, UsageError
from mfakit.exchange.aws import partition_of, region_of
from mfakit.exchange.iam import check_serial_number
from mfakit.exchange.source import endpoint_url, find_source, is_of_aws, long_term_hint
from mfakit.moments import parse_duration, timedelta
from mfakit.profiles.own_files import ROLE_SESSION_NAME, as_role_options
from mfakit.profiles.profile import RoleSession
from mfakit.profiles.selection import roles_before, source_profile
from mfakit.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from mfakit.exchange import Asker
    from mfakit.exchange.source import Source
    from mfakit.profiles.own_files import SessionRecord
    from mfakit.profiles.profile import Profile

DEFAULT_DURATION = timedelta(hours=12)
_SHORTEST = timedelta(minutes=15)
_LONGEST = timedelta(hours=36)
_LONGEST_ROLE = timedelta(hours=12)
CHAINED_SECONDS = 3600  # IAM User Guide: the longest for a role that is assumed with a session
_DEVICE = ("mfa_serial", "aws_mfa_device", "aws_mfa_serial")  # aws-mfa's name, and opinel's
_MOST_TAGS = 50
_MOST_POLICIES = 10
_MOST_POLICY_CHARACTERS = 2048

# These are regions of every account, too, and STS's global endpoint never stood for them.
_NEVER_GLOBAL = {"ap-northeast-2", "ap-northeast-3"}
GLOBAL_ENDPOINT = (
    "it is made by STS's global endpoint (sts_regional_endpoints = legacy), whose sessions hold"
    " only in the regions that every account has"
)

_NAME = r"[\w+=,.@-]{2,64}"
_NAME_HINT = "2 to 64 letters, digits and + = , . @ - _"
# For each text parameter of AssumeRole: what it is, the form that STS accepts by its service model
# (that of the ARN is ours), and this form in words.
_FORMS = {
    "RoleArn": (
        "the ARN of a role",
        r"(?!.{2049})arn:[\w-]+:iam::\d{12}:role/[!-~]+",
        "arn:aws:iam::123456789012:role/NAME",
    ),
    "RoleSessionName": ("the name of a role's session", _NAME, _NAME_HINT),
    "ExternalId": (
        "an external id",
        r"[\w+=,.@:/-]{2,1224}",
        "2 to 1224 letters, digits and + = , . @ : / - _",
    ),
    "SourceIdentity": ("a source identity", _NAME, _NAME_HINT),
}


class Role(Value):
    """A role, and the other parameters of AssumeRole.

    Args:
        arn: the role.
        session_name: the name of its session; None if none was requested.
        options: the other parameters: ``ExternalId``, ``SourceIdentity``, ``Tags``.
        policies: the session policies, which take away from what the role may do: ``Policy``, the
            text of one, and ``PolicyArns``, the ARNs of managed ones.

    Raises:
        UsageError: AWS would refuse the form of one of them.
    """

    arn: str
    session_name: str | None = None
    options: Mapping[str, Any] = {}
    policies: Mapping[str, Any] = {}

    def _check(self) -> None:
        import re

        given = self.parameters(None)
        for name, (what, form, hint) in _FORMS.items():
            if name in given and not re.fullmatch(form, given[name], re.ASCII):
                raise UsageError(f"{given[name]!r} is not {what}", f"write it as {hint}")
        _check_tags(given.get("Tags", []))
        _check_policies(given.get("Policy", ""), given.get("PolicyArns", []))

    @property
    def policies_digest(self) -> str | None:
        """The SHA-256 of the session policies, by which a record knows them; None without any."""
        if not self.policies:
            return None
        import json
        from hashlib import sha256

        return sha256(json.dumps(self.policies, sort_keys=True).encode()).hexdigest()

    def session_of(self, profile: Profile) -> RoleSession:
        """Return the place for the role's session, assumed with the one that a profile holds."""
        return RoleSession(profile, self.arn, self.policies_digest)

    def parameters(self, duration: timedelta | None) -> dict[str, Any]:
        """Return the parameters of AssumeRole, with a duration only if there is one."""
        name = self.session_name or ROLE_SESSION_NAME
        role = {"RoleArn": self.arn, "RoleSessionName": name, **self.options, **self.policies}
        if duration is not None:
            role["DurationSeconds"] = int(duration.total_seconds())
        return role


def _check_policies(text: str, arns: list[dict[str, str]]) -> None:
    """Refuse session policies that AssumeRole would refuse, by the limits of the API reference.

    Raises:
        UsageError: there are too many, they are too long together, or one has no policy's ARN.
    """
    import re

    if len(arns) > _MOST_POLICIES:
        raise UsageError(f"{len(arns)} policies are too many", f"AWS takes {_MOST_POLICIES} ARNs")
    for each in arns:
        if not re.fullmatch(r"arn:[\w-]+:iam::(aws|\d{12}):policy/[!-~]+", each["arn"], re.ASCII):
            raise UsageError(
                f"{each['arn']!r} is not the ARN of a policy",
                "write it as arn:aws:iam::aws:policy/ReadOnlyAccess",
            )
    length = len(text) + sum(len(each["arn"]) for each in arns)
    if length > _MOST_POLICY_CHARACTERS:
        raise UsageError(
            f"the session policies have {length} characters",
            f"AWS takes {_MOST_POLICY_CHARACTERS} together, ARNs included",
        )


def _check_tags(tags: list[dict[str, str]]) -> None:
    """Refuse session tags that AssumeRole would refuse.

    The limits are those of the API reference; IAM tells no two keys apart by case alone.

    Raises:
        UsageError: there are too many, two of one key, or one has a wrong length or character.
    """
    if len(tags) > _MOST_TAGS:
        raise UsageError(f"{len(tags)} tags are too many", f"AWS takes {_MOST_TAGS} at most")
    keys = [tag["Key"].casefold() for tag in tags]
    for tag, key in zip(tags, keys, strict=True):
        if keys.count(key) > 1:
            raise UsageError(
                f"there are two tags {tag['Key']!r}; their case does not tell them apart",
                "leave one of them out",
            )
        if key.startswith("aws:"):
            raise UsageError(f"the tag {tag['Key']!r} is AWS's own", "take another prefix")
        texts = (("key", tag["Key"], 128), ("value", tag["Value"], 256))
        for what, text, longest in texts:
            if len(text) > longest or not all(map(_may_be_in_tag, text)):
                raise UsageError(
                    f"{text!r} cannot be the {what} of a tag",
                    f"take at most {longest} letters, digits, spaces and _ . : / = + - @",
                )


def _may_be_in_tag(letter: str) -> bool:
    import unicodedata

    return letter in "_.:/=+-@" or unicodedata.category(letter)[0] in "LNZ"


class LoginRequest(Value):
    """What the user requested; None where the profiles' settings or the defaults apply.

    Args:
        source_profile: where the long-term credentials are.
        serial_number: the MFA device.
        token_code: the six digits, or ``-`` for standard input.
        token_command: a command that prints a code.
        duration: how long the session lasts.
        role: a role to get a session of, instead of the user's own.
        as_before: whether to make the session as its record says: of the same role, from the
            same profile's keys.
        min_remaining: seconds that a session must have left to be reused, instead of the rule.
        force: renew a session that could be reused, and let a simulator's session replace one of
            AWS.
        patience: seconds to wait for an answer on the terminal, and for another process that is
            asking for the same session; None means forever.
        asker: what asks for the code instead of the terminal.
        must_ask: whether to ask even if a token command is configured.
        note: called with messages for the user that are no errors.
    """

    source_profile: str | None = None
    serial_number: str | None = None
    token_code: str | None = None
    token_command: str | None = None
    duration: timedelta | None = None
    role: Role | None = None
    as_before: bool = False
    min_remaining: float | None = None
    force: bool = False
    patience: float | None = None
    asker: Asker | None = None
    must_ask: bool = False
    note: Callable[[str], object] = staticmethod(lambda _: None)

    @property
    def wants_new(self) -> bool:
        """Whether a new session was requested explicitly."""
        return self.force or self.token_code is not None or self.duration is not None


class Recipe(Value):
    """All that is needed to make a session, checked as far as that is possible.

    Args:
        source: the credentials that it is made from.
        serial_number: the device; None if IAM has yet to be asked for it.
        role: the role that is assumed; None for a session of the user's own.
        duration: how long the session lasts; None, for a role, leaves it to AWS.
        endpoint_url: the endpoint of STS; None for AWS's own.
        device_place: the setting or variable that names the device, in brackets; "" if none does.
    """

    source: Source
    serial_number: str | None
    role: Role | None
    duration: timedelta | None
    endpoint_url: str | None
    device_place: str = ""

    @property
    def role_options(self) -> str | None:
        """The other parameters of AssumeRole, as a record stores them."""
        return as_role_options(dict(self.role.options)) if self.role else None

    @property
    def is_of_aws(self) -> bool:
        """Whether the session comes from AWS, and not from a simulator."""
        return is_of_aws(self.endpoint_url)

    def agrees_with(self, record: SessionRecord) -> bool:
        """Whether a session with this record is of the same keys, endpoint, device and role.

        Its duration is not compared, nor the name of a role's session.
        """
        role = self.role
        return (
            record.source_access_key_id == self.source.access_key_id
            and record.endpoint_url == self.endpoint_url
            and record.role_arn == (role and role.arn)
            and record.role_options == self.role_options
            and record.policies_digest == (role and role.policies_digest)
            and self.serial_number in (None, record.serial_number)
        )


def make_recipe(request: LoginRequest, profile: Profile, before: SessionRecord | None) -> Recipe:
    """Return how to make a session, after all checks that are possible.

    Args:
        request: what the user requested.
        profile: the session profile.
        before: the record of the session to renew, if mfakit made it.

    Raises:
        MFAKitError: the session cannot be made so.
    """
    if not request.as_before:
        before = None
    role = request.role
    if role is None and before is not None and before.role_arn is not None:
        _refuse_lost_policies(profile, before)
        role = Role(before.role_arn, before.role_session_name, before.options_of_role())
    named = request.source_profile
    if not named and before is not None and not profile.setting("mfakit_source_profile"):
        named = before.source_profile
    source = find_source(named, profile, may_be_session=role is not None)
    _refuse_contradictions(request, source, profile)
    duration = _duration(request, source, profile, is_of_role=role is not None)
    serial_number, place = _serial_number(request, source, profile)
    if serial_number is not None:
        _refuse_other_partition(f"{serial_number}{place}", source, profile)
    signer = None if source.profile is None else profile.other(source.profile)
    url = endpoint_url(signer, profile.files.environ)
    recipe = Recipe(source, serial_number, role, duration, url, place)
    debug.event("device: {}", serial_number or "not named; IAM will be asked")
    debug.event("endpoint: {}", url or "AWS's own")
    debug.event("duration: {}", duration or "not asked for")
    if role is not None:
        debug.event("role: {}", role.arn)
    if before is not None:
        _refuse_another(request, profile, before, recipe)
    return recipe


def _refuse_lost_policies(profile: Profile, before: SessionRecord) -> None:
    """Refuse to renew a session without its session policies, of which the digest alone is kept."""
    import shlex

    if before.policies_digest is not None:
        words = ["mfakit", "login", "--profile", profile.name, "--role-arn", before.role_arn or ""]
        raise ProfileError(
            f"the session of profile {profile.name!r} was made with session policies, which a"
            " renewal does not know",
            f"name them again: {shlex.join(words)} --policy FILE, or --policy-arn ARN",
        )


def configured_serial_number(session: Profile, source: str | None) -> str | None:
    """Return the device that a variable or the AWS files name for a session; None if none is.

    Args:
        session: the session profile.
        source: the source profile; None for keys of the environment.
    """
    return _configured_device(session, source)[0]


def _configured_device(session: Profile, source: str | None) -> tuple[str | None, str]:
    others = (*roles_before(session), source)
    return _configured("MFAKIT_SERIAL_NUMBER", _DEVICE, session, *others)


def _configured(
    variable: str, keys: tuple[str, ...], session: Profile, *others: str | None
) -> tuple[str | None, str]:
    """Return a value that a variable or a profile sets, or None; and where it is set."""
    if named := session.files.environ.get(variable):
        debug.event("{}: set by {}", keys[0], variable)
        return named, variable
    for key in keys:
        for profile in (session, *map(session.other, filter(None, others))):
            if found := profile.setting(key):
                return found, f"{key} in {profile.place(key)}"
    return None, ""


def _serial_number(
    request: LoginRequest, source: Source, profile: Profile
) -> tuple[str | None, str]:
    """Return the device that is requested or configured, after a check of its form; and where."""
    if request.serial_number is not None:
        return check_serial_number(request.serial_number), ""
    configured, where = _configured_device(profile, source.profile)
    if not configured:
        return None, ""
    try:
        return check_serial_number(configured), f" ({where})"
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None


def _refuse_contradictions(request: LoginRequest, source: Source, profile: Profile) -> None:
    """Raise an error for options that exclude each other: none may be ignored."""
    given, command = request.token_code, request.token_command
    if given is not None and command is not None:
        raise UsageError("--token-code and --token-command exclude each other", "give one of them")
    if not source.is_session:
        return
    if given is not None or command is not None:
        raise unexpected_code(source, profile)
    if source.profile == profile.name:
        raise ProfileError(
            f"the profile {profile.name!r} cannot hold the role's session: it holds the one"
            " that the role is assumed from",
            "name another profile for the role's: --profile ROLE",
        )


def _refuse_other_partition(device: str, source: Source, profile: Profile) -> None:
    """Raise an error if the region's part of AWS does not know the device.

    Args:
        device: its serial number, and where that is set.
        source: the credentials.
        profile: the session profile.
    """
    import shlex

    if not source.region or not device.startswith("arn:"):
        return
    named, partition = device.split(":")[1], partition_of(source.region)
    if named == partition:
        return
    holders = [name for name in (profile.name, source.profile) if name is not None]
    holder = next((name for name in holders if profile.other(name).setting("region")), None)
    region = region_of(device)
    raise ProfileError(
        f"the device {device} is of the partition {named}, and the region {source.region}"
        f" of {partition}; no code was used",
        "name a device of that partition, or another region: "
        + (
            f"export AWS_REGION={region}"
            if holder is None
            else f"aws configure set region {region} --profile {shlex.quote(holder)}"
        ),
    )


def _refuse_another(
    request: LoginRequest, profile: Profile, before: SessionRecord, recipe: Recipe
) -> None:
    """Raise an error if a renewal would silently use another endpoint or another user's keys."""
    import shlex

    yourself = f"log in yourself: mfakit login --profile {shlex.quote(profile.name)}"
    if is_of_aws(before.endpoint_url) != recipe.is_of_aws:
        raise ProfileError(
            f"the session of profile {profile.name!r} came from {before.endpoint_url or 'AWS'},"
            f" and a new one would come from {recipe.endpoint_url or 'AWS'}",
            yourself,
        )
    other_keys = before.source_access_key_id != recipe.source.access_key_id
    if other_keys and before.source_profile is None and request.source_profile is None:
        raise ProfileError(
            f"the session of profile {profile.name!r} was made with keys of the environment,"
            " which are no longer set",
            yourself,
        )


def is_refused_in(region: str, session: Profile) -> bool:
    """Whether AWS refuses the session of a profile in a region.

    So it does in regions that an account has to opt in to, if the session was made by STS's global
    endpoint and the account has not asked for other tokens of it (IAM User Guide, STS and regions).
    """
    environ, source = session.files.environ, source_profile(session)
    if source is None or endpoint_url(source, environ) is not None:
        return False
    mode = environ.get("AWS_STS_REGIONAL_ENDPOINTS") or source.setting("sts_regional_endpoints")
    if mode != "legacy":
        return False
    from botocore.args import LEGACY_GLOBAL_STS_REGIONS

    by_global_endpoint = {*LEGACY_GLOBAL_STS_REGIONS} - {"aws-global"}
    if session.files.setting("region", source.name, session.name) not in by_global_endpoint:
        return False
    is_region = region.count("-") > 1 and region[-1:].isdecimal()
    is_of_every_account = region in by_global_endpoint | _NEVER_GLOBAL
    return is_region and not is_of_every_account and partition_of(region) == "aws"


def is_too_long_for_chain(asked: str) -> bool:
    """Whether AWS refuses a ``duration_seconds`` of a role that is assumed with a session."""
    asked = asked.lstrip("0")
    # int refuses numbers of very many digits; a longer number is a larger one
    is_long = len(asked) > len(str(CHAINED_SECONDS))
    return asked.isdecimal() and (is_long or int(asked) > CHAINED_SECONDS)


def unexpected_code(source: Source, session: Profile) -> UsageError:
    """Return the error for a code that was given although the source already is an MFA session."""
    return UsageError(
        f"{source.origin} already is an MFA session, which needs no code",
        f"leave the code out; or {long_term_hint(session.other(source.profile or ''))}",
    )


def _duration(
    request: LoginRequest, source: Source, profile: Profile, *, is_of_role: bool
) -> timedelta | None:
    if is_of_role:
        if request.duration is not None:
            check_role_duration(request.duration, chained=source.is_session)
        return request.duration
    if request.duration is not None:
        check_duration(request.duration)
        return request.duration
    keys = ("mfakit_duration",)
    configured, where = _configured("MFAKIT_DURATION", keys, profile, source.profile)
    if not configured:
        return DEFAULT_DURATION
    try:
        return read_session_duration(configured)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None


def check_duration(duration: timedelta) -> None:
    """Refuse a duration that AWS would refuse, before a code is used.

    Raises:
        UsageError: it is shorter than 15 minutes or longer than 36 hours.
    """
    _check_between(duration, _LONGEST, "AWS gives 900 s (15m) to 129600 s (36h)")


def read_session_duration(text: str) -> timedelta:
    """Parse the duration of a session, such as ``8h``.

    Raises:
        UsageError: it is no duration, or AWS would refuse it.
    """
    duration = timedelta(seconds=parse_duration(text))
    check_duration(duration)
    return duration


def check_role_duration(duration: timedelta, *, chained: bool) -> None:
    """Refuse a duration that no role's session can have, before a code is used.

    Raises:
        UsageError: it is shorter than 15 minutes or longer than 12 hours; or longer than one hour,
            which is AWS's limit for a role that is assumed from a session.
    """
    if chained:
        why = "a role assumed from a session lasts 15m to 1h; give a code for a longer one"
        _check_between(duration, timedelta(seconds=CHAINED_SECONDS), why)
    else:
        _check_between(duration, _LONGEST_ROLE, "a role's session lasts 15m to 12h")


def _check_between(duration: timedelta, longest: timedelta, why: str) -> None:
    if not _SHORTEST <= duration <= longest:
        raise UsageError(f"a session cannot last {int(duration.total_seconds())} s", why)
