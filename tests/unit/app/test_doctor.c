// SPDX-License-Identifier: Apache-2.0
/* The doctor at other times than now: facts that have grown old, a clock that stands before the program was built. What is broken
 * on a machine is tests/fault/test_doctor.py. */
#include "app/doctor.h"
#include "app/known.h"
#include "base/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static int64_t built_ms(void) {
    struct tm parts = {0};
    assert_non_null(strptime(known_facts->compiled, "%Y-%m-%d", &parts));
    return (int64_t)timegm(&parts) * 1000;
}

struct fixture {
    char folder[64], config[96], data[96];
};

static void make(struct fixture *fixture) {
    (void)snprintf(fixture->folder, sizeof fixture->folder, "/tmp/papi-doctor-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    (void)snprintf(fixture->config, sizeof fixture->config, "%s/papi.yaml", fixture->folder);
    (void)snprintf(fixture->data, sizeof fixture->data, "%s/data", fixture->folder);
    FILE *file = fopen(fixture->config, "w");
    assert_non_null(file);
    (void)fputs("keyless: off\nlocal_servers: off\ndotenv: no\nlisten: 127.0.0.1:0\n"
                "providers: {groq: {keys: [gsk_secret_0123456789]}}\n",
                file);
    assert_int_equal(fclose(file), 0);
}

static void drop(struct fixture *fixture) {
    assert_int_equal(unlink(fixture->config), 0);
    assert_int_equal(rmdir(fixture->folder), 0);
}

static struct doctor *examine(const struct fixture *fixture, struct doctor_wish *wish,
                              int64_t wall_ms) {
    *wish = (struct doctor_wish){
        .config_path = fixture->config, .data_dir = fixture->data, .offline = true};
    return doctor_run(wish, known_facts, wall_ms);
}

/* The worst grade of a check, and one of its findings that has it. */
static enum doctor_grade worst(const struct doctor *doctor, const char *check,
                               const struct doctor_finding **ret_finding) {
    enum doctor_grade grade = DOCTOR_OK;
    for (uint32_t i = 0; i < doctor_count(doctor); i++) {
        const struct doctor_finding *finding = doctor_at(doctor, i);
        assert_null(strstr(finding->says, "gsk_secret"));
        assert_null(strstr(finding->cure, "gsk_secret"));
        if (strcmp(finding->check, check) == 0 && finding->grade >= grade) {
            grade = finding->grade;
            *ret_finding = finding;
        }
    }
    return grade;
}

static void finds_facts_that_have_grown_old(void **state) {
    static const struct {
        int days;
        enum doctor_grade grade;
    } rows[] = {{1, DOCTOR_OK}, {30, DOCTOR_OK}, {300, DOCTOR_WARN}, {2000, DOCTOR_WARN}};
    struct fixture fixture;
    (void)state;
    make(&fixture);
    for (size_t i = 0; i < array_length(rows); i++) {
        struct doctor_wish wish;
        const struct doctor_finding *finding = NULL;
        struct doctor *doctor = examine(&fixture, &wish, built_ms() + rows[i].days * DAY_MS);
        assert_int_equal(worst(doctor, "catalog", &finding), rows[i].grade);
        if (rows[i].grade == DOCTOR_WARN) {
            assert_string_equal(finding->subject, "groq");
            assert_non_null(strstr(finding->says, "days ago"));
            assert_non_null(strstr(finding->cure, "newer PAPI"));
        }
        doctor_free(doctor);
    }
    drop(&fixture);
}

static void finds_a_clock_before_the_build(void **state) {
    static const struct {
        int days;
        enum doctor_grade grade;
    } rows[] = {{-20000, DOCTOR_FAIL}, {-2, DOCTOR_FAIL}, {0, DOCTOR_OK}, {1, DOCTOR_OK}};
    struct fixture fixture;
    (void)state;
    make(&fixture);
    for (size_t i = 0; i < array_length(rows); i++) {
        struct doctor_wish wish;
        const struct doctor_finding *finding = NULL;
        struct doctor *doctor = examine(&fixture, &wish, built_ms() + rows[i].days * DAY_MS);
        assert_int_equal(worst(doctor, "clock", &finding), rows[i].grade);
        doctor_free(doctor);
    }
    drop(&fixture);
}

static void finds_certificates_that_have_expired(void **state) {
    struct fixture fixture;
    struct doctor_wish wish;
    const struct doctor_finding *finding = NULL;
    (void)state;
    make(&fixture);
    struct doctor *doctor = examine(&fixture, &wish, built_ms() + 36500 * DAY_MS);
    assert_int_equal(worst(doctor, "ca", &finding), DOCTOR_FAIL);
    assert_non_null(strstr(finding->cure, "ca-certificates"));
    doctor_free(doctor);
    drop(&fixture);
}

/* Each check has a row for the guide. */
static void lists_its_checks(void **state) {
    uint32_t count = 0;
    (void)state;
    for (; doctor_check_id(count) != NULL; count++)
        assert_true(strlen(doctor_check_about(count)) > 10);
    assert_true(count >= 14);
    assert_null(doctor_check_about(count));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_facts_that_have_grown_old),
        cmocka_unit_test(finds_a_clock_before_the_build),
        cmocka_unit_test(finds_certificates_that_have_expired),
        cmocka_unit_test(lists_its_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
