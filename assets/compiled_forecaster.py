"""`compiled_forecaster`: the quantile network as machine code of this machine."""

import time
from pathlib import Path

import dagster as dg
import numpy as np
from pydantic import Field

from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS
from resources.compiled_package import TOLERANCE, CompiledNetwork, build_compiled, load_compiled
from resources.network_blocks import BLOCK_ROWS, in_blocks
from resources.package_errors import PackageError
from resources.wiring import ForecasterResource

_DEFAULT = NetworkConfig()


class CompiledForecasterConfig(dg.Config):
    """Which network is compiled: that of models trained with the same options."""

    hidden: int = Field(default=_DEFAULT.hidden, description="Units of either hidden layer.")
    seeds: list[int] = Field(default=list(_DEFAULT.seeds), description="Only how many there are matters.")


@dg.asset(group_name="forecasts", kinds={"pytorch"}, owners=["team:research"], code_version="1")
def compiled_forecaster(
    context: dg.AssetExecutionContext, config: CompiledForecasterConfig, forecaster: ForecasterResource
) -> dg.MaterializeResult:
    """The quantile network of the forecasts, compiled for the CPU or GPU of this machine.

    It holds no weights of a model: those are put in when it is loaded, so it is built once for each shape of the
    network, version of torch and machine, and kept from then on. Building needs a C++ compiler; using it doesn't.
    Forecasts don't depend on it: without it, the same network is computed eagerly, which takes twice the time.
    """
    folder, network = Path(forecaster.folder), NetworkConfig(hidden=config.hidden, seeds=tuple(config.seeds))
    options = folder, network, len(INPUTS), forecaster.device
    built: dict[str, float] = {}
    try:
        compiled = load_compiled(*options)
        context.log.info(f"compiled_forecaster: {folder / compiled.key.digest} is up to date and kept")
    except PackageError as error:
        context.log.info(f"compiled_forecaster: compiles, which takes about half a minute. {error}")
        began = time.monotonic()
        build_compiled(*options)
        built = {"build_seconds": round(time.monotonic() - began, 3)}
        compiled = load_compiled(*options)
    seconds = compiled.seconds + _batch_seconds(compiled, network, forecaster.device)
    return dg.MaterializeResult(
        metadata={
            "kept": not built,
            **built,
            "dagster/uri": str(folder / compiled.key.digest),
            "key": compiled.key.digest,
            "made_for": dg.MetadataValue.json(compiled.key.parts),
            "bytes": compiled.bytes,
            "cpu_instructions": compiled.cpu_instructions,
            "self_test_error": compiled.error,
            "self_test_tolerance": TOLERANCE,
            "load_and_first_batch_seconds": round(seconds, 4),
        }
    )


def _batch_seconds(compiled: CompiledNetwork, network: NetworkConfig, device: str) -> float:
    inputs = np.zeros((BLOCK_ROWS, len(INPUTS)), dtype=np.float32)
    began = time.perf_counter()
    in_blocks(compiled.package.run, inputs, (len(network.horizons), len(network.levels)), device)
    return time.perf_counter() - began
