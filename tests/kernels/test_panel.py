from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.errors import InvalidInputError
from kernels.panel import BAR_FIELDS, PricePanel, require_matrix, require_sessions


def _days(*days: str) -> Any:
    return np.array(days, dtype="datetime64[D]")


def _panel(**replaced: Any) -> PricePanel:
    parts: dict[str, Any] = {
        "symbols": ("A", "BRK.B"),
        "sessions": _days("2018-02-05", "2018-02-06", "2018-02-07"),
        **{name: np.arange(6.0).reshape(2, 3) for name in BAR_FIELDS},
    }
    return PricePanel(**(parts | replaced))


def test_a_good_panel_is_taken_as_it_is() -> None:
    close = np.full((2, 3), np.nan)
    assert _panel(close=close).close is close


@pytest.mark.parametrize(("symbols", "sessions"), [(0, 3), (2, 0), (0, 0)])
def test_a_panel_without_symbols_or_sessions_is_a_panel(symbols: int, sessions: int) -> None:
    empty = np.empty((symbols, sessions))
    days = _days("2018-02-05", "2018-02-06", "2018-02-07")[:sessions]
    panel = _panel(symbols=("A", "B")[:symbols], sessions=days, **dict.fromkeys(BAR_FIELDS, empty))
    assert panel.close.shape == (symbols, sessions)


def test_a_panel_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        _panel().close = np.zeros((2, 3))  # type: ignore[misc]


@pytest.mark.parametrize("symbols", [("BRK.B", "A"), ("A", "A"), ("a", "B")])
def test_symbols_out_of_order_or_repeated_are_refused(symbols: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        _panel(symbols=symbols)
    assert caught.value.where == "PricePanel.symbols"


@pytest.mark.parametrize("name", BAR_FIELDS)
@pytest.mark.parametrize(
    "values",
    [
        np.zeros((2, 3), dtype=np.float32),
        np.zeros((2, 3), dtype=np.int64),
        np.zeros((3, 2)),
        np.zeros(6),
        np.zeros((2, 3), order="F"),
        np.zeros((2, 6))[:, ::2],
    ],
    ids=["float32", "int64", "transposed", "flat", "fortran", "strided"],
)
def test_a_matrix_of_another_type_shape_or_layout_is_refused_by_name(name: str, values: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        _panel(**{name: values})
    assert caught.value.where == f"PricePanel.{name}"
    assert str(values.dtype) in caught.value.got


@pytest.mark.parametrize(
    "sessions",
    [
        np.array(["2018-02-05", "2018-02-06"], dtype="datetime64[ns]"),
        np.array([1, 2], dtype=np.int64),
        np.array(["2018-02-05", "2018-02-06"]),
        np.array([["2018-02-05", "2018-02-06"]], dtype="datetime64[D]"),
        np.array("2018-02-05", dtype="datetime64[D]"),
        np.array(["2018-02-06", "2018-02-05"], dtype="datetime64[D]"),
        np.array(["2018-02-06", "2018-02-06"], dtype="datetime64[D]"),
        np.array(["NaT"], dtype="datetime64[D]"),
        np.array(["NaT", "2018-02-06"], dtype="datetime64[D]"),
        np.array(["2018-02-05", "NaT", "2018-02-07"], dtype="datetime64[D]"),
        np.array(["2018-02-05", "NaT"], dtype="datetime64[D]"),
    ],
    ids=["ns", "int", "text", "2d", "0d", "falling", "repeated", "nat", "nat-first", "nat-inside", "nat-last"],
)
def test_sessions_of_another_type_rank_or_order_are_refused_by_name(sessions: Any) -> None:
    with pytest.raises(InvalidInputError) as caught:
        require_sessions("sessions of a kernel", sessions)
    assert caught.value.where == "sessions of a kernel"
    assert str(sessions.dtype) in caught.value.got


@given(st.lists(st.integers(0, 20_000), max_size=6))
def test_sessions_are_taken_exactly_when_they_strictly_rise(days: list[int]) -> None:
    sessions = np.array(days, dtype="datetime64[D]")
    if days == sorted(set(days)):
        require_sessions("sessions", sessions)
    else:
        with pytest.raises(InvalidInputError):
            require_sessions("sessions", sessions)


def test_a_matrix_as_wanted_is_taken_whatever_its_values() -> None:
    require_matrix("close", np.array([[np.nan, np.inf, -1.0]]), (1, 3))
