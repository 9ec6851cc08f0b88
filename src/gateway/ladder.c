// SPDX-License-Identifier: Apache-2.0
/*
 * What happened to a request, kept for a while.
 *
 * Why: a caller sees one answer, and its head tells who gave it; when the 200 went out early, or when nobody answered, the way
 * there is what its owner wants to know. So the last requests of each loop are kept in a ring, a few hundred bytes each, and
 * found by the id that every answer carries.
 * Promises: bounded memory, touched only as far as requests came; no words of prompts, answers or keys. Leaves to others: keeping
 * rows on disk (store), who may read them (authenticate.c).
 */
#include "gateway/ladder.h"

#include "base/check.h"
#include "base/mem.h"

#include <pthread.h>

/* A rung as it is told: thousands of them are kept, so in milliseconds and small. */
struct kept_rung {
    uint32_t waited_ms, took_ms;
    uint16_t outcome, status;
};

struct record {
    char *names;               /* owned: RUNG_NAMES texts for each rung, each with its NUL */
    char id[REQUEST_ID_BYTES]; /* empty = free */
    char model[LADDER_NAME_BYTES];
    uint64_t accepted_ms; /* wall clock */
    uint64_t total_ns, queued_ns, input_tokens, output_tokens;
    uint32_t attempts;
    int status;
    enum api_error_kind error;
    bool has_error, stream;
    uint32_t rung_count;
    struct kept_rung rungs[LADDER_RUNGS_MAX];
};

/* Who was asked, in the order of `names`: told under these members. */
enum { RUNG_PROVIDER, RUNG_ACCOUNT, RUNG_MODEL, RUNG_UPSTREAM, RUNG_NAMES };
static const char *const name_members[RUNG_NAMES] = {
    [RUNG_PROVIDER] = "provider",
    [RUNG_ACCOUNT] = "account",
    [RUNG_MODEL] = "model",
    [RUNG_UPSTREAM] = "upstream_model",
};

struct ladder_ring {
    pthread_mutex_t lock;
    struct record *records; /* owned; guarded by lock, as all below */
    uint32_t next;
};

struct ladder_ring *ladder_ring_new(void) {
    struct ladder_ring *ring = mem_zalloc(sizeof *ring);
    check(pthread_mutex_init(&ring->lock, NULL) == 0);
    ring->records = mem_zalloc(LADDER_RECORDS_MAX * sizeof *ring->records);
    return ring;
}

void ladder_ring_free(struct ladder_ring *ring) {
    if (ring == NULL)
        return;
    for (uint32_t i = 0; i < LADDER_RECORDS_MAX; i++)
        mem_free(ring->records[i].names);
    check(pthread_mutex_destroy(&ring->lock) == 0);
    mem_free(ring->records);
    mem_free(ring);
}

