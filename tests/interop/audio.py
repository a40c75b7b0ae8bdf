"""baresip with TLS and mandatory SRTP on one side, UDP and RTP on the other; each must hear the other's tone."""
import glob
import json
import math
import os
import re
import shutil
import socket
import struct
import time
import wave

from process import CERTS, REPORT, WORK, log_of, start, stop, template, wait_until

RATE = 8000
# Seconds that a busy machine may take for what has to happen at some time.
PATIENCE = 60
LOW, HIGH = 440, 1000
SECURE = dict(name="phone-tls", address="127.0.13.11", user="+49301110001", tone=LOW, transport="tls", more=";mediaenc=srtp-mand")
# A trunk whose only suite is AES-GCM, and one that offers SRTP and takes plain RTP.
GCM = dict(name="phone-gcm", address="127.0.13.13", user="+49301110003", tone=LOW, transport="tls", more=";mediaenc=srtp-mand")
OPTIONAL = dict(name="phone-optional", address="127.0.13.14", user="+49301110004", tone=LOW, transport="tls", more=";mediaenc=srtp", leaf="optional")
PLAIN = dict(name="phone-udp", address="127.0.13.12", user="+49301110002", tone=HIGH, transport="udp", more="")


class Phone:
    """One baresip process, commanded over its control port."""

    def __init__(self, name, address, user, tone, transport, more, leaf="baresip"):
        self.name, self.address, self.user, self.transport = name, address, user, transport
        self.folder = os.path.join(WORK, name)
        shutil.rmtree(self.folder, ignore_errors=True)
        tone_file = write_tone(tone)
        template("baresip/config", f"{name}/config", WORK=self.folder, CERTS=CERTS, ADDRESS=address, TONE=tone_file, LEAF=leaf)
        account = f"<sip:{user}@{address};transport={transport}>;regint=0;audio_codecs=PCMU;answermode=auto{more}\n"
        for file, text in (("accounts", account), ("contacts", "")):
            with open(os.path.join(self.folder, file), "w") as out:
                out.write(text)
        self.process = start(name, ["baresip", "-f", self.folder])
        if not wait_until(lambda: self.process.poll() is not None or self.connect(), PATIENCE) or self.process.poll() is not None:
            raise RuntimeError(f"{name} does not start: {log_of(name)[-500:]}")

    def connect(self):
        try:
            self.control = socket.create_connection((self.address, 4444), 1)
            return True
        except OSError:
            return False

    def command(self, command, parameters=""):
        text = json.dumps({"command": command, "params": parameters, "token": command}).encode()
        self.control.sendall(b"%d:%s," % (len(text), text))

    def wait_event(self, wanted, seconds):
        """Reads events until one of the wanted types comes; its type, or None."""
        end = time.monotonic() + seconds
        pending = getattr(self, "pending", b"")
        while time.monotonic() < end:
            while b":" in pending and pending.split(b":", 1)[0].isdigit():
                length, rest = pending.split(b":", 1)
                if len(rest) <= int(length):
                    break
                event, pending = json.loads(rest[: int(length)]), rest[int(length) + 1 :]
                self.pending = pending
                if event.get("type") in wanted:
                    return event["type"]
            self.control.settimeout(max(0.05, end - time.monotonic()))
            try:
                octets = self.control.recv(65536)
            except OSError:
                break
            if not octets:
                break
            pending += octets
        self.pending = pending
        return None

    def dump(self):
        """The file of what it hears, if there is one."""
        return max(glob.glob(os.path.join(self.folder, "dump-*-dec.wav")), key=os.path.getmtime, default=None)

    def seconds_heard(self):
        """So far: 16 bits a sample."""
        dump = self.dump()
        return os.path.getsize(dump) / 2 / RATE if dump else 0.0

    def heard(self, hertz):
        """Share of the heard signal's power that is the tone, and seconds heard."""
        dump = self.dump()
        return tone_share(dump, hertz) if dump else (0.0, 0.0)

    def stop(self):
        self.control.close()
        stop(self.process)


