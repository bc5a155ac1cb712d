/*
 * wire: the frames of the benchmark: questions made, answers judged. It shares no code with the
 * daemons, so that they are not their own judges.
 *
 * Listed targets are `first` and the count - 1 addresses behind it, unlisted ones any of
 * UNLISTED_COUNT from `unlisted` on. An IPv4 address stands in the first four bytes.
 */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_FRAME_MAX 128
#define WIRE_SOURCES   2
#define UNLISTED_COUNT (1U << 20)

struct wire {
	bool arp;
	uint8_t mac[6], host_mac[6]; /* of the requester and of whoever answers */
	uint8_t addr[16];            /* the requester's */
	uint8_t first[16], unlisted[16];
	uint32_t count;
	uint8_t sources[WIRE_SOURCES][16]; /* that an advertisement may come from; any if none */
	unsigned nsources;
	uint8_t flags; /* that an advertisement must have, exactly */
};

enum verdict { VERDICT_GOOD, VERDICT_OTHER, VERDICT_WRONG };

/* A frame that wire_ask() turns into a question. Returns its length. */
size_t wire_template(const struct wire *w, uint8_t frame[WIRE_FRAME_MAX]);

/* index: below count for a listed target, below UNLISTED_COUNT for an unlisted one. */
void wire_ask(const struct wire *w, uint8_t *frame, bool listed, uint32_t index);

/* Whether that is a right answer, and to which listed target; OTHER: no answer at all.
 * why: of VERDICT_WRONG. */
enum verdict wire_check(const struct wire *w, const uint8_t *frame, size_t len, bool csum_ok,
	uint32_t *ret_index, const char **why);

#endif
