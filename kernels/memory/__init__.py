"""Memory of a GPU: arrays on it, and work in chunks that fit.

Nothing here imports CuPy, torch or Numba's CUDA before it is asked for a device.
"""

from kernels.memory.arrays import SHARE_OF_FREE_MEMORY, SIMULATED_MEMORY, Device, Transfers
from kernels.memory.batch_size import BatchKey, BatchStore, FoundBatch, largest_batch
from kernels.memory.bridge import to_cupy, to_torch
from kernels.memory.halving import in_chunks, no_room, whole
from kernels.memory.out_of_memory import is_out_of_memory
from kernels.memory.pool import free_bytes, pool_reason, release, use_torch_pool
from kernels.memory.shapes import as_rows, unfold_windows
from kernels.memory.staging import StagingRing, bytes_needed
from kernels.memory.timeline import MemoryTimeline, Phase, track
from kernels.memory.usage import MemoryUsage, device_name, memory_usage

__all__ = [
    "SHARE_OF_FREE_MEMORY",
    "SIMULATED_MEMORY",
    "BatchKey",
    "BatchStore",
    "Device",
    "FoundBatch",
    "MemoryTimeline",
    "MemoryUsage",
    "Phase",
    "StagingRing",
    "Transfers",
    "as_rows",
    "bytes_needed",
    "device_name",
    "free_bytes",
    "in_chunks",
    "is_out_of_memory",
    "largest_batch",
    "memory_usage",
    "no_room",
    "pool_reason",
    "release",
    "to_cupy",
    "to_torch",
    "track",
    "unfold_windows",
    "use_torch_pool",
    "whole",
]
