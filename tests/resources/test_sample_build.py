"""Shards as files: the same bytes whoever makes them, whole or not there, and labels that the file alone reproduces."""

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from kernels.errors import InvalidInputError, LakeError, WorkerError
from kernels.market import instruments, simulate
from kernels.panel import PricePanel
from kernels.samples import SampleSettings, gather_windows
from kernels.trading import SHORT, Orders, Paths
from kernels.trading import simulate as simulate_paths
from resources import sample_plan
from resources.lake_files import LakeFiles
from resources.sample_build import build_shard, bytes_needed
from resources.sample_plan import SampleOptions, SamplePlan, plan_of_panel
from resources.sample_store import SampleStore

SESSIONS = 260
SETTINGS = SampleSettings(lookback=16, forward=20)


@pytest.fixture(scope="module")
def market() -> tuple[PricePanel, np.ndarray]:
    made = instruments(7, 6)
    bars = simulate(made, SESSIONS, seed=7)
    order = np.argsort(made.symbols)
    fields = {
        name: np.ascontiguousarray(getattr(bars, name)[order]) for name in ("open", "high", "low", "close", "volume")
    }
    for values in fields.values():
        values[2, 100] = np.nan
    sessions = np.datetime64("2017-01-02") + np.arange(SESSIONS)
    panel = PricePanel(tuple(np.array(made.symbols)[order].tolist()), sessions, **fields)
    return panel, np.ascontiguousarray(bars.dividend[order])


def plan_of(market: tuple[PricePanel, np.ndarray], **options) -> SamplePlan:
    return plan_of_panel(*market, SampleOptions(**{"rows_per_shard": 1000, "settings": SETTINGS, **options}))


def store_of(folder: Path, plan: SamplePlan) -> SampleStore:
    store = SampleStore(LakeFiles(str(folder)), plan.options.dataset)
    store.begin(plan.manifest, plan.panel)
    return store


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def small_groups(monkeypatch):
    """Row groups so small that a thousand rows are several."""
    monkeypatch.setattr(sample_plan, "ROW_GROUP_ROWS", {"index": 128, "windowed": 96})


@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("layout", ["index", "windowed"])
def test_workers_and_the_order_of_the_shards_change_no_byte(tmp_path, market, layout):
    plan = plan_of(market, layout=layout)
    made = {}
    for name, jobs, workers, order in (
        ("one", 1, "threads", (0, 1, 2)),
        ("two", 2, "threads", (2, 0, 1)),
        ("eight", 8, "threads", (1, 2, 0)),
        ("processes", 2, "processes", (2, 1, 0)),
    ):
        store = store_of(tmp_path / name, plan)
        for number in order:
            build_shard(plan, store, number, jobs=jobs, workers=workers)
        made[name] = files(tmp_path / name)
    assert len(made["one"]) == 2 + 2 * 3
    assert made["two"] == made["one"]
    assert made["eight"] == made["one"]
    assert made["processes"] == made["one"]


def test_the_layouts_hold_the_same_samples_and_the_same_windows(tmp_path, market):
    rows = {}
    for layout in ("index", "windowed"):
        plan = plan_of(market, layout=layout)
        build_shard(plan, store_of(tmp_path / layout, plan), 7, jobs=1)
        rows[layout] = pq.read_table(next((tmp_path / layout).rglob("shard-007.parquet")))
    assert rows["windowed"].drop_columns("window").equals(rows["index"])
    session = np.searchsorted(plan.sessions, rows["index"]["session"].to_numpy().astype("datetime64[D]"))
    instrument = rows["index"]["instrument"].to_numpy().astype(np.int32)
    gathered = gather_windows(plan.panel, instrument, session.astype(np.int32), SETTINGS.lookback)
    stored = np.frombuffer(b"".join(rows["windowed"]["window"].to_pylist()), dtype="<f4")
    assert stored.tobytes() == gathered.tobytes()


