"""From a row of the `patterns` table to the breakdown of its score."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from kernels.waves import CLASSES, COMPONENTS
from kernels.waves.classes import WEIGHTS, WaveClass
from resources.charts.breakdown_chart import BreakdownChart, Component, RuleMargin

FULL_EVIDENCE = 5
"""So many measured ratios, or legs whose subdivision can be told, give their component its full weight."""


def breakdown_chart_of(row: Mapping[str, Any]) -> BreakdownChart:
    """The breakdown of one pattern's score; what the components add is the score, see kernels/waves.

    Args:
        row: of `patterns`.
    """
    wave = CLASSES[row["class"]]
    tellable = sum(leg["resolved"] != "unresolved" for leg in row["subdivisions"])
    known = {"fibonacci": measured_ratios(wave, row["legs"]) / FULL_EVIDENCE, "subdivision": tellable / FULL_EVIDENCE}
    return BreakdownChart(
        title=f"{row['symbol']}: what the score is made of",
        score=row["score"],
        components=tuple(
            Component(name.replace("_", " ").capitalize(), _number(row[name]), WEIGHTS[name], known.get(name, 1.0))
            for name in sorted(COMPONENTS, key=lambda name: -WEIGHTS[name])
        ),
        rules=tuple(
            RuleMargin(rule.name.replace("_", " "), _number(margin), rule.text)
            for rule, margin in zip(wave.rules, row["margins"], strict=True)
        ),
        facts=("pale: the weight", "hatched: what isn't known counts one half"),
    )


def measured_ratios(wave: WaveClass, legs: int) -> int:
    """How many guideline ratios of a class can be measured once it has so many legs."""
    return sum(max(int(each) for each in ratio.name if each.isdigit()) <= legs for ratio in wave.ratios)


def _number(value: float | None) -> float:
    return np.nan if value is None else value
