"""Connect, INVITE, RST at a random octet, 100,000 times: no connection, transaction, dialog or port stays behind (R-B5)."""
import random
import threading
import time

from proof import TCP, TLS, Daemon, files_at_most, free_of_ports, main, note, quick, row, samples, settings, total
from streams import many, reset, tcp, tls
from traffic import GoodTrunk, sdp, with_body

SOURCES = [f"127.0.28.{number}" for number in range(1, 101)]
# One in so many over TLS, where a handshake comes first.
TLS_EVERY = 10
THREADS = 4
TRUNK = '''profile = "carrier-ip"
listener = "{listener}"
{more}targets = ["127.0.28.{host}:5060"]
sources = ["127.0.28.{range}"]
media = {{ security = "rtp", codecs = ["PCMU"] }}
options = {{ interval_s = 0 }}'''
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


def play(short):
    count = 1000 if short else 100_000
    files_at_most(4000)
    routes = [("good-caller", "good-callee"), ("sudden-tcp", "good-callee"), ("sudden-tls", "good-callee")]
    trunks = {"trunks__sudden-tcp": TRUNK.format(listener="tcp", more="", host=1, range="0/24"),
              "trunks__sudden-tls": TRUNK.format(listener="tls", more='trust = "proof"\nfqdn = "sbc.test"\n', host=1, range="0/24")}
    text = settings(routes, limits="max_calls = 20000", **trunks)
    daemon = Daemon(quick(text) if short else text)
    daemon.start()
    with GoodTrunk(5 if short else 20) as good:
        # As many as stand at once: a call without its ACK is given up after 32 s.
        first = count // 2
        made = many(first, sudden, THREADS)
        before, files, began = daemon.resident_kib(), free_of_ports(daemon), time.monotonic()
        made += many(count - first, sudden, THREADS)
        took = time.monotonic() - began
        row("R-B5", f"{count} connections reset at a random octet", f"{len(made)} made, {(count - first) / took:.0f}/s", "at least 99.9 %", len(made) >= 0.999 * count)
        good.judge("R-B5", "meanwhile")
        daemon.settled("R-B5", f"{count} sudden closes", 120)
    flows, left = total(samples(), "sbc_flows"), free_of_ports(daemon)
    row("R-B5", "connections, open files besides ports kept ready", f"{flows:.0f}, {left} ({files} under load)", "0, at most 8 more", flows == 0 and left <= files + 8)
    grown = daemon.resident_kib() - before
    if short:
        note(f"resident memory {grown / 1024:+.1f} MiB of {before / 1024:.0f} MiB after the second half (judged in the long form)")
    else:
        row("R-B5", "resident memory, from the first half to rest", f"{grown / 1024:+.1f} MiB of {before / 1024:.0f} MiB", "at most +4 MiB", grown <= 4096)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
