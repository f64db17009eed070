"""The exception for what lost more than it may; what that is, documents and tables each decide."""


class ShrinkRefused(Exception):
    """A table or a sweep lost more than it may; nothing was changed."""
