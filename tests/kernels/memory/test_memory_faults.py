"""Whichever allocation fails: the result is that of an undisturbed run, or what there is no room for is named."""

from __future__ import annotations

import pickle

import pytest

from tests.kernels.gpu_process import run_on

COMPUTATIONS = {
    "scan": "2 rows of 14 bars",
    "best_scores": "2 rows of 14 bars",
    "make_surrogates": "3 rows of 40 bars",
    "null_histograms": "the histograms of 2 rows",
    "simulate": "3 series of 40 bars",
}
"""What all chunks share, and can't be halved."""


@pytest.fixture(scope="module", params=COMPUTATIONS)
def ran(request, tmp_path_factory):
    """The name, and what `faults_in_the_simulator.outcomes` gives."""
    file = tmp_path_factory.mktemp("faults") / "outcomes.pickle"
    module = "tests.kernels.memory.faults_in_the_simulator"
    return request.param, *pickle.loads(run_on("simulator", module, file, request.param))  # noqa: S301


def test_a_run_without_one_of_its_allocations_loses_nothing_and_counts_nothing_twice(ran):
    name, records, once, _ = ran
    assert (records > 0) == (name in ("scan", "best_scores", "null_histograms"))
    shared = sum(refused is not None for refused, *_ in once)
    assert 0 < shared < len(once)
    # First what all chunks share is put on the device; from then on whatever fails is tried again, by halves.
    for k, (refused, *same) in enumerate(once, 1):
        if k <= shared:
            assert f"room for {COMPUTATIONS[name]} in " in refused
            assert f"got allocation {k} fails" in refused
        else:
            assert (refused, same) == (None, [True, True, True]), k


def test_a_run_that_gets_no_more_memory_from_every_seventh_allocation_on_is_refused_in_words(ran):
    _, _, once, lasting = ran
    assert len(lasting) == -(-len(once) // 7)
    for refused, *_ in lasting:
        assert refused.startswith("memory of the GPU: expected room for ")
        assert 'use backend "cpu"' in refused
