"""The daily report in a real browser: charts, filters, sorting, waves inside waves, themes, telephone and paper."""

import pytest

from resources.report import report_page
from tests.chromium import CHROMIUM, chromium
from tests.report_rows import given

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]

SETUPS = 80
FIRST_ROWS = 50
# What the tests ask of the page.
HELPERS = """
const all = (selector) => Array.from(document.querySelectorAll(selector));
// Waves that aren't displayed have no rectangles; what is in closed details has some, but isn't visible.
const sees = (element) => element.getClientRects().length > 0 && element.checkVisibility({ visibilityProperty: true });
const shown = (id) => all(`#${id} tbody tr`).filter(sees);
const column = (id, at) => shown(id).map((row) => row.cells[at].textContent);
const form = (id) => document.querySelector(`form[data-table=${id}]`);
const fill = (id, label, value) => {
  const named = Array.from(form(id).querySelectorAll('label')).find((each) => each.textContent === label);
  const box = document.getElementById(named.htmlFor);
  box.value = value;
  box.dispatchEvent(new Event('input', { bubbles: true }));
};
const counted = (id) => form(id).querySelector('output').textContent;
const head = (id, title) => all(`#${id} thead th`).find((each) => each.textContent === title);
"""
BLUE_ON_DARK, BLUE_ON_LIGHT = "rgb(86, 180, 233)", "rgb(0, 114, 178)"
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 24, 31)"


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(report_page(given()), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser, address):
    """The report, freshly loaded on a wide screen that prefers light; with `HELPERS`."""
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    browser.media(color_scheme="light")
    browser.open(address)
    browser.value("localStorage.clear()")
    browser.open(address)
    browser.value(HELPERS + "; Object.assign(window, { all, sees, shown, column, form, fill, counted, head }); 0")
    yield browser
    assert browser.problems == []


def test_the_page_loads_without_complaint_and_asks_for_nothing_else(page, address) -> None:
    assert page.problems == []
    assert page.requests == [address]
    assert page.value("document.title") == "Wavemill report, 2018-02-07"


def test_every_chart_is_drawn(page) -> None:
    kinds = page.value(
        "Object.fromEntries(['wave-chart', 'breakdown-chart', 'fan-chart', 'reliability-chart']"
        ".map((kind) => [kind, document.querySelectorAll('svg.' + kind).length]))"
    )
    assert kinds == {"wave-chart": 18, "breakdown-chart": 8, "fan-chart": 4, "reliability-chart": 2}
    assert page.value("all('.for-wide svg').every(sees)")
    assert not page.value("all('.for-narrow svg').some(sees)")
    assert page.value("document.querySelector('.for-wide svg').getBoundingClientRect().width") > 500


@pytest.mark.parametrize(
    ("label", "value", "rows", "at", "every"),
    [
        ("Symbol", "bb", 20, 0, "BBB"),
        ("Symbol", "c<", 20, 0, "CCC<b>"),
        ("Sector", "Energy", 40, 11, "Energy"),
        ("Sector", "<img src=x onerror=alert(1)>", 20, 0, "CCC<b>"),
        ("Way", "up", SETUPS, 3, "up"),
        ("Pattern", "impulse", SETUPS, 1, "impulse"),
    ],
)
def test_a_filter_leaves_the_rows_that_fit(page, label, value, rows, at, every) -> None:
    page.value(f"fill('setups-table', {label!r}, {value!r})")
    told = f"{rows} setups" if rows == SETUPS else f"{rows} of {SETUPS} setups"
    assert page.value("counted('setups-table')") == told
    assert set(page.value(f"column('setups-table', {at})")) == {every}
    assert len(page.value("column('setups-table', 0)")) == min(rows, FIRST_ROWS)


@pytest.mark.parametrize(
    ("label", "value", "rows", "at", "every"),
    [
        ("Symbol", "bb", 1, 0, "BBB"),
        ("Sector", "Energy", 2, 10, "Energy"),
        ("Direction", "upward", 4, 2, "upward"),
        ("Pattern", "impulse", 4, 1, "impulse"),
        ("Most p-value", "0.0025", 2, 9, "130.00"),
    ],
)
def test_confirmed_patterns_are_filtered_too(page, label, value, rows, at, every) -> None:
    page.value(f"fill('confirmed-table', {label!r}, {value!r})")
    assert page.value("counted('confirmed-table')") == ("4 patterns" if rows == 4 else f"{rows} of 4 patterns")
    assert page.value(f"column('confirmed-table', {at})") == [every] * rows
    assert page.value("counted('setups-table')") == f"{SETUPS} setups"


def test_filters_count_together_and_clearing_brings_all_back(page) -> None:
    page.value("fill('setups-table', 'Most p-value', '0.01')")
    assert page.value("counted('setups-table')") == f"20 of {SETUPS} setups"
    page.value("fill('setups-table', 'Least score', '0.885')")
    assert page.value("column('setups-table', 4)") == ["0.900", "0.895", "0.890", "0.885"]
    page.value("fill('setups-table', 'Symbol', 'AAA')")
    assert page.value("column('setups-table', 4)") == ["0.900"]
    page.value("fill('setups-table', 'Symbol', 'nobody')")
    assert page.value("counted('setups-table')") == f"0 of {SETUPS} setups"
    page.value("form('setups-table').querySelector('[type=reset]').click()")
    assert (
        page.value("new Promise((done) => setTimeout(() => done(counted('setups-table')), 20))") == f"{SETUPS} setups"
    )


