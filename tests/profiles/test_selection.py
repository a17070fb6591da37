"""Which profile holds the session, and which one its source: one row for each rule."""

from __future__ import annotations

import gc
import time

import pytest

from mfakit.errors import ProfileError
from mfakit.profiles.aws_files import AWSFiles
from mfakit.profiles.profile import Profile
from mfakit.profiles.selection import (
    default_source_profile,
    named_source_profile,
    session_profile,
)

KEYS = "aws_access_key_id = AKIA1\naws_secret_access_key = s\n"
SESSION = "aws_access_key_id = ASIA1\naws_secret_access_key = s\naws_session_token = t\n"
CREDENTIALS = (
    f"[default]\n{KEYS}[work]\n{KEYS}[partial]\naws_access_key_id = AKIA1\n[live]\n{SESSION}"
    f"[aws-mfa-long-term]\n{KEYS}[empty]\nregion = us-east-1\n[minio]\n"
    "aws_access_key_id = minio\naws_secret_access_key = s\n"
)
CONFIG = """
[profile admin]
role_arn = arn:aws:iam::1:role/admin
source_profile = work
[profile deep]
role_arn = arn:aws:iam::1:role/deep
source_profile = admin
[profile of-session]
role_arn = arn:aws:iam::1:role/r
source_profile = live
[profile self]
role_arn = arn:aws:iam::1:role/self
source_profile = self
aws_access_key_id = AKIA1
aws_secret_access_key = s
[profile a]
role_arn = arn:aws:iam::1:role/a
source_profile = b
[profile b]
role_arn = arn:aws:iam::1:role/b
source_profile = a
[profile instance]
role_arn = arn:aws:iam::1:role/i
credential_source = Ec2InstanceMetadata
[profile sso]
sso_session = corp
[profile web]
web_identity_token_file = /token
role_arn = arn:aws:iam::1:role/w
[profile console]
login_session = arn:aws:iam::1:user/a
[profile vault]
credential_process = aws-vault exec work
[profile ours]
credential_process = mfakit credential-process --profile ours
[profile "with space"]
mfakit_source_profile = work
"""


@pytest.fixture
def files(home) -> AWSFiles:
    home.write_credentials(CREDENTIALS)
    home.write_config(CONFIG)
    return AWSFiles(home.environ)


@pytest.mark.parametrize(
    ("flag", "environ", "profile"),
    [
        (None, {}, "mfa"),
        ("x", {"MFAKIT_PROFILE": "y", "AWS_PROFILE": "live"}, "x"),
        (None, {"MFAKIT_PROFILE": "y", "AWS_PROFILE": "live"}, "y"),
        (None, {"MFAKIT_PROFILE": ""}, "mfa"),
        (None, {"AWS_PROFILE": "live"}, "live"),
        (None, {"AWS_PROFILE": "empty"}, "empty"),
        (None, {"AWS_PROFILE": "not-there-yet"}, "not-there-yet"),
        (None, {"AWS_PROFILE": "default"}, "mfa"),
        (None, {"AWS_PROFILE": "work"}, "work-mfa"),
        (None, {"AWS_PROFILE": "partial"}, "partial-mfa"),
        (None, {"AWS_PROFILE": "minio"}, "minio-mfa"),
        (None, {"AWS_PROFILE": "admin"}, "work-mfa"),
        (None, {"AWS_PROFILE": "deep"}, "work-mfa"),
        (None, {"AWS_PROFILE": "of-session"}, "live"),
        (None, {"AWS_PROFILE": "self"}, "self-mfa"),
        (None, {"AWS_PROFILE": "ours"}, "ours"),
        (None, {"AWS_DEFAULT_PROFILE": "work", "AWS_PROFILE": "live"}, "work-mfa"),
        (None, {"AWS_PROFILE": ""}, "mfa"),
    ],
)
def test_the_session_profile_comes_from_the_flag_then_mfakit_profile_then_aws_profile(
    files, flag, environ, profile
) -> None:
    """If none of them is set, it is `mfa`."""
    assert session_profile(flag, AWSFiles(files.environ | environ)).name == profile


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sso", "IAM Identity Center"),
        ("web", "a web identity"),
        ("console", "through the console"),
        ("vault", "from a program"),
        ("instance", "assumes the role"),
        ("a", "go round in a circle: a -> b -> a"),
    ],
)
def test_profiles_of_other_credential_providers_are_refused(files, name, message) -> None:
    """The error has a hint, and comes before a code is asked for."""
    with pytest.raises(ProfileError, match=message) as caught:
        session_profile(None, AWSFiles(files.environ | {"AWS_PROFILE": name}))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("flag", "session", "source"),
    [
        ("x", "work-mfa", "x"),
        (None, "with space", "work"),
        (None, "work-mfa", "work"),
        (None, "default-mfa", "default"),
        (None, "partial-mfa", "partial"),  # which is an error, and not the keys of another user
        (None, "live-mfa", None),
        (None, "aws-mfa", "aws-mfa-long-term"),
        (None, "mfa", None),
    ],
)
def test_the_source_profile_comes_from_the_flag_then_the_setting_then_the_name(
    files, flag, session, source
) -> None:
    """The name is `X` for the session profile `X-mfa`, or aws-mfa's `X-long-term` for `X`."""
    found = named_source_profile(flag, Profile(session, files))
    assert (found and found.name) == source


def test_default_is_the_source_profile_where_none_is_named(home) -> None:
    """aws-mfa calls it `default-long-term`, which counts if only that has the keys."""
    home.write_credentials(f"[default]\n{SESSION}[default-long-term]\n{KEYS}")
    assert default_source_profile(AWSFiles(home.environ)).name == "default-long-term"
    home.write_credentials("")
    assert default_source_profile(AWSFiles(home.environ)).name == "default"


def test_four_times_as_many_profiles_are_read_in_less_than_nine_times_the_time(home) -> None:
    """`keys import` and others look at every profile; each is read as it would be alone."""

    def seconds(count: int) -> float:
        return min(once(count) for _ in range(3))

    def once(count: int) -> float:
        home.write_credentials("".join(f"[p{n}]\naws_access_key_id = {n}\n" for n in range(count)))
        home.write_config("".join(f"[profile p{n}]\nregion = r{n}\n" for n in range(count)))
        files = AWSFiles(home.environ)
        names = files.profiles()
        gc.disable()  # it would look through all that the other tests have left
        began = time.process_time()
        read = {name: files.merged(name) for name in [*names, "none"]}
        took = time.process_time() - began
        gc.enable()
        values = {f"p{n}": {"aws_access_key_id": f"{n}", "region": f"r{n}"} for n in range(count)}
        assert read == {**values, "none": {}}
        return took

    assert seconds(4000) < 9 * seconds(1000)
