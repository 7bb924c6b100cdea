"""The console in a real browser, against those who would misuse it: forged forms, old sessions, disabled keys, markup where text belongs."""

import re
import time
import urllib.parse

import pytest
from playwright.sync_api import expect

import browser
import fleet
import programs

KEYS = "/console/keys"
# What runs if it is taken for markup, each in its own place: as an element, in an attribute, in a script, as an address.
ATTACKS = (
    """"><script>window.hacked = 1; alert(1)</script>""",
    """'><img src=x onerror="window.hacked = 1; alert(1)">""",
    """</title></textarea></code><svg onload=alert(1)>""",
    """javascript:alert(1)""",
    """{{7*7}}${7*7}&lt;b&gt;""",
)


# Forms that are not the session's own.


@pytest.fixture
def victim(visit, quiet):
    """Somebody who is signed in, and how many keys there are."""
    visitor = visit(quiet).sign_in().open("keys")
    visitor.keys = visitor.rows()
    return visitor


def test_a_form_with_another_token_is_refused(victim):
    victim.page.locator("main form.stack input[name=csrf]").evaluate("(field) => { field.value = '0'.repeat(64) }")
    with victim.page.expect_response(f"**{KEYS}") as answer:
        victim.press("Make a key")
    assert answer.value.status == 403
    assert "The form did not carry the token of this session, so nothing was done." in victim.text
    assert_untouched(victim, "CsrfToken")
    # It was about this key, so its account can read of it.
    victim.press("Audit log")
    victim.page.get_by_label("Outcome").select_option("refused")
    victim.press("Apply")
    line = victim.page.locator("tbody tr").first
    assert [line.locator(f"td[data-label={name}]").inner_text() for name in ("Action", "Code")] == ["console/keys", "CsrfToken"]


@pytest.mark.parametrize("header", [("Origin", "http://elsewhere.example"), ("Sec-Fetch-Site", "cross-site"), ("Origin", "null")])
def test_a_form_of_another_site_is_refused_even_with_the_right_token(victim, header):
    form = {"csrf": victim.csrf, "access": "Full", "note": "forged"}
    answer = victim.context.request.post(victim.signet.url(KEYS), form=form, headers=dict([header]))
    assert (answer.status, "The form was sent from another site, so nothing was done." in answer.text()) == (403, True)
    assert_untouched(victim, "ForeignForm")


def test_another_site_gets_nowhere_by_the_browser_itself(victim):
    form = f"""<form method="post" action="{victim.signet.url(KEYS)}"><input name="csrf" value="{victim.csrf}">
        <input name="access" value="Full"><button>Win a prize</button></form>"""
    victim.context.route("http://elsewhere.example/", lambda route: route.fulfill(body=form, content_type="text/html"))
    victim.page.goto("http://elsewhere.example/")
    victim.press("Win a prize")
    assert "The form was sent from another site, so nothing was done." in victim.text
    assert_untouched(victim, "ForeignForm")


def test_no_page_is_shown_in_a_frame(visit, quiet):
    visitor = visit(quiet)
    page = f"""<iframe src="{quiet.url('/console/sign-in')}"></iframe>"""
    visitor.context.route("http://elsewhere.example/", lambda route: route.fulfill(body=page, content_type="text/html"))
    visitor.page.goto("http://elsewhere.example/")
    outer, inner = visitor.page.frames
    assert (inner.url, outer.url) == ("chrome-error://chromewebdata/", "http://elsewhere.example/")


def assert_untouched(visitor, code):
    """No key came or went, and the audit log has the refusal."""
    visitor.open("keys")
    assert visitor.rows() == visitor.keys
    programs.until(lambda: last_refusal(visitor.signet) == ("console/keys", code), f"{code} in the audit log")


def last_refusal(signet):
    """The newest one in the audit log, which is written a little later than the page."""
    refused = [(line["action"], line["code"]) for line in signet.audit() if line["outcome"] == "refused"]
    return refused[-1] if refused else None


# Sessions.


def test_an_idle_session_ends_and_says_so(visit, tmp_path):
    config = '[console]\nidle_timeout = "1s"\n'
    with programs.signet(tmp_path / "signet", config) as signet, visit(signet) as visitor:
        visitor.sign_in()
        seen = int(time.time())
        # By the clock that the service goes by: asking it would keep the session alive.
        programs.until(lambda: int(time.time()) - seen > 1, "more than the time that a session may be idle")
        visitor.press("Tasks")
        assert visitor.page.get_by_role("alert").inner_text() == "The session is over. Sign in again."
        visitor.sign_in()
        assert visitor.address == "tasks"


def test_a_disabled_key_is_out_at_once(visit, quiet):
    root = visit(quiet).sign_in()
    key = browser.make_key(root, note="for a guest")
    guest = visit(quiet).sign_in(key)
    assert guest.address == ""

    root.open("keys")
    root.press(f"Disable {key[0]}")
    assert "A disabled key cannot be enabled again." in root.text
    root.press("Disable")
    row = root.page.locator("tbody tr", has_text=key[0])
    assert row.locator("td").last.inner_text() == "disabled"
    guest.press("Tasks")
    assert guest.is_asked_to_sign_in
    guest.sign_in(key)
    assert "There is no such key" in guest.text


def test_a_key_that_may_only_read_only_reads(visit, quiet):
    root = visit(quiet).sign_in()
    reader = visit(quiet).sign_in(browser.make_key(root)).open("keys")
    before = reader.rows()
    reader.press("Make a key")
    assert reader.page.locator("h1").inner_text().startswith("AuthFailure.UnauthorizedOperation")
    reader.open("keys")
    assert reader.rows() == before


