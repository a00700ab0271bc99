"""The pictures of docs/waves are those that its tool draws, there is one of every class, and the page shows each."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from docs.waves.draw import FOLDER, Sheet, pictures
from kernels.waves import CLASS_NAMES

SHOWN = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (FOLDER / "README.md").read_text())


@pytest.fixture(scope="module")
def drawn():
    return pictures()


def test_the_committed_pictures_are_the_drawn_ones(drawn):
    committed = {file.name: file.read_text() for file in FOLDER.glob("*.svg")}
    assert committed.keys() == drawn.keys()
    for name, picture in drawn.items():
        assert committed[name] == picture, f"{name}: run python -m docs.waves.draw"


def test_the_page_shows_every_picture_once_and_every_class(drawn):
    assert sorted(SHOWN) == sorted(drawn)
    assert {f"{name}.svg" for name in CLASS_NAMES} <= set(SHOWN)


def test_the_page_says_the_name_of_every_class_in_the_order_of_the_table():
    headings = re.findall(r"^### (.+)$", (FOLDER / "README.md").read_text(), flags=re.MULTILINE)
    assert headings[: len(CLASS_NAMES)] == [name.replace("_", " ").capitalize() for name in CLASS_NAMES]


def test_every_picture_is_xml_and_draws_inside_its_frame(drawn):
    for name, picture in drawn.items():
        root = ElementTree.fromstring(picture)  # noqa: S314
        _, _, width, height = map(float, root.get("viewBox").split())
        points = [point for line in root.findall(".//{*}polyline") for point in line.get("points").split()]
        points += [f"{text.get('x')},{text.get('y')}" for text in root.findall(".//{*}text")]
        x, y = np.array([point.split(",") for point in points], float).T
        assert ((x >= 0) & (x <= width) & (y >= 0) & (y <= height)).all(), name
        assert picture.isascii(), name


def test_a_setup_names_its_levels_without_overlap(drawn):
    for name, picture in drawn.items():
        texts = ElementTree.fromstring(picture).findall(".//{*}text")  # noqa: S314
        names = [text for text in texts if re.search(r": \d", text.text)]
        assert bool(names) == name.startswith("setup"), name
        assert sum("invalidation" in text.text for text in names) == name.startswith("setup")
        heights = sorted(float(text.get("y")) for text in names)
        assert (np.diff(heights) >= 13).all(), name


def test_words_are_escaped():
    sheet = Sheet('<b> & "title"', np.array([1.0, 2.0]), np.array([2.0, 3.0]), [], 0)
    root = ElementTree.fromstring(sheet.svg("a < b & c"))  # noqa: S314
    assert root.find("{*}title").text == "a < b & c"
    assert root.find(".//{*}text").text == '<b> & "title"'
