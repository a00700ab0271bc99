"""Every cell of the table of simulations is where its array says, whatever became of a symbol."""

from datetime import date

import numpy as np
import pytest

from kernels.strategies import STATUSES, STRATEGIES, RollingResult, Strategy
from resources.calendar import sessions
from resources.simulation_contracts import PICKS, SIMULATIONS
from resources.simulation_tables import simulations_table
from resources.table_contract import Contract

DAYS = sessions(date(2017, 10, 2), date(2018, 2, 7))
SYMBOLS = np.array(["A", "BRK.B", "C"])
FLOATS = [
    "total_return", "total_return_low", "total_return_high", "sharpe_252", "sharpe_low", "sharpe_high",
    "deflated_sharpe", "hit_rate", "max_drawdown", "exposure", "costs",
]  # fmt: skip


def _result(strategies: int = len(STRATEGIES)) -> RollingResult:
    """Every number tells its symbol, strategy and column; symbol 1 was not simulated."""
    place = np.arange(3.0 * strategies).reshape(3, strategies)
    columns = {name: (place + 100.0 * number) / 10_000.0 for number, name in enumerate(FLOATS)}
    for values in columns.values():
        values[1] = np.nan
    status = np.zeros(place.shape, dtype=np.int8)
    status[1] = 3
    return RollingResult(
        status=status,
        origins=(place + 20).astype(np.int32),
        trades=(place + 50).astype(np.int32),
        trials=np.array([4, 0, 3], dtype=np.int32),
        **columns,
        returns=np.zeros((3, strategies, 70)),
        backend="cpu",
        reason_of_backend="",
    )


def test_each_symbol_and_strategy_has_a_row_with_its_numbers() -> None:
    result = _result()
    table = simulations_table(DAYS[-1], DAYS[-71], SYMBOLS, result, "ensemble")
    SIMULATIONS.enforce(table, "2018-02-07")
    rows = table.to_pylist()
    assert [(row["symbol"], row["strategy"]) for row in rows] == [
        (symbol, strategy.name) for symbol in SYMBOLS for strategy in STRATEGIES
    ]
    for place, row in enumerate(rows):
        symbol, number = divmod(place, len(STRATEGIES))
        strategy = STRATEGIES[number]
        assert (row["horizon"], row["sides"], row["hurdle"]) == (strategy.horizon, strategy.sides, strategy.hurdle)
        assert (row["model"], row["fill"], row["session"]) == ("ensemble", "next_open", date(2018, 2, 7))
        assert row["first_origin"] == DAYS[-71].item()
        assert row["status"] == STATUSES[result.status[symbol, number]]
        assert row["trials"] == result.trials[symbol]
        for name in ("origins", "trades"):
            assert row[name] == getattr(result, name)[symbol, number]
        for name in FLOATS:
            value = getattr(result, name)[symbol, number]
            assert row[name] == (None if symbol == 1 else value)


def test_a_table_of_other_strategies_holds_those() -> None:
    mine = Strategy("mine", 2, "short", None, 0.1, 0.5, None, None)
    table = simulations_table(DAYS[-1], DAYS[0], SYMBOLS, _result(1), "har", [mine])
    SIMULATIONS.enforce(table, "2018-02-07")
    assert set(table["strategy"].to_pylist()) == {"mine"}
    assert set(table["hurdle"].to_pylist()) == {None}


@pytest.mark.parametrize("contract", [SIMULATIONS, PICKS], ids=["simulations", "picks"])
def test_the_contracts_are_whole(contract: Contract) -> None:
    names = [column.name for column in contract.columns]
    assert len(names) == len(set(names))
    assert set(contract.key) <= set(names)
    assert contract.partition in names
    assert all(column.description for column in contract.columns)
    assert not any(column.nullable for column in contract.columns if column.name in contract.key)
    contract.enforce(contract.table({name: [] for name in names}), "2018-02-07")
