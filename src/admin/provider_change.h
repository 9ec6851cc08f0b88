// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Handlers that change providers; their rows stand in providers.c. Not for others. */
#include "admin/providers.h"

int admin_add_provider(struct request *r);
int admin_import_providers(struct request *r);
int admin_pause_provider(struct request *r);
int admin_resume_provider(struct request *r);
int admin_remove_provider(struct request *r);
