"""Kamailio as a carrier's proxy (see kamailio/carrier.cfg): real route sets, mended addresses, passwords."""
import glob
import os

import sipp
from daemon import metrics
from process import REPORT, WORK, start, stop, template, wait_until

# Behind the proxy, and behind a NAT: its Contact names an address that leads nowhere.
BEHIND = "127.0.12.13"
PROXY = "127.0.12.3"
CALLER = "127.0.10.11"
CALLED = "127.0.10.12"
OURS = "127.0.0.1:26060"

STORIES = [
    ("caller hangs up", "uac.xml", "uas.xml"),
    ("called hangs up", "uac_called_hangs_up.xml", "uas_hangs_up.xml"),
    ("busy", "uac_refused.xml", "uas_busy.xml"),
    ("cancel while ringing", "uac_cancel.xml", "uas_cancelled.xml"),
    ("re-INVITEs of the caller: hold and resume", "uac_hold.xml", "uas_held.xml"),
]


def proxy(name, *options):
    template("kamailio/carrier.cfg", "kamailio/carrier.cfg")
    folder = os.path.join(WORK, "kamailio")
    modules = glob.glob("/usr/lib/*/kamailio/modules")[0]
    command = ["kamailio", "-DD", "-E", "-f", "carrier.cfg", "-L", modules, "-Y", folder, "-w", folder, "-m", 64, "-M", 8, *options]
    process = start(name, command, cwd=folder)
    bound = wait_until(lambda: sipp.bound(PROXY, "u1") or process.poll() is not None, 60) and process.poll() is None
    return process if REPORT.check(f"{name} starts", "yes" if bound else "no", "yes", bound) else None


def registered(daemon):
    """The trunk's REGISTER was challenged with 401 and then granted."""
    def state():
        return [value for name, value in metrics().items() if "registered" in name and "carrier-proxy" in name]
    wait_until(lambda: 1.0 in state(), 120)
    figures = {name: value for name, value in metrics().items() if "regist" in name}
    REPORT.check("registration at Kamailio, challenged with 401", figures, "registered", 1.0 in state())


def run(daemon, few):
    """Calls to and from a party behind the proxy; each call to it is challenged with 407 (MD5, then SHA-256)."""
    for digest, options in (("MD5", []), ("SHA-256", ["-A", "SHA256"])):
        process = proxy(f"carrier-{digest}", *options)
        if not process:
            continue
        if digest == "MD5":
            registered(daemon)
        for title, first, second in STORIES:
            sipp.pair(f"{few} calls, SIPp - Trunkline - Kamailio ({digest}) - NAT - SIPp, {title}", (first, CALLER, "u1", OURS), (second, BEHIND, "u1"), few,
                      rate=50, hops=2, number="+49303000000", natted=BEHIND)
            if digest == "MD5":
                sipp.pair(f"{few} calls, SIPp - NAT - Kamailio - Trunkline - SIPp, {title}", (first, BEHIND, "u1", PROXY + ":5080"), (second, CALLED, "u1"), few,
                          rate=50, hops=2, natted=BEHIND)
        stop(process)
