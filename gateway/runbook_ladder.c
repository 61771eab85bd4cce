/*
 * runbook_ladder.c - who is told next of an alarm that nobody answers, for its page.
 *
 * Names of audiences and users are ids: nothing in them is markup but '_', which does no harm
 * alone.
 */
#include "gateway/runbook_ladder.h"

static void
add_receivers(const struct ladder_rung *rung, struct text_buf *out)
{
    const char *between = " ";

    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
        if ((rung->audiences & AUDIENCE_BIT(audience)) == 0)
            continue;
        text_buf_add(out, "%s%s", between, audience_name((enum audience)audience));
        between = ", ";
    }
    for (unsigned i = 0; i < rung->user_count; i++) {
        text_buf_add(out, "%s%s", between, rung->users[i]);
        between = ", ";
    }
}

static void
add_ladder(const struct ladder *ladder, struct text_buf *out)
{
    char text[24];

    for (unsigned i = 0; i < ladder->rung_count; i++) {
        text_format_duration(ladder->rungs[i].after_ms, text, sizeof text);
        text_buf_add(out, "%s%s:", i > 0 ? "; " : "", text);
        add_receivers(&ladder->rungs[i], out);
    }
    if (ladder->repeats > 0) {
        text_format_duration(ladder->repeat_every_ms, text, sizeof text);
        text_buf_add(out, "; the last again after each %s, %u times", text, ladder->repeats);
    }
    if (ladder->ack_timeout_ms > 0) {
        text_format_duration(ladder->ack_timeout_ms, text, sizeof text);
        text_buf_add(out, "; anew when acknowledged, and for %s neither over nor commented", text);
    }
}

void
runbook_ladder_rows(const struct site *site, const struct alarm_type *type, struct text_buf *out)
{
    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++) {
        const struct ladder *ladder = &site->alarms_params.ladders[audience][type->priority];

        if ((type->audiences & AUDIENCE_BIT(audience)) == 0 || ladder->rung_count == 0)
            continue;
        text_buf_add(out, "| Nobody of %s answers | ", audience_name((enum audience)audience));
        add_ladder(ladder, out);
        text_buf_add(out, " |\n");
    }
}
