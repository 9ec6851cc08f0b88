// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Randomness for secrets: from the system's generator. For everything else there is base/rand.h, which can be repeated. */
#include <stddef.h>
#include <stdint.h>

void random_bytes(void *ret_bytes, size_t size);
/* 0 .. bound-1 without bias; bound > 0 */
uint32_t random_below(uint32_t bound);
