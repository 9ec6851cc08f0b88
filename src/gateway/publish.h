// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Settings that loops share: made once, referenced, never changed. For the files of gateway/. */
#include "gateway/gateway.h"

struct gateway_settings *gateway_settings_new(const struct gateway_config *config);
struct gateway_settings *gateway_settings_ref(struct gateway_settings *settings);
void gateway_settings_unref(struct gateway_settings *settings); /* NULL is fine */
const struct gateway_config *gateway_settings_config(const struct gateway_settings *settings);
/* The limits of the settings in force, for the loop's servers. */
void gateway_loop_limit(struct gateway_loop *home);
