// SPDX-License-Identifier: Apache-2.0
/*
 * Plays one answer: takes a step of its plan, sends the bytes, waits the step's delay.
 *
 * Whole answers go out at once, streams step by step, a drip byte by byte. Promises: a client that leaves is counted in the same turn;
 * nothing is freed before its exchange has finished. Leaves to others: what is answered (fake/), which path leads here (server.c).
 */
#include "mock/server.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"

#define PLAYER_MAGIC   0x504c4159u
#define JSON_TYPE_HEAD "Content-Type: application/json\r\n"

struct player {
    uint32_t magic;
    struct mock *mock;              /* borrowed */
    struct http_exchange *exchange; /* borrowed; NULL once finished */
    struct http_body *body;         /* ref: spans of the question point into it */
    struct fake_plan plan;
    struct loop_timer timer;
    struct dynbuf out;
    size_t sent;         /* of out, when it drips */
    enum fake_step step; /* what to do once out is sent */
    bool started, over, playing, gone;
    struct arena arena;
};

static void player_free(struct player *player) {
    check(player->exchange == NULL);
    loop_timer_clear(player->mock->loop, &player->timer);
    if (player->playing)
        fake_plan_over(&player->plan, loop_now_ns(player->mock->loop), player->gone);
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

static void give_up(struct player *player) {
    play_over(player);
    http_exchange_abort(player->exchange);
}

static struct span head_fields(struct player *player) {
    struct span own = dynbuf_span(&player->plan.fields);
    if (player->plan.content_type == NULL)
        return own;
    const char *fields = arena_format(&player->arena, "%.*sContent-Type: %s\r\n", SPAN_ARG(own),
                                      player->plan.content_type);
    return fields != NULL ? span_text(fields) : SPAN_LITERAL(JSON_TYPE_HEAD);
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
    bool half = play == PLAY_STALL_MIDDLE || play == PLAY_CUT_MIDDLE || play == PLAY_CUT_EVENT;
    bool cut = play == PLAY_CUT_BODY || play == PLAY_CUT_MIDDLE || play == PLAY_CUT_EVENT;
    if (!half && !cut && play != PLAY_STALL_BODY)
        return false;
    int err = http_exchange_start(player->exchange, 200, head_fields(player));
    if (err == 0 && half)
        err = http_exchange_write(player->exchange,
                                  SPAN_LITERAL("{\"id\":\"chatcmpl-mock\",\"choices\":[{\"index\":"
                                               "0,\"message\":{\"role\":\"caf\xc3"));
    if (err < 0 || cut)
        give_up(player);
    return true; /* a stall ends when the client does */
}

static void step_over(struct player *player, enum fake_step step) {
    if (step == FAKE_STALL)
        return;
    play_over(player);
    if (step == FAKE_CUT || http_exchange_end(player->exchange) < 0)
        http_exchange_abort(player->exchange);
}

static void wait_ns(struct player *player, uint64_t delay_ns) {
    struct loop *loop = player->mock->loop;
    loop_timer_set(loop, &player->timer, loop_now_ns(loop) + delay_ns);
}

/* One byte; true while there are more. */
static bool drip(struct player *player) {
    if (player->sent == player->out.len)
        return false;
    struct span byte = span_of(dynbuf_span(&player->out).ptr + player->sent++, 1);
    if (http_exchange_write(player->exchange, byte) < 0) {
        play_over(player);
        return true;
    }
    double gap_ms = player->plan.provider->script.settings.gap_ms.low;
    wait_ns(player, gap_ms > 0 ? (uint64_t)(gap_ms * (double)NS_PER_MS) : NS_PER_MS);
    return true;
}

/* Sends what is due, makes what comes next; runs on until a step has a delay. */
static void play_stream(struct player *player) {
    bool drips = player->plan.fault->play == PLAY_DRIP;
    while (!player->over) {
        if (drips && drip(player))
            return;
        if (!drips && player->out.len > 0 &&
            http_exchange_write(player->exchange, dynbuf_span(&player->out)) < 0) {
            play_over(player);
            return;
        }
        dynbuf_clear(&player->out);
        player->sent = 0;
        if (player->step != FAKE_SEND) {
            step_over(player, player->step);
            return;
        }
        uint64_t delay_ns;
        if (fake_next(&player->plan, &player->out, &player->step, &delay_ns) < 0) {
            give_up(player);
            return;
        }
        if (delay_ns > 0) {
            wait_ns(player, delay_ns);
            return;
        }
    }
}

/* A whole answer, byte by byte: a stream of one step. */
static void play_whole_dripping(struct player *player) {
    player->step = FAKE_END;
    if (fake_body(&player->plan, &player->out) < 0 ||
        http_exchange_start(player->exchange, player->plan.status, head_fields(player)) < 0)
        give_up(player);
    else
        play_stream(player);
}

static void play_head(struct player *player) {
    enum fault_play play = player->plan.fault->play;
    player->started = true;
    if (play == PLAY_STALL)
        return;
    if (play == PLAY_CUT_HEAD) {
        give_up(player);
    } else if (fake_streams(&player->plan)) {
        if (http_exchange_start(player->exchange, 200, head_fields(player)) < 0)
            play_over(player);
        else
            play_stream(player);
    } else if (play == PLAY_DRIP) {
        play_whole_dripping(player);
    } else if (!play_broken_whole(player)) {
        play_whole(player);
    }
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

/* --- questions --- */

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

static uint64_t number_of(struct json_value value) {
    int64_t number;
    return json_i64(value, &number) == 0 && number > 0 ? (uint64_t)number : 0;
}

static void read_chat(struct json_value top, struct fake_question *question) {
    uint64_t newer = number_of(json_get(top, "max_completion_tokens"));
    question->tool_name = tool_to_call(top);
    question->prompt_bytes = json_raw(json_get(top, "messages")).len;
    question->max_tokens = newer != 0 ? newer : number_of(json_get(top, "max_tokens"));
    question->stream = json_type(json_get(top, "stream")) == JSON_TRUE;
    question->include_usage =
        json_type(json_path(top, "stream_options.include_usage")) == JSON_TRUE;
    question->json = json_present(json_get(top, "response_format")) &&
                     !json_string_is(json_path(top, "response_format.type"), "text");
}

/* What is wrong with it, or NULL. */
static const char *read_embed(struct json_value top, struct fake_question *question) {
    uint64_t dimensions = number_of(json_get(top, "dimensions"));
    question->inputs = json_get(top, "input");
    question->prompt_bytes = json_raw(question->inputs).len;
    question->base64 = json_string_is(json_get(top, "encoding_format"), "base64");
    if (fake_embed_inputs(question->inputs) == 0)
        return "input must be a text or a list of 1 to 2048 texts or token lists";
    if (dimensions > FAKE_DIMENSIONS_MAX)
        return "dimensions must be at most 4096";
    question->dimensions = (uint32_t)dimensions;
    return NULL;
}

static const char *read_question(struct player *player, enum fake_task task,
                                 struct fake_question *question) {
    struct json_doc *doc = arena_alloc(&player->arena, sizeof *doc);
    struct span text = player->body != NULL ? http_body_bytes(player->body) : SPAN_NONE;
    if (json_parse(doc, text, &player->arena, NULL) < 0)
        return "the body is not valid JSON";
    struct json_value top = json_top(doc);
    *question = (struct fake_question){
        .now_ns = loop_now_ns(player->mock->loop),
        .wall_ms = clock_wall_ms(),
        .task = task,
        .key = mock_key_of(http_exchange_request(player->exchange)),
        .model = json_escaped(json_get(top, "model")),
    };
    if (task == FAKE_EMBED && !span_absent(question->model))
        return read_embed(top, question);
    read_chat(top, question);
    return span_absent(question->model) || question->prompt_bytes == 0
               ? (task == FAKE_EMBED ? "model and input are needed"
                                     : "model and messages are needed")
               : NULL;
}

void mock_play(struct mock *mock, struct http_exchange *exchange, struct span name,
               enum fake_task task) {
    struct fake_provider *provider = fake_provider_get(mock->world, name);
    struct fake_question question;
    if (provider == NULL) {
        mock_answer_problem(exchange, 404,
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
    const char *problem = read_question(player, task, &question);
    if (problem != NULL) {
        mock_answer_problem(exchange, 400, problem);
        return;
    }
    fake_ask(mock->world, provider, &question, &player->plan);
    player->playing = true;
    if (player->plan.latency_ns > 0)
        loop_timer_set(mock->loop, &player->timer, question.now_ns + player->plan.latency_ns);
    else
        play_head(player);
}

void mock_player_gone(void *context, struct http_exchange *exchange) {
    struct player *player = context;
    if (player == NULL)
        return;
    check(player->magic == PLAYER_MAGIC && player->exchange == exchange);
    player->gone = player->gone || !player->over;
    play_over(player);
}

void mock_player_finished(void *context, struct http_exchange *exchange) {
    struct player *player = context;
    if (player == NULL)
        return;
    check(player->magic == PLAYER_MAGIC && player->exchange == exchange);
    player->exchange = NULL;
    player_free(player);
}
