// SPDX-License-Identifier: Apache-2.0
/*
 * Plays simulated providers over real HTTP.
 *
 * Paths: /NAME/v1/chat/completions and /NAME/v1/models for any NAME; /v1/... is the provider "mock"; /_mock/stats, /_mock/script and
 * /_mock/reset steer it. A player is one answer under way: it takes a step of its plan, sends the bytes, waits the step's delay.
 * Promises: a client that leaves is counted in the same turn; nothing is freed before its exchange has finished. Leaves to others: what
 * is answered (fake/).
 */
#include "mock/server.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define PLAYER_MAGIC         0x504c4159u
#define MOCK_ARENA_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define MOCK_OUT_MAX_BYTES   ((size_t)16 * 1024 * 1024)

struct player {
    uint32_t magic;
    struct mock *mock;              /* borrowed */
    struct http_exchange *exchange; /* borrowed; NULL once finished */
    struct http_body *body;         /* ref: spans of the question point into it */
    struct fake_plan plan;
    struct loop_timer timer;
    struct dynbuf out;
    enum fake_step step; /* what to do once out is sent */
    bool started, over, playing, gone;
    struct arena arena;
};

#define JSON_TYPE_FIELD "Content-Type: application/json\r\n"

static void answer_text(struct http_exchange *exchange, int status, struct span body) {
    if (http_exchange_respond(exchange, status, SPAN_LITERAL(JSON_TYPE_FIELD), body) < 0)
        http_exchange_abort(exchange);
}

static void answer_problem(struct http_exchange *exchange, int status, const char *problem) {
    struct dynbuf body;
    dynbuf_init(&body, 65536);
    if (dynbuf_append_text(&body, "{\"error\":{\"message\":") == 0 &&
        json_write_string(&body, span_text(problem)) == 0 &&
        dynbuf_append_text(&body, ",\"type\":\"mock_error\",\"param\":null,\"code\":null}}") == 0)
        answer_text(exchange, status, dynbuf_span(&body));
    else
        http_exchange_abort(exchange);
    dynbuf_done(&body);
}

/* --- steering --- */

int mock_apply_script(struct mock *mock, struct span text, struct arena *arena,
                      const char **ret_problem) {
    struct json_doc doc;
    struct json_error error;
    if (json_parse(&doc, text, arena, &error) < 0) {
        *ret_problem =
            arena_format(arena, "line %u, column %u: %s", error.line, error.column, error.what);
        return ERR_INVALID;
    }
    struct json_value top = json_top(&doc);
    if (!json_is(top, JSON_ARRAY))
        return fake_script(mock->world, top, arena, ret_problem);
    int err = 0;
    for (struct json_iter it = json_each(top); err == 0 && json_next(&it);)
        err = fake_script(mock->world, it.value, arena, ret_problem);
    return err;
}

static void answer_stats(struct mock *mock, struct http_exchange *exchange) {
    struct dynbuf body;
    dynbuf_init(&body, MOCK_OUT_MAX_BYTES);
    if (fake_write_stats(mock->world, &body) == 0)
        answer_text(exchange, 200, dynbuf_span(&body));
    else
        http_exchange_abort(exchange);
    dynbuf_done(&body);
}

static void answer_script(struct mock *mock, struct http_exchange *exchange) {
    struct arena arena;
    const char *problem = NULL;
    arena_init(&arena, NULL, 0, MOCK_ARENA_MAX_BYTES);
    if (http_exchange_body(exchange) == NULL)
        answer_problem(exchange, 400, "a script is expected as the body");
    else if (mock_apply_script(mock, http_body_bytes(http_exchange_body(exchange)), &arena,
                               &problem) < 0)
        answer_problem(exchange, 400, problem != NULL ? problem : "the script cannot be read");
    else
        answer_text(exchange, 200, SPAN_LITERAL("{\"ok\":true}\n"));
    arena_reset(&arena);
}

static void answer_models(struct http_exchange *exchange) {
    answer_text(exchange, 200,
                SPAN_LITERAL("{\"object\":\"list\",\"data\":[{\"id\":\"mock-model\",\"object\":"
                             "\"model\",\"created\":1750000000,\"owned_by\":\"mock\"}]}\n"));
}

/* --- playing --- */

static void player_free(struct player *player) {
    check(player->exchange == NULL);
    loop_timer_clear(player->mock->loop, &player->timer);
    if (player->playing)
        fake_plan_over(&player->plan, player->gone);
    player->mock->players--;
    http_body_unref(player->body);
    dynbuf_done(&player->out);
    arena_reset(&player->arena);
    player->magic = 0;
    mem_free(player);
}

static void play_over(struct player *player) {
    player->over = true;
    loop_timer_clear(player->mock->loop, &player->timer);
}

static struct span head_fields(struct player *player) {
    const char *fields = arena_format(&player->arena, "Content-Type: %s\r\n%s",
                                      player->plan.content_type, player->plan.retry_fields);
    return fields != NULL ? span_text(fields) : SPAN_LITERAL(JSON_TYPE_FIELD);
}

