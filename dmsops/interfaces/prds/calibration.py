"""From counts to engineering units, many at once, by the rules of the XTCE library.

Polynomials: each coefficient times a power, the terms summed in the order of the file. The library raises whole numbers
exactly and rounds once; the products here do the same while no power but the last leaves 53 bits. The library sums by Python's
``sum``, which since 3.12 carries the rounding errors along (Neumaier's sum, as here). So counts of up to 16 bits with exponents
up to 6 give the same number to the last bit; wider counts agree to a few units in the last place of the largest term.

Splines: the library's operations one by one, the same to the last bit. (At the largest raw value of a spline the library,
6.2.0, fails; here the last piece holds.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Coefficients with their exponents, in the order in which their terms are added."""

    terms: tuple[tuple[float, int], ...]

    def __call__(self, raw: Values) -> Values:
        """Calibrate counts, shape (N,)."""
        powers = {1: raw}
        terms = [_term(raw, coefficient, exponent, powers) for coefficient, exponent in self.terms]
        if len(terms) <= 2:  # two terms leave no error that could change their rounded sum
            return np.asarray(0.0 + sum(terms, np.zeros(len(raw))))
        return _sum(terms)


def _term(raw: Values, coefficient: float, exponent: int, powers: dict[int, Values]) -> Values:
    return np.full(len(raw), coefficient) if exponent == 0 else coefficient * _power(raw, exponent, powers)


def _sum(terms: list[Values]) -> Values:
    """Add terms with their rounding errors carried along (Neumaier 1974)."""
    total, carried = 0.0 + terms[0], np.zeros(len(terms[0]))
    for term in terms[1:]:
        following = total + term
        larger = np.abs(total) >= np.abs(term)
        carried += np.where(larger, (total - following) + term, (term - following) + total)
        total = following
    return np.asarray(total + carried)


def _power(raw: Values, exponent: int, powers: dict[int, Values]) -> Values:
    """Raise to a power as the product of the two halves: both are exact when they have at most 53 bits."""
    if exponent not in powers:
        half = (exponent + 1) // 2
        powers[exponent] = _power(raw, half, powers) * _power(raw, exponent - half, powers)
    return powers[exponent]


@dataclass(frozen=True, slots=True)
class Spline:
    """Points of a piecewise function, sorted by raw value: order 1 joins them, order 0 holds the lower one's value.

    Outside of the points order 1 goes on as in the first and last piece, order 0 keeps the end's value.
    """

    raw: tuple[float, ...]
    calibrated: tuple[float, ...]
    order: int

    def __call__(self, raw: Values) -> Values:
        """Calibrate counts, shape (N,)."""
        x, y = np.array(self.raw), np.array(self.calibrated)
        below = np.searchsorted(x, raw, side="right") - 1
        if self.order == 0:
            return np.asarray(y[np.clip(below, 0, len(x) - 1)])
        slopes = np.diff(y) / np.diff(x)
        piece = np.clip(below, 0, len(slopes) - 1)
        return np.asarray(slopes[piece] * (raw - x[piece]) + y[piece])
