// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Filling a body while it arrives; only for http/, see body.h for everybody else. Memory grows in steps, so that an announced
 * length alone takes none; each step is counted against the cap of the process first.
 */
#include "http/body.h"

#define HTTP_BODY_STEP_BYTES ((size_t)128 * 1024)
#define HTTP_BODY_FIRST_BYTES \
    ((size_t)4 * 1024) /* first step of a body without an announced length */

/* One reference, empty. */
struct http_body *http_body_new(void);
/* Room for at least one more byte behind the body, towards `total_bytes` in all (an estimate is fine, at least len + 1).
 * ERR_BUSY at the cap of the process. */
int http_body_reserve(struct http_body *body, size_t total_bytes) WARN_UNUSED;
struct http_body_room {
    char *start;
    size_t bytes;
};
struct http_body_room http_body_room(struct http_body *body);
/* `count` bytes were written to the room. */
void http_body_grew(struct http_body *body, size_t count);
/* Copies; `total_bytes` as above, or 0 when no length was announced. */
int http_body_append(struct http_body *body, struct span bytes, size_t total_bytes) WARN_UNUSED;
