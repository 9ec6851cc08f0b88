// SPDX-License-Identifier: Apache-2.0
/*
 * The keeper: the side of whoever serves, when another process takes over.
 *
 * A thread of its own waits for an heir and talks with it, since the talk takes as long as the heir needs to start; everything that
 * touches the gateway is done on loop 0, a step at a time, while the thread waits. Between "ready" and "go" new connections wait in the
 * kernel, in sockets that both processes hold, so nobody is refused whoever wins.
 * Promises: without a "built" in time everything goes on as before; what runs when it lets go is finished here. Leaves to others: the
 * heir's side (heir.c), the drain (drain.c).
 */
#include "app/upgrade.h"

#include "app/app_parts.h"
#include "app/records.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "gateway/handover.h"
#include "http/server.h"
#include "obs/log.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define HELLO_WAIT_MS  ((uint64_t)5000)
#define READY_WAIT_MS  ((uint64_t)60000)
#define BUILT_WAIT_MS  ((uint64_t)20000)
#define FOREVER_MS     ((uint64_t)3600000)
#define ROWS_OF_A_STEP 64
#define LINE_MAX_BYTES 512

struct keeper;
typedef int keeper_step(struct keeper *keeper);

struct keeper {
    struct app *app; /* borrowed */
    pthread_t thread;
    bool running; /* the thread is; main thread only */
    int listening_fd;
    int talk_fd; /* guarded by lock; -1 = no heir */
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool stopping;     /* guarded by lock */
    keeper_step *step; /* guarded by lock: what loop 0 is to do; NULL = done */
    int result;        /* guarded by lock */
    struct loop_message message;
    struct handover_message *talk; /* owned: of the thread, or of loop 0 during a step */
    uint32_t slot;                 /* of the next row of "running" */
    int heir_pid;
    struct pause {
        struct loop_message message;
        struct keeper *keeper;
        struct gateway_loop *home;
        bool suspend;
    } pauses[GATEWAY_LOOPS_MAX];
    uint32_t pauses_left; /* guarded by lock */
};

/* --- steps on loop 0 --- */

static void on_step(struct loop_message *message) {
    struct keeper *keeper = container_of(message, struct keeper, message);
    pthread_mutex_lock(&keeper->lock);
    keeper_step *step = keeper->stopping ? NULL : keeper->step;
    pthread_mutex_unlock(&keeper->lock);
    int result = step != NULL ? step(keeper) : ERR_CANCELLED;
    pthread_mutex_lock(&keeper->lock);
    keeper->result = result;
    keeper->step = NULL;
    pthread_cond_signal(&keeper->done);
    pthread_mutex_unlock(&keeper->lock);
}

/* On the thread: has loop 0 do it and waits for that. */
static int ask(struct keeper *keeper, keeper_step *step) {
    pthread_mutex_lock(&keeper->lock);
    keeper->step = step;
    loop_post(keeper->app->loops[0].loop, &keeper->message);
    while (keeper->step != NULL && !keeper->stopping)
        (void)pthread_cond_wait(&keeper->done, &keeper->lock);
    int result = keeper->step == NULL ? keeper->result : ERR_CANCELLED;
    pthread_mutex_unlock(&keeper->lock);
    return result;
}

/* A copy: by the time it is sent the loop may have closed its own. */
static void give_socket(struct handover_message *talk, int fd) {
    int copy = fd >= 0 ? dup(fd) : -1;
    if (copy >= 0)
        talk->descriptors[talk->descriptor_count++] = copy;
}

static int give_sockets(struct keeper *keeper) {
    const struct app *app = keeper->app;
    struct handover_message *talk = keeper->talk;
    if (app->draining)
        return ERR_CANCELLED;
    talk->length = (size_t)snprintf(talk->text, sizeof talk->text, "sockets %s %u",
                                    app->address.host, app->address.port);
    talk->descriptor_count = 0;
    for (uint32_t i = 0; i < app->loop_count; i++)
        give_socket(talk, gateway_loop_descriptor(app->loops[i].home));
    give_socket(talk, gateway_loop_owner_descriptor(app->loops[0].home));
    return talk->descriptor_count == app->loop_count + 1 ? 0 : ERR_SYSTEM;
}

static int begin_rows(struct keeper *keeper) {
    keeper->slot = 0;
    return keeper->app->draining ? ERR_CANCELLED : 0;
}

