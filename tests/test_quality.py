"""Which status a metric has, what metrics make of a tag, and what is told of either choice."""

import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from building import document, dump, real, tables, zs_build
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline import arrow, quality
from zs_pipeline.acorns import asset_basics, platform_qc, qc_tag_status, quality_control
from zs_pipeline.declaration import CORE
from zs_pipeline.shape.findings import NOTE, WARNING, Finding, gathered
from zs_pipeline.source.plain import parse

CASES = Path(__file__).parents[2] / "shared" / "cases"
MODIFIED = "2026-03-01T00:00:00.000Z"


def case(number: str) -> dict[str, dict[str, Any]]:
    """The documents of a case, by `_id`."""
    found = sorted(CASES.glob(f"{number}-*/documents.ndjson"))
    if not found:
        pytest.skip("the cases are not beside this checkout")
    lines = found[0].read_bytes().splitlines()
    return {one["_id"]: dict.fromkeys(CORE) | one for one in map(parse, lines)}


def entry(status: Any, at: Any, evaluator: str = "Ada") -> dict[str, Any]:
    return {"evaluator": evaluator, "status": status, "timestamp": at}


def metric(status: Any = "Pass", tags: Any = None, **more: Any) -> dict[str, Any]:
    history = [entry(status, "2026-01-01T00:00:00Z")]
    return {"name": "m", "tags": tags, "status_history": history, **more}


def checked(*metrics: Any, status: Any = None, **more: Any) -> dict[str, Any]:
    """A document with these metrics and nothing else."""
    control = {"metrics": list(metrics), "status": status, **more}
    return dict.fromkeys(CORE) | {
        "_id": "a",
        "name": "a",
        "_last_modified": MODIFIED,
        "quality_control": control,
    }


def rows(module: Any, one: dict[str, Any]) -> list[dict[str, Any]]:
    made = arrow.table(asset_basics.ACORN, asset_basics.ACORN.kind.rows(one))
    made = asset_basics.ACORN.kind.finish(made, {})
    (row,) = arrow.values(made, *made.schema.names)
    found: Iterable[Any] = module.ACORN.kind.rows(
        one, dict(zip(made.schema.names, row, strict=True))
    )
    return list(found)


def statuses(one: dict[str, Any]) -> dict[Any, Any]:
    return {row["tag"]: row["status"] for row in rows(qc_tag_status, one)}


def of_history(history: Any, **more: Any) -> dict[str, Any]:
    one = checked({"status_history": history}) | more
    (row,) = rows(quality_control, one)
    return row


def told(one: dict[str, Any]) -> list[Finding]:
    return [*quality.metric_findings(one), *quality.key_findings(one)]


# The status of a metric


