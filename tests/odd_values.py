"""Strategies of Hypothesis for what a document may hold where something else is expected."""

from hypothesis import strategies as st

# Sources give larger ones as texts.
INTEGERS = st.integers(-(2**63), 2**64 - 1)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | INTEGERS | st.text(max_size=6),
    lambda some: (
        st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=4), some, max_size=3)
    ),
    max_leaves=6,
)
