"""`ModelStore`: the forecast models of the lake, one file for each year: `<lake>/forecast_model/<year>.safetensors`.

The arrays are tensors of the file; everything else is JSON in its header. Nothing in it can be executed, and it has no
time stamp. What belongs here: bytes to models and back. What doesn't: how a model is fitted, and which one serves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from kernels.errors import LakeError, WavemillError
from kernels.forecast.config import NetworkConfig
from kernels.forecast.fitted import INPUTS, FittedModel
from kernels.forecast.network import require_weights
from kernels.forecast.train import TrainingState
from kernels.volatility import HarParameters, PooledQuantiles
from resources.array_file import Arrays, decode_arrays, encode_arrays, sha256_of
from resources.lake_files import LakeFiles, Stamp

TABLE = "forecast_model"
FORMAT = 1
"""Raised when the arrays or the note change."""

_NETWORK = "network."


@dataclass(frozen=True)
class StoredModel:
    """A model, and what is known of it.

    Attributes:
        year: it is trained on data through this year, and serves the next one.
        model: the model.
        trained_through: the last session whose bar it has seen.
        serves: which of its candidates serves; None if none was good enough, and the baseline serves.
        reason: why.
        made_from: fingerprint of everything it was made from.
        sha256: of its arrays.
        note: everything else that the header holds, for people.
    """

    year: int
    model: FittedModel
    trained_through: date
    serves: str | None
    reason: str
    made_from: str
    sha256: str
    note: dict[str, Any]

    @property
    def model_id(self) -> str:
        """What the rows of a forecast name it by, such as "ensemble-2016-1f0c2a9b"."""
        return f"{self.serves or 'none'}-{self.year}-{self.sha256[:8]}"


class ModelStore:
    """The models and training states of one lake."""

    def __init__(self, files: LakeFiles) -> None:
        self._files = files
        self._read: dict[int, tuple[Stamp, StoredModel]] = {}

    def uri(self, year: int) -> str:
        """The address of a model's file."""
        return self._files.uri(TABLE, _name(year))

    def years(self) -> list[int]:
        """The years that have a model, rising."""
        names = (name.removesuffix(".safetensors") for name in self._files.stamps(TABLE))
        return sorted(int(name) for name in names if name.isdigit())

    def write(
        self,
        year: int,
        model: FittedModel,
        *,
        trained_through: date,
        serves: str | None,
        reason: str,
        made_from: str,
        note: Mapping[str, Any],
    ) -> StoredModel:
        """Write a model, replacing that of the same year as a whole.

        Raises:
            LakeError: the storage refuses; the old file is untouched.
        """
        arrays = _arrays_of(model)
        known = {
            "format": FORMAT,
            "year": year,
            "config": model.config.as_json(),
            "horizons": list(model.pooled.horizons),
            "levels": list(model.pooled.levels),
            "pooled_residuals": list(model.pooled.residuals),
            "inputs": list(INPUTS),
            "trained_through": trained_through,
            "serves": serves,
            "reason": reason,
            "made_from": made_from,
            "sha256": sha256_of(arrays),
        }
        self._files.write(TABLE, _name(year), encode_arrays(arrays, {**known, "note": dict(note)}))
        self._files.settle(TABLE)
        stored = self.read(year)
        if stored is None:
            raise self._damaged(_name(year), "it is gone right after it was written")
        return stored

    def read(self, year: int) -> StoredModel | None:
        """The model of a year; None if there is none. It is decoded once for each process and replaced file.

        Raises:
            LakeError: the file is damaged, or of another version of the format.
        """
        name = _name(year)
        stamp = self._files.stamp(TABLE, name)
        if stamp is None:
            return None
        cached = self._read.get(year)
        if cached is None or cached[0] != stamp:
            cached = self._read[year] = (stamp, self._decode(name))
        return cached[1]

    def write_state(self, year: int, made_from: str, state: TrainingState) -> None:
        """Keep how far a training has come, so that one that is killed can go on."""
        header = {"made_from": made_from, "epoch": state.epoch, "losses": [list(pair) for pair in state.losses]}
        self._files.write(TABLE, _state_name(year), encode_arrays(state.arrays, header))

    def read_state(self, year: int, made_from: str) -> TrainingState | None:
        """The state of a training that was killed; None if there is none, or it was on other data or settings."""
        try:
            arrays, header = decode_arrays(self._files.read(TABLE, _state_name(year)))
            if header["made_from"] != made_from:
                return None
            return TrainingState(header["epoch"], arrays, tuple(tuple(pair) for pair in header["losses"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            # A damaged state costs no more than the epochs it held.
            return None

    def drop_state(self, year: int) -> None:
        """Remove the state of a training that is complete."""
        self._files.delete(TABLE, _state_name(year))

    def _decode(self, name: str) -> StoredModel:
        try:
            arrays, header = decode_arrays(self._files.read(TABLE, name))
            if header["format"] != FORMAT or header["inputs"] != list(INPUTS):
                raise ValueError(f"format {header['format']} with the inputs {header['inputs']}")
            if sha256_of(arrays) != header["sha256"]:
                raise ValueError("its arrays aren't those that were written")
            return StoredModel(
                year=header["year"],
                model=_model_of(arrays, header),
                trained_through=date.fromisoformat(header["trained_through"]),
                serves=header["serves"],
                reason=header["reason"],
                made_from=header["made_from"],
                sha256=header["sha256"],
                note=header["note"],
            )
        except (FileNotFoundError, LakeError):
            raise
        except (ValueError, KeyError, TypeError, WavemillError) as error:
            raise self._damaged(name, f"{type(error).__name__}: {error}") from error

    def _damaged(self, name: str, got: str) -> LakeError:
        year = name.split(".")[0]
        return LakeError(
            f"model {self._files.uri(TABLE, name)}",
            expected=f"a safetensors file of format {FORMAT}, as `forecast_model` writes it",
            got=got,
            mend="delete the file, then: dagster job execute -m definitions -j train_forecast_model "
            f'--tags \'{{"dagster/partition": "{year}"}}\'',
        )


def _name(year: int) -> str:
    return f"{year}.safetensors"


def _state_name(year: int) -> str:
    return f"{year}.training"


def _arrays_of(model: FittedModel) -> Arrays:
    weights = {} if model.weights is None else model.weights
    return {
        "har.coefficients": model.har.coefficients,
        "pooled.quantiles": model.pooled.quantiles,
        "pooled.deviation": model.pooled.deviation,
        **{_NETWORK + name: values for name, values in weights.items()},
    }


def _model_of(arrays: Arrays, header: Mapping[str, Any]) -> FittedModel:
    config = NetworkConfig.from_json(header["config"])
    horizons, levels = tuple(header["horizons"]), tuple(header["levels"])
    weights = {name.removeprefix(_NETWORK): values for name, values in arrays.items() if name.startswith(_NETWORK)}
    if weights:
        require_weights(config, len(INPUTS), weights)
    return FittedModel(
        HarParameters(arrays["har.coefficients"], horizons),
        PooledQuantiles(
            arrays["pooled.quantiles"],
            arrays["pooled.deviation"],
            tuple(header["pooled_residuals"]),
            horizons,
            levels,
        ),
        config,
        weights or None,
    )
