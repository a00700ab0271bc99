"""Control of false discoveries: the q-values of Benjamini & Hochberg. See README.md."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kernels.device import Backend, choose
from kernels.discovery import cpu, naive
from kernels.errors import InvalidInputError
from kernels.panel import Float64Array1D
from kernels.trading.validate import require_array

__all__ = ["AVAILABLE", "q_values"]

Int64Array1D = npt.NDArray[np.int64]

_BACKENDS = {"naive": naive.q_values, "cpu": cpu.q_values}
AVAILABLE = tuple(_BACKENDS)
"""The backends this kernel is written for."""


def q_values(p_value: Float64Array1D, test: Int64Array1D, tests: int, *, backend: Backend = "auto") -> Float64Array1D:
    """The false-discovery rate at which each row would be a discovery, Benjamini & Hochberg (1995).

    The family has `tests` hypotheses. One with rows counts once, with the smallest p of its rows; one without a row
    counts with p = 1. With N(u) the tests whose p is at most u,

        q(t) = min(1, least tests x u / N(u) over the levels u >= t)

    and every row gets q at its own p.

    Args:
        p_value: float64 [P], C-contiguous, above 0 and at most 1; NaN = not tested.
        test: int64 [P], C-contiguous, which hypothesis a row belongs to: any numbers.
        tests: hypotheses in the family, at least as many as `test` has different numbers where p is known.
        backend: "auto", "naive" or "cpu".

    Returns:
        float64 [P], at most 1, to rounding at least p, rising with p; NaN where p is.

    Raises:
        InvalidInputError: a wrong shape, dtype or range, or more tests with rows than `tests`.
        BackendUnavailableError: an explicit backend that isn't there.
    """
    choice = choose("q_values", backend, AVAILABLE)
    require_array("p_value of q_values", p_value, np.float64, (p_value.size,))
    require_array("test of q_values", test, np.int64, p_value.shape)
    known = ~np.isnan(p_value)
    wrong = np.flatnonzero(known & ~((p_value > 0.0) & (p_value <= 1.0)))
    if wrong.size:
        raise InvalidInputError(
            f"p_value of row {wrong[0]}",
            expected="above 0 and at most 1, or NaN",
            got=str(p_value[wrong[0]]),
            mend="pass (1 + k) / (1 + B) for p-values of B surrogates, which is never 0",
        )
    require_tests(tests, len(np.unique(test[known])))
    return _BACKENDS[choice.backend](p_value, test, int(tests))


def require_tests(tests: int, listed: int) -> None:
    """Raise `InvalidInputError` unless `tests` is a whole number and at least `listed`."""
    whole = isinstance(tests, int | np.integer) and not isinstance(tests, bool)
    if not whole or tests < listed:
        raise InvalidInputError(
            "tests of q_values",
            expected=f"a whole number, at least the {listed} tests that have rows",
            got=repr(tests),
            mend="count every hypothesis that was looked at, those without a row too",
        )
