"""Ten thousand sources that no trunk names, a hundred requests each, as scanners send them: nobody is answered, no call begins,
the guard's memory and time stay small, and a well-behaved trunk does not feel it (S-R1, S-R2, S-R4). No root: each datagram's
source address is any loopback one."""
import socket
import struct
import time

from proof import GAUGES, SHORT_GAUGES, UDP, Daemon, main, row, samples, settings, total
from traffic import GoodTrunk

REQUESTS = 100
# Linux; this Python does not name it.
IP_PKTINFO = 8
PORT = 27291
# Faster than any scan that was seen (D4: 100 to 150 a second from one), slow enough that the socket's buffer holds.
RATE = 20_000
# What the whole way of a datagram may cost, the look at the ban (at most 1 us) being a part of it, in an optimised build.
LOOKUP_US = 5
PREFIXES = ["+1900", "900", "9011", "000", "0044", "+882"]
AGENTS = ["friendly-scanner", "sipvicious", "Asterisk PBX 11", "eyeBeam"]


def source(number):
    return f"127.{64 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}"


def requests(kinds=24):
    """What a scanner tries: the tail of each message, its own part left out."""
    texts = []
    for number in range(kinds):
        method = ("OPTIONS", "REGISTER", "INVITE")[number % 3]
        called = f"{PREFIXES[number % len(PREFIXES)]}{5_550_000 + number}"
        texts.append(f"{method} sip:{called}@{UDP[0]} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:{PORT};rport;branch=z9hG4bK-{number}\r\nMax-Forwards: 70\r\n"
                     f"From: <sip:{100 + number}@{UDP[0]}>;tag={number}\r\nTo: <sip:{called}@{UDP[0]}>\r\nCall-ID: {number}-scan\r\nCSeq: 1 {method}\r\n"
                     f"Contact: <sip:x@10.0.0.1:{PORT}>\r\nUser-Agent: {AGENTS[number % len(AGENTS)]}\r\nContent-Length: 0\r\n\r\n".encode())
    return texts


def scan(count):
    """Every source's requests, the sources in turn; how long it took, and how many answers came."""
    scanner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    scanner.bind(("0.0.0.0", PORT))
    texts = requests()
    ways = [[(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", 0, socket.inet_aton(source(number)), bytes(4)))] for number in range(count)]
    began, sent = time.monotonic(), 0
    for turn in range(REQUESTS):
        for number, way in enumerate(ways):
            scanner.sendmsg([texts[(turn + number) % len(texts)]], way, 0, UDP)
            sent += 1
            if sent % 64 == 0 and (early := sent / RATE - (time.monotonic() - began)) > 0:
                time.sleep(early)
    took = time.monotonic() - began
    scanner.setblocking(False)
    answers = 0
    time.sleep(1)
    try:
        while scanner.recv(65536):
            answers += 1
    except BlockingIOError:
        pass
    scanner.close()
    return took, sent, answers


def play(short):
    count = 1000 if short else 10_000
    daemon = Daemon(settings())
    daemon.start()
    with GoodTrunk(10 if short else 50) as good:
        time.sleep(2 if short else 40)
        before, used = daemon.resident_kib(), daemon.processor_s()
        took, sent, answers = scan(count)
        cost = 1e6 * (daemon.processor_s() - used) / sent
        found = samples()
        grown = daemon.resident_kib() - before
        good.judge("S-R4", "meanwhile")
    row("S-R4", f"sources of {count} that are remembered, banned", f"{found.get('sbc_remembered_sources', -1):.0f}, {total(found, 'sbc_source_bans_total'):.0f}", "all, all: three patterns of a scanner in a minute",
        found.get("sbc_remembered_sources") == count == total(found, "sbc_source_bans_total"))
    row("S-A1", f"answers to {sent} requests in {took:.0f} s", str(answers), "0", answers == 0)
    row("S-R4", "resident memory, good trunk's calls included", f"{grown / 1024:+.1f} MiB of {before / 1024:.0f} MiB", "at most +64 MiB", grown <= 64 * 1024)
    row("S-R4", "processor time for each of them, the system's included", f"{cost:.1f} us, good trunk's calls included", f"at most {LOOKUP_US} us, of which the look-up is a part", cost <= LOOKUP_US)
    daemon.settled("S-R4", "the scan", gauges=SHORT_GAUGES if short else GAUGES)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
