// SPDX-License-Identifier: Apache-2.0
/*
 * Who should answer: the members `models` and `provider`, as OpenRouter's clients send them.
 *
 * Why here: they ask for something this gateway does itself, so they are read, checked and never sent on. Members of `provider`
 * that choose among prices or ways of running a model mean nothing here and are passed over; a promise that cannot be kept
 * (`zdr`) is refused. Promises: a wrong type is a 400 with its place. Leaves to others: which names exist (catalog).
 * Source: OpenRouter's documents on provider routing and model fallbacks, 2026-08.
 */
#include "base/check.h"
#include "surface/openai_chat.h"

static int read_names(struct chat_decode *decode, struct json_value value,
                      struct task_names *ret_names) {
    uint32_t count = json_count(value);
    int err = surface__chat_expect(decode, value, CHAT_ARRAY);
    if (err < 0)
        return err;
    if (count > TASK_NAMES_MAX)
        return surface__chat_refuse(decode, API_BAD_REQUEST, value,
                                    "has %u names, but at most %d are allowed.", count,
                                    TASK_NAMES_MAX);
    struct span *names = arena_try_alloc(decode->arena, (count + 1) * sizeof *names);
    if (names == NULL)
        return surface__chat_too_large(decode);
    *ret_names = (struct task_names){.names = names};
    for (struct json_iter it = json_each(value); json_next(&it);) {
        struct span *name = &names[ret_names->count];
        err = surface__chat_expect(decode, it.value, CHAT_STRING);
        if (err < 0)
            return err;
        if (json_string(it.value, decode->arena, name) < 0)
            return surface__chat_too_large(decode);
        if (name->len == 0 || name->len > CHAT_NAME_MAX_BYTES)
            return surface__chat_refuse(decode, API_BAD_REQUEST, it.value,
                                        "must have from 1 to %d bytes.", CHAT_NAME_MAX_BYTES);
        if (arena_copy(decode->arena, *name, name) < 0) /* outlives the body in long streams */
            return surface__chat_too_large(decode);
        ret_names->count++;
    }
    return 0;
}

int surface__chat_models(struct chat_decode *decode, struct json_value value) {
    return read_names(decode, value, &decode->task->routing.models);
}

enum provider_member {
    MEMBER_ORDER,
    MEMBER_ONLY,
    MEMBER_IGNORE,
    MEMBER_ALLOW_FALLBACKS,
    MEMBER_REQUIRE_PARAMETERS,
    MEMBER_DATA_COLLECTION,
    MEMBER_ZDR,
    MEMBER_COUNT
};

static const struct span member_names[MEMBER_COUNT] = {
    [MEMBER_ORDER] = SPAN_LITERAL("order"),
    [MEMBER_ONLY] = SPAN_LITERAL("only"),
    [MEMBER_IGNORE] = SPAN_LITERAL("ignore"),
    [MEMBER_ALLOW_FALLBACKS] = SPAN_LITERAL("allow_fallbacks"),
    [MEMBER_REQUIRE_PARAMETERS] = SPAN_LITERAL("require_parameters"),
    [MEMBER_DATA_COLLECTION] = SPAN_LITERAL("data_collection"),
    [MEMBER_ZDR] = SPAN_LITERAL("zdr"),
};

static int read_lists(struct chat_decode *decode, const struct json_value *found) {
    struct task_routing *routing = &decode->task->routing;
    struct task_names *const lists[] = {[MEMBER_ORDER] = &routing->order,
                                        [MEMBER_ONLY] = &routing->only,
                                        [MEMBER_IGNORE] = &routing->ignore};
    int err = 0;
    for (size_t i = 0; err == 0 && i < array_length(lists); i++)
        if (json_present(found[i]))
            err = read_names(decode, found[i], lists[i]);
    return err;
}

static int read_switches(struct chat_decode *decode, const struct json_value *found) {
    static const enum provider_member switches[] = {MEMBER_ALLOW_FALLBACKS,
                                                    MEMBER_REQUIRE_PARAMETERS, MEMBER_ZDR};
    struct task_routing *routing = &decode->task->routing;
    int err = 0;
    for (size_t i = 0; err == 0 && i < array_length(switches); i++)
        if (json_present(found[switches[i]]))
            err = surface__chat_expect(decode, found[switches[i]], CHAT_BOOL);
    if (err < 0)
        return err;
    routing->no_fallbacks = json_is(found[MEMBER_ALLOW_FALLBACKS], JSON_FALSE);
    routing->require_parameters = json_is(found[MEMBER_REQUIRE_PARAMETERS], JSON_TRUE);
    if (!json_is(found[MEMBER_ZDR], JSON_TRUE))
        return 0;
    return surface__chat_refuse(decode, API_UNSUPPORTED_PARAMETER, found[MEMBER_ZDR],
                                "cannot be promised: what providers keep is by their terms. Ask "
                                "for data_collection: \"deny\", or for a model on this machine.");
}

static int read_data_collection(struct chat_decode *decode, struct json_value value) {
    if (!json_present(value))
        return 0;
    int err = surface__chat_expect(decode, value, CHAT_STRING);
    if (err < 0)
        return err;
    decode->task->routing.no_training = json_string_is(value, "deny");
    if (decode->task->routing.no_training || json_string_is(value, "allow"))
        return 0;
    return surface__chat_refuse(decode, API_BAD_REQUEST, value,
                                "must be \"allow\" or \"deny\", not \"%.*s\".",
                                SPAN_ARG(surface__chat_shown(value)));
}

int surface__chat_provider(struct chat_decode *decode, struct json_value value) {
    struct json_value found[MEMBER_COUNT];
    int err = surface__chat_members(decode, value, member_names, MEMBER_COUNT, found);
    if (err == 0)
        err = read_lists(decode, found);
    if (err == 0)
        err = read_switches(decode, found);
    return err == 0 ? read_data_collection(decode, found[MEMBER_DATA_COLLECTION]) : err;
}
