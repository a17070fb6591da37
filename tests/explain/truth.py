"""The credentials that botocore itself takes in an environment, or its error."""

from __future__ import annotations

import botocore.session
from botocore.credentials import Credentials

from mfakit.explain.chain import in_environment

# Here the key is known to whoever is asked, not to the files.
ASKED = {"assume-role", "assume-role-with-web-identity", "sso", "custom-process"}


def resolved(environ: dict[str, str], flag: str | None) -> tuple[str | None, str | None]:
    """Return the provider and the key, or the error."""
    with in_environment(environ):
        try:
            # The handlers are for calls; to register them takes longer than all the rest.
            session = botocore.session.Session(profile=flag, include_builtin_handlers=False)
            found = session.get_credentials()
        except Exception as error:
            return type(error).__name__, None
        if found is None:
            return None, None
        if found.method in ASKED:
            return found.method, None
        if type(found) is not Credentials:  # it renews itself: its key is the variables'
            return found.method, environ.get("AWS_ACCESS_KEY_ID")
        return found.method, found.access_key


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
