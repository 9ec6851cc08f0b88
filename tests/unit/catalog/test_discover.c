// SPDX-License-Identifier: Apache-2.0
/* Which providers and routes are used, case by case, and that the sentences say what to do. */
#include "base/check.h"
#include "catalog/discover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char *const env[] = {"X_API_KEY", NULL};
static const char *const extra[] = {"X_ACCOUNT", NULL};

static struct fact_provider facts_of(enum fact_kind kind) {
    return (struct fact_provider){.id = "x",
                                  .env = env,
                                  .env_extra = extra,
                                  .unusable = "",
                                  .status = FACT_USABLE,
                                  .on = true,
                                  .kind = kind};
}

struct provider_row {
    struct discover_case provider;
    struct discover_policy policy;
    enum discover_verdict verdict;
};

static void judge_providers(const struct provider_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        enum discover_verdict verdict = discover_provider(&rows[i].provider, &rows[i].policy);
        if (verdict != rows[i].verdict)
            fail_msg("case %zu: verdict %d, expected %d", i, (int)verdict, (int)rows[i].verdict);
    }
}

static void decides_about_providers(void **state) {
    (void)state;
    const struct fact_provider usual = facts_of(FACT_RECURRING_FREE);
    const struct fact_provider keyless = facts_of(FACT_KEYLESS);
    const struct fact_provider local = facts_of(FACT_LOCAL);
    struct fact_provider off = facts_of(FACT_NEEDS_CARD), bills = facts_of(FACT_PAID);
    struct fact_provider safe = facts_of(FACT_KEYLESS), billed_key = facts_of(FACT_KEYLESS);
    struct fact_provider no_wire = usual, trains = usual, kind = usual, no_others = usual;
    off.on = bills.on = false;
    safe.keyless_safe = billed_key.keyless_safe = true;
    billed_key.key_is_billed = bills.key_is_billed = FACT_YES;
    no_wire.unusable = "own wire";
    trains.terms.trains = FACT_YES;
    kind.terms =
        (struct fact_terms){.trains = FACT_NO, .third_party = FACT_YES, .production = FACT_YES};
    no_others.terms.third_party = FACT_NO;
    const struct provider_row rows[] = {
        {{.facts = NULL}, {0}, DISCOVER_USED},
        {{.facts = NULL, .disabled = true}, {0}, DISCOVER_DISABLED},
        {{.facts = NULL}, {.no_training = true}, DISCOVER_TRAINS},
        {{.facts = NULL, .trains = FACT_NO}, {.no_training = true}, DISCOVER_USED},
        {{.facts = NULL, .paused = true}, {0}, DISCOVER_PAUSED},
        {{.facts = &usual, .has_key = true, .paused = true}, {0}, DISCOVER_PAUSED},
        {{.facts = &safe, .paused = true}, {0}, DISCOVER_PAUSED},
        {{.facts = &usual, .has_key = true, .paused = true, .disabled = true},
         {0},
         DISCOVER_DISABLED},
        {{.facts = &usual}, {0}, DISCOVER_NO_KEY},
        {{.facts = &usual, .has_key = true}, {0}, DISCOVER_USED},
        {{.facts = &usual, .has_key = true, .disabled = true}, {0}, DISCOVER_DISABLED},
        {{.facts = &usual, .has_key = true, .extra_missing = true}, {0}, DISCOVER_EXTRA_MISSING},
        {{.facts = &off, .has_key = true}, {0}, DISCOVER_OFF},
        {{.facts = &off, .has_key = true, .named = true}, {0}, DISCOVER_USED},
        {{.facts = &bills, .has_key = true}, {0}, DISCOVER_ONLY_BILLS},
        {{.facts = &bills, .has_key = true, .named = true}, {0}, DISCOVER_ONLY_BILLS},
        {{.facts = &bills, .has_key = true, .named = true, .paid = true}, {0}, DISCOVER_USED},
        {{.facts = &safe}, {0}, DISCOVER_USED_KEYLESS},
        {{.facts = &safe}, {.keyless = KEYLESS_OFF}, DISCOVER_KEYLESS_OFF},
        {{.facts = &safe, .named = true}, {.keyless = KEYLESS_OFF}, DISCOVER_KEYLESS_OFF},
        {{.facts = &keyless}, {0}, DISCOVER_KEYLESS_OFF},
        {{.facts = &keyless, .named = true}, {0}, DISCOVER_USED_KEYLESS},
        {{.facts = &keyless}, {.keyless = KEYLESS_ALL}, DISCOVER_USED_KEYLESS},
        {{.facts = &keyless, .has_key = true}, {0}, DISCOVER_USED},
        {{.facts = &billed_key, .has_key = true}, {0}, DISCOVER_USED_KEYLESS},
        {{.facts = &billed_key, .has_key = true, .paid = true}, {0}, DISCOVER_USED},
        {{.facts = &no_wire, .has_key = true}, {0}, DISCOVER_NO_WIRE},
        {{.facts = &local}, {0}, DISCOVER_NOT_RUNNING},
        {{.facts = &local, .found = true}, {.no_training = true}, DISCOVER_USED},
        {{.facts = &local, .found = true}, {.audience = AUDIENCE_PUBLIC}, DISCOVER_USED},
        {{.facts = &trains, .has_key = true}, {.no_training = true}, DISCOVER_TRAINS},
        {{.facts = &trains, .has_key = true, .trains = FACT_NO},
         {.no_training = true},
         DISCOVER_USED},
        {{.facts = &usual, .has_key = true}, {.no_training = true}, DISCOVER_TRAINS},
        {{.facts = &kind, .has_key = true}, {.no_training = true}, DISCOVER_USED},
        {{.facts = &kind, .has_key = true}, {.audience = AUDIENCE_PUBLIC}, DISCOVER_USED},
        {{.facts = &usual, .has_key = true}, {.audience = AUDIENCE_PUBLIC}, DISCOVER_AUDIENCE},
        {{.facts = &usual, .has_key = true}, {.audience = AUDIENCE_GROUP}, DISCOVER_USED},
        {{.facts = &no_others, .has_key = true}, {.audience = AUDIENCE_GROUP}, DISCOVER_AUDIENCE},
        {{.facts = &no_others, .has_key = true}, {.audience = AUDIENCE_SELF}, DISCOVER_USED},
    };
    judge_providers(rows, array_length(rows));
}

