// SPDX-License-Identifier: Apache-2.0
/*
 * The reloader: at most one reading at a time, on a thread of its own.
 *
 * Why a thread: reading files, asking ports of this machine and laying out a catalog take milliseconds, sometimes a quarter of a second,
 * and no request should stand behind that. Why it waits for a file that has just changed: an editor or a tool writes it in pieces, and
 * half a configuration may be a valid one. Wishes are numbered by the reading they belong to: one that comes during a reading belongs
 * to the next, since the file may have been read already.
 * Promises: with an error nothing changes; a wish is answered once; a burst of signals is at most two readings. Leaves to others: what
 * is read (load.c), handing it to the loops (gateway_publish), settings that only a start can change (fixed.c).
 */
#include "app/reload.h"

#include "app/app_parts.h"
#include "app/configure.h"
#include "app/records.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/tls.h"
#include "obs/log.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#define QUIET_MS     200  /* a file that changed less long ago may still be written */
#define QUIET_MAX_MS 5000 /* but not for ever */
#define LOOK_MS      50

struct reloader {
    struct app *app; /* borrowed */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool running, again, stopping; /* guarded by lock */
    struct list now, next;         /* wishes; guarded by lock */
    pthread_t thread;
    struct loop_message started, finished;
    bool started_posted; /* guarded by lock */
    /* of the reading under way: the thread's until `finished` is posted, then loop 0's */
    struct loaded *fresh;      /* owned */
    struct records_past *past; /* owned: of what is new */
    struct dynbuf report;
    uint64_t version;
    int err;
};

/* --- on the thread --- */

static bool stopping(struct reloader *reloader) {
    pthread_mutex_lock(&reloader->lock);
    bool stop = reloader->stopping;
    pthread_mutex_unlock(&reloader->lock);
    return stop;
}

/* Until LOOK_MS have passed or the gateway ends. */
static void rest(struct reloader *reloader) {
    uint64_t until_ns = clock_mono_ns() + LOOK_MS * NS_PER_MS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    pthread_mutex_lock(&reloader->lock);
    if (!reloader->stopping)
        (void)pthread_cond_timedwait(&reloader->wake, &reloader->lock, &until);
    pthread_mutex_unlock(&reloader->lock);
}

static bool just_changed(const char *path) {
    struct stat status;
    if (path == NULL || stat(path, &status) != 0)
        return false;
    uint64_t changed_ms =
        (uint64_t)status.st_mtim.tv_sec * 1000 + (uint64_t)status.st_mtim.tv_nsec / 1000000;
    uint64_t now_ms = clock_wall_ms();
    return now_ms >= changed_ms && now_ms - changed_ms < QUIET_MS;
}

static void await_quiet(struct reloader *reloader) {
    uint64_t until_ns = clock_mono_ns() + QUIET_MAX_MS * NS_PER_MS;
    const char *path = reloader->app->now->settings.path;
    while ((just_changed(path) || just_changed(SETTINGS_DOTENV)) && clock_mono_ns() < until_ns &&
           !stopping(reloader))
        rest(reloader);
}

/* What does not fit any more is cut: the first messages tell enough. */
static void tell(struct reloader *reloader, const struct config_report *report, const char *name) {
    size_t before = reloader->report.len;
    if (config_report_write(report, name, &reloader->report) < 0)
        reloader->report.len = before;
}

static int tell_error(struct reloader *reloader, const char *name, const char *sentence) {
    if (dynbuf_append_format(&reloader->report, "%s: error: %s\n", name, sentence) < 0)
        log_event(LOG_ERROR, "reload.error", "text=\"%s: %s\"", name, sentence);
    return ERR_INVALID;
}

/* A file that was there at the start and has gone is an error, not a configuration without one. */
static int check_file(struct reloader *reloader) {
    const char *path = reloader->app->now->settings.path;
    if (path == NULL || reloader->fresh->settings.path != NULL)
        return 0;
    return tell_error(reloader, path, "the file has gone");
}

