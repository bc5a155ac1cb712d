"""responders: whatever can answer for the guests' addresses, each as its administrator would set it
up, on the host of lab.py."""

import os
import signal
import socket
import subprocess
import time

import lab

NDP_FIRST, NDP_PREFIX = "2001:db8::1:0:0:0", "2001:db8:0:0:1::/80"
NDP_UNLISTED = "2001:db8::8:0:80:0"
ARP_FIRST, ARP_UNLISTED = "10.16.0.0", "10.128.0.0"
SOLICITED, ROUTER, OVERRIDE = 0x40, 0x80, 0x20


def address6(index):
    return f"2001:db8::1:0:{index >> 16:x}:{index & 0xffff:x}"


def address4(index):
    return socket.inet_ntoa((0x0a100000 + index).to_bytes(4, "big"))


class Responder:
    """Nobody: what it costs to receive and to drop."""

    flags = SOLICITED
    answers = True

    def __init__(self, name, arp=False, count=1):
        self.name, self.arp, self.count = name, arp, count
        self.process = None

    def address(self, index):
        return address4(index) if self.arp else address6(index)

    def start(self):
        """Makes it answer, or begin to."""

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def spawn(self, *command):
        """A daemon on the host's CPU."""
        with open(f"/run/bench/{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", "--net=/run/netns/host", "taskset", "-c", str(lab.HOST_CPU), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def file(self, suffix, text):
        path = f"/run/bench/{self.name}.{suffix}"
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path


class Nobody(Responder):
    answers = False


class Kernel(Responder):
    """proxy_ndp with an entry for each address, or proxy_arp with a route for each."""

    def start(self):
        if self.arp:
            lab.inside("host", "sysctl", "-qw", "net.ipv4.conf.eth0.proxy_arp=1",
                       "net.ipv4.neigh.eth0.proxy_delay=0")
            batch = "".join(f"route add {self.address(i)}/32 dev vif1\n" for i in range(self.count))
        else:
            lab.inside("host", "sysctl", "-qw", "net.ipv6.conf.eth0.proxy_ndp=1",
                       "net.ipv6.neigh.eth0.proxy_delay=0")
            batch = "".join(f"route add {self.address(i)}/128 dev vif1\n"
                            f"neigh add proxy {self.address(i)} dev eth0\n"
                            for i in range(self.count))
        lab.run("ip", "-n", "host", "-batch", "-", stdin=batch)


class Ndppd(Responder):
    """One rule for the whole network, answered without asking behind it."""

    flags = ROUTER | SOLICITED

    def start(self):
        conf = self.file("conf", f"proxy eth0 {{\n\trouter yes\n\trule {NDP_PREFIX} {{\n"
                                 "\t\tstatic\n\t}\n}\n")
        self.spawn("ndppd", "-c", conf, "-p", "/run/bench/ndppd.pid")


class Npd6(Responder):
    """One prefix; no list of the targets that were asked for."""

    flags = ROUTER | SOLICITED

    def start(self):
        conf = self.file("conf", f"prefix = {NDP_PREFIX}\ninterface = eth0\nlisttype = none\n"
                                 "collectTargets = 0\n")
        self.spawn("npd6", "-f", "-c", conf, "-l", "/run/bench/npd6.out")


class Ours(Responder):
    """ndproxyd or arpproxyd: a guests-file, no limit of a requester's rate, no announcements."""

    def __init__(self, name, arp=False, count=1, programs="build/sbin"):
        super().__init__(name, arp, count)
        self.daemon = "arpproxyd" if arp else "ndproxyd"
        self.ctl_program = os.path.join(programs, "arpproxyctl" if arp else "ndproxyctl")
        self.program = os.path.join(programs, self.daemon)
        self.socket = f"/run/bench/{name}.sock"
        self.state = f"/run/bench/{name}.d"
        self.conf = f"/run/bench/{name}.conf"
        self.guests = f"/run/bench/{name}.guests"

    def write_guests(self, count=None, skip=0):
        """The list; the first `skip` addresses are left out, so many more stand at its end."""
        count = self.count if count is None else count
        with open(self.guests, "w", encoding="ascii") as f:
            f.writelines(f"{self.address(i)} vif1\n" for i in range(skip, count + skip))

    def start(self, guests=True):
        if guests:
            self.write_guests()
        self.file("conf", f'uplink "eth0" {{\n\trate = 0\n\tannounce = 0\n}}\n'
                          f'guests-file = "{self.guests}"\n')
        os.makedirs(self.state, exist_ok=True)
        self.started = time.monotonic()
        self.spawn(self.program, "-f", "-c", self.conf, "-s", self.socket, "-d", self.state)

    def ctl(self, *words):
        return lab.inside("host", self.ctl_program, "-s", self.socket, "-d", self.state, *words)


def known(programs):
    """All of them by name, in the order of the table."""
    sizes = {"1": 1, "1k": 1000, "10k": 10000, "100k": 100000, "1M": 1000000}
    table = [Nobody("nothing")]
    table += [Kernel("kernel-" + s, count=sizes[s]) for s in ("1", "1k", "10k")]
    table += [Ndppd("ndppd", count=100000), Npd6("npd6", count=100000)]
    table += [Ours("ndproxyd-" + s, count=sizes[s], programs=programs)
              for s in ("1", "1k", "100k", "1M")]
    table += [Nobody("nothing-arp", arp=True), Kernel("kernel-arp-1", arp=True)]
    table += [Ours("arpproxyd-" + s, arp=True, count=sizes[s], programs=programs)
              for s in ("1", "1k", "100k", "1M")]
    return {r.name: r for r in table}
