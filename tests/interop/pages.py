"""Pages as people see them, in Chromium: Prometheus with our queries, and the provisioning page; see `pages`."""
import os
import re
import signal
import socket
import sys
import urllib.parse

import observe
from browser import Browser
from daemon import READY, Daemon
from process import REPORT, WORK, certificates, log_of, run, start, stop, wait_until

PORTAL = 26443
# Panels of the dashboard that four hundred calls move, and the span they are shown over.
SHOWN = ("Calls ended, by cause", "Responses sent, by class", "Calls per second", "Post-dial delay")
SPAN = "1m"
HOSTILE = "<img src=x onerror=document.title='taken'>"
ROWS = """msdyn_phonenumber,msdyn_phoneinboundenabled,msdyn_phoneoutboundenabled
"+4930555501234",True,True
"+4930555501235",True,False
"+0305555012",True,True
"""


def graphs(browser, pictures):
    chosen = {}
    for title, query in observe.queries():
        if title in SHOWN:
            chosen.setdefault(title, re.sub(r"\[\d+m\]", "[15s]", query))
    fields = {}
    for place, query in enumerate(chosen.values()):
        fields.update({f"g{place}.expr": query, f"g{place}.tab": "0", f"g{place}.range_input": SPAN})
    browser.size(1280, 1500)
    browser.open(observe.PROMETHEUS + "/graph?" + urllib.parse.urlencode(fields))
    drawn = "return document.querySelectorAll('.rickshaw_graph svg path, .graph-chart canvas, .graph canvas').length"
    wait_until(lambda: browser.script(drawn) >= len(chosen), 60)
    refused = browser.text(".alert, .alert-danger, .error").strip()
    REPORT.check("Prometheus draws our queries", f"{len(chosen)} queries, {browser.script(drawn)} lines, said: {refused or 'nothing'}",
                 f"{len(SHOWN)} queries, a line for each, nothing said", len(chosen) == len(SHOWN) and browser.script(drawn) >= len(chosen) and not refused)
    browser.script("document.activeElement.blur(); window.scrollTo(0, 0)")
    browser.picture(os.path.join(pictures, "prometheus.png"))


def portal():
    """A daemon with a store and the API; gives its first token."""
    config = os.path.join(WORK, "portal.toml")
    with open(os.path.join(observe.ROOT, "config/minimal.toml")) as minimal:
        text = re.sub(r"(?m)^port = 5060", "port = 26444", minimal.read())
    with open(config, "w") as out:
        out.write(f'[node]\nstate_dir = "{WORK}/portal"\n{text}\n[provisioning]\nsource = "store"\n[api]\nbind = "127.0.0.1:{PORTAL}"\n')
    process = start("portal", [os.environ["TRUNKLINE_BIN"], "run", "--config", config])
    if not wait_until(lambda: token_of("portal") and listens(PORTAL), 60):
        raise RuntimeError("the daemon with the page does not start: " + log_of("portal")[-2000:])
    return process, token_of("portal")


def token_of(name):
    """The whole of it: a line may be there in part."""
    found = re.search(r"\btkl_[0-9a-f]{64}\b", log_of(name))
    return found and found.group()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except OSError:
        return False


def enter(browser, token):
    browser.size(1280, 760)
    browser.open(f"http://127.0.0.1:{PORTAL}/")
    browser.type("#token", "tkl_" + "0" * 64)
    browser.click("#enter button")
    refused = browser.shows("#message", "[")
    REPORT.check("the page with a wrong token", browser.text("#message"), "a refusal with its code, no table", refused and browser.text("#account-list") == "")
    browser.script("document.getElementById('token').value = ''")
    browser.type("#token", token)
    browser.click("#enter button")
    listed = browser.shows("#account-list", "Account")
    REPORT.check("the page with the first token", browser.text("#account-list tr").replace("\t", " "), "the list of accounts", listed)


def make_carrier(browser):
    browser.click("[data-page=carriers]")
    browser.type("#carrier-new [name=id]", "north")
    browser.type("#carrier-new [name=countries]", "DE AT")
    browser.click("#carrier-new button")
    listed = browser.shows("#carrier-list", "DE AT")
    REPORT.check("a carrier by the page", browser.text("#carrier-list tr").split("\n")[1:], "north with its countries", listed)
    browser.click("[data-page=accounts]")


def make_account(browser):
    for name, shown in (("acme", "Acme GmbH"), ("hostile", HOSTILE)):
        browser.type("#account-new [name=name]", name)
        browser.type("#account-new [name=displayName]", shown)
        browser.type("#account-new [name=services]", "teamsDirectRouting")
        browser.click("#account-new button")
        browser.shows("#account-list", name)
    browser.shows("#account-list", HOSTILE)
    listed = browser.text("#account-list")
    taken = browser.script("return document.title") == "taken"
    REPORT.check("an account by the page", listed.split("\n")[1:], "both, markup as text", "Acme GmbH" in listed and HOSTILE in listed and not taken)


