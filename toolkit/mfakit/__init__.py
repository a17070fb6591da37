"""mfakit turns a six-digit MFA code into a working AWS session.

Nothing heavy is loaded until it is used: each name is imported when it is first asked for.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from mfakit.environment.render import (
        detect_shell,
        render_environment,
        render_failure,
        render_profile,
        render_unset,
    )
    from mfakit.environment.running import run_command
    from mfakit.errors import MFAKitError
    from mfakit.exchange.library import (
        assume_role,
        get_session_token,
        login,
        refreshing_session,
    )
    from mfakit.exchange.login import Login
    from mfakit.expiry import check_sessions
    from mfakit.profiles.profile import read_session, remove_session, write_session
    from mfakit.profiles.settings import read_settings, write_settings
    from mfakit.session import SessionCredentials

_HOMES = {
    "Login": "exchange.login",
    "MFAKitError": "errors",
    "SessionCredentials": "session",
    "assume_role": "exchange.library",
    "check_sessions": "expiry",
    "detect_shell": "environment.render",
    "get_session_token": "exchange.library",
    "login": "exchange.library",
    "read_session": "profiles.profile",
    "read_settings": "profiles.settings",
    "refreshing_session": "exchange.library",
    "remove_session": "profiles.profile",
    "render_environment": "environment.render",
    "render_failure": "environment.render",
    "render_profile": "environment.render",
    "render_unset": "environment.render",
    "run_command": "environment.running",
    "write_session": "profiles.profile",
    "write_settings": "profiles.settings",
}

__all__ = [
    "Login",
    "MFAKitError",
    "SessionCredentials",
    "assume_role",
    "check_sessions",
    "detect_shell",
    "get_session_token",
    "login",
    "read_session",
    "read_settings",
    "refreshing_session",
    "remove_session",
    "render_environment",
    "render_failure",
    "render_profile",
    "render_unset",
    "run_command",
    "write_session",
    "write_settings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mfakit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mfakit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
