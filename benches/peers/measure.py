"""Measures Trunkline, Kamailio, rtpengine and the floor with one generator, and prints one table.

CPU is user plus system time of the server and its children in the measured window, per call or per relayed packet.
A run during which the hypervisor took, or other processes used, more than 2 % of a core is thrown away and repeated.
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
QUIET = 2.0
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


def repeated(title, key, unit, run):
    """Median of the runs of one figure; disturbed or failed runs are repeated a few times and then left out."""
    values, notes = [], []
    for _ in range(OPTIONS.runs):
        for _ in range(TRIES):
            result = run()
            disturbed = result and (result.get("steal_pct", 0) > QUIET or result.get("others_pct", 0) > QUIET)
            broken = result is None or result.get("failed", 0) or result.get("bye_failed", 0) or result.get("loss_pct", 0) > 0.1
            if not disturbed and not broken:
                values.append(result[key])
                break
            notes.append("disturbed" if disturbed else "failed")
    text = "not measured" if not values else f"{statistics.median(values):.0f} ({min(values):.0f} - {max(values):.0f})"
    ROWS.append((title, f"{text} {unit}" if values else text, f"{len(values)} of {OPTIONS.runs}" + (f", thrown away: {', '.join(notes)}" if notes else "")))
    REPORT.check(title, f"{ROWS[-1][1]}, runs {ROWS[-1][2]}", "a figure", bool(values))


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


def media_trunkline():
    for calls in OPTIONS.calls:
        def one(calls=calls):
            with Server(trunkline) as server:
                return generate("sip", *SIDES, "--target", server.target, "--cps", 60, "--calls", calls, "--plateau", OPTIONS.seconds, "--media", "--unique",
                                "--pid", server.process.pid)

        repeated(f"Trunkline: SRTP <-> RTP per packet, {calls} calls", "ns_per_packet", "ns", one)


def media_rtpengine():
    with Server(rtpengine) as server:
        for calls in OPTIONS.calls:
            common = ["--calls", calls, "--srtp", "a", "--duration", OPTIONS.seconds, "--warmup", 2, "--pid", server.process.pid]
            repeated(f"rtpengine: SRTP <-> RTP per packet, {calls} calls", "ns_per_packet", "ns", lambda common=common: generate("ng", *common))


def media_floor():
    for calls in OPTIONS.calls:
        def one(calls=calls):
            command = [GENERATOR, "relay", "--calls", calls, "--crypto", "a", "--connect", "--duration", OPTIONS.seconds + 5]
            relay = start("floor", command)
            time.sleep(1)
            result = generate("static", "--calls", calls, "--srtp", "a", "--duration", OPTIONS.seconds, "--warmup", 2, "--pid", relay.pid)
            finish(relay, 20)
            return result

        repeated(f"floor: SRTP <-> RTP per packet, {calls} calls", "ns_per_packet", "ns", one)


SERIES = {
    "signalling-trunkline": lambda: signalling("Trunkline", trunkline),
    "signalling-kamailio": lambda: signalling("Kamailio", kamailio),
    "held-trunkline": lambda: held("Trunkline with media", trunkline, ["--media"]),
    "held-kamailio": lambda: held("Kamailio without media", kamailio, []),
    "media-trunkline": media_trunkline,
    "media-rtpengine": media_rtpengine,
    "media-floor": media_floor,
}


def needs(series):
    program = series.split("-")[1]
    return None if program in ("trunkline", "floor") or shutil.which(program) else program


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
