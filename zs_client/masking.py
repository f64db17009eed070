"""Masking secrets in messages, facts and logs.

Values of tables that come from documents are never masked. Standard library only.
"""

import base64
import os
import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit

MASK = "***"
# A shorter secret may be a word of any message.
_SHORTEST = 8
_USER = re.compile(r"(?<=://)[^/\s?#@]*(?:@[^/\s?#@]*)*@")
_HEADER = re.compile(
    r"((?:proxy-)?authorization|x-api-key|api-key|(?:set-)?cookie|x-amz-security-token)"
    r"""(["']?\s*[:=]\s*\[?["']?)(?:(?:basic|bearer|digest|token|aws4-hmac-sha256)\s+)?"""
    r"""[^\s"'<>&]+(?:\s+(?:SignedHeaders|Signature)=[^\s"'<>&]+)*""",
    re.IGNORECASE,
)
_NAMED = re.compile(r"secret|token|passw|api_?key|credential|signature", re.IGNORECASE)

_secrets: set[str] = set()


def masked(text: str) -> str:
    """Returns a text with users in URLs, values of headers and known secrets masked."""
    message = _USER.sub(f"{MASK}@", text)
    message = _HEADER.sub(rf"\1\2{MASK}", message)
    for secret in sorted(_secrets | _of_environment(), key=len, reverse=True):
        message = message.replace(secret, MASK)
    return message


def remember(url: str) -> None:
    """Mask the secrets of a URL from now on, wherever they appear."""
    _secrets.update(_of_url(url))


def has_user(url: str) -> bool:
    """Returns whether a URL has a user or a password."""
    return bool(_USER.search(url))


def unfit(what: str, url: str) -> str:
    """Returns why a URL must not be shown; empty when the URL has no user and no password.

    Args:
        what: The variable or the setting that has the URL.
        url: The URL.
    """
    if not has_user(url):
        return ""
    return (
        f"{what}={masked(url)}: a user or a password in it would be shown in messages and "
        "published; leave it out, and give credentials by AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY or a profile"
    )


def know(*secrets: str) -> None:
    """Mask some secrets, such as the keys of a profile, from now on."""
    for secret in secrets:
        _secrets.update(_forms(secret))


def _of_environment() -> set[str]:
    secrets: set[str] = set()
    for name, value in os.environ.items():
        if "://" in value:
            secrets |= _of_url(value)
        elif _NAMED.search(name):
            secrets |= _forms(value)
    return secrets


def _of_url(url: str) -> set[str]:
    try:
        address = urlsplit(url)
    except ValueError:
        return set()
    # Up to the last @: an unescaped password may itself hold a slash or an @.
    user, at, _ = url.partition("://")[2].rpartition("@")
    secrets = _forms(address.fragment)
    if at and not address.query.count("@"):
        for secret in (user, unquote(user)):
            secrets |= _forms(base64.b64encode(secret.encode()).decode())
        secrets |= _forms(user) | _forms(user.partition(":")[2])
    for name, value in parse_qsl(address.query):
        if _NAMED.search(name) or _NAMED.search(value):
            secrets |= _forms(value)
    return secrets


def _forms(secret: str) -> set[str]:
    plain = unquote(secret)
    forms = {secret, plain, quote(plain), quote(plain, safe="")}
    return {form for form in forms if len(form) >= _SHORTEST}
