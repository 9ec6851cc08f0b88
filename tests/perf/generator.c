// SPDX-License-Identifier: Apache-2.0
// The load generator of the benchmark: a closed loop of keep-alive connections.
//
// Why own code: it must cost less than the gateways it loads, know when every event of a stream
// came, and read the gateway's CPU clock at the very moments between which it counts requests.
// Each connection sends the request given by --body (a complete JSON body), reads the answer to its
// end and sends the next. After --warmup answers the measured part begins. With --stream the content
// events of each answer are counted and timed: time to the first one, longest gap between two,
// and, as the upstream stamps its events ("t<ns>"), how long each was on its way. With --hold every
// connection waits for one event, "open N" is printed, and all is kept open until stdin ends.
// It promises: one JSON object on stdout; a wrong status, a short stream, a broken answer or a cut
// connection is an error, counted, the first one quoted. Exact quantiles: every sample is kept.
// It leaves to others: what the numbers mean (scenarios.py), whether the text is right (the driver
// compares whole answers before it measures).
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "common.h"

enum {
    CONNECTIONS_MAX = 4096,
    REQUEST_MAX = 32 * 1024 * 1024,
    SAMPLES_MAX = 1 << 22,
    READ_BYTES = 64 * 1024,
    LINE_MAX_BYTES = 2048,
    QUOTE_BYTES = 240,
    ERRORS_MAX = 100,
    STALL_S = 20,
};

struct connection {
    int fd;
    bool idle;
    bool writes; // EPOLLOUT is asked for
    size_t sent; // of the request
    uint64_t began_ns;
    uint64_t first_ns; // of this stream's first content event, 0 before
    uint64_t last_ns;
    uint64_t longest_gap_ns;
    uint64_t events;
    bool done_seen; // data: [DONE]
    size_t line_len;
    char line[LINE_MAX_BYTES];
    struct answer answer;
};

// Samples in nanoseconds; 4 s is more than any of them may be.
struct samples {
    uint32_t *values;
    size_t count;
};

struct options {
    uint16_t port;
    const char *body, *key;
    uint64_t concurrency;
    uint64_t requests;
    uint64_t warmup;
    uint64_t seconds;
    uint64_t events;
    uint64_t stagger_us;
    pid_t watch;
    bool stream;
    bool hold;
};

static struct options options = {.key = "sk-bench", .concurrency = 1, .requests = 1, .events = 64};
static struct connection connections[CONNECTIONS_MAX];
static uint32_t latency_values[SAMPLES_MAX], first_values[SAMPLES_MAX], gap_values[SAMPLES_MAX],
    relay_values[SAMPLES_MAX];
static struct samples latency = {latency_values, 0}, first = {first_values, 0},
                      gap = {gap_values, 0}, relay = {relay_values, 0};
static char request[REQUEST_MAX];
static size_t request_len;
static char quote[QUOTE_BYTES + 1];
static uint64_t issued, completed, errors, opened, body_bytes;
static uint64_t start_ns, start_cpu_ns, end_ns, end_cpu_ns;
static int poller;

static void sample(struct samples *s, uint64_t value_ns) {
    if (s->count < SAMPLES_MAX)
        s->values[s->count++] = value_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)value_ns;
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static void samples_print(const char *name, struct samples *s) {
    uint64_t sum = 0;
    qsort(s->values, s->count, sizeof *s->values, compare);
    for (size_t i = 0; i < s->count; i++)
        sum += s->values[i];
    if (s->count == 0)
        return;
    printf(", \"%s\": {\"count\": %zu, \"mean\": %.3f, \"p50\": %.3f, \"p90\": %.3f, "
           "\"p99\": %.3f, \"max\": %.3f}",
           name, s->count, (double)sum / (double)s->count / 1e3, s->values[s->count / 2] / 1e3,
           s->values[s->count * 9 / 10] / 1e3, s->values[s->count * 99 / 100] / 1e3,
           s->values[s->count - 1] / 1e3);
}

static void interest(struct connection *c, bool writes, int operation) {
    struct epoll_event event = {.events = writes ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = c};
    c->writes = writes;
    if (epoll_ctl(poller, operation, c->fd, &event) != 0)
        die("epoll: %m");
}

static void connection_open(struct connection *c) {
    c->fd = connect_loopback(options.port);
    c->idle = true;
    interest(c, false, EPOLL_CTL_ADD);
}

static void connection_again(struct connection *c) {
    close(c->fd);
    connection_open(c);
}

static void failed(struct connection *c, const char *why) {
    if (errors++ == 0)
        snprintf(quote, sizeof quote, "%s (status %d)", why, c->answer.status);
    if (errors == ERRORS_MAX)
        die("%d requests failed, the first: %s", ERRORS_MAX, quote);
}

