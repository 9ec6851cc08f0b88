// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A request body in memory: refcounted, immutable once complete, pinned by the request and by each attempt that sends
 * parts of it. Counted against one cap for the whole process (product: 512 MiB by default); not copied after reading.
 */
#include "base/err.h"
#include "base/span.h"

struct http_body;

/* Sets the cap for all bodies of the process together; default HTTP_BODIES_DEFAULT_MAX_BYTES. */
#define HTTP_BODIES_DEFAULT_MAX_BYTES ((size_t)512 * 1024 * 1024)
void http_bodies_set_cap(size_t all_max_bytes);
size_t http_bodies_in_memory(void);

struct http_body *http_body_ref(struct http_body *body);
void http_body_unref(struct http_body *body); /* NULL is fine; any thread of the owner loop */
struct span http_body_bytes(const struct http_body *body); /* absent body: empty span */
