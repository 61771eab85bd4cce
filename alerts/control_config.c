/*
 * control_config.c - what the control socket says of the configuration and its record: reload and
 * what became of it, a checkpoint now, what a reload would be compared with.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/alarms_self.h"
#include "gateway/base/log.h"

/* Who may have the configuration read again, or the journal signed. */
static bool
may_administrate(const struct control_peer *peer, const struct sender *sender, const char *name)
{
    return peer->uid == 0 || sender->role == ROLE_ADMIN || strcmp(name, "local") == 0;
}

void
control_config_reload(struct alarms *self, struct control_client *client,
                      const struct control_request *request)
{
    char name[ID_MAX];
    struct control_peer peer = control_peer(client);
    struct sender sender = commands_sender_of(self->commands, peer.uid, name);

    if (!may_administrate(&peer, &sender, name)) {
        control_refuse(client, "denied", "only an admin may reload the configuration");
        return;
    }
    if (request->is_dry) {
        control_answer(client, "{\"ok\":true}", 11);
        return;
    }
    log_info("control socket: %s (uid %lld, pid %lld) asks for a reload", name, (long long)peer.uid,
             (long long)peer.pid);
    json_t *asker = json_pack("{s:s, s:s, s:I, s:I, s:s, s:I}", "user", name, "role",
                              strcmp(name, "local") == 0 ? "local" : role_name(sender.role), "uid",
                              (json_int_t)peer.uid, "pid", (json_int_t)peer.pid, "request",
                              request->request, "reverted", (json_int_t)request->reverted);
    char *text = asker == NULL ? NULL : json_canonical(asker);
    json_decref(asker);
    if (text != NULL &&
        link_send_blob(self->worker.master, MSG_RELOAD, NULL, 0, text, strlen(text)))
        control_answer(client, "{\"ok\":true}", 11);
    else
        control_refuse(client, "busy", "the master is behind: try again");
    free(text);
}

void
control_config_verdict(struct alarms *self, struct control_client *client,
                       const struct control_request *request)
{
    const json_t *news = generation_rows_verdict(self, request->request);
    json_t *answer = json_pack("{s:b, s:O?}", "ok", true, "verdict", (json_t *)(uintptr_t)news);
    char *text = answer == NULL ? NULL : json_canonical(answer);

    json_decref(answer);
    if (text != NULL)
        control_answer(client, text, strlen(text));
    else
        control_refuse(client, "no-memory", "out of memory");
    free(text);
}

/* Nothing new since the last one: that one will do. */
static bool
needs_checkpoint(struct alarms *self, char value[32])
{
    return !journal_get(self->journal, JOURNAL_CHECKPOINT_KEY, value, 32) ||
           strtoull(value, NULL, 10) != journal_head(self->journal);
}

void
control_config_checkpoint(struct alarms *self, struct control_client *client)
{
    char name[ID_MAX], value[32];
    struct control_peer peer = control_peer(client);
    struct sender sender = commands_sender_of(self->commands, peer.uid, name);
    struct text_buf out;

    if (!may_administrate(&peer, &sender, name)) {
        control_refuse(client, "denied", "only an admin may have the journal signed");
        return;
    }
    if (needs_checkpoint(self, value)) {
        alarms_sign_journal(self);
        turn_end(self);
    }
    if (needs_checkpoint(self, value) ||
        journal_committed(self->journal) != journal_head(self->journal)) {
        control_refuse(client, "busy", "the journal cannot be signed now: see the log");
        return;
    }
    text_buf_init(&out, 128);
    text_buf_add(&out, "{\"ok\":true,\"seq\":%s}", value);
    control_answer(client, out.data, out.length);
    text_buf_done(&out);
}

/* ... of the configuration in effect: its number, its digest, the fingerprints of its parts. */
void
control_config_write_running(const struct alarms *self, struct text_buf *out)
{
    const json_t *parts =
        self->running.parts != NULL ? self->running.parts : self->params->config_parts;
    char *text = parts == NULL ? NULL : json_canonical(parts);

    text_buf_add(out, "\"config_digest\":\"%s\",\"parts\":%s,\"generation\":%u",
                 self->running.digest, text != NULL ? text : "{}", self->running.generation);
    free(text);
}
