"""The kept answers of side files about each data asset, so that final answers are asked for once.

Answers lie outside the version folders, so that a new release asks nothing. Each acorn has objects
with answers, which never change, and a head that names the current object. The acorns define
questions and the meaning of answers; side files are read in `zs_pipeline.side_files.files`.
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
    NoLocation,
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
# A file does not change while its data asset does not; a missing file may still come.
_FINAL = frozenset((FOUND, NotParsed.outcome, OtherShape.outcome))
PROBLEMS = frozenset((NotReadable.outcome, NotParsed.outcome, OtherShape.outcome))
# So many questions are asked at a time. Once as many answers are new, all are saved, so that a
# killed build continues there.
KEEP_EVERY = 5000
# The number of parts in which data assets are first listed, and the least size of a part. A request
# reaches as many data assets as have 1,000 files together; the rest of its part is cut in two, and
# both halves continue side by side.
PARTS = 4
LEAST = 64
KEPT_CONTENTS = 5
# So many unanswered requests to a bucket that answered on an earlier night are an outage; fewer
# prove nothing.
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
    """The answer of a side file.

    Attributes:
        question: The question, in the state at that time.
        outcome: One of `OUTCOMES`.
        reason: Why there is no value; with a value, a note about how the file was read.
        value: The value as JSON. For a file that may not be read now, the former value; for a file
            without a value, what identifies the file, where the acorn keeps that.
        reached: Whether a server answered; not kept.
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
        # 1.0.0 did not keep which file it could not read, and could read fewer files.
        is_read = self.outcome == FOUND or (self.outcome in _FINAL and self.value is not None)
        return is_read and not schedule.is_due(question.name, today)


@dataclass
class AnswersUpdate:
    """The answers to all questions of an acorn.

    Attributes:
        answers: The answers, by `_id` of the data asset.
        content: The name of the kept answers; equal answers have the same name.
        counts: The numbers of questions, asked, reused, requests, and answers by outcome.
    """

    answers: dict[str, Answer]
    content: str
    counts: dict[str, int]

    @property
    def values(self) -> dict[str, Any]:
        """The value of each data asset's side file, by `_id`; None without a value.

        They are parsed here, which a night without a change does not need.
        """
        return {
            key: None if answer.value is None else orjson.loads(answer.value)
            for key, answer in self.answers.items()
        }


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
    """Ask the questions without a valid answer, and keep the answers.

    Args:
        store: Where the answers are kept.
        name: The name of the acorn.
        kind: How the acorn asks.
        questions: A question for each data asset; kept answers to other questions are dropped.
        files: The side files.
        progress: Receives sentences about the progress.
        today: The date that decides which questions are due again; the present date when None.

    Raises:
        NotReached: A bucket that answered before does not answer; all kept answers stay.
        Exception: A request failed after all retries; the answers until then are kept.
        Conflict: Other builds were faster every time.
    """
    begun = files.count["requests"]
    seen: dict[str, dict[str, Answer]] = {}
    known, head = _load(store, name, kind, seen)
    if head and not head["content"]:
        progress(f"{name}: the kept answers are gone from {store.url}; all questions are asked")
    answered = _answered(questions, known, head)
    unreached: dict[str, list[Answer]] = defaultdict(list)
    tonight = today or nights.today()
    answers = {
        q.id: known[q.id] for q in questions if q.id in known and known[q.id].holds(q, tonight)
    }
    reused = len(answers)
    # Neighbouring locations are listed together.
    unknown = sorted((q for q in questions if q.id not in answers), key=lambda q: q.location or "")
    progress_line = Progress(progress, name, "asked", len(unknown))
    learned = saved = 0
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
                # 100,000 documents have 40,000 data assets without a side file: encoding all
                # answers after each 5,000 of them took 3 of a night's 25 s, also where few of them
                # were new.
                if learned - saved >= KEEP_EVERY:
                    _keep(store, name, kind, questions, answers, seen=seen, answered=answered)
                    saved = learned
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
        answers,
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
    """Returns rows of `document_problems` about side files that are unusable or have a note.

    Args:
        store: Where the answers are kept.
        name: The name of the acorn.
        content: The name of the kept answers.
    """
    answers = arrow.decode(store.get_object(_content_key(name, content)))
    is_noted = pc.and_(pc.equal(answers["outcome"], FOUND), pc.not_equal(answers["reason"], ""))
    is_problem = pc.is_in(answers["outcome"], pa.array(sorted(PROBLEMS)))
    findings = answers.filter(pc.or_(is_noted, is_problem)).drop_columns(["value"])
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
        for row in findings.to_pylist()
    ]


