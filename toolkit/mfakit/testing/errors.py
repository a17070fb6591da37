"""What goes wrong in the simulator: AWS's refusals, and the simulator's own limits."""

from __future__ import annotations

from mfakit.errors import MFAKitError

RELAX = "AWSSimulator(enforce_policies=False) switches policies off"


class AWSError(Exception):
    """A refusal as AWS words it. It becomes an HTTP answer and never reaches the test itself.

    Attributes:
        status: the HTTP status.
        code: AWS's name for the refusal, such as ``AccessDenied``.
        message: AWS's text, character by character.
        details: what S3 tells beside it, such as ``Region``.
    """

    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details


class SimulatorError(MFAKitError):
    """The simulator cannot do what was asked of it, and AWS has no answer that would say so."""


def not_supported(message: str) -> AWSError:
    """Return the refusal of what AWS can do and the simulator cannot."""
    return AWSError(501, "NotSupportedBySimulator", message)


def access_denied(message: str) -> AWSError:
    """Return the refusal that most rules end in."""
    return AWSError(403, "AccessDenied", message)


def no_such_entity(message: str) -> AWSError:
    """Return IAM's refusal of a name that names nothing."""
    return AWSError(404, "NoSuchEntity", message)


def unknown_host(host: str) -> SimulatorError:
    """Return what is raised for a call to a host of which the simulator has nothing."""
    return SimulatorError(
        f"the simulator does not know the host {host}; nothing was sent",
        "only AWS's own hosts that moto knows are answered while the simulator is active",
    )
