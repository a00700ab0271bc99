"""Training of the quantile network: what it learns, and that nothing but its arguments changes a byte."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from kernels.errors import BackendUnavailableError, InvalidInputError
from kernels.forecast import pinball_loss
from kernels.forecast.config import NetworkConfig
from kernels.forecast.network import FIXED, TRAINED, build_module
from kernels.forecast.starting_weights import row_orders
from kernels.forecast.train import Training, TrainingRows, TrainingState, train
from kernels.forecast.training_loss import weighted_pinball
from kernels.forecast.training_state import best_epoch

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
CONFIG = NetworkConfig(
    hidden=6, seeds=(0, 1), epochs=4, patience=4, batch_rows=128, learning_rate=1e-2, horizons=(1, 5), levels=LEVELS
)
FEATURES = 3
POOLED = np.tile(np.array([-1.645, -0.674, 0.0, 0.674, 1.645]), (2, 1))


def normal_rows(count: int, seed: int, strength: float = 0.0) -> TrainingRows:
    """Normal targets whose deviation is exp(strength times the first input); the second input is constant."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(count, FEATURES)).astype(np.float32)
    inputs[:, 1] = 0.7
    targets = rng.normal(size=(count, 2)) * np.exp(strength * inputs[:, :1])
    targets[rng.random((count, 2)) < 0.05] = np.nan
    return TrainingRows(inputs, targets.astype(np.float32))


ROWS, HELD_OUT = normal_rows(1000, 1, 0.5), normal_rows(400, 2, 0.5)


def as_bytes(training: Training) -> tuple[object, ...]:
    weights = {name: values.tobytes() for name, values in training.weights.items()}
    return weights, training.epochs, training.train_loss, training.held_out_loss


def loss_of(config: NetworkConfig, weights: dict[str, np.ndarray], rows: TrainingRows) -> float:
    with torch.no_grad():
        quantiles = build_module(config, weights)(torch.from_numpy(rows.inputs)).numpy().astype(np.float64)
    losses = pinball_loss(quantiles, config.levels, rows.targets.astype(np.float64))
    return float(np.nanmean(losses.mean(axis=2), axis=0).mean())


@pytest.fixture
def _threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


# What it learns, and what it doesn't.


def test_the_first_losses_are_those_of_the_pooled_quantiles() -> None:
    training = train(CONFIG, ROWS, POOLED, epochs=0, held_out=HELD_OUT)
    for got, rows in ((training.train_loss, ROWS), (training.held_out_loss, HELD_OUT)):
        quantiles = np.broadcast_to(POOLED, (len(rows.inputs), *POOLED.shape))
        losses = pinball_loss(quantiles, LEVELS, rows.targets.astype(np.float64)).mean(axis=2)
        assert got == (pytest.approx(np.nanmean(losses, axis=0).mean(), rel=1e-6),)
    assert training.epochs == 0


def test_a_scale_that_depends_on_an_input_is_learned() -> None:
    config = replace(CONFIG, epochs=12)
    training = train(config, normal_rows(4000, 7, 0.6), POOLED, held_out=normal_rows(2000, 8, 0.6))
    test = normal_rows(5000, 9, 0.6)
    scale = np.exp(0.6 * test.inputs[:, :1].astype(np.float64))
    true = scale[:, :, np.newaxis] * POOLED
    best = np.nanmean(pinball_loss(true, LEVELS, test.targets.astype(np.float64)).mean(axis=2), axis=0).mean()
    start = loss_of(config, train(config, ROWS, POOLED, epochs=0).weights, test)
    learned = loss_of(config, training.weights, test)
    assert learned < best + 0.1 * (start - best)
    assert training.held_out_loss[training.epochs] == min(training.held_out_loss) < 0.95 * training.held_out_loss[0]
    assert training.train_loss[-1] < 0.95 * training.train_loss[0]


