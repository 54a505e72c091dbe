/* Look-ups in the mapped image. Every offset is held against the bytes that are there before it is followed. */

#include "image.h"

#include <stdlib.h>

#include "hashes.h"

enum { HEADER = 56, SEGMENT = 24, SEGMENT_HEADER = 24, BLOCK = 48, INDEX = 32, ZONE = 56, RANGE = 32 };
enum { NODE = 16, RRSET = 8, FENCE = 8, LINE = 64 };
#define CHILD 0x80000000u
#define ENTRY 0x7fffffffu

/* Tells whether bytes are one name of so many labels. */
static bool is_name(bytes_t name, unsigned labels) {
    size_t at = 0;
    while (at < name.size && name.at[at]) {
        at += name.at[at] + 1u;
        labels--;
    }
    return at + 1 == name.size && !labels;
}

static const char *open_zone(struct image *image, bytes_t index, bytes_t segments, unsigned number) {
    static const char *damaged = "a zone lies outside of the image";
    struct zone *zone = &image->zones[number];
    const uint8_t *entry = within(index, INDEX + (uint64_t)ZONE * number, ZONE);
    if (!entry)
        return damaged;
    zone->origin.size = entry[4];
    zone->origin.at = within(image->pool, little32(entry), entry[4]);
    zone->labels = entry[5];
    zone->version = entry[6];
    zone->covers = entry[8] != 0;
    zone->base_length = zone->covers ? 24 : entry[7];
    memcpy(zone->address, entry + 12, 16);
    zone->trie_entry = little32(entry + 28);
    const uint8_t *found = within(segments, (uint64_t)SEGMENT * little32(entry + 36), SEGMENT);
    if (!zone->origin.at || !is_name(zone->origin, zone->labels) || zone->labels >= MAX_LABELS || !found)
        return damaged;
    bytes_t segment = {within(image->whole, little64(found), little64(found + 8)), little64(found + 8)};
    if (!segment.at)
        return damaged;
    const uint8_t *block = within(segment, SEGMENT_HEADER + (uint64_t)BLOCK * little32(entry + 40), BLOCK);
    if (!block)
        return damaged;
    uint64_t nodes = little64(block), fences = little64(block + 8);
    zone->count = little32(block + 32);
    zone->buckets = little32(block + 36);
    zone->flags = little32(block + 40);
    zone->deepest = little32(block + 44);
    zone->nodes = (bytes_t){within(segment, nodes, fences - nodes), fences - nodes};
    zone->fences.size = 4 * (((uint64_t)zone->count + FENCE - 1) / FENCE);
    zone->fences.at = within(segment, fences, zone->fences.size);
    zone->starts.size = 4ull * zone->buckets + 4;
    zone->starts.at = within(segment, little64(block + 16), zone->starts.size);
    zone->slots = (bytes_t){within(segment, little64(block + 24), 4ull * zone->count), 4ull * zone->count};
    if (fences < nodes || !zone->nodes.at || !zone->fences.at || !zone->starts.at || !zone->slots.at || !zone->buckets)
        return damaged;
    zone->handed_over = zone->flags & (ZONE_ACCESS | ZONE_ABSENT) || zone->base_length % (zone->version == 6 ? 4 : 8);
    return NULL;
}

/* Where a name is in the table of zones, or would be. */
static uint32_t *place_of(const struct image *image, const uint8_t *at, size_t size) {
    uint32_t place = crc32_of(at, size) & image->mask;
    while (image->places[place]) {
        bytes_t origin = image->zones[image->places[place] - 1].origin;
        if (origin.size == size && !memcmp(origin.at, at, size))
            break;
        place = (place + 1) & image->mask;
    }
    return &image->places[place];
}

static const char *index_zones(struct image *image, bytes_t index, bytes_t segments) {
    bool seen[MAX_LABELS] = {false};
    image->mask = 3;
    while (image->mask < 2 * (uint64_t)image->zone_count)
        image->mask = image->mask << 1 | 1;
    image->zones = calloc(image->zone_count + 1, sizeof *image->zones);
    image->places = calloc((size_t)image->mask + 1, sizeof *image->places);
    if (!image->zones || !image->places)
        return "there is not enough memory";
    for (uint32_t number = 0; number < image->zone_count; number++) {
        const char *wrong = open_zone(image, index, segments, number);
        if (wrong)
            return wrong;
        const struct zone *zone = &image->zones[number];
        *place_of(image, zone->origin.at, zone->origin.size) = number + 1;
        seen[zone->labels] = true;
    }
    for (int depth = MAX_LABELS - 1; depth >= 0; depth--)
        if (seen[depth])
            image->depths[image->depth_count++] = (uint8_t)depth;
    return NULL;
}

