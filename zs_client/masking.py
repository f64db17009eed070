"""Secrets are kept out of messages, facts and logs: one function masks what may be one.

Values of tables that come from documents are never masked. Standard library only.
"""

import base64
import os
import re
from urllib.parse import parse_qsl, quote, unquote, urlsplit

MASK = "***"
# A shorter one may be a word of any message.
_SHORTEST = 8
_USER = re.compile(r"(?<=://)[^/\s?#@]*(?:@[^/\s?#@]*)*@")
_HEADER = re.compile(
    r"((?:proxy-)?authorization|x-api-key|api-key|(?:set-)?cookie|x-amz-security-token)"
    r"""(["']?\s*[:=]\s*\[?["']?)(?:(?:basic|bearer|digest|token|aws4-hmac-sha256)\s+)?"""
    r"""[^\s"'<>&]+(?:\s+(?:SignedHeaders|Signature)=[^\s"'<>&]+)*""",
    re.IGNORECASE,
)
_NAMED = re.compile(r"secret|token|passw|api_?key|credential|signature", re.IGNORECASE)

_told: set[str] = set()


def masked(text: str) -> str:
    """Returns a message without user information of URLs, values of headers and known secrets."""
    found = _USER.sub(f"{MASK}@", text)
    found = _HEADER.sub(rf"\1\2{MASK}", found)
    for secret in sorted(_told | _of_environment(), key=len, reverse=True):
        found = found.replace(secret, MASK)
    return found


def remember(url: str) -> None:
    """Know from now on what is secret in a URL that was given, wherever it appears."""
    _told.update(_of_url(url))


def has_user(url: str) -> bool:
    """Returns whether a URL has a user or a password."""
    return bool(_USER.search(url))


def unfit(what: str, url: str) -> str:
    """Returns why a URL must not be used that would be shown; empty when it may be.

    Args:
        what: The variable or the setting that names it.
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
    """Know from now on what is secret, as the keys of a profile are."""
    for secret in secrets:
        _told.update(_forms(secret))


def _of_environment() -> set[str]:
    found: set[str] = set()
    for name, value in os.environ.items():
        if "://" in value:
            found |= _of_url(value)
        elif _NAMED.search(name):
            found |= _forms(value)
    return found


def _of_url(url: str) -> set[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return set()
    # Up to the last @: an unescaped password may itself hold a slash or an @.
    rest = url.partition("://")[2]
    user, at, _ = rest.rpartition("@")
    found = {*_forms(parts.fragment)}
    if at and not parts.query.count("@"):
        found |= _forms(user) | _forms(user.partition(":")[2])
        found |= _forms(base64.b64encode(unquote(user).encode()).decode())
        found |= _forms(base64.b64encode(user.encode()).decode())
    for name, value in parse_qsl(parts.query):
        if _NAMED.search(name) or _NAMED.search(value):
            found |= _forms(value)
    return found


def _forms(secret: str) -> set[str]:
    plain = unquote(secret)
    forms = {secret, plain, quote(plain), quote(plain, safe="")}
    return {form for form in forms if len(form) >= _SHORTEST}
