from __future__ import annotations

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.surrogates import NULLS, prepare, surrogates
from tests.kernels.surrogates.surrogate_market import PARAMETERS, Bars, make, market, stacked

EACH_NULL = pytest.mark.parametrize("null", NULLS)
BACKENDS = pytest.mark.parametrize("backend", ["naive", "cpu"])


def ask(bars=None, keys=None, numbers=None, **options):
    bars = market(1, 2, 10) if bars is None else bars
    keys = np.arange(2) if keys is None else keys
    numbers = np.arange(3, dtype=np.int32) if numbers is None else numbers
    return surrogates(*bars, keys, numbers, **({"null": "block", "seed": 1} | options))


def with_fault(field, value, row=1, session=4):
    bars = market(1, 2, 10)
    getattr(bars, field)[row, session] = value
    return bars


@BACKENDS
@EACH_NULL
@pytest.mark.parametrize(("rows", "sessions", "count"), [(0, 5, 2), (2, 0, 2), (2, 5, 0), (0, 0, 0)])
def test_nothing_asked_gives_nothing(null, backend, rows, sessions, count):
    bars = Bars(*(np.full((rows, sessions), 5.0) for _ in range(4)))
    made = make(bars, range(count), null=null, backend=backend)
    assert stacked(made).shape == (4, rows, count, sessions)


@BACKENDS
@EACH_NULL
def test_a_row_without_bars_is_nan(null, backend):
    bars = market(1, 2, 10)
    for values in bars:
        values[1] = np.nan
    made = make(bars, null=null, backend=backend)
    assert np.isnan(made.close[1]).all()
    assert not np.isnan(made.close[0]).any()


@BACKENDS
def test_blocks_longer_than_the_series_wrap_around(backend):
    bars = market(1, 1, 8)
    made = make(bars, range(30), null="block", block=1e9, backend=backend)
    ratios = bars.close[0, 1:] / bars.close[0, :-1]
    rotations = [bars.close[0, 0] * np.cumprod(np.roll(ratios, -begin)) for begin in range(7)]
    for close in made.close[0]:
        assert any(np.allclose(close[1:], rotation, rtol=1e-13) for rotation in rotations)


@pytest.mark.parametrize(
    ("options", "where", "expected"),
    [
        ({"bars": with_fault("low", np.nan)}, "row 1, column 4", "NaN as a whole"),
        ({"bars": with_fault("close", np.nan)}, "row 1, column 4", "NaN as a whole"),
        ({"bars": with_fault("high", 1.0)}, "row 1, column 4", "enclose"),
        ({"bars": with_fault("low", 1e5)}, "row 1, column 4", "enclose"),
        ({"bars": with_fault("low", 1e-101)}, "row 1, column 4", "from 1e-100 to 1e[+]100"),
        ({"bars": with_fault("high", 1e101)}, "row 1, column 4", "from 1e-100 to 1e[+]100"),
        ({"bars": with_fault("open", 0.0)}, "open", "above zero"),
        ({"bars": with_fault("high", np.inf)}, "high", "finite"),
        ({"bars": market(1, 2, 10)._replace(low=np.ones((2, 9)))}, "low", "shape"),
        ({"bars": Bars(*(np.ones(10) for _ in range(4)))}, "open", "an array"),
        ({"bars": Bars(*(values.astype(np.float32) for values in market(1, 2, 10)))}, "open", "float64"),
        ({"bars": Bars(*(np.asfortranarray(values) for values in market(1, 2, 10)))}, "open", "contiguous"),
        ({"keys": np.arange(3)}, "keys", r"shape \(2,\)"),
        ({"keys": np.arange(2, dtype=np.int32)}, "keys", "int64"),
        ({"keys": np.arange(4)[::2]}, "keys", "contiguous"),
        ({"numbers": np.arange(3)}, "numbers", "int32"),
        ({"numbers": np.zeros((2, 2), np.int32)}, "numbers", "vector"),
        ({"numbers": np.array([0, -1], np.int32)}, "numbers", "at least 0"),
        ({"null": "shuffle"}, "null", "block, gjr, sign"),
        ({"seed": -1}, "seed", "whole number"),
        ({"seed": 2**64}, "seed", "whole number"),
        ({"seed": True}, "seed", "whole number"),
        ({"seed": 1.0}, "seed", "whole number"),
        ({"block": 0.99}, "block", "at least 1"),
        ({"block": np.inf}, "block", "finite"),
        ({"block": np.nan}, "block", "finite"),
        ({"block": "20"}, "block", "number of bars"),
        ({"null": "gjr"}, "parameters", "GjrParameters"),
        ({"parameters": (0.1, 0.1, 0.8, 5.0)}, "parameters", "GjrParameters"),
        ({"backend": "tpu"}, "backend", "one of"),
    ],
)
def test_bad_input_is_named(options, where, expected):
    with pytest.raises(InvalidInputError, match=expected) as error:
        ask(**options)
    assert where in error.value.where
    if "backend" not in options and "numbers" not in options:
        bars, keys = options.get("bars", market(1, 2, 10)), options.get("keys", np.arange(2))
        rest = {name: value for name, value in options.items() if name not in ("bars", "keys")}
        with pytest.raises(InvalidInputError, match=expected):
            prepare(*bars, keys, **({"null": "block", "seed": 1} | rest))


def test_a_whole_block_length_may_be_a_numpy_number():
    assert ask(block=np.int64(5), seed=np.uint64(3)).close.tobytes() == ask(block=5.0, seed=3).close.tobytes()


def test_parameters_count_for_gjr_only():
    assert ask(parameters=PARAMETERS).close.tobytes() == ask().close.tobytes()


def test_an_explicit_gpu_without_a_device_is_refused():
    from kernels.device import gpu_support

    if gpu_support().ok:
        pytest.skip("there is a GPU")
    with pytest.raises(BackendUnavailableError, match="a usable CUDA device"):
        ask(backend="gpu")
