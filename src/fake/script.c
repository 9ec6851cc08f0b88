// SPDX-License-Identifier: Apache-2.0
/*
 * Settings and scripts of simulated providers from JSON, and statistics back.
 *
 * One table of members. Promises: an unknown member or fault is named, and nothing of that object is applied. Leaves to others:
 * where the JSON comes from (mock/).
 */
#include "fake/fake.h"

#include "base/check.h"

#include <stddef.h>

enum member_type { MEMBER_U64, MEMBER_U32, MEMBER_BOOL };

static const struct {
    const char *name;
    enum member_type type;
    size_t offset;
    int64_t most; /* 0 = what 32 bits hold */
} members[] = {
    {"latency_ms", MEMBER_U64, offsetof(struct fake_settings, latency_ms), 0},
    {"gap_ms", MEMBER_U64, offsetof(struct fake_settings, gap_ms), 0},
    {"tokens", MEMBER_U32, offsetof(struct fake_settings, tokens), 0},
    {"reasoning", MEMBER_BOOL, offsetof(struct fake_settings, reasoning), 0},
    {"limit_requests", MEMBER_U32, offsetof(struct fake_settings, limit_requests), FAKE_WINDOW_MAX},
    {"limit_window_ms", MEMBER_U64, offsetof(struct fake_settings, limit_window_ms), 0},
    {"concurrency", MEMBER_U32, offsetof(struct fake_settings, concurrency), 0},
    {"retry_after_ms", MEMBER_U64, offsetof(struct fake_settings, retry_after_ms), 0},
};

static const char *const retry_forms[] = {"seconds", "ms", "date", "none"};

struct scripted {
    struct fake_settings settings;
    enum fault always;
    enum fault faults[FAKE_FAULTS_QUEUED_MAX];
    uint32_t fault_count;
};

static bool find_fault(struct json_value value, enum fault *ret_fault) {
    for (uint32_t i = 0; i < FAULT_COUNT; i++)
        if (json_string_is(value, fault_row((enum fault)i)->name)) {
            *ret_fault = (enum fault)i;
            return true;
        }
    return false;
}

static int set_member(struct fake_settings *settings, size_t row, struct json_value value) {
    void *place = (char *)settings + members[row].offset;
    int64_t number;
    int64_t most = members[row].most != 0 ? members[row].most : UINT32_MAX;
    if (members[row].type == MEMBER_BOOL)
        return json_bool(value, place);
    int err = json_i64(value, &number);
    if (err < 0)
        return err;
    if (number < 0 || number > most)
        return ERR_RANGE;
    if (members[row].type == MEMBER_U64)
        *(uint64_t *)place = (uint64_t)number;
    else
        *(uint32_t *)place = (uint32_t)number;
    return 0;
}

static int set_faults(struct scripted *scripted, struct json_value list) {
    if (!json_is(list, JSON_ARRAY))
        return ERR_TYPE;
    for (struct json_iter it = json_each(list); json_next(&it);) {
        if (scripted->fault_count == FAKE_FAULTS_QUEUED_MAX)
            return ERR_TOO_LARGE;
        if (!find_fault(it.value, &scripted->faults[scripted->fault_count++]))
            return ERR_NOT_FOUND;
    }
    return 0;
}

static int set_text(struct fake_settings *settings, struct json_value value, struct arena *arena) {
    struct span text;
    int err = json_string(value, arena, &text);
    if (err == 0 && text.len >= sizeof settings->text)
        err = ERR_TOO_LARGE;
    if (err < 0)
        return err;
    memcpy(settings->text, text.ptr, text.len);
    settings->text[text.len] = '\0';
    return 0;
}

static int set_retry_form(struct fake_settings *settings, struct json_value value) {
    for (size_t i = 0; i < array_length(retry_forms); i++)
        if (json_string_is(value, retry_forms[i])) {
            settings->retry_form = (enum fake_retry_form)i;
            return 0;
        }
    return ERR_NOT_FOUND;
}

static int set_one(struct scripted *scripted, struct json_value key, struct json_value value,
                   struct arena *arena) {
    for (size_t row = 0; row < array_length(members); row++)
        if (json_string_is(key, members[row].name))
            return set_member(&scripted->settings, row, value);
    if (json_string_is(key, "faults"))
        return set_faults(scripted, value);
    if (json_string_is(key, "always"))
        return find_fault(value, &scripted->always) ? 0 : ERR_NOT_FOUND;
    if (json_string_is(key, "text"))
        return set_text(&scripted->settings, value, arena);
    if (json_string_is(key, "retry_form"))
        return set_retry_form(&scripted->settings, value);
    return json_string_is(key, "provider") ? 0 : ERR_NOT_FOUND;
}

static void apply(struct fake_provider *provider, const struct scripted *scripted) {
    provider->settings = scripted->settings;
    provider->always = scripted->always;
    memcpy(provider->queue, scripted->faults, sizeof provider->queue);
    provider->queue_first = 0;
    provider->queue_count = scripted->fault_count;
}

int fake_script(struct fake_world *world, struct json_value object, struct arena *arena,
                const char **ret_problem) {
    struct span name = SPAN_NONE;
    *ret_problem = "provider: a name of at most 63 bytes is needed";
    if (json_string(json_get(object, "provider"), arena, &name) < 0)
        return ERR_INVALID;
    struct fake_provider *provider = fake_provider_get(world, name);
    if (provider == NULL)
        return ERR_INVALID;
    struct scripted *scripted = arena_try_alloc(arena, sizeof *scripted);
    if (scripted == NULL)
        return ERR_TOO_LARGE;
    *scripted = (struct scripted){.settings = provider->settings, .always = provider->always};
    for (struct json_iter it = json_each(object); json_next(&it);) {
        int err = set_one(scripted, it.key, it.value, arena);
        if (err < 0) {
            *ret_problem =
                arena_format(arena, "%.*s: %s", SPAN_ARG(json_raw(it.key)), err_text(err));
            return ERR_INVALID;
        }
    }
    apply(provider, scripted);
    return 0;
}

static int write_provider(const struct fake_provider *provider, struct dynbuf *out) {
    const struct fake_stats *stats = &provider->stats;
    int err = json_write_string(out, span_text(provider->name));
    if (err == 0)
        err = dynbuf_append_format(
            out,
            ":{\"requests\":%llu,\"answered\":%llu,\"refused_by_limit\":%llu,\"closed_by_client\":%"
            "llu,"
            "\"open_now\":%u,\"open_most\":%u,\"faults\":{",
            (unsigned long long)stats->requests, (unsigned long long)stats->answered,
            (unsigned long long)stats->refused_by_limit,
            (unsigned long long)stats->closed_by_client, stats->open_now, stats->open_most);
    bool first = true;
    for (uint32_t i = 1; i < FAULT_COUNT && err == 0; i++) {
        if (stats->faults[i] == 0)
            continue;
        err = dynbuf_append_format(out, "%s\"%s\":%llu", first ? "" : ",",
                                   fault_row((enum fault)i)->name,
                                   (unsigned long long)stats->faults[i]);
        first = false;
    }
    return err == 0 ? dynbuf_append_text(out, "}}") : err;
}

int fake_write_stats(struct fake_world *world, struct dynbuf *out) {
    int err = dynbuf_append_text(out, "{");
    for (uint32_t i = 0; i < fake_provider_count(world) && err == 0; i++) {
        err = dynbuf_append_text(out, i > 0 ? "," : "");
        if (err == 0)
            err = write_provider(fake_provider_at(world, i), out);
    }
    return err == 0 ? dynbuf_append_text(out, "}\n") : err;
}
