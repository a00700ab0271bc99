"""Bad arguments are refused with a message that names them; empty ones are answered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.quality import DEFAULT_SETTINGS, Faults, QualitySettings, find_faults

NAMES = ("open", "high", "low", "close", "volume", "present", "split_ratio", "dividend")


def arguments(n_symbols: int = 2, n_sessions: int = 6) -> dict[str, Any]:
    shape = (n_symbols, n_sessions)
    values: dict[str, Any] = {name: np.full(shape, 10.0) for name in NAMES}
    values |= {"present": np.ones(shape, np.bool_), "split_ratio": np.ones(shape), "dividend": np.zeros(shape)}
    return values | {"first": 0, "last": n_sessions - 1}


@pytest.mark.parametrize("name", NAMES)
def test_a_matrix_of_another_shape_is_refused_by_name(name: str) -> None:
    values = arguments()
    values[name] = values[name][:, :-1].copy()
    with pytest.raises(InvalidInputError, match="shape"):
        find_faults(**values)


@pytest.mark.parametrize("name", NAMES)
def test_a_matrix_of_another_type_is_refused_by_name(name: str) -> None:
    values = arguments()
    values[name] = values[name].astype(np.float32)
    with pytest.raises(InvalidInputError, match=f"find_faults: {name}.*float32"):
        find_faults(**values)


def test_a_vector_is_refused() -> None:
    values = arguments()
    values |= {name: values[name][0] for name in NAMES}
    with pytest.raises(InvalidInputError, match="two dimensions"):
        find_faults(**values)


@pytest.mark.parametrize(("first", "last"), [(-1, 3), (4, 3), (0, 6)])
def test_a_range_outside_the_columns_is_refused(first: int, last: int) -> None:
    with pytest.raises(InvalidInputError, match="first, last"):
        find_faults(**(arguments() | {"first": first, "last": last}))


@pytest.mark.parametrize(
    ("name", "value"),
    [("split_ratio", 0.0), ("split_ratio", np.nan), ("split_ratio", np.inf), ("dividend", -1.0), ("dividend", np.nan)],
)
def test_an_impossible_action_is_refused_with_its_place(name: str, value: float) -> None:
    values = arguments()
    values[name][1, 4] = value
    with pytest.raises(InvalidInputError, match="symbol 1, session 4"):
        find_faults(**values)
    find_faults(**(values | {"last": 3}))


@pytest.mark.parametrize("name", QualitySettings._fields)
@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "5", None])
def test_a_senseless_setting_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidInputError, match=f"QualitySettings.{name}"):
        find_faults(**arguments(), settings=DEFAULT_SETTINGS._replace(**{name: value}))


@pytest.mark.parametrize("changes", [{"recent": 0}, {"scale_least": 1}, {"lookback": 261}, {"absence": 505}])
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(InvalidInputError, match="QualitySettings"):
        find_faults(**arguments(), settings=DEFAULT_SETTINGS._replace(**changes))


def test_half_a_session_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="finite int"):
        find_faults(**arguments(), settings=DEFAULT_SETTINGS._replace(recent=2.5))


def test_a_backend_that_does_not_exist_here_is_refused() -> None:
    with pytest.raises(BackendUnavailableError):
        find_faults(**arguments(), backend="gpu")


@pytest.mark.parametrize("backend", ["naive", "cpu"])
def test_no_symbols_have_no_faults_in_the_promised_types(backend: str) -> None:
    faults = find_faults(**arguments(n_symbols=0), backend=backend)
    assert len(faults) == 0
    dtypes = {name: getattr(faults, name).dtype for name in Faults.__dataclass_fields__}
    integers = dict.fromkeys(("symbol", "session", "known_on", "other"), np.dtype(np.int32))
    rest = {"kind": np.dtype(np.int8), "excluded": np.dtype(np.bool_), "value": np.dtype(np.float64)}
    assert dtypes == integers | rest
