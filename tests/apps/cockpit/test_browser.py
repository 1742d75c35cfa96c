"""The real server in a real browser: what AppTest cannot see. Needs Chromium; says so loudly where it is missing."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

ROOT = Path(__file__).parents[3]
CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
PATIENCE_MS = 90_000
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--no-first-run",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="BROWSER TESTS DID NOT RUN: install Chromium (apt install chromium)"),
]


@pytest.fixture(scope="module")
def server(small_city: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The cockpit as ``make app`` starts it, on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "apps/cockpit/streamlit_app.py", "--server.port", str(port)]
    log = tmp_path_factory.mktemp("server") / "log"
    environment = os.environ | {"CITYLAKE_HOME": str(small_city.home)}
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            _await(port, process, log)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield page
    page.close()


def _await(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("localhost", port)).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"the server did not start: {log.read_text()}")


def _here(page: Page, name: str) -> None:
    expect(page.locator(".ck-here")).to_have_text(name)


def _fits(page: Page) -> None:
    """Nothing of a page that is done is wider than its place, but for tables, which scroll in their own box.

    A chart takes the width of its place a moment after it is drawn: what is too wide for longer stays so.
    """
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    page.wait_for_function(
        """() => [...document.querySelectorAll('.stMain, [role=dialog], [class*="st-key-ck-card-"]')]
            .every((box) => box.scrollWidth <= box.clientWidth + 1)""",
        timeout=20_000,
    )


def _open_card(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize(
    "address",
    ["/", "/?lang=en", "/economy", "/governance?lang=en", "/deliveries", "/urban?lang=en", "/?lang=en&indicator=G08"],
)
def test_a_page_loads_without_errors_and_asks_no_other_host(server: str, page: Page, address: str) -> None:
    # Would catch a font, icon or script fetched from outside, which an offline city would wait for in vain.
    errors: list[ConsoleMessage] = []
    foreign: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        # Streamlit looks for its server beneath the page's own path first; that 404 is how it finds out.
        if message.type == "error" and not re.search(r"/[a-z]+/_stcore/", str(message.location.get("url"))):
            errors.append(message)

    def asked(request: Request) -> None:
        if not request.url.startswith((server, "data:", "blob:")):
            foreign.append(request.url)

    page.on("console", heard)
    page.on("request", asked)
    page.goto(server + address)
    expect(page.locator(".ck-value").first).to_be_visible()
    expect(page.locator(".stVegaLiteChart canvas, .stVegaLiteChart svg").first).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(1 if "indicator" in address else 0)
    assert [message.text for message in errors] == []
    assert foreign == []
    expect(page.locator(".ck-synthetic").first).to_contain_text("合成数据")
    expect(page.locator(".ck-synthetic").first).to_contain_text("Synthetic data")


def test_a_reader_goes_from_city_to_street_and_back(server: str, page: Page) -> None:
    # Would catch a drill-down that leaves the address behind, and a back button that leaves the reader where he is.
    page.goto(server)
    _here(page, "无锡市")
    page.locator(".ck-table a", has_text="梁溪区").first.click()
    _here(page, "梁溪区")
    expect(page).to_have_url(re.compile(r"region=320213&"))
    page.locator(".ck-table a", has_text="崇安寺街道").first.click()
    _here(page, "崇安寺街道")
    expect(page).to_have_url(re.compile(r"region=320213001&"))
    page.go_back()
    _here(page, "梁溪区")
    page.go_back()
    _here(page, "无锡市")
    page.go_forward()
    _here(page, "梁溪区")
    page.locator(".ck-breadcrumb a", has_text="无锡市").click()
    _here(page, "无锡市")


def test_a_link_to_a_street_opens_that_street(server: str, page: Page) -> None:
    # Would catch a view that cannot be sent to a colleague.
    page.goto(f"{server}/?region=320213002&month=2026-09&lang=en")
    _here(page, "Tongjiang Subdistrict")
    expect(page.locator(".ck-source").first).to_contain_text("Sep 2026")


def test_the_selectors_and_the_address_say_the_same(server: str, page: Page) -> None:
    # Would catch a selector that still shows what the back button has left.
    page.goto(server)
    _here(page, "无锡市")
    page.get_by_role("combobox", name="区（市）").click()
    page.get_by_role("option", name="新吴区").click()
    _here(page, "新吴区")
    expect(page).to_have_url(re.compile(r"region=320214&"))
    page.go_back()
    _here(page, "无锡市")
    expect(page.get_by_role("combobox", name="区（市）")).to_have_value("无锡市全部")


def test_the_language_is_switched_and_kept_from_page_to_page(server: str, page: Page) -> None:
    # Would catch a page that falls back to the other language.
    page.goto(f"{server}/?region=320213")
    _here(page, "梁溪区")
    page.get_by_text("English", exact=True).click()
    _here(page, "Liangxi District")
    expect(page).to_have_url(re.compile(r"lang=en"))
    page.get_by_role("link", name="Economy").click()
    expect(page.get_by_role("button", name="Net entry", exact=True)).to_be_visible()
    _here(page, "Liangxi District")
    expect(page).to_have_url(re.compile(r"/economy\?.*region=320213&.*lang=en"))


def test_a_click_shows_definition_numerator_and_denominator(server: str, page: Page) -> None:
    # Would catch a figure that cannot be explained from the screen.
    page.goto(f"{server}/?lang=en")
    _open_card(page, "Closure rate")
    expect(page).to_have_url(re.compile(r"indicator=G08"))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Of the cases that should have been closed in the period")
    expect(dialog.locator("dt", has_text="Numerator").locator("+ dd")).to_have_text("911")
    expect(dialog.locator("dt", has_text="Denominator").locator("+ dd")).to_have_text("972")
    expect(dialog).to_contain_text("合成数据")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile(r"indicator="))


def test_back_closes_a_definition(server: str, page: Page) -> None:
    # Would catch a reader thrown out of the page by the back button.
    page.goto(f"{server}/?region=320213&lang=en")
    _here(page, "Liangxi District")
    _open_card(page, "Cases filed")
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    _here(page, "Liangxi District")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("address", ["/?", "/economy?region=320213&", "/?indicator=G08&", "/deliveries?"])
def test_nothing_overflows_the_screen(server: str, page: Page, language: str, address: str) -> None:
    # Would catch a table or card that makes the whole page scroll sideways, on a telephone above all.
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(f"{server}{address}lang={language}")
        expect(page.locator(".stVegaLiteChart canvas, .stVegaLiteChart svg").first).to_be_visible()
        _fits(page)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_table_of_a_page_is_cut_on_a_wide_screen(server: str, page: Page, language: str) -> None:
    # Would catch a last column that one has to know of and scroll to: a long English name pushes it out.
    page.goto(f"{server}/?lang={language}")
    expect(page.locator(".ck-scroll")).to_have_count(3)
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.ck-scroll')]
            .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.innerText)"""
    )
    assert cut == []


