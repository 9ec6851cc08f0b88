// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Errors in the words of providers, and the numbers that stand in them. Internal to fake/. */
#include "fake/fake.h"

/* The status that a dialect has for this kind; `status` when it has none of its own. */
int fake_error_status(enum fake_bodies dialect, enum fake_kind kind, int status);
int fake_write_error(struct fake_plan *plan, struct dynbuf *out) WARN_UNUSED;
int fake_write_go_duration(struct dynbuf *out, uint64_t ms) WARN_UNUSED; /* "1m26.4s" */
/* --- headers.c --- */
/* Fills the plan's head fields: dialect, retry, date. */
int fake_write_fields(struct fake_plan *plan) WARN_UNUSED;
