"""A trunk that is cut off in each way there is: it is found out, calls go the next way within four seconds, other trunks do not
feel it, it is back in service soon after it heals, and calls that are up there end by the media's silence with a cause of
their own; those whose media goes on end within their session interval, RFC 4028 (R-L). The cuts are made by two small proxies, in front of the
trunk's SIP over UDP and over TLS."""
import asyncio
import datetime
import json
import time

from proof import CARRIER, Daemon, main, records, row, samples, settings
from process import log_of
from traffic import Callee, Caller, Tls, Udp, beside_good_calls, carrier, header, media_of, rtp, until

# The first way leads through a proxy, for either transport; the second is always there.
FRONT_UDP, BACK_UDP, FIRST_UDP = ("127.0.17.51", 27250), ("127.0.17.52", 27251), ("127.0.17.53", 27252)
FRONT_TLS, FIRST_TLS = ("127.0.17.51", 27255), ("127.0.17.54", 27256)
SECOND = ("127.0.17.56", 27257)
TRUNK = '''profile = "{profile}"
listener = "{listener}"
{more}targets = ["{target}"]
sources = ["{source}/32"]
media = {{ security = "{security}", codecs = ["PCMU"], silence_s = {silence}, on_silence = "hang-up", sources = ["127.0.17.0/24"] }}
timers = {{ no_response_s = 3 }}
options = {options}'''
NEXT_WAY = 4.0
# The smallest session interval there is (RFC 4028 4), and who refreshes the session of which number.
SESSION, REFRESHERS = 90, {"+15551000901": "uas", "+15551000902": "uac"}
# Calls a second while a trunk comes back, and the seconds in which it takes a tenth of them.
RATE, SPARED = 20, 5


class DatagramProxy:
    """Between the daemon and a party over UDP. `mode`: pass, drop all, drop one direction, 50 % loss."""

    def __init__(self):
        self.mode, self.count = "pass", 0

    async def open(self):
        loop = asyncio.get_running_loop()
        proxy = self

        class End(asyncio.DatagramProtocol):
            def datagram_received(self, data, _):
                proxy.came(self, data)

        self.front, _ = await loop.create_datagram_endpoint(End, local_addr=FRONT_UDP)
        self.back, end = await loop.create_datagram_endpoint(End, local_addr=BACK_UDP)
        self.back_end = end

    def came(self, end, data):
        self.count += 1
        to_daemon = end is self.back_end
        if self.mode == "drop all" or self.mode == "drop one direction" and to_daemon or self.mode == "50 % loss" and self.count % 2:
            return
        if to_daemon:
            self.front.sendto(data, ("127.0.17.1", 27200))
        else:
            self.back.sendto(data, FIRST_UDP)

    def close(self):
        self.front.close()
        self.back.close()


