// SPDX-License-Identifier: Apache-2.0
/*
 * The vault over a real store: adding, removing, pausing; wrong, lost and rotated master keys; rows that were changed or swapped behind its
 * back; a rotation that is cut at each of its steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h"
#include "crypto/key.h"
#include "store/keys.h"
#include "vault/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A data directory's master key, without files: what is there, what is staged. */
struct place {
    struct secret *key, *next;
    unsigned ended, carried;
};

struct fixture {
    char directory[64], path[128];
    struct store *store;
    struct vault *vault;
    struct place place;
};

static int place_open(void *context, bool may_make, struct secret **ret_key,
                      struct secret **ret_next, char ret_why[VAULT_WHY_BYTES]) {
    struct place *place = context;
    if (place->key == NULL && may_make)
        assert_int_equal(key_new(&place->key), 0);
    if (place->key == NULL) {
        (void)snprintf(ret_why, VAULT_WHY_BYTES, "the key file is missing");
        return ERR_NOT_FOUND;
    }
    *ret_key = secret_ref(place->key);
    *ret_next = place->next != NULL ? secret_ref(place->next) : NULL;
    return 0;
}

static void place_end(void *context, bool carried_through) {
    struct place *place = context;
    place->ended++;
    place->carried += carried_through;
    if (carried_through) {
        secret_unref(place->key);
        place->key = place->next;
    } else {
        secret_unref(place->next);
    }
    place->next = NULL;
}

/* --- one job after another --- */

struct call {
    struct fixture *fixture;
    int (*run)(struct call *call, struct store_db *db);
    struct span provider, account, billing;
    const char *key;
    const struct secret *next;
    uint32_t count;
};

static int run_call(struct store_db *db, void *context) {
    struct call *call = context;
    return call->run(call, db);
}

static int carry_out(struct call *call) {
    int err = store_run(call->fixture->store, STORE_WRITE, run_call, call);
    vault_settle(call->fixture->vault, err);
    return err;
}

static int run_open(struct call *call, struct store_db *db) {
    return vault_open(call->fixture->vault, db);
}

static int run_add(struct call *call, struct store_db *db) {
    struct secret *key;
    assert_int_equal(secret_new(span_text(call->key), &key), 0);
    const struct vault_entry entry = {.provider = call->provider,
                                      .account = call->account,
                                      .billing = call->billing,
                                      .key = key,
                                      .now_ms = 5};
    int err = vault_add(call->fixture->vault, db, &entry);
    secret_unref(key);
    return err;
}

static int run_remove(struct call *call, struct store_db *db) {
    return vault_remove(call->fixture->vault, db, call->provider, call->account, &call->count);
}

static int run_pause(struct call *call, struct store_db *db) {
    return vault_pause(call->fixture->vault, db,
                       &(struct vault_pause){call->provider, call->account}, 7);
}

static int run_resume(struct call *call, struct store_db *db) {
    return vault_resume(call->fixture->vault, db,
                        &(struct vault_pause){call->provider, call->account});
}

static int run_rotate(struct call *call, struct store_db *db) {
    return vault_rotate(call->fixture->vault, db, call->next, &call->count);
}

static int run_rotate_and_fail(struct call *call, struct store_db *db) {
    assert_int_equal(run_rotate(call, db), 0);
    return ERR_SYSTEM;
}

static int run_start_over(struct call *call, struct store_db *db) {
    return vault_start_over(call->fixture->vault, db, &call->count);
}

static int run_extra(struct call *call, struct store_db *db) {
    return vault_set_extra(call->fixture->vault, db,
                           &(struct vault_extra){call->provider, call->account});
}

static int act(struct fixture *fixture, int (*run)(struct call *call, struct store_db *db),
               const char *provider, const char *account) {
    struct call call = {.fixture = fixture,
                        .run = run,
                        .provider = span_text(provider),
                        .account = span_text(account)};
    return carry_out(&call);
}

static int add(struct fixture *fixture, const char *provider, const char *account,
               const char *key) {
    struct call call = {.fixture = fixture,
                        .run = run_add,
                        .provider = span_text(provider),
                        .account = span_text(account),
                        .billing = SPAN_LITERAL("free"),
                        .key = key};
    return carry_out(&call);
}

/* "groq/a=k1 groq/b=? " */
static void expect(struct fixture *fixture, const char *expected) {
    const struct vault_contents *contents = vault_get(fixture->vault);
    char text[1024] = "";
    size_t length = 0;
    for (uint32_t i = 0; i < contents->key_count; i++) {
        const struct vault_key *key = &contents->keys[i];
        struct span plain = key->key != NULL ? secret_reveal(key->key) : SPAN_LITERAL("?");
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%.*s/%.*s=%.*s ",
                             SPAN_ARG(key->provider), SPAN_ARG(key->account), SPAN_ARG(plain));
        assert_int_equal(strlen(key->fingerprint), FINGERPRINT_SHOWN_CHARS);
    }
    vault_contents_unref(contents);
    assert_string_equal(text, expected);
}

