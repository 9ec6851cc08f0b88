// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Limits of clients: requests and tokens a minute, a day and a month, and requests at once, in the same nodes as the limits of
 * providers. A demand names its client by number (demand.client); who has no limits is not listed here.
 *
 * A request is counted when it is submitted, with the estimate of its tokens, and refused at once where it does not fit
 * (REFUSAL_CLIENT_LIMITED); when its ticket ends, the estimate gives way to what was used by all of its attempts. What never
 * reached a provider, and what providers refused, costs nothing. Minutes roll; days and months are those of a zone.
 * Memory: a client's counters are made when it is listed, each limit's node at the first request that it concerns.
 */
#include "base/zone.h"
#include "client/client.h"

struct scheduler;

struct scheduler_client {
    uint64_t number; /* not 0 */
    struct client_limits limits;
};

/* All clients that have limits; replaces those listed before. What was counted of who stays goes on, also under other limits and in
 * another zone. Borrowed for the call. */
void scheduler_clients(struct scheduler *scheduler, uint64_t now_ns,
                       const struct scheduler_client *rows, uint32_t count,
                       const struct zone *zone);

struct scheduler_client_limit {
    uint64_t amount; /* 0 = there is no such limit */
    uint64_t used;   /* requests under way included, by their estimate */
    uint64_t remaining;
    uint64_t resets_at_ns; /* when more comes back; 0 = nothing is used, or not by time */
};
/* False: the client has no limits. */
bool scheduler_client_state(const struct scheduler *scheduler, uint64_t now_ns, uint64_t number,
                            struct scheduler_client_limit ret_limits[CLIENT_LIMIT_COUNT]);
/* What a client used at one time, and which of its limits are charged with it. */
enum client_past_limits { CLIENT_PAST_ALL, CLIENT_PAST_MINUTES, CLIENT_PAST_LONG };
struct scheduler_client_past {
    enum client_past_limits limits; /* LONG: of a day and a month */
    uint64_t number;                /* of the client */
    uint64_t age_ms, requests, tokens;
};
/* After a restart: charges what a client used then; who is not listed is passed over. */
void scheduler_client_replay(struct scheduler *scheduler, uint64_t now_ns,
                             const struct scheduler_client_past *past);