def test_shuffled_targets_give_no_gain_on_held_out_rows() -> None:
    rows, held_out = normal_rows(4000, 10, 0.6), normal_rows(4000, 11, 0.6)
    shuffled = [
        TrainingRows(each.inputs, each.targets[np.random.default_rng(12).permutation(len(each.targets))])
        for each in (rows, held_out)
    ]
    known = np.concatenate([each.targets for each in shuffled])
    pooled = np.nanquantile(known.astype(np.float64), LEVELS, axis=0).T.copy()
    training = train(replace(CONFIG, epochs=8), shuffled[0], pooled, held_out=shuffled[1])
    assert abs(1.0 - min(training.held_out_loss) / training.held_out_loss[0]) < 0.002


def test_a_network_that_only_gets_worse_is_returned_untrained() -> None:
    noise = normal_rows(1000, 13)
    training = train(replace(CONFIG, learning_rate=1.0, patience=2), noise, POOLED, held_out=normal_rows(1000, 14))
    assert training.epochs == 0
    assert len(training.held_out_loss) == 1 + 2
    start = train(CONFIG, noise, POOLED, epochs=0)
    assert as_bytes(training)[0] == as_bytes(start)[0]


def test_the_weights_are_those_of_the_best_epoch() -> None:
    states: list[TrainingState] = []
    config = replace(CONFIG, epochs=20, patience=3, learning_rate=0.05)
    training = train(config, ROWS, POOLED, held_out=HELD_OUT, checkpoint=states.append)
    assert 0 < training.epochs < 20 - 3
    assert len(states) == training.epochs + 3
    best = states[training.epochs - 1]
    assert training.weights.keys() == {*FIXED, *TRAINED}
    for name in (*FIXED, *TRAINED):
        assert training.weights[name].tobytes() == best.arrays[name].tobytes()
    assert training.held_out_loss[training.epochs] == min(training.held_out_loss)
    assert training.held_out_loss[training.epochs] == pytest.approx(
        loss_of(config, training.weights, HELD_OUT), rel=1e-6
    )
    assert states[-1].losses == tuple(zip(training.train_loss, training.held_out_loss, strict=True))


def test_of_epochs_with_the_same_loss_the_first_is_best() -> None:
    assert best_epoch(((1.0, 3.0), (1.0, 2.0), (1.0, 2.0), (0.0, 2.5))) == 1
    assert best_epoch(((1.0, None), (2.0, None), (3.0, None))) == 2


def test_without_held_out_rows_the_last_epoch_counts() -> None:
    states: list[TrainingState] = []
    training = train(CONFIG, ROWS, POOLED, checkpoint=states.append)
    assert (training.epochs, len(training.train_loss), training.held_out_loss) == (4, 5, ())
    assert training.weights["w3"].tobytes() == states[-1].arrays["w3"].tobytes()


def test_fewer_epochs_are_the_beginning_of_all() -> None:
    states: list[TrainingState] = []
    train(CONFIG, ROWS, POOLED, checkpoint=states.append)
    training = train(CONFIG, ROWS, POOLED, epochs=2)
    assert training.epochs == 2
    assert training.weights["w3"].tobytes() == states[1].arrays["w3"].tobytes()


def test_targets_that_are_not_known_teach_nothing() -> None:
    rows = TrainingRows(ROWS.inputs, ROWS.targets.copy())
    rows.targets[:, 1] = np.nan
    before, after = (train(CONFIG, rows, POOLED, epochs=epochs).weights for epochs in (0, 4))
    assert after["middle"][:, 1].tobytes() == before["middle"][:, 1].tobytes()
    of_second = [1, *range(2 + 4, 2 + 8)]
    assert not after["w3"][:, :, of_second].any()
    assert after["w3"].any()


# The steps.


def test_weight_decay_spares_the_middle() -> None:
    config, off_centre = replace(CONFIG, batch_rows=1000, epochs=1), POOLED + 0.3
    plain, decayed = (train(replace(config, weight_decay=decay), ROWS, off_centre).weights for decay in (0.0, 5.0))
    start = train(config, ROWS, off_centre, epochs=0).weights
    assert decayed["middle"].tobytes() == plain["middle"].tobytes() != start["middle"].tobytes()
    for name in ("w1", "b1", "w2", "b2", "w3", "b3"):
        np.testing.assert_allclose(decayed[name], plain[name] - 1e-2 * 5.0 * start[name], rtol=1e-5, atol=1e-8)