def _ask_all(
    kind: FromSideFiles,
    files: Files,
    questions: Sequence[Question],
    known: dict[str, Answer],
    pool: ThreadPoolExecutor,
) -> Iterator[Answer]:
    """Ask questions in a pool; yields each answer when it comes."""
    done: SimpleQueue[Future[Any]] = SimpleQueue()
    running = 0

    def begin(call: Callable[..., Any], *arguments: Any) -> None:
        nonlocal running
        running += 1
        pool.submit(call, files, *arguments).add_done_callback(done.put)

    def begin_listing(unlisted: Sequence[Question], count: int) -> None:
        size = max(1, -(-len(unlisted) // count))
        for start in range(0, len(unlisted), size):
            begin(_list, kind.listing_prefixes, unlisted[start : start + size])

    if kind.listing_prefixes:
        begin_listing(questions, min(PARTS, files.in_flight, 1 + len(questions) // LEAST))
    else:
        for question in questions:
            begin(_ask, kind, question, known.get(question.id), ())
    while running:
        result = done.get().result()
        running -= 1
        if isinstance(result, Answer):
            yield result
            continue
        reached, left = result
        for question, listing in reached:
            before = known.get(question.id)
            if isinstance(listing, NotUsable) or not listing:
                # Most nights nothing is listed of most data assets, and no request is left to send.
                yield _ask(files, kind, question, before, listing)
            else:
                begin(_ask, kind, question, before, listing)
        begin_listing(left, 2 if running < files.in_flight else 1)


def _list(
    files: Files, prefixes: tuple[str, ...], questions: Sequence[Question]
) -> tuple[list[tuple[Question, list[Entry] | NotUsable]], list[Question]]:
    """Returns (listings that one request reached, questions that it did not reach)."""
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
    """Returns the answer to a question, given its listing or the error of the listing."""
    if before and (before.question.about != question.about or _has_moved(before, question)):
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
        # A value that was read before a permission was lost stays, but not that of another place: a
        # former file's name made links to files that nobody had seen, as `#!None`.
        reached = not isinstance(error, NotReached)
        former = before.value if before and not isinstance(error, NoLocation) else None
        return Answer(question, error.outcome, str(error), former, reached)
    except NotUsable as error:
        seen = None if error.seen is None else orjson.dumps(error.seen)
        return Answer(question, error.outcome, str(error), seen)
    if isinstance(value, Noted):
        return Answer(question, FOUND, value.note, orjson.dumps(value.value))
    return Answer(question, FOUND, "", orjson.dumps(value))


def _has_moved(before: Answer, question: Question) -> bool:
    """Returns whether a data asset lay elsewhere when it was asked about; False when unknown."""
    state = before.question.state
    return state is not None and not state.endswith(f" {question.location}")


def _answered(
    questions: Sequence[Question], known: dict[str, Answer], head: dict[str, Any]
) -> set[str]:
    """Returns the buckets that answered on an earlier night, even with a refusal."""
    if "answered" in head:
        return set(head["answered"])
    # A head that 1.0.0 wrote does not name these buckets; their answers show them.
    return {
        bucket_of(question.location)
        for question in questions
        if (answer := known.get(question.id))
        and (answer.outcome != NotReadable.outcome or answer.value is not None)
    }


def _same(answer: Answer, known: Answer | None) -> bool:
    """Returns whether an answer equals the known answer in the same state of its data asset."""
    if known is None:
        return False
    question, former = answer.question, known.question
    return (
        (answer.outcome, answer.reason, answer.value) == (known.outcome, known.reason, known.value)
        # A kept question has no location, which is a part of the state, and no schedule.
        and (question.id, question.name, question.state, question.about)
        == (former.id, former.name, former.state, former.about)
    )


def _head_key(name: str) -> str:
    return f"{ANSWERS}/{name}.json"


def _content_key(name: str, content: str) -> str:
    return f"{ANSWERS}/{name}/{content}.pqt"


def _load(
    store: Store, name: str, kind: FromSideFiles, seen: dict[str, dict[str, Answer]]
) -> tuple[dict[str, Answer], dict[str, Any]]:
    """Returns (kept answers by `_id`, head)."""
    return _load_of_head(store, name, kind, seen, store.get_if_there(_head_key(name))[0])


def _load_of_head(
    store: Store,
    name: str,
    kind: FromSideFiles,
    seen: dict[str, dict[str, Answer]],
    body: bytes | None,
) -> tuple[dict[str, Answer], dict[str, Any]]:
    """Returns (kept answers by `_id`, head), given the bytes of the head.

    `seen` has the answers that were read last, which are not read again.
    """
    head: dict[str, Any] = parsed(store, _head_key(name), body) or {}
    if head.get("form") != kind.answers_version:
        return {}, head
    content = head["content"]
    if content not in seen:
        try:
            table = arrow.decode(store.get_object(_content_key(name, content)))
        except FileNotFoundError:
            # All is asked again; the empty name makes equal answers be written again.
            return {}, {**head, "content": ""}
        rows = arrow.values(table, *CONTENT.names)
        seen.clear()
        seen[content] = {
            # The location is a part of the state.
            key: Answer(Question(key, called, None, state, about), outcome, reason, value)
            for key, called, about, state, outcome, reason, value in rows
        }
    return seen[content], head


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
    """Save the answers; questions that are not answered yet keep their known answers."""
    now = {bucket_of(q.location) for q in questions if q.id in answers and answers[q.id].reached}
    merged: dict[str, Answer] = {}
    content, superseded = "", list[str]()

    def change(head_body: bytes | None) -> bytes | None:
        nonlocal merged, content, superseded
        known, head = _load_of_head(store, name, kind, seen, head_body)
        newest = {**known, **answers}
        merged = {q.id: newest[q.id] for q in questions if q.id in newest}
        body = arrow.encode(_table(list(merged.values())))
        content = hashlib.sha256(body).hexdigest()[:32]
        superseded = []
        if head.get("content") == content and head["form"] == kind.answers_version:
            return None
        store.put_object(_content_key(name, content), body)
        contents = [*(c for c in head.get("kept", []) if c != content), content]
        superseded = contents[:-KEPT_CONTENTS]
        new = {
            "form": kind.answers_version,
            "content": content,
            "kept": contents[-KEPT_CONTENTS:],
            "answered": sorted({*answered, *now} - {""}),
        }
        return json.dumps(new, indent=1).encode()

    store.update(_head_key(name), change, advice="is another build running?")
    seen.clear()
    seen[content] = merged
    store.delete([_content_key(name, old) for old in superseded])
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
