"""Name servers that fail in every way there is: trunks by address do not notice, trunks by name go on with the last good answer
(R-K). The name server is a stub of ours."""
import asyncio
import struct

from proof import Daemon, main, row, settings, trunk
from traffic import Callee, Caller, Udp, beside_good_calls, carrier

SERVER, SECOND = ("127.0.17.53", 27253), ("127.0.17.54", 27253)
NAME = "sip.named.test"
NAMED, ELSEWHERE = "127.0.17.41", "127.0.17.42"
PORT = 27241
TTL = 1
# How long an old answer is used before a server that failed is asked again.
OLD = 31
# A call by name takes at most so long when nobody answers: the caller hears ringing before it wonders.
PATIENCE = 4.0
TRUNK = trunk("udp", f"{NAME}:{PORT}", f"{NAMED}/32")
A, CNAME = 1, 5
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3


def question(data):
    """The name asked for, its type, and the octets of the question."""
    place, labels = 12, []
    while data[place]:
        labels.append(data[place + 1:place + 1 + data[place]].decode())
        place += 1 + data[place]
    kind = struct.unpack_from(">H", data, place + 1)[0]
    return ".".join(labels).lower(), kind, data[12:place + 5]


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(name, kind, data, ttl=TTL):
    return encoded(name) + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def address(text):
    return bytes(int(part) for part in text.split("."))


class Server(asyncio.DatagramProtocol):
    """Answers as `mode` says."""

    def __init__(self, at=SERVER):
        self.mode, self.asked, self.at = "good", 0, at

    async def open(self):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=self.at)

    def datagram_received(self, data, source):
        self.asked += 1
        name, kind, asked = question(data)
        if self.mode == "silent":
            return
        answers, code, flags = self.says(name, kind)
        head = data[:2] + struct.pack(">HHHHH", 0x8180 | flags | code, 1, len(answers), 0, 0)
        message = head + asked + b"".join(answers)
        if len(message) > 1232:
            # What fits no datagram is asked for over TCP, where nobody listens.
            message = data[:2] + struct.pack(">HHHHH", 0x8380, 1, 0, 0, 0) + asked
        wait = {"5 s slow": 5, "the slower one": 0.1}.get(self.mode, 0)
        asyncio.get_running_loop().call_later(wait, self.transport.sendto, message, source)

    def says(self, name, kind):
        if self.mode == "SERVFAIL":
            return [], SERVFAIL, 0
        if self.mode == "NXDOMAIN":
            return [], NXDOMAIN, 0
        if self.mode == "truncated":
            return [], NOERROR, 0x0200
        if self.mode == "CNAME loop":
            return [record(name, CNAME, encoded("loop.test" if name == NAME else NAME))], NOERROR, 0
        if kind != A or name != NAME:
            return [], NOERROR, 0
        if self.mode == "1,000 records":
            return [record(NAME, A, address(f"127.1.{number // 250}.{1 + number % 250}")) for number in range(1000)], NOERROR, 0
        if self.mode == "40 records, the first good":
            return [record(NAME, A, address(NAMED))] + [record(NAME, A, address(f"127.1.0.{number}")) for number in range(1, 40)], NOERROR, 0
        if self.mode == "another address":
            return [record(NAME, A, address(ELSEWHERE))], NOERROR, 0
        return [record(NAME, A, address(NAMED), 0 if self.mode == "TTL 0" else TTL)], NOERROR, 0


# How the server answers; what becomes of calls by name: they come up, or they are refused.
MODES = {"NXDOMAIN": False, "silent": True, "SERVFAIL": True, "5 s slow": True, "truncated": True, "CNAME loop": True, "1,000 records": True, "TTL 0": True,
         "40 records, the first good": True}


class Parties:
    def __init__(self):
        self.server = Server()

    async def open(self):
        self.caller, self.callee, self.other = Caller(0.2, host="sbc.test"), Callee(), Callee()
        await self.server.open()
        await carrier(self.caller).open()
        self.callee.side, self.other.side = Udp(self.callee, NAMED, PORT), Udp(self.other, ELSEWHERE, PORT)
        await self.callee.side.open()
        await self.other.side.open()

    async def calls(self, count, rate):
        """Calls by name, from a clean tally."""
        self.caller.tally = type(self.caller.tally)()
        await self.caller.run(rate, count / rate + 0.01)
        await self.caller.over(20)
        return self.caller.tally

    def close(self):
        for side in (self.caller.side, self.callee.side, self.other.side, self.server):
            (side.transport if isinstance(side, Server) else side).close()


async def fails(parties, mode, comes_up, count, rate):
    parties.server.mode = "good"
    await asyncio.sleep(TTL + 0.2)
    good = await parties.calls(1, 5)
    parties.server.mode = mode
    await asyncio.sleep(TTL + 0.2)
    asked = parties.server.asked
    tally = await parties.calls(count, rate)
    slowest = max(tally.answering, default=0)
    figure = f"{tally.answered} of {tally.placed} answered, slowest {slowest:.1f} s, refused {tally.refused}, asked {parties.server.asked - asked} times"
    if comes_up:
        row("R-K", f"calls by name, {mode}", figure, f"all answered within {PATIENCE:.0f} s", good.answered == 1 and tally.answered == tally.placed > 0 and slowest <= PATIENCE)
    else:
        row("R-K", f"calls by name, {mode}: an answer, and believed", figure, "all refused, none is silent", tally.answered == 0 and sum(tally.refused.values()) == tally.placed > 0)


async def play_all(short):
    parties = Parties()
    await parties.open()
    modes = {mode: MODES[mode] for mode in (("NXDOMAIN", "silent") if short else MODES)}
    for mode, comes_up in modes.items():
        await fails(parties, mode, comes_up, 4 if short else 100, 4 if short else 10)
        # An old answer is not asked for again so soon.
        await asyncio.sleep(0 if short else OLD)
    if not short:
        parties.server.mode = "another address"
        before = parties.other.invites
        tally = await parties.calls(2, 4)
        row("R-K", "calls by name once it leads elsewhere", f"{parties.other.invites - before} of {tally.placed} came there", "all", parties.other.invites - before == tally.placed > 0)
    parties.close()


async def play_beside_one_that_fails(short):
    """Two servers, of whom the faster has nothing to say but an error, and a name that was never known before."""
    parties, failing = Parties(), Server(SECOND)
    parties.server.mode, failing.mode = "the slower one", "SERVFAIL"
    await parties.open()
    await failing.open()
    tally = await parties.calls(4 if short else 100, 4 if short else 10)
    slowest = max(tally.answering, default=0)
    figure = f"{tally.answered} of {tally.placed} answered, slowest {slowest:.1f} s, refused {tally.refused}, the failing one asked {failing.asked} times"
    holds = tally.answered == tally.placed > 0 and slowest <= PATIENCE and failing.asked > 0
    row("R-K", "calls by name while the faster of two servers fails", figure, f"all answered within {PATIENCE:.0f} s", holds)
    failing.transport.close()
    parties.close()


def node(servers):
    named = ", ".join(f'"{host}:{port}"' for host, port in servers)
    return Daemon(settings([("carrier", "named"), ("good-caller", "good-callee")], dns=f"servers = [{named}]", trunks__named=TRUNK))


def play(short):
    daemon = node([SERVER, SECOND])
    daemon.start()
    asyncio.run(play_beside_one_that_fails(short))
    daemon.unharmed()
    daemon.stop()
    daemon = node([SERVER])
    daemon.start()
    # The good trunk is one by address.
    beside_good_calls("R-K", short, lambda: asyncio.run(play_all(short)), hold=0.5)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
