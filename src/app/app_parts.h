// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the files of the running gateway share: the parts it is made of, in order, and what each of them keeps.
 *
 * To add a part: a file with NAME_start and NAME_stop, its members in struct app, one row in the table of app.c. Parts start in the
 * order of the table and stop in reverse; stop is called for every part, also for those whose start was not reached or failed.
 */
#include "admin/admin.h"
#include "app/app.h"
#include "app/assemble.h"
#include "app/demo.h"
#include "app/drain.h"
#include "app/notify.h"
#include "app/reload.h"
#include "app/settings.h"
#include "app/successor.h"
#include "app/upgrade.h"
#include "app/vault_part.h"

#include <pthread.h>
#include <sys/types.h>

struct app_loop {
    struct loop *loop;         /* owned */
    struct gateway_loop *home; /* owned */
    struct drain drain;
    struct loop_message alive; /* a sign of life, for the service manager */
    atomic_bool answered;
    pthread_t thread; /* loops 1.. */
    bool running;
};

/* What is read from outside and replaced as a whole by a reload. Everything in it lives as long as it. */
struct loaded {
    uint64_t version;      /* 1 at the start, grows with each reload that succeeds */
    uint64_t loaded_at_ms; /* wall clock */
    struct arena arena;
    struct settings settings;           /* owned */
    struct local_servers servers;       /* owned */
    const struct vault_contents *vault; /* ref; NULL = none */
    struct assembly assembly;           /* its snapshot is a ref */
};

struct reloader; /* reload.c */
struct store;
struct keeper; /* keeper.c */

struct app {
    const struct app_options *options; /* borrowed: the caller's */
    struct arena arena;                /* texts that live until the end */
    struct loaded *now;                /* owned: what is served by; of the main thread */
    struct reloader *reloader;         /* owned */
    struct keeper *keeper;             /* owned */
    struct heir heir;
    struct loop_message heir_alone; /* the process before has ended */
    pid_t successor;                /* started by USR2; 0 = none */
    struct loop_timer watch;        /* notify.c */
    uint64_t watch_ns;
    struct loop_timer late; /* late.c */
    struct demo demo;
    const char *data_dir;   /* arena */
    int lock_fd;            /* -1 = not locked */
    struct store *store;    /* owned; NULL = nothing is kept */
    const char *store_path; /* arena: of its database; NULL = none */
    bool store_aside;       /* its journal has another name: another process has taken over */
    struct vault_place vault_place;
    struct vault *vault; /* owned; keys that were given to this instance */
    bool clients_unread; /* of the main thread while starting, then of the thread of a reload */
    struct provider_board *board; /* owned; what the admin plane shows of providers */
    int probe_fd;                 /* -1 = none */
    struct listen_address address;
    struct gateway *gateway; /* owned */
    struct admin admin;      /* what its admin plane knows of this process */
    struct app_loop *loops;  /* owned */
    uint32_t loop_count;
    atomic_uint loops_running;
    bool draining, cut;
};

struct app_part {
    const char *name;
    int (*start)(struct app *app); /* 0, or negative after app_fail has said why */
    void (*stop)(struct app *app); /* NULL = nothing to do; harmless when it has not started */
};

/* place.c: as it is written in a configuration; NULL = the arena is full. */
const char *address_text(struct arena *arena, const struct listen_address *address);

/* "papi: ..." on standard error; returns -1. */
int app_fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* load.c: settings, keys, servers of this machine, and the pool made of them */
struct loaded *loaded_new(void);
void loaded_free(struct loaded *loaded); /* NULL is fine */
/* 0 or ERR_INVALID; the reports have what is wrong with each. */
int load_settings(struct loaded *loaded, const struct app *app) WARN_UNUSED;
int load_pool(struct loaded *loaded, const struct app *app,
              struct config_report *ret_report) WARN_UNUSED;
/* The name of the configuration in messages. */
const char *loaded_name(const struct loaded *loaded);
void loaded_configure_log(const struct loaded *loaded);
/* fixed.c: what only a start can change stays as it is in what was read anew; warnings say so. */
void fixed_keep(const struct app *app, struct loaded *fresh, struct dynbuf *report);

/* Parts, in the order of app.c's table. */
int settings_start(struct app *app);
void settings_stop(struct app *app);
int log_begin(struct app *app);
void log_end(struct app *app);
int place_start(struct app *app);
void place_stop(struct app *app);
int records_start(struct app *app);
void records_stop(struct app *app);
int vault_start(struct app *app);
void vault_stop(struct app *app);
int address_start(struct app *app);
void address_stop(struct app *app);
int simulator_start(struct app *app);
void simulator_stop(struct app *app);
int pool_start(struct app *app);
int loops_start(struct app *app);
void loops_stop(struct app *app);
int admin_start(struct app *app);

/* admin.c: before the gateway is made, adds the endpoints of the admin plane. */
#define ADMIN_SOCKET "papi.sock"
void admin_join(struct app *app, struct gateway_config *config);

/* vault_part.c: PAPI_VAULT_KEY, before there are threads and before settings are read. */
int vault_take_environment(struct app *app) WARN_UNUSED;
/* On the thread of a reload: what could not be opened is tried again, with the master key and the store that are there now. */
void vault_again(struct app *app);
/* provider_rows.c: what the admin plane shows of providers, of a configuration that is taken into use. */
void provider_rows_publish(struct app *app, const struct loaded *loaded);

uint32_t loops_wanted(const struct app *app);
/* On loop 0. `why` is for the log. */
void loops_begin_drain(struct app *app, const char *why);

/* loops.c: the main thread becomes loop 0 until the last loop has ended. */
int loops_run(struct app *app) WARN_UNUSED;
/* clients.c: those whom keys let in, before anybody is served; and after the start screen, the first key or how to get one. */
void clients_join(struct app *app);
void clients_again(struct app *app);  /* on the thread of a reload, if they could not be read */
void clients_charge(struct app *app); /* clients_past.c */
void clients_greet(struct app *app);
/* greet.c: the start screen, on standard output. */
void greet(struct app *app);
