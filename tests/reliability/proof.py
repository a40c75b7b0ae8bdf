"""What every proof shares: the daemon under test with its settings and its share of a processor, what it holds, and the
table of figures. Nothing needs root; all addresses are loopback ones, all files lie in one folder that goes at the end."""
import argparse
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "interop"))

import scrape  # noqa: E402
from process import CERTS, REPORT, WORK, Missing, certificates, log_of, run, start, stop, wait_until  # noqa: E402

SBC = "127.0.17.1"
UDP = (SBC, 27200)
TCP = (SBC, 27200)
TLS = (SBC, 27201)
METRICS = "http://127.0.0.1:27204"
# The parties: a platform over TLS, a carrier over UDP, and a well-behaved pair over UDP that calls during every attack.
PLATFORM, CARRIER = "127.0.17.11", "127.0.17.12"
GOOD_CALLER, GOOD_CALLEE = "127.0.17.21", "127.0.17.22"
# A second party over TLS, whose audio is plain: what the daemon makes of it is SRTP, on the platform's leg.
CALLED = "127.0.17.31"
# Every table that holds something while a call lives.
GAUGES = ["sbc_calls", "sbc_transactions", "sbc_dialogs", "sbc_streams", 'sbc_ports{state="leased"}']
# Those that a short form waits for: a transaction stands 32 s after its call (RFC 6026).
SHORT_GAUGES = [name for name in GAUGES if name != "sbc_transactions"]
# Read before anything changes folder.
BINARY = os.path.realpath(os.environ.get("TRUNKLINE_BIN", "target/release/trunkline"))
# Longer than every timer of a call whose parties fall silent (64*T1 for the ACK, and again for the BYE).
SETTLE = 80


def trunk(listener, target, sources, security="rtp", more=()):
    """A trunk's table: a platform's over TLS, else a carrier's. Nobody is asked for signs of life."""
    head = ['profile = "generic-tls"', 'fqdn = "sbc.test"', 'trust = "proof"'] if listener == "tls" else ['profile = "carrier-ip"']
    return "\n".join([*head, f'listener = "{listener}"', f'targets = ["{target}"]', f'sources = ["{sources}"]',
                      f'media = {{ security = "{security}", codecs = ["PCMU", "PCMA"] }}', "options = { interval_s = 0 }", *more])


CALLED_TRUNK = trunk("tls", f"{CALLED}:27231", f"{CALLED}/32")
SETTINGS = {
    "node": """name = "proof"
state_dir = "state"
drain_s = 0""",
    "networks.loop": f"""bind = "{SBC}"
advertise = "{SBC}"
rtp_ports = "10000-19999"
allow_media = ["127.0.0.0/8"]""",
    "certificates.main": """chain = "certs/sbc.pem"
key = "certs/sbc.key\"""",
    "trust.proof": """roots = "certs/ca.pem\"""",
    "listeners.tls": f"""network = "loop"
transport = "tls"
port = {TLS[1]}
certificates = ["main"]
client_certificate = "request\"""",
    "listeners.udp": f"""network = "loop"
transport = "udp"
port = {UDP[1]}""",
    "listeners.tcp": f"""network = "loop"
transport = "tcp"
port = {TCP[1]}""",
    "media": "port_rest_s = 2",
    "trunks.platform": trunk("tls", f"{PLATFORM}:27211", f"{PLATFORM}/32", "srtp"),
    "trunks.carrier": trunk("udp", f"{CARRIER}:27210", f"{CARRIER}/32"),
    "trunks.good-caller": trunk("udp", f"{GOOD_CALLER}:27220", f"{GOOD_CALLER}/32"),
    "trunks.good-callee": trunk("udp", f"{GOOD_CALLEE}:27221", f"{GOOD_CALLEE}/32"),
    "fraud": """allow_countries = ["US"]""",
    "metrics": """bind = "127.0.0.1:27204\"""",
}
ROUTES = [("platform", "carrier"), ("carrier", "platform"), ("good-caller", "good-callee")]


def settings(routes=ROUTES, **changed):
    """The configuration. `changed`: tables by name (a double underscore stands for the dot, a single one for a dash in
    trunks' names stays as it is) that replace the usual ones, or come on top; None leaves one out."""
    tables = dict(SETTINGS)
    tables.update({name.replace("__", "."): text for name, text in changed.items()})
    text = "".join(f"[{name}]\n{body}\n\n" for name, body in tables.items() if body is not None)
    return text + "".join(f'[[routes]]\nfrom = "{caller}"\nto = ["{callee}"]\n\n' for caller, callee in routes)


def quick(text):
    """The same with timers of a tenth in every trunk that names none: what stands for 64*T1 stands for 3 s in a short form."""
    parts = text.split("\n\n")
    return "\n\n".join(part + "\ntimers = { t1_ms = 50 }" if part.startswith("[trunks.") and "timers" not in part else part for part in parts)