static int read_authorities(struct reloader *reloader) {
    if (tls_reload_authorities() == 0)
        return 0;
    return tell_error(reloader, "authorities",
                      "no certificate could be read; SSL_CERT_FILE names their file");
}

static int read_all(struct reloader *reloader) {
    struct loaded *fresh = reloader->fresh;
    struct config_report pool_report = {0};
    fresh->version = reloader->version;
    int err = load_settings(fresh, reloader->app);
    tell(reloader, &fresh->settings.report, loaded_name(fresh));
    tell(reloader, &fresh->settings.keys_report, SETTINGS_DOTENV);
    if (err == 0)
        err = check_file(reloader);
    if (err < 0)
        return err;
    vault_again(reloader->app);
    clients_again(reloader->app);
    err = load_pool(fresh, reloader->app, &pool_report);
    tell(reloader, &pool_report, loaded_name(fresh));
    if (err == 0)
        err = read_authorities(reloader);
    if (err == 0)
        reloader->past = records_read(reloader->app->store, fresh->assembly.snapshot,
                                      reloader->app->now->assembly.snapshot);
    return err;
}

static void *run(void *argument) {
    struct reloader *reloader = argument;
    await_quiet(reloader);
    reloader->err = read_all(reloader);
    loop_post(reloader->app->loops[0].loop, &reloader->finished);
    return NULL;
}

/* --- on loop 0 --- */

