"""Prints how many milliseconds after its navigation began a page showed something: first-paint.py URL NAME=VALUE (a cookie)."""

import os
import sys

from playwright.sync_api import sync_playwright

OF_PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def main(url, cookie):
    name, value = cookie.split("=", 1)
    with sync_playwright() as playwright:
        # Chromium refuses its sandbox to root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": name, "value": value, "url": url, "httpOnly": True, "sameSite": "Strict"}])
        page = context.new_page()
        page.goto(url)
        page.wait_for_function(OF_PAINT)
        assert page.locator("table.cards tbody tr").count() == 100, page.url
        print(page.evaluate(OF_PAINT))
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
