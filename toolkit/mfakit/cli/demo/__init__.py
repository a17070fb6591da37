"""`mfakit demo`: the main job from end to end, with real programs, against the simulator.

Each step runs a command as a person would, shows what it really said, and checks that it did what
the step claims. All of it happens in a temporary home and on loopback.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, NoReturn

from mfakit.cli.demo.stage import SimulatorProcess, Stage, temporary_home
from mfakit.cli.output import write
from mfakit.extras import require_extra

if TYPE_CHECKING:
    from argparse import Namespace

_SHORTEST_SESSION_SECONDS = 900
_SHOWN_LIFE_SECONDS = 8


def run(options: Namespace) -> int:
    """Run the command."""
    require_extra("testing", "moto")
    signal.signal(signal.SIGTERM, _end)
    with temporary_home() as home, SimulatorProcess(home) as aws:
        stage = Stage(home, aws)
        write(f"An AWS simulator listens on {aws.endpoint_url}; home is {home}.\n")
        write(f"{stage.aws_note}\n")
        _denied_without_mfa(stage)
        code = _login(stage)
        _works_with_mfa(stage)
        _works_in_a_shell(stage)
        _refuses_a_used_code(stage, code)
        _expires_at_aws(stage)
        _runs_out_here(stage)
    write("\nAll of it worked. Nothing of it is left.\n")
    return 0


def _end(_signal: int, _frame: object) -> NoReturn:
    sys.exit(143)  # by way of the context managers, so that nothing is left behind


def _denied_without_mfa(stage: Stage) -> None:
    stage.title("Without MFA the policy denies nearly everything")
    result = stage.aws("s3", "ls")
    stage.expect(result.code != 0 and "AccessDenied" in result.output, "AWS should deny this")


def _login(stage: Stage) -> str:
    stage.title("A code from the device becomes a session")
    code = stage.simulator.code()
    result = stage.mfakit("login", "--token-code", code)
    stage.expect(result.code == 0, "the login should work")
    return code


def _works_with_mfa(stage: Stage) -> None:
    stage.title("Every AWS tool finds it as the profile mfa")
    stage.aws("s3", "mb", "s3://made-with-mfa", "--profile", "mfa")
    result = stage.aws("s3", "ls", "--profile", "mfa")
    stage.expect(result.code == 0 and "made-with-mfa" in result.output, "the bucket should be seen")


def _works_in_a_shell(stage: Stage) -> None:
    stage.title("Or in the environment of a shell")
    result = stage.shell('eval "$(mfakit env)"', stage.aws_line("sts", "get-caller-identity"))
    stage.expect(
        result.code == 0 and stage.simulator.user_arn in result.output, "AWS should know the user"
    )


def _refuses_a_used_code(stage: Stage, code: str) -> None:
    stage.title("A code works once")
    result = stage.mfakit("login", "--force", "--token-code", code)
    stage.expect(result.code == 1 and "used before" in result.output, "the code should be refused")


def _expires_at_aws(stage: Stage) -> None:
    stage.title("Thirteen hours later AWS does not honour the session any more")
    hours = 13 * 3600
    stage.simulator.advance(hours)
    result = stage.aws("s3", "ls", "--profile", "mfa")
    stage.expect(result.code != 0 and "ExpiredToken" in result.output, "AWS should say so")
    stage.simulator.advance(-hours)


def _runs_out_here(stage: Stage) -> None:
    stage.title(f"A session with {_SHOWN_LIFE_SECONDS} s to live comes due, and runs out")
    back = _SHORTEST_SESSION_SECONDS - _SHOWN_LIFE_SECONDS
    stage.simulator.advance(-back)
    result = stage.mfakit(
        "login", "--force", "--duration", "15m", "--token-code", stage.simulator.code()
    )
    stage.expect(result.code == 0, "the login should work")
    seen: list[int] = []
    give_up = time.monotonic() + 4 * _SHOWN_LIFE_SECONDS
    while seen[-1:] != [2] and time.monotonic() < give_up:
        code = stage.mfakit("check", quiet_if=seen[-1:]).code
        seen += [code] if seen[-1:] != [code] else []
        time.sleep(0.2)
    stage.expect(seen == [0, 1, 2], "it should be valid (0), due (1), expired (2)")
