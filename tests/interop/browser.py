"""A Chromium driven over WebDriver (W3C), with what `pages` needs of it."""
import base64
import http.client
import json
import os
import time
import urllib.error
import urllib.request

from process import WORK, start, wait_until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # The name the W3C gave to a reference of an element.
SWITCHES = ["headless=new", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync",
            "hide-scrollbars", "disable-dev-shm-usage"]
# What a driver says of something that is about to be there; nothing has been clicked or typed then.
NOT_YET = ("no such element", "not interactable", "not clickable", "intercepted", "stale element", "no such alert")
# Seconds that a busy machine may take for what has to happen at some time.
PATIENCE = 60


class Browser:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        start("chromedriver", ["chromedriver", f"--port={port}"])
        if not wait_until(self.drives, 2 * PATIENCE):
            raise RuntimeError("chromedriver does not answer")
        profile = os.path.join(WORK, "browser")
        options = {"binary": "/usr/bin/chromium", "args": ["--" + switch for switch in SWITCHES] + [f"--user-data-dir={profile}"]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self.session = self.begun(wanted)

    def begun(self, wanted, tries=3):
        """A session; a browser that does not come up in the driver's time is started again."""
        for left in reversed(range(tries)):
            try:
                return self.ask("POST", "/session", wanted)["sessionId"]
            except RuntimeError as error:
                print(f"     {error}", flush=True)
                if not left:
                    raise
        return None

    def drives(self):
        try:
            return self.ask("GET", "/status")["ready"]
        except (OSError, ValueError, LookupError, RuntimeError, http.client.HTTPException):
            return False

    def ask(self, method, path, body=None):
        asked = urllib.request.Request(self.base + path, json.dumps(body).encode() if body is not None else None, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=180) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            try:
                said = json.loads(said)["value"]["message"].split("\n")[0]
            except (ValueError, LookupError, TypeError):
                pass
            raise RuntimeError(said) from None

    def here(self, method, path, body=None):
        return self.ask(method, f"/session/{self.session}{path}", body)

    def once_there(self, act):
        """Does what needs something on the page, as soon as that is there."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return act()
            except RuntimeError as error:
                if time.monotonic() > end or not any(words in str(error) for words in NOT_YET):
                    raise
                time.sleep(0.1)

    def open(self, url):
        self.here("POST", "/url", {"url": url})

    def size(self, width, height):
        self.here("POST", "/window/rect", {"width": width, "height": height})

    def find(self, selector):
        return self.here("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def type(self, selector, text):
        self.once_there(lambda: self.here("POST", f"/element/{self.find(selector)}/value", {"text": text}))

    def click(self, selector):
        self.once_there(lambda: self.here("POST", f"/element/{self.find(selector)}/click", {}))

    def script(self, source):
        return self.here("POST", "/execute/sync", {"script": source, "args": []})

    def text(self, selector):
        return self.script(f"return [...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText).join('\\n')")

    def shows(self, selector, text, seconds=PATIENCE):
        """Whether the text stands in what the selector names, within so many seconds."""
        deadline = time.monotonic() + seconds
        while text not in self.text(selector):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def answer(self, text):
        """What the page's question is answered with."""
        self.once_there(lambda: self.here("POST", "/alert/text", {"text": text}))
        self.here("POST", "/alert/accept", {})

    def picture(self, path):
        with open(path, "wb") as out:
            out.write(base64.b64decode(self.here("GET", "/screenshot")))

    def end(self):
        self.here("DELETE", "")
