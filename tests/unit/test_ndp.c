/* The NDP codec: frames made by scapy against the verdicts of CONFORMANCE.md, and what it makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../ndproxyd/ndp.h"
#include "ndp_frames.h"
#include "codec_frames.h"

static const uint8_t router_mac[MAC_LEN] = {2, 0, 0, 0, 0, 1};
static const uint8_t host_mac[MAC_LEN] = {2, 0, 0, 0, 0, 3};

static struct addr A(const char *text) {
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static void
test_fields(void **state)
{
	struct msg m;
	struct addr source = A("2800:110:2::1"), target = A("2800:110:2::34");

	(void)state;
	assert_int_equal(decode(frames[0].bytes, frames[0].len, &m), REASON_ANSWERED);
	assert_int_equal(m.kind, MSG_ASK);
	assert_true(addr_equal(&m.src, &source));
	assert_true(addr_equal(&m.target, &target));
	assert_memory_equal(m.eth_src, router_mac, MAC_LEN);
	assert_true(m.has_lladdr);
	assert_memory_equal(m.lladdr, router_mac, MAC_LEN);
	assert_false(m.has_nonce);
}

/* H27: of two SLLAO the first counts, so the second, all zero, is not judged. */
static void test_first_sllao(void **state)
{
	(void)state;
	for (size_t n = 0; n < COUNT(frames); n++) {
		struct msg m;

		if (strncmp(frames[n].name, "h27 two", 7) != 0)
			continue;
		assert_int_equal(decode(frames[n].bytes, frames[n].len, &m), REASON_ANSWERED);
		assert_memory_equal(m.lladdr, router_mac, MAC_LEN);
		return;
	}
	fail();
}

static void test_checksum_pending(void **state)
{
	struct msg m;

	(void)state;
	for (size_t n = 0; n < COUNT(frames); n++)
		if (frames[n].reason == REASON_H03)
			assert_int_equal(daemon_codec.decode((const uint8_t *)frames[n].bytes,
						 frames[n].len, true, &m),
				REASON_ANSWERED);
}

/* N01, byte for byte against what scapy makes of the same fields. */
static void test_encode_answer(void **state)
{
	static const char expected[] =
		"\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x03\x86\xdd\x60\x00\x00\x00\x00\x20"
		"\x3a\xff"
		"\x28\x00\x01\x10\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03"
		"\x28\x00\x01\x10\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
		"\x88\x00\xb8\x32\x40\x00\x00\x00"
		"\x28\x00\x01\x10\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x34"
		"\x02\x01\x02\x00\x00\x00\x00\x03";
	struct msg m = {.kind = MSG_TELL, .solicited = true, .has_lladdr = true};
	uint8_t buf[MSG_FRAME_MAX];
	const size_t len = sizeof(expected) - 1;

	(void)state;
	m.src = A("2800:110:2::3");
	m.dst = A("2800:110:2::1");
	m.target = A("2800:110:2::34");
	memcpy(m.eth_dst, router_mac, MAC_LEN);
	memcpy(m.eth_src, host_mac, MAC_LEN);
	memcpy(m.lladdr, host_mac, MAC_LEN);
	assert_int_equal(daemon_codec.encode(&m, buf, sizeof(buf)), len);
	assert_memory_equal(buf, expected, len);
	assert_int_equal(decode(buf, len, &m), REASON_ANSWERED);
	assert_int_equal(m.kind, MSG_TELL);
	assert_true(m.solicited);
	assert_false(m.override || m.router);
}

/* D03 and N11: whoever has no address, or nobody, is answered at ff02::1. */
static void test_encode_everyone(void **state)
{
	static const uint8_t group[MAC_LEN] = {0x33, 0x33, 0, 0, 0, 1};
	struct msg m = {.kind = MSG_TELL, .override = true, .announcement = true};
	struct addr all = A("ff02::1");
	uint8_t buf[MSG_FRAME_MAX];
	size_t len;

	(void)state;
	m.src = A("fe80::3");
	m.target = A("2800:110:2::34");
	memcpy(m.eth_src, host_mac, MAC_LEN);
	memcpy(m.lladdr, host_mac, MAC_LEN);
	len = daemon_codec.encode(&m, buf, sizeof(buf));
	assert_memory_equal(buf, group, MAC_LEN);
	assert_int_equal(decode(buf, len, &m), REASON_ANSWERED);
	assert_true(addr_equal(&m.dst, &all));
	assert_true(m.override && m.announcement && !m.solicited);
}

static void test_encode_small_buffer(void **state)
{
	struct msg m = {.kind = MSG_TELL};
	uint8_t buf[85];

	(void)state;
	for (size_t cap = 0; cap <= sizeof(buf); cap++)
		assert_int_equal(daemon_codec.encode(&m, buf, cap), 0);
	m.kind = MSG_ASK;
	for (size_t cap = 0; cap < 78; cap++)
		assert_int_equal(daemon_codec.encode(&m, buf, cap), 0);
}

/* `probe`: duplicate address detection as scapy makes it, byte for byte. */
static void test_encode_probe(void **state)
{
	struct msg m = {.kind = MSG_ASK};
	uint8_t buf[MSG_FRAME_MAX];

	(void)state;
	m.target = A("2800:110:2::34");
	memcpy(m.eth_src, "\2\0\0\0\0\1", MAC_LEN);
	assert_int_equal(daemon_codec.encode(&m, buf, sizeof(buf)), 78);
	assert_memory_equal(buf, frame_named("d03 dad"), 78);
	m.src = A("fe80::3"); /* other questions are the kernel's to ask */
	assert_int_equal(daemon_codec.encode(&m, buf, sizeof(buf)), 0);
}

static void test_linklocal(void **state)
{
	const uint8_t mac[MAC_LEN] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};
	struct addr want = A("fe80::fcff:ffff:feff:ffff"), got = daemon_codec.linklocal(mac);

	(void)state;
	assert_true(addr_equal(&got, &want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_first_sllao),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_failure_leaves_output),
		cmocka_unit_test(test_checksum_pending),
		cmocka_unit_test(test_encode_answer),
		cmocka_unit_test(test_encode_everyone),
		cmocka_unit_test(test_encode_small_buffer),
		cmocka_unit_test(test_encode_probe),
		cmocka_unit_test(test_linklocal),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
