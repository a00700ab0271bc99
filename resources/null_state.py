"""How far the null distributions of a quarter have come, so that a run that was killed can go on.

What belongs here: counts to bytes and back. What doesn't: how they are counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

from resources.array_file import Arrays, decode_arrays, encode_arrays
from resources.canonical_json import canonical_json
from resources.lake_files import LakeFiles
from resources.null_table import TABLE

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NullState:
    """What is counted so far.

    Attributes:
        done: window length -> symbols that are counted, in their order.
        counts: window length -> int64 [stages, 2, buckets, bins + 1].
    """

    done: dict[int, int]
    counts: dict[int, Counts]


class NullStates:
    """The states of the unfinished quarters of one lake."""

    def __init__(self, files: LakeFiles) -> None:
        self._files = files

    def write(self, quarter: str, made_from: str, state: NullState) -> None:
        """Keep a state, replacing the quarter's older one."""
        arrays = {str(length): counts for length, counts in state.counts.items()}
        header = {"made_from": made_from, "done": {str(length): count for length, count in state.done.items()}}
        checked = {**header, "sha256": _sha256(arrays, header)}
        self._files.write(TABLE, _name(quarter), encode_arrays(arrays, checked))

    def read(self, quarter: str, made_from: str) -> NullState:
        """The state of a quarter; an empty one if there is none, or it is of other data or settings."""
        try:
            arrays, header = decode_arrays(self._files.read(TABLE, _name(quarter)))
            # A flipped bit in the counts would be a wrong p-value.
            if header.pop("sha256") == _sha256(arrays, header) and header["made_from"] == made_from:
                done = {int(length): count for length, count in header["done"].items()}
                return NullState(done, {length: arrays[str(length)] for length in done})
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError):
            # A damaged state costs no more than what it held.
            pass
        return NullState({}, {})

    def drop(self, quarter: str) -> None:
        """Remove the state of a quarter that is complete."""
        self._files.delete(TABLE, _name(quarter))


def _name(quarter: str) -> str:
    return f"{quarter}.counting"


def _sha256(arrays: Arrays, header: Mapping[str, Any]) -> str:
    digest = sha256(canonical_json(header))
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
