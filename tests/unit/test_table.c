/* cursor and table: bounds, exact and longest lookups, and the hash against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"
#include "table.h"

static const uint8_t key[16] = {1, 2, 3};

static struct prefix P(const char *text) {
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct listed *
add(struct table *t, const char *text, struct guest *g)
{
	struct prefix p = P(text);
	struct listed *en = table_add(t, &p);

	assert_non_null(en);
	if (g)
		table_assign(t, en, g);
	else
		en->host = 1;
	return en;
}

static void test_cursor(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4};
	struct cursor c = {bytes, sizeof(bytes)};
	uint16_t v16 = 7;
	uint8_t v8 = 7, out[4];
	volatile size_t huge = SIZE_MAX;

	(void)state;
	assert_true(cursor_u8(&c, &v8) && v8 == 1);
	assert_true(cursor_u16(&c, &v16) && v16 == 0x0203);
	assert_false(cursor_u16(&c, &v16));
	assert_int_equal(v16, 0x0203);
	assert_int_equal(c.left, 1);
	assert_false(cursor_bytes(&c, out, huge));
	assert_true(cursor_u8(&c, &v8) && v8 == 4);
	assert_false(cursor_u8(&c, &v8));
	assert_non_null(cursor_take(&c, 0));
}

static void test_writer(void **state)
{
	uint8_t buf[5] = {9, 9, 9, 9, 9};
	struct writer w = {buf, 4, false};

	(void)state;
	writer_u16(&w, 0x0102);
	writer_u8(&w, 3);
	writer_u16(&w, 0x0405); /* does not fit */
	assert_true(w.full);
	writer_u8(&w, 6); /* would fit, but the frame is spoilt */
	assert_memory_equal(buf, "\1\2\3\11\11", 5);
}

static void test_longest(void **state)
{
	static const struct {
		const char *address, *entry;
	} cases[] = {
		{"2001:db8:5::1", "2001:db8:5::/64"},
		{"2001:db8:5::34", "2001:db8:5::34"},
		{"2001:db8:5:1::1", "2001:db8::/32"},
		{"2001:db9::1", NULL},
		{"192.0.2.5", "192.0.2.5"},
		{"192.0.2.6", "192.0.2.0/24"},
		{"192.0.3.6", NULL},
	};
	struct table *t = table_new(key);
	struct guest *g = table_guest_add(t, "g", ORIGIN_CONFIG);

	(void)state;
	add(t, "2001:db8::/32", g);
	add(t, "2001:db8:5::/64", g);
	add(t, "2001:db8:5::34", g);
	add(t, "192.0.2.0/24", g);
	add(t, "192.0.2.5", g);
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct prefix p = P(cases[n].address);
		const struct listed *en = table_lookup(t, &p.addr);
		char text[ADDR_TEXT_MAX];

		if (cases[n].entry && !en)
			fail_msg("%s: nothing", cases[n].address);
		if (en && (!cases[n].entry ||
				  strcmp(prefix_format(&en->prefix, text), cases[n].entry) != 0))
			fail_msg("%s: %s", cases[n].address, prefix_format(&en->prefix, text));
	}
	table_free(t);
}

/* The host's own address inside a guest's prefix is the longer entry, but no guest's. */
static void test_host_and_guest(void **state)
{
	struct table *t = table_new(key);
	struct guest *g = table_guest_add(t, "g", ORIGIN_CONFIG);
	struct listed *net = add(t, "2001:db8:5::/64", g), *host = add(t, "2001:db8:5::1", NULL);

	(void)state;
	assert_ptr_equal(table_lookup(t, &host->prefix.addr), host);
	assert_ptr_equal(table_lookup_guest(t, &host->prefix.addr), net);
	assert_int_equal(table_count(t), 1);
	table_free(t);
}

static void test_guests(void **state)
{
	struct table *t = table_new(key);
	struct guest *a = table_guest_add(t, "a", ORIGIN_CONFIG), *b;
	struct listed *en;

	(void)state;
	b = table_guest_add(t, "a", ORIGIN_COMMAND);
	assert_ptr_not_equal(a, b);
	assert_ptr_equal(table_guest(t, "a", ORIGIN_CONFIG), a);
	assert_ptr_equal(table_guest(t, "a", ORIGIN_COMMAND), b);
	assert_null(table_guest(t, "a", ORIGIN_FILE));
	assert_null(table_guest(t, "b", ORIGIN_CONFIG));
	en = add(t, "2001:db8::1", a);
	assert_int_equal(a->nentries, 1);
	table_assign(t, en, b);
	assert_int_equal(a->nentries, 0);
	assert_int_equal(b->nentries, 1);
	table_del(t, en);
	assert_int_equal(b->nentries, 0);
	table_guest_del(t, b);
	assert_null(table_guest(t, "a", ORIGIN_COMMAND));
	table_free(t);
}

/* 200,000 random adds and deletes against an array: what is in must be found, nothing else. */
static void test_model(void **state)
{
	enum { N = 4096 };
	static struct prefix p[N];
	static bool in[N];
	struct table *t = table_new(key);
	struct guest *g = table_guest_add(t, "g", ORIGIN_CONFIG);
	size_t count = 0;

	(void)state;
	srandom(1);
	for (unsigned n = 0; n < N; n++) {
		p[n] = (struct prefix){
			{{0x20, 1, [14] = (uint8_t)(n >> 8), (uint8_t)n}}, ADDR_BITS};
		if (n % 3 == 0) /* distinct: the length is part of the key */
			p[n] = prefix_network(&p[n].addr, (uint8_t)(ADDR_BITS - n % 2));
	}
	for (unsigned round = 0; round < 200000; round++) {
		unsigned n = (unsigned)random() % N;
		struct listed *en = table_find(t, &p[n]);

		if ((en != NULL) != in[n] && !(p[n].len < ADDR_BITS))
			fail_msg("round %u: entry %u", round, n);
		if (en) {
			table_del(t, en);
			in[n] = false;
			count--;
		} else {
			table_assign(t, table_add(t, &p[n]), g);
			in[n] = true;
			count++;
		}
		assert_int_equal(table_count(t), count);
	}
	for (unsigned n = 0; n < N; n++)
		if (p[n].len == ADDR_BITS)
			assert_int_equal(table_find(t, &p[n]) != NULL, in[n]);
	table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_host_and_guest),
		cmocka_unit_test(test_guests),
		cmocka_unit_test(test_model),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
