/* The buffers of one socket, and the system calls on it. Nothing that the kernel reports ends more than one answer. */

#define _GNU_SOURCE
#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* No honest query is longer than DATAGRAM. What lies between two of them keeps 64 of them out of one cache set. */
enum { DATAGRAM = 4096, APART = 64, CONTROL = 64, MAX_ERRORS = 64 };

struct datagram {
    uint8_t query[DATAGRAM + APART], wire[REPLY_ROOM + APART];
    struct sockaddr_in6 peer; /* or a sockaddr_in */
    struct iovec in, out;
    union {
        struct cmsghdr align;
        uint8_t bytes[CONTROL];
    } asked, answered;
    struct query read;
    struct reply reply;
};

struct batch {
    int fileno;
    bool wildcard;
    struct slots slots;
    uint64_t *counts;
    size_t counters;
    int received, dirty, answers, left, next;
    struct timespec began;
    struct mmsghdr in[BATCH], out[BATCH];
    struct datagram *of_answer[BATCH];
    int of_left[BATCH];
    struct datagram datagrams[BATCH];
};

static void count(struct batch *batch, size_t slot, uint64_t number) {
    if (slot < batch->counters)
        batch->counts[slot] += number;
}

struct batch *make_batch(int fileno, bool wildcard, const struct slots *slots, uint64_t *counts, size_t size) {
    struct batch *batch = calloc(1, sizeof *batch);
    if (!batch)
        return NULL;
    batch->fileno = fileno;
    batch->wildcard = wildcard;
    batch->slots = *slots;
    batch->counts = counts;
    batch->counters = size;
    batch->dirty = BATCH;
    for (int index = 0; index < BATCH; index++) {
        struct datagram *datagram = &batch->datagrams[index];
        datagram->in = (struct iovec){datagram->query, DATAGRAM};
        batch->in[index].msg_hdr = (struct msghdr){.msg_name = &datagram->peer, .msg_iov = &datagram->in,
                                                   .msg_iovlen = 1};
    }
    return batch;
}

void free_batch(struct batch *batch) { free(batch); }

int receive(struct batch *batch) {
    batch->answers = batch->left = batch->next = 0;
    for (int index = 0; index < batch->dirty; index++) { /* what the calls before have written there */
        struct msghdr *header = &batch->in[index].msg_hdr;
        header->msg_namelen = sizeof(struct sockaddr_in6);
        if (batch->wildcard) {
            header->msg_control = batch->datagrams[index].asked.bytes;
            header->msg_controllen = CONTROL;
        }
    }
    batch->received = batch->dirty = 0;
    for (int tries = 0; tries < MAX_ERRORS; tries++) {
        int received = recvmmsg(batch->fileno, batch->in, BATCH, MSG_DONTWAIT, NULL);
        if (received >= 0) {
            clock_gettime(CLOCK_MONOTONIC, &batch->began);
            return batch->received = batch->dirty = received;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        if (errno != EINTR)
            count(batch, batch->slots.receive_failed, 1); /* an ICMP error of an answer sent earlier */
    }
    return 0;
}

/* The address that a datagram was sent to, when the kernel says it. */
static const struct cmsghdr *asked_of(const struct batch *batch, int index) {
    struct msghdr *header = (struct msghdr *)&batch->in[index].msg_hdr;
    const struct cmsghdr *control = batch->wildcard ? CMSG_FIRSTHDR(header) : NULL;
    if (!control)
        return NULL;
    bool is4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO &&
               control->cmsg_len == CMSG_LEN(sizeof(struct in_pktinfo));
    bool is6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO &&
               control->cmsg_len == CMSG_LEN(sizeof(struct in6_pktinfo));
    return is4 || is6 ? control : NULL;
}

/* Has an answer leave from the address that was asked; the interface stays open (RFC 1123, 4.1.3.5). */
static void answer_from(struct msghdr *header, struct datagram *datagram, const struct cmsghdr *asked) {
    memcpy(datagram->answered.bytes, asked, asked->cmsg_len);
    uint8_t *data = CMSG_DATA(&datagram->answered.align);
    if (asked->cmsg_level == IPPROTO_IP) {
        memset(data, 0, 4);
        memset(data + 8, 0, 4);
        header->msg_controllen = CMSG_SPACE(sizeof(struct in_pktinfo));
    } else {
        memset(data + 16, 0, 4);
        header->msg_controllen = CMSG_SPACE(sizeof(struct in6_pktinfo));
    }
    header->msg_control = datagram->answered.bytes;
}

/* Reads all queries, with their look-ups side by side: each waits for memory three times, but all wait together. */
static void read_batch(struct batch *batch, const struct image *image) {
    for (int index = 0; index < batch->received; index++) {
        struct datagram *datagram = &batch->datagrams[index];
        read_ordinary(image, (bytes_t){datagram->query, batch->in[index].msg_len}, &datagram->read);
    }
    for (int index = 0; index < batch->received; index++)
        if (batch->datagrams[index].read.ordinary)
            fetch_slots(&batch->datagrams[index].read.lookup);
    for (int index = 0; index < batch->received; index++)
        if (batch->datagrams[index].read.ordinary)
            fetch_nodes(&batch->datagrams[index].read.lookup);
}

void answer_batch(struct batch *batch, const struct image *image, const struct choices *choices,
                  const struct overlay *overlay) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double date = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    read_batch(batch, image);
    for (int index = 0; index < batch->received; index++) {
        struct datagram *datagram = &batch->datagrams[index];
        const struct sockaddr_in *peer4 = (const struct sockaddr_in *)(const void *)&datagram->peer;
        bool is4 = datagram->peer.sin6_family == AF_INET;
        bytes_t client = {is4 ? (const uint8_t *)&peer4->sin_addr : datagram->peer.sin6_addr.s6_addr, is4 ? 4 : 16};
        const struct cmsghdr *asked = asked_of(batch, index);
        enum outcome outcome = HANDED_OVER;
        if (datagram->peer.sin6_port && (asked || !batch->wildcard)) /* the port is at the same place in both */
            outcome = answer_ordinary(image, choices, overlay, &datagram->read, (struct arrival){client, date, false},
                                      datagram->wire, &datagram->reply);
        if (outcome == HANDED_OVER) {
            batch->of_left[batch->left++] = index;
            continue;
        }
        count(batch, batch->slots.queries + batch->slots.qtypes[datagram->reply.qtype & 0xffff], 1);
        if (outcome == SILENT) {
            count(batch, batch->slots.answers + ((size_t)datagram->reply.source << 5 | batch->slots.silent), 1);
            continue;
        }
        struct msghdr *header = &batch->out[batch->answers].msg_hdr;
        datagram->out = (struct iovec){datagram->wire, datagram->reply.size};
        *header = (struct msghdr){.msg_name = &datagram->peer,
                                  .msg_namelen = batch->in[index].msg_hdr.msg_namelen,
                                  .msg_iov = &datagram->out,
                                  .msg_iovlen = 1};
        if (asked)
            answer_from(header, datagram, asked);
        batch->of_answer[batch->answers++] = datagram;
    }
}

