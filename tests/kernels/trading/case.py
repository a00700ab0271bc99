"""A hand-made account with its dollars worked out by hand, and the accounts that many cases begin with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernels.trading.model import FREE, SUMMARY, Costs
from tests.kernels.trading.market import NAN, account, bars_of, orders_of


@dataclass(frozen=True)
class Case:
    """An account, and what must become of it; only what is given in `expected` is compared."""

    rows: list[Any]
    expected: dict[str, Any]
    orders: list[Any] = field(default_factory=list)
    legs: dict[str, Any] = field(default_factory=dict)
    fill: str = "next_open"
    costs: Costs = FREE
    max_leverage: float = 1.0
    dividend: dict[int, float] = field(default_factory=dict)

    def run(self, simulate, backend):
        """Simulate it with its record."""
        return simulate(
            bars_of(self.rows, self.dividend),
            account(len(self.rows), **self.legs),
            orders_of(self.orders),
            fill=self.fill,
            costs=self.costs,
            max_leverage=self.max_leverage,
            record=True,
            backend=backend,
        )

    def check(self, found):
        """Compare to the thousandth of a cent."""
        for name, wanted in self.expected.items():
            if name == "trades":
                assert len(found.trades.path) == len(wanted)
                for index, trade in enumerate(wanted):
                    for column, value in trade.items():
                        np.testing.assert_allclose(
                            getattr(found.trades, column)[index], value, rtol=1e-12, atol=1e-9, err_msg=column
                        )
            else:
                value = found.column(name) if name in SUMMARY else getattr(found, name)
                np.testing.assert_allclose(value[0], wanted, rtol=1e-12, atol=1e-7, err_msg=name)


LONG = {"cash": 0.0, "shares": (100.0, 0.0), "entry": (100.0, NAN), "stop": (95.0, NAN), "target": (110.0, NAN)}
SHORT = {"cash": 20_000.0, "shares": (0.0, 100.0), "entry": (NAN, 100.0), "stop": (NAN, 105.0), "target": (NAN, 90.0)}
BOTH = {"cash": 9_000.0, "shares": (20.0, 10.0), "entry": (100.0, 100.0)}
TRAILED = {**LONG, "stop": (NAN, NAN), "target": (NAN, NAN), "trail": (0.9, NAN), "peak": (110.0, NAN)}
DEAR = Costs(10.0, 1.0, 5.0, 0.0, 0.0)
RISE = [100, (102, 110, 101, 108), 110]
HALF = (0.5, NAN)
