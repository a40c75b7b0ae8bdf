"""Measures Trunkline, Kamailio, rtpengine and the floor with one generator, and prints one table.

CPU is user plus system time of the server and its children in the measured window, per call or per relayed packet.
A run during which the hypervisor took, or other processes used, more than `--quiet` percent of a core is thrown away and repeated.
"""
import argparse
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "interop"))

import load  # noqa: E402
from process import CERTS, REPORT, WORK, certificates, end, finish, start, stop, wait_until  # noqa: E402

SIDES = ["--a", "tls:127.0.15.11:25081", "--b", "udp:127.0.15.12:25080"]
TRIES = 3
ROWS = []


def trunkline():
    folder = os.path.join(WORK, "trunkline")
    os.makedirs(os.path.join(folder, "state"), exist_ok=True)
    shutil.copy(os.path.join(HERE, "trunkline.toml"), folder)
    if not os.path.exists(os.path.join(folder, "certs")):
        os.symlink(CERTS, os.path.join(folder, "certs"))
    return start("trunkline", [os.environ["TRUNKLINE_BIN"], "run", "--config", os.path.join(folder, "trunkline.toml")], cwd=folder), "127.0.0.1:25061"


def kamailio():
    folder = os.path.join(WORK, "kamailio")
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(HERE, "kamailio", "kamailio.cfg"), folder)
    text = open(os.path.join(HERE, "kamailio", "tls.cfg")).read().replace("CERTS", CERTS)
    with open(os.path.join(folder, "tls.cfg"), "w") as out:
        out.write(text)
    modules = glob.glob("/usr/lib/*/kamailio/modules")[0]
    command = ["kamailio", "-DD", "-E", "-f", "kamailio.cfg", "-L", modules, "-Y", folder, "-w", folder, "-m", 512, "-M", 16]
    return start("kamailio", command, cwd=folder), "127.0.3.9:25061"


def rtpengine():
    command = ["rtpengine", "--foreground", "--config-file=none", "--table=-1", "--interface=127.0.3.1", "--listen-ng=127.0.0.1:2223", "--port-min=20000",
               "--port-max=60000", "--num-threads=2", "--log-level=3", "--log-stderr", "--timeout=120", "--tos=184"]
    return start("rtpengine", command), None


class Server:
    """One server for the length of a `with`; settled before it is measured."""

    def __init__(self, begin):
        self.begin = begin

    def __enter__(self):
        self.process, self.target = self.begin()
        time.sleep(2)
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.process.label} ended at once, see its log in {WORK}")
        return self

    def __exit__(self, *_):
        stop(self.process)
        time.sleep(2)


def generate(mode, *arguments):
    """One run of the generator; its figures, or None when it is not fit to be counted."""
    done = subprocess.run([GENERATOR, mode, *map(str, arguments)], capture_output=True, text=True, timeout=600, cwd=WORK, check=False)
    with open(os.path.join(WORK, "generator.log"), "a") as log:
        log.write(done.stdout + done.stderr)
    found = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("JSON ")]
    if not found:
        print(f"no result: {(done.stderr or done.stdout).strip()[-300:]}", flush=True)
        return None
    return found[-1]


class Series:
    """The runs of one figure; disturbed or failed runs are repeated a few times and then left out."""

    def __init__(self, title):
        self.title, self.values, self.notes, self.wanted = title, [], [], 0

    def add(self, run, key):
        """One run; gives its result, or None when it was left out. `key` names the figure or reads it."""
        self.wanted += 1
        for _ in range(TRIES):
            result = run()
            fault = fault_of(result)
            if not fault:
                self.values.append(key(result) if callable(key) else result[key])
                return result
            self.notes.append(fault)
        self.values.append(None)
        return None

    def keep(self, result, key):
        """Another figure of a run that was counted elsewhere."""
        self.wanted += 1
        self.values.append(key(result) if result else None)

    def row(self, unit, digits=0):
        values = [value for value in self.values if value is not None]
        text = "not measured"
        if values:
            text = f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} - {max(values):.{digits}f}) {unit}"
        notes = f", thrown away: {', '.join(self.notes)}" if self.notes else ""
        ROWS.append((self.title, text, f"{len(values)} of {self.wanted}{notes}"))
        REPORT.check(self.title, f"{text}, runs {ROWS[-1][2]}", "a figure", bool(values))


