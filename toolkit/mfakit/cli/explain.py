"""`mfakit explain`: which credentials would AWS use here, and what is wrong."""

from __future__ import annotations

import os
import re

from mfakit.cli.output import escape, read_input, show, write
from mfakit.environment.render import likely_shell
from mfakit.errors import UsageError
from mfakit.explain import Explanation
from mfakit.explain.situation import Situation
from mfakit.explain.verdict import ask
from mfakit.moments import utc_now

_OURS = ("HOME", "USERPROFILE", "PATH")
# how bash and zsh print what they export
_DECLARED = re.compile(r"^(?:declare|typeset) -\w*x\w* ", re.M)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping

    from mfakit.profiles.aws_files import AWSFiles


def run(options: Namespace, _: AWSFiles) -> int:
    """Run the command."""
    environ = _environment(options.env_file)
    shell = "sh" if options.json or options.env_file is not None else likely_shell()
    situation = Situation(environ, options.profile, options.sdk, utc_now(), shell)
    explanation = Explanation(situation, ask(situation) if options.online else None)
    if options.json:
        write(explanation.as_json() + "\n")
    else:
        show("".join(f"{escape(line)}\n" for line in explanation.lines()))
    return 1 if explanation.matters else 0


def _environment(env_file: str | None) -> Mapping[str, str]:
    """Return the environment in a file, with our own home and programs if it has none."""
    if env_file is None:
        return os.environ
    text = read_input(env_file)
    given = _records(text) if "\0" in text else _lines(text, env_file)
    ours = {name: os.environ[name] for name in _OURS if name in os.environ}
    return ours | given


def _records(text: str) -> dict[str, str]:
    """Read the output of `env -0`, or Linux's /proc/PID/environ; values may have several lines."""
    pairs = (record.partition("=") for record in text.split("\0"))
    return {name: value for name, _, value in pairs if name}


def _lines(text: str, name: str) -> dict[str, str]:
    """Read the output of `env`, a shell's `export` lines, or a .env file.

    Raises:
        UsageError: a line with AWS in it cannot be read.
    """
    from io import StringIO

    from dotenv.parser import parse_stream

    given = {}
    for line in parse_stream(StringIO(_DECLARED.sub("export ", text))):
        if line.error and "AWS_" in line.original.string:
            raise UsageError(
                f"line {line.original.line} of {name} is not NAME=VALUE",
                "give the environment as `env` or `env -0` prints it",
            )
        if line.key and "=" not in line.key and line.value is not None:
            given[line.key] = line.value
    return given
