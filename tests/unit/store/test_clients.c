// SPDX-License-Identifier: Apache-2.0
/*
 * Rows that administrators make: clients, sealed keys, pauses, notes.
 */
#include "unit/store/store_fixture.h"

struct world {
    struct place place;
    struct store *store;
};

static void world_init(struct world *world) {
    place_init(&world->place);
    world->store = place_open(&world->place);
}

static void world_done(struct world *world) {
    store_close(world->store);
    place_done(&world->place);
}

/* --- clients ---------------------------------------------------------------------------------------------------- */

static struct store_client client_named(const char *id, uint8_t hash_byte) {
    static const struct span models[] = {{"gpt-*", 5}, {"llama-3.3-70b", 13}};
    struct store_client client = {.id = span_text(id),
                                  .name = SPAN_LITERAL("Zo\xc3\xab"),
                                  .role = SPAN_LITERAL("client"),
                                  .data_use = SPAN_LITERAL("no-training"),
                                  .weight = 100,
                                  .limits = {1, 2, 3, 4, 5, 6, 7},
                                  .models = models,
                                  .model_count = 2,
                                  .created_ms = AT_MS,
                                  .expires_ms = AT_MS + 1,
                                  .key_count = 1};
    memset(client.keys[0].hash, hash_byte, sizeof client.keys[0].hash);
    return client;
}

static int insert(struct store_db *db, void *context) {
    return store_client_insert(db, context);
}
static int update(struct store_db *db, void *context) {
    return store_client_update(db, context);
}
static int delete_one(struct store_db *db, void *context) {
    return store_client_delete(db, span_text(context));
}

struct seen {
    uint32_t count;
    char text[1024]; /* what was seen, as one line each */
    uint64_t last_used_ms;
};

static void see(void *context, const struct store_client *client) {
    struct seen *seen = context;
    size_t length = strlen(seen->text);
    seen->count++;
    seen->last_used_ms = client->last_used_ms;
    (void)snprintf(
        seen->text + length, sizeof seen->text - length,
        "%.*s %.*s role=%.*s priority=%d use=%.*s group=%d w=%u l=%llu,%llu m=%u %.*s "
        "t=%llu,%llu,%llu k=%u %02x %llu\n",
        SPAN_ARG(client->id), SPAN_ARG(client->name), SPAN_ARG(client->role),
        !span_absent(client->priority), SPAN_ARG(client->data_use), !span_absent(client->group),
        client->weight, (unsigned long long)client->limits[0],
        (unsigned long long)client->limits[6], client->model_count,
        SPAN_ARG(client->model_count > 0 ? client->models[client->model_count - 1] : SPAN_NONE),
        (unsigned long long)(client->created_ms - AT_MS),
        (unsigned long long)(client->expires_ms - AT_MS), (unsigned long long)client->revoked_ms,
        client->key_count, client->key_count > 0 ? client->keys[client->key_count - 1].hash[31] : 0,
        (unsigned long long)(client->key_count > 0 ? client->keys[client->key_count - 1].until_ms
                                                   : 0));
}

static int see_all(struct store_db *db, void *context) {
    return store_clients_each(db, see, context);
}

static struct seen all_clients(struct world *world) {
    struct seen seen = {.count = 0};
    assert_int_equal(store_run(world->store, STORE_READ, see_all, &seen), 0);
    return seen;
}

static int see_one(struct store_db *db, void *context) {
    return store_client_get(db, SPAN_LITERAL("cl_b"), see, context);
}

static void clients_come_back_as_they_were(void **state) {
    (void)state;
    struct world world;
    struct seen one = {.count = 0};
    world_init(&world);
    struct store_client b = client_named("cl_b", 0xbb), a = client_named("cl_a", 0xaa);
    a.model_count = 0;
    a.data_use = SPAN_NONE;
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &b), 0);
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &a), 0);
    assert_string_equal(all_clients(&world).text,
                        "cl_b Zo\xc3\xab role=client priority=0 use=no-training group=0 w=100 "
                        "l=1,7 m=2 llama-3.3-70b t=0,1,0 k=1 bb 0\n"
                        "cl_a Zo\xc3\xab role=client priority=0 use= group=0 w=100 l=1,7 m=0  "
                        "t=0,1,0 k=1 aa 0\n");
    assert_int_equal(store_run(world.store, STORE_READ, see_one, &one), 0);
    assert_int_equal(one.count, 1);
    /* An update replaces all, keys too, but when it was made. */
    b.revoked_ms = 5;
    b.created_ms = 0;
    b.key_count = 2;
    b.keys[1].until_ms = 9;
    memset(b.keys[1].hash, 0xcc, sizeof b.keys[1].hash);
    b.limits[0] = UINT64_MAX; /* more than can be kept */
    assert_int_equal(store_run(world.store, STORE_WRITE, update, &b), 0);
    one = (struct seen){.count = 0};
    assert_int_equal(store_run(world.store, STORE_READ, see_one, &one), 0);
    assert_string_equal(one.text,
                        "cl_b Zo\xc3\xab role=client priority=0 use=no-training group=0 w=100 "
                        "l=9223372036854775807,7 m=2 llama-3.3-70b t=0,1,5 k=2 cc 9\n");
    assert_int_equal(store_run(world.store, STORE_WRITE, delete_one, "cl_b"), 0);
    assert_int_equal(store_run(world.store, STORE_WRITE, delete_one, "cl_b"), ERR_NOT_FOUND);
    assert_int_equal(store_run(world.store, STORE_WRITE, update, &b), ERR_NOT_FOUND);
    assert_int_equal(store_run(world.store, STORE_READ, see_one, &one), ERR_NOT_FOUND);
    assert_int_equal(all_clients(&world).count, 1);
    /* The hash of a client that is gone can be used again. */
    struct store_client c = client_named("cl_c", 0xbb);
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &c), 0);
    world_done(&world);
}

