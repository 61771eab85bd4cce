/*
 * master_reload.c - the master and the configuration: read, put on record, taken, told.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "gateway/base/clock.h"
#include "gateway/base/json.h"
#include "gateway/base/log.h"
#include "gateway/base/text.h"
#include "gateway/master_self.h"

#define FAULTS_TOLD_MAX 20

/* Takes `row`. What is only for alarms goes beside it. */
static void
tell_generation(struct master *master, json_t *row)
{
    char *text = NULL;

    if (row != NULL && json_is_true(json_object_get(row, "accepted")))
        json_object_set_new(row, "parts", generation_parts(master->site));
    text = row == NULL ? NULL : json_canonical(row);
    json_decref(row);
    if (text != NULL && strlen(text) < MSG_BYTES_MAX - sizeof(struct msg_head))
        master_add_news(master, (struct news){.type = MSG_GENERATION, .text = text});
    else
        free(text);
}

static void
tell_refused(struct master *master, const char *digest, const struct diag *diag, const char *fault,
             const struct asker *by)
{
    json_t *faults = json_array();

    for (size_t i = 0; i < diag->count && i < FAULTS_TOLD_MAX; i++) {
        const struct diag_entry *entry = &diag->entries[i];

        json_array_append_new(faults, json_sprintf("%s:%u:%u: %s", entry->file, entry->line,
                                                   entry->column, entry->text));
    }
    if (fault != NULL)
        json_array_append_new(faults, json_string(fault));
    tell_generation(master, json_pack("{s:b, s:I, s:s, s:s, s:I, s:o, s:o}", "accepted", false,
                                      "generation", (json_int_t)master->site->generation, "digest",
                                      digest, "file", master->site->file, "errors",
                                      (json_int_t)(diag->errors > 0 ? diag->errors : fault != NULL),
                                      "faults", faults, "by", generation_by(by)));
}

/* A person asked through alarms: read at the next signal of our own, outside of links' callbacks.
 */
void
master_note_asker(struct master *master, const char *text, size_t bytes)
{
    if (master->asker_count < ASKERS_MAX &&
        generation_read_asker(text, bytes, &master->askers[master->asker_count]))
        master->asker_count++;
    else
        log_warning("a request to read the configuration again is not understood, or one too many");
    raise(SIGHUP);
}

static struct child *
add_child(struct master *master, enum child_kind kind, uint32_t shard, const char *name)
{
    for (size_t i = 0; i < master->child_count; i++)
        if (master->children[i].kind == kind && master->children[i].shard == shard)
            return &master->children[i];

    struct child *child = &master->children[master->child_count++];
    *child = (struct child){.master = master, .kind = kind, .shard = shard};
    if (kind == CHILD_COLLECTOR)
        snprintf(child->name, sizeof child->name, "%s-%u", name, shard);
    else
        text_copy(child->name, sizeof child->name, name);
    return child;
}

static bool
wants(const struct site *site, const struct child *child)
{
    switch (child->kind) {
    case CHILD_COURIER:
        return site->has_broker;
    case CHILD_WEB:
        return site->web_address != NULL;
    case CHILD_COLLECTOR:
        return child->shard < site->shard_count;
    default:
        return true;
    }
}

void
master_want_children(struct master *master)
{
    const struct site *site = master->site;

    add_child(master, CHILD_ALARMS, 0, "alarms");
    add_child(master, CHILD_STORE, 0, "store");
    if (site->has_broker)
        add_child(master, CHILD_COURIER, 0, "courier");
    if (site->web_address != NULL)
        add_child(master, CHILD_WEB, 0, "web");
    for (uint32_t shard = 0; shard < site->shard_count; shard++)
        add_child(master, CHILD_COLLECTOR, shard, "collector");
    for (size_t i = 0; i < master->child_count; i++)
        master->children[i].is_wanted = wants(site, &master->children[i]);
}

/* One that is ending starts again with whatever site there is then. */
static bool
must_end(const struct child *child, const struct site *site)
{
    return child->pid != 0 && !child->was_told_to_stop &&
           (!wants(site, child) || child->digest != child_digest(child, site));
}

/* Names of the workers that end, or end and start again, with `site`. */
static json_t *
restarts_with(const struct master *master, const struct site *site)
{
    json_t *names = json_array();

    for (size_t i = 0; i < master->child_count; i++)
        if (must_end(&master->children[i], site))
            json_array_append_new(names, json_string(master->children[i].name));
    return names;
}

/* What lives only at start: the state directory, the sockets that are already open. */
static const char *
unreloadable(const struct site *old, const struct site *new)
{
    if (strcmp(old->id, new->id) != 0)
        return "site.id cannot change at a reload: stop the gateway and start it again";
    if (strcmp(old->state_dir, new->state_dir) != 0)
        return "site.state_dir cannot change at a reload: stop the gateway and start it again";
    if (strcmp(old->socket, new->socket) != 0)
        return "site.socket cannot change at a reload: stop the gateway and start it again";
    bool has_moved = old->web_port != new->web_port ||
                     (old->web_address != NULL &&
                      new->web_address != NULL &&strcmp(old->web_address, new->web_address) != 0);
    if (old->web_address != NULL && has_moved)
        return "web.listen cannot change at a reload: stop the gateway and start it again";
    return NULL;
}

