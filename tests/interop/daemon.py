"""The Trunkline daemon under test: start, gauges, end."""
import os
import re
import shutil
import signal
import time

import scrape
from process import HERE, REPORT, WORK, log_of, start, stop, wait_until

UDP = ("127.0.0.1", 26060)
TCP = ("127.0.0.1", 26060)
TLS = ("127.0.0.1", 26061)
METRICS = "http://127.0.0.1:26064"
# Seconds that a busy machine may take to start it.
READY = 60
# Every table that holds something while a call or a connection lives.
GAUGES = ["sbc_calls", "sbc_transactions", "sbc_dialogs", "sbc_streams", "sbc_flows"]


class Daemon:
    def __init__(self):
        os.makedirs(os.path.join(WORK, "state"), exist_ok=True)
        shutil.copy(os.path.join(HERE, "trunkline.toml"), os.path.join(WORK, "trunkline.toml"))
        with open(os.path.join(WORK, "carrier.password"), "w") as password:
            password.write("s3cret\n")
        os.chmod(os.path.join(WORK, "carrier.password"), 0o600)
        self.process = start("trunkline", [os.environ["TRUNKLINE_BIN"], "run", "--config", os.path.join(WORK, "trunkline.toml")])

    def ready(self):
        return wait_until(lambda: scrape.fetch(METRICS + "/readyz", 5) is not None or self.process.poll() is not None, READY) and self.process.poll() is None

    def has_no_calls(self, seconds):
        """Whether every call is over within `seconds`."""
        return wait_until(lambda: not any(name.split("{")[0] in ("sbc_calls", "sbc_dialogs") for name in busy(gauges())), seconds, 0.5)

    def idle(self, seconds, what):
        """Every gauge goes back to zero within `seconds`."""
        began = time.monotonic()
        left, absent = {}, GAUGES

        def settled():
            nonlocal left, absent
            left = gauges()
            absent = [name for name in GAUGES if not any(key.split("{")[0] == name for key in left)]
            return not busy(left) and not absent

        wait_until(settled, seconds, 0.5)
        figure = f"{busy(left) or 'all zero'} after {time.monotonic() - began:.0f} s" + (f", not exported: {absent}" if absent else "")
        REPORT.check(f"gauges after {what}", figure, f"all zero within {seconds} s", not busy(left) and not absent)

    def unharmed(self, what):
        panics = len(re.findall(r"panicked at", log_of("trunkline")))
        REPORT.check(f"daemon after {what}", f"{'running' if self.process.poll() is None else 'ended'}, {panics} panics", "running, 0 panics",
                     self.process.poll() is None and panics == 0)

    def disagreements(self):
        """What the second reader (sip.cross_check) read otherwise than we did; each class is explained in the counters."""
        found = {key: value for key, value in metrics().items() if "cross_check" in key and value}
        print(f"     second reader: {found or 'no disagreement'}")

    def end(self):
        stop(self.process, first=signal.SIGINT, seconds=30)
        REPORT.check("daemon ends on INT", f"exit {self.process.returncode}", "exit 0", self.process.returncode == 0)


def metrics():
    """Every sample of /metrics: name with labels -> value."""
    return scrape.samples(METRICS, 5, tries=6)


def gauges():
    return {name: value for name, value in metrics().items() if name.split("{")[0] in GAUGES}


def busy(samples):
    return {name: value for name, value in samples.items() if value}
