// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the endpoints of providers share. Not for others. */
#include "admin/admin.h"

extern const struct schema admin_provider_schema;

/* The provider of that id, or 404. `warning` absent = none. */
int admin_answer_provider(struct request *r, int status, struct span id, struct span warning);
