"""Invented companies: two plain words, a line of business, and a symbol made from the words.

The initials of the two words count the instruments (AA, AB, ... ZZ), so that the rows are sorted by symbol, and a
smaller universe is the head of a larger one.
"""

from __future__ import annotations

FIRST_WORDS = (
    ("Alder", "Amber", "Arrow"),
    ("Beacon", "Birch", "Bolt"),
    ("Cedar", "Cobalt", "Crest"),
    ("Delta", "Dover", "Dune"),
    ("Eagle", "Elm", "Ember"),
    ("Falcon", "Fern", "Flint"),
    ("Garnet", "Granite", "Grove"),
    ("Harbor", "Hazel", "Heron"),
    ("Iron", "Island", "Ivory"),
    ("Jade", "Jasper", "Juniper"),
    ("Keel", "Kestrel", "Kite"),
    ("Lake", "Lantern", "Laurel"),
    ("Maple", "Marble", "Mesa"),
    ("Nickel", "North", "Nova"),
    ("Oak", "Ocean", "Onyx"),
    ("Pearl", "Pine", "Prairie"),
    ("Quail", "Quarry", "Quartz"),
    ("Raven", "Ridge", "River"),
    ("Sage", "Silver", "Summit"),
    ("Timber", "Topaz", "Tower"),
    ("Umber", "Union", "Upland"),
    ("Vale", "Violet", "Vista"),
    ("Walnut", "West", "Willow"),
    ("Xanthic", "Xenia", "Xenon"),
    ("Yarrow", "Yew", "Yukon"),
    ("Zenith", "Zephyr", "Zinc"),
)
SECOND_WORDS = (
    ("Acre", "Arch", "Aspen"),
    ("Bay", "Bridge", "Brook"),
    ("Cape", "Cliff", "Cove"),
    ("Dale", "Dell", "Dock"),
    ("East", "Edge", "Elms"),
    ("Field", "Ford", "Forge"),
    ("Gate", "Glen", "Gorge"),
    ("Haven", "Heights", "Hollow"),
    ("Ibis", "Inlet", "Ivy"),
    ("Jetty", "Jewel", "Junction"),
    ("Key", "Kiln", "Knoll"),
    ("Landing", "Light", "Loft"),
    ("Mark", "Mill", "Moor"),
    ("Needle", "Nest", "Notch"),
    ("Oaks", "Orchard", "Outlook"),
    ("Park", "Peak", "Point"),
    ("Quay", "Quest", "Quill"),
    ("Reach", "Rock", "Run"),
    ("Shore", "Spring", "Stone"),
    ("Terrace", "Top", "Trail"),
    ("Ultra", "Upper", "Usher"),
    ("Valley", "View", "Vine"),
    ("Way", "Well", "Wood"),
    ("Xebec", "Xenolith", "Xylan"),
    ("Yard", "Yoke", "Yonder"),
    ("Zeal", "Zest", "Zone"),
)
BUSINESSES = (
    ("Broadcasting", "Media", "Networks"),
    ("Apparel", "Motors", "Stores"),
    ("Beverages", "Foods", "Household"),
    ("Drilling", "Oil", "Petroleum"),
    ("Bancorp", "Financial", "Insurance"),
    ("Biotech", "Medical", "Therapeutics"),
    ("Freight", "Industries", "Machinery"),
    ("Semiconductor", "Software", "Systems"),
    ("Chemicals", "Metals", "Packaging"),
    ("Properties", "Realty", "Residential"),
    ("Electric", "Power", "Water"),
)
MAX_COUNT = len(FIRST_WORDS) * len(SECOND_WORDS)


def choose_word(words: tuple[str, ...], uniform: float) -> str:
    """Return the word in whose equal share of (0, 1) `uniform` lies."""
    return words[int(uniform * len(words))]


def company(row: int, sector: int, uniforms: tuple[float, float, float, float]) -> tuple[str, str]:
    """Return the symbol and the name of one instrument.

    Args:
        row: 0..MAX_COUNT-1.
        sector: 0..10, the position in `model.SECTORS`.
        uniforms: in (0, 1): for the first word, the second word, the business and the length of the symbol.

    Returns:
        A symbol of 3 or 4 upper-case letters, and the name.
    """
    first = choose_word(FIRST_WORDS[row // len(SECOND_WORDS)], uniforms[0])
    second = choose_word(SECOND_WORDS[row % len(SECOND_WORDS)], uniforms[1])
    business = choose_word(BUSINESSES[sector], uniforms[2])
    letters = 2 if uniforms[3] < 0.5 else 3
    return (first[0] + second[:letters]).upper(), f"{first} {second} {business}"
