"""Everything that a daemon writes at its lowest log level, while calls come up, are refused and are broken, and everything its
commands and its API print: no key, password, token or digest answer is in it, in any spelling (S-L1)."""
import asyncio
import base64
import os
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from proof import BINARY, CERTS, METRICS, WORK, Daemon, log_of, main, row, samples, settings, wait_until
from traffic import KEY, Callee, from_platform, header, until, with_body

PASSWORD = "pass+word/4711 of%carrier"
API = "http://127.0.0.1:27206"
TABLES = {
    "log": 'level = "trace"',
    "provisioning": 'source = "store"',
    "api": 'bind = "127.0.0.1:27206"',
}
AUTH = 'auth = { user = "sbc", realm = "carrier.test", password_file = "carrier.password" }\n'
# Alone and together (RFC 8760: the first that is known is answered).
CHALLENGES = [[name] for name in ("MD5", "SHA-256")] + [["SHA-256", "MD5"]]
COMMANDS = [("trace", "1", "--messages", "--pcap", "shown.pcap"), ("trace", "1", "--json"), ("ctl", "status"), ("ctl", "calls"), ("ctl", "bans"), ("check",), ("nsg",),
            ("explain", "--from", "platform", "--called", "+15550000001"), ("doctor", "--json", "--listen", "0")]
PAGES = ["/metrics", "/readyz", "/healthz", "/drainz"]
ROUTES = ["/api/v1/openapi.json", "/api/v1/calls", "/api/v1/clients", "/api/v1/accounts", "/api/v1/audit", "/api/v1/trunks", "/api/v1/calls/1/trace"]
# What the operator put there.
GIVEN = {"carrier.password", "ca.key", "sbc.key", "load.key", "ca.all.pem", "sbc.all.pem", "load.all.pem"}


class Challenging(Callee):
    """Wants to know who calls; refuses every third call then."""

    def __init__(self):
        super().__init__()
        self.responses, self.asked = [], 0

    def offered(self, side, message, way):
        proof = header(message, "Authorization")
        if not proof:
            self.asked += 1
            wanted = [f'WWW-Authenticate: Digest realm="carrier.test",nonce="n{self.asked}",algorithm={name},qop="auth"' for name in CHALLENGES[self.asked % 3]]
            return side.answer(message, "\r\n".join(["401 Unauthorized", *wanted]), way)
        self.responses.append(re.search(r'response="([^"]+)"', proof)[1])
        if len(self.responses) % 3 == 0:
            return side.answer(message, "403 Forbidden", way)
        return super().offered(side, message, way)


def spellings(octets):
    """Raw, in both cases of hexadecimal, as numbers, in both alphabets of base64, and URL-encoded."""
    found = {octets, octets.hex().encode(), octets.hex().upper().encode(), ", ".join(map(str, octets)).encode(), ",".join(map(str, octets)).encode()}
    found |= {base64.b64encode(octets).rstrip(b"="), base64.urlsafe_b64encode(octets).rstrip(b"="), urllib.parse.quote(octets, safe="").encode(), urllib.parse.quote_plus(octets).encode()}
    return {spelling for spelling in found if len(spelling) >= 12}


def key_of(message):
    return message.partition("inline:")[2].partition("\r")[0].partition("|")[0]


