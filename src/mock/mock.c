// SPDX-License-Identifier: Apache-2.0
/*
 * papi mock: the simulated world, started, told about, ended; as a program, or as a thread of another one.
 *
 * Part of the product: anybody can replay our claims. Promises: exit 0 after TERM or INT with nothing open; every failure to start is
 * one clear line. A thread's mock shares nothing with the program around it but the port. Leaves to others: playing (player.c), paths
 * (server.c).
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
#define MOCK_LISTEN_INSIDE  "127.0.0.1:0"
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

/* By name, else the file of that name. The problem is NULL when there is neither. */
static int apply_scenario(struct mock *mock, const char *scenario, struct arena *arena,
                          const char **ret_problem) {
    struct dynbuf text;
    *ret_problem = NULL;
    dynbuf_init(&text, MOCK_FILE_MAX_BYTES);
    fake_world_advance(mock->world, loop_now_ns(mock->loop));
    int err = mock_scenario_write(scenario, clock_wall_ms(), &text);
    if (err == ERR_NOT_FOUND)
        err = read_file(scenario, &text);
    if (err == 0)
        err = mock_apply_file(mock, dynbuf_span(&text), arena, ret_problem);
    else if (err != ERR_NOT_FOUND)
        *ret_problem = "the file is larger than 1 MiB or cannot be read";
    dynbuf_done(&text);
    return err;
}

static int load_scenario(struct mock *mock, const char *scenario) {
    struct arena arena;
    const char *problem;
    arena_init(&arena, NULL, 0, MOCK_ARENA_MAX_BYTES);
    int err = apply_scenario(mock, scenario, &arena, &problem);
    if (err < 0 && problem != NULL)
        (void)fprintf(stderr, "papi: scenario '%s': %s\n", scenario, problem);
    else if (err < 0) {
        (void)fprintf(stderr,
                      "papi: no scenario '%s': it is neither a file that can be read nor one of\n",
                      scenario);
        for (size_t i = 0; mock_scenario_name(i) != NULL; i++)
            (void)fprintf(stderr, "  %-13s  %s\n", mock_scenario_name(i), mock_scenario_about(i));
    }
    arena_reset(&arena);
    return err;
}

static void on_accept(void *context, struct stream *stream) {
    struct mock *mock = context;
    http_server_accept(mock->server, stream);
}

int mock_open(struct mock *mock) {
    int probe_fd;
    if (!listen_address_is_loopback(&mock->address))
        return ERR_ADDRESS_FORBIDDEN;
    int err = listener_probe(&mock->address, &probe_fd);
    if (err < 0)
        return err;
    err = listener_open(mock->loop, &mock->address, on_accept, mock, &mock->listener);
    listener_probe_done(probe_fd);
    return err;
}

static int open_listener(struct mock *mock, const char *listen) {
    const char *text = listen != NULL ? listen : MOCK_LISTEN_DEFAULT;
    int err = listen_address_parse(span_text(text), &mock->address);
    if (err == 0)
        err = mock_open(mock);
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
                 "{\"provider\": \"a\", \"faults\": [\"429\", \"500\"]}\n"
                 "  What it got  GET  /_mock/requests\n\n");
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
void mock_begin_stop(struct mock *mock) {
    if (mock->stopping)
        return;
    mock->stopping = true;
    listener_close(mock->listener);
    mock->listener = NULL;
    http_server_close_all(mock->server);
    look(&mock->look);
}

static void on_signal(void *context, int signal_number) {
    (void)signal_number;
    mock_begin_stop(context);
}

void mock_init(struct mock *mock, uint64_t seed) {
    struct http_server_limits limits;
    *mock = (struct mock){.look = {.fire = look}};
    http_server_limits_default(&limits);
    mock->loop = loop_new();
    mock->world = fake_world_new(seed);
    mock->server = http_server_new(mock->loop, &limits, &mock_handler, mock);
}

void mock_done(struct mock *mock) {
    if (mock->listener != NULL)
        listener_close(mock->listener);
    loop_signals_close(mock->loop);
    check(loop_run_until_idle(mock->loop, clock_mono_ns() + MOCK_TEAR_DOWN_NS));
    http_server_free(mock->server);
    mock_kept_clear(mock);
    fake_world_free(mock->world);
    loop_free(mock->loop);
}

/* --- as a program --- */

static int serve(struct mock *mock, const struct mock_options *options, uint64_t seed) {
    int err = options->scenario != NULL ? load_scenario(mock, options->scenario) : 0;
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
    struct mock *mock = mem_zalloc(sizeof *mock);
    uint64_t seed = options->has_seed ? options->seed : rand_entropy() >> 32;
    mock_init(mock, seed);
    int err = serve(mock, options, seed);
    mock_done(mock);
    mem_free(mock);
    return err == 0 ? 0 : 1;
}

/* --- as a thread --- */

static void *run_thread(void *context) {
    struct mock *mock = context;
    loop_run(mock->loop);
    return NULL;
}

static void on_stop(struct loop_message *message) {
    mock_begin_stop(container_of(message, struct mock, stop));
}

/* Signals are the host program's: its own threads hear them. */
static int start_thread(struct mock *mock) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int refused = pthread_create(&mock->thread, NULL, run_thread, mock);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return refused == 0 ? 0 : ERR_SYSTEM;
}

int mock_start(const char *scenario, uint64_t seed, struct mock **ret_mock, uint16_t *ret_port) {
    struct mock *mock = mem_zalloc(sizeof *mock);
    struct arena arena;
    const char *problem;
    mock_init(mock, seed);
    mock->stop.run = on_stop;
    arena_init(&arena, NULL, 0, MOCK_ARENA_MAX_BYTES);
    int err = apply_scenario(mock, scenario, &arena, &problem);
    arena_reset(&arena);
    if (err == 0)
        err = listen_address_parse(SPAN_LITERAL(MOCK_LISTEN_INSIDE), &mock->address);
    if (err == 0)
        err = mock_open(mock);
    if (err == 0)
        err = start_thread(mock);
    if (err < 0) {
        mock_done(mock);
        mem_free(mock);
        return err;
    }
    *ret_mock = mock;
    *ret_port = mock->address.port;
    return 0;
}

void mock_stop(struct mock *mock) {
    loop_post(mock->loop, &mock->stop);
    check(pthread_join(mock->thread, NULL) == 0);
    mock_done(mock);
    mem_free(mock);
}
