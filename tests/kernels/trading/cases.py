"""Hand-made cases, one for each sentence of the README; `CASES` holds them all, by what they show."""

from __future__ import annotations

from kernels.trading.model import NONE, OPEN, ORDER, RUIN, STOP, TARGET, TRAILING_STOP, Costs
from tests.kernels.trading.case import BOTH, DEAR, HALF, LONG, RISE, SHORT, TRAILED, Case
from tests.kernels.trading.limit_cases import LIMIT_CASES
from tests.kernels.trading.market import NAN

CASES: dict[str, Case] = dict(LIMIT_CASES)


def exits(name, leg, row, dollars, reason):
    """A leg that the second bar closes, or doesn't."""
    legs, side = (LONG, 0) if leg == "long" else (SHORT, 1)
    expected = {
        "equity": (10_000, dollars, dollars),
        "reason": (reason, NONE) if side == 0 else (NONE, reason),
        "exit_bar": (1, -1) if side == 0 else (-1, 1),
        "held": (1, 0) if side == 0 else (0, 1),
        "exposure": 1,
    }
    CASES[f"{leg}: {name}"] = Case([100, row, 100], expected, legs=legs)


exits("an open below the stop closes at the open", "long", (90, 96, 89, 95), 9_000, STOP)
exits("an open at the stop closes there", "long", (95, 99, 94, 98), 9_500, STOP)
exits(
    "an open above the target closes at the open, before the low reaches the stop",
    "long",
    (112, 113, 94, 100),
    11_200,
    TARGET,
)
exits("a low at the stop closes at the stop", "long", (100, 104, 95, 103), 9_500, STOP)
exits("stop before target within a bar", "long", (100, 112, 94, 105), 9_500, STOP)
exits("a high at the target closes at the target", "long", (100, 110, 96, 108), 11_000, TARGET)
exits("an open above the stop closes at the open", "short", (110, 111, 104, 105), 9_000, STOP)
exits("an open at the stop closes there", "short", (105, 106, 101, 102), 9_500, STOP)
exits(
    "an open below the target closes at the open, before the high reaches the stop",
    "short",
    (88, 106, 87, 100),
    11_200,
    TARGET,
)
exits("a high at the stop closes at the stop", "short", (100, 105, 96, 97), 9_500, STOP)
exits("stop before target within a bar", "short", (100, 106, 88, 95), 9_500, STOP)
exits("a low at the target closes at the target", "short", (100, 104, 90, 92), 11_000, TARGET)

