// SPDX-License-Identifier: Apache-2.0
/*
 * Which question to ask.
 *
 * The catalog names one for each provider that was looked at: "GET /key" below its base URL, a URL of its own, or a chat request, which
 * costs quota and is never sent from here. Where it names none that is free, the list of models is asked for: it proves no key (many
 * lists are public), but a provider that refuses even that has said enough. A URL of its own is asked only while the provider itself is
 * asked at the catalog's address: a key given for an address of the configuration goes there and nowhere else.
 * Promises: pure; nothing that the catalog says to cost quota. Leaves to others: sending it (key_test.c), reading the answer
 * (key_verdict.c).
 */
#include "app/key_probe.h"

#include "config/url.h"

#define MODELS "/models"

/* "GET https://host/path (or another)": the second word. */
static struct span place_of(struct span ask, const char **ret_method) {
    struct span method = SPAN_NONE;
    (void)span_split(&ask, ' ', &method);
    *ret_method = span_is(method, "GET") ? "GET" : span_is(method, "POST") ? "POST" : NULL;
    struct span place = SPAN_NONE;
    if (span_absent(ask) || !span_split(&ask, ' ', &place))
        return SPAN_NONE;
    return place;
}

static bool is_plain(struct span path) {
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] >= 0x7f || path.ptr[i] == '{')
            return false;
    return path.len > 0;
}

/* What is posted to an own address has been looked at; below the base URL it is a chat. */
static bool is_free(const struct fact_provider *facts, const char *method) {
    if (facts->probe_costs_quota == FACT_YES || method == NULL)
        return false;
    return method[0] == 'G' || facts->probe_costs_quota == FACT_NO;
}

static int take_own_url(struct span place, struct key_probe *probe) {
    struct config_url url;
    if (config_url_parse(place, &url) != NULL || !url.tls || url.host_is_loopback)
        return ERR_INVALID;
    probe->host = url.host;
    probe->port = url.port;
    probe->target = url.path;
    return 0;
}

static int below(struct arena *arena, struct span base_path, const char *path,
                 struct key_probe *probe) {
    const char *text = arena_format(arena, "%.*s%s", SPAN_ARG(base_path), path);
    probe->target = span_text(text);
    return text != NULL ? 0 : ERR_TOO_LARGE;
}

static int take_facts(const struct fact_provider *facts, struct span base_path, bool own_address,
                      struct arena *arena, struct key_probe *probe) {
    struct span place = place_of(span_text(facts->key_probe), &probe->method);
    bool own_url = span_starts_with(place, "https:");
    if (!is_plain(place) || !is_free(facts, probe->method) || (own_url && !own_address))
        return ERR_NOT_FOUND;
    probe->shown = arena_format(arena, "%s %.*s", probe->method, SPAN_ARG(place));
    const char *path = arena_format(arena, "%.*s", SPAN_ARG(place));
    if (path == NULL || probe->shown == NULL)
        return ERR_TOO_LARGE;
    int err = own_url ? take_own_url(place, probe) : below(arena, base_path, path, probe);
    if (err < 0 || (!own_url && path[0] != '/'))
        return ERR_NOT_FOUND;
    probe->proves = facts->probe_proves_key == FACT_YES;
    probe->lists = span_ends_with(place, MODELS);
    return 0;
}

int key_probe_plan(const struct fact_provider *facts, struct span base_path, bool own_address,
                   struct arena *arena, struct key_probe *ret_probe) {
    *ret_probe = (struct key_probe){.host = SPAN_NONE};
    if (facts != NULL && take_facts(facts, base_path, own_address, arena, ret_probe) == 0)
        return 0;
    *ret_probe = (struct key_probe){.method = "GET", .shown = "GET " MODELS, .lists = true};
    return below(arena, base_path, MODELS, ret_probe);
}