def fault_of(result):
    """Why a run is not counted; None when it is."""
    if result is None or result.get("failed", 0) or result.get("bye_failed", 0) or result.get("loss_pct", 0) > 0.1:
        return "failed"
    disturbed = max(result.get("steal_pct", 0), result.get("others_pct", 0)) > OPTIONS.quiet
    return "disturbed" if disturbed else None


def ratio(title, ours, theirs):
    """Turn by turn, so that both met the machine in the same phase."""
    ratios = [a / b for a, b in zip(ours.values, theirs.values) if a is not None and b]
    if ratios:
        ROWS.append((title, f"{statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})", f"{len(ratios)} of {ours.wanted}"))


def repeated(title, key, unit, run):
    series = Series(title)
    for _ in range(OPTIONS.runs):
        series.add(run, key)
    series.row(unit)


def signalling(name, begin):
    with Server(begin) as server:
        repeated(f"{name}: CPU per call at {OPTIONS.rate} calls/s", "server_us_per_call", "us",
                 lambda: generate("sip", *SIDES, "--target", server.target, "--cps", OPTIONS.rate, "--duration", OPTIONS.seconds, "--warmup", 3,
                                  "--timeout", 8, "--pid", server.process.pid))


def held(name, begin, media):
    def one():
        # A new server each time, warmed up, so that what is allocated once is not charged to the calls.
        with Server(begin) as server:
            common = [*SIDES, "--target", server.target, "--pid", server.process.pid]
            generate("sip", *common, "--cps", 20, "--duration", 2, "--warmup", 1)
            return generate("sip", *common, "--cps", 50, "--calls", max(OPTIONS.calls), "--plateau", 5, *media)

    repeated(f"{name}: memory per held call ({max(OPTIONS.calls)} calls)", "kb_per_call", "kB", one)


# The generator's sides, which legs of its relay and of rtpengine are SRTP, and rtpengine's extra arguments. With `--b-tag 4`
# rtpengine must open and seal; with like suites it would only hand the packets on.
WAYS = {
    "SRTP <-> RTP": (["--a", "tls:127.0.15.11:25081", "--b", "udp:127.0.15.12:25080", "--target", "127.0.0.1:25061"], "a", []),
    "SRTP <-> SRTP": (["--a", "tls:127.0.15.21:25081", "--b", "tls:127.0.15.22:25081", "--target", "127.0.0.1:25061"], "ab", ["--b-tag", 4]),
    "RTP <-> RTP": (["--a", "udp:127.0.15.31:25080", "--b", "udp:127.0.15.32:25080", "--target", "127.0.0.1:25060", "--a-media", "rtp"], "none", []),
}


def relayed_by_trunkline(way, calls):
    sides = WAYS[way][0]
    with Server(trunkline) as server:
        certificate = ["--cert", os.path.join(CERTS, "load.pem"), "--key", os.path.join(CERTS, "load.key")]
        return generate("sip", *sides, *certificate, "--cps", 60, "--calls", calls, "--plateau", OPTIONS.seconds, "--media", "--unique",
                        "--pid", server.process.pid)


def relayed_by_rtpengine(way, calls):
    _, secured, extra = WAYS[way]
    with Server(rtpengine) as server:
        return generate("ng", "--calls", calls, "--srtp", secured, *extra, "--unique", "--duration", OPTIONS.seconds, "--warmup", 2,
                        "--pid", server.process.pid)


