/* The ARP codec: frames made by scapy against the verdicts of CONFORMANCE.md, and what it makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../arpproxyd/arp.h"
#include "arp_frames.h"
#include "codec_frames.h"

static struct addr A(const char *text) {
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void
decode_named(const char *name, struct msg *m)
{
	for (size_t n = 0; n < COUNT(frames); n++)
		if (strcmp(frames[n].name, name) == 0) {
			assert_int_equal(
				decode(frames[n].bytes, frames[n].len, m), REASON_ANSWERED);
			return;
		}
	fail_msg("no frame \"%s\"", name);
}

static void test_fields(void **state)
{
	static const struct {
		const char *frame;
		enum msg_kind kind;
		const char *src, *target;
		bool announcement;
	} cases[] = {
		{"a01 request", MSG_ASK, "192.0.2.1", "192.0.2.34", false},
		{"a02 probe", MSG_ASK, "0.0.0.0", "192.0.2.34", false},
		{"reply", MSG_TELL, "192.0.2.1", "192.0.2.1", false},
		{"a05 gratuitous request", MSG_TELL, "192.0.2.34", "192.0.2.34", true},
		{"a05 gratuitous reply", MSG_TELL, "192.0.2.34", "192.0.2.34", true},
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		struct addr src = A(cases[n].src), target = A(cases[n].target);
		struct msg m;

		decode_named(cases[n].frame, &m);
		assert_int_equal(m.kind, cases[n].kind);
		assert_int_equal(m.announcement, cases[n].announcement);
		assert_true(addr_equal(&m.src, &src) && addr_equal(&m.target, &target));
		assert_true(m.has_lladdr);
		assert_memory_equal(m.lladdr, "\2\0\0\0\0\1", MAC_LEN);
	}
}

/* A01, A02, A07, A11: byte for byte; the padding is zero. */
static void test_encode(void **state)
{
	static const char reply[] =
		"\2\0\0\0\0\1\2\0\0\0\0\3\x08\6\0\1\x08\0\6\4\0\2\2\0\0\0\0\3\xc0\0\2\x22"
		"\2\0\0\0\0\1\xc0\0\2\1";
	static const char to_probe[] =
		"\2\0\0\0\0\1\2\0\0\0\0\3\x08\6\0\1\x08\0\6\4\0\2\2\0\0\0\0\3\xc0\0\2\x22"
		"\2\0\0\0\0\1\0\0\0\0";
	static const char announcement[] =
		"\xff\xff\xff\xff\xff\xff\2\0\0\0\0\3\x08\6\0\1\x08\0\6\4"
		"\0\1\2\0\0\0\0\3\xc0\0\2\x22\0\0\0\0\0\0\xc0\0\2\x22";
	static const struct {
		const char *dst, *bytes;
		bool announcement;
	} cases[] = {
		{"192.0.2.1", reply, false},
		{"0.0.0.0", to_probe, false},
		{"::", announcement, true},
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		struct msg m = {.kind = MSG_TELL, .announcement = cases[n].announcement};
		uint8_t buf[MSG_FRAME_MAX], want[60] = {0};

		m.dst = A(cases[n].dst);
		m.target = A("192.0.2.34");
		memcpy(m.eth_dst, "\2\0\0\0\0\1", MAC_LEN);
		memcpy(m.asker, "\2\0\0\0\0\1", MAC_LEN);
		memcpy(m.eth_src, "\2\0\0\0\0\3", MAC_LEN);
		memcpy(m.lladdr, "\2\0\0\0\0\3", MAC_LEN);
		memcpy(want, cases[n].bytes, 42);
		memset(buf, 0xa5, sizeof(buf));
		assert_int_equal(daemon_codec.encode(&m, buf, sizeof(buf)), 60);
		assert_memory_equal(buf, want, 60);
		for (size_t cap = 0; cap < 60; cap++)
			assert_int_equal(daemon_codec.encode(&m, buf, cap), 0);
	}
}

/* `probe`: as scapy makes it, padded with zeros. */
static void test_encode_probe(void **state)
{
	struct msg m = {.kind = MSG_ASK};
	uint8_t buf[MSG_FRAME_MAX], padding[18] = {0};

	(void)state;
	m.target = A("192.0.2.34");
	memcpy(m.eth_src, "\2\0\0\0\0\1", MAC_LEN);
	memset(buf, 0xa5, sizeof(buf));
	assert_int_equal(daemon_codec.encode(&m, buf, sizeof(buf)), 60);
	assert_memory_equal(buf, frame_named("a02 probe"), 42);
	assert_memory_equal(buf + 42, padding, sizeof(padding));
	for (size_t cap = 0; cap < 60; cap++)
		assert_int_equal(daemon_codec.encode(&m, buf, cap), 0);
	m.src = A("192.0.2.3"); /* other questions are the kernel's to ask */
	assert_int_equal(daemon_codec.encode(&m, buf, sizeof(buf)), 0);
}

static void test_broadcast(void **state)
{
	static const struct {
		const char *address, *network;
		bool is;
	} cases[] = {
		{"192.0.2.255", "192.0.2.0/24", true},
		{"192.0.2.127", "192.0.2.0/25", true},
		{"192.0.2.127", "192.0.2.0/24", false},
		{"192.0.3.255", "192.0.2.0/24", false},
		{"192.0.2.1", "192.0.2.0/31", false},
		{"192.0.2.1", "192.0.2.1/32", false},
	};

	(void)state;
	for (size_t n = 0; n < COUNT(cases); n++) {
		struct addr a = A(cases[n].address);
		struct prefix p;

		assert_int_equal(prefix_parse(cases[n].network, &p), 0);
		if (daemon_codec.is_broadcast(&a, &p) != cases[n].is)
			fail_msg("%s in %s", cases[n].address, cases[n].network);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_failure_leaves_output),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_encode_probe),
		cmocka_unit_test(test_broadcast),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
