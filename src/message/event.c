// SPDX-License-Identifier: Apache-2.0
/*
 * What can be said of an event without knowing any wire.
 *
 * Why a table: whether an event is a token decides when the 200 goes out and when failover ends, so the answer for each
 * kind stands in one visible place. A role, an empty delta or a bare usage report is no token: nothing of the answer was
 * seen. Promises: total over the kinds. Leaves to others: turning events into bytes.
 */
#include "message/event.h"

#include "base/check.h"

static const struct {
    const char *name;
    bool token;
} kinds[EVENT_KIND_COUNT] = {
    [EVENT_START] = {"start", false},        [EVENT_TEXT] = {"text", true},
    [EVENT_REASONING] = {"reasoning", true}, [EVENT_TOOL_OPEN] = {"tool_open", true},
    [EVENT_TOOL_ARGS] = {"tool_args", true}, [EVENT_REFUSAL] = {"refusal", true},
    [EVENT_LOGPROBS] = {"logprobs", false},  [EVENT_ANNOTATION] = {"annotation", false},
    [EVENT_MEDIA] = {"media", true},         [EVENT_OPAQUE] = {"opaque", false},
    [EVENT_EXTRA] = {"extra", false},        [EVENT_FINISH] = {"finish", false},
    [EVENT_USAGE] = {"usage", false},        [EVENT_ERROR] = {"error", false},
    [EVENT_EMBEDDING] = {"embedding", true},
};

static const char *const finish_names[FINISH_REASON_COUNT] = {
    [FINISH_STOP] = "stop",
    [FINISH_LENGTH] = "length",
    [FINISH_TOOL_CALLS] = "tool_calls",
    [FINISH_CONTENT_FILTER] = "content_filter",
};

const char *event_kind_name(enum event_kind kind) {
    check(kind < EVENT_KIND_COUNT);
    return kinds[kind].name;
}

bool event_is_token(const struct event *event) {
    check(event->kind < EVENT_KIND_COUNT);
    return kinds[event->kind].token;
}

const char *finish_name(enum finish_reason reason) {
    check(reason < FINISH_REASON_COUNT);
    return finish_names[reason];
}
