"""lab: the two hosts of the benchmark, in namespaces of their own.

    CPU 1                                    CPU 0
    [requester: eth0] ------ veth ------ [host: eth0  vif1] ------ veth ------ [guest: eth0]
     2001:db8::1                           2001:db8::2  (responder)
     10.0.0.1                              10.0.0.2

enter() runs the rest of the program as the first process of fresh mount, network and PID
namespaces: when that ends, in whatever way, the kernel ends every process of the lab and forgets
every interface. Nothing of the machine is touched.

Questions are handed to CPU 0 by RPS, so that the host's receive work, a kernel responder's whole
work included, is not done inside the generator. Answers are not handed to CPU 1: on a virtual
machine an interrupt from one CPU to the other costs microseconds, which no wire has, and two for an
answer would be most of what is measured. They are received on CPU 0, whoever answers.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time

HOST_CPU, REQUESTER_CPU = 0, 1
REQUESTER_MAC, HOST_MAC, VIF_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "fe:ff:ff:ff:ff:ff"
HOST_LINKLOCAL = "fe80::ff:fe00:2"
REQUESTER6, HOST6, LEN6 = "2001:db8::1", "2001:db8::2", 64
REQUESTER4, HOST4, LEN4 = "10.0.0.1", "10.0.0.2", 8

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
PR_SET_PDEATHSIG = 1


class BenchError(Exception):
    """What a person should be told without a traceback."""


def run(*command, stdin=None):
    """COMMAND, which must succeed; its output."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def inside(node, *command, **kwargs):
    """COMMAND on one of the hosts."""
    return run("nsenter", "--net=/run/netns/" + node, *command, **kwargs)


def alone():
    """Two runs at a time would measure each other: the second one waits for the first to end. The
    name is the machine's, goes with the process, and leaves no file."""
    name = socket.socket(socket.AF_UNIX)
    told = False
    while True:
        try:
            name.bind("\0ndproxyd-bench")
            return name
        except OSError:
            if not told:
                print("bench: another run is under way; waiting", file=sys.stderr, flush=True)
            told = True
            time.sleep(0.5)


def enter():
    """Returns in the first process of the namespaces; the other one waits here, and exits."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET) != 0:
        raise BenchError("no namespaces: " + os.strerror(ctypes.get_errno()))
    child = os.fork()
    if child:
        def stop(number, _frame):
            os.kill(child, signal.SIGKILL)
            sys.exit(128 + number)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, stop)
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 1)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", "/run")
    os.makedirs("/run/netns")
    os.makedirs("/run/bench")
    os.sched_setaffinity(0, {REQUESTER_CPU})


def node_up(name, *sysctls):
    """A network namespace. The settings are named: a new one has some of the machine's."""
    run("ip", "netns", "add", name)
    settings = ["net.ipv6.conf.%s.accept_ra=0", "net.ipv6.conf.%s.accept_dad=0",
                "net.ipv6.conf.%s.proxy_ndp=0", "net.ipv4.conf.%s.proxy_arp=0",
                "net.ipv4.conf.%s.proxy_arp_pvlan=0", "net.ipv4.conf.%s.rp_filter=0",
                "net.ipv4.conf.%s.arp_ignore=0", "net.ipv4.conf.%s.arp_filter=0",
                "net.ipv4.conf.%s.arp_accept=0"]
    words = [s % which for s in settings for which in ("all", "default")]
    words.append("net.ipv6.conf.default.router_solicitations=0")
    inside(name, "sysctl", "-qw", *words, *sysctls)
    run("ip", "-n", name, "link", "set", "lo", "up")


def steer(node, ifname, cpu):
    """Receive work of the interface onto one CPU. /sys shows the interfaces of whoever mounted it,
    so it is mounted anew; `ip netns exec` does that."""
    path = f"/sys/class/net/{ifname}/queues/rx-0/rps_cpus"
    run("ip", "netns", "exec", node, "sh", "-c", f"echo {1 << cpu:x} >{path}")


def up():
    """Requester, host and guest. The requester's kernel shall neither answer nor ask."""
    node_up("requester", "net.ipv6.conf.default.disable_ipv6=1")
    node_up("host", "net.ipv6.conf.all.forwarding=1", "net.ipv6.conf.default.forwarding=1",
            "net.ipv4.ip_forward=1")
    node_up("guest", "net.ipv6.conf.default.disable_ipv6=1")
    run("ip", "link", "add", "name", "eth0", "netns", "requester", "address", REQUESTER_MAC,
        "type", "veth", "peer", "name", "eth0", "address", HOST_MAC, "netns", "host")
    run("ip", "link", "add", "name", "vif1", "netns", "host", "address", VIF_MAC,
        "type", "veth", "peer", "name", "eth0", "netns", "guest")
    for node, ifname in (("host", "eth0"), ("host", "vif1"), ("guest", "eth0")):
        run("ip", "-n", node, "link", "set", ifname, "up")
    run("ip", "-n", "requester", "link", "set", "eth0", "arp", "off", "up")
    run("ip", "-n", "host", "addr", "add", f"{HOST6}/{LEN6}", "dev", "eth0")
    run("ip", "-n", "host", "addr", "add", f"{HOST4}/{LEN4}", "dev", "eth0")
    for address in (REQUESTER6, REQUESTER4):
        run("ip", "-n", "host", "neigh", "replace", address, "lladdr", REQUESTER_MAC,
            "dev", "eth0", "nud", "permanent")
    steer("host", "eth0", HOST_CPU)


def down():
    """Everything of up(), with whatever a responder left."""
    for node in ("host", "requester", "guest"):
        run("ip", "netns", "del", node)


def busy(seconds=0.3):
    """What share of the host's CPU something else takes, in percent: for while nothing is
    measured."""
    def idle():
        with open("/proc/stat", encoding="ascii") as f:
            words = next(line.split() for line in f if line.startswith(f"cpu{HOST_CPU} "))
        return (int(words[4]) + int(words[5])) / os.sysconf("SC_CLK_TCK")

    before, since = idle(), time.monotonic()
    time.sleep(seconds)
    return max(0.0, 100 * (1 - (idle() - before) / (time.monotonic() - since)))


def wait_for(what, condition, seconds=10.0, step=0.01):
    """Until condition() is true; what it gave."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise BenchError(f"{what}: not within {seconds:g} s")
        time.sleep(step)
