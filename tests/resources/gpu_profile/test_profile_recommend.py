"""Recommendations from made-up measurements; what they name exists."""

from __future__ import annotations

import dagster as dg
import pytest
import yaml

from definitions import defs
from kernels.memory import Phase
from resources.gpu_profile.limits import OPERATIONS, Limit
from resources.gpu_profile.recommend import Measurements, Recommendation, recommend
from resources.gpu_profile.throughput import Throughput

GIB = 2**30


def row(case, backend="cpu", per_second=100.0, threads=2, unit="series", seconds=1.0, operations=0):
    return Throughput(case, backend, threads, 8, unit, 1, seconds, per_second, 0, operations, "measured")


def both(case, ratio, **values):
    return [row(case, "gpu", 100.0 * ratio, **values), row(case, "cpu", 100.0, **values)]


def phase(reserved, peak):
    return Phase("scan", 0, 0.0, 1.0, 0, 0, reserved, peak, "")


def measured(rows=(), limits=(), phases=(), gpu="X1", memory="X1: torch's pool"):
    return Measurements(rows, limits, phases, memory, gpu)


def of(setting, found) -> Recommendation:
    [one] = [each for each in recommend(found) if each.setting == setting]
    return one


def test_every_setting_has_one_recommendation_whatever_was_measured():
    settings = [each.setting for each in recommend(measured(gpu=""))]
    assert len(settings) == len(set(settings)) == 7
    assert all(each.reason and not each.lines for each in recommend(measured(gpu="", memory="host: this process")))


@pytest.mark.parametrize(
    ("scan", "nulls", "value"), [(30.0, 50.0, "auto"), (0.5, 20.0, "auto"), (0.5, 0.4, "cpu"), (0.95, 0.9, "auto")]
)
def test_the_scorer_keeps_auto_unless_the_gpu_is_clearly_slower_at_both(scan, nulls, value):
    found = of("wave_scorer.backend", measured(both("wave scan", scan) + both("null histograms", nulls)))
    assert found.value == value
    assert f"wave scan {scan:.2f}" in found.reason
    assert bool(found.lines) == (value != "auto")


def test_the_scorer_says_what_was_not_measured():
    assert "null histograms" in of("wave_scorer.backend", measured(both("wave scan", 9.0))).reason
    assert "no GPU" in of("wave_scorer.backend", measured(gpu="")).reason


@pytest.mark.parametrize(
    ("setting", "case"),
    [
        ("forecaster.device", "forecast network"),
        ("forecast_model.device", "forecast training"),
        ("action_model.device", "action-value network"),
    ],
)
@pytest.mark.parametrize(("ratio", "value"), [(5.0, "cuda"), (1.1, "cpu"), (0.3, "cpu")])
def test_a_network_goes_where_it_is_clearly_faster(setting, case, ratio, value):
    found = of(setting, measured(both(case, ratio, unit="rows")))
    assert found.value == value
    assert f"{ratio:.2f}" in found.reason


@pytest.mark.parametrize(
    ("bfloat16", "operations", "value"),
    [
        # Products take nearly all of the step, and bfloat16 is much faster at them.
        (8e12, 9e11, "bfloat16"),
        # Much faster at what takes nothing.
        (8e12, 1e9, "float32"),
        (1.2e12, 9e11, "float32"),
    ],
)
def test_bfloat16_only_where_products_are_what_takes_the_time(bfloat16, operations, value):
    limits = [Limit("matmul float32", 1e12, OPERATIONS, 1, 1), Limit("matmul bfloat16", bfloat16, OPERATIONS, 1, 1)]
    rows = [row("forecast training", "gpu", unit="rows", operations=int(operations))]
    assert of("forecast_model.precision", measured(rows, limits)).value == value


def test_bfloat16_that_was_not_measured_is_not_recommended():
    assert of("forecast_model.precision", measured()).value == "float32"


@pytest.mark.parametrize(
    ("rates", "value"),
    [
        ({1: 100.0, 2: 190.0, 4: 360.0}, "unset"),
        ({1: 100.0, 2: 190.0, 4: 120.0}, "2"),
        ({1: 100.0, 2: 110.0, 4: 105.0}, "unset"),
        ({4: 100.0}, "unset"),
    ],
)
def test_fewer_threads_only_where_they_do_clearly_more(rates, value):
    rows = [row("trading", per_second=rate, threads=threads) for threads, rate in rates.items()]
    # Networks compute on one thread, whatever they are given, and calls of no length say nothing.
    rows += [row("forecast network", per_second=1.0, threads=threads, unit="rows") for threads in rates]
    rows += [row("surrogates", per_second=10.0**-threads, threads=threads, seconds=1e-4) for threads in rates]
    assert of("NUMBA_NUM_THREADS", measured(rows)).value == value


def test_threads_are_not_compared_while_other_programs_work():
    rows = [row("trading", per_second=100.0 / threads, threads=threads) for threads in (1, 2)]
    assert of("NUMBA_NUM_THREADS", measured(rows)).value == "1"
    found = of("NUMBA_NUM_THREADS", measured(rows)._replace(load=3.5))
    assert (found.value, found.lines) == ("unset", "")
    assert "3.5 on each core" in found.reason


@pytest.mark.parametrize(
    ("reserved", "peak", "memory", "value"),
    [
        (10 * GIB, 4 * GIB, "X1: torch's pool", "expandable_segments:True"),
        (10 * GIB, 9 * GIB, "X1: torch's pool", "unset"),
        (GIB, GIB // 4, "X1: torch's pool", "unset"),
        (10 * GIB, 4 * GIB, "host: this process", "unset"),
    ],
)
def test_the_allocator_is_told_only_where_much_memory_lies_in_pieces(reserved, peak, memory, value):
    assert of("PYTORCH_CUDA_ALLOC_CONF", measured(phases=[phase(reserved, peak)], memory=memory)).value == value


def test_what_is_to_be_pasted_is_taken_by_the_jobs_and_the_shell():
    limits = [Limit("matmul float32", 1e12, OPERATIONS, 1, 1), Limit("matmul bfloat16", 8e12, OPERATIONS, 1, 1)]
    rows = [
        *both("wave scan", 0.1),
        *both("null histograms", 0.1),
        *both("forecast network", 9.0, unit="rows"),
        *both("action-value network", 9.0, unit="rows"),
        *both("forecast training", 9.0, unit="rows", operations=int(9e11)),
        *(row("trading", per_second=100.0 / threads, threads=threads) for threads in (1, 2)),
    ]
    found = recommend(measured(rows, limits, [phase(10 * GIB, GIB)]))
    assert [each.setting for each in found if not each.lines] == []
    jobs = {
        "wave_scorer": "daily_sp500",
        "forecaster": "daily_sp500",
        "forecast_model": "train_forecast_model",
        "action_model": "train_action_model",
    }
    for each in found:
        if each.kind == "yaml":
            job = defs.resolve_job_def(jobs[each.setting.partition(".")[0]])
            assert dg.validate_run_config(job, yaml.safe_load(each.lines))
        else:
            assert each.lines == f"export {each.setting}={each.value}\n"