@pytest.mark.parametrize(
    ("history", "status"),
    [
        ([entry("Fail", "2026-01-02T00:00:00Z"), entry("Pass", "2026-01-01T00:00:00Z")], "Fail"),
        ([entry("Pass", "2026-01-01T00:00:00Z"), entry("Fail", "2026-01-02T00:00:00Z")], "Fail"),
        # By instant, not as it is written: 23:00 in Seattle is 07:00 of the next day.
        ([entry("Fail", "2026-01-01 23:00:00-08:00"), entry("Pass", "2026-01-02T06:00Z")], "Fail"),
        # The same instant twice: programs append.
        ([entry("Pass", "2026-01-01T08:00:00Z"), entry("Fail", "2026-01-01 00:00-08:00")], "Fail"),
        # A time without a zone is UTC's.
        ([entry("Fail", "2026-01-01T01:00:00"), entry("Pass", "2026-01-01T00:59:00Z")], "Fail"),
        # Any time that is missing or cannot be read: the last in the list.
        ([entry("Fail", "2026-01-02T00:00:00Z"), entry("Pass", "yesterday")], "Pass"),
        ([entry("Fail", "yesterday"), entry("Pass", "2026-01-02T00:00:00Z")], "Pass"),
        (
            [
                entry("Fail", "2026-01-02T00:00:00Z"),
                entry("Fail", None),
                entry("Pass", "2026-01-01T00:00:00Z"),
            ],
            "Pass",
        ),
        # What is no object is no entry.
        ([entry("Fail", "2026-01-02T00:00:00Z"), None, "Pass"], "Fail"),
        # Over a day after the last change: unless all are.
        ([entry("Fail", "2026-01-02T00:00:00Z"), entry("Pass", "2026-03-02T00:00:01Z")], "Fail"),
        ([entry("Fail", "2026-01-02T00:00:00Z"), entry("Pass", "2026-03-02T00:00:00Z")], "Pass"),
        ([entry("Pass", "2062-01-01T00:00:00Z"), entry("Fail", "2026-01-02T00:00:00Z")], "Fail"),
        ([entry("Pass", "2062-01-02T00:00:00Z"), entry("Fail", "2062-01-01T00:00:00Z")], "Pass"),
        ([entry("Fail", "2062-01-01T00:00:00Z")], "Fail"),
        # The latest has none.
        ([entry("Fail", "2026-01-01T00:00:00Z"), entry(None, "2026-01-02T00:00:00Z")], None),
    ],
)
def test_the_status_is_that_of_the_latest_entry(history, status):
    assert of_history(history)["status"] == status


def test_evaluator_and_time_are_those_of_the_entry_that_was_taken():
    taken = entry("Fail", "1970-01-01 00:00:03+00:00", "Ada")
    row = of_history([taken, entry("Pass", "1970-01-01 00:00:01Z", "Ben")])
    assert (row["status"], row["evaluator"], row["status_timestamp"]) == ("Fail", "Ada", 3_000_000)
    # The history stays in the document's order.
    assert [one["status"] for one in json.loads(row["status_history"])] == ["Fail", "Pass"]


@pytest.mark.parametrize("envelope", [{}, {"_last_modified": None}, {"_last_modified": "never"}])
def test_without_a_last_change_every_entry_counts(envelope):
    history = [entry("Fail", "2062-01-01T00:00:00Z"), entry("Pass", "2026-01-01T00:00:00Z")]
    one = checked({"status_history": history})
    del one["_last_modified"]
    assert rows(quality_control, one | envelope)[0]["status"] == "Fail"


def test_the_last_change_of_an_older_envelope_counts_too():
    history = [entry("Fail", "2062-01-01T00:00:00Z"), entry("Pass", "2026-01-01T00:00:00Z")]
    one = checked({"status_history": history})
    one["last_modified"] = one.pop("_last_modified")
    assert rows(quality_control, one)[0]["status"] == "Pass"


times = st.datetimes(max_value=datetime(2026, 1, 1)).map(lambda at: f"{at.isoformat()}Z")  # noqa: DTZ001
named = st.sampled_from(("Pass", "Fail", "Pending"))
histories = st.lists(st.builds(entry, named, times), min_size=1, max_size=6)


@given(histories, st.randoms())
def test_the_order_of_a_history_does_not_matter_where_all_times_differ(history, random):
    if len({one["timestamp"] for one in history}) == len(history):
        shuffled = random.sample(history, len(history))
        taken = of_history(history)
        again = of_history(shuffled)
        for column in ("status", "evaluator", "status_timestamp"):
            assert taken[column] == again[column]


@given(histories)
def test_the_entry_that_is_taken_is_told_where_it_is_not_the_last(history):
    one = checked({"status_history": history})
    found = [f.reason for f in quality.metric_findings(one)]
    taken = quality.choose(history, quality.last_time(one)).entry
    assert any("does not end" in reason for reason in found) == (taken is not history[-1])


# What is told of it


def reasons(*metrics: Any, **more: Any) -> list[tuple[str, str, str, str]]:
    """Field, column, beginning of the reason, and severity."""
    found = told(checked(*metrics) | more)
    return [
        (
            f.field.removeprefix("quality_control.metrics[]."),
            f.column,
            " ".join(f.reason.split()[:4]),
            f.severity,
        )
        for f in found
    ]


