"""200,000 short calls one after the other, on TLS and UDP: memory stands, every table is empty afterwards, and each call has its
record with its length (R-D)."""
import asyncio
import os
import time
from statistics import median

from proof import GAUGES, Daemon, free_of_ports, log_of, main, note, quick, records, row, samples, settings, wait_until
from traffic import from_platform

# A day's calls, and what memory may grow in a day: 1 MiB an hour (R-D1).
DAY_CALLS, DAY_MIB = 1_500_000, 24
HOLD = 0.5
# Between the sender's clock and the record's: a millisecond's rounding, and the way there and back.
OFF_MS = 10


def slope(points):
    """Least squares: y for each x."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    below = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / below if below else 0.0


async def calls(daemon, count, rate):
    """The calls; memory is looked at every few seconds: (calls placed, KiB)."""
    points = []
    async with from_platform(HOLD) as (caller, callee):
        calling = asyncio.ensure_future(caller.run(rate, count / rate))
        while not calling.done():
            await asyncio.sleep(min(2, count / rate / 20))
            callee.seen.clear()
            points.append((caller.tally.placed, daemon.resident_kib()))
        await caller.over()
    return caller.tally, points


def lengths(tally, lines):
    """How far the lengths in the records are from those that the caller saw, in ms for each call."""
    written = sum(line["duration_ms"] for line in lines)
    seen = 1000 * sum(tally.talked)
    return abs(written - seen) / max(len(lines), 1)


def play(short):
    count, rate = (1500, 200) if short else (int(os.environ.get("CALLS", "200000")), int(os.environ.get("RATE", "250")))
    text = settings([("platform", "carrier")])
    daemon = Daemon(quick(text) if short else text)
    daemon.start()
    first = asyncio.run(calls(daemon, 100, 50))[0].placed
    wait_until(lambda: not samples().get("sbc_calls"), 60)
    if not short:
        daemon.settled("R-D2", "100 calls before the start")
    files = free_of_ports(daemon)
    began = time.monotonic()
    tally, points = asyncio.run(calls(daemon, count, rate))
    note(f"{tally.placed} calls in {time.monotonic() - began:.0f} s, {tally.answered} answered, refused {tally.refused}, {tally.silent} silent")
    row("R-D", f"calls of {tally.placed} that came up and ended as they should", str(tally.byes_served), "all", tally.byes_served == tally.placed)
    # What stands for 32 s after its call grows for so long; the rest is warm.
    warm = points[max(len(points) // 4, 1):] if count < rate * 160 else [point for point in points if point[0] > rate * 80]
    grown = slope(warm) * DAY_CALLS / 1024
    figure = f"{grown:+.1f} MiB in {DAY_CALLS} calls, {points[-1][1] / 1024:.1f} MiB at the end"
    if short:
        note(f"memory: {figure} (judged in the long form)")
    else:
        row("R-D1", "resident memory after the first 80 s, slope", figure, f"at most +{DAY_MIB} MiB: 1 MiB/h for a day", grown <= DAY_MIB)
        before, after = (median(kib for _, kib in part) for part in (warm[:max(len(warm) // 20, 1)], warm[-max(len(warm) // 20, 1):]))
        change = 100 * (after - before) / before
        row("R-D1", "resident memory, median of the first twentieth from then on to that of the last", f"{change:+.1f} %", "at most +2 %", change <= 2)
    daemon.settled("R-D2", f"{count} calls", 40, gauges=GAUGES)
    if not short:
        left = free_of_ports(daemon) - files
        row("R-D2", "open files besides ports kept ready, against those before", f"{left:+}", "0", left == 0)
    wait_until(lambda: len(whole()) >= tally.placed + first, 60)
    lines = whole()[first:]
    row("R-D3", f"records of {tally.placed} calls", f"{len(lines)}, {len(set(line['id'] for line in lines))} different ones", "as many as calls", len(lines) == len(set(line["id"] for line in lines)) == tally.placed)
    off = lengths(tally, lines)
    row("R-D3", "their lengths, against those the caller saw", f"{off:.2f} ms for each call", f"at most {OFF_MS} ms", off <= OFF_MS)
    errors = log_of("trunkline").count('"level":"ERROR"')
    row("R-D4", "lines of level error", str(errors), "0", errors == 0)
    daemon.unharmed()
    daemon.stop()


def whole():
    return [line for line in records() if line["type"] == "call"]


if __name__ == "__main__":
    main(play, __doc__)
