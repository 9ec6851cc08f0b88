// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Shared by the tests of catalog/: snapshots made by hand, and what a wish leads to as text. */
#include "base/check.h"
#include "base/mem.h"
#include "catalog/candidates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* A provider with one quota account and one key; returns the account. */
static inline uint32_t fixture_provider(struct catalog_builder *builder,
                                        const struct catalog_provider *provider) {
    uint32_t index = catalog_add_provider(builder, provider);
    const struct catalog_group group = {.provider = index, .name = SPAN_LITERAL("default")};
    const struct catalog_account account = {.provider = index,
                                            .group = catalog_add_group(builder, &group),
                                            .name = SPAN_LITERAL("default")};
    return catalog_add_account(builder, &account);
}

static inline uint32_t fixture_named(struct catalog_builder *builder, const char *id) {
    const struct catalog_provider provider = {.id = span_text(id)};
    return fixture_provider(builder, &provider);
}

static inline void fixture_route(struct catalog_builder *builder, const char *model,
                                 const struct catalog_route *route) {
    assert_int_equal(catalog_add_route(builder, span_text(model), route), 0);
}

/* Up to three targets; NULL ends them. */
static inline void fixture_alias(struct catalog_builder *builder, const char *name,
                                 const char *first, const char *second, const char *third) {
    const struct span targets[] = {span_text(first), span_text(second), span_text(third)};
    size_t count = third != NULL ? 3 : second != NULL ? 2 : 1;
    assert_int_equal(catalog_add_alias(builder, span_text(name), targets, count), 0);
}

/* Frees the builder. */
static inline struct catalog_snapshot *fixture_build(struct catalog_builder *builder) {
    struct catalog_snapshot *snapshot = NULL;
    struct span missing = SPAN_NONE;
    int err = catalog_build(builder, 7, &snapshot, &missing);
    if (err < 0)
        fail_msg("not built: %s: %.*s", err_name(err), SPAN_ARG(missing));
    catalog_builder_free(builder);
    return snapshot;
}

static inline const char *fixture_lack(enum catalog_lack lack) {
    static const char *const words[] = {
        [CATALOG_LACKS_NOTHING] = "nothing",
        [CATALOG_LACKS_PROVIDER_NAME] = "provider name",
        [CATALOG_LACKS_NAME] = "name",
        [CATALOG_LACKS_CHOICE] = "choice",
        [CATALOG_LACKS_PIN] = "pin",
        [CATALOG_LACKS_ROUTES] = "routes",
        [CATALOG_LACKS_KIND] = "kind",
        [CATALOG_LACKS_PROVIDER] = "provider",
        [CATALOG_LACKS_AUDIENCE] = "audience",
        [CATALOG_LACKS_DATA_USE] = "data use",
        [CATALOG_LACKS_CAPABILITY] = "capability",
        [CATALOG_LACKS_PARAMETER] = "parameter",
        [CATALOG_LACKS_CONTEXT] = "context",
    };
    return words[lack];
}

#define FIXTURE_TEXT_BYTES 1024

/* "0 1 4", or "no name", "no choice: a/x b/x": why not, and what to say instead. */
static inline void fixture_tell(const struct catalog_choice *choice, char *text) {
    size_t used = 0;
    text[0] = '\0';
    if (choice->lack != CATALOG_LACKS_NOTHING)
        used = (size_t)snprintf(text, FIXTURE_TEXT_BYTES, "no %s%s", fixture_lack(choice->lack),
                                choice->choice_count > 0 ? ":" : "");
    for (uint32_t i = 0; i < choice->choice_count; i++)
        used += (size_t)snprintf(text + used, FIXTURE_TEXT_BYTES - used, " %.*s",
                                 SPAN_ARG(choice->choices[i]));
    for (uint32_t i = 0; i < choice->route_count; i++)
        used += (size_t)snprintf(text + used, FIXTURE_TEXT_BYTES - used, "%s%u", i > 0 ? " " : "",
                                 choice->routes[i]);
}

static inline void fixture_expect(const struct catalog_snapshot *snapshot,
                                  const struct catalog_wish *wish, const char *expected) {
    struct catalog_choice choice;
    char text[FIXTURE_TEXT_BYTES];
    memset(&choice, 0xa5, sizeof choice); /* every member must be set */
    catalog_candidates(snapshot, wish, &choice);
    assert_int_equal(choice.lack == CATALOG_LACKS_NOTHING, choice.route_count > 0);
    fixture_tell(&choice, text);
    if (strcmp(text, expected) != 0)
        fail_msg("'%.*s' leads to '%s', expected '%s'", SPAN_ARG(wish->name), text, expected);
}
