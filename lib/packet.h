/*
 * packet: AF_PACKET listeners: filter, batch receive, batch send.
 *
 * A listener hears one interface for one ethertype. The socket is created with protocol 0, gets
 * its filter, and is bound last, so no frame of before the filter is ever read (K06). It holds
 * PACKET_MR_ALLMULTI from its bind on, because real cards filter the guests' multicast groups out
 * otherwise (N00). Outgoing frames are not read (H28).
 */
#ifndef PACKET_H
#define PACKET_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_BATCH     64   /* frames a system call, and at most a call of packet_receive() */
#define PACKET_FRAME_MAX 2048 /* longer ones (through a ring, of 1,960) are cut, and marked */

/* One frame as received. */
struct frame {
	const uint8_t *data; /* from the Ethernet header on */
	size_t len;
	bool truncated;    /* was longer than PACKET_FRAME_MAX */
	bool csum_pending; /* the kernel has not computed its checksum yet (TP_STATUS_CSUMNOTREADY)
			    */
	bool other_host;   /* PACKET_OTHERHOST: another's MAC, or a VLAN that is not ours (H23, H24)
			    */
	bool has_vlan;     /* the auxiliary data carried a VLAN tag ... */
	uint16_t vlan_tci; /* ... this one */
};

struct packet;

/*
 * Opens a listener. Returns 0 and *ret, or -errno. bpf_fd: a program of eBPF that is the filter
 * instead; -1: none. Either is kept by the kernel. ring: frames come through memory shared with the
 * kernel, 4 MiB of it, which is faster; where there is none to be had they are copied.
 */
int packet_open(uint32_t ifindex, uint16_t ethertype, const struct sock_fprog *filter, int bpf_fd,
	bool ring, struct packet **ret);
/* Sends nothing that is still queued. The descriptor is closed a moment later: take it out of any
 * epoll before. NULL is fine. */
void packet_close(struct packet *p);
int packet_fd(const struct packet *p);
/* Is it still bound to the interface? One that goes away takes the binding and the membership with
 * it, and its return does not bring them back. */
bool packet_is_bound(const struct packet *p, uint32_t ifindex);

/*
 * Reads one batch at most, without blocking, and calls `each` for every frame; the frame is
 * valid during that call only. Returns the number of frames read, 0 where there was none, or
 * -errno (-ENETDOWN when the interface went down or away: not fatal).
 */
int packet_receive(struct packet *p, void (*each)(void *ctx, const struct frame *f), void *ctx);

/* Are more than n frames waiting in the ring (n less than PACKET_RING)? False where there is none.
 */
#define PACKET_RING 2048
bool packet_behind(const struct packet *p, unsigned n);

/*
 * Queues a whole frame (copied; at most PACKET_SEND_MAX bytes) and sends the queue when it is
 * full. packet_flush() sends what is queued; returns the number of frames that could not be sent
 * since the last flush (a full queue of the interface, or the interface being down).
 */
#define PACKET_SEND_MAX 256
void packet_send(struct packet *p, const uint8_t *frame, size_t len);
unsigned packet_flush(struct packet *p);

#endif
