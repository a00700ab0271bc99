"""The columns of a sample, in the order in which they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Group = Literal["key", "state", "action", "label"]
Columns = dict[str, npt.NDArray[Any]]
ColumnMapping = Mapping[str, npt.NDArray[Any]]


class Column(NamedTuple):
    """One column: its dtype, what group it belongs to, the unit of its values, and what they are."""

    dtype: np.dtype[np.generic]
    group: Group
    unit: str
    text: str


_FLOAT, _INT8, _INT16, _INT32, _BOOL = (np.dtype(name) for name in ("float32", "int8", "int16", "int32", "bool"))

_ROWS: tuple[tuple[str, np.dtype[np.generic], Group, str, str], ...] = (
    ("instrument", _INT16, "key", "index", "position of the symbol in the dataset's symbols"),
    ("session", _INT32, "key", "index", "position of the decision's session in the dataset's sessions"),
    ("split", _INT8, "key", "index", "position in SPLITS"),
    ("phase", _INT8, "key", "0..3", "difficulty of the window: terciles of volatility passed, plus 1 if very skewed"),
    ("state_equity", _FLOAT, "state", "dollars", "cash + long value - short value at the last close"),
    ("state_cash", _FLOAT, "state", "dollars", "equity - long value + short value"),
    ("state_long_value", _FLOAT, "state", "dollars", "value of the long leg at the last close; 0 = none"),
    ("state_short_value", _FLOAT, "state", "dollars", "value of the short leg at the last close; 0 = none"),
    ("state_leverage", _FLOAT, "state", "share of the equity", "(long value + short value) / equity"),
    ("state_long_entry", _FLOAT, "state", "multiple of the last close", "entry price of the long leg; NaN = none"),
    ("state_short_entry", _FLOAT, "state", "multiple of the last close", "entry price of the short leg; NaN = none"),
    ("state_long_age", _INT16, "state", "sessions", "since the long leg was opened; 0 = none"),
    ("state_short_age", _INT16, "state", "sessions", "since the short leg was opened; 0 = none"),
    ("state_long_profit", _FLOAT, "state", "dollars", "of the long leg since its entry, before costs; 0 if none"),
    ("state_short_profit", _FLOAT, "state", "dollars", "of the short leg since its entry, before costs; 0 if none"),
    ("state_long_stop", _FLOAT, "state", "multiple of the last close", "stop of the long leg; NaN = no leg"),
    ("state_long_target", _FLOAT, "state", "multiple of the last close", "target of the long leg; NaN = no leg"),
    ("state_short_stop", _FLOAT, "state", "multiple of the last close", "stop of the short leg; NaN = no leg"),
    ("state_short_target", _FLOAT, "state", "multiple of the last close", "target of the short leg; NaN = no leg"),
    ("action_hold", _BOOL, "action", "yes or no", "no order: the other action columns repeat the state's"),
    ("action_long_value", _FLOAT, "action", "dollars", "value of the long leg to hold; 0 = close it"),
    ("action_short_value", _FLOAT, "action", "dollars", "value of the short leg to hold; 0 = close it"),
    ("action_long_stop", _FLOAT, "action", "multiple of the fill price", "stop of the long leg; NaN = no leg"),
    ("action_long_target", _FLOAT, "action", "multiple of the fill price", "target of the long leg; NaN = no leg"),
    ("action_short_stop", _FLOAT, "action", "multiple of the fill price", "stop of the short leg; NaN = no leg"),
    ("action_short_target", _FLOAT, "action", "multiple of the fill price", "target of the short leg; NaN = no leg"),
    ("label_total_return", _FLOAT, "label", "share of the equity", "last equity / first equity - 1"),
    ("label_cagr", _FLOAT, "label", "share a year", "compound growth per 252 sessions"),
    ("label_sharpe_252", _FLOAT, "label", "ratio", "Sharpe ratio of the session returns, annualised with 252"),
    ("label_sortino_252", _FLOAT, "label", "ratio", "Sortino ratio of the session returns, annualised with 252"),
    ("label_max_drawdown", _FLOAT, "label", "share of the equity", "largest fall from the highest equity so far"),
    ("label_calmar", _FLOAT, "label", "ratio", "compound growth / largest drawdown"),
    ("label_cost", _FLOAT, "label", "share of the equity", "all costs / first equity"),
    ("label_turnover", _FLOAT, "label", "share of the equity", "value traded / first equity"),
    ("label_exposure", _FLOAT, "label", "share of the sessions", "sessions after the decision with a leg held"),
    ("label_long_exit", _INT8, "label", "index", "position in kernels.trading's REASONS: last exit of the long leg"),
    ("label_short_exit", _INT8, "label", "index", "position in kernels.trading's REASONS: last exit of the short leg"),
    ("label_long_held", _INT16, "label", "sessions", "after the decision, with the long leg held"),
    ("label_short_held", _INT16, "label", "sessions", "after the decision, with the short leg held"),
)

COLUMNS: dict[str, Column] = {name: Column(*rest) for name, *rest in _ROWS}  # type: ignore[arg-type]
"""Every column by name, in order. Floats are finite where the text gives no NaN; labels are NaN where unknown."""


def names_of(dtype: str, labels: bool) -> tuple[str, ...]:
    """The columns of one dtype in order: the labels, or all others."""
    return tuple(
        name for name, column in COLUMNS.items() if column.dtype == dtype and (column.group == "label") == labels
    )
