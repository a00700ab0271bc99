"""A chart as a PNG, for places that show no SVG, such as the Dagster UI."""

import io
from importlib.util import find_spec
from pathlib import Path

from resources.charts.checks import NARROWEST, WIDEST, require
from resources.charts.theme import standalone

PALETTE = 128
"""Colours of the picture: half the bytes, and no difference that a reader sees."""


def png_of(svg: str, width: int) -> bytes:
    """Rasterise a chart.

    Words are in DejaVu Sans, which Matplotlib ships (it is not imported for that): no font of the system is used, so
    the bytes are the same on every machine with the same versions.

    Args:
        svg: of a chart function, in light colours, or of `standalone`.
        width: of the picture in pixels; twice the chart's own looks sharp on any screen.

    Returns:
        A PNG with a palette; at twice the chart's own width 20 to 70 kB.

    Raises:
        InvalidInputError: not a chart of this package, or a width out of range.
    """
    import resvg_py
    from PIL import Image

    require(
        NARROWEST <= width <= WIDEST,
        "png_of, width",
        expected=f"{NARROWEST} to {WIDEST} pixels",
        got=width,
        mend="choose a width in this range",
    )
    fonts = _fonts()
    drawn = resvg_py.svg_to_bytes(
        svg_string=standalone(svg),
        width=width,
        skip_system_fonts=True,
        font_files=[str(fonts / "DejaVuSans.ttf"), str(fonts / "DejaVuSans-Bold.ttf")],
        font_family="DejaVu Sans",
        sans_serif_family="DejaVu Sans",
    )
    file = io.BytesIO()
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    picture.quantize(PALETTE, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return file.getvalue()


def _fonts() -> Path:
    """The folder of Matplotlib's fonts; to import Matplotlib for its path alone would take longer than to draw."""
    package = find_spec("matplotlib")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(
            "no module named 'matplotlib', whose fonts pictures are drawn with", name="matplotlib"
        )
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf"
