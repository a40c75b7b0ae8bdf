"""Who is slow: handshakes that stay half open, senders that never finish, receivers that never read, and too many connections
of one source. A well-behaved trunk goes on meanwhile (R-B3, R-B4, R-B7)."""
import time

from proof import GAUGES, SHORT_GAUGES, TCP, Daemon, main, needs_files, row, samples, settings, total, trunk, wait_until
from streams import client_hello, is_closed, many, reset, tcp, tls
from traffic import beside_good_calls

# Handshakes that may be in flight, of all together and of one source; connections of one unknown source.
HANDSHAKES, OF_SOURCE, CONNECTIONS_OF_SOURCE = 1000, 20, 50
MESSAGE_KIB, DEADLINE = 64, 10
# Deadlines are kept to the second.
GRACE = 1
# Requests in one go, of those who never read.
AT_ONCE = 20
# A trunk of ours, of which nobody is a stranger.
KNOWN = "127.0.21.1"
OPTIONS = "OPTIONS sip:sbc.test SIP/2.0\r\nVia: SIP/2.0/TCP {source}:5060;branch=z9hG4bK{serial};rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@{source}>;tag=1\r\n" \
          "To: <sip:sbc.test>\r\nCall-ID: {serial}@{source}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
TRUNK = trunk("tcp", f"{KNOWN}:5060", f"{KNOWN}/32")


def until_closed(connections, seconds):
    """Seconds until the far end had closed all of them, or how many it had not."""
    began, left = time.monotonic(), list(connections)
    while left and time.monotonic() - began < seconds:
        left = [connection for connection in left if not is_closed(connection)]
        time.sleep(0.02)
    return time.monotonic() - began, len(left)


def open_still(connections, most):
    """How many are open, once they are no more than `most`: a busy machine closes the others a moment later."""
    def left():
        return sum(not is_closed(connection) for connection in connections)

    wait_until(lambda: left() <= most, 5, 0.02)
    return left()


def half_open(daemon, count, hello_s, deadline):
    """Handshakes that say nothing, or half a ClientHello, and those that say nothing after it; from many sources, and then from one."""
    whole = client_hello()
    hello = whole[:100]
    before = daemon.resident_kib()

    def begin(number):
        connection = tcp(f"127.0.{22 + number // 200 % 4}.{1 + number % 200}")
        if number % 2:
            connection.send(hello)
        return connection

    made = many(count, begin)
    began = time.monotonic()
    left = open_still(made, HANDSHAKES)
    grown = daemon.resident_kib() - before
    row("R-B3", f"handshakes in flight of {count} that are half open", str(left), f"at most {HANDSHAKES}, more than none", 0 < left <= HANDSHAKES)
    row("R-B3", "resident memory for each of them", f"{grown / max(left, 1):.1f} KiB", "at most 16 KiB", grown <= 16 * left)
    _, standing = until_closed(made, began + hello_s + GRACE - time.monotonic())
    row("R-B3", "until the daemon has closed the last, no ClientHello", f"{time.monotonic() - began:.1f} s, {standing} left", f"{hello_s} s, {GRACE} s of grace", not standing)

    def half(number):
        connection = tcp(f"127.0.{22 + number % 4}.{201 + number // 4}")
        connection.send(whole)
        return connection

    made = many(200, half)
    began = time.monotonic()
    time.sleep(0.5)
    left = sum(not is_closed(connection) for connection in made)
    _, standing = until_closed(made, began + deadline + GRACE - time.monotonic())
    row("R-B3", f"the same of {left} that say nothing after their ClientHello", f"{time.monotonic() - began:.1f} s, {standing} left", f"{deadline} s, {GRACE} s of grace", left > 0 and not standing)
    made = many(3 * OF_SOURCE, lambda _: tcp("127.0.26.1"))
    left = open_still(made, OF_SOURCE)
    row("R-B3", f"handshakes in flight of {3 * OF_SOURCE} of one source", str(left), f"at most {OF_SOURCE}", 0 < left <= OF_SOURCE)
    for connection in made:
        connection.close()


def attempts(daemon, count):
    """Handshakes begun and given up, one after the other."""
    hello = client_hello()
    before = daemon.resident_kib()

    def attempt(number):
        connection = tcp(f"127.0.{22 + number // 200 % 4}.{1 + number % 200}")
        connection.send(hello[:number % len(hello)])
        reset(connection)
        return number

    began = time.monotonic()
    made = many(count, attempt)
    gone = wait_until(lambda: total(samples(), "sbc_flows") <= 1, 60)
    grown = daemon.resident_kib() - before
    row("R-B3", f"{len(made)} handshakes given up, in {time.monotonic() - began:.0f} s", f"{total(samples(), 'sbc_flows'):.0f} connections held, memory {grown / 1024:+.1f} MiB",
        "nothing held, at most +8 MiB", gone and grown <= 8192 and len(made) > 0.9 * count)


