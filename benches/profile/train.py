"""The calls that a profile is made of: over TLS to UDP, over UDP to TLS, and over TLS with audio that is relayed as SRTP, each at a
rate that one processor bears with ease. The parties are those of tests/reliability; what counts is the daemon's own business."""
import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests", "reliability"))

from overload import Load  # noqa: E402
from proof import CALLED_TRUNK, ROUTES, Daemon, main, row, settings  # noqa: E402
from traffic import Callee, Caller, carrier, platform  # noqa: E402

SECONDS = 12
HOLD = 2.0


async def calls(from_side, to_side, rate):
    caller, callee = Caller(HOLD), Callee()
    await from_side(caller).open()
    await to_side(callee).open()
    await caller.run(rate, SECONDS)
    await caller.over()
    caller.side.close()
    callee.side.close()
    return caller.tally


async def with_audio(rate):
    load = Load("TLS")
    await load.open()
    await load.at(rate, SECONDS)
    await load.caller.over()
    await load.close()
    return load.caller.tally


def told(what, tally):
    row("calls", what, f"{tally.byes_served} of {tally.placed}", "all", 0 < tally.placed == tally.byes_served)


def trained(routes, what, work):
    daemon = Daemon(settings(routes, trunks__called=CALLED_TRUNK))
    daemon.start()
    told(what, asyncio.run(work))
    daemon.unharmed()
    daemon.stop()


def play(_short):
    trained(ROUTES, "TLS to UDP", calls(platform, carrier, 200))
    trained(ROUTES, "UDP to TLS", calls(carrier, platform, 100))
    trained([("platform", "called")], "TLS to TLS, with audio", with_audio(60))


if __name__ == "__main__":
    main(play, __doc__)
