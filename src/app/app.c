// SPDX-License-Identifier: Apache-2.0
/*
 * papi serve: built in order, run, torn down in reverse.
 *
 * Loop 0 runs on the main thread and hears the signals; the others have a thread each. TERM or INT drains: no new connections,
 * running requests finish within the drain timeout, then exit 0; a second signal cuts it short. Promises: every failure to start
 * is one clear line that says what to do, and exit code 1; nothing is open at exit. Leaves to others: parsing arguments (cli/).
 */
#include "app/app.h"

#include "app/admin_plane.h"
#include "app/assemble.h"
#include "app/configure.h"
#include "app/data_dir.h"
#include "app/demo.h"
#include "app/drain.h"
#include "app/screen_rows.h"
#include "app/settings.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "obs/log.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define TEAR_DOWN_MAX_NS    (5 * NS_PER_S)
#define APP_ARENA_MAX_BYTES ((size_t)8 * 1024 * 1024)
#define USUAL_URL           "http://127.0.0.1:7274" /* where `papi chat` looks by itself */

struct app_loop {
    struct loop *loop;         /* owned */
    struct gateway_loop *home; /* owned */
    struct drain drain;
    pthread_t thread; /* loops 1.. */
    bool running;
};

struct app {
    struct settings settings;     /* owned */
    struct local_servers servers; /* owned */
    struct demo demo;
    struct assembly assembly; /* its snapshot is a ref */
    struct gateway *gateway;  /* owned */
    struct admin_plane admin_plane;
    struct app_loop *loops; /* owned */
    uint32_t loop_count;
    atomic_uint loops_running;
    struct listen_address address;
    struct arena arena;
    const char *data_dir;
    int lock_fd;
    int probe_fd;
    bool draining, cut;
};

static int fail(const char *format, ...) PRINTF_LIKE(1, 2);

static int fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("papi: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    return -1;
}

static void tell_report(const struct config_report *report, const char *name) {
    struct dynbuf text;
    dynbuf_init(&text, 256 * 1024);
    if (config_report_write(report, name, &text) == 0 && text.len > 0)
        (void)fwrite(dynbuf_span(&text).ptr, 1, text.len, stderr);
    dynbuf_done(&text);
}

/* The command that shows the same errors: of the same file. */
static int refuse_config(const struct config_report *report, const struct app_options *options) {
    const char *path = options->config_path;
    return fail("not started: the configuration has %u error%s; `papi check%s%s` shows %s",
                report->errors, report->errors == 1 ? "" : "s", path != NULL ? " --config " : "",
                path != NULL ? path : "", report->errors == 1 ? "it" : "them");
}

static int load_config(struct app *app, const struct app_options *options) {
    struct settings *settings = &app->settings;
    int err = settings_read(settings, options->config_path, known_facts, &app->arena);
    tell_report(&settings->report, settings->path != NULL ? settings->path : "environment");
    tell_report(&settings->keys_report, SETTINGS_DOTENV);
    if (err < 0)
        return refuse_config(&settings->report, options);
    return 0;
}

static int start_demo(struct app *app) {
    int err = demo_start(&app->demo);
    if (err < 0)
        return fail("not started: the simulated providers of --demo cannot be played: %s",
                    err_text(err));
    return 0;
}

static int build_catalog(struct app *app, const struct app_options *options) {
    struct config *config = app->settings.config;
    struct config_report report = {0};
    if (config->local_servers == CONFIG_LOCAL_AUTO)
        local_servers_find(&app->servers, getenv("PAPI_LOCAL_PORTS"), app->address.port);
    const struct offer_sources sources = {.facts = known_facts,
                                          .config = config,
                                          .credentials = app->settings.credentials,
                                          .servers = &app->servers,
                                          .demo = app->demo.config};
    int err = assemble(&sources, config, &report, &app->arena, &app->assembly);
    tell_report(&report, app->settings.path != NULL ? app->settings.path : "environment");
    if (err < 0)
        return refuse_config(&report, options);
    return 0;
}