/* Signals stay with the main thread. */
static void begin(struct reloader *reloader) {
    sigset_t all, before;
    notify_say("RELOADING=1\nMONOTONIC_USEC=%llu",
               (unsigned long long)(clock_mono_ns() / NS_PER_US));
    reloader->fresh = loaded_new();
    reloader->version = reloader->app->now->version + 1;
    dynbuf_clear(&reloader->report);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    check(pthread_create(&reloader->thread, NULL, run, reloader) == 0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void log_report(const struct reloader *reloader) {
    struct span rest = dynbuf_span(&reloader->report), line;
    enum log_level level = reloader->err < 0 ? LOG_ERROR : LOG_WARN;
    while (!span_absent(rest) && span_split(&rest, '\n', &line))
        if (line.len > 0)
            log_event(level, reloader->err < 0 ? "reload.error" : "reload.warning", "text=\"%.*s\"",
                      SPAN_ARG(line));
}

static void take_into_use(struct reloader *reloader) {
    struct app *app = reloader->app;
    struct loaded *old = app->now;
    struct gateway_config config;
    fixed_keep(app, reloader->fresh, &reloader->report);
    configure_gateway(reloader->fresh->settings.config, &config);
    admin_join(app, &config);
    config.reload_authorities = true;
    const struct desk_past past = records_rows(reloader->past);
    gateway_publish(app->gateway, reloader->fresh->assembly.snapshot, &config, &past);
    records_drop(reloader->past);
    reloader->past = NULL;
    records_keep(app->store, reloader->fresh->settings.config);
    loaded_configure_log(reloader->fresh);
    struct span before = old->settings.config->log_file;
    struct span file = reloader->fresh->settings.config->log_file;
    if (!span_equal(before, file) && log_set_file(file.ptr) < 0)
        log_event(LOG_ERROR, "log.not_opened", "file=\"%.*s\"", SPAN_ARG(file));
    provider_rows_publish(app, reloader->fresh);
    app->now = reloader->fresh;
    reloader->fresh = NULL;
    loaded_free(old);
}

static void answer(struct reloader *reloader, struct list *wishes, int err) {
    struct list *node;
    while ((node = list_pop(wishes)) != NULL) {
        struct reload_wish *wish = container_of(node, struct reload_wish, node);
        wish->done(wish, err, reloader->app->now->version, dynbuf_span(&reloader->report));
    }
}

static void on_started(struct loop_message *message) {
    struct reloader *reloader = container_of(message, struct reloader, started);
    pthread_mutex_lock(&reloader->lock);
    reloader->started_posted = false;
    bool start = reloader->again && !reloader->running && !reloader->stopping;
    if (start) {
        reloader->running = true;
        reloader->again = false;
        list_move_all(&reloader->now, &reloader->next);
    }
    pthread_mutex_unlock(&reloader->lock);
    if (start)
        begin(reloader);
}

static void post_start(struct reloader *reloader) {
    if (reloader->started_posted)
        return;
    reloader->started_posted = true;
    loop_post(reloader->app->loops[0].loop, &reloader->started);
}

static void on_finished(struct loop_message *message) {
    struct reloader *reloader = container_of(message, struct reloader, finished);
    if (!reloader->running)
        return; /* stopped meanwhile */
    check(pthread_join(reloader->thread, NULL) == 0);
    if (reloader->err == 0)
        take_into_use(reloader);
    log_report(reloader);
    loaded_free(reloader->fresh);
    reloader->fresh = NULL;
    if (reloader->err == 0)
        log_event(LOG_INFO, "reload.done", "version=%llu models=%u",
                  (unsigned long long)reloader->app->now->version,
                  reloader->app->now->assembly.snapshot->model_count);
    else
        log_event(LOG_ERROR, "reload.failed", "kept_version=%llu",
                  (unsigned long long)reloader->app->now->version);
    notify_say("READY=1\nSTATUS=%s",
               reloader->err == 0 ? "serving by the configuration read last"
                                  : "the configuration has errors; serving by the one before");
    answer(reloader, &reloader->now, reloader->err < 0 ? ERR_INVALID : 0);
    pthread_mutex_lock(&reloader->lock);
    reloader->running = false;
    if (reloader->again)
        post_start(reloader);
    pthread_mutex_unlock(&reloader->lock);
}

/* --- for others --- */

void app_reload(struct app *app, struct reload_wish *wish) {
    struct reloader *reloader = app->reloader;
    pthread_mutex_lock(&reloader->lock);
    reloader->again = true;
    if (wish != NULL) {
        list_init(&wish->node);
        list_append(&reloader->next, &wish->node);
    }
    if (!reloader->running)
        post_start(reloader);
    pthread_mutex_unlock(&reloader->lock);
}

int reload_start(struct app *app) {
    struct reloader *reloader = mem_zalloc(sizeof *reloader);
    pthread_condattr_t attributes;
    reloader->app = app;
    check(pthread_mutex_init(&reloader->lock, NULL) == 0);
    check(pthread_condattr_init(&attributes) == 0);
    check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    check(pthread_cond_init(&reloader->wake, &attributes) == 0);
    check(pthread_condattr_destroy(&attributes) == 0);
    list_init(&reloader->now);
    list_init(&reloader->next);
    reloader->started.run = on_started;
    reloader->finished.run = on_finished;
    dynbuf_init(&reloader->report, RELOAD_REPORT_MAX_BYTES);
    app->reloader = reloader;
    return 0;
}

void reload_end(struct app *app) {
    struct reloader *reloader = app->reloader;
    if (reloader == NULL)
        return;
    pthread_mutex_lock(&reloader->lock);
    reloader->stopping = true;
    bool running = reloader->running;
    pthread_cond_signal(&reloader->wake);
    pthread_mutex_unlock(&reloader->lock);
    if (running)
        check(pthread_join(reloader->thread, NULL) == 0);
    reloader->running = false;
    answer(reloader, &reloader->now, ERR_CANCELLED);
    answer(reloader, &reloader->next, ERR_CANCELLED);
}

void reload_stop(struct app *app) {
    struct reloader *reloader = app->reloader;
    if (reloader == NULL)
        return;
    loaded_free(reloader->fresh);
    records_drop(reloader->past);
    dynbuf_done(&reloader->report);
    check(pthread_cond_destroy(&reloader->wake) == 0);
    check(pthread_mutex_destroy(&reloader->lock) == 0);
    mem_free(reloader);
    app->reloader = NULL;
}