def test_typing_into_a_filter_works_and_enter_does_not_leave_the_page(page, address) -> None:
    page.value("document.querySelector('#setups-table-0').focus()")
    page.call("Input.insertText", text="ddd")
    page.press("Enter", 13)
    assert page.value("counted('setups-table')") == f"20 of {SETUPS} setups"
    assert page.value("location.href") == address


def test_more_rows_are_shown_on_demand(page) -> None:
    assert len(page.value("column('setups-table', 0)")) == FIRST_ROWS
    assert page.value("document.querySelector('.more').textContent") == f"Show {SETUPS - FIRST_ROWS} more of {SETUPS}"
    page.value("document.querySelector('.more').click()")
    assert len(page.value("column('setups-table', 0)")) == SETUPS
    assert not page.value("sees(document.querySelector('.more'))")


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(page) -> None:
    page.value("document.querySelector('.more').click()")
    ratio = "column('setups-table', 10)"
    page.value("head('setups-table', 'Gain/risk').querySelector('button').click()")
    falling = page.value(ratio)
    unknown = [each for each in falling if each == "\u2013"]
    assert falling[: -len(unknown)] == sorted(falling[: -len(unknown)], key=lambda each: -_number(each))
    assert falling[-len(unknown) :] == unknown
    assert page.value("head('setups-table', 'Gain/risk').getAttribute('aria-sort')") == "descending"
    page.value("head('setups-table', 'Gain/risk').querySelector('button').click()")
    rising = page.value(ratio)
    # Those beyond the largest shown one look alike.
    assert rising[: -len(unknown)] == falling[: -len(unknown)][::-1]
    assert rising[-len(unknown) :] == unknown
    page.value("head('setups-table', 'Symbol').querySelector('button').click()")
    assert page.value("column('setups-table', 0)") == sorted(page.value("column('setups-table', 0)"))
    assert page.value("document.querySelectorAll('#setups-table [aria-sort]').length") == 1


def _number(words: str) -> float:
    return float(words.removeprefix("> "))


def test_sorting_keeps_the_filter(page) -> None:
    page.value("fill('setups-table', 'Symbol', 'BBB')")
    page.value("head('setups-table', 'Score').querySelector('button').click()")
    assert set(page.value("column('setups-table', 0)")) == {"BBB"}
    assert page.value("counted('setups-table')") == f"20 of {SETUPS} setups"


def test_picks_are_found_by_symbol_and_company(page) -> None:
    page.value("fill('picks-table', 'Symbol or company', 'plain')")
    assert page.value("column('picks-table', 0)") == ["AAA"]
    page.value("fill('picks-table', 'Symbol or company', 'ddd')")
    assert page.value("column('picks-table', 0)") == ["DDD"]
    page.value("fill('picks-table', 'Symbol or company', '')")
    page.value("fill('picks-table', 'Side', 'short')")
    assert page.value("column('picks-table', 0)") == ["BBB", "DDD"]


CARD = "document.querySelector('.card')"
CHILD = f"{CARD}.querySelector('.for-wide .child')"
LEG = f"{CARD}.querySelector('.for-wide .leg')"
MIDDLE = f"""(() => {{
  const reach = {LEG}.querySelector('.reach');
  reach.scrollIntoView({{ block: 'center', behavior: 'instant' }});
  const middle = reach.getPointAtLength(reach.getTotalLength() / 2).matrixTransform(reach.getScreenCTM());
  return [middle.x, middle.y];
}})()"""


def test_a_click_on_a_wave_shows_the_waves_inside_until_the_next_one(page) -> None:
    assert not page.value(f"sees({CHILD})")
    x, y = page.value(MIDDLE)
    for shown in (True, False):
        for kind in ("mousePressed", "mouseReleased"):
            page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        page.call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
        assert page.value(f"sees({CHILD})") is shown
        assert page.value(f"{LEG}.getAttribute('aria-expanded')") == str(shown).lower()


def test_the_mouse_over_a_wave_shows_what_is_inside(page) -> None:
    x, y = page.value(MIDDLE)
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert page.value(f"sees({CHILD})")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    assert not page.value(f"sees({CHILD})")


def test_the_keyboard_opens_a_wave_too(page) -> None:
    page.value(f"{LEG}.focus()")
    assert page.value(f"document.activeElement === {LEG}")
    assert page.value(f"{LEG}.getAttribute('aria-label')") == "Waves inside 2: zigzag"
    page.press("Enter", 13)
    assert page.value(f"sees({CHILD})")
    page.press("Enter", 13)
    assert not page.value(f"sees({CHILD})")


