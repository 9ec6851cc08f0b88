// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What this instance remembers, as part of the running gateway: the store of its data directory, and how the limits of providers
 * are charged with what is in it.
 */
#include "catalog/snapshot.h"
#include "config/config.h"
#include "gateway/desk.h"

struct store;

struct app;
/* Another process takes over: all that was recorded is written, and the journal gets a name of its own (journal.PID), since the other one
 * will have one too. Both write to the database, which knows each journal by itself. May wait for the disk. */
int records_set_aside(struct app *app) WARN_UNUSED;
void records_set_back(struct app *app); /* it did not take over */
/* Journals of processes that are gone and had not written all of them; `gone_pid` is one, whatever is left of it (0 = none). May wait for
 * the disk. */
void records_adopt(struct app *app, int gone_pid);

/* What was recorded until now is in the database when it returns, unless that fails. May wait for the disk. */
void records_settle(struct store *store);

/* After a reload: how long what is kept. */
void records_keep(struct store *store, const struct config *config);

/* What was sent before by all accounts of `now`, as limits are charged with it; with `before` (NULL = none) what accounts it had not
 * sent, and what those it had count in limits it had not. May wait for the disk: while starting, or on a thread of its own. Freed by
 * records_charge or records_drop. NULL: nothing is kept. */
struct records_past;
struct records_past *records_read(struct store *store, const struct catalog_snapshot *now,
                                  const struct catalog_snapshot *before);
/* For gateway_publish with `now`; borrowed of it. */
struct desk_past records_rows(const struct records_past *past); /* NULL is fine */
/* Charges the limits, in slices; the desk was configured with `now`. Before the first request. */
void records_charge(struct records_past *past, struct desk *desk);
void records_drop(struct records_past *past); /* instead; NULL is fine */
