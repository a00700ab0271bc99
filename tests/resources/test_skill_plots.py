"""The picture of calibration and skill: small, readable, and it shows what it should."""

import io
import sys

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from kernels.errors import InvalidInputError
from kernels.forecast import empty_scores
from kernels.volatility import DEFAULT_LEVELS
from resources.skill_plots import COLOURS, ROLLING_SESSIONS, calibration, rolling_skill, skill_plots
from resources.skill_tables import score_table

NAMES = ("random-walk", "historical-quantile", "ewma-fhs", "garch-fhs", "gjr-fhs", "har-fhs", "network", "ensemble")


def table_of(
    models: tuple[str, ...] = NAMES, days: int = 130, horizons: tuple[int, ...] = (1, 2, 5), noise: float = 0.02
) -> pa.Table:
    """Scores whose daily skill scatters around the place of the model in percent, with the PIT of a true forecast."""
    rng = np.random.default_rng(1)
    sessions = np.datetime64("2016-01-04") + np.arange(days)
    scores = empty_scores(models, horizons, DEFAULT_LEVELS, sessions)
    scores.origins[:] = 1000
    scores.crps[:] = 0.01 * (1 - np.arange(len(models)) / 100 + noise * rng.standard_normal(scores.crps.shape))
    scores.inside[:], scores.qlike[:] = 0.5, -7.0
    scores.pit[:] = np.rint(1000 * np.diff([0.0, *DEFAULT_LEVELS, 1.0])).astype(np.int64)
    return score_table(scores)


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def shown(picture: bytes, colour: str) -> int:
    """How many pixels have about this colour."""
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return int((np.abs(pixels(picture) - wanted).max(axis=2) < 12).sum())


def test_the_picture_is_a_small_png_900_pixels_wide_on_white() -> None:
    picture = skill_plots(table_of())
    assert picture.startswith(b"\x89PNG")
    height, width, _ = pixels(picture).shape
    assert (width, 700 < height < 1100) == (900, True)
    assert (pixels(picture)[0, 0] == 255).all()
    assert (pixels(picture) == 255).all(axis=2).mean() > 0.7
    for colour in COLOURS:
        assert shown(picture, colour) > 100


def test_ten_models_over_ten_noisy_years_stay_below_100_kb() -> None:
    picture = skill_plots(table_of((*NAMES, "chronos", "mine"), days=2520, horizons=(1, 2, 5, 10, 21), noise=0.05))
    assert len(picture) < 100_000


def test_the_same_table_gives_the_same_bytes() -> None:
    assert skill_plots(table_of()) == skill_plots(table_of())


def test_another_skill_and_another_calibration_give_another_picture() -> None:
    table = table_of()
    expected = skill_plots(table)
    worse = table.set_column(
        4,
        table.schema.field("crps"),
        [np.where(table["model"].to_numpy(zero_copy_only=False) == "network", 0.02, table["crps"].to_numpy())],
    )
    assert skill_plots(worse) != expected
    field = table.schema.field("pit")
    names = table["model"].to_pylist()
    counts = [
        [each[0] + 300, *each[1:]] if name == "network" else each
        for name, each in zip(names, table["pit"].to_pylist(), strict=True)
    ]
    skewed = table.set_column(table.schema.names.index("pit"), field, pa.array(counts, field.type))
    assert skill_plots(skewed) != expected


@pytest.mark.parametrize(
    ("models", "days", "horizons"),
    [
        (("gjr-fhs",), 130, (1,)),
        (("ewma-fhs", "new"), 130, (1, 5)),
        (("new",), 130, (1, 5)),
        (NAMES, ROLLING_SESSIONS - 1, (1, 2, 5)),
        (NAMES, 1, (5,)),
    ],
    ids=["baseline alone", "ewma", "no baseline", "too few sessions", "one session"],
)
def test_little_to_show_is_still_a_picture(models: tuple[str, ...], days: int, horizons: tuple[int, ...]) -> None:
    picture = skill_plots(table_of(models, days, horizons))
    assert pixels(picture).shape[1] == 900
    assert shown(picture, COLOURS[0]) > 20


def rows_of(table: pa.Table, model: str, horizon: int = 1) -> pa.Table:
    rows = [row for row in table.to_pylist() if (row["model"], row["horizon"]) == (model, horizon)]
    return pa.Table.from_pylist(rows, schema=table.schema)


def test_calibration_adds_the_counts_up_to_each_level() -> None:
    rows = rows_of(table_of(), "network")
    np.testing.assert_allclose(calibration(rows), 0.0, atol=1e-12)
    counts = [[0] * 5 + [4, 6] + [0] * 5] * rows.num_rows
    field = rows.schema.field("pit")
    narrow = rows.set_column(rows.schema.names.index("pit"), field, pa.array(counts, field.type))
    expected = 100 * (np.array([0.0] * 5 + [0.4] + [1.0] * 5) - DEFAULT_LEVELS)
    np.testing.assert_allclose(calibration(narrow), expected, rtol=1e-12)
    assert np.isnan(calibration(rows.slice(0, 0))).all()


def test_rolling_skill_is_that_of_the_last_63_sessions_of_both() -> None:
    table = table_of(days=100)
    own, baseline = rows_of(table, "network"), rows_of(table, "gjr-fhs")
    sessions, skill = rolling_skill(own.slice(10), baseline.slice(0, 90))
    assert len(sessions) == len(skill) == 80 - ROLLING_SESSIONS + 1
    assert sessions[-1] == np.datetime64("2016-01-04") + 89
    last = slice(90 - ROLLING_SESSIONS, 90)
    expected = 100 * (1 - own["crps"].to_numpy()[last].sum() / baseline["crps"].to_numpy()[last].sum())
    assert skill[-1] == pytest.approx(expected, rel=1e-9)
    assert (rolling_skill(baseline, baseline)[1] == 0.0).all()
    assert len(rolling_skill(own, None)[1]) == len(rolling_skill(own, baseline.slice(0, 62))[1]) == 0


def test_a_model_without_a_horizon_is_left_out_there() -> None:
    table = table_of()
    rows = [row for row in table.to_pylist() if (row["model"], row["horizon"]) != ("gjr-fhs", 1)]
    assert skill_plots(pa.Table.from_pylist(rows, schema=table.schema)).startswith(b"\x89PNG")


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="at least one row"):
        skill_plots(table_of().slice(0, 0))


def test_drawing_leaves_no_global_state() -> None:
    before = set(sys.modules)
    skill_plots(table_of())
    assert "matplotlib.pyplot" not in set(sys.modules) - before
