"""A short run of the load generator: every call up, every packet's payload right. It is not part of this repository:
the generator is looked for beside the clone, or named by MEDIAGEN."""
import json
import os
import shutil
import subprocess

from process import CERTS, HERE, REPORT, WORK

SOURCES = os.path.join(HERE, "..", "..", "..", "shared", "loadgen")


def binary():
    """The generator's path: given, or built from a copy of its sources (they may be read-only and carry no lock file)."""
    given = os.environ.get("MEDIAGEN")
    if given:
        return given
    if not os.path.exists(os.path.join(SOURCES, "Cargo.toml")):
        return None
    copy = os.path.abspath(os.environ.get("MEDIAGEN_BUILD", os.path.join(HERE, "..", "..", "target", "mediagen")))
    os.makedirs(copy, exist_ok=True)
    shutil.copyfile(os.path.join(SOURCES, "Cargo.toml"), os.path.join(copy, "Cargo.toml"))
    shutil.copytree(os.path.join(SOURCES, "src"), os.path.join(copy, "src"), dirs_exist_ok=True, copy_function=copy_changed)
    built = subprocess.run(["cargo", "build", "--release"], cwd=copy, env=dict(os.environ, CARGO_TARGET_DIR=os.path.join(copy, "target")),
                           capture_output=True, text=True, check=False)
    if built.returncode:
        print(built.stderr[-500:])
        return None
    return os.path.join(copy, "target", "release", "mediagen")


def copy_changed(source, target):
    """Leaves a file alone that is the same, so that nothing is built twice."""
    if not os.path.exists(target) or open(source, "rb").read() != open(target, "rb").read():
        shutil.copyfile(source, target)
    return target


def run():
    """Both directions; `LOAD_SECONDS`, `LOAD_RATE`, `LOAD_HOLD` (seconds a call lasts) and `LOAD_HELD` (calls held at once) set the size."""
    generator = binary()
    if not generator:
        REPORT.skip("load with media", "no generator (../shared/loadgen or MEDIAGEN)")
        return
    seconds = os.environ.get("LOAD_SECONDS", "8")
    rate = os.environ.get("LOAD_RATE", "20")
    hold = os.environ.get("LOAD_HOLD", "3")
    secure = ["--cert", os.path.join(CERTS, "load.pem"), "--key", os.path.join(CERTS, "load.key"), "--sni", "sbc.test"]
    ways = {
        "TLS/SRTP to UDP/RTP": ["--a", "tls:127.0.15.11:5081", "--b", "udp:127.0.15.12:5080", "--target", "127.0.0.1:26061"],
        "UDP/RTP to TLS/SRTP": ["--a", "udp:127.0.15.12:5080", "--b", "tls:127.0.15.11:5081", "--target", "127.0.0.1:26060", "--a-media", "rtp"],
    }
    shapes = {f"{rate} calls/s of {hold} s for {seconds} s": ["--cps", rate, "--duration", seconds, "--warmup", "2", "--hold", hold, "--max-calls", "2000"]}
    if os.environ.get("LOAD_HELD"):
        shapes[f"{os.environ['LOAD_HELD']} held calls"] = ["--cps", "50", "--calls", os.environ["LOAD_HELD"], "--plateau", os.environ.get("LOAD_PLATEAU", "20")]
    for way, sides in ways.items():
        for shape, sizes in shapes.items():
            measure(generator, f"load {way}, {shape}", sides + secure + sizes + ["--media", "--unique", "--verify", "1", "--to-prefix", "+4930"])


def measure(generator, title, arguments):
    command = [generator, "sip", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=WORK)
    except subprocess.TimeoutExpired:
        REPORT.check(title, "not done after 300 s", "0 failed, 0 lost, 0 bad", False)
        return
    with open(os.path.join(WORK, "load.log"), "a") as log:
        log.write(" ".join(command) + "\n" + done.stdout + done.stderr)
    found = [json.loads(line[5:]) for line in done.stdout.splitlines() if line.startswith("JSON ")]
    if not found:
        REPORT.check(title, (done.stderr or done.stdout).strip()[-300:], "a result", False)
        return
    result = found[-1]
    names = ("failed", "bye_failed", "loss_pct", "bad", "flows_silent")
    figure = ", ".join(f"{name} {result[name]}" for name in names if name in result)
    holds = done.returncode == 0 and not any(result.get(name) for name in names)
    REPORT.check(title, f"{result.get('completed', '?')} calls completed, {result.get('verified', 0)} payloads verified, {figure}", "0 failed, 0 lost, 0 bad", holds)
