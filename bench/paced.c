/* Asks a server at a fixed rate and says how long answers took, counted from when each question was due.
 *
 * paced ADDRESS PORT FILE RATE SECONDS SOCKETS; FILE as for dnsperf -B. A question is due at its place in the plan,
 * however late the answers before it or this program may be, so a stall costs every question that it delays (no
 * coordinated omission). After a stall of its own it catches up at twice the rate (50,000 a second at least), not in
 * a burst that no crowd of clients would make and no socket could hold. It wakes every 100 microseconds, sends what is
 * due and sleeps, so that it leaves a part of its core: a virtual machine whose every core is full is often held up by
 * its host. When an answer came is what the kernel's timestamp says. It prints a line of JSON: percentiles over all
 * that was sent, in microseconds, a lost question being the longest; `late` is how far this program was itself behind,
 * `punctual` the share of questions that it sent within a millisecond of when they were due: of the others the first
 * part of the wait was not the server's. SIGTERM ends the sending early.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST_SOCKETS = 64, IDENTITIES = 65536, BUCKETS = 4000000, BURST = 32, MOST_MESSAGE = 512, MOST_REPLY = 2048 };
static const double PATIENCE = 2.0; /* seconds for the last answers */
static const double SLOWEST = 50000; /* questions a second, when catching up */
static const uint64_t TICK = 100000; /* nanoseconds */
static const uint64_t PUNCTUAL = 1000000; /* nanoseconds */

static volatile sig_atomic_t ended;
static uint64_t due_of[MOST_SOCKETS][IDENTITIES]; /* nanoseconds, odd where sent in time; 0: nothing is open */
static uint32_t answers[BUCKETS], prompt[BUCKETS], lateness[BUCKETS]; /* by microsecond, the last one for all beyond */
static uint64_t in_time; /* questions sent in time, less those of them that were answered */

static void end(int number)
{
    (void)number;
    ended = 1;
}

