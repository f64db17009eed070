"""The names of people: one display name for all spellings of a person's name.

`display_names` needs one list alone, `name_map` the names of all documents. The names as written
stay in their own columns; the tables know where they stand in a document.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice, pairwise

from zs_pipeline.shape.findings import WARNING, Finding

# The lists of people of one row, None for a column without a list.
Lists = tuple[tuple[str, ...] | None, ...]

# Names of a list that are normalised; 1 million took 76 s.
LONGEST_LIST = 1000
TOO_MANY = "has more names than are normalized, of which the first are taken"
SPLIT = "is one name that was split into its letters, which are joined again"
# For readers of columns of final names.
RULE = (
    "The name before @ is taken of an address. Dots, underscores and repeated blanks become one "
    "blank, a word in lower case gets a capital, de, van and von stay small within a name. "
    "unknown, unknown user, n/a, none and nd are left out. A list of single letters is one name "
    "that was split; the letters are joined and it is a finding. Names that are equal but for "
    "case, blanks and punctuation are one person, shown as most documents spell it, or else as the "
    "first in order. A single word that is the first name of exactly one longer name in all "
    "documents becomes that name. Of a list of more than 1,000 names the first 1,000 are taken."
)

_PLACEHOLDERS = {"unknown", "unknownuser", "n/a", "none", "nd"}
_PARTICLES = {"de", "van", "von"}
# In lower case only after another particle, as in `de la Cruz`: alone they are names (Den, La).
_SECOND_PARTICLES = {"den", "der", "la", "las", "los"}
_JOINERS = "\u200c\u200d"
_APOSTROPHES = "'\u2019"
_INITIAL = re.compile(
    rf"""(^|[-\u2010\u2011\u2013/(\[&,+"\u201c])(\w[{_APOSTROPHES}](?=\w\w))?(\w)"""
)


def display_names(names: Iterable[str]) -> list[str]:
    """Returns the people in a list, one display name each, in the order of the list.

    A list of single letters is one name that was split into its letters.

    Args:
        names: Names, logins or e-mail addresses as a document has them.

    Returns:
        The display names, each once, without placeholders and without names that hold neither
        letter nor digit.
    """
    return _unique(spellings(names))


def spellings(names: Iterable[str]) -> list[str]:
    """Returns the display names of the first `LONGEST_LIST` names, in all spellings of a name.

    Args:
        names: Names, logins or e-mail addresses as a document has them.
    """
    written = [_plain(name) for name in islice(names, LONGEST_LIST)]
    people = [name for name in written if _is_name(name)]
    if people and all(map(_is_letter, people)):
        people = [_rejoined(name for name in written if _is_name(name) or not _has_text(name))]
    return [_capitalised(name) for name in people if _is_name(name)]


def is_split(names: Iterable[str]) -> bool:
    """Returns whether a list is one name that was split into its letters."""
    count = 0
    # The first name tells of most lists that they are not split.
    for name in filter(_is_name, map(_plain, names)):
        if not _is_letter(name):
            return False
        count += 1
    return count > 1


def findings(names: Sequence[str], field: str, column: str) -> Iterator[Finding]:
    """Yields findings for a list that was one name, and for a list that is too long.

    Args:
        names: Names as a document has them.
        field: The path of the list.
        column: The column of the final names.
    """
    if is_split(names):
        yield Finding(field, column, SPLIT, display_names(names), names)
    if len(names) > LONGEST_LIST:
        yield Finding(field, column, TOO_MANY, LONGEST_LIST, len(names), WARNING)


def map_over(documents: Mapping[Lists, int], trainers: Iterable[str]) -> dict[str, str]:
    """Returns the `name_map` over the people of documents and the trainers of sessions.

    Args:
        documents: The number of documents that have the same lists of people.
        trainers: Names of trainers, each once or more; they count as in no document.
    """
    counts: Counter[str] = Counter()
    for lists, count in documents.items():
        for name in {name for names in lists for name in spellings(names or ())}:
            counts[name] += count
    for trainer in set(trainers):
        for name in spellings([trainer]):
            counts.setdefault(name, 0)
    return name_map(counts)


def alike(rows: Iterable[Sequence[Sequence[str] | None]]) -> Counter[Lists]:
    """Returns the number of rows for each combination of lists.

    Few lists differ: row by row they took 3 of the 24 s of a night that changed 200 of 20,000.

    Args:
        rows: The lists of each row, None for a column without a list.
    """
    return Counter(
        tuple(None if names is None else tuple(names) for names in lists) for lists in rows
    )


def name_map(documents: Mapping[str, int]) -> dict[str, str]:
    """Returns the final name of each display name, from the display names of all documents.

    Spellings that differ in case, blanks and punctuation become the spelling that most documents
    have, of equally frequent ones the first in order. A single word that is the first name of
    exactly one longer name becomes that name; with several such names, or none, the word stays.

    Args:
        documents: The number of documents in which each display name occurs, by `spellings`.

    Returns:
        From display name to final name, sorted, for the names that change.
    """
    spelled = defaultdict(list)
    for name in documents:
        spelled[_key(name)].append(name)
    final = {key: min(names, key=lambda n: (-documents[n], n)) for key, names in spelled.items()}
    longer = defaultdict(set)
    single = []
    for key, names in spelled.items():
        firsts = {_key(words[0]) for words in map(_words, names) if len(words) > 1}
        for first in firsts:
            longer[first].add(key)
        if not firsts:
            single.append(key)
    final |= {key: final[next(iter(longer[key]))] for key in single if len(longer[key]) == 1}
    finals = ((name, final[key]) for key, names in spelled.items() for name in names)
    return dict(sorted((name, final_name) for name, final_name in finals if name != final_name))


def normalize(names: Iterable[str] | None, mapping: Mapping[str, str]) -> list[str] | None:
    """Returns the final names of one list.

    Args:
        names: Names as a document has them; None where it has no list.
        mapping: The `name_map` of all documents.

    Returns:
        Each person once, in the order of the list; None for None, an empty list when nobody is
        named.
    """
    if names is None:
        return None
    return _unique(mapping.get(name, name) for name in spellings(names))


# Many documents name the same few people.
@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    """Returns a name with single blanks for `.`, `_` and white space, without invisible ones."""
    name, at, _ = unicodedata.normalize("NFC", name).partition("@")
    if at:
        # `Rachel Lee <rachel.lee@x.org>` has the name before the address.
        before, _, inside = name.rpartition("<")
        name = before.strip() or inside
    visible = (
        " " if c in "._" or unicodedata.category(c) == "Cc" else c
        for c in name
        if c in _JOINERS or unicodedata.category(c) != "Cf"
    )
    return unicodedata.normalize("NFC", " ".join("".join(visible).split()))


@lru_cache(maxsize=1024)
def _has_text(name: str) -> bool:
    return any(c.isalnum() for c in name)


@lru_cache(maxsize=1024)
def _is_name(name: str) -> bool:
    # The slash tells `n/a` from the name Na.
    bare = "".join(c for c in name.lower() if c.isalnum() or c == "/")
    return _has_text(name) and bare not in _PLACEHOLDERS


@lru_cache(maxsize=1024)
def _is_letter(name: str) -> bool:
    characters = [c for c in name if c.isalnum()]
    return len(characters) == 1 and characters[0].isalpha()


def _rejoined(letters: Iterable[str]) -> str:
    """Returns the name of its letters, with blanks before inner capitals where it has no blank."""
    name = "".join(letter or " " for letter in letters).strip()
    if " " in name:
        return " ".join(name.split())
    starts = [
        i
        for i, (before, after) in enumerate(pairwise(name), 1)
        if before.islower() and after.isupper() and not name.endswith(("Mc", "Mac"), 0, i)
    ]
    return " ".join(name[i:j] for i, j in pairwise([0, *starts, len(name)]))


@lru_cache(maxsize=1024)
def _capitalised(name: str) -> str:
    words = name.split()
    is_particle = False
    for i, word in enumerate(words):
        particles = _PARTICLES | _SECOND_PARTICLES if is_particle else _PARTICLES
        is_particle = word.lower() in particles
        if not (is_particle and 0 < i < len(words) - 1):
            words[i] = _capitalised_word(word)
    return unicodedata.normalize("NFC", " ".join(words))


def _capitalised_word(word: str) -> str:
    if any(c.isupper() for c in word):
        return word
    return _INITIAL.sub(lambda m: m[1] + (m[2] or "").title() + m[3].title(), word)


@lru_cache(maxsize=1024)
def _key(name: str) -> str:
    """Returns a key that ignores case, blanks and punctuation of a name."""
    folded = unicodedata.normalize("NFC", name.lower())
    return "".join(c for c in folded if c.isalnum() or unicodedata.category(c)[0] == "M")


def _words(name: str) -> list[str]:
    return [word for word in name.split() if _has_text(word)]


def _unique(names: Iterable[str]) -> list[str]:
    by_key: dict[str, str] = {}
    for name in names:
        by_key.setdefault(_key(name), name)
    return list(by_key.values())
