"""The console in a real browser, over real servers: what its users do all day."""

import csv
import io
import json
import re
import subprocess

import pytest
from playwright.sync_api import expect

import browser
import fleet
import programs
import switching

NODE = "mysql.component"
ANSWER = {"Status", "Url", "RequestId"}


# In and out.


def test_somebody_signs_in_and_out(visit, signet):
    visitor = visit(signet)
    visitor.page.goto("/")
    assert visitor.is_asked_to_sign_in
    assert visitor.page.title() == "Sign in · Signet"

    visitor.sign_in()
    assert (visitor.address, visitor.page.title()) == ("", "Fleet · Signet")
    assert visitor.page.locator("form.who code").inner_text().startswith(programs.SECRET_ID[:12])

    kept = visitor.context.cookies()
    visitor.press("Sign out")
    assert visitor.is_asked_to_sign_in
    assert visitor.context.cookies() == []
    # Not even with the cookie of then.
    visitor.context.add_cookies(kept)
    visitor.open()
    assert visitor.is_asked_to_sign_in


def test_a_wrong_key_is_told_so(visit, signet):
    visitor = visit(signet)
    visitor.sign_in((programs.SECRET_ID, "not the secret"))
    assert visitor.page.get_by_role("alert").inner_text() == "There is no such key, its secret is another one, or it is disabled."
    assert visitor.page.get_by_label("SecretId").input_value() == programs.SECRET_ID
    assert visitor.page.get_by_label("SecretKey").input_value() == ""
    visitor.sign_in()
    assert visitor.address == ""


def test_a_deep_link_is_reached_after_signing_in(visit, signet):
    link = f"explorer/cdb/DescribeSSLStatus?InstanceId={fleet.ON.id}"
    visitor = visit(signet).open(link)
    assert visitor.is_asked_to_sign_in
    assert visitor.page.get_by_role("alert").count() == 0
    visitor.sign_in()
    assert visitor.address == link
    assert visitor.page.get_by_label("InstanceId").input_value() == fleet.ON.id


def test_cookies_are_for_the_server_alone(visit, signet):
    visitor = visit(signet).sign_in()
    (cookie,) = visitor.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/console")
    assert visitor.page.evaluate("document.cookie") == ""


# The fleet.


def test_the_fleet_is_filtered(visit, signet):
    visitor = visit(signet).sign_in()
    everything = visitor.rows()
    assert {one.id for one in (*fleet.INSTANCES, fleet.RO_GROUP)} <= set(everything)

    visitor.page.get_by_label("Status").select_option("OFF")
    visitor.press("Apply")
    assert (visitor.rows(), visitor.rows("Status")) == ([fleet.OFF.id, fleet.MIXED.id], ["OFF", "OFF"])

    # A filter is kept while another is added.
    visitor.page.get_by_label("Search").fill("wik")
    visitor.enter()
    assert (visitor.rows(), visitor.rows("Name")) == ([fleet.OFF.id], ["wiki"])
    visitor.page.get_by_label("Search").fill("nobody's")
    visitor.enter()
    assert visitor.rows() == [] and "Nothing fits." in visitor.text

    visitor.press("Reset")
    assert (visitor.address, visitor.rows()) == ("", everything)
    visitor.follow(visitor.page.locator(".tiles .on a"))
    assert set(visitor.rows("Status")) == {"ON"} and fleet.ON.id in visitor.rows()


def test_the_fleet_is_sorted_by_expiry(visit, signet):
    visitor = visit(signet).sign_in()
    heading = visitor.page.locator("thead th", has_text="Expires")
    orders = {}
    for order in ("ascending", "descending"):
        visitor.follow(heading.get_by_role("link"))
        expect(heading).to_have_attribute("aria-sort", order)
        expiry = {item["Id"]: item["NotAfter"] for item in json.loads(visitor.download("JSON"))}
        orders[order] = [expiry[row] for row in visitor.rows()]
    # Those that expire never, having no certificate, are last or first.
    known = [moment for moment in orders["ascending"] if moment]
    assert len(known) > 2 and known == sorted(known)
    assert [moment for moment in orders["descending"] if moment] == known[::-1]


