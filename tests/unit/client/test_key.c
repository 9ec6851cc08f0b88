// SPDX-License-Identifier: Apache-2.0
/*
 * The text of keys: their form, their checksum, and what is no key at all.
 */
#include "unit/client/client_fixture.h"

#include "base/check.h"

static void writes_all_bits(void **state) {
    char zeros[CLIENT_KEY_TEXT_MAX_BYTES], ones[CLIENT_KEY_TEXT_MAX_BYTES];
    uint8_t none[32] = {0}, all[32];
    (void)state;
    memset(all, 0xff, sizeof all);
    assert_int_equal(client_key_write(CLIENT_USER, none, zeros), 8 + 43 + 6);
    assert_int_equal(client_key_write(CLIENT_ADMIN, all, ones), 14 + 43 + 6);
    for (int i = 0; i < 43; i++)
        assert_int_equal(zeros[8 + i], '0');
    assert_string_equal(zeros + 8 + 43, "3hpX59"); /* by another program's CRC-32 */
    /* 2^256 - 1 in base 62, by hand: its first digits are those of 62^43's share. */
    assert_memory_equal(ones, "sk-papi-admin-", 14);
    uint8_t number[32] = {0};
    for (int i = 0; i < 43; i++) { /* read back: times 62 plus the digit */
        static const char digits[] =
            "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        const char *found = strchr(digits, ones[14 + i]);
        assert_non_null(found);
        unsigned carry = (unsigned)(found - digits);
        for (int k = 31; k >= 0; k--) {
            carry += number[k] * 62u;
            number[k] = (uint8_t)carry;
            carry >>= 8;
        }
        assert_int_equal(carry, 0);
    }
    assert_memory_equal(number, all, sizeof all);
}

static void knows_its_own(void **state) {
    struct secret *key, *other;
    enum client_role role = CLIENT_ROLE_COUNT;
    (void)state;
    for (int i = 0; i < CLIENT_ROLE_COUNT; i++) {
        assert_int_equal(client_key_make((enum client_role)i, &key), 0);
        assert_int_equal(client_key_make((enum client_role)i, &other), 0);
        assert_int_equal(client_key_parse(secret_reveal(key), &role), CLIENT_KEY_WELL_FORMED);
        assert_int_equal(role, i);
        assert_false(span_equal(secret_reveal(key), secret_reveal(other)));
        secret_unref(key);
        secret_unref(other);
    }
}

/* Each single letter that is replaced, swapped with its neighbour or left out. */
static void finds_every_typing_error(void **state) {
    char text[CLIENT_KEY_TEXT_MAX_BYTES], wrong[CLIENT_KEY_TEXT_MAX_BYTES];
    enum client_role role;
    (void)state;
    struct span key = fixture_key(CLIENT_USER, 77, text);
    for (size_t i = 8; i < key.len; i++) {
        memcpy(wrong, text, sizeof wrong);
        wrong[i] = wrong[i] == 'x' ? 'y' : 'x';
        assert_int_equal(client_key_parse(span_of(wrong, key.len), &role), CLIENT_KEY_MISTYPED);
        memcpy(wrong, text, i);
        memcpy(wrong + i, text + i + 1, key.len - i - 1);
        assert_int_equal(client_key_parse(span_of(wrong, key.len - 1), &role), CLIENT_KEY_MISTYPED);
        if (i + 1 == key.len || text[i] == text[i + 1])
            continue;
        memcpy(wrong, text, sizeof wrong);
        wrong[i] = text[i + 1];
        wrong[i + 1] = text[i];
        assert_int_equal(client_key_parse(span_of(wrong, key.len), &role), CLIENT_KEY_MISTYPED);
    }
}

static void tells_what_is_none(void **state) {
    static const struct {
        const char *text;
        enum client_key_form form;
    } rows[] = {
        {"", CLIENT_KEY_FOREIGN},
        {"x", CLIENT_KEY_FOREIGN},
        {"sk-", CLIENT_KEY_FOREIGN},
        {"sk-proj-abcdef", CLIENT_KEY_FOREIGN},
        {"SK-PAPI-abcdef", CLIENT_KEY_FOREIGN},
        {"sk-papi", CLIENT_KEY_FOREIGN},
        {"sk-papi-", CLIENT_KEY_MISTYPED},
        {"sk-papi-admin-", CLIENT_KEY_MISTYPED},
        {"sk-papi-0000000000000000000000000000000000000000000000000", CLIENT_KEY_MISTYPED},
        {"sk-papi-...", CLIENT_KEY_MISTYPED},
    };
    enum client_role role;
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++)
        assert_int_equal(client_key_parse(span_text(rows[i].text), &role), rows[i].form);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_all_bits),
        cmocka_unit_test(knows_its_own),
        cmocka_unit_test(finds_every_typing_error),
        cmocka_unit_test(tells_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
