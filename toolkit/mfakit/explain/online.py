"""What AWS says of the credentials and of the time: the one part of the explanation that asks."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from mfakit.explain.chain import as_seen_by, in_environment
from mfakit.explain.findings.finding import Finding, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mfakit.explain.situation import Situation

# AWS takes a signature for 15 minutes either way; a clock that is off by less will drift.
_SERIOUS_SECONDS = 300
_TIMEOUT_SECONDS = 10
_REGION = "us-east-1"
_SET_CLOCK = {"darwin": "sudo sntp -sS time.apple.com", "win32": "w32tm /resync"}


class Answer:
    """What came of asking AWS.

    Args:
        account: whose the credentials are; None if AWS refused them.
        arn: the user or the role.
        error: why it could not be told: the name of an error, and what it says.
        clock_seconds: how far this machine's clock is ahead of AWS's; None if that is not known.
    """

    def __init__(
        self,
        account: str | None = None,
        arn: str | None = None,
        error: tuple[str, str] | None = None,
        clock_seconds: float | None = None,
    ) -> None:
        self.account = account
        self.arn = arn
        self.error = error
        self.clock_seconds = clock_seconds


def ask(situation: Situation) -> Answer:
    """Ask AWS whose the credentials are, with the SDK's own search for them.

    A role that wants a code is not asked for: the code would be spent on nothing.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    winner = situation.chain.winner
    if winner is None or (winner.asks and situation.values.get("mfa_serial")):
        return Answer(error=("NotAsked", "there is nothing to ask with, or it would take a code"))
    with in_environment(as_seen_by(situation.sdk, situation.environ)):
        try:
            answer = _client(situation).get_caller_identity()
        except ClientError as error:
            told = error.response["Error"]
            refusal = str(told.get("Code", "")), str(told.get("Message", ""))
            return Answer(error=refusal, clock_seconds=_clock(error.response))
        except (BotoCoreError, RuntimeError, OSError, ValueError) as error:
            return Answer(error=(type(error).__name__, str(error)))
    return Answer(str(answer["Account"]), str(answer["Arn"]), clock_seconds=_clock(answer))


def findings(answer: Answer, situation: Situation) -> list[Finding]:
    """Tell what is wrong that only asking shows."""
    found = []
    profile = situation.profile
    off = answer.clock_seconds
    if off is not None and abs(off) >= _SERIOUS_SECONDS:
        found.append(
            Finding(
                "clock-off",
                f"this machine's clock is {abs(off) / 60:.0f} minutes"
                f" {'ahead of' if off > 0 else 'behind'} AWS's",
                "codes are refused, and beyond 15 minutes every call (SignatureDoesNotMatch)",
                _SET_CLOCK.get(sys.platform, "sudo timedatectl set-ntp true"),
            )
        )
    if answer.error is not None and answer.account is None and answer.error[0] != "NotAsked":
        found.append(
            Finding(
                "refused",
                f"AWS cannot be called: {': '.join(part for part in answer.error if part)}",
                "every program that finds these credentials fares so",
                f"mfakit login --force --profile {quoted(profile)}"
                if situation.values.get("aws_session_token")
                else f"aws configure --profile {quoted(profile)}",
            )
        )
    return found


def _client(situation: Situation) -> Any:
    from botocore.config import Config
    from botocore.session import Session

    session: Any = Session(profile=situation.flag)
    config = Config(
        connect_timeout=_TIMEOUT_SECONDS,
        read_timeout=_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    region = session.get_config_variable("region") or _REGION
    return session.create_client("sts", region_name=region, config=config)


def _clock(answer: dict[str, Any]) -> float | None:
    """Tell how far this machine's clock is ahead, by the date of AWS's answer."""
    from email.utils import parsedate_to_datetime

    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    if not date:
        return None
    return (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
