// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Request targets and Host (RFC 9112 section 3.2). Spans point into what was given.
 */
#include "base/err.h"
#include "base/span.h"

struct http_target {
    struct span path;      /* "*" for OPTIONS * */
    struct span query;     /* absent when there is no '?' */
    struct span authority; /* absent unless absolute-form */
};

/* ERR_HTTP_SYNTAX: no form that belongs to that method. ERR_UNSUPPORTED: CONNECT and TRACE. */
int http_parse_target(struct span method, struct span target,
                      struct http_target *ret_target) WARN_UNUSED;
/* A Host value or authority: host and port only, no userinfo, no path. May be empty. */
bool http_host_valid(struct span host);