/* Takes `row`. */
static void
take_site(struct master *master, struct site *site, json_t *row)
{
    struct site *old = master->site;
    int64_t now_ms = clock_now().mono_ms;
    unsigned restarted = 0;

    master->site = site;
    master_want_children(master);
    for (size_t i = 0; i < master->child_count; i++) {
        struct child *child = &master->children[i];

        if (!must_end(child, site))
            continue;
        master_stop_child(child, now_ms);
        restarted++;
    }
    log_info("configuration generation %u accepted%s: %u of %zu workers restart", site->generation,
             json_is_true(json_object_get(row, "unchanged")) ? ", as it was" : "", restarted,
             master->child_count);
    tell_generation(master, row);
    sd_notifyf(0, "READY=1\nSTATUS=%u devices, generation %u", site->device_count,
               site->generation);
    site_free(old);
}

/*
 * Reading YAML leaves tens of megabytes of holes in the heap. Every worker would fill its own copy
 * of them, page by page: they go back to the kernel before anybody is forked.
 */
static enum err_code
load_site(struct master *master, const struct site_options *options, struct diag *diag,
          struct site **out_site)
{
    enum err_code code = site_load(master->options->site_file, options, diag, out_site);

    malloc_trim(0);
    return code;
}

/* On record before it is in effect. NULL: it cannot be recorded, so it cannot be. */
static json_t *
record_reload(struct master *master, struct site *site, const struct site_texts *texts,
              const struct asker *by, struct err *err)
{
    json_t *restarts = restarts_with(master, site), *row = NULL;

    if (generation_record(site, texts, by, json_incref(restarts), &row, err) != ERR_OK) {
        json_decref(row);
        row = NULL;
    } else if (row == NULL) {
        row = json_pack("{s:b, s:b, s:I, s:s, s:s, s:O, s:I, s:[], s:o}", "accepted", true,
                        "unchanged", true, "generation", (json_int_t)site->generation, "digest",
                        site->digest, "file", site->file, "restarts", restarts, "errors",
                        (json_int_t)0, "faults", "by", generation_by(by));
    }
    json_decref(restarts);
    malloc_trim(0); /* both texts were read to compare them */
    return row;
}

static void
reload(struct master *master, const struct asker *by)
{
    struct site_texts texts = {0};
    struct site_options options = {.profile_dir = master->options->profile_dir,
                                   .previous = master->site,
                                   .generation = master->site->generation + 1,
                                   .texts = &texts};
    struct diag diag;
    struct site *site = NULL;
    const char *fault = NULL;
    json_t *row = NULL;
    struct err err = {0};

    if (master->is_stopping)
        return;
    sd_notify(0, "RELOADING=1");
    diag_init(&diag);
    if (load_site(master, &options, &diag, &site) == ERR_OK) {
        fault = unreloadable(master->site, site);
        if (fault == NULL &&
            (plumbing_open(&master->plumbing, site, master->options->socket, &err) != ERR_OK ||
             (row = record_reload(master, site, &texts, by, &err)) == NULL))
            fault = err.text;
    }
    if (site != NULL && fault == NULL) {
        take_site(master, site, row);
    } else {
        diag_print(&diag, stderr);
        log_error("the new configuration is refused (%zu errors)%s%s; generation %u goes on",
                  diag.errors, fault != NULL ? ": " : "", fault != NULL ? fault : "",
                  master->site->generation);
        tell_refused(master, site != NULL ? site->digest : "", &diag, fault, by);
        sd_notifyf(0, "READY=1\nSTATUS=new configuration refused, generation %u goes on",
                   master->site->generation);
        site_free(site);
    }
    texts_done(&texts);
    diag_done(&diag);
}

void
master_reload_for_askers(struct master *master)
{
    for (size_t i = 0; i < master->asker_count; i++)
        reload(master, &master->askers[i]);
    master->asker_count = 0;
}

/* The kernel says who sent it; signals of the same kind that wait together are one. */
void
master_on_hangup(struct master *master, const struct signalfd_siginfo *info)
{
    struct asker by = {.source = "signal", .uid = -1, .pid = -1};

    if (info->ssi_code <= SI_USER) { /* a process, not the terminal */
        by.uid = info->ssi_uid;
        by.pid = (int64_t)info->ssi_pid;
    }
    if (by.pid != getpid())
        reload(master, &by);
    master_reload_for_askers(master);
}

enum err_code
master_load_first(struct master *master, struct site_texts *texts)
{
    struct site_options options = {
        .profile_dir = master->options->profile_dir, .generation = 1, .texts = texts};
    struct diag diag;

    diag_init(&diag);
    enum err_code code = load_site(master, &options, &diag, &master->site);
    diag_print(&diag, stderr);
    if (code != ERR_OK)
        fprintf(stderr, "watchroom: %s: %zu errors; nothing was started\n",
                master->options->site_file, diag.errors);
    diag_done(&diag);
    return code;
}

void
master_record_first(struct master *master, const struct site_texts *texts)
{
    const struct asker by = {.source = "start", .uid = -1, .pid = -1};
    json_t *row = NULL;
    struct err err;

    if (generation_record(master->site, texts, &by, NULL, &row, &err) != ERR_OK)
        log_error("the configuration cannot be put on record: %s", err.text);
    if (row != NULL)
        tell_generation(master, row);
    malloc_trim(0);
}
