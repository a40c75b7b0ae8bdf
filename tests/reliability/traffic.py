"""SIP parties in plain text over asyncio: who sends and receives, calls at a rate with what became of them, and a pair of
well-behaved trunks that calls from a process of its own while something else is attacked. Nothing here is the product's code."""
import asyncio
import contextlib
import multiprocessing
import os
import random
import signal
import ssl
import time

from proof import CARRIER, CERTS, GOOD_CALLEE, GOOD_CALLER, PLATFORM, TLS, UDP, note, quantile, row

KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n"
T1, T2 = 0.5, 4.0
# How long a request is repeated (RFC 3261 timers B and F).
TIMER_B = 32.0


def header(message, name):
    """The first field of that name, as the daemon writes it."""
    start = message.find(f"\r\n{name}: ")
    if start < 0:
        return ""
    start += len(name) + 4
    return message[start:message.find("\r\n", start)]


def every(message, name):
    return "".join(line + "\r\n" for line in message.partition("\r\n\r\n")[0].split("\r\n") if line.startswith(name + ": "))


def sdp(address, secure, port=40000):
    profile, key = ("RTP/SAVP", KEY) if secure else ("RTP/AVP", "")
    return f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\nm=audio {port} {profile} 0 101\r\n{key}a=rtpmap:101 telephone-event/8000\r\n"


def media_of(message):
    """Where a description wants its audio."""
    address = message.partition("\r\nc=IN IP4 ")[2].partition("\r\n")[0]
    return address, int(message.partition("\r\nm=audio ")[2].partition(" ")[0])


def rtp(serial, ssrc=b"call", payload=bytes(160)):
    """A packet of G.711, 20 ms after the one before it."""
    return b"\x80\0" + (serial & 0xFFFF).to_bytes(2, "big") + (serial * 160 & 0xFFFFFFFF).to_bytes(4, "big") + ssrc + payload


def with_body(head, body):
    content = "Content-Type: application/sdp\r\n" if body else ""
    return f"{head}{content}Content-Length: {len(body)}\r\n\r\n{body}"


async def until(condition, seconds=60):
    """Whether it came true in that time: what only has to happen at some time may take long on a busy machine."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        await asyncio.sleep(0.01)
    return condition()


class Side:
    """One party: where it is, and how it sends. `owner.received(side, message, way)` hears what comes."""

    def __init__(self, owner, address, port, token, daemon):
        self.owner, self.address, self.port, self.token, self.daemon = owner, address, port, token, daemon
        self.secure = token == "TLS"

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
    def __init__(self, owner, address, port, daemon=UDP):
        super().__init__(owner, address, port, "UDP", daemon)

    async def open(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(self.address, self.port))
        self.transport.get_extra_info("socket").setsockopt(1, 8, 8 << 20)  # SOL_SOCKET, SO_RCVBUF

    def datagram_received(self, data, _):
        self.owner.received(self, data.decode("latin-1"), None)

    def send(self, message, _=None):
        self.transport.sendto(message.encode("latin-1"), self.daemon)

    def close(self):
        self.transport.close()


class Connection(asyncio.Protocol):
    """One connection, dialled by either side."""

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
            length = int(header((head + b"\r\n").decode("latin-1"), "Content-Length") or 0)
            if len(rest) < length:
                return
            self.data = rest[length:]
            self.side.owner.received(self.side, (head + found + rest[:length]).decode("latin-1"), self)


def contexts(certificate="load"):
    """TLS of a party as client and as server."""
    client = ssl.create_default_context(cafile=os.path.join(CERTS, "ca.pem"))
    client.check_hostname = False
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for context in (client, server):
        context.load_cert_chain(os.path.join(CERTS, f"{certificate}.pem"), os.path.join(CERTS, f"{certificate}.key"))
    return client, server


class Tls(Side):
    """Listens for the daemon's connections, and keeps `connections` of its own."""

    def __init__(self, owner, address, port, daemon=TLS, connections=4):
        super().__init__(owner, address, port, "TLS", daemon)
        self.open_now, self.pool, self.dialling, self.wanted = set(), [], 0, connections
        self.client, self.server = contexts()

    async def open(self):
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(lambda: Connection(self), self.address, self.port, ssl=self.server)
        for _ in range(self.wanted):
            await self.dial()

    async def dial(self):
        self.dialling += 1
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(self), *self.daemon, ssl=self.client, server_hostname="sbc.test", local_addr=(self.address, 0))
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
        if len(self.pool) + self.dialling <= self.wanted:
            asyncio.ensure_future(self.dial())

    def close(self):
        self.listener.close()
        for connection in list(self.open_now):
            connection.transport.abort()


