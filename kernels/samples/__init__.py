"""Synthetic samples: accounts and actions drawn over real bars, with the labels that a simulation gives them."""

from __future__ import annotations

from kernels.samples.columns import COLUMNS, Column, Columns
from kernels.samples.draw import draw_samples, label_samples
from kernels.samples.model import CHANNELS, SAMPLE_STREAM, SCALER_STREAM
from kernels.samples.scalers import Scaler, fit_scalers
from kernels.samples.settings import SampleSettings
from kernels.samples.starts import REMOVED, SPLITS, PhaseThresholds, Starts, find_starts
from kernels.samples.windows import gather_serially, gather_windows, sample_panel

__all__ = [
    "CHANNELS",
    "COLUMNS",
    "REMOVED",
    "SAMPLE_STREAM",
    "SCALER_STREAM",
    "SPLITS",
    "Column",
    "Columns",
    "PhaseThresholds",
    "SampleSettings",
    "Scaler",
    "Starts",
    "draw_samples",
    "find_starts",
    "fit_scalers",
    "gather_serially",
    "gather_windows",
    "label_samples",
    "sample_panel",
]
