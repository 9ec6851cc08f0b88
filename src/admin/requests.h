// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Writing what the store keeps of a request. */
#include "store/record.h"
#include "json/writer.h"

/* A visitor of the store: the context is a struct json_writer. With its ladder. */
void admin_put_request(void *context, const struct store_request *request);
