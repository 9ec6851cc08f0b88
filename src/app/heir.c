// SPDX-License-Identifier: Apache-2.0
/*
 * The heir: a process that takes over from the one that serves, or that systemd hands its sockets to.
 *
 * Everything that can fail is done before the keeper is asked for what only one may have, and the last word is the keeper's: without its
 * "go" the heir ends and has accepted nobody. What the keeper still runs is held as tickets of the heir's own scheduler until the
 * keeper has gone, so that no limit is used twice meanwhile. Promises: a failed heir costs no request. Leaves to others: the keeper's
 * side (keeper.c), messages (net/handover.c).
 */
#include "app/upgrade.h"

#include "app/app_parts.h"
#include "app/records.h"
#include "base/check.h"
#include "base/mem.h"
#include "net/listener.h"
#include "obs/log.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_WAIT_MS   ((uint64_t)30000)
#define HELD_MAX         4096
#define FIRST_OF_SYSTEMD 3 /* sd_listen_fds(3): SD_LISTEN_FDS_START */

static int lost_keeper(const char *what) {
    return app_fail("not started: the papi that serves now did not %s; it goes on serving", what);
}

static int say(struct heir *heir, const char *word) {
    struct handover_message message;
    int length = snprintf(message.text, sizeof message.text, "%s", word);
    message.length = (size_t)length;
    message.descriptor_count = 0;
    return handover_send(heir->fd, &message);
}

static bool is(const struct handover_message *message, const char *word) {
    return span_starts_with(span_of(message->text, message->length), word);
}

int heir_begin(struct app *app) {
    struct heir *heir = &app->heir;
    struct handover_message message;
    const char *path = arena_format(&app->arena, "%s/%s", app->data_dir, UPGRADE_SOCKET);
    if (!app->options->upgrade || path == NULL ||
        handover_connect(path, &heir->fd, &heir->keeper_pid) < 0)
        return 0; /* nobody serves: an ordinary start, which fails if somebody does after all */
    if (say(heir, "papi-upgrade 1") < 0 ||
        handover_receive(heir->fd, ANSWER_WAIT_MS, &message) < 0 || !is(&message, "sockets") ||
        message.descriptor_count == 0)
        return lost_keeper("hand over its sockets");
    for (uint32_t i = 0; i < message.descriptor_count; i++) {
        if (heir->owner_fd < 0 && listener_is_unix(message.descriptors[i]))
            heir->owner_fd = message.descriptors[i];
        else
            heir->sockets[heir->socket_count++] = message.descriptors[i];
    }
    return heir->socket_count > 0 ? 0 : lost_keeper("hand over its sockets");
}

/* --- what the keeper still runs --- */

struct line {
    struct span provider, account, upstream;
    uint64_t numbers[7]; /* input, output, output_max, inputs, audio, age, client */
};

static bool parse_line(struct span text, struct line *ret_line) {
    struct span part;
    struct span *names[] = {&ret_line->provider, &ret_line->account, &ret_line->upstream};
    for (size_t i = 0; i < array_length(names); i++)
        if (!span_split(&text, '\t', names[i]))
            return false;
    for (size_t i = 0; i < array_length(ret_line->numbers); i++)
        if (!span_split(&text, '\t', &part) || !span_to_u64(part, &ret_line->numbers[i]))
            return false;
    return true;
}

static uint32_t find_route(const struct catalog_snapshot *snapshot, const struct line *line) {
    for (uint32_t i = 0; i < snapshot->route_count; i++) {
        const struct catalog_route *route = &snapshot->routes[i];
        const struct catalog_account *account = &snapshot->accounts[route->account];
        if (span_equal(route->upstream_model, line->upstream) &&
            span_equal(account->name, line->account) &&
            span_equal(snapshot->providers[account->provider].id, line->provider))
            return i;
    }
    return UINT32_MAX;
}

static void hold_line(struct app *app, struct span text) {
    struct heir *heir = &app->heir;
    struct line line;
    if (!parse_line(text, &line))
        return;
    const struct scheduler_running row = {.route = find_route(app->now->assembly.snapshot, &line),
                                          .age_ms = line.numbers[5],
                                          .client = line.numbers[6],
                                          .promise = {.input_tokens = line.numbers[0],
                                                      .output_tokens = line.numbers[1],
                                                      .output_tokens_max = line.numbers[2],
                                                      .inputs = line.numbers[3],
                                                      .audio_seconds = line.numbers[4]}};
    scheduler_ticket ticket = row.route != UINT32_MAX ? desk_hold(app->gateway->desk, &row) : 0;
    if (ticket != 0 && heir->held_count < HELD_MAX)
        heir->held[heir->held_count++] = ticket;
}

