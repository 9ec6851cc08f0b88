// SPDX-License-Identifier: Apache-2.0
/*
 * Requests to tasks: what a task says, and every row of the table of members by its class. Wording and places of refusals
 * stand in tests/golden/rejected.txt.
 */
#include "base/check.h"
#include "base/mem.h"
#include "surface/surface.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define ARENA_CAP ((size_t)64 << 20)
#define USER      "{\"role\":\"user\",\"content\":\"hi\"}"

struct decoded {
    struct arena arena;
    struct task task;
    struct api_error error;
    char *body; /* owned: of exactly the body's size */
    int err;
};

static void open_body(struct decoded *decoded, const char *body) {
    size_t length = strlen(body);
    decoded->body = mem_alloc(length + 1);
    memcpy(decoded->body, body, length);
    arena_init(&decoded->arena, NULL, 0, ARENA_CAP);
    decoded->err = surface_openai_chat.decode(span_of(decoded->body, length), &decoded->arena,
                                              &decoded->task, &decoded->error);
}

static void open_good(struct decoded *decoded, const char *body) {
    open_body(decoded, body);
    if (decoded->err != 0)
        fail_msg("%s: %.*s", body, SPAN_ARG(decoded->error.message));
}

/* A request with one more member. */
static void open_with(struct decoded *decoded, const char *member) {
    char body[2048];
    (void)snprintf(body, sizeof body, "{\"model\":\"m\",\"messages\":[" USER "],%s}", member);
    open_body(decoded, body);
}

static void close_body(struct decoded *decoded) {
    arena_reset(&decoded->arena);
    mem_free(decoded->body);
}

static void reads_a_conversation(void **state) {
    struct decoded d;
    (void)state;
    open_good(
        &d,
        "{\"model\":\"a\\/b\",\"messages\":["
        "{\"role\":\"system\",\"content\":\"s\"},"
        "{\"role\":\"user\",\"name\":\"bob\",\"content\":[{\"type\":\"text\",\"text\":\"t\\n\"},"
        "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://e.org/"
        "i.png\",\"detail\":\"low\"}}]},"
        "{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"r\",\"tool_calls\":[{"
        "\"id\":\"c1\",\"type\":\"function\","
        "\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"42\"}]}");
    struct task_chat *chat = &d.task.chat;
    assert_int_equal(d.task.kind, TASK_CHAT);
    assert_true(span_is(d.task.model, "a/b"));
    assert_int_equal(chat->message_count, 4);
    assert_int_equal(chat->messages[0].role, ROLE_SYSTEM);
    assert_false(chat->messages[0].content_is_array);
    assert_true(span_is(chat->messages[0].parts[0].text, "s"));
    assert_true(chat->messages[1].content_is_array);
    assert_true(span_is(chat->messages[1].name, "bob"));
    assert_int_equal(chat->messages[1].part_count, 2);
    assert_true(span_is(chat->messages[1].parts[0].text, "t\\n"));
    assert_int_equal(chat->messages[1].parts[1].kind, PART_IMAGE);
    assert_true(span_is(chat->messages[1].parts[1].text, "https://e.org/i.png"));
    assert_true(span_is(chat->messages[1].parts[1].detail, "low"));
    assert_int_equal(chat->messages[2].part_count, 0);
    assert_true(span_is(chat->messages[2].reasoning, "r"));
    assert_int_equal(chat->messages[2].tool_call_count, 1);
    assert_true(span_is(chat->messages[2].tool_calls[0].id, "c1"));
    assert_true(span_is(chat->messages[2].tool_calls[0].name, "f"));
    assert_true(span_is(chat->messages[2].tool_calls[0].arguments, "{}"));
    assert_true(span_is(chat->messages[3].tool_call_id, "c1"));
    assert_true(span_starts_with(chat->messages_raw, "[{\"role\":\"system\"") &&
                span_ends_with(chat->messages_raw, "\"42\"}]"));
    assert_int_equal(d.task.needs, CAN_VISION | CAN_TOOLS);
    assert_int_equal(d.task.prompt_bytes,
                     1 + 3 + 1 + 2 + 1 + 2); /* s t\n f {} r 42; the picture is left out */
    close_body(&d);
}

