"""AWS's refusals, as each family of services words them, and the simulator's own limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfakit.errors import MFAKitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mfakit.testing.models import Call


RELAX = "AWSSimulator(enforce_policies=False) switches policies off"
INVALID = "The security token included in the request is invalid."
EXPIRED = "The security token included in the request is expired"
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your"
    " AWS Secret Access Key and signing method. Consult the service documentation for details."
)
S3_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your"
    " key and signing method."
)
NOT_VALIDATED = (401, "AuthFailure", "AWS was not able to validate the provided access credentials")
UNKNOWN_AT_S3 = (
    *(403, "InvalidAccessKeyId"),
    "The AWS Access Key Id you provided does not exist in our records.",
)
UNKNOWN_FAILURE = (
    "The request processing has failed because of an unknown error, exception or failure."
)
TEMPORARY_FAILURE = "The request has failed due to a temporary failure of the server."
# Errors that are not about credentials, from each service's list of common errors.
COMMON = {
    "Throttling": (400, "Rate exceeded"),
    "ThrottlingException": (400, "Rate exceeded"),
    "RequestLimitExceeded": (503, "Request limit exceeded."),
    "TooManyRequestsException": (429, "Too Many Requests"),
    "SlowDown": (503, "Please reduce your request rate."),
    "InternalFailure": (500, UNKNOWN_FAILURE),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "ServiceUnavailable": (503, TEMPORARY_FAILURE),
    "AccessDenied": (403, "Access Denied"),
}
NO_FEDERATION = (
    "the simulator cannot verify what an identity provider says of somebody; in a test, let a user"
    " assume the role with AssumeRole"
)
NOT_WELL_FORMED = (
    "The XML you provided was not well-formed or did not validate against our published schema"
)
TOO_SKEWED = "The difference between the request time and the current time is too large."


class AWSError(Exception):
    """A refusal as AWS words it. It becomes an HTTP answer and never reaches the test itself.

    Attributes:
        status: the HTTP status.
        code: AWS's name for the refusal, such as ``AccessDenied``.
        message: AWS's text, character by character.
        details: further elements of S3's answer, such as ``Region``.
    """

    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details


class SimulatorError(MFAKitError):
    """The simulator cannot do what was asked, and AWS has no answer that says so."""


def not_supported(message: str) -> AWSError:
    """Return the refusal of what AWS can do and the simulator cannot."""
    return AWSError(501, "NotSupportedBySimulator", message)


def access_denied(message: str) -> AWSError:
    """Return the refusal that most rules lead to."""
    return AWSError(403, "AccessDenied", message)


def no_such_entity(message: str) -> AWSError:
    """Return IAM's refusal of a name that does not exist."""
    return AWSError(404, "NoSuchEntity", message)


def unknown_host(host: str) -> SimulatorError:
    """Return the error of a call to a host that the simulator does not simulate."""
    return SimulatorError(
        f"the simulator does not know the host {host}; nothing was sent",
        "only AWS's own hosts that moto knows are answered while the simulator is active",
    )


def unknown_key(call: Call) -> AWSError:
    """Return the refusal of a key that does not exist, is inactive, or lacks its token."""
    json = "UnrecognizedClientException"
    return _refusal(call, "InvalidClientTokenId", INVALID, NOT_VALIDATED, UNKNOWN_AT_S3, json)


def wrong_token(call: Call) -> AWSError:
    """Return the refusal of a session token that does not belong to its key."""
    if call.service == "s3":
        malformed = "The provided token is malformed or otherwise invalid."
        return AWSError(400, "InvalidToken", malformed)
    return unknown_key(call)


def expired(call: Call) -> AWSError:
    """Return the refusal of a session that has ended."""
    at_s3 = (400, "ExpiredToken", "The provided token has expired.")
    at_ec2 = (400, "RequestExpired", EXPIRED)
    return _refusal(call, "ExpiredToken", EXPIRED, at_ec2, at_s3, "ExpiredTokenException")


def wrong_signature(call: Call, why: str = "") -> AWSError:
    """Return the refusal of a signature, with a given text in place of the usual one."""
    code = "SignatureDoesNotMatch"
    at_s3 = (403, code, why or S3_MISMATCH)
    return _refusal(call, code, why or MISMATCH, NOT_VALIDATED, at_s3, "InvalidSignatureException")


