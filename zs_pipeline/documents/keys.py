"""The keys under which documents lie in the store, outside of the version folders.

What lies there is read in `zs_pipeline.documents.state`; keys of tables are in
`zs_client.contract`.
"""

import hashlib

from zs_client.contract import DOCUMENTS

# Names the shards and the index of the current state: the head.
DOCUMENTS_HEAD = f"{DOCUMENTS}/documents.json"
FAILED = f"{DOCUMENTS}/failed.json"


def state_key(state: str) -> str:
    """Returns the key of the head of a state, current or former."""
    return f"{DOCUMENTS}/states/{state}.json"


def shard_key(name: str) -> str:
    """Returns the key of a shard, given its name in a head."""
    return f"{DOCUMENTS}/{name}.pqt"


def index_key(digest: str) -> str:
    """Returns the key of an index."""
    return f"{DOCUMENTS}/index/{digest}.pqt"


def set_aside_key(digest: str) -> str:
    """Returns the key of the list of documents that were set aside."""
    return f"{DOCUMENTS}/set_aside/{digest}.json"


def digest_of(body: bytes) -> str:
    """Returns the digest that names a content; equal contents have the same name."""
    return hashlib.sha256(body).hexdigest()[:32]
