"""What `make gpu-check` says of the simulator, on a small case in the CUDA simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.gpu_trading import COSTS, backtests, differences, walks
from kernels.trading import simulate

ROOT = Path(__file__).parents[3]

CHECK = """
import json
from benchmarks.gpu_trading import TradingSizes, check_trading
saved = []
found = check_trading(TradingSizes(series=2, bars=30, window=12, summaries=5, repeats=1), saved.append)
assert saved == [{"backtests": found["backtests"]}]
print(json.dumps(found))
"""


def test_accounts_that_agree_are_timed() -> None:
    variables = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [found[name]["paths"] for name in ("backtests", "summaries")] == [2, 5]
    for case in found.values():
        assert case["differs"] == []
        assert case["million_bars_per_second"] >= 0
        assert case["gpu_times_as_fast"] >= 0
        assert 0 <= case["transfer_share"] < 1
        assert sum(case["chunks_of_paths"]) == case["paths"]


def test_what_differs_is_named() -> None:
    bars = walks()
    paths, orders = backtests()
    expected = simulate(bars, paths, orders, fill="next_open", costs=COSTS, record=True, backend="cpu")
    assert differences(expected, expected, paths) == []
    equity, reason = expected.equity + 1.0, np.where(expected.reason == 0, 2, expected.reason)
    reason[0, 0] += 1
    trades = replace(expected.trades, gross=expected.trades.gross * 1.001)
    found = replace(expected, equity=equity, reason=reason, trades=trades)
    assert differences(found, expected, paths) == ["reason", "equity", "trades.gross"]