def test_whoever_guesses_has_to_wait(visit, tmp_path):
    with programs.signet(tmp_path / "signet", "") as signet, visit(signet) as visitor:

        def has_to_wait():
            visitor.sign_in((programs.SECRET_ID, "a guess"))
            return re.search(r"Too many attempts failed. Try again in \d+ s", visitor.text)

        programs.until(has_to_wait, "a wait")
        programs.until(lambda: last_refusal(signet) == ("console/sign-in", "SignInTooOften"), "the refusal in the audit log")


# Secrets.


@pytest.mark.parametrize("button", ["Call", "Show the request only"])
def test_a_password_that_is_filled_in_is_shown_nowhere(visit, quiet, button):
    password = 'sécret "word" +/%'
    visitor = visit(quiet).sign_in().open("explorer/signet/RegisterInstance")
    field = visitor.page.get_by_label("SqlPassword")
    assert field.get_attribute("type") == "password"
    field.fill(password)
    visitor.page.get_by_label("InstanceName").fill("secretive")
    visitor.press(button)
    assert "********" in visitor.page.locator("#request").inner_text()
    assert_keeps(visitor, password)
    for page in ("explorer", "audit", "tasks"):
        visitor.open(page)
        assert_keeps(visitor, password)
    for link in visitor.open("explorer").page.locator("#history a").all():
        assert "SqlPassword" not in link.get_attribute("href")


def assert_keeps(visitor, secret):
    """Neither the page nor its address, nor where it was before, has the secret, in any spelling."""
    spellings = (secret, "cret \\\"word", urllib.parse.quote(secret), urllib.parse.quote_plus(secret), "cret &quot;word", "cret &#34;word")
    places = visitor.page.content(), visitor.text, visitor.page.url
    assert [spelling for spelling in spellings for place in places if spelling in place] == []


# Markup where text belongs.


@pytest.fixture(scope="module")
def defaced(quiet):
    """An instance, its tags and a key whose names are attacks, as far as the API takes them; the instance's id, and what it is called."""
    words = ["--architecture", "two-node", "--node", "127.0.0.1:9", "--node", "127.0.0.2:9"]
    name = ATTACKS[0]
    tag = f"owner={ATTACKS[1]}"
    made = quiet.cli("instance", "add", "--name", name, "--tag", tag, *words)
    quiet.cli("key", "create", "--note", ATTACKS[1])
    return made["InstanceId"], name


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
def test_names_tags_and_notes_are_shown_as_they_are(visit, quiet, defaced, language):
    instance, name = defaced
    visitor = visit(quiet, locale=language).sign_in()
    assert name in visitor.text
    visitor.open(f"instances/{instance}")
    assert visitor.page.locator("h1").inner_text().startswith(name)
    assert visitor.page.locator(".tag").inner_text() == f"owner={ATTACKS[1]}"
    visitor.open(f"instances/{instance}/open")
    assert name in visitor.page.locator("h1").inner_text()
    visitor.open("keys")
    assert ATTACKS[1] in visitor.text
    assert_nothing_ran(visitor)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_typed_or_linked_is_shown_as_it_is(visit, quiet, attack):
    visitor = visit(quiet).sign_in()
    quoted = urllib.parse.quote(attack, safe="")
    for page in ("", "explorer", "audit"):
        visitor.open(f"{page}?search={quoted}")
        assert visitor.page.locator("input[name=search]").first.input_value() == attack
        visitor.page.locator("input[name=search]").first.fill(attack + " ")
        assert_nothing_ran(visitor)
    visitor.open(f"?status={quoted}&sort={quoted}&order={quoted}&page={quoted}&tls={quoted}&expires={quoted}")
    assert_nothing_ran(visitor)

    visitor.open(f"explorer/cdb/DescribeSSLStatus?InstanceId={quoted}&.region={quoted}&.signature={quoted}")
    assert visitor.page.get_by_label("InstanceId").input_value() == attack
    visitor.press("Call")
    assert attack in visitor.page.locator("#response-body, #request").all_inner_texts()[-1].replace('\\"', '"')
    visitor.open("explorer")
    visitor.follow(visitor.page.locator("#history a").first)
    assert visitor.page.get_by_label("InstanceId").input_value() == attack
    assert_nothing_ran(visitor)
    browser.examine(visitor, f"POST / HTTP/1.1\nHost: {attack}\nAuthorization: {attack}\n\n{attack}")
    assert attack in visitor.page.locator("textarea[name=request]").input_value()
    assert_nothing_ran(visitor)
    for page in (f"instances/{quoted}", f"tasks/{quoted}", f"explorer/cdb/{quoted}", quoted):
        visitor.open(page, status=404)
        assert_nothing_ran(visitor)


@pytest.mark.parametrize("astray", ["javascript:alert(1)", "//elsewhere.example/", "http://elsewhere.example/", "/\\elsewhere.example"])
def test_signing_in_leads_nobody_astray(visit, quiet, astray):
    visitor = visit(quiet).open(f"sign-in?next={urllib.parse.quote(astray, safe='')}").sign_in()
    expect(visitor.page).to_have_url(quiet.url("/console/"))
    assert_nothing_ran(visitor)


def assert_nothing_ran(visitor):
    """Dialogs and what the policy stopped are alarms anyway; here is that no script left its mark and no element came to be."""
    assert visitor.page.evaluate("window.hacked") is None
    assert visitor.page.locator("img[src=x], svg[onload], main script, a[href^='javascript:']").count() == 0
