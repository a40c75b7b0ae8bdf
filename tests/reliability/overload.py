"""Five times the calls that the node can take: it goes on completing nearly as many as at its best, refuses the others at
once, and breaks no BYE; when the load falls it is itself again within seconds (R-A). The daemon has a small share of one
processor, so that the generator, on another, is never the limit: both shares are shown. A call is TLS on both legs, and audio of
its called party that is relayed as SRTP."""
import asyncio
import os
import random
import socket
import time

from proof import GAUGES, PLATFORM, SHORT_GAUGES, Daemon, main, note, quantile, row, settings
from traffic import Callee, Caller, Tls, header, media_of, platform

# The second platform, that is called; TLS on both legs, as the sheet wants it.
CALLED = "127.0.17.31"
TRUNK = f'''profile = "generic-tls"
listener = "tls"
fqdn = "sbc.test"
trust = "proof"
targets = ["{CALLED}:27231"]
sources = ["{CALLED}/32"]
media = {{ security = "rtp", codecs = ["PCMU", "PCMA"] }}
options = {{ interval_s = 0 }}'''
# What the daemon gets of its processor: an optimised build far less.
SHARES = (0.1, 0.5)
HOLD = 2.0
PACKETS_PER_S = 50
# The peak is where more calls bring no more. First rate, rise from one step to the next, seconds of each step.
STEPS, SHORT_STEPS = (40, 1.25, 12), (60, 1.5, 4)
# A generator that needs more of its processor than this may be the limit itself.
BUSY = 0.85


class Talking(Callee):
    """Answers over TLS and talks in plain RTP for as long as the call is up; the daemon protects every packet."""

    def __init__(self):
        super().__init__()
        self.talking, self.serial = {}, 0
        self.mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.mouth.bind((CALLED, self.media_port))
        self.mouth.setblocking(False)
        # Who hears it: its packets are thrown away by the system once the buffer is full.
        self.ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear.bind((PLATFORM, 40000))

    def received(self, side, message, way):
        key = header(message, "Call-ID")
        if message.startswith("ACK ") and key in self.dialogs:
            self.talking[key] = media_of(self.dialogs[key][0])
        elif message.startswith("BYE "):
            self.talking.pop(key, None)
        super().received(side, message, way)

    async def talk(self):
        due = time.monotonic()
        while True:
            due += 1 / PACKETS_PER_S
            # Who is late catches up: a call is so many packets, however busy we are.
            await asyncio.sleep(max(due - time.monotonic(), 0))
            self.serial += 1
            packet = b"\x80\0" + (self.serial & 0xFFFF).to_bytes(2, "big") + (self.serial * 160 & 0xFFFFFFFF).to_bytes(4, "big") + b"call" + bytes(160)
            for target in list(self.talking.values()):
                try:
                    self.mouth.sendto(packet, target)
                except BlockingIOError:
                    continue


class Load:
    def __init__(self):
        self.caller, self.callee = Caller(HOLD), Talking()

    async def open(self):
        await platform(self.caller, connections=8).open()
        self.callee.side = Tls(self.callee, CALLED, 27231, connections=0)
        self.callee.side.secure = False
        await self.callee.side.open()
        self.speech = asyncio.ensure_future(self.callee.talk())

    async def at(self, rate, seconds):
        """Calls at a rate: how many were completed in a second after the first hold time, and our own share of a processor."""
        used, began = time.process_time(), time.monotonic()
        await self.caller.run(rate, seconds)
        ended = time.monotonic()
        goodput = self.caller.tally.between(began + HOLD, ended) / (ended - began - HOLD)
        return goodput, (time.process_time() - used) / (ended - began)

    async def peak(self, rate, rise, seconds):
        """The most calls a second that are completed, whatever is offered."""
        best, worse = 0.0, 0
        while worse < 2:
            goodput, busy = await self.at(rate, seconds)
            note(f"{rate:.0f} calls/s offered: {goodput:.0f}/s completed, generator at {100 * busy:.0f} % of its processor")
            worse = 0 if goodput > best * 1.03 else worse + 1
            best, rate = max(best, goodput), rate * rise
        await self.caller.over()
        return best

    def fresh(self):
        """A tally of its own for what comes."""
        self.caller.tally = type(self.caller.tally)()
        return self.caller.tally

    def close(self):
        self.speech.cancel()
        self.caller.side.close()
        self.callee.side.close()


