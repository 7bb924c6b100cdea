"""The console for everybody: in two languages, in light and dark, on a phone, with the keyboard, and as axe-core checks it."""

import pytest

import browser
import fleet
import programs
import switching

AXE = programs.CACHE / "node" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")
CALL = f"explorer/cdb/DescribeSSLStatus?InstanceId={fleet.ON.id}"
PAGES = (
    "",
    "?search=nothing-fits",
    f"instances/{fleet.ON.id}",
    f"instances/{fleet.MIXED.id}",
    f"instances/{fleet.DOWN.id}",
    f"instances/{fleet.RO_GROUP.id}",
    f"instances/{fleet.OFF.id}/open",
    "explorer",
    CALL,
    "explorer/signet/RegisterInstance",
    "doctor",
    "tasks",
    "keys",
    "audit",
    "reference/cdb",
    "reference/signet",
)


def every_page(visitor):
    """Opens one page after the other: before signing in, each page, one with an answer, and a refusal; yields what it is."""
    visitor.open("sign-in")
    yield "sign-in"
    visitor.sign_in()
    for path in PAGES:
        visitor.open(path)
        yield path
    visitor.open(CALL)
    visitor.follow(visitor.page.locator("#call button.main"))
    yield "an answer"
    browser.examine(visitor, visitor.page.locator("#request code").inner_text() + " ")
    yield "a finding"
    visitor.open("nowhere", status=404)
    yield "a refusal"


# Language and theme.


def test_the_browsers_language_is_spoken(visit, signet):
    visitor = visit(signet, locale="zh-CN").sign_in()
    assert visitor.page.locator("html").get_attribute("lang") == "zh-CN"
    assert (visitor.page.locator("h1").inner_text(), visitor.page.title()) == ("实例总览", "实例总览 · Signet")
    # The API is asked in it as well.
    assert "X-TC-Language: zh-CN" in visitor.open(CALL).page.locator("#request code").inner_text()


def test_another_language_is_chosen_and_kept(visit, signet):
    visitor = visit(signet).sign_in().open(f"?search={fleet.ON.name}")
    assert visitor.page.locator("html").get_attribute("lang") == "en-US"
    visitor.press("中文")
    # On the same page, with the same filter.
    assert (visitor.address, visitor.rows()) == (f"?search={fleet.ON.name}", [fleet.ON.id])
    assert visitor.page.locator("h1").inner_text() == "实例总览"
    visitor.press("退出")
    assert visitor.page.locator("h1").inner_text() == "登录"
    visitor.press("English")
    assert visitor.page.locator("h1").inner_text() == "Sign in"


@pytest.mark.parametrize("system", ["light", "dark"])
def test_another_theme_is_chosen_and_kept(visit, signet, system):
    visitor = visit(signet, color_scheme=system).sign_in()
    assert is_dark(visitor) == (system == "dark")
    for name, dark in (("Dark", True), ("Light", False), ("System", system == "dark")):
        visitor.press(name)
        assert is_dark(visitor) == dark
        visitor.open("tasks")
        assert is_dark(visitor) == dark
        assert visitor.page.get_by_role("button", name=name).get_attribute("aria-pressed") == "true"


def is_dark(visitor):
    red, green, blue = visitor.page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    return red + green + blue < 3 * 128


# Sizes.


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_no_page_is_wider_than_a_phone(visit, signet, language):
    visitor = visit(signet, viewport=browser.PHONE, locale=language)
    widths = {page: visitor.page.evaluate("document.documentElement.scrollWidth") for page in every_page(visitor)}
    assert {page: width for page, width in widths.items() if width > browser.PHONE["width"]} == {}


def test_a_task_is_no_wider_than_a_phone_either(visit, switchable):
    visitor = at_a_task(visit(switchable.signet, viewport=browser.PHONE))
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= browser.PHONE["width"]


def at_a_task(visitor):
    """The visitor at the page of a task: one that ended at once, because what it is for is so already."""
    visitor.signet.cli("close-ssl", switching.INSTANCE.id)
    visitor.sign_in().open("tasks")
    visitor.follow(visitor.page.locator("tbody th a").first)
    return visitor