/* Names have no control characters: the configuration and the catalog see to that. */
static int write_row(const struct catalog_snapshot *snapshot, const struct scheduler_running *row,
                     struct handover_message *talk) {
    const struct catalog_route *route = &snapshot->routes[row->route];
    const struct catalog_account *account = &snapshot->accounts[route->account];
    const struct scheduler_promise *promise = &row->promise;
    size_t room = sizeof talk->text - talk->length;
    int length = snprintf(
        talk->text + talk->length, room,
        "%.*s\t%.*s\t%.*s\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\t%llu\n",
        SPAN_ARG(snapshot->providers[account->provider].id), SPAN_ARG(account->name),
        SPAN_ARG(route->upstream_model), (unsigned long long)promise->input_tokens,
        (unsigned long long)promise->output_tokens, (unsigned long long)promise->output_tokens_max,
        (unsigned long long)promise->inputs, (unsigned long long)promise->audio_seconds,
        (unsigned long long)row->age_ms, (unsigned long long)row->client);
    if (length < 0 || (size_t)length >= room)
        return ERR_TOO_LARGE;
    talk->length += (size_t)length;
    return 0;
}

/* One packet of rows; without any it is the last. */
static int next_rows(struct keeper *keeper) {
    struct scheduler_running rows[ROWS_OF_A_STEP];
    struct app *app = keeper->app;
    struct handover_message *talk = keeper->talk;
    talk->descriptor_count = 0;
    talk->length = (size_t)snprintf(talk->text, sizeof talk->text, "running\n");
    uint32_t count = desk_running(app->gateway->desk, &keeper->slot, rows, ROWS_OF_A_STEP);
    int err = 0;
    for (uint32_t i = 0; i < count && err == 0; i++)
        err = write_row(app->now->assembly.snapshot, &rows[i], talk);
    return err < 0 ? err : (int)count;
}

static int let_go(struct keeper *keeper) {
    if (keeper->app->draining)
        return ERR_CANCELLED;
    loops_begin_drain(keeper->app, "upgrade");
    return 0;
}

/* --- every loop pauses, or goes on --- */

static void on_pause(struct loop_message *message) {
    struct pause *pause = container_of(message, struct pause, message);
    struct keeper *keeper = pause->keeper;
    if (pause->suspend)
        gateway_loop_suspend(pause->home);
    else
        gateway_loop_unsuspend(pause->home);
    pthread_mutex_lock(&keeper->lock);
    keeper->pauses_left--;
    pthread_cond_signal(&keeper->done);
    pthread_mutex_unlock(&keeper->lock);
}

static int set_paused(struct keeper *keeper, bool suspend) {
    struct app *app = keeper->app;
    pthread_mutex_lock(&keeper->lock);
    keeper->pauses_left = app->loop_count;
    for (uint32_t i = 0; i < app->loop_count; i++) {
        keeper->pauses[i] = (struct pause){.message = {.run = on_pause},
                                           .keeper = keeper,
                                           .home = app->loops[i].home,
                                           .suspend = suspend};
        loop_post(app->loops[i].loop, &keeper->pauses[i].message);
    }
    while (keeper->pauses_left > 0 && !keeper->stopping)
        (void)pthread_cond_wait(&keeper->done, &keeper->lock);
    int result = keeper->pauses_left == 0 ? 0 : ERR_CANCELLED;
    pthread_mutex_unlock(&keeper->lock);
    return result;
}

/* Kept connections have brought what was on its way. */
static void await_grace(struct keeper *keeper) {
    uint64_t until_ns = clock_mono_ns() + HTTP_DRAIN_GRACE_NS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    pthread_mutex_lock(&keeper->lock);
    while (!keeper->stopping && clock_mono_ns() < until_ns)
        (void)pthread_cond_timedwait(&keeper->done, &keeper->lock, &until);
    pthread_mutex_unlock(&keeper->lock);
}

/* --- the talk --- */

static int hear(struct keeper *keeper, uint64_t wait_ms, const char *word) {
    int err = handover_receive(keeper->talk_fd, wait_ms, keeper->talk);
    for (uint32_t i = 0; err == 0 && i < keeper->talk->descriptor_count; i++)
        handover_close(keeper->talk->descriptors[i]); /* nobody asked for them */
    if (err == 0 && !span_is(span_of(keeper->talk->text, keeper->talk->length), word))
        err = ERR_INVALID;
    return err;
}

static int say(struct keeper *keeper, const char *word, int descriptor) {
    struct handover_message *talk = keeper->talk;
    talk->length = (size_t)snprintf(talk->text, sizeof talk->text, "%s", word);
    talk->descriptor_count = descriptor >= 0;
    talk->descriptors[0] = descriptor;
    return handover_send(keeper->talk_fd, talk);
}

static int send_sockets(struct keeper *keeper) {
    int err = ask(keeper, give_sockets);
    if (err == 0)
        err = handover_send(keeper->talk_fd, keeper->talk);
    for (uint32_t i = 0; i < keeper->talk->descriptor_count; i++)
        handover_close(keeper->talk->descriptors[i]);
    return err;
}

static int send_running(struct keeper *keeper) {
    int err = ask(keeper, begin_rows);
    if (err < 0)
        return err;
    while ((err = ask(keeper, next_rows)) > 0)
        if (handover_send(keeper->talk_fd, keeper->talk) < 0)
            return ERR_EOF;
    return err;
}

