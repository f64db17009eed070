"""The exception for losses that are too great; documents and tables each have their limit."""


class ShrinkRefused(Exception):
    """A table or a sweep lost more than it may; nothing was changed."""
