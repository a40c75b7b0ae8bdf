"""Installs, runs and takes away each form Trunkline is shipped in; prints what was seen and what was wanted."""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ["TRUNKLINE_BIN"]
WORK = tempfile.mkdtemp(prefix="packaging-")
TARGET = "x86_64-unknown-linux-gnu"
CONFIG = "/etc/trunkline/trunkline.toml"
SIP, METRICS = ("127.0.17.1", 25160), ("127.0.17.1", 25164)
TOML = f"""
[networks.public]
bind = "{SIP[0]}"
rtp_ports = "10000-10999"
[listeners.main]
network = "public"
transport = "udp"
port = {SIP[1]}
[listeners.stream]
network = "public"
transport = "tcp"
port = {SIP[1]}
[trunks.north]
profile = "carrier-ip"
listener = "main"
targets = ["127.0.17.2:5060"]
[[routes]]
from = "north"
to = ["north"]
[metrics]
bind = "{METRICS[0]}:{METRICS[1]}"
"""


class Report:
    passed = failed = skipped = 0

    def check(self, name, figure, wanted, holds):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {name}: {figure} (wanted: {wanted})", flush=True)
        return holds

    def skip(self, name, reason):
        self.skipped += 1
        print(f"skip {name}: {reason}", flush=True)


REPORT = Report()


