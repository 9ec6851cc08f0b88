// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the checks of the doctor share. Not for other files. */
#include "app/assemble.h"
#include "app/doctor.h"
#include "app/key_test.h"
#include "app/settings.h"

#define DOCTOR_TESTS_MAX 1024
#define DOCTOR_ASK_SECONDS \
    8 /* for all questions to providers; the rest of DOCTOR_SECONDS is for looking at files */

struct doctor_row {
    const char *id, *title;
    const char *about; /* what is looked at, for the guide */
    bool network;      /* asks beyond this machine */
    bool pool;         /* needs a configuration that can be read */
    void (*run)(struct doctor *doctor);
    const char *cure; /* where a finding has none of its own */
};

struct doctor {
    const struct doctor_wish *wish; /* borrowed */
    const struct facts *facts;      /* borrowed */
    int64_t wall_ms;
    struct settings settings;     /* owned */
    struct local_servers servers; /* owned */
    struct assembly assembly;     /* its snapshot is a ref; NULL: the configuration has errors */
    struct config_report pool_report;
    const char *data_dir; /* NULL: nobody says where */
    struct span listen;
    struct key_test *tests;          /* arena */
    const struct offer **test_offer; /* arena; of each test */
    const struct offer_key **test_key;
    uint32_t test_count;
    uint32_t sealed_keys;         /* in the vault: not tried from here */
    const struct doctor_row *row; /* that runs */
    const char *next_cure;
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
    uint32_t count;
    struct arena arena;
};

/* A finding of the row that runs, with the row's cure. */
void doctor__say(struct doctor *doctor, enum doctor_grade grade, const char *subject,
                 const char *format, ...) PRINTF_LIKE(4, 5);
/* The same doctor: its next finding has a cure of its own; NULL: the row's. */
struct doctor *doctor__cured(struct doctor *doctor, const char *cure);
/* A span as text of the arena. */
const char *doctor__text(struct doctor *doctor, struct span span);
const char *doctor__format(struct doctor *doctor, const char *format, ...) PRINTF_LIKE(2, 3);

/* doctor_machine.c */
void doctor__check_data(struct doctor *doctor);
void doctor__check_permissions(struct doctor *doctor);
void doctor__check_disk(struct doctor *doctor);
void doctor__check_store(struct doctor *doctor);
void doctor__check_descriptors(struct doctor *doctor);
void doctor__check_port(struct doctor *doctor);
/* doctor_files.c */
void doctor__check_config(struct doctor *doctor);
void doctor__check_authorities(struct doctor *doctor);
void doctor__check_proxy(struct doctor *doctor);
void doctor__check_catalog(struct doctor *doctor);
void doctor__check_local(struct doctor *doctor);
/* doctor_network.c */
void doctor__ask(struct doctor *doctor);
void doctor__check_clock(struct doctor *doctor);
void doctor__check_names(struct doctor *doctor);
void doctor__check_providers(struct doctor *doctor);
void doctor__check_keys(struct doctor *doctor);
