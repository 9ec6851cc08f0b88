// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Whether the model that says it answers is the one that was asked. */
#include "catalog/snapshot.h"

/* `answered`: as the provider wrote it. False only on evidence: another model of this snapshot has that name, or the provider is known to
 * substitute models and the name does not fit. */
bool catalog_answered_right(const struct catalog_snapshot *snapshot, uint32_t route,
                            struct span answered);
