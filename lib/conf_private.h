/*
 * conf_private: what the files of conf share, and nobody else sees.
 *
 *   conf_read.c     a file into memory, and what is refused whatever it means
 *   conf_scan.c     text -> text without comments, its braces, strings and repeated options checked
 *   conf_parse.c    that text -> libconfuse -> a tree of values, each with its line
 *   conf_guest.c    guest sections -> struct spec, and who listed which address where
 *   conf_index.c    names and addresses -> numbers
 *   conf_file.c     the guests-file -> struct spec
 *   conf_option.c   one option -> a number, a word, an address
 *   conf_section.c  the sections uplink, vif, route
 *   conf.c          the tree -> struct conf
 *   conf_print.c    struct conf -> text
 *   conf_stamp.c    the files -> a number by which a change of them is known
 */
#ifndef CONF_PRIVATE_H
#define CONF_PRIVATE_H

#include <confuse.h>
#include <dirent.h>
#include <sys/stat.h>

#include "conf.h"

#define CONF_FILE_MAX   (16u << 20) /* bytes of a file of sections */
#define CONF_GUESTS_MAX (1u << 30)  /* bytes of a guests-file */
#define CONF_LINE_MAX   (64u << 10) /* bytes of a line */

/* Always false; writes the sentence, without a file in front of it where `path` is NULL and
 * without a line where it is 0. */
bool conf_fail(char why[CONF_WHY_MAX], const char *path, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Reads a regular file; *ret is ended by a NUL byte and the caller's to free; its stamp is added.
 * False: a sentence in why (without the path: the caller knows who named it). */
bool conf_read(const char *path, size_t max, char **ret, size_t *len, uint64_t *stamp,
	char why[CONF_WHY_MAX]);
/* No NUL byte (L08) and no line beyond CONF_LINE_MAX? */
bool conf_bytes_check(const char *text, size_t len, const char *path, char why[CONF_WHY_MAX]);

/* Where a section begins and ends, in order of their ends. */
struct extent {
	unsigned open, close;
};

/* Blanks the comments in text, and checks what libconfuse does not (conf_scan.c). The caller frees
 * *ret, an array of *n. */
bool conf_scan(char *text, size_t len, const char *path, struct extent **ret, size_t *n,
	char why[CONF_WHY_MAX]);

/* The value of an option, or one of those of a list. */
struct value {
	unsigned line;
	char text[];
};

struct tree {
	const char *path;
	cfg_t *root;
	struct extent *extents;
	size_t nextents;
};

bool tree_parse(struct tree *t, const char *text, size_t len, const char *path, bool guests_only,
	char why[CONF_WHY_MAX]);
void tree_free(struct tree *t);
unsigned tree_line(const struct tree *t, const cfg_t *section); /* where the section opens */
/* The option's value, of a list the i-th; NULL where there is none. */
const struct value *value_get(cfg_t *section, const char *option, unsigned i);
const struct value *value_text(cfg_t *section, const char *option); /* likewise; "" is none */

/* true/yes/on -> "true", false/no/off -> "false", whatever the case (L12); others as they are */
const char *word_normal(const char *text);

/* --- a load in progress: all guests, and where each thing was said --- */

struct where {
	uint32_t file, line; /* file: an index into load.files */
};

/* A prefix that is listed: whose, which of theirs, and in which line of the guest's file. */
struct place {
	uint32_t guest, nth, line;
};

/* A hash index of numbers: open addressing, never deleted from. */
struct index {
	struct slot {
		uint32_t hash, i; /* i: the number plus one; 0: free */
	} * slots;
	size_t cap, n;
};

uint32_t hash_bytes(const void *data, size_t len, uint64_t seed);
void index_reserve(struct index *x, size_t n); /* for n in all; without memory nothing happens */
bool index_add(struct index *x, uint32_t hash, size_t i); /* false: no memory */
static inline void index_expect(const struct index *x, uint32_t hash)
{
	if (x->cap)
		__builtin_prefetch(&x->slots[hash & (x->cap - 1)]);
}
/* Walks the slots of this hash: *at begins at 0; NULL at the end. */
const struct slot *index_next(const struct index *x, uint32_t hash, size_t *at);

#define PLACES_LATE 16

struct load {
	int family;
	enum origin origin;
	const struct conf *conf; /* NULL: guest sections alone, uplinks unknown */
	char *why;               /* CONF_WHY_MAX */
	char **files;
	uint32_t nfiles; /* the last one is being read */
	struct spec *guests;
	struct where *at; /* of each guest: its section, or its first line */
	size_t nguests;
	struct place *places;
	size_t nplaces;
	struct index by_name, by_address;
	/* places that are still to be compared with those before: a ring, the oldest first */
	struct place late[PLACES_LATE];
	uint32_t late_hash[PLACES_LATE];
	unsigned late_first, nlate;
	uint64_t stamp; /* of the files read so far */
};

void load_free(struct load *l);
bool load_file(struct load *l, const char *path); /* begins with another file */
bool load_fail(struct load *l, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool load_oom(struct load *l);
/* Appends an empty guest of the current origin. NULL: refused, and said why. */
struct spec *load_guest(struct load *l, const char *name, unsigned line);
/* The guest of this name, where a section and the guests-file have it: the latter's; or NULL. */
struct spec *load_find(const struct load *l, const char *name);
/*
 * Notes the guest's last prefix; refuses what is listed already, naming both places. That may be a
 * few prefixes later, because what it is compared with takes its time to come from memory:
 * load_places_end() does what is left of it, before anything else is refused.
 */
bool load_place(struct load *l, const struct spec *guest, unsigned line);
bool load_places_end(struct load *l);
bool load_sections(struct load *l, const struct tree *t);
/* line: of the option that names it, in the configuration file */
bool load_dir(struct load *l, const char *dir, unsigned line);
/* The files of guests-dir, in their order, as scandir(3). */
int conf_dir(const char *dir, struct dirent ***ret);
void conf_stamp_add(uint64_t *stamp, const struct stat *st);
bool load_guests_file(struct load *l, const char *path, unsigned line);

/* --- a section being read (conf_option.c, conf_section.c) --- */

struct section {
	struct load *l;
	const struct tree *tree;
	cfg_t *cfg;
	struct conf *conf;
	char label[32 + TEXT_QUOTE_MAX]; /* how messages begin: `uplink "eth0": ` */
};

struct word {
	const char *text;
	int value;
};

/* Always false. */
bool section_wrong(
	const struct section *s, const char *option, const struct value *v, const char *expected);
/* Notes that the option's value is not in force in this version. */
bool section_inert(const struct section *s, const char *option, const char *value);
bool section_number(
	const struct section *s, const char *option, uint32_t min, uint32_t max, uint32_t *ret);
bool section_bool(const struct section *s, const char *option, bool *ret);
bool section_word(const struct section *s, const char *option, const struct word *words,
	const char *expected, int *ret);
bool section_address(
	const struct section *s, const char *option, const struct value *v, struct addr *ret);
bool section_text(const struct section *s, const char *option, char **ret);

bool section_uplink(const struct section *s, struct conf_uplink *u);
bool section_vif(const struct section *s, struct conf_vif *v);
bool section_route(const struct section *s, struct route_policy *r);

/* Room for one more of `size` bytes behind n; NULL where memory is short. */
void *array_grow(void *array, size_t n, size_t size);

#endif
