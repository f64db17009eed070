"""Which documents are of SmartSPIM and exaSPIM data assets.

HCR and BARseq share their modality. As in assets_smartspim and platform_exaspim, a word in the name
or the instrument tells them; here the instrument's own file counts as well.
"""

from collections.abc import Mapping
from typing import Any

from zs_pipeline.declaration import Expected, Read
from zs_pipeline.shape.values import part, text, texts

SMARTSPIM, EXASPIM = "smartspim", "exa"
_MODALITIES = "data_description.modalities"
_INSTRUMENTS = ("acquisition.instrument_id", "instrument.instrument_id")

READS = (
    Read(f"{_MODALITIES}[]", Expected.OBJECT_OR_TEXT),
    Read(f"{_MODALITIES}[].abbreviation", Expected.TEXT),
    *(Read(path, Expected.TEXT) for path in _INSTRUMENTS),
)
PLACES = ("name", f"{_MODALITIES}[].abbreviation", *_INSTRUMENTS)


def belongs(document: Mapping[str, Any], *words: str) -> bool:
    """Returns whether a document has the modality SPIM, and a word in its name or instrument.

    Args:
        document: The document.
        words: The words, of which one is enough, in any case.
    """
    if "SPIM" not in (texts(part(document, _MODALITIES), "abbreviation") or ()):
        return False
    places = (document.get("name"), *(part(document, path) for path in _INSTRUMENTS))
    written = [(text(place) or "").lower() for place in places]
    return any(word in place for place in written for word in words)
