"""The asset `synthetic_samples`: shards of a lake, kept, refused or made again, and what the UI is told of them."""

import json
from pathlib import Path

import dagster as dg
import numpy as np
import pyarrow.parquet as pq
import pytest

from assets.synthetic_samples import SHARDS, SyntheticSamplesConfig
from definitions import build_defs
from kernels.errors import InvalidInputError, LakeError, MissingHistoryError, SettingsError
from kernels.samples import SPLITS, SampleSettings
from resources.sample_plan import SampleOptions
from resources.wiring import LakeResource
from tests.daily_chain import DAYS, with_history
from tests.small_market import small_bars

SMALL = {"rows_per_shard": 500, "lookback": 16, "forward": 10, "n_jobs": 2}


@pytest.fixture(scope="module")
def history(tmp_path_factory, small_history) -> Path:
    return with_history(tmp_path_factory.mktemp("history"), small_history[1])


def draw(lake: Path, first: str, last: str | None = None, **config) -> dict[str, dict[str, object]]:
    """Run the job for a shard or a range of them; the metadata of each."""
    defs = build_defs(resource_overrides={"lake": LakeResource(root=str(lake))})
    tags = (
        {"dagster/partition": first}
        if last is None
        else {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    )
    result = defs.resolve_job_def("synthetic_dataset").execute_in_process(
        tags=tags, run_config={"ops": {"synthetic_samples": {"config": {**SMALL, **config}}}}
    )
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {each.partition: {name: value.value for name, value in each.metadata.items()} for each in events}


def dataset(lake: Path, name: str) -> Path:
    return lake / "synthetic_samples" / name


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_there_are_320_shards_of_a_million_rows():
    keys = SHARDS.get_partition_keys()
    assert (keys[0], keys[-1], len(keys)) == ("shard-000", "shard-319", 320)
    assert SyntheticSamplesConfig().rows_per_shard * len(keys) == 320_000_000


def test_the_defaults_of_the_run_config_are_those_of_the_kernels():
    assert SyntheticSamplesConfig().options() == SampleOptions(settings=SampleSettings())


def test_a_range_of_shards_is_written_and_described(history):
    metadata = draw(history, "shard-000", "shard-002", dataset="range")
    folder = dataset(history, "range")
    assert sorted(metadata) == ["shard-000", "shard-001", "shard-002"]
    for shard, described in metadata.items():
        rows = pq.read_table(folder / "shards" / f"{shard}.parquet")
        assert described["dagster/partition_row_count"] == rows.num_rows == 500
        assert not described["kept"]
        assert described["rows_per_second"] > 0
        counts = np.bincount(rows["split"].to_numpy(), minlength=len(SPLITS))
        assert [described[f"rows_{name}"] for name in SPLITS] == counts.tolist()
    assert len({described["sha256"] for described in metadata.values()}) == 3
    manifest = json.loads((folder / "manifest.json").read_text())
    assert metadata["shard-000"]["starts_train"] == manifest["starts"]["train"] > 0
    # The bars of the small market that are damaged, and the one that is missing.
    assert metadata["shard-000"]["removed_starts_missing_bars"] > 0


def test_shards_that_are_there_are_kept_and_give_the_same_bytes_when_made_again(history):
    draw(history, "shard-004", dataset="again")
    folder = dataset(history, "again")
    before, stamp = contents(folder), (folder / "shards/shard-004.parquet").stat().st_mtime_ns
    kept = draw(history, "shard-004", dataset="again", n_jobs=1)
    assert kept["shard-004"]["kept"]
    assert (folder / "shards/shard-004.parquet").stat().st_mtime_ns == stamp
    made = draw(history, "shard-004", dataset="again", n_jobs=3, overwrite=True)
    assert not made["shard-004"]["kept"]
    assert contents(folder) == before


def test_a_torn_shard_is_made_again(history):
    draw(history, "shard-005", dataset="torn")
    path = dataset(history, "torn") / "shards/shard-005.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert not draw(history, "shard-005", dataset="torn")["shard-005"]["kept"]
    assert path.read_bytes() == whole


def test_other_inputs_never_overwrite_in_silence(history):
    draw(history, "shard-000", dataset="held")
    before = contents(dataset(history, "held"))
    with pytest.raises(SettingsError, match="forward") as refused:
        draw(history, "shard-001", dataset="held", forward=11)
    assert "overwrite" in str(refused.value)
    assert contents(dataset(history, "held")) == before
    draw(history, "shard-000", dataset="held", forward=11, overwrite=True)
    assert contents(dataset(history, "held")) != before


def test_other_prices_are_other_inputs(history):
    draw(history, "shard-000", dataset="prices")
    with pytest.raises(SettingsError, match="panel_sha256"):
        draw(history, "shard-000", dataset="prices", end=DAYS[-2])


def test_the_layout_windowed_holds_the_windows(history):
    draw(history, "shard-000", dataset="windowed", layout="windowed", compression="zstd")
    rows = pq.read_table(dataset(history, "windowed") / "shards/shard-000.parquet")
    windows = np.frombuffer(b"".join(rows["window"].to_pylist()), dtype="<f4").reshape(500, 16, 5)
    assert np.all(windows[:, -1, 3] == 1.0)
    assert np.isfinite(windows).all()


def test_any_universe_of_symbols(history):
    universe = sorted(small_bars()["symbol"].unique())[:3]
    draw(history, "shard-000", dataset="three", symbols=universe, held_out_share=0.0)
    assert json.loads((dataset(history, "three") / "manifest.json").read_text())["symbols"] == universe
    with pytest.raises(InvalidInputError, match="NOSUCH"):
        draw(history, "shard-000", dataset="none", symbols=["NOSUCH"])


def test_no_rows_give_an_empty_shard(history):
    metadata = draw(history, "shard-000", dataset="empty", rows_per_shard=0)
    assert metadata["shard-000"]["dagster/partition_row_count"] == 0


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"lookback": 120, "forward": 80}, "session"),
        ({"layout": "wide"}, "layout"),
        ({"compression": "gzip"}, "compression"),
        ({"workers": "fibers"}, "workers"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"fee_bp": -1.0}, "fee_bp"),
        ({"max_leverage": 0.0}, "max_leverage"),
        ({"dataset": "../elsewhere"}, "dataset"),
        ({"start": "2018-02-04"}, "2018-02-04"),
        ({"start": "yesterday"}, "yesterday"),
        ({"start": DAYS[-1], "end": DAYS[0]}, "start"),
        ({"rows_per_shard": -1}, "rows_per_shard"),
    ],
)
def test_bad_options_are_refused_by_name_before_anything_is_written(history, config, message):
    with pytest.raises((ValueError, LookupError), match=message):
        draw(history, "shard-000", **{"dataset": "refused", **config})
    assert not dataset(history, "refused").exists()


def test_an_empty_lake_is_refused_with_the_command_that_fills_it(tmp_path):
    with pytest.raises(MissingHistoryError, match="price_history"):
        draw(tmp_path, "shard-000")


def test_a_disk_with_too_little_space_is_refused_before_anything_is_drawn(history):
    with pytest.raises(LakeError, match="bytes free"):
        draw(history, "shard-000", "shard-319", dataset="vast", rows_per_shard=4_000_000_000)
    assert not dataset(history, "vast").exists()
    assert not draw(history, "shard-000", dataset="vast")["shard-000"]["kept"]


def test_an_unknown_option_is_refused(history):
    with pytest.raises(dg.DagsterInvalidConfigError, match="row_per_shard"):
        draw(history, "shard-000", row_per_shard=10)
