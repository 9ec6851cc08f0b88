// SPDX-License-Identifier: Apache-2.0
/*
 * Scenarios of papi mock: any bytes are a file.
 *
 * Of every input: the reader ends, and a refusal says what and where. Of accepted ones, and of refused ones whose begin was applied: every
 * provider can be asked, whole and streamed, now and later; head fields are lines of visible ASCII, errors and models are JSON, and the
 * world can be reset and freed with nothing left.
 */
#include "base/check.h"
#include "base/clock.h"
#include "mock/server.h"

#define ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define STEPS_MAX       64
#define WALL_MS         1732000000000u

static void check_fields(struct span fields) {
    check(fields.len == 0 || span_ends_with(fields, "\r\n"));
    for (size_t i = 0; i < fields.len; i++) {
        bool line_end = fields.ptr[i] == '\r' && fields.ptr[i + 1] == '\n';
        i += line_end;
        check(line_end || (fields.ptr[i] >= ' ' && fields.ptr[i] <= '~'));
    }
}

static void play(struct fake_plan *plan) {
    struct dynbuf out;
    enum fake_step step = FAKE_SEND;
    uint64_t delay_ns;
    int err = 0;
    dynbuf_init(&out, MOCK_OUT_MAX_BYTES);
    check_fields(dynbuf_span(&plan->fields));
    if (!fake_streams(plan))
        err = fake_body(plan, &out);
    for (int i = 0; fake_streams(plan) && i < STEPS_MAX && step == FAKE_SEND && err == 0; i++)
        err = fake_next(plan, &out, &step, &delay_ns);
    check(err == 0);
    if (plan->replay == NULL && plan->fault->play == PLAY_ERROR)
        check(json_validate(dynbuf_span(&out)) == 0);
    dynbuf_done(&out);
}

static void ask(struct fake_world *world, struct fake_provider *provider, uint32_t round) {
    struct fake_question question = {.now_ns = (1000 + UINT64_C(40) * round) * NS_PER_S,
                                     .wall_ms = WALL_MS + UINT64_C(40000) * round,
                                     .key = round % 2 == 0 ? SPAN_LITERAL("k") : SPAN_NONE,
                                     .model = SPAN_LITERAL("m"),
                                     .prompt_bytes = 100,
                                     .max_tokens = 20,
                                     .stream = round % 3 == 0,
                                     .include_usage = true};
    struct fake_plan plan;
    fake_ask(world, provider, &question, &plan);
    play(&plan);
    fake_plan_over(&plan, question.now_ns + NS_PER_S, round % 5 == 4);
}

static void check_looks(struct fake_world *world) {
    struct dynbuf out;
    dynbuf_init(&out, MOCK_OUT_MAX_BYTES);
    check(fake_write_stats(world, &out) == 0 && json_validate(dynbuf_span(&out)) == 0);
    for (uint32_t i = 0; i < fake_provider_count(world); i++) {
        dynbuf_clear(&out);
        check(fake_write_models(fake_provider_at(world, i), &out) == 0);
        check(json_validate(dynbuf_span(&out)) == 0);
    }
    dynbuf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct mock mock = {.world = fake_world_new(1)};
    struct arena arena;
    const char *problem = NULL;
    arena_init(&arena, NULL, 0, ARENA_MAX_BYTES);
    int err = mock_apply_file(&mock, span_of((const char *)data, size), &arena, &problem);
    check(err == 0 || (problem != NULL && span_starts_with(span_text(problem), "line ")));
    for (uint32_t i = 0; i < fake_provider_count(mock.world) && i < 8; i++)
        for (uint32_t round = 0; round < 6; round++)
            ask(mock.world, fake_provider_at(mock.world, i), round);
    check_looks(mock.world);
    fake_world_reset(mock.world);
    fake_world_free(mock.world);
    arena_reset(&arena);
    return 0;
}
