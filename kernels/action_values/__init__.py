"""Action values: how the account of a sample will turn out, as quantiles, from window, state and action."""

from __future__ import annotations

from kernels.action_values.baselines import BUCKETS, Baselines, Outcomes, buckets_of, fit_baselines
from kernels.action_values.chunks import largest_chunk
from kernels.action_values.config import ActionValueConfig, Terms
from kernels.action_values.evaluate import INTERVALS, Skill, Verdict, judge
from kernels.action_values.network import require_weights, starting_weights
from kernels.action_values.rows import Batches, Rows, joined, rows_of
from kernels.action_values.train import train
from kernels.action_values.training_state import Check, Training, TrainingState
from kernels.action_values.values import ActionValues
from kernels.network_weights import Weights

__all__ = [
    "BUCKETS",
    "INTERVALS",
    "ActionValueConfig",
    "ActionValues",
    "Baselines",
    "Batches",
    "Check",
    "Outcomes",
    "Rows",
    "Skill",
    "Terms",
    "Training",
    "TrainingState",
    "Verdict",
    "Weights",
    "buckets_of",
    "fit_baselines",
    "joined",
    "judge",
    "largest_chunk",
    "require_weights",
    "rows_of",
    "starting_weights",
    "train",
]
