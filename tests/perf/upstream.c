// SPDX-License-Identifier: Apache-2.0
// A fake provider for benchmarks: the smallest server that speaks the OpenAI chat wire.
//
// Why not `papi mock`: the measured program must not be measured against itself, and a provider
// that costs next to nothing leaves its core to the load generator. One thread, one epoll, one
// write per answer or event; nothing is allocated, state lies in tables indexed by descriptor.
// It promises: a non-streaming answer has a body of exactly ANSWER_BYTES; a stream has its head and
// role chunk at once, then --events content events, the k-th k x --gap-us later on an absolute
// schedule, each carrying the monotonic time at which it was sent ("t<ns>"), the last one together
// with finish, usage and [DONE]. --hold sends one content event and then keeps the stream open;
// --split writes every answer and event in two parts a tick apart; --nagle leaves Nagle's
// algorithm on, the control of the delayed-ACK check.
// It leaves to others: judging requests. It reads them by Content-Length and looks for one thing,
// the member "stream":true. It prints "listening on PORT" and runs until it is told to end.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common.h"

enum {
    DESCRIPTORS_MAX = 8192,
    HEAD_MAX = 8192,
    READ_BYTES = 256 * 1024,
    EVENT_MAX = 1024,
    ANSWER_BYTES = 600,
    NEEDLE_BYTES = 13,
};

enum kind { KIND_NONE, KIND_LISTENER, KIND_PEER, KIND_TIMER };

struct peer {
    int timer;          // -1 while no answer is under way
    bool in_body;       // the head of the request was read
    bool wants_stream;  // of the request under way
    bool streaming;     // of the answer under way
    size_t head_len;    // of the request so far
    uint64_t body_left; // of the request
    uint64_t events_sent;
    size_t rest_len; // second part of a split write
    char tail[NEEDLE_BYTES - 1];
    char rest[EVENT_MAX];
    char head[HEAD_MAX];
};

struct options {
    const char *model;
    uint64_t events;
    uint64_t gap_us;
    bool hold;
    bool split;
    bool nagle;
};

static struct options options = {.model = "bench-model", .events = 64, .gap_us = 10000};
static struct peer peers[DESCRIPTORS_MAX];
static enum kind kinds[DESCRIPTORS_MAX];
static int timer_owner[DESCRIPTORS_MAX];
static char read_buffer[NEEDLE_BYTES + READ_BYTES];
static char answer_head[256];
static char answer_body[ANSWER_BYTES + 1];
static int poller;

static const char needle[] = "\"stream\":true";
static const char stream_head[] = "HTTP/1.1 200 OK\r\n"
                                  "Content-Type: text/event-stream; charset=utf-8\r\n"
                                  "Cache-Control: no-cache\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";

static void watch(int fd, enum kind kind) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd >= DESCRIPTORS_MAX)
        die("more than %d descriptors", DESCRIPTORS_MAX);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll: %m");
    kinds[fd] = kind;
}

static void stop_timer(struct peer *p) {
    if (p->timer >= 0) {
        kinds[p->timer] = KIND_NONE;
        close(p->timer);
    }
    p->timer = -1;
}

static void start_timer(int fd, uint64_t interval_us) {
    struct peer *p = &peers[fd];
    struct timespec tick = {.tv_sec = (time_t)(interval_us / 1000000u),
                            .tv_nsec = (long)(interval_us % 1000000u) * 1000};
    struct itimerspec both = {.it_interval = tick, .it_value = tick};
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (p->timer < 0 || timerfd_settime(p->timer, 0, &both, NULL) != 0)
        die("timerfd: %m");
    watch(p->timer, KIND_TIMER);
    timer_owner[p->timer] = fd;
}

static void drop(int fd) {
    stop_timer(&peers[fd]);
    kinds[fd] = KIND_NONE;
    close(fd);
}

// The socket buffer holds every answer there is: a short write means the gateway stopped reading.
static bool put(int fd, const char *data, size_t length) {
    ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);
    if (sent == (ssize_t)length)
        return true;
    if (sent >= 0 || errno == EAGAIN)
        die("the gateway does not read its answers");
    drop(fd);
    return false;
}

// Sends now, or, in split mode, one half now and the other at the next tick.
static bool put_event(int fd, const char *data, size_t length) {
    struct peer *p = &peers[fd];
    size_t first = options.split ? length / 2 : length;
    p->rest_len = length - first;
    memcpy(p->rest, data + first, p->rest_len);
    return put(fd, data, first);
}