class StreamProxy:
    """Between the daemon and a party over TLS, of which it sees octets only. `mode`: pass, stall, RST, TLS alert."""

    def __init__(self):
        self.mode, self.pairs = "pass", set()

    async def open(self):
        self.server = await asyncio.start_server(self.serve, *FRONT_TLS)

    async def serve(self, reader, writer):
        if self.mode == "RST":
            return writer.transport.abort()
        if self.mode == "TLS alert":
            await reader.read(65536)
            writer.write(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal, handshake_failure
            return writer.close()
        far_reader, far = await asyncio.open_connection(*FIRST_TLS)
        pair = (writer, far)
        self.pairs.add(pair)
        try:
            await asyncio.gather(self.copy(reader, far), self.copy(far_reader, writer), return_exceptions=True)
        except asyncio.CancelledError:
            return None
        self.pairs.discard(pair)
        far.close()
        return writer.close()

    async def copy(self, reader, writer):
        while data := await reader.read(65536):
            if self.mode != "stall":
                writer.write(data)
        writer.close()

    def set(self, mode):
        self.mode = mode
        for near, far in list(self.pairs):
            if mode == "RST":
                for side in (near, far):
                    side.transport.get_extra_info("socket").setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER: RST
                    side.transport.abort()
            elif mode == "TLS alert":
                # A record that no key opens: the connection's TLS ends with an alert.
                near.write(b"\x15\x03\x03\x00\x13" + bytes(19))
                far.transport.abort()

    def close(self):
        self.server.close()
        for near, far in list(self.pairs):
            near.transport.abort()
            far.transport.abort()


class Refusing(Callee):
    """A callee that can be told to answer everything with 503."""

    refuses = False

    def received(self, side, message, way):
        if self.refuses and not message.startswith(("SIP/2.0 ", "ACK ")):
            return side.answer(message, "503 Service Unavailable", way)
        return super().received(side, message, way)


class Timed(Refusing):
    """A callee with a session timer for some numbers. It leaves the refreshing to who sent the INVITE (uac) or to itself (uas)."""

    def accepting(self, message):
        who = REFRESHERS.get(message.partition("sip:")[2].partition("@")[0])
        return f"200 OK\r\nRequire: timer\r\nSession-Expires: {SESSION};refresher={who}" if who else "200 OK"


class Scene:
    async def open(self):
        self.datagrams, self.streams = DatagramProxy(), StreamProxy()
        await self.datagrams.open()
        await self.streams.open()
        self.first_udp, self.first_tls, self.second, self.caller = Timed(), Callee(), Callee(), Caller(0.2)
        self.first_udp.side = Udp(self.first_udp, *FIRST_UDP, daemon=BACK_UDP)
        self.first_tls.side = Tls(self.first_tls, *FIRST_TLS, connections=0)
        self.second.side = Udp(self.second, *SECOND)
        await carrier(self.caller).open()
        for callee in (self.first_udp, self.first_tls, self.second):
            await callee.side.open()

    def cut(self, mode):
        if mode in ("stall", "RST", "TLS alert"):
            return self.streams.set(mode)
        self.first_udp.refuses = mode == "503 answers"
        self.datagrams.mode = mode if not self.first_udp.refuses else "pass"

    def heal(self):
        self.datagrams.mode, self.first_udp.refuses = "pass", False
        self.streams.set("pass")

    def close(self):
        for part in (self.caller.side, self.first_udp.side, self.first_tls.side, self.second.side, self.datagrams, self.streams):
            part.close()


async def state_is(trunk, wanted, seconds):
    """Seconds until the trunk's target is so; None when it was not."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        found = await asyncio.get_running_loop().run_in_executor(None, samples)
        up = [value for name, value in found.items() if name.startswith("sbc_target_up") and f'trunk="{trunk}"' in name]
        if up and (up[0] == 1) == (wanted == "up"):
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    return None


async def call(scene, prefix):
    """One call: seconds until it was answered, and by whom."""
    before = scene.first_udp.invites + scene.first_tls.invites, scene.second.invites
    placed = scene.caller.place(prefix)
    end = time.monotonic() + 15
    while not placed.bye_answered and not (placed.final and not placed.accepted) and time.monotonic() < end:
        await asyncio.sleep(0.01)
    took = placed.accepted_at - placed.began if placed.accepted else None
    by = "first" if scene.first_udp.invites + scene.first_tls.invites > before[0] and scene.second.invites == before[1] else "second" if scene.second.invites > before[1] else "nobody"
    return took, by


# The cut, the trunk it befalls, the number that leads there. A cut that leaves half of the messages is lived with.
CUTS = [("drop all", "first-udp", "+15551000000"), ("drop one direction", "first-udp", "+15551000000"), ("50 % loss", "first-udp", "+15551000000"),
        ("503 answers", "first-udp", "+15551000000"), ("stall", "first-tls", "+15552000000"), ("RST", "first-tls", "+15552000000"), ("TLS alert", "first-tls", "+15552000000")]


async def one(scene, mode, trunk, number, interval, idle):
    # Wherever the call before left it, the trunk is up and takes calls, all of them: so it is the call after the cut that finds it out.
    began = time.monotonic()
    await until(are_settled, 90)
    while (await call(scene, number))[1] != "first" and time.monotonic() - began < 60:
        await asyncio.sleep(0.5)
    scene.cut(mode)
    took, by = await call(scene, number)
    lossy = mode == "50 % loss"
    figure = f"answered by the {by} after {took:.1f} s" if took is not None else f"not answered, heard by {by}"
    row("R-L", f"a call when {trunk} is cut off: {mode}", figure, f"answered within {NEXT_WAY:.0f} s, by {'either' if lossy else 'the second'}", took is not None and took <= NEXT_WAY and (lossy or by == "second"))
    if idle and not lossy:
        scene.heal()
        await state_is(trunk, "up", 6 * interval)
        scene.cut(mode)
        down = await state_is(trunk, "down", 4 * interval + 5)
        row("R-L", f"until {trunk} is not up any more: {mode}", f"{down:.1f} s" if down is not None else "never", f"at most {3 * interval} s", down is not None and down <= 3 * interval)
    # Probes find it dead too.
    await asyncio.sleep(2.5 * interval)
    if lossy:
        # It never left for long enough to come back.
        return scene.heal()
    await returns(scene, trunk, number, interval)


async def returns(scene, trunk, number, interval):
    """A trunk that heals under calls takes few of them at first, then all. None has the number of the call that found it cut off: its
    INVITE is still repeated."""
    first, heard = (scene.first_udp, scene.first_tls)[trunk == "first-tls"], set()
    was = first.offered

    def offered(side, message, way):
        heard.add(message.partition("sip:")[2].partition("@")[0])
        was(side, message, way)

    first.offered = offered
    scene.heal()
    began, placed, up = time.monotonic(), [], None
    while time.monotonic() - began < 40 and (up is None or placed[-1][0] < up + SPARED + 2):
        wall = time.time()
        placed.append((wall, scene.caller.place(f"{number[:6]}{len(placed) + 1:06}")))
        up = up or up_since(trunk, wall - 40)
        await asyncio.sleep(max(0, 1 / RATE - (time.time() - wall)))
    await scene.caller.over()
    first.offered = was
    took = [wall for wall, each in placed if each.number in heard]
    row("R-L", f"until calls go to {trunk} again", f"{took[0] - placed[0][0]:.1f} s" if took else "never", "at most 30 s", took and took[0] - placed[0][0] <= 30)
    spared = [wall for wall, _ in placed if up is not None and up <= wall < up + SPARED]
    early, late = sum(wall in spared for wall in took), [wall for wall, _ in placed if up is not None and wall >= up + SPARED + 1]
    row("R-L", f"calls that {trunk} takes in its first {SPARED} s, and then", f"{early} of {len(spared)}, {sum(wall in late for wall in took)} of {len(late)}", "at most 10 %, all",
        len(spared) >= SPARED * RATE * 0.5 and 0 < early <= len(spared) / 10 and late and all(wall in took for wall in late))


def up_since(trunk, after=0.0):
    """When the daemon last said that the trunk's target is up; None: not since `after`, or it has become something else."""
    # The last line may be there in part.
    for line in reversed(log_of("trunkline").split("\n")[:-1]):
        if '"target changed"' in line and f'"trunk":"{trunk}"' in line:
            told = json.loads(line)
            stamp = datetime.datetime.fromisoformat(told["timestamp"].replace("Z", "+00:00")).timestamp()
            return stamp if told["to"] == "up" and stamp >= after else None
    return None


def are_settled():
    """Whether every trunk is up, and none takes only a few of its calls any more because it has just come back."""
    since = [up_since(trunk) for trunk in ("first-udp", "first-tls", "second")]
    return all(since) and max(since) + SPARED + 0.5 < time.time()


async def dead_call(scene, silence):
    """A call with media that stops when its trunk is cut off: it ends by itself, with its own cause."""
    loop = asyncio.get_running_loop()
    scene.caller.hold = None
    placed = scene.caller.place("+15551000000")
    if not await until(lambda: placed.accepted):
        return row("R-L", "a call on the dead trunk is ended", "it never came up", "up", False)
    key = next(reversed(scene.first_udp.dialogs))
    ends = []
    for address, local, message in ((CARRIER, 40000, placed.accepted), (FIRST_UDP[0], 40002, scene.first_udp.dialogs[key][0])):
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(address, local))
        ends.append((transport, media_of(message)))
    for number in range(150):
        for transport, target in ends:
            transport.sendto(rtp(number), target)
        await asyncio.sleep(0.02)
    scene.cut("drop all")
    began, ended = time.monotonic(), None

    def told(side, message, way):
        nonlocal ended
        if message.startswith("BYE "):
            ended = ended or time.monotonic() - began
        side.answer(message, "200 OK", way)

    scene.caller.on_request = told
    while ended is None and time.monotonic() - began < silence + 15:
        await asyncio.sleep(0.05)
    # The dead side's BYE is repeated until somebody answers it; the record comes after that.
    scene.heal()
    cause, end = None, time.monotonic() + 40
    while not (cause := cause_of(placed)) and time.monotonic() < end:
        await asyncio.sleep(0.2)
    row("R-L", "a call on the dead trunk is ended", f"after {ended:.1f} s, cause {cause}" if ended else "never", f"{silence} s after its last packet, up to 2 s more, media_silent",
        ended is not None and silence - 1 <= ended <= silence + 2 and cause == "media_silent")
    for transport, _ in ends:
        transport.close()
    return None