static uint64_t nanoseconds_of(struct timespec time)
{
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t now(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return nanoseconds_of(time);
}

static void sleep_until(uint64_t moment)
{
    struct timespec time = {(time_t)(moment / 1000000000u), (long)(moment % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static void count(uint32_t *counts, uint64_t nanoseconds)
{
    uint64_t place = nanoseconds / 1000;
    counts[place < BUCKETS ? place : BUCKETS - 1]++;
}

static double quantile(const uint32_t *counts, uint64_t total, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)total), seen = 0;
    for (int place = 0; place < BUCKETS; place++) {
        seen += counts[place];
        if (seen > wanted || seen == total)
            return place;
    }
    return BUCKETS;
}

static void fail(const char *what)
{
    fprintf(stderr, "paced: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct mmsghdr replies[BURST];
static unsigned char bytes[BURST][MOST_REPLY];
static struct iovec places[BURST];
static union {
    char bytes[CMSG_SPACE(sizeof(struct timespec))];
    struct cmsghdr aligned;
} notes[BURST];

/* When a datagram came, by the clock of this program; `ahead` is how far the time of day is ahead of it. */
static uint64_t arrival(struct msghdr *message, uint64_t ahead)
{
    struct timespec time;
    struct cmsghdr *note = CMSG_FIRSTHDR(message);
    if (!note || note->cmsg_level != SOL_SOCKET || note->cmsg_type != SCM_TIMESTAMPNS)
        fail("the kernel gives no timestamps");
    memcpy(&time, CMSG_DATA(note), sizeof time);
    return nanoseconds_of(time) - ahead;
}

static uint64_t receive(int epoll, const int *sockets)
{
    struct epoll_event ready[MOST_SOCKETS];
    uint64_t got = 0, ahead = now(CLOCK_REALTIME) - now(CLOCK_MONOTONIC);
    int found = epoll_wait(epoll, ready, MOST_SOCKETS, 0);
    for (int at = 0; at < found; at++) {
        int which = (int)ready[at].data.u32;
        for (int turn = 0; turn < BURST; turn++) {
            places[turn] = (struct iovec){bytes[turn], MOST_REPLY};
            replies[turn].msg_hdr = (struct msghdr){.msg_iov = &places[turn], .msg_iovlen = 1,
                                                    .msg_control = &notes[turn], .msg_controllen = sizeof notes[turn]};
        }
        int came = recvmmsg(sockets[which], replies, BURST, MSG_DONTWAIT, NULL);
        for (int turn = 0; turn < came; turn++) {
            uint64_t *due = &due_of[which][bytes[turn][0] << 8 | bytes[turn][1]];
            if (replies[turn].msg_len >= 12 && *due) {
                uint64_t took = arrival(&replies[turn].msg_hdr, ahead) - *due;
                count(answers, took);
                if (*due & 1) {
                    count(prompt, took);
                    in_time--;
                }
                *due = 0;
                got++;
            }
        }
    }
    return got;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: paced ADDRESS PORT FILE RATE SECONDS SOCKETS\n");
        return 2;
    }
    double rate = atof(argv[4]), seconds = atof(argv[5]);
    int many = atoi(argv[6]), sockets[MOST_SOCKETS];
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    if (inet_pton(AF_INET, argv[1], &server.sin_addr) != 1 || rate <= 0 || many < 1 || many > MOST_SOCKETS)
        fail("arguments");
    int file = open(argv[3], O_RDONLY), epoll = epoll_create1(0);
    struct stat facts;
    if (file < 0 || fstat(file, &facts) < 0 || facts.st_size < 3)
        fail(argv[3]);
    const unsigned char *questions = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (questions == MAP_FAILED)
        fail(argv[3]);
    for (int which = 0; which < many; which++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)which};
        sockets[which] = socket(AF_INET, SOCK_DGRAM, 0);
        int yes = 1;
        if (setsockopt(sockets[which], SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes) < 0)
            fail("timestamps");
        if (connect(sockets[which], (struct sockaddr *)&server, sizeof server) < 0)
            fail("connect");
        epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[which], &event);
    }
    signal(SIGTERM, end);
    prctl(PR_SET_TIMERSLACK, 1UL);
    uint64_t sent = 0, got = 0, refused = 0, asked_in_time = 0, began = now(CLOCK_MONOTONIC), tick = began, planned = (uint64_t)(rate * seconds);
    int most = 1 + (int)((rate > SLOWEST / 2 ? 2 * rate : SLOWEST) * (double)TICK / 1e9); /* at once */
    off_t at = 0;
    while (!ended && sent < planned) {
        for (int turn = 0; turn < most && sent < planned; turn++) {
            uint64_t due = began + (uint64_t)((double)sent * 1e9 / rate), clock = now(CLOCK_MONOTONIC);
            if (clock < due)
                break;
            unsigned char message[MOST_MESSAGE];
            size_t size = (size_t)questions[at] << 8 | questions[at + 1];
            if (size > sizeof message || at + 2 + (off_t)size > facts.st_size)
                fail("a message that cannot be asked");
            memcpy(message, questions + at + 2, size);
            at += 2 + (off_t)size;
            if (at + 2 >= facts.st_size)
                at = 0;
            int which = (int)(sent % (uint64_t)many);
            unsigned identity = (unsigned)(sent / (uint64_t)many) % IDENTITIES;
            message[0] = (unsigned char)(identity >> 8);
            message[1] = (unsigned char)identity;
            bool punctual = clock - due <= PUNCTUAL;
            due_of[which][identity] = punctual ? due | 1 : due & ~1ull;
            asked_in_time += punctual;
            in_time += punctual;
            if (send(sockets[which], message, size, MSG_DONTWAIT) < 0)
                refused++;
            count(lateness, clock - due);
            sent++;
        }
        got += receive(epoll, sockets);
        uint64_t clock = now(CLOCK_MONOTONIC);
        tick = clock < tick + TICK ? tick + TICK : clock;
        sleep_until(tick);
    }
    uint64_t over = now(CLOCK_MONOTONIC);
    while (got < sent && (double)(now(CLOCK_MONOTONIC) - over) < PATIENCE * 1e9) {
        got += receive(epoll, sockets);
        sleep_until(now(CLOCK_MONOTONIC) + TICK);
    }
    answers[BUCKETS - 1] += (uint32_t)(sent - got);
    prompt[BUCKETS - 1] += (uint32_t)in_time;
    printf("{\"sent\": %llu, \"lost\": %llu, \"unsent\": %llu, \"seconds\": %.3f, \"p50\": %.0f, \"p99\": %.0f, "
           "\"p999\": %.0f, \"worst\": %.0f, \"late_p99\": %.0f, \"late_worst\": %.0f, \"punctual\": %.4f, "
           "\"punctual_p99\": %.0f}\n",
           (unsigned long long)sent, (unsigned long long)(sent - got), (unsigned long long)refused,
           (double)(over - began) / 1e9, quantile(answers, sent, 0.5), quantile(answers, sent, 0.99),
           quantile(answers, sent, 0.999), quantile(answers, sent, 1.0), quantile(lateness, sent, 0.99),
           quantile(lateness, sent, 1.0), (double)asked_in_time / (double)sent, quantile(prompt, asked_in_time, 0.99));
    return 0;
}