def halves():
    """The processors for the daemon and for everybody else: a generator must not take the daemon's time, nor lack its own."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[:1], cores[1:]) if len(cores) > 1 else (cores, cores)


# Holds a process to its share of one processor, whatever else the machine does. Where it may, it burns the rest of that processor
# itself, before anybody else has a turn there: that is a slow processor, a fraction of a millisecond at a time. Elsewhere the process
# is stopped for as long as it has used more, tens of milliseconds at a time, which shows in every figure of milliseconds. What was not
# used is not saved up for longer than a few milliseconds, and no more than two are owed: a look comes ten thousand times in a second,
# and where the process has used ten milliseconds meanwhile, the whole machine stood still. It ends with whoever started it.
GOVERNOR = """
import os, signal, sys, time
share, pid, parent = float(sys.argv[1]), int(sys.argv[2]), os.getppid()
clock = (~pid << 3) | 2  # Linux: the processor time of another process
try:
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    burns, pause, most, owed = True, 0.0001, share * 0.003, 0.002
except OSError:
    burns, pause, most, owed = False, 0.001, share * 0.02, float("inf")
seen, left, used, stopped = time.perf_counter(), 0.0, time.clock_gettime(clock), False
while os.getppid() == parent:
    if left >= 0 or not burns:
        time.sleep(pause)
    now, gone = time.perf_counter(), time.clock_gettime(clock)
    left, seen, used = max(min(left + share * (now - seen), most) - (gone - used), -owed), now, gone
    if not burns and stopped != (left < 0):
        stopped = not stopped
        os.kill(pid, signal.SIGSTOP if stopped else signal.SIGCONT)
"""


# Sends back every datagram, beside a thread that never rests if it is to be busy. It goes before that one, as audio goes before signalling.
ECHO = """
import hashlib, os, socket, sys, threading
if sys.argv[1] == "busy":
    threading.Thread(target=hashlib.pbkdf2_hmac, args=("sha256", b"password", b"salt", 1 << 30), daemon=True).start()
try:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -5)
except OSError:
    pass
ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ours.bind((sys.argv[2], int(sys.argv[3])))
print("ready", flush=True)
while True:
    octets, peer = ours.recvfrom(2048)
    ours.sendto(octets, peer)
