"""SIPp over TLS, by way of Kamailio on both sides (see kamailio/kamailio.cfg)."""
import glob
import os
import socket
import ssl

import sipp
from process import CERTS, REPORT, WORK, start, stop, template, wait_until

CALLER = "127.0.12.11"
CALLED = "127.0.12.12"


def shakes_hands(address):
    """Whether somebody takes connections over TLS there."""
    context = ssl.create_default_context(cafile=os.path.join(CERTS, "ca.pem"))
    context.check_hostname = False
    context.load_cert_chain(os.path.join(CERTS, "sbc.pem"), os.path.join(CERTS, "sbc.key"))
    try:
        with socket.create_connection((address, 5081), 5) as raw, context.wrap_socket(raw):
            return True
    except OSError:
        return False


def run(calls, few, direct=False):
    template("kamailio/kamailio.cfg", "kamailio/kamailio.cfg")
    template("kamailio/tls.cfg", "kamailio/tls.cfg", CERTS=CERTS)
    folder = os.path.join(WORK, "kamailio")
    modules = glob.glob("/usr/lib/*/kamailio/modules")[0]
    command = ["kamailio", "-DD", "-E", "-f", "kamailio.cfg", "-L", modules, "-Y", folder, "-w", folder, "-m", 256, "-M", 16]
    process = start("kamailio", command + (["-A", "DIRECT"] if direct else []), cwd=folder)
    # The sockets are bound before the TCP workers run.
    if not wait_until(lambda: process.poll() is not None or all(sipp.bound(at, "u1") and shakes_hands(at) for at in ("127.0.12.1", "127.0.12.2")), 60) or process.poll() is not None:
        REPORT.check("Kamailio starts", "no", "yes", False)
        return
    stories = [
        (calls, 100, "caller hangs up", "uac.xml", "uas.xml"),
        (few, 50, "called hangs up", "uac_called_hangs_up.xml", "uas_hangs_up.xml"),
        (few, 50, "busy", "uac_refused.xml", "uas_busy.xml"),
        (few, 50, "cancel while ringing", "uac_cancel.xml", "uas_cancelled.xml"),
        (few, 50, "hold and resume", "uac_hold.xml", "uas_held.xml"),
    ]
    way = "SIPp - Kamailio =TLS= Kamailio - SIPp" if direct else "SIPp - Kamailio =TLS= Trunkline =TLS= Kamailio - SIPp"
    for count, rate, title, first, second in stories:
        # Each proxy uses up a hop of its own.
        sipp.pair(f"{count} calls, {way}, {title}", (first, CALLER, "u1", "127.0.12.1:5080"), (second, CALLED, "u1"), count, rate=rate, hops=2 if direct else 3, direct=direct,
                  number="+49301000000")
    stop(process)
