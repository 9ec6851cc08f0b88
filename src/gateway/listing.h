// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Names that can be asked for, as rows: what the list of models shows, for everybody who shows it. */
#include "gateway/request.h"

/* All of them in the order of the list; rows live in the request's arena. ERR_TOO_LARGE. */
int listing_all(struct request *r, const struct surface_model **ret_rows,
                uint32_t *ret_count) WARN_UNUSED;
/* ERR_NOT_FOUND: the request went to REJECT, with the words for a request that names it. ERR_TOO_LARGE. */
int listing_one(struct request *r, struct span name, struct surface_model *ret_row) WARN_UNUSED;