const char *open_image(struct image *image, bytes_t whole) {
    static const char *damaged = "the image is damaged";
    memset(image, 0, sizeof *image);
    image->whole = whole;
    if (whole.size < HEADER || memcmp(whole.at, "ptrdimg\n", 8))
        return "it is no image";
    if (little32(whole.at + 8) != IMAGE_VERSION)
        return "the image has another version";
    bytes_t segments = {NULL, (uint64_t)SEGMENT * little32(whole.at + 12)};
    segments.at = within(whole, HEADER, segments.size);
    bytes_t index = {within(whole, little64(whole.at + 32), little64(whole.at + 40)), little64(whole.at + 40)};
    if (!segments.at || !index.at || index.size < INDEX)
        return damaged;
    image->zone_count = little32(index.at);
    image->range_count = little32(index.at + 4);
    uint64_t zones = INDEX + (uint64_t)ZONE * image->zone_count, ranges = (uint64_t)RANGE * image->range_count;
    uint64_t trie = 4ull * little32(index.at + 8), pool = little32(index.at + 16), about = little32(index.at + 20);
    image->ranges = (bytes_t){within(index, zones, ranges), ranges};
    image->trie = (bytes_t){within(index, little32(index.at + 12), trie), trie};
    image->pool = (bytes_t){pool <= about ? within(index, pool, about - pool) : NULL, about - pool};
    if (!image->ranges.at || !image->trie.at || !image->pool.at)
        return damaged;
    return index_zones(image, index, segments);
}

void close_image(struct image *image) {
    free(image->zones);
    free(image->places);
    image->zones = NULL;
    image->places = NULL;
}

/* The deepest zone that holds a name, or NULL. */
static const struct zone *zone_of(const struct image *image, const struct name *name) {
    for (unsigned index = 0; index < image->depth_count; index++) {
        unsigned depth = image->depths[index];
        if (depth > name->labels)
            continue;
        unsigned start = name->offsets[name->labels - depth];
        uint32_t found = *place_of(image, name->bytes + start, name->size - start);
        if (found)
            return &image->zones[found - 1];
    }
    return NULL;
}

bool begin_lookup(const struct image *image, const struct name *name, struct lookup *lookup) {
    const struct zone *zone = zone_of(image, name);
    if (!zone)
        return false;
    size_t size = name->offsets[name->labels - zone->labels];
    const uint8_t *bucket = zone->starts.at + 4ull * (crc32_of(name->bytes, size) % zone->buckets);
    *lookup = (struct lookup){zone, name->bytes, bucket, size};
    __builtin_prefetch(bucket);
    return true;
}

/* The slots of a look-up's bucket, from one to before another; false when they are not all there. */
static inline bool slots_of(const struct lookup *lookup, uint32_t *at, uint32_t *end) {
    *at = little32(lookup->bucket);
    *end = little32(lookup->bucket + 4);
    return *end <= lookup->zone->count;
}

void fetch_slots(const struct lookup *lookup) {
    uint32_t at, end;
    if (slots_of(lookup, &at, &end) && at < end)
        __builtin_prefetch(lookup->zone->slots.at + 4ull * at);
}

void fetch_nodes(const struct lookup *lookup) {
    uint32_t at, end;
    if (!slots_of(lookup, &at, &end))
        return;
    for (; at < end; at++) {
        const uint8_t *node = within(lookup->zone->nodes, 2ull * little32(lookup->zone->slots.at + 4ull * at), NODE);
        if (!node)
            return;
        __builtin_prefetch(node);
        __builtin_prefetch(node + LINE); /* its records; where there is nothing, nothing is fetched */
    }
}