def private_keys():
    """Each private key of ours: what stands between its first and its last line, and the octets behind it."""
    for name in ("sbc", "load", "ca"):
        lines = open(os.path.join(CERTS, f"{name}.key")).read().splitlines()[1:-1]
        yield base64.b64decode("".join(lines))[-200:-40]
        yield lines[len(lines) // 2].encode()


def broken(caller):
    """Calls that are refused at every stage of reading, each with the key in it."""
    side = caller.side
    head = f"INVITE sip:+15550000009@sbc.test SIP/2.0\r\n{side.via('broken')}Max-Forwards: 70\r\nFrom: <sip:a@{side.address}>;tag=1\r\n" \
           f"To: <sip:+15550000009@sbc.test>\r\nCall-ID: broken@{side.address}\r\nCSeq: 1 INVITE\r\n{side.contact()}"
    body = f"v=0\r\no=- 1 1 IN IP4 {side.address}\r\ns=-\r\nc=IN IP4 {side.address}\r\nt=0 0\r\nm=audio 40000 RTP/SAVP 0\r\n{KEY}"
    answer = f'Authorization: Digest username="sbc", realm="carrier.test", nonce="n", uri="sip:x", response="{base64.b16encode(PASSWORD.encode()).decode()}"\r\n'
    for number, (more, text) in enumerate([("Max-Forwards: 900\r\n", body), ("", body.replace("m=audio", "m=audio\r\nm=")), ("", body + "a=crypto:1 AES_CM_128\r\n" + KEY),
                                           ("X-Key: " + KEY.strip() + "\r\n", body), (answer, body), ("", body.replace("AES_CM_128_HMAC_SHA1_80", "NULL")),
                                           ("Content-Disposition: ;;\r\n", body), ("To: <<>>\r\n", body)]):
        yield with_body(head.replace("broken", f"broken{number}") + more, text)


async def calls(secrets):
    async with from_platform(0.3, Challenging()) as (caller, callee):
        for number in range(9):
            call = caller.place(f"+155500000{number:02}")
            await until(lambda: call.final)
            if call.accepted:
                secrets.append(key_of(call.accepted).encode())
        for message in broken(caller):
            caller.side.send(message)
            await asyncio.sleep(0.1)
        await caller.over()
    secrets.extend(response.encode() for response in callee.responses)
    proofs = sorted({len(response) * 4 for response in callee.responses})
    row("S-L1", "digest answers in the calls, bits", f"{proofs} in {len(callee.responses)}", "[128, 256]: MD5 and SHA-256", proofs == [128, 256])
    return caller.tally


def printed(daemon):
    """What commands, pages and the API say, each into a file of its own; the first start's token."""
    folder = os.path.join(WORK, "printed")
    os.makedirs(folder, exist_ok=True)
    said = 0
    for arguments in COMMANDS:
        done = subprocess.run([BINARY, arguments[0], "--config", daemon.path, *arguments[1:]], capture_output=True, timeout=60, cwd=WORK)
        with open(os.path.join(folder, "-".join(arguments).replace("/", "_")), "wb") as out:
            out.write(done.stdout + done.stderr)
        said += bool(done.stdout)
    token = re.search(r"\btkl_[0-9a-f]{64}\b", console())
    for base, path in [(METRICS, path) for path in PAGES] + [(API, path) for path in ROUTES]:
        asked = urllib.request.Request(base + path, headers={"Authorization": f"Bearer {token[0]}"} if token and base == API else {})
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        with open(os.path.join(folder, path.replace("/", "_")), "wb") as out:
            out.write(body)
        said += bool(body)
    return said, token[0] if token else None


def console():
    """What the first start prints besides its log."""
    return "\n".join(line for line in log_of("trunkline").splitlines() if not line.startswith("{"))


def written():
    """Every file of the work folder but those that the operator put there."""
    for folder, _, names in os.walk(WORK):
        for name in names:
            path = os.path.join(folder, name)
            if name not in GIVEN and os.path.isfile(path):
                yield os.path.relpath(path, WORK), open(path, "rb").read()


def play(short):
    with open(os.path.join(WORK, "carrier.password"), "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write(PASSWORD + "\n")
    carrier_table = dict(trunks__carrier=settings().partition("[trunks.carrier]\n")[2].partition("\n\n")[0] + "\n" + AUTH)
    daemon = Daemon(settings([("platform", "carrier")], **TABLES, **carrier_table))
    daemon.start()
    secrets = [PASSWORD.encode(), KEY.partition("inline:")[2].strip().encode(), base64.b64decode(KEY.partition("inline:")[2].strip()), *private_keys()]
    own = len(secrets)
    rounds = 1 if short else 20
    tallies = [asyncio.run(calls(secrets)) for _ in range(rounds)]
    secrets += [base64.b64decode(key) for key in secrets[own:] if len(key) == 40]
    said, token = printed(daemon)
    placed, answered = sum(tally.placed for tally in tallies), sum(tally.answered for tally in tallies)
    row("S-L1", f"calls of {placed} that came up with keys and a proof", f"{answered}, {len(set(secrets))} secrets known", "two of three, each with a key of ours", answered == placed * 2 // 3 and len(set(secrets)) > 3 * answered)
    wait_until(lambda: samples().get("sbc_records_written_total", 0) >= placed, 60)
    daemon.stop()
    everything = list(written())
    size = sum(len(octets) for _, octets in everything) / 1e6
    hits = {f"{spelling[:6]!r}... in {name}" for secret in set(secrets) for spelling in spellings(secret) for name, octets in everything if spelling in octets}
    row("S-L1", f"secrets in {len(everything)} files, {size:.1f} MB, {said} answers among them", f"{len(hits)} {sorted(hits)[:3] or ''}", "0", not hits and said >= len(COMMANDS))
    if token:
        shown = sum(octets.count(token.encode()) for _, octets in everything)
        row("S-L1", "the first start's token is printed", f"{shown} times", "once, on the console", shown == 1)
    else:
        row("S-L1", "the first start's token is printed", "not found", "once, on the console", False)
    captured = [name for name, octets in everything if name == "shown.pcap" and b"INVITE" in octets]
    row("S-L1", "captures of a call among them", f"{len(captured)}", "1", len(captured) == 1)
    public = [name for name, octets in everything if b"platform" in octets]
    row("S-L1", "what is no secret is found: the search works", f"in {len(public)} files", "more than 5", len(public) > 5)
    lines = log_of("trunkline")
    row("S-L1", "the log is at its lowest level", f"{len(lines) / 1024:.0f} KiB, {lines.count('DEBUG') + lines.count('TRACE')} lines below info", "some", "DEBUG" in lines or "TRACE" in lines)
    panics = lines.count("panicked at")
    row("R-C5", "daemon at the end", f"ended by us with {daemon.process.returncode}, {panics} panics", "0, 0 panics", daemon.process.returncode == 0 and not panics)


if __name__ == "__main__":
    main(play, __doc__)
