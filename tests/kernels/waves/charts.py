"""Bars and comparisons that several wave tests use."""

from __future__ import annotations

import dataclasses

import numpy as np

from kernels.waves import Patterns


def zigzag(*vertices, width=0.0005):
    """Bars along straight lines (in log price) between (bar, price) vertices; low and high are `width` off."""
    bars, prices = zip(*vertices, strict=True)
    path = np.exp(np.interp(np.arange(bars[0], bars[-1] + 1), bars, np.log(prices)))
    return path * (1 - width), path * (1 + width)


def random_bars(rng, count, *, step=0.02, drift=0.0, decimals=None, missing=0):
    """A random walk; rounding to few decimals makes plateaus, `missing` bars have no price."""
    close = 50 * np.exp(np.cumsum(rng.normal(drift, step, count)))
    low, high = (close * np.exp(sign * 0.5 * step * np.abs(rng.standard_normal(count))) for sign in (-1, 1))
    if decimals is not None:
        unit = 10.0**-decimals
        low, high = np.maximum(np.floor(low / unit), 1) * unit, np.ceil(high / unit) * unit
    gaps = rng.integers(0, count, missing)
    low[gaps] = np.nan
    return low, high


def columns(patterns: Patterns) -> dict[str, np.ndarray]:
    """The arrays of a result by name."""
    fields = {field.name: getattr(patterns, field.name) for field in dataclasses.fields(patterns)}
    return {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}


def assert_same(got: Patterns, expected: Patterns, *, relative=0.0) -> None:
    """Equal columns: exact integers and dtypes, floats within `relative`, NaN in the same places."""
    for name, wanted in columns(expected).items():
        value = columns(got)[name]
        assert value.dtype == wanted.dtype, name
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, wanted, rtol=relative, atol=0, err_msg=name)
        else:
            np.testing.assert_array_equal(value, wanted, err_msg=name)


def of_origin(patterns: Patterns, origin: int, *, pivot_shift=0) -> dict[str, np.ndarray]:
    """The columns of one origin's patterns, without its number, pivots counted from bar `pivot_shift`."""
    mine = patterns.origin == origin
    per_pattern = {
        name: value[mine]
        for name, value in columns(patterns).items()
        if name not in ("origin", "candidates", "standing")
    }
    per_pattern["pivots"] = np.where(per_pattern["pivots"] < 0, -1, per_pattern["pivots"] - pivot_shift)
    return per_pattern | {"counts": np.array([patterns.candidates[origin], patterns.standing[origin]])}


def assert_bitwise(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Equal to the last bit, NaN included."""
    assert got.keys() == expected.keys()
    for name, value in got.items():
        assert value.shape == expected[name].shape, name
        assert value.astype(expected[name].dtype).tobytes() == expected[name].tobytes(), name
