/*
 * What the filter in the kernel must do with a codec's table of `frames` (include ndp_frames.h or
 * arp_frames.h first): the program itself is run on them, by the kernel. Needs root; otherwise
 * skipped.
 */
#ifndef FILTER_FRAMES_H
#define FILTER_FRAMES_H

#include <bpf/bpf.h>
#include <errno.h>

#include "filter.h"

#define COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define ETHER_LEN 14

static int filter_try(size_t expected, struct filter **ret, char why[FILTER_WHY_MAX])
{
	static const uint8_t key[16] = "0123456789abcde";

	return filter_open(daemon_codec.filter_program, expected, key, ret, why);
}

static struct filter *filter_make(size_t expected)
{
	char why[FILTER_WHY_MAX];
	struct filter *f = NULL;

	if (filter_try(expected, &f, why) < 0)
		fail_msg("%s", why);
	return f;
}

/* Does the frame pass? (A test run takes an Ethernet header off before it shows a program the rest:
 * that of somebody else, so that ours stays.) */
static bool passes(const struct filter *f, const void *frame, size_t len)
{
	uint8_t data[2048] = {[12] = 0x08, 0x00};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = data,
		.data_size_in = (uint32_t)(ETHER_LEN + len), .repeat = 1);

	memcpy(data + ETHER_LEN, frame, len);
	if (bpf_prog_test_run_opts(filter_fd(f), &o) < 0)
		fail_msg("test run: %s", strerror(errno));
	return o.retval != 0;
}

static struct prefix P(const char *text) {
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

/* Of the ethertype that the socket is bound to, as the kernel shows it: without a tag. */
static bool
is_heard(const uint8_t *frame, size_t len)
{
	return len >= ETHER_LEN && (frame[12] << 8 | frame[13]) == daemon_codec.ethertype;
}

/* It passes all that the codec has a verdict on, and nothing that the codec ignores. An uplink has
 * no use for router advertisements. */
static void test_listed(void **state)
{
	struct filter *f = filter_make(0);
	struct prefix target = P(TARGET), source = P(SOURCE);

	(void)state;
	filter_add(f, &target);
	filter_add(f, &source);
	for (size_t n = 0; n < COUNT(frames); n++) {
		bool ignored = frames[n].reason == REASON_IGNORED || strstr(frames[n].name, " ra");

		if (!is_heard((const uint8_t *)frames[n].bytes, frames[n].len))
			continue;
		if (passes(f, frames[n].bytes, frames[n].len) == ignored)
			fail_msg("%s: %s", frames[n].name, ignored ? "passed" : "dropped");
	}
	filter_close(f);
}

/* Frame 0 is a good question for TARGET from SOURCE. */
static void test_in_step(void **state)
{
	static const char *const ways[] = {TARGET, NETWORK, WIDER, SOURCE};
	struct filter *f = filter_make(0);
	struct filter_status s;
	uint64_t dropped = 0;

	(void)state;
	for (size_t n = 0; n < COUNT(ways); n++) {
		struct prefix p = P(ways[n]);

		assert_false(passes(f, frames[0].bytes, frames[0].len));
		filter_add(f, &p);
		filter_add(f, &p); /* by two */
		assert_true(passes(f, frames[0].bytes, frames[0].len));
		filter_del(f, &p);
		assert_true(passes(f, frames[0].bytes, frames[0].len));
		filter_del(f, &p);
		assert_false(passes(f, frames[0].bytes, frames[0].len));
		dropped += 2;
	}
	s = filter_status(f);
	assert_int_equal(s.unlisted, dropped);
	assert_int_equal(s.listed, 0);
	filter_close(f);
}

static struct prefix numbered(uint32_t n)
{
	struct prefix p = P(TARGET);

	p.addr.b[12] ^= 0x40;
	p.addr.b[13] = (uint8_t)(n >> 16);
	p.addr.b[14] = (uint8_t)(n >> 8);
	p.addr.b[15] = (uint8_t)n;
	return p;
}

/* Beyond the stated limit everything passes, until it is below it again. */
static void test_limit(void **state)
{
	struct filter *f = filter_make(0);
	const size_t limit = filter_status(f).limit;
	struct prefix p;

	(void)state;
	for (uint32_t n = 0; n < limit; n++) {
		p = numbered(n);
		filter_add(f, &p);
	}
	assert_int_equal(filter_status(f).listed, limit);
	assert_int_equal(filter_status(f).beyond, 0);
	assert_false(passes(f, frames[0].bytes, frames[0].len));
	p = P(OTHER);
	filter_add(f, &p);
	assert_int_equal(filter_status(f).beyond, 1);
	assert_true(passes(f, frames[0].bytes, frames[0].len));
	filter_del(f, &p);
	assert_int_equal(filter_status(f).beyond, 0);
	assert_false(passes(f, frames[0].bytes, frames[0].len));
	for (uint32_t n = 0; n < limit; n++) {
		p = numbered(n);
		filter_del(f, &p);
	}
	assert_int_equal(filter_status(f).listed, 0);
	filter_close(f);
}

/* There is room for what was expected at the start, and for a quarter more. */
static void test_room(void **state)
{
	struct filter *f = filter_make(1000000);

	(void)state;
	assert_true(filter_status(f).limit >= 1250000);
	filter_close(f);
}

/* An interface that is behind: nothing passes from there (in a test run, the loopback), and from
 * others as before. */
static void test_shed(void **state)
{
	struct filter *f = filter_make(0);
	struct prefix p = P(TARGET);

	(void)state;
	filter_add(f, &p);
	for (uint32_t n = 10; n < 16; n++)
		filter_shed(f, n, true);
	assert_true(passes(f, frames[0].bytes, frames[0].len));
	filter_shed(f, 1, true);
	assert_false(passes(f, frames[0].bytes, frames[0].len));
	assert_int_equal(filter_status(f).overload, 1);
	assert_int_equal(filter_status(f).unlisted, 0);
	filter_shed(f, 1, false);
	assert_true(passes(f, frames[0].bytes, frames[0].len));
	for (uint32_t n = 10; n < 16; n++)
		filter_shed(f, n, false);
	filter_close(f);
}

/* A filter that is not there. */
static void test_none(void **state)
{
	struct prefix p = P(TARGET);

	(void)state;
	filter_add(NULL, &p);
	filter_del(NULL, &p);
	filter_shed(NULL, 1, true);
	assert_int_equal(filter_fd(NULL), -1);
	assert_int_equal(filter_status(NULL).limit, 0);
	filter_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listed),
		cmocka_unit_test(test_in_step),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_shed),
		cmocka_unit_test(test_none),
	};
	char why[FILTER_WHY_MAX];
	struct filter *f = NULL;

	if (filter_try(0, &f, why) == -EPERM) {
		printf("1..0 # SKIP %s\n", why);
		return 0;
	}
	filter_close(f);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
