/*
 * msg.c - the messages between the processes of one gateway: names and soundness.
 */
#include "gateway/base/msg.h"

#include <assert.h>

static const struct {
    const char *name;
    size_t entry_bytes; /* 0: none */
    bool is_blob;       /* any number of bytes, with at least `entry_bytes` in front */
} TYPES[] = {
    /* clang-format off */
    [MSG_NONE]       = {"none", 0, false},
    [MSG_HELLO]      = {"hello", sizeof(struct msg_hello), false},
    [MSG_PING]       = {"ping", 0, false},
    [MSG_STOP]       = {"stop", 0, false},
    [MSG_PONG]       = {"pong", sizeof(uint64_t), false},
    [MSG_READY]      = {"ready", 0, false},
    [MSG_WORKER]     = {"worker", sizeof(struct msg_worker), false},
    [MSG_STATS]      = {"stats", sizeof(struct msg_stats), false},
    [MSG_GENERATION] = {"generation", 0, true},
    [MSG_RELOAD]     = {"reload", 0, true},
    [MSG_SAMPLES]    = {"samples", sizeof(struct sample), false},
    [MSG_EVENTS]     = {"events", sizeof(struct event), false},
    [MSG_TEXTS]      = {"texts", sizeof(struct text_value), false},
    [MSG_HEALTH]     = {"health", sizeof(struct msg_health), false},
    [MSG_COMMITTED]  = {"committed", sizeof(struct msg_committed), false},
    [MSG_POLL_NOW]   = {"poll-now", sizeof(uint32_t), false},
    [MSG_SNAPSHOT]   = {"snapshot", 0, false},
    [MSG_STORE]      = {"store", sizeof(struct msg_store), false},
    [MSG_FLUSH]      = {"flush", sizeof(struct msg_flush), false},
    [MSG_FLUSHED]    = {"flushed", sizeof(struct msg_flush), false},
    [MSG_TICK]       = {"tick", sizeof(struct msg_tick), false},
    [MSG_ROW]        = {"row", sizeof(struct msg_row), true},
    [MSG_CURSOR]     = {"cursor", sizeof(struct msg_cursor), false},
    [MSG_REFUSED]    = {"refused", sizeof(struct msg_refused), false},
    [MSG_COMMAND]    = {"command", sizeof(struct msg_command), true},
    [MSG_PRESENCE]   = {"presence", sizeof(struct msg_presence), true},
    [MSG_OUTCOME]    = {"outcome", sizeof(struct msg_command), true},
    [MSG_METRICS]    = {"metrics", 0, true},
    /* clang-format on */
};
static_assert(ARRAY_LEN(TYPES) == MSG_TYPE_COUNT, "a message type has no row");

static const char *const HEALTHS[] = {"unknown", "up", "suspect", "down"};
static_assert(ARRAY_LEN(HEALTHS) == HEALTH_COUNT, "a health has no name");

static const char *const CHANGES[] = {"started", "died", "hung"};
static_assert(ARRAY_LEN(CHANGES) == WORKER_CHANGE_COUNT, "a worker change has no name");

const char *
msg_type_name(enum msg_type type)
{
    return (unsigned)type < MSG_TYPE_COUNT ? TYPES[type].name : "unknown";
}

const char *
health_name(enum health health)
{
    return (unsigned)health < HEALTH_COUNT ? HEALTHS[health] : "unknown";
}

const char *
worker_change_name(enum worker_change change)
{
    return (unsigned)change < WORKER_CHANGE_COUNT ? CHANGES[change] : "unknown";
}

size_t
msg_entry_bytes(enum msg_type type)
{
    return (unsigned)type < MSG_TYPE_COUNT && !TYPES[type].is_blob ? TYPES[type].entry_bytes : 0;
}

bool
msg_is_sound(const struct msg_head *head, size_t bytes)
{
    if (head->type == MSG_NONE || head->type >= MSG_TYPE_COUNT || head->bytes != bytes)
        return false;
    if (TYPES[head->type].is_blob)
        return bytes >= TYPES[head->type].entry_bytes;
    return bytes == (size_t)head->count * TYPES[head->type].entry_bytes;
}
