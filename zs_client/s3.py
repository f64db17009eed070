"""Opening buckets on S3 with obstore: timeouts, the server and credentials.

Buckets are read and written in `zs_client.store`; `zs_client.aws` reads profiles and variables.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from zs_client import aws
from zs_client.errors import StoreError
from zs_client.first_answer import FirstAnswer
from zs_client.masking import unfit
from zs_client.objects import FIRST_ANSWER
from zs_client.obstore_errors import first_line

PUBLIC = "s3://allen-data-views"


@dataclass(frozen=True)
class Timeouts:
    """How many seconds to wait for S3.

    Attributes:
        connect: The time for a connection.
        silence: The time for the next bytes of an answer.
        answer: The time for a whole answer.
        retries: How often a failed request is repeated.
        total: The time after which no request is repeated.
    """

    connect: int
    silence: int
    answer: int
    retries: int
    total: int


UNATTENDED = Timeouts(connect=10, silence=60, answer=60, retries=8, total=120)
# A person waits for a read, perhaps without a network. A table may come over a slow line.
INTERACTIVE = Timeouts(connect=4, silence=10, answer=900, retries=4, total=8)


def s3_place(url: str) -> tuple[str, str]:
    """Returns the bucket and the prefix in `s3://bucket[/prefix]`.

    Raises:
        StoreError: The URL names no bucket.
    """
    parts = urlsplit(without_user("ZS_STORE", url))
    if not parts.netloc:
        raise StoreError(f"{url}: names no bucket; write s3://bucket or s3://bucket/prefix")
    return parts.netloc, parts.path.strip("/")


def s3_bucket(
    bucket: str,
    *,
    prefix: str = "",
    anonymous: bool = False,
    timeouts: Timeouts = UNATTENDED,
    first_answer: float | None = None,
) -> Any:
    """Opens a bucket with obstore and the usual AWS variables.

    Credentials are the keys in AWS variables, else those of boto3's chain (profiles, SSO, roles)
    where boto3 is installed. Without credentials, requests are not signed.

    Args:
        bucket: The bucket's name.
        prefix: What stands before all keys.
        anonymous: Send no credentials.
        timeouts: How long to wait.
        first_answer: How many seconds the server has for its first answer; None for no limit.
    """
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    options: dict[str, Any] = {
        "client_options": {
            "timeout": timedelta(seconds=timeouts.answer),
            "connect_timeout": timedelta(seconds=timeouts.connect),
            "read_timeout": timedelta(seconds=timeouts.silence),
        },
        "retry_config": {
            "max_retries": timeouts.retries,
            "retry_timeout": timedelta(seconds=timeouts.total),
        },
    }
    endpoint, certificates = server(), _certificates(bucket)
    if certificates:
        options["client_options"]["root_certificate"] = certificates
    if endpoint:
        options["endpoint"] = endpoint
        options["client_options"]["allow_http"] = endpoint.startswith("http:")
    region = aws.region()
    # The public bucket's region does not depend on the reader's.
    public = f"s3://{bucket}" == PUBLIC and not endpoint
    options["region"] = "us-west-2" if public or not region else region
    provider = None if anonymous or aws.suffice() else _credentials()
    if provider is not None:
        options["credential_provider"] = provider
    elif anonymous or not (aws.are_there() or aws.keys()):
        options["skip_signature"] = True
    else:
        options |= aws.keys()
    try:
        store = S3Store(bucket, prefix=prefix or None, **options)
    except BaseError as error:
        raise StoreError(
            f"s3://{bucket}: cannot be opened: {first_line(error)}; check the AWS variables"
        ) from error
    if first_answer is not None:
        if provider is not None:
            # Those of a role come from another server, which has its own time. An error comes
            # again with the first request.
            with suppress(Exception):
                provider()
        name = endpoint or f"S3 in {options['region']}"
        setattr(store, FIRST_ANSWER, FirstAnswer(first_answer, name))
    return store


def server() -> str:
    """Returns the S3 server in variables or the profile; empty for Amazon's.

    Raises:
        StoreError: The value is no address, or has a user or a password.
    """
    try:
        return aws.endpoint()
    except ValueError as error:
        raise StoreError(str(error)) from error


def without_user(what: str, url: str) -> str:
    """Returns a URL that may be shown.

    Raises:
        StoreError: The URL has a user or a password, which facts and messages would show.
    """
    if reason := unfit(what, url):
        raise StoreError(reason)
    return url


def _certificates(bucket: str) -> bytes | None:
    try:
        return aws.certificates()
    except ValueError as error:
        raise StoreError(f"s3://{bucket}: cannot be opened: {error}") from error


def credentials_in_use() -> str:
    """Returns advice about credentials that do not suffice."""
    return aws.lacks_boto3() or "check the AWS credentials in use"


def _credentials() -> Any:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return None
    try:
        session = boto3.Session()
        return Boto3CredentialProvider(session) if session.get_credentials() else None
    except BotoCoreError as error:
        raise StoreError(f"no AWS credentials: {first_line(error)}; check AWS_PROFILE") from error
