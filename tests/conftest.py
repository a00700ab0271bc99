"""What all tests share. Threads are capped before anything imports NumPy or Numba."""

import contextlib
import os

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
