// SPDX-License-Identifier: Apache-2.0
/*
 * Keys, subkeys, hashes, randomness.
 *
 * Values of hashes and subkeys stand here as they were computed by another implementation (Python's hashlib.blake2b): were they to
 * change, every client key and every sealed row in the world would be lost.
 */
#include "crypto_fixture.h"

#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/subkey.h"

#include <stdio.h>

static void reads_what_people_write(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", true},
        {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\n", true},
        {"  AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n", true},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", true},
        {"", false},
        {" \n", false},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1", false},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g", false},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", false},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", false},
        {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", false},
        {"AAECAwQFBgcICQoL DA0ODxAREhMUFRYXGBkaGxwdHh8=", false},
    };
    struct secret *expected = counted_key(0);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct secret *key = NULL;
        int err = key_from_text(span_text(rows[i].text), &key);
        assert_int_equal(err, rows[i].good ? 0 : ERR_INVALID);
        if (rows[i].good)
            assert_true(secret_equal(key, secret_reveal(expected)));
        else
            assert_null(key);
        secret_unref(key);
    }
    secret_unref(expected);
}

static void both_alphabets_of_base64(void **state) {
    (void)state;
    char bytes[KEY_BYTES];
    memset(bytes, 0xFB, sizeof bytes);
    static const char *const texts[] = {"+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
                                        "-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_s"};
    for (size_t i = 0; i < LENGTH_OF(texts); i++) {
        struct secret *key = NULL;
        assert_int_equal(key_from_text(span_text(texts[i]), &key), 0);
        assert_true(secret_equal(key, span_of(bytes, sizeof bytes)));
        secret_unref(key);
    }
}

static void fresh_keys_differ(void **state) {
    (void)state;
    struct secret *a, *b;
    assert_int_equal(key_new(&a), 0);
    assert_int_equal(key_new(&b), 0);
    assert_int_equal(secret_reveal(a).len, KEY_BYTES);
    assert_false(secret_equal(a, secret_reveal(b)));
    secret_unref(a);
    secret_unref(b);
}

/* blake2b(key=00..1f, digest_size=32, data) */
static void hash_is_blake2b(void **state) {
    (void)state;
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "4e51e7a913fc80137da52880fecca175bf81e117d5c68126dc2774033517ea0d"},
        {"gsk_test", "791b9b9c3d186b8a55deff2b90a477f5be645f112534bc8229067eb3d82a19e5"},
    };
    struct secret *key = counted_key(0), *other = counted_key(1);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        uint8_t hash[HASH_BYTES], again[HASH_BYTES];
        char hex[2 * HASH_BYTES + 1];
        hash_keyed(key, span_text(rows[i].text), hash);
        for (size_t byte = 0; byte < HASH_BYTES; byte++)
            (void)snprintf(hex + 2 * byte, 3, "%02x", hash[byte]);
        assert_string_equal(hex, rows[i].hex);
        hash_keyed(key, span_text(rows[i].text), again);
        assert_true(hash_equal(hash, again));
        for (size_t byte = 0; byte < HASH_BYTES; byte++) {
            again[byte] ^= 0x80;
            assert_false(hash_equal(hash, again));
            again[byte] ^= 0x80;
        }
        hash_keyed(other, span_text(rows[i].text), again);
        assert_false(hash_equal(hash, again));
    }
    secret_unref(key);
    secret_unref(other);
}

static void subkeys_stay_what_they_are(void **state) {
    (void)state;
    static const char *const hex[SUBKEY_COUNT] = {
        [SUBKEY_VAULT] = "3b931cce000a4aae7c4235e454261675ad603570d4562f3ef91637a725bcdf04",
        [SUBKEY_FINGERPRINT] = "dcb888f29ad1577091ed7b4dfa328498b6537dc68f9d5ea0d640cc91a1d11050",
        [SUBKEY_CLIENTS] = "9460df4b51fdb87d0742a5c8f8200df34aa6d80e9a2cefab28f45fea63a37c16",
        [SUBKEY_JOURNAL] = "0999c0e89de97f5d954ed2eef781e3757e8e42e790b9ccd381293030d9fe18d8",
    };
    struct secret *master = counted_key(0);
    for (size_t i = 0; i < SUBKEY_COUNT; i++) {
        struct secret *derived, *expected;
        assert_int_equal(subkey_derive(master, (enum subkey)i, &derived), 0);
        assert_int_equal(key_from_text(span_text(hex[i]), &expected), 0);
        assert_true(secret_equal(derived, secret_reveal(expected)));
        secret_unref(derived);
        secret_unref(expected);
    }
    secret_unref(master);
}

/* Every bit of 64 bytes is set in some draw and clear in another; 64 draws miss one by chance in 2^-53 of runs. */
static void random_bytes_are_all_drawn(void **state) {
    (void)state;
    uint8_t bytes[64], set[64] = {0}, clear[64] = {0};
    for (unsigned draw = 0; draw < 64; draw++) {
        random_bytes(bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++) {
            set[i] |= bytes[i];
            clear[i] |= (uint8_t)~bytes[i];
        }
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(set[i], 0xFF);
        assert_int_equal(clear[i], 0xFF);
    }
    random_bytes(bytes, 0);
    bool seen[7] = {false};
    for (unsigned draw = 0; draw < 2000; draw++) {
        uint32_t value = random_below(7);
        assert_true(value < 7);
        seen[value] = true;
    }
    for (size_t i = 0; i < LENGTH_OF(seen); i++)
        assert_true(seen[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_people_write),    cmocka_unit_test(both_alphabets_of_base64),
        cmocka_unit_test(fresh_keys_differ),          cmocka_unit_test(hash_is_blake2b),
        cmocka_unit_test(subkeys_stay_what_they_are), cmocka_unit_test(random_bytes_are_all_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
