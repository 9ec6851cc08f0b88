// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a client of the admin API sends beside its path: the query and the JSON body, checked against the tables of the endpoint
 * (schema.h) before it is answered. So a handler finds only what its tables allow; what is not there was not given.
 */
#include "gateway/request.h"

#define TAKE_BODY_MAX_BYTES  ((size_t)1024 * 1024)
#define TAKE_QUERY_MAX_BYTES 4096
#define TAKE_QUERY_MAX       16

/* False after it went to REJECT: what was wrong, where, what to do. */
bool take_check(struct request *r);

/* Of the query, decoded; absent or false when it was not given. */
struct span take_text(const struct request *r, const char *name);
bool take_whole(const struct request *r, const char *name, uint64_t *ret_number);
bool take_time(const struct request *r, const char *name, int64_t *ret_wall_ms);
bool take_flag(const struct request *r, const char *name); /* "true"; else false */
/* The body; absent when there was none. Its texts: json_string with the request's arena. */
struct json_value take_body(const struct request *r);
/* RFC 3339 to milliseconds since 1970. */
bool take_parse_time(struct span text, int64_t *ret_wall_ms);