static enum vault_state state_of(struct fixture *fixture) {
    char why[VAULT_WHY_BYTES];
    enum vault_state state = vault_look(fixture->vault, why);
    assert_int_equal(state == VAULT_LOCKED, why[0] != '\0');
    return state;
}

static void boot(struct fixture *fixture) {
    const struct vault_master master = {place_open, place_end, &fixture->place};
    struct store_config config;
    store_config_default(&config);
    config.path = fixture->path;
    config.loop_count = 1;
    assert_int_equal(store_open(&config, &fixture->store), 0);
    fixture->vault = vault_new(&master);
    assert_int_equal(state_of(fixture), VAULT_UNREAD);
    assert_int_equal(act(fixture, run_open, "", ""), 0);
}

static void halt(struct fixture *fixture) {
    store_close(fixture->store);
    vault_free(fixture->vault);
    fixture->store = NULL;
    fixture->vault = NULL;
}

static void reboot(struct fixture *fixture) {
    halt(fixture);
    boot(fixture);
}

static int begin(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    (void)snprintf(fixture->directory, sizeof fixture->directory, "/tmp/papi-vault-XXXXXX");
    if (mkdtemp(fixture->directory) == NULL)
        return -1;
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/papi.db", fixture->directory);
    boot(fixture);
    *state = fixture;
    return 0;
}

static int end(void **state) {
    static const char *const names[] = {"papi.db", "papi.db-wal", "papi.db-shm", "journal"};
    struct fixture *fixture = *state;
    char path[160];
    halt(fixture);
    for (size_t i = 0; i < array_length(names); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", fixture->directory, names[i]);
        (void)unlink(path);
    }
    int err = rmdir(fixture->directory);
    secret_unref(fixture->place.key);
    secret_unref(fixture->place.next);
    free(fixture);
    return err;
}

/* --- what it is for --- */

static void keeps_keys(void **state) {
    struct fixture *fixture = *state;
    struct call call = {.fixture = fixture, .run = run_remove, .provider = SPAN_LITERAL("groq")};
    assert_int_equal(state_of(fixture), VAULT_EMPTY);
    assert_null(fixture->place.key);
    assert_null(vault_clients_key(fixture->vault));
    assert_int_equal(add(fixture, "groq", "work", "gsk_1"), 0);
    assert_int_equal(state_of(fixture), VAULT_OPEN);
    assert_int_equal(add(fixture, "groq", "home", "gsk_2"), 0);
    assert_int_equal(add(fixture, "mistral", "work", "gsk_1"), 0); /* another provider's matter */
    assert_int_equal(add(fixture, "groq", "work", "gsk_1"), ERR_EXISTS);
    assert_int_equal(add(fixture, "groq", "other", "gsk_1"), ERR_EXISTS);
    assert_int_equal(add(fixture, "groq", "", "gsk_9"), ERR_INVALID);
    expect(fixture, "groq/home=gsk_2 groq/work=gsk_1 mistral/work=gsk_1 ");
    reboot(fixture);
    assert_int_equal(state_of(fixture), VAULT_OPEN);
    expect(fixture, "groq/home=gsk_2 groq/work=gsk_1 mistral/work=gsk_1 ");
    call.account = SPAN_LITERAL("home");
    assert_int_equal(carry_out(&call), 0);
    assert_int_equal(call.count, 1);
    assert_int_equal(carry_out(&call), 0);
    assert_int_equal(call.count, 0);
    call.account = SPAN_NONE;
    assert_int_equal(carry_out(&call), 0);
    expect(fixture, "mistral/work=gsk_1 ");
}

static void pauses(void **state) {
    struct fixture *fixture = *state;
    struct span groq = SPAN_LITERAL("groq"), a = SPAN_LITERAL("a"), b = SPAN_LITERAL("b");
    assert_int_equal(act(fixture, run_pause, "groq", "a"), 0);
    reboot(fixture);
    const struct vault_contents *contents = vault_get(fixture->vault);
    assert_true(vault_is_paused(contents, groq, a));
    assert_false(vault_is_paused(contents, groq, b));
    assert_false(vault_is_paused(contents, groq, SPAN_LITERAL("")));
    assert_false(vault_is_paused(contents, SPAN_LITERAL("mistral"), a));
    assert_false(vault_is_paused(NULL, groq, a));
    assert_int_equal(act(fixture, run_pause, "groq", ""), 0);
    assert_false(vault_is_paused(contents, groq, b)); /* what was handed out does not change */
    vault_contents_unref(contents);
    contents = vault_get(fixture->vault);
    assert_true(vault_is_paused(contents, groq, b));
    vault_contents_unref(contents);
    assert_int_equal(act(fixture, run_resume, "groq", ""), 0);
    contents = vault_get(fixture->vault);
    assert_int_equal(contents->pause_count, 0);
    vault_contents_unref(contents);
}

