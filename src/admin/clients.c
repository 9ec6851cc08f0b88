// SPDX-License-Identifier: Apache-2.0
/*
 * /admin/v1/clients: who may use this gateway, and how much.
 *
 * A change is a job on the store's writing side: one transaction that changes the row and reads all rows into a new table. The
 * table goes to the loops when the change is on disk, in the order of the store's commits, and before its answer: whoever is told
 * that a key was revoked sees it refused. The order: the row, the disk, the loops, the answer.
 * Promises: a key is told in the answer that made it and never again; nothing of it is kept but a hash. Leaves to others: rows
 * (client_rows.c), checking what was sent (gateway/take.c), limits (scheduler).
 */
#include "admin/clients.h"

#include "admin/client_change.h"
#include "admin/client_rows.h"
#include "admin/cursor.h"
#include "base/check.h"
#include "base/mem.h"
#include "gateway/store_answer.h"
#include "obs/log.h"
#include "vault/vault.h"

#define JOB_ARENA_MAX_BYTES ((size_t)4 * 1024 * 1024)
#define PAGE_DEFAULT        100
#define NAME_MAX_BYTES      128 /* of a client in a path */

struct client_job {
    struct later later;
    struct store_job job;
    struct gateway *gateway; /* borrowed: outlives what is out */
    struct vault *vault;     /* borrowed */
    const struct zone *zone; /* borrowed */
    struct arena arena;
    struct span name; /* id or name; of a list: the cursor */
    struct span role; /* of a list: only these; absent = all */
    uint64_t limit;   /* of a list */
    struct client_change change;
    struct client_kept kept;
    struct secret *key;         /* owned; the one that was made */
    struct client_table *table; /* owned; goes to the loops when it is on disk */
    struct dynbuf body;         /* the answer */
    const char *event;          /* for the log; NULL = nothing changes */
    int err, status;
};

static struct client_job *job_of(struct store_job *job) {
    return container_of(job, struct client_job, job);
}

/* --- in the transaction --- */

static int show(struct client_job *job) {
    struct json_writer writer;
    json_writer_init(&writer, &job->body);
    client_rows_put(&writer, &job->kept.row,
                    job->key != NULL ? secret_reveal(job->key) : SPAN_NONE);
    return writer.err;
}

static int remake_table(struct client_job *job, struct store_db *db) {
    struct secret *hash_key;
    int err = vault_need_clients_key(job->vault, db, &hash_key);
    if (err < 0)
        return err;
    err = client_rows_table(db, hash_key, &job->table);
    secret_unref(hash_key);
    return err;
}

/* Makes a key in place of the first. */
static int make_key(struct client_job *job, struct store_db *db) {
    struct client_key_hash hash;
    struct secret *hash_key;
    enum client_role role = CLIENT_USER;
    (void)client_role_find(job->kept.row.role, &role);
    int err = client_key_make(role, &job->key);
    if (err == 0)
        err = vault_need_clients_key(job->vault, db, &hash_key);
    if (err < 0)
        return err;
    client_key_hash(hash_key, secret_reveal(job->key), &hash);
    secret_unref(hash_key);
    memcpy(job->kept.row.keys[0].hash, hash.bytes, sizeof hash.bytes);
    job->kept.row.keys[0].until_ms = 0;
    if (job->kept.row.key_count == 0)
        job->kept.row.key_count = 1;
    return 0;
}

static int run_add(struct store_db *db, struct store_job *store_job) {
    struct client_job *job = job_of(store_job);
    int err = make_key(job, db);
    if (err == 0)
        err = store_client_insert(db, &job->kept.row);
    if (err == 0)
        err = remake_table(job, db);
    return err == 0 ? show(job) : err;
}

static int run_show(struct store_db *db, struct store_job *store_job) {
    struct client_job *job = job_of(store_job);
    int err = client_rows_find(db, job->name, &job->arena, &job->kept);
    return err == 0 ? show(job) : err;
}

