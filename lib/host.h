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

/*
 * Which of the host's addresses does the kernel answer for on this vif? By the codec's
 * host_answer_sysctl, arp_ignore, of which the larger of the vif's and all's counts.
 */
enum host_answers { HOST_ANSWERS_NONE, HOST_ANSWERS_HERE, HOST_ANSWERS_ALL };
enum host_answers host_answers(const struct codec *codec, const char *ifname);

#endif
