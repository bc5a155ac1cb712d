/*
 * test_nl_lost: nl with an event socket that overflows at once, and dumps that are interrupted:
 * what the handler knows afterwards is what the kernel has. In a network namespace of its own, with
 * addresses of the loopback interface.
 *
 * nl.c is compiled in here, for a receive buffer of the smallest size that the kernel gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define EVENT_BUFFER 1
#include "../../lib/nl.c"

#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MANY 2000 /* addresses: a dump of several datagrams */

struct known {
	struct nl *nl;
	bool has[MANY]; /* 10.0.0.0 + n */
	bool seen[MANY];
	bool up, interrupted;
	unsigned begun, ended, events, pauses;
	void (*in_pause)(struct known *k);
};

static bool has_namespace; /* where the kernel gives none, there is nothing to test with */

/* --- the kernel's side --- */

static struct mnl_socket *changes;

/* 10.0.0.0 + n on lo. Returns 0 or -errno. */
static int address_change(unsigned n, bool add)
{
	_Alignas(struct nlmsghdr) uint8_t buf[256];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(h, sizeof(*ifa));
	uint32_t a = htonl(0x0a000000 + n);
	const char *text;
	int err = 0, len;

	h->nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | (add ? NLM_F_CREATE | NLM_F_EXCL : 0);
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = 32;
	ifa->ifa_index = 1;
	mnl_attr_put(h, IFA_LOCAL, sizeof(a), &a);
	assert_true(mnl_socket_sendto(changes, h, h->nlmsg_len) > 0);
	len = nl_socket_receive(changes, buf, sizeof(buf), 0);
	assert_true(len > 0 && nl_parse_ack(h, &err, &text));
	return err;
}

static void addresses_change(unsigned from, unsigned to, bool add)
{
	for (unsigned n = from; n < to; n++)
		assert_int_equal(address_change(n, add), 0);
}

static void lo_set(bool up)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &r), 0);
	close(s);
}

/* --- the handler --- */

static void on_begin(void *ctx)
{
	struct known *k = ctx;

	k->begun++;
	memset(k->seen, 0, sizeof(k->seen));
}

static void on_end(void *ctx)
{
	struct known *k = ctx;

	k->ended++;
	memcpy(k->has, k->seen, sizeof(k->has));
}

static void on_link(void *ctx, const struct link *l, bool present)
{
	struct known *k = ctx;

	k->events++;
	k->up = present && l->admin_up;
}

static void on_address(void *ctx, const struct hostaddr *a, bool present)
{
	struct known *k = ctx;
	const uint8_t *b = a->prefix.addr.b;
	unsigned n = (unsigned)(b[14] << 8 | b[15]);

	k->events++;
	if (b[12] == 10 && n < MANY)
		k->has[n] = k->seen[n] = present;
}

static void on_route(void *ctx, const struct route *r, bool present)
{
	(void)ctx;
	(void)r;
	(void)present;
}

static void on_pause(void *ctx)
{
	struct known *k = ctx;

	k->pauses++;
	if (k->in_pause)
		k->in_pause(k);
}

static struct known *known_new(void)
{
	struct known *k = calloc(1, sizeof(*k));
	const struct nl_handler handler = {.ctx = k,
		.sync_begin = on_begin,
		.sync_end = on_end,
		.link = on_link,
		.address = on_address,
		.route = on_route,
		.pause = on_pause};

	if (!has_namespace)
		skip();
	assert_int_equal(nl_open(AF_INET, 254, 168, &handler, &k->nl), 0);
	assert_int_equal(nl_sync(k->nl), 0);
	return k;
}

static void known_free(struct known *k)
{
	nl_close(k->nl);
	free(k);
}

static void check(const struct known *k, unsigned from, unsigned to)
{
	for (unsigned n = 0; n < MANY; n++)
		if (k->has[n] != (n >= from && n < to))
			fail_msg("10.0.0.0 + %u: known: %d", n, k->has[n]);
}

/* --- the tests --- */

