"""Hand-made cases of limit orders, and of what a trade tells."""

from __future__ import annotations

from dataclasses import replace

from kernels.trading.model import NONE, OPEN, ORDER, STOP, TARGET, TRAILING_STOP
from tests.kernels.trading.case import BOTH, DEAR, HALF, LONG, SHORT, Case
from tests.kernels.trading.market import NAN

LIMIT_CASES: dict[str, Case] = {}


def limits(name, row, orders, legs=None, after=100, **expected):
    """Limit orders of bar 0, filled or not in bar 1."""
    rows = [100, row, after]
    LIMIT_CASES[f"limit: {name}"] = Case(rows, expected, [(0, *orders)], legs or {}, fill="limit")


limits("a buy fills at the limit", (100, 101, 97, 99), (HALF, {"limit": (98, NAN)}), equity=(10_000, 10_050, 10_100))
limits("a buy fills at a low that touches it", (100, 101, 98, 99), (HALF, {"limit": (98, NAN)}), traded=4_900)
limits("a buy fills at an open below the limit", (96, 99, 95, 98), (HALF, {"limit": (98, NAN)}), traded=4_800)
limits("what isn't filled lapses", (100, 101, 98.5, 99), (HALF, {"limit": (98, NAN)}), after=90, traded=0)
limits(
    "a long leg sells at the limit to reduce",
    (100, 106, 99, 100),
    (HALF, {"limit": (105, NAN)}),
    {**LONG, "target": (NAN, NAN)},
    traded=5_250,
    equity=(10_000, 10_250, 10_250),
)
limits(
    "a long leg sells at an open above the limit",
    (107, 108, 99, 100),
    (HALF, {"limit": (105, NAN)}),
    {**LONG, "target": (NAN, NAN)},
    traded=5_350,
)
limits(
    "a short leg sells at the limit to open",
    (100, 103, 99, 100),
    ((NAN, 0.5), {"limit": (NAN, 102)}),
    equity=(10_000, 10_100, 10_100),
)
limits(
    "a short leg buys at the limit to close",
    (100, 101, 94, 96),
    ((NAN, 0.0), {"limit": (NAN, 95)}),
    SHORT,
    reason=(NONE, ORDER),
    equity=(10_000, 10_500, 10_500),
)
limits(
    "nothing to trade leaves the levels",
    (100, 101, 94, 96),
    ((1.0, NAN), {"limit": (100, NAN), "stop": (0.5, NAN)}),
    LONG,
    reason=(STOP, NONE),
    equity=(10_000, 9_500, 9_500),
)
limits(
    "a leg opened inside the bar is stopped in it",
    (100, 101, 93, 99),
    (HALF, {"limit": (98, NAN), "stop": (0.95, NAN)}),
    reason=(STOP, NONE),
    exit_bar=(1, -1),
    held=(1, 0),
    equity=(10_000, 9_755, 9_755),
)
limits(
    "a leg opened inside the bar does not reach its target in it",
    (100, 101, 97, 99),
    (HALF, {"limit": (98, NAN), "target": (1.01, NAN)}),
    reason=(TARGET, NONE),
    exit_bar=(2, -1),
    equity=(10_000, 10_050, 10_100),
)
limits(
    "a fill inside the bar leaves the peak at its price",
    (100, 120, 97, 99),
    (HALF, {"limit": (98, NAN), "trail": (0.9, NAN)}),
    after=(99, 99, 88.3, 90),
    reason=(OPEN, NONE),
    equity=(10_000, 10_050, 9_600),
)
limits(
    "a fill that adds inside the bar replaces the stop before it can close the leg",
    (100, 101, 90, 99),
    ((1.0, NAN), {"limit": (97, NAN)}),
    {**LONG, "cash": 5_000.0, "shares": (50.0, 0.0)},
    reason=(OPEN, NONE),
    traded=4_850,
)
limits(
    "a fill that reduces inside the bar is dropped if the leg was stopped",
    (100, 106, 94, 100),
    (HALF, {"limit": (105, NAN)}),
    LONG,
    reason=(STOP, NONE),
    traded=9_500,
)
limits(
    "a fill that reduces inside the bar sets the levels anew",
    (100, 106, 96, 100),
    (HALF, {"limit": (105, NAN), "trail": (0.9, NAN)}),
    {**LONG, "target": (NAN, NAN)},
    after=(96, 97, 94, 95),
    reason=(TRAILING_STOP, NONE),
    equity=(10_000, 10_250, 5_250 + 50 * 94.5),
)
limits(
    "legs fill one by one, and the first uses up the leverage",
    (100, 101, 99, 100),
    ((1.0, 1.0), {"limit": (100, 100)}),
    traded=10_000,
    reason=(OPEN, NONE),
)
limits(
    "legs fill one by one, each at its own limit",
    (100, 103, 97, 100),
    ((0.4, 0.4), {"limit": (98, 102)}),
    traded=40 * 98 + 40 * 102,
    reason=(OPEN, OPEN),
)
LIMIT_CASES["limit: an order waits through a missing bar"] = Case(
    [100, None, (100, 101, 97, 99)], {"traded": 4_900}, [(0, HALF, {"limit": (98, NAN)})], fill="limit"
)


