// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the HTTP server calls: contexts are the gateway_loop, then the request (NULL when none was made). */
#include "http/server.h"

/* early.c: makes a request of what will be refused, before its body has come. */
void accept_on_head(void *context, struct http_exchange *exchange);
void accept_on_request(void *context, struct http_exchange *exchange);
void accept_on_gone(void *context, struct http_exchange *exchange);
void accept_on_drain(void *context, struct http_exchange *exchange);
void accept_on_finished(void *context, struct http_exchange *exchange);
void accept_on_reject(void *context, const struct http_rejection *rejection,
                      struct dynbuf *ret_fields, struct dynbuf *ret_body);
