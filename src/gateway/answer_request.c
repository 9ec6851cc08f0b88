// SPDX-License-Identifier: Apache-2.0
/*
 * PAPI's own endpoints: what happened to a request.
 *
 * Promises: nothing is sent to any provider for them. Leaves to others: who may read them (authenticate.c).
 */
#include "gateway/ladder.h"

#define ANSWER_MAX_BYTES ((size_t)8 * 1024 * 1024)

int answer_papi_request(struct request *r) {
    struct dynbuf body;
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    int err = ladder_write(r->home->gateway, r->path_rest, &body);
    if (err == 0)
        err = respond_whole(r, 200, "application/json", dynbuf_span(&body));
    dynbuf_done(&body);
    if (err != ERR_NOT_FOUND)
        return err;
    (void)request_fail(r, API_UNKNOWN_URL, NULL,
                       "No request '%.*s' is remembered: the last %d of each thread are kept since "
                       "the start.",
                       (int)(r->path_rest.len < 64 ? r->path_rest.len : 64), r->path_rest.ptr,
                       LADDER_RECORDS_MAX);
    return 0;
}
