"""Memory of a GPU: arrays on it, and work in chunks that fit.

Nothing here imports CuPy, torch or Numba's CUDA before it is asked for a device.
"""

from kernels.memory.arrays import SHARE_OF_FREE_MEMORY, SIMULATED_MEMORY, Device
from kernels.memory.halving import in_chunks

__all__ = ["SHARE_OF_FREE_MEMORY", "SIMULATED_MEMORY", "Device", "in_chunks"]
