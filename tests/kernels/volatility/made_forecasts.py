"""What tests of several volatility models ask of the forecasts they made."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np

from kernels.volatility import STATUSES, Forecasts


def assert_same(result, expected):
    """Bitwise, NaN included."""
    for values, wanted in zip(astuple(result), astuple(expected), strict=True):
        assert (values.dtype, values.shape) == (wanted.dtype, wanted.shape)
        assert np.ascontiguousarray(values).tobytes() == np.ascontiguousarray(wanted).tobytes()


def part(forecasts, which):
    """The forecasts of some of the origins."""
    return Forecasts(*[np.ascontiguousarray(values[which]) for values in astuple(forecasts)])


def statuses(result):
    return [STATUSES[code] for code in result.status]
