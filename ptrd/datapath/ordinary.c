/* The order of everything for an ordinary query, in the order of ptrd/engine/responder.py and answer.py beside it:
 * read, look up, limit, write. There is no decision in here that is not theirs: wherever they would go on to something
 * that is not spelled out here (an alias, a cut, a wildcard, a refusal, an error, an answer that does not fit), the
 * query is handed over before anything was counted. */

#include "ordinary.h"

#include "cookies.h"
#include "names.h"

enum { TYPE_SOA = 6, TYPE_PTR = 12, TYPE_A = 1, TYPE_AAAA = 28, TYPE_DS = 43, TYPE_ANY = 255 };
enum { TYPE_IXFR = 251, TYPE_AXFR = 252, CLASS_IN = 1, NXDOMAIN = 3, MIN_UDP = 512, OPT_SIZE = 11, COOKIE = 10 };

/* What is said: records behind a pointer to the question's name, or the SOA of a zone that denies. */
struct said {
    int source;
    unsigned rcode;
    struct rrset rrset;
    bool negative;
    uint32_t zone;
    int64_t range;
    bytes_t made_of; /* the template of a default name */
};

static bool read_name(bytes_t wire, struct name *name) {
    size_t at = 12;
    name->labels = 0;
    for (;;) {
        unsigned size = at < wire.size ? wire.at[at] : 64;
        if (size > 63 || at - 12 + size >= MAX_NAME || at + size >= wire.size)
            return false;
        name->offsets[name->labels] = (uint8_t)(at - 12);
        for (size_t end = at + size; at <= end; at++) {
            uint8_t byte = wire.at[at];
            name->bytes[at - 12] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
        }
        if (!size)
            break;
        name->labels++;
    }
    name->size = (unsigned)(at - 12);
    return true;
}

/* Reads a query of the ordinary shape: one question, and one OPT at most, bare or with one COOKIE. */
static bool read_query(bytes_t wire, struct query *query) {
    const uint8_t *at = wire.at;
    if (wire.size < 17 || at[2] & 0xfe || at[3] & 0xcf || memcmp(at + 4, "\0\1\0\0\0\0\0", 7) || at[11] > 1)
        return false;
    if (!read_name(wire, &query->name))
        return false;
    query->end = 12 + query->name.size + 4;
    query->edns = at[11];
    query->cookie.at = NULL;
    query->udp_size = 0;
    if (query->end > wire.size || big16(at + query->end - 2) != CLASS_IN)
        return false;
    query->qtype = big16(at + query->end - 4);
    bytes_t rest = {at + query->end, wire.size - query->end};
    if (!query->edns)
        return !rest.size;
    /* root, type, size, extended rcode and version, flags, length (RFC 6891, 6.1.2) */
    if (rest.size < OPT_SIZE || memcmp(rest.at, "\0\0\x29", 3) || rest.at[5] || rest.at[6])
        return false;
    query->udp_size = big16(rest.at + 3);
    query->dnssec_ok = rest.at[7] & 0x80;
    rest = (bytes_t){rest.at + OPT_SIZE, rest.size - OPT_SIZE};
    if (big16(rest.at - 2) != rest.size)
        return false;
    if (!rest.size)
        return true;
    if (rest.size < 4 || big16(rest.at) != COOKIE || big16(rest.at + 2) != rest.size - 4)
        return false;
    query->cookie = (bytes_t){rest.at + 4, rest.size - 4};
    return true;
}

void read_ordinary(const struct image *image, bytes_t wire, struct query *query) {
    query->wire = wire;
    query->ordinary = read_query(wire, query) && begin_lookup(image, &query->name, &query->lookup);
}

