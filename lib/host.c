/* host: see host.h. */
#include "host.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool sysctl_read(const char *path, char *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, cap - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return true;
}

static void check_one(const struct sysctl_check *c, const char *ifname,
	void (*each)(void *ctx, const char *code, const char *text), void *ctx)
{
	const char *at = strstr(c->path, "%s");
	char name[128], path[160], value[32], text[384];

	if (at)
		snprintf(name, sizeof(name), "%.*s%s%s", (int)(at - c->path), c->path, ifname,
			at + 2);
	else
		snprintf(name, sizeof(name), "%s", c->path);
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	if (!sysctl_read(path, value, sizeof(value)) || strcmp(value, c->want) == 0)
		return;
	snprintf(text, sizeof(text), "%s is %s: %s; sysctl -w %s=%s", name, value, c->why, name,
		c->want);
	each(ctx, c->code, text);
}

void host_check(const struct codec *codec, const char *ifname, bool uplink,
	void (*each)(void *ctx, const char *code, const char *text), void *ctx)
{
	for (const struct sysctl_check *c = codec->checks; c->path; c++) {
		bool wanted = ifname ? (uplink ? c->uplink : c->vif) : c->all;

		if (wanted)
			check_one(c, ifname, each, ctx);
	}
}
