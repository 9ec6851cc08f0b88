// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The words of fact_words.h, fact_signal.h, fact_quirk.h and limit.h as lists: the index of a word is the value of its enum.
 */
#include "catalog/facts.h"

struct word_list {
    const char *what; /* "kind", for messages */
    const char *const *names;
    uint32_t count;
};

extern const struct word_list words_kind, words_status, words_route_status, words_charge,
    words_tells, words_form, words_task_class, words_unit, words_shape, words_scope, words_class,
    words_about, words_until, words_match, words_rule, words_quirk, words_tri, words_confidence;
/* Words that are kept as texts. */
extern const struct word_list words_task, words_model_kind, words_scheme, words_dialect,
    words_reads;

/* Index of a word; `count` when there is none such. */
uint32_t words_find(const struct word_list *list, struct span word);
/* The nearest known one; NULL for an empty list. */
const char *words_nearest(const struct word_list *list, struct span word);
