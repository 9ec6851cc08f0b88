// SPDX-License-Identifier: Apache-2.0
/*
 * Names and texts of mishaps.
 *
 * Both come from the one table in err.h, so that a code without a text cannot exist. Promises: never NULL, never
 * allocates, safe from any thread. Leaves to others: what a mishap means for a request (gateway/reject.c, scheduler/outcome.h).
 */
#include "base/err.h"

static const char *const names[] = {
#define ERR_NAME(name, text) #name,
    ERR_TABLE(ERR_NAME)
#undef ERR_NAME
};

static const char *const texts[] = {
#define ERR_TEXT(name, text) text,
    ERR_TABLE(ERR_TEXT)
#undef ERR_TEXT
};

static int index_of(int code) {
    return code > ERR__BASE && code < ERR__END ? code - ERR__BASE - 1 : -1;
}

const char *err_name(int code) {
    int index = index_of(code);
    if (code == ERR_OK)
        return "ERR_OK";
    return index < 0 ? "ERR_UNKNOWN" : names[index];
}

const char *err_text(int code) {
    int index = index_of(code);
    if (code == ERR_OK)
        return "no error";
    return index < 0 ? "unknown error" : texts[index];
}