static const struct {
    const char *member;
    uint64_t needs;
} needs[] = {
    {"\"stream\":true", 0},
    {"\"tools\":[]", 0},
    {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", CAN_TOOLS},
#define TOOLS "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}],"
    {TOOLS "\"tool_choice\":\"auto\"", CAN_TOOLS},
    {TOOLS "\"tool_choice\":\"required\"", CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED},
    {TOOLS "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}}",
     CAN_TOOLS | CAN_TOOL_CHOICE_REQUIRED},
    {"\"response_format\":{\"type\":\"text\"}", 0},
    {"\"response_format\":{\"type\":\"json_object\"}", CAN_JSON_OBJECT},
    {"\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"}}",
     CAN_JSON_SCHEMA},
    {"\"messages\\u0020\":1", 0},
};

static void computes_needs(void **state) {
    struct decoded d;
    (void)state;
    for (size_t i = 0; i < array_length(needs); i++) {
        open_with(&d, needs[i].member);
        assert_int_equal(d.err, 0);
        assert_int_equal(d.task.needs, needs[i].needs);
        close_body(&d);
    }
    open_good(&d,
              "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_"
              "audio\",\"input_audio\":{\"data\":\"AA\","
              "\"format\":\"wav\"}},{\"type\":\"file\",\"file\":{\"file_data\":\"data:,\"}}]}]}");
    assert_int_equal(d.task.needs, CAN_AUDIO_IN | CAN_FILE_IN);
    assert_int_equal(d.task.prompt_bytes, 0);
    close_body(&d);
}

enum outcome { TAKEN, DROPPED, REFUSED, UNSUPPORTED, EXTRA };

