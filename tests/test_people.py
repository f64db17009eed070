"""The display names of people: within one list, and over all lists of a table."""

import itertools
import random
import unicodedata
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zs_pipeline import people
from zs_pipeline.people import alike, display_names, is_split, map_over, name_map, normalize

WORDS = ["Huy", "huy", "Nguyen", "NGUYEN", "mcBride", "Mcbride", "de", "Van", "la", "J", "j", "o'b"]
ODD = ["ß", "ẞ", "ŉ", "ǰ", "İ", "ς", "Σ", "ᾳ", "ﬁ", "ǆ", "e\u0301", "\u0301", "\u200d", "\x00"]
MARKS = [" ", ".", "_", "-", "'", "\u2019", "@", "<", ",", "/", "  "]


def first_name_map(lists: Iterable[Sequence[str] | None]) -> dict[str, str]:
    """The map over lists each of which is that of one document."""
    return map_over(alike([names] for names in lists), ())


written_names = st.one_of(
    st.text(),
    st.lists(st.sampled_from(WORDS + ODD + MARKS), max_size=6).map("".join),
    st.sampled_from(["unknown", "n/a", *WORDS]),
)
name_lists = st.lists(written_names, max_size=5)
tables = st.lists(name_lists, max_size=6)


def one(name: str) -> str:
    (found,) = display_names([name])
    return found


# One name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("rachel.lee@alleninstitute.org", "Rachel Lee"),
        ("Rachel Lee <rachel.lee@alleninstitute.org>", "Rachel Lee"),
        (" <rachel.lee@alleninstitute.org>", "Rachel Lee"),
        ("huy@", "Huy"),
    ],
)
def test_an_address_gives_the_name_in_it(written: str, name: str) -> None:
    assert one(written) == name


@pytest.mark.parametrize(
    "written",
    [
        "Tiffany Ona",
        "tiffany.ona",
        "tiffany_ona",
        " Tiffany  Ona ",
        "Tiffany._ Ona",
        "Tiffany\tOna",
    ],
)
def test_dots_underscores_and_repeated_blanks_are_one_blank(written: str) -> None:
    assert one(written) == "Tiffany Ona"


def test_the_dot_of_an_initial_is_a_blank() -> None:
    assert one("J. Doe") == one("J.Doe") == "J Doe"


@pytest.mark.parametrize(
    "name",
    [
        "Márton Rózsa",
        "Łukasz Żółć",
        "李小龍",
        "Ірина Шевченко",
        "محمد علي",
        "शर्\u200dमा",
        "अनिल कुमार",
    ],
)
def test_letters_of_any_script_stay(name: str) -> None:
    assert one(name) == name


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert one(unicodedata.normalize("NFD", "Márton Rózsa")) == "Márton Rózsa"


def test_characters_that_nobody_sees_are_no_part_of_a_name() -> None:
    assert one("\ufeffsue\u200b \u200fSu\x00") == "Sue Su"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("jimin park", "Jimin Park"),
        ("casey lennon-jones", "Casey Lennon-Jones"),
        ("kate o'brien", "Kate O'Brien"),
        ("kate o\u2019brien", "Kate O\u2019Brien"),
        ("ng'ang'a", "Ng'ang'a"),
        ("élodie ñandú", "Élodie Ñandú"),
        ("x\u030ciao", "X\u030ciao"),
        ("john (jack) doe", "John (Jack) Doe"),
        ("ǆemal", "ǅemal"),
    ],
)
def test_a_word_all_in_lower_case_is_capitalised(written: str, name: str) -> None:
    assert one(written) == name


@pytest.mark.parametrize(
    "name", ["Bryan MacLennan", "EllaHilton-VanOsdall", "JEROME LECOQ", "Yoav Ben-simon"]
)
def test_a_word_with_a_capital_stays(name: str) -> None:
    assert one(name) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ludwig van beethoven", "Ludwig van Beethoven"),
        ("john.von.neumann", "John von Neumann"),
        ("Simone de Beauvoir", "Simone de Beauvoir"),
        ("anna van der berg", "Anna van der Berg"),
        ("juan de la cruz", "Juan de la Cruz"),
    ],
)
def test_particles_are_small_within_a_name(written: str, name: str) -> None:
    assert one(written) == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("van hooser", "Van Hooser"),
        ("de la cruz", "De la Cruz"),
        ("minh van", "Minh Van"),
        ("Stephen Van Hooser", "Stephen Van Hooser"),
        ("wei den li", "Wei Den Li"),
    ],
)
def test_what_may_be_a_name_is_no_particle(written: str, name: str) -> None:
    assert one(written) == name


# One list


@pytest.mark.parametrize(
    "written",
    [
        "unknown",
        "Unknown",
        "unknown user",
        "UNKNOWN_USER",
        "n/a",
        "N/A",
        "none",
        "None",
        "nd",
        "ND",
        "N.D.",
        "(unknown)",
    ],
)
def test_placeholders_are_dropped(written: str) -> None:
    assert display_names([written, "Sue Su"]) == ["Sue Su"]
    assert display_names([written]) == []