/* What only one process may have is the heir's from "yours" on; without "built" it comes back. */
static int hand_over(struct keeper *keeper) {
    int err = set_paused(keeper, true);
    if (err == 0) {
        await_grace(keeper);
        err = send_running(keeper);
    }
    if (err == 0)
        err = records_set_aside(keeper->app);
    if (err == 0)
        err = say(keeper, "yours", keeper->app->lock_fd);
    if (err == 0)
        err = hear(keeper, BUILT_WAIT_MS, "built");
    if (err == 0) {
        notify_say("MAINPID=%d", keeper->heir_pid); /* ours to say: we are the main process */
        err = say(keeper, "go", -1);
    }
    return err == 0 ? ask(keeper, let_go) : err;
}

static void converse(struct keeper *keeper) {
    int err = hear(keeper, HELLO_WAIT_MS, "papi-upgrade 1");
    if (err == 0)
        err = send_sockets(keeper);
    if (err == 0)
        err = hear(keeper, READY_WAIT_MS, "ready");
    if (err == 0) {
        err = hand_over(keeper);
        if (err < 0) {
            records_set_back(keeper->app);
            (void)set_paused(keeper, false);
        }
    }
    if (err < 0)
        log_event(LOG_WARN, "upgrade.failed", "error=\"%s\"", err_text(err));
}

static bool open_socket(struct keeper *keeper) {
    char path[HANDOVER_ADDRESS_MAX_BYTES + 1];
    int length = snprintf(path, sizeof path, "%s/%s", keeper->app->data_dir, UPGRADE_SOCKET);
    int err = length < 0 || (size_t)length >= sizeof path
                  ? ERR_TOO_LARGE
                  : handover_listen(path, &keeper->listening_fd);
    if (err < 0)
        log_event(LOG_WARN, "upgrade.not_possible", "folder=\"%s\" error=\"%s\"",
                  keeper->app->data_dir, err_text(err));
    return err == 0;
}

static bool go_on(struct keeper *keeper, int talk_fd) {
    pthread_mutex_lock(&keeper->lock);
    bool more = !keeper->stopping;
    keeper->talk_fd = talk_fd;
    pthread_mutex_unlock(&keeper->lock);
    return more;
}

/* Once it has let go, the connection stays open until the process ends: so the heir knows. */
static void *run(void *argument) {
    struct keeper *keeper = argument;
    bool served = true;
    while (served && go_on(keeper, -1)) {
        int fd;
        if (handover_accept(keeper->listening_fd, FOREVER_MS, &fd, &keeper->heir_pid) < 0)
            continue;
        if (!go_on(keeper, fd)) {
            handover_close(fd);
            break;
        }
        converse(keeper);
        served = !atomic_load(&keeper->app->gateway->draining);
        if (served) {
            (void)go_on(keeper, -1);
            handover_close(fd);
        }
    }
    return NULL;
}

int keeper_begin(struct app *app) {
    struct keeper *keeper = app->keeper;
    sigset_t all, before;
    if (!open_socket(keeper))
        return 0; /* a path that is too long: everything else works */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    check(pthread_create(&keeper->thread, NULL, run, keeper) == 0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    keeper->running = true;
    return 0;
}

int keeper_start(struct app *app) {
    struct keeper *keeper = mem_zalloc(sizeof *keeper);
    keeper->app = app;
    keeper->listening_fd = keeper->talk_fd = -1;
    check(pthread_mutex_init(&keeper->lock, NULL) == 0);
    pthread_condattr_t attributes;
    check(pthread_condattr_init(&attributes) == 0);
    check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    check(pthread_cond_init(&keeper->done, &attributes) == 0);
    check(pthread_condattr_destroy(&attributes) == 0);
    keeper->message.run = on_step;
    keeper->talk = mem_alloc(sizeof *keeper->talk);
    app->keeper = keeper;
    return 0;
}

void keeper_end(struct app *app) {
    struct keeper *keeper = app->keeper;
    if (keeper == NULL || !keeper->running)
        return;
    pthread_mutex_lock(&keeper->lock);
    keeper->stopping = true;
    pthread_cond_signal(&keeper->done);
    (void)shutdown(keeper->listening_fd, SHUT_RDWR); /* wakes whoever waits on them */
    if (keeper->talk_fd >= 0)
        (void)shutdown(keeper->talk_fd, SHUT_RD);
    pthread_mutex_unlock(&keeper->lock);
    check(pthread_join(keeper->thread, NULL) == 0);
    keeper->running = false;
}

void keeper_stop(struct app *app) {
    struct keeper *keeper = app->keeper;
    if (keeper == NULL)
        return;
    handover_close(keeper->listening_fd);
    handover_close(keeper->talk_fd);
    check(pthread_cond_destroy(&keeper->done) == 0);
    check(pthread_mutex_destroy(&keeper->lock) == 0);
    mem_free(keeper->talk);
    mem_free(keeper);
    app->keeper = NULL;
}
