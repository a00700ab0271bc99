"""`Forecaster`: computes the quantile network by its compiled package, and eagerly where there is none.

Both give the same quantiles but for the last digits; a package takes half the time. Which of them computes, and why, is
told once and is in the metadata of what it computes.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import build_module, require_weights
from kernels.network_weights import require_device
from resources.aoti_package import AotiPackage
from resources.compiled_package import load_compiled
from resources.network_blocks import in_blocks
from resources.package_errors import PackageError

if TYPE_CHECKING:
    import torch

_LOGGER = logging.getLogger(__name__)

State = Literal["cold", "ready", "degraded", "switched off"]
"""Nothing was computed yet; the package computes; it can't be used; it isn't wanted."""

Weights = Mapping[str, npt.NDArray[np.float32]]


class Forecaster:
    """Computes networks on one device. Nothing is loaded before the first call; threads may share one.

    Attributes:
        state: how it computes.
        reason: why, where it doesn't use a package; else empty.
    """

    def __init__(
        self,
        folder: str | Path,
        device: str = "cpu",
        warmup: bool = True,
        warn: Callable[[str], object] = _LOGGER.warning,
    ) -> None:
        """Nothing is touched before the first `run`.

        Args:
            folder: where compiled packages lie.
            device: "cpu" or "cuda".
            warmup: whether to use a package; if not, it computes eagerly.
            warn: where a package that can't be used is told.
        """
        self.state: State = "cold"
        self.reason = ""
        self._folder, self._device, self._warmup, self._warn = Path(folder), device, warmup, warn
        self._ways: dict[tuple[NetworkConfig, int], _Way] = {}
        self._lock = Lock()
        self._metadata: dict[str, str | float] = {}

    def run(self, config: NetworkConfig, weights: Weights, inputs: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Compute a network's quantiles. A row's are the same bytes alone, in any batch and in any order of rows.

        Args:
            config: of the network.
            weights: of the network.
            inputs: float32 [N, F], all finite: rows of which something is unknown have no forecast.

        Returns:
            float32 [N, H, Q], in units of the anchor scale.

        Raises:
            InvalidInputError: inputs or weights of another shape, dtype or range, or no device; the fault is named.
            BackendUnavailableError: the device isn't there.
        """
        _require_inputs(inputs, weights["input_mean"].size if "input_mean" in weights else None)
        outputs = len(config.horizons), len(config.levels)
        with self._lock:
            way = self._way(config, inputs.shape[1])
            way.take(weights)
            return in_blocks(way.compute, inputs, outputs, self._device)

    def report(self) -> dict[str, str | float]:
        """Metadata of what it computed: state, reason, device, and the package that was loaded last."""
        return {
            "forecaster_state": self.state,
            "forecaster_reason": self.reason,
            "forecaster_device": self._device,
            **self._metadata,
        }

    def _way(self, config: NetworkConfig, features: int) -> "_Way":
        if (config, features) not in self._ways:
            require_device("the forecaster", self._device)
            self._ways[config, features] = _Way(config, features, self._device, self._loaded(config, features))
        return self._ways[config, features]

    def _loaded(self, config: NetworkConfig, features: int) -> AotiPackage | None:
        if not self._warmup:
            self.state, self.reason = "switched off", "the option `warmup` of the resource `forecaster` is off"
            return None
        try:
            compiled = load_compiled(self._folder, config, features, self._device)
        except PackageError as error:
            self.state, self.reason = "degraded", f"{type(error).__name__}: {error}"
            self._warn(f"forecaster: {self.reason}. It computes eagerly from then on")
            return None
        # One network that can't be loaded is to be seen, whatever others were.
        self.state = "degraded" if self.reason else "ready"
        self._metadata = {
            "forecaster_package": compiled.key.digest,
            "forecaster_self_test_error": compiled.error,
            "forecaster_load_seconds": round(compiled.seconds, 4),
        }
        return compiled.package


class _Way:
    """How one network is computed, by its package or eagerly, and with which weights at present."""

    compute: "Callable[[torch.Tensor], torch.Tensor]"

    def __init__(self, config: NetworkConfig, features: int, device: str, package: AotiPackage | None) -> None:
        self._config, self._features, self._device, self._package = config, features, device, package
        self._digest = b""

    def take(self, weights: Weights) -> None:
        """Compute with these weights from now on; cheap if they are the same as before."""
        import torch

        digest = _digest(weights)
        if digest == self._digest:
            return
        require_weights(self._config, self._features, weights)
        self._digest = b""
        if self._package is None:
            self.compute = build_module(self._config, weights).to(self._device)
        else:
            tensors = {name: torch.tensor(values, device=self._device) for name, values in weights.items()}
            self._package.load_weights(tensors)
            self.compute = self._package.run
        self._digest = digest


def _digest(weights: Weights) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].dtype} {weights[name].shape}\n".encode())
        digest.update(weights[name].tobytes())
    return digest.digest()


def _require_inputs(inputs: npt.NDArray[np.float32], features: int | None) -> None:
    given: Any = inputs
    array = isinstance(given, np.ndarray)
    if not array or given.dtype != np.float32 or given.ndim != 2 or features not in (None, given.shape[1]):
        raise InvalidInputError(
            "inputs of the network",
            expected=f"a float32 array [N, {features or 'F'}]",
            got=f"{given.dtype} of shape {given.shape}" if array else type(given).__name__,
            mend="convert them: one row for each origin, one column for each input",
        )
    known = np.isfinite(given).all(axis=1)
    if not known.all():
        row = int(np.argmin(known))
        column = int(np.argmin(np.isfinite(given[row])))
        raise InvalidInputError(
            f"inputs of the network, row {row}, column {column}",
            expected="finite numbers: a row of which something is unknown has no forecast",
            got=f"{given[row, column]}, and {len(given) - int(known.sum())} such rows of {len(given)}",
            mend="leave these rows out",
        )
