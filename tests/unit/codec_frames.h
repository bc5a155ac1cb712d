/*
 * What every codec must do with its table of `frames` (ndp_frames.h, arp_frames.h: include that
 * first): the verdicts, no byte read past the end, nothing stored on failure.
 */
#ifndef CODEC_FRAMES_H
#define CODEC_FRAMES_H

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* A heap copy of exact size, so that a sanitizer sees every read past the end. */
static enum reason decode(const void *bytes, size_t len, struct msg *m)
{
	uint8_t *copy = malloc(len ? len : 1);
	enum reason r;

	memcpy(copy, bytes, len);
	r = daemon_codec.decode(copy, len, false, m);
	free(copy);
	return r;
}

/* The frame of that name, as scapy made it. */
static const uint8_t *frame_named(const char *name)
{
	for (size_t n = 0; n < COUNT(frames); n++)
		if (strcmp(frames[n].name, name) == 0)
			return (const uint8_t *)frames[n].bytes;
	fail_msg("no frame \"%s\"", name);
	return NULL;
}

static void test_verdicts(void **state)
{
	(void)state;
	for (size_t n = 0; n < COUNT(frames); n++) {
		struct msg m;
		enum reason r = decode(frames[n].bytes, frames[n].len, &m);

		if (r != frames[n].reason)
			fail_msg("%s: %s, expected %s", frames[n].name, reason_id(r),
				reason_id(frames[n].reason));
	}
}

/* Every cut of every frame is read without a byte beyond it, and never taken for whole. */
static void test_cuts(void **state)
{
	(void)state;
	for (size_t n = 0; n < COUNT(frames); n++) {
		bool padded =
			strstr(frames[n].name, "padding") || strstr(frames[n].name, "trailing");

		for (size_t len = 0; len < frames[n].len; len++) {
			struct msg m;
			enum reason r = decode(frames[n].bytes, len, &m);

			if (!padded && r == REASON_ANSWERED)
				fail_msg("%s cut to %zu bytes is taken", frames[n].name, len);
		}
	}
}

static void test_failure_leaves_output(void **state)
{
	struct msg m, before;

	(void)state;
	memset(&m, 0xa5, sizeof(m));
	before = m;
	for (size_t n = 0; n < COUNT(frames); n++)
		if (frames[n].reason != REASON_ANSWERED) {
			decode(frames[n].bytes, frames[n].len, &m);
			assert_memory_equal(&m, &before, sizeof(m));
		}
}

#endif
