"""Two networks with 40 ports each: the twentieth call takes the last pair, the next one gets 503 and reaches nobody, ports rest
while others are free, and what a former call still sends reaches no new one (R-M7)."""
import asyncio

from proof import CARRIER, GAUGES, SHORT_GAUGES, Daemon, main, note, row, samples, settings, total, trunk, wait_until
from traffic import Callee, Caller, Udp, carrier, media_of, rtp, until

PORTS, CALLS, SOME = 40, 20, 8
FAR_SBC, FAR = ("127.0.17.2", 27200), ("127.0.17.61", 27261)
NETWORK = f'''bind = "{FAR_SBC[0]}"
advertise = "{FAR_SBC[0]}"
rtp_ports = "27300-{27300 + PORTS - 1}"
allow_media = ["127.0.0.0/8"]'''
LISTENER = f'''network = "far"
transport = "udp"
port = {FAR_SBC[1]}'''
TRUNK = trunk("far", f"{FAR[0]}:{FAR[1]}", f"{FAR[0]}/32")
# Where the parties want their audio: a call after the first ones, elsewhere.
FIRST, LATER = (40000, 40002), (40100, 40102)


class Media(asyncio.DatagramProtocol):
    """A party's audio: what it hears, and from there it sends."""

    def __init__(self):
        self.heard = []

    async def open(self, address, port):
        self.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, local_addr=(address, port))
        return self

    def datagram_received(self, data, _):
        self.heard.append(data)

    def say(self, target, mark, count=50):
        for number in range(count):
            self.transport.sendto(rtp(number, payload=mark * 160), target)


def up(caller):
    return [call for call in caller.calls.values() if call.accepted]


async def fill(caller, callee):
    """As many calls as there are ports for, and one more: how many came up, the refusals, and how many the callee saw."""
    refused, invites = sum(caller.tally.refused.values()), callee.invites
    for _ in range(CALLS):
        caller.place()
    await until(lambda: len(up(caller)) == CALLS)
    caller.place()
    await until(lambda: sum(caller.tally.refused.values()) > refused)
    return len(up(caller)), sum(caller.tally.refused.values()) - refused, callee.invites - invites


async def empty(caller):
    for call in up(caller):
        caller.hang_up(call)
    await until(lambda: not up(caller) and not leased())


def leased():
    return int(total(samples(), "sbc_ports", state="leased"))


async def late_packets(caller, callee, former):
    """Packets of former calls to every port of the caller's network, while a new call uses one of them."""
    caller.media_port, callee.media_port = LATER
    callee.dialogs.clear()
    call = caller.place()
    if not await until(lambda: call.accepted):
        return row("R-M7", "a call after the ports' rest", "not answered", "answered", False)
    hears = await Media().open(FAR[0], LATER[1])
    own = await Media().open(CARRIER, LATER[0])
    target = media_of(call.accepted)
    former.say(target, b"\x11")

    def heard(mark):
        return sum(mark * 4 in data for data in hears.heard)

    # The relay is told of a call by another thread than the caller: on a busy machine, a moment later.
    for _ in range(10):
        own.say(target, b"\x22")
        if await until(lambda: heard(b"\x22") >= 50, 2):
            break
    await asyncio.sleep(0.2)
    late, good = heard(b"\x11"), heard(b"\x22")
    row("R-M7", "late packets of a former call that reach a new one", f"{late} of 50; {good} of its own 50", "0; all its own", late == 0 and good >= 50)
    for media in (hears, own):
        media.transport.close()
    await empty(caller)
    return None


async def exhaust(rounds, rest):
    caller, callee = Caller(None), Callee()
    await carrier(caller).open()
    callee.side = Udp(callee, *FAR, daemon=FAR_SBC)
    await callee.side.open()
    former = await Media().open(CARRIER, FIRST[0])
    await apart(caller, callee)
    await asyncio.sleep(rest + 0.5)
    callee.dialogs.clear()
    for number in range(rounds):
        made, refused, seen = await fill(caller, callee)
        held = leased()
        row("R-M7", f"calls on {PORTS} ports of each network, round {number + 1}", f"{made} up, {refused} refused of {CALLS + 1}, {seen} reached the callee, {held} pairs held",
            f"{CALLS} up, the next refused and seen by nobody, {2 * CALLS} pairs", (made, refused, seen, held) == (CALLS, 1, CALLS, 2 * CALLS))
        await empty(caller)
        await asyncio.sleep(rest + 0.5)
    note(f"{samples().get('sbc_port_rests_cut_short_total', 0):.0f} rests were cut short: a range that is used up takes the pair that has rested longest")
    row("R-M7", "refusals: status", str(caller.tally.refused), "503, each with Retry-After", set(caller.tally.refused) == {503} and not caller.tally.without_retry_after)
    await late_packets(caller, callee, former)
    for part in (caller.side, callee.side, former.transport):
        part.close()


async def apart(caller, callee):
    """Two lots of calls, one after the other has ended: while others are free, no port of the first lot is used by the second."""
    used = []
    for _ in range(2):
        for _ in range(SOME):
            caller.place()
        await until(lambda: len(up(caller)) == SOME)
        used.append({media_of(call.accepted) for call in up(caller)} | {media_of(message) for message, _ in callee.dialogs.values()})
        await empty(caller)
        callee.dialogs.clear()
    again = used[0] & used[1]
    row("R-M7", f"ports of {SOME} calls that {SOME} calls right after them use again", f"{len(again)} of {len(used[0])}", "0: they rest while others are free", not again and len(used[0]) == 2 * SOME)


def play(short):
    rest = 2 if short else 30
    near = settings([("carrier", "far")], networks__far=NETWORK, listeners__far=LISTENER, trunks__far=TRUNK, media=f"port_rest_s = {rest}", limits="ready_ports = 20")
    daemon = Daemon(near.replace('rtp_ports = "10000-19999"', f'rtp_ports = "27300-{27300 + PORTS - 1}"'))
    daemon.start()
    wait_until(lambda: total(samples(), "sbc_ports", state="ready") >= PORTS, 60)
    asyncio.run(exhaust(1 if short else 4, rest))
    daemon.settled("R-M7", "all of it", gauges=SHORT_GAUGES if short else GAUGES)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
