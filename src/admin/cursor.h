// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Places in lists, as text that only means something here: "r-5f3a", "u-1c-9". */
#include "gateway/request.h"

#define CURSOR_BYTES 48

/* 400; what a handler returns. */
int cursor_refuse(struct request *r);
/* `kind` tells lists apart, so that a place in one is refused by another. */
void cursor_write(char kind, uint64_t first, uint64_t second, char text[CURSOR_BYTES]);
/* An absent text is the beginning: 0, 0. False after it went to REJECT. */
bool cursor_read(struct request *r, char kind, struct span text, uint64_t *ret_first,
                 uint64_t *ret_second);
