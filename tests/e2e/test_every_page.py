"""Every page of a furnished installation: readable for everybody, in both themes, on a phone, without a complaint.

A page added later is found by itself (tests/e2e/sweep.py says how).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from flowapp import create_app
from flowapp.config import Settings
from flowapp.extensions import db
from tests.conftest import base_environ
from tests.e2e.sweep import Furnished, Page, furnish, pages
from tests.support.group import ROOT, Group, running_group

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
AXE = """async ([theme, rules]) => {
  const changed = () => document.documentElement.dataset.bsTheme === theme;
  const pause = milliseconds => new Promise(done => setTimeout(done, milliseconds));
  // Not by animation frames: a busy machine may give a tab none for long.
  for (let turn = 0; turn < 1000 && !changed(); turn += 1) await pause(5);
  if (!changed()) return ["the theme did not change"];
  const options = { resultTypes: ["violations"], ...rules };
  const late = pause(60000).then(() => { throw new Error("axe took longer than a minute"); });
  const found = (await Promise.race([axe.run(options), late])).violations;
  return found.map(v => `${v.id}: ${v.help}: ${v.nodes.map(n => n.target.join(" ")).join(" | ")}`);
}"""
# A colour is the theme's at once. For 700 elements on their way there, one after what it inherits from, took 0.3 s a page.
STILL = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, ::before, ::after { transition: none !important; animation: none !important; }");
  document.adoptedStyleSheets.push(still);
}"""
# In dark, the same elements have other colours; in French, other words. What is neither was looked at in light and English.
COLOURS = ["color-contrast", "link-in-text-block"]
IN_DARK = {"runOnly": {"type": "rule", "values": COLOURS}}
IN_FRENCH = {"rules": {name: {"enabled": False} for name in COLOURS}}
BROKEN = """<html data-bs-theme="light"><script>
matchMedia("(prefers-color-scheme: dark)").onchange = event => {
  document.documentElement.dataset.bsTheme = event.matches ? "dark" : "light";
};
console.error("oops");
</script><body style="margin: 0"><h1>a</h1><h1>b</h1><img src="data:,"><div style="width: 500px">c</div>
<p style="color: #777; background: #666">dim words</p>
<div class="table-scroll" style="overflow: auto; width: 9px">wide</div></body></html>"""
SAME_IN_FRENCH = {"Workflows", "Notifications", "Installation", "Contacts", "Pipelines"}
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"
SIDEWAYS = "[...document.querySelectorAll('.table-scroll')].filter(box => box.scrollWidth > box.clientWidth + 1).length"


@dataclass
class Site:
    group: Group
    place: Furnished
    pages: list[Page]
    first_visit: list[str]
    """What was wrong with the set-up page, which is gone once there is an account."""


class Reader:
    """One tab, kept for all pages; says what is wrong with each."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url, self.complaints = url, []
        context.add_init_script(path=ROOT / "node_modules/axe-core/axe.min.js")
        self.tab = context.new_page()
        self.tab.on(
            "console", lambda message: self.complaints.append(message.text) if message.type == "error" else None
        )
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str, status: int = 200) -> list[str]:
        """Wrong at first sight: the status, the address, the heading, the title."""
        self.complaints.clear()
        self.tab.set_viewport_size(WIDE)
        self.tab.emulate_media(color_scheme="light")
        answer = self.tab.goto(self.url + path)
        self.tab.evaluate(STILL)
        found = [] if answer and answer.status == status else [f"answers {answer.status if answer else 'nothing'}"]
        found += [] if self.tab.url == self.url + path else [f"leads to {self.tab.url}"]
        found += [] if self.tab.locator("h1").count() == 1 else ["has not exactly one h1"]
        found += [] if self.tab.title().removesuffix("· Flowapp").strip() else ["has no title"]
        return found

    def fits(self) -> list[str]:
        """Nothing is wider than the window, on a desk and on a phone."""
        found = []
        for size in (WIDE, PHONE):
            self.tab.set_viewport_size(size)
            if wide := self.tab.evaluate(OVERFLOW):
                found.append(f"is {wide} px too wide at {size['width']} px")
        if tables := self.tab.evaluate(SIDEWAYS):  # on a phone
            found.append(f"has {tables} tables that scroll sideways")
        return found

    def axe(self, theme: Any = "light", **rules: Any) -> list[str]:
        """Violations of axe-core's rules in a theme."""
        self.tab.emulate_media(color_scheme=theme)
        return [f"in {theme}: {violation}" for violation in self.tab.evaluate(AXE, [theme, rules])]

    def read(self, path: str, status: int = 200) -> list[str]:
        """All that is wrong with a page."""
        found = self.open(path, status) + self.axe() + self.fits() + self.axe("dark", **IN_DARK)
        if status == 200:
            found += [f"complains: {text}" for text in self.complaints]
        return [f"{path} {problem}" for problem in found]


