/*
 * priv: give up every privilege but CAP_NET_ADMIN and CAP_NET_RAW, with libcap-ng (L20).
 *
 * Called once, after the first sockets are open and before anything from the network is read. Each
 * failure is fatal to the caller: there is no "continuing as root".
 */
#ifndef PRIV_H
#define PRIV_H

#include <sys/types.h>

#define PRIV_WHY_MAX 256

/*
 * Looks up the names (NULL: stay who we are; group NULL with a user: the user's own group).
 * Returns 0 with the ids (current ones where staying) or -1 with a sentence in why.
 */
int priv_lookup(
	const char *user, const char *group, uid_t *uid, gid_t *gid, char why[PRIV_WHY_MAX]);

/*
 * Becomes uid and gid (the current ones: stays) with CAP_NET_ADMIN and CAP_NET_RAW alone, in the
 * permitted and effective sets, the bounding set empty where we may clear it, no supplementary
 * groups, and proves it by reading the sets back. Works as root, and under User= with ambient
 * capabilities (no CAP_SETPCAP). Returns 0 or -1 with a sentence in why.
 */
int priv_drop(uid_t uid, gid_t gid, char why[PRIV_WHY_MAX]);

#endif
