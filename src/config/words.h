// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The choices of settings. Where a setting has no default, 0 says that nobody said anything.
 */
#include "config/report.h"

enum config_auth { CONFIG_AUTH_OPEN, CONFIG_AUTH_KEYS };
enum config_audience { CONFIG_SELF, CONFIG_GROUP, CONFIG_PUBLIC };
enum config_keyless { CONFIG_KEYLESS_SAFE, CONFIG_KEYLESS_ALL, CONFIG_KEYLESS_OFF };
enum config_local { CONFIG_LOCAL_AUTO, CONFIG_LOCAL_OFF };
enum config_data_use { CONFIG_DATA_NOT_SAID, CONFIG_DATA_ANY, CONFIG_DATA_NO_TRAINING };
enum config_tier { CONFIG_TIER_NOT_SAID, CONFIG_TIER_FREE, CONFIG_TIER_PAID };
enum config_billing {
    CONFIG_BILLING_NOT_SAID,
    CONFIG_BILLING_FREE,
    CONFIG_BILLING_PAID,
    CONFIG_BILLING_UNKNOWN
};
enum config_training {
    CONFIG_TRAINING_NOT_SAID,
    CONFIG_TRAINS,
    CONFIG_NO_TRAINING,
    CONFIG_TRAINING_UNKNOWN
};
enum config_tri { CONFIG_NOT_SAID, CONFIG_NO, CONFIG_YES };

/* name, word in papi.yaml (the catalog's word too), largest amount, what is counted */
#define CONFIG_UNIT_TABLE(X)                                                                 \
    X(CONFIG_REQUESTS, "requests", 1000000000000, "Requests in a window.")                   \
    X(CONFIG_TOKENS, "tokens", 1000000000000, "Tokens of prompts and answers together.")     \
    X(CONFIG_INPUT_TOKENS, "input_tokens", 1000000000000, "Tokens of prompts.")              \
    X(CONFIG_OUTPUT_TOKENS, "output_tokens", 1000000000000, "Tokens of answers.")            \
    X(CONFIG_NEURONS, "neurons", 1000000000, "Cloudflare's unit of work, in whole neurons.") \
    X(CONFIG_EMBED_INPUTS, "embed_inputs", 1000000000000, "Texts to embed.")                 \
    X(CONFIG_CONCURRENT, "concurrent", 10000, "Requests at once; has no window.")

enum config_unit {
#define CONFIG_UNIT_ENUM(name, word, most, about) name,
    CONFIG_UNIT_TABLE(CONFIG_UNIT_ENUM)
#undef CONFIG_UNIT_ENUM
        CONFIG_UNIT_COUNT
};
const char *config_unit_word(enum config_unit unit);

enum config_shape {
    CONFIG_ROLLING,
    CONFIG_REFILL,
    CONFIG_CALENDAR_DAY,
    CONFIG_CALENDAR_MONTH,
    CONFIG_ALIGNED,
    CONFIG_AT_ONCE /* CONFIG_CONCURRENT */
};
enum config_scope { CONFIG_BY_ACCOUNT, CONFIG_BY_MODEL };

#define CONFIG_LIMITS_MAX 16

/* One row of `limits`, consistent in itself. */
struct config_limit {
    enum config_unit unit;
    enum config_shape shape;
    enum config_scope scope;
    uint64_t amount;    /* at least 1 */
    uint64_t window_ms; /* 0: CONFIG_CONCURRENT; a month has 31 days */
    uint64_t
        burst; /* most at once, 1 to amount; 0 = not given; CONFIG_ROLLING and CONFIG_REFILL only */
    struct span
        zone; /* calendars: as written, "UTC" when not given; whoever maps it must know it */
    struct config_place zone_place, place;
};