def test_an_export_has_what_was_filtered_and_nothing_else(visit, signet):
    visitor = visit(signet).sign_in()
    visitor.open("?status=OFF&sort=name")
    wanted = list(zip(visitor.rows(), visitor.rows("Name"), ["OFF", "OFF"]))
    assert wanted == [(fleet.MIXED.id, "billing", "OFF"), (fleet.OFF.id, "wiki", "OFF")]

    table = list(csv.DictReader(io.StringIO(visitor.download("CSV"))))
    assert [(row["Id"], row["Name"], row["Status"]) for row in table] == wanted
    items = json.loads(visitor.download("JSON"))
    assert [(item["Id"], item["Name"], item["Status"]) for item in items] == wanted


def test_an_instance_tells_of_its_nodes(visit, signet, servers):
    visitor = visit(signet).sign_in().open(f"instances/{fleet.MIXED.id}")
    assert visitor.page.locator("h1").inner_text().startswith("billing")
    nodes = {fleet.MYSQL_ON: "ON", fleet.MARIADB_OFF: "OFF"}
    for node, status in nodes.items():
        card = visitor.page.locator("article.node", has_text=servers[node].address)
        assert card.locator("h3 .status").inner_text().endswith(status)
    # The certificate of the one that has one, in full.
    assert visitor.page.locator(".chain li").count() >= 1


# Changes of real servers.


def test_ssl_is_opened_and_closed_by_a_button(visit, switchable):
    subject, (first, second) = switching.INSTANCE, switchable.servers[switching.INSTANCE]
    visitor = visit(switchable.signet).sign_in()
    for button, before, after in (("Open SSL", "OFF", "ON"), ("Close SSL", "ON", "OFF")):
        visitor.open(f"instances/{subject.id}").sees("#status", before)
        visitor.press(button)
        # The question: nothing is done yet, and what will be is said of each node.
        assert visitor.page.locator("h1").inner_text() == f"{button}: switched"
        said = visitor.page.locator(".steps li").all_inner_texts()
        assert [line.split(" ")[0] for line in said] == [first.address, second.address]
        assert all("SQL" in line for line in said)
        assert visitor.signet.cli("status", subject.id)["Status"] == before

        with second.locked(NODE):
            visitor.press(button)
            visitor.sees("#progress .status", "running")
            loads = visitor.loads
        # The page keeps itself fresh to the end.
        visitor.sees("#progress .status", "succeeded")
        assert (visitor.loads, visitor.page.locator("#progress progress").get_attribute("value")) == (loads, "100")
        assert visitor.page.locator(".steps li").all_inner_texts() == [f"{first.address} done", f"{second.address} done"]
        assert visitor.signet.cli("status", subject.id)["Status"] == after

        task = visitor.address.removeprefix("tasks/")
        visitor.press("To the instance")
        visitor.sees("#status", after)
        assert visitor.page.locator(f".timeline a[href$='{task}']").count() == 1
        visitor.open("tasks")
        assert visitor.rows()[0] == task


def test_a_change_that_is_refused_says_why(visit, signet):
    visitor = visit(signet).sign_in().open(f"instances/{fleet.OFF.id}/open")
    assert "is only observed" in visitor.text
    visitor.press("Open SSL")
    assert visitor.page.locator("h1").inner_text() == "OperationDenied.ActionNotSupport"
    assert visitor.signet.cli("status", fleet.OFF.id)["Status"] == "OFF"


# The explorer.


def test_an_action_is_found_and_called_with_the_keyboard_alone(visit, signet):
    visitor = visit(signet).sign_in().open("explorer")
    visitor.type("/")
    visitor.page.keyboard.type("describessl")
    assert hits(visitor)[0] == "DescribeSSLStatus"
    visitor.enter()
    visitor.page.wait_for_url("**/explorer/cdb/DescribeSSLStatus")

    visitor.tab_to(visitor.page.get_by_label("InstanceId"))
    visitor.page.keyboard.type(fleet.ON.id)
    visitor.enter()
    assert called(visitor).keys() == ANSWER and called(visitor)["Status"] == "ON"
    assert visitor.page.locator("#response .status").first.inner_text().endswith("OK")


