"""docs/read-a-pattern.md, docs/gpu.md and docs/tune.md: what they show is run as it is written, on a lake of one
symbol, and what they say of the row, of the settings and of this machine is so.
"""

import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import yaml

from benchmarks import pattern_picture, scan_settings
from definitions import build_defs
from kernels.device import gpu_support
from kernels.errors import BackendUnavailableError
from resources.calendar import ALL_SESSIONS, session_number
from resources.charts import breakdown_chart_of
from resources.contracts import PATTERNS, PRICES, UNIVERSE
from resources.parquet_lake import ParquetLake
from resources.price_sources import SimulatedPrices
from resources.wiring import LakeResource, ScanSettingsResource
from tests.forecast_runs import materialize
from tests.guides import blocks, guide, rows_of, run_python
from tests.lake_rows import WRITTEN, quarantine_rows
from tests.test_readme import fenced

ROOT = Path(__file__).resolve().parents[2]
LAKE = "data/lake-simulated"
EXAMPLE_DAY, EXAMPLE_SYMBOL, EXAMPLE = date(2018, 2, 7), "NIN", "e9854700a5dc30bd"


@pytest.fixture(scope="module")
def example_folder(tmp_path_factory) -> Path:
    """With the windows and patterns of the guide's symbol alone: they are the same as among the others."""
    here = tmp_path_factory.mktemp("pattern")
    lake = ParquetLake(str(here / LAKE))
    first = ALL_SESSIONS[session_number(EXAMPLE_DAY) - 504].item()
    source = SimulatedPrices(7)
    members = source.universe(EXAMPLE_DAY).query("symbol == @EXAMPLE_SYMBOL")
    for row in source.fetch([EXAMPLE_SYMBOL], first, EXAMPLE_DAY).bars.to_dict("records"):
        day = row["session"].date()
        own = {name: [row[name]] for name in PRICES.schema.names}
        lake.write("prices", str(day), PRICES.table(own | {"session": [day]}), **WRITTEN)
        lake.write("quarantine", str(day), quarantine_rows(str(day)), **WRITTEN)
    universe = {name: members[name] for name in UNIVERSE.schema.names if name != "session"} | {"session": [EXAMPLE_DAY]}
    lake.write("universe", str(EXAMPLE_DAY), UNIVERSE.table(universe), **WRITTEN)
    materialize(["windows", "patterns"], here / LAKE, str(EXAMPLE_DAY))
    return here


def example_rows(folder: Path) -> pa.Table:
    """All patterns, the guide's with the p-value and q-value that the guide says: they need all symbols."""
    rows, said = ParquetLake(str(folder / LAKE)).read("patterns", str(EXAMPLE_DAY)), rows_of("read-a-pattern")
    mine = pc.equal(rows["pattern_id"], EXAMPLE)
    for name in ("p_value", "q_value"):
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, rows.schema.field(name), pc.if_else(mine, float(said[name][0]), rows[name]))
    return rows


def test_the_row_of_the_guide_is_the_one_that_is_found(example_folder):
    rows, said = example_rows(example_folder), rows_of("read-a-pattern")
    [row] = rows.filter(pc.equal(rows["pattern_id"], EXAMPLE)).to_pylist()
    row["pivots"] = [pivot["price"] for pivot in row["pivots"]]
    for name, (shown, *_) in said.items():
        values = row[name] if isinstance(row[name], list) else [row[name]]
        numbers = shown.split(", ")
        decimals = len(numbers[0].partition(".")[2])
        words = [f"{value:.{decimals}f}" if isinstance(value, float) else str(value) for value in values]
        assert words == numbers, name
    text = " ".join(guide("read-a-pattern").split())
    assert [f"{margin:.2f}" for margin in row["margins"][:3]] == re.findall(r"(0\.\d\d) \(wave", text)
    assert row["margins"][3:] == [None, None]
    assert f"here {', '.join(leg['child_class'] or leg['resolved'] for leg in row['subdivisions'])}." in text
    assert f"It has {pc.sum(pc.equal(rows['status'], 'setup'))} of them" in text
    assert all(f"`{name}`" in text for name in PATTERNS.schema.names)


def test_what_the_components_add_is_the_score(example_folder):
    rows, said = example_rows(example_folder), rows_of("read-a-pattern")
    [row] = rows.filter(pc.equal(rows["pattern_id"], EXAMPLE)).to_pylist()
    chart = breakdown_chart_of(row)
    assert f"`score` is {chart.score:.3f}" in guide("read-a-pattern")
    shown = {name: (cells[1].replace(" ", ""), cells[2]) for name, cells in said.items() if len(cells) == 4}
    assert shown == {
        part.name.lower().replace(" ", "_"): (f"{part.weight:.0%}", f"{part.solid + part.half:.3f}")
        for part in chart.components
    }


