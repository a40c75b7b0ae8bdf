"""Connect, INVITE, RST at a random octet, 100,000 times: no connection, transaction, dialog or port stays behind (R-B5)."""
import random
import resource
import threading
import time

from proof import GAUGES, SHORT_GAUGES, TCP, TLS, Daemon, free_of_ports, held, main, needs_files, note, quick, row, samples, settings, total, trunk, wait_until
from streams import many, reset, tcp, tls
from traffic import GoodTrunk, sdp, with_body

SOURCES = [f"127.0.28.{number}" for number in range(1, 101)]
# One in so many over TLS, where a handshake comes first.
TLS_EVERY = 10
THREADS = 4
# Half of them are calls that stand for 32 s (64*T1) without their ACK, with four ports each, and each port is an open file.
PORTS = "28000-57999"
CALLS_HELD = 5000


def rate():
    """How many a second leave the good trunk its ports: the whole range is no matter of this proof."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 2 * min(CALLS_HELD, max(files - 4000, 400) // 4) / 40


SERIALS = iter(range(1 << 60))
LOCK = threading.Lock()


def invite(source, transport):
    with LOCK:
        serial = next(SERIALS)
    head = f"INVITE sip:+1555{serial % 10_000_000:07}@sbc.test SIP/2.0\r\nVia: SIP/2.0/{transport} {source}:5060;branch=z9hG4bKs{serial};rport\r\nMax-Forwards: 70\r\n" \
           f"From: <sip:+15550000000@{source}>;tag={serial}\r\nTo: <sip:+1555@sbc.test>\r\nCall-ID: sudden-{serial}@{source}\r\nCSeq: 1 INVITE\r\n" \
           f"Contact: <sip:x@{source}:5060;transport={transport.lower()}>\r\n"
    return with_body(head, sdp(source, False)).encode()


def sudden(number):
    source = SOURCES[number % len(SOURCES)]
    secure = number % TLS_EVERY == 0
    message = invite(source, "TLS" if secure else "TCP")
    connection = tls(source, TLS) if secure else tcp(source, TCP)
    # Half of them whole: the daemon is in the middle of the call when the connection goes.
    cut = random.randrange(len(message) + 1) if number % 2 else len(message)
    try:
        connection.sendall(message[:cut])
        if number % 4 == 0:
            time.sleep(random.random() / 100)
    finally:
        reset(connection)
    return number


def half(count):
    """So many of them at the rate; how many connections were made."""
    began, each = time.monotonic(), 1 / rate()

    def in_time(number):
        time.sleep(max(began + number * each - time.monotonic(), 0))
        return sudden(number)

    return len(many(count, in_time, THREADS)), time.monotonic() - began


def at_rest(short, count):
    """Half of them beside the good trunk's calls, until nothing is held any more."""
    with GoodTrunk(5 if short else 20) as good:
        made, took = half(count)
        row("R-B5", f"{count} connections reset at a random octet", f"{made} made, {made / took:.0f}/s", "at least 99.9 %", made >= 0.999 * count)
        good.judge("R-B5", "meanwhile")
        wait_until(lambda: held((SHORT_GAUGES if short else GAUGES) + ["sbc_flows"]) == {}, 120, 0.5)


def play(short):
    count = 1000 if short else 100_000
    needs_files(4000)
    routes = [("good-caller", "good-callee"), ("sudden-tcp", "good-callee"), ("sudden-tls", "good-callee")]
    trunks = {f"trunks__sudden-{listener}": trunk(listener, "127.0.28.1:5060", "127.0.28.0/24") for listener in ("tcp", "tls")}
    text = settings(routes, limits="max_calls = 20000", **trunks).replace('rtp_ports = "10000-19999"', f'rtp_ports = "{PORTS}"')
    daemon = Daemon(quick(text) if short else text)
    daemon.start()
    # The first half fills what is allocated once; the second must leave what it found.
    at_rest(short, count // 2)
    before, files = daemon.resident_kib(), free_of_ports(daemon)
    at_rest(short, count // 2)
    daemon.settled("R-B5", f"{count} sudden closes", 120, SHORT_GAUGES if short else GAUGES)
    flows, left = total(samples(), "sbc_flows"), free_of_ports(daemon)
    row("R-B5", "connections, open files besides ports kept ready", f"{flows:.0f}, {left} (after the first half {files})", "0, no more than then", flows == 0 and left <= files)
    grown = daemon.resident_kib() - before
    if short:
        note(f"resident memory {grown / 1024:+.1f} MiB of {before / 1024:.0f} MiB by the second half (judged in the long form)")
    else:
        row("R-B5", "resident memory at rest, by the second half", f"{grown / 1024:+.1f} MiB of {before / 1024:.0f} MiB", "at most +4 MiB", grown <= 4096)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