// One chunk of the transfer encoding with one event of the stream.
static size_t event_print(char *out, size_t room, const char *choices_and_rest) {
    char event[EVENT_MAX];
    int length = snprintf(event, sizeof event,
                          "data: {\"id\":\"chatcmpl-bench0123456789\",\"object\":"
                          "\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"%s\",%s}"
                          "\n\n",
                          options.model, choices_and_rest);
    int written = snprintf(out, room, "%x\r\n%s\r\n", (unsigned)length, event);
    if (length >= (int)sizeof event || written >= (int)room)
        die("an event is larger than %d bytes", EVENT_MAX);
    return (size_t)written;
}

static size_t content_print(char *out, size_t room) {
    char content[256];
    snprintf(content, sizeof content,
             "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"t%019" PRIu64 " word\"},"
             "\"finish_reason\":null}]",
             now_ns());
    return event_print(out, room, content);
}

static size_t end_print(char *out, size_t room) {
    static const char last[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
    size_t length = event_print(
        out, room, "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]");
    length += event_print(out + length, room - length,
                          "\"choices\":[],\"usage\":{\"prompt_tokens\":120,"
                          "\"completion_tokens\":64,\"total_tokens\":184}");
    if (length + sizeof last > room)
        die("the end of a stream is larger than %d bytes", EVENT_MAX);
    memcpy(out + length, last, sizeof last - 1);
    return length + sizeof last - 1;
}

static void stream_begin(int fd) {
    char out[2 * EVENT_MAX];
    size_t length = sizeof stream_head - 1;
    memcpy(out, stream_head, length);
    length += event_print(out + length, EVENT_MAX,
                          "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
                          "\"content\":\"\"},\"finish_reason\":null}]");
    if (options.hold)
        length += content_print(out + length, sizeof out - length);
    peers[fd].streaming = true;
    peers[fd].events_sent = 0;
    peers[fd].rest_len = 0;
    if (!put(fd, out, length) || options.hold)
        return;
    start_timer(fd, options.split ? options.gap_us / 2 : options.gap_us);
}

static void answer_begin(int fd) {
    char out[sizeof answer_head + sizeof answer_body];
    size_t head_len = strlen(answer_head);
    memcpy(out, answer_head, head_len);
    memcpy(out + head_len, answer_body, ANSWER_BYTES);
    peers[fd].streaming = false;
    if (!options.split) {
        put(fd, out, head_len + ANSWER_BYTES);
        return;
    }
    size_t half = head_len + ANSWER_BYTES / 2;
    peers[fd].rest_len = head_len + ANSWER_BYTES - half;
    memcpy(peers[fd].rest, out + half, peers[fd].rest_len);
    if (put(fd, out, half))
        start_timer(fd, options.gap_us / 2);
}

static void on_tick(int fd) {
    struct peer *p = &peers[fd];
    char out[2 * EVENT_MAX];
    if (p->rest_len > 0) {
        size_t rest_len = p->rest_len;
        p->rest_len = 0;
        if (!put(fd, p->rest, rest_len))
            return;
        if (!p->streaming)
            stop_timer(p);
        return;
    }
    if (p->events_sent == options.events) {
        stop_timer(p);
        put(fd, out, end_print(out, sizeof out));
        return;
    }
    p->events_sent++;
    size_t length = content_print(out, EVENT_MAX);
    if (p->events_sent == options.events && !options.split) {
        stop_timer(p);
        put(fd, out, length + end_print(out + length, sizeof out - length));
        return;
    }
    put_event(fd, out, length);
}

static void on_timer(int timer) {
    int fd = timer_owner[timer];
    uint64_t ticks = 0;
    if (read(timer, &ticks, sizeof ticks) != sizeof ticks)
        return;
    for (uint64_t i = 0; i < ticks && peers[fd].timer == timer; i++)
        on_tick(fd);
}

static void request_complete(int fd) {
    struct peer *p = &peers[fd];
    p->in_body = false;
    p->head_len = 0;
    if (p->wants_stream)
        stream_begin(fd);
    else
        answer_begin(fd);
}

// Looks for the needle across the borders of reads: the last bytes of one are put before the next.
static void take_body(int fd, char *data, size_t length) {
    struct peer *p = &peers[fd];
    if (length > p->body_left)
        die("bytes after the end of a request");
    char *from = data - sizeof p->tail;
    memcpy(from, p->tail, sizeof p->tail);
    if (!p->wants_stream)
        p->wants_stream = memmem(from, length + sizeof p->tail, needle, NEEDLE_BYTES) != NULL;
    memmove(p->tail, data + length - sizeof p->tail, sizeof p->tail);
    p->body_left -= length;
    if (p->body_left == 0)
        request_complete(fd);
}

static void head_complete(int fd) {
    struct peer *p = &peers[fd];
    const char *length = head_value(p->head, "content-length");
    p->body_left = length != NULL ? strtoull(length, NULL, 10) : 0;
    if (p->body_left == 0)
        die("a request without Content-Length came");
    p->in_body = true;
    p->wants_stream = false;
    memset(p->tail, 0, sizeof p->tail);
}

// Returns how many bytes belonged to the head.
static size_t take_head(int fd, const char *data, size_t length) {
    struct peer *p = &peers[fd];
    size_t before = p->head_len;
    size_t from = before > 3 ? before - 3 : 0;
    size_t room = sizeof p->head - 1 - before;
    size_t taken = length < room ? length : room;
    memcpy(p->head + before, data, taken);
    p->head_len += taken;
    const char *end = memmem(p->head + from, p->head_len - from, "\r\n\r\n", 4);
    if (end == NULL && taken == room)
        die("a request head is larger than %d bytes", HEAD_MAX);
    if (end == NULL)
        return taken;
    p->head_len = (size_t)(end - p->head) + 4;
    p->head[p->head_len] = '\0';
    head_complete(fd);
    return p->head_len - before;
}

static void on_readable(int fd) {
    char *data = read_buffer + NEEDLE_BYTES;
    ssize_t got = recv(fd, data, READ_BYTES, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        drop(fd);
        return;
    }
    size_t length = (size_t)got;
    size_t taken = peers[fd].in_body ? 0 : take_head(fd, data, length);
    if (taken < length)
        take_body(fd, data + taken, length - taken);
}

static void on_connection(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (!options.nagle)
        set_nodelay(fd);
    watch(fd, KIND_PEER);
    peers[fd].timer = -1;
    peers[fd].in_body = false;
    peers[fd].head_len = 0;
    peers[fd].rest_len = 0;
}

// Fills the text so that the body has ANSWER_BYTES, whatever the model is called.
static void prepare_answer(void) {
    static const char words[] = "A gateway passes requests on, counts what they cost and picks "
                                "another provider when the first one fails. ";
    char text[ANSWER_BYTES + 1];
    size_t text_len = 0;
    int length = 0;
    do {
        text[text_len] = words[text_len % (sizeof words - 1)];
        text[++text_len] = '\0';
        length =
            snprintf(answer_body, sizeof answer_body,
                     "{\"id\":\"chatcmpl-bench0123456789\",\"object\":\"chat.completion\","
                     "\"created\":1790000000,\"model\":\"%s\",\"choices\":[{\"index\":0,"
                     "\"message\":{\"role\":\"assistant\",\"content\":\"%s\",\"refusal\":null},"
                     "\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":"
                     "{\"prompt_tokens\":120,\"completion_tokens\":64,\"total_tokens\":184}}",
                     options.model, text);
    } while (length < ANSWER_BYTES);
    snprintf(answer_head, sizeof answer_head,
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
             ANSWER_BYTES);
}

static void read_options(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--hold") == 0)
            options.hold = true;
        else if (strcmp(argv[i], "--split") == 0)
            options.split = true;
        else if (strcmp(argv[i], "--nagle") == 0)
            options.nagle = true;
        else if (strcmp(argv[i], "--model") == 0 && ++i < argc)
            options.model = value;
        else if (strcmp(argv[i], "--events") == 0 && ++i < argc)
            options.events = option_number("--events", value, 1000000);
        else if (strcmp(argv[i], "--gap-us") == 0 && ++i < argc)
            options.gap_us = option_number("--gap-us", value, 60000000);
        else
            die("usage: upstream [--model M] [--events N] [--gap-us G] [--hold] [--split] "
                "[--nagle]");
    }
    if (options.gap_us < 2 || strlen(options.model) > 64)
        die("--gap-us is at least 2, --model at most 64 bytes");
}

static void dispatch(int fd) {
    switch (kinds[fd]) {
    case KIND_LISTENER:
        on_connection(fd);
        break;
    case KIND_PEER:
        on_readable(fd);
        break;
    case KIND_TIMER:
        on_timer(fd);
        break;
    case KIND_NONE:
        break;
    }
}

int main(int argc, char **argv) {
    uint16_t port = 0;
    read_options(argc, argv);
    prepare_answer();
    poller = epoll_create1(EPOLL_CLOEXEC);
    watch(listen_loopback(&port), KIND_LISTENER);
    printf("listening on %u\n", port);
    fflush(stdout);
    for (;;) {
        struct epoll_event events[128];
        int ready = epoll_wait(poller, events, 128, -1);
        if (ready < 0 && errno != EINTR)
            die("epoll: %m");
        for (int i = 0; i < ready; i++)
            dispatch(events[i].data.fd);
    }
}
