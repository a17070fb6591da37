"""The credentials that botocore itself takes in an environment, or its error."""

from __future__ import annotations

import os
from typing import Any

import botocore.session
from botocore.credentials import Credentials, SSOProvider
from botocore.exceptions import EndpointConnectionError
from botocore.tokens import SSOTokenProvider

from mfakit.explain.chain import in_environment

# Here the key is known to whoever is asked, not to the files.
ASKED = {"assume-role", "assume-role-with-web-identity", "sso", "custom-process"}
# What they lack shows only when they are needed.
NOW = {"env", "assume-role", "assume-role-with-web-identity", "sso", "container-role"}


Winner = tuple[str | None, str | None]


def resolved(environ: dict[str, str], flag: str | None) -> Winner:
    """Return the provider and the key, or the error, which may be that no client can be made."""
    found, has_failed, session = _credentials(environ, flag)
    if has_failed:
        return found
    with in_environment({"AWS_DEFAULT_REGION": "us-east-1"} | environ):
        try:
            key = {"aws_access_key_id": "a", "aws_secret_access_key": "s"}
            session.create_client("sts", **key)
        except Exception as error:
            return type(error).__name__, None
    return found


def _credentials(environ: dict[str, str], flag: str | None) -> tuple[Winner, bool, Any]:
    """Return the provider and the key, or the error; whether it is one; and the session."""
    session: Any = None
    # with an endpoint of its own, botocore needs a region to sign for
    with in_environment({"AWS_DEFAULT_REGION": "us-east-1"} | environ):
        folder = os.path.expanduser("~/.aws/sso/cache")
        SSOProvider._SSO_TOKEN_CACHE_DIR = SSOTokenProvider._SSO_TOKEN_CACHE_DIR = folder
        try:
            session = botocore.session.Session(profile=flag)
            roles = session.get_component("credential_provider").get_provider("assume-role")
            roles._prompter = lambda _: "123456"
            found = session.get_credentials()
        except Exception as error:
            return (type(error).__name__, None), True, session
        if found is None:
            return (None, None), False, session
        if found.method in NOW:
            try:
                found.get_frozen_credentials()
            except (RuntimeError, EndpointConnectionError):
                pass  # they have ended, which a finding reports, or AWS was asked
            except Exception as error:
                return (type(error).__name__, None), True, session
        if found.method in ASKED:
            return (found.method, None), False, session
        if type(found) is not Credentials:  # it renews itself: its key is the variables'
            return (found.method, environ.get("AWS_ACCESS_KEY_ID")), False, session
        return (found.method, found.access_key), False, session


def explained(environ: dict[str, str], flag: str | None) -> tuple[str | None, str | None]:
    """Return the winner of `explain` in the same terms."""
    from mfakit.explain.chain import FAILED, walk

    chain = walk(environ, flag)
    if chain.error is not None:
        return chain.error[0], None
    winner = chain.winner
    if winner is None:
        return None, None
    if winner.state == FAILED:
        assert winner.error is not None
        return winner.error[0], None
    return winner.provider, winner.access_key_id
