/*
 * filter: see filter.h and filter_map.h. Life cycle: loaded while privileges are held, then the
 * engine's listed prefixes come and go, and each socket of an uplink has the program attached.
 */
#include "filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_BPF

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include "filter_map.h"
#include "filter.skel.h"

#define BUCKETS_MIN (1U << 17) /* 4 MiB: 655,360 prefixes */
#define BUCKETS_MAX (1U << 25)

struct filter {
	struct filter_bpf *bpf;
	struct filter_shared *shared;
	struct filter_bucket *buckets;
	size_t nbuckets;
	int fd;
	size_t listed, beyond, limit;
};

static int fail(char why[FILTER_WHY_MAX], const char *what, int err)
{
	snprintf(why, FILTER_WHY_MAX, "%s: %s", what, strerror(-err));
	return err;
}

/* At this load no prefix is without room in either of its buckets. (At 3/4 some are.) */
static size_t limit_of(size_t nbuckets)
{
	return nbuckets * FILTER_CELLS / 8 * 5;
}

/* With a quarter to spare. */
static size_t buckets_for(size_t expected)
{
	size_t n = BUCKETS_MIN;

	while (n < BUCKETS_MAX && limit_of(n) < expected + expected / 4)
		n *= 2;
	return n;
}

static struct bpf_program *program_choose(struct filter_bpf *bpf, const char *name)
{
	struct bpf_program *p, *chosen = NULL;

	bpf_object__for_each_program(p, bpf->obj)
	{
		bool wanted = strcmp(bpf_program__name(p), name) == 0;

		bpf_program__set_autoload(p, wanted);
		if (wanted)
			chosen = p;
	}
	return chosen;
}

static int filter_load(struct filter *f, const char *name, char why[FILTER_WHY_MAX])
{
	const struct bpf_program *program;
	int err;

	libbpf_set_print(NULL);
	f->bpf = filter_bpf__open();
	if (!f->bpf)
		return fail(why, "the program cannot be opened", -errno);
	program = program_choose(f->bpf, name);
	if (!program)
		return fail(why, name, -ENOENT);
	err = bpf_map__set_max_entries(f->bpf->maps.buckets, (uint32_t)f->nbuckets);
	if (err == 0)
		err = filter_bpf__load(f->bpf);
	if (err < 0)
		return fail(why, "the kernel refused it", err);
	f->fd = bpf_program__fd(program);
	f->buckets = mmap(NULL, f->nbuckets * sizeof(*f->buckets), PROT_READ | PROT_WRITE,
		MAP_SHARED, bpf_map__fd(f->bpf->maps.buckets), 0);
	if (f->buckets == MAP_FAILED) {
		f->buckets = NULL;
		return fail(why, "its map cannot be shared", -errno);
	}
	return 0;
}

int filter_open(const char *program, size_t expected, const uint8_t key[16], struct filter **ret,
	char why[FILTER_WHY_MAX])
{
	struct filter *f = calloc(1, sizeof(*f));
	int err;

	if (!f)
		return fail(why, "the filter", -ENOMEM);
	f->fd = -1;
	f->nbuckets = buckets_for(expected);
	f->limit = limit_of(f->nbuckets);
	err = filter_load(f, program, why);
	if (err < 0) {
		filter_close(f);
		return err;
	}
	f->shared = &f->bpf->bss->shared;
	memcpy(f->shared->key, key, sizeof(f->shared->key));
	f->shared->mask = (uint32_t)f->nbuckets - 1;
	*ret = f;
	return 0;
}

void filter_close(struct filter *f)
{
	if (!f)
		return;
	if (f->buckets)
		munmap(f->buckets, f->nbuckets * sizeof(*f->buckets));
	filter_bpf__destroy(f->bpf);
	free(f);
}

int filter_fd(const struct filter *f)
{
	return f ? f->fd : -1;
}

/* Lengths that occurred stay in the list: a look for one that is not there finds nothing, and a
 * list that only grows can be walked while it changes. */
static void length_note(struct filter_shared *s, const struct prefix *p)
{
	struct filter_length *l = &s->lengths[s->nlengths];
	struct addr ones;

	for (uint32_t i = 0; i < s->nlengths; i++)
		if (s->lengths[i].len == p->len)
			return;
	memset(&ones, 0xff, sizeof(ones));
	ones = prefix_network(&ones, p->len).addr;
	memcpy(l->mask, ones.b, sizeof(l->mask));
	l->len = p->len;
	__atomic_store_n(&s->nlengths, s->nlengths + 1, __ATOMIC_RELEASE);
}

