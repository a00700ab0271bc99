"""The screenshots of the docs: taken of a real page, small, and of the size in pixels that they have in the docs."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import screenshots
from benchmarks.screenshots import FOLDER, LAST, MOST_BYTES, SCREEN, SHOTS, TELEPHONE, Market, shrunk
from resources.report import report_page
from tests.chromium import CHROMIUM, chromium
from tests.report_rows import given

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"report-light": SCREEN, "report-dark": SCREEN, "report-phone": TELEPHONE}


@pytest.fixture(scope="module")
def taken(tmp_path_factory) -> Path:
    """The pictures of a small report."""
    here = tmp_path_factory.mktemp("shots")
    (here / "daily_report").mkdir()
    (here / "daily_report" / f"{LAST}.html").write_text(report_page(given()), encoding="utf-8")
    with chromium(here / "browser") as page:
        for name in SIZES:
            SHOTS[name](page, Market("http://nowhere", here), here / f"{name}.png")
            shrunk(here / f"{name}.png")
        assert page.problems == []
    return here


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
@pytest.mark.parametrize("name", SIZES)
def test_a_picture_of_the_report_has_its_size_and_is_small(taken, name) -> None:
    path = taken / f"{name}.png"
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as picture:
        assert (picture.size, picture.mode) == (SIZES[name], "P")
    paper = pixels(path)[-1, 2]
    assert bool((paper < 64).all()) is (name == "report-dark")
    # Words and a chart, and not a blank page.
    assert (pixels(path) != paper).any(axis=2).mean() > 0.02


@pytest.mark.parametrize("name", SHOTS)
def test_every_picture_lies_in_the_docs_small_and_of_its_size(name) -> None:
    path = ROOT / FOLDER / f"{name}.png"
    assert path.stat().st_size <= MOST_BYTES
    with Image.open(path) as picture:
        assert picture.size == SIZES.get(name, picture.size)


def test_a_picture_that_is_too_large_is_refused(tmp_path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    with pytest.raises(ValueError, match="show less"):
        shrunk(tmp_path / "noise.png")


def test_an_unknown_name_is_refused_before_anything_is_made(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["screenshots", "report-ligth", "--to", str(tmp_path / "to")])
    assert screenshots.main() == 1
    assert "no such picture: report-ligth" in capsys.readouterr().err
    assert not (tmp_path / "to").exists()
