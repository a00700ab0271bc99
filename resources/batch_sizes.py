"""The batches that were found to fit, as JSON files: one for each device, model and type."""

import hashlib
import json
from typing import Any

from kernels.errors import LakeError
from kernels.memory import BatchKey, FoundBatch
from resources.canonical_json import canonical_json
from resources.lake_files import LakeFiles

FOLDER = "batch_sizes"
"""Below the root."""


class BatchSizeFiles:
    """A `kernels.memory.BatchStore` in files, each replaced as a whole: processes may share the folder."""

    def __init__(self, root: str) -> None:
        """`root`: a local path or an fsspec URL; the files are in `<root>/batch_sizes`."""
        self._files = LakeFiles(root)

    def read(self, key: BatchKey) -> FoundBatch | None:
        """What was found for a key; None = nothing yet.

        Raises:
            LakeError: the file is damaged or of another key; the error names it and the command that removes it. It
                isn't found anew in silence: nothing here writes half a file, so something else did.
        """
        name = file_name(key)
        try:
            data = self._files.read(FOLDER, name)
        except FileNotFoundError:
            return None
        try:
            return _parsed(json.loads(data), key)
        except (ValueError, KeyError, TypeError) as error:
            path = self._files.uri(FOLDER, name)
            raise LakeError(
                path,
                expected=f"the largest batch of {key.model} in {key.dtype} on {key.device}, as it was written",
                got=f"a damaged file ({type(error).__name__}: {error})",
                mend=f"remove it, and the batch is found anew: rm {path}",
            ) from error

    def write(self, key: BatchKey, found: FoundBatch) -> None:
        """Remember what was found.

        Raises:
            LakeError: the file can't be written; the one before is untouched.
        """
        self._files.write(FOLDER, file_name(key), canonical_json(key._asdict() | found._asdict()))


def file_name(key: BatchKey) -> str:
    """The file of a key: a hash, since names of devices and models aren't names of files."""
    return hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()[:16] + ".json"


def _parsed(stored: Any, key: BatchKey) -> FoundBatch:
    if not isinstance(stored, dict):
        raise ValueError("no table of names and values")
    if [stored[name] for name in key._fields] != list(key):
        raise ValueError(f"it is of {[stored[name] for name in key._fields]}")
    if set(stored) != {*key._fields, *FoundBatch._fields}:
        raise ValueError(f"the names {sorted(stored)}")
    tried = tuple((_whole(batch), _yes_or_no(fitted)) for batch, fitted in stored["tried"])
    sizes = {name: _whole(stored[name]) for name in ("batch", "at_most", "free_bytes", "total_bytes")}
    if not 1 <= sizes["batch"] <= sizes["at_most"]:
        raise ValueError(f"a batch of {sizes['batch']} of at most {sizes['at_most']}")
    return FoundBatch(tried=tried, memory=str(stored["memory"]), **sizes)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} in place of a whole number")
    return value


def _yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} in place of true or false")
    return value
