// SPDX-License-Identifier: Apache-2.0
/*
 * What may be sent about a client, and what it changes.
 *
 * The tables say what a body may hold and are what is checked before a handler runs; here it is only read. A member that is left
 * out changes nothing, null takes a limit or a date away. Promises: no text outlives its arena. Leaves to others: the row in the
 * store (clients.c).
 */
#include "admin/client_change.h"

#include "admin/clients.h"
#include "base/check.h"

#define GRACE_MOST_S ((uint64_t)90 * 24 * 3600)

static int take_member(struct json_value body, const char *name, struct arena *arena,
                       struct span *ret_text) {
    struct span text;
    struct json_value value = json_get(body, name);
    *ret_text = SPAN_NONE;
    if (!json_is(value, JSON_STRING))
        return 0;
    int err = json_string(value, arena, &text);
    return err == 0 ? arena_copy(arena, text, ret_text) : err;
}

static int take_models(struct json_value list, struct arena *arena, struct client_change *change) {
    for (struct json_iter it = json_each(list); json_next(&it);) {
        struct span text;
        if (change->model_count == STORE_CLIENT_MODELS_MAX)
            return ERR_TOO_LARGE;
        int err = json_string(it.value, arena, &text);
        if (err == 0 && memchr(text.ptr, '\n', text.len) != NULL)
            err = ERR_INVALID; /* they are kept a line each */
        if (err == 0)
            err = arena_copy(arena, text, &change->models[change->model_count]);
        if (err < 0)
            return err;
        change->model_count++;
    }
    return 0;
}

static int take_limits(struct json_value limits, struct client_change *change) {
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        struct json_value value = json_get(limits, client_limit_word((enum client_limit)i));
        int64_t amount = 0;
        if (!json_present(value))
            continue;
        int err = json_is(value, JSON_NULL) ? 0 : json_i64(value, &amount);
        if (err < 0)
            return err;
        change->limits_given |= 1u << i;
        change->limits[i] = (uint64_t)amount;
    }
    return 0;
}

static int take_times(struct json_value body, struct arena *arena, struct client_change *change) {
    struct span text;
    int64_t at_ms = 0, grace_s = 0;
    int err = take_member(body, "expires_at", arena, &text);
    if (err == 0 && !span_absent(text) && !take_parse_time(text, &at_ms))
        err = ERR_INVALID;
    if (err == 0 && json_present(json_get(body, "grace_s")))
        err = json_i64(json_get(body, "grace_s"), &grace_s);
    /* 0 is "never", and 1970 is a way to say "at once" */
    change->expires_ms = !span_absent(text) && at_ms == 0 ? 1 : (uint64_t)at_ms;
    change->grace_ms = (uint64_t)grace_s * 1000;
    return err;
}

int client_change_take(struct json_value body, struct arena *arena,
                       struct client_change *ret_change) {
    static const struct {
        const char *name;
        unsigned bit;
    } members[] = {{"name", GIVEN_NAME},          {"models", GIVEN_MODELS},
                   {"expires_at", GIVEN_EXPIRES}, {"data_use", GIVEN_DATA_USE},
                   {"priority", GIVEN_PRIORITY},  {"role", GIVEN_ROLE}};
    for (size_t i = 0; i < array_length(members); i++)
        if (json_present(json_get(body, members[i].name)))
            ret_change->given |= members[i].bit;
    int err = take_member(body, "name", arena, &ret_change->name);
    if (err == 0)
        err = take_member(body, "role", arena, &ret_change->role);
    if (err == 0)
        err = take_member(body, "data_use", arena, &ret_change->data_use);
    if (err == 0)
        err = take_member(body, "priority", arena, &ret_change->priority);
    if (err == 0)
        err = take_models(json_get(body, "models"), arena, ret_change);
    if (err == 0)
        err = take_limits(json_get(body, "limits"), ret_change);
    return err == 0 ? take_times(body, arena, ret_change) : err;
}

void client_change_apply(const struct client_change *change, struct client_kept *kept) {
    struct store_client *row = &kept->row;
    if ((change->given & GIVEN_NAME) != 0)
        row->name = change->name;
    if ((change->given & GIVEN_ROLE) != 0)
        row->role = change->role;
    if ((change->given & GIVEN_DATA_USE) != 0)
        row->data_use = span_is(change->data_use, "any") ? SPAN_NONE : change->data_use;
    if ((change->given & GIVEN_PRIORITY) != 0)
        row->priority = change->priority;
    if ((change->given & GIVEN_EXPIRES) != 0)
        row->expires_ms = change->expires_ms;
    if ((change->given & GIVEN_MODELS) != 0) {
        memcpy(kept->models, change->models, sizeof kept->models);
        row->models = kept->models;
        row->model_count = change->model_count;
    }
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        if ((change->limits_given >> i & 1) != 0)
            row->limits[i] = change->limits[i];
}

/* --- the tables --- */

#define M_LIMIT(member, text) \
    M_BOUNDED(member, SCHEMA_WHOLE, SCHEMA_OPTIONAL | SCHEMA_NULLABLE, 1, CLIENT_LIMIT_MOST, text)
static const struct schema_member limits_taken[] = {
#define LIMIT_TAKEN(name, word, about) M_LIMIT(word, about),
    CLIENT_LIMIT_TABLE(LIMIT_TAKEN)
#undef LIMIT_TAKEN
        M_END,
};
static const struct schema limits_taken_schema = {
    "ClientLimitsWish", "Limits to set; null takes one away", limits_taken, false};

