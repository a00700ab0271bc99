"""Training: exact when resumed, the same however it is cut, and it finds what is there and nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from kernels.action_values import (
    ActionValueConfig,
    ActionValues,
    Outcomes,
    buckets_of,
    fit_baselines,
    judge,
    largest_chunk,
    rows_of,
    starting_weights,
    train,
)
from kernels.action_values import chunks as chunks_module
from kernels.action_values.chunks import Chunks
from kernels.action_values.network import TRAINED, as_tensors
from kernels.errors import BackendUnavailableError, InvalidInputError
from tests.action_rows import FORWARD, LOOKBACK, TERMS, ListedBatches, long_batch, random_panel

SMALL = ActionValueConfig(encoder=4, hidden=8, seeds=(0, 1), epochs=2, batch_rows=64, check_steps=3, patience=99)
SERIES, MANY, SESSIONS = 40, 6000, 60


def batch_of(seed: int = 0, rows: int = 400, panel=None, shown: int = 0) -> dict[str, torch.Tensor]:
    panel = random_panel(seed, SERIES, SESSIONS) if panel is None else panel
    rng = np.random.default_rng([seed, 7])
    instrument = rng.integers(0, panel.shape[0], rows).astype(np.int32)
    session = rng.integers(LOOKBACK - 1, panel.shape[1] - FORWARD, rows).astype(np.int32)
    return long_batch(panel, instrument, session, shown)


def outcomes_of(batch, config=SMALL) -> Outcomes:
    rows = rows_of(batch, TERMS, config.window)
    bucket = buckets_of(batch["state"].numpy(), batch["action"].numpy())
    return Outcomes(rows.location.numpy(), rows.scale.numpy(), rows.outcome.numpy(), bucket)


def pooled_of(batch, config=SMALL):
    return fit_baselines(outcomes_of(batch), config.levels).pooled


def run(config=SMALL, batch=None, **more):
    batch = batch_of() if batch is None else batch
    return train(config, TERMS, ListedBatches(batch, config.batch_rows), pooled_of(batch, config), **more)


def assert_same(ours, theirs):
    np.testing.assert_array_equal(ours.checks, theirs.checks)
    assert (ours.step, ours.steps) == (theirs.step, theirs.steps)
    for name, values in ours.weights.items():
        np.testing.assert_array_equal(values, theirs.weights[name], err_msg=name)


def test_the_same_arguments_give_the_same_bytes():
    held_out = rows_of(batch_of(1), TERMS, SMALL.window)
    assert_same(run(held_out=held_out), run(held_out=held_out))


@pytest.mark.parametrize("accumulation", [1, 3])
def test_resumed_at_any_check_it_ends_with_the_same_bytes(accumulation):
    config = dataclasses.replace(SMALL, accumulation=accumulation, check_steps=1, epochs=3)
    held_out = rows_of(batch_of(1), TERMS, config.window)
    states = []
    whole = run(config, held_out=held_out, checkpoint=states.append)
    # 7 batches an epoch: the last step of an epoch has fewer, and some checks lie at its very end.
    assert len(states) == whole.steps == 3 * -(-7 // accumulation)
    for state in states:
        assert_same(run(config, held_out=held_out, resume=state), whole)


def test_a_run_that_is_killed_in_a_checkpoint_goes_on():
    kept = []

    def die(state):
        kept.append(state)
        if len(kept) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=die)
    assert_same(run(resume=kept[-1]), run())


def gradients_of(config, batches):
    network = as_tensors(starting_weights(config, LOOKBACK, pooled_of(batch_of())), "cpu")
    rng = np.random.default_rng(2)
    for name in TRAINED:
        network[name] += torch.from_numpy(0.1 * rng.standard_normal(network[name].shape).astype(np.float32))
        network[name].requires_grad_()
    chunks = Chunks(config, TERMS, "cpu")
    loss, count = chunks.gradients(network, batches)
    return {name: network[name].grad.numpy() for name in TRAINED}, float(loss), float(count), chunks


def assert_close(ours, theirs):
    for name, values in ours[0].items():
        np.testing.assert_allclose(values, theirs[0][name], rtol=2e-4, atol=1e-7, err_msg=name)
    assert ours[1:3] == pytest.approx(theirs[1:3], rel=1e-6)


def parts_of(batch, sizes):
    return [dict(zip(batch, part, strict=True)) for part in zip(*(x.split(sizes) for x in batch.values()), strict=True)]


def test_accumulated_batches_give_the_step_of_the_whole():
    batch = batch_of(3, 210)
    whole = gradients_of(SMALL, [batch])
    for sizes in ([105, 105], [1, 9, 200], [70, 70, 70]):
        assert_close(gradients_of(SMALL, parts_of(batch, sizes)), whole)


def test_a_batch_that_does_not_fit_is_done_in_halves_with_the_same_sum(monkeypatch):
    batch = batch_of(3, 200)
    whole = gradients_of(SMALL, [batch])
    tried = []

    def with_little_memory(rows, terms, window, first, last):
        tried.append(last - first)
        if last - first > 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return rows_of(rows, terms, window, first, last)

    monkeypatch.setattr(chunks_module, "rows_of", with_little_memory)
    halved = gradients_of(dataclasses.replace(SMALL, batch_rows=200), [batch, batch])
    assert tried[:3] == [200, 100, 50]
    # The second batch begins with what fitted.
    assert max(tried[tried.index(50) :]) <= 100
    assert halved[3].rows == 50
    assert tried.count(200) == 1
    np.testing.assert_allclose(halved[1], 2.0 * whole[1], rtol=1e-6)
    for name, values in halved[0].items():
        np.testing.assert_allclose(values, whole[0][name], rtol=2e-4, atol=1e-7, err_msg=name)


def test_every_single_failure_leaves_the_step_as_it_is(monkeypatch):
    batch = batch_of(3, 64)
    whole = gradients_of(SMALL, [batch])
    computed = torch.autograd.grad
    # One failure, two halves in its place, and parts of that size from then on: 20 + 20 + 24 rows in tens.
    for failing, expected in ((1, 8), (2, 7), (3, 5)):
        calls = []

        def fails_once(*arguments, calls=calls, failing=failing):
            calls.append(arguments)
            if len(calls) == failing:
                raise MemoryError("no room")
            return computed(*arguments)

        with monkeypatch.context() as patched:
            patched.setattr(torch.autograd, "grad", fails_once)
            assert_close(gradients_of(SMALL, parts_of(batch, [20, 20, 24])), whole)
        assert len(calls) == expected


def test_memory_for_not_even_one_row_is_an_error_that_says_so(monkeypatch):
    def without_memory(*_):
        raise MemoryError("0 bytes left")

    monkeypatch.setattr(chunks_module, "rows_of", without_memory)
    with pytest.raises(BackendUnavailableError, match="0 bytes left"):
        gradients_of(SMALL, [batch_of(3, 8)])


def test_held_out_rows_that_do_not_fit_are_measured_in_halves(monkeypatch):
    rows = rows_of(batch_of(3, 150), TERMS, SMALL.window)
    network = as_tensors(starting_weights(SMALL, LOOKBACK, pooled_of(batch_of())), "cpu")
    whole = Chunks(SMALL, TERMS, "cpu")
    loss = whole.held_out_loss(network, rows)
    computed = chunks_module.seed_quantiles

    def with_little_memory(network, config, rows):
        if len(rows.target) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return computed(network, config, rows)

    monkeypatch.setattr(chunks_module, "seed_quantiles", with_little_memory)
    halved = Chunks(SMALL, TERMS, "cpu")
    assert halved.held_out_loss(network, rows) == pytest.approx(loss, rel=1e-6)
    assert halved.rows < whole.rows


class Remembered(dict):
    """A `BatchStore` in memory."""

    read = dict.get
    write = dict.__setitem__


def test_the_largest_chunk_is_found_once_and_trained_with(monkeypatch):
    computed, asked, sizes = chunks_module.seed_quantiles, [], Remembered()

    def with_little_memory(network, config, rows):
        asked.append(len(rows.target))
        if len(rows.target) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return computed(network, config, rows)

    monkeypatch.setattr(chunks_module, "seed_quantiles", with_little_memory)
    fits = largest_chunk(SMALL, TERMS, "cpu", sizes)
    assert 18 <= fits <= 20 < SMALL.batch_rows
    [key] = sizes
    assert key.dtype == SMALL.precision
    asked.clear()
    assert largest_chunk(SMALL, TERMS, "cpu", sizes) == fits
    assert not asked
    trained = run(chunk_rows=fits)
    assert trained.chunk_rows == fits
    assert max(asked) <= fits
    monkeypatch.undo()
    for name, values in run().weights.items():
        np.testing.assert_allclose(trained.weights[name], values, atol=2e-3, err_msg=name)


def test_an_error_that_is_not_about_memory_passes_on(monkeypatch):
    def broken(*_):
        raise RuntimeError("shapes don't fit")

    monkeypatch.setattr(chunks_module, "rows_of", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        gradients_of(SMALL, [batch_of(3, 8)])


def skill_of(config, trained, baselines, batch):
    values = ActionValues(config, TERMS, trained.weights)
    made = values.quantiles(batch["window"].numpy(), batch["state"].numpy(), batch["action"].numpy()[:, None])[:, 0]
    known = outcomes_of(batch, config)
    everything = {"all": np.ones(len(made), dtype=bool)}
    sessions = np.arange(len(made), dtype=np.int32)
    anchor = {"anchor": baselines.forecasts(known)["anchor"]}
    [verdict] = judge(made, anchor, known.outcome, sessions, everything, config.levels, 1)
    return verdict.skills[0]


def learned(train_batch, held_out_batch, test_batch):
    config = ActionValueConfig(
        window="full", encoder=8, hidden=16, seeds=(0,), epochs=10, batch_rows=256, check_steps=20, patience=4
    )
    baselines = fit_baselines(outcomes_of(train_batch, config), config.levels)
    trained = train(
        config,
        TERMS,
        ListedBatches(train_batch, config.batch_rows),
        baselines.pooled,
        held_out=rows_of(held_out_batch, TERMS, config.window),
    )
    return skill_of(config, trained, baselines, test_batch)


def with_momentum(seed):
    """A market whose next sessions drift the way the last ones went."""
    panel = random_panel(seed, MANY, SESSIONS).astype(np.float64)
    at = 30
    past = np.sign(panel[:, at, 3] - panel[:, at - LOOKBACK + 1, 3])
    drift = np.exp(0.02 * past[:, None] * np.clip(np.arange(SESSIONS) - at, 0, None))
    panel[:, :, :4] *= drift[:, :, None]
    instrument = np.arange(MANY, dtype=np.int32)
    return long_batch(panel.astype(np.float32), instrument, np.full(MANY, at, dtype=np.int32))


def without_effect(seed, shown=0):
    return batch_of(seed, MANY, random_panel(seed, MANY, SESSIONS), shown)


def test_a_planted_effect_is_found():
    skill = learned(with_momentum(11), with_momentum(12), with_momentum(13))
    assert skill.skill > 0.15
    assert skill.low > 0.1


def test_noise_gives_no_skill():
    skill = learned(*(without_effect(seed) for seed in (21, 22, 23)))
    assert abs(skill.skill) < 0.02


def test_a_window_that_shows_the_future_is_seen_as_a_leak():
    honest = learned(*(without_effect(seed) for seed in (31, 32, 33)))
    leaked = learned(*(without_effect(seed, shown=FORWARD) for seed in (31, 32, 33)))
    assert leaked.skill > 0.2 > 0.02 > honest.skill


def test_it_stops_early_and_keeps_the_weights_of_the_best_check():
    config = dataclasses.replace(SMALL, patience=2, epochs=50, learning_rate=0.05)
    states = []
    trained = run(config, held_out=rows_of(batch_of(1), TERMS, config.window), checkpoint=states.append)
    losses = [check.held_out for check in trained.checks]
    assert trained.steps < 50 * 7
    assert trained.step == trained.checks[int(np.argmin(losses))].step
    assert len(losses) - 1 - int(np.argmin(losses)) == 2
    np.testing.assert_array_equal(trained.weights["w2"], states[-1].arrays["best.w2"])


def test_without_held_out_rows_the_last_weights_count():
    trained = run()
    assert trained.step == trained.steps == 14
    assert all(np.isnan(check.held_out) for check in trained.checks)


def test_bfloat16_learns_nearly_the_same():
    exact, rough = run(), run(dataclasses.replace(SMALL, precision="bfloat16"))
    assert rough.checks[-1].training == pytest.approx(exact.checks[-1].training, rel=0.02)
    assert all(values.dtype == np.float32 for values in rough.weights.values())


def test_rows_without_a_label_change_nothing():
    batch = batch_of(3, 60)
    more = {name: torch.cat([values, values[:7]]) for name, values in batch.items()}
    more["label"][60:, 0] = torch.nan
    assert_close(gradients_of(SMALL, [more]), gradients_of(SMALL, [batch]))


def test_a_ruined_account_has_a_finite_outcome():
    batch = batch_of(3, 4)
    batch["label"][:, 0] = torch.tensor([-1.0, -3.0, -0.99, 0.5])
    outcome = rows_of(batch, TERMS, SMALL.window).outcome
    np.testing.assert_allclose(outcome, np.log([0.01, 0.01, 0.01, 1.5]), rtol=1e-5)


def test_progress_is_logged_at_each_check():
    lines = []
    run(log=lines.append)
    assert len(lines) == 5
    assert "step 14 of 14" in lines[-1]
    assert "rows/s, at most 0 s left" in lines[-1]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch has no CUDA device")
def test_a_gpu_learns_and_says_the_same_as_the_cpu():
    batch = batch_of()
    there = {name: values.cuda() for name, values in batch.items()}
    own = train(SMALL, TERMS, ListedBatches(there, SMALL.batch_rows), pooled_of(batch), device="cuda")
    theirs = run(batch=batch)
    assert own.checks[-1].training == pytest.approx(theirs.checks[-1].training, rel=1e-3)
    asked = batch["window"].numpy(), batch["state"].numpy(), batch["action"].numpy()[:, None]
    on_gpu, on_cpu = (ActionValues(SMALL, TERMS, own.weights, device).quantiles(*asked) for device in ("cuda", "cpu"))
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(
        ActionValues(SMALL, TERMS, own.weights, "cuda").quantiles(*(each[7:8] for each in asked))[0], on_gpu[7]
    )


def test_what_can_not_be_trained_is_refused():
    batch = batch_of()
    with pytest.raises(InvalidInputError, match="at least one"):
        train(SMALL, TERMS, ListedBatches({name: x[:0] for name, x in batch.items()}, 64), pooled_of(batch))
    with pytest.raises(InvalidInputError, match="device"):
        run(device="tpu")
    with pytest.raises(InvalidInputError, match="windows of 16"):
        run(batch={**batch, "window": batch["window"][:, 1:]})
    unknown = {**batch, "window": batch["window"].clone().fill_(torch.nan)}
    with pytest.raises(InvalidInputError, match="finite loss"):
        train(SMALL, TERMS, ListedBatches(unknown, 64), pooled_of(batch))


def test_a_state_of_another_training_is_refused():
    states = []
    run(checkpoint=states.append)
    with pytest.raises(InvalidInputError, match="arrays of this config"):
        run(dataclasses.replace(SMALL, hidden=9), resume=states[0])
    with pytest.raises(InvalidInputError, match="held-out"):
        run(resume=states[0], held_out=rows_of(batch_of(1), TERMS, SMALL.window))
    with pytest.raises(InvalidInputError, match="another"):
        run(batch=batch_of(9), resume=states[0])


def test_batches_that_end_are_an_error_and_not_an_endless_loop():
    class Ending(ListedBatches):
        def __iter__(self):
            yield from [] if self._epoch else super().__iter__()

    batch = batch_of()
    with pytest.raises(InvalidInputError, match="none in two epochs"):
        train(SMALL, TERMS, Ending(batch, 64), pooled_of(batch))
