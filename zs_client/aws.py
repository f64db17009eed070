"""What variables and profiles say about S3: region, endpoint, credentials, certificates, proxies.

Read with the standard library, since the client does not bring boto3. Where only boto3 can do what
is asked for, it is said so. A bucket is opened in `zs_client.store`.
"""

import configparser
import importlib.util
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from zs_client import masking

INSTALL = "pip install 'data-asset-cache[s3]'"
# Of a profile what boto3 alone knows how to turn into credentials.
_ONLY_BOTO3 = (
    *("credential_process", "sso_session", "sso_start_url", "login_session"),
    *("role_arn", "source_profile", "credential_source", "web_identity_token_file"),
)
# obstore asks these by itself.
_BY_OBSTORE = (
    ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
)
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
# What rustls says of a certificate that no bundle mends, without blanks.
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
    """The URL of the S3 server; empty for AWS's own.

    Raises:
        ValueError: It is no URL, or has a user or a password.
    """
    named = profile()
    found = {"AWS_ENDPOINT_URL_S3": os.environ.get("AWS_ENDPOINT_URL_S3")}
    found["AWS_ENDPOINT_URL"] = os.environ.get("AWS_ENDPOINT_URL")
    if os.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        found[f"endpoint_url of the profile {profile_name()}"] = _of_services(
            named.get("services")
        ) or named.get("endpoint_url")
    for name, value in found.items():
        if not value:
            continue
        if said := masking.unfit(name, value):
            raise ValueError(said)
        try:
            parts = urlsplit(value)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port
        except ValueError:
            is_url = False
        if not is_url:
            shown = value.rpartition("@")[2].partition("?")[0].partition("#")[0]
            raise ValueError(
                f"{name}={shown}: is no address of a server; it begins with http:// or https://, "
                "as http://localhost:9000"
            )
        return value
    return ""


def region() -> str:
    """The region of variables or of the profile; empty where none says one."""
    named = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return named or profile().get("region", "")


def keys() -> dict[str, str]:
    """The keys that a profile has, as obstore calls them; nothing where variables have some."""
    if os.environ.get("AWS_ACCESS_KEY_ID"):
        return {}
    told = profile()
    if not (told.get(_KEYS[0]) and told.get(_KEYS[1])):
        return {}
    # Messages never show them.
    masking.know(*(told.get(name, "") for name in _KEYS[1:]))
    return {name.removeprefix("aws_"): told[name] for name in _KEYS if told.get(name)}


def are_there() -> bool:
    """Whether variables name credentials that obstore finds by itself."""
    found = os.environ
    by_obstore = any(all(found.get(name) for name in names) for names in _BY_OBSTORE)
    return by_obstore or bool(found.get("AWS_ACCESS_KEY_ID"))


def lacks_boto3() -> str:
    """Why credentials are not used that a profile names, and what to do; empty when they are."""
    if importlib.util.find_spec("boto3") is not None or are_there() or keys():
        return ""
    told = profile()
    asked = [name for name in _ONLY_BOTO3 if told.get(name)]
    if not (asked or os.environ.get("AWS_PROFILE")):
        return ""
    name = profile_name()
    if not told:
        return f"AWS_PROFILE={name}: there is no such profile in {_config()} or {_credentials()}"
    by = f"{asked[0]} of the profile {name}" if asked else f"AWS_PROFILE={name}"
    return f"{by} needs boto3, which is not installed: {INSTALL}"


def certificates() -> bytes | None:
    """What `AWS_CA_BUNDLE`, or `ca_bundle` of the profile, names.

    Raises:
        ValueError: It cannot be read, or holds no certificate.
    """
    named = os.environ.get("AWS_CA_BUNDLE") or profile().get("ca_bundle")
    if not named:
        return None
    try:
        body = Path(named).expanduser().read_bytes()
    except OSError as error:
        raise ValueError(f"AWS_CA_BUNDLE={named}: cannot be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in body:
        raise ValueError(f"AWS_CA_BUNDLE={named}: holds no certificate in PEM")
    return body


def hint(said: str) -> str:
    """What an unanswered request is likely to want, from all that a library said; may be empty."""
    text = said.lower()
    if "certificate" in text or "unknownissuer" in text:
        for word, why in _REFUSED.items():
            if word in text:
                return f"the server's certificate is not trusted: {why}"
        named = os.environ.get("AWS_CA_BUNDLE")
        with_ = f"AWS_CA_BUNDLE={named} does not" if named else "the usual ones do not"
        return (
            f"the server's certificate is not trusted: {with_} vouch for it; "
            "set AWS_CA_BUNDLE to a file with the right one"
        )
    if "404 not found" in text or "403 forbidden" in text or "error sending request" not in text:
        return ""
    for name in _PROXIES:
        value = os.environ.get(name)
        if value:
            # What stands before an @ is a secret.
            return f"requests go through the proxy {name}={value.rpartition('@')[2]}: does it run?"
    return ""


def profile_name() -> str:
    """The profile that is used."""
    return os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"


def profile() -> Mapping[str, str]:
    """What the files of AWS say of the profile that is used."""
    name = profile_name()
    found = dict(_section(_config(), "default" if name == "default" else f"profile {name}"))
    return found | _section(_credentials(), name)


def _of_services(name: str | None) -> str:
    """The endpoint of S3 in a section of services, whose settings are indented."""
    lines = _section(_config(), f"services {name}").get("s3", "") if name else ""
    for line in lines.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "endpoint_url":
            return value.strip()
    return ""


def _config() -> str:
    return os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"


def _credentials() -> str:
    return os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"


def _section(file: str, name: str) -> dict[str, str]:
    try:
        path = Path(file).expanduser()
        told = path.stat()
    # There is no such file, or no home folder.
    except (OSError, RuntimeError):
        return {}
    return _sections(path, told.st_mtime_ns, told.st_size).get(name, {})


@lru_cache(8)
def _sections(path: Path, _changed: int, _size: int) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, configparser.Error):
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}
