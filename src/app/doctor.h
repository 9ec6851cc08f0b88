// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What keeps this gateway from working well, looked for on the machine, in the files and at the providers. A table of checks; each
 * gives findings, each finding its cure. Needs no running gateway and changes nothing.
 *
 * Ownership: doctor_free frees all; texts of findings live until then. No finding ever holds a key.
 */
#include "base/arena.h"
#include "catalog/facts.h"

#define DOCTOR_FINDINGS_MAX 512
#define DOCTOR_SECONDS      15

enum doctor_grade { DOCTOR_OK, DOCTOR_SKIPPED, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_wish {
    const char *config_path, *data_dir, *listen; /* as of `papi serve`; NULL = the usual ones */
    bool offline;                                /* nothing beyond this machine is asked */
};

struct doctor_finding {
    const char *check, *title; /* of the row: "clock", "Clock" */
    const char *subject;       /* what it is about: "groq", a file; "" = the whole */
    enum doctor_grade grade;
    const char *says;
    const char *cure; /* one sentence; "" unless WARN or FAIL */
};

struct doctor;

/* Takes at most DOCTOR_SECONDS, whatever providers do. */
struct doctor *doctor_run(const struct doctor_wish *wish, const struct facts *facts,
                          int64_t wall_ms);
void doctor_free(struct doctor *doctor);
uint32_t doctor_count(const struct doctor *doctor);
const struct doctor_finding *doctor_at(const struct doctor *doctor, uint32_t index);
const char *doctor_grade_word(enum doctor_grade grade);

/* The table, for the guide: NULL behind the last. */
const char *doctor_check_id(uint32_t index);
const char *doctor_check_about(uint32_t index);
