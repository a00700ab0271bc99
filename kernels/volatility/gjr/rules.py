"""The parameters of the GJR model, and the constants that all its files share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from kernels.errors import InvalidInputError

GJR_RETURNS = 150
"""K: after how many returns the sum is cut; the rest counts beta^K, 1e-7 at a beta of 0.9."""

TARGET_RETURNS = 500
"""How many sessions the variance target looks back on."""

MIN_TARGET_RETURNS = 250
"""How many of these sessions must have a return; also the fewest returns of a row that the fit uses."""


@dataclass(frozen=True)
class GjrParameters:
    """Parameters of GJR(1,1) with Student-t innovations, pooled over symbols.

    Attributes:
        alpha: weight of a squared return, at least 0.
        gamma: further weight of a negative one; `alpha + gamma` is at least 0.
        beta: weight of the variance before, at least 0; the persistence `alpha + gamma / 2 + beta` is below 1.
        degrees: degrees of freedom of the innovations, above 2. The scales don't depend on it.

    Raises:
        InvalidInputError: a parameter that is no finite number or breaks its bound, named.
    """

    alpha: float
    gamma: float
    beta: float
    degrees: float

    def __post_init__(self) -> None:
        for name in ("alpha", "gamma", "beta", "degrees"):
            value = getattr(self, name)
            _require(isinstance(value, Real) and math.isfinite(value), name, "a finite number", value)
        _require(self.alpha >= 0.0, "alpha", "at least 0", self.alpha)
        _require(self.alpha + self.gamma >= 0.0, "alpha + gamma", "at least 0", self.alpha + self.gamma)
        _require(self.beta >= 0.0, "beta", "at least 0", self.beta)
        _require(self.persistence < 1.0, "persistence (alpha + gamma / 2 + beta)", "below 1", self.persistence)
        _require(self.degrees > 2.0, "degrees", "above 2, so that the variance is finite", self.degrees)

    @property
    def persistence(self) -> float:
        """The share of a deviation of the variance from its target that is left a session later; 0 ... 1."""
        return self.alpha + self.gamma / 2 + self.beta


def _require(good: bool, name: str, expected: str, got: object) -> None:
    if not good:
        raise InvalidInputError(
            f"GjrParameters, {name}",
            expected=expected,
            got=repr(got),
            mend="pass parameters that fit_gjr returned, or change this one",
        )
