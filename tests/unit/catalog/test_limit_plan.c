// SPDX-License-Identifier: Apache-2.0
/*
 * Which routes share a limit.
 *
 * The provider of these tests has two quota accounts, the first with two keys, and two models.
 */
#include "base/check.h"
#include "catalog/limit_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct stage {
    struct catalog_builder *builder;
    struct limit_planner *planner;
    struct fact_provider facts;
    uint32_t groups[2], accounts[3];
};

static void set_up(struct stage *stage, const struct fact_limit *limits, uint32_t count) {
    const struct catalog_provider provider = {.id = SPAN_LITERAL("x")};
    *stage = (struct stage){.builder = catalog_builder_new(),
                            .facts = {.id = "x",
                                      .kind = FACT_RECURRING_FREE,
                                      .default_plan = "",
                                      .limits = limits,
                                      .limit_count = count}};
    stage->planner = limit_planner_new(stage->builder);
    uint32_t index = catalog_add_provider(stage->builder, &provider);
    for (uint32_t i = 0; i < 2; i++) {
        const struct catalog_group group = {.provider = index, .name = SPAN_LITERAL("g")};
        stage->groups[i] = catalog_add_group(stage->builder, &group);
    }
    for (uint32_t i = 0; i < 3; i++) {
        const struct catalog_account account = {.provider = index, .group = stage->groups[i / 2]};
        stage->accounts[i] = catalog_add_account(stage->builder, &account);
    }
}

static void tear_down(struct stage *stage) {
    limit_planner_free(stage->planner);
    catalog_builder_free(stage->builder);
}

/* Key 0 and 1 are of the first account, 2 of the second. */
static struct limit_subject subject_of(const struct stage *stage, uint32_t key, const char *model) {
    return (struct limit_subject){.provider = 0,
                                  .group = stage->groups[key / 2],
                                  .account = stage->accounts[key],
                                  .facts = &stage->facts,
                                  .plan = SPAN_LITERAL(""),
                                  .upstream = span_text(model),
                                  .task = SPAN_LITERAL("chat"),
                                  .has_key = true};
}

static uint32_t plan(struct stage *stage, uint32_t key, const char *model, uint32_t *ret_limits) {
    const struct limit_subject subject = subject_of(stage, key, model);
    uint32_t count = 0;
    assert_int_equal(limit_plan_facts(stage->planner, &subject, ret_limits, &count), 0);
    return count;
}

#define ROW(unit_, scope_, amount_)                                                      \
    {                                                                                    \
        .unit = (unit_), .shape = LIMIT_ROLLING, .scope = (scope_), .amount = (amount_), \
        .window_ms = 60000, .zone = "", .plan = ""                                       \
    }

static void scopes_share_what_they_say(void **state) {
    static const struct {
        enum limit_scope scope;
        bool other_key, other_account,
            other_model; /* shared with the first key's route of model a? */
    } cases[] = {
        {LIMIT_BY_ACCOUNT, true, false, true},  {LIMIT_BY_MODEL, true, false, false},
        {LIMIT_BY_KEY, false, false, true},     {LIMIT_BY_IP, true, true, true},
        {LIMIT_BY_IP_MODEL, true, true, false}, {LIMIT_BY_TASK, true, false, true},
        {LIMIT_BY_SERVER, true, false, true},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct fact_limit row = ROW(LIMIT_REQUESTS, cases[i].scope, 5);
        struct stage stage;
        uint32_t first[LIMIT_ROUTE_MAX], key[LIMIT_ROUTE_MAX], account[LIMIT_ROUTE_MAX],
            model[LIMIT_ROUTE_MAX];
        set_up(&stage, &row, 1);
        assert_int_equal(plan(&stage, 0, "a", first), 1);
        assert_int_equal(plan(&stage, 1, "a", key), 1);
        assert_int_equal(plan(&stage, 2, "a", account), 1);
        assert_int_equal(plan(&stage, 0, "b", model), 1);
        assert_int_equal(first[0] == key[0], cases[i].other_key);
        assert_int_equal(first[0] == account[0], cases[i].other_account);
        assert_int_equal(first[0] == model[0], cases[i].other_model);
        tear_down(&stage);
    }
}

static void sizes_nobody_knows(void **state) {
    const struct fact_limit rows[] = {ROW(LIMIT_REQUESTS, LIMIT_BY_ACCOUNT, 0),
                                      ROW(LIMIT_OTHER, LIMIT_BY_ACCOUNT, 0)};
    struct stage stage;
    uint32_t limits[LIMIT_ROUTE_MAX], again[LIMIT_ROUTE_MAX];
    (void)state;
    set_up(&stage, rows, 2);
    assert_int_equal(plan(&stage, 0, "a", limits), 2); /* both rows lead to the same pair */
    assert_int_equal(plan(&stage, 0, "b", again), 2);
    assert_true(limits[0] == again[0] && limits[1] == again[1]);
    tear_down(&stage);

    set_up(&stage, NULL, 0); /* nothing is known at all */
    assert_int_equal(plan(&stage, 0, "a", limits), 2);
    tear_down(&stage);

    const struct fact_limit credit = ROW(LIMIT_MICRO_USD, LIMIT_BY_ACCOUNT, 10000000);
    set_up(&stage, &credit, 1); /* nothing that we could count */
    assert_int_equal(plan(&stage, 0, "a", limits), 2);
    tear_down(&stage);

    const struct fact_limit both[] = {credit, ROW(LIMIT_REQUESTS, LIMIT_BY_ACCOUNT, 7)};
    set_up(&stage, both, 2);
    assert_int_equal(plan(&stage, 0, "a", limits), 1);
    stage.facts.kind = FACT_LOCAL;
    stage.facts.limit_count = 0;
    assert_int_equal(plan(&stage, 0, "c", limits), 0);
    tear_down(&stage);
}

