// SPDX-License-Identifier: Apache-2.0
/*
 * Refusing at the head.
 *
 * Why: bodies are kept whole until they are asked about, and all of them together have one cap. Without this a stranger without a key
 * could fill it with uploads that will be refused, and clients would get the 503. So in keys mode a request that announces a large
 * body and brings no good key becomes a request at once, without its body: its story is the usual one and ends in REJECT, and the
 * server drops what still comes. Small bodies are not worth a second look-up of the key.
 * Promises: nobody is refused here who would have been served. Leaves to others: the refusal itself (authenticate.c).
 */
#include "gateway/accept.h"

#include "client/table.h"
#include "gateway/authenticate.h"
#include "gateway/request.h"

#define SMALL_BODY_BYTES ((uint64_t)16 * 1024)

/* Announced as large, or not announced. */
static bool has_large_body(const struct http_request *http) {
    struct span length = http_header_get(http->headers, "content-length");
    uint64_t bytes;
    if (!span_absent(http_header_get(http->headers, "transfer-encoding")))
        return true;
    return !span_absent(length) && span_to_u64(span_trim(length), &bytes) &&
           bytes > SMALL_BODY_BYTES;
}

static bool has_good_key(struct gateway_loop *home, const struct http_request *http) {
    struct client_table *table = roster_look(home->gateway->roster, &home->clients);
    const struct client *client;
    char block[512];
    struct arena arena;
    if (table == NULL)
        return false;
    arena_init(&arena, block, sizeof block, HTTP_HEAD_MAX_BYTES + sizeof block);
    struct span key = access_key(http, &arena);
    bool good = key.len > 0 &&
                client_table_find(table, key, (int64_t)clock_wall_ms(), &client) == CLIENT_KNOWN;
    arena_reset(&arena);
    return good;
}

void accept_on_head(void *context, struct http_exchange *exchange) {
    struct gateway_loop *home = context;
    const struct http_request *http = http_exchange_request(exchange);
    if (!gateway_config_of(home)->access.keys || !has_large_body(http) || home->free_count == 0)
        return;
    struct access_asker asker = authenticate_asker(exchange, http);
    if (strcmp(asker.peer, "unix") == 0 || has_good_key(home, http))
        return;
    struct request *r = request_new(home, exchange);
    http_exchange_set_context(exchange, r);
    request_resume(r);
}
