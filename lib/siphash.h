/*
 * siphash: SipHash-1-3 (Aumasson, Bernstein 2012) of a prefix: three words, one keyed hash.
 *
 * Whoever does not know the key cannot choose addresses that collide (H72). Header only, because
 * the kernel-side filter (filter.bpf.c) computes the same value as the daemon does.
 */
#ifndef SIPHASH_H
#define SIPHASH_H

#define SIP_ROTL(x, b) ((x) << (b) | (x) >> (64 - (b)))

static inline __attribute__((always_inline)) void sip_round(unsigned long long v[4])
{
	v[0] += v[1];
	v[1] = SIP_ROTL(v[1], 13) ^ v[0];
	v[0] = SIP_ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = SIP_ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = SIP_ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = SIP_ROTL(v[1], 17) ^ v[2];
	v[2] = SIP_ROTL(v[2], 32);
}

/* Of an address in the machine's byte order, as two words, and a prefix length (0 to 128). */
static inline __attribute__((always_inline)) unsigned long long sip_prefix(
	const unsigned long long key[2], unsigned long long first, unsigned long long second,
	unsigned char len)
{
	unsigned long long v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
	const unsigned long long last = 17ULL << 56 | len; /* 17 bytes in all */

	v[3] ^= first;
	sip_round(v);
	v[0] ^= first;
	v[3] ^= second;
	sip_round(v);
	v[0] ^= second;
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
