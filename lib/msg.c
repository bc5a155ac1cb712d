/* msg: the names of the verdicts; see msg.h. */
#include "msg.h"

#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8
#define VLAN_VID 0x0fff

struct reason_info {
	const char *id, *word, *text;
};

static const struct reason_info infos[REASON_COUNT] = {
	[REASON_ANSWERED] = {"N01", "answered", "it is answered"},
	[REASON_IGNORED] = {"-", "ignored", "not a question nor a claim"},
	[REASON_H01] = {"H01", "hop-limit", "the hop limit is not 255"},
	[REASON_H02] = {"H02", "code", "the ICMP code is not 0"},
	[REASON_H03] = {"H03", "checksum", "the checksum is wrong"},
	[REASON_H04] = {"H04", "short", "the ICMP message is too short"},
	[REASON_H05] = {"H05", "option-zero", "an option of length 0"},
	[REASON_H06] = {"H06", "option-overrun", "an option runs past the end"},
	[REASON_H07] = {"H07", "lladdr-length", "a link-layer address option not of 8 bytes"},
	[REASON_H08] = {"H08", "trailing-byte", "a byte too many behind the options"},
	[REASON_H09] = {"H09", "multicast-target", "the target is a multicast address"},
	[REASON_H10] = {"H10", "bad-source", "the source is a multicast or loopback address"},
	[REASON_H12] = {"H12", "bad-dad",
		"duplicate address detection with a link-layer address, or "
		"not to a solicited-node group"},
	[REASON_H13] = {"H13", "bad-lladdr", "the link-layer address told is multicast or zero"},
	[REASON_H14] = {"H14", "own-lladdr", "the link-layer address told is the host's own"},
	[REASON_H16] = {"H16", "bad-ethernet-source",
		"the Ethernet source is multicast or the host's own"},
	[REASON_H17] = {"H17", "source-is-target", "the source is the target (a conflict)"},
	[REASON_H18] = {"H18", "source-is-host", "the source is the host's own (a conflict)"},
	[REASON_H20] = {"H20", "payload-length", "the payload length is 0 or beyond the frame"},
	[REASON_H21] = {"H21", "version", "the IP version is wrong"},
	[REASON_H23] = {"H23", "other-host", "the Ethernet destination is another host"},
	[REASON_H24] = {"H24", "other-vlan", "it belongs to another VLAN"},
	[REASON_H26] = {"H26", "double-tag", "it bears two VLAN tags"},
	[REASON_H40] = {"H40", "malformed", "it is no ARP of IPv4 over Ethernet, or is cut short"},
	[REASON_H42] = {"H42", "bad-sha", "the sender's hardware address is multicast or zero"},
	[REASON_H43] = {"H43", "own-sha", "the sender's hardware address is the host's own"},
	[REASON_H44] = {"H44", "bad-spa", "the sender's address is none that a host can have"},
	[REASON_H45] = {"H45", "claimed", "the sender claims a guest's address (a conflict)"},
	[REASON_H46] = {"H46", "bad-target", "the target is none that a host can have"},
	[REASON_H60] = {"H60", "guard-mac", "the Ethernet source is none of the guest's MACs"},
	[REASON_H61] = {"H61", "guard-source", "the source was not given to the guest"},
	[REASON_H62] = {"H62", "guard-claim", "the guest claims somebody else's address"},
	[REASON_H63] = {"H63", "guard-router", "a router advertisement from a guest"},
	[REASON_H64] = {"H64", "guard-host-mac", "a guest uses the host's own MAC"},
	[REASON_N02] = {"N02", "no-source", "the interface has no usable address to answer from"},
	[REASON_N10] = {"N10", "unlisted",
		"no guest lists it here, or it is the host's or a gateway's"},
	[REASON_N11] = {"N11", "probing",
		"it is not announced yet: the uplink is asked whether another host has it"},
	[REASON_N12] = {"N12", "conflict", "a foreign host claims a guest's address"},
	[REASON_N13] = {"N13", "heard", "an advertisement, which needs no answer"},
	[REASON_N14] = {"N14", "fragment", "it has a Fragment header"},
	[REASON_N15] = {"N15", "extension", "a routing header, or too many extension headers"},
	[REASON_N20] = {"N20", "own-address", "it is the guest's own"},
	[REASON_N21] = {"N21", "link-local", "a link-local target, or the kernel's to answer"},
	[REASON_N22] = {"N22", "off-link", "it is not on the uplink's networks"},
	[REASON_D01] = {"D01", "own-dad", "the guest's own duplicate address detection"},
	[REASON_D02] = {"D02", "looped-dad",
		"a guest's duplicate address detection that came back"},
	[REASON_D05] = {"D05", "dad-unlisted", "nobody here has it, and the guard is off"},
	[REASON_A05] = {"A05", "gratuitous", "a gratuitous ARP"},
	[REASON_K04] = {"K04", "vif-down", "the guest's vif is absent or down"},
	[REASON_K09] = {"K09", "no-route",
		"its host route is missing: another route is in the way, or "
		"the kernel refused it"},
	[REASON_K11] = {"K11", "uplink-down", "the uplink is absent or down"},
	[REASON_TX] = {"TX", "not-sent", "the interface did not take the answer"},
};

const char *reason_id(enum reason r)
{
	return infos[r].id;
}

const char *reason_word(enum reason r)
{
	return infos[r].word;
}

const char *reason_text(enum reason r)
{
	return infos[r].text;
}

enum reason msg_ethernet(struct cursor *c, uint8_t *dst, uint8_t *src, uint16_t *ret_type)
{
	uint16_t type, tci;

	if (!cursor_bytes(c, dst, MAC_LEN) || !cursor_bytes(c, src, MAC_LEN) ||
		!cursor_u16(c, &type))
		return REASON_IGNORED;
	if (type == ETH_VLAN || type == ETH_QINQ) {
		if (!cursor_u16(c, &tci) || !cursor_u16(c, &type))
			return REASON_IGNORED;
		if (type == ETH_VLAN || type == ETH_QINQ)
			return REASON_H26;
		if (tci & VLAN_VID)
			return REASON_H24;
	}
	*ret_type = type;
	return REASON_ANSWERED;
}
