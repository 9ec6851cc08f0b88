// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Vault and clients of a store that was down when this process started: read when it is back. */
#include "app/app_parts.h"

/* On loop 0: begins to look whether the store is back, if there is need; ends that. */
void late_begin(struct app *app);
void late_end(struct app *app);