def said(*command, **options):
    """What a command printed, and its exit code."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    return done.stdout, done.returncode


# ---- the Debian package

def package():
    release = os.path.join(ROOT, "target/release/trunkline")
    if os.path.realpath(release) != BINARY:
        REPORT.skip("package", "cargo-deb packs target/release/trunkline; run without TRUNKLINE_BIN")
        return False
    out, code = said("cargo", "deb", "--no-build", "--output", WORK, cwd=ROOT)
    files = [name for name in os.listdir(WORK) if name.endswith(".deb")]
    if not REPORT.check("package is built", files or out[-400:], "one .deb", code == 0 and len(files) == 1):
        return False
    file = os.path.join(WORK, files[0])
    out, code = said("dpkg", "-i", file)
    REPORT.check("package installs", code, 0, code == 0 or print(out))
    version, _ = said("/usr/bin/trunkline", "--version")
    REPORT.check("its binary runs", version.strip(), "trunkline and a version", re.fullmatch(r"trunkline \d+\.\d+\.\d+", version.strip()))
    owners = {path: owner(path) for path in ("/etc/trunkline", "/var/lib/trunkline")}
    wanted = {"/etc/trunkline": "root:trunkline 750", "/var/lib/trunkline": "trunkline:trunkline 750"}
    REPORT.check("folders", owners, wanted, owners == wanted)
    links = [link for link in said("find", "/etc/systemd/system", "-lname", "*trunkline*")[0].split() if link]
    REPORT.check("the service is not switched on before it is configured", links, "no link", not links)
    shared = "/usr/share/doc/trunkline"
    named = ["docs/doctor.md", "docs/pictures/prometheus.png", "examples/teams.toml", "examples/prometheus/alerts.yml", "examples/grafana/trunkline.json"]
    absent = [name for name in named if not os.path.exists(os.path.join(shared, name))]
    REPORT.check("docs, examples, dashboard and alerts", absent or "all there", "all there", not absent)
    stops = said("dpkg-query", "--control-show", "trunkline", "prerm")[0]
    REPORT.check("removal stops the service", stops.count("systemctl stop"), "prerm does it", "systemctl stop trunkline.socket trunkline.service" in stops)
    size = os.path.getsize(file)
    print(f"     package: {size / 1e6:.1f} MB")
    return True


def owner(path):
    out, _ = said("stat", "-c", "%U:%G %a", path)
    return out.strip()


def purge():
    said("rm", "-f", CONFIG)
    out, code = said("dpkg", "--purge", "trunkline")
    left = [path for path in ("/usr/bin/trunkline", "/var/lib/trunkline", "/etc/trunkline") if os.path.exists(path)]
    try:
        pwd.getpwnam("trunkline")
        left.append("user trunkline")
    except KeyError:
        pass
    REPORT.check("purging leaves nothing", left if code == 0 else out[-300:], "[]", code == 0 and not left)


# ---- the unit

class Service:
    """ExecStart of the unit as its user, the way systemd starts it: notify socket, watchdog, sockets handed over."""

    def __init__(self, watchdog_s, sockets):
        self.told = []
        self.path = os.path.join(WORK, "notify")
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(self.path)
        os.chmod(WORK, 0o755)
        os.chmod(self.path, 0o666)
        self.log = open(os.path.join(WORK, "service.log"), "ab")
        unit = open(os.path.join(ROOT, "config/trunkline.service")).read()
        line, nice = (re.search(f"^{key}=(.*)$", unit, re.M).group(1) for key in ("ExecStart", "LimitNICE"))
        self.rank = ["prlimit", f"--nice={20 - int(nice)}"]
        if said(*self.rank, "true")[1] != 0:
            self.rank = []
        environment = {"NOTIFY_SOCKET": self.path, "PATH": "/usr/bin:/bin", "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}
        if sockets:
            environment["LISTEN_FDS"] = str(len(sockets))
        numbers = [one.fileno() for one in sockets]
        # LISTEN_PID is the daemon's own: a shell that becomes the daemon knows it, and puts the sockets at 3 and up.
        moved = " ".join(f"{3 + at}<&{number}" for at, number in enumerate(numbers))
        # As ProcSubset=pid has it: of /proc nothing but processes.
        hidden = "unshare --mount sh -c 'mount -t proc -o subset=pid proc /proc && exec \"$@\"' sh"
        if said("unshare", "--mount", "mount", "-t", "proc", "-o", "subset=pid", "proc", "/proc")[1] != 0:
            hidden = ""
        shell = f"{'export LISTEN_PID=$$; ' if sockets else ''}exec {' '.join(self.rank)} {hidden} setpriv --reuid trunkline --regid trunkline --clear-groups --no-new-privs {line} {moved}"
        self.process = subprocess.Popen(["bash", "-c", shell], env=environment, stdout=self.log, stderr=self.log, pass_fds=numbers)

    def wait(self, word, seconds):
        """True once the daemon has said this to the manager."""
        self.notify.settimeout(0.2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if any(word in text for text in self.told):
                return True
            try:
                self.told.append(self.notify.recv(4096).decode())
            except TimeoutError:
                if self.process.poll() is not None:
                    return False
        return False

    def ranks(self):
        """The nice value of each thread, by its name without a number."""
        ranks = {}
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            try:
                name, rest = open(f"/proc/{self.process.pid}/task/{task}/stat").read().split("(", 1)[1].rsplit(")", 1)
            except (FileNotFoundError, ProcessLookupError):
                # A thread that has ended meanwhile.
                continue
            ranks[name.split("-")[0]] = int(rest.split()[16])
        return ranks

    def beats(self, count):
        """So many signs of life; how many came, and the longest wait for one in seconds."""
        seen, longest = 0, 0.0
        while seen < count:
            self.told.clear()
            began = time.monotonic()
            if not self.wait("WATCHDOG=1", 20):
                break
            seen, longest = seen + 1, max(longest, time.monotonic() - began)
        return seen, longest

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        # TOML has no drain_s: a minute, and half of one for the end.
        stopping = self.wait("STOPPING=1\nEXTEND_TIMEOUT_USEC=90000000\n", 30)
        return stopping, self.process.wait(60)


def asked(timeout=20):
    """What a carrier hears that probes us."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.bind(("127.0.17.2", 5060))
    probe.settimeout(timeout)
    probe.sendto((f"OPTIONS sip:{SIP[0]} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.17.2:5060;branch=z9hG4bKp{time.monotonic_ns()}\r\nMax-Forwards: 70\r\n"
                  f"From: <sip:p@127.0.17.2>;tag=p\r\nTo: <sip:{SIP[0]}>\r\nCall-ID: p{time.monotonic_ns()}\r\nCSeq: 1 OPTIONS\r\n"
                  "Content-Length: 0\r\n\r\n").encode(), SIP)
    try:
        while True:
            text = probe.recv(65536).decode()
            if text.startswith("SIP/2.0"):
                return text.split("\r\n")[0]
    except TimeoutError:
        return "nothing"
    finally:
        probe.close()


