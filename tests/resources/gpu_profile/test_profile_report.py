"""The report: hostile names are words, the first line says what was measured, JSON and page hold the same."""

from __future__ import annotations

import json

import pytest
import tinyhtml5

from resources.charts import page_style
from resources.gpu_profile.charts import profile_charts
from resources.gpu_profile.profile import TINY, profile
from resources.gpu_profile.report import JSON, PAGE, TABLES, page_of, words, write_report
from resources.gpu_profile.target import Target

HOSTILE = "<script>alert('x')</script> & \"y\" ]]> \u00e9"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return profile(Target("a CPU", "for a test"), TINY, tmp_path_factory.mktemp("traces"))


def test_a_profile_has_every_table_and_charts(found):
    assert found["headline"].startswith("No GPU was measured")
    # There is no ratio without a GPU.
    assert {name for name in TABLES if not found[name]} == {"ratios"}
    transfers, kernels, networks = profile_charts(found)
    assert "Transfers by size" in transfers
    assert "sample gather" in kernels
    assert "sample gather" not in networks
    assert "action-value network" in networks


def test_a_gpu_is_drawn_instead_of_the_cpu_where_it_was_measured(found):
    # Rates that rise otherwise with the batch than the CPU's.
    on_gpu = [row | {"backend": "gpu", "per_second": row["per_second"] * row["batch"]} for row in found["throughput"]]

    def kernels(rows):
        return profile_charts(found | {"transfers": [], "throughput": rows})[0]

    assert kernels(found["throughput"] + on_gpu) == kernels(on_gpu) != kernels(found["throughput"])
    assert profile_charts(found | {"transfers": [], "throughput": []}) == []


def test_the_page_begins_with_what_was_measured_and_holds_every_number(found, tmp_path):
    written = write_report(found, tmp_path / "new", profile_charts(found), page_style())
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted((JSON, PAGE))
    assert json.loads(written[0].read_text()) == json.loads(json.dumps(found))
    page = written[1].read_text()
    assert page.index("No GPU was measured") < page.index("What to set") < page.index("<table")
    for name in TABLES:
        for row in found[name]:
            assert words(next(iter(row.values()))) in page
    tinyhtml5.parse(page)
    assert page.count("<figure>") == 3


def hostile(value):
    """The same with every string replaced."""
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [hostile(each) for each in value]
    return HOSTILE if isinstance(value, str) else value


def test_names_from_drivers_and_errors_are_escaped_wherever_they_stand(found):
    page = page_of(hostile(found))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > 50


def test_a_profile_without_anything_but_the_device_is_a_page_too():
    page = page_of({"device": "X1", "headline": "Measured.", "facts": {}})
    assert "Measured." in page
    assert "<table" not in page


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "\u2013"),
        ("", "\u2013"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (0.012341, "0.01234"),
        (4.3e12, "4,300,000,000,000"),
        (0.0, "0"),
    ],
)
def test_values_are_written_for_readers(value, told):
    assert words(value) == told


def test_what_is_no_number_is_refused_rather_than_written(found, tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_report(found | {"bad": float("nan")}, tmp_path)
