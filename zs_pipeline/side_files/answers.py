"""What side files said about each data asset: kept, so that what cannot change is asked once.

Lies outside the version folders, so that a new release asks nothing. One object for each acorn,
whose content never changes; the head of the answers beside it names the current one. What is asked,
and what an answer means, is in the acorns; how a side file is read is in
`zs_pipeline.side_files.files`.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain
from queue import SimpleQueue
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from zs_client import work
from zs_client.contract import ANSWERS
from zs_client.store import Store
from zs_pipeline import arrow, memory
from zs_pipeline.declaration import FromSideFiles
from zs_pipeline.progress import Progress
from zs_pipeline.shape.findings import NOTE, WARNING
from zs_pipeline.side_files import nights
from zs_pipeline.side_files.files import Files
from zs_pipeline.side_files.outcomes import (
    Entry,
    Noted,
    NotParsed,
    NotReached,
    NotReadable,
    NotUsable,
    OtherShape,
    Question,
    Unchanged,
    bucket_of,
)
from zs_pipeline.stored_json import parsed

FOUND = "found"
OUTCOMES = (FOUND, "not_there", "not_readable", "unparsable", "other_shape")
# What lies there stays as it is while the data asset does; what is not there may come.
_FINAL = frozenset((FOUND, NotParsed.outcome, OtherShape.outcome))
PROBLEMS = frozenset((NotReadable.outcome, NotParsed.outcome, OtherShape.outcome))
# Answers after which what was asked is kept for good, so that a killed build goes on there.
KEEP_EVERY = 5000
# In how many parts data assets are listed at first, and how many a part has at least. A request of
# a part reaches as many data assets as have 1,000 files together; a part of which it does not reach
# all is cut in two, which go on side by side.
PARTS = 4
LEAST = 64
KEPT_CONTENTS = 5
# When none of so many requests to a bucket is answered, which was on an earlier night, that is an
# outage; what one or two requests had to say is not known either way.
UNREACHED = 3
CONTENT = pa.schema(
    [
        pa.field("_id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("about", pa.string(), nullable=False),
        pa.field("state", pa.string()),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("value", pa.binary()),
    ]
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a side file said.

    Attributes:
        question: What was asked, in the state of then.
        outcome: One of `OUTCOMES`.
        reason: Why it gave nothing; where it gave something, what is to be said of how it was read.
        value: What it gave, as JSON; of a file that may not be read now, what it gave before; of
            one that gave nothing, which file it was, where the acorn keeps that.
        reached: Whether anything answered at all; not kept.
    """

    question: Question
    outcome: str
    reason: str = ""
    value: bytes | None = None
    reached: bool = True

    def holds(self, question: Question, today: date) -> bool:
        """Returns whether the question need not be asked tonight."""
        same = (self.question.state, self.question.about) == (question.state, question.about)
        if not same or question.state is None or self.outcome == NotReadable.outcome:
            return False
        schedule = question.schedule
        if schedule is None:
            return self.outcome in _FINAL
        if schedule.one_in:
            return not schedule.is_due(question.name, today)
        # 1.0.0 did not say which file it could not read, and could not read as many.
        is_read = self.outcome == FOUND or (self.outcome in _FINAL and self.value is not None)
        return is_read and not schedule.is_due(question.name, today)


@dataclass
class AnswersUpdate:
    """The answers to an acorn's questions, after those that were not known were asked.

    Attributes:
        values: What each data asset's side file gave, by `_id`; None where it gave nothing.
        content: The name of the kept answers; the same for the same answers.
        counts: Questions, how many were asked and reused, requests, and answers by outcome.
    """

    values: dict[str, Any]
    content: str
    counts: dict[str, int]


