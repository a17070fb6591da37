"""What botocore makes anew for each session or client, although it is the same, made once.

That is most of what a client costs, and the tests make thousands of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import botocore.client
import botocore.hooks
import botocore.session


def _once(owner: Any, name: str, key: Callable[[Any], str], copied: Callable[[Any], Any]) -> None:
    """Replace a method by one that returns a copy of what it returned for the same key before."""
    method, returned = getattr(owner, name), {}

    @functools.wraps(method)
    def remember(self: Any, argument: Any) -> Any:
        if key(argument) not in returned:
            returned[key(argument)] = method(self, argument)
        return copied(returned[key(argument)])

    setattr(owner, name, remember)


# The models of services are megabytes of JSON.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
botocore.hooks.accepts_kwargs = functools.cache(botocore.hooks.accepts_kwargs)
_once(botocore.hooks.EventAliaser, "_alias_event_name", str, str)
_once(botocore.client.ClientCreator, "_create_methods", lambda model: model.service_name, dict)
