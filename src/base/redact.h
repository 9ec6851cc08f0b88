// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Taking a secret out of somebody else's words, in place: as it is, turned around, in hexadecimal and in base64, whole or in parts of
 * at least REDACT_LEAST_BYTES. What is found becomes '*', so that the length and what stands around it stay; text inside a JSON
 * string stays valid.
 */
#include "base/secret.h"

#define REDACT_LEAST_BYTES 10

/* Whether something was found. For error texts, not for streams: the time grows with both lengths. */
bool redact_secret(const struct secret *secret, char *text, size_t length);