# Rules.


ONLY_COLOURS = {"runOnly": ["color-contrast"]}
ALL_BUT_COLOURS = {"rules": {"color-contrast": {"enabled": False}}}


EVERY_PROFILE = pytest.mark.parametrize(
    ("profile", "rules"),
    [({"color_scheme": "light"}, {}), ({"color_scheme": "dark"}, ONLY_COLOURS), ({"locale": "zh-CN"}, ALL_BUT_COLOURS)],
    ids=["light", "dark", "Chinese"],
)


@EVERY_PROFILE
def test_no_page_breaks_a_serious_rule(visit, signet, profile, rules):
    visitor = visit(signet, **profile)
    broken = {page: found for page in every_page(visitor) if (found := violations(visitor, rules))}
    assert broken == {}


@EVERY_PROFILE
def test_nor_does_the_page_of_a_task(visit, switchable, profile, rules):
    visitor = at_a_task(visit(switchable.signet, **profile))
    assert violations(visitor, rules) == {}


def violations(visitor, rules):
    """The serious rules of axe-core that the page breaks, each with the elements that do."""
    # Typed in as in the console of the developer tools, which a page's policy does not concern.
    visitor.page.evaluate(AXE.read_text())
    result = visitor.page.evaluate("(rules) => axe.run({ resultTypes: ['violations'], ...rules })", rules)
    assert result["passes"], "axe-core looked at nothing"
    return {
        rule["id"]: [(node["html"], node["failureSummary"]) for node in rule["nodes"]]
        for rule in result["violations"]
        if rule["impact"] in SERIOUS
    }


# The keyboard.


def test_somebody_signs_in_with_the_keyboard_alone(visit, signet):
    visitor = visit(signet).open("sign-in")
    visitor.page.keyboard.type(programs.SECRET_ID)
    visitor.type("Tab")
    visitor.page.keyboard.type(programs.SECRET_KEY)
    visitor.enter()
    visitor.page.wait_for_url("**/console/")


def test_the_first_tab_leads_past_the_navigation(visit, signet):
    visitor = visit(signet).sign_in()
    visitor.type("Tab")
    skip = visitor.page.locator(":focus")
    assert (skip.inner_text(), skip.bounding_box()["x"] >= 0) == ("Skip to the content", True)
    visitor.type("Enter")
    visitor.type("Tab")
    assert visitor.page.evaluate("document.querySelector('main').contains(document.activeElement)")


@pytest.mark.parametrize("path", ["", f"instances/{fleet.MIXED.id}", f"instances/{fleet.OFF.id}/open", CALL, "doctor", "keys", "audit"])
def test_tab_reaches_every_control_in_the_order_of_the_page(visit, signet, path):
    visitor = visit(signet).sign_in().open(path)
    visitor.page.evaluate(f"() => {{ window.controls = ({browser.CONTROLS})() }}")
    count = visitor.page.evaluate("window.controls.length")
    assert count > 10
    reached = []
    # Some stops are no controls: what can be scrolled can be focused as well.
    for _ in range(2 * count):
        visitor.type("Tab")
        reached.append(visitor.page.evaluate("window.controls.indexOf(document.activeElement)"))
        if reached[-1] == count - 1:
            break
    assert [place for place in reached if place >= 0] == list(range(count))


def test_what_has_the_focus_can_be_seen(visit, signet):
    visitor = visit(signet).sign_in().open(CALL)
    visitor.tab_to(visitor.page.locator("#call button.main"))
    assert visitor.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_list_of_actions_is_walked_through_with_arrows(visit, signet):
    visitor = visit(signet).sign_in().open("explorer")
    visitor.type("/")
    visitor.page.keyboard.type("ssl")
    visitor.type("ArrowDown")
    names = visitor.page.locator("#actions li:visible b").all_inner_texts()
    assert visitor.page.locator(":focus b").inner_text() == names[0]
    visitor.type("ArrowDown")
    assert visitor.page.locator(":focus b").inner_text() == names[1]
    visitor.enter()
    visitor.page.wait_for_url(f"**/{names[1]}")
