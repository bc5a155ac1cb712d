/*
 * state_lock: the directory and its lock (state.h).
 *
 * The lock stands on a file of its own, which nobody else may open: whoever can read a file can
 * lock it. Made by root, it belongs to whom the directory belongs, so that a daemon of that user
 * can open it too.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "state_private.h"

#define POLL_MS   10 /* between two tries for the lock */
#define LOCK_NAME ".lock"

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int lock_wait(int fd, unsigned wait_ms)
{
	static const struct timespec nap = {0, POLL_MS * 1000000L};
	uint64_t until = now_ms() + wait_ms;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		if (now_ms() >= until)
			return -EWOULDBLOCK;
		nanosleep(&nap, NULL);
	}
	return 0;
}

/* Opens the lock file, or makes it. For reading: a file that is open for writing would keep its
 * file system from being made read-only. */
static int lock_file_open(int dir)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
	struct stat st, whose;
	int fd = openat(dir, LOCK_NAME, flags | O_CREAT, 0600);
	int err;

	if (fd < 0)
		return -errno;
	if (geteuid() != 0)
		return fd;
	if (fstat(dir, &whose) == 0 && fstat(fd, &st) == 0 &&
		((st.st_uid == whose.st_uid && st.st_gid == whose.st_gid) ||
			fchown(fd, whose.st_uid, whose.st_gid) == 0 || errno == EROFS))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static bool is_no_room(int err)
{
	return err == -EROFS || err == -ENOSPC || err == -EDQUOT;
}

static int lock_open(int dir)
{
	const int fd = lock_file_open(dir);
	int self;

	if (fd >= 0 || (fd != -ENOENT && !is_no_room(fd)))
		return fd;
	self = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return self < 0 ? -errno : self;
}

/* For whoever waits for it: where there is no room for that, they are told less. */
static void lock_sign(int dir)
{
	const int fd = openat(dir, LOCK_NAME, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	dprintf(fd, "%.64s %d\n", program_invocation_short_name, (int)getpid());
	close(fd);
}

bool state_holder(const char *dir, char *buf, size_t size)
{
	const int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int fd = at < 0 ? -1 : openat(at, LOCK_NAME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (at >= 0)
		close(at);
	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return *buf;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is the lock on what others would lock? The file may have been removed while we waited. */
static bool is_current(int dir, int lock)
{
	struct stat held, there;

	if (fstat(lock, &held) < 0)
		return false;
	return S_ISDIR(held.st_mode) ||
	       (fstatat(dir, LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
		       is_same(&held, &there));
}

/* Opens and locks. Returns the descriptor or -errno. */
static int lock_take(int dir, unsigned wait_ms)
{
	int fd, err;

	for (;;) {
		fd = lock_open(dir);
		if (fd < 0)
			return fd;
		err = lock_wait(fd, wait_ms);
		if (err == 0 && is_current(dir, fd)) {
			lock_sign(dir);
			return fd;
		}
		close(fd);
		if (err < 0)
			return err;
	}
}

/* Locks what is at the path now, and lets go of what was held before. Leaves it if that fails. */
int state_lock_dir(struct state *s, unsigned wait_ms)
{
	const int dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	int lock;

	if (dir < 0)
		return -errno;
	lock = fstat(dir, &st) < 0 ? -errno : lock_take(dir, wait_ms);
	if (lock < 0) {
		close(dir);
		return lock;
	}
	if (s->lock >= 0)
		close(s->lock);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = dir;
	s->lock = lock;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

/* Is the lock file the one that is held? One that is gone, or that there could not be before, is
 * made. */
static int lock_check(struct state *s)
{
	struct stat there, held;
	int fd, err;

	if (fstat(s->lock, &held) < 0)
		return -errno;
	if (fstatat(s->fd, LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) == 0 && is_same(&there, &held))
		return 0;
	fd = lock_file_open(s->fd);
	if (S_ISDIR(held.st_mode) && (fd == -ENOENT || is_no_room(fd)))
		return 0;
	if (fd < 0)
		return fd;
	err = lock_wait(fd, 0);
	if (err < 0) {
		close(fd);
		return err;
	}
	lock_sign(s->fd);
	close(s->lock);
	s->lock = fd;
	return 0;
}

int state_check(struct state *s)
{
	struct stat st;
	int err;

	if (stat(s->dir, &st) < 0) /* or opened as root, and we may not look there now */
		return errno == EACCES ? lock_check(s) : -errno;
	if (st.st_dev == s->dev && st.st_ino == s->ino)
		return lock_check(s);
	err = state_lock_dir(s, 0);
	return err < 0 ? err : 1;
}

int state_probe(struct state *s)
{
	static const char file[] = "~" STATE_SUFFIX "~"; /* a left-over, if we end in between */
	static const char page[4096] = "";
	const int err = state_file_write(s, file, page, sizeof(page));

	if (err == 0)
		unlinkat(s->fd, file, 0);
	return err;
}

static const char *advice(int err)
{
	switch (-err) {
	case ENOSPC:
	case EDQUOT: return "make room there";
	case EROFS: return "mount it writable";
	case ENOENT: return "make the directory again, for the user of the daemon";
	case EACCES:
	case EPERM: return "the user of the daemon must be able to write there";
	default: return NULL;
	}
}

const char *state_error(int err, char buf[STATE_ERROR_MAX])
{
	const char *what = advice(err);

	if (err == -EWOULDBLOCK)
		what = "stop one of the two";
	snprintf(buf, STATE_ERROR_MAX, "%s%s%s",
		err == -EWOULDBLOCK ? "another instance has locked it" : strerror(-err),
		what ? "; " : "", what ? what : "");
	return buf;
}