static void push_request(struct connection *c) {
    while (c->sent < request_len) {
        ssize_t sent = send(c->fd, request + c->sent, request_len - c->sent, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0)
            return; // the read side will see the closed connection
        c->sent += (size_t)sent;
    }
    bool writes = c->sent < request_len;
    if (writes != c->writes)
        interest(c, writes, EPOLL_CTL_MOD);
}

static bool may_issue(uint64_t now) {
    if (options.seconds > 0)
        return start_ns == 0 || now - start_ns < options.seconds * 1000000000u;
    return issued < options.warmup + options.requests;
}

static void next_request(struct connection *c, uint64_t now) {
    c->idle = !may_issue(now);
    if (c->idle)
        return;
    issued++;
    answer_reset(&c->answer);
    c->sent = 0;
    c->began_ns = now;
    c->first_ns = c->last_ns = c->longest_gap_ns = c->events = 0;
    c->done_seen = false;
    c->line_len = 0;
    push_request(c);
}

static void content_event(struct connection *c, const char *content) {
    uint64_t now = now_ns();
    if (c->events++ == 0) {
        c->first_ns = now;
        opened++;
    } else if (now - c->last_ns > c->longest_gap_ns) {
        c->longest_gap_ns = now - c->last_ns;
    }
    c->last_ns = now;
    if (content[0] == 't' && completed >= options.warmup)
        sample(&relay, now - strtoull(content + 1, NULL, 10));
}

static void event_line(struct connection *c) {
    static const char member[] = "\"content\":\"";
    c->line[c->line_len] = '\0';
    if (strncmp(c->line, "data: ", 6) != 0)
        return;
    if (strcmp(c->line + 6, "[DONE]") == 0)
        c->done_seen = true;
    const char *content = strstr(c->line, member);
    if (content != NULL && content[sizeof member - 1] != '"')
        content_event(c, content + sizeof member - 1);
}

static void on_body(void *context, const char *data, size_t length) {
    struct connection *c = context;
    body_bytes += length;
    while (options.stream && length > 0) {
        const char *end = memchr(data, '\n', length);
        size_t piece = end != NULL ? (size_t)(end - data) : length;
        if (piece >= sizeof c->line - c->line_len)
            die("a line of a stream is longer than %d bytes", LINE_MAX_BYTES);
        memcpy(c->line + c->line_len, data, piece);
        c->line_len += piece;
        if (end == NULL)
            return;
        event_line(c);
        c->line_len = 0;
        data += piece + 1;
        length -= piece + 1;
    }
}

static void judge(struct connection *c, uint64_t now) {
    if (c->answer.status != 200)
        failed(c, "wrong status");
    else if (!options.stream && c->answer.body_bytes < 100)
        failed(c, "empty answer");
    else if (options.stream && (c->events != options.events || !c->done_seen))
        failed(c, "short stream");
    if (completed < options.warmup)
        return;
    sample(&latency, now - c->began_ns);
    if (options.stream && c->events > 0) {
        sample(&first, c->first_ns - c->began_ns);
        sample(&gap, c->longest_gap_ns);
    }
}

static void begin_measuring(uint64_t now) {
    start_cpu_ns = process_cpu_ns(options.watch);
    start_ns = now;
    body_bytes = 0;
}

static void answer_complete(struct connection *c) {
    uint64_t now = now_ns();
    judge(c, now);
    completed++;
    if (completed == options.warmup)
        begin_measuring(now);
    if (completed == issued && !may_issue(now)) {
        end_cpu_ns = process_cpu_ns(options.watch);
        end_ns = now;
    }
    if (c->answer.closes)
        connection_again(c);
    next_request(c, now);
}

static void on_readable(struct connection *c) {
    static char buffer[READ_BYTES];
    ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 && c->idle) {
        connection_again(c);
        return;
    }
    if (got > 0)
        answer_feed(&c->answer, buffer, (size_t)got, on_body, c);
    else if (!answer_closed(&c->answer))
        c->answer.state = ANSWER_BROKEN;
    if (c->answer.state == ANSWER_BROKEN) {
        failed(c, got > 0 ? "broken answer" : "connection cut");
        c->answer.closes = true;
        c->answer.state = ANSWER_DONE;
    }
    if (c->answer.state == ANSWER_DONE)
        answer_complete(c);
}

