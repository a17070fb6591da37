"""Services that call other services on behalf of who calls, who has to be allowed that too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mfakit.testing.demands.model import Demand, json_body

if TYPE_CHECKING:
    from mfakit.testing.actions import Call
    from mfakit.testing.wire import Request

# A stack may hold anything, and a tag be that of anything.
ANYTHING = Demand(None, None)
READING = re.compile("Describe|Detect|Estimate|Get|List|Validate")
TAGGING = ("TagResources", "UntagResources")
# Parameters that are secrets, by the name under which Systems Manager gives them.
SECRETS = "/aws/reference/secretsmanager/"


def demands(call: Call, request: Request) -> tuple[Demand, ...]:
    """Return what is asked for beside the call itself."""
    match call.service:
        case "cloudformation":
            # A template that is read from S3 is an object of which only the URL is known.
            only_reads = READING.match(call.operation) and "TemplateURL" not in call.parameters
            return () if only_reads else (ANYTHING,)
        case "tagging":
            return (ANYTHING,) if call.operation in TAGGING else ()
        case "athena":
            # Its results are written into a bucket that the call or the work group names.
            starts = call.operation == "StartQueryExecution"
            return (Demand("s3:PutObject", None),) if starts else ()
        case "ssm":
            body = json_body(call, request)
            named = [body.get("Name"), *(body.get("Names") or ())]
            secret = any(str(name).startswith(SECRETS) for name in named)
            return (Demand("secretsmanager:GetSecretValue", None),) if secret else ()
    return ()
