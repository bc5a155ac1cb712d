/*
 * packet: see packet.h. A listener with a ring reads frames where the kernel has put them. The
 * buffers of a batch, of the others' received frames and of all to be sent, are scratch space
 * shared by all listeners: there is one thread, a received frame is valid during its callback only,
 * and the queue of frames to send belongs to one listener at a time (another one's first frame
 * flushes it). So a thousand listeners without a ring cost a thousand sockets and nothing else.
 *
 * Closing a packet socket takes 10 ms, and more where the kernel is busy with interfaces: it waits
 * until no processor can have it in hand any more. When a hundred vifs go at once that would be a
 * second without an answer, so a few threads, which live while there is something to close, do it.
 */
#include "packet.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BUFFER (4 * 1024 * 1024)

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* Linux 4.20 */
#endif

#define RING_FRAME 2048
#define RING_BLOCK (64 * 1024)
#define RING_BYTES (RING_FRAME * PACKET_RING)

struct packet {
	int fd;
	uint8_t *ring;   /* NULL: none */
	unsigned next;   /* frame of the ring to be read next */
	unsigned failed; /* frames, since the last packet_flush() */
};

/* What the kernel fills in beside a frame's bytes. */
struct ancillary {
	struct sockaddr_ll from;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
};

#define CLOSING_MAX 256 /* sockets that wait to be closed; beyond, whoever closes one waits */
#define CLOSERS_MAX 8

static struct {
	pthread_mutex_t lock;
	int fds[CLOSING_MAX];
	unsigned n, threads;
} closing = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint8_t in_data[PACKET_BATCH][PACKET_FRAME_MAX];
static struct ancillary in_ancillary[PACKET_BATCH];
static struct iovec in_iov[PACKET_BATCH];
static struct mmsghdr in_batch[PACKET_BATCH];

static uint8_t out_data[PACKET_BATCH][PACKET_SEND_MAX];
static struct iovec out_iov[PACKET_BATCH];
static struct mmsghdr out_batch[PACKET_BATCH];
static unsigned out_count;
static struct packet *out_owner;

static int option_set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Everything between socket(2) and bind(2): K06. */
static int socket_prepare(int fd, const struct sock_fprog *filter, int bpf_fd)
{
	int err;

	if (bpf_fd >= 0)
		err = option_set(fd, SOL_SOCKET, SO_ATTACH_BPF, bpf_fd);
	else
		err = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, sizeof(*filter)) < 0
			      ? -errno
			      : 0;
	if (err < 0)
		return err;
	err = option_set(fd, SOL_PACKET, PACKET_AUXDATA, 1);
	if (err < 0)
		return err;
	/* Both are for speed: each frame's packet type is looked at anyway, and a burst that does
	 * not fit is lost as on any wire. */
	option_set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (option_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
		option_set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	return 0;
}

/* As tpacket(7) version 2: each frame is handed over by itself, so none waits for others. */
static void ring_make(struct packet *p)
{
	int version = TPACKET_V2;
	struct tpacket_req req = {
		.tp_block_size = RING_BLOCK,
		.tp_block_nr = RING_BYTES / RING_BLOCK,
		.tp_frame_size = RING_FRAME,
		.tp_frame_nr = PACKET_RING,
	};
	void *ring;

	if (option_set(p->fd, SOL_PACKET, PACKET_VERSION, version) < 0 ||
		setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return;
	ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, p->fd, 0);
	if (ring != MAP_FAILED) {
		p->ring = ring;
		return;
	}
	memset(&req, 0, sizeof(req)); /* gives it up */
	setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req));
}

static int socket_bind(int fd, uint32_t ifindex, uint16_t ethertype)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ethertype),
		.sll_ifindex = (int)ifindex,
	};
	/* N00: it goes with the socket, after a kill too */
	struct packet_mreq mreq = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_ALLMULTI};

	if (bind(fd, (struct sockaddr *)&sll, sizeof(sll)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) < 0)
		return -errno;
	return 0;
}

