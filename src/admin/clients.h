// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The descriptions of the endpoints of clients (client_change.c). Not for others. */
#include "admin/admin.h"

extern const struct endpoint_doc client_list_doc, client_add_doc, client_show_doc,
    client_change_doc, client_revoke_doc, client_rotate_doc;
