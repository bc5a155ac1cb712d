"""frames.py: what wire.py and arp_wire.py share: raw sockets in namespaces, and cases judged.

One process holds a raw socket in each namespace it speaks for: a host on the switch beside the router, and
the guests. The kernels behind these sockets have no addresses, so what is heard is Dom0's alone. Frames
are made, and answers judged, with scapy.

Silence is judged without waiting: behind each frame goes a marker, a question that must be answered;
nothing but the expected answers may come before the marker's. The daemon's counters must tell the
same story: one more answer, or one more drop for the expected reason, and nothing else.

A protocol is an object (wire.py and arp_wire.py hand over themselves, as modules) with
  ETHERTYPE                 whose frames are looked at
  sort(raw)                 ANSWER, ANNOUNCED, or None for what is of no interest
  marker(port)              the question behind each frame
  is_marker(raw)            is this the answer to it?
  is_kernels(raw)           is this an answer of Dom0's own kernel?
  judge(port, raw, want)    what is wrong with an answer, as a list of sentences
"""
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time

from scapy.config import conf
from scapy.layers.l2 import Dot1Q, Ether

conf.verb = 0
CTL = sys.argv[1:]  # the control command, its socket, its state directory
SLOW = int(os.environ.get("LAB_SLOW", "1"))
# Times are judged as they should be with LAB_TIMES=1, on a machine with nothing else to do; otherwise loosely.
LOOSE = 1 if os.environ.get("LAB_TIMES") else 5
UPLINK = "02:00:00:00:00:03"
VIF = "fe:ff:ff:ff:ff:ff"
ANSWER, ANNOUNCED = "answer", "announced"

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_AUXDATA, PACKET_MR_PROMISC = 263, 1, 8, 1
SO_TIMESTAMPNS = 35
PACKET_OUTGOING, TP_STATUS_VLAN_VALID = 4, 1 << 4


def in_namespace(name):
    """From here on, sockets are made there."""
    fd = os.open("/run/netns/" + name, os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns " + name)
    os.close(fd)


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


class Port:
    """A raw socket on eth0 of a namespace. marker_target: what its markers ask for."""

    def __init__(self, protocol, namespace, side, iface, marker_target):
        self.protocol = protocol
        self.side, self.iface, self.marker_target = side, iface, marker_target
        in_namespace(namespace)
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind(("eth0", 3))
        s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        s.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP,
                     struct.pack("iHH8s", socket.if_nametoindex("eth0"), PACKET_MR_PROMISC, 0, b""))
        self.mac = ":".join("%02x" % b for b in s.getsockname()[4])
        self.peer = UPLINK if side == "uplink" else VIF
        self.socket = s
        self.announced = []  # (time, frame), put aside: they come when they want (N11)
        self.name = "%s %s" % (side, iface)

    def send(self, frame):
        self.socket.send(bytes(frame))

    def receive(self, timeout):
        """The next answer of Dom0, or None where there is none."""
        until = time.monotonic() + timeout
        while True:
            self.socket.settimeout(max(0.0001, until - time.monotonic()))
            try:
                raw, extra, _, peer = self.socket.recvmsg(4096, 256)
            except (socket.timeout, BlockingIOError):
                return None
            if peer[2] == PACKET_OUTGOING or raw[12:14] != struct.pack("!H", self.protocol.ETHERTYPE):
                continue
            if raw[6:12] not in (mac_bytes(UPLINK), mac_bytes(VIF)):
                continue  # the router's own kernel
            kind = self.protocol.sort(raw)
            if kind == ANNOUNCED:
                at = [struct.unpack("qq", data) for level, name, data in extra
                      if level == socket.SOL_SOCKET and name == SO_TIMESTAMPNS]
                self.announced.append((at[0][0] + at[0][1] / 1e9, raw))
            elif kind == ANSWER:
                if any(level == SOL_PACKET and name == PACKET_AUXDATA
                       and struct.unpack_from("I", data)[0] & TP_STATUS_VLAN_VALID
                       for level, name, data in extra):
                    raw = raw[:12] + b"\x81\0\0\0" + raw[12:]  # nobody expects one
                return raw


def ethernet(port, payload, ethertype, eth_dst, **how):
    """A frame. eth_src, tags (VLAN numbers), tail (bytes behind it)."""
    ether = Ether(dst=eth_dst, src=how.get("eth_src", port.mac), type=ethertype)
    tags = how.get("tags", ())
    if tags:
        ether.type = 0x8100
        for tag in tags:
            ether = ether / Dot1Q(vlan=tag, prio=3, type=0x8100)
        ether.lastlayer().type = ethertype
    return bytes(ether) + payload + how.get("tail", b"")


class Wrong(list):
    """What is wrong, as sentences."""

    def same(self, what, is_, should):
        if is_ != should:
            self.append("%s is %s, not %s" % (what, is_, should))


def ctl(*words):
    return subprocess.run([CTL[0], "-s", CTL[1], "-d", CTL[2], *words], check=True,
                          stdout=subprocess.PIPE, timeout=20 * SLOW).stdout


def stats():
    return json.loads(ctl("-j", "stats"))


def filtered():
    """Is there a filter in the kernel, that drops what nobody lists before the daemon sees it?"""
    return json.loads(ctl("-j", "status"))["filter"]["kind"] == "ebpf"


