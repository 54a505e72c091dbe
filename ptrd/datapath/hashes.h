/* The two hashes that the image and the tables are made with. */

#ifndef PTRD_HASHES_H
#define PTRD_HASHES_H

#include "memory.h"

/* CRC-32 as zlib computes it (ISO 3309): what places names in the image. */
uint32_t crc32_of(const uint8_t *at, size_t size);

/* SipHash-2-4 with a secret of 16 bytes (Aumasson and Bernstein 2012). */
uint64_t siphash_of(const uint8_t *secret, const uint8_t *at, size_t size);

#endif
