// SPDX-License-Identifier: Apache-2.0
/*
 * Requests: guard, parser, target and body framing, at many splits; the record of each run must be the same, no head that
 * passes may hold what the guard forbids, and no body may be longer than framed.
 */
#include "fuzz_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_every_way(HTTP_SIDE_REQUEST, data, size);
    return 0;
}