/* Writes our OPT, and in it the answer to a cookie; `limited` loses its bytes when that is valid. */
static enum found write_opt(const struct choices *choices, const struct query *query, bytes_t client, double now,
                            uint8_t *opt, size_t *size, bytes_t *limited, bool *may_slip) {
    *size = 0;
    if (!query->edns)
        return FOUND;
    memcpy(opt, "\0\0\x29\0\0\0\0\0\0\0\0", OPT_SIZE);
    put_big16(opt + 3, choices->udp_size);
    opt[7] = query->dnssec_ok ? 0x80 : 0;
    *size = OPT_SIZE;
    if (!query->cookie.at || !choices->cookie_secrets.size || !client.size)
        return FOUND;
    size_t length = query->cookie.size;
    if (length != CLIENT_COOKIE_SIZE && (length < 16 || length > 40)) /* RFC 7873, 5.2.2 */
        return BROKEN;
    if (answer_cookie(choices->cookie_secrets, query->cookie, client, now, opt + OPT_SIZE + 4))
        limited->size = 0;
    else
        *may_slip = !choices->limits.badcookie;
    put_big16(opt + 9, 4 + COOKIE_SIZE);
    put_big16(opt + 11, COOKIE);
    put_big16(opt + 13, COOKIE_SIZE);
    *size = OPT_SIZE + 4 + COOKIE_SIZE;
    return FOUND;
}

static enum standing standing_of(const struct choices *choices, bytes_t client) {
    const struct standings *standings = &choices->clients[client.size == 16];
    uint8_t address[16] = {0};
    memcpy(address, client.at, client.size);
    size_t low = 0, high = standings->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(standings->starts + 16 * middle, address, 16) <= 0)
            low = middle;
        else
            high = middle;
    }
    return standings->values[low];
}

/* The default PTR record of the address that a name is the owner of, made behind `room`. */
static enum found make_pointer(const struct image *image, const struct zone *zone, const struct name *name,
                               uint8_t *room, struct said *said) {
    struct address address = {{0}};
    uint32_t number;
    enum found found = zone->trie_entry ? address_at(zone, name, &address) : NOTHING;
    if (found == FOUND)
        found = find_range(image, zone, &address, &number);
    if (found != FOUND)
        return found;
    const uint8_t *range = image->ranges.at + 32ull * number;
    bytes_t template = {within(image->pool, little32(range + 12), little16(range + 10)), little16(range + 10)};
    if (!template.at)
        return BROKEN;
    size_t size = make_name(template, range[8], range[9], address.bytes, room + 12);
    if (!size)
        return BROKEN;
    memcpy(room, "\xc0\x0c\0\x0c\0\1", 6);
    put_big32(room + 6, little32(range + 4));
    put_big16(room + 10, (unsigned)size);
    said->source = FROM_DEFAULT;
    said->rrset = (struct rrset){1, {room, size + 12}};
    said->range = number;
    said->made_of = template;
    return FOUND;
}

static enum outcome deny(struct said *said, unsigned rcode) {
    said->source = rcode ? FROM_NXDOMAIN : FROM_NODATA;
    said->rcode = rcode;
    said->negative = true;
    return ANSWERED;
}

/* Tells whether a sort key is that of a name below another. */
static bool is_below(bytes_t key, bytes_t above) {
    return key.size > above.size && !key.at[above.size] && !memcmp(key.at, above.at, above.size);
}