static void clients_that_clash_or_are_too_large_are_refused_whole(void **state) {
    (void)state;
    static char long_model[STORE_CLIENT_TEXT_MAX_BYTES];
    struct world world;
    world_init(&world);
    struct store_client a = client_named("cl_a", 1), same_id = client_named("cl_a", 2),
                        same_key = client_named("cl_b", 1), bad = client_named("cl_d", 4);
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &a), 0);
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &same_id), ERR_EXISTS);
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &same_key), ERR_EXISTS);
    struct span models[] = {SPAN_LITERAL("a\nb")};
    bad.models = models;
    bad.model_count = 1;
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &bad), ERR_INVALID);
    memset(long_model, 'm', sizeof long_model);
    models[0] = span_of(long_model, sizeof long_model);
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &bad), ERR_TOO_LARGE);
    bad.model_count = STORE_CLIENT_MODELS_MAX + 1;
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &bad), ERR_TOO_LARGE);
    bad.model_count = 0;
    bad.id = SPAN_NONE;
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &bad), ERR_INVALID);
    assert_int_equal(all_clients(&world).count, 1);
    /* A refusal is no trouble of the database's. */
    struct store_state told;
    store_state(world.store, &told);
    assert_int_equal(told.condition, STORE_IS_OK);
    world_done(&world);
}

static void records_say_when_a_client_was_last_used(void **state) {
    (void)state;
    struct world world;
    struct sample sample;
    world_init(&world);
    struct store_client a = client_named("cl_a", 1);
    assert_int_equal(store_run(world.store, STORE_WRITE, insert, &a), 0);
    for (uint64_t i = 0; i < 3; i++) {
        sample_init(&sample, i == 1 ? 5000 : i);
        sample.request.client = SPAN_LITERAL("cl_a");
        store_record(world.store, 0, &sample.request);
    }
    wait_written(world.store, 3);
    assert_int_equal(all_clients(&world).last_used_ms, AT_MS + 5000);
    world_done(&world);
}

/* --- sealed keys ------------------------------------------------------------------------------------------------ */

static int key_insert(struct store_db *db, void *context) {
    return store_key_insert(db, context);
}
static int key_update(struct store_db *db, void *context) {
    return store_key_update(db, context);
}

struct deletion {
    struct span provider, account;
    uint32_t deleted;
};
static int keys_delete(struct store_db *db, void *context) {
    struct deletion *deletion = context;
    return store_keys_delete(db, deletion->provider, deletion->account, &deletion->deleted);
}

static void see_key(void *context, const struct store_key *key) {
    char *text = context;
    size_t length = strlen(text);
    (void)snprintf(text + length, 512 - length, "%.*s/%.*s/%.*s=%zu:%02x %.*s\n",
                   SPAN_ARG(key->provider), SPAN_ARG(key->account), SPAN_ARG(key->fingerprint),
                   key->sealed.len, key->sealed.len > 0 ? (unsigned char)key->sealed.ptr[0] : 0,
                   SPAN_ARG(key->billing));
}
static int keys_each(struct store_db *db, void *context) {
    *(char *)context = '\0';
    return store_keys_each(db, see_key, context);
}

