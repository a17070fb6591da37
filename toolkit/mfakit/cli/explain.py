"""`mfakit explain`: which credentials would AWS use here, and what is wrong."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from mfakit.cli.input import read_input
from mfakit.cli.output import escape, write
from mfakit.explain.online import ask
from mfakit.explain.report import Explanation
from mfakit.explain.situation import Situation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Mapping


def run(options: Namespace) -> int:
    """Run the command."""
    environ = _environment(options.env_file)
    situation = Situation(environ, options.profile, options.sdk, datetime.now(UTC))
    explanation = Explanation(situation, ask(situation) if options.online else None)
    if options.json:
        write(explanation.as_json() + "\n")
    else:
        write("".join(f"{escape(line)}\n" for line in explanation.lines()))
    return 1 if explanation.matters else 0


def _environment(env_file: str | None) -> Mapping[str, str]:
    """Read another environment: lines, as `env` prints them, or Linux's /proc/PID/environ."""
    if env_file is None:
        return os.environ
    from io import StringIO

    from dotenv import dotenv_values

    text = read_input(env_file).replace("\0", "\n")
    given = dotenv_values(stream=StringIO(text), interpolate=False)
    homes = {name: os.environ[name] for name in ("HOME", "USERPROFILE") if name in os.environ}
    return homes | {name: value for name, value in given.items() if value is not None}
