// SPDX-License-Identifier: Apache-2.0
/*
 * Streams of simulated answers.
 *
 * A stream is a walk over positions: role, words, finish, usage, end mark; a fault is a place on that walk where it leaves the
 * road. Promises: a good stream passes the strictest client; a faulty one is faulty in one way only; what was said is counted as it is said.
 * Leaves to others: words and usage (answer.c), when bytes are sent (mock/).
 */
#include "fake/answer.h"

#include "base/check.h"
#include "base/clock.h"

#include <stdio.h>

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

/* Pieces that are said: words, or the parts of a tool call. */
static uint32_t pieces(const struct fake_plan *plan) {
    return span_absent(plan->question.tool_name) ? plan->tokens : 3;
}

static enum position_kind kind_at(const struct fake_plan *plan, uint32_t position,
                                  uint32_t *ret_index) {
    uint32_t reasoning = plan->provider->script.settings.reasoning ? 2 : 0;
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
        plan->id, FAKE_CREATED_S);
    return err == 0 ? json_write_escaped(out, fake_model_said(plan)) : err;
}

/* Closes a chunk that has choices; some providers tell usage in each of them. */
static int close_chunk(const struct fake_plan *plan, struct dynbuf *out) {
    int err = 0;
    if (plan->fault->play == PLAY_USAGE_EVERY) {
        err = dynbuf_append_text(out, ",");
        if (err == 0)
            err = fake_write_usage(plan, plan->said, out);
    }
    return err == 0 ? dynbuf_append_text(out, "}\n\n") : err;
}

static int write_delta(const struct fake_plan *plan, const char *delta, struct dynbuf *out) {
    int err = open_chunk(plan, out);
    if (err == 0)
        err = dynbuf_append_format(
            out, ",\"choices\":[{\"index\":0,\"delta\":{%s},\"finish_reason\":null}]", delta);
    return err == 0 ? close_chunk(plan, out) : err;
}

static int write_word(struct fake_plan *plan, uint32_t index, struct dynbuf *out) {
    struct span word = fake_word_at(plan, index);
    bool first = index == 0;
    bool last = index + 1 == plan->tokens;
    struct dynbuf text;
    plan->said++;
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
    if (err == 0)
        err = dynbuf_append_text(out, "},\"finish_reason\":null}]");
    return err == 0 ? close_chunk(plan, out) : err;
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
    enum fault_play play = plan->fault->play;
    bool told = play == PLAY_USAGE_FINISH || play == PLAY_USAGE_GROQ;
    int err = open_chunk(plan, out);
    if (err == 0)
        err = dynbuf_append_format(
            out, ",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"%s\"}]",
            fake_finish_word(plan));
    if (err == 0 && told)
        err = dynbuf_append_text(out, play == PLAY_USAGE_GROQ ? ",\"x_groq\":{" : ",");
    if (err == 0 && told)
        err = fake_write_usage(plan, plan->said, out);
    if (err == 0 && play == PLAY_USAGE_GROQ)
        err = dynbuf_append_text(out, "}");
    return err == 0 ? close_chunk(plan, out) : err;
}

static int write_usage_chunk(const struct fake_plan *plan, struct dynbuf *out) {
    enum fault_play play = plan->fault->play;
    bool told_before = play == PLAY_USAGE_FINISH || play == PLAY_USAGE_GROQ;
    if (!plan->question.include_usage || play == PLAY_NO_USAGE || told_before)
        return 0;
    int err = open_chunk(plan, out);
    if (err == 0)
        err = dynbuf_append_text(out, ",\"choices\":[],");
    if (err == 0)
        err = fake_write_usage(plan, plan->said, out);
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

static int write_position(struct fake_plan *plan, enum position_kind kind, uint32_t index,
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
    bool nothing_said = play == PLAY_EMPTY || play == PLAY_ROLE_ONLY || play == PLAY_FILTER;
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

static int write_replacement(struct fake_plan *plan, struct dynbuf *out, enum fake_step *ret_step) {
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
            err = fake_write_error(plan, out);
        return err == 0 ? dynbuf_append_text(out, "\n\n") : err;
    }
}

/* Bytes of the step just made: CR LF in place of LF, or a mark before everything. */
static int change_bytes(const struct fake_plan *plan, size_t from, bool first, struct dynbuf *out) {
    struct dynbuf changed;
    struct span made = span_of(dynbuf_span(out).ptr + from, out->len - from);
    bool crlf = plan->fault->play == PLAY_CRLF;
    dynbuf_init(&changed, FAKE_BODY_MAX_BYTES);
    int err = !crlf && first ? dynbuf_append_text(&changed, "\xef\xbb\xbf") : 0;
    for (size_t i = 0; i < made.len && err == 0; i++) {
        if (crlf && made.ptr[i] == '\n')
            err = dynbuf_append_char(&changed, '\r');
        if (err == 0)
            err = dynbuf_append_char(&changed, made.ptr[i]);
    }
    out->len = from;
    if (err == 0)
        err = dynbuf_append_span(out, dynbuf_span(&changed));
    dynbuf_done(&changed);
    return err;
}

static uint64_t gap_ns(struct fake_plan *plan, enum position_kind kind) {
    bool waits = kind == AT_WORD || kind == AT_TOOL || kind == AT_REASONING;
    const struct fake_spread *gap = &plan->provider->script.settings.gap_ms;
    if (!waits && plan->fault->play != PLAY_COMMENTS)
        return 0;
    uint64_t ns = (uint64_t)(fake_spread_sample(gap, &plan->rand) * (double)NS_PER_MS);
    return ns == 0 && plan->fault->play == PLAY_COMMENTS ? 50 * NS_PER_MS : ns;
}

bool fake_streams(const struct fake_plan *plan) {
    return plan->replay == NULL && plan->status == 200 && plan->question.stream &&
           plan->question.task == FAKE_CHAT && !fault_is_coded(plan->fault);
}

int fake_next(struct fake_plan *plan, struct dynbuf *out, enum fake_step *ret_step,
              uint64_t *ret_delay_ns) {
    uint32_t index;
    size_t from = out->len;
    bool first = plan->position == 0;
    enum position_kind kind = kind_at(plan, plan->position, &index);
    while (skips(plan, kind))
        kind = kind_at(plan, ++plan->position, &index);
    *ret_delay_ns = gap_ns(plan, kind);
    if (replaces(plan, kind, index))
        return write_replacement(plan, out, ret_step);
    *ret_step = leaves_road(plan, kind, index);
    if (*ret_step != FAKE_SEND)
        return 0;
    plan->position++;
    int err = write_position(plan, kind, index, out);
    bool changes = plan->fault->play == PLAY_CRLF || plan->fault->play == PLAY_BOM;
    return err == 0 && changes ? change_bytes(plan, from, first, out) : err;
}
