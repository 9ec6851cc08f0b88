// SPDX-License-Identifier: Apache-2.0
/*
 * The table of clients: who is found by which key, at which time, and what a table refuses to hold.
 */
#include "unit/client/client_fixture.h"

#include "base/check.h"
#include "base/mem.h"

struct world {
    struct secret *hash_key;
    struct client_table *table;
};

static int begin(void **state) {
    struct world *w = mem_zalloc(sizeof *w);
    assert_int_equal(key_new(&w->hash_key), 0);
    *state = w;
    return 0;
}

static int end(void **state) {
    struct world *w = *state;
    client_table_unref(w->table);
    secret_unref(w->hash_key);
    mem_free(w);
    return 0;
}

static enum client_verdict ask(const struct world *w, uint32_t key, int64_t now_ms,
                               const char **ret_id) {
    char text[CLIENT_KEY_TEXT_MAX_BYTES];
    const struct client *client;
    enum client_verdict verdict =
        client_table_find(w->table, fixture_key(CLIENT_USER, key, text), now_ms, &client);
    *ret_id = client != NULL ? client->id : NULL;
    return verdict;
}

static void add_key(const struct world *w, struct client_row *row, uint32_t key, int64_t until_ms) {
    char text[CLIENT_KEY_TEXT_MAX_BYTES];
    fixture_add_key(row, w->hash_key, fixture_key(CLIENT_USER, key, text), until_ms);
}

static void judges(void **state) {
    struct world *w = *state;
    struct client_row rows[] = {fixture_row("cl_a"), fixture_row("cl_b"), fixture_row("cl_c"),
                                fixture_row("cl_d")};
    const char *id;
    add_key(w, &rows[0], 1, 0);
    rows[1].client.expires_ms = NOW_MS;
    add_key(w, &rows[1], 2, 0);
    rows[2].client.revoked_ms = NOW_MS - 5;
    add_key(w, &rows[2], 3, 0);
    add_key(w, &rows[3], 4, 0);
    add_key(w, &rows[3], 5, NOW_MS);
    assert_int_equal(client_table_new(rows, 4, w->hash_key, &w->table), 0);
    static const struct {
        uint32_t key;
        int64_t now_ms;
        enum client_verdict verdict;
        const char *id;
    } asked[] = {
        {1, NOW_MS, CLIENT_KNOWN, "cl_a"},    {2, NOW_MS - 1, CLIENT_KNOWN, "cl_b"},
        {2, NOW_MS, CLIENT_EXPIRED, "cl_b"},  {3, NOW_MS, CLIENT_REVOKED, "cl_c"},
        {4, NOW_MS, CLIENT_KNOWN, "cl_d"},    {5, NOW_MS - 1, CLIENT_KNOWN, "cl_d"},
        {5, NOW_MS, CLIENT_REPLACED, "cl_d"}, {6, NOW_MS, CLIENT_UNKNOWN_KEY, NULL},
    };
    for (size_t i = 0; i < array_length(asked); i++) {
        assert_int_equal(ask(w, asked[i].key, asked[i].now_ms, &id), asked[i].verdict);
        assert_true((id == NULL) == (asked[i].id == NULL));
        if (id != NULL)
            assert_string_equal(id, asked[i].id);
    }
    assert_int_equal(client_table_count(w->table), 4);
    assert_int_equal(client_table_count_active(w->table, NOW_MS), 2);
    assert_int_equal(client_table_count_active(w->table, NOW_MS - 1), 3);
}

static void says_what_is_no_key(void **state) {
    struct world *w = *state;
    const struct client *client;
    char text[CLIENT_KEY_TEXT_MAX_BYTES];
    assert_int_equal(client_table_new(NULL, 0, w->hash_key, &w->table), 0);
    struct span key = fixture_key(CLIENT_USER, 9, text);
    assert_int_equal(client_table_find(w->table, SPAN_NONE, NOW_MS, &client), CLIENT_NO_KEY);
    assert_int_equal(client_table_find(w->table, SPAN_LITERAL("sk-proj-1"), NOW_MS, &client),
                     CLIENT_FOREIGN_KEY);
    assert_int_equal(client_table_find(w->table, key, NOW_MS, &client), CLIENT_UNKNOWN_KEY);
    text[20] ^= 1;
    assert_int_equal(client_table_find(w->table, key, NOW_MS, &client), CLIENT_MISTYPED_KEY);
    assert_null(client);
    assert_int_equal(client_table_count_active(w->table, NOW_MS), 0);
}

/* Under another secret the same rows know nobody: what is stored is of no use elsewhere. */
static void needs_its_own_secret(void **state) {
    struct world *w = *state;
    struct secret *other;
    struct client_row row = fixture_row("cl_a");
    const char *id;
    add_key(w, &row, 1, 0);
    assert_int_equal(key_new(&other), 0);
    assert_int_equal(client_table_new(&row, 1, other, &w->table), 0);
    secret_unref(other);
    assert_int_equal(ask(w, 1, NOW_MS, &id), CLIENT_UNKNOWN_KEY);
}