/* The tag of a prefix and its two buckets. */
static uint32_t places(const struct filter *f, const struct prefix *p, struct filter_bucket *ret[2])
{
	uint64_t w[2], hash;
	uint32_t tag, first;

	memcpy(w, p->addr.b, sizeof(w));
	hash = sip_prefix((const unsigned long long *)f->shared->key, w[0], w[1], p->len);
	tag = filter_tag(hash);
	first = (uint32_t)hash & f->shared->mask;
	ret[0] = &f->buckets[first];
	ret[1] = &f->buckets[filter_other(first, tag, f->shared->mask)];
	return tag;
}

/* The cell with this content, or NULL; *n: how many others there are before it. */
static uint32_t *cell_find(struct filter_bucket *b, uint32_t content, unsigned *n)
{
	for (*n = 0; *n < FILTER_CELLS; ++*n)
		if (b->cells[*n] == content)
			return &b->cells[*n];
	return NULL;
}

void filter_expect(const struct filter *f, const struct prefix *p)
{
	struct filter_bucket *b[2];

	if (!f)
		return;
	places(f, p, b);
	__builtin_prefetch(b[0]);
	__builtin_prefetch(b[1]);
}

void filter_add(struct filter *f, const struct prefix *p)
{
	struct filter_bucket *b[2];
	uint32_t tag, *cell, *other;
	unsigned n, m;

	if (!f)
		return;
	tag = places(f, p, b);
	cell = f->listed < f->limit ? cell_find(b[0], 0, &n) : NULL;
	other = f->listed < f->limit ? cell_find(b[1], 0, &m) : NULL;
	if (other && (!cell || m < n)) /* the emptier one: so both fill evenly */
		cell = other;
	if (!cell) {
		f->beyond++;
		__atomic_store_n(&f->shared->pass, 1, __ATOMIC_RELAXED);
		return;
	}
	__atomic_store_n(cell, tag, __ATOMIC_RELAXED);
	length_note(f->shared, p);
	f->listed++;
}

void filter_del(struct filter *f, const struct prefix *p)
{
	struct filter_bucket *b[2];
	uint32_t tag, *cell;
	unsigned n;

	if (!f)
		return;
	tag = places(f, p, b);
	cell = cell_find(b[0], tag, &n);
	if (!cell)
		cell = cell_find(b[1], tag, &n);
	if (cell) {
		__atomic_store_n(cell, 0, __ATOMIC_RELAXED);
		f->listed--;
	} else if (f->beyond && --f->beyond == 0) {
		__atomic_store_n(&f->shared->pass, 0, __ATOMIC_RELAXED);
	}
}

void filter_shed(struct filter *f, uint32_t ifindex, bool on)
{
	const uint32_t from = on ? 0 : ifindex, to = on ? ifindex : 0;

	for (unsigned i = 0; f && i < FILTER_SHED; i++) {
		if (f->shared->shed[i] != from)
			continue;
		__atomic_store_n(&f->shared->shed[i], to, __ATOMIC_RELAXED);
		__atomic_fetch_add(&f->shared->nshed, on ? 1 : -1, __ATOMIC_RELAXED);
		return;
	}
}

struct filter_status filter_status(const struct filter *f)
{
	struct filter_status s = {0};

	if (!f)
		return s;
	s.listed = f->listed;
	s.beyond = f->beyond;
	s.limit = f->limit;
	for (unsigned i = 0; i < FILTER_CPUS; i++) {
		const struct filter_counts *c = &f->shared->counts[i];

		s.unlisted += __atomic_load_n(&c->unlisted, __ATOMIC_RELAXED);
		s.other += __atomic_load_n(&c->other, __ATOMIC_RELAXED);
		s.overload += __atomic_load_n(&c->overload, __ATOMIC_RELAXED);
	}
	return s;
}

#else /* without eBPF */

int filter_open(const char *program, size_t expected, const uint8_t key[16], struct filter **ret,
	char why[FILTER_WHY_MAX])
{
	(void)program;
	(void)expected;
	(void)key;
	(void)ret;
	snprintf(why, FILTER_WHY_MAX, "this build is without it (WITH_BPF=no)");
	return -ENOSYS;
}

void filter_close(struct filter *f)
{
	(void)f;
}

int filter_fd(const struct filter *f)
{
	(void)f;
	return -1;
}

void filter_expect(const struct filter *f, const struct prefix *p)
{
	(void)f;
	(void)p;
}

void filter_add(struct filter *f, const struct prefix *p)
{
	(void)f;
	(void)p;
}

void filter_del(struct filter *f, const struct prefix *p)
{
	(void)f;
	(void)p;
}

void filter_shed(struct filter *f, uint32_t ifindex, bool on)
{
	(void)f;
	(void)ifindex;
	(void)on;
}

struct filter_status filter_status(const struct filter *f)
{
	(void)f;
	return (struct filter_status){0};
}

#endif