static int save(struct client_job *job, struct store_db *db) {
    int err = store_client_update(db, &job->kept.row);
    if (err == 0)
        err = remake_table(job, db);
    return err == 0 ? show(job) : err;
}

static int run_change(struct store_db *db, struct store_job *store_job) {
    struct client_job *job = job_of(store_job);
    int err = client_rows_find(db, job->name, &job->arena, &job->kept);
    if (err < 0)
        return err;
    client_change_apply(&job->change, &job->kept);
    return save(job, db);
}

static int run_rotate(struct store_db *db, struct store_job *store_job) {
    struct client_job *job = job_of(store_job);
    struct store_client *row = &job->kept.row;
    int err = client_rows_find(db, job->name, &job->arena, &job->kept);
    if (err < 0)
        return err;
    if (row->revoked_ms != 0)
        return ERR_PERMISSION;
    row->keys[1] = row->keys[0];
    row->keys[1].until_ms = job->change.now_ms + job->change.grace_ms;
    row->key_count = row->key_count > 0 && job->change.grace_ms > 0 ? 2 : 1;
    err = make_key(job, db);
    return err == 0 ? save(job, db) : err;
}

/* Revoked at once; the row stays, since requests of the past name it, unless it is to be forgotten. */
static int run_revoke(struct store_db *db, struct store_job *store_job) {
    struct client_job *job = job_of(store_job);
    int err = client_rows_find(db, job->name, &job->arena, &job->kept);
    if (err < 0)
        return err;
    if (job->kept.row.revoked_ms == 0)
        job->kept.row.revoked_ms = job->change.now_ms;
    if (!job->change.forget)
        return save(job, db);
    err = store_client_delete(db, job->kept.row.id);
    if (err == 0)
        err = remake_table(job, db);
    return err == 0 ? show(job) : err;
}

/* --- the list --- */

struct paging {
    struct client_job *job;
    struct json_writer writer;
    bool begun; /* the cursor was passed */
    bool more;
    uint64_t count;
    char last[CLIENT_ID_BYTES];
};

static void on_listed(void *context, const struct store_client *row) {
    struct paging *paging = context;
    if (!paging->begun) {
        paging->begun = span_equal(row->id, paging->job->name);
        return;
    }
    struct span role = span_absent(row->role) ? SPAN_LITERAL("client") : row->role;
    if (!span_absent(paging->job->role) && !span_equal(role, paging->job->role))
        return;
    paging->more = paging->more || paging->count == paging->job->limit;
    if (paging->more || row->id.len >= sizeof paging->last)
        return;
    client_rows_put(&paging->writer, row, SPAN_NONE);
    memcpy(paging->last, row->id.ptr, row->id.len);
    paging->last[row->id.len] = '\0';
    paging->count++;
}

static int run_list(struct store_db *db, struct store_job *store_job) {
    struct client_job *job = job_of(store_job);
    struct paging paging = {.job = job, .begun = span_absent(job->name)};
    json_writer_init(&paging.writer, &job->body);
    admin_open_page(&paging.writer);
    int err = store_clients_each(db, on_listed, &paging);
    admin_close_page(&paging.writer, paging.more, paging.more ? span_text(paging.last) : SPAN_NONE);
    if (err == 0 && !paging.begun)
        err = ERR_NOT_FOUND;
    return err == 0 ? paging.writer.err : err;
}

/* --- after it, on the store's thread --- */

static void on_done(struct store_job *store_job, int err) {
    struct client_job *job = job_of(store_job);
    job->err = err;
    if (job->event != NULL) {
        vault_settle(job->vault, err);
        if (err == 0) {
            gateway_clients(job->gateway, job->table, job->zone);
            log_event(LOG_INFO, job->event, "client=%.*s", SPAN_ARG(job->kept.row.id));
        }
    }
    later_done(&job->later);
}

/* --- on the loop again --- */

