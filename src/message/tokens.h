// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * How many tokens a text may be, without a tokenizer: a scan that weighs code points by script class. Within about 12 % of
 * the median of five model families on average; a single text of a rare script may be off by more.
 */
#include "message/task.h"

/* Zeroed to begin with. Text may come in any number of pieces, cut between code points. */
struct token_counter {
    uint64_t weight;     /* hundredths of a token, the open run and diacritics left out */
    uint64_t letters;    /* ASCII and accented Latin */
    uint64_t diacritics; /* accented Latin among them */
    uint64_t run_length; /* letters and digits since the last other code point */
    uint64_t run_weight;
};

void tokens_count(struct token_counter *counter, struct span escaped_text);
uint64_t tokens_total(const struct token_counter *counter); /* rounded up */
/* What the model must read of a task, by scanning all of it: texts by script, tools as their JSON, images by their size. Costs about
 * 2 ns a byte. */
uint64_t tokens_measure(const struct task *task);
/* The same from its size only; images at a flat rate. */
uint64_t tokens_of_prompt(const struct task *task);
