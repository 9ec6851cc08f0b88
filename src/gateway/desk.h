// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The desk: the scheduler behind its mutex. Every loop visits it about three times a request for a microsecond or less; what a
 * visit decides for requests of other loops travels there as a message, and loop 0 wakes the desk at the time it asks for.
 *
 * An owner word names a request: loop index (8 bits), slot (24 bits), generation (32 bits). A grant for a request that has
 * gone is given back by the receiving loop.
 */
#include "catalog/snapshot.h"
#include "client/table.h"
#include "net/loop.h"
#include "provider/reading.h"
#include "scheduler/past.h"
#include "scheduler/running.h"

struct desk;
struct gateway;
struct gateway_config;

struct desk *desk_new(struct gateway *gateway, uint32_t tickets_max, uint64_t seed);
void desk_free(struct desk *desk);
/* What went to providers before; routes are those of the configuration it comes with, or of the last one. */
struct desk_past {
    const struct scheduler_past *rows;
    uint32_t count;
};
/* A new snapshot, which is referenced: what goes on by its names keeps its counts, rests, reservations and places in the queue. From then
 * on decisions come in its numbers, and limits are charged with the past. `home_index` is the loop of the calling thread. */
void desk_configure(struct desk *desk, uint32_t home_index, struct catalog_snapshot *snapshot,
                    const struct gateway_config *config, struct desk_past past);
/* The same past before the first request, in slices. */
void desk_replay(struct desk *desk, struct desk_past past);
/* The clock of all times that come from the desk. */
uint64_t desk_clock_ns(void);
/* Loop 0, once, before loops run: the timer of the desk lives there. */
void desk_attach(struct desk *desk, struct loop *loop);
void desk_detach(struct desk *desk);

/* `home_index` is the visiting loop. The first decisions about requests of that loop reach request_decided before the call returns,
 * further ones later in its turn. */
/* Times in demand are the loop's, candidates are routes of `of`, which may be older than the desk's. */
scheduler_ticket desk_submit(struct desk *desk, uint32_t home_index, struct catalog_snapshot *of,
                             struct demand *demand);
void desk_cancel(struct desk *desk, uint32_t home_index, scheduler_ticket ticket,
                 const struct scheduler_usage *usage);
void desk_sent(struct desk *desk, scheduler_ticket ticket);
void desk_headers(struct desk *desk, scheduler_ticket ticket, int status);
void desk_first_token(struct desk *desk, scheduler_ticket ticket);
enum done_verdict desk_done(struct desk *desk, uint32_t home_index, scheduler_ticket ticket,
                            enum outcome outcome, const struct scheduler_usage *usage,
                            const struct outcome_detail *detail);
/* What the head of an answer said of limits. */
void desk_readings(struct desk *desk, uint32_t home_index, scheduler_ticket ticket,
                   const struct reading *readings, uint32_t count);
/* Looking, without a ticket, in the numbers of `of`: one row for each candidate; the state of each limit. Times are of desk_clock_ns. */
void desk_explain(struct desk *desk, struct catalog_snapshot *of, struct demand *demand,
                  struct scheduler_candidate *ret_rows, uint64_t *ret_now_ns);
/* Whether it would be refused now for a limit of its client, and the action that would come. Deadlines do not matter for that. */
bool desk_client_refuses(struct desk *desk, struct catalog_snapshot *of,
                         const struct demand *demand, struct action *ret_refusal);
void desk_limits(struct desk *desk, struct catalog_snapshot *of, struct scheduler_limit *ret_limits,
                 uint64_t *ret_now_ns);
/* Whether any route could be asked now; for /readyz. */
bool desk_any_open(struct desk *desk);
/* The same for each route of `of`: ret_open[i], in one visit. */
void desk_open_routes(struct desk *desk, struct catalog_snapshot *of, bool *ret_open);
/* When each can be asked, by desk_clock_ns: 0 = now, UINT64_MAX = nobody knows. */
void desk_route_times(struct desk *desk, struct catalog_snapshot *of, uint64_t *ret_open_at_ns,
                      uint64_t *ret_now_ns);
/* Attempts under way, for who takes over: rows of the newest snapshot from slot *slot on, at most `most`; fewer than that are the
 * last. */
uint32_t desk_running(struct desk *desk, uint32_t *slot, struct scheduler_running *ret_rows,
                      uint32_t most);
/* One that another process runs, before loops do: held until desk_done with the ticket; 0 = no room for it, then it is charged, to its
 * client too. */
scheduler_ticket desk_hold(struct desk *desk, const struct scheduler_running *row);
void desk_counts(struct desk *desk, struct scheduler_counts *ret_counts);
/* Clients with limits of their own; any thread. NULL = none. */
void desk_clients(struct desk *desk, const struct client_table *clients, const struct zone *zone);
/* What clients used before this start, in slices. */
void desk_clients_replay(struct desk *desk, const struct scheduler_client_past *rows,
                         uint32_t count);
/* What is left of one client's limits; false when it has none. */
bool desk_client_limits(struct desk *desk, uint64_t number,
                        struct scheduler_client_limit ret_limits[CLIENT_LIMIT_COUNT],
                        uint64_t *ret_now_ns);
/* Memory of a burst of tickets, once there are none. */
void desk_give_back(struct desk *desk);

#define OWNER_WORD(loop_index, slot, generation) \
    ((uint64_t)(loop_index) << 56 | (uint64_t)(slot) << 32 | (uint64_t)(generation))
#define OWNER_LOOP(owner)       ((uint32_t)((owner) >> 56))
#define OWNER_SLOT(owner)       ((uint32_t)((owner) >> 32) & 0xffffffu)
#define OWNER_GENERATION(owner) ((uint32_t)(owner))