/* Each member of the API with a good value, and what becomes of it; then values that are refused. */
static const struct {
    const char *member;
    enum outcome outcome;
    int option; /* for TAKEN: enum chat_option, or -1 */
} members[] = {
    {"\"stream\":true", TAKEN, -1},
    {"\"stream\":1", REFUSED, 0},
    {"\"stream_options\":{\"include_usage\":true,\"include_obfuscation\":false}", TAKEN, -1},
    {"\"stream_options\":true", REFUSED, 0},
    {"\"max_completion_tokens\":5", TAKEN, -1},
    {"\"max_completion_tokens\":0", REFUSED, 0},
    {"\"max_completion_tokens\":\"5\"", REFUSED, 0},
    {"\"max_tokens\":5", TAKEN, -1},
    {"\"max_tokens\":-1", REFUSED, 0},
    {"\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", TAKEN, -1},
    {"\"tools\":{}", REFUSED, 0},
    {"\"tools\":[{\"type\":\"function\"}]", REFUSED, 0},
    {"\"tools\":[{\"type\":\"web_search\"}]", UNSUPPORTED, 0},
    {"\"tool_choice\":\"none\"", TAKEN, -1},
    {"\"tool_choice\":1", REFUSED, 0},
    {"\"parallel_tool_calls\":1", REFUSED, 0},
    {"\"functions\":[]", UNSUPPORTED, 0},
    {"\"function_call\":\"none\"", UNSUPPORTED, 0},
    {"\"response_format\":{\"type\":\"text\"}", TAKEN, -1},
    {"\"response_format\":\"json\"", REFUSED, 0},
    {"\"response_format\":{}", REFUSED, 0},
    {"\"n\":1", TAKEN, -1},
    {"\"n\":1.0", TAKEN, -1},
    {"\"n\":2", UNSUPPORTED, 0},
    {"\"n\":129", REFUSED, 0},
    {"\"n\":\"1\"", REFUSED, 0},
    {"\"modalities\":[\"text\"]", TAKEN, -1},
    {"\"modalities\":[\"audio\"]", UNSUPPORTED, 0},
    {"\"modalities\":\"text\"", REFUSED, 0},
    {"\"audio\":{}", UNSUPPORTED, 0},
    {"\"audio\":1", REFUSED, 0},
    {"\"reasoning_effort\":\"xhigh\"", TAKEN, OPTION_REASONING_EFFORT},
    {"\"reasoning_effort\":3", REFUSED, 0},
    {"\"verbosity\":\"high\"", TAKEN, OPTION_VERBOSITY},
    {"\"verbosity\":\"loud\"", REFUSED, 0},
    {"\"temperature\":2", TAKEN, OPTION_TEMPERATURE},
    {"\"temperature\":2.0000001", REFUSED, 0},
    {"\"temperature\":1e999", REFUSED, 0},
    {"\"top_p\":1", TAKEN, OPTION_TOP_P},
    {"\"top_p\":1.1", REFUSED, 0},
    {"\"presence_penalty\":-2", TAKEN, OPTION_PRESENCE_PENALTY},
    {"\"presence_penalty\":-2.1", REFUSED, 0},
    {"\"frequency_penalty\":0", TAKEN, OPTION_FREQUENCY_PENALTY},
    {"\"frequency_penalty\":true", REFUSED, 0},
    {"\"stop\":\"x\"", TAKEN, OPTION_STOP},
    {"\"stop\":[\"a\",\"b\",\"c\",\"d\"]", TAKEN, OPTION_STOP},
    {"\"stop\":3", REFUSED, 0},
    {"\"seed\":-9223372036854775808", TAKEN, OPTION_SEED},
    {"\"seed\":0.5", REFUSED, 0},
    {"\"logprobs\":false", TAKEN, -1},
    {"\"logprobs\":true", UNSUPPORTED, 0},
    {"\"logprobs\":5", REFUSED, 0},
    {"\"top_logprobs\":0", TAKEN, -1},
    {"\"top_logprobs\":20", UNSUPPORTED, 0},
    {"\"top_logprobs\":21", REFUSED, 0},
    {"\"logit_bias\":{\"1\":2}", TAKEN, OPTION_LOGIT_BIAS},
    {"\"logit_bias\":[]", REFUSED, 0},
    {"\"user\":\"u\"", TAKEN, -1},
    {"\"user\":7", REFUSED, 0},
    {"\"prompt_cache_key\":\"k\"", TAKEN, -1},
    {"\"prompt_cache_key\":{}", REFUSED, 0},
    {"\"safety_identifier\":7", DROPPED, 0},
    {"\"metadata\":\"any type\"", DROPPED, 0},
    {"\"store\":\"x\"", DROPPED, 0},
    {"\"prediction\":1", DROPPED, 0},
    {"\"service_tier\":[]", DROPPED, 0},
    {"\"web_search_options\":{}", DROPPED, 0},
    {"\"moderation\":{}", DROPPED, 0},
    {"\"prompt_cache_retention\":\"24h\"", DROPPED, 0},
    {"\"models\":[\"a\",\"b\"]", TAKEN, -1},
    {"\"models\":[]", TAKEN, -1},
    {"\"models\":\"a\"", REFUSED, 0},
    {"\"models\":[7]", REFUSED, 0},
    {"\"models\":[\"\"]", REFUSED, 0},
    {"\"models\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]", REFUSED, 0},
    {"\"provider\":{}", TAKEN, -1},
    {"\"provider\":{\"sort\":\"price\",\"max_price\":{}}", TAKEN, -1},
    {"\"provider\":\"groq\"", REFUSED, 0},
    {"\"provider\":{\"order\":[\"groq\"]}", TAKEN, -1},
    {"\"provider\":{\"order\":\"groq\"}", REFUSED, 0},
    {"\"provider\":{\"only\":[{}]}", REFUSED, 0},
    {"\"provider\":{\"ignore\":null}", TAKEN, -1},
    {"\"provider\":{\"allow_fallbacks\":\"no\"}", REFUSED, 0},
    {"\"provider\":{\"require_parameters\":1}", REFUSED, 0},
    {"\"provider\":{\"data_collection\":\"deny\"}", TAKEN, -1},
    {"\"provider\":{\"data_collection\":\"never\"}", REFUSED, 0},
    {"\"provider\":{\"data_collection\":false}", REFUSED, 0},
    {"\"provider\":{\"zdr\":false}", TAKEN, -1},
    {"\"provider\":{\"zdr\":true}", UNSUPPORTED, 0},
    {"\"provider\":{\"order\":[],\"order\":[]}", REFUSED, 0},
    {"\"top_k\":5", EXTRA, 0},
    {"\"Temperature\":\"x\"", EXTRA, 0},
    {"\"\":1", EXTRA, 0},
    {"\"a_name_of_more_than_all_the_characters\":1", EXTRA, 0},
};