async def unrefreshed(scene):
    """Calls whose media goes on when their trunk's signalling is cut off: nothing but the refresh of their sessions tells. The daemon
    refreshes one of them, the trunk the other."""
    loop = asyncio.get_running_loop()
    scene.caller.hold, began = 0.2, time.monotonic()
    while (await call(scene, "+15551000000"))[1] != "first" and time.monotonic() - began < 60:
        await asyncio.sleep(0.5)
    # A trunk that is back takes them all by then.
    await asyncio.sleep(SPARED + 1)
    scene.caller.hold = None
    placed = {who: scene.caller.place(number) for number, who in REFRESHERS.items()}
    if not await until(lambda: all(each.accepted for each in placed.values())):
        return row("R-L", "calls that talk on are ended", "they never came up", "up", False)
    near, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(CARRIER, 40000))
    far, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(FIRST_UDP[0], 40002))
    offers = [message for message, _ in scene.first_udp.dialogs.values() if any(f"sip:{number}@" in message for number in REFRESHERS)]
    ways = [(near, media_of(each.accepted)) for each in placed.values()] + [(far, media_of(offer)) for offer in offers]
    ended = {}

    def told(side, message, way):
        if message.startswith("BYE "):
            ended.setdefault(header(message, "Call-ID"), time.monotonic())
        side.answer(message, "200 OK", way)

    scene.caller.on_request = told
    began, number = time.monotonic(), 0
    while len(ended) < len(placed) and time.monotonic() - began < SESSION + 15:
        for transport, target in ways:
            transport.sendto(rtp(number), target)
        number += 1
        if number == 50:
            scene.cut("drop all")
        await asyncio.sleep(max(0, began + number * 0.02 - time.monotonic()))
    scene.heal()
    await until(lambda: all(cause_of(each) for each in placed.values()), 40)
    for who, each in placed.items():
        took, cause = ended.get(each.call_id, float("inf")) - each.accepted_at, cause_of(each)
        row("R-L", f"a call that talks on is ended, the {'trunk' if who == 'uas' else 'daemon'} refreshes", f"after {took:.1f} s, cause {cause}", f"within its {SESSION} s, session_expired",
            SESSION / 2 <= took <= SESSION and cause == "session_expired")
    near.close()
    far.close()
    return None


