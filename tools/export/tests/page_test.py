#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The page in a real browser, without a head: what it draws, what it answers to, and that no name runs as a program.

usage: page_test.py EXPORT_SAMPLE DIRECTORY [WORD]
Screenshots stay in DIRECTORY. Runs the cases whose names contain WORD, if it is given.
"""
import atexit
import base64
import io
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "hw/tests/qemu"))

from tap import case, expect, main  # pylint: disable=wrong-import-position

EXPORT, FOLDER = sys.argv[1], Path(sys.argv[2])
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
         "--hide-scrollbars", "--force-device-scale-factor=1"]


def expect_localhost():
    """The driver and its browser find each other by that name; without it they wait half a minute and say little."""
    try:
        socket.getaddrinfo("localhost", None)
    except socket.gaierror:
        expect(False, "this machine does not know localhost: /etc/hosts needs a line \"127.0.0.1 localhost\"")


def start_browser():
    expect_localhost()
    profile = tempfile.mkdtemp(prefix="page-test-")
    atexit.register(shutil.rmtree, profile, ignore_errors=True)
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in [*QUIET, f"--user-data-dir={profile}", "--window-size=1500,1400"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    atexit.register(browser.quit)
    browser.set_page_load_timeout(60)
    browser.set_script_timeout(30)
    return browser


class Page:
    """One made-up trace, opened as a file."""

    browser = None

    def __init__(self, trace, scheme="light"):
        if Page.browser is None:
            Page.browser = start_browser()
        self.file = FOLDER / f"{trace}.html"
        subprocess.run([EXPORT, "page", trace, str(self.file)], check=True, timeout=60)
        self.browser.get_log("browser")
        self.browser.get_log("performance")
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})
        self.browser.get(self.file.resolve().as_uri())
        expect(self.find_all("#lanes"), f"{self.file} is not the page: the browser shows {self.browser.title!r}")
        self.settle()

    def settle(self):
        """Until what was asked for is drawn."""
        self.browser.execute_async_script(
            "const done = arguments[0], is_drawn = () => Number(byId('spaces').dataset.moment) === momentOfMaps();"
            "const wait = () => requestAnimationFrame(() => is_drawn() ? requestAnimationFrame(() => done()) : wait());"
            "wait();")

    def expect_no_complaint(self):
        complaints = [entry["message"] for entry in self.browser.get_log("browser")]
        expect(not complaints, f"the browser's console says {complaints}")

    def find(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def view(self):
        lanes = self.find("#lanes")
        return float(lanes.get_attribute("data-from")), float(lanes.get_attribute("data-to"))

    def chosen(self):
        return int(self.find("#lanes").get_attribute("data-chosen"))

    def keys(self, *keys):
        self.find("#lanes").send_keys(*keys)
        self.settle()

    def shot(self, name):
        """The whole page, however long, into the folder."""
        tall = self.browser.execute_script("return document.documentElement.scrollHeight")
        png = self.browser.execute_cdp_cmd("Page.captureScreenshot", {
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": 1500, "height": min(tall, 8000), "scale": 1}})["data"]
        (FOLDER / f"{name}.png").write_bytes(base64.b64decode(png))

    def picture(self, selector):
        return Image.open(io.BytesIO(self.find(selector).screenshot_as_png)).convert("RGB")

    def colour(self, name):
        """A colour of the style sheet as a picture has it."""
        text = self.browser.execute_script(
            f"return getComputedStyle(document.documentElement).getPropertyValue('--{name}')").strip()
        return tuple(int(text[i:i + 2], 16) for i in (1, 3, 5))


def pixels_of(picture, colour):
    return sum(count for count, found in picture.getcolors(1 << 24)
               if all(abs(a - b) <= 3 for a, b in zip(found, colour)))


@case
def small_trace_is_drawn():
    page = Page("small")
    page.expect_no_complaint()
    page.shot("small")
    expect("qemu-4711" in page.text("#machine"), "the machine has its name")
    lanes = page.picture("#lanes")
    for colour in ("common", "injected", "faulty", "noted"):
        expect(pixels_of(lanes, page.colour(colour)) > 10, f"{colour} events are on the timeline")
    expect(pixels_of(page.picture("#overview"), page.colour("common")) > 50, "the overview is not blank")
    expect("none" in page.text("#facts"), "nothing was lost, and the page says so")


@case
def dark_is_dark():
    page = Page("small", "dark")
    page.expect_no_complaint()
    page.shot("small-dark")
    background = page.picture("#lanes").getpixel((5, 1))
    expect(max(background) < 80, f"the timeline's background is {background}")


@case
def wheel_drag_and_keys_move_the_view():
    page = Page("small")
    whole = page.view()
    lanes = page.find("#lanes")
    ActionChains(page.browser).scroll_from_origin(
        webdriver.common.actions.wheel_input.ScrollOrigin.from_element(lanes), 0, -300).perform()
    page.settle()
    near = page.view()
    expect(near[1] - near[0] < 0.5 * whole[1], f"the wheel zooms in: {near}")
    ActionChains(page.browser).move_to_element(lanes).click_and_hold().move_by_offset(-200, 0).release().perform()
    page.settle()
    dragged = page.view()
    expect(dragged[0] > near[0] and abs((dragged[1] - dragged[0]) - (near[1] - near[0])) < 2, "dragging moves")
    page.keys("+")
    expect(page.view()[1] - page.view()[0] < 0.6 * (dragged[1] - dragged[0]), "plus zooms in")
    before = page.view()
    page.keys(Keys.ARROW_RIGHT)
    expect(page.view()[0] > before[0], "an arrow moves")
    page.keys(Keys.HOME)
    expect(page.view() == whole, "Home shows everything")
    page.expect_no_complaint()


@case
def notable_events_are_stepped_through():
    page = Page("small")
    page.keys(Keys.HOME, "n")
    first = page.chosen()
    expect(first >= 0, "n chooses an event")
    found = []
    for _ in range(40):
        page.keys("n")
        if page.find_all("#chosen button") and "rule 0, 1 times" in page.text("#chosen"):
            found.append(page.chosen())
            break
    expect(found, "stepping comes by the injection")
    page.keys(Keys.ENTER)
    expect("translation" in page.text("#chosen") and "tampered" in page.text("#chosen"),
           f"Enter leads to what it changed: {page.text('#chosen')}")
    page.shot("small-chosen")
    page.keys(Keys.ESCAPE)
    expect(page.chosen() == -1, "Escape chooses nothing")
    page.expect_no_complaint()


@case
def a_click_chooses_what_is_under_it():
    page = Page("small")
    place = page.browser.execute_script(
        "const i = events.weight.indexOf(WEIGHT.injected), c = byId('lanes');"
        "return [i, xOf(events.time[i], c.clientWidth) - c.clientWidth / 2,"
        " rows[events.lane[i]] + LANE / 2 - c.clientHeight / 2];")
    mouse = ActionChains(page.browser)
    mouse.move_to_element_with_offset(page.find("#lanes"), int(place[1]), int(place[2])).perform()
    page.settle()
    tip = page.find("#tip")
    expect(tip.is_displayed() and "injection" in tip.text, f"hovering says what it is: {tip.text!r}")
    ActionChains(page.browser).click().perform()
    page.settle()
    expect(page.chosen() == place[0], f"the injection is chosen: {page.chosen()}, not {place[0]}")
    page.expect_no_complaint()


@case
def tables_lead_to_their_moments():
    page = Page("small")
    rows = page.find_all("#rules tbody tr")
    expect(len(rows) == 2 and "writes to the ring" in rows[0].text, "the rules are listed")
    page.find("#rules button.link").click()
    page.settle()
    expect("injection" in page.text("#chosen"), "a rule's link shows its injection")
    expect("00:03.0" in page.text("#faults") and "no read permission" in page.text("#faults"), "faults by device")
    page.find("#faults button.link").click()
    page.settle()
    expect("injection" not in page.text("#chosen"), "a fault's link shows the fault")
    expect("18,446,744,073,709,551,615" in page.text("#counters"), "a counter keeps all of its digits")
    page.expect_no_complaint()


@case
def the_map_shows_pages_a_terabyte_apart():
    page = Page("small")
    maps = page.find_all("#spaces .map svg")
    expect(len(maps) == 2, "one map for each device")
    width = float(maps[0].get_attribute("width"))
    expect(width < 1600, f"a terabyte is {width} pixels wide")
    labels = [group.get_attribute("aria-label") for group in page.find_all("#spaces .range")]
    expect(any("0x10000000000" in label and "command channel, destroyed" in label for label in labels),
           f"whose memory it was: {labels}")
    expect(any("reachable" in label for label in labels), "what the tables allow is there")
    bars = page.browser.execute_script(
        "return [...document.querySelectorAll('#spaces rect')].every(r => r.getBBox().width >= 1 && isFinite(r.getBBox().x))")
    expect(bars, "every range can be seen")
    page.find("#spaces .trouble").send_keys(Keys.ENTER)
    page.settle()
    expect(page.chosen() >= 0, "a mark leads to its event")
    page.browser.execute_script("byId('colour').value = 'rights'; byId('colour').dispatchEvent(new Event('change'));")
    expect("read and write" in page.text("#map-legend"), "colours by right")
    page.expect_no_complaint()


def labels_at(page, nanoseconds):
    """By state and kind, what the map shows when the view ends there."""
    page.browser.execute_script("view.choose(-1); view.show(0, arguments[0])", nanoseconds)
    page.settle()
    found = {}
    for group in page.find_all("#spaces .range"):
        _, kind, state = group.get_attribute("class").split()
        found.setdefault((kind, state), []).append(group.get_attribute("aria-label"))
    return found


@case
def what_is_unmapped_no_longer_looks_mapped():
    page = Page("unmaps")
    at = labels_at(page, 1_200)
    expect(set(at) == {("mapped", "now")}, f"before any use: {at}")
    expect("48 KiB mapped" in page.text("#spaces .space > summary"), "and without what is mapped later")
    at = labels_at(page, 9_000)
    expect(not at.keys() & {("mapped", "past"), ("used", "past")}, f"all is there: {at}")
    expect(len(at["mapped", "now"]) >= 3 and "until it was unmapped at 10 µs" in "".join(at["mapped", "now"]),
           f"and what is unmapped later says so: {at}")
    at = labels_at(page, 15_000)
    expect([label[:22] for label in at["mapped", "past"]] == ["0x102000 to 0x103fff, "], f"a part is gone: {at}")
    expect(["from 2 µs until it was unmapped at 10 µs" in label for label in at["used", "past"]] == [True],
           f"and with it what was used of it: {at}")
    at = labels_at(page, 25_000)
    expect(len(at["mapped", "past"]) == 3, f"one unmap ends two mappings: {at}")
    page.shot("unmaps-earlier")
    at = labels_at(page, 100_000)
    expect(any("though it was unmapped before" in label for label in at["used", "past"]), f"a use all the same: {at}")
    expect(any("until something else was there at 50 µs" in label for label in at["mapped", "past"]),
           f"what was mapped anew: {at}")
    page.shot("unmaps")
    expect("no longer mapped" in page.text("#spaces .space > summary"), "the summary says it")
    page.expect_no_complaint()


@case
def gone_ranges_look_gone():
    page = Page("unmaps")
    filled = {}
    for nanoseconds in (9_000, 15_000):
        labels_at(page, nanoseconds)
        page.browser.execute_script("document.activeElement.blur()")
        bars = page.browser.execute_script(
            "return [...document.querySelectorAll('#spaces .used.now rect')].reduce((sum, r) => sum + r.getBBox().width, 0)")
        filled[nanoseconds] = bars
    expect(filled[15_000] < 0.9 * filled[9_000], f"less is filled after the unmap: {filled}")
    expect(page.browser.execute_script(
        "return [...document.querySelectorAll('#spaces .used.past rect')].every(r =>"
        " document.querySelector(r.getAttribute('fill').slice(4, -1)).querySelector('path') !== null)"), "hatched")
    expect("no longer mapped" in page.text("#map-title ~ p.legend"), "the legend explains it")


@case
def the_map_is_of_the_chosen_event():
    page = Page("unmaps")
    expect("at the end of the trace, 100 µs" in page.text("#map-moment"), page.text("#map-moment"))
    page.browser.execute_script("goTo(events.text.findIndex((text) => text.startsWith('unmap')))")
    page.settle()
    expect("at the chosen event, 10 µs" in page.text("#map-moment"), page.text("#map-moment"))
    gone = page.find_all("#spaces .mapped.past")
    expect(len(gone) == 1 and "0x102000" in gone[0].get_attribute("aria-label"), "its unmap has happened")
    page.keys(Keys.ESCAPE)
    expect("in view" in page.text("#map-moment"), page.text("#map-moment"))
    page.expect_no_complaint()


@case
def the_map_is_walked_with_arrows():
    page = Page("unmaps")
    stops = page.find_all("#spaces svg [tabindex='0']")
    expect(len(stops) == 1, f"one stop of the tabulator, not {len(stops)}")
    stops[0].send_keys(Keys.ARROW_RIGHT)
    page.settle()
    focused = page.browser.switch_to.active_element.get_attribute("aria-label")
    expect(focused == page.find_all("#spaces .range")[1].get_attribute("aria-label"), f"the next range: {focused}")
    expect(page.text("#spaces .about") == focused, f"what it is can be read: {page.text('#spaces .about')}")
    page.expect_no_complaint()


@case
def overlapping_maps_of_everything_are_drawn_in_time():
    page = Page("overlaps")
    page.expect_no_complaint()
    expect("not complete" not in page.text("#spaces .space > summary"), "the end is complete")
    page.browser.execute_script("view.show(0, span / 2)")
    page.settle()
    expect("not complete before" in page.text("#spaces .space > summary"), "what is left out earlier is said")
    milliseconds = page.browser.execute_script(
        "const t = performance.now(); for (let i = 1; i < 6; ++i) { view.show(0, span * i / 6); drawMaps(); }"
        "return (performance.now() - t) / 5;")
    print(f"# a map takes {milliseconds:.1f} ms, the file has {page.file.stat().st_size} bytes")
    expect(milliseconds < 2000, f"a map takes {milliseconds} ms")
    page.settle()
    page.find("#spaces details.table > summary").click()
    page.settle()
    expect(len(page.find_all("#spaces details.table tbody tr")) > 100, "the table is there when it is opened")
    page.expect_no_complaint()


@case
def two_hundred_thousand_events_are_bins_and_quick():
    page = Page("large")
    page.expect_no_complaint()
    page.shot("large")
    size = page.file.stat().st_size
    expect(size < 12e6, f"the file has {size} bytes")
    notices = page.text("#notices")
    expect("1,234 of lane 2" in notices and "lost" in notices, f"loss is said in words: {notices}")
    expect("counted in" in notices, f"and what is only counted: {notices}")
    expect(pixels_of(page.picture("#lanes"), page.colour("binned")) > 100, "the bins are drawn")
    milliseconds = page.browser.execute_script(
        "const t = performance.now(); for (let i = 0; i < 10; ++i) { view.zoom(0.8); drawLanes(); drawOverview(); }"
        "return (performance.now() - t) / 10;")
    print(f"# a frame takes {milliseconds:.1f} ms, the file has {size} bytes")
    expect(milliseconds < 250, f"a frame takes {milliseconds} ms")


@case
def an_empty_trace_is_a_page_too():
    page = Page("empty")
    page.expect_no_complaint()
    page.shot("empty")
    expect("The trace is empty" in page.text("#notices"), "it says so")
    for key in ("n", "p", "+", "-", Keys.HOME, Keys.ENTER):
        page.keys(key)
    page.expect_no_complaint()


@case
def hostile_names_stay_names():
    page = Page("hostile")
    page.expect_no_complaint()
    page.shot("hostile")
    expect("</script>" in page.text("#machine"), "the name is shown as it is")
    expect(page.browser.title.startswith("</script>"), f"no script of a name has run: {page.browser.title}")
    expect(not page.find_all("img"), "no markup of a name is in the page")
    for _ in range(3):
        page.keys("n")
    for summary in page.find_all("#spaces .space > summary")[:4]:
        summary.click()
    page.expect_no_complaint()


@case
def nothing_is_fetched():
    page = Page("small")
    asked = [entry["message"] for entry in page.browser.get_log("performance")
             if '"Network.requestWillBeSent"' in entry["message"] and '"file:///' not in entry["message"]]
    expect(not asked, f"requests: {asked}")


@case
def a_narrow_window_does_not_hide_anything():
    page = Page("small")
    page.browser.set_window_size(620, 900)
    try:
        time.sleep(0.3)
        page.settle()
        page.expect_no_complaint()
        wide = page.browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
        expect(wide <= 0, f"the page is {wide} pixels wider than its window")
    finally:
        page.browser.set_window_size(1500, 1400)


main(arguments=2)
