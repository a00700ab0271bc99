"""What every price source promises, what it returns, and the rules they share.

What belongs here: the protocol, the result types, symbols and ranges as arguments. What doesn't: any one source.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from kernels.errors import InvalidInputError

PRICE_COLUMNS = ("open", "high", "low", "close")
VALUE_COLUMNS = (*PRICE_COLUMNS, "volume", "split_ratio", "dividend")
BAR_COLUMNS = ("symbol", "session", *VALUE_COLUMNS, "source")
UNIVERSE_COLUMNS = ("symbol", "name", "sector", "member_from", "member_to")

_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,14}")
_DATES_NAMED = 5


@dataclass(frozen=True)
class FetchReport:
    """What became of every symbol of a fetch: each one is in exactly one of `ok`, `empty` and `failed`.

    Attributes:
        ok: symbols that delivered at least one bar.
        empty: symbols that have nothing in the range, without an error.
        failed: symbol -> reason, in words. The key is the symbol as it came, even where it is none.
        notes: symbol -> what was left out or changed, in words.
    """

    ok: tuple[str, ...]
    empty: tuple[str, ...]
    failed: dict[str, str]
    notes: dict[str, str]


@dataclass(frozen=True)
class Fetch:
    """The bars of a fetch and its report.

    Attributes:
        bars: columns symbol (str), session (datetime64[s], midnight, no zone), open, high, low, close (float64 dollars,
            NaN where the source has null), volume (float64 shares, likewise), split_ratio (float64 new shares for one
            old, effective at the open of the session; 1.0 = none), dividend (float64 dollars per share as paid, ex at
            the open of the session; 0.0 = none), source (str). Sorted by session, then symbol; unique by both. Prices
            and volumes are not judged: NaN, inf, zero and negative ones come as the source has them.
        report: what became of every symbol.
    """

    bars: pd.DataFrame
    report: FetchReport


class PriceSource(Protocol):
    """Where bars come from. Constructing one does no work; the first call does."""

    @property
    def name(self) -> str:
        """"simulated", "files" or "yahoo"."""  # fmt: skip

    @property
    def as_traded(self) -> bool:
        """Whether bars are as traded; False when somebody else has adjusted them for splits."""

    def coverage(self) -> tuple[date, date]:
        """The first and the last session the source can serve now."""

    def universe(self, session: date) -> pd.DataFrame:
        """The instruments as of `session`.

        Returns:
            Columns symbol, name, sector (str), member_from, member_to (datetime64[s]; NaT where unknown, and member_to
            NaT while a member), sorted by symbol. Where membership is known, only members as of `session`.
        """

    def membership_known(self) -> bool:
        """Whether `universe` is point-in-time. False means survivorship bias, which metadata must say."""

    def fetch(self, symbols: Sequence[str] | None, first: date, last: date) -> Fetch:
        """The bars of the closed range `first` to `last`; a range outside `coverage` delivers nothing.

        The bar of a session is the same whatever range and whichever other symbols are asked for.

        Args:
            symbols: the symbols to fetch, in any order; None = all of the source.
            first: the first day; it may be a closed day.
            last: the last day.

        Raises:
            InvalidInputError: `first` is after `last`, or `symbols` is a single string.
        """

    def fingerprint(self) -> str:
        """What identifies the data behind the source; no path is part of it."""


def symbol_fault(symbol: object) -> str | None:
    """Why something is no symbol, in words, or None if it is one.

    A symbol is an upper-case letter or digit, then up to 14 upper-case letters, digits, dots and hyphens.
    """
    if isinstance(symbol, str) and _SYMBOL.fullmatch(symbol):
        return None
    return f"{symbol!r} is no symbol: up to 15 of A-Z, 0-9, dot and hyphen, the first a letter or digit, are expected"


def check_symbols(symbols: Sequence[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Part the symbols a caller asks for into valid ones (sorted, each once) and faulty ones with their reasons.

    Raises:
        InvalidInputError: `symbols` is a single string.
    """
    if isinstance(symbols, str):
        raise InvalidInputError(
            "symbols", expected="a sequence of symbols", got=f"the string {symbols!r}", mend=f"pass [{symbols!r}]"
        )
    faults = {str(symbol): symbol_fault(symbol) for symbol in symbols}
    valid = tuple(sorted(symbol for symbol, fault in faults.items() if fault is None))
    return valid, {symbol: fault for symbol, fault in faults.items() if fault is not None}


def check_range(first: date, last: date) -> None:
    """Raise `InvalidInputError` if `first` is after `last`."""
    if first > last:
        raise InvalidInputError(
            "range of sessions", expected="first <= last", got=f"{first} to {last}", mend="swap the two dates"
        )


def build_report(
    asked: Collection[str], delivered: Collection[str], failed: Mapping[str, str], notes: Mapping[str, str]
) -> FetchReport:
    """Build a report in which every asked symbol that neither delivered nor failed is empty."""
    return FetchReport(
        ok=tuple(sorted(delivered)),
        empty=tuple(sorted(set(asked) - set(delivered) - set(failed))),
        failed=dict(sorted(failed.items())),
        notes=dict(sorted(notes.items())),
    )


def bars_frame(
    symbol: Sequence[str] | npt.NDArray[np.object_],
    session: npt.NDArray[np.datetime64],
    values: Mapping[str, npt.NDArray[np.float64]],
    source: str,
) -> pd.DataFrame:
    """Build the `bars` of a fetch from columns of one length that are already in order."""
    columns: dict[str, object] = {
        "symbol": pd.array(symbol, dtype="str"),
        "session": session.astype("datetime64[s]"),
        **{name: values[name] for name in VALUE_COLUMNS},
        "source": pd.array([source] * len(session), dtype="str"),
    }
    return pd.DataFrame(columns)


def no_bars(source: str) -> pd.DataFrame:
    """The `bars` of a fetch that delivers nothing."""
    nothing = {name: np.empty(0) for name in VALUE_COLUMNS}
    return bars_frame([], np.empty(0, dtype="datetime64[D]"), nothing, source)


def universe_frame(
    symbols: Sequence[str],
    names: Sequence[str],
    sectors: Sequence[str],
    member_from: npt.NDArray[np.datetime64],
    member_to: npt.NDArray[np.datetime64],
) -> pd.DataFrame:
    """Build a universe, sorted by symbol, from columns of one length."""
    frame = pd.DataFrame(
        {
            "symbol": pd.array(symbols, dtype="str"),
            "name": pd.array(names, dtype="str"),
            "sector": pd.array(sectors, dtype="str"),
            "member_from": member_from.astype("datetime64[s]"),
            "member_to": member_to.astype("datetime64[s]"),
        }
    )
    return frame.sort_values("symbol", ignore_index=True)


def name_days(days: npt.NDArray[np.datetime64]) -> str:
    """Name a few days in words: the first five, and how many more."""
    named = ", ".join(str(day) for day in days[:_DATES_NAMED].astype("datetime64[D]"))
    return named if len(days) <= _DATES_NAMED else f"{named} and {len(days) - _DATES_NAMED} more"


def count_rows(rows: int) -> str:
    """A number of rows in words."""
    return "1 row" if rows == 1 else f"{rows} rows"