def slow_senders(deadline):
    """A message in pieces: it must be whole within ten seconds, and may not be larger than 64 KiB."""
    text = OPTIONS.format(source=KNOWN, serial="slow")
    connections = [tcp(KNOWN, TCP) for _ in range(20)]
    began, left, place = time.monotonic(), connections, 0
    while left and time.monotonic() - began < deadline + GRACE + 5:
        for connection in left:
            try:
                connection.setblocking(True)
                connection.send(text[place % 200:place % 200 + 1].encode() if place < 200 else b"x")
            except OSError:
                continue
        place += 1
        time.sleep(0.2)
        left = [connection for connection in left if not is_closed(connection)]
    row("R-B4", f"{len(connections)} messages that come octet by octet", f"{len(left)} connections left after {time.monotonic() - began:.1f} s", f"none after {deadline} s, {GRACE} s of grace",
        not left and time.monotonic() - began <= deadline + GRACE)
    connection = tcp(KNOWN, TCP)
    sent = 0
    head = text.replace("Content-Length: 0", "X: y").removesuffix("\r\n")
    try:
        connection.sendall(head.encode())
        while sent < 1024 and not is_closed(connection):
            connection.setblocking(True)
            connection.sendall(b"x" * 1022 + b"\r\n")
            sent += 1
            time.sleep(0.005)
    except OSError:
        pass
    row("R-B4", "a message without end is cut off", f"after {sent} KiB", f"at most {MESSAGE_KIB} KiB", sent <= MESSAGE_KIB)


def slow_receivers(count, deadline):
    """Ask, and never read the answers."""
    connections = []
    for number in range(count):
        connection = tcp(KNOWN, TCP)
        connection.setsockopt(1, 8, 4096)  # SOL_SOCKET, SO_RCVBUF
        connection.setblocking(False)
        connections.append(connection)
    began, serial, open_now = time.monotonic(), 0, connections
    pending = {connection: b"" for connection in connections}
    stopped = {}
    while len(stopped) < count and time.monotonic() - began < 60:
        for connection in open_now:
            if connection in stopped:
                continue
            if not pending[connection]:
                serial += AT_ONCE
                pending[connection] = "".join(OPTIONS.format(source=KNOWN, serial=f"deaf{serial + number}") for number in range(AT_ONCE)).encode()
            data = pending[connection]
            try:
                pending[connection] = data[connection.send(data):]
            except BlockingIOError:
                continue
            except OSError:
                stopped[connection] = time.monotonic() - began
        time.sleep(0.0005)
    # It is the daemon that must have hung up, on all of them.
    slowest = max(stopped.values(), default=0)
    row("R-B4", f"{count} connections that never read are closed", f"{len(stopped)} of them, the last after {slowest:.1f} s, {serial} requests", f"all: at a full queue, or after {deadline} s without room; {20 + deadline} s in all",
        len(stopped) == count and slowest <= 20 + deadline)
    for connection in connections:
        connection.close()


def of_one_source():
    made = []
    for _ in range(2 * CONNECTIONS_OF_SOURCE):
        # Slower than the rate that is allowed to a stranger.
        try:
            made.append(tls("127.0.27.1"))
        except OSError:
            pass
        time.sleep(0.01)
    left = open_still(made, CONNECTIONS_OF_SOURCE)
    row("R-B7", f"connections of {2 * CONNECTIONS_OF_SOURCE} of one unknown source", str(left), f"at most {CONNECTIONS_OF_SOURCE}", 0 < left <= CONNECTIONS_OF_SOURCE)
    for connection in made:
        connection.close()
    made = [tcp(KNOWN, TCP) for _ in range(2 * CONNECTIONS_OF_SOURCE)]
    time.sleep(0.5)
    left = sum(not is_closed(connection) for connection in made)
    row("R-B7", f"connections of {len(made)} of a trunk's own address", str(left), "all", left == len(made))
    for connection in made:
        connection.close()


def play(short):
    needs_files(4000)
    # The short form keeps to deadlines that are shorter too.
    deadline = 3 if short else DEADLINE
    hello = deadline // 2
    # Strangers get half of them. As many as are allowed at all: where the system gives pages of 2 MiB, few would be judged by one page.
    limits = f"max_handshakes = {2 * HANDSHAKES}\nhello_s = {hello}\nhandshake_s = {deadline}\nmessage_s = {deadline}\nwrite_s = {deadline}"
    daemon = Daemon(settings(trunks__known=TRUNK, limits=limits))
    daemon.start()

    def attack():
        half_open(daemon, 1200, hello, deadline)
        attempts(daemon, 1500 if short else 50_000)
        slow_senders(deadline)
        slow_receivers(5 if short else 50, deadline)
        of_one_source()

    beside_good_calls("R-B4", short, attack, until="trying")
    daemon.settled("R-B3", "all of them", gauges=SHORT_GAUGES if short else GAUGES)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
