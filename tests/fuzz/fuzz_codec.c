/*
 * Fuzz target of a codec, NDP's or ARP's: decode; what decodes, answer; what we answer must decode
 * to what was meant. Built by `make fuzz` with libFuzzer, and by `make check` to replay the corpus.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "msg.h"

extern const struct codec daemon_codec;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct msg m, back, answer = {.kind = MSG_TELL, .has_lladdr = true};
	uint8_t frame[MSG_FRAME_MAX];
	size_t len;

	daemon_codec.decode(data, size, false, &m);
	if (daemon_codec.decode(data, size, true, &m) != REASON_ANSWERED || m.kind != MSG_ASK)
		return 0;
	answer.src = answer.target = m.target;
	answer.dst = m.src;
	answer.solicited = !addr_is_unspecified(&m.src);
	memcpy(answer.eth_dst, m.eth_src, MAC_LEN);
	memcpy(answer.eth_src, "\x02\0\0\0\0\x03", MAC_LEN);
	memcpy(answer.lladdr, answer.eth_src, MAC_LEN);
	len = daemon_codec.encode(&answer, frame, sizeof(frame));
	if (len == 0)
		abort();
	/* a loopback target has no business as a source, and is refused as one */
	if (daemon_codec.decode(frame, len, false, &back) != REASON_ANSWERED)
		return addr_is_loopback(&m.target) ? 0 : (abort(), 0);
	if (back.kind != MSG_TELL || !addr_equal(&back.target, &m.target) ||
		(daemon_codec.needs_source && back.solicited != answer.solicited))
		abort();
	return 0;
}