async def overload(short, daemon):
    load = Load()
    await load.open()
    peak = await load.peak(*(SHORT_STEPS if short else STEPS))
    row("R-A", "peak of completed calls in a second (P)", f"{peak:.0f}", "found", peak > 0)
    tally = load.fresh()
    used, began = daemon.processor_s(), time.monotonic()
    goodput, busy = await load.at(5 * peak, 6 if short else 600)
    note(f"the daemon used {100 * (daemon.processor_s() - used) / (time.monotonic() - began):.1f} % of a processor meanwhile")
    row("R-A", "the generator's own share of its processor", f"{100 * busy:.0f} %", f"at most {100 * BUSY:.0f} %: it is not the limit", busy <= BUSY)
    row("R-A1", f"goodput at 5x ({5 * peak:.0f}/s offered)", f"{goodput:.0f}/s, {100 * goodput / peak:.0f} % of P", "at least 90 % of P", goodput >= 0.9 * peak)
    # The load falls: from five seconds later on everything is as it was.
    low, seconds = 0.8 * peak, 4 if short else 30
    fell = time.monotonic()
    await load.caller.run(low, 5 + HOLD + seconds)
    recovered = tally.between(fell + 5 + HOLD, fell + 5 + HOLD + seconds) / seconds
    await load.caller.over()
    judge(tally)
    row("R-A7", "completed from 5 s after the load fell to 0.8 P", f"{100 * recovered / low:.0f} % of {low:.0f}/s", "at least 95 %", recovered >= 0.95 * low)
    load.close()


def judge(tally):
    refused = sum(tally.refused.values())
    note(f"{tally.placed} calls: {tally.answered} answered, refused {tally.refused}, {tally.silent} heard nothing in 32 s")
    slow = quantile(tally.refusing, .99)
    row("R-A2", f"{refused} refusals, p99", f"{slow:.0f} ms, {tally.without_retry_after} without Retry-After", "at most 100 ms, none without", refused > 0 and slow <= 100 and not tally.without_retry_after)
    row("R-A2", "refusals other than 503, calls without any answer", f"{refused - tally.refused.get(503, 0)}, {tally.silent}", "0, 0", refused == tally.refused.get(503, 0) and not tally.silent)
    trying = quantile(tally.trying, .99)
    row("R-A3", "INVITE to 100 of the calls that were taken, p99", f"{trying:.0f} ms", "at most 200 ms", trying <= 200)
    served = 100 * tally.byes_served / max(tally.byes, 1)
    row("R-A4", f"BYEs served of {tally.byes}", f"{served:.3f} %", "at least 99.99 %", tally.byes > 0 and served >= 99.99)
    hanging_up = quantile(tally.hanging_up, .99)
    row("R-A4", "BYE to its 200, p99", f"{hanging_up:.0f} ms", "at most 500 ms", hanging_up <= 500)


def share():
    given = os.environ.get("SHARE")
    return float(given) if given else SHARES["debug" in os.environ.get("TRUNKLINE_BIN", "")]


def play(short):
    daemon = Daemon(settings([("platform", "called")], trunks__called=TRUNK, limits="max_calls = 20000"), share=share())
    daemon.start()
    note(f"the daemon has about {100 * share():.0f} % of a processor (SHARE changes that)")
    random.seed(1)
    asyncio.run(overload(short, daemon))
    daemon.settled("R-A7", "the overload", 40, SHORT_GAUGES if short else GAUGES)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