static const struct {
    int err;
    enum api_error_kind kind;
    const char *sentence;
} refusals[] = {
    {ERR_NOT_FOUND, API_NOT_FOUND,
     "No client has that id or name; `papi client list` (GET /admin/v1/clients) shows them."},
    {ERR_DUPLICATE, API_CONFLICT,
     "Several clients have that name; use the id that `papi client list` (GET /admin/v1/clients) "
     "shows."},
    {ERR_PERMISSION, API_CONFLICT,
     "That client was revoked; make a new one: `papi client add NAME` (POST /admin/v1/clients)."},
    {ERR_SEAL, API_UNAVAILABLE,
     "The vault is locked: the master key does not open it, so keys cannot be hashed. "
     "Put it back and restart; if it is lost, stop the gateway and run `papi provider rekey "
     "--start-over`, which forgets all sealed keys and the keys of all clients."},
};

static int refuse(struct request *r, int err) {
    for (size_t i = 0; i < array_length(refusals); i++)
        if (refusals[i].err == err) {
            (void)request_fail(r, refusals[i].kind, NULL, "%s", refusals[i].sentence);
            return 0;
        }
    if (store_answer_refused(r, err))
        return 0;
    (void)request_fail(r, API_INTERNAL, NULL, "The clients could not be changed or read: %s.",
                       err_text(err));
    return 0;
}

static int finish(struct request *r, struct later *later) {
    struct client_job *job = container_of(later, struct client_job, later);
    if (job->err == ERR_NOT_FOUND && job->job.run == run_list)
        return cursor_refuse(r);
    if (job->err < 0)
        return refuse(r, job->err);
    return respond_whole(r, job->status, "application/json", dynbuf_span(&job->body));
}

static void release(struct later *later) {
    struct client_job *job = container_of(later, struct client_job, later);
    secret_unref(job->key);
    client_table_unref(job->table);
    if (job->body.data != NULL)
        secret_wipe(job->body.data, job->body.capacity);
    dynbuf_done(&job->body);
    arena_reset(&job->arena);
    mem_free(job);
}

/* --- handlers --- */

static struct client_job *job_new(struct request *r) {
    const struct admin *admin = admin_of(r);
    struct client_job *job = mem_zalloc(sizeof *job);
    arena_init(&job->arena, NULL, 0, JOB_ARENA_MAX_BYTES);
    dynbuf_init(&job->body, ADMIN_ANSWER_MAX_BYTES);
    job->gateway = r->home->gateway;
    job->vault = admin->vault;
    job->zone = &admin->clients_zone;
    job->status = 200;
    job->change.now_ms = clock_wall_ms();
    return job;
}

/* `event` NULL: only reads. */
static int hand_over(struct request *r, struct client_job *job,
                     int (*run)(struct store_db *db, struct store_job *job), const char *event) {
    job->job = (struct store_job){.run = run, .done = on_done};
    job->event = event;
    later_begin(&job->later, r, finish, release);
    int err = store_submit(admin_of(r)->store, event != NULL ? STORE_WRITE : STORE_READ, &job->job);
    if (err < 0) {
        job->err = err;
        later_done(&job->later);
    }
    return ANSWER_LATER;
}

static int give_up(struct client_job *job, int err) {
    release(&job->later);
    return err;
}

/* What the tables do not say of a body. */
static int refuse_change(struct request *r, struct client_job *job, int err) {
    if (err != ERR_TOO_LARGE && err != ERR_INVALID)
        return give_up(job, err);
    (void)request_fail(r, API_BAD_REQUEST, "models",
                       "models has more than %d names, or one with a line end in it. Give fewer; * "
                       "stands for any letters.",
                       STORE_CLIENT_MODELS_MAX);
    return give_up(job, 0);
}

