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
    uint32_t after_ms; /* its request was accepted */
    uint32_t waited_ms, took_ms;
    uint32_t input_tokens, output_tokens;
    uint16_t outcome, status;
};

struct record {
    char *names;                  /* owned: RUNG_NAMES texts for each rung, each with its NUL */
    char id[REQUEST_ID_BYTES];    /* empty = free */
    char client[CLIENT_ID_BYTES]; /* empty = nobody */
    char model[LADDER_NAME_BYTES];
    const char *endpoint; /* static */
    uint64_t accepted_ms; /* wall clock */
    uint64_t total_ns, queued_ns, input_tokens, output_tokens;
    uint32_t first_token_ms; /* UINT32_MAX = none */
    uint32_t attempts;
    int status;
    enum api_error_kind error;
    bool has_error, stream;
    uint32_t rung_count;
    struct kept_rung rungs[LADDER_RUNGS_MAX];
};

/* Who was asked, in the order of `names`. */
enum { RUNG_PROVIDER, RUNG_ACCOUNT, RUNG_MODEL, RUNG_UPSTREAM, RUNG_NAMES };

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

static uint32_t whole(uint64_t number) {
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

static uint32_t whole_ms(uint64_t ns) {
    return whole(ns / NS_PER_MS);
}

static void keep_rung(struct kept_rung *kept, const struct request_rung *rung,
                      uint64_t accepted_ns) {
    uint64_t began_ns = rung->sent_ns != 0 ? rung->sent_ns : rung->started_ns;
    *kept = (struct kept_rung){.after_ms = whole_ms(began_ns - accepted_ns),
                               .input_tokens = whole(rung->input_tokens),
                               .output_tokens = whole(rung->output_tokens),
                               .waited_ms = whole_ms(rung->waited_ns),
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
                              .first_token_ms = r->first_token_ns != 0
                                                    ? whole_ms(r->first_token_ns - r->accepted_ns)
                                                    : UINT32_MAX,
                              .endpoint = r->endpoint->path,
                              .input_tokens = r->usage.input_tokens,
                              .output_tokens = r->usage.output_tokens,
                              .attempts = r->attempts,
                              .status = r->status,
                              .error = r->error.kind,
                              .has_error = r->has_error,
                              .stream = r->task.kind == TASK_CHAT && r->task.chat.stream};
    memcpy(record->id, r->id, sizeof record->id);
    if (r->client != NULL)
        memcpy(record->client, r->client->id, sizeof record->client);
    if (name > 0)
        memcpy(record->model, r->task.model.ptr, name);
    for (const struct request_rung *rung = r->ladder;
         rung != NULL && record->rung_count < LADDER_RUNGS_MAX; rung = rung->next)
        keep_rung(&record->rungs[record->rung_count++], rung, r->accepted_ns);
}

void ladder_keep(struct ladder_ring *ring, const struct request *r, uint64_t total_ns) {
    pthread_mutex_lock(&ring->lock);
    struct record *record = &ring->records[ring->next++ % LADDER_RECORDS_MAX];
    mem_free(record->names);
    fill(record, r, total_ns);
    pthread_mutex_unlock(&ring->lock);
}

/* --- reading --- */

/* The names stand at *names, which moves on behind them. */
static void fill_attempt(const struct record *record, const struct kept_rung *rung,
                         const char **names, struct store_attempt *ret_attempt) {
    struct span name[RUNG_NAMES];
    for (size_t i = 0; i < RUNG_NAMES; i++) {
        name[i] = span_text(*names);
        *names += name[i].len + 1;
    }
    *ret_attempt = (struct store_attempt){
        .provider = name[RUNG_PROVIDER],
        .account = name[RUNG_ACCOUNT],
        .model = name[RUNG_MODEL],
        .upstream = name[RUNG_UPSTREAM],
        .outcome = span_text(outcome_row((enum outcome)rung->outcome)->label),
        .status = rung->status,
        .at_ms = record->accepted_ms + rung->after_ms,
        .waited_ms = rung->waited_ms,
        .duration_ms = rung->took_ms,
        .input_tokens = rung->input_tokens,
        .output_tokens = rung->output_tokens};
}

static void show(const struct record *record, store_request_cb each, void *context) {
    struct store_attempt ladder[LADDER_RUNGS_MAX];
    const char *names = record->names;
    const char *code = record->has_error ? api_error_code(record->error) : NULL;
    for (uint32_t i = 0; i < record->rung_count; i++)
        fill_attempt(record, &record->rungs[i], &names, &ladder[i]);
    const struct store_attempt *last =
        record->rung_count > 0 ? &ladder[record->rung_count - 1] : NULL;
    bool served = last != NULL && record->rungs[record->rung_count - 1].outcome == OUTCOME_OK;
    const struct store_request shown = {
        .id = span_text(record->id),
        .client = record->client[0] != '\0' ? span_text(record->client) : SPAN_NONE,
        .endpoint = span_text(record->endpoint),
        .model = span_text(record->model),
        .served = served ? last->model : SPAN_NONE,
        .provider = last != NULL ? last->provider : SPAN_NONE,
        .account = last != NULL ? last->account : SPAN_NONE,
        .error = record->has_error ? span_text(code != NULL ? code : "bad_request") : SPAN_NONE,
        .status = (uint32_t)record->status,
        .stream = record->stream,
        .has_first_token = record->first_token_ms != UINT32_MAX,
        .at_ms = record->accepted_ms,
        .queued_ms = record->queued_ns / NS_PER_MS,
        .first_token_ms = record->first_token_ms != UINT32_MAX ? record->first_token_ms : 0,
        .duration_ms = record->total_ns / NS_PER_MS,
        .input_tokens = record->input_tokens,
        .output_tokens = record->output_tokens,
        .attempts = record->attempts,
        .ladder = ladder,
        .ladder_count = record->rung_count};
    each(context, &shown);
}

static int find_in(struct ladder_ring *ring, struct span id, store_request_cb each, void *context) {
    int err = ERR_NOT_FOUND;
    pthread_mutex_lock(&ring->lock);
    for (uint32_t i = 0; i < LADDER_RECORDS_MAX && err == ERR_NOT_FOUND; i++)
        if (ring->records[i].id[0] != '\0' && span_is(id, ring->records[i].id)) {
            show(&ring->records[i], each, context);
            err = 0;
        }
    pthread_mutex_unlock(&ring->lock);
    return err;
}

int ladder_find(struct gateway *gateway, struct span id, store_request_cb each, void *context) {
    int err = ERR_NOT_FOUND;
    for (uint32_t i = 0; i < gateway->loop_count && err == ERR_NOT_FOUND; i++)
        err = find_in(gateway->loops[i]->ladders, id, each, context);
    return err;
}
