// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a provider's refusal means: status, code and words into an outcome. Ordered, first match wins, body code before status.
 */
#include "base/span.h"
#include "scheduler/outcome.h"

/* `code` and `message` as the body gave them (escaped text is fine), absent when it gave none. */
enum outcome signal_outcome(int status, struct span code, struct span message);