static void sealed_keys_come_back_as_they_were(void **state) {
    (void)state;
    static char large[STORE_SEALED_MAX_BYTES + 1];
    char text[512];
    struct world world;
    world_init(&world);
    struct store_key key = {.provider = SPAN_LITERAL("groq"),
                            .account = SPAN_LITERAL("work"),
                            .fingerprint = SPAN_LITERAL("f1"),
                            .sealed = span_of("\xff\0\x01", 3),
                            .created_ms = AT_MS};
    assert_int_equal(store_run(world.store, STORE_WRITE, key_insert, &key), 0);
    assert_int_equal(store_run(world.store, STORE_WRITE, key_insert, &key), ERR_EXISTS);
    key.fingerprint = SPAN_LITERAL("f2");
    assert_int_equal(store_run(world.store, STORE_WRITE, key_update, &key), ERR_NOT_FOUND);
    assert_int_equal(store_run(world.store, STORE_WRITE, key_insert, &key), 0);
    key.account = SPAN_LITERAL("home");
    assert_int_equal(store_run(world.store, STORE_WRITE, key_insert, &key), 0);
    key.sealed = span_of(large, sizeof large);
    assert_int_equal(store_run(world.store, STORE_WRITE, key_update, &key), ERR_TOO_LARGE);
    key.sealed.len--;
    key.billing = SPAN_LITERAL("free");
    assert_int_equal(store_run(world.store, STORE_WRITE, key_update, &key), 0);
    assert_int_equal(store_run(world.store, STORE_READ, keys_each, text), 0);
    assert_string_equal(text,
                        "groq/home/f2=8192:00 free\ngroq/work/f1=3:ff \ngroq/work/f2=3:ff \n");
    struct deletion deletion = {SPAN_LITERAL("groq"), SPAN_LITERAL("work"), 0};
    assert_int_equal(store_run(world.store, STORE_WRITE, keys_delete, &deletion), 0);
    assert_int_equal(deletion.deleted, 2);
    deletion.account = SPAN_NONE;
    assert_int_equal(store_run(world.store, STORE_WRITE, keys_delete, &deletion), 0);
    assert_int_equal(deletion.deleted, 1);
    assert_int_equal(store_run(world.store, STORE_WRITE, keys_delete, &deletion), 0);
    assert_int_equal(deletion.deleted, 0);
    world_done(&world);
}

/* --- pauses and notes ------------------------------------------------------------------------------------------- */

static int pause_twice(struct store_db *db, void *context) {
    (void)context;
    struct store_pause pause = {SPAN_LITERAL("groq"), SPAN_LITERAL(""), AT_MS};
    int err = store_pause_set(db, &pause);
    pause.since_ms++;
    return err < 0 ? err : store_pause_set(db, &pause);
}
static int resume(struct store_db *db, void *context) {
    (void)context;
    return store_pause_clear(db, SPAN_LITERAL("groq"), SPAN_LITERAL(""));
}
static void see_pause(void *context, const struct store_pause *pause) {
    assert_true(span_is(pause->provider, "groq") && pause->account.len == 0);
    *(uint64_t *)context += pause->since_ms;
}
static int pauses_each(struct store_db *db, void *context) {
    *(uint64_t *)context = 0;
    return store_pauses_each(db, see_pause, context);
}

static void pauses_are_set_once_and_cleared(void **state) {
    (void)state;
    struct world world;
    uint64_t since_ms;
    world_init(&world);
    assert_int_equal(store_run(world.store, STORE_WRITE, resume, NULL), 0);
    assert_int_equal(store_run(world.store, STORE_WRITE, pause_twice, NULL), 0);
    assert_int_equal(store_run(world.store, STORE_READ, pauses_each, &since_ms), 0);
    assert_int_equal(since_ms, AT_MS);
    assert_int_equal(store_run(world.store, STORE_WRITE, resume, NULL), 0);
    assert_int_equal(store_run(world.store, STORE_READ, pauses_each, &since_ms), 0);
    assert_int_equal(since_ms, 0);
    world_done(&world);
}

static int note_bounds(struct store_db *db, void *context) {
    static char large[STORE_NOTE_MAX_BYTES + 1], back[4];
    size_t length;
    (void)context;
    int err = store_note_set(db, SPAN_LITERAL("n"), span_of(large, sizeof large));
    assert_int_equal(err, ERR_TOO_LARGE);
    assert_int_equal(store_note_set(db, SPAN_LITERAL("n"), SPAN_LITERAL("12345")), 0);
    assert_int_equal(store_note_get(db, SPAN_LITERAL("n"), back, 4, &length), ERR_TOO_LARGE);
    assert_int_equal(length, 5);
    assert_int_equal(store_note_set(db, SPAN_LITERAL("n"), SPAN_NONE), 0);
    assert_int_equal(store_note_get(db, SPAN_LITERAL("n"), back, 4, &length), 0);
    assert_int_equal(length, 0);
    return 0;
}

static void notes_have_bounds(void **state) {
    (void)state;
    struct world world;
    world_init(&world);
    assert_int_equal(store_run(world.store, STORE_WRITE, note_bounds, NULL), 0);
    world_done(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_come_back_as_they_were),
        cmocka_unit_test(clients_that_clash_or_are_too_large_are_refused_whole),
        cmocka_unit_test(records_say_when_a_client_was_last_used),
        cmocka_unit_test(sealed_keys_come_back_as_they_were),
        cmocka_unit_test(pauses_are_set_once_and_cleared),
        cmocka_unit_test(notes_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
