// SPDX-License-Identifier: Apache-2.0
/*
 * The master key: made once, read back, refused when it is not safe or not whole, taken out of the environment, rotated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/master_key.h"
#include "crypto/key.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];
static char path_text[128];

static const char *path_of(const char *name) {
    (void)snprintf(path_text, sizeof path_text, "%s/%s", directory, name);
    return path_text;
}

static int begin(void **state) {
    (void)state;
    (void)snprintf(directory, sizeof directory, "/tmp/papi-key-XXXXXX");
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int end(void **state) {
    static const char *const names[] = {"key", "key.new", "key.tmp"};
    (void)state;
    for (size_t i = 0; i < 3; i++)
        (void)unlink(path_of(names[i]));
    return rmdir(directory);
}

static void put(const char *name, size_t size, mode_t mode) {
    static const char bytes[2 * KEY_BYTES];
    int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(close(fd), 0);
}

static void is_made_once_and_read_back(void **state) {
    (void)state;
    struct master_key first, second;
    struct stat about;
    assert_int_equal(master_key_open(directory, NULL, false, &first), ERR_NOT_FOUND);
    assert_non_null(strstr(first.why, "backup"));
    assert_null(first.key);
    assert_int_equal(access(path_of("key"), F_OK), -1);
    assert_int_equal(master_key_open(directory, NULL, true, &first), 0);
    assert_true(first.made);
    assert_int_equal(first.source, MASTER_KEY_OF_FILE);
    assert_int_equal(stat(path_of("key"), &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(about.st_size, KEY_BYTES);
    assert_int_equal(access(path_of("key.tmp"), F_OK), -1);
    assert_int_equal(master_key_open(directory, NULL, true, &second), 0);
    assert_false(second.made);
    assert_true(secret_equal(first.key, secret_reveal(second.key)));
    master_key_close(&first);
    master_key_close(&second);
}

static void a_torn_start_is_no_key(void **state) {
    (void)state;
    struct master_key key;
    put("key.tmp", 5, 0600); /* killed while it was written */
    assert_int_equal(master_key_open(directory, NULL, true, &key), 0);
    assert_true(key.made);
    assert_int_equal(secret_reveal(key.key).len, KEY_BYTES);
    master_key_close(&key);
}

static void what_is_not_safe_is_refused(void **state) {
    (void)state;
    static const struct {
        size_t size;
        mode_t mode;
        int err;
        const char *says;
    } rows[] = {
        {32, 0640, ERR_PERMISSION, "chmod 600"},
        {32, 0604, ERR_PERMISSION, "mode 604"},
        {32, 0620, ERR_PERMISSION, "rekey"},
        {0, 0600, ERR_INVALID, "0 bytes"},
        {31, 0600, ERR_INVALID, "31 bytes"},
        {33, 0600, ERR_INVALID, "33 bytes"},
        {32, 0400, 0, ""},
        {32, 0600, 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct master_key key;
        (void)unlink(path_of("key"));
        put("key", rows[i].size, rows[i].mode);
        assert_int_equal(master_key_open(directory, NULL, true, &key), rows[i].err);
        assert_non_null(strstr(key.why, rows[i].says));
        assert_true((key.key != NULL) == (rows[i].err == 0));
        assert_false(key.made);
        master_key_close(&key);
    }
}

static void no_link_and_no_directory(void **state) {
    (void)state;
    struct master_key key;
    put("key.new", 32, 0600);
    assert_int_equal(symlink("key.new", path_of("key")), 0);
    assert_int_equal(master_key_open(directory, NULL, true, &key), ERR_SYSTEM);
    assert_int_equal(unlink(path_of("key")), 0);
    assert_int_equal(mkdir(path_of("key"), 0700), 0);
    assert_int_equal(master_key_open(directory, NULL, true, &key), ERR_INVALID);
    assert_int_equal(rmdir(path_of("key")), 0);
    assert_int_equal(master_key_open("/nowhere/at/all", NULL, true, &key), ERR_SYSTEM);
    assert_non_null(strstr(key.why, "cannot be made"));
}

static void environment_gives_and_forgets(void **state) {
    (void)state;
    static const char text[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    struct secret *given;
    struct master_key key;
    assert_int_equal(unsetenv(MASTER_KEY_VARIABLE), 0);
    assert_int_equal(master_key_take_environment(&given), 0);
    assert_null(given);
    assert_int_equal(setenv(MASTER_KEY_VARIABLE, text, 1), 0);
    const char *lay_at = getenv(MASTER_KEY_VARIABLE);
    assert_int_equal(master_key_take_environment(&given), 0);
    assert_non_null(given);
    assert_null(getenv(MASTER_KEY_VARIABLE));
    for (size_t i = 0; i < sizeof text; i++)
        assert_int_equal(lay_at[i], 0);
    assert_int_equal(master_key_open(directory, given, true, &key), 0);
    assert_int_equal(key.source, MASTER_KEY_OF_ENVIRONMENT);
    assert_int_equal(access(path_of("key"), F_OK), -1);
    master_key_close(&key);
    secret_unref(given);
    assert_int_equal(setenv(MASTER_KEY_VARIABLE, "too short", 1), 0);
    assert_int_equal(master_key_take_environment(&given), ERR_INVALID);
    assert_null(given);
    assert_null(getenv(MASTER_KEY_VARIABLE));
    assert_int_equal(setenv(MASTER_KEY_VARIABLE, "", 1), 0);
    assert_int_equal(master_key_take_environment(&given), 0);
    assert_null(given);
}

static void rotation_by_files(void **state) {
    (void)state;
    struct master_key before, during, after;
    struct secret *next;
    assert_int_equal(master_key_open(directory, NULL, true, &before), 0);
    assert_null(before.next);
    assert_int_equal(key_new(&next), 0);
    assert_int_equal(master_key_stage(directory, next), 0);
    assert_int_equal(master_key_open(directory, NULL, false, &during), 0);
    assert_true(secret_equal(during.key, secret_reveal(before.key)));
    assert_true(secret_equal(during.next, secret_reveal(next)));
    assert_int_equal(master_key_commit(directory), 0);
    assert_int_equal(master_key_open(directory, NULL, false, &after), 0);
    assert_true(secret_equal(after.key, secret_reveal(next)));
    assert_null(after.next);
    master_key_close(&after);
    assert_int_equal(master_key_commit(directory), ERR_SYSTEM);
    assert_int_equal(master_key_stage(directory, next), 0);
    assert_int_equal(master_key_abandon(directory), 0);
    assert_int_equal(master_key_abandon(directory), 0);
    assert_int_equal(master_key_open(directory, NULL, false, &after), 0);
    assert_null(after.next);
    master_key_close(&before);
    master_key_close(&during);
    master_key_close(&after);
    secret_unref(next);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_made_once_and_read_back, begin, end),
        cmocka_unit_test_setup_teardown(a_torn_start_is_no_key, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_safe_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(no_link_and_no_directory, begin, end),
        cmocka_unit_test_setup_teardown(environment_gives_and_forgets, begin, end),
        cmocka_unit_test_setup_teardown(rotation_by_files, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
