"""The condition keys that are judged: each is present in a call, or known to be absent from it."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

# Names in lower case, since policies may spell them in any; more than one value: a tuple.
Keys = Mapping[str, str | tuple[str, ...]]

# Present only in the requests that services send by themselves.
SENT_BY_SERVICES_ALONE = frozenset(
    {
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
    }
)

# A key that is added here must be filled in wherever a call has it: see the simulator's own.
KNOWN_KEYS = SENT_BY_SERVICES_ALONE | frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalisawsservice",
        "aws:principaltype",
        "aws:requestedregion",
        "aws:securetransport",
        "aws:sourceidentity",
        "aws:sourceip",
        "aws:tokenissuetime",
        "aws:useragent",
        "aws:userid",
        "aws:username",
        "aws:viaawsservice",
        "sts:externalid",
        "sts:rolesessionname",
        "sts:sourceidentity",
    }
)


# The rest of such a key's name is a tag of who calls, in lower case too.
PRINCIPAL_TAG = "aws:principaltag/"
_A_TAG = re.compile(re.escape(PRINCIPAL_TAG) + r"[\w\s.:/=+@-]+")


def is_known(name: str, given: Container[str] = ()) -> bool:
    """Tell whether a key is judged, by its name in lower case.

    Args:
        name: the name.
        given: the keys of a call, which are known for it, be it that they have no value.
    """
    return name in KNOWN_KEYS or name in given or _A_TAG.fullmatch(name) is not None


def values_of(keys: Keys, name: str) -> tuple[str, ...]:
    """Return all values of a key, whose name is in lower case; none if it is absent."""
    found = keys.get(name, ())
    return (found,) if isinstance(found, str) else found
