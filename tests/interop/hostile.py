"""The hostile corpora against the running daemon, over each transport; after each message OPTIONS must still be answered."""
import glob
import os
import select
import socket
import ssl
import threading

import daemon as under_test
from process import CERTS, HERE, REPORT

CORPORA = os.path.join(HERE, "..", "corpora")
SENDER, VICTIM = "127.0.14.11", "127.0.14.12"
# The largest payload of an IPv4 datagram.
DATAGRAM = 65507


def messages():
    """Every file of the SIP corpora as it is, and every SDP as the body of an otherwise ordinary INVITE."""
    for folder in ("rfc4475", "rfc4475/derived", "sip-hostile", "own-hostile"):
        for path in sorted(glob.glob(os.path.join(CORPORA, folder, "*.dat"))):
            yield f"{folder}/{os.path.basename(path)}", open(path, "rb").read()
    descriptions = [path for folder in ("sdp-hostile", "own-hostile") for path in sorted(glob.glob(os.path.join(CORPORA, folder, "*.sdp")))]
    for serial, path in enumerate(descriptions):
        yield os.path.relpath(path, CORPORA), invite(serial, open(path, "rb").read())


def invite(serial, body):
    head = (f"INVITE sip:+49301112222@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TRANSPORT {SENDER}:5080;rport;branch=z9hG4bKhostile{serial}TRANSPORT\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:+49309999999@{SENDER}>;tag=h{serial}TRANSPORT\r\nTo: <sip:+49301112222@127.0.0.1>\r\n"
            f"Call-ID: hostile-{serial}-TRANSPORT@{SENDER}\r\nCSeq: 1 INVITE\r\nContact: <sip:h@{SENDER}:5080;transport=TRANSPORT>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n")
    return head.encode() + body


def options(serial, transport):
    return (f"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} {SENDER}:5080;rport;branch=z9hG4bKprobe{serial}{transport}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:probe@{SENDER}>;tag=p{serial}\r\nTo: <sip:127.0.0.1>\r\nCall-ID: probe-{serial}-{transport}\r\nCSeq: 1 OPTIONS\r\n"
            f"Content-Length: 0\r\n\r\n").encode()


class Datagrams:
    """A UDP sender on the hostile peer's address."""

    transport, limit = "UDP", DATAGRAM

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((SENDER, port))
        self.socket.connect(under_test.UDP)

    def send(self, octets):
        self.socket.send(octets)

    def close(self):
        self.socket.close()


class Stream:
    """A TCP or TLS connection from the hostile peer's address."""

    limit = 1 << 30

    def __init__(self, transport):
        self.transport = transport
        target = under_test.TCP if transport == "TCP" else under_test.TLS
        self.socket = socket.create_connection(target, 20, (SENDER, 0))
        if transport == "TLS":
            context = ssl.create_default_context(cafile=os.path.join(CERTS, "ca.pem"))
            context.load_cert_chain(os.path.join(CERTS, "hostile.pem"), os.path.join(CERTS, "hostile.key"))
            self.socket = context.wrap_socket(self.socket, server_hostname="sbc.test")

    def send(self, octets):
        self.socket.settimeout(20)
        self.socket.sendall(octets)

    def close(self):
        self.socket.close()


def open_way(transport, port=0):
    return Datagrams(port) if transport == "UDP" else Stream(transport)


def drain(way, seconds, enough=lambda came: False):
    """Reads what comes until it is quiet for so long, or enough has come, at most some rounds; returns the octets."""
    way.socket.setblocking(False)
    came = b""
    for _ in range(200):
        pending = getattr(way.socket, "pending", lambda: 0)()
        if enough(came) or not pending and not select.select([way.socket], [], [], seconds)[0]:
            break
        try:
            octets = way.socket.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            continue
        except OSError:
            break
        if not octets:
            break
        came += octets
    return came


class Prober:
    """Asks OPTIONS on one transport, on a connection of its own that is opened anew when it is gone."""

    def __init__(self, transport):
        self.transport, self.way, self.serial = transport, None, 0

    def answered(self):
        for _ in range(2):
            self.serial += 1
            try:
                self.way = self.way or open_way(self.transport)
                self.way.send(options(self.serial, self.transport))
                if self.hears(f"probe-{self.serial}-{self.transport}".encode()):
                    return True
            except OSError:
                pass
            self.close()
        return False

    def hears(self, call_id):
        def is_answer(came):
            return b"SIP/2.0 200" in came and call_id in came

        return is_answer(drain(self.way, 10, is_answer))

    def close(self):
        if self.way:
            self.way.close()
        self.way = None


class Victim(threading.Thread):
    """Where calls that get through end: every request but ACK is refused as busy."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((VICTIM, 5080))
        self.calls = 0

    def run(self):
        while True:
            try:
                octets, source = self.socket.recvfrom(65536)
            except OSError:
                return
            head = octets.split(b"\r\n\r\n")[0].decode("latin1").split("\r\n")
            method = head[0].split(" ")[0]
            if method == "ACK" or method.startswith("SIP/"):
                continue
            self.calls += method == "INVITE"
            kept = [line for line in head[1:] if line.split(":")[0].lower() in ("via", "from", "call-id", "cseq")]
            to = next((line for line in head[1:] if line.lower().startswith("to:")), "To: <sip:x>")
            status = "486 Busy Here" if method == "INVITE" else "200 OK"
            answer = "\r\n".join([f"SIP/2.0 {status}", *kept, to if ";tag=" in to else to + ";tag=victim", "Content-Length: 0", "", ""])
            self.socket.sendto(answer.encode("latin1"), source)


def run(daemon):
    victim = Victim()
    victim.start()
    probers = [Prober(transport) for transport in ("UDP", "TCP", "TLS")]
    for prober in probers:
        REPORT.check(f"OPTIONS over {prober.transport}, before", "answered" if prober.answered() else "silence", "answered", prober.serial > 0 and prober.way)
    for transport in ("UDP", "TCP", "TLS"):
        one_transport(transport, probers, daemon)
    for prober in probers:
        prober.close()
    daemon.idle(120, f"hostile messages ({victim.calls} calls came through and were refused)")
    victim.socket.close()
    daemon.unharmed("hostile messages")


def one_transport(transport, probers, daemon):
    sent = answers = too_long = 0
    silent = []
    port = 5080 if transport == "UDP" else 0
    for name, octets in messages():
        octets = octets.replace(b"TRANSPORT", transport.encode()) if name.startswith("sdp-hostile") else octets
        if transport == "UDP" and len(octets) > DATAGRAM:
            too_long += 1
            continue
        try:
            way = open_way(transport, port)
            way.send(octets)
            answers += b"SIP/2.0 " in drain(way, 0.05)
            way.close()
        except OSError:
            # A connection closed on us while we write is an answer too; the probe tells whether anybody is left.
            pass
        sent += 1
        if not all(prober.answered() for prober in probers):
            silent.append(name)
            if daemon.process.poll() is not None:
                break
    figure = f"{sent} sent ({too_long} fit no datagram), {answers} drew an answer, OPTIONS unanswered after {len(silent)} {silent[:5]}"
    REPORT.check(f"hostile corpora over {transport}", figure, "OPTIONS answered on UDP, TCP and TLS after each", not silent and sent > 100)