UNLISTED = ("N10",)  # what it is to the daemon where there is no filter


def delta(after, before, port):
    """What was counted on the port's interface meanwhile: received, answered, {reason: n}."""
    zero = {"received": 0, "answered": 0, "dropped": {}}
    a = after[port.side].get(port.iface, zero)
    b = before[port.side].get(port.iface, zero)
    drops = {k: v - b["dropped"].get(k, 0) for k, v in a["dropped"].items()}
    return (a["received"] - b["received"], a["answered"] - b["answered"],
            {k: v for k, v in drops.items() if v}, after["kernel"]["unlisted"] - before["kernel"]["unlisted"])


# --- running a case ---

number = failed = 0
last = None
FILTERED = False


def tap(wrong, title):
    global number, failed
    number += 1
    print("%sok %d - %s" % ("not " if wrong else "", number, title), flush=True)
    for line in wrong:
        print("#   " + line, flush=True)
    failed += bool(wrong)


def snapshot():
    """The counters from here on."""
    global last
    last = stats()
    return last


def exchange(port, frames):
    """Sends the frames and a marker behind them; the answers before the marker's, or None where that
    did not come."""
    got = []
    for frame in frames:
        port.send(frame)
    port.send(port.protocol.marker(port))
    while True:
        answer = port.receive(3 * SLOW)
        if answer is None:
            return None
        if port.protocol.is_marker(answer):
            return got
        got.append(answer)


def case(rule, title, port, frame, want=None, reason=None, kernel=0, uncounted=False, listed=False):
    """want: the one answer that must come. reason: of the silence. kernel: answers that Dom0's own
    kernel gives. uncounted: the daemon cannot see the frame at all. listed: something of it is in the
    daemon's table, so the filter in the kernel lets it pass."""
    wrong = []
    before = last
    early = FILTERED and port.side == "uplink" and reason in UNLISTED and not listed
    got = exchange(port, [frame])
    received, answered, drops, unlisted = delta(snapshot(), before, port)
    if got is None:
        wrong.append("the marker behind it was not answered")
        got = []
    kernels = [g for g in got if port.protocol.is_kernels(g)]
    ours = [g for g in got if not port.protocol.is_kernels(g)]
    if len(kernels) != kernel:
        wrong.append("%d answers of the kernel, not %d" % (len(kernels), kernel))
    if want:
        if len(ours) != 1:
            wrong.append("%d answers, not 1" % len(ours))
        for answer in ours[:1]:
            wrong += port.protocol.judge(port, answer, want)
    elif ours:
        wrong.append("%d answers instead of silence: %s" % (len(ours), Ether(ours[0]).summary()))
    expected = {reason: 1} if reason and not early else {}
    if drops != expected:
        wrong.append("counted as %s, not %s" % (drops, expected))
    if early and not unlisted:  # others ask too, so there may be more
        wrong.append("it is not counted as unlisted in the kernel")
    if answered != (2 if want else 1):
        wrong.append("%d answers counted, not %d, the marker's included" % (answered, 2 if want else 1))
    if received != (1 if uncounted or early else 2):
        wrong.append("%d frames counted, not %d, the marker included" % (received, 1 if uncounted or early else 2))
    if wrong:
        wrong.append("frame: " + bytes(frame)[:140].hex())
    tap(wrong, "%s %s: %s" % (rule, port.name, title))


def outgoing(port, family, addresses):
    """H28: Dom0's own questions, on their way out, are not the daemon's to judge."""
    in_namespace("dom0")
    s = socket.socket(family, socket.SOCK_DGRAM)
    for address in addresses:
        s.sendto(b"x", (address, 9))
    s.close()
    before = last
    exchange(port, [])
    received, _, drops, _ = delta(snapshot(), before, port)
    tap([] if (received, drops) == (1, {}) else ["%d frames were counted, not the marker alone; %s" % (received, drops)],
        "H28 %s: outgoing frames are never parsed" % port.name)


def announcements(rule, port, target, vif, count, interval, of_target, want):
    """An address added now is announced `count` times, `interval` seconds apart. of_target(raw): is this
    announcement one of it?"""
    def heard():
        return [(at, raw) for at, raw in port.announced if of_target(raw)]

    ctl("add", target, "vif", vif, "guest", "announced")
    until = time.monotonic() + (10 + count * interval) * SLOW
    while len(heard()) < count and time.monotonic() < until:
        port.receive(0.05)
    exchange(port, [])
    got = heard()
    wrong = []
    if len(got) != count:
        wrong.append("%d announcements, not %d" % (len(got), count))
    for (one, _), (two, _) in zip(got, got[1:]):
        if not interval - 0.01 <= two - one < interval + 1 * SLOW:
            wrong.append("%.3f s apart, not %d" % (two - one, interval))
    for _, raw in got:
        wrong += port.protocol.judge(port, raw, want)
    tap(wrong, "%s %s: an arrival is announced %d times, %d s apart" % (rule, port.name, count, interval))


def run(tables):
    """All of it, to a plan; the exit status."""
    # Frames sent from different processors may overtake each other on a veth; a marker must not.
    global FILTERED
    FILTERED = filtered()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tables()
    print("1..%d" % number)
    return failed > 0
