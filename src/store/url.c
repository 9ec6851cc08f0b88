// SPDX-License-Identifier: Apache-2.0
/*
 * The setting `store: url`: which database, or none.
 *
 * Promises: a path that is absolute, or below the data directory; nothing is opened or looked at. Leaves to others: reading the
 * setting, and what is done with it.
 */
#include "store/store.h"

#include <stdio.h>
#include <string.h>

#define DATABASE_NAME "papi.db"

static int keep_path(struct store_url *url, const char *folder, struct span name) {
    int length = snprintf(url->path, sizeof url->path, "%s%.*s", folder, SPAN_ARG(name));
    return length > 0 && (size_t)length < sizeof url->path ? 0 : ERR_TOO_LARGE;
}

int store_url_parse(struct span url, const char *data_dir, struct store_url *ret_url) {
    *ret_url = (struct store_url){.kind = STORE_OFF};
    if (span_is(url, "off"))
        return 0;
    if (!span_starts_with(url, "sqlite:"))
        return ERR_UNSUPPORTED;
    struct span path = span_of(url.ptr + strlen("sqlite:"), url.len - strlen("sqlite:"));
    ret_url->kind = STORE_SQLITE;
    if (path.len == 0) {
        int err = keep_path(ret_url, data_dir, SPAN_LITERAL("/" DATABASE_NAME));
        return err;
    }
    /* "sqlite:///abs/path" is what other programs write for the same. */
    if (span_starts_with(path, "//"))
        path = span_of(path.ptr + 2, path.len - 2);
    if (!span_starts_with(path, "/") || span_ends_with(path, "/") ||
        memchr(path.ptr, '\0', path.len) != NULL)
        return ERR_INVALID;
    return keep_path(ret_url, "", path);
}
