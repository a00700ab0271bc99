"""`ActionModelStore`: the action-value networks of the lake, one for each dataset.

`<lake>/action_model/<dataset>.safetensors` holds the arrays as tensors and everything else as JSON in its header;
`<dataset>.training` how far a training has come. Nothing in them can be executed, and no file has a time stamp. What
belongs here: bytes to models and back. What doesn't: how a network is trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from kernels.action_values import (
    ActionValueConfig,
    ActionValues,
    Baselines,
    Check,
    Terms,
    TrainingState,
    Weights,
    require_weights,
)
from kernels.errors import LakeError, WavemillError
from resources.array_file import Arrays, decode_arrays, encode_arrays, sha256_of
from resources.lake_files import LakeFiles

FOLDER = "action_model"
FORMAT = 1
"""Raised when the arrays, the header, or what the network is told change."""

_WEIGHTS, _BASELINES = "network.", "baselines."


@dataclass(frozen=True)
class StoredActionModel:
    """A trained network, and what is known of it.

    Attributes:
        dataset: what it was trained on.
        config: of the network.
        terms: of the dataset: look-back, sessions ahead, costs.
        weights: of the network.
        baselines: what it is compared with, fitted on the same training rows.
        trained_through: the last session whose bar a label saw that the weights depend on, of the training rows or of
            the validation rows that chose when to stop.
        made_from: fingerprint of everything it was made from.
        sha256: of its arrays.
        note: everything else that the header holds, for people: losses, verdicts.
    """

    dataset: str
    config: ActionValueConfig
    terms: Terms
    weights: Weights
    baselines: Baselines
    trained_through: date
    made_from: str
    sha256: str
    note: dict[str, Any]

    @property
    def model_id(self) -> str:
        """What it is named by, such as "action-values-default-1f0c2a9b"."""
        return f"action-values-{self.dataset}-{self.sha256[:8]}"

    def values(self, device: str = "cpu") -> ActionValues:
        """The network, ready to be asked.

        Raises:
            InvalidInputError: an unknown device.
            BackendUnavailableError: "cuda" where PyTorch has no CUDA device.
        """
        return ActionValues(self.config, self.terms, self.weights, device)


class ActionModelStore:
    """The action-value networks and training states of one lake."""

    def __init__(self, files: LakeFiles) -> None:
        self._files = files

    def uri(self, dataset: str) -> str:
        """The address of a model's file."""
        return self._files.uri(FOLDER, _name(dataset))

    def write(
        self,
        dataset: str,
        config: ActionValueConfig,
        terms: Terms,
        weights: Weights,
        baselines: Baselines,
        *,
        trained_through: date,
        made_from: str,
        note: Mapping[str, Any],
    ) -> StoredActionModel:
        """Write a model, replacing that of the same dataset as a whole.

        Raises:
            LakeError: the storage refuses; the old file is untouched.
        """
        arrays: Arrays = {
            **{_WEIGHTS + name: values for name, values in weights.items()},
            **{_BASELINES + name: values for name, values in vars(baselines).items()},
        }
        header = {
            "format": FORMAT,
            "dataset": dataset,
            "config": config.as_json(),
            "terms": terms.as_json(),
            "trained_through": trained_through,
            "made_from": made_from,
            "sha256": sha256_of(arrays),
            "note": dict(note),
        }
        self._files.write(FOLDER, _name(dataset), encode_arrays(arrays, header))
        self._files.settle(FOLDER)
        stored = self.read(dataset)
        if stored is None:
            raise self._damaged(dataset, "it is gone right after it was written")
        return stored

    def read(self, dataset: str) -> StoredActionModel | None:
        """The model of a dataset; None if there is none.

        Raises:
            LakeError: the file is damaged, or of another version of the format.
        """
        try:
            data = self._files.read(FOLDER, _name(dataset))
        except FileNotFoundError:
            return None
        try:
            arrays, header = decode_arrays(data)
            if header["format"] != FORMAT or header["dataset"] != dataset:
                raise ValueError(f"format {header['format']} of the dataset {header['dataset']}")
            if sha256_of(arrays) != header["sha256"]:
                raise ValueError("its arrays aren't those that were written")
            config, terms = ActionValueConfig.from_json(header["config"]), Terms.from_json(header["terms"])
            weights = _with_prefix(arrays, _WEIGHTS)
            require_weights(config, terms.lookback, weights)
            return StoredActionModel(
                dataset,
                config,
                terms,
                weights,
                Baselines(**_with_prefix(arrays, _BASELINES)),
                date.fromisoformat(header["trained_through"]),
                header["made_from"],
                header["sha256"],
                header["note"],
            )
        except LakeError:
            raise
        except (ValueError, KeyError, TypeError, WavemillError) as error:
            raise self._damaged(dataset, f"{type(error).__name__}: {error}") from error

    def write_state(self, dataset: str, made_from: str, state: TrainingState) -> None:
        """Keep how far a training has come, so that one that is killed can go on.

        Raises:
            LakeError: the storage refuses; the old state is untouched.
        """
        header = {
            "format": FORMAT,
            "made_from": made_from,
            "step": state.step,
            "checks": [list(check) for check in state.checks],
            "position": state.position,
            "sha256": sha256_of(state.arrays),
        }
        self._files.write(FOLDER, _state_name(dataset), encode_arrays(state.arrays, header))

    def read_state(self, dataset: str, made_from: str) -> TrainingState | None:
        """The state of a training that was killed; None if there is none, or it was on other data or settings.

        A damaged state counts as none: it costs no more than the steps it held.
        """
        try:
            arrays, header = decode_arrays(self._files.read(FOLDER, _state_name(dataset)))
            if (header["format"], header["made_from"]) != (FORMAT, made_from) or sha256_of(arrays) != header["sha256"]:
                return None
            checks = tuple(
                Check(step, *(float("nan") if loss is None else loss for loss in losses))
                for step, *losses in header["checks"]
            )
            return TrainingState(header["step"], arrays, checks, header["position"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return None

    def drop_state(self, dataset: str) -> None:
        """Remove the state of a training that is complete."""
        self._files.delete(FOLDER, _state_name(dataset))

    def _damaged(self, dataset: str, got: str) -> LakeError:

        return LakeError(
            f"model {self.uri(dataset)}",
            expected=f"a safetensors file of format {FORMAT}, as `action_model` writes it",
            got=got,
            mend="delete the file, then: dagster job execute -m definitions -j train_action_model "
            f"-c FILE, with ops: {{action_model: {{config: {{dataset: {dataset}}}}}}} in the file",
        )


def _name(dataset: str) -> str:
    return f"{dataset}.safetensors"


def _state_name(dataset: str) -> str:
    return f"{dataset}.training"


def _with_prefix(arrays: Arrays, prefix: str) -> Arrays:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
