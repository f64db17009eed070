"""The names of people: one display name for the forms in which a person's name is written.

`display_names` needs one list alone, `first_name_map` the lists of a whole table. The names as
they are written stay in their own columns; where they stand in a document is for the tables.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

_PLACEHOLDERS = {"unknown", "unknownuser", "n/a", "none"}
_PARTICLES = {"de", "van", "von"}
# Small only after another particle, as in `de la Cruz`: alone they are names too (Den, La).
_SECOND_PARTICLES = {"den", "der", "la", "las", "los"}
_JOINERS = "\u200c\u200d"
_APOSTROPHES = "'\u2019"
_INITIAL = re.compile(
    rf"""(^|[-\u2010\u2011\u2013/(\[&,+"\u201c])(\w[{_APOSTROPHES}](?=\w\w))?(\w)"""
)
_INNER_JOIN = re.compile(rf"(?<=\w)[-{_APOSTROPHES}](?=\w)")
_LONGEST_INITIALS = 3


def display_names(names: Iterable[str]) -> list[str]:
    """The people in a list, one display name each, in the order of the list.

    A list of single letters is one name that was split into its letters.

    Args:
        names: Names, logins or e-mail addresses as a document has them.

    Returns:
        The display names; without placeholders, without names that hold neither letter nor digit.
    """
    written = [_plain(name) for name in names]
    people = [name for name in written if _is_name(name)]
    if people and all(_is_letter(name) for name in people):
        people = [_rejoined(name for name in written if _is_name(name) or not _has_text(name))]
    return _unique(_capitalised(name) for name in people if _is_name(name))


def first_name_map(lists: Iterable[Iterable[str] | None]) -> dict[str, str]:
    """What the display names of a table become when the whole table is known.

    Spellings that differ in case, blanks and punctuation become the fullest among them. A single
    word that is the first name of exactly one longer name becomes that name; with several such
    names, or none, it stays. Neither the order of the lists nor how often a name occurs matters.

    Args:
        lists: The lists of names of all rows and columns, as documents have them.

    Returns:
        From display name to final name, sorted, for the names that change.
    """
    spellings = defaultdict(set)
    for names in lists:
        for name in display_names(names or ()):
            spellings[_key(name)].add(name)
    chosen = {key: min(found, key=_rank) for key, found in spellings.items()}
    longer = defaultdict(list)
    for name in chosen.values():
        first, *rest = _words(name)
        if rest:
            longer[_key(first)].append(name)
    final = chosen | {
        key: longer[key][0]
        for key, name in chosen.items()
        if len(_words(name)) == 1 and len(longer[key]) == 1
    }
    changes = ((name, final[key]) for key, found in spellings.items() for name in found)
    return dict(sorted((name, end) for name, end in changes if name != end))


def normalize(names: Iterable[str] | None, mapping: Mapping[str, str]) -> list[str] | None:
    """The final names of one list.

    Args:
        names: Names as a document has them; None where it has no list.
        mapping: What `first_name_map` gave for the whole table.

    Returns:
        Each person once, in the order of the list; None for None, an empty list when nobody is
        named.
    """
    if names is None:
        return None
    return _unique(mapping.get(name, name) for name in display_names(names))


def _plain(name: str) -> str:
    """A name with single blanks for `.`, `_` and everything blank, without invisible characters."""
    name, at, _ = unicodedata.normalize("NFC", name).partition("@")
    if at:
        # `Rachel Lee <rachel.lee@x.org>` has the name before the address.
        before, _, inside = name.rpartition("<")
        name = before.strip() or inside
    shown = (
        " " if c in "._" or unicodedata.category(c) == "Cc" else c
        for c in name
        if c in _JOINERS or unicodedata.category(c) != "Cf"
    )
    return unicodedata.normalize("NFC", " ".join("".join(shown).split()))


def _has_text(name: str) -> bool:
    return any(c.isalnum() for c in name)


def _is_name(name: str) -> bool:
    # The slash tells `n/a` from the name Na.
    bare = "".join(c for c in name.lower() if c.isalnum() or c == "/")
    return _has_text(name) and bare not in _PLACEHOLDERS


def _is_letter(name: str) -> bool:
    texts = [c for c in name if c.isalnum()]
    return len(texts) == 1 and texts[0].isalpha()


def _rejoined(letters: Iterable[str]) -> str:
    """One name from its letters, with a blank before an inner capital where none was kept."""
    name = "".join(letter or " " for letter in letters).strip()
    if " " in name:
        return " ".join(name.split())
    starts = [
        i
        for i, (before, after) in enumerate(pairwise(name), 1)
        if before.islower() and after.isupper() and not name.endswith(("Mc", "Mac"), 0, i)
    ]
    return " ".join(name[i:j] for i, j in pairwise([0, *starts, len(name)]))


def _capitalised(name: str) -> str:
    words = name.split()
    small = False
    done = []
    for i, word in enumerate(words):
        particles = _PARTICLES | _SECOND_PARTICLES if small else _PARTICLES
        small = word.lower() in particles
        within = 0 < i < len(words) - 1
        done.append(word if small and within else _capitalised_word(word))
    return unicodedata.normalize("NFC", " ".join(done))


def _capitalised_word(word: str) -> str:
    if any(c.isupper() for c in word):
        return word
    return _INITIAL.sub(lambda m: m[1] + (m[2] or "").title() + m[3].title(), word)


def _key(name: str) -> str:
    """What is equal in all spellings of a name that differ in case, blanks and punctuation."""
    folded = unicodedata.normalize("NFC", name.lower())
    return "".join(c for c in folded if c.isalnum() or unicodedata.category(c)[0] == "M")


def _words(name: str) -> list[str]:
    return [word for word in name.split() if _has_text(word)]


def _unique(names: Iterable[str]) -> list[str]:
    spellings = defaultdict(list)
    for name in names:
        spellings[_key(name)].append(name)
    return [min(found, key=_rank) for found in spellings.values()]


def _rank(name: str) -> tuple[int, int, int, int, int, int, str]:
    """The order of the spellings of one name: the one that a person wrote with care comes first.

    Words in capitals come last (`JEROME LECOQ`). Then a spelling that keeps parts apart
    (`Jimin Park`, not `Jiminpark`) and one with inner capitals (`McBride`, not `Mcbride`) is
    better, since a login loses both.
    """
    words = _words(name)
    shouted = sum(word.isupper() and len(_key(word)) > _LONGEST_INITIALS for word in words)
    particles = [word for word in words[1:-1] if word.lower() in _PARTICLES]
    return (
        shouted + (len(words) > 1 and name.isupper()),
        -len(words) - len(_INNER_JOIN.findall(name)),
        sum(word[0].isupper() for word in particles),
        -sum(c.isupper() for c in name),
        -len(_INNER_JOIN.findall(name)),
        len(name),
        name,
    )
