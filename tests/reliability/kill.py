"""kill -9 during 50 calls with audio, half of them TLS on both legs, again and again: the restarted daemon is ready within a
second, its spool of call records is whole, ports and state are clean, and the parties of what is gone are told so (R-E1, R-E3,
without keeping the calls)."""
import asyncio
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter

from proof import CALLED, CALLED_TRUNK, PLATFORM, WORK, Daemon, held, main, note, records, row, settings, wait_until
from traffic import Callee, Caller, Tls, carrier, header, media_of, platform, rtp, until

CALLS, FINISHED, STARTING = 50, 30, 10
ROUTES = [("carrier", "platform"), ("called", "platform")]
FROM_PLATFORM = "".join(f'[[routes]]\nfrom = "platform"\ncalled = {{ prefix = "{prefix}" }}\nto = ["{trunk}"]\n\n'
                        for prefix, trunk in (("+15551", "carrier"), ("+15552", "called")))
# Who calls, by its place among the parties, and what: each pair in both directions.
WAYS = ((0, "+15551"), (1, "+15551"), (0, "+15552"), (2, "+15551"))
# A record is in the file within some 50 ms of its call's end; what ended later than this before the kill may be missing.
WRITTEN = 0.1


class Told:
    """What a party hears of its BYE."""

    def __init__(self):
        self.statuses = {}

    def received(self, side, message, way):
        if message.startswith("SIP/2.0 ") and header(message, "CSeq").endswith(" BYE"):
            self.statuses[header(message, "Call-ID")] = int(message[8:11])
        return super().received(side, message, way)


class ToldCaller(Told, Caller):
    def __init__(self, hold):
        Told.__init__(self)
        Caller.__init__(self, hold)


class ToldCallee(Told, Callee):
    def __init__(self):
        Told.__init__(self)
        Callee.__init__(self)


class Both(ToldCallee):
    """One party that is called and calls: what belongs to a call of its own goes there."""

    def __init__(self, side_of):
        super().__init__()
        self.caller = ToldCaller(None)
        self.caller.side = side_of(self)

    def received(self, side, message, way):
        own = header(message, "Call-ID") in self.caller.calls
        (self.caller.received if own else super().received)(side, message, way)


def called(owner):
    owner.side = Tls(owner, CALLED, 27231)
    owner.side.secure = False
    return owner.side


def datagrams(address, port):
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    made.setblocking(False)
    return made


class Audio:
    """What those parties say whose audio is plain, 50 packets a second for each call that they believe to have, and how much of
    it the platform hears. It goes on while the daemon is dead."""

    def __init__(self, parties):
        self.heard, self.serial = 0, 0
        self.mouths = [(party, datagrams(party.side.address, party.caller.media_port), datagrams(party.side.address, party.media_port)) for party in parties]
        self.ears = [datagrams(PLATFORM, port) for port in (parties[0].caller.media_port, parties[0].media_port)]
        self.speech = asyncio.ensure_future(self.talk())

    async def talk(self):
        while True:
            self.serial += 1
            packet = rtp(self.serial, b"kill")
            for party, calling, being_called in self.mouths:
                self.say(calling, packet, [call.accepted for call in party.caller.calls.values() if call.accepted])
                self.say(being_called, packet, [message for message, _ in party.dialogs.values()])
            for ear in self.ears:
                self.listen(ear)
            await asyncio.sleep(0.02)

    def say(self, mouth, packet, descriptions):
        for description in descriptions:
            try:
                mouth.sendto(packet, media_of(description))
            except BlockingIOError:
                return

    def listen(self, ear):
        try:
            while ear.recv(2048):
                self.heard += 1
        except BlockingIOError:
            return

    def close(self):
        self.speech.cancel()
        for made in [*self.ears, *(mouth for _, *mouths in self.mouths for mouth in mouths)]:
            made.close()


class Round:
    """Calls in both directions of both pairs; some over, most up, a few in the making when the kill comes."""

    async def open(self):
        self.parties = [Both(platform), Both(carrier), Both(called)]
        for party in self.parties:
            await party.side.open()
        self.audio = Audio(self.parties[1:])

    def place(self, count, hold):
        placed = []
        for number in range(count):
            place, prefix = WAYS[number % len(WAYS)]
            caller = self.parties[place].caller
            caller.hold = hold
            placed.append(caller.place(f"{prefix}{number:06}").call_id)
        return placed

    async def calls(self):
        self.finished = self.place(FINISHED, 0.05)
        for party in self.parties:
            await party.caller.over(60)
        done = sum(party.caller.tally.byes_served for party in self.parties)
        self.place(CALLS, None)
        await until(lambda: self.up() == CALLS and self.acknowledged())
        before = self.audio.heard
        await asyncio.sleep(max(WRITTEN, 0.2))
        # Who speaks may have had no turn.
        await until(lambda: self.audio.heard - before >= CALLS, 20)
        self.heard = self.audio.heard - before
        self.place(STARTING, None)
        await asyncio.sleep(random.random() * 0.01)
        return done

    def up(self):
        return sum(sum(call.accepted is not None for call in party.caller.calls.values()) for party in self.parties)

    def acknowledged(self):
        return not any(party.unacknowledged for party in self.parties)

    def believed(self):
        """The calls that each party believes to have: who ends them, and how they are named."""
        for party in self.parties:
            yield from ((party.caller, call.call_id) for call in party.caller.calls.values() if call.accepted)
            yield from ((party, key) for key in party.dialogs)

    async def hang_up(self, gone):
        """Every party ends every call it believes to have; those over TLS come back with new connections. What those were told that are gone:
        an INVITE over UDP that nobody had answered is repeated, and the daemon that came up meanwhile makes it a call."""
        for party in (self.parties[0], self.parties[2]):
            for _ in range(2):
                await party.side.dial()
        asked = list(self.believed())
        for who, key in asked:
            if isinstance(who, Both):
                who.bye(key)
            else:
                call = who.calls[key]
                call.way = None
                who.hang_up(call)
        await until(lambda: all(key in who.statuses for who, key in asked))
        return [who.statuses.get(key) for who, key in gone]

    def close(self):
        self.audio.close()
        for party in self.parties:
            party.side.close()