def update(
    store: Store,
    name: str,
    kind: FromSideFiles,
    questions: Sequence[Question],
    files: Files,
    progress: Callable[[str], None] = lambda _: None,
    *,
    today: date | None = None,
) -> AnswersUpdate:
    """Ask what is not known, and keep the answers.

    Args:
        store: Where the answers are kept.
        name: The acorn whose questions these are.
        kind: How it asks.
        questions: One for each data asset; what is kept of others is dropped.
        files: The side files.
        progress: Called with how far it is.
        today: The date by which questions are due again; that of the clock when None.

    Raises:
        NotReached: Nothing answers where a bucket answered before; what was known stays known.
        Exception: A request failed for good; the answers until then are kept.
        Conflict: Other builds were faster every time.
    """
    begun = files.count["requests"]
    seen: dict[str, dict[str, Answer]] = {}
    known, head = _load(store, name, kind, seen)
    if head and not head["content"]:
        progress(f"{name}: what side files said is gone from {store.url}; all of them are asked")
    answered = _answered(questions, known, head)
    unreached: dict[str, list[Answer]] = defaultdict(list)
    tonight = today or nights.today()
    answers = {
        q.id: known[q.id] for q in questions if q.id in known and known[q.id].holds(q, tonight)
    }
    reused = len(answers)
    # Neighbours are listed together.
    unknown = sorted((q for q in questions if q.id not in answers), key=lambda q: q.location or "")
    progress_line = Progress(progress, name, "asked", len(unknown))
    learned = kept = 0
    with work.Threads(files.in_flight) as pool:
        for start in range(0, len(unknown), KEEP_EVERY):
            batch = unknown[start : start + KEEP_EVERY]
            try:
                for answer in _ask_all(kind, files, batch, known, pool):
                    if not answer.reached:
                        unreached[bucket_of(answer.question.location)].append(answer)
                        continue
                    answers[answer.question.id] = answer
                    learned += not _same(answer, known.get(answer.question.id))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                _keep(store, name, kind, questions, answers, seen=seen, answered=answered)
                raise
            if start + KEEP_EVERY < len(unknown):
                # 100,000 documents have 40,000 data assets that have no side file yet: encoding
                # all answers again after each 5,000 of them was 3 of a night's 25 s.
                if learned > kept:
                    _keep(store, name, kind, questions, answers, seen=seen, answered=answered)
                    kept = learned
                progress_line.at(start + KEEP_EVERY)
                memory.trim_heap()
    lost = {
        bucket: unanswered
        for bucket, unanswered in unreached.items()
        if bucket in answered and len(unanswered) >= UNREACHED
    }
    if lost:
        _keep(store, name, kind, questions, answers, seen=seen, answered=answered)
        count, reason = sum(map(len, lost.values())), next(iter(lost.values()))[0].reason
        raise NotReached(f"none of {count:,} side files was answered for: {reason}")
    for answer in chain.from_iterable(unreached.values()):
        answers[answer.question.id] = answer
        learned += not _same(answer, known.get(answer.question.id))
    same = not learned and known.keys() == answers.keys()
    if same and head.get("content") and head["form"] == kind.answers_version:
        content = str(head["content"])
    else:
        content = _keep(store, name, kind, questions, answers, seen=seen, answered=answered)
    outcomes = Counter(answer.outcome for answer in answers.values())
    return AnswersUpdate(
        {
            key: None if answer.value is None else orjson.loads(answer.value)
            for key, answer in answers.items()
        },
        content,
        {
            "questions": len(questions),
            "asked": len(unknown),
            "reused": reused,
            "requests": files.count["requests"] - begun,
            **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        },
    )


def problems(store: Store, name: str, content: str) -> list[dict[str, Any]]:
    """Returns what is to be said of side files, as rows of `document_problems`.

    What may not be read or is not as it should be, and what was read by a rule.

    Args:
        store: Where the answers are kept.
        name: The acorn whose they are.
        content: Which of the kept answers.
    """
    kept = arrow.decode(store.get_object(_content_key(name, content)))
    is_noted = pc.and_(pc.equal(kept["outcome"], FOUND), pc.not_equal(kept["reason"], ""))
    is_problem = pc.is_in(kept["outcome"], pa.array(sorted(PROBLEMS)))
    to_tell = kept.filter(pc.or_(is_noted, is_problem)).drop_columns(["value"])
    return [
        {
            "_id": row["_id"],
            "name": row["name"],
            "field": f"file:{name}",
            "reason": row["reason"],
            "severity": NOTE if row["outcome"] == FOUND else WARNING,
            "column": None,
            "taken": None,
            "other": None,
            "count": 1,
        }
        for row in to_tell.to_pylist()
    ]