/* The job for one client that the path names; NULL: ret_err is the handler's. */
static struct client_job *job_for(struct request *r, int *ret_err) {
    struct span name = endpoint_percent_decode(r->path_rest, &r->arena);
    struct client_job *job = job_new(r);
    *ret_err = name.len <= NAME_MAX_BYTES ? arena_copy(&job->arena, name, &job->name)
                                          : refuse(r, ERR_NOT_FOUND);
    if (*ret_err == 0 && !span_absent(job->name))
        return job;
    release(&job->later);
    return NULL;
}

static int answer_list(struct request *r) {
    struct client_job *job = job_new(r);
    struct span cursor = take_text(r, "cursor");
    int err = 0;
    if (!take_whole(r, "limit", &job->limit))
        job->limit = PAGE_DEFAULT;
    job->name = SPAN_NONE;
    if (!span_absent(cursor))
        err = arena_copy(&job->arena, cursor, &job->name);
    if (err == 0 && !span_absent(take_text(r, "role")))
        err = arena_copy(&job->arena, take_text(r, "role"), &job->role);
    return err < 0 ? give_up(job, err) : hand_over(r, job, run_list, NULL);
}

static int answer_add(struct request *r) {
    struct client_job *job = job_new(r);
    struct store_client *row = &job->kept.row;
    char id[CLIENT_ID_BYTES];
    client_id_make(id);
    int err = client_change_take(take_body(r), &job->arena, &job->change);
    if (err == 0)
        err = arena_copy(&job->arena, span_text(id), &row->id);
    if (err < 0)
        return refuse_change(r, job, err);
    row->weight = CLIENT_WEIGHT_DEFAULT;
    row->created_ms = job->change.now_ms;
    client_change_apply(&job->change, &job->kept);
    job->status = 201;
    return hand_over(r, job, run_add, "client.added");
}

static int answer_show(struct request *r) {
    int err;
    struct client_job *job = job_for(r, &err);
    return job == NULL ? err : hand_over(r, job, run_show, NULL);
}

static int answer_change(struct request *r) {
    int err;
    struct client_job *job = job_for(r, &err);
    if (job == NULL)
        return err;
    err = client_change_take(take_body(r), &job->arena, &job->change);
    return err < 0 ? refuse_change(r, job, err) : hand_over(r, job, run_change, "client.changed");
}

static int answer_revoke(struct request *r) {
    int err;
    struct client_job *job = job_for(r, &err);
    if (job == NULL)
        return err;
    job->change.forget = take_flag(r, "forget");
    return hand_over(r, job, run_revoke, "client.revoked");
}

static int answer_rotate(struct request *r) {
    int err;
    struct client_job *job = job_for(r, &err);
    if (job == NULL)
        return err;
    err = client_change_take(take_body(r), &job->arena, &job->change);
    return err < 0 ? give_up(job, err) : hand_over(r, job, run_rotate, "client.rotated");
}

static const struct endpoint rows[] = {
    {"/admin/v1/clients", METHODS_READ, ACCESS_ADMIN, NULL, answer_list, "who may use this gateway",
     &client_list_doc},
    {"/admin/v1/clients", METHOD_POST, ACCESS_ADMIN, NULL, answer_add,
     "a new client; its key is told this once", &client_add_doc},
    {"/admin/v1/clients/*/rotate", METHOD_POST, ACCESS_ADMIN, NULL, answer_rotate,
     "a new key for a client; the old one may stay good for a while", &client_rotate_doc},
    {"/admin/v1/clients/*", METHODS_READ, ACCESS_ADMIN, NULL, answer_show, "one client",
     &client_show_doc},
    {"/admin/v1/clients/*", METHOD_PATCH, ACCESS_ADMIN, NULL, answer_change,
     "other limits, models, name, expiry; what is left out stays", &client_change_doc},
    {"/admin/v1/clients/*", METHOD_DELETE, ACCESS_ADMIN, NULL, answer_revoke,
     "revokes its keys at once", &client_revoke_doc},
};
const struct endpoint_part admin_clients_part = {rows, array_length(rows)};