static void keeps_extras(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(act(fixture, run_extra, "CLOUDFLARE_ACCOUNT_ID", "abc"), 0);
    assert_int_equal(act(fixture, run_extra, "OTHER", "x"), 0);
    assert_int_equal(act(fixture, run_extra, "CLOUDFLARE_ACCOUNT_ID", "def"), 0);
    assert_int_equal(act(fixture, run_extra, "A=B", "x"), ERR_INVALID);
    assert_int_equal(act(fixture, run_extra, "A", "x\ny"), ERR_INVALID);
    assert_int_equal(act(fixture, run_extra, "A", "x/../y"), ERR_INVALID);
    assert_int_equal(act(fixture, run_extra, "A", "evil.example/#"), ERR_INVALID);
    assert_int_equal(act(fixture, run_extra, "A", ""), ERR_INVALID);
    reboot(fixture);
    const struct vault_contents *contents = vault_get(fixture->vault);
    assert_int_equal(contents->extra_count, 2);
    assert_true(span_is(contents->extras[1].name, "CLOUDFLARE_ACCOUNT_ID"));
    assert_true(span_is(contents->extras[1].value, "def"));
    vault_contents_unref(contents);
}

/* --- when the master key is not the one --- */

static void a_lost_key_loses_only_its_own(void **state) {
    struct fixture *fixture = *state;
    struct call call = {.fixture = fixture, .run = run_start_over};
    assert_int_equal(add(fixture, "groq", "a", "gsk_1"), 0);
    struct secret *kept = fixture->place.key;
    fixture->place.key = NULL;
    reboot(fixture);
    assert_int_equal(state_of(fixture), VAULT_LOCKED);
    expect(fixture, "groq/a=? ");
    assert_null(fixture->place.key); /* none is made beside what another one sealed */
    assert_int_equal(add(fixture, "mistral", "a", "m"), ERR_SEAL);
    assert_int_equal(key_new(&fixture->place.key), 0);
    reboot(fixture);
    assert_int_equal(state_of(fixture), VAULT_LOCKED);
    assert_int_equal(add(fixture, "mistral", "a", "m"), ERR_SEAL);
    secret_unref(fixture->place.key);
    fixture->place.key = kept;
    reboot(fixture);
    assert_int_equal(state_of(fixture), VAULT_OPEN);
    expect(fixture, "groq/a=gsk_1 ");
    assert_int_equal(carry_out(&call), ERR_UNSUPPORTED);
}

static void starting_over(void **state) {
    struct fixture *fixture = *state;
    struct call call = {.fixture = fixture, .run = run_start_over};
    assert_int_equal(add(fixture, "groq", "a", "gsk_1"), 0);
    assert_int_equal(act(fixture, run_pause, "groq", "a"), 0);
    secret_unref(fixture->place.key);
    fixture->place.key = NULL;
    reboot(fixture);
    assert_int_equal(carry_out(&call), 0);
    assert_int_equal(call.count, 1);
    assert_non_null(fixture->place.key);
    assert_int_equal(state_of(fixture), VAULT_OPEN);
    expect(fixture, "");
    assert_int_equal(add(fixture, "groq", "a", "gsk_2"), 0);
    reboot(fixture);
    assert_int_equal(state_of(fixture), VAULT_OPEN);
    expect(fixture, "groq/a=gsk_2 ");
}

/* --- rows changed behind its back --- */

struct rows {
    char text[2][3][128]; /* provider, account, fingerprint */
    char sealed[2][512];
    size_t length[2];
    uint32_t count;
};

static void take_row(void *context, const struct store_key *key) {
    struct rows *rows = context;
    const struct span texts[] = {key->provider, key->account, key->fingerprint};
    assert_true(rows->count < 2);
    for (int i = 0; i < 3; i++)
        (void)snprintf(rows->text[rows->count][i], 128, "%.*s", SPAN_ARG(texts[i]));
    memcpy(rows->sealed[rows->count], key->sealed.ptr, key->sealed.len);
    rows->length[rows->count++] = key->sealed.len;
}

/* The first row gets what the second one holds, or another word about billing. */
static int run_tamper(struct call *call, struct store_db *db) {
    struct rows rows = {.count = 0};
    assert_int_equal(store_keys_each(db, take_row, &rows), 0);
    assert_int_equal(rows.count, 2);
    uint32_t from = call->count;
    const struct store_key row = {.provider = span_text(rows.text[0][0]),
                                  .account = span_text(rows.text[0][1]),
                                  .fingerprint = span_text(rows.text[0][2]),
                                  .billing = call->billing,
                                  .sealed = span_of(rows.sealed[from], rows.length[from])};
    return store_key_update(db, &row);
}