/* Answers for a name without a node. `managed` says whether there is a managed record, which is in `said` then. */
static enum outcome answer_absent(const struct image *image, const struct overlay *overlay, const struct zone *zone,
                                  const struct query *query, bool managed, uint8_t *room, struct said *said) {
    const struct name *name = &query->name;
    bytes_t before = {NULL, 0}, after = {NULL, 0}, key;
    uint8_t key_bytes[MAX_NAME], node_bytes[MAX_NAME];
    if (!managed) {
        enum found made = make_pointer(image, zone, name, room, said);
        if (made == BROKEN)
            return HANDED_OVER;
        if (made == FOUND) {
            if (query->qtype == TYPE_PTR)
                return ANSWERED;
            said->range = -1;
            return deny(said, 0);
        }
    }
    if (zone->forward)
        return HANDED_OVER;
    unsigned labels = name->labels - zone->labels;
    bool near = zone->flags & ZONE_CUTS || (!managed && labels < zone->deepest);
    key = (bytes_t){key_bytes, make_key(name, labels, key_bytes)};
    if (!key.size || (near && find_neighbours(zone, key, &before, &after) == BROKEN))
        return HANDED_OVER;
    if (zone->flags & ZONE_CUTS && before.at) {
        bytes_t guard = before.at[0] & NODE_OCCLUDED ? guard_of_node(zone, before) : before;
        if (!guard.at)
            return HANDED_OVER;
        bytes_t above = key_of_node(guard, node_bytes);
        if (guard.at[0] & (NODE_CUT | NODE_DNAME) && (!above.size || is_below(key, above)))
            return HANDED_OVER;
    }
    if (managed)
        return query->qtype == TYPE_PTR ? ANSWERED : deny(said, 0);
    if (after.at && is_below(key_of_node(after, node_bytes), key))
        return deny(said, 0);
    uint32_t number = (uint32_t)(zone - image->zones);
    enum found below = overlay->is_empty ? NOTHING : overlay->managed_below(overlay->context, number, key);
    unsigned reached = 0;
    if (below == BROKEN || makes_below(image, zone, name, &reached) == BROKEN)
        return HANDED_OVER;
    if (below == FOUND || reached == name->labels)
        return deny(said, 0);
    if (zone->flags & ZONE_WILDCARDS)
        return HANDED_OVER;
    below = overlay->zone_below(overlay->context, name->bytes, name->size);
    return below == BROKEN ? HANDED_OVER : deny(said, below == FOUND ? 0 : NXDOMAIN);
}

/* Answers a question of class IN; what is made stands behind `room`. */
static enum outcome answer(const struct image *image, const struct overlay *overlay, const struct query *query,
                           uint8_t *room, struct said *said) {
    const struct name *name = &query->name;
    const struct zone *zone = query->lookup.zone;
    unsigned qtype = query->qtype;
    bytes_t node;
    if (zone->handed_over || qtype == TYPE_SOA || qtype == TYPE_DS || qtype == TYPE_ANY || qtype == TYPE_IXFR ||
        qtype == TYPE_AXFR)
        return HANDED_OVER;
    said->zone = (uint32_t)(zone - image->zones);
    enum found managed = NOTHING;
    if (!overlay->is_empty)
        managed = overlay->managed(overlay->context, said->zone, name->bytes, query->lookup.size, &said->rrset);
    enum found found = find_node(&query->lookup, &node);
    if (found == BROKEN || managed == BROKEN)
        return HANDED_OVER;
    if (found == NOTHING)
        return answer_absent(image, overlay, zone, query, managed == FOUND, room, said);
    if (node.at[0] & (NODE_OCCLUDED | NODE_CUT | NODE_CNAME))
        return HANDED_OVER;
    if (managed == FOUND && qtype == TYPE_PTR)
        return ANSWERED;
    found = find_rrset(node, qtype, &said->rrset);
    if (found == NOTHING && qtype == TYPE_PTR)
        found = make_pointer(image, zone, name, room, said);
    if (found != NOTHING)
        return found == FOUND ? ANSWERED : HANDED_OVER;
    return zone->forward && (qtype == TYPE_A || qtype == TYPE_AAAA) ? HANDED_OVER : deny(said, 0);
}

/* Counts an answer under what ptrd/engine/limiter.py, `bucket_of`, says. */
static enum turn limit(const struct choices *choices, const struct query *query, const struct said *said,
                       bytes_t prefix, double now, bool may_slip) {
    bytes_t none = {query->name.bytes, 0}, name = {query->name.bytes, query->name.size};
    if (said->range >= 0)
        return admit(&choices->limits, prefix, LIMIT_MADE, said->made_of, none, now, may_slip);
    if (said->negative) {
        uint8_t digits[10];
        size_t at = sizeof digits;
        uint32_t number = said->zone;
        do
            digits[--at] = (uint8_t)('0' + number % 10);
        while (number /= 10);
        bytes_t key = {digits + at, sizeof digits - at};
        return admit(&choices->limits, prefix, LIMIT_DENIED, key, none, now, may_slip);
    }
    bytes_t qtype = {query->wire.at + query->end - 4, 2};
    return admit(&choices->limits, prefix, LIMIT_RECORDS, qtype, name, now, may_slip);
}

