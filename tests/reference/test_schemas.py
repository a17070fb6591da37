"""The JSON Schemas of the reference describe the program's real output."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mfakit import SessionCredentials, write_session
from mfakit.cli.commands import COMMANDS

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"
# A user, a role that asks for a code, and one whose source is that role: links in links.
CONFIG = """\
[profile mfa]
region = eu-central-1
[profile role]
role_arn = arn:aws:iam::123456789012:role/admin
source_profile = mfa
[profile chained]
role_arn = arn:aws:iam::123456789012:role/other
source_profile = role
"""
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Classic",
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}},
            },
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
        ],
    }
)


def conforms(name: str, text: str) -> dict[str, object]:
    """Check a text by a schema without showing its values, since some are secret."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    said = json.loads(text)
    wrong = [error.json_path for error in Draft202012Validator(schema).iter_errors(said)]
    assert wrong == []
    return said


@pytest.fixture
def session(home, alice) -> None:
    """A session in the profile mfa."""
    home.write_config(CONFIG)
    arguments = ("--serial-number", alice.device.serial_number, "--json", "--token-code", "-")
    done = home.mfakit("login", *arguments, stdin=alice.device.code())
    conforms("login", done.stdout)


def test_serve_prints_what_its_schema_says(home) -> None:
    end = datetime.now(UTC) + timedelta(hours=9)
    write_session("mfa", SessionCredentials("ASIA1", "s", "t", end), environ=home.environ)
    command = [sys.executable, "-m", "mfakit", "serve", "--shell", "json"]
    with subprocess.Popen(command, env=home.environ, stdout=subprocess.PIPE, text=True) as serving:
        lines = [*takewhile(lambda line: line != "}\n", serving.stdout), "}"]
        serving.terminate()
    conforms("serve", "".join(lines))


@pytest.mark.parametrize("path", sorted(SCHEMAS.iterdir()), ids=lambda path: path.stem)
def test_schemas_are_valid(path: Path) -> None:
    """Each schema is valid by the JSON Schema draft that it names."""
    Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


def test_every_json_output_has_a_schema() -> None:
    """It may be an option of its own or a format."""
    speaking = {
        command.name
        for command in COMMANDS.values()
        for option in command.options
        if "--json" in option.names or "json" in option.settings.get("choices", ())
    }
    documented = {path.stem.removesuffix("-check") for path in SCHEMAS.iterdir()}
    assert speaking - {"schedule"} <= documented  # schedule hands its format on to check


@pytest.mark.usefixtures("session")
def test_json_about_sessions_matches_its_schema(home) -> None:
    """The sessions are kept, handed on, reused, and checked with all others on the machine."""
    assert conforms("login", home.mfakit("login", "--json").stdout)["reused"] is True
    conforms("env", home.mfakit("env", "--shell", "json").stdout)
    conforms("credential-process", home.mfakit("credential-process").stdout)
    unknown = "[old]\naws_access_key_id=ASIA1\naws_secret_access_key=s\naws_session_token=t\n"
    home.write_credentials(home.credentials.read_text() + unknown)
    said = conforms("check", home.mfakit("check", "--all", "--format", "json").stdout)
    assert [found["state"] for found in said["sessions"]] == ["valid", "unknown"]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    "arguments",
    [
        ("-p", "mfa", "--online"),
        ("-p", "default"),
        ("-p", "chained"),
        ("-p", "chained", "--sdk", "js"),
        ("-p", "nobody"),
    ],
    ids=" ".join,
)
def test_json_of_explain_matches_its_schema(home, arguments: tuple[str, ...]) -> None:
    """It is about a session, keys, nested roles and nothing, with and without --online."""
    conforms("explain", home.mfakit("explain", "--json", *arguments).stdout)


def test_json_of_policy_check_matches_its_schema(home) -> None:
    """The classic mistake is reported with its statement."""
    done = home.mfakit("policy", "check", "-", "--json", stdin=POLICY)
    said = conforms("policy-check", done.stdout)
    assert said["requires_mfa"] is False


@contextmanager
def simulator(home):
    """Start the command; return its first line, and a function for its control calls."""
    command = [sys.executable, "-m", "mfakit", "simulate", "--json"]
    with subprocess.Popen(command, env=home.environ, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        said = json.loads(line)

        def control(call: str, body: bytes = b"") -> str:
            request = urllib.request.Request(
                f"{said['endpoint_url']}/_mfakit/{call}",
                data=body,
                headers={"X-Mfakit-Token": said["control_token"]},
            )
            try:
                with urllib.request.urlopen(request) as answer:
                    return answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.read().decode()

        try:
            yield line, control
        finally:
            process.terminate()


def test_json_of_the_simulator_matches_its_schema(home) -> None:
    """This is its first line, and the answers of its control calls."""
    with simulator(home) as (line, control):
        conforms("simulate", line)
        answers = [conforms("simulate-code", control("code?user=alice")) for _ in range(6)]
        assert "code" in answers[0]
        assert "retry_after_seconds" in answers[-1]
        conforms("simulate-clock", control("clock?advance=30"))
        conforms("simulate-fault", control("fault", b'{"operation": "GetSessionToken"}'))
