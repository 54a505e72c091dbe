/* Datagrams, many in one system call: received, answered, sent, counted (recvmmsg(2), sendmmsg(2)). No Python here. */

#ifndef PTRD_BATCH_H
#define PTRD_BATCH_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "ordinary.h"

/* Datagrams a call, and a wake-up, so that TCP and the supervisor get their turn; and errors that have a counter. */
enum { BATCH = 64, MAX_HANDLED = 256, MAX_ERRNO = 256 };

/* Where to count, in u64 from the start of the counters (ptrd/metrics/blocks.py). `queries` are by `qtypes`, which has
 * 65,536 entries, `drops` by errno; `ranges` is the last counter of ranges, for those beyond. */
struct slots {
    const uint8_t *qtypes;
    unsigned queries, answers, silent, latency, latency_sum, truncated, receive_failed, ranges;
    unsigned drops[MAX_ERRNO];
};

/* A datagram that was handed over. `control` is empty but on a wildcard socket. */
struct left {
    bytes_t wire, control;
    const struct sockaddr *peer;
    int level, type;
};

struct batch;

struct batch *make_batch(int fileno, bool wildcard, const struct slots *slots, uint64_t *counts, size_t size);
void free_batch(struct batch *batch);

/* Receives without waiting, and gives how many came; what an earlier answer met on its way is counted. */
int receive(struct batch *batch);

void answer_batch(struct batch *batch, const struct image *image, const struct choices *choices,
                  const struct overlay *overlay);

/* Sends the answers and counts them; `ranges` are the counters of the image's ranges, of which there may be none. */
void send_batch(struct batch *batch, uint64_t *ranges, size_t size);

bool waiting(const struct batch *batch);
bool take_next(struct batch *batch, struct left *left);

#endif
