/*
 * port: the requester's interface: frames out in batches, answers in through a ring. One of each,
 * one thread. Nothing in it blocks.
 */
#ifndef BENCH_PORT_H
#define BENCH_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

#define PORT_BATCH 64

struct answer {
	const uint8_t *frame;
	size_t len;
	bool csum_ok; /* there is none yet: it never left the machine */
};

/* Opens the interface and tells its MAC. Returns 0 or -errno. */
int port_open(const char *ifname, bool arp, uint8_t ret_mac[6]);

/* Every buffer of a batch becomes a copy of that frame. */
void port_template(const uint8_t *frame, size_t len);

/* The i-th buffer of the next batch, below PORT_BATCH. */
uint8_t *port_buffer(unsigned i);

/* Sends the first n buffers. Returns how many the other end had no room for, or -errno. */
int port_send(unsigned n);

/* The next answer, or false; it is valid until the next call. */
bool port_next(struct answer *ret);

/* Answers that found the ring full, since the last call: the requester's fault. */
unsigned port_overrun(void);

#endif
