/*
 * msg: the neutral message, the verdict on it, and the wire contract `struct codec`.
 *
 * Neighbor Discovery and ARP both ask "who has T?" and answer "T is at M". A codec turns a frame
 * into a struct msg or says why not; the engine turns a struct msg into a verdict and at most one
 * struct msg back; a codec makes a frame of that. What a protocol does differently is a constant
 * of its codec, so that the engine never asks which protocol it serves.
 */
#ifndef MSG_H
#define MSG_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "cursor.h"

#define MAC_LEN       6
#define MSG_FRAME_MAX 256 /* the longest frame a codec makes */

enum msg_kind {
	MSG_ASK,    /* a Neighbor Solicitation, an ARP request */
	MSG_TELL,   /* a Neighbor Advertisement, an ARP reply */
	MSG_ROUTER, /* a Router Advertisement: nothing of it is read but its sender */
};

struct msg {
	enum msg_kind kind;
	uint8_t eth_dst[MAC_LEN], eth_src[MAC_LEN];
	struct addr
		src; /* of the network layer; unspecified: duplicate address detection, a probe */
	struct addr dst; /* where there is one: of the network layer */
	struct addr target;
	bool has_lladdr; /* the link-layer address told inside: SLLAO, TLLAO, sha */
	uint8_t lladdr[MAC_LEN];
	uint8_t asker[MAC_LEN]; /* of an answer: what the asker told of itself (ARP's tha) */
	bool announcement;      /* unsolicited: an NA with S=0, a gratuitous ARP */
	bool solicited, override, router; /* flags of an NA; a gratuitous ARP overrides */
	bool has_nonce; /* RFC 7527: tells our guests' own solicitations when they come back (D02)
			 */
	uint8_t nonce[6];
};

/* The verdict on a frame: the numbers of CONFORMANCE.md. */
enum reason {
	REASON_ANSWERED, /* the only one that is no drop */
	REASON_IGNORED,  /* not a question nor a claim: not counted at all */
	/* decoding: judged by the codec */
	REASON_H01,
	REASON_H02,
	REASON_H03,
	REASON_H04,
	REASON_H05,
	REASON_H06,
	REASON_H07,
	REASON_H08,
	REASON_H09,
	REASON_H10,
	REASON_H12,
	REASON_H13,
	REASON_H20,
	REASON_H21,
	REASON_H26,
	REASON_N14,
	REASON_N15,
	REASON_A05,
	REASON_H40,
	REASON_H42,
	REASON_H44,
	REASON_H46,
	/* judged by the engine */
	REASON_H14,
	REASON_H16,
	REASON_H17,
	REASON_H18,
	REASON_H23,
	REASON_H24,
	REASON_H43,
	REASON_H45,
	REASON_H60,
	REASON_H61,
	REASON_H62,
	REASON_H63,
	REASON_H64,
	REASON_N02,
	REASON_N10,
	REASON_N11,
	REASON_N12,
	REASON_N13,
	REASON_N20,
	REASON_N21,
	REASON_N22,
	REASON_D01,
	REASON_D02,
	REASON_D05,
	REASON_K04,
	REASON_K09,
	REASON_K11,
	REASON_TX, /* answered, and the interface did not take the frame */
	REASON_COUNT
};

const char *reason_id(enum reason r);   /* "H01" */
const char *reason_word(enum reason r); /* "hop-limit" */
const char *reason_text(enum reason r); /* a sentence without a final dot, for people */

/*
 * Reads an Ethernet header, and a priority tag where there is one (H25). Returns REASON_ANSWERED
 * and the ethertype, or why the frame is dropped (H24, H26). dst and src: MAC_LEN bytes each.
 */
enum reason msg_ethernet(struct cursor *c, uint8_t *dst, uint8_t *src, uint16_t *ret_type);

struct sysctl_check {
	const char *path;      /* below /proc/sys, "%s" for the interface */
	const char *want;      /* what it must be */
	const char *code;      /* of the warning, a CONFORMANCE number */
	bool vif, uplink, all; /* where it is looked at */
	const char *why;       /* what goes wrong otherwise, a clause */
};

/* One protocol. Everything in it is constant. */
struct codec {
	const char *name;      /* of the daemon */
	const char *ctl;       /* of its control command */
	const char *other_ctl; /* of the other family's */
	int family;            /* AF_INET6, AF_INET */
	uint16_t ethertype;
	struct sock_fprog uplink_filter, vif_filter;
	const char *filter_program;    /* in the kernel, on the uplinks, in uplink_filter's place */
	unsigned announce_interval_ms; /* between two announcements of one address (N11, A07) */
	/* `probe`: so many questions for an address, a second apart; and so many seconds in all. */
	unsigned probes, probe_rounds;
	/*
	 * Which source an answer bears: true, the sender needs an address of its own on the
	 * interface (N02, N25); false, the target itself is the source (ARP's spa).
	 */
	bool needs_source;
	/* A04: a probe for an address that is on no network of the uplinks is defended by the guard
	 * too */
	bool defends_off_link;
	/* The kernel takes routes away without telling (IPv4): when an interface goes down, or
	 * loses an address. Then its tables must be read again. */
	bool silent_route_loss;
	/* Where the kernel itself answers on a vif for every address of the host as long as this
	 * sysctl (below /proc/sys, "%s" for "all" and for the interface) is 0 on both; NULL: it
	 * does not. */
	const char *host_answer_sysctl;
	/* Makes the link-local address of a vif that has none (N25); NULL where there is no need.
	 */
	struct addr (*linklocal)(const uint8_t mac[MAC_LEN]);
	enum reason own_lladdr; /* what a link-layer address that is the host's own is counted as */
	/* An asker's address is learned by whoever hears the question (RFC 826), so one that is
	 * another guest's is a conflict on a vif too, guard or not (H45). */
	bool asking_claims;
	enum reason conflict;  /* what a foreign claim to a guest's address is counted as */
	enum reason announced; /* what any other announcement is counted as */
	/* Is it the address of all hosts of this network? NULL where there are no such addresses.
	 */
	bool (*is_broadcast)(const struct addr *a, const struct prefix *network);
	enum reason bad_source, bad_target; /* what one is counted as */
	const struct sysctl_check *checks;  /* ends with a path of NULL */
	/*
	 * Reads a frame (from the Ethernet header on). csum_ok: do not check the checksum, the
	 * kernel has not computed it yet. Returns REASON_ANSWERED and fills *ret, or the reason to
	 * drop it and leaves *ret as it was.
	 */
	enum reason (*decode)(const uint8_t *frame, size_t len, bool csum_ok, struct msg *ret);
	/*
	 * Builds a whole frame in buf (cap bytes): of what tells, an answer or an announcement; of
	 * what asks, duplicate address detection or a probe. Returns its length, 0 where it does
	 * not fit.
	 */
	size_t (*encode)(const struct msg *m, uint8_t *buf, size_t cap);
};

#endif