static void a_row_opens_in_its_own_place_only(void **state) {
    struct fixture *fixture = *state;
    struct call call = {.fixture = fixture, .run = run_tamper};
    assert_int_equal(add(fixture, "groq", "a", "gsk_1"), 0);
    assert_int_equal(add(fixture, "mistral", "a", "m_1"), 0);
    call.count = 1;
    call.billing = SPAN_LITERAL("free");
    assert_int_equal(carry_out(&call), 0);
    reboot(fixture);
    assert_int_equal(state_of(fixture), VAULT_OPEN);
    expect(fixture, "groq/a=? mistral/a=m_1 ");
    struct secret *next;
    assert_int_equal(key_new(&next), 0);
    struct call rotation = {.fixture = fixture, .run = run_rotate, .next = next};
    assert_int_equal(carry_out(&rotation), ERR_SEAL); /* or it would be lost for good */
    secret_unref(next);
    assert_int_equal(act(fixture, run_remove, "groq", "a"), 0);
    assert_int_equal(add(fixture, "groq", "a", "gsk_1"), 0);
    expect(fixture, "groq/a=gsk_1 mistral/a=m_1 ");
    call.count = 0;
    call.billing = SPAN_LITERAL("paid");
    assert_int_equal(carry_out(&call), 0);
    reboot(fixture);
    expect(fixture, "groq/a=? mistral/a=m_1 ");
}

static void master_keys_rotate(void **state) {
    struct fixture *fixture = *state;
    struct call call = {.fixture = fixture, .run = run_rotate};
    assert_int_equal(add(fixture, "groq", "a", "gsk_1"), 0);
    assert_int_equal(add(fixture, "groq", "a", "gsk_2"), 0);
    assert_int_equal(act(fixture, run_extra, "X", "y"), 0);
    struct secret *clients = vault_clients_key(fixture->vault);
    struct secret *old = fixture->place.key, *next;
    assert_int_equal(key_new(&next), 0);
    call.next = next;
    assert_int_equal(carry_out(&call), 0);
    assert_int_equal(call.count, 2);
    fixture->place.key = next;
    for (int again = 0; again < 2; again++) {
        struct secret *now = vault_clients_key(fixture->vault);
        assert_true(secret_equal(now, secret_reveal(clients)));
        secret_unref(now);
        expect(fixture, "groq/a=gsk_1 groq/a=gsk_2 ");
        const struct vault_contents *contents = vault_get(fixture->vault);
        assert_int_equal(contents->extra_count, 1);
        vault_contents_unref(contents);
        reboot(fixture);
    }
    fixture->place.key = old; /* the old one opens nothing any more */
    reboot(fixture);
    assert_int_equal(state_of(fixture), VAULT_LOCKED);
    fixture->place.key = next;
    secret_unref(old);
    secret_unref(clients);
}

/* Killed at each step: staged and nothing more; the transaction rolled back; committed, but the file not yet in its place. */
static void a_cut_rotation_is_none_or_whole(void **state) {
    struct fixture *fixture = *state;
    struct secret *next;
    assert_int_equal(add(fixture, "groq", "a", "gsk_1"), 0);
    for (int step = 0; step < 3; step++) {
        struct call call = {.fixture = fixture,
                            .run = step == 1 ? run_rotate_and_fail : run_rotate};
        fixture->place.ended = fixture->place.carried = 0;
        assert_int_equal(key_new(&next), 0);
        fixture->place.next = next;
        call.next = next;
        if (step > 0)
            assert_int_equal(carry_out(&call), step == 1 ? ERR_SYSTEM : 0);
        reboot(fixture);
        assert_int_equal(fixture->place.ended, 1);
        assert_int_equal(fixture->place.carried, step == 2);
        assert_null(fixture->place.next);
        assert_int_equal(state_of(fixture), VAULT_OPEN);
        expect(fixture, "groq/a=gsk_1 ");
        reboot(fixture);
        expect(fixture, "groq/a=gsk_1 ");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_keys, begin, end),
        cmocka_unit_test_setup_teardown(pauses, begin, end),
        cmocka_unit_test_setup_teardown(keeps_extras, begin, end),
        cmocka_unit_test_setup_teardown(a_lost_key_loses_only_its_own, begin, end),
        cmocka_unit_test_setup_teardown(starting_over, begin, end),
        cmocka_unit_test_setup_teardown(a_row_opens_in_its_own_place_only, begin, end),
        cmocka_unit_test_setup_teardown(master_keys_rotate, begin, end),
        cmocka_unit_test_setup_teardown(a_cut_rotation_is_none_or_whole, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
