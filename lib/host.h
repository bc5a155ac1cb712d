/*
 * host: settings of the kernel that the daemon needs, and does not change (K01, K02).
 *
 * The daemon writes no sysctl: they are in etc/sysctl.d, and looked at when it starts and for
 * `status`.
 */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>

#include "msg.h"

/*
 * Calls `each` for every sysctl of the codec's list that is not as it must be, on an interface
 * (ifname, either as uplink or as vif) or for the whole host (ifname NULL). One that does not exist
 * is as it must be.
 */
void host_check(const struct codec *codec, const char *ifname, bool uplink,
	void (*each)(void *ctx, const char *code, const char *text), void *ctx);

/* Does the kernel answer for all of the host's addresses on this vif (the codec's
 * host_answer_sysctl is 0 for it and for all)? */
bool host_answers(const struct codec *codec, const char *ifname);

#endif
