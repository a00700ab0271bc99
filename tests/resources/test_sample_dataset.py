"""Batches of a dataset: each row once, in an order that depends on nothing but the seed, the epoch and the files."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.market import instruments, simulate
from kernels.panel import PricePanel
from kernels.samples import CHANNELS, COLUMNS, SPLITS, SampleSettings
from resources.calendar import ALL_SESSIONS
from resources.lake_files import LakeFiles
from resources.sample_build import build_shard
from resources.sample_dataset import Samples, open_samples
from resources.sample_plan import SampleOptions, plan_of_panel
from resources.sample_store import SampleStore
from resources.sample_units import Order, Unit, deal, row_order
from tests.sample_files import DAYS, ROW_GROUPS, SmallDataset, assert_equal, flat, numbers

SCALED = ("window", "state", "action")


@pytest.fixture(params=["index", "windowed"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> SmallDataset:
    return SmallDataset(str(tmp_path / "lake"), request.param)


@pytest.fixture
def small(tmp_path: Path) -> SmallDataset:
    return SmallDataset(str(tmp_path / "lake"))


# torch advises against more workers than CPUs, which a test may have.
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_in_the_order_of_the_files_every_value_is_what_was_written(dataset: SmallDataset, split: str) -> None:
    samples = open_samples(dataset.folder, split=split, shuffle=False, batch_rows=16)
    batches = list(samples)
    expected = dataset.of_split(split)
    assert samples.rows == len(expected["state"]) > 0
    assert len(samples) == len(batches)
    for name, values in expected.items():
        np.testing.assert_array_equal(np.concatenate([batch[name] for batch in batches]), values, strict=True)
    assert np.isnan(expected["label"]).any()
    assert samples.state_columns[0] == "state_equity"
    assert samples.action_columns[0] == "action_hold"
    assert samples.label_columns[-1] == "label_short_held"
    assert samples.window_channels == CHANNELS
    assert samples.symbols[3] == "S3"
    assert samples.sessions[4] == DAYS[4]
    assert samples.scalers["label_cagr"] == (3.0, 1.7)


def test_a_batch_of_another_size_holds_the_same_rows_in_the_same_order(dataset: SmallDataset) -> None:
    assert flat(open_samples(dataset.folder, batch_rows=7)) == flat(open_samples(dataset.folder, batch_rows=1000))


def test_batches_have_the_rows_asked_for_but_for_the_last_of_a_row_group(small: SmallDataset) -> None:
    samples = open_samples(small.folder, batch_rows=10, shuffle=False)
    lengths = [len(batch) for batch in numbers(samples)]
    expected = []
    for shard, groups in enumerate(ROW_GROUPS):
        for part in np.split(small.rows[shard]["split"] == 0, np.cumsum(groups)[:-1]):
            full, rest = divmod(int(part.sum()), 10)
            expected += [10] * full + [rest] * (rest > 0)
    assert lengths == expected


def test_an_epoch_is_shuffled_by_seed_and_epoch_and_nothing_else(small: SmallDataset) -> None:
    samples = open_samples(small.folder, batch_rows=16)
    first, second = flat(samples), flat(samples)
    assert first != second
    assert sorted(first) == sorted(second) == flat(open_samples(small.folder, shuffle=False))
    np.random.seed(3)  # noqa: NPY002
    again = open_samples(small.folder, batch_rows=16)
    again.set_epoch(1)
    assert flat(again) == second
    again.set_epoch(0)
    assert flat(again) == first
    assert flat(open_samples(small.folder, batch_rows=16, seed=8)) != first


def test_rows_move_within_their_row_group_and_row_groups_move_too(small: SmallDataset) -> None:
    stored = {number: place for place, number in enumerate(flat(open_samples(small.folder, shuffle=False)))}
    batches = numbers(open_samples(small.folder, batch_rows=1000))
    assert len(batches) == sum(len(groups) for groups in ROW_GROUPS) - 1
    starts = []
    for batch in batches:
        places = sorted(stored[number] for number in batch)
        assert places == list(range(places[0], places[0] + len(batch)))
        starts.append(places[0])
    assert starts != sorted(starts)
    assert any(batch != sorted(batch) for batch in batches)


def test_shuffling_favours_no_place() -> None:
    units = tuple(Unit(0, group, 4) for group in range(4))
    dealt = Counter(deal(units, Order(7, epoch, True), 0, 4)[0].group for epoch in range(2000))
    rows = Counter(int(row_order(units[1], Order(7, epoch, True))[0]) for epoch in range(2000))
    for counts in (dealt, rows):
        # Binomial(2000, 1/4): mean 500, standard deviation 19.4.
        assert all(abs(counts[place] - 500) < 5 * 19.4 for place in range(4))


@pytest.mark.parametrize("world", [1, 2, 3])
def test_ranks_get_every_row_exactly_once(dataset: SmallDataset, world: int) -> None:
    ranks = [open_samples(dataset.folder, rank=rank, world=world, batch_rows=8) for rank in range(world)]
    for _ in range(2):
        lengths = [len(rank) for rank in ranks]
        each = [numbers(rank) for rank in ranks]
        assert [len(batches) for batches in each] == lengths
        got = [number for batches in each for batch in batches for number in batch]
        assert sorted(got) == dataset.of_split("train")["state"][:, 0].tolist()


Make = Callable[[Samples], Any]
MAKERS = [lambda samples: samples, lambda samples: samples.loader(), lambda samples: samples.loader(workers=2)]


@pytest.mark.parametrize("make", MAKERS, ids=["numpy", "torch", "torch, 2 workers"])
def test_a_resumed_epoch_gives_exactly_the_rest(dataset: SmallDataset, make: Make) -> None:
    options: dict[str, Any] = {"batch_rows": 16, "rank": 1, "world": 2}
    samples = open_samples(dataset.folder, **options)
    samples.set_epoch(3)
    whole = list(samples)
    for done in (0, 1, len(whole) // 2, len(whole)):
        begun = make(open_samples(dataset.folder, **options))
        begun.set_epoch(3)
        running = iter(begun)
        for _ in range(done):
            next(running)
        state = begun.state_dict()
        del running
        resumed = make(open_samples(dataset.folder, **options))
        resumed.load_state_dict(pickle.loads(pickle.dumps(state)))  # noqa: S301
        assert resumed.position == begun.position
        assert_equal(resumed, whole[done:])
        assert resumed.position == (4, 0, 0)


def test_a_resumed_epoch_does_not_read_what_is_done(small: SmallDataset) -> None:
    samples = open_samples(small.folder, batch_rows=1000)
    running = iter(samples)
    next(running)
    done = samples.reader.verified.copy()
    assert len(done) == 1
    resumed = open_samples(small.folder, batch_rows=1000)
    resumed.load_state_dict(samples.state_dict())
    read: list[int] = []
    original = resumed.reader.read
    resumed.reader.read = lambda unit, order: (read.append(1), original(unit, order))[1]  # type: ignore[method-assign]
    rest = list(resumed)
    assert len(read) == len(rest) == len(samples) - 1


def test_an_iteration_left_early_is_begun_again_and_a_finished_one_goes_on(small: SmallDataset) -> None:
    samples = open_samples(small.folder, batch_rows=16)
    peeked = next(iter(samples))
    assert_equal([peeked], [next(iter(samples))])
    epoch = flat(samples)
    assert sorted(epoch) == sorted(flat(samples))
    assert samples.position == (2, 0, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("split", "test"), ("batch_rows", 9), ("seed", 8), ("shuffle", False), ("rank", 0), ("world", 3)],
)
def test_a_state_of_another_order_is_refused_by_name(small: SmallDataset, name: str, value: object) -> None:
    options = {"split": "train", "batch_rows": 8, "seed": 7, "shuffle": True, "rank": 1, "world": 2}
    state = open_samples(small.folder, **options).state_dict()  # type: ignore[arg-type]
    other = open_samples(small.folder, **(options | {name: value}))  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=name):
        other.load_state_dict(state)


def test_a_state_of_other_files_is_refused(small: SmallDataset) -> None:
    state = open_samples(small.folder).state_dict()
    small.rows[1]["state_cash"][0] = 99.0
    small.write(1)
    with pytest.raises(InvalidInputError, match="files"):
        open_samples(small.folder).load_state_dict(state)


def test_scaled_inputs_are_those_of_the_definition_and_labels_stay(dataset: SmallDataset) -> None:
    plain = list(open_samples(dataset.folder, batch_rows=16))
    scaled = list(open_samples(dataset.folder, batch_rows=16, normalise=True))
    for before, after in zip(plain, scaled, strict=True):
        for name in SCALED:
            columns = CHANNELS if name == "window" else [c for c in COLUMNS if COLUMNS[c].group == name]
            counts = [name != "window" and COLUMNS[column].dtype != "float32" for column in columns]
            expected = (before[name] - np.float32(3.0)) / np.float32(1.7)
            expected[..., counts] = before[name][..., counts]
            np.testing.assert_array_equal(after[name], np.nan_to_num(expected, nan=0.0), strict=True)
        for name in ("label", "instrument", "session"):
            np.testing.assert_array_equal(after[name], before[name])


def test_without_windows_the_panel_is_not_needed(dataset: SmallDataset) -> None:
    dataset.path("panel.npy").unlink()
    batch = next(iter(open_samples(dataset.folder, windows=False)))
    assert list(batch) == ["instrument", "session", "state", "action", "label"]


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ({"split": "training"}, "split"),
        ({"batch_rows": 0}, "batch_rows"),
        ({"batch_rows": 2.0}, "batch_rows"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
        ({"world": 0}, "world"),
        ({"rank": 2, "world": 2}, "rank"),
        ({"split": "held_out"}, "held_out"),
        ({"world": 100}, "world"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(small: SmallDataset, option: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        open_samples(small.folder, **option)


def test_other_bad_arguments_are_named(small: SmallDataset) -> None:
    samples = open_samples(small.folder)
    with pytest.raises(InvalidInputError, match="epoch"):
        samples.set_epoch(-1)
    for workers in (-1, True, 1.5):
        with pytest.raises(InvalidInputError, match="workers"):
            samples.loader(workers=workers)  # type: ignore[arg-type]


def test_the_dataset_goes_through_pickle(small: SmallDataset) -> None:
    samples = open_samples(small.folder, batch_rows=16)
    again = pickle.loads(pickle.dumps(samples))  # noqa: S301
    assert_equal(again, samples)


def test_a_dataset_as_it_is_drawn_loads_alike_in_both_layouts(tmp_path: Path) -> None:
    market = instruments(7, 8)
    bars = simulate(market, 300, seed=7)
    columns = [getattr(bars, name) for name in ("open", "high", "low", "close", "volume")]
    panel = PricePanel(tuple(market.symbols), ALL_SESSIONS[:300], *columns)
    loaded = []
    for layout in ("index", "windowed"):
        settings = SampleSettings(lookback=20, forward=10)
        options = SampleOptions(dataset=layout, layout=layout, rows_per_shard=500, settings=settings)
        plan = plan_of_panel(panel, bars.dividend, options)
        store = SampleStore(LakeFiles(str(tmp_path)), layout)
        store.begin(plan.manifest, plan.panel)
        for shard in range(2):
            build_shard(plan, store, shard, jobs=1)
        samples = {split: open_samples(f"{tmp_path}/synthetic_samples/{layout}", split=split) for split in SPLITS}
        assert sum(each.rows for each in samples.values()) == 1000
        assert {name for name, each in samples.items() for _ in each} == set(SPLITS)
        loaded.append(samples["train"])
    assert_equal(*loaded)
    assert_equal(*(open_samples(each.reader.store.files.root + f"/synthetic_samples/{layout}", normalise=True)
                   for each, layout in zip(loaded, ("index", "windowed"), strict=True)))  # fmt: skip