def cause_of(placed):
    """Why a call of ours ended, by its record; None while there is none."""
    lines = records()
    ids = {line["id"] for line in lines if line["type"] == "leg" and line["call_id"] == placed.call_id}
    return next((line["cause"] for line in lines if line["type"] == "call" and line["id"] in ids), None)


async def play_all(short, interval, silence):
    scene = Scene()
    await scene.open()
    await asyncio.sleep(1)
    cuts = [CUTS[0], CUTS[5]] if short else CUTS
    for mode, trunk, number in cuts:
        await one(scene, mode, trunk, number, interval, not short)
    await dead_call(scene, silence)
    if not short:
        # No session interval is shorter than a minute and a half.
        await unrefreshed(scene)
    scene.close()


def trunk(profile, listener, target, silence, options, security="rtp", more=""):
    return TRUNK.format(profile=profile, listener=listener, target=f"{target[0]}:{target[1]}", source=target[0], silence=silence, options=options, security=security, more=more)


def play(short):
    # The sheet's numbers: OPTIONS every ten seconds, 30 s without media. The short form has both smaller, and so its limits.
    interval, silence = (1, 3) if short else (10, 30)
    options = "{ interval_s = 1, retry_s = 1, timeout_s = 1 }" if short else "{ interval_s = 10 }"
    tls = 'trust = "proof"\nfqdn = "sbc.test"\npeer_names = ["load.test"]\n'
    text = settings([("good-caller", "good-callee")],
                    **{"trunks.first-udp": trunk("carrier-ip", "udp", FRONT_UDP, silence, options, more=f"session_timer = {{ expires_s = {SESSION} }}\n"), "trunks.first-tls": trunk("generic-tls", "tls", FRONT_TLS, silence, options, "srtp", tls),
                       "trunks.second": trunk("carrier-ip", "udp", SECOND, silence, options)})
    text += '[[routes]]\nfrom = "carrier"\ncalled = { prefix = "+15551" }\nto = ["first-udp", "second"]\n\n[[routes]]\nfrom = "carrier"\ncalled = { prefix = "+15552" }\nto = ["first-tls", "second"]\n'
    daemon = Daemon(text)
    daemon.start()
    beside_good_calls("R-L", short, lambda: asyncio.run(play_all(short, interval, silence)), hold=0.5)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
