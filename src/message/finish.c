// SPDX-License-Identifier: Apache-2.0
/*
 * Why an answer ended, from every provider's word to one of OpenAI's.
 *
 * Why total: agents loop at some ten requests a second when they meet a word they do not know, and stop after one step
 * when "stop" follows tool calls. So every word has a meaning here; unknown ones mean stop. A word that tells of a failure
 * is the one exception: it must become an error, since saying "stop" would sell half an answer as a whole one.
 * Cut-off answers stay "length" (and filtered ones "content_filter") even after tool calls: their last arguments may be
 * half a text, and a client told "tool_calls" would run them. Sources: the providers' API pages; matching ignores case.
 */
#include "message/event.h"

static const struct {
    const char *word;
    enum finish_reason reason;
} words[] = {
    {"stop", FINISH_STOP},
    {"eos", FINISH_STOP},
    {"eos_token", FINISH_STOP},
    {"end_turn", FINISH_STOP},
    {"stop_sequence", FINISH_STOP},
    {"complete", FINISH_STOP},
    {"length", FINISH_LENGTH},
    {"max_tokens", FINISH_LENGTH},
    {"model_length", FINISH_LENGTH},
    {"model_context_window_exceeded", FINISH_LENGTH},
    {"tool_calls", FINISH_TOOL_CALLS},
    {"tool_use", FINISH_TOOL_CALLS},
    {"tool_call", FINISH_TOOL_CALLS},
    {"function_call", FINISH_TOOL_CALLS},
    {"content_filter", FINISH_CONTENT_FILTER},
    {"safety", FINISH_CONTENT_FILTER},
    {"recitation", FINISH_CONTENT_FILTER},
    {"blocklist", FINISH_CONTENT_FILTER},
    {"prohibited_content", FINISH_CONTENT_FILTER},
    {"spii", FINISH_CONTENT_FILTER},
    {"refusal", FINISH_CONTENT_FILTER},
    {"sensitive", FINISH_CONTENT_FILTER},
};

static const char *const failures[] = {
    "error",
    "network_error",
    "malformed_function_call",
};

static enum finish_reason look_up(struct span word) {
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_is_nocase(word, words[i].word))
            return words[i].reason;
    return FINISH_STOP;
}

bool finish_normalise(struct span word, bool tool_calls_seen, enum finish_reason *ret_reason) {
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        if (span_is_nocase(word, failures[i]))
            return false;
    enum finish_reason reason = look_up(word);
    if (reason == FINISH_STOP || reason == FINISH_TOOL_CALLS)
        reason = tool_calls_seen ? FINISH_TOOL_CALLS : FINISH_STOP;
    *ret_reason = reason;
    return true;
}
