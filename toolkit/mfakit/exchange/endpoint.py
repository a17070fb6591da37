"""Whether a session comes from AWS itself, or from something that stands in for it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from mfakit.profiles.aws_files import AWSFiles

_AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".amazonaws.eu")


def endpoint_url(profile: str | None, files: AWSFiles, environ: Mapping[str, str]) -> str | None:
    """Name the endpoint that STS calls go to, never with a password in it.

    Returns:
        What the variables or the profile name, as boto3 reads them; None is AWS's own.
    """
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    url = (
        environ.get("AWS_ENDPOINT_URL_STS")
        or environ.get("AWS_ENDPOINT_URL")
        or _of_services(profile, files)
        or files.setting("endpoint_url", profile)
    )
    if not url or "@" not in url:
        return url
    scheme, _, rest = url.partition("//")
    return f"{scheme}//{rest.rpartition('@')[2]}"


def is_of_aws(url: str | None) -> bool:
    """Whether an endpoint is one of AWS's own, such as a VPC endpoint; None is."""
    if url is None:
        return True
    from urllib.parse import urlsplit

    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return host.endswith(_AWS_DOMAINS)


def _of_services(profile: str | None, files: AWSFiles) -> str | None:
    """Look STS up in the `services` section that a profile names: lines nested below `sts`."""
    services = files.setting("services", profile)
    nested = files.config_file.section(f"services {services}").get("sts", "") if services else ""
    settings = dict(line.partition("=")[::2] for line in nested.splitlines())
    return {key.strip(): url.strip() for key, url in settings.items()}.get("endpoint_url")
