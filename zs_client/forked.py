"""A bucket on S3 as a forked process reads it: with Python's own requests.

What obstore began in the process before the fork does not run in the one after it. Here each
request has a connection of its own, and only reading is possible.
"""

import hashlib
import hmac
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPSHandler, Request, build_opener
from xml.etree import ElementTree as ET

from zs_client.folder import Content
from zs_client.masking import know, masked

ADVICE = (
    "this process was forked from one that had asked a store before, of which only reading S3 "
    "goes on here; start processes with multiprocessing's spawn or forkserver, or fork first"
)
_TIMEOUT = 10
_ATTEMPTS = 4
_UNSIGNED = "UNSIGNED-PAYLOAD"
_META = "x-amz-meta-"


class Forked(OSError):
    """What a forked process cannot do; the message says how it can be done."""


def bucket(place: Any) -> "_Bucket":
    """What reads in the place of an obstore's store.

    Raises:
        Forked: It is none on S3.
    """
    if type(place).__name__ != "S3Store":
        raise Forked(f"a store in memory belongs to the process that made it: {ADVICE}")
    return _Bucket(place)


class _Bucket:
    def __init__(self, place: Any) -> None:
        told = {str(name).removeprefix("aws_"): str(value) for name, value in place.config.items()}
        self._region = told.get("region") or "us-east-1"
        self._signed = told.get("skip_signature", "").lower() != "true"
        self._provider = place.credential_provider
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        name = told["bucket"]
        endpoint = (told.get("endpoint") or told.get("endpoint_url") or "").rstrip("/")
        if endpoint or "." in name:
            self._url = f"{endpoint or f'https://s3.{self._region}.amazonaws.com'}/{name}"
        else:
            self._url = f"https://{name}.s3.{self._region}.amazonaws.com"

    def get(self, key: str, options: Mapping[str, Any]) -> Content:
        """As `zs_client.objects.get`."""
        headers = {}
        asked = options.get("range")
        if isinstance(asked, Mapping):
            last = f"-{asked['suffix']}" if "suffix" in asked else f"{asked['offset']}-"
            headers["Range"] = f"bytes={last}"
        elif asked:
            headers["Range"] = f"bytes={asked[0]}-{asked[1] - 1}"
        for option, name in (("if_match", "If-Match"), ("if_none_match", "If-None-Match")):
            if options.get(option):
                headers[name] = options[option]
        told, body = self._request("HEAD" if options.get("head") else "GET", key, headers)
        size, start = len(body), 0
        if options.get("head"):
            size = int(told.get("content-length") or 0)
        if "content-range" in told:
            span, _, whole = told["content-range"].removeprefix("bytes ").partition("/")
            start, size = int(span.partition("-")[0]), int(whole)
        own = {k.removeprefix(_META): v for k, v in told.items() if k.startswith(_META)}
        return Content(body, _meta(key, told, size), (start, start + len(body)), own)

    def head(self, key: str) -> dict[str, Any]:
        """As `zs_client.objects.head`."""
        told, _ = self._request("HEAD", key, {})
        return _meta(key, told, int(told.get("content-length") or 0))

    def list_with_delimiter(self, prefix: str) -> dict[str, Any]:
        """As `zs_client.objects.list_with_delimiter`."""
        found: dict[str, Any] = {"common_prefixes": [], "objects": []}
        for page in self._pages(prefix, "/"):
            for name, entries in page.items():
                found[name] += entries
        return found

    def put(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse to write."""
        raise Forked(f"nothing is written to S3: {ADVICE}")

    delete = put

    def _pages(self, prefix: str, delimiter: str) -> Iterator[dict[str, list[Any]]]:
        above = "/".join(part for part in (self._prefix.strip("/"), prefix.strip("/")) if part)
        words = {"list-type": "2", "prefix": f"{above}/" if above else ""}
        words |= {"delimiter": delimiter} if delimiter else {}
        while True:
            _, body = self._request("GET", None, {}, words)
            root = ET.fromstring(body)  # noqa: S314 - of the store that is asked
            for element in root.iter():
                element.tag = element.tag.rpartition("}")[2]
            objects = [
                {
                    "path": self._own(found.findtext("Key", "")),
                    "size": int(found.findtext("Size", "0")),
                    "e_tag": found.findtext("ETag"),
                    "last_modified": datetime.fromisoformat(found.findtext("LastModified", "")),
                    "version": None,
                }
                for found in root.iter("Contents")
            ]
            folders = [
                self._own(found.findtext("Prefix", "")).rstrip("/")
                for found in root.iter("CommonPrefixes")
            ]
            yield {"common_prefixes": folders, "objects": objects}
            if root.findtext("IsTruncated") != "true":
                return
            words["continuation-token"] = root.findtext("NextContinuationToken", "")

    def list(self, prefix: str) -> Iterator[list[dict[str, Any]]]:
        """As `zs_client.objects.list`."""
        for page in self._pages(prefix, ""):
            yield page["objects"]

    def _own(self, key: str) -> str:
        return key.removeprefix(self._prefix)

    def _request(
        self,
        method: str,
        key: str | None,
        headers: dict[str, str],
        words: Mapping[str, str] | None = None,
    ) -> tuple[dict[str, str], bytes]:
        path = "/" + quote(f"{self._prefix}{key}", safe="/-_.~") if key is not None else "/"
        query = urlencode(sorted((words or {}).items()), quote_via=quote, safe="-_.~")
        url = f"{self._url}{path}{f'?{query}' if query else ''}"
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt / 4)
            is_last = attempt == _ATTEMPTS - 1
            signed = self._sign(method, url, query) if self._signed else {}
            request = Request(url, method=method, headers={**headers, **signed})  # noqa: S310
            code, said = 0, ""
            try:
                with _opener().open(request, timeout=_TIMEOUT) as answer:
                    told = {name.lower(): value for name, value in answer.headers.items()}
                    return told, answer.read()
            except HTTPError as error:
                code = error.code
                said = f"{code} {error.reason}: {error.read().decode('utf-8', 'replace')}"
            except (URLError, HTTPException, OSError) as error:
                said = str(error)
            except ValueError:
                is_last, said = True, "the request could not be made; check the AWS variables"
            # Outside, so that what may repeat a header is not kept as the context of an error.
            if code and (is_last or (code < 500 and code != 429)):
                _refuse(code, f"{self._url}{path}: {said}")
            if is_last:
                raise OSError(masked(f"{self._url}{path}: {said}"))
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def _sign(self, method: str, url: str, query: str) -> dict[str, str]:
        """The headers that sign a request, by AWS's version 4."""
        key, secret, token = self._credentials()
        if not key:
            return {}
        parts = urlsplit(url)
        now = datetime.now(UTC)
        at, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
        headers = {"host": parts.netloc, "x-amz-content-sha256": _UNSIGNED, "x-amz-date": at}
        headers |= {"x-amz-security-token": token} if token else {}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        whole = f"{method}\n{parts.path}\n{query}\n{lines}\n{names}\n{_UNSIGNED}"
        scope = f"{day}/{self._region}/s3/aws4_request"
        digest = hashlib.sha256(whole.encode()).hexdigest()
        signing = f"AWS4{secret}".encode()
        for word in scope.split("/"):
            signing = _hmac(signing, word)
        signature = _hmac(signing, f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}").hex()
        told = f"Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
        del headers["host"]
        return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {told}"}

    def _credentials(self) -> tuple[str, str, str]:
        if self._provider is not None:
            told = self._provider()
            names = ("access_key_id", "secret_access_key", "token")
        else:
            told = os.environ
            names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        key, secret, token = (str(told.get(name) or "") for name in names)
        know(secret, token)
        return key, secret, token


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _opener() -> Any:
    named = os.environ.get("AWS_CA_BUNDLE") or None
    return build_opener(HTTPSHandler(context=ssl.create_default_context(cafile=named)))


def _meta(key: str, told: Mapping[str, str], size: int) -> dict[str, Any]:
    modified = told.get("last-modified")
    return {
        "path": key,
        "size": size,
        "e_tag": told.get("etag"),
        "last_modified": parsedate_to_datetime(modified) if modified else datetime.now(UTC),
        "version": None,
    }


def _refuse(code: int, said: str) -> NoReturn:
    """An answer that is none, as obstore's error of its kind, without secrets."""
    from obstore.exceptions import GenericError, NotModifiedError, PreconditionError

    said = masked(said)
    if code == 304:
        raise NotModifiedError(said)
    if code == 404:
        raise FileNotFoundError(said)
    if code in (401, 403):
        raise PermissionError(said)
    if code == 412:
        raise PreconditionError(said)
    raise GenericError(said)
