"""rtpengine as the media of a far end: SDES in several suites, new keys on both sides, and full ICE against our ICE-lite. A plain phone
speaks through rtpengine, another one through Trunkline alone; what each hears is counted."""
import os
import re
import select
import socket
import struct
import time

import daemon as under_test
from process import REPORT, WORK, start, stop, wait_until

ENGINE, CONTROL = "127.0.16.31", ("127.0.16.31", 22222)
# Behind rtpengine, and the plain party.
PHONE, PLAIN = "127.0.16.41", "127.0.16.21"
# Address of the trunk, its number's prefix, the suite agreed, and what rtpengine is asked for.
TRUNKS = {
    "SDES, CM_128": dict(address="127.0.16.11", number="+49303", suite="AES_CM_128_HMAC_SHA1_80", ice="remove"),
    "SDES, GCM_256": dict(address="127.0.16.12", number="+49304", suite="AEAD_AES_256_GCM", ice="remove"),
    "SDES, our key new each time": dict(address="127.0.16.13", number="+49305", suite="AES_CM_128_HMAC_SHA1_80", ice="remove"),
    "ICE": dict(address="127.0.16.14", number="+49306", suite="AES_CM_128_HMAC_SHA1_80", ice="force"),
}
PACKETS = 200


# ---- rtpengine's control protocol

def bencode(value):
    if isinstance(value, dict):
        return b"d" + b"".join(bencode(key) + bencode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    octets = value.encode()
    return b"%d:%s" % (len(octets), octets)


def bdecode(octets, at=0):
    """The value at a place, and the place after it."""
    kind = octets[at:at + 1]
    if kind == b"i":
        end = octets.index(b"e", at)
        return int(octets[at + 1:end]), end + 1
    if kind in b"ld":
        items, at = [], at + 1
        while octets[at:at + 1] != b"e":
            item, at = bdecode(octets, at)
            items.append(item)
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2]))), at + 1
    colon = octets.index(b":", at)
    end = colon + 1 + int(octets[at:colon])
    return octets[colon + 1:end].decode(errors="replace"), end


class Engine:
    """One rtpengine process in userspace."""

    def __init__(self):
        self.process = start("rtpengine", [
            "rtpengine", "--config-file=none", "--table=-1", f"--interface={ENGINE}", f"--listen-ng={CONTROL[0]}:{CONTROL[1]}", "--port-min=27600",
            "--port-max=27999", "--num-threads=1", "--log-level=6", "--log-stderr", "--foreground", f"--pidfile={os.path.join(WORK, 'rtpengine.pid')}"])
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((ENGINE, 0))
        self.socket.settimeout(1)
        self.serial = 0

    def ready(self):
        return wait_until(lambda: self.process.poll() is not None or self.ask(command="ping").get("result") == "pong", 60)

    def ask(self, **command):
        """Asked again when nothing comes: the same cookie is answered with the same words."""
        self.serial += 1
        cookie = b"%d " % self.serial
        for _ in range(10):
            try:
                self.socket.sendto(cookie + bencode(command), CONTROL)
                while True:
                    answer = self.socket.recv(65536)
                    if answer.startswith(cookie):
                        return bdecode(answer, len(cookie))[0]
            except OSError:
                continue
        return {}

    def describe(self, **command):
        """The description that rtpengine makes of one."""
        answer = self.ask(DTLS="off", replace=["origin", "session-connection"], **command)
        if answer.get("result") != "ok":
            raise RuntimeError(f"rtpengine: {answer}")
        return answer["sdp"]

    def stop(self):
        self.socket.close()
        stop(self.process)


# ---- a plain phone

class Phone:
    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.address, self.port = self.socket.getsockname()
        self.sequence, self.number, self.version = 100, 0, 0

    def sdp(self, direction="sendrecv"):
        self.version += 1
        return (f"v=0\r\no=- 1 {self.version} IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\nm=audio {self.port} RTP/AVP 0\r\n"
                f"a=rtpmap:0 PCMU/8000\r\na={direction}\r\n")

    def speak(self, to):
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.number += 1
        header = struct.pack("!BBHII", 0x80, 0, self.sequence, self.number * 160 & 0xFFFFFFFF, 0x1234)
        self.socket.sendto(header + struct.pack("!I", self.number) + bytes(156), to)
        return self.number

    def heard(self):
        """Numbers of the packets that are there."""
        numbers = set()
        while select.select([self.socket], [], [], 0)[0]:
            packet = self.socket.recv(2048)
            # Reports go to another port.
            numbers.add(struct.unpack("!I", packet[12:16])[0])
        return numbers


def media_of(sdp):
    host = re.search(r"c=IN IP4 (\S+)", sdp).group(1)
    return host, int(re.search(r"m=audio (\d+)", sdp).group(1))


