// SPDX-License-Identifier: Apache-2.0
/*
 * Tables of words: finish reasons, event kinds, names. Each is total, so each value is visited.
 */
#include "base/check.h"
#include "message/event.h"
#include "message/task.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FAILURE (-1)

static const struct {
    const char *word;
    int without_calls; /* enum finish_reason, or FAILURE */
    int with_calls;
} finishes[] = {
    {"", FINISH_STOP, FINISH_TOOL_CALLS},
    {"stop", FINISH_STOP, FINISH_TOOL_CALLS},
    {"STOP", FINISH_STOP, FINISH_TOOL_CALLS},
    {"eos", FINISH_STOP, FINISH_TOOL_CALLS},
    {"eos_token", FINISH_STOP, FINISH_TOOL_CALLS},
    {"end_turn", FINISH_STOP, FINISH_TOOL_CALLS},
    {"stop_sequence", FINISH_STOP, FINISH_TOOL_CALLS},
    {"COMPLETE", FINISH_STOP, FINISH_TOOL_CALLS},
    {"a word nobody knows", FINISH_STOP, FINISH_TOOL_CALLS},
    {"length", FINISH_LENGTH, FINISH_LENGTH},
    {"max_tokens", FINISH_LENGTH, FINISH_LENGTH},
    {"MAX_TOKENS", FINISH_LENGTH, FINISH_LENGTH},
    {"model_length", FINISH_LENGTH, FINISH_LENGTH},
    {"model_context_window_exceeded", FINISH_LENGTH, FINISH_LENGTH},
    {"tool_calls", FINISH_STOP, FINISH_TOOL_CALLS},
    {"tool_use", FINISH_STOP, FINISH_TOOL_CALLS},
    {"function_call", FINISH_STOP, FINISH_TOOL_CALLS},
    {"TOOL_CALL", FINISH_STOP, FINISH_TOOL_CALLS},
    {"content_filter", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"safety", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"SAFETY", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"RECITATION", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"BLOCKLIST", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"PROHIBITED_CONTENT", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"SPII", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"refusal", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"sensitive", FINISH_CONTENT_FILTER, FINISH_CONTENT_FILTER},
    {"error", FAILURE, FAILURE},
    {"network_error", FAILURE, FAILURE},
    {"MALFORMED_FUNCTION_CALL", FAILURE, FAILURE},
};

static int normalised(const char *word, bool calls) {
    enum finish_reason reason = FINISH_REASON_COUNT;
    bool known = finish_normalise(span_text(word), calls, &reason);
    if (!known)
        assert_int_equal(reason, FINISH_REASON_COUNT); /* untouched */
    return known ? (int)reason : FAILURE;
}

static void normalises_every_word(void **state) {
    (void)state;
    for (size_t i = 0; i < array_length(finishes); i++) {
        assert_int_equal(normalised(finishes[i].word, false), finishes[i].without_calls);
        assert_int_equal(normalised(finishes[i].word, true), finishes[i].with_calls);
    }
    enum finish_reason reason;
    assert_true(finish_normalise(SPAN_NONE, false, &reason));
    assert_int_equal(reason, FINISH_STOP);
}

static void names_differ(const char *(*name_of)(unsigned index), unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        assert_non_null(name_of(i));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(name_of(i), name_of(j));
    }
}

static const char *task_name(unsigned index) {
    return task_kind_name((enum task_kind)index);
}

static const char *role(unsigned index) {
    return role_name((enum message_role)index);
}

static const char *option(unsigned index) {
    return chat_option_name((enum chat_option)index);
}

static const char *event_name(unsigned index) {
    return event_kind_name((enum event_kind)index);
}

static const char *finish(unsigned index) {
    return finish_name((enum finish_reason)index);
}

static void every_value_has_a_name(void **state) {
    (void)state;
    names_differ(task_name, TASK_KIND_COUNT);
    names_differ(role, ROLE_COUNT);
    names_differ(option, OPTION_COUNT);
    names_differ(event_name, EVENT_KIND_COUNT);
    names_differ(finish, FINISH_REASON_COUNT);
}

static void tokens_are_what_a_client_sees(void **state) {
    const unsigned tokens = 1u << EVENT_TEXT | 1u << EVENT_REASONING | 1u << EVENT_TOOL_OPEN |
                            1u << EVENT_TOOL_ARGS | 1u << EVENT_REFUSAL | 1u << EVENT_MEDIA |
                            1u << EVENT_EMBEDDING;
    (void)state;
    for (unsigned i = 0; i < EVENT_KIND_COUNT; i++) {
        struct event event = {.kind = (enum event_kind)i};
        assert_int_equal(event_is_token(&event), tokens >> i & 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normalises_every_word),
        cmocka_unit_test(every_value_has_a_name),
        cmocka_unit_test(tokens_are_what_a_client_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
