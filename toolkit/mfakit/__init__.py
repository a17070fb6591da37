"""mfakit turns a six-digit MFA code into a working AWS session.

Nothing heavy is loaded until it is used: each name is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mfakit.environment.render import render_environment, render_unset
    from mfakit.errors import MFAKitError
    from mfakit.exchange.get_session_token import assume_role, get_session_token
    from mfakit.exchange.refreshing import refreshing_session
    from mfakit.expiry.inventory import check_sessions
    from mfakit.profiles.sessions import read_session, remove_session, write_session
    from mfakit.session import SessionCredentials

_HOMES = {
    "MFAKitError": "errors",
    "SessionCredentials": "session",
    "assume_role": "exchange.get_session_token",
    "check_sessions": "expiry.inventory",
    "get_session_token": "exchange.get_session_token",
    "read_session": "profiles.sessions",
    "refreshing_session": "exchange.refreshing",
    "remove_session": "profiles.sessions",
    "render_environment": "environment.render",
    "render_unset": "environment.render",
    "write_session": "profiles.sessions",
}

__all__ = [
    "MFAKitError",
    "SessionCredentials",
    "assume_role",
    "check_sessions",
    "get_session_token",
    "read_session",
    "refreshing_session",
    "remove_session",
    "render_environment",
    "render_unset",
    "write_session",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mfakit' has no attribute {name!r}")
    return getattr(import_module(f"mfakit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
