// SPDX-License-Identifier: Apache-2.0
/*
 * papi mock: the simulated world, started, told about, ended.
 *
 * Part of the product: anybody can replay our claims. Promises: exit 0 after TERM or INT with nothing open; every failure to start is
 * one clear line. Leaves to others: playing (server.c).
 */
#include "mock/mock.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "mock/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define MOCK_LISTEN_DEFAULT "127.0.0.1:7275"
#define MOCK_FILE_MAX_BYTES ((size_t)1024 * 1024)
#define MOCK_LOOK_NS        (5 * NS_PER_MS)
#define MOCK_TEAR_DOWN_NS   (5 * NS_PER_S)

static int read_file(const char *path, struct dynbuf *out) {
    FILE *file = fopen(path, "rb");
    int err = 0;
    if (file == NULL)
        return ERR_NOT_FOUND;
    for (;;) {
        char block[4096];
        size_t length = fread(block, 1, sizeof block, file);
        if (length == 0)
            break;
        err = dynbuf_append(out, block, length);
        if (err < 0)
            break;
    }
    (void)fclose(file);
    return err;
}

static int apply_scenario(struct mock *mock, const char *scenario) {
    struct dynbuf text;
    struct arena arena;
    const char *problem = NULL;
    const char *built_in = mock_scenario_find(scenario);
    dynbuf_init(&text, MOCK_FILE_MAX_BYTES);
    arena_init(&arena, NULL, 0, 16 * MOCK_FILE_MAX_BYTES);
    int err = built_in != NULL ? dynbuf_append_text(&text, built_in) : read_file(scenario, &text);
    if (err < 0) {
        (void)fprintf(stderr,
                      "papi: no scenario '%s': it is neither a file that can be read nor one of\n",
                      scenario);
        mock_scenario_list();
    } else {
        err = mock_apply_script(mock, dynbuf_span(&text), &arena, &problem);
        if (err < 0)
            (void)fprintf(stderr, "papi: scenario '%s': %s\n", scenario,
                          problem != NULL ? problem : "cannot be read");
    }
    arena_reset(&arena);
    dynbuf_done(&text);
    return err;
}

static void on_accept(void *context, struct stream *stream) {
    struct mock *mock = context;
    http_server_accept(mock->server, stream);
}

static int open_listener(struct mock *mock, const char *listen) {
    int probe_fd;
    const char *text = listen != NULL ? listen : MOCK_LISTEN_DEFAULT;
    int err = listen_address_parse(span_text(text), &mock->address);
    if (err == 0 && !listen_address_is_loopback(&mock->address))
        err = ERR_ADDRESS_FORBIDDEN;
    if (err == 0)
        err = listener_probe(&mock->address, &probe_fd);
    if (err == 0) {
        err = listener_open(mock->loop, &mock->address, on_accept, mock, &mock->listener);
        listener_probe_done(probe_fd);
    }
    if (err < 0)
        (void)fprintf(stderr,
                      "papi: cannot listen on %s: %s; give another with --listen 127.0.0.1:PORT\n",
                      text, err_text(err));
    return err;
}

static void print_screen(const struct mock *mock, uint64_t seed) {
    bool v6 = strchr(mock->address.host, ':') != NULL;
    const char *open_bracket = v6 ? "[" : "";
    const char *close_bracket = v6 ? "]" : "";
    (void)printf("\n  PAPI mock: simulated providers, seed %llu\n\n", (unsigned long long)seed);
    (void)printf("  A provider   http://%s%s%s:%u/NAME/v1 for any NAME\n", open_bracket,
                 mock->address.host, close_bracket, mock->address.port);
    (void)printf("  Its truth    GET  /_mock/stats\n  Its script   POST /_mock/script  "
                 "{\"provider\": \"a\", \"faults\": [\"429\", \"500\"]}\n\n");
    (void)printf("  listening on http://%s%s%s:%u\n", open_bracket, mock->address.host,
                 close_bracket, mock->address.port);
    (void)fflush(stdout);
}

static void look(struct loop_timer *timer) {
    struct mock *mock = container_of(timer, struct mock, look);
    if (http_server_connections(mock->server) == 0 && mock->players == 0)
        loop_stop(mock->loop);
    else
        loop_timer_set(mock->loop, &mock->look, loop_now_ns(mock->loop) + MOCK_LOOK_NS);
}

/* Answers under way are cut: a simulator has nothing to lose. */
static void on_signal(void *context, int signal_number) {
    struct mock *mock = context;
    (void)signal_number;
    if (mock->stopping)
        return;
    mock->stopping = true;
    listener_close(mock->listener);
    mock->listener = NULL;
    http_server_close_all(mock->server);
    look(&mock->look);
}

static int serve(struct mock *mock, const struct mock_options *options, uint64_t seed) {
    int err = options->scenario != NULL ? apply_scenario(mock, options->scenario) : 0;
    if (err == 0)
        err = open_listener(mock, options->listen);
    if (err == 0)
        err = loop_signal(mock->loop, SIGTERM, on_signal, mock);
    if (err == 0)
        err = loop_signal(mock->loop, SIGINT, on_signal, mock);
    if (err == 0) {
        print_screen(mock, seed);
        loop_run(mock->loop);
    }
    return err;
}

int mock_run(const struct mock_options *options) {
    struct http_server_limits limits;
    struct mock mock = {.look = {.fire = look}};
    uint64_t seed = options->has_seed ? options->seed : rand_entropy() >> 32;
    http_server_limits_default(&limits);
    mock.loop = loop_new();
    mock.world = fake_world_new(seed);
    mock.server = http_server_new(mock.loop, &limits, &mock_handler, &mock);
    int err = serve(&mock, options, seed);
    if (mock.listener != NULL)
        listener_close(mock.listener);
    loop_signals_close(mock.loop);
    check(loop_run_until_idle(mock.loop, clock_mono_ns() + MOCK_TEAR_DOWN_NS));
    http_server_free(mock.server);
    fake_world_free(mock.world);
    loop_free(mock.loop);
    return err == 0 ? 0 : 1;
}