static void matches_models(void **state) {
    struct world *w = *state;
    const struct span models[] = {SPAN_LITERAL("gpt-oss-*"), SPAN_LITERAL("auto"),
                                  SPAN_LITERAL("*:free")};
    struct client_row rows[] = {fixture_row("cl_a"), fixture_row("cl_b")};
    struct span pattern;
    uint32_t at = 0;
    rows[0].name = SPAN_LITERAL("class 7b");
    rows[0].models = models;
    rows[0].client.model_count = 3;
    rows[1].name = SPAN_LITERAL("all");
    assert_int_equal(client_table_new(rows, 2, w->hash_key, &w->table), 0);
    const struct client *some = client_table_by_id(w->table, SPAN_LITERAL("cl_a"));
    const struct client *all = client_table_at(w->table, 1);
    assert_true(span_is(client_name(w->table, some), "class 7b"));
    assert_true(span_is(client_name(w->table, all), "all"));
    assert_true(client_may_use(w->table, some, SPAN_LITERAL("gpt-oss-120b")));
    assert_true(client_may_use(w->table, some, SPAN_LITERAL("x/y:free")));
    assert_false(client_may_use(w->table, some, SPAN_LITERAL("auto:smart")));
    assert_false(client_may_use(w->table, some, SPAN_LITERAL("")));
    assert_true(client_may_use(w->table, all, SPAN_LITERAL("auto:smart")));
    for (int i = 0; i < 3; i++) {
        assert_true(client_model(w->table, some, &at, &pattern));
        assert_true(span_equal(pattern, models[i]));
    }
    assert_false(client_model(w->table, some, &at, &pattern));
    assert_null(client_table_by_id(w->table, SPAN_LITERAL("cl_")));
}

static void refuses_rows(void **state) {
    struct world *w = *state;
    struct client_row good = fixture_row("cl_a"), rows[2];
    char long_name[CLIENT_NAME_MAX_BYTES + 1];
    const struct span empty = SPAN_LITERAL("");
    memset(long_name, 'n', sizeof long_name);
    add_key(w, &good, 1, 0);
    rows[0] = rows[1] = good;
    assert_int_equal(client_table_new(rows, 2, w->hash_key, &w->table), ERR_DUPLICATE); /* key */
    rows[1].key_count = 0;
    assert_int_equal(client_table_new(rows, 2, w->hash_key, &w->table), ERR_DUPLICATE); /* id */
    rows[0] = good;
    rows[0].name = span_of(long_name, sizeof long_name);
    assert_int_equal(client_table_new(rows, 1, w->hash_key, &w->table), ERR_TOO_LARGE);
    rows[0] = good;
    rows[0].client.model_count = 1;
    rows[0].models = &empty;
    assert_int_equal(client_table_new(rows, 1, w->hash_key, &w->table), ERR_TOO_LARGE);
    rows[0] = good;
    rows[0].client.weight = 0;
    assert_int_equal(client_table_new(rows, 1, w->hash_key, &w->table), ERR_RANGE);
    rows[0] = good;
    rows[0].client.limits.amount[CLIENT_TOKENS_PER_DAY] = CLIENT_LIMIT_MOST + 1;
    assert_int_equal(client_table_new(rows, 1, w->hash_key, &w->table), ERR_RANGE);
    rows[0] = good;
    rows[0].client.role = CLIENT_ROLE_COUNT;
    assert_int_equal(client_table_new(rows, 1, w->hash_key, &w->table), ERR_RANGE);
    memset(rows[0].client.id, 'x', sizeof rows[0].client.id);
    rows[0].client.role = CLIENT_USER;
    assert_int_equal(client_table_new(rows, 1, w->hash_key, &w->table), ERR_RANGE);
    assert_null(w->table);
}

/* Ten thousand, each found by its key and nobody else's; and what each takes. */
static void holds_many(void **state) {
    enum { MANY = 10000 };
    struct world *w = *state;
    struct client_row *rows = mem_zalloc(MANY * sizeof *rows);
    const char *id;
    char wanted[CLIENT_ID_BYTES];
    for (uint32_t i = 0; i < MANY; i++) {
        char name[CLIENT_ID_BYTES];
        (void)snprintf(name, sizeof name, "cl_%016u", i);
        rows[i] = fixture_row(name);
        rows[i].name = SPAN_LITERAL("a student of 7b");
        add_key(w, &rows[i], i, 0);
    }
    assert_int_equal(client_table_new(rows, MANY, w->hash_key, &w->table), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        (void)snprintf(wanted, sizeof wanted, "cl_%016u", i);
        assert_int_equal(ask(w, i, NOW_MS, &id), CLIENT_KNOWN);
        assert_string_equal(id, wanted);
        assert_int_equal(ask(w, MANY + i, NOW_MS, &id), CLIENT_UNKNOWN_KEY);
    }
    assert_true(client_table_bytes(w->table) / MANY <= 200);
    mem_free(rows);
}

static void has_words(void **state) {
    enum client_limit limit;
    enum client_role role;
    enum client_priority priority;
    (void)state;
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++) {
        assert_true(client_limit_find(span_text(client_limit_word((enum client_limit)i)), &limit));
        assert_int_equal(limit, i);
        assert_true(strlen(client_limit_about(limit)) > 0);
    }
    for (unsigned i = 0; i < CLIENT_ROLE_COUNT; i++) {
        assert_true(client_role_find(span_text(client_role_word((enum client_role)i)), &role));
        assert_int_equal(role, i);
    }
    for (unsigned i = 0; i < CLIENT_PRIORITY_COUNT; i++) {
        assert_true(client_priority_find(span_text(client_priority_word((enum client_priority)i)),
                                         &priority));
        assert_int_equal(priority, i);
    }
    assert_false(client_limit_find(SPAN_LITERAL("requests_per_hour"), &limit));
    assert_false(client_role_find(SPAN_LITERAL("root"), &role));
    assert_false(client_priority_find(SPAN_NONE, &priority));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(judges, begin, end),
        cmocka_unit_test_setup_teardown(says_what_is_no_key, begin, end),
        cmocka_unit_test_setup_teardown(needs_its_own_secret, begin, end),
        cmocka_unit_test_setup_teardown(matches_models, begin, end),
        cmocka_unit_test_setup_teardown(refuses_rows, begin, end),
        cmocka_unit_test_setup_teardown(holds_many, begin, end),
        cmocka_unit_test(has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