static void test_followed(void **state)
{
	struct known *k = known_new();

	(void)state;
	address_change(1, true);
	assert_int_equal(nl_receive(k->nl), 0);
	check(k, 1, 2);
	address_change(1, false);
	assert_int_equal(nl_receive(k->nl), 0);
	check(k, 0, 0);
	assert_int_equal(k->begun, 1); /* nothing was lost */
	known_free(k);
}

/* What was read last before the loss is older than the dump, and what comes after it is newer. */
static void test_overflow(void **state)
{
	struct known *k = known_new();

	(void)state;
	addresses_change(0, 500, true);
	lo_set(false);
	lo_set(true);
	addresses_change(0, 400, false);
	lo_set(false);
	assert_int_equal(nl_receive(k->nl), 0);
	assert_int_equal(k->begun, 2);
	assert_int_equal(k->ended, 2);
	check(k, 400, 500);
	assert_false(k->up);
	lo_set(true);
	address_change(400, false);
	assert_int_equal(nl_receive(k->nl), 0); /* whether these fit or not */
	assert_int_equal(k->ended, k->begun);
	check(k, 401, 500);
	assert_true(k->up);
	addresses_change(401, 500, false);
	known_free(k);
}

static void overflow_again(struct known *k)
{
	if (k->pauses == 1)
		addresses_change(0, 300, true);
}

/* Lost while the tables are being read because some were lost. */
static void test_overflow_in_sync(void **state)
{
	struct known *k = known_new();

	(void)state;
	addresses_change(500, 600, true);
	k->pauses = 0;
	k->in_pause = overflow_again;
	assert_int_equal(nl_receive(k->nl), 0);
	assert_true(k->begun >= 2);
	assert_int_equal(nl_receive(k->nl), 0); /* readable still */
	for (unsigned n = 0; n < 300; n++)
		assert_true(k->has[n]);
	addresses_change(0, 300, false);
	addresses_change(500, 600, false);
	known_free(k);
}

/* One in front goes, one at the end comes, when the first datagram of addresses has been read. */
static void interrupt_once(struct known *k)
{
	if (k->begun == 1 && k->seen[0] && !k->interrupted) {
		assert_false(k->seen[MANY - 2]);
		k->interrupted = true;
		assert_int_equal(address_change(0, false), 0);
		assert_int_equal(address_change(MANY - 1, true), 0);
	}
}

static void test_interrupted(void **state)
{
	struct known *k = known_new();

	(void)state;
	addresses_change(0, MANY - 1, true);
	events_drain(k->nl);
	k->begun = k->ended = k->pauses = 0;
	k->in_pause = interrupt_once;
	assert_int_equal(nl_sync(k->nl), 0);
	assert_int_equal(k->begun, 2);
	assert_int_equal(k->ended, 1);
	check(k, 1, MANY);
	addresses_change(1, MANY, false);
	known_free(k);
}

static void interrupt_always(struct known *k)
{
	address_change(MANY - 1, k->pauses % 2);
}

/* It gives up after a while, without an end, and the next try is as good as the first. */
static void test_interrupted_always(void **state)
{
	struct known *k = known_new();

	(void)state;
	addresses_change(0, MANY - 1, true);
	k->begun = k->ended = 0;
	k->in_pause = interrupt_always;
	assert_int_equal(nl_sync(k->nl), -EAGAIN);
	assert_int_equal(k->begun, SYNC_TRIES);
	assert_int_equal(k->ended, 0);
	k->in_pause = NULL;
	address_change(MANY - 1, true);
	assert_int_equal(nl_sync(k->nl), 0);
	assert_int_equal(k->ended, 1);
	check(k, 0, MANY);
	addresses_change(0, MANY, false);
	known_free(k);
}

static int setup(void **state)
{
	(void)state;
	has_namespace = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
	if (!has_namespace) {
		print_message("# no network namespace of our own: skipped\n");
		return 0;
	}
	lo_set(true);
	return nl_socket_open(0, 65536, 1, &changes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_followed),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_overflow_in_sync),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_interrupted_always),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, setup, NULL);
}
