"""The configuration of a running daemon is replaced under load: a hundred broken files are refused whole, each with its line and
its reason, and six hundred sound ones come into force while no call fails (R-G)."""
import asyncio
import json
import os
import re
import signal
import socket
import time

from proof import SBC, WORK, Daemon, main, note, quantile, row, samples, settings, trunk, wait_until
from traffic import GoodTrunk, from_platform, until

# Calls that stand through every reload: each keeps the configuration that it began with.
STANDING = 10
# What memory may grow by (R-G).
GROWTH_MIB = 1.0
TAKEN = 27291


def order(command, **fields):
    """One request at the control socket, as `trunkline ctl` asks it."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(60)
        control.connect(os.path.join(WORK, "state", "control.sock"))
        control.sendall(json.dumps({"command": command, **fields}).encode() + b"\n")
        return json.loads(control.makefile().readline())


def broken_at(lines):
    """Each key misspelt, each value of a kind that no key takes, each third one missing, each table open or there twice: the
    text, the line that must be named, and a word of the reason."""
    for place, line in enumerate(lines):
        def with_line(*others):
            return "\n".join(lines[:place] + list(others) + lines[place + 1:])
        key, is_pair, _ = line.partition(" = ")
        if is_pair:
            yield with_line(line.replace(key, key + "-x", 1)), place + 1, key + "-x"
            yield with_line(f"{key} = 1979-05-27"), place + 1, key
            if place % 3 == 0:
                yield with_line(f"{key} ="), place + 1, "not TOML"
        elif line.startswith("["):
            yield with_line(line.rstrip("]")), place + 1, "not TOML"
            if not line.startswith("[["):
                yield with_line(line, line), place + 2, "defined twice"


def broken_in_sense(sound):
    """What is wrong only once it is understood; of the last ones no line can be named."""
    def changed(old, new):
        assert old in sound, old
        text = sound.replace(old, new, 1)
        return text, text[:text.index(new)].count("\n") + 1

    carrier = "[trunks.carrier]\n"
    for old, new, word in [
        ('key = "certs/sbc.key"', 'key = "certs/none.key"', "none.key"),
        ('key = "certs/sbc.key"', 'key = "certs/load.key"', "is not the key"),
        ('chain = "certs/sbc.pem"', 'chain = "certs/none.pem"', "none.pem"),
        ('roots = "certs/ca.pem"', 'roots = "certs/sbc.key"', "roots"),
        ('from = "platform"', 'from = "nobody"', "nobody"),
        ('to = ["carrier"]', 'to = ["nobody"]', "nobody"),
        ('to = ["carrier"]', 'called = { regex = "(" }\nto = ["carrier"]', "regular expression"),
        (f'listener = "udp"\ntargets = ["{"127.0.17.12"}', f'listener = "udb"\ntargets = ["{"127.0.17.12"}', "udb"),
    ]:
        text, line = changed(old, new)
        yield text, None if "\n" in old + new else line, word
    yield sound + f'\n[listeners.more]\nnetwork = "loop"\ntransport = "tcp"\nport = {TAKEN}\n', None, "is taken"
    yield sound.replace(carrier, f"{carrier}auth = {{ user = \"u\", realm = \"r\", password_file = \"none\" }}\n"), None, "No such file"
    yield "", None, "no listener"
    yield "# ten mebibytes\n" * (10 << 16), None, "larger"
    yield "\ufffd[node\n", None, "not TOML"


def is_told(answer, line, word):
    error = answer.get("error", "")
    wanted = r"proof\.toml:%d: .*%s" % (line, re.escape(word)) if line else re.escape(word)
    return re.search(wanted, error) is not None


def refuse(daemon):
    """Every broken file, while calls go on."""
    sound = settings()
    cases = list(broken_at(sound.split("\n"))) + list(broken_in_sense(sound))
    wrong, began = [], time.monotonic()
    with socket.socket() as other:
        other.bind((SBC, TAKEN))
        other.listen()
        for text, line, word in cases:
            daemon.text = text
            daemon.write()
            answer = order("reload")
            if not is_told(answer, line, word):
                wrong.append((line, word, answer))
    for line, word, answer in wrong[:5]:
        note(f"line {line}, {word!r}: {json.dumps(answer)[:400]}")
    found = samples()
    seconds = time.monotonic() - began
    row("R-G", f"broken files, {len(cases)} of them in {seconds:.1f} s", f"{len(cases) - len(wrong)} refused with line and reason", "all, at least 100", not wrong and len(cases) >= 100)
    refused, revision = found.get('sbc_config_reloads_total{result="refused"}'), found.get("sbc_config_revision")
    row("R-G", "revision in force afterwards, refusals counted", f"{revision:.0f}, {refused:.0f}", f"1, {len(cases)}", revision == 1 and refused == len(cases))


def sound(turn):
    """Another sound configuration each turn: trunks, routes and a listener come and go, numbers change."""
    tables = {"node": f'name = "proof"\nstate_dir = "state"\ndrain_s = {turn % 50}'}
    routes = [("platform", "carrier"), ("carrier", "platform"), ("good-caller", "good-callee")]
    if turn % 3 == 0:
        tables["trunks.extra"] = trunk("udp", "127.0.17.61:27261", "127.0.17.61/32", more=[f"max_calls = {turn + 1}"])
        routes.append(("extra", "good-callee"))
    if turn % 5 == 0:
        tables["listeners.extra"] = 'network = "loop"\ntransport = "tcp"\nport = 27290'
    return settings(routes, **tables)


async def reload(daemon, turn):
    """By signal every fourth time; the seconds it took, and whether it is in force. Files are written whole (rename)."""
    daemon.text = sound(turn)
    path, daemon.path = daemon.path, daemon.path + ".new"
    daemon.write()
    os.rename(daemon.path, path)
    daemon.path = path
    began = time.monotonic()
    if turn % 4:
        answer = await asyncio.to_thread(order, "reload")
        done = answer.get("revision") == turn + 1
    else:
        os.kill(daemon.pid, signal.SIGHUP)
        done = await asyncio.to_thread(wait_until, lambda: samples().get("sbc_config_revision") == turn + 1, 60, 0.05)
    return time.monotonic() - began, done


async def replace(daemon, count, every):
    async with from_platform(None) as (caller, callee):
        standing = [caller.place() for _ in range(STANDING)]
        await until(lambda: all(call.accepted for call in standing))
        took, failed, before = [], 0, 0
        began = time.monotonic()
        for turn in range(1, count + 1):
            seconds, done = await reload(daemon, turn)
            took.append(seconds)
            failed += not done
            if turn == count // 4:
                before = daemon.resident_kib()
            await asyncio.sleep(max(0.0, began + turn * every - time.monotonic()))
        grown = (daemon.resident_kib() - before) / 1024
        for call in standing:
            if call.accepted:
                caller.hang_up(call)
        await until(lambda: caller.tally.byes_served >= STANDING)
    return took, failed, grown, caller.tally.byes_served, callee.byes


def play(short):
    count, every, rate = (30, 0.2, 10) if short else (int(os.environ.get("RELOADS", "600")), 1.0, int(os.environ.get("RATE", "100")))
    daemon = Daemon(settings())
    daemon.start()
    with GoodTrunk(rate, hold=1.0) as good:
        time.sleep(1)
        refuse(daemon)
        took, failed, grown, ended, byes = asyncio.run(replace(daemon, count, every))
        tally = good.end()
    came_up = f"{tally.answered} answered and {tally.byes_served} ended of {tally.placed}, answer p99 {quantile(tally.answering, .99):.0f} ms"
    row("R-G", "calls set up and ended meanwhile", came_up, "all", tally.placed > 0 and tally.answered == tally.byes_served == tally.placed)
    row("R-G", f"calls that stood through {count} reloads", f"{ended} ended by their caller, {byes} heard so", f"all {STANDING}", ended == byes == STANDING)
    row("R-G", f"sound files, {count} of them, a quarter by HUP", f"{count - failed} in force", "all", failed == 0)
    note(f"a reload takes {quantile(took, .5):.0f} ms (half of them), {quantile(took, .99):.0f} ms (p99)")
    if short:
        note(f"memory: {grown:+.1f} MiB (judged in the long form)")
    else:
        row("R-G", "resident memory, from the first quarter to the end", f"{grown:+.2f} MiB", f"at most +{GROWTH_MIB:.0f} MiB", grown <= GROWTH_MIB)
    daemon.unharmed()
    daemon.stop()


if __name__ == "__main__":
    main(play, __doc__)
