// SPDX-License-Identifier: Apache-2.0
/*
 * The driver of the story.
 *
 * A request is a table of steps (steps.h) and this loop around it. Callbacks of the HTTP server, of attempts and of the desk
 * store what they bring and call request_resume, which puts the request into the loop's queue once; the queue runs when the
 * network's callbacks of this turn are done, so that no step ever runs inside another's stack. A step that has to wait parks
 * with a reason; being resumed for another reason finds nothing to do and parks again.
 *
 * Promises: one story, one end; the client leaving is seen at the next resume in every state before RECORD; memory of the
 * request is freed in one place, request_free, after the story is over and the exchange has finished. Leaves to others: what
 * each step does.
 */
#include "gateway/request.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "catalog/map.h"
#include "gateway/desk.h"

#include <stdarg.h>
#include <stdio.h>

static const struct sm_state states[STEP_COUNT] = {
#define STEP_ROW(id, function, next, why) \
    [id] = {#function, (next) | ((id) < STEP_CANCEL ? SM_BIT(STEP_CANCEL) : 0), why},
    STEP_TABLE(STEP_ROW)
#undef STEP_ROW
};

static enum step_verdict (*const functions[STEP_COUNT])(struct request *) = {
#define STEP_FUNCTION(id, function, next, why) [id] = step_##function,
    STEP_TABLE(STEP_FUNCTION)
#undef STEP_FUNCTION
};

static void request_free(struct request *r) {
    check(r->attempt == NULL && r->ticket == 0 && r->exchange == NULL && r->later == NULL);
    struct gateway_loop *home = r->home;
    loop_timer_clear(home->loop, &r->clock);
    loop_undefer(&r->resume);
    if (r->encoder != NULL)
        r->surface->encoder_free(r->encoder);
    dynbuf_done(&r->out);
    http_body_unref(r->body);
    for (const struct request_rung *rung = r->ladder; rung != NULL; rung = rung->next)
        catalog_unref(rung->snapshot);
    catalog_unref(r->snapshot);
    client_table_unref(r->clients);
    home->slots[r->slot] = NULL;
    home->free_slots[home->free_count++] = r->slot;
    arena_reset(&r->arena);
    r->magic = 0;
    shelf_give(&home->request_shelf, r);
    gateway_loop_leave(home);
}

static void drive(struct loop_task *task) {
    struct request *r = container_of(task, struct request, resume);
    enum step_verdict verdict = STEP_NEXT;
    while (verdict == STEP_NEXT) {
        if (r->gone && r->sm.state < STEP_CANCEL)
            sm_move(&r->sm, STEP_CANCEL);
        r->parked = PARKED_NOT;
        verdict = functions[r->sm.state](r);
    }
    if (verdict == STEP_FINISHED) {
        r->story_over = true;
        if (r->exchange == NULL)
            request_free(r);
    }
}

static void on_clock(struct loop_timer *timer) {
    struct request *r = container_of(timer, struct request, clock);
    request_resume(r);
}

/* The time, then chance: where requests are kept, an id that is looked for lies beside those of the same time, and adding one costs a
 * third less than a place by chance would. */
void request_make_id(struct rand *rand, char *id) {
    static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
    enum { TIME_FROM = 4, TIME_TO = 13 }; /* 45 bits of milliseconds */
    uint64_t bits = clock_wall_ms();
    memcpy(id, "req-", TIME_FROM);
    for (size_t i = TIME_TO; i-- > TIME_FROM; bits >>= 5)
        id[i] = digits[bits & 31];
    bits = rand_u64(rand);
    for (size_t i = TIME_TO; i < REQUEST_ID_BYTES - 1; i++, bits >>= 5)
        id[i] = digits[bits & 31];
    id[REQUEST_ID_BYTES - 1] = '\0';
}

struct request *request_new(struct gateway_loop *home, struct http_exchange *exchange) {
    check(home->free_count > 0);
    struct request *r = shelf_take(&home->request_shelf, sizeof *r);
    memset(r, 0, offsetof(struct request, inline_block)); /* the inline block is the arena's */
    r->magic = REQUEST_MAGIC;
    sm_init(&r->sm, states, STEP_ACCEPT);
    r->home = home;
    r->exchange = exchange;
    r->owner = stream_peer_is_owner(http_exchange_stream(exchange));
    r->snapshot = catalog_ref(home->snapshot);
    r->surface = &surface_openai_chat;
    r->slot = home->free_slots[--home->free_count];
    r->generation = (uint32_t)rand_u64(&home->rand) | 1;
    r->accepted_ns = loop_now_ns(home->loop); /* all of it is here: slow uploads are not our time */
    r->deadline_ns = UINT64_MAX;
    r->clock.fire = on_clock;
    home->slots[r->slot] = r;
    gateway_loop_enter(home);
    loop_task_init(&r->resume, drive);
    arena_init(&r->arena, r->inline_block, sizeof r->inline_block, REQUEST_ARENA_MAX_BYTES);
    dynbuf_init(&r->out, REQUEST_OUT_MAX_BYTES);
    request_make_id(&home->rand, r->id);
    r->identity.request_id = span_of(r->id, REQUEST_ID_BYTES - 1);
    return r;
}

void request_resume(struct request *r) {
    if (!r->story_over)
        loop_defer(r->home->loop, &r->resume);
}

enum step_verdict request_go(struct request *r, enum request_step next) {
    sm_move(&r->sm, next);
    return STEP_NEXT;
}

enum step_verdict request_park(struct request *r, enum parked_reason reason) {
    r->parked = reason;
    return STEP_PARKED;
}

enum step_verdict request_fail(struct request *r, enum api_error_kind kind, const char *param,
                               const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    r->error = (struct api_error){.kind = kind, .param = span_text(param), .retry_after_ms = -1};
    if (arena_copy(&r->arena, span_text(text), &r->error.message) < 0)
        r->error.message = SPAN_LITERAL("the request is larger than this gateway can explain");
    r->has_error = true;
    return request_go(r, STEP_REJECT);
}

/* What was remembered in the old numbers or borrowed from the old texts comes along. */
static void adopt(struct request *r, struct catalog_snapshot *snapshot) {
    struct catalog_map map;
    if (arena_copy(&r->arena, r->identity.model, &r->identity.model) < 0)
        r->identity.model = SPAN_LITERAL("");
    if (!span_absent(r->strip.name)) {
        catalog_map_make(r->snapshot, snapshot, &map);
        r->strip.route = map.routes[r->strip.route];
        catalog_map_free(&map);
    }
    catalog_unref(r->snapshot);
    r->snapshot = catalog_ref(snapshot);
}

void request_decided(struct request *r, const struct action *decision,
                     struct catalog_snapshot *snapshot) {
    if (r->snapshot != snapshot)
        adopt(r, snapshot);
    r->decision = *decision;
    r->decided = true;
    request_resume(r);
}

uint64_t request_owner(const struct request *r) {
    return OWNER_WORD(r->home->index, r->slot, r->generation);
}

void request_on_gone(void *context, struct http_exchange *exchange) {
    struct request *r = cast_checked(context, struct request, REQUEST_MAGIC);
    check(r->exchange == exchange);
    r->gone = true;
    request_resume(r);
}

void request_on_drain(void *context, struct http_exchange *exchange) {
    struct request *r = cast_checked(context, struct request, REQUEST_MAGIC);
    check(r->exchange == exchange);
    request_resume(r);
}

void request_on_finished(void *context, struct http_exchange *exchange) {
    struct request *r = cast_checked(context, struct request, REQUEST_MAGIC);
    check(r->exchange == exchange);
    r->exchange = NULL;
    if (r->story_over) {
        request_free(r);
        return;
    }
    r->gone = r->gone || !r->answered;
    request_resume(r);
}

enum step_verdict step_done(struct request *r) {
    check(r->attempt == NULL && r->ticket == 0);
    return STEP_FINISHED;
}
