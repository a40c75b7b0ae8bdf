"""A disk that takes no call record for a while: no call is lost, records wait in memory and are written once; where memory's
room is used up, new calls are refused or records counted as lost, as configured; a disk that takes 5 s to sync delays no call
(R-I). The disk is full by the process's own limit on a file's size."""
import asyncio
import os
import shutil
import subprocess

from proof import WORK, Daemon, main, note, quantile, records, row, samples, settings, wait_until
from traffic import from_platform

HOLD = 0.2
# The disk takes so many octets: a few records.
ROOM = 16 * 1024
SLOW_SYNC = """#define _GNU_SOURCE
#include <unistd.h>
int fsync(int file) { (void)file; sleep(5); return 0; }
int fdatasync(int file) { (void)file; sleep(5); return 0; }
"""


async def calls(rate, seconds):
    async with from_platform(HOLD) as (caller, _):
        await caller.run(rate, seconds)
        await caller.over()
    return caller.tally


def fresh(octets=None, environment=None, **tables):
    shutil.rmtree(os.path.join(WORK, "state"), ignore_errors=True)
    daemon = Daemon(settings([("platform", "carrier")], **tables), octets=octets, environment=environment)
    daemon.start()
    return daemon


def written(count):
    """Records of calls, once that many are there or a minute is over."""
    wait_until(lambda: len(of_calls()) >= count, 60)
    return of_calls()


def of_calls():
    try:
        return [line for line in records(patience=1) if line["type"] == "call"]
    except ValueError:
        # Looked at in the middle of a write, or cut there by a disk that is full.
        return []


def once(lines, count):
    return len(lines) == len({line["id"] for line in lines}) == count and [line["seq"] for line in lines] == list(range(1, count + 1))


def memory_holds(rate, seconds):
    # With the usual room, which is the sheet's: 64 MiB. A record takes some 900 octets of it.
    daemon = fresh(octets=ROOM)
    before = daemon.resident_kib()
    tally = asyncio.run(calls(rate, seconds))
    found = samples()
    row("R-I", "the disk is full", f"{len(of_calls())} records of {tally.placed} written, refuses {found.get('sbc_records_disk_refuses')}", "some are not written", len(of_calls()) < tally.placed)
    row("R-I", f"calls of {tally.placed} that came up and ended meanwhile", str(tally.byes_served), "all", tally.byes_served == tally.placed > 0)
    note(f"memory {(daemon.resident_kib() - before) / 1024:+.1f} MiB with {tally.placed} calls' records in it")
    daemon.disk_is_empty_again()
    lines = written(tally.placed)
    row("R-I", f"records of {tally.placed} calls, when there is room", f"{len(lines)}, {len({line['id'] for line in lines})} different ones", "each once, in order", once(lines, tally.placed))
    daemon.unharmed()
    daemon.stop()


def room_used_up_refuse(rate, seconds):
    # A quarter of it is kept for the calls that are there when the room is used up.
    daemon = fresh(octets=ROOM, cdr='when_full = "refuse"', limits=f"record_octets = {60_000 if seconds < 10 else 400_000}")
    tally = asyncio.run(calls(rate, seconds))
    found = samples()
    refused = tally.refused.get(503, 0)
    row("R-I", "memory's room used up, when_full = refuse", f"{tally.answered} answered, {refused} times 503, {found.get('sbc_records_dropped_total', -1):.0f} records lost", "503 with Retry-After from then on, 0 lost",
        refused > 0 and tally.answered + refused == tally.placed and not tally.without_retry_after and found.get("sbc_records_dropped_total") == 0)
    daemon.disk_is_empty_again()
    answered = wait_until(lambda: samples().get("sbc_records_room_full") == 0, 60)
    again = asyncio.run(calls(rate, 1))
    row("R-I", "calls taken again when there is room", f"{again.byes_served} of {again.placed}", "all", answered and again.byes_served == again.placed > 0)
    talked = tally.answered + again.answered
    lines = written(talked)
    answered_lines = [line for line in lines if line["answered_ms" if "answered_ms" in line else "answered"]]
    row("R-I", f"records of the {talked} calls that were answered", str(len(answered_lines)), "each once", len(answered_lines) == len({line["id"] for line in answered_lines}) == talked)
    daemon.stop()


def room_used_up_drop(rate, seconds):
    daemon = fresh(octets=ROOM, cdr='when_full = "drop"', limits="record_octets = 60000")
    tally = asyncio.run(calls(rate, seconds))
    row("R-I", "memory's room used up, when_full = drop: calls", f"{tally.byes_served} of {tally.placed}", "all", tally.byes_served == tally.placed > 0)
    daemon.disk_is_empty_again()
    wait_until(lambda: samples().get("sbc_records_disk_refuses") == 0, 60)
    lost = int(samples().get("sbc_records_dropped_total", -1))
    lines = written(tally.placed - lost)
    row("R-I", "records written and counted as lost", f"{len(lines)} + {lost} of {tally.placed}", "together as many as calls, some lost", lost > 0 and once(lines, tally.placed - lost))
    daemon.stop()


def slow_sync(rate, seconds, short):
    source, library = os.path.join(WORK, "slow.c"), os.path.join(WORK, "slow.so")
    with open(source, "w") as out:
        out.write(SLOW_SYNC)
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        note("no C compiler: a disk that syncs slowly is not tried")
        return
    figures = []
    for environment in (None, {"LD_PRELOAD": library}):
        daemon = fresh(environment=environment)
        asyncio.run(calls(rate, 2))
        figures.append(asyncio.run(calls(rate, seconds)))
        daemon.stop()
    calm, slow = figures
    change = quantile(slow.answering, .99) - quantile(calm.answering, .99)
    slowest, floor = quantile(slow.answering, 1), quantile(calm.answering, 1)
    row("R-I", "calls while each sync of the disk takes 5 s", f"{slow.byes_served} of {slow.placed}, slowest answer {slowest:.0f} ms, {floor:.0f} ms without",
        "all, none waits for the disk: at most +1000 ms", slow.byes_served == slow.placed > 0 and slowest <= floor + 1000)
    figure = f"{change:+.1f} ms: {quantile(calm.answering, .99):.1f} ms, then {quantile(slow.answering, .99):.1f} ms"
    if short:
        note(f"change of INVITE to 200, p99: {figure} (so few calls have no p99: judged in the long form)")
    else:
        row("R-I", "change of INVITE to 200 by it, p99", figure, "at most +5 ms", change <= 5)


def play(short):
    rate = 40 if short else 100
    memory_holds(rate, 3 if short else 600)
    room_used_up_refuse(rate, 3 if short else 60)
    room_used_up_drop(rate, 3 if short else 60)
    slow_sync(rate, 4 if short else 60, short)


if __name__ == "__main__":
    main(play, __doc__)
