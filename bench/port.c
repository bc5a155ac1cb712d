/*
 * port: see port.h. Sending goes around the queueing discipline, which would only cost time. The
 * ring is of version 2: version 3 hands frames over in blocks, and would add up to a millisecond.
 * A ring for sending would be no faster, and a veth gives a frame back before its bytes are read.
 */
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING_FRAME  256
#define RING_BLOCK  (1U << 20)
#define RING_BLOCKS 8U
#define RING_FRAMES (RING_BLOCK / RING_FRAME * RING_BLOCKS)

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* Linux 4.20 */
#endif

static int out_fd = -1, in_fd = -1;
static uint8_t out_data[PORT_BATCH][WIRE_FRAME_MAX];
static struct iovec out_iov[PORT_BATCH];
static struct mmsghdr out_batch[PORT_BATCH];
static uint8_t *ring;
static uint32_t ring_next;
static struct tpacket2_hdr *ring_held; /* what port_next() gave out last */

/* Answers alone: an NA without extension headers, an ARP reply. */
static struct sock_filter nd_filter[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 58, 0, 3),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 54),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
static struct sock_filter arp_filter[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
static const struct sock_fprog nd_program = {sizeof(nd_filter) / sizeof(nd_filter[0]), nd_filter};
static const struct sock_fprog arp_program = {
	sizeof(arp_filter) / sizeof(arp_filter[0]), arp_filter};

static int set(int fd, int name, int value)
{
	return setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int bind_to(int fd, int ifindex, uint16_t ethertype)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ethertype),
		.sll_ifindex = ifindex,
	};

	return bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0 ? -errno : 0;
}

static int ring_open(int ifindex, bool arp)
{
	const struct sock_fprog *filter = arp ? &arp_program : &nd_program;
	struct tpacket_req req = {
		.tp_block_size = RING_BLOCK,
		.tp_block_nr = RING_BLOCKS,
		.tp_frame_size = RING_FRAME,
		.tp_frame_nr = RING_FRAMES,
	};
	int err;

	in_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (in_fd < 0 ||
		setsockopt(in_fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0)
		return -errno;
	if ((err = set(in_fd, PACKET_VERSION, TPACKET_V2)) < 0 ||
		(err = set(in_fd, PACKET_IGNORE_OUTGOING, 1)) < 0)
		return err;
	if (setsockopt(in_fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	ring = mmap(NULL, (size_t)RING_BLOCK * RING_BLOCKS, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_POPULATE, in_fd, 0);
	if (ring == MAP_FAILED)
		return -errno;
	return bind_to(in_fd, ifindex, arp ? ETH_P_ARP : ETH_P_IPV6);
}

int port_open(const char *ifname, bool arp, uint8_t ret_mac[6])
{
	struct ifreq ifr = {.ifr_ifindex = 0};
	int err, ifindex = (int)if_nametoindex(ifname);

	if (ifindex == 0)
		return -errno;
	out_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (out_fd < 0)
		return -errno;
	strncpy(ifr.ifr_name, ifname, IFNAMSIZ - 1);
	if (ioctl(out_fd, SIOCGIFHWADDR, &ifr) < 0)
		return -errno;
	memcpy(ret_mac, ifr.ifr_hwaddr.sa_data, 6);
	if ((err = set(out_fd, PACKET_QDISC_BYPASS, 1)) < 0 ||
		(err = bind_to(out_fd, ifindex, 0)) < 0)
		return err;
	return ring_open(ifindex, arp);
}

void port_template(const uint8_t *frame, size_t len)
{
	for (unsigned i = 0; i < PORT_BATCH; i++) {
		memcpy(out_data[i], frame, len);
		out_iov[i] = (struct iovec){out_data[i], len};
		out_batch[i].msg_hdr = (struct msghdr){.msg_iov = &out_iov[i], .msg_iovlen = 1};
	}
}

uint8_t *port_buffer(unsigned i)
{
	return out_data[i];
}

int port_send(unsigned n)
{
	unsigned done = 0;
	int refused = 0;

	while (done < n) {
		int rc = sendmmsg(out_fd, out_batch + done, n - done, MSG_DONTWAIT);

		if (rc > 0) {
			done += (unsigned)rc;
		} else if (errno == ENOBUFS || errno == EAGAIN) {
			refused++; /* the host's backlog is full: lost on the wire */
			done++;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return refused;
}

bool port_next(struct answer *ret)
{
	struct tpacket2_hdr *h;
	uint32_t status;

	if (ring_held)
		__atomic_store_n(&ring_held->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	ring_held = NULL;
	h = (void *)(ring + (size_t)ring_next * RING_FRAME);
	status = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
	if (!(status & TP_STATUS_USER))
		return false;
	ring_held = h;
	ring_next = (ring_next + 1) % RING_FRAMES;
	*ret = (struct answer){(uint8_t *)h + h->tp_mac, h->tp_snaplen,
		status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)};
	return true;
}

unsigned port_overrun(void)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	if (getsockopt(in_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
		return 0;
	return stats.tp_drops;
}