"""
ECHO_AT = ("127.0.17.51", 27260)


def governed(pid, share, mine):
    """What holds a process to its share of these processors."""
    return start("governor", [sys.executable, "-c", GOVERNOR, share, pid], preexec_fn=lambda: os.sched_setaffinity(0, mine))


def floor(share, what, seconds=4):
    """The p99 of an echo over UDP, in milliseconds, of a process that does nothing else (`idle`), or has a thread that never rests (`busy`),
    held to the same share in the same way: what a figure of the daemon holds of that, and of this machine at this time. Before it starts."""
    ours, (mine, others) = os.sched_getaffinity(0), halves()
    echo = subprocess.Popen([sys.executable, "-c", ECHO, what, *map(str, ECHO_AT)], stdout=subprocess.PIPE, preexec_fn=lambda: os.sched_setaffinity(0, mine))
    echo.stdout.readline()
    governor, took = governed(echo.pid, share, mine), []
    os.sched_setaffinity(0, others)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
            asks.settimeout(2)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                began = time.monotonic()
                asks.sendto(b"echo", ECHO_AT)
                asks.recv(16)
                took.append(time.monotonic() - began)
                time.sleep(0.005)
    finally:
        os.sched_setaffinity(0, ours)
        stop(governor, signal.SIGKILL)
        echo.kill()
        echo.wait()
    return quantile(took, .99)


class Daemon:
    """One daemon. `share`: of one processor, when it is to be slow; `files`: its limit of open
    files; `octets`: of a file's size, which is what a full disk is to a process."""

    def __init__(self, text=None, share=None, files=None, octets=None, confined=True, environment=None):
        self.text, self.share, self.files, self.confined, self.environment = text or settings(), share, files, confined, environment
        self.octets = octets
        self.path = os.path.join(WORK, "proof.toml")
        self.began = 0.0
        self.process = self.governor = None

    def write(self):
        os.makedirs(os.path.join(WORK, "state"), exist_ok=True)
        with open(self.path, "w") as out:
            out.write(self.text)

    def start(self, seconds=120):
        self.write()
        mine, others = halves()
        os.sched_setaffinity(0, others)

        def prepare():
            if self.confined:
                os.sched_setaffinity(0, mine)
            if self.files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))
            if self.octets:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (self.octets, resource.RLIM_INFINITY))

        self.began = time.monotonic()
        command = [BINARY, "run", "--config", self.path]
        self.process = start("trunkline", command, preexec_fn=prepare, env={**os.environ, **(self.environment or {})})
        if not wait_until(lambda: ready() or self.process.poll() is not None, seconds, 0.01) or self.process.poll() is not None:
            raise RuntimeError("the daemon does not start: " + log_of("trunkline")[-2000:])
        if self.share:
            self.governor = governed(self.pid, self.share, mine)
        return time.monotonic() - self.began

    def disk_is_empty_again(self):
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def kill(self):
        """kill -9."""
        stop(self.process, signal.SIGKILL)

    def stop(self, first=signal.SIGINT):
        if self.governor:
            stop(self.governor, signal.SIGKILL)
            self.governor = None
            os.kill(self.pid, signal.SIGCONT)
        stop(self.process, first, seconds=60)
        return self.process.returncode

    @property
    def pid(self):
        return self.process.pid

    def resident_kib(self):
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def peak_kib(self):
        for line in open(f"/proc/{self.pid}/status"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
        return 0

    def processor_s(self):
        """Seconds of processor time used so far."""
        fields = open(f"/proc/{self.pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files_open(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def unharmed(self):
        panics = log_of("trunkline").count("panicked at")
        running = self.process.poll() is None
        row("R-C5", "daemon at the end", f"{'running' if running else 'ended'}, {panics} panics", "running, 0 panics", running and not panics)

    def settled(self, anchor, what, seconds=SETTLE, gauges=tuple(GAUGES)):
        """Every gauge of calls is back at zero within `seconds`."""
        began = time.monotonic()
        wait_until(lambda: held(gauges) == {}, seconds, 0.5)
        left = held(gauges)
        row(anchor, f"held after {what}", f"{left or 'nothing'} after {time.monotonic() - began:.0f} s", f"nothing within {seconds} s", left == {})


def row(anchor, what, figure, limit, holds):
    """One line of the table."""
    REPORT.passed += bool(holds)
    REPORT.failed += not holds
    print(f"{'ok  ' if holds else 'FAIL'} | {anchor:<5} | {what:<52} | {figure:<46} | {limit}", flush=True)
    return bool(holds)


def note(text):
    print(f"     {text}", flush=True)


def ready():
    return scrape.fetch(METRICS + "/readyz", 5) is not None


def samples():
    """Every sample of /metrics: name with labels -> value."""
    return scrape.samples(METRICS, 10, tries=3)


def held(names=tuple(GAUGES)):
    """What is not zero of the gauges; every one must be there."""
    found = samples()
    return {name: found.get(name, "absent") for name in names if found.get(name, "absent")}


def total(found, name, **labels):
    """The sum of a metric's samples with these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(value for key, value in found.items() if key.split("{")[0] == name and all(part in key for part in wanted))


def free_of_ports(daemon):
    """Open files, two for each pair of ports that is kept ready left out; once no pair rests, for one on its way back is in no count."""
    def are_back():
        found = samples()
        return not total(found, "sbc_ports", state="leased") and not total(found, "sbc_ports", state="resting")

    wait_until(are_back, 60, 0.5)

    def looked():
        found = samples()
        return int(sum(total(found, "sbc_ports", state=state) for state in ("leased", "ready", "resting"))), daemon.files_open()

    seen = looked()
    for _ in range(40):
        time.sleep(0.25)
        seen, before = looked(), seen
        if seen == before:
            break
    return seen[1] - 2 * seen[0]


def records(folder=os.path.join("state", "cdr"), patience=10):
    """All lines of the spool in order; a line that is no JSON is an error of the daemon and raises, and so does one that stays without
    its end for longer than `patience` seconds: what is written just now is waited for."""
    place, found = os.path.join(WORK, folder), []
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else []:
        if name.endswith(".jsonl"):
            found += [json.loads(line) for line in whole_lines(os.path.join(place, name), patience)]
    return found


def whole_lines(path, patience):
    text = b""

    def is_whole():
        nonlocal text
        with open(path, "rb") as file:
            text = file.read()
        return not text or text.endswith(b"\n")

    if not wait_until(is_whole, patience, 0.02):
        raise ValueError(f"{os.path.basename(path)} ends inside a line")
    return text.splitlines()


def quantile(values, part):
    """In milliseconds; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] * 1000 if ordered else float("nan")


def needs_files(count):
    """Raises our own limit of open files, which the daemon starts with too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        raise Missing(f"{count} open files are needed, and {hard} are allowed: raise the hard limit (`prlimit --nofile={count} --pid $$` as root)")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def main(play, description):
    """Runs one proof: `play(short)`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--short", action="store_true", help="the form for every change: seconds instead of minutes")
    options = parser.parse_args()

    def prepared():
        if not os.access(BINARY, os.X_OK):
            raise Missing(f"no program at {BINARY}: build it, or name it with TRUNKLINE_BIN")
        if not shutil.which("openssl"):
            raise Missing("openssl is not on the path")
        certificates({"sbc": "DNS:sbc.test", "load": f"DNS:load.test,IP:{PLATFORM},IP:127.0.17.31"})
        play(options.short)

    run(prepared)
