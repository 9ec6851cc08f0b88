// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The API and the admin plane, described from the tables that serve them. */
#include "admin/admin.h"

#define DESCRIBE_SCHEMAS_MAX 128
#define DESCRIBE_ROWS_MAX    128

/* Calls `each` for every row of the gateway's own table and of the admin plane's, in their order. */
void describe_each(void (*each)(void *context, const struct endpoint *row), void *context);
/* Where clients ask for it: "/v1/models/{model}". In `text`, of `size` bytes. */
void describe_path(const struct endpoint *row, char *text, size_t size);
/* "get", "post", ... : each row has one beside HEAD. */
const char *describe_method(const struct endpoint *row);
/* Every schema that a row leads to, once; returns how many. */
uint32_t describe_schemas(const struct schema *ret_schemas[DESCRIBE_SCHEMAS_MAX]);
/* The whole as OpenAPI 3.1. */
int describe_openapi(struct dynbuf *out) WARN_UNUSED;
