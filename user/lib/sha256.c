// SPDX-License-Identifier: MIT
#include <string.h>

#include "sha256.h"

/* The first bits of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t word(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The state is not moved, its names are. */
#define ROUND(a, b, c, d, e, f, g, h, w) do { \
	t = (h) + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + \
	    ((g) ^ ((e) & ((f) ^ (g)))) + *r++ + (w); \
	(d) += t; \
	(h) = t + (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + \
	      (((a) & (b)) | ((c) & ((a) | (b)))); \
} while (0)

#define ROUNDS(w, n) do { \
	ROUND(a, b, c, d, e, f, g, h, w(n)); \
	ROUND(h, a, b, c, d, e, f, g, w((n) + 1)); \
	ROUND(g, h, a, b, c, d, e, f, w((n) + 2)); \
	ROUND(f, g, h, a, b, c, d, e, w((n) + 3)); \
	ROUND(e, f, g, h, a, b, c, d, w((n) + 4)); \
	ROUND(d, e, f, g, h, a, b, c, w((n) + 5)); \
	ROUND(c, d, e, f, g, h, a, b, w((n) + 6)); \
	ROUND(b, c, d, e, f, g, h, a, w((n) + 7)); \
} while (0)

/* Of the schedule only the last 16 words are kept: each is made where it is used. */
#define FROM_BLOCK(n)	(m[n] = word(block + 4 * (n)))
#define OLD(n)		(m[(n) % 16])
#define NEXT(n) \
	(OLD(n) += OLD((n) + 9) + \
		   (rotate(OLD((n) + 1), 7) ^ rotate(OLD((n) + 1), 18) ^ OLD((n) + 1) >> 3) + \
		   (rotate(OLD((n) + 14), 17) ^ rotate(OLD((n) + 14), 19) ^ OLD((n) + 14) >> 10))

static void take_block(struct pvk_sha256 *sha, const unsigned char *block)
{
	uint32_t *s = sha->state, m[16], t;
	uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
	const uint32_t *r = k;

	ROUNDS(FROM_BLOCK, 0);
	ROUNDS(FROM_BLOCK, 8);
	while (r < k + 64) {
		ROUNDS(NEXT, 0);
		ROUNDS(NEXT, 8);
	}
	s[0] += a;
	s[1] += b;
	s[2] += c;
	s[3] += d;
	s[4] += e;
	s[5] += f;
	s[6] += g;
	s[7] += h;
}

void pvk_sha256_init(struct pvk_sha256 *sha)
{
	*sha = (struct pvk_sha256){ .state = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	} };
}

void pvk_sha256_add(struct pvk_sha256 *sha, const void *data, size_t len)
{
	const unsigned char *at = data;
	size_t have = sha->len % sizeof(sha->block), part;

	sha->len += len;
	for (; len; at += part, len -= part, have = 0) {
		part = sizeof(sha->block) - have;
		if (len < part) {
			memcpy(sha->block + have, at, len);
			return;
		}
		if (have)
			memcpy(sha->block + have, at, part);
		take_block(sha, have ? sha->block : at);
	}
}

void pvk_sha256_end(struct pvk_sha256 *sha, unsigned char digest[PVK_SHA256_SIZE])
{
	static const unsigned char padding[64] = { 0x80 };
	uint64_t bits = sha->len * 8;
	unsigned char length[8];
	size_t i;

	for (i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	/* Up to 8 bytes before the end of a block. */
	pvk_sha256_add(sha, padding, 1 + (119 - sha->len % 64) % 64);
	pvk_sha256_add(sha, length, sizeof(length));
	for (i = 0; i < PVK_SHA256_SIZE; i++)
		digest[i] = (unsigned char)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}
