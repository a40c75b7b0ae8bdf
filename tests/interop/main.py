"""Runs every interop check; see `run`."""
import sys

import audio
import carrier
import hostile
import kamailio
import load
import rtpengine
import sipp
from capture import Capture
from daemon import READY, Daemon
from process import REPORT, certificates, run

CALLS = 1000
FEW = 100
OURS = "127.0.0.1:26060"


def calls_over_udp_and_tcp():
    """SIPp as caller and called: one socket or one per call, each transport and across."""
    ways = [
        ("UDP u1", "u1", "127.0.10.11", "u1", "127.0.10.12", "+49301"),
        ("UDP un", "un", "127.0.10.11", "u1", "127.0.10.12", "+49301"),
        ("TCP t1", "t1", "127.0.11.11", "t1", "127.0.11.12", "+49301"),
        ("TCP tn", "tn", "127.0.11.11", "tn", "127.0.11.12", "+49301"),
        ("UDP to TCP", "u1", "127.0.10.11", "t1", "127.0.11.12", "+49302"),
        ("TCP to UDP", "tn", "127.0.11.11", "u1", "127.0.10.12", "+49302"),
    ]
    for title, out, caller, back, called, prefix in ways:
        sipp.pair(f"{CALLS} calls, SIPp {title}, caller hangs up", ("uac.xml", caller, out, OURS), ("uas.xml", called, back), CALLS, number=prefix + "000000")
    for title, out, caller, back, called, prefix in ways:
        sipp.pair(f"{FEW} calls, SIPp {title}, called hangs up", ("uac_called_hangs_up.xml", caller, out, OURS), ("uas_hangs_up.xml", called, back), FEW,
                  number=prefix + "000000")


def scenarios():
    """What a call may do besides being answered, over UDP and over TCP."""
    stories = [
        ("busy", "uac_refused.xml", "uas_busy.xml"),
        ("cancel while ringing", "uac_cancel.xml", "uas_cancelled.xml"),
        ("hold and resume", "uac_hold.xml", "uas_held.xml"),
    ]
    for over, caller, called in (("u1", "127.0.10.11", "127.0.10.12"), ("t1", "127.0.11.11", "127.0.11.12")):
        for title, first, second in stories:
            sipp.pair(f"{FEW} calls, SIPp {over}, {title}", (first, caller, over, OURS), (second, called, over), FEW, rate=50)
        sipp.pair(f"{FEW} probes, SIPp {over}, OPTIONS", ("uac_options.xml", caller, over, OURS), None, FEW)
        sipp.pair(f"{FEW} calls, SIPp {over}, no route", ("uac_no_route.xml", caller, over, OURS), None, FEW, number="+49309")
    sipp.pair(f"{FEW} calls, SIPp u1, 3 % of the caller's datagrams lost", ("uac.xml", "127.0.10.11", "u1", OURS), ("uas.xml", "127.0.10.12", "u1"), FEW,
              rate=50, loss=3)


def before_the_answer():
    """100rel in all four combinations of who uses it, and an INVITE that is forked beyond the next hop."""
    callers = {"without 100rel": "uac_early.xml", "with 100rel": "uac_reliable.xml"}
    called = {"without": "uas_early.xml", "with": "uas_reliable.xml"}
    for over, first, second in (("u1", "127.0.10.11", "127.0.10.12"), ("t1", "127.0.11.11", "127.0.11.12")):
        for one, caller in callers.items():
            for other, party in called.items():
                sipp.pair(f"{FEW} calls, SIPp {over}, caller {one}, called {other}", (caller, first, over, OURS), (party, second, over), FEW, rate=50)
        sipp.pair(f"{FEW} calls, SIPp {over}, four forks", ("uac_early.xml", first, over, OURS), ("uas_forked.xml", second, over), FEW, rate=50)


def after_the_answer():
    """re-INVITE of either party, late offer, UPDATE; a session that is refreshed, and one that is not."""
    pairs = {
        "re-INVITE of the called party": ("uac_held.xml", "uas_holds.xml"),
        "late offer": ("uac_late_offer.xml", "uas.xml"),
        "UPDATE": ("uac_update.xml", "uas_updated.xml"),
        "session refreshed": ("uac_waits.xml", "uas_refreshed.xml"),
        "session expired": ("uac_called_hangs_up.xml", "uas_expires.xml"),
    }
    for over, first, second in (("u1", "127.0.10.11", "127.0.10.12"), ("t1", "127.0.11.11", "127.0.11.12")):
        for what, (caller, called) in pairs.items():
            sipp.pair(f"{FEW} calls, SIPp {over}, {what}", (caller, first, over, OURS), (called, second, over), FEW, rate=50)


def transfers():
    """REFER, INVITE with Replaces and 3xx, each between three parties."""
    mover, moved, new = "127.0.17.11", "127.0.17.12", "127.0.17.13"
    sipp.three(f"{FEW} calls, SIPp, REFER blind", ("uac_refer.xml", mover), [("uas.xml", moved), ("uas_hangs_up_late.xml", new)], FEW)
    sipp.three(f"{FEW} calls, SIPp, REFER with Replaces", ("uac_refer_replaces.xml", mover), [("uas.xml", moved), ("uas_hangs_up_late.xml", new)], FEW)
    sipp.three(f"{FEW} calls, SIPp, INVITE with Replaces", ("uac_replaces.xml", mover), [("uas.xml", moved)], FEW)
    sipp.three(f"{FEW} calls, SIPp, 302 followed", ("uac.xml", mover), [("uas_redirects.xml", moved), ("uas_diverted.xml", new)], FEW)