def test_a_call_can_be_made_again_from_its_link_and_from_the_history(visit, signet):
    visitor = visit(signet).sign_in().open("explorer/cdb/DescribeSSLStatus")
    visitor.page.get_by_label("InstanceId").fill(fleet.OFF.id)
    visitor.page.get_by_label("Region").fill("ap-guangzhou")
    visitor.press("Call")
    assert called(visitor)["Status"] == "OFF"

    for link in ("#deep-link", "#history a"):
        visitor.follow(visitor.page.locator(link).first)
        expect(visitor.page.locator("#response")).to_have_count(0)
        filled = [visitor.page.get_by_label(label).input_value() for label in ("InstanceId", "Region")]
        assert filled == [fleet.OFF.id, "ap-guangzhou"]
        visitor.press("Call")
        assert called(visitor)["Status"] == "OFF"
    past = visitor.page.locator("#history li")
    assert past.count() == 3
    assert re.search(r"cdb/DescribeSSLStatus\W+OK .* [0-9a-f-]{36}$", past.first.inner_text()), past.first.inner_text()


def test_an_error_is_shown_with_its_code(visit, signet):
    visitor = visit(signet).sign_in().open("explorer/cdb/DescribeSSLStatus?InstanceId=cdb-nobody00")
    visitor.press("Call")
    code = "ResourceNotFound.InstanceNotFoundError"
    assert called(visitor)["Error"]["Code"] == code
    assert visitor.page.locator("#response .status").first.inner_text().endswith(code)
    assert visitor.page.locator("#history .status").first.inner_text().endswith(code)


@pytest.mark.parametrize("method", ["HmacSHA256", "HmacSHA1"])
def test_version_1_signs_as_well(visit, signet, method):
    visitor = visit(signet).sign_in().open(f"explorer/cdb/DescribeSSLStatus?InstanceId={fleet.ON.id}")
    visitor.page.get_by_role("combobox", name="Signature", exact=True).select_option(method)
    visitor.press("Call")
    assert called(visitor)["Status"] == "ON"
    request = visitor.page.locator("#request code").inner_text()
    assert request.startswith("GET /?Action=DescribeSSLStatus&") and f"SignatureMethod={method}" in request


def test_tabs_are_chosen_by_arrows_and_kept(visit, signet):
    visitor = visit(signet).sign_in().open(f"explorer/cdb/DescribeSSLStatus?InstanceId={fleet.ON.id}")
    tabs, panel = visitor.page.locator("#samples [role=tab]"), visitor.page.locator("#samples [role=tabpanel]:visible")
    assert (tabs.first.get_attribute("aria-selected"), panel.count()) == ("true", 1)
    tabs.first.focus()
    visitor.type("ArrowRight")
    for _ in range(2):
        expect(tabs.nth(1)).to_have_attribute("aria-selected", "true")
        assert panel.get_attribute("id") == tabs.nth(1).get_attribute("aria-controls")
        assert fleet.ON.id in panel.inner_text()
        visitor.press("Call")


def test_a_request_is_shown_without_being_sent(visit, signet):
    visitor = visit(signet).sign_in().open(f"explorer/cdb/DescribeSSLStatus?InstanceId={fleet.ON.id}")
    visitor.press("Show the request only")
    assert f'{{"InstanceId":"{fleet.ON.id}"}}' in visitor.page.locator("#request code").inner_text().replace(" ", "")
    assert visitor.page.locator("#response, #history li").count() == 0


def test_what_is_written_beside_copy_is_copied(visit, signet):
    visitor = visit(signet, permissions=["clipboard-read", "clipboard-write"]).sign_in().open(f"instances/{fleet.ON.id}")
    place = visitor.page.locator(".copyable").first
    place.get_by_role("button", name="Copy").click()
    expect(place.get_by_role("button")).to_have_text("Copied")
    assert visitor.page.evaluate("navigator.clipboard.readText()") == place.locator("code").text_content()