/* The node at an offset, from its header to the end of all nodes; none when its names are not all there. */
static bytes_t node_at(const struct zone *zone, uint64_t offset) {
    bytes_t node = {within(zone->nodes, offset, NODE), zone->nodes.size - offset};
    if (node.at && (uint64_t)NODE + node.at[1] + little16(node.at + 2) > node.size)
        node.at = NULL;
    return node;
}

enum found find_node(const struct lookup *lookup, bytes_t *node) {
    uint32_t at, end;
    if (!slots_of(lookup, &at, &end))
        return BROKEN;
    for (; at < end; at++) {
        *node = node_at(lookup->zone, 2ull * little32(lookup->zone->slots.at + 4ull * at));
        if (!node->at)
            return BROKEN;
        if (node->at[1] == lookup->size && !memcmp(node->at + NODE, lookup->relative, lookup->size))
            return FOUND;
    }
    return NOTHING;
}

enum found find_rrset(bytes_t node, unsigned type, struct rrset *rrset) {
    uint64_t at = (uint64_t)NODE + node.at[1] + little16(node.at + 2);
    unsigned count = little16(node.at + 8), records = little16(node.at + 12), found = little16(node.at + 10);
    uint32_t size = little16(node.at + 14);
    for (;;) {
        const uint8_t *bytes = within(node, at, size);
        if (!bytes)
            return BROKEN;
        if (found == type) {
            *rrset = (struct rrset){records, {bytes, size}};
            return FOUND;
        }
        if (count-- <= 1)
            return NOTHING;
        const uint8_t *head = within(node, at + size, RRSET);
        if (!head)
            return BROKEN;
        at += size + RRSET;
        found = little16(head);
        records = little16(head + 2);
        size = little32(head + 4);
    }
}

bytes_t key_of_node(bytes_t node, uint8_t *room) {
    size_t left = node.at[1], size = 0;
    bytes_t stored = {node.at + NODE + left, little16(node.at + 2)};
    if (stored.size)
        return stored;
    /* The labels from the last to the first, a zero byte between two; the name is written from the end of the room. */
    const uint8_t *label = node.at + NODE;
    while (left && *label < left) {
        if (size)
            room[MAX_NAME - ++size] = 0;
        size += *label;
        memcpy(room + MAX_NAME - size, label + 1, *label);
        left -= *label + 1u;
        label += *label + 1u;
    }
    return (bytes_t){room + MAX_NAME - size, size};
}

/* Where a node ends, from its start; 0 when that is not within the nodes. */
static uint64_t end_of_node(bytes_t node) {
    uint64_t at = (uint64_t)NODE + node.at[1] + little16(node.at + 2) + little16(node.at + 14);
    for (unsigned count = little16(node.at + 8); count > 1; count--) {
        const uint8_t *head = within(node, at, RRSET);
        if (!head)
            return 0;
        at += RRSET + (uint64_t)little32(head + 4);
    }
    if (node.at[0] & NODE_OCCLUDED)
        at += 4;
    return at <= node.size ? at : 0;
}

bytes_t guard_of_node(const struct zone *zone, bytes_t node) {
    uint64_t end = end_of_node(node);
    return end ? node_at(zone, 2ull * little32(node.at + end - 4)) : (bytes_t){NULL, 0};
}

/* Tells whether the sort key of a node comes before another. */
static bool is_before(bytes_t node, bytes_t key) {
    uint8_t room[MAX_NAME];
    bytes_t own = key_of_node(node, room);
    int order = memcmp(own.at, key.at, own.size < key.size ? own.size : key.size);
    return order < 0 || (!order && own.size < key.size);
}

enum found find_neighbours(const struct zone *zone, bytes_t key, bytes_t *before, bytes_t *after) {
    uint32_t low = 0, high = (uint32_t)(zone->fences.size / 4);
    before->at = after->at = NULL;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        bytes_t node = node_at(zone, 2ull * little32(zone->fences.at + 4ull * middle));
        if (!node.at)
            return BROKEN;
        if (is_before(node, key)) {
            *before = node;
            low = middle + 1;
        } else {
            *after = node;
            high = middle;
        }
    }
    /* Behind the last fence before the key are fewer than FENCE nodes until the next fence. */
    uint64_t index = (uint64_t)FENCE * low - FENCE + 1, end = (uint64_t)FENCE * low;
    for (; low && index < end && index < zone->count; index++) {
        uint64_t offset = end_of_node(*before);
        if (!offset)
            return BROKEN;
        offset += (uint64_t)(before->at - zone->nodes.at);
        bytes_t node = node_at(zone, offset + (offset & 1));
        if (!node.at)
            return BROKEN;
        if (!is_before(node, key)) {
            *after = node;
            break;
        }
        *before = node;
    }
    return FOUND;
}

