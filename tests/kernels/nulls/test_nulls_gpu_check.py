"""What `make gpu-check` says of null histograms, on a small case in the CUDA simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu_nulls import share_moved, walks

ROOT = Path(__file__).parents[3]

CHECK = """
import json
from benchmarks import gpu_nulls
gpu_nulls.LARGEST_SHARE_MOVED = {share}
print(json.dumps(gpu_nulls.check_nulls(gpu_nulls.NullSizes(2, 30, 2, 2, 20, 3, 2, 1, {most_seconds}))))
"""


def checked(**values):
    """The check in a process of its own, in the simulator."""
    variables = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", CHECK.format(**values)]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("most_seconds", "asked"), [(1e6, 3), (0.0, 2)])
def test_counts_that_agree_are_timed_for_as_many_surrogates_as_there_is_time_for(most_seconds, asked):
    found = checked(most_seconds=most_seconds, share=0.0)
    assert found["differs"] == []
    assert {null: case["share_moved"] for null, case in found["by_null"].items()} == dict.fromkeys(
        ("block", "gjr", "sign"), 0.0
    )
    # Two rows, two surrogates, 22 stages, two directions, five buckets.
    assert found["by_null"]["block"]["counts"] == 2 * 2 * 22 * 2 * 5
    assert {name for name in found if "_seconds_of_" in name} == {
        f"gpu_seconds_of_{asked}_surrogates",
        "cpu_seconds_of_1_surrogates",
    }
    assert found["gpu_times_as_fast"] >= 0
    assert sum(found["chunks_of_surrogates"]) == 2 * 2
    stages = {"prepare", "surrogates", "charts", "legs", "count", "upload", "download"}
    assert stages <= set(found["gpu_seconds_by_stage_of_2_surrogates"])


def test_counts_that_differ_are_named_and_not_timed():
    # No share is small enough.
    found = checked(most_seconds=1.0, share=-1.0)
    assert found["differs"] == ["block", "gjr", "sign"]
    assert not [name for name in found if "seconds" in name]


def test_the_share_of_counts_in_another_bin():
    counts = np.zeros((1, 2, 2, 1, 4), np.int64)
    counts[..., 1] = 5
    assert share_moved(counts, counts) == 0.0
    moved = counts.copy()
    moved[0, 1, 0, 0, 1:3] = 3, 2
    assert share_moved(moved, counts) == 2 / 20
    assert share_moved(moved[..., :3], counts) == 1.0
    assert share_moved(counts.astype(np.int32), counts) == 1.0
    assert share_moved(counts + 1, counts) == 1.0


def test_walks_are_bars():
    opened, high, low, close, keys = walks(3, 40)
    assert (high >= np.maximum(opened, close)).all()
    assert (low <= np.minimum(opened, close)).all()
    assert (low > 0).all()
    assert keys.tolist() == [0, 1, 2]
