// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The embed task: texts of which a client wants vectors. Part of message/task.h, whose words on ownership hold here too.
 */
#include "base/span.h"

/* How a client wants its vectors. */
enum embed_form { EMBED_FLOAT, EMBED_BASE64 };

struct task_embed {
    struct span *inputs; /* borrowed: arena; escaped, none empty; at least one */
    uint32_t input_count;
    struct span inputs_raw; /* raw string or array, OpenAI form; absent when not so */
    uint64_t dimensions;    /* 0 = not given */
    struct span input_type; /* raw; absent when not given */
    enum embed_form form;
};