/* An octet in plain decimal, or -1. */
static int octet_of(const uint8_t *label) {
    unsigned number = 0;
    if (!label[0] || label[0] > 3 || (label[1] == '0' && label[0] > 1))
        return -1;
    for (unsigned index = 1; index <= label[0]; index++) {
        if (label[index] < '0' || label[index] > '9')
            return -1;
        number = 10 * number + label[index] - '0';
    }
    return number < 256 ? (int)number : -1;
}

/* A hexadecimal digit in lower case, or -1. */
static int nibble_of(const uint8_t *label) {
    if (label[0] != 1)
        return -1;
    return label[1] >= '0' && label[1] <= '9'   ? label[1] - '0'
           : label[1] >= 'a' && label[1] <= 'f' ? label[1] - 'a' + 10
                                                : -1;
}

enum found address_at(const struct zone *zone, const struct name *name, struct address *address) {
    const uint8_t *bytes = name->bytes;
    memcpy(address->bytes, zone->address + 12, 4); /* of a zone that covers a part of a /24 */
    if (zone->covers) {
        int octet = name->labels == zone->labels + 1 ? octet_of(bytes) : -1;
        address->bytes[3] = (uint8_t)octet;
        return octet < 0 ? NOTHING : FOUND;
    }
    if (zone->version == 4) {
        for (int index = 0; index < 4; index++) {
            int octet = name->labels == 6 ? octet_of(bytes + name->offsets[3 - index]) : -1;
            if (octet < 0)
                return NOTHING;
            address->bytes[index] = (uint8_t)octet;
        }
        return FOUND;
    }
    if (name->labels != 34 || name->size != 74)
        return NOTHING;
    for (int index = 0; index < 16; index++) {
        int high = nibble_of(bytes + 62 - 4 * index), low = nibble_of(bytes + 60 - 4 * index);
        if (high < 0 || low < 0)
            return NOTHING;
        address->bytes[index] = (uint8_t)(high << 4 | low);
    }
    return FOUND;
}

/* The entry that a digit leads to. */
static bool step_down(const struct image *image, uint32_t *entry, unsigned digit) {
    const uint8_t *below = within(image->trie, 4 * ((uint64_t)(*entry & ENTRY) + digit), 4);
    *entry = below ? little32(below) : 0;
    return below != NULL;
}

enum found find_range(const struct image *image, const struct zone *zone, const struct address *address,
                      uint32_t *range) {
    uint32_t entry = zone->trie_entry;
    unsigned depth = zone->base_length, stride = zone->version == 4 ? 8 : 4, bits = zone->version == 4 ? 32 : 128;
    for (; entry & CHILD; depth += stride) {
        if (depth + stride > bits)
            return BROKEN;
        uint8_t byte = address->bytes[depth / 8];
        if (!step_down(image, &entry, stride == 8 ? byte : depth % 8 ? byte & 15 : byte >> 4))
            return BROKEN;
    }
    *range = entry - 1;
    return !entry ? NOTHING : entry <= image->range_count ? FOUND : BROKEN;
}

enum found makes_below(const struct image *image, const struct zone *zone, const struct name *name, unsigned *labels) {
    uint32_t entry = zone->trie_entry;
    unsigned full = zone->covers ? zone->labels + 1 : zone->version == 4 ? 6 : 34;
    unsigned deepest = name->labels < full ? name->labels : full;
    *labels = 0;
    if (!entry)
        return NOTHING;
    for (unsigned count = zone->labels + 1; count <= deepest; count++) {
        const uint8_t *label = name->bytes + name->offsets[name->labels - count];
        int digit = zone->version == 4 ? octet_of(label) : nibble_of(label);
        if (digit < 0)
            break;
        if (entry & CHILD && !step_down(image, &entry, (unsigned)digit))
            return BROKEN;
        if (!entry)
            break;
        *labels = count;
    }
    return FOUND;
}
