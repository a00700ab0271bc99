"""A chart as a file for the guides, in the colours of the page: light, and dark where the reader asks for it."""

from resources.charts import standalone
from resources.charts.theme import COLOURS


def in_both_themes(svg: str, style: str = "") -> str:
    """A chart of `resources.charts` as a file of its own.

    The light colours are attributes, which every program that draws SVG knows; browsers put the dark ones above them.

    Args:
        svg: of a chart function.
        style: more CSS, for both themes.
    """
    dark = "".join(
        f'[fill="{bright}"]{{fill:{dim}}}[stroke="{bright}"]{{stroke:{dim}}}'
        for bright, dim in dict(COLOURS.values()).items()
    )
    head, end, rest = standalone(svg).partition("</desc>")
    return f"{head}{end}<style>{style}@media(prefers-color-scheme:dark){{{dark}}}</style>{rest}\n"