static void play_whole(struct player *player) {
    dynbuf_clear(&player->out);
    int err = fake_body(&player->plan, &player->out);
    if (err == 0)
        err = http_exchange_respond(player->exchange, player->plan.status, head_fields(player),
                                    dynbuf_span(&player->out));
    play_over(player);
    if (err < 0)
        http_exchange_abort(player->exchange);
}

/* A head and nothing, or half a body: as streams and whole answers alike can break. */
static bool play_broken_whole(struct player *player) {
    enum fault_play play = player->plan.fault->play;
    bool breaks = play == PLAY_STALL_BODY || play == PLAY_STALL_MIDDLE || play == PLAY_CUT_BODY ||
                  play == PLAY_CUT_MIDDLE || play == PLAY_CUT_EVENT;
    if (!breaks)
        return false;
    if (http_exchange_start(player->exchange, 200, head_fields(player)) < 0 ||
        ((play == PLAY_STALL_MIDDLE || play == PLAY_CUT_MIDDLE || play == PLAY_CUT_EVENT) &&
         http_exchange_write(player->exchange,
                             SPAN_LITERAL("{\"id\":\"chatcmpl-mock\",\"choices\":[{\"index\":0,"
                                          "\"message\":{\"role\":\"caf\xc3")) < 0) ||
        play == PLAY_CUT_BODY || play == PLAY_CUT_MIDDLE || play == PLAY_CUT_EVENT) {
        play_over(player);
        http_exchange_abort(player->exchange);
    }
    return true; /* a stall ends when the client does */
}

static void step_over(struct player *player, enum fake_step step) {
    if (step == FAKE_STALL)
        return; /* silent until the client leaves */
    play_over(player);
    if (step == FAKE_CUT || http_exchange_end(player->exchange) < 0)
        http_exchange_abort(player->exchange);
}

/* Sends what is due, makes what comes next; runs on until a step has a delay. */
static void play_stream(struct player *player) {
    while (!player->over) {
        if (player->out.len > 0 &&
            http_exchange_write(player->exchange, dynbuf_span(&player->out)) < 0) {
            play_over(player);
            return;
        }
        dynbuf_clear(&player->out);
        if (player->step != FAKE_SEND) {
            step_over(player, player->step);
            return;
        }
        uint64_t delay_ns;
        if (fake_next(&player->plan, &player->out, &player->step, &delay_ns) < 0) {
            play_over(player);
            http_exchange_abort(player->exchange);
            return;
        }
        if (delay_ns > 0) {
            loop_timer_set(player->mock->loop, &player->timer,
                           loop_now_ns(player->mock->loop) + delay_ns);
            return;
        }
    }
}

static void play_head(struct player *player) {
    enum fault_play play = player->plan.fault->play;
    player->started = true;
    if (play == PLAY_STALL)
        return;
    if (play == PLAY_CUT_HEAD) {
        play_over(player);
        http_exchange_abort(player->exchange);
        return;
    }
    bool stream = player->plan.status == 200 && player->plan.question.stream;
    if (!stream && !play_broken_whole(player)) {
        play_whole(player);
        return;
    }
    if (!stream)
        return;
    if (http_exchange_start(player->exchange, 200, head_fields(player)) < 0) {
        play_over(player);
        return;
    }
    play_stream(player);
}

static void on_timer(struct loop_timer *timer) {
    struct player *player = container_of(timer, struct player, timer);
    if (player->exchange == NULL || player->gone)
        return;
    if (player->started)
        play_stream(player);
    else
        play_head(player);
}

/* The tool that must be called: the named one, or the first when one is required or the prompt asks for the weather. */
static struct span tool_to_call(struct json_value top) {
    struct json_value choice = json_get(top, "tool_choice");
    struct json_value messages = json_get(top, "messages");
    struct span named = json_escaped(json_path(choice, "function.name"));
    struct span first = json_escaped(json_path(top, "tools.0.function.name"));
    bool answered = false;
    for (struct json_iter it = json_each(messages); json_next(&it);)
        answered = json_string_is(json_get(it.value, "role"), "tool");
    if (json_string_is(choice, "none"))
        return SPAN_NONE;
    if (!span_absent(named))
        return named;
    bool asks = span_contains(json_raw(messages), "weather");
    return (json_string_is(choice, "required") || asks) && !answered ? first : SPAN_NONE;
}

