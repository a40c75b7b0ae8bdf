"""Every open file of the process is used up by connections: accepting pauses without a busy loop, calls that are up go on, and
a second after the connections have gone everything works again (R-B6)."""
import asyncio
import time

from proof import TCP, Daemon, log_of, main, needs_files, note, row, samples, settings, trunk, wait_until
from streams import is_closed, tcp
from traffic import good_trunks, until

FILES, CALLS = 600, 20
SOURCES = [f"127.0.29.{number}" for number in range(1, 241)]
# A trunk's own addresses, so that no limit on strangers comes before.
TRUNK = trunk("tcp", "127.0.29.1:5060", "127.0.29.0/24")


async def calls_go_on(caller, callee, part):
    """Some of the calls end, from both sides in turn; how many were told so."""
    before = caller.tally.byes_served
    mine = [call for call in caller.calls.values() if call.accepted and not call.bye_began][:part]
    for call in mine:
        caller.hang_up(call)
    await until(lambda: caller.tally.byes_served - before >= len(mine))
    return caller.tally.byes_served - before, len(mine)


async def one_call(caller):
    caller.hold = 0.05
    call = caller.place()
    await until(lambda: call.bye_answered)
    return call.bye_answered, time.monotonic() - call.began


async def works(caller, rest):
    """Whether a new call and a new connection are taken after a rest, and how many seconds it took in all."""
    began, hold = time.monotonic(), caller.hold
    await asyncio.sleep(rest)
    again, _ = await one_call(caller)
    caller.hold = hold
    fresh = tcp(SOURCES[0], TCP)
    taken = wait_until(lambda: not is_closed(fresh) and samples().get("sbc_flows", 0) == 1, 20, 0.05)
    took = time.monotonic() - began
    fresh.close()
    return again and taken, took


async def starve(daemon, seconds):
    async with good_trunks(None) as (caller, callee):
        _, floor = await works(caller, 0)
        for _ in range(CALLS):
            caller.place()
        await caller.over(60)
        up = sum(call.accepted is not None for call in caller.calls.values())
        made = [tcp(SOURCES[number % len(SOURCES)], TCP) for number in range(FILES + 200)]
        await until(lambda: daemon.files_open() >= FILES - 40, 20)
        await asyncio.sleep(1)
        note(f"{daemon.files_open()} of {FILES} files open, {len(made)} connections made, {up} calls up")
        row("R-B6", "files open of those allowed", f"{daemon.files_open()} of {FILES}", "nearly all: the case is met", daemon.files_open() >= FILES - 40)
        used, began = daemon.processor_s(), time.monotonic()
        await asyncio.sleep(seconds)
        share = 100 * (daemon.processor_s() - used) / (time.monotonic() - began)
        told = log_of("trunkline").count("cannot accept connections")
        row("R-B6", "lines of the log that say so", str(told), "1", told == 1)
        row("R-B6", "processor meanwhile", f"{share:.1f} %", "at most 5 %", share <= 5)
        served, asked = await calls_go_on(caller, callee, CALLS // 2)
        row("R-B6", "calls that go on, and end as they should", f"{served} of {asked}", "all", served == asked == CALLS // 2)
        for connection in made:
            connection.close()
        both, took = await works(caller, 0.5)
        row("R-B6", "a new call and a new connection afterwards", f"{'both' if both else 'not both'} after {took:.1f} s, {floor:.1f} s before", "both within 1 s more", both and took <= floor + 1)
        served, asked = await calls_go_on(caller, callee, CALLS)
        row("R-B6", "the other calls end as they should", f"{served} of {asked}", "all", served == asked)


def play(short):
    needs_files(1200)
    daemon = Daemon(settings(limits="ready_ports = 32", trunks__crowd=TRUNK), files=FILES)
    daemon.start()
    asyncio.run(starve(daemon, 3 if short else 30))
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