def write_tone(hertz):
    path = os.path.join(WORK, f"tone-{hertz}.wav")
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        samples = (int(9000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(RATE * 20))
        out.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return path


def tone_share(path, hertz):
    """Power at one frequency over the whole power (Goertzel over pieces of 100 ms), and the length in seconds."""
    with wave.open(path) as file:
        rate = file.getframerate()
        data = file.readframes(file.getnframes())
    samples = struct.unpack(f"<{len(data) // 2}h", data[: len(data) // 2 * 2])
    piece = rate // 10
    coefficient = 2 * math.cos(2 * math.pi * hertz / rate)
    tone = whole = 0.0
    for at in range(0, len(samples) - piece + 1, piece):
        one = two = 0.0
        for sample in samples[at : at + piece]:
            one, two = sample + coefficient * one - two, one
        tone += (one * one + two * two - coefficient * one * two) * 2 / piece
        whole += sum(sample * sample for sample in samples[at : at + piece])
    return (tone / whole if whole else 0.0), len(samples) / rate


def call(caller, called, target, title, hangs_up):
    """One call of five seconds or a little more; both sides must hear the other's tone."""
    first, second = Phone(**caller), Phone(**called)
    try:
        first.command("dial", target)
        up = first.wait_event({"CALL_ESTABLISHED", "CALL_CLOSED"}, PATIENCE)
        second.wait_event({"CALL_ESTABLISHED"}, PATIENCE if up == "CALL_ESTABLISHED" else 5)
        wait_until(lambda: False, 5)
        # Audio begins later where a machine has other things to do.
        wait_until(lambda: min(first.seconds_heard(), second.seconds_heard()) > 3.5, 10)
        ending, other = (first, second) if hangs_up == "caller" else (second, first)
        ending.command("hangup")
        closed = other.wait_event({"CALL_CLOSED"}, PATIENCE)
    finally:
        for phone in (first, second):
            phone.stop()
    (back, back_s), (forth, forth_s) = first.heard(called["tone"]), second.heard(caller["tone"])
    REPORT.check(f"{title}: call", f"caller {up}, other side {closed} after {hangs_up} hung up", "CALL_ESTABLISHED, CALL_CLOSED",
                 up == "CALL_ESTABLISHED" and closed == "CALL_CLOSED")
    REPORT.check(f"{title}: audio", f"caller heard {back:.0%} tone in {back_s:.1f} s, called {forth:.0%} in {forth_s:.1f} s", "> 90 % in > 3 s each",
                 min(back, forth) > 0.9 and min(back_s, forth_s) > 3)


def agreed(phone, title, suite):
    """What the phone's own log says of its SRTP: the suite, or that there is none."""
    found = re.findall(r"SRTP is Enabled \(cryptosuite=(\S+)\)", log_of(phone["name"]))
    REPORT.check(f"{title}: suite", f"{sorted(set(found)) or 'none'}", suite or "none", set(found) == ({suite} if suite else set()))


def suites_and_choice():
    """Another suite than the usual one, and trunks that leave the choice to the phone."""
    call(PLAIN, GCM, f"sip:{GCM['user']}@127.0.0.1:26060", "baresip UDP/RTP to TLS/SRTP with AES-GCM", "caller")
    agreed(GCM, "baresip UDP/RTP to TLS/SRTP with AES-GCM", "AEAD_AES_128_GCM")
    call(PLAIN, OPTIONAL, f"sip:{OPTIONAL['user']}@127.0.0.1:26060", "baresip UDP/RTP to optional SRTP", "caller")
    agreed(OPTIONAL, "baresip UDP/RTP to optional SRTP", "AES_CM_128_HMAC_SHA1_80")
    without = dict(OPTIONAL, name="phone-without", more="")
    call(without, PLAIN, f"sip:{PLAIN['user']}@127.0.0.1:26061;transport=tls", "baresip TLS/RTP, SRTP optional, to UDP/RTP", "called")
    agreed(without, "baresip TLS/RTP, SRTP optional, to UDP/RTP", None)


def run(direct=False):
    if direct:
        # Both sides the same kind, because nothing translates between them.
        secure = dict(SECURE, name="phone-tls-2", address=PLAIN["address"], user=PLAIN["user"], tone=HIGH)
        call(SECURE, secure, f"sip:{PLAIN['user']}@127.0.13.12:5081;transport=tls", "baresip TLS/SRTP direct", "caller")
        plain = dict(PLAIN, name="phone-udp-2", address=SECURE["address"], user=SECURE["user"], tone=LOW)
        call(PLAIN, plain, f"sip:{SECURE['user']}@127.0.13.11:5080", "baresip UDP/RTP direct", "called")
        return
    call(SECURE, PLAIN, f"sip:{PLAIN['user']}@127.0.0.1:26061;transport=tls", "baresip TLS/SRTP to UDP/RTP", "caller")
    call(SECURE, PLAIN, f"sip:{PLAIN['user']}@127.0.0.1:26061;transport=tls", "baresip TLS/SRTP to UDP/RTP", "called")
    call(PLAIN, SECURE, f"sip:{SECURE['user']}@127.0.0.1:26060", "baresip UDP/RTP to TLS/SRTP", "caller")
    suites_and_choice()