static void count_sent(struct batch *batch, const struct datagram *datagram, uint64_t *ranges, size_t size) {
    const struct reply *reply = &datagram->reply;
    count(batch, batch->slots.answers + ((size_t)reply->source << 5 | (datagram->wire[3] & 15)), 1);
    if (datagram->wire[2] & 2)
        count(batch, batch->slots.truncated, 1);
    if (reply->range >= 0) {
        size_t slot = reply->range < batch->slots.ranges ? (size_t)reply->range : batch->slots.ranges;
        if (slot < size)
            ranges[slot]++;
    }
}

/* Counts what the answers took from receipt to dispatch, each an equal part. */
static void count_time(struct batch *batch) {
    struct timespec now;
    int number = batch->received - batch->left;
    if (number <= 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t elapsed = (now.tv_sec - batch->began.tv_sec) * 1000000000ll + now.tv_nsec - batch->began.tv_nsec;
    uint64_t each = elapsed > 0 ? (uint64_t)elapsed / (uint64_t)number : 0;
    unsigned bits = each ? 64 - (unsigned)__builtin_clzll(each) : 0;
    count(batch, batch->slots.latency + (bits < 63 ? bits : 63), (uint64_t)number);
    count(batch, batch->slots.latency_sum, elapsed > 0 ? (uint64_t)elapsed : 0);
}

void send_batch(struct batch *batch, uint64_t *ranges, size_t size) {
    for (int at = 0; at < batch->answers;) {
        int sent = sendmmsg(batch->fileno, batch->out + at, (unsigned)(batch->answers - at), MSG_DONTWAIT);
        if (sent > 0) {
            for (int end = at + sent; at < end; at++)
                count_sent(batch, batch->of_answer[at], ranges, size);
        } else if (errno != EINTR) { /* the first of them cannot be sent */
            count(batch, batch->slots.drops[errno > 0 && errno < MAX_ERRNO ? errno : 0], 1);
            at++;
        }
    }
    count_time(batch);
}

bool waiting(const struct batch *batch) { return batch->next < batch->left; }

bool take_next(struct batch *batch, struct left *left) {
    if (!waiting(batch))
        return false;
    int index = batch->of_left[batch->next++];
    struct datagram *datagram = &batch->datagrams[index];
    const struct cmsghdr *asked = asked_of(batch, index);
    *left = (struct left){.wire = {datagram->query, batch->in[index].msg_len},
                          .peer = (const struct sockaddr *)(const void *)&datagram->peer};
    if (asked) {
        left->control = (bytes_t){CMSG_DATA(asked), asked->cmsg_len - CMSG_LEN(0)};
        left->level = asked->cmsg_level;
        left->type = asked->cmsg_type;
    }
    return true;
}
