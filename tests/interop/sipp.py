"""SIPp as caller and as called party, with the scenarios of `sipp/`."""
import csv
import os
import re

from process import HERE, REPORT, WORK, finish, start, stop, wait_until

# Columns of SIPp's statistics that mean "something came, or did not come, as the scenario says".
UNEXPECTED = ["FailedUnexpectedMessage(C)", "OutOfCallMsgs(C)", "DeadCallMsgs(C)", "FailedRegexpDoesntMatch(C)",
              "FailedRegexpShouldntMatch(C)", "FailedRegexpHdrNotFound(C)", "FailedTimeoutOnRecv(C)"]

# Seconds until a busy machine has started a party, and until one has ended whose calls are over. A called party whose caller's
# datagrams were lost may never have its number of calls.
STARTS, ENDS = 30, 5


class Party:
    """One SIPp process on its own address."""

    serial = 0

    def __init__(self, scenario, address, transport, calls, target, extra=(), hops=1, direct=False, natted=None, words=None):
        Party.serial += 1
        self.name = f"sipp-{Party.serial:02}-{scenario.removesuffix('.xml')}"
        self.calls = calls
        self.statistics = os.path.join(WORK, self.name + ".csv")
        path = prepared(scenario, self.name, hops, direct, "-lost" in extra, natted == address, words or {})
        self.process = start(self.name, [
            "sipp", target, "-sf", path, "-i", address, "-mi", address, "-p", 5080, "-t", transport, "-m", calls, "-nostdin",
            "-max_socket", 5000, "-trace_stat", "-fd", 1, "-stf", self.statistics,
            "-trace_err", "-error_file", os.path.join(WORK, self.name + ".errors"), *extra])

    def figures(self):
        """The last line of the statistics."""
        try:
            with open(self.statistics) as file:
                rows = [row for row in csv.reader(file, delimiter=";") if len(row) > 10]
        except OSError:
            return {}
        return dict(zip(rows[0], rows[-1])) if len(rows) > 1 else {}

    def count(self, *columns):
        figures = self.figures()
        return sum(int(figures.get(column, 0) or 0) for column in columns)

    def summary(self):
        return f"{self.count('SuccessfulCall(C)')} good, {self.count('FailedCall(C)')} failed, {self.count(*UNEXPECTED)} unexpected"

    def first_error(self):
        """What SIPp wrote first about a call that went wrong, for the log of a failed check."""
        try:
            with open(os.path.join(WORK, self.name + ".errors"), errors="replace") as file:
                return file.read(1500)
        except OSError:
            return ""

    def clean(self):
        return self.count("SuccessfulCall(C)") == self.calls and self.count("FailedCall(C)", *UNEXPECTED) == 0


def prepared(scenario, name, hops, direct, loss, natted, words):
    """The scenario with the Max-Forwards to expect, and `words` of it swapped; between peers that talk directly nothing is hidden."""
    text = open(os.path.join(HERE, "sipp", scenario)).read().replace('regexp="69"', f'regexp="{70 - hops}"')
    for word, instead in words.items():
        text = text.replace(word, instead)
    if loss:
        # Nobody repeats a lost 180.
        text = text.replace('<recv response="180"', '<recv response="180" optional="true"')
    if direct:
        text = re.sub(r'regexp="[^"]*" search_in="msg" check_it_inverse', 'regexp="never seen" search_in="msg" check_it_inverse', text)
    if natted:
        # What a party behind a NAT believes its address to be.
        text = re.sub(r"(Contact: <sip:[^>]*?)\[local_ip\]:\[local_port\]", r"\g<1>10.255.255.1:5999", text)
    path = os.path.join(WORK, name + ".xml")
    with open(path, "w") as out:
        out.write(text)
    return path


def bound(address, transport):
    """True when somebody listens on port 5080 of the address."""
    table = "/proc/net/udp" if transport.startswith("u") else "/proc/net/tcp"
    octets = [int(part) for part in address.split(".")]
    wanted = "".join(f"{octet:02X}" for octet in reversed(octets)) + ":13D8"
    return any(line.split()[1] == wanted for line in open(table).readlines()[1:])


def three(title, caller, others, calls, rate=50):
    """Runs a caller and several called parties, each `(scenario, address)`, over UDP. The last line of each is judged."""
    number = "+49304000000"
    parties = []
    for scenario, address in others:
        party = Party(scenario, address, "u1", calls, "127.0.0.1:26060", ["-key", "caller", "called"])
        wait_until(lambda: bound(address, "u1") or party.process.poll() is not None, STARTS)
        parties.append(party)
    # Without an at sign a Call-ID can stand inside a URI.
    extra = ["-s", number, "-key", "caller", "+49309999999", "-r", rate, "-l", 1000, "-cid_str", "%u-%p-interop"]
    first = Party(*caller, "u1", calls, "127.0.0.1:26060", extra)
    code = finish(first.process, 60 + 2 * calls / rate)
    for party in parties:
        wait_until(lambda: party.process.poll() is not None, STARTS)
        stop(party.process)
    everybody = [first, *parties]
    figure = "; ".join(party.summary() for party in everybody) + f", exit {code}"
    holds = code == 0 and all(party.clean() for party in everybody)
    if not REPORT.check(title, figure, f"{calls} good for each, 0 failed, 0 unexpected", holds):
        for party in everybody:
            print("     " + party.first_error().replace("\n", "\n     "), flush=True)
    return holds


def pair(title, caller, called, calls, rate=100, number="+49301000000", hops=1, direct=False, loss=0, natted=None, keys=None,
         words=None):
    """Runs a caller and a called party; `caller` and `called` are (scenario, address, transport); `caller` also has a target.
    `hops`: how many elements count Max-Forwards down on the way. `natted`: the address of the party that writes a Contact where
    nobody reaches it. `keys`: words the caller's scenario puts in; `words`: words of it that are others."""
    party = None
    if called:
        scenario, address, transport = called
        party = Party(scenario, address, transport, calls, "127.0.0.1:26060", hops=hops, direct=direct, natted=natted)
        wait_until(lambda: bound(address, transport) or party.process.poll() is not None, STARTS)
    scenario, address, transport, target = caller
    extra = ["-s", number, "-r", rate, "-l", 1000]
    for name, value in {"caller": "+49309999999", **(keys or {})}.items():
        extra += ["-key", name, value]
    if loss:
        extra += ["-lost", loss]
    first = Party(scenario, address, transport, calls, target, extra, hops, direct, natted, words)
    code = finish(first.process, 60 + 2 * calls / rate)
    if party:
        wait_until(lambda: party.process.poll() is not None, ENDS if loss else STARTS)
        stop(party.process)
    # Where datagrams are lost, repetitions meet calls that are over; what counts is that each call went through.
    holds = code == 0 and (first.clean() and (not party or party.clean()) if not loss else first.count("SuccessfulCall(C)") == calls)
    figure = f"caller {first.summary()}, exit {code}" + (f"; called {party.summary()}" if party else "")
    if not REPORT.check(title, figure, f"{calls} good, 0 failed" + ("" if loss else ", 0 unexpected"), holds):
        for side in filter(None, (first, party)):
            print("     " + side.first_error().replace("\n", "\n     "), flush=True)
    return holds
