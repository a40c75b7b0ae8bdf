"""Calls that end in every way there is, at random, over TLS and UDP in both directions, while connections are cut.
Afterwards every gauge is zero and the daemon's memory is what it was after the first tenth (issue 3, "what will be
measured"; R-D). Nothing here is the product's code: plain text over asyncio.

  churn.py [--calls 100000] [--rate 300] [--seed 1]
"""
import argparse
import asyncio
import os
import random
import shutil
import ssl
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "interop"))

from process import CERTS, REPORT, WORK, certificates, log_of, run, start, stop, wait_until  # noqa: E402

SBC = "127.0.16.1"
PLATFORM, CARRIER = "127.0.15.11", "127.0.15.12"
TLS_PORT, UDP_PORT = 25161, 25160
METRICS = "http://127.0.0.1:25164/metrics"
GAUGES = ["sbc_calls", "sbc_transactions", "sbc_dialogs", "sbc_streams", "sbc_flows", 'sbc_ports{state="leased"}']
CONNECTIONS = 8
# Resident memory may grow by so much after the first round: about 45 octets for each call of 90,000.
SLACK_KB = 4096
# And by so much in the first round: what of the program is used, the tables at their fullest, and the last 2,000 calls that
# can be traced. The trace's messages have their room from the start.
FIRST_ROUND_KB = 16384
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
KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n"


def header(message, name):
    for line in message.split("\r\n"):
        if line.startswith(name + ": "):
            return line[len(name) + 2:]
    return ""


def every(message, name):
    return "".join(line + "\r\n" for line in message.split("\r\n") if line.startswith(name + ": "))


def sdp(address, secure):
    profile, key = ("RTP/SAVP", KEY) if secure else ("RTP/AVP", "")
    return f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio 40000 {profile} 0 101\r\n{key}a=rtpmap:101 telephone-event/8000\r\n"


def with_body(head, body):
    content = "Content-Type: application/sdp\r\n" if body else ""
    return f"{head}{content}Content-Length: {len(body)}\r\n\r\n{body}"


class Side:
    """One party: where it is, and how it sends."""

    def __init__(self, churn, address, token):
        self.churn, self.address, self.token = churn, address, token
        self.secure = token == "TLS"
        self.port = 25171 if self.secure else 25170

    def via(self, branch):
        return f"Via: SIP/2.0/{self.token} {self.address}:{self.port};rport;branch=z9hG4bK{branch}\r\n"

    def contact(self):
        return f"Contact: <sip:x@{self.address}:{self.port};transport={self.token.lower()}>\r\n"

    def answer(self, request, status, way, body=""):
        to = header(request, "To")
        to += "" if ";tag=" in to else ";tag=callee"
        head = f"SIP/2.0 {status}\r\n{every(request, 'Via')}{every(request, 'Record-Route')}From: {header(request, 'From')}\r\nTo: {to}\r\n" \
               f"Call-ID: {header(request, 'Call-ID')}\r\nCSeq: {header(request, 'CSeq')}\r\n{self.contact()}"
        self.send(with_body(head, body), way)


class Udp(Side, asyncio.DatagramProtocol):
    def __init__(self, churn):
        super().__init__(churn, CARRIER, "UDP")

    async def open(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(CARRIER, self.port))
        self.transport.get_extra_info("socket").setsockopt(1, 8, 8 << 20)  # SOL_SOCKET, SO_RCVBUF

    def datagram_received(self, data, _):
        self.churn.received(self, data.decode("latin-1"), None)

    def send(self, message, _=None):
        self.transport.sendto(message.encode("latin-1"), (SBC, UDP_PORT))


class Connection(asyncio.Protocol):
    """One TLS connection, dialled by either side."""

    def __init__(self, side):
        self.side, self.data, self.transport = side, b"", None

    def connection_made(self, transport):
        self.transport = transport
        self.side.open_now.add(self)

    def connection_lost(self, _):
        self.side.open_now.discard(self)

    def data_received(self, data):
        self.data += data
        while True:
            self.data = self.data.lstrip(b"\r\n")
            head, found, rest = self.data.partition(b"\r\n\r\n")
            if not found:
                return
            length = int(header(head.decode("latin-1"), "Content-Length") or 0)
            if len(rest) < length:
                return
            self.data = rest[length:]
            self.side.churn.received(self.side, (head + found + rest[:length]).decode("latin-1"), self)


