"""Charts as PNG: the size that was asked for, words in them, few bytes, the same every time."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kernels.errors import InvalidInputError
from resources.charts import fan_chart, png_of, standalone, wave_chart
from resources.charts.png import _fonts
from resources.charts.theme import COLOURS
from tests.resources.charts.samples import fan, nested

ROOT = Path(__file__).resolve().parents[3]


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])


@pytest.fixture(scope="module")
def wave_svg():
    return wave_chart(nested(504, 2))


def test_a_png_is_as_wide_as_asked_and_below_100_kilobytes(wave_svg):
    png = png_of(wave_svg, 1520)
    assert pixels(png).shape == (840, 1520, 3)
    assert len(png) < 100_000


def test_the_same_chart_is_the_same_bytes():
    svg = fan_chart(fan())
    assert png_of(svg, 760) == png_of(svg, 760)


@pytest.mark.parametrize(("theme", "column"), [("light", 0), ("dark", 1)])
def test_colours_are_those_of_the_theme_and_hidden_waves_stay_hidden(wave_svg, theme, column):
    drawn = pixels(png_of(standalone(wave_svg, theme), 1520))
    assert (np.abs(drawn[-1, -1] - rgb(COLOURS["paper"][column])) <= 4).all()

    def share(name: str) -> float:
        return float((np.abs(drawn - rgb(COLOURS[name][column])).max(axis=2) <= 24).mean())

    assert share("wave") > 0.002
    assert share("wave-1") < 0.0002


def test_words_are_drawn_without_fonts_of_the_system(wave_svg):
    drawn = pixels(png_of(wave_svg, 1520))
    title = drawn[16:50, 16:110]
    assert 0.05 < (title.sum(axis=2) < 300).mean() < 0.6


def test_the_fonts_are_those_of_matplotlib_which_is_not_imported(tmp_path):
    import matplotlib

    assert _fonts() == Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    (tmp_path / "fan.svg").write_text(fan_chart(fan()))
    code = (
        "import pathlib, sys; from resources.charts import png_of;"
        "svg = pathlib.Path(sys.argv[1]).read_text(); sys.stdout.buffer.write(png_of(svg, 760));"
        "assert 'matplotlib' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "fan.svg")]
    drawn = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    assert drawn == png_of(fan_chart(fan()), 760)


def test_only_charts_of_sensible_widths_are_drawn(wave_svg):
    with pytest.raises(InvalidInputError, match="png_of, width"):
        png_of(wave_svg, 10)
    with pytest.raises(InvalidInputError, match="standalone, svg"):
        png_of("<svg/>", 760)
