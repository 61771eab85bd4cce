/*
 * site_people.c - who is told and who may order: users, audiences, escalation ladders.
 */
#include <string.h>

#include "config/lists.h"
#include "config/site_build.h"
#include "config/tables.h"

#define MINUTE_MS INT64_C(60000)

/* The philosophy's defaults: who is nearest is told again, then those whose business it becomes. */
#define OWN 0 /* in a default rung: the audience itself */
#define ALL                                                                                        \
    AUDIENCE_BIT(AUDIENCE_SECURITY) | AUDIENCE_BIT(AUDIENCE_CONTINUITY) |                          \
        AUDIENCE_BIT(AUDIENCE_FACILITIES)
static const struct ladder_rung P1_RUNGS[] = {
    {.after_ms = 0, .audiences = OWN},
    {.after_ms = 2 * MINUTE_MS, .audiences = OWN},
    {.after_ms = 5 * MINUTE_MS, .audiences = AUDIENCE_BIT(AUDIENCE_CONTINUITY)},
    {.after_ms = 10 * MINUTE_MS, .audiences = ALL},
};
static const struct ladder_rung P2_RUNGS[] = {
    {.after_ms = 0, .audiences = OWN},
    {.after_ms = 10 * MINUTE_MS, .audiences = OWN},
    {.after_ms = 30 * MINUTE_MS, .audiences = AUDIENCE_BIT(AUDIENCE_CONTINUITY)},
};

static int
audience_of(const char *name)
{
    for (int i = 0; TABLE_AUDIENCES[i] != NULL; i++)
        if (strcmp(TABLE_AUDIENCES[i], name) == 0)
            return i;
    return -1;
}

/* users */

static bool
read_users(struct build *build)
{
    int items = build->top.users == NULL ? 0 : fy_node_sequence_item_count(build->top.users);
    struct user *users = arena_array(build->arena, items < 0 ? 0 : (size_t)items, sizeof *users);
    uint32_t count = 0;
    bool good = users != NULL;

    if (items <= 0)
        return good;
    YAML_EACH_ITEM(item, build->top.users)
    {
        struct raw_user raw = {0};

        if (!schema_read(&build->reader, item, &TABLE_USER, &raw)) {
            good = false;
            continue;
        }
        /* Orders and steps name people by these words. */
        if (strcmp(raw.name, "local") == 0 || audience_of(raw.name) >= 0) {
            yaml_fault(&build->yaml, yaml_get(item, "name"), NULL, "name: \"%s\" %s", raw.name,
                       audience_of(raw.name) >= 0 ? "is an audience"
                                                  : "is who gives orders as root on this machine");
            good = false;
        }
        for (uint32_t i = 0; i < count; i++)
            if (strcmp(users[i].name, raw.name) == 0) {
                yaml_fault(&build->yaml, yaml_get(item, "name"), NULL, "name: %s given twice",
                           raw.name);
                good = false;
            } else if (raw.system_user != NULL && users[i].system_user != NULL &&
                       strcmp(users[i].system_user, raw.system_user) == 0) {
                yaml_fault(&build->yaml, yaml_get(item, "system_user"), NULL,
                           "system_user: %s is %s already", raw.system_user, users[i].name);
                good = false;
            }
        uint8_t audiences = raw.audiences == NULL
                                ? (1u << AUDIENCE_COUNT) - 1
                                : profile_read_audiences(&build->reader, raw.audiences);
        good = audiences != 0 && good;
        users[count++] =
            (struct user){raw.name, raw.system_user, raw.owner, (uint8_t)raw.role, audiences};
    }
    build->site->users = users;
    build->site->user_count = count;
    return good;
}

/* audiences */

static bool
set_default(struct build *build, unsigned audience, unsigned priority)
{
    struct ladder *ladder = &build->site->alarms_params.ladders[audience][priority];
    const struct ladder_rung *rungs = priority == 1 ? P1_RUNGS : P2_RUNGS;
    size_t count = priority == 1 ? ARRAY_LEN(P1_RUNGS) : ARRAY_LEN(P2_RUNGS);
    struct ladder_rung *copy = arena_array(build->arena, count, sizeof *copy);

    if (copy == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        copy[i] = rungs[i];
        copy[i].audiences |= (uint8_t)AUDIENCE_BIT(audience);
    }
    *ladder = (struct ladder){.rungs = copy,
                              .rung_count = (uint8_t)count,
                              .repeats = priority == 1 ? 3 : 0,
                              .repeat_every_ms = 10 * MINUTE_MS,
                              .ack_timeout_ms = (priority == 1 ? 30 : 120) * MINUTE_MS};
    return true;
}

static bool
is_user(const struct build *build, const char *name)
{
    for (uint32_t i = 0; i < build->site->user_count; i++)
        if (strcmp(build->site->users[i].name, name) == 0)
            return true;
    return false;
}