/* The next socket to be closed, or -1: the thread's end. */
static int closing_next(void)
{
	int fd = -1;

	pthread_mutex_lock(&closing.lock);
	if (closing.n > 0)
		fd = closing.fds[--closing.n];
	else
		closing.threads--;
	pthread_mutex_unlock(&closing.lock);
	return fd;
}

static void *closer(void *unused)
{
	int fd;

	(void)unused;
	while ((fd = closing_next()) >= 0)
		close(fd);
	return NULL;
}

/* Signals are for the thread that has always been there. */
static bool closer_start(void)
{
	sigset_t all, old;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&thread, NULL, closer, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err == 0)
		pthread_detach(thread);
	return err == 0;
}

static void socket_close(int fd)
{
	bool queued, start;

	pthread_mutex_lock(&closing.lock);
	queued = closing.n < CLOSING_MAX;
	if (queued)
		closing.fds[closing.n++] = fd;
	start = queued && closing.threads < CLOSERS_MAX;
	closing.threads += start;
	pthread_mutex_unlock(&closing.lock);
	if (!queued)
		close(fd);
	else if (start && !closer_start())
		closer(NULL);
}

int packet_open(uint32_t ifindex, uint16_t ethertype, const struct sock_fprog *filter, int bpf_fd,
	bool ring, struct packet **ret)
{
	struct packet *p;
	int err;

	if (ifindex == 0)
		return -ENODEV; /* to bind(2) it means every interface */
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0) {
		err = -errno;
		free(p);
		return err;
	}
	err = socket_prepare(p->fd, filter, bpf_fd);
	if (err == 0 && ring)
		ring_make(p);
	if (err == 0)
		err = socket_bind(p->fd, ifindex, ethertype);
	if (err < 0) {
		packet_close(p);
		return err;
	}
	*ret = p;
	return 0;
}

void packet_close(struct packet *p)
{
	if (!p)
		return;
	if (out_owner == p) {
		out_owner = NULL;
		out_count = 0;
	}
	if (p->ring)
		munmap(p->ring, RING_BYTES);
	socket_close(p->fd);
	free(p);
}

int packet_fd(const struct packet *p)
{
	return p->fd;
}

bool packet_is_bound(const struct packet *p, uint32_t ifindex)
{
	struct sockaddr_ll sll = {0};
	socklen_t len = sizeof(sll);

	return getsockname(p->fd, (struct sockaddr *)&sll, &len) == 0 &&
	       sll.sll_ifindex == (int)ifindex;
}

static void in_prepare(void)
{
	for (size_t i = 0; i < PACKET_BATCH; i++) {
		in_iov[i] = (struct iovec){in_data[i], PACKET_FRAME_MAX};
		in_batch[i].msg_hdr = (struct msghdr){
			.msg_name = &in_ancillary[i].from,
			.msg_namelen = sizeof(in_ancillary[i].from),
			.msg_iov = &in_iov[i],
			.msg_iovlen = 1,
			.msg_control = in_ancillary[i].control,
			.msg_controllen = sizeof(in_ancillary[i].control),
		};
	}
}

static void frame_auxdata(struct msghdr *h, struct frame *f)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA ||
			c->cmsg_len < CMSG_LEN(sizeof(aux)))
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		f->csum_pending = aux.tp_status & TP_STATUS_CSUMNOTREADY;
		f->has_vlan = aux.tp_status & TP_STATUS_VLAN_VALID;
		f->vlan_tci = f->has_vlan ? aux.tp_vlan_tci : 0;
	}
}

/* A socket tells of its error (ENETDOWN) once, and is readable until somebody has asked. */
static int socket_error(int fd)
{
	int err = 0;
	socklen_t len = sizeof(err);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 ? -errno : -err;
}

