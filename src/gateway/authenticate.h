// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What others ask of the step that decides who may ask. */
#include "gateway/access.h"
#include "gateway/request.h"

/* Notes whether the page that asks may read the answer, so that it can read refusals too. */
void authenticate_origin(struct request *r);
struct access_asker authenticate_asker(struct http_exchange *exchange,
                                       const struct http_request *http);

/* Whether accounts and keys may be named to it: to whoever runs this gateway, not to a client with a key. */
bool authenticate_is_owner(const struct request *r);

/* A JSON type, with or without parameters: what a page cannot send without asking first. */
bool authenticate_json_type(struct span content_type);
