"""Calls that end in every way there is, at random, over TLS and UDP in both directions, while connections are cut: afterwards every
gauge is zero and the daemon's memory is what it was after the first round (R-D). There is no short form; CALLS, RATE and SEED change it."""
import asyncio
import os
import random
import time

from proof import CARRIER, GAUGES, PLATFORM, SBC, Daemon, held, main, note, row, settings, wait_until
from traffic import Tls, Udp, header, sdp, with_body

# A connection that was cut has its place in a table too.
HELD = [*GAUGES, "sbc_flows"]
CONNECTIONS = 8
# Resident memory may grow by so much after the first round: about 45 octets for each call of 90,000.
SLACK_KIB = 4096
# And by so much in the first round: what of the program is used, the tables at their fullest, and the last 2,000 calls that
# can be traced. The trace's messages have their room from the start.
FIRST_ROUND_KIB = 16384
# Longer than every timer of a call whose parties fall silent: 64*T1 for an ACK, then for the BYE; 180 s for an answer,
# when the refusal was on a connection that was cut.
SETTLE = 240
# Seconds of rest at most before memory is looked at, and for a third of that it must not have fallen.
REST = 180
# Seconds of the first round at least: longer than a transaction stands after its call.
WARM_UP = 40
# How a call ends, and how often in a hundred.
FATES = {"caller hangs up": 34, "callee hangs up": 30, "cancelled while ringing": 14, "cancelled unheard": 2, "busy": 12, "no ACK": 2,
         "cut while ringing": 2, "cut while talking": 4}
# A few calls that end well: what the threads of the daemon freed for one another after a burst goes back to the system
# when they next allocate, and not in sleep.
GENTLE, GENTLE_RATE = 300, 20


class Call:
    def __init__(self, serial, fate, caller, callee):
        self.serial, self.fate, self.caller, self.callee = serial, fate, caller, callee
        self.call_id = f"churn-{serial}@{caller.address}"
        self.offered = self.way = None
        self.acked = self.cancelled = self.ended = False

    def own(self, method, branch, cseq, uri=None, to=None):
        side = self.caller
        number = f"+1555{self.serial:07}"
        return f"{method} {uri or f'sip:{number}@{SBC}'} SIP/2.0\r\n{side.via(branch)}Max-Forwards: 70\r\n" \
               f"From: <sip:+15550000000@{side.address}>;tag=f{self.serial}\r\nTo: {to or f'<sip:{number}@{SBC}>'}\r\nCall-ID: {self.call_id}\r\n" \
               f"CSeq: {cseq} {method}\r\n"

    def invite(self):
        head = self.own("INVITE", f"i{self.serial}", 1) + self.caller.contact() + "Allow: INVITE, ACK, BYE, CANCEL\r\n"
        self.caller.send(with_body(head, sdp(self.caller.address, self.caller.secure)), self.way)

    def cancel(self):
        if not self.cancelled:
            self.cancelled = True
            self.caller.send(with_body(self.own("CANCEL", f"i{self.serial}", 1), ""), self.way)

    def ack_failure(self, response):
        self.caller.send(with_body(self.own("ACK", f"i{self.serial}", 1, to=header(response, "To")), ""), self.way)

    def in_dialog(self, method, cseq, response):
        uri = header(response, "Contact").split("<")[-1].split(">")[0]
        self.caller.send(with_body(self.own(method, f"{method}{self.serial}", cseq, uri, header(response, "To")), ""), self.way)

    def callee_bye(self):
        side, invite = self.callee, self.offered[0]
        uri = header(invite, "Contact").split("<")[-1].split(">")[0]
        head = f"BYE {uri} SIP/2.0\r\n{side.via(f'c{self.serial}')}Max-Forwards: 70\r\nFrom: {header(invite, 'To')};tag=callee\r\n" \
               f"To: {header(invite, 'From')}\r\nCall-ID: {header(invite, 'Call-ID')}\r\nCSeq: 9 BYE\r\n"
        side.send(with_body(head, ""), self.offered[1])


