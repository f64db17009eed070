"""Reads a bucket on S3 in a forked process, with Python's own requests.

obstore's threads do not run in a process after its fork. Here each request has a connection of its
own, and only reading is possible.
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
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPSHandler, Request, build_opener
from xml.etree import ElementTree as ET

from zs_client.folder import Content
from zs_client.masking import know, masked

if TYPE_CHECKING:
    from zs_client.first_answer import FirstAnswer

ADVICE = (
    "this process was forked from one that had asked a store before, of which only reading S3 "
    "goes on here; start processes with multiprocessing's spawn or forkserver, or fork first"
)
_TIMEOUT = 10
_ATTEMPTS = 4
_UNSIGNED = "UNSIGNED-PAYLOAD"
_META = "x-amz-meta-"


class Forked(OSError):
    """A forked process cannot do this; the message says what to do."""


def bucket(store: Any) -> "_Bucket":
    """Returns a reader that replaces obstore's store.

    Raises:
        Forked: The store is not on S3.
    """
    if type(store).__name__ != "S3Store":
        raise Forked(f"a store in memory belongs to the process that made it: {ADVICE}")
    return _Bucket(store)


class _Bucket:
    def __init__(self, store: Any) -> None:
        config = {
            str(name).removeprefix("aws_"): str(value) for name, value in store.config.items()
        }
        self._region = config.get("region") or "us-east-1"
        self._signed = config.get("skip_signature", "").lower() != "true"
        self._provider = store.credential_provider
        self._prefix = f"{store.prefix}/" if store.prefix else ""
        self._first_answer: FirstAnswer | None = getattr(store, "first_answer", None)
        name = config["bucket"]
        endpoint = (config.get("endpoint") or config.get("endpoint_url") or "").rstrip("/")
        if endpoint or "." in name:
            self._url = f"{endpoint or f'https://s3.{self._region}.amazonaws.com'}/{name}"
        else:
            self._url = f"https://{name}.s3.{self._region}.amazonaws.com"

    def get(self, key: str, options: Mapping[str, Any]) -> Content:
        """As `zs_client.objects.get`."""
        headers = {}
        byte_range = options.get("range")
        if isinstance(byte_range, Mapping) and "suffix" in byte_range:
            headers["Range"] = f"bytes=-{byte_range['suffix']}"
        elif isinstance(byte_range, Mapping):
            headers["Range"] = f"bytes={byte_range['offset']}-"
        elif byte_range:
            headers["Range"] = f"bytes={byte_range[0]}-{byte_range[1] - 1}"
        for option, name in (("if_match", "If-Match"), ("if_none_match", "If-None-Match")):
            if options.get(option):
                headers[name] = options[option]
        answer, body = self._request("HEAD" if options.get("head") else "GET", key, headers)
        size, start = len(body), 0
        if options.get("head"):
            size = int(answer.get("content-length") or 0)
        if "content-range" in answer:
            span, _, whole = answer["content-range"].removeprefix("bytes ").partition("/")
            start, size = int(span.partition("-")[0]), int(whole)
        own = {k.removeprefix(_META): v for k, v in answer.items() if k.startswith(_META)}
        return Content(body, _meta(key, answer, size), (start, start + len(body)), own)

    def head(self, key: str) -> dict[str, Any]:
        """As `zs_client.objects.head`."""
        headers, _ = self._request("HEAD", key, {})
        return _meta(key, headers, int(headers.get("content-length") or 0))

    def list_with_delimiter(self, prefix: str) -> dict[str, Any]:
        """As `zs_client.objects.list_with_delimiter`."""
        listing: dict[str, Any] = {"common_prefixes": [], "objects": []}
        for page in self._pages(prefix, "/"):
            for name, entries in page.items():
                listing[name] += entries
        return listing

    def put(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse to write."""
        raise Forked(f"nothing is written to S3: {ADVICE}")

    delete = put

    def _pages(self, prefix: str, delimiter: str) -> Iterator[dict[str, list[Any]]]:
        folder = f"{self._prefix}{prefix.strip('/')}".strip("/")
        query = {"list-type": "2", "prefix": f"{folder}/" if folder else ""}
        query |= {"delimiter": delimiter} if delimiter else {}
        while True:
            _, body = self._request("GET", None, {}, query)
            root = ET.fromstring(body)  # noqa: S314 - of the store that is asked
            for element in root.iter():
                element.tag = element.tag.rpartition("}")[2]
            objects = [
                {
                    "path": self._own(element.findtext("Key", "")),
                    "size": int(element.findtext("Size", "0")),
                    "e_tag": element.findtext("ETag"),
                    "last_modified": datetime.fromisoformat(element.findtext("LastModified", "")),
                    "version": None,
                }
                for element in root.iter("Contents")
            ]
            folders = [
                self._own(element.findtext("Prefix", "")).rstrip("/")
                for element in root.iter("CommonPrefixes")
            ]
            yield {"common_prefixes": folders, "objects": objects}
            if root.findtext("IsTruncated") != "true":
                return
            query["continuation-token"] = root.findtext("NextContinuationToken", "")

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
        query: Mapping[str, str] | None = None,
    ) -> tuple[dict[str, str], bytes]:
        path = "/" + quote(f"{self._prefix}{key}", safe="/-_.~") if key is not None else "/"
        query_text = urlencode(sorted((query or {}).items()), quote_via=quote, safe="-_.~")
        url = f"{self._url}{path}{f'?{query_text}' if query_text else ''}"
        waited = 0.0
        for attempt in range(_ATTEMPTS):
            time.sleep(attempt / 4)
            is_last = attempt == _ATTEMPTS - 1
            signed = self._sign(method, url, query_text) if self._signed else {}
            request = Request(url, method=method, headers={**headers, **signed})  # noqa: S310
            code, message = 0, ""
            limit = self._first_answer.limit() if self._first_answer else None
            begun = time.monotonic()
            try:
                with _opener().open(request, timeout=limit or _TIMEOUT) as answer:
                    self._note()
                    return {k.lower(): v for k, v in answer.headers.items()}, answer.read()
            except HTTPError as error:
                self._note()
                code = error.code
                message = f"{code} {error.reason}: {error.read().decode('utf-8', 'replace')}"
            except (URLError, HTTPException, OSError) as error:
                message = str(error)
            except ValueError:
                is_last, message = True, "the request could not be made; check the AWS variables"
            if limit and self._first_answer and self._first_answer.limit():
                # A refused connection is tried again, for as long.
                waited += time.monotonic() - begun + (attempt + 1) / 4
                if waited >= limit:
                    raise self._first_answer.error()
            # Raised outside of `except`, since the context of an error could repeat a header.
            if code and (is_last or (code < 500 and code != 429)):
                _refuse(code, f"{self._url}{path}: {message}")
            if is_last:
                raise OSError(masked(f"{self._url}{path}: {message}"))
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    def _note(self) -> None:
        if self._first_answer is not None:
            self._first_answer.note()

    def _sign(self, method: str, url: str, query: str) -> dict[str, str]:
        """Returns the headers that sign a request, by AWS's version 4."""
        key, secret, token = self._credentials()
        if not key:
            return {}
        address = urlsplit(url)
        now = datetime.now(UTC)
        at, day = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}"
        headers = {"host": address.netloc, "x-amz-content-sha256": _UNSIGNED, "x-amz-date": at}
        headers |= {"x-amz-security-token": token} if token else {}
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = f"{method}\n{address.path}\n{query}\n{lines}\n{names}\n{_UNSIGNED}"
        scope = f"{day}/{self._region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signing = f"AWS4{secret}".encode()
        for word in scope.split("/"):
            signing = _hmac(signing, word)
        signature = _hmac(signing, f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}").hex()
        authorization = f"Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
        del headers["host"]
        return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {authorization}"}

    def _credentials(self) -> tuple[str, str, str]:
        if self._provider is not None:
            values = self._provider()
            names = ("access_key_id", "secret_access_key", "token")
        else:
            values = os.environ
            names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        key, secret, token = (str(values.get(name) or "") for name in names)
        know(secret, token)
        return key, secret, token


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _opener() -> Any:
    context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
    return build_opener(HTTPSHandler(context=context))


def _meta(key: str, headers: Mapping[str, str], size: int) -> dict[str, Any]:
    modified = headers.get("last-modified")
    return {
        "path": key,
        "size": size,
        "e_tag": headers.get("etag"),
        "last_modified": parsedate_to_datetime(modified) if modified else datetime.now(UTC),
        "version": None,
    }


def _refuse(code: int, message: str) -> NoReturn:
    """Raise obstore's error for an HTTP status code, without secrets in the message."""
    from obstore.exceptions import GenericError, NotModifiedError, PreconditionError

    message = masked(message)
    if code == 304:
        raise NotModifiedError(message)
    if code == 404:
        raise FileNotFoundError(message)
    if code in (401, 403):
        raise PermissionError(message)
    if code == 412:
        raise PreconditionError(message)
    raise GenericError(message)