static void serve_events(int timeout_ms) {
    struct epoll_event events[256];
    int ready = epoll_wait(poller, events, 256, timeout_ms);
    if (ready < 0 && errno != EINTR)
        die("epoll: %m");
    if (ready == 0 && timeout_ms >= STALL_S * 1000)
        die("nothing came for %d s; %" PRIu64 " of %" PRIu64 " requests answered", STALL_S,
            completed, issued);
    for (int i = 0; i < ready; i++) {
        struct connection *c = events[i].data.ptr;
        if ((events[i].events & EPOLLOUT) != 0)
            push_request(c);
        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0)
            on_readable(c);
    }
}

// Spreads the first requests over stagger_us, so that concurrent streams do not tick together.
static void start_all(void) {
    uint64_t began = now_ns();
    for (uint64_t i = 0; i < options.concurrency; i++)
        connection_open(&connections[i]);
    if (options.warmup == 0)
        begin_measuring(now_ns());
    for (uint64_t i = 0; i < options.concurrency; i++) {
        uint64_t due = began + options.stagger_us * 1000 * i / options.concurrency;
        while (options.stagger_us > 0 && now_ns() < due)
            serve_events(1);
        next_request(&connections[i], now_ns());
    }
}

static void hold_open(void) {
    char byte;
    while (opened < options.concurrency) {
        if (completed > 0)
            die("a stream ended that should stay open: %s", quote);
        serve_events(STALL_S * 1000);
    }
    printf("open %" PRIu64 "\n", opened);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
}

static void read_body(const char *path) {
    static char body[REQUEST_MAX - 1024];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        die("%s: %m", path);
    size_t length = fread(body, 1, sizeof body, file);
    if (length == sizeof body || ferror(file) != 0)
        die("%s cannot be read or is too large", path);
    fclose(file);
    int head = snprintf(request, 1024,
                        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                        "Authorization: Bearer %.128s\r\nContent-Type: application/json\r\n"
                        "Accept: application/json\r\nContent-Length: %zu\r\n\r\n",
                        options.port, options.key, length);
    memcpy(request + head, body, length);
    request_len = (size_t)head + length;
}

static void set_option(const char *name, const char *value) {
    if (strcmp(name, "--port") == 0)
        options.port = (uint16_t)option_number(name, value, 65535);
    else if (strcmp(name, "--body") == 0)
        options.body = value;
    else if (strcmp(name, "--key") == 0)
        options.key = value;
    else if (strcmp(name, "--concurrency") == 0)
        options.concurrency = option_number(name, value, CONNECTIONS_MAX);
    else if (strcmp(name, "--requests") == 0)
        options.requests = option_number(name, value, SAMPLES_MAX);
    else if (strcmp(name, "--warmup") == 0)
        options.warmup = option_number(name, value, SAMPLES_MAX);
    else if (strcmp(name, "--seconds") == 0)
        options.seconds = option_number(name, value, 3600);
    else if (strcmp(name, "--events") == 0)
        options.events = option_number(name, value, 1000000);
    else if (strcmp(name, "--stagger-us") == 0)
        options.stagger_us = option_number(name, value, 10000000);
    else if (strcmp(name, "--watch") == 0)
        options.watch = (pid_t)option_number(name, value, INT32_MAX);
    else
        die("unknown option %s", name);
}

static void read_options(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--stream") == 0)
            options.stream = true;
        else if (strcmp(argv[i], "--hold") == 0)
            options.hold = options.stream = true;
        else if (i + 1 < argc)
            set_option(argv[i], argv[i + 1]), i++;
        else
            die("%s needs a value", argv[i]);
    }
    if (options.port == 0 || options.body == NULL || options.concurrency == 0)
        die("usage: generator --port P --body FILE [--concurrency C] [--requests N] [--warmup N] "
            "[--seconds S] [--stream] [--events N] [--stagger-us U] [--hold] [--watch PID]");
    if (options.hold)
        options.requests = options.concurrency;
}

static void report(void) {
    double seconds = (double)(end_ns - start_ns) / 1e9;
    uint64_t measured = completed - options.warmup;
    printf("{\"requests\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"first_error\": \"%s\", "
           "\"seconds\": %.6f, \"per_second\": %.1f, \"cpu_us\": %.3f, \"body_bytes\": %" PRIu64,
           measured, errors, quote, seconds, (double)measured / seconds,
           (double)(end_cpu_ns - start_cpu_ns) / 1e3 / (double)measured, body_bytes);
    samples_print("latency_us", &latency);
    samples_print("first_us", &first);
    samples_print("longest_gap_us", &gap);
    samples_print("relay_us", &relay);
    printf("}\n");
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    read_body(options.body);
    poller = epoll_create1(EPOLL_CLOEXEC);
    start_all();
    if (options.hold) {
        hold_open();
        return 0;
    }
    while (end_ns == 0)
        serve_events(STALL_S * 1000);
    report();
    return 0;
}
