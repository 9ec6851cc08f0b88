// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of simulated answers.
 *
 * A stream is a walk over positions: role, words, finish, usage, end mark; a fault is a place on that walk where it leaves the
 * road. Words come from a small list by seed, with some beyond ASCII, so that cuts fall into characters. Promises: a good answer
 * passes the strictest client; a faulty one is faulty in one way only. Leaves to others: when bytes are sent (mock/).
 */
#include "fake/fake.h"

#include "base/check.h"

#include <stdio.h>

static const char *const words[] = {"The",
                                    "free",
                                    "tier",
                                    "answers",
                                    "caf\xc3\xa9",
                                    "quickly",
                                    "and",
                                    "kindly",
                                    "\xe4\xbd\xa0\xe5\xa5\xbd",
                                    "while",
                                    "it",
                                    "lasts",
                                    "so",
                                    "be",
                                    "gentle",
                                    "\xf0\x9f\x8c\xb1"};
#define CREATED_S 1750000000 /* fixed, so that the same seed gives the same bytes */

enum position_kind {
    AT_ROLE,
    AT_REASONING,
    AT_WORD,
    AT_TOOL,
    AT_FINISH,
    AT_USAGE,
    AT_DONE,
    AT_END
};

/* Words from the settings' text are its parts at spaces; else made up. */
static struct span word_at(const struct fake_plan *plan, uint32_t index) {
    struct span rest = span_text(plan->provider->settings.text);
    struct span part;
    if (rest.len == 0) {
        uint64_t mixed = (plan->word_seed + index) * 0x9e3779b97f4a7c15u;
        return span_text(words[(mixed >> 32) % array_length(words)]);
    }
    for (uint32_t i = 0; span_split(&rest, ' ', &part); i++)
        if (i == index)
            return part;
    return SPAN_LITERAL("");
}

static uint32_t word_count(const struct fake_plan *plan) {
    struct span rest = span_text(plan->provider->settings.text);
    struct span part;
    uint32_t count = 0;
    if (rest.len == 0)
        return plan->tokens;
    while (span_split(&rest, ' ', &part))
        count++;
    return count;
}

static int write_words(struct fake_plan *plan, struct dynbuf *out) {
    struct dynbuf text;
    int err = 0;
    dynbuf_init(&text, 1024 * 1024);
    if (plan->question.json)
        err = dynbuf_append_text(&text, "{\"answer\": \"");
    for (uint32_t i = 0; i < word_count(plan) && err == 0; i++) {
        err = dynbuf_append_text(&text, i > 0 ? " " : "");
        if (err == 0)
            err = dynbuf_append_span(&text, word_at(plan, i));
    }
    if (err == 0 && plan->question.json)
        err = dynbuf_append_text(&text, "\"}");
    if (err == 0)
        err = json_write_string(out, dynbuf_span(&text));
    dynbuf_done(&text);
    return err;
}

static int write_usage(const struct fake_plan *plan, struct dynbuf *out) {
    unsigned long long input = plan->question.prompt_bytes / 4 + 1;
    if (plan->fault->play == PLAY_WRONG_USAGE)
        return dynbuf_append_text(out, "\"usage\":{\"prompt_tokens\":\"many\",\"completion_"
                                       "tokens\":-3,\"total_tokens\":null}");
    return dynbuf_append_format(
        out, "\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%u,\"total_tokens\":%llu}",
        input, word_count(plan), input + word_count(plan));
}

static const char *finish_word(const struct fake_plan *plan) {
    if (plan->fault->play == PLAY_EOS)
        return "eos_token";
    return span_absent(plan->question.tool_name) ? "stop" : "tool_calls";
}

static int write_error(const struct fake_plan *plan, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "{\"error\":{\"message\":");
    if (err == 0)
        err = json_write_string(out, span_text(plan->fault->words));
    const char *code = plan->fault == fault_row(FAULT_400_CLIENT) ? "\"invalid_type\"" : "null";
    return err == 0 ? dynbuf_append_format(
                          out, ",\"type\":\"mock_error\",\"param\":null,\"code\":%s}}", code)
                    : err;
}

