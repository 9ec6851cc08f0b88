// SPDX-License-Identifier: Apache-2.0
/*
 * Words for the parts of a task.
 *
 * Why here: surfaces read these words, dialects write them and logs show them; one table each keeps the three from
 * drifting apart. The words are those of OpenAI's chat API, since most wires either speak it or translate from it.
 * Promises: every value of its enum has a word; a value outside of it is a broken invariant. Leaves to others: what a role
 * or an option means on a given wire.
 */
#include "message/task.h"

#include "base/check.h"

static const char *const task_kind_names[TASK_KIND_COUNT] = {
    [TASK_CHAT] = "chat",         [TASK_EMBED] = "embed",
    [TASK_RERANK] = "rerank",     [TASK_TRANSCRIBE] = "transcribe",
    [TASK_SPEAK] = "speak",       [TASK_IMAGE] = "image",
    [TASK_MODERATE] = "moderate",
};

static const char *const role_names[ROLE_COUNT] = {
    [ROLE_SYSTEM] = "system",       [ROLE_DEVELOPER] = "developer", [ROLE_USER] = "user",
    [ROLE_ASSISTANT] = "assistant", [ROLE_TOOL] = "tool",
};

static const char *const option_names[OPTION_COUNT] = {
    [OPTION_TEMPERATURE] = "temperature",
    [OPTION_TOP_P] = "top_p",
    [OPTION_PRESENCE_PENALTY] = "presence_penalty",
    [OPTION_FREQUENCY_PENALTY] = "frequency_penalty",
    [OPTION_STOP] = "stop",
    [OPTION_SEED] = "seed",
    [OPTION_LOGIT_BIAS] = "logit_bias",
    [OPTION_VERBOSITY] = "verbosity",
    [OPTION_REASONING_EFFORT] = "reasoning_effort",
    [OPTION_PARALLEL_TOOL_CALLS] = "parallel_tool_calls",
};

const char *task_kind_name(enum task_kind kind) {
    check(kind < TASK_KIND_COUNT);
    return task_kind_names[kind];
}

const char *role_name(enum message_role role) {
    check(role < ROLE_COUNT);
    return role_names[role];
}

const char *chat_option_name(enum chat_option option) {
    check(option < OPTION_COUNT);
    return option_names[option];
}