@pytest.mark.parametrize("written", ["Na", "NA", "Unknown Person", "NSB", "Nonet", "Ndidi"])
def test_what_only_resembles_a_placeholder_stays(written: str) -> None:
    assert display_names([written]) == [written]


def test_an_account_of_a_team_is_a_name_like_others() -> None:
    assert display_names(["NSB trainer"]) == ["NSB Trainer"]


@pytest.mark.parametrize("written", ["", " ", "...", "-", "?", "@alleninstitute.org", "🦄"])
def test_what_holds_no_letter_and_no_digit_is_no_name(written: str) -> None:
    assert display_names([written]) == []


def test_the_order_of_the_list_is_kept() -> None:
    assert display_names(["yoni.browning", "Galen Lynch", "Anna Lakunina"]) == [
        "Yoni Browning",
        "Galen Lynch",
        "Anna Lakunina",
    ]


def test_names_equal_but_for_case_blanks_and_punctuation_are_one_at_the_first_place() -> None:
    written = ["katrina.nguyen", "Tiffany Ona", "Katrina Nguyen", "KatrinaNguyen"]
    assert display_names(written) == ["Katrina Nguyen", "Tiffany Ona"]


def test_names_that_differ_in_a_letter_or_accent_are_two() -> None:
    written = ["Marton Rozsa", "Márton Rózsa", "Martin Rozsa", "अनिल", "अनील"]
    assert display_names(written) == written


SPELLINGS = [
    ("Ethan McBride", "ethan.mcbride"),
    ("Ethan McBride", "ETHAN MCBRIDE"),
    ("Bryan MacLennan (PI)", "bryan maclennan pi"),
    ("Jerome Lecoq", "Jerome LECOQ"),
    ("Sue Su", "'Sue Su'"),
    ("Jimin Park", "jiminpark"),
    ("Ella Hilton-VanOsdall", "EllaHilton-VanOsdall"),
    ("Casey Lennon-Jones", "Casey Lennon Jones"),
    ("Kate O'Brien", "Kate OBrien"),
    ("Jan van Dyk", "Jan Van Dyk"),
]


@pytest.mark.parametrize(("name", "other"), SPELLINGS)
def test_of_two_spellings_in_a_list_the_first_is_shown(name: str, other: str) -> None:
    assert display_names([name, other]) == [one(name)]
    assert display_names([other, name]) == [one(other)]


@pytest.mark.parametrize(
    ("letters", "name"),
    [
        ("JohnRohde", "John Rohde"),
        ("John Rohde", "John Rohde"),
        ("john.rohde", "John Rohde"),
        ("BryanMacLennan", "Bryan MacLennan"),
        ("EthanMcBride", "Ethan McBride"),
        ("Casey Lennon-Jones", "Casey Lennon-Jones"),
        ("Ella VanOsdall", "Ella VanOsdall"),
        ("huy", "Huy"),
        ("J", "J"),
    ],
)
def test_a_list_of_single_letters_is_one_name(letters: str, name: str) -> None:
    assert display_names(list(letters)) == [name]


@pytest.mark.parametrize("names", [["J", "o"], ["J", "", "D"], ["J", "unknown", "D"]])
def test_several_single_letters_are_a_split_name(names: list[str]) -> None:
    assert is_split(names)


@pytest.mark.parametrize("names", [[], ["J"], ["J", "Jo"], ["1", "2"], ["unknown"]])
def test_other_lists_are_not_split(names: list[str]) -> None:
    assert not is_split(names)


def test_a_placeholder_among_single_letters_is_no_part_of_the_name() -> None:
    assert display_names(["unknown", "J", "D"]) == ["JD"]


def test_a_placeholder_split_into_letters_is_dropped() -> None:
    assert display_names(list("unknown")) == []


def test_single_digits_are_not_joined() -> None:
    assert display_names(["1", "2"]) == ["1", "2"]


def test_a_single_letter_beside_a_name_is_its_own() -> None:
    assert display_names(["J", "Sue Su", "D"]) == ["J", "Sue Su", "D"]


# A whole table


def test_a_first_name_of_exactly_one_longer_name_becomes_it() -> None:
    lists = [["Huy"], ["Huy Nguyen", "Anna Lakunina"], ["huy.nguyen"]]
    assert first_name_map(lists) == {"Huy": "Huy Nguyen"}


@pytest.mark.parametrize(
    "lists",
    [
        [["Josh"], ["Josh Siegle"], ["Josh Smith"]],
        [["Olivia"], ["Anna Lakunina"]],
        [["Siegle"], ["Josh Siegle"]],
        [["Jo"], ["Josh Siegle"]],
        [["Josh S"], ["Josh Siegle"]],
        [["Mary Ann"], ["Maryann Smith"]],
    ],
)
def test_a_name_that_is_not_the_first_name_of_exactly_one_stays(lists: list[list[str]]) -> None:
    assert first_name_map(lists) == {}


