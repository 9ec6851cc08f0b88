// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The routes that may serve a request, preferred first, or why there is none. */
#include "gateway/request.h"

/* Also estimates the prompt (r->input_tokens): by its size, or exactly where that could decide. */
void choose_candidates(struct request *r, struct catalog_choice *ret_choice);
/* choose_embed.c: tokens of the longest text; whether the answer can be held (else to REJECT). */
uint64_t choose_embed_tokens(const struct task_embed *embed);
bool choose_embed_fits(struct request *r, const struct catalog_choice *choice);
/* What is wished for, in the catalog's terms; after choose_candidates, which estimates the prompt. */
struct catalog_wish choose_wish(const struct request *r);
/* What the scheduler is asked; explain asks the same. */
void choose_demand(const struct request *r, const struct catalog_choice *choice,
                   struct demand *ret_demand);
/* Tells the client why; goes to REJECT. */
enum step_verdict choose_fail(struct request *r, struct catalog_choice *choice);
/* Keeps for x-papi-warning what of the client's wishes led to nothing. */
void choose_warn(struct request *r, const struct catalog_choice *choice);
