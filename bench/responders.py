"""responders: whatever can answer for the guests' addresses, each as its administrator would set it
up, on the host of lab.py."""

import os
import signal
import socket
import subprocess
import time

import figures
import lab

NDP_FIRST, NDP_PREFIX = "2001:db8::1:0:0:0", "2001:db8:0:0:1::/80"
NDP_UNLISTED = "2001:db8::8:0:80:0"
ARP_FIRST, ARP_UNLISTED = "10.16.0.0", "10.128.0.0"
SOLICITED, ROUTER = 0x40, 0x80


def address6(index):
    return f"2001:db8::1:0:{index >> 16:x}:{index & 0xffff:x}"


def address4(index):
    return socket.inet_ntoa((0x0a100000 + index).to_bytes(4, "big"))


class Responder:
    """Nobody: what it costs to receive and to drop."""

    flags = SOLICITED
    answers = True
    stop_seconds = 10

    def __init__(self, name, arp=False, count=1):
        self.name, self.arp, self.count = name, arp, count
        self.process = None

    def address(self, index):
        return address4(index) if self.arp else address6(index)

    def start(self):
        """Makes it answer, or begin to."""

    def stop(self):
        """Stops answering; nothing of it is left."""
        self.halt()

    def halt(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(self.stop_seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def spawn(self, *command, **environment):
        """A daemon on the host's CPU."""
        with open(f"/run/bench/{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", "--net=/run/netns/host", "taskset", "-c", str(lab.HOST_CPU), *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **environment})

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

    stop_seconds = 60  # it takes its routes away, up to a million

    def __init__(self, name, arp=False, count=1, programs="build/sbin"):
        super().__init__(name, arp, count)
        self.daemon = "arpproxyd" if arp else "ndproxyd"
        self.ctl_program = os.path.join(programs, "arpproxyctl" if arp else "ndproxyctl")
        self.program = os.path.join(programs, self.daemon)
        base = f"/run/bench/{name}"
        self.socket, self.state, self.guests = base + ".sock", base + ".d", base + ".guests"
        self.started = self.notify = None
        self.kept = False

    def write_guests(self, skip=0):
        """The list; `skip` addresses are left out at its beginning, and so many more stand at its
        end."""
        with open(self.guests, "w", encoding="ascii") as f:
            f.writelines(f"{self.address(i)} vif1\n" for i in range(skip, self.count + skip))

    def start(self, guests=True, keep=False):
        """keep: whether its routes stay when it stops. Without `guests` the list is as it was."""
        if guests:
            self.write_guests()
        self.kept = keep
        conf = self.file("conf", f'uplink "eth0" {{\n\trate = 0\n\tannounce = 0\n}}\n'
                                 f'guests-file = "{self.guests}"\n'
                                 f'keep-routes = {str(keep).lower()}\n')
        os.makedirs(self.state, exist_ok=True)
        path = f"/run/bench/{self.name}.notify"
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        self.started = time.monotonic()
        self.spawn(self.program, "-f", "-c", conf, "-s", self.socket, "-d", self.state,
                   NOTIFY_SOCKET=path)

    def ready(self, seconds=60):
        """When it said that it was ready, on the clock of `started`. That is after the last route
        was acknowledged."""
        self.notify.settimeout(seconds)
        try:
            while b"READY=1" not in self.notify.recv(4096):
                pass
        except TimeoutError as e:
            raise lab.BenchError(f"{self.name} does not become ready") from e
        return time.monotonic()

    def stop(self):
        """A million routes that go with the namespace would take the kernel minutes."""
        self.halt()
        if self.kept:
            self.ip("route", "flush", "proto", "168")
            self.kept = False

    def ctl(self, *words):
        return lab.inside("host", self.ctl_program, "-s", self.socket, "-d", self.state, *words)

    def ip(self, *words):
        return lab.run("ip", "-n", "host", "-4" if self.arp else "-6", *words)

    def routes(self):
        """How many of its routes there are. Not by /proc, which is quadratic."""
        family = "-4" if self.arp else "-6"
        return int(lab.run("sh", "-c", f"ip -n host {family} route show proto 168 | wc -l"))

    def memory(self):
        """VmRSS in MB."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS"))


def known(programs):
    """All of them by name, in the order of the table."""
    sizes = figures.ADDRESSES
    table = [Nobody("nothing")]
    table += [Kernel("kernel-" + s, count=sizes[s]) for s in ("1", "1k", "10k")]
    table += [Ndppd("ndppd", count=100000), Npd6("npd6", count=100000)]
    table += [Ours("ndproxyd-" + s, count=sizes[s], programs=programs)
              for s in ("1", "1k", "100k", "1M")]
    table += [Nobody("nothing-arp", arp=True), Kernel("kernel-arp-1", arp=True)]
    table += [Ours("arpproxyd-" + s, arp=True, count=sizes[s], programs=programs)
              for s in ("1", "1k", "100k", "1M")]
    return {r.name: r for r in table}
