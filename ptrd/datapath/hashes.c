/* CRC-32 by a table that is made when the module is loaded, and SipHash-2-4. Nothing here reads beyond `size`. */

#include "hashes.h"

static uint32_t table[256];

__attribute__((constructor)) static void make_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t rest = byte;
        for (int bit = 0; bit < 8; bit++)
            rest = rest & 1 ? rest >> 1 ^ 0xedb88320 : rest >> 1;
        table[byte] = rest;
    }
}

uint32_t crc32_of(const uint8_t *at, size_t size) {
    uint32_t rest = 0xffffffff;
    while (size--)
        rest = table[(rest ^ *at++) & 255] ^ rest >> 8;
    return ~rest;
}

static inline uint64_t rotate(uint64_t number, int bits) { return number << bits | number >> (64 - bits); }

#define ROUND                                                                                                          \
    do {                                                                                                               \
        v0 += v1, v1 = rotate(v1, 13) ^ v0, v0 = rotate(v0, 32);                                                       \
        v2 += v3, v3 = rotate(v3, 16) ^ v2;                                                                            \
        v0 += v3, v3 = rotate(v3, 21) ^ v0;                                                                            \
        v2 += v1, v1 = rotate(v1, 17) ^ v2, v2 = rotate(v2, 32);                                                       \
    } while (0)

uint64_t siphash_of(const uint8_t *secret, const uint8_t *at, size_t size) {
    uint64_t k0 = little64(secret), k1 = little64(secret + 8);
    uint64_t v0 = k0 ^ 0x736f6d6570736575, v1 = k1 ^ 0x646f72616e646f6d;
    uint64_t v2 = k0 ^ 0x6c7967656e657261, v3 = k1 ^ 0x7465646279746573;
    uint64_t last = (uint64_t)size << 56;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word = little64(at);
        v3 ^= word;
        ROUND;
        ROUND;
        v0 ^= word;
    }
    for (size_t index = 0; index < size; index++)
        last |= (uint64_t)at[index] << 8 * index;
    v3 ^= last;
    ROUND;
    ROUND;
    v0 ^= last;
    v2 ^= 0xff;
    ROUND;
    ROUND;
    ROUND;
    ROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}
