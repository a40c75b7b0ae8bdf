"""A Chromium driven over WebDriver (W3C), with what `pages` needs of it."""
import base64
import json
import os
import time
import urllib.error
import urllib.request

from process import WORK, start, wait_until

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # The name the W3C gave to a reference of an element.
SWITCHES = ["headless=new", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync",
            "hide-scrollbars"]


class Browser:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"
        start("chromedriver", ["chromedriver", f"--port={port}"])
        if not wait_until(self.drives, 30):
            raise RuntimeError("chromedriver does not answer")
        profile = os.path.join(WORK, "browser")
        options = {"binary": "/usr/bin/chromium", "args": ["--" + switch for switch in SWITCHES] + [f"--user-data-dir={profile}"]}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        self.session = self.ask("POST", "/session", wanted)["sessionId"]

    def drives(self):
        try:
            return self.ask("GET", "/status")["ready"]
        except OSError:
            return False

    def ask(self, method, path, body=None):
        asked = urllib.request.Request(self.base + path, json.dumps(body).encode() if body is not None else None, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].split("\n")[0]) from None

    def here(self, method, path, body=None):
        return self.ask(method, f"/session/{self.session}{path}", body)

    def open(self, url):
        self.here("POST", "/url", {"url": url})

    def size(self, width, height):
        self.here("POST", "/window/rect", {"width": width, "height": height})

    def find(self, selector):
        return self.here("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def type(self, selector, text):
        self.here("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def click(self, selector):
        self.here("POST", f"/element/{self.find(selector)}/click", {})

    def script(self, source):
        return self.here("POST", "/execute/sync", {"script": source, "args": []})

    def text(self, selector):
        return self.script(f"return [...document.querySelectorAll({json.dumps(selector)})].map((one) => one.innerText).join('\\n')")

    def shows(self, selector, text, seconds=10):
        """Whether the text stands in what the selector names, within so many seconds."""
        deadline = time.monotonic() + seconds
        while text not in self.text(selector):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def answer(self, text):
        """What the page's question is answered with."""
        self.here("POST", "/alert/text", {"text": text})
        self.here("POST", "/alert/accept", {})

    def picture(self, path):
        with open(path, "wb") as out:
            out.write(base64.b64decode(self.here("GET", "/screenshot")))

    def end(self):
        self.here("DELETE", "")
