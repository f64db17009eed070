"""What the comparison of a table with the oracle's rows finds, and what it says."""

from compare_cells import Way, differences, report
from oracle import DOCUMENT

BY_TAG = Way("asset_name", ("tag",))
IN_ORDER = Way("asset_name", in_order=True, json=("value",))


def row(name, tag, status, document="1"):
    return {DOCUMENT: document, "asset_name": name, "tag": tag, "status": status}


def columns(found):
    return sorted(difference.column for difference in found)


def test_equal_rows_in_any_order_do_not_differ():
    rows = [row("a", "x", "Pass"), row("a", "y", "Fail"), row("b", "x", None)]
    assert differences(rows[::-1], rows, BY_TAG) == []
    assert report("qc", [], 3) == ""


def test_a_cell_that_differs_is_named_by_its_row_and_document():
    found = differences([row("a", "x", "Pass")], [row("a", "x", "Fail", "id-7")], BY_TAG)
    (line,) = [line for line in report("qc", found, 1).splitlines() if "asset_name" in line]
    assert line.strip() == (
        "asset_name='a', tag='x', _id='id-7': the table has 'Pass', the oracle 'Fail'"
    )


def test_rows_too_many_and_too_few_and_a_lacking_column():
    here, there = [row("a", "x", "Pass")], [row("b", "x", "Pass")]
    assert columns(differences(here, there, BY_TAG)) == ["(rows)", "(rows)"]
    assert columns(differences([*here, *here], here, BY_TAG)) == ["(rows)"]
    assert columns(differences([{"asset_name": "a", "tag": "x"}], here, BY_TAG)) == ["status"]


def test_json_is_compared_as_parsed_and_in_order():
    def one(value, kind="object"):
        return [{DOCUMENT: "1", "asset_name": "a", "value": value, "value_type": kind}]

    assert differences(one('{"a": 1.0e3}'), one('{"a":1000.0}'), IN_ORDER) == []
    assert differences(one('{"b":1,"a":1}'), one('{"a":1,"b":1}'), IN_ORDER)
    assert differences(one("5.0", "text"), one("5", "text"), IN_ORDER)


def test_of_documents_with_one_name_rows_of_either_are_right_but_no_mixture():
    one, other = row("a", "x", "Pass", "1"), row("a", "x", "Fail", "2")
    more = row("a", "y", "Fail", "2")
    both = [one, other, more]
    for stored in (both, [one], [one, more], [other, more]):
        assert differences(stored, both, BY_TAG) == []
    assert differences([row("a", "x", "Pending"), more], both, BY_TAG)
    assert differences([more], both, BY_TAG)