def talk(first, to_first, second, to_second, packets=PACKETS):
    """Both phones speak; how much of it each of them hears (the other's packets)."""
    # The relay and rtpengine are told of a call by other threads than the callers: on a busy machine, a moment later.
    until = time.monotonic() + 10
    opened = [False, False]
    while not all(opened) and time.monotonic() < until:
        first.speak(to_first)
        second.speak(to_second)
        time.sleep(0.02)
        opened = [was or bool(phone.heard()) for was, phone in zip(opened, (first, second))]
    said, heard = (set(), set()), (set(), set())
    for _ in range(packets):
        said[0].add(first.speak(to_first))
        said[1].add(second.speak(to_second))
        time.sleep(0.005)
        heard[0].update(second.heard())
        heard[1].update(first.heard())
    until = time.monotonic() + 5
    while (said[0] - heard[0] or said[1] - heard[1]) and time.monotonic() < until:
        time.sleep(0.02)
        heard[0].update(second.heard())
        heard[1].update(first.heard())
    return len(said[0] & heard[0]), len(said[1] & heard[1])


# ---- signalling as text

class Message:
    def __init__(self, octets):
        head, _, self.body = octets.decode(errors="replace").partition("\r\n\r\n")
        self.start, *lines = head.split("\r\n")
        self.fields = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name):
        return (self.all(name) or [""])[0]


class Agent:
    """A SIP party on UDP, one call at a time."""

    serial = 0

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 5080))
        self.socket.connect(under_test.UDP)
        self.socket.settimeout(30)
        self.seen = set()

    def next(self, wanted):
        """The next new message whose first line begins so; provisional answers are passed over."""
        while True:
            octets = self.socket.recv(65536)
            message = Message(octets)
            if octets in self.seen or re.match(r"SIP/2.0 1", message.start):
                continue
            self.seen.add(octets)
            if not message.start.startswith(wanted):
                raise RuntimeError(f"{self.address} wanted {wanted} and got {message.start}")
            return message

    def write(self, method, uri, cseq, body):
        Agent.serial += 1
        content = f"Content-Type: application/sdp\r\n" if body else ""
        self.socket.send((f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.address}:5080;rport;branch=z9hG4bKr{Agent.serial}\r\nMax-Forwards: 70\r\n"
                          f"From: {self.local}\r\nTo: {self.remote}\r\nCall-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
                          f"Contact: <sip:r@{self.address}:5080>\r\n{content}Content-Length: {len(body)}\r\n\r\n{body}").encode())

    def dial(self, number, body):
        Agent.serial += 1
        self.local, self.remote = f"<sip:+49309999999@{self.address}>;tag=r{Agent.serial}", f"<sip:{number}@127.0.0.1>"
        self.call_id, self.cseq, self.target = f"rtpengine-{Agent.serial}@{self.address}", 1, f"sip:{number}@127.0.0.1:{under_test.UDP[1]}"
        self.write("INVITE", self.target, 1, body)

    def accepted(self):
        """The answer to our INVITE, acknowledged."""
        answer = self.next("SIP/2.0 200")
        self.remote = answer.one("To")
        self.target = re.search(r"<([^>]+)>", answer.one("Contact")).group(1)
        self.write("ACK", self.target, self.cseq, "")
        return answer.body

    def ask(self, method, body=""):
        self.cseq += 1
        self.write(method, self.target, self.cseq, body)

    def reply(self, request, status, body=""):
        to = request.one("To")
        to += "" if "tag=" in to else f";tag=c{self.address}"
        lines = [f"SIP/2.0 {status}"] + [f"Via: {via}" for via in request.all("Via")]
        lines += [f"From: {request.one('From')}", f"To: {to}", f"Call-ID: {request.one('Call-ID')}", f"CSeq: {request.one('CSeq')}",
                  f"Contact: <sip:r@{self.address}:5080>"]
        lines += ["Content-Type: application/sdp"] if body else []
        self.socket.send("\r\n".join(lines + [f"Content-Length: {len(body)}", "", body]).encode())
        if request.start.startswith("INVITE") and "tag=" not in request.one("To"):
            self.local, self.remote, self.call_id, self.cseq = to, request.one("From"), request.one("Call-ID"), 1
            self.target = re.search(r"<([^>]+)>", request.one("Contact")).group(1)

    def close(self):
        self.socket.close()


# ---- the checks