class Churn:
    def __init__(self, seed, fates=FATES):
        self.random, self.fates = random.Random(seed), fates
        self.calls, self.started = {}, 0
        # Calls by the Call-ID of a BYE that waits for its answer.
        self.ending = {}
        self.counts = {}

    async def open(self):
        self.udp, self.tls = Udp(self, CARRIER, 27210), Tls(self, PLATFORM, 27211, connections=CONNECTIONS)
        await self.udp.open()
        await self.tls.open()

    def later(self, seconds, act):
        asyncio.get_running_loop().call_later(seconds, act)

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    async def run(self, calls, rate):
        """`calls` more calls at `rate` a second; then quiet."""
        began, first = time.monotonic(), self.started
        while self.started - first < calls:
            due = min(calls, int((time.monotonic() - began) * rate)) - (self.started - first)
            for _ in range(max(due, 0)):
                self.begin()
            await asyncio.sleep(0.005)
        await asyncio.sleep(5)
        while any(not call.ended for call in self.ending.values()) and time.monotonic() - began < calls / rate + 90:
            await asyncio.sleep(0.5)
        self.calls.clear()

    def begin(self):
        self.started += 1
        fate = self.random.choices(list(self.fates), self.fates.values())[0]
        caller, callee = (self.tls, self.udp) if self.started % 2 else (self.udp, self.tls)
        call = Call(self.started, fate, caller, callee)
        self.calls[call.call_id] = call
        self.count(fate)
        call.invite()
        if fate == "cancelled unheard":
            self.later(0.1, call.cancel)
        self.later(60, lambda: self.calls.pop(call.call_id, None))

    def received(self, side, message, way):
        if message.startswith("SIP/2.0 "):
            call = self.calls.get(header(message, "Call-ID"))
            if header(message, "CSeq").endswith(" BYE"):
                ended = self.ending.pop(header(message, "Call-ID"), None)
                if ended:
                    ended.ended = True
            elif call and header(message, "CSeq").endswith(" INVITE"):
                call.way = way
                self.response(call, int(message[8:11]), message)
        elif message.startswith("INVITE "):
            number = message.split("sip:", 1)[1].split("@")[0]
            call = self.calls.get(f"churn-{int(number[-7:])}@{(self.udp if side is self.tls else self.tls).address}")
            if call and not call.offered:
                call.offered = (message, way)
                self.offered(call, side, message, way)
        elif message.startswith("BYE ") or message.startswith("CANCEL "):
            side.answer(message, "200 OK", way)
            if message.startswith("CANCEL "):
                side.answer(message.replace("CANCEL", "INVITE"), "487 Request Terminated", way)

    def offered(self, call, side, invite, way):
        if call.fate == "cancelled unheard":
            return
        side.answer(invite, "180 Ringing", way)
        if call.fate == "busy":
            self.later(self.random.random() / 2, lambda: side.answer(invite, "486 Busy Here", way))
        elif call.fate == "cut while ringing":
            self.tls.cut()
            self.later(0.2, lambda: side.answer(invite, "486 Busy Here", way))
        elif call.fate != "cancelled while ringing":
            body = sdp(side.address, side.secure)
            self.later(self.random.random() / 2, lambda: side.answer(invite, "200 OK", way, body))

    def response(self, call, status, message):
        if status == 180 and call.fate == "cancelled while ringing":
            self.later(self.random.random() / 2, call.cancel)
        elif status >= 300:
            self.count(f"answered {status}")
            call.ack_failure(message)
        elif status >= 200 and call.fate != "no ACK":
            call.in_dialog("ACK", 1, message)
            if not call.acked:
                call.acked = True
                self.count("answered 200")
                self.later(self.random.random(), lambda: self.hang_up(call, message))

    def hang_up(self, call, accepted):
        if call.fate == "cut while talking":
            self.tls.cut()
        if call.fate == "caller hangs up" or call.fate == "cut while talking" and call.caller is self.udp:
            self.ending[call.call_id] = call
            self.until_ended(call, lambda: call.in_dialog("BYE", 2, accepted))
        else:
            self.ending[header(call.offered[0], "Call-ID")] = call
            self.until_ended(call, call.callee_bye)

    def until_ended(self, call, bye, tries=30):
        """A BYE goes again until it is answered: datagrams are lost, and connections are cut with messages in them."""
        if tries and not call.ended:
            bye()
            self.later(2, lambda: self.until_ended(call, bye, tries - 1))

    def close(self):
        self.udp.close()
        self.tls.close()


def round_of(seed, calls, rate, fates=FATES):
    async def play():
        churn = Churn(seed, fates)
        await churn.open()
        await churn.run(calls, rate)
        churn.close()
        await asyncio.sleep(1)
        return churn.counts

    return asyncio.run(play())


def rested_kib(daemon):
    """What stays resident: the allocator gives back what it has no use for in the minutes after a burst, not at once."""
    lowest, since = daemon.resident_kib(), time.monotonic()
    end = since + REST
    while time.monotonic() < end and time.monotonic() - since < REST / 3:
        time.sleep(1)
        now = daemon.resident_kib()
        if now < lowest - 256:
            lowest, since = now, time.monotonic()
    return min(lowest, daemon.resident_kib())


def settled_kib(daemon, what):
    """What stays resident once nothing is held."""
    daemon.settled("R-D2", what, SETTLE, HELD)
    round_of(0, GENTLE, GENTLE_RATE, {"caller hangs up": 1})
    wait_until(lambda: not held(HELD), SETTLE, 1)
    return rested_kib(daemon)


def play(_short):
    calls, rate, seed = (int(os.environ.get(name, usual)) for name, usual in (("CALLS", 100_000), ("RATE", 300), ("SEED", 1)))
    daemon = Daemon(settings([("platform", "carrier"), ("carrier", "platform")]), confined=False)
    daemon.start()
    before, resident = daemon.resident_kib(), []
    # Long enough that as many transactions stand at once as ever will.
    first = max(calls // 10, rate * WARM_UP)
    half = max((calls - first) // 2, first)
    for number, count in enumerate((first, half, half), seed):
        began = time.monotonic()
        counts = round_of(number, count, rate)
        note(f"{count} calls in {time.monotonic() - began:.0f} s: " + ", ".join(f"{what} {times}" for what, times in sorted(counts.items())))
        resident.append(settled_kib(daemon, f"{count} calls"))
        answered = counts.get("answered 200", 0)
        row("R-D", f"calls answered of {count}", str(answered), f"at least {count // 2}", answered * 2 >= count)
    grown = resident[0] - before
    row("R-D1", f"resident at rest after {first} calls, {before} KiB before", f"{grown:+} KiB", f"at most +{FIRST_ROUND_KIB} KiB", grown <= FIRST_ROUND_KIB)
    # The first round has met every peak that the others meet.
    grown = resident[2] - resident[0]
    row("R-D1", f"the same after {half} more, and as many again", f"{resident[1] - resident[0]:+} KiB, {grown:+} KiB", f"at most +{SLACK_KIB} KiB", grown <= SLACK_KIB)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
