// SPDX-License-Identifier: Apache-2.0
/*
 * The body of a refusal into message and code.
 *
 * Why here at all: other wires may word errors in a form of their own; this one uses whatever servers have been seen to send.
 * Promises: any bytes are accepted; what is returned is escaped text. Leaves to others: the shapes (catalog/error_shape), what an
 * error means (provider/signal).
 */
#include "dialect/openai.h"

void dialect__openai_read_error(struct span body, struct arena *arena, struct span *ret_message,
                                struct span *ret_code) {
    struct json_doc *doc = arena_alloc(arena, sizeof *doc);
    *ret_code = SPAN_NONE;
    if (json_parse(doc, body, arena, NULL) < 0) {
        *ret_message = error_shape_plain(body, arena);
        return;
    }
    struct error_shape error = error_shape_of(json_top(doc));
    *ret_message = error.message;
    *ret_code = error.code;
}