static int write_tool_call(const struct fake_plan *plan, struct dynbuf *out) {
    int err = dynbuf_append_format(
        out, "{\"id\":\"call_%.8s\",\"type\":\"function\",\"function\":{\"name\":", plan->id + 13);
    if (err == 0)
        err = json_write_escaped(out, plan->question.tool_name);
    return err == 0 ? dynbuf_append_text(
                          out, ",\"arguments\":\"{\\\"place\\\": \\\"caf\xc3\xa9\\\"}\"}}")
                    : err;
}

static int write_message(struct fake_plan *plan, struct dynbuf *out) {
    bool empty = plan->fault->play == PLAY_EMPTY || plan->fault->play == PLAY_ROLE_ONLY;
    int err = dynbuf_append_text(out, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (err == 0 && !span_absent(plan->question.tool_name)) {
        err = dynbuf_append_text(out, "null,\"tool_calls\":[");
        if (err == 0)
            err = write_tool_call(plan, out);
        return err == 0 ? dynbuf_append_text(out, "]}") : err;
    }
    if (err == 0)
        err = empty ? dynbuf_append_text(out, "\"\"") : write_words(plan, out);
    if (err == 0 && plan->provider->settings.reasoning)
        err = dynbuf_append_text(out, ",\"reasoning_content\":\"Let me think.\"");
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

static int write_completion(struct fake_plan *plan, struct dynbuf *out) {
    bool unfinished = plan->fault->play == PLAY_NO_FINISH || plan->fault->play == PLAY_NEITHER;
    int err = dynbuf_append_format(
        out, "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":%d,\"model\":", plan->id,
        CREATED_S);
    if (err == 0)
        err = json_write_escaped(out, plan->question.model);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"choices\":[{\"index\":0,");
    if (err == 0)
        err = write_message(plan, out);
    if (err == 0 && unfinished)
        err = dynbuf_append_text(out, ",\"finish_reason\":null}]");
    if (err == 0 && !unfinished)
        err = dynbuf_append_format(out, ",\"finish_reason\":\"%s\"}]", finish_word(plan));
    if (err == 0 && plan->fault->play != PLAY_NO_USAGE)
        err = dynbuf_append_text(out, ",");
    if (err == 0 && plan->fault->play != PLAY_NO_USAGE)
        err = write_usage(plan, out);
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

int fake_body(struct fake_plan *plan, struct dynbuf *out) {
    switch (plan->fault->play) {
    case PLAY_HTML:
        return dynbuf_append_text(out, plan->fault->words);
    case PLAY_BAD_JSON:
        return dynbuf_append_text(out, "{\"id\": oops");
    case PLAY_ERROR:
    case PLAY_ERROR_FIRST:
    case PLAY_ERROR_MIDDLE:
        return write_error(plan, out);
    default:
        return write_completion(plan, out);
    }
}

/* --- streams --- */

/* Pieces that are said: words, or the parts of a tool call. */
static uint32_t pieces(const struct fake_plan *plan) {
    return span_absent(plan->question.tool_name) ? word_count(plan) : 3;
}

static enum position_kind kind_at(const struct fake_plan *plan, uint32_t position,
                                  uint32_t *ret_index) {
    uint32_t reasoning = plan->provider->settings.reasoning ? 2 : 0;
    uint32_t said = pieces(plan);
    *ret_index = 0;
    if (position == 0)
        return AT_ROLE;
    position--;
    if (position < reasoning)
        return AT_REASONING;
    position -= reasoning;
    *ret_index = position;
    if (position < said)
        return span_absent(plan->question.tool_name) ? AT_WORD : AT_TOOL;
    position -= said;
    return position < 3 ? (enum position_kind)(AT_FINISH + position) : AT_END;
}

static int open_chunk(const struct fake_plan *plan, struct dynbuf *out) {
    int err = dynbuf_append_format(
        out, "data: {\"id\":\"%s\",\"object\":\"chat.completion.chunk\",\"created\":%d,\"model\":",
        plan->id, CREATED_S);
    return err == 0 ? json_write_escaped(out, plan->question.model) : err;
}

static int write_delta(const struct fake_plan *plan, const char *delta, struct dynbuf *out) {
    int err = open_chunk(plan, out);
    return err == 0
               ? dynbuf_append_format(
                     out, ",\"choices\":[{\"index\":0,\"delta\":{%s},\"finish_reason\":null}]}\n\n",
                     delta)
               : err;
}

static int write_word(const struct fake_plan *plan, uint32_t index, struct dynbuf *out) {
    struct span word = word_at(plan, index);
    bool first = index == 0;
    bool last = index + 1 == word_count(plan);
    struct dynbuf text;
    dynbuf_init(&text, FAKE_TEXT_MAX_BYTES * 2);
    int err = dynbuf_append_format(&text, "%s%.*s%s",
                                   first ? (plan->question.json ? "{\"answer\": \"" : "") : " ",
                                   SPAN_ARG(word), last && plan->question.json ? "\"}" : "");
    if (err == 0)
        err = open_chunk(plan, out);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"choices\":[{\"index\":0,\"delta\":{\"content\":");
    if (err == 0)
        err = json_write_string(out, dynbuf_span(&text));
    dynbuf_done(&text);
    return err == 0 ? dynbuf_append_text(out, "},\"finish_reason\":null}]}\n\n") : err;
}

static int write_tool_open(const struct fake_plan *plan, struct dynbuf *out) {
    int err = open_chunk(plan, out);
    if (err == 0)
        err = dynbuf_append_format(out,
                                   ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{"
                                   "\"index\":0,\"id\":\"call_%.8s\","
                                   "\"type\":\"function\",\"function\":{\"name\":",
                                   plan->id + 13);
    if (err == 0)
        err = json_write_escaped(out, plan->question.tool_name);
    return err == 0
               ? dynbuf_append_text(out, ",\"arguments\":\"\"}}]},\"finish_reason\":null}]}\n\n")
               : err;
}

static int write_tool_delta(const struct fake_plan *plan, uint32_t index, struct dynbuf *out) {
    static const char *const fragments[] = {NULL, "{\\\"place\\\": \\\"ca", "f\xc3\xa9\\\"}"};
    char delta[128];
    if (index == 0)
        return write_tool_open(plan, out);
    (void)snprintf(delta, sizeof delta,
                   "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"%s\"}}]",
                   fragments[index]);
    return write_delta(plan, delta, out);
}

static int write_finish(const struct fake_plan *plan, struct dynbuf *out) {
    int err = open_chunk(plan, out);
    return err == 0
               ? dynbuf_append_format(
                     out, ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]}\n\n",
                     finish_word(plan))
               : err;
}

