// SPDX-License-Identifier: Apache-2.0
/*
 * Answers: guard, parser and body framing, at many splits; see fuzz_http_request.c.
 */
#include "fuzz_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_every_way(HTTP_SIDE_ANSWER, data, size);
    return 0;
}
