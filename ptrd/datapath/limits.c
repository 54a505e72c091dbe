/* The generic cell rate algorithm over a table of two words a bucket; ptrd/engine/limiter.py explains it. */

#include "limits.h"

#include "hashes.h"

enum { TICKS = 1 << 20, WINDOW = 2 * TICKS, QUIET = 60, MAX_KEY = 4096 };
#define TAG 0xffffffff00000000u

static const char KINDS[] = "rmd";

static uint64_t load(const uint64_t *at) { return __atomic_load_n(at, __ATOMIC_RELAXED); }

static void store(uint64_t *at, uint64_t word) { __atomic_store_n(at, word, __ATOMIC_RELAXED); }

/* How far a bucket's time is ahead of now. */
static uint32_t ahead_of(uint64_t word, uint32_t ticks) {
    uint32_t ahead = (uint32_t)word - ticks;
    return ahead > WINDOW ? 0 : ahead; /* not ahead but behind */
}

enum turn admit(const struct limits *limits, bytes_t prefix, enum kind kind, bytes_t first, bytes_t second, double now,
                bool may_slip) {
    uint8_t key[MAX_KEY];
    uint32_t step = limits->steps[kind];
    size_t size = prefix.size + 1 + first.size + second.size;
    if (!step)
        return PASS;
    if (size > sizeof key)
        return SPEAK;
    memcpy(key, prefix.at, prefix.size);
    key[prefix.size] = (uint8_t)KINDS[kind];
    memcpy(key + prefix.size + 1, first.at, first.size);
    memcpy(key + prefix.size + 1 + first.size, second.at, second.size);

    uint64_t hash = siphash_of(limits->secret, key, size), tag = hash & TAG;
    uint64_t *bucket = limits->table + (hash % (LIMIT_WORDS / 2)) * 2;
    uint32_t ticks = (uint32_t)(uint64_t)(now * TICKS), ahead = ahead_of(load(bucket), ticks);
    bool fresh = false;
    if ((load(bucket) & TAG) != tag) {
        uint64_t *other = limits->table + ((size_t)(bucket - limits->table) ^ 2);
        uint32_t ahead_there = ahead_of(load(other), ticks);
        if ((load(other) & TAG) == tag) {
            bucket = other;
            ahead = ahead_there;
        } else { /* one of the two is given up */
            if (ahead_there < ahead)
                bucket = other;
            ahead = 0;
            fresh = true;
        }
    }
    if (ahead + step <= WINDOW) {
        if (fresh)
            store(bucket + 1, 0);
        store(bucket, tag | (uint32_t)(ticks + ahead + step));
        return PASS;
    }
    uint64_t counted = fresh ? 0 : load(bucket + 1);
    uint32_t count = (uint32_t)counted + 1, said = (uint32_t)(counted >> 32);
    uint32_t since = (uint32_t)(uint64_t)now - said;
    if (!said || (since >= QUIET && since <= UINT32_MAX - QUIET))
        return SPEAK;
    enum turn turn = limits->slip && count % limits->slip == 0 ? SLIP : SILENCE;
    if (turn == SLIP && !may_slip)
        return SPEAK;
    store(bucket + 1, (uint64_t)said << 32 | count);
    return turn;
}
