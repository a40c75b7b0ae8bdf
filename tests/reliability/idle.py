"""10,000 idle TLS 1.3 connections: opened within half a minute, at most 30 KiB each, their keep-alives nearly free, and nothing
of it is felt by a well-behaved trunk (R-B1, R-B2)."""
import os
import selectors
import ssl
import time

from proof import GAUGES, SHORT_GAUGES, Daemon, main, needs_files, note, row, samples, settings, total, trunk, wait_until
from streams import many, tls
from traffic import GoodTrunk

# Enough of them that no limit on one source is met.
SOURCES = [f"127.0.18.{number}" for number in range(1, 201)]
KEEP_ALIVE = 30
# Open files of the daemon besides the connections: port pairs kept ready, and those of calls.
SPARE = 4000
PING, PONG = b"\r\n\r\n", b"\r\n"


def said(connection):
    """1 for a ping that could be sent."""
    try:
        return connection.send(PING) // len(PING)
    except OSError:
        return 0


def keep_alives(connections, seconds):
    """Pings each connection every 30 s, evenly spread; how many were sent, and how many were answered."""
    selector, sent, answered = selectors.DefaultSelector(), 0, 0
    for connection in connections:
        connection.setblocking(False)
        selector.register(connection, selectors.EVENT_READ)
    began, number = time.monotonic(), 0
    step = KEEP_ALIVE / len(connections)
    while (past := time.monotonic() - began) < seconds + 1:
        while past < seconds and number * step < past:
            sent += said(connections[number % len(connections)])
            number += 1
        for key, _ in selector.select(0.005):
            try:
                answered += key.fileobj.recv(64).count(PONG)
            except ssl.SSLWantReadError:
                continue
            except OSError:
                selector.unregister(key.fileobj)
    selector.close()
    return sent, answered


def play(short):
    count = 1500 if short else 10_000
    needs_files(count + SPARE)
    listed = trunk("tls", "127.0.17.13:27213", "127.0.18.0/24", "srtp")
    daemon = Daemon(settings(trunks__idle=listed), files=count + SPARE)
    daemon.start()
    with GoodTrunk(10 if short else 50) as good:
        time.sleep(2)
        before = daemon.resident_kib()
        began = time.monotonic()
        connections = many(count, lambda number: tls(SOURCES[number % len(SOURCES)]))
        took = time.monotonic() - began
        row("R-B2", f"{count} full handshakes, {len(connections)} of them good", f"{took:.1f} s", f"at most {count / 10_000 * 30:.1f} s, all good",
            len(connections) == count and took <= count / 10_000 * 30)
        wait_until(lambda: total(samples(), "sbc_flows") >= count, 30)
        time.sleep(1)
        each = (daemon.resident_kib() - before) / max(len(connections), 1)
        row("R-B1", "resident memory for each idle connection", f"{each:.1f} KiB", "at most 30 KiB", each <= 30)
        seconds = 5 if short else 90
        used, since = daemon.processor_s(), time.monotonic()
        sent, answered = keep_alives(connections, seconds)
        share = 100 * (daemon.processor_s() - used) / (time.monotonic() - since)
        row("R-B1", f"{sent} keep-alives, one of each connection in {KEEP_ALIVE} s", f"{answered} answered, {share:.1f} % of a processor, the good trunk's calls included",
            "all answered, at most 15 %", 0 < answered == sent and share <= 15)
        for connection in connections:
            connection.close()
        good.judge("R-B2", "meanwhile")
    gone = wait_until(lambda: not total(samples(), "sbc_flows"), 10)
    row("R-B1", "connections known after they were closed", f"{total(samples(), 'sbc_flows'):.0f}", "0 within 10 s", gone)
    note(f"memory before {before} KiB, after the connections went {daemon.resident_kib()} KiB; {os.cpu_count()} processors")
    daemon.settled("R-B1", "the connections", gauges=SHORT_GAUGES if short else GAUGES)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
