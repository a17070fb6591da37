"""What moto's IAM lacks: ids of AWS's form, the simulator's time, AWS-managed policies."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mfakit.testing.clock import Clock
    from mfakit.testing.wire import Request, Response

# What AWS's ids begin with ("IAM User Guide", unique identifiers); moto's are lower-case letters,
# and of policies an A and twenty more.
ID_PREFIXES = {
    b"UserId": "AIDA",
    b"GroupId": "AGPA",
    b"InstanceProfileId": "AIPA",
    b"PolicyId": "ANPA",
    b"ServerCertificateId": "ASCA",
}
ID_LENGTH = 21
MOTO_ID = re.compile(rb"<(%s)>([a-z0-9]{20}|A[A-Z0-9]{20})<" % b"|".join(ID_PREFIXES))
AWS_MANAGED = re.compile(rb"iam(?::|%3a){2}aws(?::|%3a)policy", re.IGNORECASE)
LISTING = re.compile(rb"Action=(?:ListPolicies|GetAccountAuthorizationDetails)\b")


class MotoIAM:
    """Stands between the simulator and moto.

    moto loads AWS's managed policies for each account anew, which takes a tenth of a second. So
    they are loaded when a request names one, lists policies, or makes a stack.

    Args:
        forward: passes a request on to moto.
        clock: what dates in IAM are told by, in whole seconds.
        account_id: the account.
        partition: its partition.
    """

    def __init__(
        self,
        forward: Callable[[Request], Response],
        clock: Clock,
        account_id: str,
        partition: str,
    ) -> None:
        self._forward = forward
        self._clock = clock
        self._account_id = account_id
        self._partition = partition
        self._lock = threading.Lock()
        self._utcnow: Any = None

    def stop(self) -> None:
        """Put moto's own clock back."""
        if self._utcnow is not None:
            _models().utcnow, self._utcnow = self._utcnow, None

    def forward(self, request: Request) -> Response:
        """Let moto answer."""
        # Stacks may have users, roles and policies in them.
        makes_stacks = request.host.startswith("cloudformation.")
        if not (makes_stacks or request.host.startswith("iam.")):
            return self._forward(request)
        with self._lock:
            self._set_clock()
            if makes_stacks or _needs_managed_policies(request):
                _load_managed_policies(self._account_id, self._partition)
        response = self._forward(request)
        return replace(response, body=MOTO_ID.sub(_with_id_of_aws, response.body))

    def _set_clock(self) -> None:
        """Let moto's IAM tell the simulator's time; it loads slowly, so not before it is asked."""
        if self._utcnow is None:
            models = _models()
            self._utcnow, models.utcnow = models.utcnow, self._now

    def _now(self) -> datetime:
        return self._clock.now().replace(tzinfo=None, microsecond=0)


def _with_id_of_aws(found: re.Match[bytes]) -> bytes:
    """Return an element with an id as AWS makes them: the same one for the same id of moto's."""
    digest = base64.b32encode(hashlib.sha256(found[2]).digest()).decode()
    made = (ID_PREFIXES[found[1]] + digest)[:ID_LENGTH]
    return b"<%s>%s<" % (found[1], made.encode())


def _models() -> Any:
    from moto.iam import models

    return models


def _needs_managed_policies(request: Request) -> bool:
    sent = request.body + request.parts.query.encode()
    return bool(AWS_MANAGED.search(sent) or (LISTING.search(sent) and b"Scope=Local" not in sent))


def _load_managed_policies(account_id: str, partition: str) -> None:
    from moto.core.config import default_user_config
    from moto.iam.models import iam_backends

    backend: Any = iam_backends[account_id][partition]
    if backend.aws_managed_policies:
        return
    options: Any = default_user_config.setdefault("iam", {})
    before = options.get("load_aws_managed_policies", False)
    options["load_aws_managed_policies"] = True
    try:
        backend.aws_managed_policies = backend._init_aws_policies()
    finally:
        options["load_aws_managed_policies"] = before
    known = {policy.arn: policy for policy in backend.aws_managed_policies}
    backend.managed_policies = known | backend.managed_policies
