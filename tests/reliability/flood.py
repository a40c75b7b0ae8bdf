"""A flood of malformed messages on 50 connections of a trunk that is known (a stranger would be gone after the first ones):
nothing crashes, memory stands, and another trunk does not feel it (R-C1)."""
import contextlib
import glob
import os
import socket
import time

from proof import GAUGES, HERE, SHORT_GAUGES, TCP, Daemon, log_of, main, needs_files, note, row, samples, settings, total, trunk
from streams import tcp
from traffic import GoodTrunk

CONNECTIONS, WANTED = 50, 20_000
SOURCES = [f"127.0.30.{number}" for number in range(1, CONNECTIONS + 1)]
TRUNK = trunk("tcp", "127.0.30.1:5060", "127.0.30.0/24")
# What is wrong with a message that is otherwise in order: one message each.
FAULTS = ["", "To: <sip:a@b>;tag=\r\n", "CSeq: 99999999999 OPTIONS\r\n", "Max-Forwards: 256\r\n", "Via: SIP/2.0/TCP\r\n", "From: <<>>\r\n", "Contact: <sip:[::1>\r\n",
          "Call-ID: two\r\n", "Route: <sip:a@b:99999999>\r\n", "Content-Disposition: ;;;\r\n", "Expires: -1\r\n", "Require: ,,,\r\n"]


def batch(size):
    """So many messages behind one another, each with another fault, each framed well enough that the next is read."""
    text = b""
    for number in range(size):
        fault = FAULTS[number % len(FAULTS)]
        start = ["OPTIONS sip:x SIP/2.0", "INVITE sip:@ SIP/2.0", "NOTIFY  sip:a@b SIP/2.0", "BYE sip:a@b SIP/3.0"][number % 4]
        text += f"{start}\r\nVia: SIP/2.0/TCP 127.0.30.1;branch=z9hG4bK{number};rport\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: sip:\x01\r\n" \
                f"Call-ID: flood\r\nCSeq: 1 OPTIONS\r\n{fault}Content-Length: 0\r\n\r\n".encode()
    return text


def corpora():
    """The hostile corpora: their framing ends most connections, so each goes alone."""
    folder = os.path.join(HERE, "..", "corpora")
    return [open(path, "rb").read() for path in sorted(glob.glob(os.path.join(folder, "sip-hostile", "*.dat")) + glob.glob(os.path.join(folder, "rfc4475", "*.dat")))]


class Attacker:
    """One connection that writes what it can, throws the answers away, and comes back when it is closed."""

    def __init__(self, number, texts):
        self.source, self.texts, self.place = SOURCES[number], texts, number
        self.closed = 0
        self.connection, self.pending = None, b""

    def turn(self):
        try:
            if self.connection is None:
                self.connection = tcp(self.source, TCP, 2)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
                self.connection.setblocking(False)
                self.pending = b""
            while self.connection.recv(1 << 18):
                pass
            raise ConnectionResetError
        except BlockingIOError:
            pass
        except OSError:
            return self.gone()
        try:
            if not self.pending:
                self.place += 1
                self.pending = self.texts[self.place % len(self.texts)]
            self.pending = self.pending[self.connection.send(self.pending):]
        except BlockingIOError:
            pass
        except OSError:
            self.gone()
        return None

    def gone(self):
        self.closed += 1
        if self.connection:
            self.connection.close()
        self.connection = None


def flood(seconds):
    texts = [text for hostile in corpora() for text in (batch(120), batch(120), batch(120), hostile)]
    attackers = [Attacker(number, texts) for number in range(CONNECTIONS)]
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        for attacker in attackers:
            attacker.turn()
        time.sleep(0.0005)
    took = time.monotonic() - began
    for attacker in attackers:
        if attacker.connection:
            with contextlib.suppress(OSError):  # It may be closed on us at this moment.
                attacker.connection.shutdown(socket.SHUT_RDWR)
            attacker.connection.close()
    return took, sum(attacker.closed for attacker in attackers)


def play(short):
    needs_files(4000)
    daemon = Daemon(settings(trunks__flood=TRUNK), confined=False)
    daemon.start()
    with GoodTrunk(10 if short else 50) as good:
        # The good trunk's calls come to their steady number, and what is kept of them for `trunkline trace` (16 MiB) to its size.
        time.sleep(1 if short else 90)
        before = daemon.resident_kib()
        flood(1 if short else 20)
        refused = total(samples(), "sbc_sip_rejections_total")
        took, closed = flood(5 if short else 600)
        # What still waits in sockets is not counted.
        rate = (total(samples(), "sbc_sip_rejections_total") - refused) / took
        grown = daemon.peak_kib() - before
        row("R-C1", f"malformed messages read and refused, {CONNECTIONS} connections", f"{rate:.0f}/s", f"at least {WANTED}/s", rate >= WANTED)
        note(f"{closed} times a connection was closed on us and dialled anew")
        good.judge("R-C1", "meanwhile")
    row("R-C1", "resident memory at its highest, against that before the flood", f"{grown / 1024:+.1f} MiB of {before / 1024:.0f} MiB", "at most +32 MiB", grown <= 32 * 1024)
    errors = log_of("trunkline").count('"level":"ERROR"')
    row("R-D4", "lines of level error", str(errors), "0", errors == 0)
    note(f"log: {len(log_of('trunkline')) / 1024:.0f} KiB")
    daemon.settled("R-C1", "the flood", gauges=SHORT_GAUGES if short else GAUGES)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
