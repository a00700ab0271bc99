"""Which patterns a table lists: those least like chance, and the best one of every symbol."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SURE = 0.05
"""All patterns with a p-value up to this are listed,"""

FEWEST = 200
"""but at least so many."""


@dataclass(frozen=True)
class Listed:
    """The rows of a table.

    Attributes:
        rows: in the order of `ranking.ORDER`.
        every: how many rows there were to choose from.
        sure: how many of them have a p-value up to `SURE`.
        first: how many are listed because they are the first; the others are each the best of one symbol.
    """

    rows: pa.Table
    every: int
    sure: int
    first: int

    def told(self, noun: str) -> str:
        """What is listed, in words.

        Args:
            noun: what the rows are, such as "setups that stand".
        """
        if self.rows.num_rows == self.every:
            return f"All {noun}."
        others = self.rows.num_rows - self.first
        further = f", and the best one of each of {others:,} further symbols" if others > 1 else ""
        further = ", and the best one of one further symbol" if others == 1 else further
        best = f"Of {self.every:,} {noun}, "
        if not self.sure:
            return f"{best}the {self.first:,} with the best scores{further}."
        if self.first > self.sure:
            return f"{best}{self.sure:,} have a p-value up to {SURE:g}; listed are the {self.first:,} best{further}."
        if self.first < self.sure:
            told = f"{self.sure:,} have a p-value up to {SURE:g}; listed are the best {self.first:,} of these"
            return f"{best}{told}{further}."
        told = f"these {self.sure:,} have a p-value up to {SURE:g}{further}"
        return f"{best}{told}. Chance alone would give many of them: see above."


def listed(patterns: pa.Table, most: int) -> Listed:
    """Choose what a table lists.

    Args:
        patterns: of one status, by rising p-value.
        most: at most so many, besides the best ones of symbols that have none among these.
    """
    sure = pc.sum(pc.less_equal(patterns["p_value"], SURE)).as_py() or 0
    first = min(max(sure, FEWEST), most, patterns.num_rows)
    _, best = np.unique(np.array(patterns["symbol"].to_pylist(), dtype=np.str_), return_index=True)
    places = np.concatenate([np.arange(first), np.sort(best[best >= first])])
    return Listed(patterns.take(pa.array(places)), patterns.num_rows, sure, first)
