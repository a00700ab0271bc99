"""What no bar, entry, market or option can be is refused, with the place at fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.outcomes import counted_once, matched_entries, outcomes, shares
from tests.kernels.outcomes.entry_cases import NAN, entries_of

SHAPE = (3, 6)
ENTRIES = entries_of([(0, 1, 1, 2.0, 0.5), (2, 5, -1, 0.5, 2.0)])
BARS = {name: np.ones(SHAPE) for name in ("open", "high", "low", "close")}
MARKET = {
    "close": np.ones(SHAPE),
    "volatility": np.ones(SHAPE),
    "members": np.ones(SHAPE, dtype=np.bool_),
    "keys": np.arange(3),
    "session_number": np.arange(6),
}
COLUMNS = {
    "row": np.zeros(2, dtype=np.int32),
    "group": np.zeros(2, dtype=np.int32),
    "side": np.ones(2, dtype=np.int8),
    "known": np.zeros(2, dtype=np.int32),
    "priority": np.zeros(2),
}
VALUES = {
    "session": np.zeros(2, dtype=np.int32),
    "group": np.zeros(2, dtype=np.int32),
    "groups": 1,
    "hit": np.zeros(2),
    "session_count": 4,
    "lags": 0,
}


def put(values: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    """A copy with one value replaced."""
    changed = values.copy()
    changed[place] = value
    return changed


def refused(call: Callable[[], object]) -> str:
    """Where the error says that the fault lies."""
    with pytest.raises(InvalidInputError) as caught:
        call()
    return caught.value.where


@pytest.mark.parametrize(
    ("changed", "where"),
    [
        ({"open": np.ones((3, 5))}, "open"),
        ({"high": np.ones(SHAPE, np.float32)}, "high"),
        ({"low": np.ones((6, 3)).T}, "low"),
        ({"close": np.ones(6)}, "open"),
        ({"close": put(BARS["close"], (1, 2), 0.0)}, "close"),
        ({"open": put(BARS["open"], (1, 2), -1.0)}, "open"),
        ({"high": put(BARS["high"], (1, 2), np.inf)}, "high"),
        ({"low": put(BARS["low"], (1, 2), 1e-101)}, "low, row 1, column 2"),
        ({"high": put(BARS["high"], (1, 2), 1e101)}, "high, row 1, column 2"),
        ({"high": put(BARS["high"], (1, 2), 0.5)}, "bars, row 1, column 2"),
        ({"close": put(BARS["close"], (1, 2), NAN)}, "bars, row 1, column 2"),
    ],
)
def test_bars_that_cannot_be_are_refused(changed: dict[str, np.ndarray], where: str) -> None:
    assert refused(lambda: outcomes(**(BARS | changed), entries=ENTRIES)) == where


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("row", np.array([0, 3], np.int32)),
        ("row", np.array([-1, 0], np.int32)),
        ("row", np.array([0, 1])),
        ("row", np.zeros((2, 1), np.int32)),
        ("known", np.array([0, 6], np.int32)),
        ("known", np.array([0, -1], np.int32)),
        ("known", np.zeros(3, np.int32)),
        ("side", np.array([1, 0], np.int8)),
        ("side", np.array([1, -1])),
        ("side", np.array([1, -128], np.int8)),
        ("target", np.array([1.0, 0.0])),
        ("target", np.array([1.0, np.inf])),
        ("target", np.array([1.0, 1.0], np.float32)),
        ("invalidation", np.array([-1.0, 1.0])),
        ("invalidation", np.ones(4)[::2]),
    ],
)
def test_entries_that_cannot_be_are_refused(name: str, values: np.ndarray) -> None:
    entries = replace(ENTRIES, **{name: values})
    assert refused(lambda: outcomes(**BARS, entries=entries)) == f"entries.{name}"
    assert refused(lambda: matched_entries(entries, **MARKET, copies=1, seed=0)) == f"entries.{name}"


def test_the_first_entry_at_fault_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"from 0 to 2; got 7 at position 1"):
        outcomes(**BARS, entries=replace(ENTRIES, row=np.array([0, 7], np.int32)))


@pytest.mark.parametrize(
    "horizons", [(), (0,), (-1, 2), (2, 2), (3, 2), (1.0,), (True,), ("1",), (32_768,), (1, 40_000)]
)
def test_horizons_out_of_range_are_refused(horizons: tuple[int, ...]) -> None:
    assert refused(lambda: outcomes(**BARS, entries=ENTRIES, horizons=horizons)) == "horizons"


@pytest.mark.parametrize("universe", [np.ones(SHAPE), np.ones((3, 5), np.bool_), np.ones((6, 3), np.bool_).T])
def test_a_universe_of_another_form_is_refused(universe: np.ndarray) -> None:
    assert refused(lambda: outcomes(**BARS, entries=ENTRIES, universe=universe)) == "universe"


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("close", np.zeros(SHAPE), "close"),
        ("close", np.full(SHAPE, 1e101), "close, row 0, column 0"),
        ("volatility", put(MARKET["volatility"], (1, 2), -0.1), "volatility, row 1, column 2"),
        ("volatility", put(MARKET["volatility"], (1, 2), np.inf), "volatility, row 1, column 2"),
        ("volatility", np.ones((3, 5)), "volatility"),
        ("members", np.ones(SHAPE), "members"),
        ("keys", np.arange(4), "keys"),
        ("keys", np.arange(3, dtype=np.int32), "keys"),
        ("keys", np.array([5, 7, 5]), "keys"),
        ("session_number", np.arange(5), "session_number"),
        ("session_number", np.arange(6.0), "session_number"),
        ("session_number", np.array([0, 1, 2, 2, 3, 4]), "session_number"),
        ("session_number", np.arange(6) + 2**31 - 5, "session_number"),
        ("session_number", np.arange(6) - 2**31 - 1, "session_number"),
        ("copies", 0, "copies"),
        ("copies", 2**16 + 1, "copies"),
        ("copies", 1.0, "copies"),
        ("copies", True, "copies"),
        ("seed", -1, "seed"),
        ("seed", 2**64, "seed"),
        ("seed", 1.5, "seed"),
    ],
)
def test_a_market_that_cannot_be_is_refused(name: str, value: object, where: str) -> None:
    assert refused(lambda: matched_entries(ENTRIES, **(MARKET | {"copies": 1, "seed": 0} | {name: value}))) == where


def test_numbers_at_the_edge_of_their_range_pass() -> None:
    ends = np.array([-(2**31), -1, 0, 1, 2, 2**31 - 1])
    keys = np.array([-(2**63), 0, 2**63 - 1])
    market = MARKET | {"session_number": ends, "keys": keys}
    slow, fast = (
        matched_entries(ENTRIES, **market, copies=9, seed=2**64 - 1, backend=backend).row.tolist()
        for backend in ("naive", "cpu")
    )
    assert slow == fast


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("row", np.array([0, -1], np.int32)),
        ("row", np.zeros(2, np.int64)),
        ("group", np.array([-1, 0], np.int32)),
        ("group", np.zeros(3, np.int32)),
        ("side", np.array([1, 2], np.int8)),
        ("side", np.ones(2)),
        ("known", np.array([0, -1], np.int32)),
        ("priority", np.array([0.0, np.inf])),
        ("priority", np.zeros(2, np.float32)),
    ],
)
def test_columns_to_count_that_cannot_be_are_refused(name: str, values: np.ndarray) -> None:
    assert refused(lambda: counted_once(**(COLUMNS | {name: values}), sessions=5)) == name


@pytest.mark.parametrize("sessions", [0, -1, 1.0, True, 2**31])
def test_a_distance_between_entries_out_of_range_is_refused(sessions: int) -> None:
    assert refused(lambda: counted_once(**COLUMNS, sessions=sessions)) == "sessions"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("session", np.array([0, 4], np.int32)),
        ("session", np.array([-1, 0], np.int32)),
        ("session", np.zeros(2)),
        ("group", np.array([0, 1], np.int32)),
        ("group", np.array([-1, 0], np.int32)),
        ("group", np.zeros(3, np.int32)),
        ("groups", 0),
        ("groups", 1.0),
        ("hit", np.array([0.0, np.inf])),
        ("hit", np.zeros(2, np.bool_)),
        ("hit", np.zeros((2, 1))),
        ("session_count", 0),
        ("lags", -1),
        ("lags", 0.5),
        ("lags", True),
        ("confidence", 0.0),
        ("confidence", 1.0),
        ("confidence", NAN),
        ("confidence", "0.95"),
        ("confidence", True),
    ],
)
def test_values_to_share_that_cannot_be_are_refused(name: str, value: object) -> None:
    assert refused(lambda: shares(**(VALUES | {name: value}))) == name


@pytest.mark.parametrize(
    "call",
    [
        lambda backend: outcomes(**BARS, entries=ENTRIES, backend=backend),
        lambda backend: matched_entries(ENTRIES, **MARKET, copies=1, seed=0, backend=backend),
        lambda backend: counted_once(**COLUMNS, sessions=1, backend=backend),
        lambda backend: shares(**VALUES, backend=backend),
    ],
)
def test_a_backend_that_they_have_not_is_refused(call: Callable[[str], object]) -> None:
    with pytest.raises(BackendUnavailableError):
        call("gpu")
    with pytest.raises(InvalidInputError):
        call("tpu")
