// SPDX-License-Identifier: Apache-2.0
/*
 * Secrets: limits, comparing, sharing, wiping.
 *
 * That the page is gone after the last reference is shown by the kernel: mincore fails on memory that is not mapped.
 */
#include "base_fixture.h"

#include "base/check.h"
#include "base/secret.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static void limits_length(void **state) {
    (void)state;
    static char bytes[SECRET_MAX_BYTES + 1];
    static const size_t lengths[] = {0, 1, 64, SECRET_MAX_BYTES};
    struct secret *secret = NULL;
    memset(bytes, 'k', sizeof bytes);
    for (size_t i = 0; i < LENGTH_OF(lengths); i++) {
        struct span text = span_of(bytes, lengths[i]);
        assert_int_equal(secret_new(text, &secret), 0);
        assert_true(span_equal(secret_reveal(secret), text));
        assert_ptr_not_equal(secret_reveal(secret).ptr, bytes);
        assert_true(secret_equal(secret, text));
        secret_unref(secret);
    }
    secret = NULL;
    assert_int_equal(secret_new(span_of(bytes, sizeof bytes), &secret), ERR_TOO_LARGE);
    assert_null(secret);
    assert_int_equal(secret_new(SPAN_NONE, &secret), 0);
    assert_int_equal(secret_reveal(secret).len, 0);
    secret_unref(secret);
    secret_unref(NULL);
}

static void compares(void **state) {
    (void)state;
    static const struct {
        const char *other;
        bool equal;
    } rows[] = {
        {"sk-abc", true},   {"sk-abd", false}, {"Sk-abc", false}, {"sk-ab", false},
        {"sk-abcd", false}, {"", false},       {NULL, false},
    };
    static char wide[3 * SECRET_MAX_BYTES];
    struct secret *secret;
    assert_int_equal(secret_new(SPAN_LITERAL("sk-abc"), &secret), 0);
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        assert_int_equal(secret_equal(secret, span_text(rows[i].other)), rows[i].equal);
    memcpy(wide, "sk-abc", 6);
    assert_false(secret_equal(secret, span_of(wide, sizeof wide)));
    secret_unref(secret);
}

static void keeps_until_the_last_reference(void **state) {
    (void)state;
    struct secret *secret;
    unsigned char resident;
    assert_int_equal(secret_new(SPAN_LITERAL("shared"), &secret), 0);
    void *page = (void *)(uintptr_t)secret_reveal(secret).ptr;
    assert_ptr_equal(secret_ref(secret), secret);
    secret_unref(secret);
    assert_true(span_is(secret_reveal(secret), "shared"));
    assert_int_equal(mincore(page, 1, (void *)&resident), 0);
    secret_unref(secret);
    assert_int_equal(mincore(page, 1, (void *)&resident), -1);
    assert_int_equal(errno, ENOMEM);
}

static void *take_and_give(void *context) {
    struct secret *secret = context;
    for (int i = 0; i < 10000; i++) {
        struct secret *mine = secret_ref(secret);
        if (!secret_equal(mine, SPAN_LITERAL("shared")))
            return secret;
        secret_unref(mine);
    }
    return NULL;
}

static void is_shared_between_threads(void **state) {
    (void)state;
    struct secret *secret;
    pthread_t threads[2];
    assert_int_equal(secret_new(SPAN_LITERAL("shared"), &secret), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, secret), 0);
    for (size_t i = 0; i < 2; i++) {
        void *wrong = secret;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    assert_true(span_is(secret_reveal(secret), "shared"));
    secret_unref(secret);
}

static void wipes(void **state) {
    (void)state;
    char text[32];
    memset(text, 'k', sizeof text);
    secret_wipe(text + 1, sizeof text - 2);
    assert_int_equal(text[0], 'k');
    assert_int_equal(text[sizeof text - 1], 'k');
    for (size_t i = 1; i < sizeof text - 1; i++)
        assert_int_equal(text[i], 0);
    secret_wipe(text, 0);
}

static void harden_and_tell(void) {
    struct rlimit core;
    secret_harden_process();
    bool hard = getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0;
#ifdef __linux__
    hard = hard && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
#endif
    check(!hard); /* ends the child when all is well */
}

static void hardens_the_process(void **state) {
    (void)state;
    assert_true(aborts(harden_and_tell));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_length),
        cmocka_unit_test(compares),
        cmocka_unit_test(keeps_until_the_last_reference),
        cmocka_unit_test(is_shared_between_threads),
        cmocka_unit_test(wipes),
        cmocka_unit_test(hardens_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
