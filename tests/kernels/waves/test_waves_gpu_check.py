from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu_waves import differences
from kernels.device import gpu_support
from kernels.waves import scan_origins
from tests.kernels.waves.charts import random_bars

ROOT = Path(__file__).parents[3]

# Prints what the check of a small universe comes to.
CHECK = """
import json
import numpy as np
from benchmarks.gpu_waves import check_waves
from tests.kernels.waves.charts import random_bars
low, high = map(np.stack, zip(*[random_bars(np.random.default_rng(seed), 40) for seed in (1, 2)]))
print(json.dumps([check_waves(low, high, sessions) for sessions in (1, 3)]))
"""


def run(*arguments, **variables):
    """A Python process in the project's root."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False)


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
@pytest.mark.parametrize("variables", [{}, {"NUMBA_ENABLE_CUDASIM": "1"}], ids=["nothing", "simulator"])
def test_the_check_says_that_there_is_no_gpu_and_writes_nothing(variables):
    before = sorted((ROOT / "benchmarks" / "results").iterdir())
    done = run("-m", "benchmarks.gpu_check", **variables)
    assert done.returncode == 1
    assert done.stderr.startswith("no GPU to check: ")
    assert sorted((ROOT / "benchmarks" / "results").iterdir()) == before


def test_a_universe_that_agrees_is_timed_by_stage():
    done = run("-c", CHECK, NUMBA_ENABLE_CUDASIM="1", NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr
    last, some = json.loads(done.stdout)
    assert (last["origins"], some["origins"]) == (2, 6)
    for case in (last, some):
        assert case["differs"] == []
        assert case["largest_score_difference"] < 1e-11
        assert case["chunks_of_series"] == [2]
        assert case["records_scored"] > case["distinct"] > 0
        stages = {"prepare", "upload", "charts", "legs", "count patterns", "write patterns", "score", "rank", "select"}
        assert set(case["gpu_seconds_by_stage"]) == stages | {"collect", "download", "describe"}
        assert 0 <= case["transfer_share"] < 1
        assert sum(case["gpu_seconds_by_stage"].values()) <= case["gpu_seconds_staged"] * 1.01


def test_every_kind_of_difference_is_named():
    low, high = (prices[None] for prices in random_bars(np.random.default_rng(3), 60))
    found = scan_origins(low, high, [0], [59], [60], backend="cpu")
    assert len(found.patterns.score) > 10
    assert differences(found, found) == []
    patterns = found.patterns
    changed = replace(
        found,
        rank=found.rank + np.int16(1),
        pattern=found.pattern[:-1],
        patterns=replace(
            patterns,
            score=patterns.score + 1e-5,
            prices=patterns.prices * (1 + 1e-9),
            degree=patterns.degree.astype(np.int16),
        ),
    )
    assert sorted(differences(changed, found)) == ["degree", "pattern", "prices", "rank", "score"]
    assert differences(replace(found, patterns=replace(patterns, score=patterns.score + 1e-7)), found) == []