static void ring_frame(const uint8_t *slot, const struct tpacket2_hdr *h,
	void (*each)(void *ctx, const struct frame *f), void *ctx)
{
	const struct sockaddr_ll *from =
		(const void *)(slot + TPACKET_ALIGN(sizeof(struct tpacket2_hdr)));
	const struct frame f = {
		.data = slot + h->tp_mac,
		.len = h->tp_snaplen,
		.truncated = h->tp_snaplen < h->tp_len,
		.csum_pending = h->tp_status & TP_STATUS_CSUMNOTREADY,
		.other_host = from->sll_pkttype == PACKET_OTHERHOST,
		.has_vlan = h->tp_status & TP_STATUS_VLAN_VALID,
		.vlan_tci = h->tp_status & TP_STATUS_VLAN_VALID ? h->tp_vlan_tci : 0,
	};

	if (from->sll_pkttype != PACKET_OUTGOING) /* H28 */
		each(ctx, &f);
}

static uint8_t *ring_slot(const struct packet *p, unsigned ahead)
{
	return p->ring + (size_t)((p->next + ahead) % PACKET_RING) * RING_FRAME;
}

static bool slot_is_full(const uint8_t *slot)
{
	const struct tpacket2_hdr *h = (const void *)slot;

	return __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

bool packet_behind(const struct packet *p, unsigned n)
{
	return p->ring && slot_is_full(ring_slot(p, n));
}

static int ring_receive(struct packet *p, void (*each)(void *ctx, const struct frame *f), void *ctx)
{
	int n;

	for (n = 0; n < PACKET_BATCH; n++) {
		uint8_t *slot = ring_slot(p, 0);
		struct tpacket2_hdr *h = (void *)slot;

		if (!slot_is_full(slot))
			break;
		ring_frame(slot, h, each, ctx);
		__atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		p->next = (p->next + 1) % PACKET_RING;
	}
	return n > 0 ? n : socket_error(p->fd);
}

int packet_receive(struct packet *p, void (*each)(void *ctx, const struct frame *f), void *ctx)
{
	int n;

	if (p->ring)
		return ring_receive(p, each, ctx);
	in_prepare();
	n = recvmmsg(p->fd, in_batch, PACKET_BATCH, MSG_DONTWAIT, NULL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		struct msghdr *h = &in_batch[i].msg_hdr;
		struct frame f = {
			.data = in_data[i],
			.len = in_batch[i].msg_len,
			.truncated = h->msg_flags & MSG_TRUNC,
			.other_host = in_ancillary[i].from.sll_pkttype == PACKET_OTHERHOST,
		};

		if (in_ancillary[i].from.sll_pkttype == PACKET_OUTGOING)
			continue; /* H28, on a kernel without PACKET_IGNORE_OUTGOING */
		frame_auxdata(h, &f);
		each(ctx, &f);
	}
	return n;
}

/*
 * A socket keeps the error of an interface that went down until somebody asks for it, so the first
 * failure may be yesterday's: that frame is tried once more. After that a frame that is itself at
 * fault costs itself alone; with any other error the rest would only meet the same one.
 */
static void out_send(void)
{
	struct packet *p = out_owner;
	unsigned sent = 0;
	bool retried = false;

	while (sent < out_count) {
		int n = sendmmsg(p->fd, out_batch + sent, out_count - sent, MSG_DONTWAIT);

		if (n > 0) {
			sent += (unsigned)n;
		} else if (errno == EINTR) {
			continue;
		} else if (errno == ENETDOWN && !retried) {
			retried = true;
		} else if (errno == EMSGSIZE || errno == EINVAL) {
			p->failed++;
			sent++;
		} else {
			p->failed += out_count - sent;
			break;
		}
	}
	out_count = 0;
}

void packet_send(struct packet *p, const uint8_t *frame, size_t len)
{
	if (len > PACKET_SEND_MAX) {
		p->failed++;
		return;
	}
	if (out_count > 0 && (out_owner != p || out_count == PACKET_BATCH))
		out_send();
	out_owner = p;
	memcpy(out_data[out_count], frame, len);
	out_iov[out_count] = (struct iovec){out_data[out_count], len};
	out_batch[out_count].msg_hdr =
		(struct msghdr){.msg_iov = &out_iov[out_count], .msg_iovlen = 1};
	out_count++;
}

unsigned packet_flush(struct packet *p)
{
	unsigned failed;

	if (out_owner == p && out_count > 0)
		out_send();
	failed = p->failed;
	p->failed = 0;
	return failed;
}
