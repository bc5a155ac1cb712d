/* host: see host.h. */
#include "host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The value of a sysctl, "%s" in its path being the interface; its name for people too. */
static bool sysctl_value(
	const char *path, const char *ifname, char *name, size_t name_cap, char *value, size_t cap)
{
	const char *at = strstr(path, "%s");
	char full[192];

	if (at)
		snprintf(name, name_cap, "%.*s%s%s", (int)(at - path), path, ifname, at + 2);
	else
		snprintf(name, name_cap, "%s", path);
	snprintf(full, sizeof(full), "/proc/sys/%s", name);
	return sysctl_read(full, value, cap);
}

static void check_one(const struct sysctl_check *c, const char *ifname,
	void (*each)(void *ctx, const char *code, const char *text), void *ctx)
{
	char name[128], value[32], text[384];

	if (!sysctl_value(c->path, ifname, name, sizeof(name), value, sizeof(value)) ||
		strcmp(value, c->want) == 0)
		return;
	snprintf(text, sizeof(text), "%s is %s: %s; sysctl -w %s=%s", name, value, c->why, name,
		c->want);
	each(ctx, c->code, text);
}

void host_check(const struct codec *codec, const char *ifname, bool uplink,
	void (*each)(void *ctx, const char *code, const char *text), void *ctx)
{
	if (!ifname && access("/proc/sys/net", R_OK) < 0)
		each(ctx, "sysctl",
			"/proc/sys/net cannot be read, so nobody knows whether the host forwards "
			"(K02) and the kernel's own proxies are off (K01): no ProcSubset=pid in "
			"the "
			"unit, and /proc mounted");
	for (const struct sysctl_check *c = codec->checks; c->path; c++) {
		bool wanted = ifname ? (uplink ? c->uplink : c->vif) : c->all;

		if (wanted)
			check_one(c, ifname, each, ctx);
	}
}

static long answer_level(const struct codec *codec, const char *ifname)
{
	char name[128], value[32];

	if (!sysctl_value(
		    codec->host_answer_sysctl, ifname, name, sizeof(name), value, sizeof(value)))
		return 0;
	return strtol(value, NULL, 10);
}

enum host_answers host_answers(const struct codec *codec, const char *ifname)
{
	long all, here;

	if (!codec->host_answer_sysctl)
		return HOST_ANSWERS_HERE; /* as the kernel does neighbour discovery */
	all = answer_level(codec, "all");
	here = answer_level(codec, ifname);
	if (all == 0 && here == 0)
		return HOST_ANSWERS_ALL;
	/* 1 to 3: by the interface, subnet or scope; 8: not at all */
	return all < 8 && here < 8 ? HOST_ANSWERS_HERE : HOST_ANSWERS_NONE;
}
