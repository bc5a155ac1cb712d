/* state: what its files share. Nobody else includes this. */
#ifndef STATE_PRIVATE_H
#define STATE_PRIVATE_H

#include <stdio.h>
#include <sys/types.h>

#include "state.h"

#define STATE_SUFFIX    ".conf"
#define STATE_FILE_MODE 0644

struct state {
	char *dir;
	int fd; /* of the directory */
	dev_t dev;
	ino_t ino;
	int lock; /* of the lock file in it, or where there can be none, of itself */
	int family;
	bool masked; /* the umask takes something from STATE_FILE_MODE */
	FILE *print; /* into text; kept, because a change is small and there are many */
	char *text;
	size_t len;
};

/* state_lock.c */
int state_lock_dir(struct state *s, unsigned wait_ms); /* opens and locks it: 0 or -errno */

/* state_write.c */
int state_file_write(const struct state *s, const char *file, const char *text, size_t len);
void state_text_close(struct state *s); /* frees what writing has kept */

#endif
