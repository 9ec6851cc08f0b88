// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of simulated answers that come whole, and the parts that streams share with them.
 *
 * Words come from a small list by seed, with some beyond ASCII, so that cuts fall into characters. Promises: a good answer passes the
 * strictest client; a faulty one is faulty in one way only. Leaves to others: streams (stream.c), errors (bodies.c), embeddings (embed.c),
 * content codings (gzip.c), when bytes are sent (mock/).
 */
#include "fake/answer.h"

#include "base/check.h"

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

/* Words from the settings' text are its parts at spaces; else made up. */
struct span fake_word_at(const struct fake_plan *plan, uint32_t index) {
    if (plan->fault->play == PLAY_GUARD)
        return span_text(plan->fault->words);
    struct span rest = span_text(plan->provider->script.settings.text);
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

uint32_t fake_text_words(const char *text) {
    struct span rest = span_text(text);
    struct span part;
    uint32_t count = 0;
    while (rest.len > 0 && span_split(&rest, ' ', &part))
        count++;
    return count;
}

static int write_words(struct fake_plan *plan, struct dynbuf *out) {
    struct dynbuf text;
    int err = 0;
    dynbuf_init(&text, 1024 * 1024);
    if (plan->question.json)
        err = dynbuf_append_text(&text, "{\"answer\": \"");
    for (uint32_t i = 0; i < plan->tokens && err == 0; i++) {
        err = dynbuf_append_text(&text, i > 0 ? " " : "");
        if (err == 0)
            err = dynbuf_append_span(&text, fake_word_at(plan, i));
    }
    if (err == 0 && plan->question.json)
        err = dynbuf_append_text(&text, "\"}");
    if (err == 0)
        err = json_write_string(out, dynbuf_span(&text));
    dynbuf_done(&text);
    return err;
}

int fake_write_usage(const struct fake_plan *plan, uint32_t said, struct dynbuf *out) {
    unsigned long long input = plan->work.input_tokens;
    enum fault_play play = plan->fault->play;
    if (play == PLAY_WRONG_USAGE)
        return dynbuf_append_text(out, "\"usage\":{\"prompt_tokens\":\"many\",\"completion_"
                                       "tokens\":-3,\"total_tokens\":null}");
    if (play == PLAY_USAGE_NULL)
        return dynbuf_append_text(out, "\"usage\":null");
    int err = dynbuf_append_format(
        out, "\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%u,\"total_tokens\":%llu",
        input, said, input + said);
    if (err == 0 && play == PLAY_USAGE_DETAILS)
        err = dynbuf_append_format(out,
                                   ",\"prompt_tokens_details\":{\"cached_tokens\":%llu},"
                                   "\"completion_tokens_details\":{\"reasoning_tokens\":%u}",
                                   input / 2, said / 2);
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

const char *fake_finish_word(const struct fake_plan *plan) {
    switch (plan->fault->play) {
    case PLAY_EOS:
        return "eos_token";
    case PLAY_FILTER:
        return "content_filter";
    case PLAY_LENGTH:
        return "length";
    default:
        break;
    }
    if (!span_absent(plan->question.tool_name))
        return "tool_calls";
    return plan->cut_short ? "length" : "stop";
}

struct span fake_model_said(const struct fake_plan *plan) {
    return plan->fault->play == PLAY_WRONG_MODEL ? SPAN_LITERAL("some-other-model")
                                                 : plan->question.model;
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
    enum fault_play play = plan->fault->play;
    bool empty = play == PLAY_EMPTY || play == PLAY_ROLE_ONLY || play == PLAY_FILTER;
    int err = dynbuf_append_text(out, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (err == 0 && !span_absent(plan->question.tool_name)) {
        err = dynbuf_append_text(out, "null,\"tool_calls\":[");
        if (err == 0)
            err = write_tool_call(plan, out);
        return err == 0 ? dynbuf_append_text(out, "]}") : err;
    }
    if (err == 0)
        err = empty ? dynbuf_append_text(out, "\"\"") : write_words(plan, out);
    if (err == 0 && plan->provider->script.settings.reasoning)
        err = dynbuf_append_text(out, ",\"reasoning_content\":\"Let me think.\"");
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

static int write_completion(struct fake_plan *plan, struct dynbuf *out) {
    bool unfinished = plan->fault->play == PLAY_NO_FINISH || plan->fault->play == PLAY_NEITHER;
    int err = dynbuf_append_format(
        out, "{\"id\":\"%s\",\"object\":\"chat.completion\",\"created\":%d,\"model\":", plan->id,
        FAKE_CREATED_S);
    if (err == 0)
        err = json_write_escaped(out, fake_model_said(plan));
    if (err == 0)
        err = dynbuf_append_text(out, ",\"choices\":[{\"index\":0,");
    if (err == 0)
        err = write_message(plan, out);
    if (err == 0 && unfinished)
        err = dynbuf_append_text(out, ",\"finish_reason\":null}]");
    if (err == 0 && !unfinished)
        err = dynbuf_append_format(out, ",\"finish_reason\":\"%s\"}]", fake_finish_word(plan));
    if (err == 0 && plan->fault->play != PLAY_NO_USAGE)
        err = dynbuf_append_text(out, ",");
    if (err == 0 && plan->fault->play != PLAY_NO_USAGE)
        err = fake_write_usage(plan, plan->said, out);
    return err == 0 ? dynbuf_append_text(out, "}") : err;
}

/* A stream as one body: for content codings, which are played whole. */
static int write_stream(struct fake_plan *plan, struct dynbuf *out) {
    enum fake_step step = FAKE_SEND;
    uint64_t delay_ns;
    int err = 0;
    while (err == 0 && step == FAKE_SEND)
        err = fake_next(plan, out, &step, &delay_ns);
    return err;
}

static int write_plain(struct fake_plan *plan, struct dynbuf *out) {
    switch (plan->fault->play) {
    case PLAY_HTML:
        return dynbuf_append_text(out, plan->fault->words);
    case PLAY_BAD_JSON:
        return dynbuf_append_text(out, "{\"id\": oops");
    case PLAY_ERROR:
    case PLAY_ERROR_FIRST:
    case PLAY_ERROR_MIDDLE:
        return fake_write_error(plan, out);
    default:
        break;
    }
    if (plan->question.task == FAKE_EMBED)
        return fake_write_embeddings(plan, out);
    if (plan->question.stream)
        return write_stream(plan, out);
    plan->said = plan->tokens;
    return write_completion(plan, out);
}

int fake_body(struct fake_plan *plan, struct dynbuf *out) {
    struct dynbuf plain;
    if (plan->replay != NULL)
        return dynbuf_append(out, plan->replay->bytes + plan->replay->fields_bytes,
                             plan->replay->body_bytes);
    if (!fault_is_coded(plan->fault))
        return write_plain(plan, out);
    dynbuf_init(&plain, FAKE_BODY_MAX_BYTES);
    int err = write_plain(plan, &plain);
    if (err == 0)
        err = fake_write_coded(plan->fault->play, dynbuf_span(&plain), out);
    dynbuf_done(&plain);
    return err;
}