OLD, NEW = entry("Fail", "2026-01-01T00:00:00Z"), entry("Pass", "2026-01-02T00:00:00Z")
LATE = entry("Pass", "2062-01-02T00:00:00Z")
STATUS = "quality_control.status"


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ([OLD], []),
        ([OLD, NEW], []),
        ([NEW, OLD], [("status_history", STATUS, "does not end with", NOTE)]),
        (
            [OLD, LATE],
            [
                ("status_history[].timestamp", STATUS, "is over a day", NOTE),
                ("status_history", STATUS, "does not end with", NOTE),
            ],
        ),
        ([LATE, OLD], [("status_history[].timestamp", STATUS, "is over a day", NOTE)]),
        ([LATE], [("status_history[].timestamp", STATUS, "is over a day", WARNING)]),
        ([LATE, LATE], [("status_history[].timestamp", STATUS, "is over a day", WARNING)]),
        (
            [OLD, entry("Pass", "?")],
            [("status_history[].timestamp", STATUS, "is missing or cannot", NOTE)],
        ),
        ([entry("Pass", "?")], []),
        (
            [OLD, {**OLD, "status": "Pass"}],
            [("status_history", STATUS, "has several entries of", NOTE)],
        ),
        ([OLD, OLD], []),
        ([], [("status_history", STATUS, "holds no status: it", WARNING)]),
        (None, [("status_history", STATUS, "holds no status: it", WARNING)]),
        (
            [entry(None, "2026-01-01T00:00Z")],
            [("status_history", STATUS, "holds no status: it", WARNING)],
        ),
        (
            [entry("passed", "2026-01-01T00:00Z")],
            [("status_history[].status", "qc_tag_status.status", "is none of Pass,", WARNING)],
        ),
        (
            [entry("Pass", "2026-01-01T00:00:00")],
            [
                (
                    "status_history[].timestamp",
                    "quality_control.status_timestamp",
                    "has no zone and",
                    NOTE,
                )
            ],
        ),
    ],
)
def test_a_choice_is_told(history, expected):
    assert reasons({"status_history": history}) == expected


def test_both_readings_are_shown():
    (found,) = told(checked({"status_history": [NEW, OLD]}))
    assert found.taken == "Pass at 2026-01-02T00:00:00Z"
    assert found.other == "Fail at 2026-01-01T00:00:00Z"
    (found,) = told(checked(metric(status="x")))
    assert (found.taken, found.other) == ("Pending", "x")


def test_a_curation_metrics_status_is_told_of_the_tags_alone():
    found = reasons({"object_type": "Curation metric", "status_history": [NEW, OLD], "value": []})
    assert found == [("status_history", "qc_tag_status.status", "does not end with", NOTE)]


def test_findings_of_a_kind_are_counted_together():
    (row,) = gathered(told(checked(*({"status_history": [NEW, OLD]} for _ in range(20)))))
    assert row["count"] == 20


# The value of a metric


@pytest.mark.parametrize(
    ("written", "value", "kind"),
    [
        ('"Low"', "Low", "text"),
        ('""', "", "text"),
        ('"5"', "5", "text"),
        ("5", "5", "number"),
        ("5.0", "5.0", "number"),
        ('"true"', "true", "text"),
        ("true", "true", "bool"),
        ('"null"', "null", "text"),
        ("null", None, None),
        ('"NaN"', "NaN", "text"),
        ("NaN", None, "number"),
        ("-Infinity", None, "number"),
        ("1e400", None, "number"),
        ('{"$numberDouble": "NaN"}', None, "number"),
        ('{"b": 1, "a": [NaN, "NaN"]}', '{"b":1,"a":[null,"NaN"]}', "object"),
        ("[1, NaN]", "[1,null]", "list"),
        ("{}", "{}", "object"),
        ("[]", "[]", "list"),
        ('{"$numberDouble": "x"}', '{"$numberDouble":"x"}', "object"),
    ],
)
def test_a_value_keeps_its_type(written, value, kind):
    one = checked({**metric(), "value": parse(written.encode())})
    (row,) = rows(quality_control, one)
    assert (row["value"], row["value_type"]) == (value, kind)


