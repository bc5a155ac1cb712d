/*
 * arp: the codec of the Address Resolution Protocol (RFC 826, RFC 5227), as `struct codec` of
 * lib/msg.h describes it. CONFORMANCE.md's numbers stand at each check. Each daemon is linked with
 * one codec of this name.
 */
#ifndef ARP_H
#define ARP_H

#include "msg.h"

extern const struct codec daemon_codec;

#endif
