/*
 * ndp: the codec of IPv6 Neighbor Discovery (RFC 4861), as `struct codec` of lib/msg.h describes
 * it. CONFORMANCE.md's numbers stand at each check. Each daemon is linked with one codec of this
 * name.
 */
#ifndef NDP_H
#define NDP_H

#include "msg.h"

extern const struct codec daemon_codec;

#endif
