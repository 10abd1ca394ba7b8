"""Words of others in what we say and log: short, on one line, and nothing in them that a terminal would obey."""

from __future__ import annotations


def plain(text: str, most: int) -> str:
    """Return the first characters of a text, most of them, with a space for each that can't be printed."""
    return "".join(c if c.isprintable() else " " for c in text[:most])


def escaped(text: str) -> str:
    """Return a text in which what can't be printed is written as Python writes it: a line's end as ``\\n``."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shown(name: bytes, most: int = 200) -> str:
    """Return a name of a file or of anything else in an archive, quoted; of a long one the first bytes, most of them. What is no text is
    written as ``\\xff``.
    """
    return f'"{escaped(name[:most].decode("utf-8", "backslashreplace"))}"'
