"""Certificates: ours is renewed once a second under handshakes and calls and nobody is turned away; a pair that does not fit
changes nothing and is told; nine bad peers are refused for nine reasons, in the log and in the metrics (R-H)."""
import asyncio
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time

from proof import CERTS, PLATFORM, Daemon, log_of, main, needs_files, note, row, samples, settings, total, wait_until
from streams import reset, tls
from traffic import from_platform, until

HANDSHAKES = 100
PAIRS = 4
# The peer that we dial and that shows a certificate of somebody else; the listener that wants a certificate.
WRONG = ("127.0.17.71", 27271)
STRICT = ("127.0.17.1", 27202)
TRUNKS = {
    "listeners.strict": f'''network = "loop"
transport = "tls"
port = {STRICT[1]}
certificates = ["main"]
client_certificate = "require"''',
    "trust.proof": '''roots = "certs/ca.pem"
crl = "certs/list.pem"''',
    "trunks.strict": '''profile = "generic-tls"
listener = "strict"
fqdn = "sbc.test"
trust = "proof"
targets = ["127.0.17.72:27272"]
peer_names = ["load.test"]
sources = ["127.0.17.0/24"]
options = { interval_s = 0 }''',
    "trunks.wrong": f'''profile = "generic-tls"
listener = "tls"
fqdn = "sbc.test"
trust = "proof"
targets = ["{WRONG[0]}:{WRONG[1]}"]
peer_names = ["load.test"]
sources = ["{WRONG[0]}/32"]
options = {{ interval_s = 1, retry_s = 1, timeout_s = 1 }}''',
}
# The fault, and the reason that says it.
BAD = {"expired": "expired", "not-yet-valid": "not_yet_valid", "wrong-authority": "unknown_issuer", "revoked": "revoked", "self-signed": "self_signed",
       "none": "no_certificate", "rsa-1024": "weak_key", "sha-1": "weak_signature", "wrong-name": "wrong_name"}


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], cwd=CERTS, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {' '.join(arguments)}: {done.stderr[-500:]}")


AUTHORITY = """[ca]
default_ca = proof
[proof]
database = {name}.index
serial = {name}.serial
new_certs_dir = .
certificate = {ca}.pem
private_key = {ca}.key
default_md = sha256
default_days = 30
default_crl_days = 30
crlnumber = {name}.serial
crl_extensions = list
policy = any
unique_subject = no
x509_extensions = leaf
copy_extensions = copy
[any]
commonName = supplied
[list]
authorityKeyIdentifier = keyid:always
[leaf]
basicConstraints = CA:FALSE
subjectAltName = DNS:{host}
extendedKeyUsage = serverAuth,clientAuth
"""


def authority(name, ca, host="load.test"):
    with open(os.path.join(CERTS, f"{name}.cnf"), "w") as out:
        out.write(AUTHORITY.format(name=name, ca=ca, host=host))
    open(os.path.join(CERTS, f"{name}.index"), "w").close()
    with open(os.path.join(CERTS, f"{name}.serial"), "w") as out:
        out.write("1001\n")


def leaf(name, by, *more, bits=2048):
    openssl("req", "-newkey", f"rsa:{bits}", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}.test")
    openssl("ca", "-batch", "-notext", "-config", f"{by}.cnf", "-in", f"{name}.csr", "-out", f"{name}.pem", *more)


def bad_certificates():
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "other.key", "-out", "other.pem", "-days", "30", "-subj", "/CN=other CA",
            "-addext", "basicConstraints=critical,CA:TRUE")
    authority("ours", "ca")
    authority("other", "other")
    authority("elsewhere", "ca", "elsewhere.test")
    leaf("expired", "ours", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    leaf("not-yet-valid", "ours", "-startdate", "20900101000000Z", "-enddate", "20910101000000Z")
    leaf("wrong-authority", "other")
    leaf("revoked", "ours")
    leaf("rsa-1024", "ours", bits=1024)
    leaf("sha-1", "ours", "-md", "sha1")
    leaf("wrong-name", "elsewhere")
    openssl("ca", "-config", "ours.cnf", "-revoke", "revoked.pem")
    openssl("ca", "-config", "ours.cnf", "-gencrl", "-out", "list.pem")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "self-signed.key", "-out", "self-signed.pem", "-days", "30", "-subj", "/CN=load.test",
            "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:load.test", "-addext", "extendedKeyUsage=clientAuth")