static void plans_models_and_tasks(void **state) {
    static const char *const only_a[] = {"a*", NULL};
    static const char *const embed[] = {"embed", NULL};
    struct fact_limit rows[] = {
        ROW(LIMIT_REQUESTS, LIMIT_BY_ACCOUNT, 1), ROW(LIMIT_REQUESTS, LIMIT_BY_ACCOUNT, 2),
        ROW(LIMIT_REQUESTS, LIMIT_BY_ACCOUNT, 3), ROW(LIMIT_REQUESTS, LIMIT_BY_ACCOUNT, 4),
        ROW(LIMIT_REQUESTS, LIMIT_BY_ACCOUNT, 5)};
    static const struct fact_plan plans[] = {{"anonymous", "without a key"}};
    struct stage stage;
    uint32_t limits[LIMIT_ROUTE_MAX];
    uint32_t count = 0;
    (void)state;
    rows[0].plan = "topped_up";
    rows[1].plan = "usual";
    rows[2].models = only_a;
    rows[3].tasks = embed;
    rows[4].plan = "anonymous";
    set_up(&stage, rows, 5);
    stage.facts.default_plan = "usual";
    stage.facts.plans = plans;
    stage.facts.plan_count = 1;
    assert_int_equal(plan(&stage, 0, "b", limits), 1);  /* the default plan's */
    assert_int_equal(plan(&stage, 0, "a1", limits), 2); /* and the one for a* */
    struct limit_subject subject = subject_of(&stage, 0, "b");
    subject.plan = SPAN_LITERAL("topped_up");
    subject.task = SPAN_LITERAL("embed");
    assert_int_equal(limit_plan_facts(stage.planner, &subject, limits, &count), 0);
    assert_int_equal(count, 2);
    subject = subject_of(&stage, 0, "b");
    subject.has_key = false;
    count = 0;
    assert_int_equal(limit_plan_facts(stage.planner, &subject, limits, &count), 0);
    assert_int_equal(count, 1); /* the anonymous one instead of the usual one */
    tear_down(&stage);
}

static void refuses_what_cannot_be(void **state) {
    struct fact_limit rows[LIMIT_ROUTE_MAX + 1];
    struct stage stage;
    uint32_t limits[LIMIT_ROUTE_MAX];
    uint32_t count = 0;
    (void)state;
    for (uint32_t i = 0; i < array_length(rows); i++)
        rows[i] = (struct fact_limit)ROW(LIMIT_REQUESTS, LIMIT_BY_ACCOUNT, i + 1);
    set_up(&stage, rows, array_length(rows));
    struct limit_subject subject = subject_of(&stage, 0, "a");
    assert_int_equal(limit_plan_facts(stage.planner, &subject, limits, &count), ERR_TOO_LARGE);
    tear_down(&stage);

    rows[0].zone = "Mars/Olympus";
    set_up(&stage, rows, 1);
    subject = subject_of(&stage, 0, "a");
    count = 0;
    assert_int_equal(limit_plan_facts(stage.planner, &subject, limits, &count), ERR_NOT_FOUND);
    tear_down(&stage);
}

static void stated_limits_have_their_own_rows(void **state) {
    const struct catalog_limit stated = {.unit = LIMIT_TOKENS,
                                         .shape = LIMIT_ROLLING,
                                         .scope = LIMIT_BY_ACCOUNT,
                                         .amount = 9,
                                         .window_ms = 60000};
    struct stage stage;
    uint32_t limits[LIMIT_ROUTE_MAX];
    uint32_t count = 0;
    (void)state;
    set_up(&stage, NULL, 0);
    struct limit_subject subject = subject_of(&stage, 0, "a");
    assert_int_equal(limit_plan_stated(stage.planner, &subject, &stated, limits, &count), 0);
    assert_int_equal(limit_plan_stated(stage.planner, &subject, &stated, limits, &count), 0);
    assert_int_equal(count, 1);
    subject.row = 1;
    assert_int_equal(limit_plan_stated(stage.planner, &subject, &stated, limits, &count), 0);
    assert_int_equal(count, 2);
    tear_down(&stage);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_share_what_they_say),
        cmocka_unit_test(sizes_nobody_knows),
        cmocka_unit_test(plans_models_and_tasks),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(stated_limits_have_their_own_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
