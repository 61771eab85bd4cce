/*
 * contract_state.c - the courier's own topics, said by state_out.c. The session, which it publishes
 * to, is replaced by two functions here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alerts/courier_self.h"
#include "tests/integration/contract_rows.h"

bool
courier_publish(struct courier *courier, const char *name, const char *payload, size_t bytes,
                int qos, bool retained, uint32_t expires_s)
{
    (void)courier;
    (void)qos;
    (void)retained;
    (void)expires_s;
    insist(strlen(payload) == bytes, "a payload's length");
    say(name, payload);
    return true;
}

const char *
notify_complaint(struct notify *notify)
{
    (void)notify;
    return NULL;
}

/* A broker that is told everything at once. */
static enum err_code
no_alarms(void *ctx, unsigned after_priority, uint64_t after_seq, unsigned limit,
          bool (*alarm)(void *ctx, const char *alarm_id, unsigned priority, uint64_t seq,
                        const char *payload),
          void *alarm_ctx, struct err *err)
{
    (void)ctx;
    (void)after_priority;
    (void)after_seq;
    (void)limit;
    (void)alarm;
    (void)alarm_ctx;
    (void)err;
    return ERR_OK;
}

static struct msg_tick
tick_of(uint32_t i)
{
    struct msg_tick tick = {.committed = i + 1,
                            .active = {i, i, 0, 0, UINT32_MAX},
                            .unacked = {i, 0, i, 0, 0},
                            .shelved = i,
                            .suppressed = i,
                            .out_of_service = i,
                            .tested = i,
                            .chattering = i,
                            .retained = i,
                            .flood = i,
                            .clock = i % 3,
                            .degraded = i == 3};

    snprintf(tick.reason, sizeof tick.reason, "%s", i == 3 ? "the disk is full" : "");
    return tick;
}

void
contract_state(struct journal_reader *reader, const char *jid, const struct directory *directory,
               const char *config_digest)
{
    static const struct outbox_io IO = {.alarms = no_alarms};
    struct courier_params params = {
        .directory = directory, .site = directory->site, .config_digest = config_digest};
    struct courier courier = {.params = &params, .reader = reader};
    int64_t mono_ms = clock_now().mono_ms;
    struct err err;

    courier.outbox = outbox_new("watchroom/1/test", 0, &IO, NULL);
    insist(courier.outbox != NULL, "no memory");
    clock_boot_id(courier.boot);
    char *will = state_out_will(&courier);
    insist(will != NULL, "no memory");
    say("gw", will);
    free(will);
    state_out_connected(&courier, mono_ms); /* nothing known yet */
    snprintf(courier.jid, sizeof courier.jid, "%s", jid);
    state_out_connected(&courier, mono_ms);
    outbox_connected(courier.outbox);
    insist(outbox_pump(courier.outbox, &err) == ERR_OK && outbox_is_in_sync(courier.outbox),
           "the rest is told only in sync");
    for (uint32_t i = 0; i < 8; i++) {
        mono_ms += 20000;
        courier.ticked_ms = i == 5 ? 1 : mono_ms;
        courier.tick = tick_of(i);
        courier.reader = i == 4 ? NULL : reader;
        if (i == 6)
            refusals_note(&courier.refusals, "watchroom/1/test/alarm/x", "not authorized", mono_ms);
        state_out_pulse(&courier, mono_ms);
    }
    state_out_stopped(&courier, mono_ms);
    free(courier.sum);
    outbox_free(courier.outbox);
}
