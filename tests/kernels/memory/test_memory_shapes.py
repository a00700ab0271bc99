from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from kernels.errors import InvalidInputError
from kernels.memory import as_rows, unfold_windows

BOTH = pytest.mark.parametrize("of", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
Of = Callable[[np.ndarray], Any]


def _address(values: Any) -> int:
    return int(values.ctypes.data if isinstance(values, np.ndarray) else values.data_ptr())


def _panel(*shape: int) -> np.ndarray:
    return np.arange(float(np.prod(shape))).reshape(shape)


@BOTH
@pytest.mark.parametrize("lookback", [1, 2, 5, 7])
def test_windows_are_the_bars_of_the_panel_in_its_memory(of: Of, lookback: int) -> None:
    panel = of(_panel(3, 7, 5))
    windows = unfold_windows(panel, lookback)
    assert tuple(windows.shape) == (3, 7 - lookback + 1, lookback, 5)
    assert _address(windows) == _address(panel)
    for row in range(3):
        for first in range(7 - lookback + 1):
            np.testing.assert_array_equal(
                np.asarray(windows[row, first]), np.asarray(panel[row, first : first + lookback])
            )


@BOTH
def test_windows_of_a_view_are_those_of_its_copy(of: Of) -> None:
    panel = of(_panel(4, 9, 6))[1:, 1::2, 2:5]
    expected = unfold_windows(of(np.asarray(panel).copy()), 3)
    np.testing.assert_array_equal(np.asarray(unfold_windows(panel, 3)), np.asarray(expected))


def test_windows_of_numpy_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        unfold_windows(_panel(2, 4, 1), 2)[0, 0] = 1.0


@BOTH
@pytest.mark.parametrize("lookback", [0, 8, -1, 2.0, True])
def test_a_lookback_that_does_not_fit_is_refused(of: Of, lookback: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"unfold_windows, lookback: expected a whole number, 1 to 7"):
        unfold_windows(of(_panel(3, 7, 5)), lookback)


@BOTH
def test_a_panel_has_three_axes(of: Of) -> None:
    with pytest.raises(InvalidInputError, match=r"3 axes.*shape \(3, 7\)"):
        unfold_windows(of(_panel(3, 7)), 2)


@BOTH
@pytest.mark.parametrize(("kept", "shape"), [(0, (60,)), (1, (12, 5)), (2, (3, 4, 5)), (3, (1, 3, 4, 5))])
def test_rows_are_the_first_axes_in_a_line(of: Of, kept: int, shape: tuple[int, ...]) -> None:
    values = of(_panel(3, 4, 5))
    rows = as_rows(values, kept)
    assert tuple(rows.shape) == shape
    assert _address(rows) == _address(values)
    np.testing.assert_array_equal(np.asarray(rows), np.asarray(values).reshape(shape))


@BOTH
@pytest.mark.parametrize(
    "view",
    [
        lambda p: p[:, :, 1:3],
        lambda p: p[1:2, ::2],
        lambda p: p[:, :1, ::2],
        lambda p: p[:0],
        lambda p: p[::2, 1:2],
        lambda p: p.swapaxes(0, 1)[:, :1],
    ],
    ids=["last axis cut", "one row, every second", "one column", "nothing", "every second row", "one swapped"],
)
def test_rows_of_a_view_that_is_in_order_are_views(of: Of, view: Callable[[Any], Any]) -> None:
    values = view(of(_panel(4, 6, 5)))
    rows = as_rows(values)
    np.testing.assert_array_equal(np.asarray(rows), np.asarray(values).reshape(-1, values.shape[-1]))
    assert _address(rows) == _address(values)
    assert isinstance(values, torch.Tensor) or not values.size or np.shares_memory(rows, values)


@BOTH
@pytest.mark.parametrize(
    ("view", "kept"),
    [
        (lambda p: p.swapaxes(0, 1), 1),
        (lambda p: p[:, 1:], 1),
        (lambda p: p[:, :, 1:], 0),
        (lambda p: unfold_windows(p, 2), 2),
        (lambda p: unfold_windows(p, 3), 1),
    ],
    ids=["swapped", "cut", "cut line", "windows", "bars of windows"],
)
def test_rows_that_only_a_copy_has_are_refused(of: Of, view: Callable[[Any], Any], kept: int) -> None:
    with pytest.raises(InvalidInputError, match=r"only a copy has that shape.*contiguous"):
        as_rows(view(of(_panel(4, 6, 5))), kept)


def test_rows_agree_with_torch_on_what_is_a_view() -> None:
    rng = np.random.default_rng(3)
    seen = set()
    for _ in range(300):
        values = torch.from_numpy(_panel(3, 4, 2, 2)).permute(*rng.permutation(4).tolist())
        cut = tuple(slice(int(rng.integers(0, 2)), None, int(rng.integers(1, 3))) for _ in range(4))
        values, kept = values[cut], int(rng.integers(0, 4))
        shape = (int(np.prod(values.shape[: 4 - kept])), *values.shape[4 - kept :])
        try:
            expected = values.view(shape)
        except RuntimeError:
            expected = None
        seen.add(expected is None)
        if expected is None:
            with pytest.raises(InvalidInputError):
                as_rows(values, kept)
            with pytest.raises(InvalidInputError):
                as_rows(values.numpy(), kept)
        else:
            assert torch.equal(as_rows(values, kept), expected)
            np.testing.assert_array_equal(as_rows(values.numpy(), kept), expected.numpy(), strict=True)
            assert _address(as_rows(values.numpy(), kept)) == values.data_ptr()
            assert as_rows(values, kept).data_ptr() == values.data_ptr()
    assert seen == {True, False}


@BOTH
@pytest.mark.parametrize("kept", [-1, 4])
def test_only_axes_that_there_are_can_be_kept(of: Of, kept: int) -> None:
    with pytest.raises(InvalidInputError, match="as_rows, kept: expected a number of axes, 0 to 3"):
        as_rows(of(_panel(3, 4, 5)), kept)


@pytest.mark.parametrize("adapter", [lambda x: unfold_windows(x, 1), as_rows])
def test_what_is_no_array_is_refused(adapter: Callable[[Any], Any]) -> None:
    with pytest.raises(InvalidInputError, match=r"an array of NumPy or CuPy, or a tensor; got a builtins\.list"):
        adapter([[[1.0]]])