static int write_usage_chunk(const struct fake_plan *plan, struct dynbuf *out) {
    if (!plan->question.include_usage || plan->fault->play == PLAY_NO_USAGE)
        return 0;
    int err = open_chunk(plan, out);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"choices\":[],");
    if (err == 0)
        err = write_usage(plan, out);
    return err == 0 ? dynbuf_append_text(out, "}\n\n") : err;
}

static int write_done(const struct fake_plan *plan, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "data: [DONE]\n\n");
    if (err == 0 && plan->fault->play == PLAY_DOUBLE_DONE)
        err = dynbuf_append_text(out, "data: [DONE]\n\n");
    if (err == 0 && plan->fault->play == PLAY_DATA_AFTER_DONE)
        err = write_delta(plan, "\"content\":\"too late\"", out);
    return err;
}

static int write_position(const struct fake_plan *plan, enum position_kind kind, uint32_t index,
                          struct dynbuf *out) {
    switch (kind) {
    case AT_ROLE:
        return write_delta(plan, "\"role\":\"assistant\",\"content\":\"\"", out);
    case AT_REASONING:
        return write_delta(plan, "\"reasoning_content\":\"Let me think. \"", out);
    case AT_WORD:
        return write_word(plan, index, out);
    case AT_TOOL:
        return write_tool_delta(plan, index, out);
    case AT_FINISH:
        return write_finish(plan, out);
    case AT_USAGE:
        return write_usage_chunk(plan, out);
    case AT_DONE:
        return write_done(plan, out);
    case AT_END:
        break;
    }
    return 0;
}