static bool
read_rung(struct build *build, struct fy_node *node, int64_t after_least, struct ladder_rung *rung)
{
    struct raw_step raw = {0};
    const char *const *names;
    const char **users;
    uint8_t count;

    if (!schema_read(&build->reader, node, &TABLE_STEP, &raw) ||
        !lists_read_texts(&build->reader, raw.to, &names, &count))
        return false;
    *rung = (struct ladder_rung){.after_ms = raw.after_ms};
    users = arena_array(build->arena, count, sizeof *users);
    rung->users = users;
    for (uint8_t i = 0; users != NULL && i < count; i++) {
        if (audience_of(names[i]) >= 0) {
            rung->audiences |= (uint8_t)AUDIENCE_BIT(audience_of(names[i]));
        } else if (is_user(build, names[i])) {
            users[rung->user_count++] = names[i];
        } else {
            yaml_fault(&build->yaml, yaml_get(node, "to"),
                       "security, continuity, facilities, or a user",
                       "to: \"%s\" is neither an audience nor a user", names[i]);
            return false;
        }
    }
    if (count == 0) {
        yaml_fault(&build->yaml, node, NULL, "to: at least one");
        return false;
    }
    if (raw.after_ms < after_least) {
        yaml_fault(&build->yaml, yaml_get(node, "after"), NULL,
                   "after: later than the step before it");
        return false;
    }
    return users != NULL;
}

static bool
read_ladder(struct build *build, struct fy_node *node, unsigned audience, unsigned *seen)
{
    struct raw_escalation raw = {.repeat_every_ms = 10 * MINUTE_MS, .ack_timeout_ms = -1};
    struct ladder_rung *rungs;
    int64_t after_least = 0;
    uint8_t count = 0;

    if (!schema_read(&build->reader, node, &TABLE_ESCALATION, &raw))
        return false;
    if ((*seen & 1u << raw.priority) != 0) {
        yaml_fault(&build->yaml, yaml_get(node, "priority"), NULL,
                   "priority: %lld has its ladder already", (long long)raw.priority);
        return false;
    }
    *seen |= 1u << raw.priority;
    int items = fy_node_sequence_item_count(raw.steps);
    if (items < 0 || items > LADDER_RUNGS_MAX) {
        yaml_fault(&build->yaml, raw.steps, NULL, "steps: a list of at most %d", LADDER_RUNGS_MAX);
        return false;
    }
    rungs = arena_array(build->arena, (size_t)items, sizeof *rungs);
    if (rungs == NULL)
        return false;
    YAML_EACH_ITEM(item, raw.steps)
    {
        if (!read_rung(build, item, after_least, &rungs[count]))
            return false;
        after_least = rungs[count++].after_ms + 1;
    }
    build->site->alarms_params.ladders[audience][raw.priority] =
        (struct ladder){.rungs = rungs,
                        .rung_count = count,
                        .repeats = (uint8_t)raw.repeats,
                        .repeat_every_ms = raw.repeat_every_ms,
                        .ack_timeout_ms = raw.ack_timeout_ms >= 0 ? raw.ack_timeout_ms
                                          : raw.priority == 1     ? 30 * MINUTE_MS
                                          : raw.priority == 2     ? 120 * MINUTE_MS
                                                                  : 0};
    return true;
}

static bool
read_audience(struct build *build, struct fy_node *node, unsigned audience)
{
    struct raw_audience raw = {.unwatched_after_ms = 2 * MINUTE_MS, .unwatched_priority = 2};
    struct alarms_params *params = &build->site->alarms_params;
    unsigned seen = 0;
    bool good = true;

    if (!schema_read(&build->reader, node, &TABLE_AUDIENCE, &raw))
        return false;
    if (raw.watched && build->top.broker == NULL) {
        yaml_fault(&build->yaml, yaml_get(node, "watched"), NULL,
                   "watched: consoles are at the broker, and the site has none");
        good = false;
    }
    if (raw.watched)
        params->watched |= (uint8_t)AUDIENCE_BIT(audience);
    params->unwatched_after_ms[audience] = raw.unwatched_after_ms;
    params->unwatched_priority[audience] = (uint8_t)raw.unwatched_priority;
    if (raw.escalation == NULL)
        return good;
    YAML_EACH_ITEM(item, raw.escalation)
    {
        good = read_ladder(build, item, audience, &seen) && good;
    }
    return good;
}

static bool
read_audiences(struct build *build)
{
    bool good = true;

    for (unsigned audience = 0; audience < AUDIENCE_COUNT; audience++)
        good = set_default(build, audience, 1) && set_default(build, audience, 2) && good;
    if (build->top.audiences == NULL)
        return good;
    good = schema_need_distinct(&build->yaml, build->top.audiences, "audiences") && good;
    YAML_EACH_PAIR(pair, build->top.audiences)
    {
        const char *name = yaml_text(fy_node_pair_key(pair));
        int audience = name != NULL ? audience_of(name) : -1;

        if (audience >= 0) {
            good = read_audience(build, fy_node_pair_value(pair), (unsigned)audience) && good;
            continue;
        }
        yaml_fault(&build->yaml, fy_node_pair_key(pair), NULL,
                   "audiences: \"%s\" is none of security, continuity, facilities",
                   name == NULL ? "?" : name);
        good = false;
    }
    return good;
}

bool
build_people(struct build *build)
{
    bool good = read_users(build); /* steps name them */

    return read_audiences(build) && good;
}
