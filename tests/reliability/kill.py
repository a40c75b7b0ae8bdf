"""kill -9 during 50 calls, again and again: the restarted daemon is ready within a second, its spool of call records is
whole, ports and state are clean, and the parties of what is gone are told so (issue 7, R-E1 without keeping the calls)."""
import asyncio
import random

from proof import Daemon, held, main, note, records, row, wait_until
from traffic import Callee, Caller, carrier, header, platform

CALLS, FINISHED, STARTING = 50, 30, 10
# A record is in the file some 10 ms after its call's end; what ended later than this before the kill may be missing.
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


class Round:
    """Calls in both directions over both transports; some over, most up, a few in the making when the kill comes."""

    async def open(self):
        self.parties = [Both(platform), Both(carrier)]
        for party in self.parties:
            await party.side.open()

    async def calls(self):
        self.finished = []
        for party in self.parties:
            party.caller.hold = 0.05
            self.finished += [party.caller.place().call_id for _ in range(FINISHED // 2)]
        for party in self.parties:
            await party.caller.over(10)
        done = sum(party.caller.tally.byes_served for party in self.parties)
        for party in self.parties:
            party.caller.hold = None
            for _ in range(CALLS // 2):
                party.caller.place()
        await self.until(lambda: self.up() == CALLS and self.acknowledged(), 15)
        await asyncio.sleep(WRITTEN)
        for party in self.parties:
            for _ in range(STARTING // 2):
                party.caller.place()
        await asyncio.sleep(random.random() * 0.01)
        return done

    def up(self):
        return sum(sum(call.accepted is not None for call in party.caller.calls.values()) for party in self.parties)

    def acknowledged(self):
        return not any(party.unacknowledged for party in self.parties)

    async def until(self, condition, seconds):
        end = asyncio.get_running_loop().time() + seconds
        while not condition() and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.02)

    async def hang_up(self):
        """Every party ends every call it believes to have; the platform comes back with new connections."""
        platform_side = self.parties[0].side
        for _ in range(2):
            await platform_side.dial()
        asked = []
        for party in self.parties:
            for call in list(party.caller.calls.values()):
                if call.accepted:
                    call.way = None
                    asked.append((party.caller, call.call_id))
                    party.caller.hang_up(call)
            for key in list(party.dialogs):
                asked.append((party, key))
                party.bye(key)
        await self.until(lambda: all(key in who.statuses for who, key in asked), 10)
        return [who.statuses.get(key) for who, key in asked]

    def close(self):
        for party in self.parties:
            party.side.close()


async def one(daemon):
    calls = Round()
    await calls.open()
    try:
        done = await calls.calls()
        up = calls.up()
        daemon.kill()
        restart = daemon.start()
        left = held()
        told = await calls.hang_up()
        await calls.parties[1].caller.over(1)
        # The node takes calls again.
        party = calls.parties[0]
        party.caller.hold = 0.05
        again = party.caller.place()
        await calls.until(lambda: again.bye_answered, 10)
        return {"done": done, "up": up, "restart": restart, "left": left, "told": told, "finished": calls.finished, "again": again.bye_answered,
                "again_id": again.call_id}
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
    daemon = Daemon()
    first = daemon.start()
    rounds = [asyncio.run(one(daemon)) for _ in range(kills)]
    expected = [call_id for found in rounds for call_id in [*found["finished"], found["again_id"]]]
    wait_until(lambda: spool(expected)[0] == 0, 2)
    missing, doubled, gapless, count = spool(expected)
    told = [status for found in rounds for status in found["told"]]
    up = [found["up"] for found in rounds]
    note(f"{kills} kills at {min(up)} to {max(up)} calls up; first start {first * 1000:.0f} ms")
    slowest = max(found["restart"] for found in rounds)
    row("R-E1", f"restart to ready, slowest of {kills}", f"{slowest * 1000:.0f} ms", "at most 1000 ms", slowest <= 1 and min(up) >= CALLS)
    left = [found["left"] for found in rounds if found["left"]]
    row("R-E1", "calls, dialogs, ports held after the restart", str(left or "nothing"), "nothing", not left)
    row("R-E3", f"records of {len(expected)} calls that were over", f"{missing} missing, {doubled} twice, {count} in all, numbered {'without gap' if gapless else 'with gaps'}",
        "0 missing, 0 twice, no gap, no broken line", not missing and not doubled and gapless)
    gone = sum(status == 481 for status in told)
    row("R-E1", f"answers to {len(told)} BYEs of calls that are gone", f"{gone} times 481, {told.count(None)} silences", "481 to each", gone == len(told) and gone >= CALLS * 2 * kills)
    again = sum(found["again"] for found in rounds)
    row("R-E1", "calls that go through after the restart", f"{again} of {kills}", "all", again == kills)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
