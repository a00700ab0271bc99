"""Fit the project's own forecast model, and forecast the held-out year with what was known before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.bars import ForecastBars
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import FittedModel, model_scales, network_inputs
from kernels.forecast.train import Training, TrainingRows, TrainingState, train
from kernels.volatility import HarParameters, PooledQuantiles, fit_har, fit_pooled_quantiles

EMBARGO = 5
"""Sessions between the last outcome that the network is trained on and the held-out year."""

MIN_TRAINING_ROWS = 5_000
"""Fewer rows than this train no network: a year of twenty symbols."""

Checkpoint = Callable[[TrainingState], None]


@dataclass(frozen=True)
class Fit:
    """A fitted model, and what is needed to judge it.

    Attributes:
        model: its scales and pooled residuals are fitted on all bars; its network was trained on the sessions before
            the held-out year, and stopped at its best epoch in that year.
        earlier: the same network over scales and residuals of the sessions before the held-out year only: what could
            have been used in that year. None where these sessions are too few.
        training: how the training went; None without a network.
        training_rows: rows that the network was trained on; 0 without a network.
        held_out_rows: rows of the held-out year that decided when to stop.
        reason: why there is no network, or no earlier model; "" where there are both.
    """

    model: FittedModel
    earlier: FittedModel | None
    training: Training | None
    training_rows: int
    held_out_rows: int
    reason: str


def fit_model(
    bars: ForecastBars,
    held_out: int,
    config: NetworkConfig,
    *,
    resume: TrainingState | None = None,
    checkpoint: Checkpoint | None = None,
    log: Callable[[str], None] | None = None,
    device: str = "cpu",
) -> Fit:
    """Fit a model on all bars; the last year is held out from the training of the network, and stops it.

    Args:
        bars: R rows over T sessions, each row another symbol; all that is known at the close of the last session.
        held_out: column of the first session of the held-out year.
        config: of the network.
        resume: a state of an earlier training on the same bars and settings, to go on from.
        checkpoint: called with the state after each epoch.
        log: called with a line of progress after each epoch.
        device: "cpu" or "cuda", where the network is trained.

    Raises:
        InvalidInputError: bars that can't be used, or too few for the scales themselves.
        BackendUnavailableError: a device that isn't there.
    """
    last = bars.close.shape[1] - 1
    har, pooled = _fit_scales(bars, last, config)
    without = FittedModel(har, pooled, config, None)
    try:
        earlier_har, earlier_pooled = _fit_scales(bars, held_out - 1, config)
    except InvalidInputError as error:
        return Fit(without, None, None, 0, 0, f"too little history before the held-out year: {error}")
    scales = model_scales(bars, earlier_har)
    inputs = network_inputs(bars, scales)
    rows = training_rows(bars, scales, inputs, config, 0, held_out - 1 - EMBARGO)
    held_out_rows = training_rows(bars, scales, inputs, config, held_out, last)
    if min(len(rows.inputs), len(held_out_rows.inputs)) < MIN_TRAINING_ROWS:
        reason = (
            f"no network: {len(rows.inputs):,} rows to train on and {len(held_out_rows.inputs):,} held out, "
            f"at least {MIN_TRAINING_ROWS:,} of each needed"
        )
        earlier = FittedModel(earlier_har, earlier_pooled, config, None)
        return Fit(without, earlier, None, len(rows.inputs), len(held_out_rows.inputs), reason)
    training = train(
        config,
        rows,
        earlier_pooled.quantiles,
        held_out=held_out_rows,
        resume=resume,
        checkpoint=checkpoint,
        log=log,
        device=device,
    )
    return Fit(
        FittedModel(har, pooled, config, training.weights),
        FittedModel(earlier_har, earlier_pooled, config, training.weights),
        training,
        len(rows.inputs),
        len(held_out_rows.inputs),
        "",
    )


def training_rows(
    bars: ForecastBars,
    scales: npt.NDArray[np.float64],
    inputs: npt.NDArray[np.float64],
    config: NetworkConfig,
    first: int,
    last: int,
) -> TrainingRows:
    """The rows of the bars `first` to `last` whose inputs are all known, with the outcomes that are known by `last`.

    Args:
        bars: R rows over T sessions.
        scales: float64 [R, T, H].
        inputs: float64 [R, T, F].
        config: its horizons.
        first: first column of the span.
        last: last column of it, included: no outcome ends later.

    Returns:
        Inputs, and log returns over each horizon in units of the scale, NaN where they end after `last`; rows without
        any outcome are left out.
    """
    log_close = np.log(bars.close[:, : last + 1])
    targets = np.full((len(log_close), max(0, last + 1 - first), len(config.horizons)), np.nan)
    for index, horizon in enumerate(config.horizons):
        stop = max(first, last + 1 - horizon)
        scale = scales[:, first:stop, index]
        move = log_close[:, first + horizon : stop + horizon] - log_close[:, first:stop]
        targets[:, : stop - first, index] = np.where(scale > 0.0, move / np.where(scale > 0.0, scale, 1.0), np.nan)
    told = inputs[:, first : last + 1]
    known = np.isfinite(told).all(axis=2) & np.isfinite(targets).any(axis=2)
    return TrainingRows(
        np.ascontiguousarray(told[known], dtype=np.float32), np.ascontiguousarray(targets[known], dtype=np.float32)
    )


def _fit_scales(bars: ForecastBars, last: int, config: NetworkConfig) -> tuple[HarParameters, PooledQuantiles]:
    """HAR and pooled residuals on the bars 0 to `last`."""
    four = bars.open, bars.high, bars.low, bars.close
    if last < 1:
        raise InvalidInputError(
            "bars to fit the scales on",
            expected="at least two sessions",
            got=f"{last + 1}",
            mend="fill the price history further back",
        )
    har, _ = fit_har(*four, 0, last, config.horizons)
    scales = model_scales(bars, har)
    pooled = fit_pooled_quantiles(bars.close, scales, 0, last, horizons=config.horizons, levels=config.levels)
    return har, pooled