@pytest.mark.parametrize(("name", "other"), SPELLINGS)
def test_the_spelling_that_most_documents_have_is_shown(name: str, other: str) -> None:
    assert first_name_map([[name], [name], [other]]) == {one(other): one(name)}
    assert first_name_map([[name], [other], [other]]) == {one(name): one(other)}


@pytest.mark.parametrize(("name", "other"), SPELLINGS)
def test_of_spellings_that_as_many_documents_have_the_first_in_order_is_shown(
    name: str, other: str
) -> None:
    first, second = sorted([one(name), one(other)])
    assert first_name_map([[name], [other]]) == {second: first}
    assert first_name_map([[other], [name]]) == {second: first}


def test_a_document_counts_once_however_often_it_has_a_spelling() -> None:
    lists = [["Sue SU", "Sue SU", "sue.SU"], ["Sue Su"], ["Sue Su"]]
    assert first_name_map(lists) == {"Sue SU": "Sue Su"}


def test_the_spellings_of_one_longer_name_count_as_one() -> None:
    lists = [["ethan"], ["Ethan McBride"], ["ethan.mcbride"], ["ethan.mcbride"]]
    assert first_name_map(lists) == {"Ethan": "Ethan Mcbride", "Ethan McBride": "Ethan Mcbride"}


def test_a_first_name_is_found_in_any_case() -> None:
    assert first_name_map([["HUY"], ["Huy"], ["Huy Nguyen"]]) == {
        "HUY": "Huy Nguyen",
        "Huy": "Huy Nguyen",
    }


def test_a_single_word_that_is_a_longer_name_without_blanks_becomes_that() -> None:
    lists = [["jiminpark"], ["Jimin Park"], ["Jimin"]]
    assert first_name_map(lists) == {"Jimin": "Jimin Park", "Jiminpark": "Jimin Park"}


def test_a_split_name_counts_as_the_name() -> None:
    assert first_name_map([list("JohnRohde"), ["John"]]) == {"John": "John Rohde"}


def test_what_no_document_has_is_shown_as_documents_have_it() -> None:
    counts = {"Sue Su": 3, "SUE SU": 0, "Huy": 0, "Huy Nguyen": 1}
    assert name_map(counts) == {"Huy": "Huy Nguyen", "SUE SU": "Sue Su"}


def test_the_map_is_sorted_and_lists_may_be_missing() -> None:
    lists = [["Yoni"], None, [], ["Galen"], ["Yoni Browning", "Galen Lynch"]]
    assert list(first_name_map(lists).items()) == [
        ("Galen", "Galen Lynch"),
        ("Yoni", "Yoni Browning"),
    ]


def test_a_list_is_given_its_final_names_once_each() -> None:
    mapping = {"Huy": "Huy Nguyen"}
    written = ["Anna Lakunina", "huy", "huy.nguyen@alleninstitute.org"]
    assert normalize(written, mapping) == ["Anna Lakunina", "Huy Nguyen"]


def test_no_list_stays_null_and_an_empty_list_empty() -> None:
    assert normalize(None, {}) is None
    assert normalize([], {}) == []
    assert normalize(["unknown user"], {}) == []


# Any text


@given(name_lists)
def test_display_names_are_their_own_display_names(names: list[str]) -> None:
    found = display_names(names)
    assert display_names(found) == found


@given(name_lists)
def test_display_names_are_tidy(names: list[str]) -> None:
    for name in display_names(names):
        assert name == " ".join(name.split())
        assert not {".", "_", "@", "\x00"} & set(name)
        assert unicodedata.is_normalized("NFC", name)


@given(tables, st.randoms())
def test_the_map_does_not_depend_on_the_order_of_rows(
    lists: list[list[str]], chance: random.Random
) -> None:
    in_order = list(first_name_map(lists).items())
    chance.shuffle(lists)
    assert list(first_name_map(lists).items()) == in_order


@given(tables)
def test_a_table_with_its_final_names_changes_no_more(lists: list[list[str]]) -> None:
    mapping = first_name_map(lists)
    final = [normalize(names, mapping) or [] for names in lists]
    assert [normalize(names, mapping) for names in final] == final
    assert first_name_map(final) == {}


@given(tables)
def test_no_two_final_names_of_a_table_differ_only_in_case_or_blanks(
    lists: list[list[str]],
) -> None:
    mapping = first_name_map(lists)
    final = {name for names in lists for name in normalize(names, mapping) or ()}
    assert len({name.lower().replace(" ", "") for name in final}) == len(final)


@pytest.mark.parametrize(
    "name", ["a" * 10_000, "a." * 5_000, "o'" * 5_000, "Aa" * 5_000, "<" * 9_999 + "@", "\ud800a"]
)
def test_a_long_or_broken_text_does_no_harm(name: str) -> None:
    assert len(display_names([name])) <= 1
    assert len(display_names(list(name))) <= 1


def test_of_a_list_beyond_all_measure_the_first_names_are_taken() -> None:
    names = (f"Ada Lovelace{number}" for number in itertools.count())
    shown = people.display_names(names)
    assert len(shown) == people.LONGEST_LIST
    assert shown[0] == "Ada Lovelace0"
