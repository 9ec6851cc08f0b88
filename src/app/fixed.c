// SPDX-License-Identifier: Apache-2.0
/*
 * Settings that only a start can change.
 *
 * Why some cannot: sockets are bound, threads run and tables have their size once requests come. What differs in a file that is read anew
 * keeps its value of the start, and a warning names it, so that nobody wonders. Promises: what is in force is what the configuration
 * in use says. Leaves to others: everything else, which a reload does change.
 */
#include "app/app_parts.h"
#include "base/check.h"

#define FIXED_LISTEN 0 /* its row */

/* name, member, whether it is a text */
static const struct {
    const char *name;
    size_t offset, size;
    bool text;
} fixed[] = {
#define FIXED(name, member, text) \
    { name, offsetof(struct config, member), sizeof((struct config *)0)->member, text }
    FIXED("listen", listen, true), /* first: an option of the command line may decide it */
    FIXED("auth", auth, false),    /* a socket on a network must not become an open one */
    FIXED("loops", loops, false),
    FIXED("store.url", store_url, true),
    FIXED("limits.connections", connections_max, false),
    FIXED("store.url", store_url, true),
#undef FIXED
};

static bool same(size_t row, const char *before, const char *now) {
    if (!fixed[row].text)
        return memcmp(before, now, fixed[row].size) == 0;
    return span_equal(*(const struct span *)(const void *)before,
                      *(const struct span *)(const void *)now);
}

/* Texts are copied: those of before go. */
static void keep(size_t row, const char *before, char *now, struct arena *arena) {
    struct span text;
    memcpy(now, before, fixed[row].size);
    if (fixed[row].text) {
        memcpy(&text, before, sizeof text);
        check(arena_copy(arena, text, &text) == 0);
        memcpy(now, &text, sizeof text);
    }
}

void fixed_keep(const struct app *app, struct loaded *fresh, struct dynbuf *report) {
    const char *before = (const char *)app->now->settings.config;
    char *now = (char *)fresh->settings.config;
    for (size_t i = 0; i < array_length(fixed); i++) {
        if (same(i, before + fixed[i].offset, now + fixed[i].offset))
            continue;
        keep(i, before + fixed[i].offset, now + fixed[i].offset, fresh->settings.config->arena);
        bool given = i == 0 && app->options->listen != NULL; /* the option decides */
        if (!given &&
            dynbuf_append_format(report, "%s: warning: a new %s takes effect after a restart\n",
                                 loaded_name(fresh), fixed[i].name) < 0)
            return;
    }
}