def kept():
    """The names of what the daemon keeps in its folder, its records' files left out."""
    return sorted(os.path.relpath(os.path.join(folder, name), WORK) for folder, _, names in os.walk(os.path.join(WORK, "state")) for name in names
                  if not name.endswith(".jsonl"))


def starting():
    """Seconds in which this machine starts another program now."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import asyncio"], check=True)
    return time.monotonic() - began


async def one(daemon):
    calls = Round()
    await calls.open()
    try:
        done = await calls.calls()
        up = calls.up()
        daemon.kill()
        gone = list(calls.believed())
        floor = starting()
        restart = daemon.start()
        left = held()
        told = await calls.hang_up(gone)
        await calls.parties[1].caller.over(1)
        # The node takes calls again.
        party = calls.parties[0]
        party.caller.hold = 0.05
        again = party.caller.place("+15552000000")
        await until(lambda: again.bye_answered)
        return {"done": done, "up": up, "restart": restart, "floor": floor, "left": left, "told": told, "finished": calls.finished, "again": again.bye_answered,
                "again_id": again.call_id, "heard": calls.heard, "kept": kept()}
    finally:
        calls.close()


def spool(expected):
    """How often each finished call stands in the records, and whether their numbers have gaps."""
    lines = records()
    seqs = [line["seq"] for line in lines if line["type"] == "call"]
    callers = [line["call_id"] for line in lines if line["type"] == "leg" and line["side"] == "caller"]
    found = {call_id: callers.count(call_id) for call_id in expected}
    missing, doubled = sum(count == 0 for count in found.values()), sum(count > 1 for count in found.values())
    return missing, doubled, seqs == list(range(1, len(seqs) + 1)), len(seqs)


def play(short):
    kills = 3 if short else 20
    daemon = Daemon(settings(ROUTES, trunks__called=CALLED_TRUNK) + FROM_PLATFORM)
    first = daemon.start()
    files = kept()
    rounds = [asyncio.run(one(daemon)) for _ in range(kills)]
    expected = [call_id for found in rounds for call_id in [*found["finished"], found["again_id"]]]
    wait_until(lambda: spool(expected)[0] == 0, 30)
    missing, doubled, gapless, count = spool(expected)
    told = [status for found in rounds for status in found["told"]]
    up = [found["up"] for found in rounds]
    note(f"{kills} kills at {min(up)} to {max(up)} calls up; first start {first * 1000:.0f} ms")
    heard = min(found["heard"] for found in rounds)
    row("R-E", f"packets of SRTP heard in the last moment before a kill, of {CALLS} calls", f"at least {heard}", "on the average one of each call", heard >= CALLS)
    slowest = max(found["restart"] for found in rounds)
    floor = max(found["floor"] for found in rounds)
    figure = f"{slowest * 1000:.0f} ms, python3 {floor * 1000:.0f} ms"
    row("R-E1", f"restart to ready, slowest of {kills}", figure, "at most 1000 ms more than python3", slowest <= floor + 1 and min(up) >= CALLS)
    left = [found["left"] for found in rounds if found["left"]]
    row("R-E1", "calls, dialogs, ports held after the restart", str(left or "nothing"), "nothing", not left)
    strange = sorted(set().union(*(found["kept"] for found in rounds)) ^ set(files))
    row("R-E1", "files besides records left in its folder", str(strange or "none"), "none that the first start did not make", not strange)
    row("R-E3", f"records of {len(expected)} calls that were over", f"{missing} missing, {doubled} twice, {count} in all, numbered {'without gap' if gapless else 'with gaps'}",
        "0 missing, 0 twice, no gap, no broken line", not missing and not doubled and gapless)
    gone = sum(status == 481 for status in told)
    row("R-E1", f"answers to {len(told)} BYEs of calls that are gone", ", ".join(f"{count} times {status or 'nothing'}" for status, count in Counter(told).items()), "481 to each", gone == len(told) and gone >= CALLS * 2 * kills)
    again = sum(found["again"] for found in rounds)
    row("R-E1", "calls that go through after the restart", f"{again} of {kills}", "all", again == kills)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
