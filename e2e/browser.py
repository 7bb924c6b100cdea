"""A real browser, and somebody who uses the console with it: what is read, pressed and typed, and what no page may ever do."""

import contextlib
import functools
import os
import urllib.parse

from playwright.sync_api import expect, sync_playwright

import programs

CHROMIUM = "/usr/bin/chromium"
ROOT_KEY = (programs.SECRET_ID, programs.SECRET_KEY)
# How long a page may take, or an element of it to appear.
SECONDS = 20
PHONE = {"width": 375, "height": 667}

# Tells of what the page's own policy had to stop, in words that are looked for below.
WATCH = """document.addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`))"""
# A refusal is a page with its status; that the browser writes it down is no alarm.
EXPECTED = "Failed to load resource: the server responded with a status of"

# What the Tab key has to reach, in the order of the page.
CONTROLS = """() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(
    (one) => one.tabIndex >= 0 && !one.disabled && one.type !== "hidden" && one.checkVisibility())"""


@contextlib.contextmanager
def chromium():
    """Debian's browser without a screen."""
    # Its sandbox refuses to work for root.
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args, env=programs.client_environment())
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody at the console of a service, with a browser profile of their own."""

    def __init__(self, browser, signet, **profile):
        self.signet = signet
        self.context = browser.new_context(base_url=signet.url(""), **{"locale": "en-US", **profile})
        self.context.add_init_script(WATCH)
        self.context.set_default_timeout(1000 * SECONDS)
        self.page = self.context.new_page()
        # What no page may do: ask in a dialog, fail in a script, want what its policy forbids.
        self.alarms = []
        self.page.on("dialog", self.refuse)
        self.page.on("pageerror", lambda error: self.alarms.append(f"script: {error}"))
        self.page.on("console", self.listen)
        # How often a whole page was loaded.
        self.loads = 0
        self.page.on("load", self.count)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Leaves. A service that ends waits for the connections that browsers keep."""
        self.context.close()

    def refuse(self, dialog):
        self.alarms.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def listen(self, message):
        if message.type == "error" and not message.text.startswith(EXPECTED):
            self.alarms.append(message.text)

    def count(self, _):
        self.loads += 1

    def open(self, path="", status=200):
        """Opens a page below /console/."""
        answer = self.page.goto(f"/console/{path}")
        assert answer.status == status, f"{path}: {answer.status}"
        return self

    def sign_in(self, key=ROOT_KEY):
        """Fills in the form; opens it first unless it is there."""
        if not self.is_asked_to_sign_in:
            self.open("sign-in")
        secret_id, secret_key = key
        self.page.get_by_label("SecretId").fill(secret_id)
        self.page.get_by_label("SecretKey").fill(secret_key)
        self.press("Sign in", "登录")
        return self

    @property
    def is_asked_to_sign_in(self):
        return urllib.parse.urlsplit(self.page.url).path == "/console/sign-in"

    @property
    def address(self):
        """The part of the address that names the page."""
        return self.page.url.removeprefix(self.signet.url("/console/"))

    @property
    def text(self):
        """What there is to read, without the frame around it."""
        return self.page.locator("main").inner_text()

    @property
    def csrf(self):
        """The token that the forms of this session bring."""
        return self.page.locator("form.who input[name=csrf]").get_attribute("value")

    def press(self, *names):
        """Presses the button, or follows the link, that says one of these and nothing else, and waits for the page to which it leads."""
        page = self.page
        found = [page.get_by_role(role, name=name, exact=True) for name in names for role in ("button", "link")]
        self.follow(functools.reduce(lambda one, other: one.or_(other), found))

    def follow(self, link):
        """Clicks, and waits for the page to which that leads."""
        with self.page.expect_event("load"):
            link.click()

    def type(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def enter(self):
        """Presses the Enter key, and waits for the page to which it leads."""
        with self.page.expect_event("load"):
            self.type("Enter")

    def tab_to(self, target):
        """Presses Tab until the target has the focus."""
        for _ in range(self.page.evaluate(f"({CONTROLS})().length") + 20):
            if target.evaluate("(one) => one === document.activeElement"):
                return
            self.type("Tab")
        raise AssertionError(f"Tab does not reach {target}")

    def rows(self, column=None):
        """The table's row headings, or the cells of a column, from top to bottom."""
        cells = self.page.locator(f"tbody td[data-label='{column}']" if column else "tbody th")
        return [text.strip() for text in cells.all_inner_texts()]

    def download(self, name):
        """What the link of this name brings, as text."""
        with self.page.expect_download() as started:
            self.page.get_by_role("link", name=name, exact=True).click()
        return started.value.path().read_text()

    def sees(self, selector, text):
        """Waits until it reads like this; a page that changes by itself is given the time to."""
        expect(self.page.locator(selector).first).to_have_text(text, timeout=1000 * programs.START_SECONDS)


def examine(visitor, request):
    """Lets the signature doctor look at a request."""
    visitor.open("doctor")
    visitor.page.locator("textarea[name=request]").fill(request)
    visitor.follow(visitor.page.locator("form.stack button.main"))


def make_key(visitor, access="ReadOnly", note=""):
    """Makes a key by the page of the keys; its SecretId and SecretKey."""
    visitor.open("keys")
    visitor.page.get_by_role("combobox", name="Access").select_option(access)
    visitor.page.get_by_label("Note").fill(note)
    visitor.press("Make a key")
    lines = visitor.page.locator(".note code").inner_text().splitlines()
    return tuple(line.split("=", 1)[1] for line in lines)
