/*
 * state_write: the files of run-time guests (state.h). A write goes to NAME.conf~ (no guest's name
 * has a tilde) and is renamed over NAME.conf; what a crash leaves is a tilde file, which the next
 * load removes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "state_private.h"

#define TEXT_KEEP (64 * 1024) /* bytes of memory kept between two writes */

void state_text_close(struct state *s)
{
	if (s->print)
		fclose(s->print);
	s->print = NULL;
	free(s->text);
	s->text = NULL;
}

static int fd_write(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Makes the file. A left-over of that name, of whatever kind, is neither followed nor kept. */
static int file_make(int dir, const char *file)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, file, flags, STATE_FILE_MODE);

	if (fd < 0 && errno == EEXIST && unlinkat(dir, file, 0) == 0)
		fd = openat(dir, file, flags, STATE_FILE_MODE);
	return fd < 0 ? -errno : fd;
}

int state_file_write(const struct state *s, const char *file, const char *text, size_t len)
{
	const int fd = file_make(s->fd, file);
	int err;

	if (fd < 0)
		return fd;
	err = fd_write(fd, text, len);
	if (err == 0 && s->masked && fchmod(fd, STATE_FILE_MODE) < 0)
		err = -errno;
	if (close(fd) < 0 && err == 0)
		err = -errno;
	if (err < 0)
		unlinkat(s->fd, file, 0);
	return err;
}

/* Puts the guest into s->text, its length into *len. Returns 0 or -ENOMEM. */
static int guest_print(struct state *s, const struct spec *guest, size_t *len)
{
	if (!s->print) {
		s->print = open_memstream(&s->text, &s->len);
		if (!s->print)
			return -ENOMEM;
		__fsetlocking(s->print, FSETLOCKING_BYCALLER);
	}
	rewind(s->print);
	conf_print_guest(guest, s->print);
	fprintf(s->print, "# ifindex %u\n# end\n", guest->ifindex);
	*len = (size_t)ftell(s->print);
	if (fflush(s->print) == 0 && !ferror(s->print))
		return 0;
	state_text_close(s);
	return -ENOMEM;
}

struct names {
	char file[SPEC_NAME_MAX + sizeof(STATE_SUFFIX)],
		temp[SPEC_NAME_MAX + sizeof(STATE_SUFFIX) + 1];
};

static struct names names_of(const char *guest)
{
	struct names n;

	snprintf(n.file, sizeof(n.file), "%s" STATE_SUFFIX, guest);
	snprintf(n.temp, sizeof(n.temp), "%s~", n.file);
	return n;
}

int state_write(struct state *s, const struct spec *guest)
{
	const struct names n = names_of(guest->name);
	size_t len;
	int err = guest_print(s, guest, &len);

	if (err == 0)
		err = state_file_write(s, n.temp, s->text, len);
	if (s->len > TEXT_KEEP)
		state_text_close(s);
	return err;
}

int state_put(struct state *s, const char *name)
{
	const struct names n = names_of(name);

	return renameat(s->fd, n.temp, s->fd, n.file) < 0 ? -errno : 0;
}

static int file_remove(const struct state *s, const char *file)
{
	return unlinkat(s->fd, file, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int state_drop(struct state *s, const char *name)
{
	const struct names n = names_of(name);

	return file_remove(s, n.temp);
}

int state_remove(struct state *s, const char *name)
{
	const struct names n = names_of(name);

	return file_remove(s, n.file);
}

int state_save(struct state *s, const struct spec *guest)
{
	int err;

	if (guest->nprefixes == 0)
		return state_remove(s, guest->name);
	err = state_write(s, guest);
	if (err == 0)
		err = state_put(s, guest->name);
	if (err < 0)
		state_drop(s, guest->name);
	return err;
}

int state_started(struct state *s)
{
	int fd =
		openat(s->fd, ".started", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, STATE_FILE_MODE);

	if (fd < 0)
		return errno == EEXIST ? 1 : -errno;
	close(fd);
	return 0;
}