static void write_header(const struct query *query, uint8_t *wire, unsigned flags, unsigned answers,
                         unsigned authorities) {
    memcpy(wire, query->wire.at, query->end); /* the ID, and the question as it was spelled */
    put_big16(wire + 2, 0x8000 | flags | (query->wire.at[2] & 1u) << 8);
    put_big16(wire + 4, 1);
    put_big16(wire + 6, answers);
    put_big16(wire + 8, authorities);
    put_big16(wire + 10, query->edns ? 1 : 0);
}

enum outcome answer_ordinary(const struct image *image, const struct choices *choices, const struct overlay *overlay,
                             const struct query *query, struct arrival arrival, uint8_t *out, struct reply *reply) {
    bytes_t client = arrival.client;
    double now = arrival.now;
    uint8_t opt[OPT_SIZE + 4 + COOKIE_SIZE], made[12 + MAX_NAME + 1];
    struct said said = {.source = FROM_RECORD, .range = -1};
    bytes_t limited = {client.at, arrival.stream || !client.size ? 0 : client.size == 16 ? 7 : 3}; /* a /56 or a /24 */
    bool may_slip = true;
    size_t opt_size;
    if (!query->ordinary || !(now >= 0 && now < 1e12)) /* seconds that the limits' ticks have room for */
        return HANDED_OVER;
    if (client.size) {
        enum standing standing = standing_of(choices, client);
        if (standing == RESERVED)
            return HANDED_OVER;
        if (standing == EXEMPT)
            limited.size = 0;
    }
    if (write_opt(choices, query, client, now, opt, &opt_size, &limited, &may_slip) != FOUND ||
        answer(image, overlay, query, made, &said) != ANSWERED)
        return HANDED_OVER;

    bytes_t records = said.rrset.bytes;
    unsigned owner = 0xc00c;
    if (said.negative) { /* the SOA's owner ends the question's name */
        const struct zone *zone = &image->zones[said.zone];
        if (zone->origin.size < 2 || overlay->negative(overlay->context, said.zone, &records) != FOUND)
            return HANDED_OVER;
        owner += query->name.size - (unsigned)zone->origin.size;
    }
    size_t most = query->udp_size > MIN_UDP ? query->udp_size : MIN_UDP;
    if (most > choices->udp_size)
        most = choices->udp_size;
    size_t size = query->end + records.size + opt_size;
    if ((size > most && !arrival.stream) || size > REPLY_ROOM || records.size < 12)
        return HANDED_OVER;

    *reply = (struct reply){size, said.source, (int)query->qtype, said.range};
    if (limited.size) {
        enum turn turn = limit(choices, query, &said, limited, now, may_slip);
        if (turn == SPEAK)
            return HANDED_OVER;
        if (turn != PASS)
            *reply = (struct reply){turn == SLIP ? query->end + opt_size : 0, FROM_LIMITED, (int)query->qtype, -1};
        if (turn == SILENCE)
            return SILENT;
        if (turn == SLIP) {
            write_header(query, out, 0x0200, 0, 0);
            memcpy(out + query->end, opt, opt_size);
            return ANSWERED;
        }
    }
    write_header(query, out, 0x0400 | said.rcode, said.negative ? 0 : said.rrset.records, said.negative ? 1 : 0);
    memcpy(out + query->end, records.at, records.size);
    put_big16(out + query->end, owner);
    memcpy(out + query->end + records.size, opt, opt_size);
    return ANSWERED;
}