def _ask_all(
    kind: FromSideFiles,
    files: Files,
    questions: Sequence[Question],
    known: dict[str, Answer],
    pool: ThreadPoolExecutor,
) -> Iterator[Answer]:
    """Yields the answers as they come."""
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    running = 0

    def begin(call: Callable[..., Any], *about: Any) -> None:
        nonlocal running
        running += 1
        pool.submit(call, files, *about).add_done_callback(done.put)

    def begin_listing(of: Sequence[Question], parts: int) -> None:
        size = max(1, -(-len(of) // parts))
        for start in range(0, len(of), size):
            begin(_list, kind.listing_prefixes, of[start : start + size])

    if kind.listing_prefixes:
        begin_listing(questions, min(PARTS, files.in_flight, 1 + len(questions) // LEAST))
    else:
        for question in questions:
            begin(_ask, kind, question, known.get(question.id), ())
    while running:
        came = done.get().result()
        running -= 1
        if isinstance(came, Answer):
            yield came
            continue
        reached, left = came
        for question, listing in reached:
            begin(_ask, kind, question, known.get(question.id), listing)
        begin_listing(left, 2 if running < files.in_flight else 1)


def _list(
    files: Files, prefixes: tuple[str, ...], questions: Sequence[Question]
) -> tuple[list[tuple[Question, list[Entry] | NotUsable]], list[Question]]:
    """Returns (listings that one request for neighbours reached, questions that it did not)."""
    locations = [question.location for question in questions]
    listings = files.listings(locations, prefixes, streams=1)
    reached = [(q, listings[q.location]) for q in questions if q.location in listings]
    return reached, [q for q in questions if q.location not in listings]


def _ask(
    files: Files,
    kind: FromSideFiles,
    question: Question,
    before: Answer | None,
    listing: Sequence[Entry] | NotUsable,
) -> Answer:
    """Returns the answer to a question, given what was listed for it or why nothing could be."""
    if before is not None and before.question.about != question.about:
        before = None
    known = before.value if before and before.outcome in _FINAL else None
    try:
        if isinstance(listing, NotUsable):
            raise listing
        with_before = replace(question, before=orjson.loads(known)) if known else question
        value = kind.ask(files, with_before, listing)
    except Unchanged:
        if before is None:
            raise
        return replace(before, question=question)
    except NotReadable as error:
        # A lost permission takes nothing away that was read before.
        reached = not isinstance(error, NotReached)
        kept = before.value if before else None
        return Answer(question, error.outcome, str(error), kept, reached)
    except NotUsable as error:
        seen = None if error.seen is None else orjson.dumps(error.seen)
        return Answer(question, error.outcome, str(error), seen)
    if isinstance(value, Noted):
        return Answer(question, FOUND, value.note, orjson.dumps(value.value))
    return Answer(question, FOUND, "", orjson.dumps(value))


def _answered(
    questions: Sequence[Question], known: dict[str, Answer], head: dict[str, Any]
) -> set[str]:
    """Returns the buckets that answered on an earlier night, if with a refusal."""
    if "answered" in head:
        return set(head["answered"])
    # A head that 1.0.0 wrote does not tell; what came of a bucket does.
    return {
        bucket_of(question.location)
        for question in questions
        if (answer := known.get(question.id))
        and (answer.outcome != NotReadable.outcome or answer.value is not None)
    }


def _same(answer: Answer, kept: Answer | None) -> bool:
    """Returns whether an answer is the kept one, of its data asset in the same state."""
    return (
        kept is not None
        # A kept question knows no location; it is a part of the state.
        and replace(answer.question, location=None) == kept.question
        and (answer.outcome, answer.reason, answer.value) == (kept.outcome, kept.reason, kept.value)
    )


def _head_key(name: str) -> str:
    return f"{ANSWERS}/{name}.json"


def _content_key(name: str, content: str) -> str:
    return f"{ANSWERS}/{name}/{content}.pqt"


def _load(
    store: Store, name: str, kind: FromSideFiles, seen: dict[str, dict[str, Answer]]
) -> tuple[dict[str, Answer], dict[str, Any]]:
    """Returns (kept answers by `_id`, head) as they lie in the store."""
    return _load_of_head(store, name, kind, seen, store.get_if_there(_head_key(name))[0])


def _load_of_head(
    store: Store,
    name: str,
    kind: FromSideFiles,
    seen: dict[str, dict[str, Answer]],
    body: bytes | None,
) -> tuple[dict[str, Answer], dict[str, Any]]:
    """Returns (kept answers by `_id`, head) of what lies under the head's key.

    Args:
        store: The store.
        name: The acorn's name.
        kind: How its table is made.
        seen: The answers that were read last, which are not read again.
        body: The head as it lies there; None where there is none.
    """
    head: dict[str, Any] = parsed(store, _head_key(name), body) or {}
    if head.get("form") != kind.answers_version:
        return {}, head
    kept = head["content"]
    if kept not in seen:
        try:
            content = arrow.decode(store.get_object(_content_key(name, kept)))
        except FileNotFoundError:
            # All is asked again; that nothing is kept makes it be written, if it is the same.
            return {}, {**head, "content": ""}
        rows = arrow.values(content, *CONTENT.names)
        seen.clear()
        seen[kept] = {
            # The location is a part of the state.
            key: Answer(Question(key, called, None, state, about), outcome, reason, value)
            for key, called, about, state, outcome, reason, value in rows
        }
    return seen[kept], head


def _keep(
    store: Store,
    name: str,
    kind: FromSideFiles,
    questions: Sequence[Question],
    answers: dict[str, Answer],
    *,
    seen: dict[str, dict[str, Answer]],
    answered: set[str],
) -> str:
    """Make these answers the kept ones; what is not answered yet keeps what is known of it."""
    now = {bucket_of(q.location) for q in questions if q.id in answers and answers[q.id].reached}
    found: dict[str, Answer] = {}
    content, outdated = "", list[str]()

    def change(head_body: bytes | None) -> bytes | None:
        nonlocal found, content, outdated
        known, head = _load_of_head(store, name, kind, seen, head_body)
        merged = {**known, **answers}
        found = {q.id: merged[q.id] for q in questions if q.id in merged}
        body = arrow.encode(_table(list(found.values())))
        content = hashlib.sha256(body).hexdigest()[:32]
        outdated = []
        if head.get("content") == content and head["form"] == kind.answers_version:
            return None
        store.put_object(_content_key(name, content), body)
        kept = [*(c for c in head.get("kept", []) if c != content), content]
        outdated = kept[:-KEPT_CONTENTS]
        new = {
            "form": kind.answers_version,
            "content": content,
            "kept": kept[-KEPT_CONTENTS:],
            "answered": sorted({*answered, *now} - {""}),
        }
        return json.dumps(new, indent=1).encode()

    store.update(_head_key(name), change, advice="is another build running?")
    seen.clear()
    seen[content] = found
    store.delete([_content_key(name, old) for old in outdated])
    return content


def _table(answers: list[Answer]) -> pa.Table:
    columns = [
        [answer.question.id for answer in answers],
        [answer.question.name for answer in answers],
        [answer.question.about for answer in answers],
        [answer.question.state for answer in answers],
        [answer.outcome for answer in answers],
        [answer.reason for answer in answers],
        [answer.value for answer in answers],
    ]
    arrays = [pa.array(c, field.type) for c, field in zip(columns, CONTENT, strict=True)]
    return pa.Table.from_arrays(arrays, schema=CONTENT).sort_by("_id")
