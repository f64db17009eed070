"""S3's settings in variables and profiles: region, endpoint, credentials, certificates, proxies.

They are read with the standard library, since the client does not bring boto3. A setting that needs
boto3 is reported as such. A bucket is opened in `zs_client.store`.
"""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from zs_client import masking

INSTALL = "pip install 'data-asset-cache[s3]'"
# Settings of a profile that only boto3 can turn into credentials.
_ONLY_BOTO3 = (
    *("credential_process", "sso_session", "sso_start_url", "login_session"),
    *("role_arn", "source_profile", "credential_source", "web_identity_token_file"),
)
# obstore uses these by itself.
_BY_OBSTORE = (
    ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
)
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
# rustls's messages about certificates that no bundle can make valid, without blanks.
_REFUSED = {
    "causedasendentity": (
        "it is an authority's own, as `openssl req -x509` makes; the server needs one that the "
        "authority signed"
    ),
    "notvalidforname": "it is for another name than the one in the address",
    "expired": "it has expired, or the clock of this machine is wrong",
}
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")


def endpoint() -> str:
    """Returns the URL of the S3 server; empty for AWS's own.

    Raises:
        ValueError: The setting is no URL, or has a user or a password.
    """
    settings = profile()
    urls = {name: os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")}
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        urls[f"endpoint_url of the profile {profile_name()}"] = _of_services(
            settings.get("services")
        ) or settings.get("endpoint_url")
    for name, value in urls.items():
        if not value:
            continue
        if reason := masking.unfit(name, value):
            raise ValueError(reason)
        try:
            url = urlsplit(value)
            is_url = url.scheme in ("http", "https") and bool(url.hostname)
            _ = url.port
        except ValueError:
            is_url = False
        if not is_url:
            visible = value.rpartition("@")[2].partition("?")[0].partition("#")[0]
            raise ValueError(
                f"{name}={visible}: is no address of a server; it begins with http:// or https://, "
                "as http://localhost:9000"
            )
        return value
    return ""


def region() -> str:
    """Returns the region that variables or the profile name; empty if none does."""
    variable = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return variable or profile().get("region", "")


def keys() -> dict[str, str]:
    """Returns the profile's keys under obstore's names; none if variables have keys."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return {}
    settings = profile()
    if not (settings.get(_KEYS[0]) and settings.get(_KEYS[1])):
        return {}
    masking.know(*(settings.get(name, "") for name in _KEYS[1:]))
    return {name.removeprefix("aws_"): settings[name] for name in _KEYS if settings.get(name)}


def are_there() -> bool:
    """Returns whether variables name credentials that obstore finds by itself."""
    return any(
        all(os.environ.get(name) for name in names)
        for names in (*_BY_OBSTORE, ("AWS_ACCESS_KEY_ID",))
    )


def suffice() -> bool:
    """Returns whether the variables' own keys are used, whatever else is set.

    boto3 takes them first as well, unless a profile is named; to load it takes half a second.
    """
    others = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CREDENTIAL_EXPIRATION")
    return bool(
        os.environ.get("AWS_ACCESS_KEY_ID")
        and os.environ.get("AWS_SECRET_ACCESS_KEY")
        and not any(os.environ.get(name) for name in others)
    )


def lacks_boto3() -> str:
    """Returns why a profile's credentials need boto3, and what to do; empty if they do not."""
    import importlib.util

    if importlib.util.find_spec("boto3") is not None or are_there() or keys():
        return ""
    settings = profile()
    boto3_settings = [name for name in _ONLY_BOTO3 if settings.get(name)]
    if not (boto3_settings or os.environ.get("AWS_PROFILE")):
        return ""
    name = profile_name()
    if not settings:
        return f"AWS_PROFILE={name}: there is no such profile in {_config()} or {_credentials()}"
    cause = (
        f"{boto3_settings[0]} of the profile {name}" if boto3_settings else f"AWS_PROFILE={name}"
    )
    return f"{cause} needs boto3, which is not installed: {INSTALL}"


def certificates() -> bytes | None:
    """Returns the file that `AWS_CA_BUNDLE`, or `ca_bundle` of the profile, names.

    Raises:
        ValueError: The file cannot be read, or holds no certificate.
    """
    path = os.environ.get("AWS_CA_BUNDLE") or profile().get("ca_bundle")
    if not path:
        return None
    try:
        body = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise ValueError(f"AWS_CA_BUNDLE={path}: cannot be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in body:
        raise ValueError(f"AWS_CA_BUNDLE={path}: holds no certificate in PEM")
    return body


def hint(message: str) -> str:
    """Returns the likely cause of an unanswered request, from a library's message; may be empty."""
    text = message.lower()
    if "certificate" in text or "unknownissuer" in text:
        for word, explanation in _REFUSED.items():
            if word in text:
                return f"the server's certificate is not trusted: {explanation}"
        named = os.environ.get("AWS_CA_BUNDLE")
        with_ = f"AWS_CA_BUNDLE={named} does not" if named else "the usual ones do not"
        return (
            f"the server's certificate is not trusted: {with_} vouch for it; "
            "set AWS_CA_BUNDLE to a file with the right one"
        )
    if "404 not found" in text or "403 forbidden" in text or "error sending request" not in text:
        return ""
    for name in _PROXIES:
        if value := os.environ.get(name):
            # Text before an @ is a secret.
            return f"requests go through the proxy {name}={value.rpartition('@')[2]}: does it run?"
    return ""


def profile_name() -> str:
    """Returns the name of the profile that is used."""
    return os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"


def profile() -> Mapping[str, str]:
    """Returns the settings of the profile that is used, from AWS's files."""
    name = profile_name()
    section = "default" if name == "default" else f"profile {name}"
    return _section(_config(), section) | _section(_credentials(), name)


def _of_services(name: str | None) -> str:
    """Returns the endpoint of S3 in a section of services, whose settings are indented."""
    lines = _section(_config(), f"services {name}").get("s3", "") if name else ""
    settings = (line.partition("=") for line in lines.splitlines())
    return next((value.strip() for key, _, value in settings if key.strip() == "endpoint_url"), "")


def _config() -> str:
    return os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"


def _credentials() -> str:
    return os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"


def _section(file: str, name: str) -> dict[str, str]:
    try:
        path = Path(file).expanduser()
        status = path.stat()
    # The file or the home folder does not exist.
    except (OSError, RuntimeError):
        return {}
    return _sections(path, status.st_mtime_ns, status.st_size).get(name, {})


@lru_cache(8)
def _sections(path: Path, _changed: int, _size: int) -> dict[str, dict[str, str]]:
    import configparser

    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, configparser.Error):
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}
