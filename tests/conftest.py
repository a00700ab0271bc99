"""What all tests share. Threads are capped before anything imports NumPy or Numba."""

import contextlib
import os
from pathlib import Path

import pytest

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
# A developer's own settings must not leak into tests.
for variable in [name for name in os.environ if name.startswith("WAVEMILL_")]:
    del os.environ[variable]

with contextlib.suppress(ImportError):
    from hypothesis import settings

    # A slow machine is no fault of the code.
    settings.register_profile("no deadline", deadline=None)
    settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def small_history(tmp_path_factory) -> tuple[Path, Path]:
    """The price file of the small market with its faults, and a lake with the history of all its sessions.

    Many tests begin with it, so a process makes it once. Nobody may write into it: `daily_chain.with_history` copies.
    """
    from tests.daily_chain import DAYS, run
    from tests.small_market import small_bars, with_faults, write_prices

    here = tmp_path_factory.mktemp("small-history")
    prices = write_prices(with_faults(small_bars()), here / "prices")
    run("price_history", here / "lake", prices, DAYS[0], DAYS[-1])
    return prices, here / "lake"