static const struct schema_member limits_given[] = {
#define LIMIT_GIVEN(name, word, about) M_WHOLE(word, SCHEMA_NULLABLE, about),
    CLIENT_LIMIT_TABLE(LIMIT_GIVEN)
#undef LIMIT_GIVEN
        M_END,
};
static const struct schema limits_given_schema = {"ClientLimits", "Limits of a client; null: none",
                                                  limits_given, false};

#define CHANGE_MEMBERS                                                                             \
    M_BOUNDED("models", SCHEMA_TEXT, SCHEMA_OPTIONAL | SCHEMA_NULLABLE | SCHEMA_LIST, 1,           \
              CLIENT_MODEL_MAX_BYTES,                                                              \
              "names it may ask for, with * for any letters; null or none: all"),                  \
        M_OBJECT("limits", SCHEMA_OPTIONAL, &limits_taken_schema, "what is left out stays"),       \
        M_TIME("expires_at", SCHEMA_OPTIONAL | SCHEMA_NULLABLE, "when its keys end; null: never"), \
        M_WORD("data_use", SCHEMA_OPTIONAL | SCHEMA_NULLABLE, "any|no-training",                   \
               "no-training: never a provider that may train on its prompts"),                     \
        M_WORD("priority", SCHEMA_OPTIONAL, "interactive|normal|batch", "class of its requests")

static const struct schema_member added_members[] = {
    M_BOUNDED("name", SCHEMA_TEXT, 0, 1, CLIENT_NAME_MAX_BYTES, "for people"),
    M_WORD("role", SCHEMA_OPTIONAL, "client|admin", "admin: may do what the admin API can"),
    CHANGE_MEMBERS,
    M_END,
};
static const struct schema added_schema = {"NewClient", "A client to make", added_members, false};

static const struct schema_member changed_members[] = {
    M_BOUNDED("name", SCHEMA_TEXT, SCHEMA_OPTIONAL, 1, CLIENT_NAME_MAX_BYTES, "for people"),
    CHANGE_MEMBERS,
    M_END,
};
static const struct schema changed_schema = {"ClientChange", "What is to be different",
                                             changed_members, false};

static const struct schema_member rotate_members[] = {
    M_BOUNDED("grace_s", SCHEMA_WHOLE, SCHEMA_OPTIONAL, 0, GRACE_MOST_S,
              "so long the old key stays good; 0: it ends at once"),
    M_END,
};
static const struct schema rotate_schema = {"ClientRotation", "How a key is replaced",
                                            rotate_members, false};

#define SHOWN_MEMBERS                                                                      \
    M_TEXT("id", 0, "names it in paths"), M_TEXT("name", 0, "for people"),                 \
        M_WORD("role", 0, "client|admin", "what its keys are for"),                        \
        M_TIME("created_at", 0, "when it was made"),                                       \
        M_TIME("expires_at", SCHEMA_NULLABLE, "when its keys end; null: never"),           \
        M_TIME("revoked_at", SCHEMA_NULLABLE, "since when they are refused"),              \
        M_TEXT("models", SCHEMA_NULLABLE | SCHEMA_LIST, "what it may ask for; null: all"), \
        M_OBJECT("limits", 0, &limits_given_schema, "of its own"),                         \
        M_WORD("data_use", SCHEMA_NULLABLE, "any|no-training", "null: as configured"),     \
        M_WORD("priority", 0, "interactive|normal|batch", "class of its requests"),        \
        M_TIME("last_used_at", SCHEMA_NULLABLE, "null: never yet")

static const struct schema_member shown_members[] = {SHOWN_MEMBERS, M_END};
static const struct schema shown_schema = {"Client", "One who may use this gateway", shown_members,
                                           false};

static const struct schema_member keyed_members[] = {
    SHOWN_MEMBERS,
    M_TEXT("key", SCHEMA_SECRET, "told this once and kept nowhere"),
    M_END,
};
static const struct schema keyed_schema = {"ClientWithKey", "A client and its new key",
                                           keyed_members, false};

static const struct schema_member page_query[] = {
    QUERY_PAGE,
    M_WORD("role", SCHEMA_OPTIONAL, "client|admin", "only these"),
    M_END,
};
static const struct schema_member revoke_query[] = {
    M_FLAG("forget", SCHEMA_OPTIONAL, "true: the row goes too, not only its keys"),
    M_END,
};

const struct endpoint_doc client_list_doc = {
    .operation = "listClients", .query = page_query, .gives = &shown_schema, .gives_list = true};
const struct endpoint_doc client_add_doc = {
    .operation = "addClient", .takes = &added_schema, .gives = &keyed_schema, .status = 201};
const struct endpoint_doc client_show_doc = {
    .operation = "getClient", .rest = "client", .gives = &shown_schema};
const struct endpoint_doc client_change_doc = {.operation = "changeClient",
                                               .rest = "client",
                                               .takes = &changed_schema,
                                               .gives = &shown_schema};
const struct endpoint_doc client_revoke_doc = {
    .operation = "revokeClient", .rest = "client", .query = revoke_query, .gives = &shown_schema};
const struct endpoint_doc client_rotate_doc = {.operation = "rotateClientKey",
                                               .rest = "client",
                                               .takes = &rotate_schema,
                                               .takes_optional = true,
                                               .gives = &keyed_schema};