static bool read_question(struct player *player, struct fake_question *question) {
    struct json_doc *doc = arena_alloc(&player->arena, sizeof *doc);
    struct json_error error;
    struct span text = player->body != NULL ? http_body_bytes(player->body) : SPAN_NONE;
    if (json_parse(doc, text, &player->arena, &error) < 0) {
        answer_problem(player->exchange, 400, "the body is not valid JSON");
        return false;
    }
    struct json_value top = json_top(doc);
    *question = (struct fake_question){.now_ns = loop_now_ns(player->mock->loop),
                                       .wall_ms = clock_wall_ms(),
                                       .model = json_escaped(json_get(top, "model")),
                                       .tool_name = tool_to_call(top),
                                       .prompt_bytes = json_raw(json_get(top, "messages")).len};
    if (span_absent(question->model) || question->prompt_bytes == 0) {
        answer_problem(player->exchange, 400, "model and messages are needed");
        return false;
    }
    question->stream = json_type(json_get(top, "stream")) == JSON_TRUE;
    question->include_usage =
        json_type(json_path(top, "stream_options.include_usage")) == JSON_TRUE;
    question->json = json_present(json_get(top, "response_format")) &&
                     !json_string_is(json_path(top, "response_format.type"), "text");
    return true;
}

static void play(struct mock *mock, struct http_exchange *exchange, struct span name) {
    struct fake_provider *provider = fake_provider_get(mock->world, name);
    struct fake_question question;
    if (provider == NULL) {
        answer_problem(exchange, 404,
                       "provider names have 1 to 63 bytes, and there are at most 256");
        return;
    }
    struct player *player = mem_zalloc(sizeof *player);
    player->magic = PLAYER_MAGIC;
    player->mock = mock;
    player->exchange = exchange;
    player->timer.fire = on_timer;
    arena_init(&player->arena, NULL, 0, MOCK_ARENA_MAX_BYTES);
    dynbuf_init(&player->out, MOCK_OUT_MAX_BYTES);
    if (http_exchange_body(exchange) != NULL)
        player->body = http_body_ref(http_exchange_body(exchange));
    http_exchange_set_context(exchange, player);
    mock->players++;
    if (!read_question(player, &question))
        return;
    fake_ask(mock->world, provider, &question, &player->plan);
    player->playing = true;
    if (player->plan.latency_ns > 0)
        loop_timer_set(mock->loop, &player->timer, question.now_ns + player->plan.latency_ns);
    else
        play_head(player);
}

/* "/a/v1/chat/completions" -> name "a", rest "/chat/completions"; "/v1/..." -> "mock". */
static bool split_path(struct span path, struct span *ret_name, struct span *ret_rest) {
    struct span rest = path;
    struct span part;
    if (!span_split(&rest, '/', &part) || part.len != 0 || !span_split(&rest, '/', &part) ||
        span_absent(rest))
        return false;
    *ret_name = SPAN_LITERAL("mock");
    if (!span_is(part, "v1")) {
        *ret_name = part;
        if (!span_split(&rest, '/', &part) || !span_is(part, "v1") || span_absent(rest))
            return false;
    }
    *ret_rest = rest;
    return true;
}

static void on_request(void *context, struct http_exchange *exchange) {
    struct mock *mock = context;
    const struct http_request *http = http_exchange_request(exchange);
    struct span name, rest;
    bool post = span_is(http->method, "POST");
    if (span_is(http->path, "/_mock/stats")) {
        answer_stats(mock, exchange);
    } else if (span_is(http->path, "/_mock/script") && post) {
        answer_script(mock, exchange);
    } else if (span_is(http->path, "/_mock/reset") && post) {
        fake_world_reset(mock->world);
        answer_text(exchange, 200, SPAN_LITERAL("{\"ok\":true}\n"));
    } else if (split_path(http->path, &name, &rest) && span_is(rest, "chat/completions") && post) {
        play(mock, exchange, name);
    } else if (split_path(http->path, &name, &rest) && span_is(rest, "models")) {
        answer_models(exchange);
    } else {
        answer_problem(exchange, 404,
                       "papi mock serves /NAME/v1/chat/completions, /NAME/v1/models, /_mock/stats, "
                       "/_mock/script and /_mock/reset");
    }
}

static void on_gone(void *context, struct http_exchange *exchange) {
    struct player *player = context;
    if (player == NULL)
        return;
    check(player->magic == PLAYER_MAGIC && player->exchange == exchange);
    player->gone = player->gone || !player->over;
    play_over(player);
}

static void on_finished(void *context, struct http_exchange *exchange) {
    struct player *player = context;
    if (player == NULL)
        return;
    check(player->magic == PLAYER_MAGIC && player->exchange == exchange);
    player->exchange = NULL;
    player_free(player);
}

static void on_reject(void *context, const struct http_rejection *rejection,
                      struct dynbuf *ret_fields, struct dynbuf *ret_body) {
    (void)context;
    (void)ret_fields;
    if (dynbuf_append_format(ret_body,
                             "{\"error\":{\"message\":\"%d: "
                             "%s\",\"type\":\"mock_error\",\"param\":null,\"code\":null}}",
                             rejection->status, rejection->sentence) < 0)
        dynbuf_clear(ret_body);
}

const struct http_server_handler mock_handler = {
    .on_request = on_request,
    .on_gone = on_gone,
    .on_finished = on_finished,
    .on_reject = on_reject,
};
