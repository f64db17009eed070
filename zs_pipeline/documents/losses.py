"""Refuses updates that lose too many documents, and reports which documents are gone.

What a table may lose is in `zs_pipeline.publishing.commit`.
"""

from collections import Counter
from collections.abc import Callable

from zs_pipeline.documents import keys
from zs_pipeline.documents.retention import KEPT_STATES
from zs_pipeline.documents.state import DocumentState, read_head
from zs_pipeline.shape import values as fields
from zs_pipeline.shrink_refused import ShrinkRefused

LOST_SHARE = 0.3
LOST_DOCUMENTS = 2


class LossGuard:
    """Refuses an update that loses too many documents.

    Attributes:
        accepted: Whether the update lost too many documents and was accepted all the same.
    """

    def __init__(self, before: DocumentState, url: str, *, accept_shrink: bool) -> None:
        self.accepted = False
        self._before = before
        self._url = url
        self._accept_shrink = accept_shrink
        self._largest = 0

    def check(self, removed: int) -> None:
        """Refuse an update that lost too many documents, in the sweep or in the fetch.

        Many nights in a row may each lose a little. So the remaining documents are also compared
        with the largest of the kept states, back to the state that was accepted last.

        Args:
            removed: The number of documents that are gone so far.

        Raises:
            ShrinkRefused: Too many documents are gone.
        """
        if not removed:
            return
        had = self._before.index.num_rows
        self._largest = self._largest or self._largest_state()
        lost = self._largest - (had - removed)
        if lost < LOST_DOCUMENTS or lost <= LOST_SHARE * self._largest:
            return
        self.accepted = True
        if not self._accept_shrink:
            latest = removed >= LOST_DOCUMENTS and removed > LOST_SHARE * had
            loss = (
                f"{removed:,} of {had:,}"
                if latest
                else f"{lost:,} of the {self._largest:,} of one of the last {KEPT_STATES} states"
            )
            raise ShrinkRefused(
                f"documents: {loss} are gone from {self._url}, "
                f"more than {LOST_SHARE:.0%}; they stay. If the source is the right one "
                "and this is meant, build again with --accept-shrink"
            )

    def _largest_state(self) -> int:
        """Returns the number of documents in the largest of the kept states."""
        head = self._before.head
        states, accepted = list(head.get("states", ())), head.get("accepted")
        since_accepted = states[states.index(accepted) if accepted in states else 0 :]
        heads = (read_head(self._before.store, keys.state_key(s))[0] for s in since_accepted)
        counts: list[int] = [self._before.index.num_rows]
        counts += [state_head["documents"] for state_head in heads if state_head]
        return max(counts)


def tell_gone(before: DocumentState, gone: list[str], progress: Callable[[str], None]) -> None:
    """Report how many documents are gone, by modality.

    Args:
        before: The documents before the update.
        gone: The ids of the documents that are gone.
        progress: Receives the sentence.
    """
    counts: Counter[str] = Counter()
    for documents in before.read(["data_description"], ids=set(gone)):
        for document in documents:
            modalities = fields.part(document, "data_description.modalities")
            counts.update(set(fields.texts(modalities, "abbreviation") or ["without a modality"]))
    by_modality = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    had = before.index.num_rows
    progress(f"documents: {len(gone):,} of {had:,} are gone: {by_modality}")