class Tally:
    """What became of calls. Lists are seconds."""

    def __init__(self):
        self.placed = self.answered = self.byes = self.byes_served = self.silent = 0
        # Final responses other than 2xx, by status; those without Retry-After among the 503.
        self.refused, self.without_retry_after = {}, 0
        self.trying, self.answering, self.refusing, self.hanging_up = [], [], [], []
        # From the 200 to the BYE.
        self.talked = []
        # When calls were completed: answered, and their BYE too.
        self.completed = []

    def failed(self):
        return self.placed - self.answered

    def between(self, since, until):
        return sum(since <= moment < until for moment in self.completed)


class Call:
    __slots__ = ("serial", "call_id", "number", "way", "began", "heard", "final", "accepted", "accepted_at", "bye_began", "bye_tally", "bye_answered")

    def __init__(self, serial, call_id, number, began):
        self.serial, self.call_id, self.number, self.began = serial, call_id, number, began
        self.way = self.accepted = self.accepted_at = self.bye_began = self.bye_tally = None
        self.heard = self.final = self.bye_answered = False


class Caller:
    """Calls at a rate; each is ended by its caller after `hold` seconds (None: never)."""

    serials = 0

    def __init__(self, hold=1.0, number="+1555{:07}", host="sbc.test", body=True):
        self.hold, self.number, self.host, self.body = hold, number, host, body
        self.tally, self.calls, self.side = Tally(), {}, None
        # By how much we ourselves woke later than we wanted, in seconds.
        self.late = []
        self.run_id = f"{os.getpid()}-{random.randrange(1 << 32):x}"
        # Where it wants its audio.
        self.media_port = 40000
        # What came that belongs to no call, and requests: (message, way).
        self.on_request = None

    def place(self, number=None):
        Caller.serials += 1
        serial = Caller.serials
        call = Call(serial, f"{self.run_id}-{serial}@{self.side.address}", number or self.number.format(serial % 10_000_000), time.monotonic())
        self.calls[call.call_id] = call
        self.tally.placed += 1
        head = self.request(call, "INVITE", f"i{serial}", 1) + self.side.contact() + "Allow: INVITE, ACK, BYE, CANCEL\r\n"
        message = with_body(head, sdp(self.side.address, self.side.secure, self.media_port) if self.body else "")
        self.repeat(message, call, lambda: call.heard or call.final)
        asyncio.get_running_loop().call_later(TIMER_B, self.given_up, call)
        return call

    def given_up(self, call):
        """Timer B: nobody has said a final word."""
        if not call.final and not call.heard:
            call.final = True
            self.tally.silent += 1

    def repeat(self, message, call, over, wait=T1, left=TIMER_B):
        """Sends, and over UDP again until it is answered."""
        if over() or left <= 0:
            return
        self.side.send(message, call.way)
        if self.side.token == "UDP":
            asyncio.get_running_loop().call_later(wait, self.repeat, message, call, over, min(wait * 2, T2), left - wait)

    def request(self, call, method, branch, cseq, uri=None, to=None):
        return f"{method} {uri or f'sip:{call.number}@{self.host}'} SIP/2.0\r\n{self.side.via(f'{self.run_id}{branch}')}Max-Forwards: 70\r\n" \
               f"From: <sip:+15550000000@{self.side.address}>;tag=f{call.serial}\r\nTo: {to or f'<sip:{call.number}@{self.host}>'}\r\n" \
               f"Call-ID: {call.call_id}\r\nCSeq: {cseq} {method}\r\n"

    def received(self, side, message, way):
        if not message.startswith("SIP/2.0 "):
            if self.on_request:
                return self.on_request(side, message, way)
            return None if message.startswith("ACK ") else side.answer(message, "200 OK", way)
        call = self.calls.get(header(message, "Call-ID"))
        if not call:
            return None
        status, method = int(message[8:11]), header(message, "CSeq").rpartition(" ")[2]
        if method == "INVITE":
            call.way = way
            return self.response(call, status, message)
        if method == "BYE" and status >= 200 and not call.bye_answered:
            self.bye_answered(call, status)
        return None

    def response(self, call, status, message):
        now = time.monotonic()
        if not call.heard:
            call.heard = True
            if status < 300:
                self.tally.trying.append(now - call.began)
        if status >= 300:
            self.side.send(with_body(self.request(call, "ACK", f"i{call.serial}", 1, to=header(message, "To")), ""), call.way)
            if not call.final:
                call.final = True
                self.tally.refusing.append(now - call.began)
                self.tally.refused[status] = self.tally.refused.get(status, 0) + 1
                self.tally.without_retry_after += status == 503 and not header(message, "Retry-After")
                del self.calls[call.call_id]
        elif status >= 200:
            self.in_dialog(call, "ACK", 1, message)
            if not call.final:
                call.final, call.accepted, call.accepted_at = True, message, now
                self.tally.answered += 1
                self.tally.answering.append(now - call.began)
                if self.hold is not None:
                    asyncio.get_running_loop().call_later(self.hold, self.hang_up, call)

    def in_dialog(self, call, method, cseq, accepted, repeated=False):
        uri = header(accepted, "Contact").partition("<")[2].partition(">")[0]
        message = with_body(self.request(call, method, f"{method}{call.serial}", cseq, uri, header(accepted, "To")), "")
        if repeated:
            self.repeat(message, call, lambda: call.bye_answered)
        else:
            self.side.send(message, call.way)

    def hang_up(self, call):
        call.bye_began = time.monotonic()
        # Where another tally begins meanwhile, this one hears of the end.
        call.bye_tally = self.tally
        self.tally.byes += 1
        self.tally.talked.append(call.bye_began - call.accepted_at)
        self.in_dialog(call, "BYE", 2, call.accepted, repeated=True)

    def bye_answered(self, call, status):
        call.bye_answered = True
        if status < 300:
            now = time.monotonic()
            call.bye_tally.byes_served += 1
            call.bye_tally.hanging_up.append(now - call.bye_began)
            self.tally.completed.append(now)
        self.calls.pop(call.call_id, None)

    async def run(self, rate, seconds):
        """So many calls a second, for so long."""
        began, first = time.monotonic(), self.tally.placed
        while (past := time.monotonic() - began) < seconds:
            for _ in range(int(past * rate) - (self.tally.placed - first)):
                self.place()
            due = time.monotonic() + 0.002
            await asyncio.sleep(0.002)
            self.late.append(time.monotonic() - due)

    async def over(self, seconds=TIMER_B + 2):
        """Until no call is left, or the time is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(not call.final or (self.hold is not None and call.accepted) for call in self.calls.values()):
            await asyncio.sleep(0.05)


class Callee:
    """Answers every call at once, and repeats its 200 until the ACK comes."""

    def __init__(self, ringing=True):
        self.side, self.ringing, self.media_port = None, ringing, 40002
        self.invites = self.byes = 0
        self.unacknowledged, self.seen, self.dialogs = set(), set(), {}

    def received(self, side, message, way):
        if message.startswith("INVITE "):
            self.offered(side, message, way)
        elif message.startswith("ACK "):
            self.unacknowledged.discard(header(message, "Call-ID"))
        elif message.startswith("BYE "):
            self.byes += 1
            self.dialogs.pop(header(message, "Call-ID"), None)
            side.answer(message, "200 OK", way)
        elif not message.startswith("SIP/2.0 "):
            side.answer(message, "200 OK", way)
            if message.startswith("CANCEL "):
                side.answer(message.replace("CANCEL", "INVITE"), "487 Request Terminated", way)

    def offered(self, side, message, way):
        key = header(message, "Call-ID")
        if key in self.seen:
            return
        self.seen.add(key)
        self.invites += 1
        if self.ringing:
            side.answer(message, "180 Ringing", way)
        self.unacknowledged.add(key)
        self.dialogs[key] = (message, way)
        self.accept(side, message, way, key)

    def accept(self, side, message, way, key, wait=T1, left=TIMER_B):
        if key not in self.unacknowledged:
            return
        side.answer(message, self.accepting(message), way, sdp(side.address, side.secure, self.media_port))
        if left > 0:
            asyncio.get_running_loop().call_later(wait, self.accept, side, message, way, key, min(wait * 2, T2), left - wait)
        else:
            self.unacknowledged.discard(key)

    def accepting(self, message):
        """The status of its answer, and header fields behind it."""
        return "200 OK"

    def bye(self, key):
        """Ends the dialog of this Call-ID from the called side."""
        message, way = self.dialogs[key]
        uri = header(message, "Contact").partition("<")[2].partition(">")[0]
        head = f"BYE {uri} SIP/2.0\r\n{self.side.via(f'cb{random.randrange(1 << 48):x}')}Max-Forwards: 70\r\nFrom: {header(message, 'To')};tag=callee\r\n" \
               f"To: {header(message, 'From')}\r\nCall-ID: {key}\r\nCSeq: 9 BYE\r\n"
        self.side.send(with_body(head, ""), way)


def platform(owner, connections=4):
    owner.side = Tls(owner, PLATFORM, 27211, connections=connections)
    return owner.side


def carrier(owner):
    owner.side = Udp(owner, CARRIER, 27210)
    return owner.side


def good_trunks(hold):
    """A caller and who is called, on two trunks that behave well."""
    caller, callee = Caller(hold), Callee()
    caller.side, callee.side = Udp(caller, GOOD_CALLER, 27220), Udp(callee, GOOD_CALLEE, 27221)
    return open_for(caller, callee)


def from_platform(hold, callee=None):
    """A caller on the platform, and who is called at the carrier."""
    caller, callee = Caller(hold), callee or Callee()
    platform(caller)
    carrier(callee)
    return open_for(caller, callee)


@contextlib.asynccontextmanager
async def open_for(*parties):
    for party in parties:
        await party.side.open()
    try:
        yield parties
    finally:
        for party in parties:
            party.side.close()


class Apart:
    """Parties in a process of their own, so that nobody's work but theirs delays them: `play(pipe)`."""

    def __init__(self):
        self.ours, theirs = multiprocessing.get_context("fork").Pipe()
        self.process = multiprocessing.get_context("fork").Process(target=self.child, args=(theirs,), daemon=True)

    def child(self, pipe):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        asyncio.run(self.play(pipe))