/* After two pieces; shorter answers break at their last, so that the fault shows. */
static bool is_middle(const struct fake_plan *plan, enum position_kind kind, uint32_t index) {
    return (kind == AT_WORD || kind == AT_TOOL) && (index >= 2 || index + 1 == pieces(plan));
}

/* Where a fault leaves the road: by how it is played and the place reached. FAKE_SEND = it does not, here. */
static enum fake_step leaves_road(const struct fake_plan *plan, enum position_kind kind,
                                  uint32_t index) {
    enum fault_play play = plan->fault->play;
    bool middle = is_middle(plan, kind, index);
    if (play == PLAY_STALL_BODY || (play == PLAY_STALL_MIDDLE && middle))
        return FAKE_STALL;
    if (play == PLAY_CUT_BODY || (play == PLAY_CUT_MIDDLE && middle))
        return FAKE_CUT;
    if ((play == PLAY_NEITHER && kind == AT_FINISH) || (play == PLAY_NO_DONE && kind == AT_DONE) ||
        kind == AT_END)
        return FAKE_END;
    return FAKE_SEND;
}

static bool skips(const struct fake_plan *plan, enum position_kind kind) {
    enum fault_play play = plan->fault->play;
    bool nothing_said = play == PLAY_EMPTY || play == PLAY_ROLE_ONLY;
    return (nothing_said && (kind == AT_WORD || kind == AT_REASONING || kind == AT_TOOL)) ||
           (play == PLAY_EMPTY && kind == AT_ROLE) || (play == PLAY_NO_FINISH && kind == AT_FINISH);
}

/* Faults that replace the event of this place. Returns false when there is nothing to replace. */
static bool replaces(const struct fake_plan *plan, enum position_kind kind, uint32_t index) {
    enum fault_play play = plan->fault->play;
    bool middle = is_middle(plan, kind, index);
    bool in_middle = play == PLAY_BAD_JSON || play == PLAY_CUT_EVENT || play == PLAY_ERROR_MIDDLE;
    return play == PLAY_COMMENTS || play == PLAY_ERROR_FIRST || (in_middle && middle);
}

static int write_replacement(const struct fake_plan *plan, struct dynbuf *out,
                             enum fake_step *ret_step) {
    switch (plan->fault->play) {
    case PLAY_COMMENTS:
        *ret_step = FAKE_SEND;
        return dynbuf_append_text(out, ": still here\n\n");
    case PLAY_BAD_JSON:
        *ret_step = FAKE_END;
        return dynbuf_append_text(out, "data: {\"id\": oops\n\n");
    case PLAY_CUT_EVENT:
        *ret_step = FAKE_CUT;
        return dynbuf_append_text(
            out, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"caf\xc3");
    default:
        *ret_step = FAKE_END;
        int err = dynbuf_append_text(out, "data: ");
        if (err == 0)
            err = write_error(plan, out);
        return err == 0 ? dynbuf_append_text(out, "\n\n") : err;
    }
}

int fake_next(struct fake_plan *plan, struct dynbuf *out, enum fake_step *ret_step,
              uint64_t *ret_delay_ns) {
    uint32_t index;
    enum position_kind kind = kind_at(plan, plan->position, &index);
    while (skips(plan, kind))
        kind = kind_at(plan, ++plan->position, &index);
    *ret_delay_ns = kind == AT_WORD || kind == AT_TOOL || kind == AT_REASONING ? plan->gap_ns : 0;
    if (plan->fault->play == PLAY_COMMENTS)
        *ret_delay_ns = plan->gap_ns > 0 ? plan->gap_ns : 50u * 1000 * 1000;
    if (replaces(plan, kind, index))
        return write_replacement(plan, out, ret_step);
    *ret_step = leaves_road(plan, kind, index);
    if (*ret_step != FAKE_SEND)
        return 0;
    plan->position++;
    return write_position(plan, kind, index, out);
}