def test_the_file_alone_reproduces_its_labels(tmp_path, market):
    plan = plan_of(market, rows_per_shard=300)
    build_shard(plan, store_of(tmp_path, plan), 0, jobs=1)
    table = pq.read_table(next(tmp_path.rglob("shard-000.parquet")))
    rows = {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}
    legs = {
        part: np.stack([rows[f"{part}_{leg}"].astype(np.float64) for leg in ("long_value", "short_value")], axis=1)
        for part in ("state", "action")
    }
    series = rows["instrument"].astype(np.int32)
    first = np.searchsorted(plan.sessions, rows["session"].astype("datetime64[D]")).astype(np.int32)
    close = plan.bars.close[series, first]
    held = legs["state"] > 0.0

    def prices(part: str, kind: str) -> np.ndarray:
        return np.stack([rows[f"{part}_{leg}_{kind}"].astype(np.float64) for leg in ("long", "short")], axis=1)

    flat = Paths.flat(series, first, first + np.int32(SETTINGS.forward), 1.0)
    paths = replace(
        flat,
        cash=rows["state_equity"].astype(np.float64) - legs["state"][:, 0] + legs["state"][:, SHORT],
        shares=legs["state"] / close[:, None],
        entry=np.where(held, prices("state", "entry") * close[:, None], np.nan),
        stop=prices("state", "stop") * close[:, None],
        target=prices("state", "target") * close[:, None],
    )
    ordered = np.flatnonzero(~rows["action_hold"])
    orders = Orders.of_weights(
        ordered,
        first[ordered],
        (legs["action"] / rows["state_equity"].astype(np.float64)[:, None])[ordered],
        stop=prices("action", "stop")[ordered],
        target=prices("action", "target")[ordered],
    )
    result = simulate_paths(
        plan.bars, paths, orders, fill="next_open", costs=SETTINGS.costs, max_leverage=SETTINGS.max_leverage
    )
    expected = result.column("last_equity") / result.column("first_equity") - 1.0
    np.testing.assert_allclose(rows["label_total_return"], expected, rtol=1e-5, atol=1e-7)
    assert np.array_equal(rows["label_long_exit"], result.reason[:, 0])
    assert np.array_equal(rows["label_short_exit"], result.reason[:, 1])
    assert len(np.unique(result.reason)) >= 5


def test_a_missing_bar_is_in_no_window(tmp_path, market):
    plan = plan_of(market, layout="windowed", rows_per_shard=3000)
    build_shard(plan, store_of(tmp_path, plan), 0, jobs=1)
    table = pq.read_table(next(tmp_path.rglob("shard-000.parquet")))
    assert np.isfinite(np.frombuffer(b"".join(table["window"].to_pylist()), dtype="<f4")).all()
    assert plan.manifest["removed_starts"]["missing bars"] == SETTINGS.lookback
    assert 2 in table["instrument"].to_pylist()


def test_what_cannot_be_simulated_is_an_error_and_no_label_of_zero(tmp_path, market):
    plan = plan_of(market)
    dividend = plan.bars.dividend.copy()
    dividend[0, 50] = -1.0
    store = store_of(tmp_path, plan)
    with pytest.raises(InvalidInputError, match="dividend"):
        build_shard(replace(plan, bars=replace(plan.bars, dividend=dividend)), store, 0, jobs=2)
    assert list(files(tmp_path)) == [f"synthetic_samples/default/{name}" for name in ("manifest.json", "panel.npy")]


@pytest.mark.parametrize("rows", [0, 1, 17])
def test_shards_with_few_rows_lie_side_by_side(tmp_path, market, rows):
    plan = plan_of(market, rows_per_shard=rows)
    store = store_of(tmp_path, plan)
    notes = [build_shard(plan, store, number, jobs=1) for number in (0, 1, 319)]
    assert [note.rows for note in notes] == [rows] * 3
    assert store.shard_numbers() == store.note_numbers() == [0, 1, 319]
    for number in (0, 1, 319):
        store.verify_shard(number)


@pytest.mark.usefixtures("small_groups")
def test_a_killed_worker_leaves_the_older_shard_and_no_half_one(tmp_path, market):
    plan = plan_of(market)
    store = store_of(tmp_path, plan)
    build_shard(plan, store, 0, jobs=1)
    before = files(tmp_path)

    def kill(_: int) -> None:
        for worker in multiprocessing.active_children():
            os.kill(worker.pid, signal.SIGKILL)

    for number in (0, 1):
        with pytest.raises(WorkerError, match="SIGKILL"):
            build_shard(plan, store, number, jobs=2, workers="processes", progress=kill)
        assert files(tmp_path) == before


def test_a_full_disk_in_the_middle_of_a_shard_leaves_nothing_half(mount_disk, market):
    disk = mount_disk("3m")
    plan = plan_of(market, rows_per_shard=60_000)
    store = store_of(disk, plan)
    small = replace(plan, options=replace(plan.options, rows_per_shard=100))
    build_shard(small, store, 0, jobs=1)
    before = files(disk)
    assert bytes_needed(plan, 1) > 3 << 20
    with pytest.raises(LakeError, match=r"shard-001|shards"):
        build_shard(plan, store, 1, jobs=2)
    assert files(disk) == before