def numbers():
    """Numbers converted, three diversions in both headers, privacy, the custom header and what passes byte for byte."""
    for title, called, privacy in (("and headers", "uas_numbers.xml", "none"), ("and headers of a hidden caller", "uas_numbers_private.xml", "id")):
        sipp.pair(f"{FEW} calls, SIPp, numbers {title}", ("uac_numbers.xml", "127.0.18.11", "u1", OURS), (called, "127.0.18.12", "u1"), FEW, rate=50,
                  number="030888000", keys={"caller": "030777111", "privacy": privacy})


def decisions():
    """The custom header of calls to the carrier (PV-31..34), and the decision table (PV-37) from both sides."""
    carrier, platform = "127.0.18.11", "127.0.18.12"
    diverted = "Diversion: <sip:+4930888000@127.0.18.12>;reason=unconditional"
    calls = [
        ("the calling number's contents", "+4930888000", "X-Empty: 1", "uas_content.xml"),
        ("the diverting number's contents", "+15551234567", diverted, "uas_content.xml"),
        ("a number without contents", "+4930888005", "X-Empty: 1", "uas_no_content.xml"),
    ]
    for title, caller, line, called in calls:
        sipp.pair(f"{FEW} calls, SIPp, to the carrier: {title}", ("uac_platform.xml", platform, "u1", OURS), (called, carrier, "u1"), FEW, rate=50,
                  number="+4930555", keys={"caller": caller}, words={"[diverted]": line})
    refused = [
        ("called number unknown", carrier, "030888009", "030777111", 404, 1),
        ("called number suspended", carrier, "030888001", "030777111", 403, 21),
        ("called number takes no calls", carrier, "030888002", "030777111", 403, 21),
        ("account suspended", carrier, "030888003", "030777111", 403, 21),
        ("called number without service", carrier, "030888004", "030777111", 404, 1),
        ("emergency from a carrier", carrier, "112", "030777111", 403, 21),
        ("caller is no account's", platform, "+4930555", "+15551234567", 403, 21),
        ("caller makes no calls", platform, "+4930555", "+4930888002", 403, 21),
        ("caller suspended", platform, "+4930555", "+4930888001", 403, 21),
        ("caller's account suspended", platform, "+4930555", "+4930888003", 403, 21),
        ("destination not allowed", platform, "+25261234567", "+4930888000", 403, 21),
    ]
    for title, address, number, caller, status, cause in refused:
        sipp.pair(f"{FEW} calls, SIPp, refused: {title}", ("uac_denied.xml", address, "u1", OURS), None, FEW, rate=50, number=number,
                  keys={"caller": caller}, words={'response="499"': f'response="{status}"', "cause=999": f"cause={cause}"})


def with_trunkline(wanted):
    daemon = Daemon()
    if not REPORT.check("daemon is ready", "yes" if daemon.ready() else "no", f"readyz within {READY} s", daemon.process.poll() is None):
        return
    # First: a registrar that was away for long is asked again only after minutes.
    if "carrier" in wanted:
        carrier.run(daemon, FEW)
    if "hostile" in wanted:
        hostile.run(daemon)
    if "sipp" in wanted:
        calls_over_udp_and_tcp()
    if "scenarios" in wanted:
        scenarios()
        # A call whose ACK was lost is told so half a minute later, whoever is at that address by then.
        daemon.has_no_calls(60)
    if "early" in wanted:
        before_the_answer()
    if "midcall" in wanted:
        after_the_answer()
    if "transfers" in wanted:
        transfers()
    if "numbers" in wanted:
        numbers()
    if "decisions" in wanted:
        decisions()
    if "kamailio" in wanted:
        kamailio.run(CALLS, FEW)
    if "rtpengine" in wanted:
        rtpengine.run()
    capture = Capture() if "tshark" in wanted else None
    if "tshark" in wanted:
        sipp.pair(f"{FEW} calls under tshark", ("uac_hold.xml", "127.0.10.11", "u1", OURS), ("uas_held.xml", "127.0.10.12", "u1"), FEW, rate=50)
    if "baresip" in wanted or "tshark" in wanted:
        audio.run()
    if capture:
        capture.judge()
    if "load" in wanted:
        load.run()
    daemon.idle(120, "all peers")
    daemon.unharmed("all peers")
    daemon.disagreements()
    daemon.end()


def peers_only():
    """The same peers and scenarios without Trunkline between them."""
    for over in ("u1", "t1"):
        for first, second in (("uac.xml", "uas.xml"), ("uac_called_hangs_up.xml", "uas_hangs_up.xml"), ("uac_refused.xml", "uas_busy.xml"),
                              ("uac_cancel.xml", "uas_cancelled.xml"), ("uac_hold.xml", "uas_held.xml")):
            sipp.pair(f"SIPp to SIPp, {over}, {first}", (first, "127.0.10.11", over, "127.0.10.12:5080"), (second, "127.0.10.12", over), FEW, hops=0, direct=True)
    kamailio.run(CALLS, FEW, direct=True)
    audio.run(direct=True)


def main(arguments):
    wanted = {"hostile", "sipp", "scenarios", "early", "midcall", "transfers", "numbers", "decisions", "kamailio", "carrier", "baresip", "rtpengine", "tshark", "load"}
    if "--only" in arguments:
        wanted = set(arguments[arguments.index("--only") + 1].split(","))
    certificates()
    if "--peers-only" in arguments:
        peers_only()
    else:
        with_trunkline(wanted)


if __name__ == "__main__":
    run(main, sys.argv[1:])