def _refusal(
    call: Call,
    code: str,
    text: str,
    at_ec2: tuple[int, str, str],
    at_s3: tuple[int, str, str],
    json: str,
) -> AWSError:
    """Return a refusal with status 403, unless the family of the service has another one."""
    if call.protocol == "ec2":
        return AWSError(*at_ec2)
    if call.service == "s3":
        return AWSError(*at_s3)
    return AWSError(call.json_status, json, text) if call.is_json else AWSError(403, code, text)


def wrong_time(call: Call, why: str) -> AWSError:
    """Return the refusal of a request that was signed too long ago, or in the future."""
    if call.service == "s3":
        return AWSError(403, "RequestTimeTooSkewed", TOO_SKEWED)
    return wrong_signature(call, why)


def link_expired(call: Call, why: str) -> AWSError:
    """Return the refusal of a presigned link that has served its time."""
    if call.service == "s3":
        return AWSError(403, "AccessDenied", "Request has expired")
    return wrong_signature(call, why)


def wrong_body(call: Call) -> AWSError:
    """Return the refusal of a body that is not the one that was hashed."""
    if call.service == "s3":
        mismatch = "The provided 'x-amz-content-sha256' header does not match what was computed."
        return AWSError(400, "XAmzContentSHA256Mismatch", mismatch)
    return wrong_signature(call)


def unsigned(call: Call) -> AWSError:
    """Return the refusal of a request without credentials."""
    if call.service == "s3":
        return AWSError(403, "AccessDenied", "Access Denied")
    code = "MissingAuthenticationToken"
    if call.is_json:
        code += "Exception"
    return AWSError(403, code, "Request is missing Authentication Token")


def malformed(call: Call, why: str) -> AWSError:
    """Return the refusal of a request that cannot be read, or in more than one way."""
    if call.service == "s3":
        return AWSError(400, "InvalidArgument", why)
    return AWSError(400, "SerializationException" if call.is_json else "MalformedInput", why)


def no_such_operation(call: Call) -> AWSError:
    """Return the refusal of an operation that the service does not have."""
    if call.is_json:
        return AWSError(400, "UnknownOperationException", "")
    if call.protocol == "ec2":
        why = f"The action {call.operation} is not valid for this web service."
        return AWSError(400, "InvalidAction", why)
    version = call.parameters.get("Version") or "NO_VERSION_SPECIFIED"
    why = f"Could not find operation {call.operation} for version {version}"
    return AWSError(400, "InvalidAction", why)


def malformed_xml() -> AWSError:
    """Return S3's refusal of a body that is not the XML that it expects."""
    return AWSError(400, "MalformedXML", NOT_WELL_FORMED)


def too_large(call: Call) -> AWSError:
    """Return the refusal of a body that is larger than AWS accepts."""
    if call.service == "s3":
        return AWSError(413, "EntityTooLarge", "Your request was too large.")
    code = "RequestEntityTooLarge" + ("Exception" if call.is_json else "")
    return AWSError(413, code, "Request size exceeded the limit.")


def wrong_region(call: Call, claimed: str, right: str) -> AWSError:
    """Return the refusal of a signature for a region that AWS does not have."""
    if call.service == "s3":
        why = (
            f"The authorization header is malformed; the region '{claimed}' is wrong;"
            f" expecting '{right}'"
        )
        return AWSError(400, "AuthorizationHeaderMalformed", why, Region=right)
    return wrong_signature(call, "Credential should be scoped to a valid region.")


def not_signed(call: Call, names: Iterable[str]) -> AWSError:
    """Return the refusal of unsigned headers that have a meaning at AWS."""
    why = "There were headers present in the request which were not signed"
    if call.service == "s3":
        return AWSError(403, "AccessDenied", why, HeadersNotSigned=", ".join(names))
    return wrong_signature(call, f"{why}: {', '.join(names)}")


def denied(call: Call, message: str) -> AWSError:
    """Return the refusal of a call that no policy allows, or that one denies."""
    at_ec2, at_s3 = (403, "UnauthorizedOperation", message), (403, "AccessDenied", message)
    return _refusal(call, "AccessDenied", message, at_ec2, at_s3, "AccessDeniedException")


def named(code: str, call: Call) -> AWSError:
    """Return the error of that code, in the words of the service that is called."""
    for refuse in (expired, unknown_key, wrong_token, wrong_signature):
        refusal = refuse(call)
        if refusal.code == code:
            return refusal
    status, message = COMMON.get(code, (400, "The simulator was told to answer so."))
    return AWSError(status, code, message)