void heir_hold(struct app *app) {
    struct span rest = span_text(app->heir.running), line;
    if (span_absent(rest))
        return;
    app->heir.held = mem_alloc(HELD_MAX * sizeof *app->heir.held);
    while (rest.len > 0 && span_split(&rest, '\n', &line))
        hold_line(app, line);
    log_event(LOG_INFO, "upgrade.held", "requests=%u", app->heir.held_count);
}

/* --- claiming --- */

static int keep_lines(struct app *app, const struct handover_message *message) {
    const char *before = app->heir.running != NULL ? app->heir.running : "";
    struct span lines =
        span_of(message->text + strlen("running\n"),
                message->length > strlen("running\n") ? message->length - strlen("running\n") : 0);
    app->heir.running = arena_format(&app->arena, "%s%.*s", before, SPAN_ARG(lines));
    return app->heir.running != NULL ? 0 : ERR_TOO_LARGE;
}

int heir_claim(struct app *app) {
    struct heir *heir = &app->heir;
    struct handover_message message;
    if (heir->fd < 0)
        return 0;
    if (say(heir, "ready") < 0)
        return lost_keeper("wait");
    for (;;) {
        if (handover_receive(heir->fd, ANSWER_WAIT_MS, &message) < 0)
            return lost_keeper("hand over its data directory");
        if (is(&message, "yours"))
            break;
        if (!is(&message, "running") || keep_lines(app, &message) < 0)
            return lost_keeper("say what it runs");
    }
    if (message.descriptor_count != 1)
        return lost_keeper("hand over its data directory");
    app->lock_fd = message.descriptors[0];
    return 0;
}

/* --- the last word, and the keeper's end --- */

static void release_held(struct loop_message *message) {
    struct app *app = container_of(message, struct app, heir_alone);
    const struct scheduler_usage unknown = {.known = false};
    for (uint32_t i = 0; i < app->heir.held_count; i++)
        (void)desk_done(app->gateway->desk, 0, app->heir.held[i], OUTCOME_OK, &unknown, NULL);
    app->heir.held_count = 0;
    log_event(LOG_INFO, "upgrade.alone", "pid=%ld", (long)getpid());
}

/* Until the keeper has ended; its end of the connection closes with it. */
static void *await_end(void *argument) {
    struct app *app = argument;
    struct handover_message *message = mem_alloc(sizeof *message);
    int err = ERR_IDLE_TIMEOUT;
    while (err == ERR_IDLE_TIMEOUT)
        err = handover_receive(app->heir.fd, ANSWER_WAIT_MS, message);
    mem_free(message);
    records_adopt(app, app->heir.keeper_pid); /* nothing, unless it was killed */
    loop_post(app->loops[0].loop, &app->heir_alone);
    return NULL;
}

int heir_serving(struct app *app) {
    struct heir *heir = &app->heir;
    struct handover_message message;
    sigset_t all, before;
    if (heir->fd < 0)
        return 0;
    if (say(heir, "built") < 0 || handover_receive(heir->fd, ANSWER_WAIT_MS, &message) < 0 ||
        !is(&message, "go"))
        return lost_keeper("let go");
    for (uint32_t i = 0; i < app->loop_count; i++) /* what waits in the sockets is ours now */
        app->loops[i].home->suspended = false;
    app->heir_alone.run = release_held;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    check(pthread_create(&heir->thread, NULL, await_end, app) == 0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    heir->waits = true;
    log_event(LOG_INFO, "upgrade.took_over", "sockets=%u", heir->socket_count);
    return 0;
}

void heir_end(struct app *app) {
    struct heir *heir = &app->heir;
    if (heir->waits) {
        (void)shutdown(heir->fd, SHUT_RDWR);
        check(pthread_join(heir->thread, NULL) == 0);
    }
    heir->waits = false;
}

void heir_stop(struct app *app) {
    struct heir *heir = &app->heir;
    for (uint32_t i = 0; i < heir->socket_count; i++)
        handover_close(heir->sockets[i]);
    heir->socket_count = 0;
    handover_close(heir->fd);
    handover_close(heir->owner_fd);
    heir->fd = heir->owner_fd = -1;
    mem_free(heir->held);
    heir->held = NULL;
}

/* --- sockets of systemd (sd_listen_fds(3)) --- */

void heir_take_environment(struct app *app) {
    struct heir *heir = &app->heir;
    struct span pid_text = span_text(getenv("LISTEN_PID"));
    struct span count_text = span_text(getenv("LISTEN_FDS"));
    uint64_t pid, count;
    if (span_absent(pid_text) || !span_to_u64(pid_text, &pid) || pid != (uint64_t)getpid() ||
        span_absent(count_text) || !span_to_u64(count_text, &count) ||
        count > HANDOVER_DESCRIPTORS_MAX)
        return;
    for (uint32_t i = 0; i < count; i++)
        heir->sockets[heir->socket_count++] = FIRST_OF_SYSTEMD + (int)i;
}
