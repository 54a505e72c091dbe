/* Spelling. A name that is written never leaves its 255 bytes, nor a label its 63, whatever a template says. */

#include "names.h"

/* Kinds of pieces, as ptrd/snapshot/forms.py numbers them. */
enum { TAIL, LITERAL, DOT, IP, A, B, C, D, GROUPS, HEX, HOST, REV };

size_t make_key(const struct name *name, unsigned labels, uint8_t *key) {
    size_t size = 0;
    for (unsigned label = labels; label-- > 0;) {
        const uint8_t *at = name->bytes + name->offsets[label];
        if (size)
            key[size++] = 0;
        for (unsigned index = 1; index <= at[0]; index++) {
            if (at[index] < 2)
                return 0; /* would be escaped */
            key[size++] = at[index];
        }
    }
    return size;
}

/* A name that is being written: the label that is open begins with its length, to be set when it ends. */
struct writer {
    uint8_t *name;
    size_t size, label;
    bool failed;
};

static void put(struct writer *writer, const void *at, size_t size) {
    if (writer->failed || size > MAX_NAME - writer->size) {
        writer->failed = true;
        return;
    }
    memcpy(writer->name + writer->size, at, size);
    writer->size += size;
}

static void end_label(struct writer *writer) {
    size_t size = writer->size - writer->label - 1;
    if (!size || size > 63)
        writer->failed = true;
    if (writer->failed)
        return;
    writer->name[writer->label] = (uint8_t)size;
    writer->label = writer->size;
    put(writer, "", 1);
}

static void put_decimal(struct writer *writer, uint32_t number) {
    char digits[10];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    put(writer, digits + at, sizeof digits - at);
}

/* The last `digits` hexadecimal digits of a big-endian number of `size` bytes. */
static void put_hex(struct writer *writer, const uint8_t *number, unsigned size, unsigned digits) {
    char text[32];
    for (unsigned index = 0; index < digits; index++) {
        unsigned place = 2 * size - digits + index;
        text[index] = "0123456789abcdef"[place % 2 ? number[place / 2] & 15 : number[place / 2] >> 4];
    }
    put(writer, text, digits);
}

/* Groups of an IPv6 address without leading zeros, with dashes in between. */
static void put_groups(struct writer *writer, const uint8_t *address, unsigned from, unsigned to) {
    for (unsigned index = from; index < to; index++) {
        unsigned group = big16(address + 2 * index);
        unsigned digits = group > 0xfff ? 4 : group > 0xff ? 3 : group > 0xf ? 2 : 1;
        if (index > from)
            put(writer, "-", 1);
        put_hex(writer, address + 2 * index, 2, digits);
    }
}

/* An IPv6 address in its shortest form, with dashes; see `spell_ip6` in ptrd/snapshot/fields.py. */
static void put_ip6(struct writer *writer, const uint8_t *address) {
    unsigned start = 0, longest = 0, run = 0;
    for (unsigned index = 0; index < 8; index++) {
        run = big16(address + 2 * index) ? 0 : run + 1;
        if (run > longest) {
            longest = run;
            start = index + 1 - run;
        }
    }
    if (longest < 2) {
        put_groups(writer, address, 0, 8);
        return;
    }
    size_t before = writer->size;
    put_groups(writer, address, 0, start);
    if (!start)
        put(writer, "0", 1);
    else if (writer->size - before == 2) /* no dashes in places 3 and 4 (RFC 5891, 4.2.3.1) */
        put(writer, "-0", 2);
    put(writer, "--", 2);
    put_groups(writer, address, start + longest, 8);
    if (start + longest == 8)
        put(writer, "0", 1);
}

/* {rev}: the address as its owner has it, a label each. */
static void put_reversed(struct writer *writer, unsigned version, const uint8_t *address) {
    unsigned labels = version == 4 ? 4 : 32;
    for (unsigned index = labels; index-- > 0;) {
        if (version == 4)
            put_decimal(writer, address[index]);
        else
            put(writer, "0123456789abcdef" + (index % 2 ? address[index / 2] & 15 : address[index / 2] >> 4), 1);
        if (index)
            end_label(writer);
    }
}

/* {host}: the bits behind the prefix. */
static void put_host(struct writer *writer, unsigned version, unsigned length, const uint8_t *address) {
    uint8_t host[16];
    unsigned bytes = version == 4 ? 4 : 16, free = 8 * bytes - length;
    for (unsigned index = 0; index < bytes; index++) {
        unsigned fixed = length > 8 * index ? length - 8 * index : 0;
        host[index] = fixed >= 8 ? 0 : (uint8_t)(address[index] & 0xff >> fixed);
    }
    if (version == 4)
        put_decimal(writer, big32(host));
    else
        put_hex(writer, host, 16, free < 4 ? 1 : (free + 3) / 4);
}

static void put_piece(struct writer *writer, unsigned kind, unsigned version, unsigned length,
                      const uint8_t *address) {
    unsigned size = version == 4 ? 4 : 16;
    switch (kind) {
    case IP:
        if (version == 6) {
            put_ip6(writer, address);
            break;
        }
        for (unsigned index = 0; index < 4; index++) {
            if (index)
                put(writer, "-", 1);
            put_decimal(writer, address[index]);
        }
        break;
    case A:
    case B:
    case C:
    case D:
        put_decimal(writer, address[kind - A]);
        break;
    case GROUPS:
        for (unsigned index = 0; index < 8; index++) {
            if (index)
                put(writer, "-", 1);
            put_hex(writer, address + 2 * index, 2, 4);
        }
        break;
    case HEX:
        put_hex(writer, address, size, 2 * size);
        break;
    case HOST:
        put_host(writer, version, length, address);
        break;
    case REV:
        put_reversed(writer, version, address);
        break;
    default:
        writer->failed = true;
    }
}

size_t make_name(bytes_t template, unsigned version, unsigned length, const uint8_t *address, uint8_t *name) {
    struct writer writer = {.name = name};
    if ((version != 4 && version != 6) || length > (version == 4 ? 32 : 128) || !template.size)
        return 0;
    put(&writer, "", 1);
    size_t at = 1;
    for (unsigned pieces = template.at[0]; pieces > 0 && !writer.failed; pieces--) {
        const uint8_t *piece = within(template, at, 2);
        const uint8_t *data = piece ? within(template, at + 2, piece[1]) : NULL;
        if (!data)
            return 0;
        at += 2u + piece[1];
        if (piece[0] == TAIL) { /* ends with the root, in place of the label that would be next */
            writer.size = writer.label;
            put(&writer, data, piece[1]);
            return writer.failed ? 0 : writer.size;
        }
        if (piece[0] == LITERAL)
            put(&writer, data, piece[1]);
        else if (piece[0] == DOT)
            end_label(&writer);
        else
            put_piece(&writer, piece[0], version, length, address);
    }
    return 0;
}
