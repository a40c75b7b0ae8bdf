"""tshark as a reader of what we send in the clear: SIP over UDP and RTP."""
import os
import signal
import subprocess

from process import REPORT, WORK, log_of, start, stop, wait_until

OURS = "ip.src == 127.0.0.1"
# Our media ports (rtp_ports of the configuration). The even ones carry RTP; of an SRTP leg the header is in the clear. A look-up
# of some other program may leave from a port of that range.
MEDIA = OURS + " && udp.srcport >= 27000 && udp.srcport <= 31999 && !icmp && !dns"


class Capture:
    def __init__(self):
        self.file = os.path.join(WORK, "traffic.pcap")
        self.process = start("tshark", ["tshark", "-q", "-i", "lo", "-w", self.file, "-f", "udp and host 127.0.0.1"])
        wait_until(lambda: "Capturing on" in log_of("tshark") and os.path.exists(self.file), 60)
        # dumpcap says so a moment before the first packet is taken.
        wait_until(lambda: False, 1)

    def judge(self):
        wait_until(lambda: False, 1)
        stop(self.process, first=signal.SIGINT, seconds=60)
        sip = self.frames(OURS + " && sip")
        # Not RTCP: behind its first header SRTCP is encrypted, and one packet in some hundred looks like a broken APP.
        complaints = self.frames(f"({OURS}) && (sip || rtp || sdp) && (_ws.malformed || _ws.expert.severity >= 0x600000)")
        REPORT.check("tshark on our SIP", f"{len(sip)} messages, {len(complaints)} complaints {complaints[:3]}", "> 500 messages, 0 complaints",
                     len(sip) > 500 and not complaints)
        unread = self.frames(f"({OURS}) && udp.srcport == 26060 && !sip")
        REPORT.check("tshark reads every datagram of the SIP port", f"{len(unread)} unread {unread[:3]}", "0", not unread)
        rtp, odd = self.media()
        REPORT.check("tshark on our RTP", f"{rtp} packets, {len(odd)} not read as RTP {odd[:3]}", "> 400 packets, 0", rtp > 400 and not odd)

    def media(self):
        """Packets from our even media ports that tshark reads as RTP, and those it does not."""
        fields = ["-e", "udp.srcport", "-e", "frame.protocols", "-e", "_ws.malformed", "-e", "frame.number"]
        lines = self.tshark(["--enable-heuristic", "rtp_udp", "-Y", MEDIA, "-T", "fields"] + fields)
        rows = [line.split("\t") for line in lines]
        even = [row for row in rows if int(row[0]) % 2 == 0]
        odd = [row for row in even if "rtp" not in row[1].split(":") or row[2]]
        return len(even) - len(odd), odd

    def frames(self, wanted):
        lines = self.tshark(["-d", "udp.port==26060,sip", "-Y", wanted, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message"])
        return [line.strip() for line in lines]

    def tshark(self, arguments):
        found = subprocess.run(["tshark", "-r", self.file] + arguments, capture_output=True, text=True, check=False)
        if found.returncode:
            print(found.stderr.strip()[-500:])
            return ["0\ttshark failed\t\t"]
        return [line for line in found.stdout.splitlines() if line.strip()]
