// SPDX-License-Identifier: Apache-2.0
/*
 * Who asks, and for what it may.
 *
 * A client's list of models holds names and patterns. It may ask for what goes by such a name, whatever stands behind it (an
 * alias is the operator's word). By any other name, `auto` or a pin, it is served as far as the models behind it stand in its
 * list by their unified ids; when none does, that is a 403 and the name is not shown among the models.
 * Promises: of a key only its verdict goes on from here. Leaves to others: whether a key is needed (authenticate.c), limits.
 */
#include "gateway/identify.h"

#include "base/check.h"

static const char *const sentences[CLIENT_VERDICT_COUNT] = {
    [CLIENT_FOREIGN_KEY] = "Incorrect API key provided: it is not one of this gateway, whose keys "
                           "begin with sk-papi-. "
                           "Whoever runs it makes one with `papi client add NAME`.",
    [CLIENT_MISTYPED_KEY] =
        "Incorrect API key provided: it begins like one of this gateway, but a part is missing or "
        "mistyped. Copy all of it again; if it is lost, `papi client rotate` makes another.",
    [CLIENT_UNKNOWN_KEY] =
        "Incorrect API key provided: this gateway does not know it. It was deleted, or is another "
        "gateway's. Whoever runs this one makes a new one with `papi client add NAME`.",
    [CLIENT_EXPIRED] = "This API key has expired. Whoever runs this gateway can prolong it with "
                       "`papi client limit ID --expires`.",
    [CLIENT_REVOKED] = "This API key was revoked. Whoever runs this gateway makes a new one with "
                       "`papi client add NAME`.",
    [CLIENT_REPLACED] = "This API key was replaced by a newer one, and its time is over. Use the "
                        "newer one; if it is lost, `papi client rotate` makes another.",
};

enum client_verdict identify_key(struct request *r, struct span key) {
    struct client_table *table = roster_look(r->home->gateway->roster, &r->home->clients);
    const struct client *client;
    if (table == NULL) {
        enum client_role role;
        return client_key_parse(key, &role) == CLIENT_KEY_FOREIGN ? CLIENT_FOREIGN_KEY
                                                                  : CLIENT_UNKNOWN_KEY;
    }
    enum client_verdict verdict = client_table_find(table, key, (int64_t)clock_wall_ms(), &client);
    if (verdict != CLIENT_KNOWN)
        return verdict;
    check(r->clients == NULL);
    r->clients = client_table_ref(table);
    r->client = client;
    return verdict;
}

const char *identify_sentence(enum client_verdict verdict) {
    check((unsigned)verdict < CLIENT_VERDICT_COUNT && sentences[verdict] != NULL);
    return sentences[verdict];
}

/* "name:latest" is "name" (product 4). */
static struct span without_latest(struct span name) {
    static const char latest[] = ":latest";
    if (span_ends_with(name, latest))
        name.len -= sizeof latest - 1;
    return name;
}

bool identify_may_name(const struct request *r, struct span name) {
    return r->client == NULL || client_may_use(r->clients, r->client, without_latest(name));
}

bool identify_is_narrowed(const struct request *r) {
    const struct task_names *others = &r->task.routing.models;
    if (r->client == NULL || r->client->model_count == 0)
        return false;
    bool all = identify_may_name(r, r->task.model);
    for (uint32_t i = 0; i < others->count && all; i++)
        all = identify_may_name(r, others->names[i]);
    return !all;
}

bool identify_may_use(const struct request *r, uint32_t route) {
    const struct catalog_model *model = &r->snapshot->models[r->snapshot->routes[route].model];
    return r->client == NULL || client_may_use(r->clients, r->client, model->id);
}

enum step_verdict identify_refuse_model(struct request *r) {
    struct span name = r->task.model;
    if (name.len > 200)
        name.len = 200;
    return request_fail(r, API_MODEL_NOT_ALLOWED, "model",
                        "This API key may not use the model '%.*s'. GET /v1/models lists what it "
                        "may; whoever runs this gateway changes that with `papi client limit ID "
                        "--models`.",
                        SPAN_ARG(name));
}