def unit():
    out, _ = said("systemd-analyze", "verify", os.path.join(ROOT, "config/trunkline.service"))
    REPORT.check("systemd-analyze verify", out.strip() or "clean", "clean", not out.strip())
    out, _ = said("systemd-analyze", "security", "--offline=true", os.path.join(ROOT, "config/trunkline.service"))
    score = re.search(r"exposure level for \S+: ([0-9.]+)", out)
    REPORT.check("exposure", score and score.group(1), "<= 1.5", score and float(score.group(1)) <= 1.5)
    with open(CONFIG, "w") as file:
        file.write(TOML)
    said("chgrp", "trunkline", CONFIG)
    os.chmod(CONFIG, 0o640)
    service = Service(watchdog_s=3, sockets=[])
    began = time.monotonic()
    ready = service.wait("READY=1", 60)
    REPORT.check("says that it is ready", f"{ready} after {(time.monotonic() - began) * 1000:.0f} ms", "READY=1 within 60 s", ready)
    REPORT.check("runs as", owner(f"/proc/{service.process.pid}").split(":")[0], "trunkline", owner(f"/proc/{service.process.pid}").startswith("trunkline"))
    said_to_us = asked()
    REPORT.check("OPTIONS", said_to_us, "SIP/2.0 200 OK", said_to_us == "SIP/2.0 200 OK")
    ranks = {name: rank for name, rank in service.ranks().items() if name in ("relay", "net", "records")}
    if service.rank:
        REPORT.check("ranks of its threads", ranks, "relay before net before records", ranks["relay"] < ranks["net"] < ranks["records"])
    else:
        REPORT.skip("ranks of its threads", "this machine lets nobody raise the limit")
    # The manager ends what is silent for three seconds.
    seen, longest = service.beats(4)
    REPORT.check("signs of life with a watchdog of 3 s", f"{seen}, the longest wait {longest:.1f} s", "4, less than 3 s each", seen == 4 and longest < 3)
    log = open(os.path.join(WORK, "service.log")).read()
    ceiling = re.search(r'"ceiling_mb":(\d+)', log)
    REPORT.check("knows how much memory there is", ceiling and ceiling.group(1), "a number of MiB, without /proc/meminfo", ceiling and int(ceiling.group(1)) > 0)
    stopping, code = service.end()
    REPORT.check("TERM", f"STOPPING=1: {stopping}, exit {code}", "told, exit 0", stopping and code == 0)
    handed_over()