@pytest.mark.parametrize(
    ("written", "findings"),
    [("NaN", 1), ('{"value": [Infinity, NaN]}', 1), ('"NaN"', 0), ("1.5", 0), ('["NaN"]', 0)],
)
def test_a_number_that_json_cannot_write_is_told(written, findings):
    one = checked({**metric(), "value": parse(written.encode())})
    assert [f.column for f in told(one)] == ["quality_control.value"] * findings


def test_a_value_that_is_not_a_number_is_told_with_its_name():
    (found,) = told(checked({**metric(), "value": parse(b"NaN")}))
    assert (found.field, found.taken, found.other) == (
        "quality_control.metrics[].value",
        None,
        "NaN",
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("ab$"), below, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_value_is_json_unless_it_is_a_text(value):
    text, kind = quality.value_of(parse(json.dumps(value).encode()))
    if kind == "text":
        assert text == value
    elif kind is not None and text is not None:
        back = {bool: "bool", int: "number", float: "number", dict: "object", list: "list"}
        assert back[type(json.loads(text))] == kind
    else:
        assert value is None or kind == "number"


@pytest.mark.parametrize(
    ("written", "found"),
    [(None, None), ([], []), (["a", None, "b"], ["a", "b"]), ("a", None)],
)
def test_evaluated_data_assets_are_as_written(written, found):
    (row,) = rows(quality_control, checked({**metric(), "evaluated_assets": written}))
    assert row["evaluated_assets"] == found


# Statuses of tags, modalities and stages


ECEPHYS, FIB = {"abbreviation": "ecephys"}, {"abbreviation": "fib"}


def test_each_tag_modality_and_stage_has_the_gravest_status_of_its_metrics():
    one = checked(
        metric("Pass", {"probe": "A", "type": "Drift"}, modality=ECEPHYS, stage="Raw data"),
        metric("Pending", {"probe": "A"}, modality=ECEPHYS, stage="Processing"),
        metric("Fail", ["Drift", "Noise"], modality=FIB, stage="Processing"),
        metric("Pass", None, modality=FIB, stage="Multi-asset"),
    )
    assert list(statuses(one).items()) == [
        ("probe:A", "Pending"),
        ("type:Drift", "Pass"),
        ("Drift", "Fail"),
        ("Noise", "Fail"),
        ("ecephys", "Pending"),
        ("fib", "Fail"),
        ("Raw data", "Pass"),
        ("Processing", "Fail"),
        ("Multi-asset", "Pass"),
    ]


def test_a_bare_tag_and_the_same_with_a_key_are_two():
    one = checked(metric("Pass", ["Drift"]), metric("Fail", {"type": "Drift"}))
    assert statuses(one) == {"Drift": "Pass", "type:Drift": "Fail"}


@pytest.mark.parametrize("status", [None, "", "pass", "failed", {"status": "Pass"}, True, 5])
def test_a_metric_without_a_readable_status_is_pending(status):
    assert statuses(checked(metric(status, ["a"]))) == {"a": "Pending"}


@pytest.mark.parametrize("history", [None, [], {}, [None], "Pass"])
def test_a_metric_without_a_history_is_pending_but_a_failure_beside_it_counts(history):
    silent = {"tags": ["a"], "status_history": history}
    assert statuses(checked(silent)) == {"a": "Pending"}
    assert statuses(checked(silent, metric("Pass", ["a"]))) == {"a": "Pending"}
    assert statuses(checked(silent, metric("Fail", ["a"]))) == {"a": "Fail"}


def test_curation_metrics_count():
    curation = metric("Fail", ["a"], object_type="Curation metric", value=[])
    assert statuses(checked(curation, metric("Pass", ["a"]))) == {"a": "Fail"}
    assert len(rows(quality_control, checked(curation))) == 0


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        (["A"], "Pass"),
        (["probe:A"], "Pass"),
        (["other", "Drift"], "Pass"),
        (["probe"], "Fail"),
        (["ecephys"], "Fail"),
        # Until schema 2.1.1 an entry could be a tuple, of which a metric has to have all tags.
        ([["A"]], "Pass"),
        ([["Drift", "A"]], "Pass"),
        (["x", ["probe:A", "Drift"]], "Pass"),
        ([["A", "x"], ["x", "Drift"]], "Fail"),
        ([["A", None]], "Fail"),
        ([["A", ""]], "Fail"),
        ([[], {"A": "A"}, [["A"]]], "Fail"),
        ("A", "Fail"),
        (None, "Fail"),
    ],
)
def test_a_tag_may_be_allowed_to_fail(allowed, status):
    tags = {"probe": "A", "type": "Drift"}
    one = checked(metric("Fail", tags, modality=ECEPHYS), allow_tag_failures=allowed)
    assert set(statuses(one).values()) == {status}


