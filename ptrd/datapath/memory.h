/* Numbers as they lie in messages (big-endian) and in the image (little-endian), at any address; and bounded bytes. */

#ifndef PTRD_MEMORY_H
#define PTRD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *at;
    size_t size;
} bytes_t;

static inline uint16_t big16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline uint32_t big32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void put_big16(uint8_t *at, unsigned number) {
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
}

static inline void put_big32(uint8_t *at, uint32_t number) {
    put_big16(at, number >> 16);
    put_big16(at + 2, number & 0xffff);
}

static inline uint16_t little16(const uint8_t *at) { return (uint16_t)(at[0] | at[1] << 8); }

static inline uint32_t little32(const uint8_t *at) {
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t little64(const uint8_t *at) { return little32(at) | (uint64_t)little32(at + 4) << 32; }

static inline void put_little64(uint8_t *at, uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
        *at++ = (uint8_t)(number >> shift);
}

/* The bytes `size` long at `offset` of a whole, or none when they are not all within it. */
static inline const uint8_t *within(bytes_t whole, uint64_t offset, uint64_t size) {
    return offset <= whole.size && size <= whole.size - offset ? whole.at + offset : NULL;
}

#endif