def handed_over():
    """The manager keeps the sockets: what arrives while nobody runs is not refused, and is answered by the next daemon."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    other = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    for one, address in ((datagrams, SIP), (stream, SIP), (other, ("127.0.17.1", 25999))):
        one.bind(address)
    stream.listen(64)
    other.listen(1)
    caller = socket.create_connection(SIP, timeout=20)
    service = Service(watchdog_s=30, sockets=[datagrams, stream, other])
    REPORT.check("starts on sockets that are bound already", service.wait("READY=1", 60), True, service.told and "READY=1" in "".join(service.told))
    said_to_us = asked()
    REPORT.check("OPTIONS over the socket handed over", said_to_us, "SIP/2.0 200 OK", said_to_us == "SIP/2.0 200 OK")
    service.end()
    log = open(os.path.join(WORK, "service.log")).read()
    REPORT.check("a socket that no listener has is named", "TCP 127.0.17.1:25999" in log, True, "TCP 127.0.17.1:25999" in log)
    caller.close()
    for one in (datagrams, stream, other):
        one.close()


# ---- the image

def static_binary():
    """The production binary with the C library in it, as the Dockerfile builds it."""
    environment = dict(os.environ, RUSTFLAGS="-C target-feature=+crt-static", CARGO_TARGET_DIR=os.path.join(ROOT, "target/image"))
    out, code = said("cargo", "build", "--release", "--locked", "--no-default-features", "--target", TARGET, cwd=ROOT, env=environment)
    built = os.path.join(ROOT, "target/image", TARGET, "release/trunkline")
    REPORT.check("static build", code if code == 0 else out[-600:], 0, code == 0)
    return built


def image():
    built = static_binary()
    linked, _ = said("ldd", built)
    REPORT.check("needs no library", linked.strip(), "statically linked", "statically linked" in linked or "not a dynamic" in linked)
    # What the first stage leaves under /out, made here: the check has no registry to fetch the toolchain's image from.
    stage = os.path.join(WORK, "stage")
    for folder in ("out/usr/bin", "out/usr/share/trunkline", "out/etc/ssl/certs", "out/etc/trunkline", "out/var/lib/trunkline"):
        os.makedirs(os.path.join(stage, folder))
    shutil.copy(built, os.path.join(stage, "out/usr/bin/trunkline"))
    said("strip", "--strip-debug", os.path.join(stage, "out/usr/bin/trunkline"))
    shutil.copy(os.path.join(ROOT, "config/minimal.toml"), os.path.join(stage, "out/usr/share/trunkline"))
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", os.path.join(stage, "out/etc/ssl/certs"))
    last = open(os.path.join(ROOT, "Dockerfile")).read().split("FROM scratch")[1]
    # The same lines, with the stage's folder in place of the stage.
    last = "FROM scratch" + re.sub(r"COPY --from=build (--chown=\S+ )?/", r"COPY \1", last)
    with open(os.path.join(stage, "Dockerfile"), "w") as file:
        file.write(last)
    environment = dict(os.environ, STORAGE_DRIVER="vfs", BUILDAH_ISOLATION="chroot", BUILDAH_FORMAT="docker")
    out, code = said("buildah", "bud", "-t", "trunkline-check", stage, env=environment)
    if not REPORT.check("final stage is built", code if code == 0 else out[-600:], 0, code == 0):
        return
    name = said("buildah", "from", "trunkline-check", env=environment)[0].strip().splitlines()[-1]
    mounted = said("buildah", "mount", name, env=environment)[0].strip()
    files = sorted(os.path.relpath(os.path.join(at, file), mounted) for at, _, names in os.walk(mounted) for file in names)
    wanted = ["etc/ssl/certs/ca-certificates.crt", "usr/bin/trunkline", "usr/share/trunkline/minimal.toml"]
    REPORT.check("files of the image", files, wanted, files == wanted)
    size = sum(os.path.getsize(os.path.join(mounted, file)) for file in files)
    REPORT.check("size of the image", f"{size / 1e6:.1f} MB", "< 60 MB", size < 60e6)
    in_image(mounted)
    said("buildah", "rm", name, env=environment)
    said("buildah", "rmi", "trunkline-check", env=environment)


def in_image(mounted):
    """The image's own binary in the image's own root, as its user and without any capability."""
    with open(os.path.join(mounted, "etc/trunkline/trunkline.toml"), "w") as file:
        file.write(TOML)
    inside = ["/usr/sbin/chroot", "--userspec=65532:65532", mounted, "/usr/bin/trunkline"]
    out, code = said(*inside, "check", "--config", CONFIG)
    REPORT.check("check in the image", out.strip().splitlines()[-1:], "configuration OK", code == 0 and "configuration OK" in out)
    began = time.monotonic()
    with open(os.path.join(WORK, "image.log"), "ab") as log:
        process = subprocess.Popen([*inside, "run", "--config", CONFIG], stdout=log, stderr=log)
    ready = until_ready(60)
    took, said_to_us = (time.monotonic() - began) * 1000, asked()
    REPORT.check("serves in the image", f"{ready} after {took:.0f} ms, OPTIONS: {said_to_us}", "ready, 200", ready and said_to_us == "SIP/2.0 200 OK")
    health, code = said(*inside, "ctl", "health")
    REPORT.check("its health check", f"exit {code}: {health.strip()[:120]}", "exit 0", code == 0)
    process.send_signal(signal.SIGTERM)
    REPORT.check("TERM", process.wait(60), 0, process.returncode == 0)
    health, code = said(*inside, "ctl", "health")
    REPORT.check("its health check without a daemon", f"exit {code}", "not 0", code != 0)


def until_ready(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with socket.create_connection(METRICS, timeout=5) as connection:
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if b" 200 " in connection.recv(200):
                    return True
        except OSError:
            pass
        time.sleep(0.01)
    return False


# ---- the compose file

def compose():
    file = os.path.join(ROOT, "config/compose/compose.yaml")
    out, code = said("docker-compose", "-f", file, "config", env=dict(os.environ, GRAFANA_PASSWORD="x"))
    REPORT.check("compose file", "valid" if code == 0 else out[-400:], "valid", code == 0)
    named = re.findall(r"^\s+- (\.\.?/\S+?):/", open(file).read(), re.M)
    absent = [path for path in named if not os.path.exists(os.path.join(os.path.dirname(file), path))]
    REPORT.check("files it mounts", absent or "all there", "all there", not absent)


def main(names):
    wanted = names or ["package", "unit", "image", "compose"]
    installed = False
    try:
        if "package" in wanted or "unit" in wanted:
            installed = package()
        if "unit" in wanted and installed:
            unit()
    finally:
        if installed:
            purge()
    if "image" in wanted:
        image()
    if "compose" in wanted:
        compose()
    print(f"logs: {WORK}\n{REPORT.passed} passed, {REPORT.failed} failed, {REPORT.skipped} skipped")
    sys.exit(1 if REPORT.failed else 0)


main(sys.argv[1:])