def test_the_learning_rate_falls_as_a_cosine_over_all_steps() -> None:
    config = replace(CONFIG, weight_decay=5.0)
    states: list[TrainingState] = []
    train(config, ROWS, POOLED, checkpoint=states.append, epochs=1)
    # The constant input has no gradient: its weights change by decay alone.
    assert not states[0].arrays["w1"][:, 1].any()
    states[0].arrays["w1"][:, 1] = 1.0
    for stop in (2, 4):
        weights = train(config, ROWS, POOLED, resume=states[0], epochs=stop).weights
        rates = [1e-2 * 0.5 * (1.0 + math.cos(math.pi * step / 32)) for step in range(8, 8 * stop)]
        np.testing.assert_allclose(weights["w1"][:, 1], np.prod([1.0 - rate * 5.0 for rate in rates]), rtol=1e-5)


def test_every_row_is_seen_once_an_epoch_the_last_partial_batch_too() -> None:
    for count in (128 * 2 + 1, 128 * 3 - 1, 50):
        rows = normal_rows(count, 15, 0.5)
        still = train(replace(CONFIG, learning_rate=1e-12, epochs=2), rows, POOLED).train_loss
        assert still == pytest.approx([still[0]] * 3, rel=1e-6)


def test_batches_are_of_nearly_equal_size_and_each_epoch_has_its_own_order(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    epochs: list[int] = []

    def measured(quantiles: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        sizes.append(quantiles.shape[-1])
        return weighted_pinball(quantiles, *others)

    def ordered(config: NetworkConfig, epoch: int, rows: int) -> np.ndarray:
        epochs.append(epoch)
        return row_orders(config, epoch, rows)

    monkeypatch.setattr("kernels.forecast.train.weighted_pinball", measured)
    monkeypatch.setattr("kernels.forecast.train.row_orders", ordered)
    train(CONFIG, normal_rows(128 * 2 + 1, 18), POOLED, epochs=2)
    assert sizes == [86, 86, 85] * 2
    assert epochs == [1, 2]


def test_micro_batches_make_the_same_steps() -> None:
    whole = train(CONFIG, ROWS, POOLED, held_out=HELD_OUT, epochs=2)
    for parts in (4, 7, 1000):
        parted = train(replace(CONFIG, micro_batches=parts), ROWS, POOLED, held_out=HELD_OUT, epochs=2)
        assert parted.train_loss == pytest.approx(whole.train_loss, rel=1e-5)
        assert parted.held_out_loss == pytest.approx(whole.held_out_loss, rel=1e-5)
        np.testing.assert_allclose(parted.weights["w3"], whole.weights["w3"], rtol=1e-5, atol=1e-4)


def test_a_seed_learns_the_same_alone() -> None:
    both, alone = train(CONFIG, ROWS, POOLED), train(replace(CONFIG, seeds=(1,)), ROWS, POOLED)
    assert not np.allclose(both.weights["w3"][0], both.weights["w3"][1], atol=1e-3)
    for name in TRAINED:
        np.testing.assert_allclose(alone.weights[name][0], both.weights[name][1], rtol=1e-5, atol=1e-4)


def test_bfloat16_learns_nearly_the_same() -> None:
    exact, rounded = (
        train(replace(CONFIG, precision=precision), ROWS, POOLED, held_out=HELD_OUT)
        for precision in ("float32", "bfloat16")
    )
    assert exact.weights["w3"].tobytes() != rounded.weights["w3"].tobytes()
    assert all(values.dtype == np.float32 for values in rounded.weights.values())
    assert rounded.held_out_loss == pytest.approx(exact.held_out_loss, rel=5e-3)


# The same bytes.


def test_the_same_arguments_give_the_same_bytes_whatever_the_generators_of_others() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = train(CONFIG, ROWS, POOLED, held_out=HELD_OUT)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert as_bytes(train(CONFIG, ROWS, POOLED, held_out=HELD_OUT)) == as_bytes(first)


@pytest.mark.usefixtures("_threads")
def test_the_number_of_threads_changes_no_byte_and_is_restored() -> None:
    config = replace(CONFIG, batch_rows=4096, hidden=32)
    rows = normal_rows(9000, 16, 0.5)
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(as_bytes(train(config, rows, POOLED, epochs=2)))
        assert torch.get_num_threads() == threads
    assert results[0] == results[1]

    def stop(_: TrainingState) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, rows, POOLED, checkpoint=stop)
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("held_out", [HELD_OUT, None], ids=["held out", "nothing held out"])
@pytest.mark.parametrize("killed", [1, 2, 4, 7])
def test_a_killed_and_resumed_training_gives_the_same_bytes(killed: int, held_out: TrainingRows | None) -> None:
    config = replace(CONFIG, epochs=7, patience=2, learning_rate=0.05)
    whole = train(config, ROWS, POOLED, held_out=held_out)
    states: list[TrainingState] = []

    def keep(state: TrainingState) -> None:
        states.append(state)
        if state.epoch == min(killed, len(whole.train_loss) - 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, ROWS, POOLED, held_out=held_out, checkpoint=keep)
    stored = TrainingState(
        states[-1].epoch, {name: each.copy() for name, each in states[-1].arrays.items()}, states[-1].losses
    )
    later: list[TrainingState] = []
    resumed = train(config, ROWS, POOLED, held_out=held_out, resume=stored, checkpoint=later.append)
    assert as_bytes(resumed) == as_bytes(whole)
    assert [state.epoch for state in later] == list(range(stored.epoch + 1, len(whole.train_loss)))


def test_each_epoch_says_how_far_it_is() -> None:
    lines: list[str] = []
    train(CONFIG, ROWS, POOLED, held_out=HELD_OUT, epochs=3, log=lines.append)
    shape = r"epoch {} of 3: training loss 0\.\d{{5}}, held-out loss 0\.\d{{5}}, [\d,]+ rows/s, at most \d+ s left"
    assert all(re.fullmatch(shape.format(epoch), line) for epoch, line in enumerate(lines, start=1))
    assert len(lines) == 3
    train(CONFIG, ROWS, POOLED, epochs=1, log=lines.append)
    assert "held-out" not in lines[3]


# What it refuses.


def test_rows_of_a_wrong_kind_are_refused() -> None:
    good = ROWS.inputs[:40].copy(), ROWS.targets[:40].copy()
    holed, infinite = good[0].copy(), good[1].copy()
    holed[3, 2], infinite[5, 1] = np.nan, np.inf
    for inputs, targets, named in (
        (holed, good[1], r"inputs: expected finite numbers; got nan in row 3, column 2"),
        (good[0], infinite, r"targets: .*got inf in row 5, column 1"),
        (good[0].astype(np.float64), good[1], "inputs"),
        (good[0], good[1].astype(np.float64), "targets"),
        (good[0], good[1][:39], "targets"),
        (good[0][:, 0].copy(), good[1], "inputs"),
        (np.asfortranarray(good[0]), good[1], "inputs"),
    ):
        with pytest.raises(InvalidInputError, match=rf"TrainingRows\.{named}"):
            TrainingRows(inputs, targets)


def _part(rows: TrainingRows, count: int, inputs: int = FEATURES, targets: int = 2) -> TrainingRows:
    return TrainingRows(rows.inputs[:count, :inputs].copy(), rows.targets[:count, :targets].copy())


def _unknown(rows: TrainingRows) -> TrainingRows:
    return TrainingRows(rows.inputs, np.full_like(rows.targets, np.nan))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"rows": _part(ROWS, 0)}, "training rows: expected at least 32 rows; got 0"),
        ({"rows": _part(ROWS, 31)}, "training rows: expected at least 32 rows; got 31"),
        ({"rows": _part(ROWS, 100, targets=1)}, "training rows: .*2 targets; got 3 inputs and 1 targets"),
        ({"rows": _part(ROWS, 100, inputs=0)}, "training rows: expected some inputs"),
        ({"rows": _unknown(ROWS)}, "training rows: expected at least one known target"),
        ({"held_out": _part(ROWS, 100, inputs=2)}, "held-out rows: expected 3 inputs.*got 2 inputs"),
        ({"held_out": _part(ROWS, 100, targets=1)}, "held-out rows"),
        ({"held_out": _part(ROWS, 0)}, "held-out rows: expected at least one known target"),
        ({"held_out": _unknown(HELD_OUT)}, "held-out rows: expected at least one known target"),
        ({"epochs": -1}, "epochs to train: expected an integer from 0 to the 4"),
        ({"epochs": 5}, "epochs to train"),
        ({"epochs": 2.0}, "epochs to train"),
        ({"epochs": True}, "epochs to train"),
        ({"device": "gpu"}, "device of the training: expected one of cpu, cuda; got 'gpu'"),
        ({"pooled": POOLED[:1]}, "pooled quantiles"),
        ({"pooled": POOLED.astype(np.float32)}, "pooled quantiles"),
        ({"pooled": -POOLED}, "pooled quantiles.*falling"),
        ({"pooled": POOLED * np.nan}, "pooled quantiles.*not finite"),
    ],
)
def test_wrong_arguments_are_refused_by_name(arguments: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidInputError, match=named):
        train(**{"config": CONFIG, "rows": ROWS, "pooled": POOLED} | arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_is_refused_where_there_is_none() -> None:
    with pytest.raises(BackendUnavailableError, match='use "cpu"'):
        train(CONFIG, ROWS, POOLED, device="cuda")


@pytest.mark.parametrize("held_out", [True, False])
def test_a_loss_that_is_no_longer_finite_is_refused_with_its_epoch(held_out: bool) -> None:
    huge = TrainingRows(ROWS.inputs, ROWS.targets.copy())
    huge.targets[:] = 3e38
    rows, held = (ROWS, huge) if held_out else (huge, None)
    with pytest.raises(InvalidInputError, match=r"training, epoch 0: .*extreme targets"):
        train(CONFIG, rows, POOLED, held_out=held)
    with pytest.raises(InvalidInputError, match=r"training, epoch 1: .*lower learning_rate"):
        train(replace(CONFIG, learning_rate=1e30), ROWS, POOLED, held_out=HELD_OUT if held_out else None)


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda state: replace(state, epoch=5), "at most 4 epochs done"),
        (lambda state: replace(state, losses=state.losses[1:]), "2 epochs done and 2 losses"),
        (lambda state: replace(state, losses=tuple((each, None) for each, _ in state.losses)), "held-out losses"),
        (lambda state: replace(state, arrays=state.arrays | {"w9": state.arrays["w1"]}), "others in w9"),
        (lambda state: replace(state, arrays={name: state.arrays[name] for name in TRAINED}), "best.b1"),
        (lambda state: replace(state, arrays=state.arrays | {"w1": state.arrays["w1"][:1]}), "others in w1"),
        (lambda state: replace(state, arrays=state.arrays | {"gaps": state.arrays["gaps"] + 1}), "the gaps of"),
        (lambda state: replace(state, arrays=state.arrays | {"input_mean": state.arrays["gaps"][0, :3]}), "input_mean"),
    ],
)
def test_a_state_of_another_training_is_refused(spoil: Callable[[TrainingState], TrainingState], named: str) -> None:
    states: list[TrainingState] = []
    train(CONFIG, ROWS, POOLED, held_out=HELD_OUT, epochs=2, checkpoint=states.append)
    with pytest.raises(InvalidInputError, match=named):
        train(CONFIG, ROWS, POOLED, held_out=HELD_OUT, resume=spoil(states[-1]))
    with pytest.raises(InvalidInputError, match="state to resume from"):
        train(CONFIG, ROWS, POOLED, held_out=HELD_OUT, resume=states[-1], epochs=1)
    with pytest.raises(InvalidInputError, match="the input_mean of these rows"):
        train(CONFIG, normal_rows(1000, 17), POOLED, held_out=HELD_OUT, resume=states[-1])