static void decides_about_routes(void **state) {
    const struct fact_provider usual = facts_of(FACT_RECURRING_FREE);
    const struct discover_case found = {.facts = &usual, .has_key = true};
    const struct discover_case named = {.facts = &usual, .has_key = true, .named = true};
    const struct discover_case paid = {
        .facts = &usual, .has_key = true, .named = true, .paid = true};
    const struct {
        const struct discover_case *provider;
        enum fact_route_status status;
        bool listed;
        enum discover_reach reach;
    } cases[] = {
        {&found, FACT_LISTED_FREE, false, REACH_AUTOMATIC},
        {&found, FACT_CREDIT_METERED, false, REACH_AUTOMATIC},
        {&found, FACT_PIN_ONLY, false, REACH_BY_NAME_ONLY},
        {&found, FACT_PIN_ONLY, true, REACH_AUTOMATIC},
        {&found, FACT_PAID_ONLY, false, REACH_NOT},
        {&found, FACT_ROUTE_NEEDS_CARD, false, REACH_NOT},
        {&found, FACT_DELISTED, false, REACH_NOT},
        {&found, FACT_HANGS, false, REACH_NOT},
        {&named, FACT_ROUTE_NEEDS_CARD, false, REACH_AUTOMATIC},
        {&named, FACT_ROUTE_ONE_TIME, false, REACH_AUTOMATIC},
        {&named, FACT_ROUTE_UNCERTAIN, false, REACH_AUTOMATIC},
        {&named, FACT_PAID_ONLY, false, REACH_NOT},
        {&named, FACT_HANGS, true, REACH_AUTOMATIC},
        {&paid, FACT_LISTED_FREE, false, REACH_BY_NAME_ONLY},
        {&paid, FACT_PAID_ONLY, false, REACH_BY_NAME_ONLY},
        {&paid, FACT_REMOVED, false, REACH_NOT},
        {&paid, FACT_REMOVED, true, REACH_BY_NAME_ONLY},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct fact_route route = {.status = cases[i].status};
        enum discover_reach reach = discover_route(cases[i].provider, &route, cases[i].listed);
        if (reach != cases[i].reach)
            fail_msg("case %zu: reach %d, expected %d", i, (int)reach, (int)cases[i].reach);
    }
}

static void says_what_to_do(void **state) {
    struct fact_provider facts = facts_of(FACT_PAID);
    char text[160];
    (void)state;
    facts.unusable = "it is a queue";
    discover_sentence(DISCOVER_NO_KEY, &facts, text, sizeof text);
    assert_string_equal(text, "no key found; set X_API_KEY");
    discover_sentence(DISCOVER_EXTRA_MISSING, &facts, text, sizeof text);
    assert_string_equal(text, "key found; also needs X_ACCOUNT");
    discover_sentence(DISCOVER_NO_WIRE, &facts, text, sizeof text);
    assert_string_equal(text, "not usable: it is a queue");
    for (int verdict = 0; verdict < DISCOVER_VERDICT_COUNT; verdict++) {
        discover_sentence((enum discover_verdict)verdict, &facts, text, sizeof text);
        assert_true(strlen(text) > 5 && strstr(text, "%s") == NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_about_providers),
        cmocka_unit_test(decides_about_routes),
        cmocka_unit_test(says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