class Call:
    """rtpengine's side offers or answers; the plain side is the other party."""

    def __init__(self, engine, way, trunk):
        self.engine, self.trunk = engine, trunk
        self.secure, self.plain = Agent(trunk["address"]), Agent(PLAIN)
        self.phone, self.far = Phone(PHONE), Phone(PLAIN)
        self.renew()
        if way == "caller":
            self.secure.dial(trunk["number"] + "000000", self.offered(self.phone.sdp()))
            self.exchange(self.secure, self.plain)
        else:
            self.plain.dial(trunk["number"] + "000000", self.far.sdp())
            invite = self.secure.next("INVITE")
            # Towards the phone; its answer comes back as rtpengine's.
            self.to_phone = media_of(self.engine.describe(command="offer", **self.names(), sdp=invite.body, **{"transport-protocol": "RTP/AVP", "ICE": "remove"}))
            answer = self.engine.describe(command="answer", **self.names(), **{"to-tag": "phone"}, sdp=self.phone.sdp())
            self.shown = invite.body + answer
            self.secure.reply(invite, "200 OK", answer)
            self.secure.next("ACK")
            self.to_far = media_of(self.plain.accepted())

    def renew(self):
        """Another call for rtpengine: ports, keys and names of ICE are new."""
        if hasattr(self, "name"):
            self.engine.ask(command="delete", **self.names())
        Agent.serial += 1
        self.name = f"call-{Agent.serial}"

    def names(self):
        return {"call-id": self.name, "from-tag": "first"}

    def offered(self, sdp):
        more = {"transport-protocol": "RTP/SAVP", "ICE": self.trunk["ice"]}
        return self.engine.describe(command="offer", **self.names(), sdp=sdp, **more)

    def exchange(self, asking, other):
        """What was just offered is answered, and both sides know where to send."""
        invite = other.next("INVITE")
        other.reply(invite, "200 OK", self.far.sdp(mirrored(invite.body)))
        other.next("ACK")
        self.to_far = media_of(invite.body)
        self.settle(asking.accepted())

    def settle(self, answer):
        """rtpengine hears what Trunkline answered to its offer."""
        phone = self.engine.describe(command="answer", **self.names(), **{"to-tag": "second", "ICE": "remove"}, sdp=answer)
        self.shown, self.to_phone = answer, media_of(phone)

    def reinvite(self, direction="sendrecv"):
        self.secure.ask("INVITE", self.offered(self.phone.sdp(direction)))
        self.exchange(self.secure, self.plain)

    def move(self):
        """The phone's side comes back as another instance. That is nothing to the other party: Trunkline answers by itself."""
        self.renew()
        self.secure.ask("INVITE", self.offered(self.phone.sdp()))
        self.settle(self.secure.accepted())

    def talk(self):
        return talk(self.phone, self.to_phone, self.far, self.to_far)

    def end(self):
        self.secure.ask("BYE")
        self.secure.next("SIP/2.0 200")
        self.plain.reply(self.plain.next("BYE"), "200 OK")
        self.engine.ask(command="delete", **self.names())
        for part in (self.secure, self.plain, self.phone.socket, self.far.socket):
            part.close()


def mirrored(sdp):
    """The direction that answers the one in a description."""
    pairs = {"sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
    found = re.search(r"a=(sendonly|recvonly|inactive)", sdp)
    return pairs[found.group(1)] if found else "sendrecv"


def judge(title, heard):
    limit = PACKETS * 99 // 100
    REPORT.check(f"rtpengine, {title}", f"{heard[0]} and {heard[1]} of {PACKETS} packets heard", f">= {limit} each", min(heard) >= limit)


def key_lines(sdp):
    return re.findall(r"a=crypto:\S+ (\S+) inline:(\S+)", sdp)


def by_engine(engine, name, trunk):
    """rtpengine's side calls, holds, resumes, and comes back as another instance: new ports, new keys, new names."""
    call = Call(engine, "caller", trunk)
    suites = {suite for suite, _ in key_lines(call.shown)}
    REPORT.check(f"rtpengine, {name}: suite", f"{sorted(suites)}", trunk["suite"], suites == {trunk["suite"]})
    judge(f"{name}: its call", call.talk())
    call.reinvite("inactive")
    call.reinvite()
    before = key_lines(call.shown)
    judge(f"{name}: after hold and resume", call.talk())
    call.move()
    judge(f"{name}: with new ports, keys{' and names of ICE (a restart)' if trunk['ice'] == 'force' else ''}", call.talk())
    kept = key_lines(call.shown) == before
    wanted = "new each time" not in name
    REPORT.check(f"rtpengine, {name}: our key over its new one", "kept" if kept else "new", "kept" if wanted else "new", kept == wanted)
    call.end()


def by_us(engine, name, trunk):
    call = Call(engine, "called", trunk)
    judge(f"{name}: our call", call.talk())
    call.end()


def counted(label):
    return sum(value for key, value in under_test.metrics().items() if key.startswith("sbc_media_") and label in key)


def run():
    engine = Engine()
    try:
        if not REPORT.check("rtpengine is ready", "yes" if engine.ready() else "no", "pong within 60 s", engine.process.poll() is None):
            return
        for name, trunk in TRUNKS.items():
            checks = counted('kind="stun"')
            by_engine(engine, name, trunk)
            by_us(engine, name, trunk)
            answered = counted('kind="stun"') - checks
            if trunk["ice"] == "force":
                REPORT.check(f"rtpengine, {name}: checks answered", f"{answered:.0f}", "> 0", answered > 0)
        refused = counted('reason="stun_unauthenticated"')
        REPORT.check("rtpengine: checks refused", f"{refused:.0f}", "0", refused == 0)
    finally:
        engine.stop()
