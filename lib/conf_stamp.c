/*
 * conf_stamp: has a configuration changed on disk since it was read?
 *
 * While files are read, what tells one version of each from another is hashed into one number, in
 * the order of reading; asked again, the files that would be read now are hashed in that order.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf_private.h"

void conf_stamp_add(uint64_t *stamp, const struct stat *st)
{
	const uint64_t of[] = {st->st_dev, st->st_ino, (uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec, (uint64_t)st->st_mtim.tv_nsec};

	for (size_t n = 0; n < sizeof(of) / sizeof(of[0]); n++)
		*stamp = (*stamp ^ of[n]) * UINT64_C(0x100000001b3) + 1;
}

static void add_path(uint64_t *stamp, const char *path)
{
	struct stat st = {0};

	if (stat(path, &st) < 0)
		st = (struct stat){0};
	conf_stamp_add(stamp, &st);
}

static void add_dir(uint64_t *stamp, const char *dir)
{
	struct dirent **names;
	int n = conf_dir(dir, &names);
	char path[PATH_MAX];

	if (n < 0) {
		add_path(stamp, dir);
		return;
	}
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		add_path(stamp, path);
		free(names[i]);
	}
	free(names);
}

bool conf_changed(const struct conf *c)
{
	uint64_t stamp = 0;

	add_path(&stamp, c->path);
	if (c->guests_dir)
		add_dir(&stamp, c->guests_dir);
	if (c->guests_file)
		add_path(&stamp, c->guests_file);
	return stamp != c->stamp;
}
