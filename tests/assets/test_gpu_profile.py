"""The asset `gpu_profile`, materialized for real on this machine's CPU at tiny sizes."""

import json
import re
from pathlib import Path

import dagster as dg
import pytest

from assets.gpu_profile import FOLDER, GpuProfileConfig, advice, chosen_sizes, gpu_profile, table
from kernels.device import gpu_support
from kernels.errors import InvalidInputError
from resources.gpu_profile.profile import LARGE, SMALL, TINY
from resources.gpu_profile.report import JSON, PAGE, TABLES
from resources.gpu_profile.target import Target, find_target

CPU, GPU = Target("a CPU", "for a test"), Target("a GPU", "for a test", "cuda", ("cpu", "gpu"))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Path, dict[str, dg.MetadataValue]]:
    """The folder and the metadata of a run."""
    folder = tmp_path_factory.mktemp("profiles")
    config = {"sizes": "tiny", "folder": str(folder)}
    result = dg.materialize([gpu_profile], run_config={"ops": {"gpu_profile": {"config": config}}})
    [event] = result.get_asset_materialization_events()
    return folder, dict(event.materialization.metadata)


def test_the_report_and_its_files_lie_in_a_folder_of_the_device(made):
    folder, metadata = made
    [own] = folder.iterdir()
    assert re.fullmatch(r"[a-z0-9-]+", own.name)
    assert {PAGE, JSON, "trace.json.gz"} <= {file.name for file in own.iterdir()}
    assert metadata["report"].value == str(own / PAGE)
    assert metadata["trace"].value == str(own / "trace.json.gz")
    assert Path(metadata["trace"].value).stat().st_size > 1000
    found = json.loads((own / JSON).read_text())
    assert found["device"] == find_target().name
    assert metadata["measured"].value == found["headline"]


@pytest.mark.skipif(gpu_support().ok, reason="there is a GPU")
def test_without_a_gpu_the_first_line_says_that_the_cpu_was_measured(made):
    assert made[1]["measured"].value.startswith("No GPU was measured: these are the CPU paths")


def test_the_metadata_shows_tables_charts_and_what_to_set(made):
    _, metadata = made
    # Beside what only a GPU has.
    assert set(TABLES) - {"ratios"} <= set(metadata)
    throughput = metadata["throughput"]
    assert len(throughput.records) >= 9
    assert {column.name: column.type for column in throughput.schema.columns}["per_second"] == "float"
    assert metadata["charts"].value.count("data:image/png;base64,") == 3
    assert "**wave_scorer.backend: " in metadata["what_to_set"].value
    assert metadata["device"].value["cores"] >= 1


def test_the_defaults_measure_a_minute_of_cpu_or_the_whole_gpu_into_data():
    config = GpuProfileConfig()
    assert chosen_sizes(config.sizes, CPU) is SMALL
    assert chosen_sizes(config.sizes, GPU) is LARGE
    assert chosen_sizes("tiny", GPU) is TINY
    assert config.folder == ""
    assert FOLDER.parts[-2:] == ("data", "gpu_profile")


def test_unknown_sizes_are_refused_with_those_there_are():
    with pytest.raises(InvalidInputError, match="one of auto, tiny, small, large; got 'huge'"):
        chosen_sizes("huge", CPU)


def test_lines_to_paste_are_shown_as_they_are():
    rows = [{"setting": "a", "value": "b", "reason": "c", "lines": "x:\n  y: z\n"}]
    assert advice(rows) == "**a: b.** c.\n\n```\nx:\n  y: z\n```"


def test_a_table_without_rows_is_left_out_and_types_come_from_what_is_known():
    assert table([], ("a",)) is None
    shown = table([{"a": None, "b": "x", "c": True}, {"a": 1.5, "b": "y", "c": False}], ("a", "b", "c"))
    assert shown is not None
    assert [column.type for column in shown.schema.columns] == ["float", "string", "bool"]
