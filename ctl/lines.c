/*
 * lines: the lines of a batch, read as they come and split into words.
 *
 * As much is kept as one read(2) gave and the longest line needs, so a batch may be of any length
 * and come from somebody who is still writing it.
 */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_MIN     (64 * 1024)
#define LINE_LONGEST (1024 * 1024) /* the daemon takes no longer request (lib/ctl.h) */
#define BLANKS       " \t\r\v\f"

static bool words_room(struct lines *l, size_t n)
{
	const size_t room = l->words_room ? 2 * l->words_room : 64;
	char **words;

	if (n < l->words_room)
		return true;
	words = reallocarray(l->words, room, sizeof(*words));
	if (!words)
		return false;
	l->words = words;
	l->words_room = room;
	return true;
}

/* Splits a line, that ends in a NUL, at blanks. Returns the number of words, or -ENOMEM. */
static int line_split(struct lines *l, char *line)
{
	char *save = NULL;
	int n = 0;

	for (char *word = strtok_r(line, BLANKS, &save); word && *word != '#';
		word = strtok_r(NULL, BLANKS, &save)) {
		if (!words_room(l, (size_t)n + 1))
			return -ENOMEM;
		l->words[n++] = word;
	}
	if (n)
		l->words[n] = NULL;
	return n;
}

/* The next line, with a NUL in the place of its end; *len without it. NULL: not there yet. */
static char *line_next(struct lines *l, size_t *len)
{
	const size_t from = l->scanned > l->head ? l->scanned : l->head;
	char *line = l->text + l->head;
	char *end = l->len > from ? memchr(l->text + from, '\n', l->len - from) : NULL;

	l->scanned = l->len;
	if (!end && (!l->end || l->head == l->len))
		return NULL;
	if (!end)
		end = l->text + l->len++; /* the last line: lines_read() left room */
	*end = '\0';
	*len = (size_t)(end - line);
	l->head += *len + 1;
	l->scanned = l->head;
	l->number++;
	return line;
}

int lines_next(struct lines *l)
{
	size_t len;
	char *line;

	while (l->text && (line = line_next(l, &len))) {
		int n;

		if (len > LINE_LONGEST)
			return -EMSGSIZE;
		if (memchr(line, '\0', len))
			return -EILSEQ;
		n = line_split(l, line);
		if (n)
			return n < 0 ? n : 1;
	}
	return 0;
}

/* Drops what has been returned, and of a line that is too long all but that. */
static void lines_compact(struct lines *l)
{
	if (l->head) {
		memmove(l->text, l->text + l->head, l->len - l->head);
		l->scanned = l->scanned > l->head ? l->scanned - l->head : 0;
		l->len -= l->head;
		l->head = 0;
	}
	if (l->len > 2 * LINE_LONGEST)
		l->len = l->scanned = LINE_LONGEST + 1;
}

int lines_read(struct lines *l)
{
	ssize_t n;

	lines_compact(l);
	if (l->room < l->len + READ_MIN + 1) {
		const size_t room = l->len + 2 * READ_MIN;
		char *text = realloc(l->text, room);

		if (!text)
			return -ENOMEM;
		l->text = text;
		l->room = room;
	}
	n = read(l->fd, l->text + l->len, READ_MIN);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	l->end = n == 0;
	l->len += (size_t)n;
	return 0;
}

void lines_free(struct lines *l)
{
	free(l->text);
	free(l->words);
}