def excursions(name, rows, worst, best, orders=(), legs=None, fill="next_open"):
    """One trade and its worst and best excursion."""
    LIMIT_CASES[f"excursions: {name}"] = Case(
        rows, {"trades": [{"worst": worst, "best": best}]}, list(orders), legs or {}, fill
    )


LOOSE = {**LONG, "stop": (NAN, NAN), "target": (NAN, NAN)}
excursions("the bar first counts with its close", [(100, 150, 50, 100), (100, 110, 98, 99)], -0.02, 0.1, legs=LOOSE)
excursions("a leg brought in counts from its entry", [100, 100], 0.25, 0.25, legs={**LOOSE, "entry": (80.0, NAN)})
excursions(
    "a short leg gains where prices fall", [100, (100, 110, 95, 100)], -0.1, 0.05, legs={**SHORT, "stop": (NAN, NAN)}
)
excursions("a bar that opens at the open counts whole", [100, (100, 110, 95, 100)], -0.05, 0.1, [(0, HALF)])
excursions(
    "a bar with the stop counts its open and the stop",
    [100, (98, 130, 94, 99)],
    -0.05,
    0.0,
    legs={**LONG, "target": (NAN, NAN)},
)
excursions(
    "a bar with a fill inside counts the fill",
    [100, (100, 130, 90, 99), (99, 102, 99, 100)],
    0.0,
    102 / 98 - 1,
    [(0, HALF, {"limit": (98, NAN)})],
    fill="limit",
)
excursions(
    "a bar that closes the leg at its close counts whole",
    [100, (100, 130, 90, 99)],
    -0.1,
    0.3,
    [(1, (0.0, NAN))],
    LOOSE,
    "same_close",
)
excursions(
    "a leg opened at the close counts from there", [(100, 150, 50, 100), 110], 0.0, 0.1, [(0, HALF)], fill="same_close"
)

LIMIT_CASES["a trade carries the age, the dividends and the costs of its leg"] = Case(
    [100, 100, 100],
    {
        "trades": [
            {"leg": 1, "entry_bar": -2, "exit_bar": 1, "bars": 3, "dividends": -10, "costs": 0.2 + 1.6, "gross": 0}
            | {"entry_price": 101, "exit_price": 100, "shares": 10, "reason": ORDER, "path": 0},
            {"leg": 0, "entry_bar": -3, "exit_bar": 2, "bars": 5, "dividends": 20, "costs": 0.4, "reason": OPEN},
        ]
    },
    [(0, (NAN, 0.0))],
    {**BOTH, "entry": (99.0, 101.0), "age": (3, 2)},
    costs=replace(DEAR, borrow_bp_per_year=252.0, overnight_bp=1.0),
    dividend={1: 1.0},
)
