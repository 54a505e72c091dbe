/* Server cookies of version 1: the first secret makes new ones, each secret vouches for old ones (RFC 9018, 4). */

#include "cookies.h"

#include "hashes.h"

enum { OLDEST = 3600, FUTURE = 300, RENEWED = 1800 }; /* seconds (RFC 9018, 4.3) */

/* The hash over client cookie, version, reserved bytes, time, and the client's address. */
static uint64_t hash_of(const uint8_t *secret, const uint8_t *head, bytes_t client) {
    uint8_t hashed[32];
    memcpy(hashed, head, 16);
    memcpy(hashed + 16, client.at, client.size);
    return siphash_of(secret, hashed, 16 + client.size);
}

bool answer_cookie(bytes_t secrets, bytes_t asked, bytes_t client, double now, uint8_t reply[COOKIE_SIZE]) {
    uint32_t second = (uint32_t)(uint64_t)now;
    bool valid = false;
    if (asked.size == COOKIE_SIZE && asked.at[8] == 1) {
        uint32_t age = second - big32(asked.at + 12) + FUTURE; /* serial number arithmetic (RFC 1982) */
        if (age <= OLDEST + FUTURE) {
            for (size_t at = 0; at < secrets.size && !valid; at += SECRET_SIZE) {
                valid = (hash_of(secrets.at + at, asked.at, client) ^ little64(asked.at + 16)) == 0;
                if (valid && !at && age <= RENEWED + FUTURE) {
                    memcpy(reply, asked.at, COOKIE_SIZE);
                    return true;
                }
            }
        }
    }
    memcpy(reply, asked.at, CLIENT_COOKIE_SIZE);
    memcpy(reply + 8, "\1\0\0\0", 4);
    put_big32(reply + 12, second);
    put_little64(reply + 16, hash_of(secrets.at, reply, client));
    return valid;
}