class Tls(Side):
    def __init__(self, churn):
        super().__init__(churn, PLATFORM, "TLS")
        self.open_now = set()
        self.client = ssl.create_default_context(cafile=os.path.join(CERTS, "ca.pem"))
        self.client.check_hostname = False
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for context in (self.client, self.server):
            context.load_cert_chain(os.path.join(CERTS, "load.pem"), os.path.join(CERTS, "load.key"))
        self.pool = []
        self.dialling = 0

    async def open(self):
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(lambda: Connection(self), PLATFORM, self.port, ssl=self.server)
        for _ in range(CONNECTIONS):
            await self.dial()

    async def dial(self):
        self.dialling += 1
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self), SBC, TLS_PORT, ssl=self.client, server_hostname="sbc.test", local_addr=(PLATFORM, 0))
            self.pool.append(connection)
        finally:
            self.dialling -= 1

    def send(self, message, way=None):
        self.pool = [connection for connection in self.pool if not connection.transport.is_closing()]
        way = way if way and not way.transport.is_closing() else random.choice(self.pool or [None])
        if way:
            way.transport.write(message.encode("latin-1"))

    def cut(self):
        """One connection ends without a word, and another comes."""
        if self.open_now:
            random.choice(list(self.open_now)).transport.abort()
        if len(self.pool) + self.dialling <= CONNECTIONS:
            self.churn.later(0, lambda: asyncio.ensure_future(self.dial()))


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
        self.udp, self.tls = Udp(self), Tls(self)
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
        self.udp.transport.close()
        self.tls.listener.close()
        for connection in list(self.tls.open_now):
            connection.transport.abort()


def samples():
    try:
        with urllib.request.urlopen(METRICS, timeout=5) as page:
            lines = page.read().decode().splitlines()
    except OSError:
        return {}
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def busy():
    """What is held; connections of ours that live are no concern while the calls go on."""
    found = samples()
    return {name: found.get(name, "absent") for name in GAUGES if found.get(name, "absent")}


def resident_kb(pid):
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def daemon():
    os.makedirs(os.path.join(WORK, "state"), exist_ok=True)
    shutil.copy(os.path.join(HERE, "churn.toml"), WORK)
    process = start("trunkline", [os.environ["TRUNKLINE_BIN"], "run", "--config", os.path.join(WORK, "churn.toml")])
    wait_until(lambda: samples() or process.poll() is not None, 20)
    return process


def round_of(seed, calls, rate, fates=FATES):
    async def play():
        churn = Churn(seed, fates)
        await churn.open()
        await churn.run(calls, rate)
        churn.close()
        await asyncio.sleep(1)
        return churn.counts

    return asyncio.run(play())


def rested_kb(process):
    """What stays resident: the allocator gives back what it has no use for in the minutes after a burst, not at once."""
    lowest, since = resident_kb(process.pid), time.monotonic()
    end = since + REST
    while time.monotonic() < end and time.monotonic() - since < REST / 3:
        time.sleep(1)
        now = resident_kb(process.pid)
        if now < lowest - 256:
            lowest, since = now, time.monotonic()
    return min(lowest, resident_kb(process.pid))


def settled(process, what):
    began = time.monotonic()
    wait_until(lambda: not busy(), SETTLE, 1)
    left = busy()
    REPORT.check(f"gauges after {what}", f"{left or 'all zero'} after {time.monotonic() - began:.0f} s", f"all zero within {SETTLE} s", not left)
    round_of(0, GENTLE, GENTLE_RATE, {"caller hangs up": 1})
    wait_until(lambda: not busy(), SETTLE, 1)
    return rested_kb(process)


def main(options):
    certificates()
    process = daemon()
    before, resident = resident_kb(process.pid), []
    # Long enough that as many transactions stand at once as ever will.
    tenth = max(options.calls // 10, options.rate * WARM_UP)
    half = max((options.calls - tenth) // 2, tenth)
    for seed, calls in enumerate((tenth, half, half), options.seed):
        began = time.monotonic()
        counts = round_of(seed, calls, options.rate)
        print(f"     {calls} calls in {time.monotonic() - began:.0f} s: " + ", ".join(f"{what} {number}" for what, number in sorted(counts.items())), flush=True)
        resident.append(settled(process, f"{calls} calls"))
        answered = counts.get("answered 200", 0)
        REPORT.check(f"calls answered of {calls}", answered, f"at least {calls // 2}", answered * 2 >= calls)
    REPORT.check(f"resident memory at rest after {tenth} calls, {before} kB at the start", f"{resident[0] - before:+} kB", f"at most +{FIRST_ROUND_KB} kB",
                 resident[0] - before <= FIRST_ROUND_KB)
    # The first round has met every peak that the others meet.
    grown = resident[2] - resident[0]
    REPORT.check(f"resident memory at rest, {before} kB at the start, {resident[0]} kB after {tenth} calls", f"{resident[1]} kB after {half} more, {resident[2]} kB after as many again, {grown:+} kB",
                 f"at most +{SLACK_KB} kB", grown <= SLACK_KB)
    panics = log_of("trunkline").count("panicked at")
    running = process.poll() is None
    REPORT.check("daemon", f"{'running' if running else 'ended'}, {panics} panics", "running, 0 panics", running and not panics)
    stop(process)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="See the module.")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    run(main, parser.parse_args())
