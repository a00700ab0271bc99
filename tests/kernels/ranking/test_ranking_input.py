"""What no setup, forecast or simulation can be is refused, with the place at fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.ranking import rank_picks
from tests.kernels.ranking.ranking_cases import evidence_of, setups_of

SETUPS = setups_of([(0, 1, 0.5, 1.0, 0.5), (1, -1, 0.5, 1.0, 0.5)])
EVIDENCE = evidence_of([(0, "long", 0.5), (1, "both", 0.5)])
FORECAST = np.zeros(2)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("symbol", np.array([0, 2], dtype=np.int32)),
        ("symbol", np.array([-1, 0], dtype=np.int32)),
        ("symbol", np.array([0, 1])),
        ("direction", np.array([1, 0], dtype=np.int8)),
        ("direction", np.array([1, 1])),
        ("score", np.array([0.5, 1.5])),
        ("score", np.array([np.nan, 0.5])),
        ("score", np.array([0.5])),
        ("risk_reward", np.array([0.0, 1.0])),
        ("risk_reward", np.array([np.inf, 1.0])),
        ("p_value", np.array([0.5, -0.1])),
    ],
)
def test_setups_that_cannot_be_are_refused(name: str, values: np.ndarray) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rank_picks(replace(SETUPS, **{name: values}), FORECAST, EVIDENCE)
    assert caught.value.where.startswith("setups.")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("symbol", np.array([0, 2], dtype=np.int32)),
        ("long", np.array([1, 0])),
        ("short", np.array([True])),
        ("chance", np.array([0.5, 1.1])),
        ("chance", np.array([np.inf, 0.5])),
    ],
)
def test_evidence_that_cannot_be_is_refused(name: str, values: np.ndarray) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rank_picks(SETUPS, FORECAST, replace(EVIDENCE, **{name: values}))
    assert caught.value.where.startswith("evidence.")


@pytest.mark.parametrize("forecast", [np.zeros((2, 1)), np.zeros(2, np.float32), np.array([0.0, np.inf])])
def test_a_forecast_of_another_form_is_refused(forecast: np.ndarray) -> None:
    with pytest.raises(InvalidInputError, match="forecast"):
        rank_picks(SETUPS, forecast, EVIDENCE)


def test_a_backend_that_it_has_not_is_refused() -> None:
    with pytest.raises(BackendUnavailableError):
        rank_picks(SETUPS, FORECAST, EVIDENCE, backend="gpu")