static uint32_t whole_ms(uint64_t ns) {
    uint64_t ms = ns / NS_PER_MS;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

static void keep_rung(struct kept_rung *kept, const struct request_rung *rung) {
    *kept = (struct kept_rung){.waited_ms = whole_ms(rung->waited_ns),
                               .took_ms = whole_ms(rung->ended_ns - rung->started_ns),
                               .outcome = (uint16_t)rung->outcome,
                               .status = (uint16_t)rung->status};
}

static void names_of(const struct request_rung *rung, struct span *ret_names) {
    const struct catalog_snapshot *snapshot = rung->snapshot;
    const struct catalog_route *route = &snapshot->routes[rung->route];
    const struct catalog_account *account = &snapshot->accounts[route->account];
    ret_names[RUNG_PROVIDER] = snapshot->providers[account->provider].id;
    ret_names[RUNG_ACCOUNT] = account->name;
    ret_names[RUNG_MODEL] = snapshot->models[route->model].id;
    ret_names[RUNG_UPSTREAM] = route->upstream_model;
}

/* Copied, so that what is remembered of old requests keeps no old configuration alive. */
static char *copy_names(const struct request *r) {
    struct span names[LADDER_RUNGS_MAX * RUNG_NAMES];
    uint32_t count = 0;
    size_t bytes = 0;
    for (const struct request_rung *rung = r->ladder;
         rung != NULL && count < LADDER_RUNGS_MAX * RUNG_NAMES; rung = rung->next) {
        names_of(rung, &names[count]);
        count += RUNG_NAMES;
    }
    for (uint32_t i = 0; i < count; i++)
        bytes += names[i].len + 1;
    char *text = count > 0 ? mem_alloc(bytes) : NULL;
    char *at = text;
    for (uint32_t i = 0; i < count; i++) {
        if (names[i].len > 0)
            memcpy(at, names[i].ptr, names[i].len);
        at += names[i].len;
        *at++ = '\0';
    }
    return text;
}

static void fill(struct record *record, const struct request *r, uint64_t total_ns) {
    size_t name = r->task.model.len < LADDER_NAME_BYTES ? r->task.model.len : LADDER_NAME_BYTES - 1;
    *record = (struct record){.names = copy_names(r),
                              .accepted_ms = clock_wall_ms() - total_ns / NS_PER_MS,
                              .total_ns = total_ns,
                              .queued_ns = r->queued_ns,
                              .input_tokens = r->usage.input_tokens,
                              .output_tokens = r->usage.output_tokens,
                              .attempts = r->attempts,
                              .status = r->status,
                              .error = r->error.kind,
                              .has_error = r->has_error,
                              .stream = r->task.kind == TASK_CHAT && r->task.chat.stream};
    memcpy(record->id, r->id, sizeof record->id);
    if (name > 0)
        memcpy(record->model, r->task.model.ptr, name);
    for (const struct request_rung *rung = r->ladder;
         rung != NULL && record->rung_count < LADDER_RUNGS_MAX; rung = rung->next)
        keep_rung(&record->rungs[record->rung_count++], rung);
}

void ladder_keep(struct ladder_ring *ring, const struct request *r, uint64_t total_ns) {
    pthread_mutex_lock(&ring->lock);
    struct record *record = &ring->records[ring->next++ % LADDER_RECORDS_MAX];
    mem_free(record->names);
    fill(record, r, total_ns);
    pthread_mutex_unlock(&ring->lock);
}

/* --- reading --- */

static int write_next(struct dynbuf *out, const char *name, struct span value) {
    int err = dynbuf_append_char(out, ',');
    return err == 0 ? json_write_member_string(out, name, value) : err;
}

/* The names stand at *names, which moves on behind them. */
static int write_rung(const struct kept_rung *rung, const char **names, struct dynbuf *out) {
    int err = dynbuf_append_char(out, '{');
    for (size_t i = 0; i < RUNG_NAMES && err == 0; i++) {
        struct span name = span_text(*names);
        err = i == 0 ? json_write_member_string(out, name_members[i], name)
                     : write_next(out, name_members[i], name);
        *names += name.len + 1;
    }
    return err < 0 ? err
                   : dynbuf_append_format(
                         out, ",\"outcome\":\"%s\",\"status\":%u,\"waited_ms\":%u,\"took_ms\":%u}",
                         outcome_row((enum outcome)rung->outcome)->label, rung->status,
                         rung->waited_ms, rung->took_ms);
}

static int write_record(const struct record *record, struct dynbuf *out) {
    const char *names = record->names;
    const char *code = record->has_error ? api_error_code(record->error) : NULL;
    if (record->has_error && code == NULL)
        code = "bad_request";
    int err = dynbuf_append_format(out, "{\"object\":\"papi.request\",\"id\":\"%s\"", record->id);
    if (err == 0)
        err = write_next(out, "model", span_text(record->model));
    if (err == 0)
        err = dynbuf_append_format(
            out,
            ",\"stream\":%s,\"accepted_ms\":%llu,\"status\":%d,\"error\":%s%s%s,\"total_ms\":%llu,"
            "\"queued_ms\":%llu,\"input_tokens\":%llu,\"output_tokens\":%llu,\"attempts\":%u,"
            "\"ladder\":[",
            record->stream ? "true" : "false", (unsigned long long)record->accepted_ms,
            record->status, code != NULL ? "\"" : "", code != NULL ? code : "null",
            code != NULL ? "\"" : "", (unsigned long long)(record->total_ns / NS_PER_MS),
            (unsigned long long)(record->queued_ns / NS_PER_MS),
            (unsigned long long)record->input_tokens, (unsigned long long)record->output_tokens,
            record->attempts);
    for (uint32_t i = 0; i < record->rung_count && err == 0; i++) {
        err = i > 0 ? dynbuf_append_char(out, ',') : 0;
        if (err == 0)
            err = write_rung(&record->rungs[i], &names, out);
    }
    return err < 0 ? err : dynbuf_append_text(out, "]}\n");
}

static int write_from(struct ladder_ring *ring, struct span id, struct dynbuf *out) {
    int err = ERR_NOT_FOUND;
    pthread_mutex_lock(&ring->lock);
    for (uint32_t i = 0; i < LADDER_RECORDS_MAX && err == ERR_NOT_FOUND; i++)
        if (ring->records[i].id[0] != '\0' && span_is(id, ring->records[i].id))
            err = write_record(&ring->records[i], out);
    pthread_mutex_unlock(&ring->lock);
    return err;
}

int ladder_write(struct gateway *gateway, struct span id, struct dynbuf *out) {
    int err = ERR_NOT_FOUND;
    for (uint32_t i = 0; i < gateway->loop_count && err == ERR_NOT_FOUND; i++)
        err = write_from(gateway->loops[i]->ladders, id, out);
    return err;
}
