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
    """Returns the key of the head of a state, also of one that is no longer the current one."""
    return f"{DOCUMENTS}/states/{state}.json"


def shard_key(name: str) -> str:
    """Returns the key of a shard by the name that a head gives it."""
    return f"{DOCUMENTS}/{name}.pqt"


def index_key(digest: str) -> str:
    """Returns the key of an index."""
    return f"{DOCUMENTS}/index/{digest}.pqt"


def set_aside_key(digest: str) -> str:
    """Returns the key of the list of what was set aside."""
    return f"{DOCUMENTS}/set_aside/{digest}.json"


def digest_of(body: bytes) -> str:
    """Returns the name of a content: an object is never written again under another."""
    return hashlib.sha256(body).hexdigest()[:32]
