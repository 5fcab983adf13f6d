"""Numbers in sentences: ``1 gap is open``, ``2 gaps are open``."""

from __future__ import annotations


def fitting(number: float, one: str, many: str = "") -> str:
    """Give the words that fit a number, without the number: ``fitting(1, "is", "are")`` gives ``is``.

    Parameters
    ----------
    number : float
        How many there are.
    one : str
        Words for one.
    many : str
        Words for none and for several; empty: those for one with an s.
    """
    return one if number == 1 else many or f"{one}s"


def counted(number: float, one: str, many: str = "", *, form: str = "") -> str:
    """Count things in words: ``1 step``, ``2 steps``; ``counted(1, "gap is", "gaps are")`` gives ``1 gap is``.

    Parameters
    ----------
    number : float
        How many there are.
    one, many : str
        As for `fitting`.
    form : str
        How the number is written, as in an f-string: ``,`` with commas between thousands.
    """
    return f"{number:{form}} {fitting(number, one, many)}"