def test_what_is_allowed_to_fail_hides_no_other_failure_and_nothing_pending():
    failed, other = metric("Fail", ["a"], modality=FIB), metric("Pending", ["b"], modality=FIB)
    one = checked(failed, other, allow_tag_failures=["a", "b"])
    assert statuses(one) == {"a": "Pass", "b": "Pending", "fib": "Pending"}
    one = checked(failed, metric("Fail", ["b"], modality=FIB), allow_tag_failures=["a"])
    assert statuses(one) == {"a": "Pass", "b": "Fail", "fib": "Fail"}


@pytest.mark.parametrize(
    ("allowed", "tags", "expected"),
    [
        (["A"], {"probe": "A"}, None),
        ([["A", "B"]], {"probe": "A"}, ("allow_tag_failures[]", ["A", "B"], None)),
        ([[]], {"probe": "A"}, None),
        ([], {"probe": 5}, None),
        ([], {"probe": None}, ("metrics[].tags", "probe:", None)),
        ([], {"probe": ["A"]}, ("metrics[].tags", 'probe:["A"]', ["A"])),
    ],
)
def test_a_tag_that_may_be_read_otherwise_is_told(allowed, tags, expected):
    found = told(checked(metric("Fail", tags), allow_tag_failures=allowed))
    assert [(f.field, f.taken, f.other) for f in found] == (
        [(f"quality_control.{expected[0]}", *expected[1:])] if expected else []
    )


def test_of_one_text_the_stage_wins_then_the_modality_and_it_is_told():
    one = checked(
        metric("Fail", ["fib", "Processing"]),
        metric("Pending", modality=FIB),
        metric("Pass", stage="Processing", modality={"abbreviation": "Processing"}),
    )
    assert statuses(one) == {"fib": "Pending", "Processing": "Pass"}
    found = [(f.field.rsplit("[].", 1)[1], f.taken, f.other) for f in quality.key_findings(one)]
    assert found == [
        ("stage", {"Processing": "Pass"}, {"Processing": "Fail"}),
        ("modality.abbreviation", {"fib": "Pending"}, {"fib": "Fail"}),
        ("modality.abbreviation", {"Processing": "Pass"}, {"Processing": "Fail"}),
    ]


def test_one_text_with_one_status_is_not_told():
    assert told(checked(metric("Pass", ["fib"], modality=FIB))) == []


@pytest.mark.parametrize("metrics", [None, [], {}, "text", [None]])
def test_without_metrics_the_documents_own_statuses_are_taken_and_it_is_told(metrics):
    one = checked(status={"probe:A": "Fail", "ecephys": "Pass"})
    one["quality_control"]["metrics"] = metrics
    assert statuses(one) == {"probe:A": "Fail", "ecephys": "Pass"}
    (found,) = told(one)
    assert (found.field, found.severity) == ("quality_control.status", NOTE)


