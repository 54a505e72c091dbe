/* The image, as ptrd/snapshot/layout.py lays it out, read in place. Whatever does not lie within it is not followed:
 * functions say BROKEN then, and the query is handed over. */

#ifndef PTRD_IMAGE_H
#define PTRD_IMAGE_H

#include "memory.h"

enum { IMAGE_VERSION = 6 };
enum { MAX_NAME = 255, MAX_LABELS = 128 };
enum { NODE_CUT = 1, NODE_DNAME = 2, NODE_OCCLUDED = 4, NODE_CNAME = 8 };
enum { ZONE_CUTS = 1, ZONE_WILDCARDS = 2, ZONE_ACCESS = 4, ZONE_ABSENT = 8 };

/* What a look-up found. */
enum found { NOTHING, FOUND, BROKEN };

/* A name in lower case; `offsets` says where its labels begin, the root's last, of which there are `labels` + 1. */
struct name {
    uint8_t bytes[MAX_NAME + 1];
    uint8_t offsets[MAX_LABELS];
    unsigned size, labels;
};

struct zone {
    bytes_t origin;
    unsigned labels, version, base_length, flags;
    unsigned deepest; /* labels of the longest name, without the zone's */
    bool covers;
    bool handed_over; /* whatever is asked in it: the image alone does not say what is true there */
    bool forward;     /* default names lead back from it, which is for the responder */
    uint8_t address[16];
    uint32_t trie_entry;
    bytes_t nodes, fences, starts, slots;
    uint32_t count, buckets;
};

struct image {
    bytes_t whole, pool, ranges, trie;
    struct zone *zones;
    uint32_t zone_count, range_count;
    uint32_t *places; /* 1 + the number of a zone, by CRC-32 of its name; 0 where there is none */
    uint32_t mask;
    uint8_t depths[MAX_LABELS]; /* the numbers of labels that zones have, the most first */
    unsigned depth_count;
};

/* A look-up on its way: a name relative to its zone, and the bucket of the zone's nodes that it is in. */
struct lookup {
    const struct zone *zone;
    const uint8_t *relative, *bucket;
    size_t size;
};

/* One RRset of a node. */
struct rrset {
    unsigned records;
    bytes_t bytes;
};

struct address {
    uint8_t bytes[16]; /* an IPv4 address has the first four */
};

/* Finds its way in an image; gives a sentence when that cannot be used, else NULL. The bytes stay the caller's. */
const char *open_image(struct image *image, bytes_t whole);
void close_image(struct image *image);

/* Begins to look a name up in the deepest zone that holds it; false when there is none. */
bool begin_lookup(const struct image *image, const struct name *name, struct lookup *lookup);

/* Both only have the processor fetch what the look-up reads next, the slots of the bucket and then their nodes: from
 * memory each takes as long as all else that an answer takes, and those of many look-ups come at once. */
void fetch_slots(const struct lookup *lookup);
void fetch_nodes(const struct lookup *lookup);

/* The node of the name. */
enum found find_node(const struct lookup *lookup, bytes_t *node);

/* The RRset of a type; the SOA of an apex is not among them. */
enum found find_rrset(bytes_t node, unsigned type, struct rrset *rrset);

/* The nodes before and at or after a sort key; where there is none its `at` is NULL. */
enum found find_neighbours(const struct zone *zone, bytes_t key, bytes_t *before, bytes_t *after);

/* The sort key of a node: in the image, or made of its name in `room`, which has MAX_NAME bytes. */
bytes_t key_of_node(bytes_t node, uint8_t *room);

/* The cut or DNAME that hides a hidden node; its `at` is NULL when the image is damaged. */
bytes_t guard_of_node(const struct zone *zone, bytes_t node);

/* The address whose owner a name is in its zone. */
enum found address_at(const struct zone *zone, const struct name *name, struct address *address);

/* The number of the range that makes an address's default name. */
enum found find_range(const struct image *image, const struct zone *zone, const struct address *address, uint32_t *range);

/* How many labels the deepest name has that is the question's or above it and has default names at it or below. */
enum found makes_below(const struct image *image, const struct zone *zone, const struct name *name, unsigned *labels);

#endif
