"""Two, five and ten times the calls that the node can take: it goes on completing nearly as many as at its best, refuses the others
at once, breaks no BYE, takes every call for help, and loses no audio; when the load falls it is itself again within seconds, and
while one trunk floods another does not feel it (R-A). The short form plays five times, in rounds: a shared machine is another one every few
minutes. The best is looked for before and after each round, and the goodput of all compared with the mean of those. The daemon
has a small share of one processor, so that the generator, on another, is never the limit: both shares are shown. A call comes over TLS, then the same over UDP, goes out over TLS, and has audio
of its called party, which is relayed, to the caller over TLS as SRTP."""
import asyncio
import contextlib
import gc
import os
import random
import socket
import time

from proof import CALLED, CALLED_TRUNK, GAUGES, GOOD_CALLEE, GOOD_CALLER, PLATFORM, SHORT_GAUGES, Daemon, floor, main, note, quantile, row, samples, settings, total
from traffic import Apart, Callee, Caller, GoodTrunk, Tls, carrier, good_trunks, header, media_of, platform, rtp

# What the daemon gets of its processor: an optimised build far less.
SHARES = (0.3, 0.5)
HOLD = 2.0
PACKETS_PER_S = 50
TURNS = 10
# How long a rate must be borne to be one that is borne.
STEP_S, SHORT_STEP_S = 30, 12
# The part of the calls that is refused at a rate that is borne: a stall of the machine is not its end.
MAY_BE_REFUSED = 0.01
# How long the daemon must see no strain until it bears some again, and a second.
CALM = 6
# Of P, by how many times P is offered.
LEAST = {2: 0.9, 5: 0.9, 10: 0.8}
# The floods in their order, and how long a round of each lasts. FLOOD_S plays each round for so many seconds.
FLOODS, SHORT_FLOODS = {2: 600, 5: 600, 10: 600}, {5: 20}
# How many rounds each has; ROUNDS changes that. Where rates are told, and where a flood lasts for ten minutes on end, one will do.
ROUNDS, SHORT_ROUNDS = 1, 3
# By so much may a single round miss what all of them together must reach.
ROUND = 0.1
EMERGENCY = ["112", "110", "911"]
# Linux: the time at which the system received a datagram comes with it.
SO_TIMESTAMPNS = 35
# A generator that needs more of its processor than this may be the limit itself.
BUSY = 0.85


def is_told():
    return os.environ.get("PACE") == "told"


def mean(figures):
    return sum(figures) / len(figures)


def paced_row(anchor, what, figure, limit, holds, at_all=True):
    """A rate or a time, which is this machine's too. PACE=told: it is told, and decides only where not even what can be expected `at_all`
    holds, as where others use the processors."""
    if at_all and is_told():
        note(f"{'holds' if holds else 'does not hold'}: {anchor}: {what}: {figure}; {limit}")
    else:
        row(anchor, what, figure, limit, holds)