static void configure_log(const struct config *config) {
    static const char *const levels[] = {
        [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    enum log_level least = LOG_INFO;
    for (size_t i = 0; i < array_length(levels); i++)
        if (span_is(config->log_level, levels[i]))
            least = (enum log_level)i;
    log_configure(least, span_is(config->log_format, "json") ? LOG_JSON : LOG_TEXT);
}

static int open_data_dir(struct app *app, const struct app_options *options) {
    app->data_dir = data_dir_find(options->data_dir, &app->arena);
    if (app->data_dir == NULL)
        return fail(
            "not started: without HOME the data directory must be given: --data DIR or PAPI_DATA");
    int err = data_dir_lock(app->data_dir, &app->lock_fd);
    if (err == ERR_BUSY)
        return fail("not started: another papi serves %s; stop it, or give this one a directory of "
                    "its own with --data DIR",
                    app->data_dir);
    if (err < 0)
        return fail(
            "not started: the data directory %s cannot be used: %s; give another with --data DIR",
            app->data_dir, err == ERR_SYSTEM ? strerror(errno) : err_text(err));
    return 0;
}

static int open_address(struct app *app, const struct app_options *options) {
    struct span text =
        options->listen != NULL ? span_text(options->listen) : app->settings.config->listen;
    if (listen_address_parse(text, &app->address) < 0)
        return fail(
            "not started: '%.*s' is no address to listen on; use for example 127.0.0.1:7274",
            SPAN_ARG(text));
    if (!listen_address_is_loopback(&app->address))
        return fail("not started: %.*s is not a loopback address. This version has no client keys "
                    "yet, so anybody who can reach the address "
                    "could spend your quota; listen on 127.0.0.1 or [::1]",
                    SPAN_ARG(text));
    int err = listener_probe(&app->address, &app->probe_fd);
    if (err == ERR_ADDRESS_IN_USE)
        return fail("not started: %.*s is taken by another program; stop it, or choose another "
                    "port with --listen 127.0.0.1:PORT "
                    "(0 = any free one)",
                    SPAN_ARG(text));
    if (err < 0)
        return fail("not started: cannot listen on %.*s: %s", SPAN_ARG(text), err_text(err));
    return 0;
}

/* Every connection needs a descriptor here and one upstream; the soft limit is often 1024. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int open_admin(struct app *app) {
    const struct admin_place place = {
        .data_dir = app->data_dir, .config_file = app->settings.path, .address = &app->address};
    int err = admin_plane_start(&app->admin_plane, &place, app->loops[0].home);
    if (err == ERR_TOO_LARGE)
        return fail("not started: the path %s/%s is longer than the %zu bytes that a socket's may "
                    "have; give a shorter directory with --data DIR",
                    app->data_dir, ADMIN_SOCKET, LISTENER_UNIX_PATH_MAX_BYTES);
    if (err < 0)
        return fail("not started: the socket %s/%s cannot be opened: %s", app->data_dir,
                    ADMIN_SOCKET, err_text(err));
    return 0;
}

static int build_loops(struct app *app) {
    struct gateway_config gateway_config;
    configure_gateway(app->settings.config, &gateway_config);
    admin_plane_join(&app->admin_plane, &gateway_config, app);
    app->gateway = gateway_new(&gateway_config, app->assembly.snapshot);
    app->loop_count = gateway_config.loop_count;
    app->loops = mem_zalloc(app->loop_count * sizeof *app->loops);
    for (uint32_t i = 0; i < app->loop_count; i++) {
        struct app_loop *one = &app->loops[i];
        one->loop = loop_new();
        one->home = gateway_loop_new(app->gateway, one->loop, i, app->assembly.snapshot);
        drain_init(&one->drain, one->home, &app->loops_running);
    }
    atomic_store(&app->loops_running, app->loop_count);
    for (uint32_t i = 0; i < app->loop_count; i++) {
        int err = gateway_loop_listen(app->loops[i].home, &app->address);
        if (err < 0)
            return fail("not started: cannot listen on port %u: %s", app->address.port,
                        err_text(err));
    }
    listener_probe_done(app->probe_fd);
    app->probe_fd = -1;
    return open_admin(app);
}

static void *run_loop(void *argument) {
    struct app_loop *one = argument;
    loop_run(one->loop);
    return NULL;
}

static void on_signal(void *context, int signal_number) {
    struct app *app = context;
    uint64_t now_ns = loop_now_ns(app->loops[0].loop);
    if (app->draining && app->cut)
        return;
    if (app->draining) {
        app->cut = true;
        for (uint32_t i = 0; i < app->loop_count; i++)
            drain_cut(&app->loops[i].drain);
        return;
    }
    app->draining = true;
    atomic_store(&app->gateway->draining, true);
    log_event(LOG_INFO, "drain.begin", "signal=%d timeout_ms=%llu", signal_number,
              (unsigned long long)app->settings.config->drain_timeout_ms);
    for (uint32_t i = 0; i < app->loop_count; i++)
        drain_begin(&app->loops[i].drain,
                    now_ns + app->settings.config->drain_timeout_ms * NS_PER_MS);
}

/* What `make run` built is not in PATH: what was typed works again. A name that a shell would take apart is left out. */
static struct span called_as(void) {
    struct span name = span_text(program_invocation_name);
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && strchr("/._-+", name.ptr[i]) == NULL)
            return SPAN_NONE;
    return name;
}

static void show_screen(struct app *app) {
    const struct listen_address *address = &app->address;
    bool v6 = strchr(address->host, ':') != NULL;
    const char *url = arena_format(&app->arena, "http://%s%s%s:%u", v6 ? "[" : "", address->host,
                                   v6 ? "]" : "", address->port);
    struct screen screen = {
        .url = span_text(url),
        .usual_url = url != NULL && strcmp(url, USUAL_URL) == 0,
        .program = called_as(),
        .config_path = app->settings.config->file,
        .data_dir = span_text(app->data_dir),
        .ignored_config = span_absent(app->settings.config->file) && access("papi.yaml", F_OK) == 0,
        .loops = app->loop_count,
        .demo_port = app->demo.port,
        .models = app->assembly.snapshot->model_count,
        .aliases = app->settings.config->alias_count,
        .no_training = app->settings.config->data_use == CONFIG_DATA_NO_TRAINING,
        .keyless_off = app->settings.config->keyless == CONFIG_KEYLESS_OFF,
    };
    screen_take_pool(&screen, &app->assembly, &app->arena);
    screen_take_servers(&screen, &app->servers, &app->arena);
    screen_print(&screen);
}

static int run(struct app *app) {
    sigset_t all, before;
    if (loop_signal(app->loops[0].loop, SIGTERM, on_signal, app) < 0 ||
        loop_signal(app->loops[0].loop, SIGINT, on_signal, app) < 0)
        return fail("not started: signals cannot be handled");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all,
                          &before); /* threads inherit it: signals go to the main thread */
    for (uint32_t i = 1; i < app->loop_count; i++) {
        check(pthread_create(&app->loops[i].thread, NULL, run_loop, &app->loops[i]) == 0);
        app->loops[i].running = true;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    show_screen(app);
    loop_run(app->loops[0].loop);
    for (uint32_t i = 1; i < app->loop_count; i++)
        check(pthread_join(app->loops[i].thread, NULL) == 0);
    log_event(LOG_INFO, "drain.end", "loops=%u", app->loop_count);
    return 0;
}

static void free_loop(struct app_loop *one) {
    if (one->loop == NULL)
        return;
    gateway_loop_close(one->home);
    loop_signals_close(one->loop);
    check(loop_run_until_idle(one->loop, clock_mono_ns() + TEAR_DOWN_MAX_NS));
    gateway_loop_free(one->home);
    check(loop_run_until_idle(one->loop, clock_mono_ns() + TEAR_DOWN_MAX_NS));
    loop_free(one->loop);
}

static void tear_down(struct app *app) {
    for (uint32_t i = app->loop_count; i-- > 0;)
        free_loop(&app->loops[i]);
    mem_free(app->loops);
    if (app->gateway != NULL)
        gateway_free(app->gateway);
    admin_plane_stop(&app->admin_plane);
    if (app->probe_fd >= 0)
        listener_probe_done(app->probe_fd);
    catalog_unref(app->assembly.snapshot);
    if (app->lock_fd >= 0)
        data_dir_unlock(app->lock_fd);
    local_servers_free(&app->servers);
    demo_stop(&app->demo);
    settings_free(&app->settings);
    arena_reset(&app->arena);
}

int app_serve(const struct app_options *options) {
    struct app app = {.lock_fd = -1, .probe_fd = -1};
    arena_init(&app.arena, NULL, 0, APP_ARENA_MAX_BYTES);
    secret_harden_process();
    (void)signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    int err = load_config(&app, options);
    if (err == 0) {
        configure_log(app.settings.config);
        err = open_data_dir(&app, options);
    }
    if (err == 0)
        err = open_address(&app, options);
    if (err == 0 && options->demo)
        err = start_demo(&app);
    if (err == 0)
        err = build_catalog(&app, options);
    if (err == 0)
        err = build_loops(&app);
    if (err == 0)
        err = run(&app);
    tear_down(&app);
    return err == 0 ? 0 : 1;
}
