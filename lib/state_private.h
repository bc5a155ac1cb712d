/* state: what its files share. Nobody else includes this. */
#ifndef STATE_PRIVATE_H
#define STATE_PRIVATE_H

#include <stdio.h>

#include "state.h"

#define STATE_SUFFIX    ".conf"
#define STATE_FILE_MODE 0644

struct state {
	char *dir;
	int fd;   /* of the directory */
	int lock; /* of the lock file in it */
	int family;
	bool masked; /* the umask takes something from STATE_FILE_MODE */
	FILE *print; /* into text; kept, because a change is small and there are many */
	char *text;
	size_t len;
};

void state_text_close(struct state *s); /* frees what writing has kept */

#endif
