"""A compiled network that several test files use: compiling takes seconds, so it is done once."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS
from kernels.forecast.network import network_shapes
from kernels.network_weights import Weights
from resources.compiled_package import build_compiled

CONFIG = NetworkConfig()
FEATURES = len(INPUTS)


@cache
def compiled_folder() -> Path:
    """A folder with the package of the default network. Tests that change files work on a copy; skips without g++."""
    if shutil.which(os.environ.get("CXX") or "g++") is None:
        pytest.skip("this machine has no C++ compiler")
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    build_compiled(folder, CONFIG, FEATURES)
    return folder


def random_weights(seed: int, config: NetworkConfig = CONFIG) -> Weights:
    """Weights of about the size that training gives them, the last layer included."""
    random = np.random.default_rng(seed)
    weights = {}
    for name, shape in network_shapes(config, FEATURES).items():
        drawn = random.normal(0.0, 0.2, shape)
        weights[name] = (np.abs(drawn) + 0.2 if name in ("gaps", "input_deviation") else drawn).astype(np.float32)
    return weights


def random_inputs(rows: int, seed: int = 1) -> np.ndarray:
    """float32 [rows, F], some beyond the limits of the network."""
    return np.random.default_rng(seed).normal(0.0, 0.5, (rows, FEATURES)).astype(np.float32)
