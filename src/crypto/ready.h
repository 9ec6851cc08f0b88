// SPDX-License-Identifier: Apache-2.0
#pragma once
/* libsodium, made ready once for the process. Not for other folders. */

/* Cheap after the first call; any thread. Aborts when the system has no randomness to give. */
void crypto__ready(void);