def test_beside_metrics_the_documents_own_statuses_do_not_count():
    assert statuses(checked(metric("Pass"), status={"a": "Fail"})) == {}


# The document's own copy


def differing(one: dict[str, Any]) -> tuple[Any, Any]:
    found = list(quality.contradictions(one))
    if not found:
        return None, None
    (finding,) = found
    assert (finding.field, finding.severity) == ("quality_control.status", NOTE)
    return finding.taken, finding.other


@pytest.mark.parametrize(
    ("copied", "same"),
    [
        ({"probe:A": "Pass", "fib": "Pass"}, True),
        ({"A": "Pass"}, True),
        ({"A": "Fail"}, False),
        ({"tag_1:Drift": "Pass"}, True),
        ({"tag_1:Drift": "Fail"}, False),
        ({"name='Fiber photometry' abbreviation='fib'": "Pass"}, True),
        ({"name='Fiber photometry' abbreviation='fib'": "Pending"}, False),
        ({"another": "Fail", "probe:B": "Fail", "probe": "Fail"}, True),
        ({"fib": None, "A": {"status": "Fail"}}, True),
        ({"fib": "passed"}, False),
        (None, True),
        ([], True),
    ],
)
def test_the_copy_is_compared_whatever_its_spelling(copied, same):
    metrics = metric("Pass", {"probe": "A"}, modality=FIB), metric("Pass", ["Drift"])
    taken, other = differing(checked(*metrics, status=copied))
    assert (taken is None) == same
    if not same:
        assert list(taken.values()) == ["Pass"]
        assert other == copied


def test_up_to_five_of_the_keys_are_told():
    copied = {f"tag {n}": "Fail" for n in range(9)}
    one = checked(metric("Pass", list(copied)), status=copied)
    taken, other = differing(one)
    assert taken == dict.fromkeys([f"tag {n}" for n in range(5)], "Pass")
    assert other == dict.fromkeys(taken, "Fail")


def test_without_metrics_nothing_contradicts_the_copy():
    assert differing(checked(status={"a": "Fail"})) == (None, None)


tag_values = st.lists(st.sampled_from("ABC"), max_size=2) | st.dictionaries(
    st.sampled_from(("probe", "type")), st.sampled_from("ABC"), max_size=2
)
metrics = st.builds(
    metric,
    named,
    tag_values,
    modality=st.sampled_from((ECEPHYS, FIB, None)),
    stage=st.sampled_from((*sorted(quality.STAGES), None)),
)


@given(st.lists(metrics, max_size=6))
def test_a_copy_of_the_statuses_contradicts_nothing(listed: Sequence[Any]) -> None:
    one = checked(*listed)
    one["quality_control"]["status"] = statuses(one)
    assert differing(one) == (None, None)


@given(st.lists(metrics, max_size=6), st.randoms())
def test_the_order_of_metrics_changes_no_status(listed, random):
    shuffled = random.sample(listed, len(listed))
    assert statuses(checked(*listed)) == statuses(checked(*shuffled))


# Whatever a document holds


KEYS = (
    *("metrics", "status", "allow_tag_failures", "status_history", "tags", "stage", "modality"),
    *("abbreviation", "value", "timestamp", "evaluator", "object_type", "evaluated_assets"),
    *("$numberDouble", "a"),
)
TEXTS = ("Pass", "Fail", "2026-01-01T00:00:00", "2026-01-01 00:00:00-08:00", "NaN", "Processing")
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(TEXTS) | st.text(max_size=3),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(KEYS), below, max_size=4)
    ),
    max_leaves=20,
)
loose_metrics = st.dictionaries(st.sampled_from(KEYS), anything, max_size=6)
controls = anything | st.fixed_dictionaries(
    {"metrics": st.lists(loose_metrics, max_size=3), "status": anything},
    optional={"allow_tag_failures": anything},
)


