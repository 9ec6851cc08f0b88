// SPDX-License-Identifier: Apache-2.0
/*
 * Adding, importing, pausing, resuming and removing by the admin API.
 *
 * Order: checked on the loop; kept by the store, durably; then the configuration is read anew, so that what was kept is in use before the
 * answer goes out. A configuration that has an error meanwhile does not undo what was kept: the answer warns that it waits.
 * Promises: a client that leaves changes nothing about the work; keys are in struct secret from here on.
 * Leaves to others: the work (provider_work.c), reading anew (app/reload.c).
 */
#include "admin/provider_change.h"

#include "admin/provider_work.h"
#include "base/check.h"
#include "base/mem.h"
#include "gateway/store_answer.h"

#include <stdio.h>

#define CHANGE_ARENA_MAX_BYTES ((size_t)64 * 1024)
#define WARNING_BYTES          512

struct change {
    struct later later;
    struct store_job job;
    struct admin_reload wish;
    struct admin *admin; /* borrowed: outlives the loops */
    struct arena arena;  /* texts of the work */
    struct provider_work work;
    int err;
    char warning[WARNING_BYTES]; /* "" = it is in use */
};

static void free_change(struct change *change) {
    provider_work_done(&change->work);
    arena_reset(&change->arena);
    mem_free(change);
}

static void release(struct later *later) {
    free_change(container_of(later, struct change, later));
}

/* --- on the store's thread, and the reloader's --- */

static int run(struct store_db *db, struct store_job *job) {
    struct change *change = container_of(job, struct change, job);
    return provider_work_run(&change->work, change->admin->vault, db);
}

static void on_reloaded(struct admin_reload *wish, int err, uint64_t version, struct span report) {
    struct change *change = container_of(wish, struct change, wish);
    struct span rest = report, line = SPAN_NONE;
    (void)version;
    if (err < 0 && rest.len > 0)
        (void)span_split(&rest, '\n', &line);
    if (err < 0)
        (void)snprintf(change->warning, sizeof change->warning,
                       "Kept, but not in use before the configuration is right: %.*s",
                       SPAN_ARG(line));
    later_done(&change->later);
}

static void done(struct store_job *job, int err) {
    struct change *change = container_of(job, struct change, job);
    vault_settle(change->admin->vault, err);
    change->err = err;
    if (err == 0 && provider_work_changes(&change->work))
        change->admin->reload(change->admin->app, &change->wish);
    else
        later_done(&change->later);
}

/* --- on the loop --- */

static int refuse(struct request *r, const struct provider_refusal *refusal) {
    (void)request_fail(r, refusal->kind, refusal->param, "%s", refusal->why);
    return 0;
}

static int answer_work(struct request *r, const struct provider_work *work) {
    struct json_writer writer;
    struct dynbuf body;
    admin_begin(&writer, &body);
    provider_work_write(work, &writer);
    return admin_end(r, 200, &writer);
}

/* Nothing of the vault was there to be removed: why, and what would do it. */
static int refuse_removal(struct request *r, const struct provider_work *work) {
    struct provider_list *list = provider_board_get(admin_of(r)->board);
    const struct board_provider *provider = provider_list_find(list, work->provider);
    const struct board_account *account = NULL;
    for (uint32_t i = 0; provider != NULL && i < provider->account_count && account == NULL; i++)
        if (work->account.len == 0 || span_equal(provider->accounts[i].name, work->account))
            account = &provider->accounts[i];
    if (account == NULL)
        (void)admin_not_found(r, "%.*s has no such key in the vault", SPAN_ARG(work->provider));
    else
        (void)request_fail(r, API_CONFLICT, NULL,
                           "The key of %.*s does not come from the vault but from: %.*s. Remove it "
                           "there, or pause the provider (papi provider pause %.*s).",
                           SPAN_ARG(work->provider), SPAN_ARG(account->source),
                           SPAN_ARG(work->provider));
    provider_list_unref(list);
    return 0;
}

static int finish(struct request *r, struct later *later) {
    struct change *change = container_of(later, struct change, later);
    const struct provider_work *work = &change->work;
    struct provider_refusal refusal;
    if (change->err < 0 && store_answer_refused(r, change->err))
        return 0;
    if (change->err < 0)
        return provider_work_refused(work, change->err, change->admin->vault, &refusal)
                   ? refuse(r, &refusal)
                   : change->err;
    if (work->act == PROVIDER_REMOVE && work->removed == 0)
        return refuse_removal(r, work);
    if (work->act == PROVIDER_IMPORT || work->act == PROVIDER_REMOVE)
        return answer_work(r, work);
    return admin_answer_provider(r, work->act == PROVIDER_ADD ? 201 : 200, work->provider,
                                 change->warning[0] != '\0' ? span_text(change->warning)
                                                            : SPAN_NONE);
}

static struct change *new_change(struct request *r, enum provider_act act) {
    struct change *change = mem_zalloc(sizeof *change);
    change->admin = admin_of(r);
    change->work.act = act;
    change->work.now_ms = clock_wall_ms();
    change->job = (struct store_job){.run = run, .done = done};
    change->wish.done = on_reloaded;
    arena_init(&change->arena, NULL, 0, CHANGE_ARENA_MAX_BYTES);
    return change;
}