def relayed_by_floor(way, calls):
    secured = WAYS[way][1]
    relay = start("floor", [GENERATOR, "relay", "--calls", calls, "--crypto", secured, "--connect", "--duration", OPTIONS.seconds + 5])
    time.sleep(1)
    result = generate("static", "--calls", calls, "--srtp", secured, "--duration", OPTIONS.seconds, "--warmup", 2, "--pid", relay.pid)
    finish(relay, 20)
    return result


RELAYS = {"Trunkline": relayed_by_trunkline, "rtpengine": relayed_by_rtpengine, "floor": relayed_by_floor}


def media(way):
    """The programs take turns, so that a slow phase of the machine meets all of them; ratios are those of one turn."""
    for calls in OPTIONS.calls:
        series = {name: Series(f"{name}: {way} per packet, {calls} calls") for name in RELAYS if not missing(name)}
        for _ in range(OPTIONS.runs):
            for name, one in series.items():
                one.add(lambda name=name: RELAYS[name](way, calls), "ns_per_packet")
        for one in series.values():
            one.row("ns")
        for name in ("rtpengine", "floor"):
            if name in series:
                ratio(f"Trunkline to {name}: {way}, {calls} calls", series["Trunkline"], series[name])


def latency():
    """What the relays add to a packet's way at the smallest number of calls."""
    calls = min(OPTIONS.calls)
    for way in WAYS:
        series = {}
        for name in ("Trunkline", "rtpengine"):
            if not missing(name):
                series[name] = [Series(f"{name}: {way}, added latency {point}, {calls} calls") for point in ("p50", "p99")]
        for _ in range(OPTIONS.runs):
            for name, (half, most) in series.items():
                result = half.add(lambda name=name: RELAYS[name](way, calls), lambda result: result["lat"]["p50_us"])
                most.keep(result, lambda result: result["lat"]["p99_us"])
        for points in series.values():
            for one in points:
                one.row("us")


def loss():
    """Packets lost at 700 calls; none is the bar."""
    for way in WAYS:
        series = Series(f"Trunkline: {way}, loss at 700 calls")
        for _ in range(OPTIONS.runs):
            series.add(lambda way=way: relayed_by_trunkline(way, 700), "loss_pct")
        series.row("%", digits=3)


SERIES = {
    "signalling-trunkline": lambda: signalling("Trunkline", trunkline),
    "signalling-kamailio": lambda: signalling("Kamailio", kamailio),
    "held-trunkline": lambda: held("Trunkline with media", trunkline, ["--media"]),
    "held-kamailio": lambda: held("Kamailio without media", kamailio, []),
    "media-srtp-rtp": lambda: media("SRTP <-> RTP"),
    "media-srtp-srtp": lambda: media("SRTP <-> SRTP"),
    "media-rtp-rtp": lambda: media("RTP <-> RTP"),
    "media-latency": latency,
    "media-loss": loss,
}


def missing(program):
    """True when a program of this machine is needed and not there."""
    return program in ("rtpengine", "kamailio") and not shutil.which(program)


def needs(series):
    program = series.split("-")[1]
    return program if missing(program) else None


def main():
    certificates()
    for name in OPTIONS.only:
        if GENERATOR is None or needs(name):
            reason = "no generator (../shared/loadgen or MEDIAGEN)" if GENERATOR is None else f"{needs(name)} is not installed"
            ROWS.append((name, "not measured", reason))
            REPORT.skip(name, reason)
            continue
        SERIES[name]()
    print("\n| What | Median (min - max) | Runs |\n| --- | --- | --- |")
    for row in ROWS:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Figures beside peers; see `run`.")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--calls", type=lambda text: [int(part) for part in text.split(",")], default=[300, 500])
    parser.add_argument("--quiet", type=float, default=2.0)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(SERIES))
    OPTIONS = parser.parse_args()
    GENERATOR = load.binary()
    code = 0
    try:
        main()
    except Exception as error:  # The closing line must come, whatever happened.
        print(f"the script itself failed: {error}")
        code = 1
    end(code)
