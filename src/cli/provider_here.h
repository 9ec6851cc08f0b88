// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Providers as the running instance has them, for `papi provider list`. */
#include "base/span.h"

/* The body of GET /admin/v1/providers as a table; an exit code. */
int provider_here_print(struct span body);
