"""Which rows of a dataset come when. A unit is what one read gives: the rows of one split in one row group of a shard.

The order depends on the seed, the epoch and the files only: each permutation is drawn from its own counter of Philox.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kernels.samples import SPLITS
from resources.sample_store import ShardNote

_UNITS, _ROWS = range(2)


class Unit(NamedTuple):
    """The `rows` rows of a split in row group `group` of shard `shard`."""

    shard: int
    group: int
    rows: int


class Order(NamedTuple):
    """What the order of an epoch depends on, beside the files; unshuffled, rows come as they are stored."""

    seed: int
    epoch: int
    shuffle: bool


def units_of(notes: Mapping[int, ShardNote], split: str) -> tuple[Unit, ...]:
    """The units of a split in the order of the files; row groups without such rows are left out."""
    place = SPLITS.index(split)
    return tuple(
        Unit(shard, group, counts[place])
        for shard, note in sorted(notes.items())
        for group, counts in enumerate(note.row_groups)
        if counts[place]
    )


def deal(units: tuple[Unit, ...], order: Order, rank: int, world: int) -> list[Unit]:
    """The units of one rank in one epoch, in the order in which they come: every `world`-th of all."""
    if order.shuffle:
        units = tuple(units[place] for place in _generator(_UNITS, order, 0, 0).permutation(len(units)))
    return list(units[rank::world])


def row_order(unit: Unit, order: Order) -> npt.NDArray[np.int64]:
    """The order of the rows of a unit: int64 [rows], positions among its rows as they are stored."""
    if not order.shuffle:
        return np.arange(unit.rows)
    return _generator(_ROWS, order, unit.shard, unit.group).permutation(unit.rows)


def _generator(stream: int, order: Order, shard: int, group: int) -> np.random.Generator:
    # The generator itself counts in the first word.
    counter = np.array([0, order.epoch, shard, group], dtype=np.uint64)
    key = np.array([order.seed, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))
