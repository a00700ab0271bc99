"""Hard rules as the class table writes them, such as `x3 > x1`, `l2 < 0.9 l1` or `slope(2, 4) > slope(1, 3)`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from kernels.errors import InvalidInputError

PRICE, LENGTH, SHORTER, SLOPE = range(4)
"""Kinds of a term: `x3`, `0.9 l1`, `min(l1, l5)`, `slope(2, 4)`."""

_COMPARISON = re.compile(r"^(.+?)\s*(<=|>=|<|>)\s*(.+)$")
_FORMS = (
    (PRICE, re.compile(r"^x([0-5])$")),
    (LENGTH, re.compile(r"^(?:(\d+\.\d+) )?l([1-5])$")),
    (SHORTER, re.compile(r"^min\(l([1-5]), l([1-5])\)$")),
    (SLOPE, re.compile(r"^slope\(([0-5]), ([0-5])\)$")),
)


class Term(NamedTuple):
    """One side of a rule.

    Attributes:
        kind: `PRICE` (x_a), `LENGTH` (factor times l_a), `SHORTER` (min(l_a, l_b)) or `SLOPE` (slope(a, b)).
        a, b: the pivots or legs; b is 0 where there is only one.
        factor: what a length is multiplied with, else 1.
    """

    kind: int
    a: int
    b: int
    factor: float

    @property
    def last(self) -> int:
        """The last pivot that it needs."""
        return max(self.a, self.b)

    def grows(self, pivot: int) -> bool | None:
        """Whether its value can only rise (True) or fall (False) as the wave to `pivot` extends; None if neither."""
        if self.last < pivot or self.kind == SLOPE:
            return None
        return self.kind != PRICE or pivot % 2 == 1


@dataclass(frozen=True)
class Rule:
    """A hard rule.

    Attributes:
        name: the name of its margin.
        text: the rule: two terms and a comparison.

    Raises:
        InvalidInputError: from the properties, where the text can't be read.
    """

    name: str
    text: str

    @cached_property
    def _sides(self) -> tuple[Term, str, Term]:
        match = _COMPARISON.match(self.text)
        if match is None:
            raise self._unreadable()
        return self._term(match[1]), match[2], self._term(match[3])

    def _term(self, text: str) -> Term:
        for kind, form in _FORMS:
            match = form.match(text)
            if match is None:
                continue
            if kind == LENGTH:
                return Term(kind, int(match[2]), 0, float(match[1] or 1.0))
            a, b = int(match[1]), int(match[2]) if kind != PRICE else 0
            return Term(kind, a, b, 1.0)
        raise self._unreadable()

    def _unreadable(self) -> InvalidInputError:
        return InvalidInputError(
            f"hard rule {self.name}",
            expected='two of "x3", "l2", "0.9 l1", "min(l1, l5)", "slope(2, 4)" with <, <=, > or >= between them',
            got=repr(self.text),
            mend="correct the rule in kernels/waves/classes.py",
        )

    @property
    def lesser(self) -> Term:
        """The side that must be less."""
        left, comparison, right = self._sides
        return left if "<" in comparison else right

    @property
    def greater(self) -> Term:
        """The side that must be greater."""
        left, comparison, right = self._sides
        return right if "<" in comparison else left

    @property
    def strict(self) -> bool:
        """Whether equality breaks it."""
        return "=" not in self._sides[1]

    @property
    def pivot(self) -> int:
        """The last pivot that it needs."""
        return max(self.lesser.last, self.greater.last)

    @property
    def final(self) -> bool:
        """Whether every longer last wave breaks it too, once one does."""
        less, more = self.lesser.grows(self.pivot), self.greater.grows(self.pivot)
        return less is not False and more is not True and (less, more) != (None, None)
