"""Processes that never outlive the script, its work folder, and the count of what passed."""
import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = tempfile.mkdtemp(prefix="interop-")
CERTS = os.path.join(WORK, "certs")
RUNNING = []


class Report:
    """What was proven, with the figure and its limit."""

    passed = failed = skipped = 0

    def check(self, name, figure, limit, holds):
        self.passed += bool(holds)
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {name}: {figure} (wanted: {limit})", flush=True)
        return holds

    def skip(self, name, reason):
        self.skipped += 1
        print(f"skip {name}: {reason}", flush=True)


REPORT = Report()


def start(name, command, cwd=None, **options):
    """Starts a process in a session of its own; its output goes to NAME.log in the work folder."""
    log = open(os.path.join(WORK, name + ".log"), "ab")
    process = subprocess.Popen(
        [str(part) for part in command], cwd=cwd or WORK, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
    )
    process.label = name
    RUNNING.append(process)
    return process


def finish(process, seconds):
    """Waits for a process to end by itself; its exit code, or None when it had to be stopped."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        code = None
    stop(process)
    return code


def stop(process, first=signal.SIGTERM, seconds=8):
    """Asks the process (and those it started) to end, then makes it."""
    for number in (first, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(seconds)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.poll()
    if process in RUNNING:
        RUNNING.remove(process)


def stop_all():
    for process in reversed(RUNNING[:]):
        stop(process, seconds=2)


def log_of(name):
    path = os.path.join(WORK, name + ".log")
    return open(path, errors="replace").read() if os.path.exists(path) else ""


def wait_until(condition, seconds, step=0.1):
    """True as soon as `condition()` is; False when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(step)
    return bool(condition())


def template(source, target, **values):
    """Copies a file of this folder into the work folder with the upper-case words replaced."""
    text = open(os.path.join(HERE, source)).read()
    for word, value in values.items():
        text = text.replace(word, str(value))
    os.makedirs(os.path.dirname(os.path.join(WORK, target)), exist_ok=True)
    with open(os.path.join(WORK, target), "w") as out:
        out.write(text)
    return os.path.join(WORK, target)


PARTIES = {
    "sbc": "DNS:sbc.test,DNS:localhost,IP:127.0.0.1",
    "kamailio": "DNS:proxy-in.test,DNS:proxy-out.test,IP:127.0.12.1,IP:127.0.12.2",
    "baresip": "DNS:baresip.test,IP:127.0.13.11,IP:127.0.13.12",
    "optional": "DNS:optional.test,IP:127.0.13.14",
    "hostile": "DNS:hostile.test,IP:127.0.14.11",
    "load": "DNS:load.test,IP:127.0.15.11,IP:127.0.15.12,IP:127.0.15.21,IP:127.0.15.22",
}


def certificates(parties=None):
    """A development CA and one leaf for each party, name -> alternative names, made anew for each run."""
    parties = parties or PARTIES
    os.makedirs(CERTS, exist_ok=True)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=CERTS, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "30", "-subj", "/CN=interop CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    for name, alternative in parties.items():
        with open(os.path.join(CERTS, "extensions"), "w") as out:
            out.write(f"basicConstraints=CA:FALSE\nsubjectAltName={alternative}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}.test")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "30",
                "-extfile", "extensions", "-out", f"{name}.pem")
        with open(os.path.join(CERTS, f"{name}.all.pem"), "w") as out:
            for part in (f"{name}.pem", "ca.pem", f"{name}.key"):
                out.write(open(os.path.join(CERTS, part)).read())


def end(code):
    """Prints the closing line, ends what runs, and leaves the logs only when something failed."""
    stop_all()
    if REPORT.failed or code:
        print(f"logs: {WORK}")
    else:
        shutil.rmtree(WORK, ignore_errors=True)
    print(f"{REPORT.passed} passed, {REPORT.failed} failed, {REPORT.skipped} skipped", flush=True)
    sys.exit(1 if code or REPORT.failed or not REPORT.passed else 0)


class Missing(Exception):
    """What this machine does not give, in words for whoever runs the script."""


def run(main, *arguments):
    """A script's `main`, and its closing line, whatever happens."""
    code = 0
    try:
        main(*arguments)
    except Missing as missing:
        print(f"cannot be played here: {missing}", flush=True)
        code = 1
    except Exception as error:
        traceback.print_exc()
        print(f"the script itself failed: {error!r}", flush=True)
        code = 1
    end(code)


def interrupted(number, frame):
    stop_all()
    os._exit(128 + number)


atexit.register(stop_all)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, interrupted)