@contextmanager
def reader(browser: Browser, group: Group, cookies: dict[str, str] | None = None, **options: Any) -> Iterator[Reader]:
    context = browser.new_context(reduced_motion="reduce", **({"locale": "en"} | options))
    context.add_cookies([{"name": name, "value": value, "url": group.url} for name, value in (cookies or {}).items()])
    try:
        yield Reader(context, group.url)
    finally:
        context.close()


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The furnished installation, and this process's own application on the same data."""
    with running_group(base_environ(tmp_path_factory.mktemp("sweep"))) as group:
        with reader(browser, group) as visitor:
            first_visit = visitor.read("/setup")
        app = create_app(Settings.from_env(group.environ))
        place = furnish(app)
        yield Site(group, place, pages(app, place), first_visit)
        with app.app_context():
            db.engine.dispose()


def by_person(site: Site, browser: Browser, wanted: Iterable[Page], **options: Any) -> Iterator[tuple[Page, Reader]]:
    """Each wanted page with the reader who may see it: the owner, or somebody who has not signed in."""
    for cookies in ({}, site.place.cookies):
        with reader(browser, site.group, cookies, **options) as person:
            yield from ((page, person) for page in wanted if page.signed_in == bool(cookies))


@pytest.mark.parametrize("half", [0, 1])
def test_every_page_reads_well(site: Site, browser: Browser, half: int) -> None:
    found = list(site.first_visit)
    for page, person in by_person(site, browser, site.pages[half::2]):
        found += person.read(page.path)
    assert not found, "\n".join(found)


def test_error_pages_read_well(site: Site, browser: Browser) -> None:
    found = []
    for cookies in ({}, site.place.cookies):
        with reader(browser, site.group, cookies) as person:
            found += person.read("/no-such-page" if cookies else "/invite/no-such-invitation", status=404)
    assert not found, "\n".join(found)


def test_every_page_speaks_french(site: Site, browser: Browser) -> None:
    found = []
    one_of_each = {page.endpoint: page for page in site.pages}.values()
    for page, person in by_person(site, browser, one_of_each, locale="fr-FR"):
        found += [f"{page.path} in French {problem}" for problem in person.open(page.path)]
        french = " ".join((person.tab.locator("h1").text_content() or "").split())
        if person.tab.locator("html").get_attribute("lang") != "fr":
            found.append(f"{page.path} is not marked as French")
        if french == page.static_heading and french not in SAME_IN_FRENCH:
            found.append(f"{page.path} is headed “{french}” in both languages")
        found += [f"{page.path} in French {problem}" for problem in person.axe(**IN_FRENCH) + person.fits()]
    assert not found, "\n".join(found)


def test_the_reader_sees_what_is_wrong(browser: Browser, site: Site) -> None:
    with reader(browser, site.group) as person:
        person.tab.route("**/broken", lambda route: route.fulfill(body=BROKEN, content_type="text/html"))
        found = "\n".join(person.read("/broken"))
        in_french = person.axe(**IN_FRENCH)
    for problem in (
        "exactly one h1",
        "no title",
        "110 px too wide at 390 px",
        "1 tables that scroll",
        "in light: image-alt",
        "in dark: color-contrast",
        "complains: oops",
    ):
        assert problem in found, found
    assert any("image-alt" in one for one in in_french)
