/* The engine's limiter (ptrd/engine/limiter.py) once more, over the same table. */

#ifndef PTRD_LIMITS_H
#define PTRD_LIMITS_H

#include "memory.h"

enum { LIMIT_WORDS = 1 << 18 };
enum kind { LIMIT_RECORDS, LIMIT_MADE, LIMIT_DENIED };

/* What becomes of an answer; of a bucket that is to be spoken about the responder takes care. */
enum turn { PASS, SLIP, SILENCE, SPEAK };

struct limits {
    uint64_t *table; /* LIMIT_WORDS; other processes write it too */
    uint8_t secret[16];
    uint32_t steps[3]; /* how far an answer of each kind moves a bucket's time; 0: no limit */
    unsigned slip;
    bool badcookie;
};

/* Counts one more answer to a prefix under a key. With SPEAK nothing was counted. `may_slip` is false when what slips
 * is the responder's: that is SPEAK too. `now` is Unix time. */
enum turn admit(const struct limits *limits, bytes_t prefix, enum kind kind, bytes_t first, bytes_t second, double now,
                bool may_slip);

#endif