def import_numbers(browser, pictures):
    rows = os.path.join(WORK, "PhoneNumber.csv")
    with open(rows, "w") as out:
        out.write(ROWS)
    browser.click("[data-page=import]")
    browser.type("#import-new [name=account]", "acme")
    browser.type("#import-new [name=services]", "teamsDirectRouting")
    browser.type("#import-new [name=file]", rows)
    browser.click("#import-new button")
    browser.shows("#problems", "msdyn_phonenumber")
    told = browser.text("#problems tr")
    REPORT.check("an import's findings by the page", told.split("\n")[1:], "row 4 is named, with its column and code",
                 re.search(r"(?m)^4\s+msdyn_phonenumber\s+error: ", told) is not None)
    browser.picture(os.path.join(pictures, "import.png"))


def find_numbers(browser):
    # Another file: a browser does not send one that has changed since it was chosen.
    rows = os.path.join(WORK, "PhoneNumber-right.csv")
    with open(rows, "w") as out:
        out.write("".join(ROWS.splitlines(keepends=True)[:3]))
    browser.type("#import-new [name=file]", rows)
    browser.click("#import-new button")
    valid = browser.shows("#job", ": valid.")
    REPORT.check("an import that is right", browser.text("#job"), "valid", valid)
    browser.click("#run")
    imported = browser.shows("#message", "Every row is imported")
    REPORT.check("the import run by the page", browser.text("#message"), "every row is imported", imported)
    browser.click("[data-page=numbers]")
    browser.type("#number-find [name=prefix]", "+4930")
    browser.click("#number-find button")
    found = browser.shows("#number-list", "+4930555501235")
    REPORT.check("numbers by the page", browser.text("#number-list tr").split("\n")[1:], "both numbers", found and "+4930555501234" in browser.text("#number-list"))
    # Answers come one behind the other: each would add its rows.
    browser.script("window.answers = 0; window.truth = window.fetch; window.fetch = async (...all) => { const one = await window.truth(...all); await one.clone().arrayBuffer(); window.answers += 1; return one; }")
    browser.script("for (let n = 0; n < 3; n++) document.getElementById('number-find').requestSubmit()")
    answered = wait_until(lambda: browser.script("return window.answers") == 3, 30)
    browser.script("window.fetch = window.truth")
    rows = browser.shows("#number-list", "+4930555501235") and browser.script("return document.querySelectorAll('#number-list tr').length - 1")
    REPORT.check("numbers asked for three times at once", f"{rows} rows", "2 rows: each number once", answered and rows == 2)


def set_header(browser, pictures):
    """The content of the custom header: given with a new number, then changed, as its owner asks."""
    for field, text in (("number", "+4930555501236"), ("account", "acme"), ("services", "teamsDirectRouting"), ("customHeader", "floor-3")):
        browser.type(f"#number-new [name={field}]", text)
    browser.click("#number-new button")
    made = browser.shows("#number-list", "floor-3")
    REPORT.check("a number with its header by the page", browser.text("#number-list tr").split("\n")[-1], "floor-3", made)
    browser.script("[...document.querySelectorAll('#number-list tr')].at(-1).querySelectorAll('button')[2].id = 'asked'")
    browser.click("#asked")
    browser.answer("floor-4")
    changed = browser.shows("#number-list", "floor-4")
    REPORT.check("its header changed by the page", browser.text("#number-list tr").split("\n")[-1], "floor-4", changed)
    browser.picture(os.path.join(pictures, "numbers.png"))
    browser.click("[data-page=calls]")
    REPORT.check("calls by the page", browser.text("#message") or "no refusal", "the list, nothing refused", browser.shows("#call-list", "Calling") and not browser.text("#message"))


def provisioning(browser, pictures):
    process, token = portal()
    enter(browser, token)
    make_carrier(browser)
    make_account(browser)
    import_numbers(browser, pictures)
    find_numbers(browser)
    set_header(browser, pictures)
    errors = [entry for entry in browser.here("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]
    errors = [entry["message"] for entry in errors if f":{PORTAL}/" in entry["message"] and "401" not in entry["message"]]
    REPORT.check("the page's console", errors, "no error but the refused token", not errors)
    stop(process, first=signal.SIGINT, seconds=30)


def main():
    pictures = sys.argv[sys.argv.index("--pictures") + 1] if "--pictures" in sys.argv else WORK
    certificates()
    daemon = Daemon()
    if not REPORT.check("daemon is ready", "yes" if daemon.ready() else "no", f"readyz within {READY} s", daemon.process.poll() is None):
        return
    if not observe.start_prometheus():
        return
    browser = Browser(26095)
    observe.load()
    graphs(browser, pictures)
    provisioning(browser, pictures)
    browser.end()
    daemon.end()


if __name__ == "__main__":
    run(main)
