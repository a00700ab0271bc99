"""Named arrays and a JSON header as bytes, and back: a safetensors file, in which nothing can be executed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from resources.canonical_json import canonical_json

_HEADER = "note"

Arrays = dict[str, npt.NDArray[Any]]


def encode_arrays(arrays: Arrays, header: Mapping[str, Any]) -> bytes:
    """The bytes of a file. The same arrays and header give the same bytes."""
    # It takes a tenth of a second to import, and most runs write no arrays.
    from safetensors.numpy import save

    ordered = {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}
    data: bytes = save(ordered, metadata={_HEADER: canonical_json(header).decode("ascii")})
    return data


def decode_arrays(data: bytes) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the header of a file.

    Raises:
        ValueError: the bytes are no safetensors file, or have no header of ours.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(data)
        size = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][_HEADER])
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if not isinstance(header, dict):
        raise ValueError(f"a header that is no object but {header!r}")
    return arrays, header


def sha256_of(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """SHA-256 of names, dtypes, shapes and values, whatever the order of the arrays."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
