"""Plays policies over a block of sessions: greedy ones, random ones over the same candidates, and benchmarks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from kernels.errors import InvalidInputError
from kernels.policies import (
    UNDECIDED,
    ActionValues,
    CandidateGrid,
    GreedyPolicy,
    Played,
    Policy,
    RandomPolicy,
    Rules,
    Walked,
    buy_and_hold,
    decision_bars,
    identities,
    start_offsets,
    walk,
)
from resources.policy_block import PolicyBlock

BUY_AND_HOLD = "buy-and-hold"


@dataclass(frozen=True)
class PlayOptions:
    """What is played.

    Attributes:
        every: sessions from a decision to the next; 0 = as many as the model looks ahead.
        offsets: how many start offsets, spread evenly; at least 1, and at most one for each session up to the next
            decision.
        risk_aversions: a greedy policy is played with each; at least 0, each once.
        random_policies: seeds 0, 1, .. of the random policy; at least 0.
        cash: dollars of each account at the first session.
        grid: the candidates.
        further_trials: names of policies, settings and networks that were tried and aren't played; each counts as a
            trial.

    Raises:
        InvalidInputError: a value out of its range, named.
    """

    every: int = 0
    offsets: int = 3
    risk_aversions: tuple[float, ...] = (0.0,)
    random_policies: int = 20
    cash: float = 50_000.0
    grid: CandidateGrid = field(default_factory=CandidateGrid)
    further_trials: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        aversions = self.risk_aversions
        checks = (
            ("every", self.every >= 0, "0 or more sessions"),
            ("offsets", self.offsets >= 1, "1 or more"),
            ("random_policies", self.random_policies >= 0, "0 or more"),
            ("risk_aversions", 0 < len(aversions) == len(set(aversions)), "at least one, each once"),
        )
        for name, good, expected in checks:
            if not good:
                raise InvalidInputError(
                    f"option {name}",
                    expected=expected,
                    got=repr(getattr(self, name)),
                    mend=f"correct `{name}` in the run config",
                )

    @property
    def trials(self) -> int:
        """How many policies and settings were tried."""
        return len(self.risk_aversions) + len(self.further_trials)


def play(
    block: PolicyBlock, model: ActionValues, options: PlayOptions, progress: Callable[[int], None] | None = None
) -> list[Played]:
    """Walk every policy over the block, from every start offset.

    Args:
        block: the sessions and the accounts.
        model: trained on the same dataset.
        options: what is played.
        progress: called with 1 after each of `walks_of(block, options)` walks.

    Raises:
        InvalidInputError: the model is of another look-back or horizon than the dataset, or an option doesn't fit.
    """
    for name in ("lookback", "forward"):
        if getattr(model, name) != getattr(block, name):
            raise InvalidInputError(
                f"model, {name}",
                expected=f"{getattr(block, name)}, as in the dataset {block.dataset}",
                got=str(getattr(model, name)),
                mend="train the model on this dataset",
            )
    rules = Rules(block.lookback, block.max_leverage, block.costs, options.cash, options.grid)
    decisions = _decisions(block, options)
    tell = progress or (lambda _: None)

    def walked(offset: int, policy: Policy, copies: int) -> Walked:
        found = walk(
            block.market,
            np.tile(block.series, copies),
            block.first,
            block.last,
            decisions[offset],
            policy,
            rules,
        )
        tell(1)
        return found

    played = []
    for aversion in options.risk_aversions:
        greedy = GreedyPolicy(model, aversion)
        name = f"greedy, risk aversion {aversion:g}" if aversion else "greedy"
        played.append(Played(name, "greedy", {offset: walked(offset, greedy, 1) for offset in decisions}))
    span = block.market, block.series, block.first, block.last, rules
    played.append(Played(BUY_AND_HOLD, "buy_and_hold", {0: buy_and_hold(*span)}))
    played.append(Played("flat", "flat", {0: buy_and_hold(*span, share=0.0)}))
    if options.random_policies:
        played += _random(block, options, decisions, walked)
    return played


def walks_of(block: PolicyBlock, options: PlayOptions) -> int:
    """How many walks `play` makes."""
    return len(_decisions(block, options)) * (len(options.risk_aversions) + (options.random_policies > 0))


def choices_of(played: Played, grid: CandidateGrid) -> dict[str, float]:
    """The share of each kind of candidate, "hold", "flat", "long", "short", among all decisions of a policy; 0 where it
    decided nothing.
    """
    choice = np.concatenate([walked.choice.ravel() for walked in played.walks.values()])
    made = choice[choice != UNDECIDED]
    chosen = np.array(grid.kinds)[made]
    return {kind: float((chosen == kind).sum() / max(len(made), 1)) for kind in dict.fromkeys(grid.kinds)}


def _decisions(block: PolicyBlock, options: PlayOptions) -> dict[int, tuple[int, ...]]:
    """The decision columns of each start offset."""
    every = options.every or block.forward
    return {
        offset: decision_bars(block.first, block.last, every, offset)
        for offset in start_offsets(every, min(options.offsets, every))
    }


def _random(
    block: PolicyBlock,
    options: PlayOptions,
    decisions: Mapping[int, tuple[int, ...]],
    walked: Callable[[int, Policy, int], Walked],
) -> list[Played]:
    """The random policies; those of all seeds are walked together."""
    count, accounts = options.random_policies, len(block.series)
    seeds = np.repeat(np.arange(count, dtype=np.uint64), accounts)
    symbols = identities([block.market.symbols[row] for row in block.series])
    whole = {
        offset: walked(offset, RandomPolicy(seeds, np.tile(symbols, count), offset), count) for offset in decisions
    }

    def part(found: Walked, seed: int) -> Walked:
        rows = slice(seed * accounts, (seed + 1) * accounts)
        return Walked(**{each.name: getattr(found, each.name)[rows] for each in fields(found)})

    return [
        Played(f"random {seed:02d}", "random", {offset: part(found, seed) for offset, found in whole.items()})
        for seed in range(count)
    ]