@given(controls, anything)
def test_a_document_of_any_kind_gives_rows_and_findings(control, modified):
    one = checked() | {"quality_control": control, "_last_modified": modified}
    gathered([*told(one), *quality.contradictions(one), *quality.naive_times(one)])
    for module in (quality_control, qc_tag_status):
        arrow.table(module.ACORN, rows(module, one))
    rows(platform_qc, one | {"data_description": {"modalities": ["fib"]}})


# Cases and real documents


def test_a_review_changes_the_statuses_and_the_copy_is_told():
    documents = case("15")
    for one in documents.values():
        assert statuses(one) == {
            "Fiber ROI:Fiber_0": "Pass",
            "Fiber ROI:Fiber_1": "Fail",
            "fib": "Fail",
            "Processing": "Fail",
        }
        assert {row["tag"]: row["status"] for row in rows(platform_qc, one)} == {
            "Fiber ROI:Fiber_0": "Pass",
            "Fiber ROI:Fiber_1": "Fail",
            "fib": "Fail",
        }
    taken, other = differing(documents["15-reviewed"])
    assert taken == statuses(documents["15-reviewed"])
    assert set(other.values()) == {"Pending"}
    assert differing(documents["15-nostatus"]) == (None, None)
    # Reviews were written without a zone.
    assert {f.reason for f in told(documents["15-reviewed"])} == {
        "has no zone and is taken as UTC, not as Seattle's time"
    }


def test_values_keep_their_types_in_the_case():
    found = [row["value_type"] for row in rows(quality_control, case("16")["16-a"])]
    assert found == ["text", "object", "text", "text", "number", "text", "bool", "text"]


def test_a_metric_of_other_data_assets_names_them():
    documents = case("03")
    for name in ("03-2", "03-3"):
        (row,) = rows(quality_control, documents[name])
        assert row["stage"] == "Multi-asset"
        assert row["evaluated_assets"] == [
            "990003_2026-06-01_10-00-00",
            "990004_2026-06-02_10-00-00",
        ]
        tags = [(r["platform"], r["tag"]) for r in rows(platform_qc, documents[name])]
        assert tags == [("ecephys", "probe:A"), ("ecephys", "ecephys")]


def test_a_status_of_another_modality_is_of_no_platform():
    one = case("14")["14-a"]
    assert len(rows(quality_control, one)) == 1
    assert rows(platform_qc, one) == []


def test_real_documents_agree_with_their_copies_and_need_no_choice(corpus):
    for one in real(corpus):
        found = dict.fromkeys(CORE) | one
        assert [*told(found), *quality.contradictions(found)] == []


def test_metrics_without_a_subject_lie_in_the_default_partition(tmp_path):
    source = dump(tmp_path / "d.ndjson", [document("a", None), document("b")])
    assert zs_build(source, tmp_path / "out") == 0
    found = {key for key in tables(tmp_path / "out") if "/subject_id=" in key}
    assert found == {
        f"{table}/subject_id={subject}/data.pqt"
        for table in ("qc", "qc_tag_status")
        for subject in ("__HIVE_DEFAULT_PARTITION__", "700001")
    }


def test_not_a_number_comes_through_a_whole_build(tmp_path):
    one = document("a")
    (first,) = one["quality_control"]["metrics"]
    written = [math.nan, "NaN", {"value": math.inf}]
    one["quality_control"]["metrics"] = [first | {"value": value} for value in written]
    assert zs_build(dump(tmp_path / "d.ndjson", [one]), tmp_path / "out") == 0
    built = arrow.decode(tables(tmp_path / "out")["qc/subject_id=700001/data.pqt"])
    assert built.select(["value", "value_type"]).to_pylist() == [
        {"value": None, "value_type": "number"},
        {"value": "NaN", "value_type": "text"},
        {"value": '{"value":null}', "value_type": "object"},
    ]