CASES |= {
    "an order fills at the next open": Case(
        RISE, {"equity": (10_000, 10_300, 10_400), "traded": 5_100, "held": (2, 0)}, [(0, HALF)]
    ),
    "a fill at the same close falls into the first return": Case(
        RISE,
        {"equity": (10_000, 10_392, 10_492), "return_sum": 0.0392 + 10_492 / 10_392 - 1, "exposure": 2},
        [(0, HALF)],
        fill="same_close",
        costs=DEAR,
    ),
    "the equity of a bar is marked again after a fill at its close": Case(
        [100, 100, 110], {"equity": (10_000, 9_992, 10_492)}, [(1, HALF)], fill="same_close", costs=DEAR
    ),
    "a cost at the close of first is in the equity of a missing bar after it": Case(
        [100, None, 100], {"equity": (10_000, 9_992, 9_992)}, [(0, HALF)], fill="same_close", costs=DEAR
    ),
    "nights are charged on both legs and borrowing on the short one": Case(
        [100, 100, 200],
        {"equity": (10_000, 9_999.6, 10_999.2), "overnight": 0.6, "borrow": 0.2},
        legs=BOTH,
        costs=Costs(0.0, 0.0, 0.0, 252.0, 1.0),
    ),
    "a leg that is sold at the open still pays the night before": Case(
        [100, 100, 100], {"equity": (10_000, 9_999, 9_999)}, [(0, (0.0, NAN))], LONG, costs=Costs(0, 0, 0, 0, 1)
    ),
    "long shares receive the dividend and short shares pay it": Case(
        [100, 100, 100], {"equity": (10_000, 10_020, 10_020), "dividends": 20}, legs=BOTH, dividend={1: 2.0}
    ),
    "shares sold at the open of the ex date receive the dividend": Case(
        [100, 100], {"equity": (10_000, 10_200)}, [(0, (0.0, NAN))], LONG, dividend={1: 2.0}
    ),
    "shares bought at the open of the ex date receive none": Case(
        [100, 100], {"equity": (10_000, 10_000)}, [(0, HALF)], dividend={1: 2.0}
    ),
    "a dividend of bar first is past": Case([100, 100], {"equity": (10_000, 10_000)}, legs=LONG, dividend={0: 2.0}),
    "an order fills before the stops of the bar": Case(
        [100, (94, 96, 90, 92)], {"equity": (10_000, 9_400), "reason": (ORDER, NONE)}, [(0, (0.0, NAN))], LONG
    ),
    "an order replaces the levels of its leg": Case(
        [100, (100, 100, 90, 95)],
        {"equity": (10_000, 9_500), "reason": (OPEN, NONE)},
        [(0, (1.0, NAN), {"stop": (0.8, NAN)})],
        LONG,
    ),
    "an order without levels removes them": Case(
        [100, (100, 120, 80, 95)], {"equity": (10_000, 9_500), "traded": 0}, [(0, (1.0, NAN))], LONG
    ),
    "an order for one leg leaves the other with its levels": Case(
        [100, (100, 100, 94, 96)],
        {"equity": (10_000, 9_500), "reason": (STOP, NONE)},
        [(0, (NAN, 0.0))],
        LONG,
    ),
    "a leg bought at the open can be stopped in the same bar, from the price of the fill": Case(
        [100, (102, 103, 96, 100), 100],
        {"equity": (10_000, 9_745, 9_745), "reason": (STOP, NONE), "exit_bar": (1, -1), "held": (1, 0)},
        [(0, HALF, {"stop": (0.95, NAN)})],
    ),
    "a target is set from the price of the fill": Case(
        [100, (80, 87, 79, 85), (86, 90, 86, 86)],
        {"equity": (10_000, 10_250, 10_400), "reason": (TARGET, NONE), "exit_bar": (2, -1)},
        [(0, HALF, {"target": (1.1, NAN)})],
    ),
    "a trailing stop above the stop closes as trailing stop": Case(
        [100, (100, 101, 98, 100)],
        {"equity": (10_000, 9_900), "reason": (TRAILING_STOP, NONE)},
        legs={**TRAILED, "stop": (95.0, NAN)},
    ),
    "a stop above the trailing stop closes as stop": Case(
        [100, (100, 101, 98, 100)],
        {"equity": (10_000, 9_950), "reason": (STOP, NONE)},
        legs={**TRAILED, "stop": (99.5, NAN)},
    ),
    "a stop equal to the trailing stop closes as stop": Case(
        [100, (100, 101, 98, 100)],
        {"equity": (10_000, 9_900), "reason": (STOP, NONE)},
        legs={**TRAILED, "stop": (99.0, NAN), "trail": (0.5, NAN), "peak": (198.0, NAN)},
    ),
    "the trailing stop of a bar rests on the bars before it": Case(
        [100, (100, 120, 99.5, 118), (115, 116, 107, 110)],
        {"equity": (10_000, 11_800, 10_800), "reason": (TRAILING_STOP, NONE), "exit_bar": (2, -1)},
        legs=TRAILED,
    ),
    "the trough of a short leg falls": Case(
        [100, (100, 100.5, 80, 85), (86, 89, 85, 87)],
        {"equity": (10_000, 11_500, 11_200), "reason": (NONE, TRAILING_STOP), "exit_bar": (-1, 2)},
        legs={**SHORT, "stop": (NAN, NAN), "target": (NAN, NAN), "trail": (NAN, 1.1), "peak": (NAN, 95.0)},
    ),
    "the peak begins at the price of the fill and takes in the bar of an open fill": Case(
        [100, (100, 110, 95, 108), (100, 101, 98, 100)],
        {"equity": (10_000, 10_400, 9_950), "reason": (TRAILING_STOP, NONE), "exit_bar": (2, -1)},
        [(0, HALF, {"trail": (0.9, NAN)})],
    ),
    "an exit leaves the other leg": Case(
        [100, (100, 100, 94, 96), 90],
        {"equity": (10_000, 9_940, 10_000), "reason": (STOP, OPEN), "exit_bar": (1, -1), "held": (1, 2), "exposure": 2},
        legs={**BOTH, "stop": (95.0, NAN)},
    ),
    "a loss beyond the equity closes at the close and later orders are ignored": Case(
        [100, (110, 260, 100, 250), 100, 100],
        {"equity": (10_000, -5_025, -5_025, -5_025), "reason": (NONE, RUIN), "exit_bar": (-1, 1), "exposure": 1}
        | {"last_cash": -5_025, "max_drawdown": 1.5025, "return_sum": -1.5025},
        [(1, (1.0, NAN)), (2, (1.0, NAN))],
        {**SHORT, "stop": (NAN, NAN), "target": (NAN, NAN)},
        costs=Costs(10, 0, 0, 0, 0),
    ),
    "an equity of zero is ruin": Case(
        [100, 200, 100],
        {"equity": (10_000, 0, 0), "reason": (NONE, RUIN), "return_sum": -1, "return_squares": 1},
        legs={**SHORT, "stop": (NAN, NAN), "target": (NAN, NAN)},
    ),
    "ruin closes both legs": Case(
        [100, 1_200, 100],
        {"equity": (10_000, -1_000, -1_000), "reason": (RUIN, RUIN), "held": (1, 1)},
        legs={"cash": 11_000.0, "shares": (10.0, 20.0), "entry": (100.0, 100.0)},
    ),
    "a missing bar changes nothing and an order waits through it": Case(
        [100, None, 90, 80],
        {"equity": (10_000, 10_000, 10_000, 9_500), "held": (2, 0)},
        [(0, HALF)],
    ),
    "a missing bar charges nothing, pays no dividend, and counts as held": Case(
        [100, None, 100],
        {"equity": (10_000, 10_000, 9_999), "held": (2, 0), "dividends": 0},
        legs=LONG,
        costs=Costs(0, 0, 0, 0, 1),
        dividend={1: 2.0},
    ),
    "one missing price makes the bar missing": Case(
        [100, (90, 96, NAN, 95), 100], {"equity": (10_000, 10_000, 10_000), "reason": (OPEN, NONE)}, legs=LONG
    ),
    "a decision at a missing bar uses the last close and replaces the order that waits": Case(
        [100, None, 50, 60], {"equity": (10_000, 10_000, 10_000, 10_200)}, [(0, HALF), (1, (0.2, NAN))]
    ),
    "a same-close order of a missing bar waits for the next close": Case(
        [100, None, 50, 60], {"equity": (10_000, 10_000, 10_000, 10_200)}, [(1, (0.2, NAN))], fill="same_close"
    ),
    "an order of the last bar is never filled": Case(
        [100, 100], {"equity": (10_000, 10_000), "traded": 0}, [(1, HALF)]
    ),
    "an order of the last bar is filled at the same close": Case(
        [100, 100],
        {"equity": (10_000, 9_992), "traded": 5_000, "held": (0, 0), "reason": (OPEN, NONE)},
        [(1, HALF)],
        fill="same_close",
        costs=DEAR,
    ),
    "open legs are marked at the last close": Case(
        [100, 104, None],
        {
            "equity": (10_000, 10_400, 10_400),
            "reason": (OPEN, NONE),
            "exit_bar": (-1, -1),
            "trades": [{"reason": OPEN, "exit_bar": 2, "exit_price": 104, "gross": 400, "bars": 2, "costs": 0}],
        },
        legs=LONG,
    ),
    "only the difference is traded, and adding averages the entry": Case(
        [100, 125, 125],
        {
            "traded": 2_500,
            "fee": 2.5,
            "trades": [{"entry_price": 108.333333333333333, "shares": 60, "gross": 40 * 25, "costs": 2.5}],
        },
        [(0, (0.6, NAN))],
        {**LONG, "cash": 6_000.0, "shares": (40.0, 0.0), "stop": (NAN, NAN), "target": (NAN, NAN)},
        costs=Costs(10, 0, 0, 0, 0),
    ),
    "reducing leaves the average entry": Case(
        [100, 104, 120],
        {"equity": (10_000, 10_400, 11_200), "trades": [{"entry_price": 90, "shares": 100, "gross": 1_200}]},
        [(0, (0.5, NAN))],
        {**LONG, "entry": (90.0, NAN), "target": (NAN, NAN)},
    ),
    "a short sale gives cash, and buying back costs it": Case(
        [100, (104, 110, 100, 105), 90, 80],
        {
            "equity": (10_000, 9_950, 10_700, 11_200),
            "reason": (NONE, ORDER),
            "exit_bar": (-1, 3),
            "trades": [{"leg": 1, "entry_bar": 1, "exit_bar": 3, "entry_price": 104, "exit_price": 80, "gross": 1_200}],
        },
        [(0, (NAN, 0.5)), (2, (NAN, 0.0))],
    ),
    "each fill costs fee, half-spread and slippage, exits too": Case(
        [100, 100, (100, 100, 80, 90)],
        {"fee": 5 + 4.5, "spread": 0.5 + 0.45, "slippage": 2.5 + 2.25, "last_cash": 10_000 - 500 - 8 - 7.2},
        [(0, HALF, {"stop": (0.9, NAN)})],
        costs=DEAR,
    ),
    "leverage scales an order down, costs of the fill included": Case(
        [100, 100], {"traded": 9_968, "equity": (10_000, 10_000 - 0.0016 * 9_968)}, [(0, (2.0, NAN))], costs=DEAR
    ),
    "a weight of one is scaled to leave room for its costs": Case(
        [100, 100], {"traded": 9_984}, [(0, (1.0, NAN))], costs=DEAR
    ),
    "a higher cap lets a weight of two through": Case(
        [100, 100, 110], {"traded": 20_000, "equity": (10_000, 10_000, 12_000)}, [(0, (2.0, NAN))], max_leverage=2.0
    ),
    "a cap below one holds": Case([100, 100], {"traded": 5_000}, [(0, (1.0, NAN))], max_leverage=0.5),
    "leverage counts long and short together": Case(
        [100, 100, 110], {"traded": 10_000, "equity": (10_000, 10_000, 10_000)}, [(0, (0.8, 0.8))]
    ),
    "leverage leaves a leg without an order alone": Case(
        [100, 100], {"traded": 5_000}, [(0, (1.0, NAN))], {"cash": 15_000.0, "shares": (0.0, 50.0)}
    ),
    "no room is no fill": Case(
        [100, 100], {"traded": 0, "reason": (NONE, OPEN)}, [(0, HALF)], {"cash": 25_000.0, "shares": (0.0, 150.0)}
    ),
    "leverage is on the safe side where an order turns from one leg to the other": Case(
        # q = (0, 100) and h = (100, 0): f = (10,000 - 0.0016 * 100 * (100 + 100)) / 10,000.
        [100, 100],
        {"traded": 10_000 + 9_968, "reason": (ORDER, OPEN)},
        [(0, (0.0, 1.0))],
        LONG,
        costs=DEAR,
    ),
    "leverage is on the safe side where an order adds a little": Case(
        # q = 100 and h = 80: f = (10,000 - 0.0016 * 100 * 80) / 10,000, though 20 shares are bought.
        [100, 100],
        {"traded": 1_987.2},
        [(0, (1.0, NAN))],
        {"cash": 2_000.0, "shares": (80.0, 0.0)},
        costs=DEAR,
    ),
    "an order decided without equity is dropped": Case(
        # Closing the short leg costs $1,600 of $1,000; the price rises before the order of the missing bar could fill.
        [100, None, 120],
        {"equity": (1_000, -600, 1_400), "traded": 1_000_000, "reason": (OPEN, ORDER), "return_sum": -1.6},
        [(0, (NAN, 0.0)), (1, HALF)],
        {"cash": 991_000.0, "shares": (100.0, 10_000.0)},
        fill="same_close",
        costs=DEAR,
    ),
    "leverage is measured at the price of the fill": Case(
        [100, 200], {"traded": 10_000, "equity": (10_000, 10_000)}, [(0, (1.0, NAN))]
    ),
    "prices that move beyond the cap sell nothing": Case(
        [100, 120], {"traded": 0, "equity": (10_000, 8_000)}, legs={"cash": 20_000.0, "shares": (0.0, 100.0)}
    ),
    "an order is dropped if equity at the open is gone, and ruin closes": Case(
        [100, 200],
        {"traded": 20_000, "reason": (NONE, RUIN)},
        [(0, (NAN, 0.0))],
        {"cash": 20_000.0, "shares": (0.0, 100.0)},
    ),
}