static void check_member(size_t i) {
    struct decoded d;
    open_with(&d, members[i].member);
    bool good =
        members[i].outcome == TAKEN || members[i].outcome == DROPPED || members[i].outcome == EXTRA;
    if ((d.err == 0) != good)
        fail_msg("%s: %.*s", members[i].member, SPAN_ARG(d.error.message));
    if (good) {
        assert_int_equal(d.task.chat.extra_count, members[i].outcome == EXTRA);
        for (int option = 0; option < OPTION_COUNT; option++)
            assert_int_equal(!span_absent(d.task.chat.options[option]),
                             members[i].outcome == TAKEN && members[i].option == option);
    } else {
        assert_int_equal(d.error.kind, members[i].outcome == UNSUPPORTED ? API_UNSUPPORTED_PARAMETER
                                                                         : API_BAD_REQUEST);
        assert_true(d.error.message.len > 0 && d.error.param.len > 0);
        assert_true(span_ends_with(d.error.message, "."));
    }
    close_body(&d);
}

static void every_member_by_its_class(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(members); i++)
        check_member(i);
}

/* null is absence for every member, and twice is once too often for every member that is read. */
static void null_and_twice(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(members); i++) {
        struct decoded d;
        char member[512];
        struct span rest = span_text(members[i].member), name;
        assert_true(span_split(&rest, ':', &name));
        (void)snprintf(member, sizeof member, "%.*s:null", SPAN_ARG(name));
        open_with(&d, member);
        assert_int_equal(d.err, 0);
        close_body(&d);
        (void)snprintf(member, sizeof member, "%.*s:null,%.*s:null", SPAN_ARG(name),
                       SPAN_ARG(name));
        open_with(&d, member);
        bool ignored = members[i].outcome == DROPPED || members[i].outcome == EXTRA;
        assert_int_equal(d.err == 0, ignored);
        close_body(&d);
    }
}

static void reads_settings(void **state) {
    struct decoded d;
    (void)state;
    open_with(&d, "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":7,"
                  "\"max_completion_tokens\":9,\"user\":\"u\","
                  "\"prompt_cache_key\":\"k\\u00e9\",\"top_k\":4,\"min_p\":[0.1]");
    assert_int_equal(d.err, 0);
    assert_true(d.task.chat.stream && d.task.chat.include_usage);
    assert_int_equal(d.task.chat.max_output_tokens, 9);
    assert_true(span_is(d.task.affinity, "k\xC3\xA9"));
    assert_int_equal(d.task.chat.extra_count, 2);
    assert_true(span_is(d.task.chat.extras[0].name, "top_k") &&
                span_is(d.task.chat.extras[0].value, "4"));
    assert_true(span_is(d.task.chat.extras[1].name, "min_p") &&
                span_is(d.task.chat.extras[1].value, "[0.1]"));
    close_body(&d);
    open_with(&d, "\"user\":\"u\"");
    assert_true(span_is(d.task.affinity, "u"));
    assert_false(d.task.chat.stream || d.task.chat.include_usage);
    close_body(&d);
    open_with(&d, "\"stream_options\":{}");
    assert_int_equal(d.err, 0);
    assert_true(span_absent(d.task.affinity));
    close_body(&d);
}