def hits(visitor):
    """The actions that are left of all of them, each of which speaks of what was searched for."""
    shown = visitor.page.locator("#actions li:visible")
    assert all("describessl" in item.get_attribute("data-text").lower() for item in shown.all())
    return shown.locator("b").all_inner_texts()


def called(visitor):
    """The answer that the explorer shows."""
    return json.loads(visitor.page.locator("#response-body code").inner_text())["Response"]


# The signature doctor.


def test_the_doctor_says_where_a_pasted_request_goes_wrong(visit, signet):
    visitor = visit(signet).sign_in().open(f"explorer/cdb/DescribeSSLStatus?InstanceId={fleet.ON.id}")
    request = visitor.page.locator("#request code").inner_text()

    browser.examine(visitor, request)
    assert verdict(visitor) == "The signature is right."
    # Something sent the body with a space at its end, and had signed it without.
    browser.examine(visitor, request + " ")
    assert verdict(visitor) == "The signature is wrong, and this is how it was made:"
    (mistake,) = visitor.page.locator("#deviations li").all_inner_texts()
    assert mistake == "The body was hashed as the same JSON written in another way: serialise once, and hash and send those bytes."
    assert "AuthFailure.SignatureFailure" in visitor.page.locator("#finding").inner_text()


def verdict(visitor):
    return visitor.page.locator("#finding h2").inner_text()


# Those without scripts.


def test_everything_works_without_scripts(visit, signet, switchable):
    visitor = visit(signet, java_script_enabled=False).sign_in()
    visitor.page.get_by_label("Status").select_option("OFF")
    visitor.press("Apply")
    assert visitor.rows() == [fleet.OFF.id, fleet.MIXED.id]

    visitor.press("API Explorer")
    visitor.page.get_by_label("Find an action").fill("describessl")
    visitor.enter()
    assert hits(visitor)[0] == "DescribeSSLStatus"
    visitor.follow(visitor.page.locator("#actions a").first)
    visitor.page.get_by_label("InstanceId").fill(fleet.OFF.id)
    visitor.press("Call")
    assert called(visitor)["Status"] == "OFF"


def test_ssl_is_opened_and_closed_without_scripts(visit, switchable):
    group = switching.GROUP.id
    visitor = visit(switchable.signet, java_script_enabled=False).sign_in()
    for button, after in (("Open SSL", "ON"), ("Close SSL", "OFF")):
        visitor.open(f"instances/{group}")
        visitor.press(button)
        visitor.press(button)
        # The page loads itself again until there is nothing more to come.
        visitor.sees("#progress .status", "succeeded")
        visitor.press("To the instance")
        assert visitor.page.locator("#status").inner_text().endswith(after)


# Many.


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A service that has ten thousand instances in its store, which are seldom looked at: they do not exist."""
    folder = tmp_path_factory.mktemp("large")
    data = folder / "signet" / "data"
    command = [programs.built("bench-seed"), "--data", data, "--count", "10000", "--instances", folder / "ids"]
    subprocess.run([*command, "--secret-key-file", folder / "key"], check=True, capture_output=True)
    with programs.signet(folder / "signet", 'probe_interval = "1h"\nstale_after = "2h"\n') as running:
        yield running


def test_a_large_fleet_has_pages(visit, large):
    visitor = visit(large).sign_in()
    answer = visitor.page.reload()
    assert len(answer.body()) < 200_000
    assert len(visitor.rows()) == 100 and "1–100 / 10000" in visitor.text
    first = visitor.rows()

    visitor.press("next →")
    assert "101–200 / 10000" in visitor.text and not set(first) & set(visitor.rows())
    visitor.press("← previous")
    assert visitor.rows() == first
    visitor.open("?page=100")
    assert "9901–10000 / 10000" in visitor.text and visitor.page.get_by_role("link", name="next").count() == 0

    visitor.page.get_by_label("Search").fill("orders-7654")
    visitor.enter()
    assert visitor.rows("Name") == ["orders-7654"] and "1–1 / 1" in visitor.text
    assert len(visitor.download("CSV").splitlines()) == 2