def test_cards_of_a_row_are_equally_high(server: str, page: Page) -> None:
    # Would catch a ragged grid.
    page.goto(server)
    expect(page.locator('[class*="st-key-ck-card-"]')).to_have_count(7)
    expect(page.locator(".stVegaLiteChart")).to_have_count(7)
    boxes = page.evaluate(
        """() => [...document.querySelectorAll('[class*="st-key-ck-card-"]')].slice(0, 3)
            .map((card) => { const box = card.getBoundingClientRect(); return [box.top, box.height]; })"""
    )
    assert len({(round(top), round(height)) for top, height in boxes}) == 1


def test_an_enterprise_is_found_in_the_box_and_a_name_that_means_harm_stays_text(server: str, page: Page) -> None:
    # Would catch a name whose markup the browser runs, a search that loses the way back, and a script from outside.
    heard: list[str] = []
    foreign: list[str] = []
    page.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
    page.on(
        "request", lambda asked: None if asked.url.startswith((server, "data:", "blob:")) else foreign.append(asked.url)
    )
    page.goto(f"{server}/entity?lang=en")
    page.get_by_role("textbox").fill("太湖")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"find=%E5%A4%AA%E6%B9%96"))
    page.locator(".ck-table a", has_text="javascript:alert").click()
    expect(page.locator(".ck-entity-name")).to_have_text(
        "<img src=x onerror=alert(1)>**太湖**[此处](javascript:alert(2))"
    )
    expect(page.locator(".ck-facts dd", has_text="<iframe")).to_be_visible()
    expect(page.locator('img[src="x"], iframe')).to_have_count(0)
    page.go_back()
    page.locator(".ck-table a", has_text="太湖机械厂").click()
    expect(page.locator(".ck-entity-name")).to_have_text("太湖机械厂")
    page.get_by_text("中文", exact=True).click()
    expect(page.locator(".ck-entity-name + .ck-state-bad")).to_have_text("注销")
    expect(page).to_have_url(re.compile(r"entity=key-works.*lang=zh"))
    assert heard == []
    assert foreign == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_enterprise_fits_a_telephone_and_a_wide_screen(server: str, page: Page, language: str) -> None:
    # Would catch a code, a name or a table that makes the whole page scroll sideways.
    for address in ("entity=key-mill", "entity=key-hostile", "find=太湖"):
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            page.goto(f"{server}/entity?{address}&lang={language}")
            expect(page.locator(".ck-table").last).to_be_visible()
            _fits(page)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_urban_expansion_fits_both_screens_and_its_year_moves_the_map(server: str, page: Page, language: str) -> None:
    # Would catch a map or table wider than a telephone, and a slider that moves nothing.
    page.goto(f"{server}/urban?lang={language}")
    rings = page.locator(".ck-table").first
    expect(rings).to_contain_text("200.0")
    page.get_by_role("slider").press("ArrowLeft")
    expect(rings).to_contain_text("148.0")
    expect(page).to_have_url(re.compile(r"year=2007"))
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        page.goto(f"{server}/urban?lang={language}")
        expect(page.locator(".stVegaLiteChart canvas, .stVegaLiteChart svg").last).to_be_visible()
        _fits(page)
