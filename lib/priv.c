/*
 * priv: see priv.h. libcap-ng changes the sets; what came of it is read back with system calls
 * alone, so that neither a bug there nor an absent /proc can leave more than was asked for (L20).
 */
#include "priv.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WANTED (UINT64_C(1) << CAP_NET_ADMIN | UINT64_C(1) << CAP_NET_RAW)

static int fail(char why[PRIV_WHY_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int fail(char why[PRIV_WHY_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, PRIV_WHY_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

int priv_lookup(const char *user, const char *group, uid_t *uid, gid_t *gid, char why[PRIV_WHY_MAX])
{
	uid_t u = geteuid();
	gid_t g = getegid();

	if (user && *user) {
		const struct passwd *pw = getpwnam(user);

		if (!pw)
			return fail(why, "there is no user \"%s\"", user);
		u = pw->pw_uid;
		g = pw->pw_gid;
	}
	if (group && *group) {
		const struct group *gr = getgrnam(group);

		if (!gr)
			return fail(why, "there is no group \"%s\"", group);
		g = gr->gr_gid;
	}
	*uid = u;
	*gid = g;
	return 0;
}

struct sets {
	uint64_t effective, permitted, inheritable;
};

static int sets_read(struct sets *ret)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &h, d) < 0)
		return -errno;
	ret->effective = (uint64_t)d[1].effective << 32 | d[0].effective;
	ret->permitted = (uint64_t)d[1].permitted << 32 | d[0].permitted;
	ret->inheritable = (uint64_t)d[1].inheritable << 32 | d[0].inheritable;
	return 0;
}

static bool sets_have(const struct sets *s, int cap)
{
	return s->effective >> cap & 1;
}

/* setgroups(2) is forbidden for good in most user namespaces made without privileges. */
static bool setgroups_denied(void)
{
	char text[8] = "";
	int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n >= 4 && memcmp(text, "deny", 4) == 0;
}

static int verify(uid_t uid, gid_t gid, bool bounding, bool groups, char why[PRIV_WHY_MAX])
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	struct sets s;

	if (sets_read(&s) < 0)
		return fail(why, "cannot read the capabilities back: %m");
	if (s.effective != WANTED || s.permitted != WANTED || s.inheritable != 0)
		return fail(why,
			"capabilities are effective %#llx permitted %#llx inheritable %#llx after "
			"dropping, and should be CAP_NET_ADMIN and CAP_NET_RAW alone",
			(unsigned long long)s.effective, (unsigned long long)s.permitted,
			(unsigned long long)s.inheritable);
	for (unsigned long cap = 0; cap < 64; cap++) {
		int held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

		if (held < 0)
			break; /* past the last one that this kernel knows */
		if (held > 0 && bounding)
			return fail(why, "capability %lu is still in the bounding set", cap);
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0)
			return fail(why, "capability %lu is still in the ambient set", cap);
	}
	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return fail(why, "cannot read the user and group back: %m");
	if (ruid != uid || euid != uid || suid != uid)
		return fail(why, "the user did not change to %u", (unsigned)uid);
	if (rgid != gid || egid != gid || sgid != gid)
		return fail(why, "the group did not change to %u", (unsigned)gid);
	if (groups && getgroups(0, NULL) != 0)
		return fail(why, "supplementary groups are still held");
	return 0;
}

/*
 * L20, in its order. Without CAP_SETPCAP the bounding set and the secure bits stay as they are. An
 * id is passed where it may be set; where it may not, it is the current one (priv_drop has
 * checked), and the groups stay too.
 */
static int drop(const struct sets *s, uid_t uid, gid_t gid, char why[PRIV_WHY_MAX])
{
	bool setpcap = sets_have(s, CAP_SETPCAP), setuid_held = sets_have(s, CAP_SETUID);
	bool setgid_held = sets_have(s, CAP_SETGID);
	bool groups = setgid_held && !setgroups_denied();
	int flags = (setpcap ? CAPNG_CLEAR_BOUNDING : 0) | (groups ? CAPNG_DROP_SUPP_GRP : 0);
	int err;

	capng_clear(CAPNG_SELECT_BOTH);
	if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_NET_RAW,
		    -1) != 0)
		return fail(why, "cannot choose the capabilities to keep");
	if (setpcap && capng_lock() != 0)
		return fail(why, "cannot lock the capabilities: %m");
	if (setpcap || setuid_held || setgid_held)
		err = capng_change_id(setuid_held ? (int)uid : -1, setgid_held ? (int)gid : -1,
			(capng_flags_t)flags);
	else
		err = capng_apply(CAPNG_SELECT_CAPS);
	if (err != 0)
		return fail(why,
			"cannot become user %u, group %u with fewer privileges "
			"(step %d): %m",
			(unsigned)uid, (unsigned)gid, -err);
	return verify(uid, gid, setpcap, groups, why);
}

int priv_drop(uid_t uid, gid_t gid, char why[PRIV_WHY_MAX])
{
	struct sets s;

	if (sets_read(&s) < 0)
		return fail(why, "cannot read the capabilities: %m");
	if ((s.permitted & WANTED) != WANTED)
		return fail(why, "CAP_NET_ADMIN and CAP_NET_RAW are needed: start it as root, or "
				 "with AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW in the unit");
	if (uid != geteuid() && !sets_have(&s, CAP_SETUID))
		return fail(why,
			"cannot become user %u without CAP_SETUID: start it as root, or "
			"leave `user` out of the configuration",
			(unsigned)uid);
	if (gid != getegid() && !sets_have(&s, CAP_SETGID))
		return fail(why,
			"cannot become group %u without CAP_SETGID: start it as root, or "
			"leave `user` and `group` out of the configuration",
			(unsigned)gid);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(why, "cannot set no_new_privs: %m");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return fail(why, "cannot clear the ambient capabilities: %m");
	return drop(&s, uid, gid, why);
}