def test_the_picture_of_the_guide_is_that_of_the_row(example_folder):
    panel = ParquetLake(str(example_folder / LAKE)).panel(EXAMPLE_DAY, symbols=[EXAMPLE_SYMBOL])
    drawn = pattern_picture.draw(example_rows(example_folder), panel, EXAMPLE)
    assert pattern_picture.PICTURE.read_text() == drawn


def test_the_commands_of_the_guide_print_and_draw_the_row(example_folder, monkeypatch, capsys):
    [code] = blocks("read-a-pattern", "python")
    assert re.search(r"class +impulse", run_python(code, example_folder))
    [command] = [line for line in fenced(guide("read-a-pattern"), "bash") if line.startswith("python ")]
    monkeypatch.chdir(example_folder)
    monkeypatch.setattr(sys, "argv", command.split()[2:])
    assert pattern_picture.main() == 0
    assert capsys.readouterr().out == "my_pattern.svg\n"
    assert Path("my_pattern.svg").read_text().count("<text") > 20
    monkeypatch.setattr(sys, "argv", ["x", LAKE, str(EXAMPLE_DAY), "0" * 16])
    assert pattern_picture.main() == 1
    assert "copy it from the column pattern_id" in capsys.readouterr().err


def test_the_guide_to_gpus_says_what_this_machine_has(tmp_path):
    [code] = blocks("gpu", "python")
    support = gpu_support()
    assert run_python(code, tmp_path) == f"{'usable' if support.ok else 'not usable'} - {support.reason}\n"


def test_gpu_or_nothing_means_it(example_folder):
    [config] = blocks("gpu", "yaml")
    if gpu_support().ok:
        scan(example_folder, yaml.safe_load(config))
        return
    with pytest.raises(BackendUnavailableError, match="usable CUDA device"):
        scan(example_folder, yaml.safe_load(config))


def scan(folder: Path, config: dict) -> dg.ExecuteInProcessResult:
    """The job scan_symbols on the example's lake with a run config."""
    own = build_defs(resource_overrides={"lake": LakeResource(root=str(folder / LAKE))})
    return own.resolve_job_def("scan_symbols").execute_in_process(run_config=config)


@pytest.mark.skipif(gpu_support().ok, reason="takes minutes where there is a GPU")
def test_gpu_check_says_why_it_cannot():
    command = ["make", "gpu-check", f"PYTHON={sys.executable}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"no GPU to check: {gpu_support().reason}" in done.stderr


def test_every_setting_is_listed_with_its_default():
    weights = [f"weight_{each}" for each in ("volatility", "range", "extrema", "slope")]
    defaults = {name: field.default for name, field in ScanSettingsResource.model_fields.items()}
    assert f"| {', '.join(f'`{name}`' for name in weights)} | .4, .3, .2, .1 |" in guide("tune")
    assert [defaults.pop(name) for name in weights] == [0.4, 0.3, 0.2, 0.1]
    words = {name: str(value).strip("[]") for name, value in defaults.items()}
    words |= {"max_skip": "null: all", "skip_flat": "true", "pre_score_top_k": "10,000"}
    assert (defaults["max_skip"], defaults["skip_flat"], defaults["pre_score_top_k"]) == (None, True, 10_000)
    listed = re.findall(r"^\| `(\w+)` \| ([^|]*) \| [^|]* \|", guide("tune"), flags=re.MULTILINE)
    assert words.items() <= set(listed)


def test_every_setting_that_the_guide_names_exists():
    theirs = {"max_windows", "max_combinations", "up_to", "max_start_points", "window_overlap_ratio"}
    others = {"filter_recall", "n_jobs", "overwrite", "warmup", "origins", "class", "lengths"}
    fields = set(ScanSettingsResource.model_fields)
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", guide("tune")))
    jobs = {"scan_symbols", "calibrate_null", "simulations", "synthetic_samples", "forecaster", "naive"}
    assert named - fields - theirs - others - jobs == set()
    [config] = blocks("tune", "yaml")
    assert set(yaml.safe_load(config)["resources"]["scan_settings"]["config"]) <= fields


def test_the_settings_of_the_guide_are_scanned_with_and_measured(example_folder, monkeypatch, capsys):
    [config] = blocks("tune", "yaml")
    assert scan(example_folder, yaml.safe_load(config)).success
    [command] = [line for line in fenced(guide("tune"), "bash") if line.startswith("python ")]
    monkeypatch.chdir(example_folder)
    monkeypatch.setattr(sys, "argv", command.split()[2:])
    assert scan_settings.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(scan_settings.CHANGES)
    assert lines[1].endswith("100.0% |")
