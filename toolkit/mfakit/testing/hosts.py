"""Which host a request is for: AWS's hosts, and this machine's own."""

from __future__ import annotations

import ipaddress
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

AWS_SUFFIXES = (
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".amazonaws.eu",
    ".api.aws",
    ".on.aws",
    ".api.amazonwebservices.com.cn",
    ".signin.aws.amazon.com",
    # The sign-in of other partitions, and the partitions that are cut off from the others.
    ".signin.amazonaws.cn",
    ".signin.amazonaws-us-gov.com",
    ".c2s.ic.gov",
    ".sc2s.sgov.gov",
    ".csp.hci.ic.gov",
    ".cloud.adc-e.uk",
)
METADATA_HOSTS = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254")


@lru_cache  # each request asks several times about the same few hosts
def is_loopback(host: str) -> bool:
    """Tell whether a host, with a port or without, is this machine's own."""
    name = _name(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Pythons differ about whether an IPv4 address within an IPv6 one is loopback; it is not.
    return address.is_loopback and getattr(address, "ipv4_mapped", None) is None


def is_aws(host: str) -> bool:
    """Tell whether a host is one of AWS's."""
    return f".{_name(host).removesuffix('.')}".endswith(AWS_SUFFIXES)


def is_metadata_service(host: str) -> bool:
    """Tell whether a host is where machines at AWS find credentials."""
    return _name(host) in METADATA_HOSTS


@cache
def aws_host(service: str, region: str) -> str:
    """Return where the SDKs send what is for that service and region.

    Args:
        service: what its hosts begin with, ``api.sagemaker``.
        region: a region.
    """
    if service == "s3":
        return f"s3.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    endpoint: Any = _resolver().construct_endpoint(service, region) or {}
    return str(endpoint.get("hostname") or f"{service}.{region}.amazonaws.com")


def is_region(region: str) -> bool:
    """Tell whether AWS has a region of that name."""
    return region in _regions()


@cache
def _regions() -> frozenset[str]:
    from botocore.loaders import Loader

    partitions: Any = Loader().load_data("endpoints")
    return frozenset(name for part in partitions["partitions"] for name in part["regions"])


def partition(region: str) -> str:
    """Return the partition of a region: ``aws``, ``aws-cn``, ``aws-us-gov``."""
    return str(_resolver().get_partition_for_region(region))


@cache
def _resolver() -> Any:
    from botocore.loaders import Loader
    from botocore.regions import EndpointResolver

    kind: Any = EndpointResolver
    return kind(Loader().load_data("endpoints"))


@lru_cache
def _name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