def test_the_waves_inside_open_degree_by_degree(page) -> None:
    inner = f"{CARD}.querySelector('.for-wide .child .child')"
    click = "dispatchEvent(new MouseEvent('click', { bubbles: true }))"
    page.value(f"{LEG}.querySelector('.reach').{click}")
    assert page.value(f"[sees({CHILD}), sees({inner})]") == [True, False]
    page.value(f"{inner}.closest('.leg').querySelector('.reach').{click}")
    assert page.value(f"[sees({CHILD}), sees({inner})]") == [True, True]
    page.value(f"{LEG}.querySelector('.reach').{click}")
    assert page.value(f"[sees({CHILD}), sees({inner})]") == [False, False]


def test_the_choice_of_degrees_shows_all_waves_inside_of_its_card_alone(page) -> None:
    page.value(f"{CARD}.querySelector('[value=\"1\"]').click()")
    assert page.value(f"sees({CHILD})")
    assert page.value("all('.for-wide .child').filter(sees).length") == 1
    page.value(f"{CARD}.querySelector('[value=\"2\"]').click()")
    assert page.value("all('.for-wide .child').filter(sees).length") == 2
    page.value(f"{CARD}.querySelector('[value=\"0\"]').click()")
    assert not page.value(f"sees({CHILD})")


def test_the_breakdown_opens(page) -> None:
    assert not page.value(f"sees({CARD}.querySelector('.breakdown-chart'))")
    page.value(f"{CARD}.querySelector('summary').click()")
    assert page.value(f"sees({CARD}.querySelector('.breakdown-chart'))")


COLOURS = (
    "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('.wave .legs')).stroke,"
    "document.querySelector('#theme').textContent]"
)


def test_the_theme_follows_the_system_and_the_choice_which_is_kept(page, address) -> None:
    assert page.value(COLOURS) == [LIGHT, BLUE_ON_LIGHT, "Theme: system"]
    page.media(color_scheme="dark")
    assert page.value(COLOURS) == [DARK, BLUE_ON_DARK, "Theme: system"]
    page.value("document.querySelector('#theme').click()")
    assert page.value(COLOURS) == [LIGHT, BLUE_ON_LIGHT, "Theme: light"]
    page.open(address)
    assert page.value(COLOURS) == [LIGHT, BLUE_ON_LIGHT, "Theme: light"]
    page.media(color_scheme="light")
    page.value("document.querySelector('#theme').click()")
    assert page.value(COLOURS) == [DARK, BLUE_ON_DARK, "Theme: dark"]
    page.value("document.querySelector('#theme').click()")
    page.open(address)
    assert page.value(COLOURS) == [LIGHT, BLUE_ON_LIGHT, "Theme: system"]


@pytest.mark.parametrize("width", [320, 390, 640, 768, 1000, 1280, 1920])
def test_the_page_never_scrolls_sideways(page, address, width) -> None:
    page.open(address, width=width, mobile=width < 700)
    assert page.value("[document.documentElement.scrollWidth, document.documentElement.clientWidth]") == [width, width]
    wide = page.value("Array.from(document.querySelectorAll('.for-wide')).every((each) => each.offsetParent !== null)")
    assert wide is (width > 640)


def test_the_first_screen_shows_a_wave_and_what_became_of_yesterday(page) -> None:
    page.value("scrollTo(0, 0)")
    bottom = "document.querySelector({!r}).getBoundingClientRect().bottom"
    for shown in (".headline h1", ".headline .lede", ".headline .held", ".headline .for-wide svg"):
        assert page.value(bottom.format(shown)) < 700


def test_on_a_telephone_words_and_charts_are_large_enough(page, address) -> None:
    page.open(address, width=390, mobile=True)
    sizes = page.value(
        "Array.from(document.querySelectorAll('.for-narrow svg, .fan svg')).map((each) => "
        "each.getBoundingClientRect().width / each.viewBox.baseVal.width)"
    )
    # Words of 11 pixels stay above 9.
    assert min(sizes) > 0.85
    assert page.value("parseFloat(getComputedStyle(document.body).fontSize)") >= 14


def test_on_paper_everything_is_open_in_light_colours_without_controls(page) -> None:
    page.media("print", color_scheme="dark")
    assert page.value("getComputedStyle(document.body).backgroundColor") == LIGHT
    assert not page.value("all('form, nav, button.more, #theme, .depth').some(sees)")
    assert page.value("all('.for-narrow .child').every(sees)")
    assert page.value("all('.breakdown-chart').every(sees)")
    assert page.pdf().startswith(b"%PDF")
    assert page.value("document.querySelectorAll('details[open]').length") == 0


def test_without_a_script_every_row_is_there_and_nothing_dead_is_shown(browser, address) -> None:
    browser.media(color_scheme="light")
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        # What the protocol asks for still runs.
        browser.open(address)
        browser.value(HELPERS + "; Object.assign(window, { all, sees }); 0")
        assert browser.value("all('#setups-table tbody tr').filter(sees).length") == SETUPS
        assert browser.value("all('form, #theme, thead button').filter(sees).length") == 0
        assert not browser.value(f"sees({CHILD})")
        browser.value(f"{CARD}.querySelector('[value=\"1\"]').checked = true")
        assert browser.value(f"sees({CHILD})")
        assert browser.problems == []
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
