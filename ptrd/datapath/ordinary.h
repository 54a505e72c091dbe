/* One ordinary query: bytes to bytes, as ptrd/engine/responder.py would answer it, or it is handed over. */

#ifndef PTRD_ORDINARY_H
#define PTRD_ORDINARY_H

#include "image.h"
#include "limits.h"

enum { REPLY_ROOM = 4096 };

enum outcome { HANDED_OVER, ANSWERED, SILENT };

/* What an answer comes from: indices into SOURCES of ptrd/engine/answer.py. */
enum { FROM_RECORD = 0, FROM_DEFAULT = 1, FROM_NODATA = 5, FROM_NXDOMAIN = 6, FROM_LIMITED = 13 };

/* What is to be done about a client: count its answers, count none, or leave all to the responder. */
enum standing { COUNTED, EXEMPT, RESERVED };

/* Standings by address: of the last of `count` starts (16 bytes each, in order, the first all zero; an IPv4 address
 * has the first four) that is not above it. */
struct standings {
    const uint8_t *starts, *values;
    size_t count;
};

/* What an operator chose. */
struct choices {
    unsigned udp_size;
    bytes_t cookie_secrets;
    struct standings clients[2]; /* of IPv4 and of IPv6 */
    struct limits limits;
};

/* What changes while an image stays: managed records, serials. Each gives FOUND, NOTHING, or BROKEN to hand over. */
struct overlay {
    void *context;
    bool is_empty;
    enum found (*managed)(void *context, uint32_t zone, const uint8_t *relative, size_t size, struct rrset *rrset);
    enum found (*managed_below)(void *context, uint32_t zone, bytes_t key);
    enum found (*zone_below)(void *context, const uint8_t *name, size_t size);
    enum found (*negative)(void *context, uint32_t zone, bytes_t *soa); /* the SOA record of a negative answer */
};

/* A reply's size, for the counters its source, qtype and the number of the range that made it or -1. */
struct reply {
    size_t size;
    int source, qtype;
    int64_t range;
};

/* A query that was read, and its look-up. */
struct query {
    bytes_t wire;
    bool ordinary;    /* what follows is set */
    struct name name; /* in lower case */
    struct lookup lookup;
    size_t end; /* of the question */
    unsigned qtype;
    bool edns, dnssec_ok;
    unsigned udp_size;
    bytes_t cookie; /* as asked; its `at` is NULL when there is none */
};

/* Reads a query and begins its look-up; its bytes, and `query` itself, have to stay where they are. */
void read_ordinary(const struct image *image, bytes_t wire, struct query *query);

/* How a query came: from whom (4 or 16 bytes, or none when nobody is known to ask), when (Unix time), and whether over
 * TCP or TLS, where answers are not limited, nor their size but by the room for them. */
struct arrival {
    bytes_t client;
    double now;
    bool stream;
};

/* `wire` has REPLY_ROOM bytes. */
enum outcome answer_ordinary(const struct image *image, const struct choices *choices, const struct overlay *overlay,
                             const struct query *query, struct arrival arrival, uint8_t *wire, struct reply *reply);

#endif
