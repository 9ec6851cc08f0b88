// SPDX-License-Identifier: Apache-2.0
/*
 * The gateway on its loops and threads.
 *
 * Loop 0 runs on the main thread and hears the signals; the others have a thread each. TERM or INT drains: no new connections,
 * running requests finish within the drain timeout, then the loops end; a second signal cuts it short. Promises: a loop is freed
 * when nothing is open on it. Leaves to others: the drain of one loop (drain.c), requests (gateway/).
 */
#include "app/app_parts.h"
#include "app/configure.h"
#include "app/late.h"
#include "app/records.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "obs/log.h"

#include <signal.h>
#include <unistd.h>

#define TEAR_DOWN_MAX_NS (5 * NS_PER_S)

/* A socket for each loop; of handed ones several loops may share one. Each has a descriptor of its own. */
static int listen_on(struct app *app, uint32_t index) {
    const struct heir *heir = &app->heir;
    if (heir->socket_count == 0)
        return gateway_loop_listen(app->loops[index].home, &app->address);
    int fd = dup(heir->sockets[index % heir->socket_count]);
    return fd >= 0 ? gateway_loop_adopt(app->loops[index].home, fd) : ERR_SYSTEM;
}

uint32_t loops_wanted(const struct app *app) {
    struct gateway_config config;
    configure_gateway(app->now->settings.config, &config);
    /* each socket that was handed over must be listened on */
    return config.loop_count < app->heir.socket_count ? app->heir.socket_count : config.loop_count;
}

int loops_start(struct app *app) {
    struct catalog_snapshot *snapshot = app->now->assembly.snapshot;
    struct gateway_config config;
    configure_gateway(app->now->settings.config, &config);
    config.loop_count = loops_wanted(app);
    admin_join(app, &config);
    app->gateway = gateway_new(&config, snapshot);
    app->gateway->store = app->store;
    clients_join(app);
    app->loop_count = config.loop_count;
    app->loops = mem_zalloc(app->loop_count * sizeof *app->loops);
    for (uint32_t i = 0; i < app->loop_count; i++) {
        struct app_loop *one = &app->loops[i];
        one->loop = loop_new();
        one->home = gateway_loop_new(app->gateway, one->loop, i, snapshot);
        one->home->suspended = app->heir.fd >= 0; /* until the keeper's last word */
        drain_init(&one->drain, one->home, &app->loops_running);
    }
    atomic_store(&app->loops_running, app->loop_count);
    records_charge(records_read(app->store, snapshot, NULL), app->gateway->desk);
    heir_hold(app);
    for (uint32_t i = 0; i < app->loop_count; i++) {
        int err = listen_on(app, i);
        if (err < 0)
            return app_fail("not started: cannot listen on port %u: %s", app->address.port,
                            err_text(err));
    }
    address_stop(app); /* the probe has done its work */
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

void loops_begin_drain(struct app *app, const char *why) {
    uint64_t timeout_ms = app->now->settings.config->drain_timeout_ms;
    uint64_t now_ns = loop_now_ns(app->loops[0].loop);
    app->draining = true;
    notify_unwatch(app);
    late_end(app);
    if (span_is(span_text(why), "upgrade"))
        notify_say("STATUS=another process has taken over");
    else
        notify_say("STOPPING=1\nSTATUS=finishing what runs");
    atomic_store(&app->gateway->draining, true);
    log_event(LOG_INFO, "drain.begin", "why=%s timeout_ms=%llu", why,
              (unsigned long long)timeout_ms);
    for (uint32_t i = 0; i < app->loop_count; i++)
        drain_begin(&app->loops[i].drain, now_ns + timeout_ms * NS_PER_MS);
}

static void on_end_signal(void *context, int signal_number) {
    struct app *app = context;
    if (!app->draining) {
        loops_begin_drain(app, signal_number == SIGTERM ? "TERM" : "INT");
        return;
    }
    if (app->cut)
        return;
    app->cut = true;
    for (uint32_t i = 0; i < app->loop_count; i++)
        drain_cut(&app->loops[i].drain);
}

static void on_reload_signal(void *context, int signal_number) {
    struct app *app = context;
    (void)signal_number;
    if (!app->draining)
        app_reload(app, NULL);
}

static void on_log_signal(void *context, int signal_number) {
    (void)context;
    (void)signal_number;
    log_reopen();
}

static void on_upgrade_signal(void *context, int signal_number) {
    (void)signal_number;
    successor_start(context);
}

static void on_child_signal(void *context, int signal_number) {
    (void)signal_number;
    successor_ended(context);
}

static const struct {
    int number;
    void (*handle)(void *context, int signal_number);
} signals[] = {
    {SIGTERM, on_end_signal}, {SIGINT, on_end_signal},      {SIGHUP, on_reload_signal},
    {SIGUSR1, on_log_signal}, {SIGUSR2, on_upgrade_signal}, {SIGCHLD, on_child_signal},
};

/* What the signals do has been done: one that comes now must not end this process before everything is put away. */
static void stop_hearing(void) {
    sigset_t heard;
    (void)sigemptyset(&heard);
    for (size_t i = 0; i < array_length(signals); i++)
        (void)sigaddset(&heard, signals[i].number);
    (void)pthread_sigmask(SIG_BLOCK, &heard, NULL);
}

void loops_stop(struct app *app) {
    stop_hearing();
    keeper_end(app);
    heir_end(app);
    reload_end(app);
    for (uint32_t i = app->loop_count; i-- > 0;)
        free_loop(&app->loops[i]);
    mem_free(app->loops);
    if (app->gateway != NULL)
        gateway_free(app->gateway);
    app->gateway = NULL;
    app->loops = NULL;
    app->loop_count = 0;
}

static void *run_loop(void *argument) {
    struct app_loop *one = argument;
    loop_run(one->loop);
    return NULL;
}

/* Threads inherit the mask: signals go to the main thread. */
static void start_threads(struct app *app) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (uint32_t i = 1; i < app->loop_count; i++) {
        check(pthread_create(&app->loops[i].thread, NULL, run_loop, &app->loops[i]) == 0);
        app->loops[i].running = true;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int loops_run(struct app *app) {
    for (size_t i = 0; i < array_length(signals); i++)
        if (loop_signal(app->loops[0].loop, signals[i].number, signals[i].handle, app) < 0)
            return app_fail("not started: signals cannot be handled");
    int err = heir_serving(app);
    if (err < 0)
        return err;
    (void)keeper_begin(app);
    start_threads(app);
    greet(app);
    clients_greet(app);
    notify_watch(app);
    late_begin(app);
    notify_say("READY=1\nSTATUS=serving on %s port %u, %u models", app->address.host,
               app->address.port, app->now->assembly.snapshot->model_count);
    loop_run(app->loops[0].loop);
    for (uint32_t i = 1; i < app->loop_count; i++)
        check(pthread_join(app->loops[i].thread, NULL) == 0);
    log_event(LOG_INFO, "drain.end", "loops=%u", app->loop_count);
    return 0;
}