def client(name=None):
    """TLS as a bad peer has it: our own library must not be stricter than the daemon."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    found.set_ciphers("DEFAULT:@SECLEVEL=0")
    if name:
        found.load_cert_chain(os.path.join(CERTS, f"{name}.pem"), os.path.join(CERTS, f"{name}.key"))
    return found


def is_let_in(name):
    """Whether a ping is answered on a connection that shows this certificate."""
    try:
        with tls("127.0.17.73", STRICT, client(None if name == "none" else name), 30) as connection:
            connection.sendall(b"\r\n\r\n")
            return connection.recv(16) == b"\r\n"
    except OSError:
        return False


class WrongServer(threading.Thread):
    """Shows a certificate of somebody else to whoever dials."""

    def run(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(CERTS, "wrong-name.pem"), os.path.join(CERTS, "wrong-name.key"))
        listener = socket.create_server(WRONG)
        while True:
            try:
                raw, _ = listener.accept()
                raw.settimeout(20)
                context.wrap_socket(raw, server_side=True).recv(1)
            except OSError:
                continue


def bad_peers():
    row("R-H", "a good certificate where one is wanted", "let in" if is_let_in("load") else "refused", "let in", is_let_in("load"))
    found = {}
    for fault, reason in BAD.items():
        before = refusals(reason)
        entered = fault != "wrong-name" and is_let_in(fault)
        counted = wait_until(lambda: refusals(reason) > before, 60, 0.05)
        found[fault] = None if entered or not counted else reason
    good = [fault for fault, reason in found.items() if reason]
    missing = [fault for fault, reason in found.items() if not reason]
    row("R-H", "bad peers refused, each with its own reason in the metrics", f"{len(good)} of {len(BAD)} for {len(set(found.values()) - {None})} reasons {missing or ''}", "9 of 9, 9 reasons",
        len(good) == len(set(found.values())) == 9)
    # A line is written a moment after it is counted.
    wait_until(lambda: len(told_of()) == len(BAD), 30)
    named = told_of()
    row("R-H", "reasons that are in the log", f"{len(named)} of {len(BAD)} {sorted(set(BAD.values()) - set(named)) or ''}", "all", len(named) == len(BAD))


def told_of():
    """The reasons that the log says."""
    log = log_of("trunkline").lower()
    return [reason for reason in BAD.values() if re.search(rf"\b{reason}\b", log)]


def refusals(reason):
    return total(samples(), "sbc_tls_handshake_failures_total", reason=reason)


def install(name, what=("pem", "key")):
    """As tools that renew do it: each file is replaced as a whole, one after the other."""
    for kind in what:
        source, place = os.path.join(CERTS, f"{name}.{kind}"), os.path.join(CERTS, f"sbc.{kind}")
        shutil.copy(source, place + ".new")
        os.replace(place + ".new", place)


def shown():
    """The certificate that a new connection is shown."""
    with tls("127.0.17.74") as connection:
        return connection.getpeercert(True)


class Handshakes(threading.Thread):
    """So many in a second, until it is told to stop."""

    def __init__(self, source):
        super().__init__(daemon=True)
        self.source, self.over, self.made, self.failed = source, False, 0, []

    def run(self):
        began = time.monotonic()
        while not self.over:
            time.sleep(max(began + self.made / HANDSHAKES - time.monotonic(), 0))
            self.made += 1
            try:
                reset(tls(self.source, seconds=30))
            except OSError as error:
                self.failed.append(str(error))


async def calls(rate, over):
    """Calls over TLS while certificates change; one of them lasts from the beginning to the end."""
    async with from_platform(None) as (caller, _):
        long = caller.place()
        await until(lambda: long.accepted)
        caller.hold = 0.5
        running = asyncio.ensure_future(caller.run(rate, 1e9))
        while not over():
            await asyncio.sleep(0.05)
            # Connections that showed the old certificate are closed after two minutes: a platform dials anew.
            for _ in range(4 - len([one for one in caller.side.pool if not one.transport.is_closing()])):
                await caller.side.dial()
        running.cancel()
        long.way = None
        if long.accepted:
            caller.hang_up(long)
        await caller.over(60)
    return caller.tally, long.bye_answered


async def fill(rate, seconds):
    async with from_platform(0.2) as (caller, _):
        await caller.run(rate, seconds)
        await caller.over()


def renewals(daemon, count):
    for number in range(PAIRS):
        leaf(f"renewed{number}", "renewing")
    handshakes = Handshakes(PLATFORM)
    done = threading.Event()
    outcome = []
    calling = threading.Thread(target=lambda: outcome.append(asyncio.run(calls(5, done.is_set))))
    calling.start()
    handshakes.start()
    time.sleep(3)
    before, began = daemon.resident_kib(), time.monotonic()
    for number in range(count):
        install(f"renewed{number % PAIRS}")
        if number == count // 4:
            # The first quarter fills what is allocated once.
            before = daemon.resident_kib()
        wait_until(lambda: renewed() > number, 10, 0.05)
        time.sleep(max(began + number + 1 - time.monotonic(), 0))
    time.sleep(3)
    grown = daemon.resident_kib() - before
    # As many as should have been made by now, however long that takes.
    wait_until(lambda: handshakes.made >= HANDSHAKES * count, 120)
    handshakes.over = True
    handshakes.join()
    done.set()
    calling.join()
    (tally, ended), taken = outcome[0], renewed()
    row("R-H", f"renewals of {count}, one a second, that were taken", str(taken), "at least 95 %: the files are looked at twice a second", taken >= 0.95 * count)
    row("R-H", f"handshakes of {handshakes.made}, {HANDSHAKES} a second, that failed", f"{len(handshakes.failed)} {handshakes.failed[:1] or ''}", "0", not handshakes.failed and handshakes.made >= HANDSHAKES * count)
    row("R-H", "calls over TLS meanwhile, and one from before the first to after the last", f"{tally.byes_served} of {tally.placed}, the long one {'ended by its BYE' if ended else 'lost'}", "all",
        tally.byes_served == tally.placed > 0 and ended)
    figure = f"{grown / 1024:+.1f} MiB of {before / 1024:.0f} MiB"
    if count < 100:
        note(f"resident memory {figure} (judged in the long form)")
    else:
        row("R-H", "resident memory since the first quarter", figure, "at most +1 MiB", grown <= 1024)


def renewed():
    return log_of("trunkline").count('"certificate renewed"')


def unfit():
    """Half a pair, and a pair that has ended: the old one stays, and it is told."""
    for what, files in (("a key that does not fit the certificate", ("key",)), ("a pair that has ended", ("pem", "key"))):
        before, errors = shown(), times_told()
        install("ended", files)
        told = wait_until(lambda: times_told() > errors, 60)
        kept = shown() == before
        row("R-H", what, f"{'told' if told else 'not told'}, {'the old one is shown' if kept else 'another is shown'}", "told, the old one is shown", told and kept)


def times_told():
    return log_of("trunkline").count("cannot be used; the old one stays")


def play(short):
    needs_files(4000)
    bad_certificates()
    authority("renewing", "ca", "sbc.test")
    leaf("ended", "renewing", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    daemon = Daemon(settings([("platform", "carrier")], **TRUNKS))
    WrongServer(daemon=True).start()
    daemon.start()
    if not short:
        # What is kept for `trunkline trace` grows to its size (16 MiB) before anything is compared.
        asyncio.run(fill(150, 30))
    bad_peers()
    renewals(daemon, 8 if short else 600)
    unfit()
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