static int start(struct request *r, struct change *change) {
    later_begin(&change->later, r, finish, release);
    int err = store_submit(change->admin->store, STORE_WRITE, &change->job);
    if (err < 0) { /* as if it came back at once */
        change->err = err;
        later_done(&change->later);
    }
    return ANSWER_LATER;
}

static struct span keep(struct change *change, struct span text) {
    struct span copied = SPAN_NONE;
    if (!span_absent(text) && arena_copy(&change->arena, text, &copied) < 0)
        copied = SPAN_NONE; /* what has no bound of its own is too long for any use */
    return copied;
}

static struct span member(struct request *r, const char *name) {
    struct span text = SPAN_NONE;
    struct json_value value = json_get(take_body(r), name);
    return json_is(value, JSON_STRING) && json_string(value, &r->arena, &text) == 0 ? text
                                                                                    : SPAN_NONE;
}

/* The provider is on the board, and, unless one is added, the account too. */
static bool known(struct request *r, const struct provider_work *work) {
    struct provider_list *list = provider_board_get(admin_of(r)->board);
    const struct board_provider *provider = provider_list_find(list, work->provider);
    bool adds = work->act == PROVIDER_ADD || work->act == PROVIDER_REMOVE;
    if (provider == NULL)
        (void)admin_not_found(r, "there is no provider '%.*s'; `papi provider list` shows them",
                              SPAN_ARG(work->provider));
    bool there = provider != NULL && (adds || work->account.len == 0 ||
                                      board_account_find(provider, work->account) != NULL);
    if (provider != NULL && !there)
        (void)admin_not_found(r, "%.*s has no account '%.*s'", SPAN_ARG(work->provider),
                              SPAN_ARG(work->account));
    provider_list_unref(list);
    return there;
}

static int check_and_start(struct request *r, struct change *change) {
    struct provider_refusal refusal;
    if (!known(r, &change->work)) {
        free_change(change);
        return 0;
    }
    if (!provider_work_check(&change->work, change->admin->facts, &refusal)) {
        free_change(change);
        return refuse(r, &refusal);
    }
    return start(r, change);
}

/* {"CLOUDFLARE_ACCOUNT_ID": "..."}; false when it is something else. */
static bool take_extra(struct request *r, struct change *change) {
    struct json_value object = json_get(take_body(r), "extra");
    struct span name, value;
    if (!json_present(object))
        return true;
    struct json_iter extra = json_each(object);
    if (!json_is(object, JSON_OBJECT) || json_count(object) != 1 || !json_next(&extra) ||
        json_string(extra.key, &r->arena, &name) < 0 ||
        json_string(extra.value, &r->arena, &value) < 0)
        return false;
    change->work.extra = (struct vault_extra){keep(change, name), keep(change, value)};
    return !span_absent(change->work.extra.name);
}

int admin_add_provider(struct request *r) {
    struct change *change = new_change(r, PROVIDER_ADD);
    struct provider_work *work = &change->work;
    work->provider = keep(change, member(r, "provider"));
    work->account = keep(change, member(r, "account"));
    work->billing = keep(change, member(r, "billing"));
    if (!take_extra(r, change)) {
        free_change(change);
        (void)request_fail(r, API_BAD_REQUEST, "extra",
                           "extra is no object of one name and its text, such as "
                           "{\"CLOUDFLARE_ACCOUNT_ID\": \"...\"}.");
        return 0;
    }
    int err = secret_new(member(r, "key"), &work->key);
    if (err < 0) {
        free_change(change);
        return err;
    }
    return check_and_start(r, change);
}

static int change_account(struct request *r, enum provider_act act, struct span account) {
    struct change *change = new_change(r, act);
    change->work.provider = keep(change, endpoint_percent_decode(r->path_rest, &r->arena));
    change->work.account = keep(change, account);
    return check_and_start(r, change);
}

int admin_pause_provider(struct request *r) {
    return change_account(r, PROVIDER_PAUSE, member(r, "account"));
}

int admin_resume_provider(struct request *r) {
    return change_account(r, PROVIDER_RESUME, member(r, "account"));
}

int admin_remove_provider(struct request *r) {
    return change_account(r, PROVIDER_REMOVE, take_text(r, "account"));
}

int admin_import_providers(struct request *r) {
    struct change *change = new_change(r, PROVIDER_IMPORT);
    enum key_format format = KEY_FORMAT_AUTO;
    struct span word = member(r, "format");
    if (!span_absent(word))
        check(key_format_parse(word, &format) == 0); /* the schema has the words */
    change->work.dry_run = json_is(json_get(take_body(r), "dry_run"), JSON_TRUE);
    int err =
        key_import_read(change->admin->facts, format, member(r, "text"), &change->work.import);
    if (err < 0) {
        (void)request_fail(r, API_BAD_REQUEST, "text", "That text cannot be read: %s.",
                           change->work.import->why);
        free_change(change);
        return 0;
    }
    if (!change->work.dry_run &&
        change->work.import->key_count + change->work.import->extra_count > 0)
        return start(r, change);
    err = answer_work(r, &change->work);
    free_change(change);
    return err;
}
