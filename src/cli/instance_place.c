// SPDX-License-Identifier: Apache-2.0
/*
 * Where the running PAPI may be found, in the order in which it is looked for, and the words when it is not.
 *
 * Why the socket first: on it the owner of the data directory needs no key and sees everything. What somebody names by an option or
 * $PAPI_DATA is the only place that is tried: an order for one instance must not reach another.
 * Promises: nothing is opened here. Leaves to others: the call (instance.c).
 */
#include "cli/instance.h"

#include "app/data_dir.h"
#include "base/arena.h"
#include "base/check.h"
#include "cli/cli.h"

#include <stdlib.h>

#define SOCKET_NAME    "papi.sock"
#define TRIED_BYTES    (INSTANCE_PLACES_MAX * (INSTANCE_PATH_BYTES + 64))
#define ARENA_MAX_SIZE ((size_t)64 * 1024)

static struct span without_end(struct span text, const char *end) {
    return span_ends_with(text, end) ? span_of(text.ptr, text.len - strlen(end)) : text;
}

static bool add_url(struct instance *instance, const char *text) {
    struct instance_place *place = &instance->places[instance->count];
    place->text = span_text(text);
    const char *why = config_url_parse(place->text, &place->url);
    if (why != NULL) {
        cli_complain("--url %s %s", text, why);
        return false;
    }
    place->base = place->text;
    while (span_ends_with(place->base, "/"))
        place->base.len--;
    place->base = without_end(place->base, "/v1");
    instance->count++;
    return true;
}

static void add_socket(struct instance *instance, const char *folder) {
    char *path = instance->paths[instance->count];
    int length = snprintf(path, INSTANCE_PATH_BYTES, "%s/" SOCKET_NAME, folder);
    for (uint32_t i = 0; i < instance->count; i++)
        if (span_is(instance->places[i].text, path))
            return;
    if (length > 0 && length < INSTANCE_PATH_BYTES)
        instance->places[instance->count++] = (struct instance_place){.text = span_text(path)};
}

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static void add_own_socket(struct instance *instance) {
    struct arena arena;
    arena_init(&arena, NULL, 0, ARENA_MAX_SIZE);
    const char *own = data_dir_find(NULL, &arena);
    if (own != NULL)
        add_socket(instance, own);
    arena_reset(&arena);
}

bool instance_find(const struct instance_wish *wish, enum instance_access access,
                   struct instance *ret_instance) {
    const char *url = wish->url != NULL || wish->data != NULL ? wish->url : variable("PAPI_URL");
    const char *data = wish->data != NULL ? wish->data : variable("PAPI_DATA");
    ret_instance->count = ret_instance->at = 0;
    ret_instance->patience_ns = 0;
    if (wish->url != NULL && wish->data != NULL) {
        cli_complain("--url and --data exclude each other: both name the running PAPI");
        return false;
    }
    if (url != NULL || access == INSTANCE_BY_URL)
        return add_url(ret_instance, url != NULL ? url : INSTANCE_DEFAULT_URL);
    if (data != NULL) {
        add_socket(ret_instance, data);
    } else {
        add_own_socket(ret_instance);
        add_socket(ret_instance, INSTANCE_SYSTEM_DATA);
    }
    if (ret_instance->count == 0) {
        cli_complain("--data %.64s... is too long for a path", data);
        return false;
    }
    return access == INSTANCE_OWNER || wish->data != NULL ||
           add_url(ret_instance, INSTANCE_DEFAULT_URL);
}

const struct instance_place *instance_place(const struct instance *instance) {
    return &instance->places[instance->at];
}

bool instance_is_url(const struct instance *instance) {
    return !span_absent(instance_place(instance)->base);
}

/* --- words --- */

static const char *why_not(int err) {
    static const struct {
        int err;
        const char *why;
    } rows[] = {
        {ERR_CONNECT_UNREACHABLE, " (not open to this user)"},
        {ERR_TOO_LARGE, " (a longer path than sockets can have)"},
        {ERR_SYSTEM, " (not in a directory)"},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        if (rows[i].err == err)
            return rows[i].why;
    return "";
}

static void complain_about_all(const struct instance *instance) {
    char tried[TRIED_BYTES] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < instance->count && used < sizeof tried; i++) {
        const struct instance_place *place = &instance->places[i];
        bool socket = span_absent(place->base);
        used += (size_t)snprintf(tried + used, sizeof tried - used, "%s%.*s%s",
                                 i == 0                     ? ""
                                 : i + 1 == instance->count ? " and "
                                                            : ", ",
                                 SPAN_ARG(place->text), socket ? why_not(place->err) : "");
    }
    cli_complain("no PAPI is running at %s; start one with `papi serve`", tried);
}

void instance_complain(const struct instance *instance, int err) {
    bool nobody = err == ERR_CONNECT_REFUSED || err == ERR_CONNECT_UNREACHABLE ||
                  (!instance_is_url(instance) &&
                   (err == ERR_NOT_FOUND || err == ERR_TOO_LARGE || err == ERR_SYSTEM));
    if (nobody)
        complain_about_all(instance);
    else
        cli_complain("%.*s: %s", SPAN_ARG(instance_place(instance)->text), err_text(err));
}

/* --- paths --- */

static bool add_encoded(char *path, size_t size, const char *text) {
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t used = strlen(path);
    for (; *text != '\0' && used + 4 <= size; text++)
        used +=
            (size_t)snprintf(path + used, size - used,
                             strchr(plain, *text) != NULL ? "%c" : "%%%02X", (unsigned char)*text);
    return *text == '\0';
}

static bool add_plain(char *path, size_t size, const char *text) {
    size_t used = strlen(path);
    return snprintf(path + used, size - used, "%s", text) < (int)(size - used);
}

bool instance_add_query(char *path, size_t size, const char *name, const char *value) {
    if (value == NULL)
        return true;
    return add_plain(path, size, strchr(path, '?') != NULL ? "&" : "?") &&
           add_plain(path, size, name) && add_plain(path, size, "=") &&
           add_encoded(path, size, value);
}

bool instance_add_segment(char *path, size_t size, const char *segment) {
    return add_plain(path, size, "/") && add_encoded(path, size, segment);
}