static void reads_tool_choice(void **state) {
    static const struct {
        const char *choice;
        enum tool_choice expected;
    } rows[] = {
        {"\"none\"", TOOL_CHOICE_NONE},
        {"\"auto\"", TOOL_CHOICE_AUTO},
        {"\"required\"", TOOL_CHOICE_REQUIRED},
        {"{\"type\":\"function\",\"function\":{\"name\":\"f\"}}", TOOL_CHOICE_NAMED},
        {"null", TOOL_CHOICE_UNSET},
    };
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        struct decoded d;
        char member[512];
        (void)snprintf(member, sizeof member,
                       "\"tool_choice\":%s,\"tools\":[{\"type\":\"function\",\"function\":{"
                       "\"name\":\"f\",\"description\":\"d\",\"parameters\":{}}}]",
                       rows[i].choice);
        open_with(&d, member);
        assert_int_equal(d.err, 0);
        assert_int_equal(d.task.chat.tool_choice, rows[i].expected);
        assert_int_equal(span_absent(d.task.chat.tool_choice_raw),
                         rows[i].expected == TOOL_CHOICE_UNSET);
        assert_true(span_is(d.task.chat.tools[0].name, "f") &&
                    span_is(d.task.chat.tools[0].description, "d"));
        assert_true(span_is(d.task.chat.tools[0].parameters, "{}"));
        close_body(&d);
    }
}

static void expect_names(const struct task_names *names, const char *expected) {
    char text[256] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < names->count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i > 0 ? " " : "",
                                 SPAN_ARG(names->names[i]));
    assert_string_equal(text, expected);
}

static void reads_wishes_about_who_answers(void **state) {
    struct decoded d;
    (void)state;
    open_with(&d, "\"models\":[\"a\\/b\",\"c\"],\"provider\":{\"order\":[\"x\",\"y\"],\"only\":["
                  "\"z\"],\"ignore\":[\"w\"],\"allow_fallbacks\":false,\"require_parameters\":true,"
                  "\"data_collection\":\"deny\",\"quantizations\":[\"fp8\"]}");
    assert_int_equal(d.err, 0);
    const struct task_routing *routing = &d.task.routing;
    memset(d.body, 'x', 200); /* names outlive the body */
    expect_names(&routing->models, "a/b c");
    expect_names(&routing->order, "x y");
    expect_names(&routing->only, "z");
    expect_names(&routing->ignore, "w");
    assert_true(routing->no_fallbacks && routing->require_parameters && routing->no_training);
    close_body(&d);
    open_with(&d, "\"provider\":{\"allow_fallbacks\":true,\"data_collection\":\"allow\"}");
    assert_false(d.task.routing.no_fallbacks || d.task.routing.require_parameters ||
                 d.task.routing.no_training);
    close_body(&d);
    /* without `model` the first of `models` */
    open_good(&d, "{\"models\":[\"first\",\"second\"],\"messages\":[" USER "]}");
    assert_true(span_is(d.task.model, "first"));
    expect_names(&d.task.routing.models, "second");
    close_body(&d);
    open_body(&d, "{\"models\":[],\"messages\":[" USER "]}");
    assert_true(d.err < 0 && span_is(d.error.param, "model"));
    close_body(&d);
}

/* The body decides how much memory is asked for: beyond the arena's cap the answer is an error, not an abort. */
static void respects_the_arena(void **state) {
    struct dynbuf body;
    struct arena arena;
    struct task task;
    struct api_error error;
    (void)state;
    dynbuf_init(&body, ARENA_CAP);
    assert_int_equal(dynbuf_append_text(&body, "{\"model\":\"m\",\"messages\":[" USER), 0);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(dynbuf_append_text(&body, "," USER), 0);
    assert_int_equal(dynbuf_append_text(&body, "]}"), 0);
    for (size_t cap = 16384; cap < 4 << 20; cap += cap / 2) {
        arena_init(&arena, NULL, 0, cap);
        int err = surface_openai_chat.decode(dynbuf_span(&body), &arena, &task, &error);
        assert_true(err == 0 || error.kind == API_TOO_LARGE);
        arena_reset(&arena);
    }
    dynbuf_done(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_conversation),
        cmocka_unit_test(computes_needs),
        cmocka_unit_test(every_member_by_its_class),
        cmocka_unit_test(null_and_twice),
        cmocka_unit_test(reads_settings),
        cmocka_unit_test(reads_tool_choice),
        cmocka_unit_test(reads_wishes_about_who_answers),
        cmocka_unit_test(respects_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