@contextlib.contextmanager
def unpaused():
    """Without pauses of our own: a look for rubbish among a hundred thousand calls takes 30 to 60 ms, in which we send nothing, read no
    answer, and owe a burst. There is hardly any: none was found after a flood of 40,000 calls."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Talking(Callee):
    """Answers over TLS and talks in plain RTP for as long as the call is up; the daemon protects every packet."""

    def __init__(self):
        super().__init__()
        self.talking, self.turn, self.serial = [{} for _ in range(TURNS)], 0, 0
        self.mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.mouth.bind((CALLED, self.media_port))
        self.mouth.setblocking(False)
        self.ear, self.said = None, 0

    def heard_at(self, address, port):
        """Who hears it: its packets are thrown away by the system once the buffer is full. With nobody there, the daemon would
        be told so of each packet."""
        self.ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear.bind((address, port))

    def received(self, side, message, way):
        key = header(message, "Call-ID")
        if message.startswith("ACK ") and key in self.dialogs:
            self.talking[sum(key.encode()) % TURNS][key] = media_of(self.dialogs[key][0])
        elif message.startswith("BYE "):
            self.talking[sum(key.encode()) % TURNS].pop(key, None)
        super().received(side, message, way)

    async def talk(self):
        """Every call in one of ten turns, as calls that began at their own times: all at once would be late behind each other."""
        due = time.monotonic()
        while True:
            due += 1 / PACKETS_PER_S / TURNS
            # Who is late catches up: a call is so many packets, however busy we are.
            await asyncio.sleep(max(due - time.monotonic(), 0))
            self.turn = (self.turn + 1) % TURNS
            self.serial += self.turn == 0
            packet = rtp(self.serial)
            for target in list(self.talking[self.turn].values()):
                try:
                    self.mouth.sendto(packet, target)
                    self.said += 1
                except BlockingIOError:
                    continue


class Load:
    """Callers over one transport, and who is called over TLS."""

    def __init__(self, transport, daemon):
        self.caller, self.callee, self.transport, self.daemon = Caller(HOLD), Talking(), transport, daemon

    async def open(self):
        await (platform(self.caller, connections=8) if self.transport == "TLS" else carrier(self.caller)).open()
        self.callee.heard_at(self.caller.side.address, self.caller.media_port)
        self.callee.side = Tls(self.callee, CALLED, 27231, connections=0)
        self.callee.side.secure = False
        await self.callee.side.open()
        self.speech = asyncio.ensure_future(self.callee.talk())

    async def at(self, rate, seconds):
        """Calls at a rate: how many were completed in a second after the first hold time, our own share of a processor, and how late we
        ourselves were (p99, milliseconds): so much of every time that is measured is ours."""
        with unpaused():
            used, began, slept = time.process_time(), time.monotonic(), len(self.caller.late)
            await self.caller.run(rate, seconds)
            ended = time.monotonic()
        goodput = self.caller.tally.between(began + HOLD, ended) / (ended - began - HOLD)
        return goodput, (time.process_time() - used) / (ended - began), quantile(self.caller.late[slept:], .99)

    async def peak(self, seconds):
        """The most calls that are completed in a second, whatever rate is offered: between the last rate at which hardly any is refused and
        the first at which more are, and beyond it, where more may be completed because more come at once."""
        # What a flood before has left behind is over.
        await asyncio.sleep(CALM)
        good, rate = 0.0, 100.0
        while (await self.offered(rate, 5))[1] <= MAY_BE_REFUSED:
            good, rate = rate, rate * 1.25
        bad, best = rate, 0.0
        for _ in range(3):
            await self.caller.over()
            rate = (good + bad) / 2
            goodput, refused = await self.offered(rate, seconds)
            best = max(best, goodput)
            good, bad = (rate, bad) if refused <= MAY_BE_REFUSED else (good, rate)
        goodput, _ = await self.offered(1.5 * bad, seconds)
        await self.caller.over()
        return max(best, goodput)

    async def peak_again(self, peak, seconds):
        """The same after a flood, near what it was. It is a peak if the daemon has used up what it has: with a law that wears itself down there
        would be some left."""
        await asyncio.sleep(CALM)
        self.fresh()
        at_once, used = (await self.offered(peak, seconds))[0], self.daemon.processor_s()
        began = time.monotonic()
        beyond, _ = await self.offered(1.5 * peak, seconds)
        used = (self.daemon.processor_s() - used) / (time.monotonic() - began) / share()
        paced_row("R-A", "of its share, used by the daemon at 1.5 P", f"{100 * used:.0f} %", "at least 90 %", used >= 0.9)
        await self.caller.over()
        return max(at_once, beyond)

    async def offered(self, rate, seconds):
        """What is completed at a rate, and the part of it that was refused."""
        before, placed = sum(self.caller.tally.refused.values()), self.caller.tally.placed
        used, began = self.daemon.processor_s(), time.monotonic()
        goodput, busy, late = await self.at(rate, seconds)
        used = (self.daemon.processor_s() - used) / (time.monotonic() - began)
        refused = sum(self.caller.tally.refused.values()) - before
        note(f"{rate:.0f} calls/s offered over {self.transport}: {goodput:.0f}/s completed, {refused} refused, daemon at {100 * used:.1f} % of its processor, generator at {100 * busy:.0f} %, itself {late:.0f} ms late")
        return goodput, refused / (self.caller.tally.placed - placed)

    def fresh(self):
        """A tally of its own for what comes."""
        self.caller.tally = type(self.caller.tally)()
        return self.caller.tally

    async def close(self):
        self.speech.cancel()
        self.caller.side.close()
        self.callee.side.close()
        self.callee.mouth.close()
        self.callee.ear.close()
        await asyncio.sleep(0.1)


class Listener(Apart):
    """Calls of the well-behaved pair that last: one party talks, and what the other hears tells what is lost, and how much longer than
    the quickest each packet took."""

    CALLS = 4

    def __init__(self):
        super().__init__()
        self.process.start()
        if not self.ours.poll(20) or self.ours.recv() != self.CALLS:
            raise RuntimeError("the calls that are listened to do not come up")

    async def play(self, pipe):
        async with good_trunks(None) as (caller, callee):
            await self.listen(pipe, caller, callee)
        pipe.send("ended")

    async def listen(self, pipe, caller, callee):
        ears, mouth = [], socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        mouth.bind((GOOD_CALLEE, callee.media_port))
        for place in range(self.CALLS):
            caller.media_port = 40000 + 2 * place
            ears.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            ears[-1].bind((GOOD_CALLER, caller.media_port))
            ears[-1].setblocking(False)
            # The system says when each packet came, whenever we look.
            ears[-1].setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            caller.place()
            await asyncio.sleep(0.2)
        pipe.send(caller.tally.answered)
        targets = [media_of(invite) for invite, _ in callee.dialogs.values()]
        sent, heard, serial, due = 0, [], 0, time.monotonic()
        while True:
            if pipe.poll():
                if pipe.recv() == "end":
                    break
                await asyncio.sleep(0.3)
                self.hear(ears, heard)
                pipe.send((sent, heard))
                sent, heard, due = 0, [], time.monotonic()
            due += 1 / PACKETS_PER_S
            await asyncio.sleep(max(due - time.monotonic(), 0))
            serial += 1
            for target in targets:
                mouth.sendto(rtp(serial, b"long", time.clock_gettime_ns(time.CLOCK_REALTIME).to_bytes(8, "big") + bytes(152)), target)
                sent += 1
            self.hear(ears, heard)
        for key in list(callee.dialogs):
            callee.bye(key)
        await asyncio.sleep(1)

    @staticmethod
    def hear(ears, heard):
        for ear in ears:
            while True:
                try:
                    packet, told, _, _ = ear.recvmsg(2048, 64)
                except BlockingIOError:
                    break
                if len(packet) == 172 and packet[0] == 0x80:
                    seconds, nanoseconds = (int.from_bytes(told[0][2][at:at + 8], "little") for at in (0, 8))
                    heard.append((seconds * 1_000_000_000 + nanoseconds - int.from_bytes(packet[12:20], "big")) / 1e9)

    def figures(self):
        """Since the last time: the packets that were sent, and what each that was heard took longer than the quickest, in seconds."""
        self.ours.send("figures")
        sent, heard = self.ours.recv()
        quickest = min(heard, default=0)
        return sent, [delay - quickest for delay in heard]

    def end(self):
        self.ours.send("end")
        self.ours.recv()
        self.process.join(5)


class CallsForHelp:
    """Emergency calls among the others, two in a second, taking turns between the numbers."""

    def __init__(self, caller):
        self.caller, self.calls = caller, []

    async def run(self):
        while True:
            self.calls.append(self.caller.place(EMERGENCY[len(self.calls) % len(EMERGENCY)]))
            await asyncio.sleep(0.5)

    def judge(self):
        taken = sum(call.accepted is not None for call in self.calls)
        row("R-A9", f"emergency calls taken ({', '.join(EMERGENCY)})", f"{taken} of {len(self.calls)}", "all of them", taken == len(self.calls) > 0)


async def flood(load, daemon, rate, seconds, tally, help_):
    """Calls at a rate; how many were completed in a second. The tally tells what became of them, `help_` calls among them."""
    load.caller.tally = tally
    # A carrier's never go to a platform (PF-51).
    helping = asyncio.ensure_future(help_.run()) if load.transport == "TLS" else None
    used, began, said, relayed = daemon.processor_s(), time.monotonic(), load.callee.said, await aside(packets_sent)
    goodput, busy, late = await load.at(rate, seconds)
    said, relayed = load.callee.said - said, await aside(packets_sent) - relayed
    # Some packets more are sent on, of the calls that are listened to, and some fewer, of those that end.
    paced_row("R-A6", f"of {said} packets of the calls' audio, sent on", f"{100 * relayed / max(said, 1):.1f} %", "at least 98 %", relayed >= 0.98 * said > 0)
    note(f"{rate:.0f} calls/s were offered and {goodput:.0f}/s completed: the daemon used {100 * (daemon.processor_s() - used) / (time.monotonic() - began):.1f} % of a processor meanwhile; the generator was {late:.0f} ms late itself (p99)")
    if helping:
        helping.cancel()
    paced_row("R-A", "the generator's own share of its processor", f"{100 * busy:.0f} %", f"at most {100 * BUSY:.0f} %: it is not the limit", busy <= BUSY)
    return goodput


def packets_sent():
    """RTP packets that the relay has sent on so far."""
    return total(samples(), "sbc_media_packets_total", direction="sent", kind="rtp")


async def overload(short, daemon):
    for transport in ("TLS", "UDP"):
        load = Load(transport, daemon)
        await load.open()
        peak = await load.peak(step_s(short))
        row("R-A", f"peak of completed calls in a second over {transport} (P)", f"{peak:.0f}", "found", peak > 0)
        listener = Listener() if transport == "TLS" else None
        try:
            peak = await floods(short, daemon, load, peak, listener)
        finally:
            if listener:
                listener.end()
        if transport == "TLS":
            await beside_others(short, load, peak)
        await load.close()


def step_s(short):
    return SHORT_STEP_S if short else STEP_S


def floods_of(short):
    """How many times P is offered, and for how many seconds in each round."""
    given = os.environ.get("FLOOD_S")
    return dict.fromkeys(FLOODS, float(given)) if given else SHORT_FLOODS if short else FLOODS


def rounds_of(short):
    given = os.environ.get("ROUNDS")
    return max(int(given), 1) if given else SHORT_ROUNDS if short and not is_told() else ROUNDS


async def floods(short, daemon, load, peak, listener):
    """Every flood with what has to hold in it; P as it is after them."""
    lengths = floods_of(short)
    usual = 0
    if listener:
        # What the confined daemon costs media while it has as many calls as it can take, and no more.
        await load.at(0.8 * peak, 5 if short else 60)
        usual = quantile((await aside(listener.figures))[1], .99)
    for times, seconds in lengths.items():
        tally, help_ = load.fresh(), CallsForHelp(load.caller)
        goodputs, peaks, heard = [], [peak], []
        for left in reversed(range(rounds_of(short))):
            if listener:
                # What was heard since the flood before is none of this one.
                await aside(listener.figures)
            goodputs.append(await flood(load, daemon, times * peaks[-1], seconds, tally, help_))
            if listener:
                heard.append(await aside(listener.figures))
            if times == 5 and not left:
                await recovery(short, load, peaks[-1])
            await load.caller.over()
            peaks.append(await load.peak_again(peaks[-1], step_s(short)))
        if listener and times == max(lengths):
            judge_media(times, usual, heard)
        judge(tally)
        if listener:
            help_.judge()
        judge_goodput(load, times, goodputs, peaks)
        peak = peaks[-1]
    return peak


def judge_goodput(load, times, goodputs, peaks):
    """The goodput of every round, and P before the first and after each."""
    least, goodput = LEAST[times], mean(goodputs)
    each = [mean(around) for around in zip(peaks, peaks[1:])]
    peak, worst = mean(each), min(goodput / peak for goodput, peak in zip(goodputs, each))
    shown = ", ".join(f"{peak:.0f}" for peak in peaks)
    note(f"rounds: {', '.join(f'{goodput:.0f}' for goodput in goodputs)} calls/s completed; P before and after each {shown}")
    paced_row("R-A1", f"goodput at {times}x over {load.transport} (P {peak:.0f}/s)", f"{goodput:.0f}/s, {100 * goodput / peak:.1f} % of P", f"at least {100 * least:.0f} % of P", goodput >= least * peak, goodput >= 0.7 * peak)
    paced_row("R-A1", f"the worst round of {len(each)}", f"{100 * worst:.0f} % of its P", f"at least {100 * (least - ROUND):.0f} %", worst >= least - ROUND, worst >= 0.6)


def judge_media(times, usual, heard):
    sent, delays = sum(sent for sent, _ in heard), [delay for _, delays in heard for delay in delays]
    lost, late = (sent - len(delays)) / max(sent, 1), quantile(delays, .99)
    row("R-A6", f"media lost at {times}x, of {sent} packets", f"{100 * lost:.3f} %", "at most 0.1 %", lost <= 0.001)
    paced_row("R-A6", f"added jitter at {times}x, p99", f"{late - usual:.1f} ms ({usual:.0f} ms at 0.8 P)", "at most 5 ms", late - usual <= 5)


async def aside(asks):
    """What takes a while beside the calls: a generator that stands still sends all its audio at once afterwards."""
    return await asyncio.get_running_loop().run_in_executor(None, asks)


async def recovery(short, load, peak):
    """The load falls: from five seconds later on everything is as it was."""
    tally, low, seconds = load.caller.tally, 0.8 * peak, 12 if short else 30
    fell = time.monotonic()
    with unpaused():
        await load.caller.run(low, 5 + HOLD + seconds)
    recovered = tally.between(fell + 5 + HOLD, fell + 5 + HOLD + seconds) / seconds
    paced_row("R-A7", "completed from 5 s after the load fell to 0.8 P", f"{100 * recovered / low:.0f} % of {low:.0f}/s", "at least 95 %", recovered >= 0.95 * low, recovered >= 0.75 * low)


async def beside_others(short, load, peak):
    """One trunk floods at twenty times what the node can take; another one, with a fifth of that, is not to feel it."""
    load.fresh()
    with GoodTrunk(0.2 * peak) as good:
        # They have begun before the flood comes.
        await asyncio.sleep(2)
        await load.at(20 * peak, 6 if short else 60)
        await aside(lambda: good.judge("R-A8", "beside a trunk at 20x"))
    await load.caller.over()


def judge(tally):
    refused = sum(tally.refused.values())
    note(f"{tally.placed} calls: {tally.answered} answered, refused {tally.refused}, {tally.silent} heard nothing in 32 s")
    slow = quantile(tally.refusing, .99)
    paced_row("R-A2", f"{refused} refusals, p99", f"{slow:.0f} ms", "at most 100 ms", refused > 0 and slow <= 100, slow <= 500)
    row("R-A2", f"{refused} refusals, those without Retry-After", f"{tally.without_retry_after}", "some, none without", refused > 0 and not tally.without_retry_after)
    row("R-A2", "refusals other than 503, calls without any answer", f"{refused - tally.refused.get(503, 0)}, {tally.silent}", "0, 0", refused == tally.refused.get(503, 0) and not tally.silent)
    trying = quantile(tally.trying, .99)
    paced_row("R-A3", "INVITE to 100 of the calls that were taken, p99", f"{trying:.0f} ms", "at most 200 ms", trying <= 200)
    served = 100 * tally.byes_served / max(tally.byes, 1)
    row("R-A4", f"BYEs served of {tally.byes}", f"{served:.3f} %", "at least 99.99 %", tally.byes > 0 and served >= 99.99)
    hanging_up = quantile(tally.hanging_up, .99)
    paced_row("R-A4", "BYE to its 200, p99", f"{hanging_up:.0f} ms", "at most 500 ms", hanging_up <= 500)


def share():
    given = os.environ.get("SHARE")
    return float(given) if given else SHARES["debug" in os.environ.get("TRUNKLINE_BIN", "")]


def play(short):
    routes = [("platform", "called"), ("carrier", "called"), ("good-caller", "good-callee")]
    emergency = f"numbers = [{', '.join(repr(code) for code in EMERGENCY)}]"
    daemon = Daemon(settings(routes, trunks__called=CALLED_TRUNK, limits="max_calls = 20000", emergency=emergency), share=share())
    idle, busy = floor(share(), "idle"), floor(share(), "busy")
    daemon.start()
    note(f"the daemon has about {100 * share():.0f} % of a processor (SHARE changes that)")
    note(f"floor: a bare echo with that share takes {idle:.1f} ms (p99), and {busy:.1f} ms beside a thread of its own that never rests")
    random.seed(1)
    asyncio.run(overload(short, daemon))
    daemon.settled("R-A7", "the overload", 40, SHORT_GAUGES if short else GAUGES)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
