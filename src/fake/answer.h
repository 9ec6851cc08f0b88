// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Parts that whole answers and streams share. Internal to fake/. */
#include "fake/bodies.h"

#define FAKE_CREATED_S      1750000000 /* fixed, so that the same seed gives the same bytes */
#define FAKE_BODY_MAX_BYTES ((size_t)64 * 1024 * 1024)

/* The index-th word said; from a list by seed, or of the settings' text, parted at spaces. */
struct span fake_word_at(const struct fake_plan *plan, uint32_t index);
uint32_t fake_text_words(const char *text);
const char *fake_finish_word(const struct fake_plan *plan);
struct span fake_model_said(const struct fake_plan *plan); /* escaped */
/* "usage":{...} after `said` words. */
int fake_write_usage(const struct fake_plan *plan, uint32_t said, struct dynbuf *out) WARN_UNUSED;

/* --- embed.c --- */
int fake_write_embeddings(struct fake_plan *plan, struct dynbuf *out) WARN_UNUSED;

/* --- gzip.c --- */
bool fault_is_coded(const struct fault_row *row);
int fake_write_coded(enum fault_play play, struct span plain, struct dynbuf *out) WARN_UNUSED;
