// SPDX-License-Identifier: Apache-2.0
/*
 * Answers that are only a guard model's word.
 *
 * Why held back: a router may hand a question to a model that judges it instead of answering ("safe"). That is a failure
 * which another candidate repairs, but only as long as the client has seen nothing. So for providers known for it the first
 * text waits while it could still be one of those words and nothing else; any other token lets it go. Promises: no text is
 * lost or reordered; at most OPENAI_HELD_MAX_BYTES wait. Leaves to others: what a failed answer leads to.
 */
#include "dialect/openai.h"

/* Escaped white space at the front is passed over. */
static struct span skip_space(struct span text) {
    while (text.len > 0) {
        bool escape = text.len > 1 && text.ptr[0] == '\\' && strchr("ntr", text.ptr[1]) != NULL;
        if (!escape && text.ptr[0] != ' ')
            break;
        text = span_of(text.ptr + 1 + escape, text.len - 1 - escape);
    }
    return text;
}

/* `whole`: the text is the word; else it may become it. */
static bool fits(struct span held, struct span word, bool whole) {
    struct span text = skip_space(held);
    size_t length = text.len < word.len ? text.len : word.len;
    if (!span_same_letters(text.ptr, word.ptr, length) || (whole && text.len < word.len))
        return false;
    return skip_space(span_of(text.ptr + length, text.len - length)).len == 0;
}

static bool fits_any(const struct dialect_decoder *decoder, struct span held, bool whole) {
    struct span rest = span_text(decoder->quirks->guard_words), word;
    while (span_split(&rest, '|', &word))
        if (fits(held, word, whole))
            return true;
    return false;
}

bool dialect__openai_hold(struct dialect_decoder *decoder, enum event_kind kind, struct span text) {
    if (decoder->quirks == NULL || decoder->quirks->guard_words == NULL || decoder->token_seen ||
        kind != EVENT_TEXT || text.len > sizeof decoder->held - decoder->held_length)
        return false;
    memcpy(decoder->held + decoder->held_length, text.ptr, text.len);
    struct span held = span_of(decoder->held, decoder->held_length + text.len);
    if (!fits_any(decoder, held, false))
        return false;
    decoder->held_length = held.len;
    return true;
}

int dialect__openai_let_go(struct dialect_decoder *decoder) {
    struct event event = {.kind = EVENT_TEXT, .text = span_of(decoder->held, decoder->held_length)};
    if (decoder->held_length == 0)
        return 0;
    decoder->held_length = 0;
    decoder->token_seen = true;
    if (!decoder->output_known)
        tokens_count(&decoder->counter, event.text);
    return dialect__openai_emit(decoder, &event);
}

bool dialect__openai_is_guard(const struct dialect_decoder *decoder) {
    return decoder->held_length > 0 &&
           fits_any(decoder, span_of(decoder->held, decoder->held_length), true);
}