class GoodTrunk(Apart):
    """Two well-behaved trunks and their calls: an attack must not be felt there."""

    def __init__(self, rate, hold=2.0):
        super().__init__()
        self.rate, self.hold = rate, hold

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        if self.process.is_alive():
            self.process.kill()
        self.process.join()

    async def play(self, pipe):
        async with good_trunks(self.hold) as (caller, _):
            calling = asyncio.ensure_future(caller.run(self.rate, 1e9))
            while not pipe.poll():
                await asyncio.sleep(0.05)
            calling.cancel()
            await caller.over()
            pipe.send(caller.tally)
            # Still there for calls of others.
            await asyncio.Event().wait()

    def end(self):
        """Stops the calls, waits for the last of them, and says how they went. The callee still answers whoever calls."""
        self.ours.send("end")
        return self.ours.recv()

    def judge(self, anchor, what):
        """At least 99.9 % of the calls come up and end as they should."""
        tally = self.end()
        good = min(tally.answered, tally.byes_served)
        part = good / max(tally.placed, 1)
        figure = f"{100 * part:.2f} % of {tally.placed}, answer p99 {quantile(tally.answering, .99):.0f} ms"
        row(anchor, f"good trunk's calls {what}", figure, "at least 99.9 %", tally.placed > 0 and part >= 0.999)
        return tally


def beside_good_calls(anchor, short, attack, until="answering", hold=2.0):
    """Plays `attack` while the good trunk calls: its calls go well, and the p99 of `until` (a list of the tally) changes by at most
    5 ms against a while before. So few calls as those of a short form have no p99 to judge."""
    rate = 10 if short else 50
    with GoodTrunk(rate, hold) as before:
        time.sleep(3 if short else 20)
        calm = before.end()
    with GoodTrunk(rate, hold) as good:
        attack()
        tally = good.judge(anchor, "meanwhile")
    was, became = (quantile(getattr(each, until), .99) for each in (calm, tally))
    what = {"trying": "INVITE to 100", "answering": "INVITE to 200"}[until]
    note(f"{what} of the good trunk, p99: {was:.1f} ms before, {became:.1f} ms meanwhile")
    if not short:
        row(anchor, f"change of the good trunk's {what}, p99", f"{became - was:+.1f} ms", "at most +5 ms", became - was <= 5)
